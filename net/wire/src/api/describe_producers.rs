//! DescribeProducers, key 61: what partitions know of their producers (KIP-664).

use crate::Text;

message! {
    /// API 61, version 0, flexible from 0.
    DescribeProducersRequest<'a> {
        topics: Vec<TopicRequest<'a>>;
    }

    /// A topic and its partitions.
    TopicRequest<'a> {
        name: Text<'a>;
        partition_indexes: Vec<i32>;
    }

    /// API 61, version 0, flexible from 0.
    DescribeProducersResponse<'a> {
        throttle_time_ms: i32;
        topics: Vec<TopicResponse<'a>>;
    }

    /// A topic and its partitions.
    TopicResponse<'a> {
        name: Text<'a>;
        partitions: Vec<PartitionResponse<'a>>;
    }

    /// The producers of one partition.
    PartitionResponse<'a> {
        partition_index: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        active_producers: Vec<ProducerState>;
    }

    /// What is known of one producer.
    ProducerState {
        producer_id: i64;
        producer_epoch: i32;
        last_sequence: i32, else -1;
        last_timestamp: i64, else -1;
        coordinator_epoch: i32;
        /// -1 outside of a transaction.
        current_txn_start_offset: i64, else -1;
    }
}

api!(DescribeProducers: DescribeProducersRequest<'q> => DescribeProducersResponse<'r>);
