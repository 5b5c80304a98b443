//! Samples of transactions: AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, WriteTxnMarkers,
//! TxnOffsetCommit, DescribeProducers, DescribeTransactions, ListTransactions.

use corelog_wire::api::{
    add_partitions_to_txn, describe_producers, describe_transactions, list_transactions,
    txn_offset_commit, write_txn_markers,
};
use corelog_wire::*;

use super::{some, text};

pub(crate) fn add_partitions_to_txn_request(_: i16) -> AddPartitionsToTxnRequest<'static> {
    AddPartitionsToTxnRequest {
        transactions: vec![
            add_partitions_to_txn::AddPartitionsToTxnTransaction {
                transactional_id: text("transaction-1"),
                producer_id: 1,
                producer_epoch: 2,
                verify_only: true,
                topics: vec![
                    add_partitions_to_txn::AddPartitionsToTxnTopic {
                        name: text("topic-1"),
                        partitions: vec![3, 4],
                    },
                    add_partitions_to_txn::AddPartitionsToTxnTopic {
                        name: text("topic-2"),
                        partitions: vec![],
                    },
                ],
            },
            add_partitions_to_txn::AddPartitionsToTxnTransaction {
                transactional_id: text("transaction-2"),
                producer_id: 5,
                producer_epoch: 6,
                verify_only: false,
                topics: vec![],
            },
        ],
        v3_and_below_transactional_id: text("transaction-3"),
        v3_and_below_producer_id: 7,
        v3_and_below_producer_epoch: 8,
        v3_and_below_topics: vec![
            add_partitions_to_txn::AddPartitionsToTxnTopic {
                name: text("topic-3"),
                partitions: vec![9, 10],
            },
            add_partitions_to_txn::AddPartitionsToTxnTopic {
                name: text("topic-4"),
                partitions: vec![],
            },
        ],
    }
}

pub(crate) fn add_partitions_to_txn_response(_: i16) -> AddPartitionsToTxnResponse<'static> {
    AddPartitionsToTxnResponse {
        throttle_time_ms: 1,
        error_code: 2,
        results_by_transaction: vec![
            add_partitions_to_txn::AddPartitionsToTxnResult {
                transactional_id: text("transaction-1"),
                topic_results: vec![
                    add_partitions_to_txn::AddPartitionsToTxnTopicResult {
                        name: text("topic-1"),
                        results_by_partition: vec![
                            add_partitions_to_txn::AddPartitionsToTxnPartitionResult {
                                partition_index: 3,
                                partition_error_code: 4,
                            },
                            add_partitions_to_txn::AddPartitionsToTxnPartitionResult {
                                partition_index: 5,
                                partition_error_code: 6,
                            },
                        ],
                    },
                    add_partitions_to_txn::AddPartitionsToTxnTopicResult {
                        name: text("topic-2"),
                        results_by_partition: vec![],
                    },
                ],
            },
            add_partitions_to_txn::AddPartitionsToTxnResult {
                transactional_id: text("transaction-2"),
                topic_results: vec![],
            },
        ],
        results_by_topic_v3_and_below: vec![
            add_partitions_to_txn::AddPartitionsToTxnTopicResult {
                name: text("topic-3"),
                results_by_partition: vec![
                    add_partitions_to_txn::AddPartitionsToTxnPartitionResult {
                        partition_index: 7,
                        partition_error_code: 8,
                    },
                    add_partitions_to_txn::AddPartitionsToTxnPartitionResult {
                        partition_index: 9,
                        partition_error_code: 10,
                    },
                ],
            },
            add_partitions_to_txn::AddPartitionsToTxnTopicResult {
                name: text("topic-4"),
                results_by_partition: vec![],
            },
        ],
    }
}

pub(crate) fn add_offsets_to_txn_request(_: i16) -> AddOffsetsToTxnRequest<'static> {
    AddOffsetsToTxnRequest {
        transactional_id: text("transaction-1"),
        producer_id: 1,
        producer_epoch: 2,
        group_id: text("group-1"),
    }
}

