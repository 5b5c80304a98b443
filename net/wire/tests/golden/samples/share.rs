//! Samples of share groups: ShareGroupHeartbeat, ShareGroupDescribe, ShareFetch, ShareAcknowledge,
//! and the APIs of their offsets.

use corelog_wire::api::current_leader::{LeaderIdAndEpoch, NodeEndpoint};
use corelog_wire::api::{
    alter_share_group_offsets as alter, consumer_group_describe, consumer_group_heartbeat,
    delete_share_group_offsets as delete, describe_share_group_offsets as describe,
    share_acknowledge, share_fetch, share_group_describe,
};
use corelog_wire::*;

use super::{some, text, uuid};

pub(crate) fn share_group_heartbeat_request(_: i16) -> ShareGroupHeartbeatRequest<'static> {
    ShareGroupHeartbeatRequest {
        group_id: text("group-1"),
        member_id: text("member-1"),
        member_epoch: 1,
        rack_id: some("rack-1"),
        subscribed_topic_names: Some(vec![text("topic-1"), text("topic-2")]),
    }
}

pub(crate) fn share_group_heartbeat_response(_: i16) -> ShareGroupHeartbeatResponse<'static> {
    let topic =
        |topic_id, partitions| consumer_group_heartbeat::TopicPartitions { topic_id, partitions };
    ShareGroupHeartbeatResponse {
        throttle_time_ms: 1,
        error_code: 2,
        error_message: some("message-1"),
        member_id: some("member-1"),
        member_epoch: 3,
        heartbeat_interval_ms: 4,
        assignment: Some(consumer_group_heartbeat::Assignment {
            topic_partitions: vec![topic(uuid(1), vec![5, 6]), topic(uuid(101), vec![])],
        }),
    }
}

pub(crate) fn share_group_describe_request(_: i16) -> ShareGroupDescribeRequest<'static> {
    ShareGroupDescribeRequest {
        group_ids: vec![text("group-1"), text("group-2")],
        include_authorized_operations: true,
    }
}

pub(crate) fn share_group_describe_response(_: i16) -> ShareGroupDescribeResponse<'static> {
    let topic = consumer_group_describe::TopicPartitions {
        topic_id: uuid(1),
        topic_name: text("topic-1"),
        partitions: vec![7, 8],
    };
    let member = share_group_describe::Member {
        member_id: text("member-1"),
        rack_id: some("rack-1"),
        member_epoch: 5,
        client_id: text("client-1"),
        client_host: text("host-1"),
        subscribed_topic_names: vec![text("topic-1"), text("topic-2")],
        assignment: consumer_group_describe::Assignment { topic_partitions: vec![topic] },
    };
    let second = share_group_describe::Member { rack_id: None, ..member.clone() };
    ShareGroupDescribeResponse {
        throttle_time_ms: 1,
        groups: vec![
            share_group_describe::DescribedGroup {
                error_code: 2,
                error_message: some("message-1"),
                group_id: text("group-1"),
                group_state: text("Stable"),
                group_epoch: 3,
                assignment_epoch: 4,
                assignor_name: text("assignor-1"),
                members: vec![member, second],
                authorized_operations: 9,
            },
            share_group_describe::DescribedGroup::default(),
        ],
    }
}

fn acknowledgements() -> Vec<share_fetch::AcknowledgementBatch> {
    let batch = |first_offset, last_offset, acknowledge_types| share_fetch::AcknowledgementBatch {
        first_offset,
        last_offset,
        acknowledge_types,
    };
    vec![batch(1 << 40, 13, vec![1, 2]), batch(14, 15, vec![])]
}

fn leader() -> LeaderIdAndEpoch {
    LeaderIdAndEpoch { leader_id: 28, leader_epoch: 29 }
}

fn node_endpoints() -> Vec<NodeEndpoint<'static>> {
    let (host, rack) = (text("host-1"), some("rack-1"));
    let node = NodeEndpoint { node_id: 41, host, port: 9092, rack };
    let second = NodeEndpoint { node_id: 42, rack: None, ..node.clone() };
    vec![node, second]
}

