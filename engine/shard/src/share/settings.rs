//! What the operator sets for share groups, as far as the leaders of partitions go by it.

use corelog_coordinator::share_partition::SharePartitionConfig;
use corelog_coordinator::share_states::ShareStatesConfig;

use crate::partition::IsolationLevel;

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareSettings {
    /// Of share-partitions.
    pub partition: SharePartitionConfig,
    /// Of the state of share-partitions.
    pub states: ShareStatesConfig,
    /// How many share sessions a core may have (`group.share.max.share.sessions`).
    pub sessions_max: usize,
    /// How many share-partitions a core may have.
    pub partitions_max: usize,
    /// From where a group reads that has never read (`share.auto.offset.reset`).
    pub reset: ShareReset,
    /// Which records groups read (`share.isolation.level`).
    pub isolation: IsolationLevel,
}

/// From where a group reads that has never read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareReset {
    /// From the first record that there is.
    Earliest,
    /// From the next record that comes.
    Latest,
}

impl Default for ShareSettings {
    fn default() -> Self {
        ShareSettings {
            partition: SharePartitionConfig::default(),
            states: ShareStatesConfig::default(),
            sessions_max: 2000,
            partitions_max: 20_000,
            reset: ShareReset::Latest,
            isolation: IsolationLevel::Uncommitted,
        }
    }
}
