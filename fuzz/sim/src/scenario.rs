//! What a seed does: sizes so small that rare paths are common, how many lives there are, how each
//! ends, and what goes wrong with the disk.

use std::path::PathBuf;

use corelog_io::SyncPath;
use corelog_io::sim::Tearing;
use corelog_log::journal::Safeguards;
use corelog_log::{CompactionRules, LogConfig, StorageConfig};

/// What goes wrong with the disk, besides losing what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// Writes fail with EIO.
    Writes,
    /// Syncs fail with EIO.
    Syncs,
    /// Reads fail with EIO, now and then.
    Reads,
    /// It is full for a while.
    Full,
    /// All of these at once.
    Mixed,
    /// One bit of one file changes between two lives.
    RotAtRest,
    /// One bit of one file changes while the storage is open.
    RotInUse,
}

/// How a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The storage is closed.
    Close,
    /// The storage is dropped without a word and the process goes on.
    Drop,
    /// The power fails that many task steps after the start.
    PowerCut(u64),
    /// The process is killed that many task steps after the start.
    Kill(u64),
}

/// One life of the process.
#[derive(Debug, Clone)]
pub struct Life {
    /// How it ends.
    pub ending: Ending,
    /// Batches each appender appends.
    pub batches: u32,
    /// Tasks that append.
    pub appenders: u32,
    /// Tasks that read.
    pub readers: u32,
    /// Bytes of a journal file, which may change between lives.
    pub journal_file_bytes: u64,
    /// Journal files at most.
    pub journal_files_max: u32,
    /// Whether its trouble, if the scenario has one, shows in this life.
    pub troubled: bool,
}

/// One run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Where all its randomness comes from.
    pub seed: u64,
    /// How finely unsynced writes tear.
    pub tearing: Tearing,
    /// What goes wrong.
    pub trouble: Trouble,
    /// The sizes of the storage.
    pub storage: StorageConfig,
    /// The settings of the partitions.
    pub log: LogConfig,
    /// Partitions at the start.
    pub partitions: u32,
    /// Partitions with idempotent producers out of ten.
    pub idempotent_tenths: u32,
    /// Whether partitions come and go.
    pub partitions_change: bool,
    /// The lives, in order.
    pub lives: Vec<Life>,
}

/// Where the storage lives on the simulated disk.
pub const DIRECTORY: &str = "/data/shard-000";

const STEPS_LOG2_MAX: u32 = 15;

impl Life {
    /// A life in which the storage is only opened, compared and closed.
    #[must_use]
    pub fn quiet(&self) -> Self {
        let ending = Ending::Close;
        Self { ending, batches: 0, appenders: 0, readers: 0, troubled: false, ..self.clone() }
    }
}

impl Scenario {
    /// The scenario of a seed, with any trouble.
    pub fn of_seed(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x5eed);
        let trouble = match random.u32(..20) {
            0..6 => Trouble::None,
            6..8 => Trouble::Writes,
            8..10 => Trouble::Syncs,
            10..12 => Trouble::Reads,
            12..14 => Trouble::Full,
            14..16 => Trouble::Mixed,
            16..18 => Trouble::RotAtRest,
            _ => Trouble::RotInUse,
        };
        Self::with_trouble(seed, trouble)
    }

    /// The scenario of a seed with a given trouble.
    pub fn with_trouble(seed: u64, trouble: Trouble) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let sync_path = if seed.is_multiple_of(2) { SyncPath::Write } else { SyncPath::Ring };
        // Without waiting for company more frames are on their way at the same time.
        let frames_gather = (seed / 2).is_multiple_of(2);
        let storage = StorageConfig { sync_path, frames_gather, ..storage(&mut random) };
        let log = LogConfig {
            segment_bytes: random.u64(20_000..100_000),
            segment_ms: [500, 3_600_000][random.usize(..2)],
            retention_ms: [None, Some(3_000), Some(3_600_000)][random.usize(..3)],
            retention_bytes: [None, Some(random.u64(..200_000))][random.usize(..2)],
            index_interval_bytes: [1, 1_000, 4_096][random.usize(..3)],
            deletes: random.u32(..4) > 0,
            compaction: None,
        };
        let count = random.usize(2..6);
        let mut sizes = journal(&mut random);
        let lives = (0..count).map(|_| {
            if random.u32(..6) == 0 {
                sizes = journal(&mut random);
            }
            life(&mut random, sizes)
        });
        let lives = lives.collect();
        // Drawn apart, so that the seeds without it stay what they were.
        let mut apart = fastrand::Rng::with_seed(seed ^ 0xc1ea);
        let (mut storage, mut log) = (storage, log);
        if apart.u32(..3) == 0 {
            // Records that compaction took are young or old: who cares. The model of ages does.
            log.retention_ms = None;
            storage.cleaner.dedupe_bytes_max = [2_000, 1 << 20][apart.usize(..2)];
            log.compaction = Some(CompactionRules {
                delete_retention_ms: [0, 500, 1 << 30][apart.usize(..3)],
                lag_ms_min: [0, 0, 200][apart.usize(..3)],
                dirty_ppm_min: [0, 300_000][apart.usize(..2)],
                ..CompactionRules::default()
            });
        }
        Self {
            seed,
            tearing: if random.bool() { Tearing::Sector } else { Tearing::Block },
            trouble,
            storage,
            log,
            partitions: random.u32(1..5),
            idempotent_tenths: random.u32(..11),
            partitions_change: random.u32(..3) == 0,
            lives,
        }
    }

    /// The settings of the storage in a life.
    pub fn config(&self, life: &Life) -> StorageConfig {
        StorageConfig {
            journal_file_bytes: life.journal_file_bytes,
            journal_files_max: life.journal_files_max,
            ..self.storage.clone()
        }
    }

    /// The same without the rules that `safeguards` turns off.
    #[must_use]
    pub fn guarded_by(mut self, safeguards: Safeguards) -> Self {
        self.storage.safeguards = safeguards;
        self
    }
}

fn storage(random: &mut fastrand::Rng) -> StorageConfig {
    StorageConfig {
        tail_bytes_max: [64 << 10, 128 << 10, 512 << 10][random.usize(..3)],
        read_cache_bytes_max: 512 << 10,
        flushes_in_flight_max: random.usize(1..5),
        open_segments_max: random.usize(1..6),
        ..StorageConfig::new(PathBuf::from(DIRECTORY))
    }
}

/// Sizes of a journal: bytes of a file, and files.
fn journal(random: &mut fastrand::Rng) -> (u64, u32) {
    ([64 << 10, 128 << 10, 256 << 10][random.usize(..3)], random.u32(2..5))
}

fn life(random: &mut fastrand::Rng, journal: (u64, u32)) -> Life {
    // Steps are drawn evenly over magnitudes, so that recovery itself is interrupted as often as
    // the work.
    let steps = 1 << random.u32(2..STEPS_LOG2_MAX);
    let steps = random.u64(steps / 2..steps * 2);
    let ending = match random.u32(..8) {
        0 => Ending::Close,
        1 => Ending::Drop,
        2 => Ending::Kill(steps),
        _ => Ending::PowerCut(steps),
    };
    Life {
        ending,
        batches: random.u32(5..60),
        appenders: random.u32(1..6),
        readers: random.u32(..4),
        journal_file_bytes: journal.0,
        journal_files_max: journal.1,
        troubled: random.u32(..3) > 0,
    }
}
