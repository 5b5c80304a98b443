//! ShareAcknowledge, key 79: say as a member of a share group what became of records (KIP-932).

use super::current_leader::{LeaderIdAndEpoch, NodeEndpoint};
use super::share_fetch::AcknowledgementBatch;
use crate::{Text, Uuid};

message! {
    /// API 79, versions 1-2, flexible from 0.
    ShareAcknowledgeRequest<'a> {
        group_id: Option<Text<'a>>;
        member_id: Option<Text<'a>>;
        /// -1 closes the share session; else it counts up.
        share_session_epoch: i32;
        /// Whether records are renewed (KIP-1222).
        is_renew_ack: bool, in 2..;
        topics: Vec<AcknowledgeTopic>;
    }

    /// A topic.
    AcknowledgeTopic {
        topic_id: Uuid;
        partitions: Vec<AcknowledgePartition>;
    }

    /// What became of records of a partition.
    AcknowledgePartition {
        partition_index: i32;
        acknowledgement_batches: Vec<AcknowledgementBatch>;
    }

    /// API 79, versions 1-2, flexible from 0.
    ShareAcknowledgeResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        acquisition_lock_timeout_ms: i32, in 2..;
        responses: Vec<ShareAcknowledgeTopicResponse<'a>>;
        node_endpoints: Vec<NodeEndpoint<'a>>;
    }

    /// A topic.
    ShareAcknowledgeTopicResponse<'a> {
        topic_id: Uuid;
        partitions: Vec<PartitionData<'a>>;
    }

    /// Whether what was said of a partition holds.
    PartitionData<'a> {
        partition_index: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        current_leader: LeaderIdAndEpoch;
    }
}

api!(ShareAcknowledge: ShareAcknowledgeRequest<'q> => ShareAcknowledgeResponse<'r>);
