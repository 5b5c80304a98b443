//! Samples of the data path: Produce, Fetch, ListOffsets, DeleteRecords, OffsetForLeaderEpoch,
//! InitProducerId.

use corelog_wire::api::current_leader::{LeaderIdAndEpoch, NodeEndpoint};
use corelog_wire::api::{delete_records, fetch, list_offsets, offset_for_leader_epoch, produce};
use corelog_wire::*;

use super::{some, text, uuid};

pub(crate) fn produce_request(_: i16) -> ProduceRequest<'static> {
    let partition = |index, records| produce::PartitionProduceData { index, records };
    ProduceRequest {
        transactional_id: some("transaction-1"),
        acks: -1,
        timeout_ms: 30_001,
        topic_data: vec![
            produce::TopicProduceData {
                name: text("topic-1"),
                topic_id: uuid(1),
                partition_data: vec![
                    partition(11, Records::Bytes(b"batch-1")),
                    partition(12, Records::Null),
                ],
            },
            produce::TopicProduceData {
                name: text("topic-2"),
                topic_id: uuid(101),
                partition_data: vec![],
            },
        ],
    }
}

pub(crate) fn produce_response(_: i16) -> ProduceResponse<'static> {
    let record_error = |batch_index, batch_index_error_message| {
        produce::BatchIndexAndErrorMessage { batch_index, batch_index_error_message }
    };
    let partition = produce::PartitionProduceResponse {
        index: 21,
        error_code: 22,
        base_offset: 1 << 40,
        log_append_time_ms: 24,
        log_start_offset: 25,
        record_errors: vec![record_error(26, some("bad record")), record_error(27, None)],
        error_message: some("bad batch"),
        current_leader: LeaderIdAndEpoch { leader_id: 28, leader_epoch: 29 },
    };
    let second = produce::PartitionProduceResponse {
        index: 31,
        error_message: None,
        current_leader: LeaderIdAndEpoch::default(),
        ..partition.clone()
    };
    ProduceResponse {
        responses: vec![
            produce::TopicProduceResponse {
                name: text("topic-1"),
                topic_id: uuid(1),
                partition_responses: vec![partition, second],
            },
            produce::TopicProduceResponse {
                name: text("topic-2"),
                topic_id: uuid(101),
                partition_responses: vec![],
            },
        ],
        throttle_time_ms: 32,
        node_endpoints: node_endpoints(),
    }
}

fn node_endpoints() -> Vec<NodeEndpoint<'static>> {
    vec![
        NodeEndpoint { node_id: 41, host: text("host-1"), port: 9092, rack: some("rack-1") },
        NodeEndpoint { node_id: 42, host: text("host-2"), port: 9093, rack: None },
    ]
}

pub(crate) fn fetch_request(_: i16) -> FetchRequest<'static> {
    let partition = fetch::FetchPartition {
        partition: 1,
        current_leader_epoch: 2,
        fetch_offset: 3,
        last_fetched_epoch: 4,
        log_start_offset: 5,
        partition_max_bytes: 6,
        replica_directory_id: uuid(51),
        high_watermark: 7,
    };
    let second = fetch::FetchPartition {
        replica_directory_id: [0; 16],
        high_watermark: i64::MAX,
        ..partition.clone()
    };
    FetchRequest {
        cluster_id: some("cluster-1"),
        replica_id: 11,
        replica_state: fetch::ReplicaState { replica_id: 12, replica_epoch: 13 },
        max_wait_ms: 14,
        min_bytes: 15,
        max_bytes: 16,
        isolation_level: 1,
        session_id: 17,
        session_epoch: 18,
        topics: vec![
            fetch::FetchTopic {
                topic: text("topic-1"),
                topic_id: uuid(1),
                partitions: vec![partition, second],
            },
            fetch::FetchTopic { topic: text("topic-2"), topic_id: uuid(101), partitions: vec![] },
        ],
        forgotten_topics_data: vec![
            fetch::ForgottenTopic {
                topic: text("topic-3"),
                topic_id: uuid(3),
                partitions: vec![21, 22],
            },
            fetch::ForgottenTopic {
                topic: text("topic-4"),
                topic_id: uuid(103),
                partitions: vec![],
            },
        ],
        rack_id: text("rack-1"),
    }
}

pub(crate) fn fetch_response(_: i16) -> FetchResponse<'static> {
    let aborted =
        |producer_id, first_offset| fetch::AbortedTransaction { producer_id, first_offset };
    let partition = fetch::PartitionData {
        partition_index: 1,
        error_code: 2,
        high_watermark: 3,
        last_stable_offset: 4,
        log_start_offset: 5,
        diverging_epoch: fetch::EpochEndOffset { epoch: 6, end_offset: 7 },
        current_leader: LeaderIdAndEpoch { leader_id: 8, leader_epoch: 9 },
        snapshot_id: fetch::SnapshotId { end_offset: 10, epoch: 11 },
        aborted_transactions: Some(vec![aborted(12, 13), aborted(14, 15)]),
        preferred_read_replica: 16,
        records: Records::Bytes(b"batch-1"),
    };
    let second = fetch::PartitionData {
        partition_index: 21,
        diverging_epoch: fetch::EpochEndOffset::default(),
        current_leader: LeaderIdAndEpoch::default(),
        snapshot_id: fetch::SnapshotId::default(),
        aborted_transactions: None,
        records: Records::Null,
        ..partition.clone()
    };
    FetchResponse {
        throttle_time_ms: 31,
        error_code: 32,
        session_id: 33,
        responses: vec![
            fetch::FetchableTopicResponse {
                topic: text("topic-1"),
                topic_id: uuid(1),
                partitions: vec![partition, second],
            },
            fetch::FetchableTopicResponse {
                topic: text("topic-2"),
                topic_id: uuid(101),
                partitions: vec![],
            },
        ],
        node_endpoints: node_endpoints(),
    }
}