pub(crate) fn share_fetch_request(version: i16) -> ShareFetchRequest<'static> {
    let partition = |partition_index, acknowledgement_batches| share_fetch::FetchPartition {
        partition_index,
        acknowledgement_batches,
    };
    ShareFetchRequest {
        group_id: some("group-1"),
        member_id: some("member-1"),
        share_session_epoch: 1,
        max_wait_ms: 2,
        min_bytes: 3,
        max_bytes: 4,
        max_records: 5,
        batch_size: 6,
        share_acquire_mode: i8::from(version >= 2),
        is_renew_ack: version >= 2,
        topics: vec![
            share_fetch::FetchTopic {
                topic_id: uuid(1),
                partitions: vec![partition(7, acknowledgements()), partition(8, vec![])],
            },
            share_fetch::FetchTopic { topic_id: uuid(101), partitions: vec![] },
        ],
        forgotten_topics_data: vec![
            share_fetch::ForgottenTopic { topic_id: uuid(21), partitions: vec![9, 10] },
            share_fetch::ForgottenTopic { topic_id: uuid(121), partitions: vec![] },
        ],
    }
}

pub(crate) fn share_fetch_response(_: i16) -> ShareFetchResponse<'static> {
    let acquired = |first_offset, last_offset, delivery_count| share_fetch::AcquiredRecords {
        first_offset,
        last_offset,
        delivery_count,
    };
    let partition = share_fetch::PartitionData {
        partition_index: 5,
        error_code: 6,
        error_message: some("message-2"),
        acknowledge_error_code: 7,
        acknowledge_error_message: some("message-3"),
        current_leader: leader(),
        records: Records::Bytes(b"batch-1"),
        acquired_records: vec![acquired(1 << 40, 9, 10), acquired(11, 12, 13)],
    };
    let second = share_fetch::PartitionData {
        error_message: None,
        acknowledge_error_message: None,
        records: Records::Bytes(b""),
        acquired_records: vec![],
        ..partition.clone()
    };
    ShareFetchResponse {
        throttle_time_ms: 1,
        error_code: 2,
        error_message: some("message-1"),
        acquisition_lock_timeout_ms: 3,
        responses: vec![
            share_fetch::ShareFetchableTopicResponse {
                topic_id: uuid(1),
                partitions: vec![partition, second],
            },
            share_fetch::ShareFetchableTopicResponse { topic_id: uuid(101), partitions: vec![] },
        ],
        node_endpoints: node_endpoints(),
    }
}

pub(crate) fn share_acknowledge_request(version: i16) -> ShareAcknowledgeRequest<'static> {
    let partition = |partition_index, acknowledgement_batches| {
        share_acknowledge::AcknowledgePartition { partition_index, acknowledgement_batches }
    };
    ShareAcknowledgeRequest {
        group_id: some("group-1"),
        member_id: some("member-1"),
        share_session_epoch: 1,
        is_renew_ack: version >= 2,
        topics: vec![
            share_acknowledge::AcknowledgeTopic {
                topic_id: uuid(1),
                partitions: vec![partition(7, acknowledgements()), partition(8, vec![])],
            },
            share_acknowledge::AcknowledgeTopic { topic_id: uuid(101), partitions: vec![] },
        ],
    }
}

pub(crate) fn share_acknowledge_response(_: i16) -> ShareAcknowledgeResponse<'static> {
    let partition = share_acknowledge::PartitionData {
        partition_index: 5,
        error_code: 6,
        error_message: some("message-2"),
        current_leader: leader(),
    };
    let second = share_acknowledge::PartitionData { error_message: None, ..partition.clone() };
    ShareAcknowledgeResponse {
        throttle_time_ms: 1,
        error_code: 2,
        error_message: some("message-1"),
        acquisition_lock_timeout_ms: 3,
        responses: vec![
            share_acknowledge::ShareAcknowledgeTopicResponse {
                topic_id: uuid(1),
                partitions: vec![partition, second],
            },
            share_acknowledge::ShareAcknowledgeTopicResponse {
                topic_id: uuid(101),
                partitions: vec![],
            },
        ],
        node_endpoints: node_endpoints(),
    }
}

