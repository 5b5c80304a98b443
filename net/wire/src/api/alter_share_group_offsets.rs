//! AlterShareGroupOffsets, key 91: set from where a share group reads (KIP-932).

use crate::{Text, Uuid};

message! {
    /// API 91, version 0, flexible from 0.
    AlterShareGroupOffsetsRequest<'a> {
        group_id: Text<'a>;
        topics: Vec<AlterTopic<'a>>;
    }

    /// Partitions of a topic.
    AlterTopic<'a> {
        topic_name: Text<'a>;
        partitions: Vec<AlterPartition>;
    }

    /// From where a partition is read.
    AlterPartition {
        partition_index: i32;
        start_offset: i64;
    }

    /// API 91, version 0, flexible from 0.
    AlterShareGroupOffsetsResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        responses: Vec<AlteredTopic<'a>>;
    }

    /// What became of a topic.
    AlteredTopic<'a> {
        topic_name: Text<'a>;
        topic_id: Uuid;
        partitions: Vec<AlteredPartition<'a>>;
    }

    /// What became of a partition.
    AlteredPartition<'a> {
        partition_index: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
    }
}

api! {
    AlterShareGroupOffsets:
    AlterShareGroupOffsetsRequest<'q> => AlterShareGroupOffsetsResponse<'r>
}
