//! Settings of a broker as its cores see them. All values are checked before they come here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use corelog_cluster::decide::TopicPolicy;
use corelog_cluster::group_keys::GroupBounds;
use corelog_coordinator::GroupConfig;
use corelog_coordinator::transactions::TransactionConfig;
use corelog_io::SyncPath;
use corelog_log::{CleanerConfig, StorageConfig};
use corelog_model::{BrokerId, ShardId};

use crate::share::ShareSettings;

/// Settings that every core of one broker shares.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// The broker.
    pub broker: BrokerId,
    /// Its rack, if it has one.
    pub rack: Option<String>,
    /// The data directory.
    pub data_directory: PathBuf,
    /// Defaults of topic configs that the operator set, by topic config name.
    pub topic_defaults: BTreeMap<String, String>,
    /// Rules for creating topics.
    pub topics: TopicPolicy,
    /// Bounds of each core.
    pub limits: ShardLimits,
    /// Rules for groups.
    pub groups: GroupConfig,
    /// What single groups may have otherwise.
    pub group_bounds: GroupBounds,
    /// Rules for transactions.
    pub transactions: TransactionConfig,
    /// Rules for share groups.
    pub share: ShareSettings,
}

/// Bounds of one core.
#[derive(Debug, Clone)]
pub struct ShardLimits {
    /// Bytes of a journal file.
    pub journal_file_bytes: u64,
    /// Journal files at most.
    pub journal_files_max: u32,
    /// Bytes of tails in memory.
    pub tail_bytes_max: usize,
    /// Bytes of request frames in memory; sockets are not read while they are used up.
    pub inflight_bytes_max: usize,
    /// Bytes read from disk that answers keep in memory until they are sent; more is not read.
    pub answer_bytes_max: usize,
    /// Produce is refused while fewer bytes than this are free on the disk.
    pub disk_reserve_bytes: u64,
    /// Time between two retention passes.
    pub retention_check_ms: u64,
    /// Idempotent producers that were silent for longer are forgotten.
    pub producer_expiration_ms: i64,
    /// Time between two looks for them.
    pub producer_expiration_check_ms: u64,
    /// Whether the first batch of a transaction is taken only if its coordinator was asked.
    pub verifies_transactions: bool,
    /// Bytes of the metadata log, on the first core, that a start reads at most before a snapshot
    /// takes their place. More where the snapshot itself is larger.
    pub metadata_snapshot_bytes: u64,
    /// Time between two looks, on the first core, for delegation tokens that have expired.
    pub token_check_ms: u64,
    /// The road a journal sync takes.
    pub sync_path: SyncPath,
    /// How old segments are compacted.
    pub cleaner: CleanerLimits,
}

/// Bounds of the compaction of one core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanerLimits {
    /// Whether logs are compacted at all.
    pub is_enabled: bool,
    /// Time between two looks for a log to compact while there is nothing to do.
    pub backoff_ms: u64,
    /// Bounds of a pass.
    pub pass: CleanerConfig,
}

impl Default for CleanerLimits {
    fn default() -> Self {
        Self { is_enabled: true, backoff_ms: 15_000, pass: CleanerConfig::default() }
    }
}

impl Default for ShardLimits {
    fn default() -> Self {
        Self {
            journal_file_bytes: 64 << 20,
            journal_files_max: 8,
            tail_bytes_max: 128 << 20,
            inflight_bytes_max: 128 << 20,
            answer_bytes_max: 64 << 20,
            disk_reserve_bytes: 256 << 20,
            retention_check_ms: 300_000,
            producer_expiration_ms: 86_400_000,
            producer_expiration_check_ms: 600_000,
            verifies_transactions: true,
            metadata_snapshot_bytes: 16 << 20,
            token_check_ms: 3_600_000,
            sync_path: SyncPath::Write,
            cleaner: CleanerLimits::default(),
        }
    }
}

impl BrokerConfig {
    /// The directory of a shard.
    pub fn shard_directory(&self, shard: ShardId) -> PathBuf {
        self.data_directory.join(format!("shard-{:03}", shard.0))
    }

    pub(crate) fn storage(&self, shard: ShardId) -> StorageConfig {
        StorageConfig {
            journal_file_bytes: self.limits.journal_file_bytes,
            journal_files_max: self.limits.journal_files_max,
            tail_bytes_max: self.limits.tail_bytes_max,
            sync_path: self.limits.sync_path,
            cleaner: self.limits.cleaner.pass.clone(),
            ..StorageConfig::new(self.shard_directory(shard))
        }
    }
}
