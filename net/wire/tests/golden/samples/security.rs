//! Samples of security: SASL, ACLs, SCRAM credentials.

use corelog_wire::api::{
    alter_user_scram_credentials, create_acls, delete_acls, describe_acls,
    describe_user_scram_credentials,
};
use corelog_wire::*;

use super::{bytes, some, text};

pub(crate) fn sasl_handshake_request(_: i16) -> SaslHandshakeRequest<'static> {
    SaslHandshakeRequest { mechanism: text("mechanism-1") }
}

pub(crate) fn sasl_handshake_response(_: i16) -> SaslHandshakeResponse<'static> {
    SaslHandshakeResponse {
        error_code: 1,
        mechanisms: vec![text("mechanism-1"), text("mechanism-2")],
    }
}

pub(crate) fn sasl_authenticate_request(_: i16) -> SaslAuthenticateRequest<'static> {
    SaslAuthenticateRequest { auth_bytes: bytes(b"auth-bytes-1") }
}

pub(crate) fn sasl_authenticate_response(_: i16) -> SaslAuthenticateResponse<'static> {
    SaslAuthenticateResponse {
        error_code: 1,
        error_message: some("message-1"),
        auth_bytes: bytes(b"auth-bytes-1"),
        session_lifetime_ms: 2,
    }
}

pub(crate) fn describe_acls_request(_: i16) -> DescribeAclsRequest<'static> {
    DescribeAclsRequest {
        resource_type_filter: 1,
        resource_name_filter: some("resource-1"),
        pattern_type_filter: 2,
        principal_filter: some("principal-1"),
        host_filter: some("host-1"),
        operation: 3,
        permission_type: 4,
    }
}

pub(crate) fn describe_acls_response(_: i16) -> DescribeAclsResponse<'static> {
    DescribeAclsResponse {
        throttle_time_ms: 1,
        error_code: 2,
        error_message: some("message-1"),
        resources: vec![
            describe_acls::DescribeAclsResource {
                resource_type: 3,
                resource_name: text("resource-1"),
                pattern_type: 4,
                acls: vec![
                    describe_acls::AclDescription {
                        principal: text("principal-1"),
                        host: text("host-1"),
                        operation: 5,
                        permission_type: 6,
                    },
                    describe_acls::AclDescription {
                        principal: text("principal-2"),
                        host: text("host-2"),
                        operation: 7,
                        permission_type: 8,
                    },
                ],
            },
            describe_acls::DescribeAclsResource {
                resource_type: 9,
                resource_name: text("resource-2"),
                pattern_type: 10,
                acls: vec![],
            },
        ],
    }
}

pub(crate) fn create_acls_request(_: i16) -> CreateAclsRequest<'static> {
    CreateAclsRequest {
        creations: vec![
            create_acls::AclCreation {
                resource_type: 1,
                resource_name: text("resource-1"),
                resource_pattern_type: 2,
                principal: text("principal-1"),
                host: text("host-1"),
                operation: 3,
                permission_type: 4,
            },
            create_acls::AclCreation { resource_type: 5, ..Default::default() },
        ],
    }
}

pub(crate) fn create_acls_response(_: i16) -> CreateAclsResponse<'static> {
    CreateAclsResponse {
        throttle_time_ms: 1,
        results: vec![
            create_acls::AclCreationResult { error_code: 2, error_message: some("message-1") },
            create_acls::AclCreationResult { error_code: 3, error_message: None },
        ],
    }
}

pub(crate) fn delete_acls_request(_: i16) -> DeleteAclsRequest<'static> {
    DeleteAclsRequest {
        filters: vec![
            delete_acls::DeleteAclsFilter {
                resource_type_filter: 1,
                resource_name_filter: some("resource-1"),
                pattern_type_filter: 2,
                principal_filter: some("principal-1"),
                host_filter: some("host-1"),
                operation: 3,
                permission_type: 4,
            },
            delete_acls::DeleteAclsFilter { resource_type_filter: 5, ..Default::default() },
        ],
    }
}