pub(crate) fn list_offsets_request(_: i16) -> ListOffsetsRequest<'static> {
    let partition = |partition_index, current_leader_epoch, timestamp| {
        list_offsets::ListOffsetsPartition { partition_index, current_leader_epoch, timestamp }
    };
    ListOffsetsRequest {
        replica_id: 1,
        isolation_level: 2,
        topics: vec![
            list_offsets::ListOffsetsTopic {
                name: text("topic-1"),
                partitions: vec![partition(3, 4, -1), partition(6, -1, 1 << 40)],
            },
            list_offsets::ListOffsetsTopic { name: text("topic-2"), partitions: vec![] },
        ],
        timeout_ms: 9,
    }
}

pub(crate) fn list_offsets_response(_: i16) -> ListOffsetsResponse<'static> {
    let partition = |partition_index| list_offsets::ListOffsetsPartitionResponse {
        partition_index,
        error_code: 2,
        timestamp: 3,
        offset: 4,
        leader_epoch: 5,
    };
    ListOffsetsResponse {
        throttle_time_ms: 6,
        topics: vec![
            list_offsets::ListOffsetsTopicResponse {
                name: text("topic-1"),
                partitions: vec![partition(1), partition(7)],
            },
            list_offsets::ListOffsetsTopicResponse { name: text("topic-2"), partitions: vec![] },
        ],
    }
}

pub(crate) fn delete_records_request(_: i16) -> DeleteRecordsRequest<'static> {
    let partition = |partition_index, offset| delete_records::DeleteRecordsPartition {
        partition_index,
        offset,
    };
    DeleteRecordsRequest {
        topics: vec![
            delete_records::DeleteRecordsTopic {
                name: text("topic-1"),
                partitions: vec![partition(1, 2), partition(3, -1)],
            },
            delete_records::DeleteRecordsTopic { name: text("topic-2"), partitions: vec![] },
        ],
        timeout_ms: 4,
    }
}

pub(crate) fn delete_records_response(_: i16) -> DeleteRecordsResponse<'static> {
    let partition = |partition_index| delete_records::DeleteRecordsPartitionResult {
        partition_index,
        low_watermark: 2,
        error_code: 3,
    };
    DeleteRecordsResponse {
        throttle_time_ms: 4,
        topics: vec![
            delete_records::DeleteRecordsTopicResult {
                name: text("topic-1"),
                partitions: vec![partition(1), partition(5)],
            },
            delete_records::DeleteRecordsTopicResult { name: text("topic-2"), partitions: vec![] },
        ],
    }
}

pub(crate) fn offset_for_leader_epoch_request(_: i16) -> OffsetForLeaderEpochRequest<'static> {
    let partition = |partition| offset_for_leader_epoch::OffsetForLeaderPartition {
        partition,
        current_leader_epoch: 2,
        leader_epoch: 3,
    };
    OffsetForLeaderEpochRequest {
        replica_id: 4,
        topics: vec![
            offset_for_leader_epoch::OffsetForLeaderTopic {
                topic: text("topic-1"),
                partitions: vec![partition(1), partition(5)],
            },
            offset_for_leader_epoch::OffsetForLeaderTopic {
                topic: text("topic-2"),
                partitions: vec![],
            },
        ],
    }
}

pub(crate) fn offset_for_leader_epoch_response(_: i16) -> OffsetForLeaderEpochResponse<'static> {
    let partition = |partition| offset_for_leader_epoch::EpochEndOffset {
        error_code: 1,
        partition,
        leader_epoch: 3,
        end_offset: 4,
    };
    OffsetForLeaderEpochResponse {
        throttle_time_ms: 5,
        topics: vec![
            offset_for_leader_epoch::OffsetForLeaderTopicResult {
                topic: text("topic-1"),
                partitions: vec![partition(2), partition(6)],
            },
            offset_for_leader_epoch::OffsetForLeaderTopicResult {
                topic: text("topic-2"),
                partitions: vec![],
            },
        ],
    }
}

pub(crate) fn init_producer_id_request(_: i16) -> InitProducerIdRequest<'static> {
    InitProducerIdRequest {
        transactional_id: some("transaction-1"),
        transaction_timeout_ms: 1,
        producer_id: 2,
        producer_epoch: 3,
        enable_2_pc: true,
        keep_prepared_txn: true,
    }
}

pub(crate) fn init_producer_id_response(_: i16) -> InitProducerIdResponse {
    InitProducerIdResponse {
        throttle_time_ms: 1,
        error_code: 2,
        producer_id: 3,
        producer_epoch: 4,
        ongoing_txn_producer_id: 5,
        ongoing_txn_producer_epoch: 6,
    }
}
