//! Members of a consumer group (KIP-848) on a broker of two cores that crashes: they join, give
//! partitions up and get others, commit how far they are, stall, leave and come back. What is
//! claimed: a partition has one owner at a time, as far as members know; what was acknowledged as
//! committed is committed, and no committed offset goes back; a member that is out commits nothing.

mod member;
mod play;
mod world;

pub use play::{MembershipOutcome, play};

use crate::scenario::Ending;

/// One run of a group.
#[derive(Debug, Clone)]
pub struct Membership {
    /// Where all its randomness comes from.
    pub seed: u64,
    /// How many members there are at most.
    pub members: u64,
    /// How each life ends, before the last look.
    pub lives: Vec<Ending>,
    /// What is broken on purpose.
    pub broken: Misrule,
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
}

const STEPS_LOG2_MAX: u32 = 14;

impl Membership {
    /// The run of a seed.
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
        Self { seed, members: random.u64(2..6), lives, broken: Misrule::Nothing }
    }

    /// The same with a rule broken.
    #[must_use]
    pub fn with_broken(mut self, broken: Misrule) -> Self {
        self.broken = broken;
        self
    }
}
