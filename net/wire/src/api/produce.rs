//! Produce, key 0: append record batches.

use super::current_leader::{LeaderIdAndEpoch, NodeEndpoint};
use crate::{Records, Text, Uuid};

message! {
    /// API 0, versions 3-13, flexible from 9. With acks 0 there is no response.
    ProduceRequest<'a> {
        transactional_id: Option<Text<'a>>, in 3..;
        /// 0 none, 1 the leader, -1 every in-sync replica.
        acks: i16;
        timeout_ms: i32;
        topic_data: Vec<TopicProduceData<'a>>;
    }

    /// A topic by name, or by id from version 13.
    TopicProduceData<'a> {
        name: Text<'a>, in ..=12;
        topic_id: Uuid, in 13..;
        partition_data: Vec<PartitionProduceData<'a>>;
    }

    /// The records for one partition.
    PartitionProduceData<'a> {
        index: i32;
        records: Records<'a>;
    }

    /// API 0, versions 3-13, flexible from 9.
    ProduceResponse<'a> {
        responses: Vec<TopicProduceResponse<'a>>;
        throttle_time_ms: i32, in 1..;
        node_endpoints: Vec<NodeEndpoint<'a>>, tag 0, in 10..;
    }

    /// A topic by name, or by id from version 13.
    TopicProduceResponse<'a> {
        name: Text<'a>, in ..=12;
        topic_id: Uuid, in 13..;
        partition_responses: Vec<PartitionProduceResponse<'a>>;
    }

    /// What became of the records for one partition.
    PartitionProduceResponse<'a> {
        index: i32;
        error_code: i16;
        base_offset: i64;
        /// -1 unless the topic stamps records with the time of append.
        log_append_time_ms: i64, in 2.., else -1;
        log_start_offset: i64, in 5.., else -1;
        record_errors: Vec<BatchIndexAndErrorMessage<'a>>, in 8..;
        error_message: Option<Text<'a>>, in 8..;
        current_leader: LeaderIdAndEpoch, tag 0, in 10..;
    }

    /// Why one record made its batch fail.
    BatchIndexAndErrorMessage<'a> {
        batch_index: i32;
        batch_index_error_message: Option<Text<'a>>;
    }
}

api!(Produce: ProduceRequest<'q> => ProduceResponse<'r>);
