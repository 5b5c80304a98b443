//! Samples of where partitions are and who leads them: log directories, elections, reassignments,
//! DescribeQuorum, DescribeTopicPartitions.

use corelog_wire::api::{
    alter_partition_reassignments, alter_replica_log_dirs, describe_log_dirs, describe_quorum,
    describe_topic_partitions, elect_leaders, list_partition_reassignments,
};
use corelog_wire::*;

use super::{some, text, uuid};

pub(crate) fn alter_replica_log_dirs_request(_: i16) -> AlterReplicaLogDirsRequest<'static> {
    AlterReplicaLogDirsRequest {
        dirs: vec![
            alter_replica_log_dirs::AlterReplicaLogDir {
                path: text("path-1"),
                topics: vec![
                    alter_replica_log_dirs::AlterReplicaLogDirTopic {
                        name: text("topic-1"),
                        partitions: vec![1, 2],
                    },
                    alter_replica_log_dirs::AlterReplicaLogDirTopic {
                        name: text("topic-2"),
                        partitions: vec![],
                    },
                ],
            },
            alter_replica_log_dirs::AlterReplicaLogDir { path: text("path-2"), topics: vec![] },
        ],
    }
}

pub(crate) fn alter_replica_log_dirs_response(_: i16) -> AlterReplicaLogDirsResponse<'static> {
    AlterReplicaLogDirsResponse {
        throttle_time_ms: 1,
        results: vec![
            alter_replica_log_dirs::AlterReplicaLogDirTopicResult {
                topic_name: text("topic-1"),
                partitions: vec![
                    alter_replica_log_dirs::AlterReplicaLogDirPartitionResult {
                        partition_index: 2,
                        error_code: 3,
                    },
                    alter_replica_log_dirs::AlterReplicaLogDirPartitionResult {
                        partition_index: 4,
                        error_code: 5,
                    },
                ],
            },
            alter_replica_log_dirs::AlterReplicaLogDirTopicResult {
                topic_name: text("topic-2"),
                partitions: vec![],
            },
        ],
    }
}

pub(crate) fn describe_log_dirs_request(_: i16) -> DescribeLogDirsRequest<'static> {
    DescribeLogDirsRequest {
        topics: Some(vec![
            describe_log_dirs::DescribableLogDirTopic {
                topic: text("topic-1"),
                partitions: vec![1, 2],
            },
            describe_log_dirs::DescribableLogDirTopic {
                topic: text("topic-2"),
                partitions: vec![],
            },
        ]),
    }
}

pub(crate) fn describe_log_dirs_response(_: i16) -> DescribeLogDirsResponse<'static> {
    DescribeLogDirsResponse {
        throttle_time_ms: 1,
        error_code: 2,
        results: vec![
            describe_log_dirs::DescribeLogDirsResult {
                error_code: 3,
                log_dir: text("log-dir-1"),
                topics: vec![
                    describe_log_dirs::DescribeLogDirsTopic {
                        name: text("topic-1"),
                        partitions: vec![
                            describe_log_dirs::DescribeLogDirsPartition {
                                partition_index: 4,
                                partition_size: 5,
                                offset_lag: 6,
                                is_future_key: true,
                            },
                            describe_log_dirs::DescribeLogDirsPartition {
                                partition_index: 7,
                                partition_size: 8,
                                offset_lag: 9,
                                is_future_key: false,
                            },
                        ],
                    },
                    describe_log_dirs::DescribeLogDirsTopic {
                        name: text("topic-2"),
                        partitions: vec![],
                    },
                ],
                total_bytes: 10,
                usable_bytes: 11,
            },
            describe_log_dirs::DescribeLogDirsResult {
                error_code: 12,
                log_dir: text("log-dir-2"),
                topics: vec![],
                total_bytes: 13,
                usable_bytes: 14,
            },
        ],
    }
}

pub(crate) fn elect_leaders_request(_: i16) -> ElectLeadersRequest<'static> {
    ElectLeadersRequest {
        election_type: 1,
        topic_partitions: Some(vec![
            elect_leaders::TopicPartitions { topic: text("topic-1"), partitions: vec![2, 3] },
            elect_leaders::TopicPartitions { topic: text("topic-2"), partitions: vec![] },
        ]),
        timeout_ms: 4,
    }
}

