//! One core of a broker: the partitions it leads, what produce, fetch and list-offsets mean for
//! them, and its part in the control plane. Knows no Kafka request; `net/server` translates.

mod answer_memory;
mod config;
mod control;
mod conversion;
mod coordinator;
mod coordinator_metrics;
mod fetch;
mod group_coordinator;
mod group_coordinators;
mod home;
mod metadata_log;
mod metadata_snapshot;
mod metrics;
mod moves;
mod offsets;
mod partition;
mod peers;
mod produce;
mod producer_ids;
mod runtime;
mod shard;
mod share;
mod start;
mod transaction_coordinator;
mod transaction_markers;
mod transactions;

pub use answer_memory::AnswerMemory;
pub use config::{BrokerConfig, CleanerLimits, ShardLimits};
pub use control::{Control, ControlRequest, ControlUnavailable};
pub use coordinator::MarkerFailure;
pub use coordinator::place::{
    GROUPS_TOPIC, SHARE_TOPIC, TRANSACTIONS_TOPIC, coordinator_partition,
};
pub use corelog_log::CleanerConfig;
pub use fetch::{FetchBounds, FetchError, FetchPartition, FetchedPartition};
pub use group_coordinator::GroupCoordinator;
pub use group_coordinators::{CoordinatorRefusal, coordinator_of};
pub use metadata_log::{METADATA_PARTITION, MetadataError};
pub use metadata_snapshot::SnapshotError;
pub use metrics::{MetricsSnapshot, ShardMetrics, Throttles};
pub use offsets::{ListedOffset, OffsetError, OffsetQuery};
pub use partition::{IsolationLevel, Partition, PartitionRefusal};
pub use peers::{EnlistCall, EnlistMode, MarkersCall, PeerAnswer, PeerCall, PeerRequest, Peers};
pub use produce::{Acknowledgement, ProduceError, Produced};
pub use producer_ids::ProducerIdError;
pub use runtime::RuntimeSettings;
pub use shard::{Inbox, Links, Outbox, Shard, ShardCommand};
pub use share::{
    Settling, ShareFetchBounds, ShareFetchError, ShareFetched, ShareOffset, ShareSettings,
    share_coordinator_of,
};
pub use start::{ControllerSeed, StartError, Started, start_controller_shard, start_shard};
pub use transactions::{TransactionCoordinator, transaction_coordinator_of};
