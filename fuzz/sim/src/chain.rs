//! Programs that read from one topic and write to another in transactions, exactly once, on a
//! broker of two cores that crashes. What is claimed: transactions are all or nothing for readers
//! of committed records; one that is fenced writes nothing; nothing is lost or doubled on the way;
//! what was decided before a crash is gone on with after it; and no transaction stays open.
//!
//! `client` is a producer, `reader` a consumer, `tasks` the programs,
//! `model` what is known to be true, `play` goes from life to life.

mod client;
mod model;
mod play;
mod reader;
mod scenario;
mod tasks;
mod world;

pub use play::{ChainOutcome, play};
pub use scenario::{Broken, Chain};
