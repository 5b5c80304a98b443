//! ReadShareGroupState, key 84: what is stored of share-partitions (KIP-932).

use crate::{Text, Uuid};

message! {
    /// API 84, version 0, flexible from 0.
    ReadShareGroupStateRequest<'a> {
        group_id: Text<'a>;
        topics: Vec<ReadStateData>;
    }

    /// Partitions of a topic.
    ReadStateData {
        topic_id: Uuid;
        partitions: Vec<PartitionData>;
    }

    /// A partition.
    PartitionData {
        partition: i32;
        leader_epoch: i32;
    }

    /// How far records are that follow each other.
    StateBatch {
        first_offset: i64;
        last_offset: i64;
        delivery_state: i8;
        delivery_count: i16;
    }

    /// API 84, version 0, flexible from 0.
    ReadShareGroupStateResponse<'a> {
        results: Vec<ReadStateResult<'a>>;
    }

    /// What became of a topic.
    ReadStateResult<'a> {
        topic_id: Uuid;
        partitions: Vec<PartitionResult<'a>>;
    }

    /// What became of a partition.
    PartitionResult<'a> {
        partition: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        state_epoch: i32;
        start_offset: i64;
        state_batches: Vec<StateBatch>;
    }
}

api! {
    ReadShareGroupState:
    ReadShareGroupStateRequest<'q> => ReadShareGroupStateResponse<'r>
}
