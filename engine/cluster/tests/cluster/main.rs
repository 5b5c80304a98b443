//! What the metadata of a cluster promises, one file for each promise.

#![expect(
    clippy::unwrap_used,
    reason = "what must be possible is unwrapped, in tests and their scenes"
)]
#![expect(clippy::needless_pass_by_value, reason = "expected values are written in place")]

mod acls;
mod arbitrary;
mod authorizer;
mod client_quotas;
mod configs;
mod controller;
mod create_partitions;
mod create_topics;
mod delegation_tokens;
mod delete_topics;
mod image;
mod invariants;
mod producer_ids;
mod reassign_partitions;
mod records;
mod register_broker;
mod scene;
mod scram_credentials;
mod snapshot;
mod topic_changes;
