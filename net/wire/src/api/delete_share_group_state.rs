//! DeleteShareGroupState, key 86: forget share-partitions (KIP-932).

use crate::{Text, Uuid};

message! {
    /// API 86, version 0, flexible from 0.
    DeleteShareGroupStateRequest<'a> {
        group_id: Text<'a>;
        topics: Vec<DeleteStateData>;
    }

    /// Partitions of a topic.
    DeleteStateData {
        topic_id: Uuid;
        partitions: Vec<PartitionData>;
    }

    /// A partition.
    PartitionData {
        partition: i32;
    }

    /// API 86, version 0, flexible from 0.
    DeleteShareGroupStateResponse<'a> {
        results: Vec<DeleteStateResult<'a>>;
    }

    /// What became of a topic.
    DeleteStateResult<'a> {
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
    DeleteShareGroupState:
    DeleteShareGroupStateRequest<'q> => DeleteShareGroupStateResponse<'r>
}
