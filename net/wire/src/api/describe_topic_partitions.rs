//! DescribeTopicPartitions, key 75: the partitions of topics, page by page (KIP-966).

use super::metadata::OPERATIONS_NOT_REQUESTED;
use crate::{Text, Uuid};

message! {
    /// API 75, version 0, flexible from 0.
    DescribeTopicPartitionsRequest<'a> {
        /// Empty is every topic.
        topics: Vec<TopicRequest<'a>>;
        response_partition_limit: i32, else 2_000;
        /// Null is the first page.
        cursor: Option<Cursor<'a>>;
    }

    /// A topic.
    TopicRequest<'a> {
        name: Text<'a>;
    }

    /// Where a page begins.
    Cursor<'a> {
        topic_name: Text<'a>;
        partition_index: i32;
    }

    /// API 75, version 0, flexible from 0.
    DescribeTopicPartitionsResponse<'a> {
        throttle_time_ms: i32;
        topics: Vec<DescribeTopicPartitionsResponseTopic<'a>>;
        /// Null on the last page.
        next_cursor: Option<Cursor<'a>>;
    }

    /// A topic and its partitions.
    DescribeTopicPartitionsResponseTopic<'a> {
        error_code: i16;
        name: Option<Text<'a>>;
        topic_id: Uuid;
        is_internal: bool;
        partitions: Vec<DescribeTopicPartitionsResponsePartition>;
        topic_authorized_operations: i32, else OPERATIONS_NOT_REQUESTED;
    }

    /// A partition, its leader and its replicas.
    DescribeTopicPartitionsResponsePartition {
        error_code: i16;
        partition_index: i32;
        leader_id: i32;
        leader_epoch: i32, else -1;
        replica_nodes: Vec<i32>;
        isr_nodes: Vec<i32>;
        eligible_leader_replicas: Option<Vec<i32>>;
        last_known_elr: Option<Vec<i32>>;
        offline_replicas: Vec<i32>;
    }
}

api! {
    DescribeTopicPartitions:
    DescribeTopicPartitionsRequest<'q> => DescribeTopicPartitionsResponse<'r>
}
