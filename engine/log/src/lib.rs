//! The storage engine of one core: a journal with group commit (`journal`), and partition logs in
//! Kafka's segment format that are written behind it. Nothing here knows a Kafka request.
//!
//! `storage` opens and keeps everything, `append` appends, `reader` reads, `flush` brings memory
//! to segments, `recovery` comes back after a crash, `retention` deletes, `compaction` keeps the
//! last record of each key.

pub mod aborted;
mod aborted_file;
mod aborted_recovery;
mod append;
pub mod checkpoint;
mod compaction;
mod config;
pub mod epochs;
mod flush;
pub mod index;
pub mod journal;
mod latency;
mod moving;
mod partition;
mod pieces;
pub mod producers;
mod read_cache;
mod reader;
mod recovery;
mod removal;
mod retention;
pub mod segment;
mod shared;
mod storage;
mod tail;
mod timestamps;
mod transactions;
mod verification;

pub use append::{AppendError, AppendStamp, Appended, MarkerError};
pub use compaction::{CleanError, Cleaned, CleanerCounters};
pub use config::{CleanerConfig, CompactionRules, LogConfig, StorageConfig, Winner};
pub use flush::FlushError;
pub use latency::LatencyHistogram;
pub use moving::PartError;
pub use partition::PartitionLog;
pub use pieces::Pieces;
pub use read_cache::WINDOW_BYTES;
pub use reader::{FirstBatch, ReadBatches, ReadError, ReadRequest};
pub use storage::{OpenError, RecoveryReport, Storage};
pub use timestamps::TimedOffset;
pub use verification::{Admission, Verification};
