//! What a seed does to a chain: how clients speak, how many lives there are and how each ends, and
//! in negative controls the rule that is broken.

use corelog_io::sim::Tearing;
use corelog_model::control::TransactionVersion;

use crate::scenario::Ending;

const STEPS_LOG2_MAX: u32 = 15;

/// One run of a chain.
#[derive(Debug, Clone)]
pub struct Chain {
    /// Where all its randomness comes from.
    pub seed: u64,
    /// How finely unsynced writes tear.
    pub tearing: Tearing,
    /// How producers speak.
    pub version: TransactionVersion,
    /// How each life ends, before the last look.
    pub lives: Vec<Ending>,
    /// What is broken on purpose.
    pub broken: Broken,
}

/// The rule that a negative control breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// None.
    Nothing,
    /// The disk says that it has synced and has not.
    Disk,
    /// A leader takes batches of transactions that no coordinator knows of.
    Unverified,
    /// A copier commits its offsets behind its transaction, not in it.
    OffsetsApart,
    /// A reader takes records of aborted transactions for committed ones.
    AbortedRead,
}

impl Chain {
    /// The run of a seed.
    pub fn of_seed(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ 0xc4a1);
        let version = if random.bool() {
            TransactionVersion::Classic
        } else {
            TransactionVersion::EpochPerTransaction
        };
        let lives = (0..random.usize(2..6)).map(|_| ending(&mut random)).collect();
        let tearing = if random.bool() { Tearing::Sector } else { Tearing::Block };
        Self { seed, tearing, version, lives, broken: Broken::Nothing }
    }

    /// The same with a rule broken.
    #[must_use]
    pub fn with_broken(mut self, broken: Broken) -> Self {
        self.broken = broken;
        self
    }
}

fn ending(random: &mut fastrand::Rng) -> Ending {
    let steps = 1 << random.u32(5..STEPS_LOG2_MAX);
    let steps = random.u64(steps / 2..steps * 2);
    match random.u32(..8) {
        0 => Ending::Close,
        1 => Ending::Drop,
        2 | 3 => Ending::Kill(steps),
        _ => Ending::PowerCut(steps),
    }
}
