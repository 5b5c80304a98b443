//! DescribeGroups, key 15: the state and the members of classic groups.

use super::metadata::OPERATIONS_NOT_REQUESTED;
use crate::{Bytes, Text};

message! {
    /// API 15, versions 0-6, flexible from 5.
    DescribeGroupsRequest<'a> {
        groups: Vec<Text<'a>>;
        include_authorized_operations: bool, in 3..;
    }

    /// API 15, versions 0-6, flexible from 5.
    DescribeGroupsResponse<'a> {
        throttle_time_ms: i32, in 1..;
        groups: Vec<DescribedGroup<'a>>;
    }

    /// A group.
    DescribedGroup<'a> {
        error_code: i16;
        error_message: Option<Text<'a>>, in 6..;
        group_id: Text<'a>;
        /// By name, as `Stable`; empty where unknown.
        group_state: Text<'a>;
        protocol_type: Text<'a>;
        /// The chosen protocol, or empty.
        protocol_data: Text<'a>;
        members: Vec<DescribedGroupMember<'a>>;
        authorized_operations: i32, in 3.., else OPERATIONS_NOT_REQUESTED;
    }

    /// A member of a group.
    DescribedGroupMember<'a> {
        member_id: Text<'a>;
        group_instance_id: Option<Text<'a>>, in 4..;
        client_id: Text<'a>;
        client_host: Text<'a>;
        member_metadata: Bytes<'a>;
        member_assignment: Bytes<'a>;
    }
}

api!(DescribeGroups: DescribeGroupsRequest<'q> => DescribeGroupsResponse<'r>);
