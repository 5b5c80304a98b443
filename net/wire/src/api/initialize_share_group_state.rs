//! InitializeShareGroupState, key 83: begin with share-partitions, or set them anew (KIP-932).

use crate::{Text, Uuid};

message! {
    /// API 83, version 0, flexible from 0.
    InitializeShareGroupStateRequest<'a> {
        group_id: Text<'a>;
        topics: Vec<InitializeStateData>;
    }

    /// Partitions of a topic.
    InitializeStateData {
        topic_id: Uuid;
        partitions: Vec<PartitionData>;
    }

    /// A partition.
    PartitionData {
        partition: i32;
        state_epoch: i32;
        /// -1 if nobody has read yet.
        start_offset: i64;
    }

    /// API 83, version 0, flexible from 0.
    InitializeShareGroupStateResponse<'a> {
        results: Vec<InitializeStateResult<'a>>;
    }

    /// What became of a topic.
    InitializeStateResult<'a> {
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
    InitializeShareGroupState:
    InitializeShareGroupStateRequest<'q> => InitializeShareGroupStateResponse<'r>
}
