//! ListGroups, key 16: the groups that a broker coordinates.

use crate::Text;

message! {
    /// API 16, versions 0-5, flexible from 3.
    ListGroupsRequest<'a> {
        /// Empty is every state.
        states_filter: Vec<Text<'a>>, in 4..;
        /// Empty is every type.
        types_filter: Vec<Text<'a>>, in 5..;
    }

    /// API 16, versions 0-5, flexible from 3.
    ListGroupsResponse<'a> {
        throttle_time_ms: i32, in 1..;
        error_code: i16;
        groups: Vec<ListedGroup<'a>>;
    }

    /// A group.
    ListedGroup<'a> {
        group_id: Text<'a>;
        protocol_type: Text<'a>;
        group_state: Text<'a>, in 4..;
        group_type: Text<'a>, in 5..;
    }
}

api!(ListGroups: ListGroupsRequest<'q> => ListGroupsResponse<'r>);
