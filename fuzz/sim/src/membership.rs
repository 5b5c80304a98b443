//! Members of a group, of KIP-848 or classic, on a broker of two cores that crashes: they join,
//! give partitions up and get others, commit how far they are, stall, leave and come back. What is
//! claimed: a partition has one owner at a time, as far as members know, or in a generation; what
//! is committed stays until somebody commits again; a member that is out or of an older generation
//! is not heard.

mod classic_member;
mod classic_requests;
mod commits;
mod generations;
mod member;
mod offsets;
mod play;
mod world;

pub use play::{MembershipOutcome, play};

use crate::scenario::Ending;

/// One run of a group.
#[derive(Debug, Clone)]
pub struct Membership {
    /// Where all its randomness comes from.
    pub seed: u64,
    /// What they speak.
    pub dialect: Dialect,
    /// How many members there are at most.
    pub members: u64,
    /// How each life ends, before the last look.
    pub lives: Vec<Ending>,
    /// What is broken on purpose.
    pub broken: Misrule,
}

/// What the members of a group speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One heartbeat for all (KIP-848).
    Consumer,
    /// Join, sync, heartbeat and leave, and a leader that assigns.
    Classic,
}

/// The rule that a negative control breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misrule {
    /// None.
    Nothing,
    /// The disk says that it has synced and has not.
    Disk,
    /// Members say that they gave up partitions, and keep them a while.
    Keeping,
    /// A leader gives one partition to two members.
    Doubling,
    /// A member that was silent for too long speaks with the id and generation of another.
    Posing,
}

const STEPS_LOG2_MAX: u32 = 14;

impl Membership {
    /// The run of a seed. Every other one is classic.
    pub fn of_seed(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x9e0b);
        let lives = (0..random.usize(2..5)).map(|_| {
            let steps = 1 << random.u32(8..STEPS_LOG2_MAX);
            let steps = random.u64(steps / 2..steps * 2);
            match random.u32(..6) {
                0 => Ending::Close,
                1 | 2 => Ending::Kill(steps),
                _ => Ending::PowerCut(steps),
            }
        });
        let lives = lives.collect();
        let dialect = if seed.is_multiple_of(2) { Dialect::Consumer } else { Dialect::Classic };
        Self { seed, dialect, members: random.u64(2..6), lives, broken: Misrule::Nothing }
    }

    /// The same with a rule broken.
    #[must_use]
    pub fn with_broken(mut self, broken: Misrule) -> Self {
        self.broken = broken;
        self
    }
}
