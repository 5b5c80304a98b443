//! ListPartitionReassignments, key 46: the partitions that move to other nodes.

use crate::Text;

message! {
    /// API 46, version 0, flexible from 0.
    ListPartitionReassignmentsRequest<'a> {
        timeout_ms: i32, else 60_000;
        /// Null is every topic.
        topics: Option<Vec<ListPartitionReassignmentsTopics<'a>>>;
    }

    /// A topic and its partitions.
    ListPartitionReassignmentsTopics<'a> {
        name: Text<'a>;
        partition_indexes: Vec<i32>;
    }

    /// API 46, version 0, flexible from 0.
    ListPartitionReassignmentsResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        topics: Vec<OngoingTopicReassignment<'a>>;
    }

    /// A topic and its partitions.
    OngoingTopicReassignment<'a> {
        name: Text<'a>;
        partitions: Vec<OngoingPartitionReassignment>;
    }

    /// A partition on the move.
    OngoingPartitionReassignment {
        partition_index: i32;
        replicas: Vec<i32>;
        adding_replicas: Vec<i32>;
        removing_replicas: Vec<i32>;
    }
}

api! {
    ListPartitionReassignments:
    ListPartitionReassignmentsRequest<'q> => ListPartitionReassignmentsResponse<'r>
}
