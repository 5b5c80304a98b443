//! One core of a broker: the partitions it leads, what produce, fetch and list-offsets mean for
//! them, and its part in the control plane. Knows no Kafka request; `net/server` translates.

mod config;
mod control;
mod fetch;
mod group_coordinator;
mod group_coordinators;
mod home;
mod metadata_log;
mod metadata_snapshot;
mod metrics;
mod offsets;
mod partition;
mod produce;
mod producer_ids;
mod shard;
mod start;

pub use config::{BrokerConfig, CleanerLimits, ShardLimits};
pub use control::{Control, ControlRequest, ControlUnavailable};
pub use corelog_log::CleanerConfig;
pub use fetch::{FetchBounds, FetchError, FetchPartition, FetchedPartition};
pub use group_coordinator::{GROUPS_TOPIC, GroupCoordinator, group_partition};
pub use group_coordinators::{CoordinatorRefusal, coordinator_of};
pub use metadata_log::{METADATA_PARTITION, MetadataError};
pub use metadata_snapshot::SnapshotError;
pub use metrics::{MetricsSnapshot, ShardMetrics};
pub use offsets::{ListedOffset, OffsetError, OffsetQuery};
pub use partition::{IsolationLevel, Partition, PartitionRefusal};
pub use produce::{Acknowledgement, ProduceError, Produced};
pub use producer_ids::ProducerIdError;
pub use shard::{Inbox, Outbox, Shard, ShardCommand};
pub use start::{ControllerSeed, StartError, Started, start_controller_shard, start_shard};
