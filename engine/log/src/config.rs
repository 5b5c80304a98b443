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
    /// Bounds on compaction.
    pub cleaner: CleanerConfig,
}

/// Bounds on the compaction of one core's logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanerConfig {
    /// Memory for the newest offset of each key, taken while a pass runs. 24 bytes a key.
    pub dedupe_bytes_max: usize,
    /// How full that memory gets, in percent, before the pass ends where it is.
    pub load_percent_max: u32,
    /// Bytes read and written in a second, at most; `None` does not limit them.
    pub bytes_per_second_max: Option<u64>,
    /// Which record of a key is kept; the newest outside the simulator's negative controls.
    pub winner: Winner,
}

/// Which of the records of one key compaction keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Winner {
    /// The one with the largest offset.
    Newest,
    /// All but that: wrong, and the simulator must say so.
    AllButNewest,
}

impl Default for CleanerConfig {
    fn default() -> Self {
        Self {
            dedupe_bytes_max: 128 << 20,
            load_percent_max: 90,
            bytes_per_second_max: None,
            winner: Winner::Newest,
        }
    }
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
            cleaner: CleanerConfig::default(),
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
    /// How old segments are compacted; `None` keeps every record (`cleanup.policy` lacks
    /// `compact`).
    pub compaction: Option<CompactionRules>,
}

/// How one partition's log is compacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactionRules {
    /// How long a deletion mark stays after the pass that first kept it.
    pub delete_retention_ms: i64,
    /// Younger records are not touched.
    pub lag_ms_min: i64,
    /// Records are compacted when they are older, whatever the share of dirty bytes.
    pub lag_ms_max: i64,
    /// A pass is due when more than this share of the bytes is dirty, in parts of a million.
    pub dirty_ppm_min: u32,
}

impl Default for CompactionRules {
    fn default() -> Self {
        Self {
            delete_retention_ms: 24 * 3_600_000,
            lag_ms_min: 0,
            lag_ms_max: i64::MAX,
            dirty_ppm_min: 500_000,
        }
    }
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
            compaction: None,
        }
    }
}
