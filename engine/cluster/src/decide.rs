//! The decisions: what a request to change the cluster means, given an image. Each is a pure
//! function from an image and a request to records and one result per item of the request.

pub mod acls;
pub mod client_quotas;
pub mod configs;
pub mod create_partitions;
pub mod create_topics;
pub mod delegation_tokens;
pub mod delete_topics;
pub mod producer_ids;
pub mod reassign_partitions;
pub mod register_broker;
pub mod scram_credentials;

mod assignment;

use crate::record::MetadataRecord;

/// Whether a request shall be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Check it and make records.
    Apply,
    /// Check it as if it were carried out, and make no records.
    ValidateOnly,
}

/// What a request with several items amounts to. Items succeed and fail one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<T, E> {
    /// To be appended to the metadata log, all or none. Empty if nothing changes.
    pub records: Vec<MetadataRecord>,
    /// One for each item of the request, in its order.
    pub results: Vec<Result<T, E>>,
}

impl<T, E> Decision<T, E> {
    /// The decision of a request of that mode.
    pub(crate) fn of(mode: Mode, records: Vec<MetadataRecord>, results: Vec<Result<T, E>>) -> Self {
        let records = match mode {
            Mode::Apply => records,
            Mode::ValidateOnly => Vec::new(),
        };
        Decision { records, results }
    }
}

/// What the operator allows and presets for topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPolicy {
    /// The number of partitions of a topic whose creator leaves it open (`num.partitions`).
    pub partitions_default: usize,
    /// The replication factor where the creator leaves it open (`default.replication.factor`).
    pub replication_factor_default: usize,
    /// How many partitions one request may create.
    pub partitions_per_request_max: usize,
    /// How many partitions the cluster may have.
    pub partitions_max: usize,
}

impl Default for TopicPolicy {
    fn default() -> Self {
        TopicPolicy {
            partitions_default: 1,
            replication_factor_default: 1,
            partitions_per_request_max: 10_000,
            partitions_max: 200_000,
        }
    }
}