pub(crate) fn describe_share_group_offsets_request(
    _: i16,
) -> DescribeShareGroupOffsetsRequest<'static> {
    let topic = |topic_name, partitions| describe::DescribeTopic { topic_name, partitions };
    let topics = vec![topic(text("topic-1"), vec![1, 2]), topic(text("topic-2"), vec![])];
    DescribeShareGroupOffsetsRequest {
        groups: vec![
            describe::DescribeGroup { group_id: text("group-1"), topics: Some(topics) },
            describe::DescribeGroup { group_id: text("group-2"), topics: None },
        ],
    }
}

pub(crate) fn describe_share_group_offsets_response(
    _: i16,
) -> DescribeShareGroupOffsetsResponse<'static> {
    let partition = describe::DescribedPartition {
        partition_index: 1,
        start_offset: 1 << 40,
        leader_epoch: 3,
        lag: 4,
        error_code: 5,
        error_message: some("message-1"),
    };
    let second = describe::DescribedPartition { error_message: None, ..partition.clone() };
    let topic = describe::DescribedTopic {
        topic_name: text("topic-1"),
        topic_id: uuid(1),
        partitions: vec![partition, second],
    };
    DescribeShareGroupOffsetsResponse {
        throttle_time_ms: 6,
        groups: vec![
            describe::DescribedGroup {
                group_id: text("group-1"),
                topics: vec![topic],
                error_code: 7,
                error_message: some("message-2"),
            },
            describe::DescribedGroup::default(),
        ],
    }
}

pub(crate) fn alter_share_group_offsets_request(_: i16) -> AlterShareGroupOffsetsRequest<'static> {
    let partition =
        |partition_index, start_offset| alter::AlterPartition { partition_index, start_offset };
    AlterShareGroupOffsetsRequest {
        group_id: text("group-1"),
        topics: vec![
            alter::AlterTopic {
                topic_name: text("topic-1"),
                partitions: vec![partition(1, 1 << 40), partition(2, 3)],
            },
            alter::AlterTopic { topic_name: text("topic-2"), partitions: vec![] },
        ],
    }
}

pub(crate) fn alter_share_group_offsets_response(
    _: i16,
) -> AlterShareGroupOffsetsResponse<'static> {
    let partition = alter::AlteredPartition {
        partition_index: 3,
        error_code: 4,
        error_message: some("message-2"),
    };
    let second = alter::AlteredPartition { error_message: None, ..partition.clone() };
    AlterShareGroupOffsetsResponse {
        throttle_time_ms: 1,
        error_code: 2,
        error_message: some("message-1"),
        responses: vec![
            alter::AlteredTopic {
                topic_name: text("topic-1"),
                topic_id: uuid(1),
                partitions: vec![partition, second],
            },
            alter::AlteredTopic::default(),
        ],
    }
}

pub(crate) fn delete_share_group_offsets_request(
    _: i16,
) -> DeleteShareGroupOffsetsRequest<'static> {
    let topic = |topic_name| delete::DeleteTopic { topic_name };
    DeleteShareGroupOffsetsRequest {
        group_id: text("group-1"),
        topics: vec![topic(text("topic-1")), topic(text("topic-2"))],
    }
}

pub(crate) fn delete_share_group_offsets_response(
    _: i16,
) -> DeleteShareGroupOffsetsResponse<'static> {
    DeleteShareGroupOffsetsResponse {
        throttle_time_ms: 1,
        error_code: 2,
        error_message: some("message-1"),
        responses: vec![
            delete::DeletedTopic {
                topic_name: text("topic-1"),
                topic_id: uuid(1),
                error_code: 3,
                error_message: some("message-2"),
            },
            delete::DeletedTopic::default(),
        ],
    }
}
