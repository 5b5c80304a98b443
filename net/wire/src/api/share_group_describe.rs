//! ShareGroupDescribe, key 77: the state and the members of share groups (KIP-932).

use super::consumer_group_describe::Assignment;
use super::metadata::OPERATIONS_NOT_REQUESTED;
use crate::Text;

message! {
    /// API 77, version 1, flexible from 0.
    ShareGroupDescribeRequest<'a> {
        group_ids: Vec<Text<'a>>;
        include_authorized_operations: bool;
    }

    /// API 77, version 1, flexible from 0.
    ShareGroupDescribeResponse<'a> {
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
        rack_id: Option<Text<'a>>;
        member_epoch: i32;
        client_id: Text<'a>;
        client_host: Text<'a>;
        subscribed_topic_names: Vec<Text<'a>>;
        assignment: Assignment<'a>;
    }
}

api!(ShareGroupDescribe: ShareGroupDescribeRequest<'q> => ShareGroupDescribeResponse<'r>);