pub(crate) fn elect_leaders_response(_: i16) -> ElectLeadersResponse<'static> {
    ElectLeadersResponse {
        throttle_time_ms: 1,
        error_code: 2,
        replica_election_results: vec![
            elect_leaders::ReplicaElectionResult {
                topic: text("topic-1"),
                partition_result: vec![
                    elect_leaders::PartitionResult {
                        partition_id: 3,
                        error_code: 4,
                        error_message: some("message-1"),
                    },
                    elect_leaders::PartitionResult {
                        partition_id: 5,
                        error_code: 6,
                        error_message: None,
                    },
                ],
            },
            elect_leaders::ReplicaElectionResult {
                topic: text("topic-2"),
                partition_result: vec![],
            },
        ],
    }
}

pub(crate) fn alter_partition_reassignments_request(
    _: i16,
) -> AlterPartitionReassignmentsRequest<'static> {
    AlterPartitionReassignmentsRequest {
        timeout_ms: 1,
        allow_replication_factor_change: true,
        topics: vec![
            alter_partition_reassignments::ReassignableTopic {
                name: text("topic-1"),
                partitions: vec![
                    alter_partition_reassignments::ReassignablePartition {
                        partition_index: 2,
                        replicas: Some(vec![3, 4]),
                    },
                    alter_partition_reassignments::ReassignablePartition {
                        partition_index: 5,
                        replicas: None,
                    },
                ],
            },
            alter_partition_reassignments::ReassignableTopic {
                name: text("topic-2"),
                partitions: vec![],
            },
        ],
    }
}

pub(crate) fn alter_partition_reassignments_response(
    _: i16,
) -> AlterPartitionReassignmentsResponse<'static> {
    AlterPartitionReassignmentsResponse {
        throttle_time_ms: 1,
        allow_replication_factor_change: true,
        error_code: 2,
        error_message: some("message-1"),
        responses: vec![
            alter_partition_reassignments::ReassignableTopicResponse {
                name: text("topic-1"),
                partitions: vec![
                    alter_partition_reassignments::ReassignablePartitionResponse {
                        partition_index: 3,
                        error_code: 4,
                        error_message: some("message-2"),
                    },
                    alter_partition_reassignments::ReassignablePartitionResponse {
                        partition_index: 5,
                        error_code: 6,
                        error_message: None,
                    },
                ],
            },
            alter_partition_reassignments::ReassignableTopicResponse {
                name: text("topic-2"),
                partitions: vec![],
            },
        ],
    }
}

pub(crate) fn list_partition_reassignments_request(
    _: i16,
) -> ListPartitionReassignmentsRequest<'static> {
    ListPartitionReassignmentsRequest {
        timeout_ms: 1,
        topics: Some(vec![
            list_partition_reassignments::ListPartitionReassignmentsTopics {
                name: text("topic-1"),
                partition_indexes: vec![2, 3],
            },
            list_partition_reassignments::ListPartitionReassignmentsTopics {
                name: text("topic-2"),
                partition_indexes: vec![],
            },
        ]),
    }
}

pub(crate) fn list_partition_reassignments_response(
    _: i16,
) -> ListPartitionReassignmentsResponse<'static> {
    ListPartitionReassignmentsResponse {
        throttle_time_ms: 1,
        error_code: 2,
        error_message: some("message-1"),
        topics: vec![
            list_partition_reassignments::OngoingTopicReassignment {
                name: text("topic-1"),
                partitions: vec![
                    list_partition_reassignments::OngoingPartitionReassignment {
                        partition_index: 3,
                        replicas: vec![4, 5],
                        adding_replicas: vec![6, 7],
                        removing_replicas: vec![8, 9],
                    },
                    list_partition_reassignments::OngoingPartitionReassignment {
                        partition_index: 10,
                        replicas: vec![],
                        adding_replicas: vec![],
                        removing_replicas: vec![],
                    },
                ],
            },
            list_partition_reassignments::OngoingTopicReassignment {
                name: text("topic-2"),
                partitions: vec![],
            },
        ],
    }
}

pub(crate) fn describe_quorum_request(_: i16) -> DescribeQuorumRequest<'static> {
    DescribeQuorumRequest {
        topics: vec![
            describe_quorum::QuorumTopic {
                topic_name: text("topic-1"),
                partitions: vec![
                    describe_quorum::QuorumPartition { partition_index: 1 },
                    describe_quorum::QuorumPartition { partition_index: 2 },
                ],
            },
            describe_quorum::QuorumTopic { topic_name: text("topic-2"), partitions: vec![] },
        ],
    }
}

