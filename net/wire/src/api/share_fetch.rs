//! ShareFetch, key 78: acquire records as a member of a share group, and say what became of others
//! (KIP-932).

use super::current_leader::{LeaderIdAndEpoch, NodeEndpoint};
use crate::{Records, Text, Uuid};

message! {
    /// API 78, versions 1-2, flexible from 0.
    ShareFetchRequest<'a> {
        group_id: Option<Text<'a>>;
        member_id: Option<Text<'a>>;
        /// 0 opens a share session, -1 closes it; else it counts up.
        share_session_epoch: i32;
        max_wait_ms: i32;
        min_bytes: i32;
        max_bytes: i32, else i32::MAX;
        /// Exceeded where a batch would have to be divided.
        max_records: i32;
        batch_size: i32;
        /// 0 does not divide batches, 1 keeps to `max_records` (KIP-1206).
        share_acquire_mode: i8, in 2..;
        /// Whether records are renewed; then none are acquired (KIP-1222).
        is_renew_ack: bool, in 2..;
        topics: Vec<FetchTopic>;
        forgotten_topics_data: Vec<ForgottenTopic>;
    }

    /// A topic.
    FetchTopic {
        topic_id: Uuid;
        partitions: Vec<FetchPartition>;
    }

    /// A partition, and what became of records of it.
    FetchPartition {
        partition_index: i32;
        acknowledgement_batches: Vec<AcknowledgementBatch>;
    }

    /// What became of records: one type for all or for each.
    AcknowledgementBatch {
        first_offset: i64;
        last_offset: i64;
        /// 0 gap, 1 accept, 2 release, 3 reject, 4 renew.
        acknowledge_types: Vec<i8>;
    }

    /// Partitions to drop from the share session.
    ForgottenTopic {
        topic_id: Uuid;
        partitions: Vec<i32>;
    }

    /// API 78, versions 1-2, flexible from 0.
    ShareFetchResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        acquisition_lock_timeout_ms: i32;
        responses: Vec<ShareFetchableTopicResponse<'a>>;
        node_endpoints: Vec<NodeEndpoint<'a>>;
    }

    /// A topic.
    ShareFetchableTopicResponse<'a> {
        topic_id: Uuid;
        partitions: Vec<PartitionData<'a>>;
    }

    /// What was acquired of a partition, and whether what was said of it holds.
    PartitionData<'a> {
        partition_index: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        acknowledge_error_code: i16;
        acknowledge_error_message: Option<Text<'a>>;
        current_leader: LeaderIdAndEpoch;
        records: Records<'a>;
        acquired_records: Vec<AcquiredRecords>;
    }

    /// Records that the member has for itself.
    AcquiredRecords {
        first_offset: i64;
        last_offset: i64;
        delivery_count: i16;
    }
}

api!(ShareFetch: ShareFetchRequest<'q> => ShareFetchResponse<'r>);
