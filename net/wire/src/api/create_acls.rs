//! CreateAcls, key 30: give and deny rights.

use crate::Text;

message! {
    /// API 30, versions 1-3, flexible from 2.
    CreateAclsRequest<'a> {
        creations: Vec<AclCreation<'a>>;
    }

    /// An ACL to create.
    AclCreation<'a> {
        /// 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
        resource_type: i8;
        resource_name: Text<'a>;
        /// 3 literal, 4 prefixed.
        resource_pattern_type: i8, else 3;
        principal: Text<'a>;
        host: Text<'a>;
        operation: i8;
        /// 2 deny, 3 allow.
        permission_type: i8;
    }

    /// API 30, versions 1-3, flexible from 2.
    CreateAclsResponse<'a> {
        throttle_time_ms: i32;
        results: Vec<AclCreationResult<'a>>;
    }

    /// What became of one ACL.
    AclCreationResult<'a> {
        error_code: i16;
        error_message: Option<Text<'a>>;
    }
}

api!(CreateAcls: CreateAclsRequest<'q> => CreateAclsResponse<'r>);
