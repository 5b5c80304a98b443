//! ReadShareGroupStateSummary, key 87: how far share-partitions are (KIP-932, KIP-1226).

use crate::{Text, Uuid};

message! {
    /// API 87, versions 0-1, flexible from 0.
    ReadShareGroupStateSummaryRequest<'a> {
        group_id: Text<'a>;
        topics: Vec<ReadStateSummaryData>;
    }

    /// Partitions of a topic.
    ReadStateSummaryData {
        topic_id: Uuid;
        partitions: Vec<PartitionData>;
    }

    /// A partition.
    PartitionData {
        partition: i32;
        leader_epoch: i32;
    }

    /// API 87, versions 0-1, flexible from 0.
    ReadShareGroupStateSummaryResponse<'a> {
        results: Vec<ReadStateSummaryResult<'a>>;
    }

    /// What became of a topic.
    ReadStateSummaryResult<'a> {
        topic_id: Uuid;
        partitions: Vec<PartitionResult<'a>>;
    }

    /// What became of a partition.
    PartitionResult<'a> {
        partition: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        state_epoch: i32;
        leader_epoch: i32;
        start_offset: i64;
        /// -1 if it is not known.
        delivery_complete_count: i32, in 1.., else -1;
    }
}

api! {
    ReadShareGroupStateSummary:
    ReadShareGroupStateSummaryRequest<'q> => ReadShareGroupStateSummaryResponse<'r>
}
