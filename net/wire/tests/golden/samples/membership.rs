//! Samples of how members join, stay in and leave a group: JoinGroup, Heartbeat, LeaveGroup,
//! SyncGroup, ConsumerGroupHeartbeat.

use corelog_wire::api::{consumer_group_heartbeat, join_group, leave_group, sync_group};
use corelog_wire::*;

use super::{bytes, some, text, uuid};

pub(crate) fn join_group_request(_: i16) -> JoinGroupRequest<'static> {
    JoinGroupRequest {
        group_id: text("group-1"),
        session_timeout_ms: 1,
        rebalance_timeout_ms: 2,
        member_id: text("member-id-1"),
        group_instance_id: some("group-instance-id-1"),
        protocol_type: text("protocol-type-1"),
        protocols: vec![
            join_group::JoinGroupRequestProtocol {
                name: text("protocol-1"),
                metadata: bytes(b"metadata-1"),
            },
            join_group::JoinGroupRequestProtocol {
                name: text("protocol-2"),
                metadata: bytes(b"metadata-2"),
            },
        ],
        reason: some("reason-1"),
    }
}

pub(crate) fn join_group_response(version: i16) -> JoinGroupResponse<'static> {
    JoinGroupResponse {
        throttle_time_ms: 1,
        error_code: 2,
        generation_id: 3,
        protocol_type: some("protocol-type-1"),
        // Null from version 7.
        protocol_name: if version >= 8 { None } else { some("protocol-name-1") },
        leader: text("leader-1"),
        skip_assignment: true,
        member_id: text("member-id-1"),
        members: vec![
            join_group::JoinGroupResponseMember {
                member_id: text("member-id-2"),
                group_instance_id: some("group-instance-id-1"),
                metadata: bytes(b"metadata-1"),
            },
            join_group::JoinGroupResponseMember {
                member_id: text("member-id-3"),
                group_instance_id: None,
                metadata: bytes(b"metadata-2"),
            },
        ],
    }
}

pub(crate) fn heartbeat_request(_: i16) -> HeartbeatRequest<'static> {
    HeartbeatRequest {
        group_id: text("group-1"),
        generation_id: 1,
        member_id: text("member-id-1"),
        group_instance_id: some("group-instance-id-1"),
    }
}

pub(crate) fn heartbeat_response(_: i16) -> HeartbeatResponse {
    HeartbeatResponse { throttle_time_ms: 1, error_code: 2 }
}

pub(crate) fn leave_group_request(_: i16) -> LeaveGroupRequest<'static> {
    LeaveGroupRequest {
        group_id: text("group-1"),
        member_id: text("member-id-1"),
        members: vec![
            leave_group::MemberIdentity {
                member_id: text("member-id-2"),
                group_instance_id: some("group-instance-id-1"),
                reason: some("reason-1"),
            },
            leave_group::MemberIdentity {
                member_id: text("member-id-3"),
                group_instance_id: None,
                reason: None,
            },
        ],
    }
}

pub(crate) fn leave_group_response(_: i16) -> LeaveGroupResponse<'static> {
    LeaveGroupResponse {
        throttle_time_ms: 1,
        error_code: 2,
        members: vec![
            leave_group::MemberResponse {
                member_id: text("member-id-1"),
                group_instance_id: some("group-instance-id-1"),
                error_code: 3,
            },
            leave_group::MemberResponse {
                member_id: text("member-id-2"),
                group_instance_id: None,
                error_code: 4,
            },
        ],
    }
}

pub(crate) fn sync_group_request(_: i16) -> SyncGroupRequest<'static> {
    SyncGroupRequest {
        group_id: text("group-1"),
        generation_id: 1,
        member_id: text("member-id-1"),
        group_instance_id: some("group-instance-id-1"),
        protocol_type: some("protocol-type-1"),
        protocol_name: some("protocol-name-1"),
        assignments: vec![
            sync_group::SyncGroupRequestAssignment {
                member_id: text("member-id-2"),
                assignment: bytes(b"assignment-1"),
            },
            sync_group::SyncGroupRequestAssignment {
                member_id: text("member-id-3"),
                assignment: bytes(b"assignment-2"),
            },
        ],
    }
}

pub(crate) fn sync_group_response(_: i16) -> SyncGroupResponse<'static> {
    SyncGroupResponse {
        throttle_time_ms: 1,
        error_code: 2,
        protocol_type: some("protocol-type-1"),
        protocol_name: some("protocol-name-1"),
        assignment: bytes(b"assignment-1"),
    }
}

pub(crate) fn consumer_group_heartbeat_request(_: i16) -> ConsumerGroupHeartbeatRequest<'static> {
    ConsumerGroupHeartbeatRequest {
        group_id: text("group-1"),
        member_id: text("member-id-1"),
        member_epoch: 1,
        instance_id: some("instance-id-1"),
        rack_id: some("rack-1"),
        rebalance_timeout_ms: 2,
        subscribed_topic_names: Some(vec![text("topic-1"), text("topic-2")]),
        subscribed_topic_regex: some("subscribed-topic-regex-1"),
        server_assignor: some("server-assignor-1"),
        topic_partitions: Some(vec![
            consumer_group_heartbeat::TopicPartitions { topic_id: uuid(1), partitions: vec![3, 4] },
            consumer_group_heartbeat::TopicPartitions { topic_id: uuid(101), partitions: vec![] },
        ]),
    }
}

pub(crate) fn consumer_group_heartbeat_response(_: i16) -> ConsumerGroupHeartbeatResponse<'static> {
    ConsumerGroupHeartbeatResponse {
        throttle_time_ms: 1,
        error_code: 2,
        error_message: some("message-1"),
        member_id: some("member-id-1"),
        member_epoch: 3,
        heartbeat_interval_ms: 4,
        assignment: Some(consumer_group_heartbeat::Assignment {
            topic_partitions: vec![
                consumer_group_heartbeat::TopicPartitions {
                    topic_id: uuid(1),
                    partitions: vec![5, 6],
                },
                consumer_group_heartbeat::TopicPartitions {
                    topic_id: uuid(101),
                    partitions: vec![],
                },
            ],
        }),
    }
}