pub(crate) fn add_offsets_to_txn_response(_: i16) -> AddOffsetsToTxnResponse {
    AddOffsetsToTxnResponse { throttle_time_ms: 1, error_code: 2 }
}

pub(crate) fn end_txn_request(_: i16) -> EndTxnRequest<'static> {
    EndTxnRequest {
        transactional_id: text("transaction-1"),
        producer_id: 1,
        producer_epoch: 2,
        committed: true,
    }
}

pub(crate) fn end_txn_response(_: i16) -> EndTxnResponse {
    EndTxnResponse { throttle_time_ms: 1, error_code: 2, producer_id: 3, producer_epoch: 4 }
}

pub(crate) fn write_txn_markers_request(version: i16) -> WriteTxnMarkersRequest<'static> {
    let transaction_version = if version >= 2 { 2 } else { 0 };
    WriteTxnMarkersRequest {
        markers: vec![
            write_txn_markers::WritableTxnMarker {
                producer_id: 1,
                producer_epoch: 2,
                transaction_result: true,
                topics: vec![
                    write_txn_markers::WritableTxnMarkerTopic {
                        name: text("topic-1"),
                        partition_indexes: vec![3, 4],
                    },
                    write_txn_markers::WritableTxnMarkerTopic {
                        name: text("topic-2"),
                        partition_indexes: vec![],
                    },
                ],
                coordinator_epoch: 5,
                transaction_version,
            },
            write_txn_markers::WritableTxnMarker {
                producer_id: 6,
                producer_epoch: 7,
                transaction_result: false,
                topics: vec![],
                coordinator_epoch: 8,
                transaction_version: 0,
            },
        ],
    }
}

pub(crate) fn write_txn_markers_response(_: i16) -> WriteTxnMarkersResponse<'static> {
    WriteTxnMarkersResponse {
        markers: vec![
            write_txn_markers::WritableTxnMarkerResult {
                producer_id: 1,
                topics: vec![
                    write_txn_markers::WritableTxnMarkerTopicResult {
                        name: text("topic-1"),
                        partitions: vec![
                            write_txn_markers::WritableTxnMarkerPartitionResult {
                                partition_index: 2,
                                error_code: 3,
                            },
                            write_txn_markers::WritableTxnMarkerPartitionResult {
                                partition_index: 4,
                                error_code: 5,
                            },
                        ],
                    },
                    write_txn_markers::WritableTxnMarkerTopicResult {
                        name: text("topic-2"),
                        partitions: vec![],
                    },
                ],
            },
            write_txn_markers::WritableTxnMarkerResult { producer_id: 6, topics: vec![] },
        ],
    }
}

pub(crate) fn txn_offset_commit_request(_: i16) -> TxnOffsetCommitRequest<'static> {
    TxnOffsetCommitRequest {
        transactional_id: text("transaction-1"),
        group_id: text("group-1"),
        producer_id: 1,
        producer_epoch: 2,
        generation_id_or_member_epoch: 3,
        member_id: text("member-id-1"),
        group_instance_id: some("group-instance-id-1"),
        topics: vec![
            txn_offset_commit::TxnOffsetCommitRequestTopic {
                name: text("topic-1"),
                partitions: vec![
                    txn_offset_commit::TxnOffsetCommitRequestPartition {
                        partition_index: 4,
                        committed_offset: 5,
                        committed_leader_epoch: 6,
                        committed_metadata: some("committed-metadata-1"),
                    },
                    txn_offset_commit::TxnOffsetCommitRequestPartition {
                        partition_index: 7,
                        committed_offset: 8,
                        committed_leader_epoch: 9,
                        committed_metadata: None,
                    },
                ],
            },
            txn_offset_commit::TxnOffsetCommitRequestTopic {
                name: text("topic-2"),
                partitions: vec![],
            },
        ],
    }
}

