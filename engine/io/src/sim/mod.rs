//! The simulated machine: one executor with a seed, virtual time, and a disk that forgets what was
//! not synced. The same seed gives the same run, step for step; `trace_hash` shows it.

mod disk;
mod executor;
mod faults;
mod file;
mod machine;

pub use disk::{Disk, DiskReport};
pub use executor::SimTask;
pub use faults::{DiskFaults, FaultCounts, Tearing};
pub use file::SimFile;
pub use machine::{End, Machine, current};
