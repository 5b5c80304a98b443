//! ConsumerGroupDescribe, key 69: the state and the members of groups whose coordinator assigns
//! (KIP-848).

use super::metadata::OPERATIONS_NOT_REQUESTED;
use crate::{Text, Uuid};

message! {
    /// API 69, versions 0-1, flexible from 0.
    ConsumerGroupDescribeRequest<'a> {
        group_ids: Vec<Text<'a>>;
        include_authorized_operations: bool;
    }

    /// API 69, versions 0-1, flexible from 0.
    ConsumerGroupDescribeResponse<'a> {
        throttle_time_ms: i32;
        groups: Vec<DescribedGroup<'a>>;
    }

    /// A group.
    DescribedGroup<'a> {
        error_code: i16;
        error_message: Option<Text<'a>>;
        group_id: Text<'a>;
        /// By name, as `Stable`; empty where unknown.
        group_state: Text<'a>;
        group_epoch: i32;
        assignment_epoch: i32;
        assignor_name: Text<'a>;
        members: Vec<Member<'a>>;
        authorized_operations: i32, else OPERATIONS_NOT_REQUESTED;
    }

    /// A member of a group.
    Member<'a> {
        member_id: Text<'a>;
        instance_id: Option<Text<'a>>;
        rack_id: Option<Text<'a>>;
        member_epoch: i32;
        client_id: Text<'a>;
        client_host: Text<'a>;
        subscribed_topic_names: Vec<Text<'a>>;
        subscribed_topic_regex: Option<Text<'a>>;
        assignment: Assignment<'a>;
        target_assignment: Assignment<'a>;
        /// -1 unknown, 0 of the classic protocol, 1 of the new one.
        member_type: i8, in 1.., else -1;
    }

    /// The partitions of a member.
    Assignment<'a> {
        topic_partitions: Vec<TopicPartitions<'a>>;
    }

    /// A topic and its partitions.
    TopicPartitions<'a> {
        topic_id: Uuid;
        topic_name: Text<'a>;
        partitions: Vec<i32>;
    }
}

api!(ConsumerGroupDescribe: ConsumerGroupDescribeRequest<'q> => ConsumerGroupDescribeResponse<'r>);
