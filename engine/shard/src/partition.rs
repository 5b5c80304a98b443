//! A partition as its leader core knows it: the log, the topic's settings and the leader epoch.

use std::rc::Rc;

use corelog_log::{CompactionRules, LogConfig, PartitionLog};
use corelog_model::topic_config::TopicConfig;
use corelog_model::{LeaderEpoch, NodeId, Offset, TopicName};

/// Why this core does not answer for a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PartitionRefusal {
    /// There is no such partition: UNKNOWN_TOPIC_OR_PARTITION, or UNKNOWN_TOPIC_ID.
    #[error("there is no such partition")]
    Unknown,
    /// Who asks may not do that with it. Whoever asks the shard on behalf of others says so.
    #[error("there is no right to do this with the topic")]
    Unauthorized,
    /// Who asks is too old for the codec of the topic: UNSUPPORTED_COMPRESSION_TYPE. Whoever asks
    /// the shard on behalf of others says so.
    #[error("the topic is compressed with zstd, which this version of the request does not know")]
    UnknownCodec,
    /// Another node leads it: NOT_LEADER_OR_FOLLOWER, with the leader for KIP-951.
    #[error("node {leader} leads the partition in epoch {epoch:?}")]
    NotLeader {
        /// Who does.
        leader: NodeId,
        /// In which epoch.
        epoch: LeaderEpoch,
    },
    /// The client knows an older leader: FENCED_LEADER_EPOCH.
    #[error("leader epoch {asked:?} is fenced by {current:?}")]
    Fenced {
        /// What the client sent.
        asked: LeaderEpoch,
        /// What holds.
        current: LeaderEpoch,
    },
    /// The client knows a newer leader than this core does: UNKNOWN_LEADER_EPOCH.
    #[error("leader epoch {asked:?} is not known yet, {current:?} is")]
    UnknownEpoch {
        /// What the client sent.
        asked: LeaderEpoch,
        /// What holds.
        current: LeaderEpoch,
    },
}

/// Which records a reader wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// All that are visible, also those of open and aborted transactions.
    #[default]
    Uncommitted,
    /// Those up to the first open transaction; it leaves out the aborted ones itself.
    Committed,
}

/// A partition that this core leads.
#[derive(Debug, Clone)]
pub struct Partition {
    /// Its topic.
    pub topic: TopicName,
    /// Its log.
    pub log: Rc<PartitionLog>,
    /// The topic's settings.
    pub config: Rc<TopicConfig>,
    /// The epoch in which this core leads it.
    pub leader_epoch: LeaderEpoch,
}

impl Partition {
    /// The offset up to which consumers may read: with one replica, everything durable.
    pub fn high_watermark(&self) -> Offset {
        self.log.durable_end()
    }

    /// The offset up to which readers of committed records may read.
    pub fn last_stable_offset(&self) -> Offset {
        self.log.last_stable_offset().min(self.high_watermark())
    }

    /// The offset up to which readers may read.
    pub fn readable_end(&self, isolation: IsolationLevel) -> Offset {
        match isolation {
            IsolationLevel::Uncommitted => self.high_watermark(),
            IsolationLevel::Committed => self.last_stable_offset(),
        }
    }

    /// Checks the leader epoch a client sent, `NONE` if it sent none (KIP-320).
    pub fn check_epoch(&self, asked: LeaderEpoch) -> Result<(), PartitionRefusal> {
        let current = self.leader_epoch;
        if asked.0 < 0 || asked == current {
            return Ok(());
        }
        Err(if asked < current {
            PartitionRefusal::Fenced { asked, current }
        } else {
            PartitionRefusal::UnknownEpoch { asked, current }
        })
    }
}

/// The part of a topic's settings that its logs need.
pub(crate) fn log_config(config: &TopicConfig) -> LogConfig {
    LogConfig {
        segment_bytes: u64::from(config.segment_bytes),
        segment_ms: config.roll_ms(),
        retention_ms: config.retention_ms,
        retention_bytes: config.retention_bytes,
        index_interval_bytes: u64::from(config.index_interval_bytes),
        deletes: config.cleanup_policy.delete,
        compaction: config.cleanup_policy.compact.then(|| CompactionRules {
            delete_retention_ms: config.delete_retention_ms,
            lag_ms_min: config.min_compaction_lag_ms,
            lag_ms_max: config.max_compaction_lag_ms,
            dirty_ppm_min: (config.min_cleanable_dirty_ratio * 1e6).round() as u32,
        }),
    }
}
