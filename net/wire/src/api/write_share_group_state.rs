//! WriteShareGroupState, key 85: store what share-partitions become (KIP-932, KIP-1226).

use super::read_share_group_state::StateBatch;
use crate::{Text, Uuid};

message! {
    /// API 85, versions 0-1, flexible from 0.
    WriteShareGroupStateRequest<'a> {
        group_id: Text<'a>;
        topics: Vec<WriteStateData>;
    }

    /// Partitions of a topic.
    WriteStateData {
        topic_id: Uuid;
        partitions: Vec<PartitionData>;
    }

    /// A partition.
    PartitionData {
        partition: i32;
        state_epoch: i32;
        leader_epoch: i32;
        /// -1 if it stays.
        start_offset: i64;
        /// -1 if it stays.
        delivery_complete_count: i32, in 1.., else -1;
        state_batches: Vec<StateBatch>;
    }

    /// API 85, versions 0-1, flexible from 0.
    WriteShareGroupStateResponse<'a> {
        results: Vec<WriteStateResult<'a>>;
    }

    /// What became of a topic.
    WriteStateResult<'a> {
        topic_id: Uuid;
        partitions: Vec<PartitionResult<'a>>;
    }

    /// What became of a partition.
    PartitionResult<'a> {
        partition: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
    }
}

api! {
    WriteShareGroupState:
    WriteShareGroupStateRequest<'q> => WriteShareGroupStateResponse<'r>
}