pub(crate) fn describe_quorum_response(_: i16) -> DescribeQuorumResponse<'static> {
    DescribeQuorumResponse {
        error_code: 1,
        error_message: some("message-1"),
        topics: vec![
            describe_quorum::TopicData {
                topic_name: text("topic-1"),
                partitions: vec![
                    describe_quorum::PartitionData {
                        partition_index: 2,
                        error_code: 3,
                        error_message: some("message-2"),
                        leader_id: 4,
                        leader_epoch: 5,
                        high_watermark: 6,
                        current_voters: vec![
                            describe_quorum::ReplicaState {
                                replica_id: 7,
                                replica_directory_id: uuid(1),
                                log_end_offset: 8,
                                last_fetch_timestamp: 9,
                                last_caught_up_timestamp: 10,
                            },
                            describe_quorum::ReplicaState {
                                replica_id: 11,
                                replica_directory_id: uuid(101),
                                log_end_offset: 12,
                                last_fetch_timestamp: 13,
                                last_caught_up_timestamp: 14,
                            },
                        ],
                        observers: vec![
                            describe_quorum::ReplicaState {
                                replica_id: 15,
                                replica_directory_id: uuid(111),
                                log_end_offset: 16,
                                last_fetch_timestamp: 17,
                                last_caught_up_timestamp: 18,
                            },
                            describe_quorum::ReplicaState {
                                replica_id: 19,
                                replica_directory_id: uuid(121),
                                log_end_offset: 20,
                                last_fetch_timestamp: 21,
                                last_caught_up_timestamp: 22,
                            },
                        ],
                    },
                    describe_quorum::PartitionData { partition_index: 23, ..Default::default() },
                ],
            },
            describe_quorum::TopicData { topic_name: text("topic-2"), partitions: vec![] },
        ],
        nodes: vec![
            describe_quorum::Node {
                node_id: 24,
                listeners: vec![
                    describe_quorum::Listener {
                        name: text("topic-3"),
                        host: text("host-1"),
                        port: 25,
                    },
                    describe_quorum::Listener {
                        name: text("topic-4"),
                        host: text("host-2"),
                        port: 26,
                    },
                ],
            },
            describe_quorum::Node { node_id: 27, listeners: vec![] },
        ],
    }
}

pub(crate) fn describe_topic_partitions_request(_: i16) -> DescribeTopicPartitionsRequest<'static> {
    DescribeTopicPartitionsRequest {
        topics: vec![
            describe_topic_partitions::TopicRequest { name: text("topic-1") },
            describe_topic_partitions::TopicRequest { name: text("topic-2") },
        ],
        response_partition_limit: 1,
        cursor: Some(describe_topic_partitions::Cursor {
            topic_name: text("topic-3"),
            partition_index: 2,
        }),
    }
}

pub(crate) fn describe_topic_partitions_response(
    _: i16,
) -> DescribeTopicPartitionsResponse<'static> {
    DescribeTopicPartitionsResponse {
        throttle_time_ms: 1,
        topics: vec![
            describe_topic_partitions::DescribeTopicPartitionsResponseTopic {
                error_code: 2,
                name: some("topic-1"),
                topic_id: uuid(1),
                is_internal: true,
                partitions: vec![
                    describe_topic_partitions::DescribeTopicPartitionsResponsePartition {
                        error_code: 3,
                        partition_index: 4,
                        leader_id: 5,
                        leader_epoch: 6,
                        replica_nodes: vec![7, 8],
                        isr_nodes: vec![9, 10],
                        eligible_leader_replicas: Some(vec![11, 12]),
                        last_known_elr: Some(vec![13, 14]),
                        offline_replicas: vec![15, 16],
                    },
                    describe_topic_partitions::DescribeTopicPartitionsResponsePartition {
                        error_code: 17,
                        ..Default::default()
                    },
                ],
                topic_authorized_operations: 18,
            },
            describe_topic_partitions::DescribeTopicPartitionsResponseTopic {
                error_code: 19,
                name: None,
                ..Default::default()
            },
        ],
        next_cursor: Some(describe_topic_partitions::Cursor {
            topic_name: text("topic-2"),
            partition_index: 20,
        }),
    }
}
