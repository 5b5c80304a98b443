//! Settings of one core's storage and of one partition's log.

use std::path::PathBuf;

use corelog_io::SyncPath;

use crate::journal::{JournalConfig, Safeguards};

/// Settings of one core's storage.
#[derive(Debug, Clone)]
pub struct StorageConfig {
    /// The core's own directory; holds `journal/`, `partitions/`, `removed/` and
    /// `checkpoint`.
    pub directory: PathBuf,
    /// See [`JournalConfig::file_bytes`].
    pub journal_file_bytes: u64,
    /// See [`JournalConfig::files_max`].
    pub journal_files_max: u32,
    /// Memory for the newest bytes of all partitions. Appends wait when this much is not yet in
    /// segments.
    pub tail_bytes_max: usize,
    /// Memory for what fetches read from disk.
    pub read_cache_bytes_max: usize,
    /// Segment writes and syncs under way at the same time, at most.
    pub flushes_in_flight_max: usize,
    /// Sealed segments that are kept open, at most.
    pub open_segments_max: usize,
    /// The road a journal sync takes.
    pub sync_path: SyncPath,
    /// See [`JournalConfig::frames_gather`].
    pub frames_gather: bool,
    /// Rules of durability; all kept outside the simulator's negative controls.
    pub safeguards: Safeguards,
}

impl StorageConfig {
    /// The defaults for a core that lives in `directory`.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            journal_file_bytes: 64 << 20,
            journal_files_max: 8,
            tail_bytes_max: 128 << 20,
            read_cache_bytes_max: 16 << 20,
            flushes_in_flight_max: 16,
            open_segments_max: 256,
            sync_path: SyncPath::Ring,
            frames_gather: true,
            safeguards: Safeguards::default(),
        }
    }

    pub(crate) fn journal(&self) -> JournalConfig {
        let mut config = JournalConfig::new(self.directory.join("journal"));
        config.file_bytes = self.journal_file_bytes;
        config.files_max = self.journal_files_max;
        config.frame_bytes_max = config.frame_bytes_max.min(self.journal_file_bytes as usize / 4);
        config.sync_path = self.sync_path;
        config.frames_gather = self.frames_gather;
        config.safeguards = self.safeguards;
        config
    }

    pub(crate) fn partitions_directory(&self) -> PathBuf {
        self.directory.join("partitions")
    }

    pub(crate) fn removed_directory(&self) -> PathBuf {
        self.directory.join("removed")
    }

    pub(crate) fn checkpoint_path(&self) -> PathBuf {
        self.directory.join("checkpoint")
    }
}

/// Settings of one partition's log, from its topic's configs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// A segment is rolled before it grows over this.
    pub segment_bytes: u64,
    /// A segment is rolled when its first record is this old, by record time.
    pub segment_ms: i64,
    /// Segments whose newest record is older are deleted; `None` keeps them.
    pub retention_ms: Option<i64>,
    /// Oldest segments are deleted while the rest is at least this large; `None` keeps them.
    pub retention_bytes: Option<u64>,
    /// Bytes between two entries of the offset index.
    pub index_interval_bytes: u64,
    /// Whether old segments are deleted at all (`cleanup.policy` has `delete`).
    pub deletes: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            retention_ms: Some(7 * 24 * 3_600_000),
            retention_bytes: None,
            index_interval_bytes: 4096,
            deletes: true,
        }
    }
}
