//! ListOffsets, key 2: the offset at a timestamp, or at the earliest or latest end.

use crate::Text;

message! {
    /// API 2, versions 1-11, flexible from 6.
    ListOffsetsRequest<'a> {
        /// -1 for consumers.
        replica_id: i32;
        /// 0 reads everything, 1 only what is committed.
        isolation_level: i8, in 2..;
        topics: Vec<ListOffsetsTopic<'a>>;
        timeout_ms: i32, in 10..;
    }

    /// A topic and its partitions.
    ListOffsetsTopic<'a> {
        name: Text<'a>;
        partitions: Vec<ListOffsetsPartition>;
    }

    /// What is asked of a partition.
    ListOffsetsPartition {
        partition_index: i32;
        current_leader_epoch: i32, in 4.., else -1;
        /// Milliseconds since 1970, or a negative number with a meaning: -1 latest, -2 earliest, -3
        /// the largest timestamp, -4 earliest local, -5 latest tiered, -6 earliest not yet tiered.
        timestamp: i64;
    }

    /// API 2, versions 1-11, flexible from 6.
    ListOffsetsResponse<'a> {
        throttle_time_ms: i32, in 2..;
        topics: Vec<ListOffsetsTopicResponse<'a>>;
    }

    /// A topic and its partitions.
    ListOffsetsTopicResponse<'a> {
        name: Text<'a>;
        partitions: Vec<ListOffsetsPartitionResponse>;
    }

    /// The offset found in a partition.
    ListOffsetsPartitionResponse {
        partition_index: i32;
        error_code: i16;
        timestamp: i64, else -1;
        offset: i64, else -1;
        leader_epoch: i32, in 4.., else -1;
    }
}

api!(ListOffsets: ListOffsetsRequest<'q> => ListOffsetsResponse<'r>);
