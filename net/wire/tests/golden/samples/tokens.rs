//! Samples of delegation tokens.

use corelog_wire::api::{create_delegation_token, describe_delegation_token};
use corelog_wire::*;

use super::{bytes, some, text};

pub(crate) fn create_delegation_token_request(
    version: i16,
) -> CreateDelegationTokenRequest<'static> {
    let renewer = |principal_type, principal_name| create_delegation_token::CreatableRenewers {
        principal_type: text(principal_type),
        principal_name: text(principal_name),
    };
    CreateDelegationTokenRequest {
        owner_principal_type: some("type-1").filter(|_| version >= 3),
        owner_principal_name: some("owner-1").filter(|_| version >= 3),
        renewers: vec![renewer("type-2", "renewer-1"), renewer("type-3", "renewer-2")],
        max_lifetime_ms: 1,
    }
}

pub(crate) fn create_delegation_token_response(
    version: i16,
) -> CreateDelegationTokenResponse<'static> {
    CreateDelegationTokenResponse {
        error_code: 1,
        principal_type: text("type-1"),
        principal_name: text("owner-1"),
        token_requester_principal_type: text(if version >= 3 { "type-2" } else { "" }),
        token_requester_principal_name: text(if version >= 3 { "requester-1" } else { "" }),
        issue_timestamp_ms: 2,
        expiry_timestamp_ms: 3,
        max_timestamp_ms: 4,
        token_id: text("token-1"),
        hmac: bytes(b"hmac-1"),
        throttle_time_ms: 5,
    }
}

pub(crate) fn renew_delegation_token_request(_: i16) -> RenewDelegationTokenRequest<'static> {
    RenewDelegationTokenRequest { hmac: bytes(b"hmac-1"), renew_period_ms: 1 }
}

pub(crate) fn renew_delegation_token_response(_: i16) -> RenewDelegationTokenResponse {
    RenewDelegationTokenResponse { error_code: 1, expiry_timestamp_ms: 2, throttle_time_ms: 3 }
}

pub(crate) fn expire_delegation_token_request(_: i16) -> ExpireDelegationTokenRequest<'static> {
    ExpireDelegationTokenRequest { hmac: bytes(b"hmac-1"), expiry_time_period_ms: 1 }
}

pub(crate) fn expire_delegation_token_response(_: i16) -> ExpireDelegationTokenResponse {
    ExpireDelegationTokenResponse { error_code: 1, expiry_timestamp_ms: 2, throttle_time_ms: 3 }
}

pub(crate) fn describe_delegation_token_request(_: i16) -> DescribeDelegationTokenRequest<'static> {
    let owner = |principal_type, principal_name| {
        let (principal_type, principal_name) = (text(principal_type), text(principal_name));
        describe_delegation_token::DescribeDelegationTokenOwner { principal_type, principal_name }
    };
    let owners = Some(vec![owner("type-1", "owner-1"), owner("type-2", "owner-2")]);
    DescribeDelegationTokenRequest { owners }
}

pub(crate) fn describe_delegation_token_response(
    version: i16,
) -> DescribeDelegationTokenResponse<'static> {
    let renewer = |principal_type, principal_name| {
        let (principal_type, principal_name) = (text(principal_type), text(principal_name));
        describe_delegation_token::DescribedDelegationTokenRenewer {
            principal_type,
            principal_name,
        }
    };
    let token = describe_delegation_token::DescribedDelegationToken {
        principal_type: text("type-1"),
        principal_name: text("owner-1"),
        token_requester_principal_type: text(if version >= 3 { "type-2" } else { "" }),
        token_requester_principal_name: text(if version >= 3 { "requester-1" } else { "" }),
        issue_timestamp: 2,
        expiry_timestamp: 3,
        max_timestamp: 4,
        token_id: text("token-1"),
        hmac: bytes(b"hmac-1"),
        renewers: vec![renewer("type-3", "renewer-1"), renewer("type-4", "renewer-2")],
    };
    let other = describe_delegation_token::DescribedDelegationToken {
        token_id: text("token-2"),
        ..Default::default()
    };
    DescribeDelegationTokenResponse {
        error_code: 1,
        tokens: vec![token, other],
        throttle_time_ms: 5,
    }
}