pub(crate) fn delete_acls_response(_: i16) -> DeleteAclsResponse<'static> {
    DeleteAclsResponse {
        throttle_time_ms: 1,
        filter_results: vec![
            delete_acls::DeleteAclsFilterResult {
                error_code: 2,
                error_message: some("message-1"),
                matching_acls: vec![
                    delete_acls::DeleteAclsMatchingAcl {
                        error_code: 3,
                        error_message: some("message-2"),
                        resource_type: 4,
                        resource_name: text("resource-1"),
                        pattern_type: 5,
                        principal: text("principal-1"),
                        host: text("host-1"),
                        operation: 6,
                        permission_type: 7,
                    },
                    delete_acls::DeleteAclsMatchingAcl { error_code: 8, ..Default::default() },
                ],
            },
            delete_acls::DeleteAclsFilterResult {
                error_code: 9,
                error_message: None,
                matching_acls: vec![],
            },
        ],
    }
}

pub(crate) fn describe_user_scram_credentials_request(
    _: i16,
) -> DescribeUserScramCredentialsRequest<'static> {
    DescribeUserScramCredentialsRequest {
        users: Some(vec![
            describe_user_scram_credentials::UserName { name: text("topic-1") },
            describe_user_scram_credentials::UserName { name: text("topic-2") },
        ]),
    }
}

pub(crate) fn describe_user_scram_credentials_response(
    _: i16,
) -> DescribeUserScramCredentialsResponse<'static> {
    DescribeUserScramCredentialsResponse {
        throttle_time_ms: 1,
        error_code: 2,
        error_message: some("message-1"),
        results: vec![
            describe_user_scram_credentials::DescribeUserScramCredentialsResult {
                user: text("user-1"),
                error_code: 3,
                error_message: some("message-2"),
                credential_infos: vec![
                    describe_user_scram_credentials::CredentialInfo { mechanism: 4, iterations: 5 },
                    describe_user_scram_credentials::CredentialInfo { mechanism: 6, iterations: 7 },
                ],
            },
            describe_user_scram_credentials::DescribeUserScramCredentialsResult {
                user: text("user-2"),
                error_code: 8,
                error_message: None,
                credential_infos: vec![],
            },
        ],
    }
}

pub(crate) fn alter_user_scram_credentials_request(
    _: i16,
) -> AlterUserScramCredentialsRequest<'static> {
    AlterUserScramCredentialsRequest {
        deletions: vec![
            alter_user_scram_credentials::ScramCredentialDeletion {
                name: text("topic-1"),
                mechanism: 1,
            },
            alter_user_scram_credentials::ScramCredentialDeletion {
                name: text("topic-2"),
                mechanism: 2,
            },
        ],
        upsertions: vec![
            alter_user_scram_credentials::ScramCredentialUpsertion {
                name: text("topic-3"),
                mechanism: 3,
                iterations: 4,
                salt: bytes(b"salt-1"),
                salted_password: bytes(b"salted-password-1"),
            },
            alter_user_scram_credentials::ScramCredentialUpsertion {
                name: text("topic-4"),
                mechanism: 5,
                iterations: 6,
                salt: bytes(b"salt-2"),
                salted_password: bytes(b"salted-password-2"),
            },
        ],
    }
}

pub(crate) fn alter_user_scram_credentials_response(
    _: i16,
) -> AlterUserScramCredentialsResponse<'static> {
    AlterUserScramCredentialsResponse {
        throttle_time_ms: 1,
        results: vec![
            alter_user_scram_credentials::AlterUserScramCredentialsResult {
                user: text("user-1"),
                error_code: 2,
                error_message: some("message-1"),
            },
            alter_user_scram_credentials::AlterUserScramCredentialsResult {
                user: text("user-2"),
                error_code: 3,
                error_message: None,
            },
        ],
    }
}
