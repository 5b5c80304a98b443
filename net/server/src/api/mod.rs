//! One file for each family of APIs, and what several of them share: the [`settings`], the
//! way of a [`change`] of the metadata, and how nodes, operations and config resources look
//! to clients.

pub mod acls;
pub mod alter_configs;
pub(crate) mod alter_replica_log_dirs;
pub mod api_versions;
pub(crate) mod broker_loggers;
pub mod change;
pub mod client_quotas;
mod config_resource;
pub mod consumer_group_describe;
pub mod consumer_group_heartbeat;
pub mod create_partitions;
pub mod create_topics;
pub mod delegation_tokens;
pub mod delete_topics;
pub mod describe_cluster;
pub mod describe_configs;
pub(crate) mod describe_log_dirs;
pub(crate) mod describe_producers;
pub mod describe_quorum;
pub mod describe_topic_partitions;
pub mod elect_leaders;
pub mod features;
pub(crate) mod fetch;
pub mod find_coordinator;
pub mod group_admin;
pub mod group_membership;
pub mod group_offsets;
pub mod init_producer_id;
pub mod list_config_resources;
pub(crate) mod list_offsets;
pub mod metadata;
pub(crate) mod mutations;
mod node;
pub(crate) mod operations;
pub(crate) mod produce;
pub mod reassignments;
#[cfg(test)]
pub(crate) mod scene;
pub mod scram_credentials;
pub mod settings;
pub(crate) mod share_acknowledge;
pub(crate) mod share_fetch;
pub mod share_group_describe;
pub mod share_group_heartbeat;
pub mod share_group_offsets;
pub(crate) mod share_states;
pub mod transaction_admin;
pub(crate) mod transactional_produce;
pub mod transactions;
pub(crate) mod write_txn_markers;

pub use change::{Ending, Translation};
pub use settings::{ApiSettings, BrokerConfigEntry, BrokerConfigSynonym, InternalTopic};
