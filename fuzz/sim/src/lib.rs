//! The simulator of the storage engine: seeded runs of appends, reads, checkpoints, deletions and
//! crashes on a machine whose disk tears, fails, fills up and rots, and the checkers of what the
//! engine claims.
//!
//! `scenario` draws what a seed does, `model` is what was attempted and acknowledged, `workload`
//! are the tasks of one life, `checker` compares the storage with the model, `rot` damages the
//! disk, `run` goes from life to life, `sweep` from seed to seed, `counts` tells what happened.
//! Everything comes from the seed: a seed that fails once fails always, step for step.

mod broker;
pub mod chain;
pub mod checker;
mod compacted;
pub mod counts;
pub mod membership;
pub mod model;
pub mod rot;
pub mod run;
pub mod scenario;
pub mod sweep;
pub mod workload;
pub mod world;

pub use counts::Counts;
pub use run::{Outcome, run};
pub use scenario::{Ending, Scenario, Trouble};
pub use sweep::{Sweep, sweep};
