//! The one seam to the machine: files, directories, tasks, time and messages between cores.
//!
//! Every type is an enum over two backends: a glommio executor (`ring`) and a simulated machine
//! with a seed (`sim`, behind the feature of that name). The backend is the one whose executor
//! polls the caller, so code above this crate is written once and runs unchanged on both.

mod buffer;
mod directory;
mod error;
mod file;
pub mod mesh;
mod random;
pub mod ring;
mod scratch;
mod signal;
#[cfg(feature = "sim")]
pub mod sim;
mod sync_probe;
mod task;
mod time;

pub use buffer::{BLOCK, Buffer, Chunk, Slice, align_down, align_up};
pub use directory::{
    DirectoryLock, DiskSpace, Entry, create_directory, disk_space, list_directory, read_file,
    remove_directory, remove_file, rename, sync_directory, write_file_atomically,
};
pub use error::{IoError, Result};
pub use file::{File, OpenMode, SyncPath};
pub use random::random_u64;
pub use ring::load::CoreLoad;
pub use scratch::Scratch;
pub use signal::{Permit, Permits, Signal, Waiting};
pub use sync_probe::{SyncMeasurement, measure_sync_paths};
pub use task::{Task, spawn, spawn_at_once, spawn_behind, yield_now};
pub use time::{Elapsed, Instant, core_load, now, sleep, timeout, wall_clock_ms};
