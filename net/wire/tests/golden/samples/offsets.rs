//! Samples of the offsets of groups: OffsetCommit, OffsetFetch, OffsetDelete.

use corelog_wire::api::{offset_commit, offset_delete, offset_fetch};
use corelog_wire::*;

use super::{some, text, uuid};

pub(crate) fn offset_commit_request(_: i16) -> OffsetCommitRequest<'static> {
    OffsetCommitRequest {
        group_id: text("group-1"),
        generation_id_or_member_epoch: 1,
        member_id: text("member-id-1"),
        group_instance_id: some("group-instance-id-1"),
        retention_time_ms: 2,
        topics: vec![
            offset_commit::OffsetCommitRequestTopic {
                name: text("topic-1"),
                topic_id: uuid(1),
                partitions: vec![
                    offset_commit::OffsetCommitRequestPartition {
                        partition_index: 3,
                        committed_offset: 4,
                        committed_leader_epoch: 5,
                        committed_metadata: some("committed-metadata-1"),
                    },
                    offset_commit::OffsetCommitRequestPartition {
                        partition_index: 6,
                        committed_offset: 7,
                        committed_leader_epoch: 8,
                        committed_metadata: None,
                    },
                ],
            },
            offset_commit::OffsetCommitRequestTopic {
                name: text("topic-2"),
                topic_id: uuid(101),
                partitions: vec![],
            },
        ],
    }
}

pub(crate) fn offset_commit_response(_: i16) -> OffsetCommitResponse<'static> {
    OffsetCommitResponse {
        throttle_time_ms: 1,
        topics: vec![
            offset_commit::OffsetCommitResponseTopic {
                name: text("topic-1"),
                topic_id: uuid(1),
                partitions: vec![
                    offset_commit::OffsetCommitResponsePartition {
                        partition_index: 2,
                        error_code: 3,
                    },
                    offset_commit::OffsetCommitResponsePartition {
                        partition_index: 4,
                        error_code: 5,
                    },
                ],
            },
            offset_commit::OffsetCommitResponseTopic {
                name: text("topic-2"),
                topic_id: uuid(101),
                partitions: vec![],
            },
        ],
    }
}

pub(crate) fn offset_fetch_request(version: i16) -> OffsetFetchRequest<'static> {
    let topics = vec![
        offset_fetch::OffsetFetchRequestTopic {
            name: text("topic-1"),
            partition_indexes: vec![1, 2],
        },
        offset_fetch::OffsetFetchRequestTopic { name: text("topic-2"), partition_indexes: vec![] },
    ];
    OffsetFetchRequest {
        group_id: text("group-1"),
        // Null from version 2, in flexible and in other ones.
        topics: if matches!(version, 5 | 7) { None } else { Some(topics) },
        groups: vec![
            offset_fetch::OffsetFetchRequestGroup {
                group_id: text("group-2"),
                member_id: some("member-id-1"),
                member_epoch: 3,
                topics: Some(vec![
                    offset_fetch::OffsetFetchRequestTopics {
                        name: text("topic-3"),
                        topic_id: uuid(1),
                        partition_indexes: vec![4, 5],
                    },
                    offset_fetch::OffsetFetchRequestTopics {
                        name: text("topic-4"),
                        topic_id: uuid(101),
                        partition_indexes: vec![],
                    },
                ]),
            },
            offset_fetch::OffsetFetchRequestGroup {
                group_id: text("group-3"),
                member_id: None,
                member_epoch: 6,
                topics: None,
            },
        ],
        require_stable: true,
    }
}

pub(crate) fn offset_fetch_response(_: i16) -> OffsetFetchResponse<'static> {
    OffsetFetchResponse {
        throttle_time_ms: 1,
        topics: vec![
            offset_fetch::OffsetFetchResponseTopic {
                name: text("topic-1"),
                partitions: vec![
                    offset_fetch::OffsetFetchResponsePartition {
                        partition_index: 2,
                        committed_offset: 3,
                        committed_leader_epoch: 4,
                        metadata: some("metadata-1"),
                        error_code: 5,
                    },
                    offset_fetch::OffsetFetchResponsePartition {
                        partition_index: 6,
                        committed_offset: 7,
                        committed_leader_epoch: 8,
                        metadata: None,
                        error_code: 9,
                    },
                ],
            },
            offset_fetch::OffsetFetchResponseTopic { name: text("topic-2"), partitions: vec![] },
        ],
        error_code: 10,
        groups: vec![
            offset_fetch::OffsetFetchResponseGroup {
                group_id: text("group-1"),
                topics: vec![
                    offset_fetch::OffsetFetchResponseTopics {
                        name: text("topic-3"),
                        topic_id: uuid(1),
                        partitions: vec![
                            offset_fetch::OffsetFetchResponsePartitions {
                                partition_index: 11,
                                committed_offset: 12,
                                committed_leader_epoch: 13,
                                metadata: some("metadata-2"),
                                error_code: 14,
                            },
                            offset_fetch::OffsetFetchResponsePartitions {
                                partition_index: 15,
                                committed_offset: 16,
                                committed_leader_epoch: 17,
                                metadata: None,
                                error_code: 18,
                            },
                        ],
                    },
                    offset_fetch::OffsetFetchResponseTopics {
                        name: text("topic-4"),
                        topic_id: uuid(101),
                        partitions: vec![],
                    },
                ],
                error_code: 19,
            },
            offset_fetch::OffsetFetchResponseGroup {
                group_id: text("group-2"),
                topics: vec![],
                error_code: 20,
            },
        ],
    }
}

pub(crate) fn offset_delete_request(_: i16) -> OffsetDeleteRequest<'static> {
    OffsetDeleteRequest {
        group_id: text("group-1"),
        topics: vec![
            offset_delete::OffsetDeleteRequestTopic {
                name: text("topic-1"),
                partitions: vec![
                    offset_delete::OffsetDeleteRequestPartition { partition_index: 1 },
                    offset_delete::OffsetDeleteRequestPartition { partition_index: 2 },
                ],
            },
            offset_delete::OffsetDeleteRequestTopic { name: text("topic-2"), partitions: vec![] },
        ],
    }
}

pub(crate) fn offset_delete_response(_: i16) -> OffsetDeleteResponse<'static> {
    OffsetDeleteResponse {
        error_code: 1,
        throttle_time_ms: 2,
        topics: vec![
            offset_delete::OffsetDeleteResponseTopic {
                name: text("topic-1"),
                partitions: vec![
                    offset_delete::OffsetDeleteResponsePartition {
                        partition_index: 3,
                        error_code: 4,
                    },
                    offset_delete::OffsetDeleteResponsePartition {
                        partition_index: 5,
                        error_code: 6,
                    },
                ],
            },
            offset_delete::OffsetDeleteResponseTopic { name: text("topic-2"), partitions: vec![] },
        ],
    }
}
