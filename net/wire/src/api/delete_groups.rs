//! DeleteGroups, key 42: delete groups without members, and their offsets.

use crate::Text;

message! {
    /// API 42, versions 0-2, flexible from 2.
    DeleteGroupsRequest<'a> {
        groups_names: Vec<Text<'a>>;
    }

    /// API 42, versions 0-2, flexible from 2.
    DeleteGroupsResponse<'a> {
        throttle_time_ms: i32;
        results: Vec<DeletableGroupResult<'a>>;
    }

    /// What became of one group.
    DeletableGroupResult<'a> {
        group_id: Text<'a>;
        error_code: i16;
    }
}

api!(DeleteGroups: DeleteGroupsRequest<'q> => DeleteGroupsResponse<'r>);
