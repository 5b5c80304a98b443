//! DescribeShareGroupOffsets, key 90: how far share groups are (KIP-932, KIP-1226).

use crate::{Text, Uuid};

message! {
    /// API 90, versions 0-1, flexible from 0.
    DescribeShareGroupOffsetsRequest<'a> {
        groups: Vec<DescribeGroup<'a>>;
    }

    /// A group.
    DescribeGroup<'a> {
        group_id: Text<'a>;
        /// Null is all partitions that the group has.
        topics: Option<Vec<DescribeTopic<'a>>>;
    }

    /// Partitions of a topic.
    DescribeTopic<'a> {
        topic_name: Text<'a>;
        partitions: Vec<i32>;
    }

    /// API 90, versions 0-1, flexible from 0.
    DescribeShareGroupOffsetsResponse<'a> {
        throttle_time_ms: i32;
        groups: Vec<DescribedGroup<'a>>;
    }

    /// How far a group is.
    DescribedGroup<'a> {
        group_id: Text<'a>;
        topics: Vec<DescribedTopic<'a>>;
        error_code: i16;
        error_message: Option<Text<'a>>;
    }

    /// How far it is with a topic.
    DescribedTopic<'a> {
        topic_name: Text<'a>;
        topic_id: Uuid;
        partitions: Vec<DescribedPartition<'a>>;
    }

    /// How far it is with a partition.
    DescribedPartition<'a> {
        partition_index: i32;
        start_offset: i64;
        leader_epoch: i32;
        /// -1 if it is not known.
        lag: i64, in 1.., else -1;
        error_code: i16;
        error_message: Option<Text<'a>>;
    }
}

api! {
    DescribeShareGroupOffsets:
    DescribeShareGroupOffsetsRequest<'q> => DescribeShareGroupOffsetsResponse<'r>
}
