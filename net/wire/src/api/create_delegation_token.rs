//! CreateDelegationToken, key 38: a token with which somebody may log in as a user (KIP-48).

use crate::{Bytes, Text};

message! {
    /// API 38, versions 1-3, flexible from 2.
    CreateDelegationTokenRequest<'a> {
        /// Null, like an owner without a name, is whoever asks.
        owner_principal_type: Option<Text<'a>>, in 3..;
        owner_principal_name: Option<Text<'a>>, in 3..;
        renewers: Vec<CreatableRenewers<'a>>;
        /// -1 is what the server allows.
        max_lifetime_ms: i64;
    }

    /// Somebody who may renew the token.
    CreatableRenewers<'a> {
        principal_type: Text<'a>;
        principal_name: Text<'a>;
    }

    /// API 38, versions 1-3, flexible from 2.
    CreateDelegationTokenResponse<'a> {
        error_code: i16;
        /// The owner.
        principal_type: Text<'a>;
        principal_name: Text<'a>;
        token_requester_principal_type: Text<'a>, in 3..;
        token_requester_principal_name: Text<'a>, in 3..;
        issue_timestamp_ms: i64;
        expiry_timestamp_ms: i64;
        max_timestamp_ms: i64;
        token_id: Text<'a>;
        /// A secret, never to be logged.
        hmac: Bytes<'a>;
        throttle_time_ms: i32;
    }
}

api! {
    CreateDelegationToken:
    CreateDelegationTokenRequest<'q> => CreateDelegationTokenResponse<'r>
}