pub(crate) fn txn_offset_commit_response(_: i16) -> TxnOffsetCommitResponse<'static> {
    TxnOffsetCommitResponse {
        throttle_time_ms: 1,
        topics: vec![
            txn_offset_commit::TxnOffsetCommitResponseTopic {
                name: text("topic-1"),
                partitions: vec![
                    txn_offset_commit::TxnOffsetCommitResponsePartition {
                        partition_index: 2,
                        error_code: 3,
                    },
                    txn_offset_commit::TxnOffsetCommitResponsePartition {
                        partition_index: 4,
                        error_code: 5,
                    },
                ],
            },
            txn_offset_commit::TxnOffsetCommitResponseTopic {
                name: text("topic-2"),
                partitions: vec![],
            },
        ],
    }
}

pub(crate) fn describe_producers_request(_: i16) -> DescribeProducersRequest<'static> {
    DescribeProducersRequest {
        topics: vec![
            describe_producers::TopicRequest {
                name: text("topic-1"),
                partition_indexes: vec![1, 2],
            },
            describe_producers::TopicRequest { name: text("topic-2"), partition_indexes: vec![] },
        ],
    }
}

pub(crate) fn describe_producers_response(_: i16) -> DescribeProducersResponse<'static> {
    DescribeProducersResponse {
        throttle_time_ms: 1,
        topics: vec![
            describe_producers::TopicResponse {
                name: text("topic-1"),
                partitions: vec![
                    describe_producers::PartitionResponse {
                        partition_index: 2,
                        error_code: 3,
                        error_message: some("message-1"),
                        active_producers: vec![
                            describe_producers::ProducerState {
                                producer_id: 4,
                                producer_epoch: 5,
                                last_sequence: 6,
                                last_timestamp: 7,
                                coordinator_epoch: 8,
                                current_txn_start_offset: 9,
                            },
                            describe_producers::ProducerState {
                                producer_id: 10,
                                ..Default::default()
                            },
                        ],
                    },
                    describe_producers::PartitionResponse {
                        partition_index: 11,
                        error_code: 12,
                        error_message: None,
                        active_producers: vec![],
                    },
                ],
            },
            describe_producers::TopicResponse { name: text("topic-2"), partitions: vec![] },
        ],
    }
}

pub(crate) fn describe_transactions_request(_: i16) -> DescribeTransactionsRequest<'static> {
    DescribeTransactionsRequest {
        transactional_ids: vec![text("transaction-1"), text("transaction-2")],
    }
}

pub(crate) fn describe_transactions_response(_: i16) -> DescribeTransactionsResponse<'static> {
    DescribeTransactionsResponse {
        throttle_time_ms: 1,
        transaction_states: vec![
            describe_transactions::TransactionState {
                error_code: 2,
                transactional_id: text("transaction-1"),
                transaction_state: text("transaction-state-1"),
                transaction_timeout_ms: 3,
                transaction_start_time_ms: 4,
                producer_id: 5,
                producer_epoch: 6,
                topics: vec![
                    describe_transactions::TopicData {
                        topic: text("topic-1"),
                        partitions: vec![7, 8],
                    },
                    describe_transactions::TopicData { topic: text("topic-2"), partitions: vec![] },
                ],
            },
            describe_transactions::TransactionState {
                error_code: 9,
                transactional_id: text("transaction-2"),
                ..Default::default()
            },
        ],
    }
}

pub(crate) fn list_transactions_request(_: i16) -> ListTransactionsRequest<'static> {
    ListTransactionsRequest {
        state_filters: vec![text("state-filters-1"), text("state-filters-2")],
        producer_id_filters: vec![1, 2],
        duration_filter: 3,
        transactional_id_pattern: some("transactional-id-pattern-1"),
    }
}

pub(crate) fn list_transactions_response(_: i16) -> ListTransactionsResponse<'static> {
    ListTransactionsResponse {
        throttle_time_ms: 1,
        error_code: 2,
        unknown_state_filters: vec![
            text("unknown-state-filters-1"),
            text("unknown-state-filters-2"),
        ],
        transaction_states: vec![
            list_transactions::TransactionState {
                transactional_id: text("transaction-1"),
                producer_id: 3,
                transaction_state: text("transaction-state-1"),
            },
            list_transactions::TransactionState {
                transactional_id: text("transaction-2"),
                producer_id: 4,
                transaction_state: text("transaction-state-2"),
            },
        ],
    }
}
