//! Samples of group administration: DescribeGroups, ListGroups, DeleteGroups,
//! ConsumerGroupDescribe.

use corelog_wire::api::{consumer_group_describe, delete_groups, describe_groups, list_groups};
use corelog_wire::*;

use super::{bytes, some, text, uuid};

pub(crate) fn describe_groups_request(_: i16) -> DescribeGroupsRequest<'static> {
    DescribeGroupsRequest {
        groups: vec![text("group-1"), text("group-2")],
        include_authorized_operations: true,
    }
}

pub(crate) fn describe_groups_response(_: i16) -> DescribeGroupsResponse<'static> {
    DescribeGroupsResponse {
        throttle_time_ms: 1,
        groups: vec![
            describe_groups::DescribedGroup {
                error_code: 2,
                error_message: some("message-1"),
                group_id: text("group-1"),
                group_state: text("group-state-1"),
                protocol_type: text("protocol-type-1"),
                protocol_data: text("protocol-data-1"),
                members: vec![
                    describe_groups::DescribedGroupMember {
                        member_id: text("member-id-1"),
                        group_instance_id: some("group-instance-id-1"),
                        client_id: text("client-id-1"),
                        client_host: text("host-1"),
                        member_metadata: bytes(b"member-metadata-1"),
                        member_assignment: bytes(b"member-assignment-1"),
                    },
                    describe_groups::DescribedGroupMember {
                        member_id: text("member-id-2"),
                        ..Default::default()
                    },
                ],
                authorized_operations: 3,
            },
            describe_groups::DescribedGroup {
                error_code: 4,
                group_id: text("group-2"),
                ..Default::default()
            },
        ],
    }
}

pub(crate) fn list_groups_request(_: i16) -> ListGroupsRequest<'static> {
    ListGroupsRequest {
        states_filter: vec![text("states-filter-1"), text("states-filter-2")],
        types_filter: vec![text("types-filter-1"), text("types-filter-2")],
    }
}

pub(crate) fn list_groups_response(_: i16) -> ListGroupsResponse<'static> {
    ListGroupsResponse {
        throttle_time_ms: 1,
        error_code: 2,
        groups: vec![
            list_groups::ListedGroup {
                group_id: text("group-1"),
                protocol_type: text("protocol-type-1"),
                group_state: text("group-state-1"),
                group_type: text("group-type-1"),
            },
            list_groups::ListedGroup {
                group_id: text("group-2"),
                protocol_type: text("protocol-type-2"),
                group_state: text("group-state-2"),
                group_type: text("group-type-2"),
            },
        ],
    }
}

pub(crate) fn delete_groups_request(_: i16) -> DeleteGroupsRequest<'static> {
    DeleteGroupsRequest { groups_names: vec![text("group-1"), text("group-2")] }
}

pub(crate) fn delete_groups_response(_: i16) -> DeleteGroupsResponse<'static> {
    DeleteGroupsResponse {
        throttle_time_ms: 1,
        results: vec![
            delete_groups::DeletableGroupResult { group_id: text("group-1"), error_code: 2 },
            delete_groups::DeletableGroupResult { group_id: text("group-2"), error_code: 3 },
        ],
    }
}

pub(crate) fn consumer_group_describe_request(_: i16) -> ConsumerGroupDescribeRequest<'static> {
    ConsumerGroupDescribeRequest {
        group_ids: vec![text("group-1"), text("group-2")],
        include_authorized_operations: true,
    }
}

pub(crate) fn consumer_group_describe_response(_: i16) -> ConsumerGroupDescribeResponse<'static> {
    ConsumerGroupDescribeResponse {
        throttle_time_ms: 1,
        groups: vec![
            consumer_group_describe::DescribedGroup {
                error_code: 2,
                error_message: some("message-1"),
                group_id: text("group-1"),
                group_state: text("group-state-1"),
                group_epoch: 3,
                assignment_epoch: 4,
                assignor_name: text("assignor-name-1"),
                members: vec![
                    consumer_group_describe::Member {
                        member_id: text("member-id-1"),
                        instance_id: some("instance-id-1"),
                        rack_id: some("rack-1"),
                        member_epoch: 5,
                        client_id: text("client-id-1"),
                        client_host: text("host-1"),
                        subscribed_topic_names: vec![text("topic-1"), text("topic-2")],
                        subscribed_topic_regex: some("subscribed-topic-regex-1"),
                        assignment: consumer_group_describe::Assignment {
                            topic_partitions: vec![
                                consumer_group_describe::TopicPartitions {
                                    topic_id: uuid(1),
                                    topic_name: text("topic-3"),
                                    partitions: vec![6, 7],
                                },
                                consumer_group_describe::TopicPartitions {
                                    topic_id: uuid(101),
                                    topic_name: text("topic-4"),
                                    partitions: vec![],
                                },
                            ],
                        },
                        target_assignment: consumer_group_describe::Assignment {
                            topic_partitions: vec![
                                consumer_group_describe::TopicPartitions {
                                    topic_id: uuid(111),
                                    topic_name: text("topic-5"),
                                    partitions: vec![8, 9],
                                },
                                consumer_group_describe::TopicPartitions {
                                    topic_id: uuid(121),
                                    topic_name: text("topic-6"),
                                    partitions: vec![],
                                },
                            ],
                        },
                        member_type: 10,
                    },
                    consumer_group_describe::Member {
                        member_id: text("member-id-2"),
                        ..Default::default()
                    },
                ],
                authorized_operations: 11,
            },
            consumer_group_describe::DescribedGroup {
                error_code: 12,
                group_id: text("group-2"),
                ..Default::default()
            },
        ],
    }
}
