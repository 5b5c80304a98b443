//! OffsetDelete, key 47: forget how far a group has read.

use crate::Text;

message! {
    /// API 47, version 0, never flexible.
    OffsetDeleteRequest<'a> {
        group_id: Text<'a>;
        topics: Vec<OffsetDeleteRequestTopic<'a>>;
    }

    /// A topic and its partitions.
    OffsetDeleteRequestTopic<'a> {
        name: Text<'a>;
        partitions: Vec<OffsetDeleteRequestPartition>;
    }

    /// A partition whose offset to forget.
    OffsetDeleteRequestPartition {
        partition_index: i32;
    }

    /// API 47, version 0, never flexible.
    OffsetDeleteResponse<'a> {
        error_code: i16;
        throttle_time_ms: i32;
        topics: Vec<OffsetDeleteResponseTopic<'a>>;
    }

    /// A topic and its partitions.
    OffsetDeleteResponseTopic<'a> {
        name: Text<'a>;
        partitions: Vec<OffsetDeleteResponsePartition>;
    }

    /// What became of one offset.
    OffsetDeleteResponsePartition {
        partition_index: i32;
        error_code: i16;
    }
}

api!(OffsetDelete: OffsetDeleteRequest<'q> => OffsetDeleteResponse<'r>);
