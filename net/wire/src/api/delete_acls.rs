//! DeleteAcls, key 31: delete the ACLs that match filters.

use crate::Text;

message! {
    /// API 31, versions 1-3, flexible from 2.
    DeleteAclsRequest<'a> {
        filters: Vec<DeleteAclsFilter<'a>>;
    }

    /// What to delete.
    DeleteAclsFilter<'a> {
        /// 1 any, 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
        resource_type_filter: i8;
        /// Null, here and below, is any.
        resource_name_filter: Option<Text<'a>>;
        /// 1 any, 2 match, 3 literal, 4 prefixed.
        pattern_type_filter: i8, else 3;
        principal_filter: Option<Text<'a>>;
        host_filter: Option<Text<'a>>;
        operation: i8;
        /// 1 any, 2 deny, 3 allow.
        permission_type: i8;
    }

    /// API 31, versions 1-3, flexible from 2.
    DeleteAclsResponse<'a> {
        throttle_time_ms: i32;
        filter_results: Vec<DeleteAclsFilterResult<'a>>;
    }

    /// What became of one filter.
    DeleteAclsFilterResult<'a> {
        error_code: i16;
        error_message: Option<Text<'a>>;
        matching_acls: Vec<DeleteAclsMatchingAcl<'a>>;
    }

    /// An ACL that matched, and what became of it.
    DeleteAclsMatchingAcl<'a> {
        error_code: i16;
        error_message: Option<Text<'a>>;
        /// 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
        resource_type: i8;
        resource_name: Text<'a>;
        /// 3 literal, 4 prefixed.
        pattern_type: i8, else 3;
        principal: Text<'a>;
        host: Text<'a>;
        operation: i8;
        /// 2 deny, 3 allow.
        permission_type: i8;
    }
}

api!(DeleteAcls: DeleteAclsRequest<'q> => DeleteAclsResponse<'r>);
