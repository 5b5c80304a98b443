//! AlterPartitionReassignments, key 45: move partitions to other nodes.

use crate::Text;

message! {
    /// API 45, versions 0-1, flexible from 0.
    AlterPartitionReassignmentsRequest<'a> {
        timeout_ms: i32, else 60_000;
        allow_replication_factor_change: bool, in 1.., else true;
        topics: Vec<ReassignableTopic<'a>>;
    }

    /// A topic and its partitions.
    ReassignableTopic<'a> {
        name: Text<'a>;
        partitions: Vec<ReassignablePartition>;
    }

    /// A partition and where it shall be.
    ReassignablePartition {
        partition_index: i32;
        /// Null ends a move that has begun.
        replicas: Option<Vec<i32>>;
    }

    /// API 45, versions 0-1, flexible from 0.
    AlterPartitionReassignmentsResponse<'a> {
        throttle_time_ms: i32;
        allow_replication_factor_change: bool, in 1.., else true;
        error_code: i16;
        error_message: Option<Text<'a>>;
        responses: Vec<ReassignableTopicResponse<'a>>;
    }

    /// A topic and its partitions.
    ReassignableTopicResponse<'a> {
        name: Text<'a>;
        partitions: Vec<ReassignablePartitionResponse<'a>>;
    }

    /// What became of one partition.
    ReassignablePartitionResponse<'a> {
        partition_index: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
    }
}

api! {
    AlterPartitionReassignments:
    AlterPartitionReassignmentsRequest<'q> => AlterPartitionReassignmentsResponse<'r>
}
