//! DescribeAcls, key 29: the ACLs that match a filter.

use crate::Text;

message! {
    /// API 29, versions 1-3, flexible from 2.
    DescribeAclsRequest<'a> {
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

    /// API 29, versions 1-3, flexible from 2.
    DescribeAclsResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        resources: Vec<DescribeAclsResource<'a>>;
    }

    /// A resource, or all that a pattern matches, and its ACLs.
    DescribeAclsResource<'a> {
        /// 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
        resource_type: i8;
        resource_name: Text<'a>;
        /// 3 literal, 4 prefixed.
        pattern_type: i8, else 3;
        acls: Vec<AclDescription<'a>>;
    }

    /// An ACL.
    AclDescription<'a> {
        principal: Text<'a>;
        host: Text<'a>;
        operation: i8;
        /// 2 deny, 3 allow.
        permission_type: i8;
    }
}

api!(DescribeAcls: DescribeAclsRequest<'q> => DescribeAclsResponse<'r>);
