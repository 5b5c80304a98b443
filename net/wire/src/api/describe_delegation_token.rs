//! DescribeDelegationToken, key 41: the delegation tokens that a client may see.

use crate::{Bytes, Text};

message! {
    /// API 41, versions 1-3, flexible from 2.
    DescribeDelegationTokenRequest<'a> {
        /// Null is every token, none is no token.
        owners: Option<Vec<DescribeDelegationTokenOwner<'a>>>;
    }

    /// Somebody who owns tokens or may renew them.
    DescribeDelegationTokenOwner<'a> {
        principal_type: Text<'a>;
        principal_name: Text<'a>;
    }

    /// API 41, versions 1-3, flexible from 2.
    DescribeDelegationTokenResponse<'a> {
        error_code: i16;
        tokens: Vec<DescribedDelegationToken<'a>>;
        throttle_time_ms: i32;
    }

    /// A token.
    DescribedDelegationToken<'a> {
        /// The owner.
        principal_type: Text<'a>;
        principal_name: Text<'a>;
        token_requester_principal_type: Text<'a>, in 3..;
        token_requester_principal_name: Text<'a>, in 3..;
        issue_timestamp: i64;
        expiry_timestamp: i64;
        max_timestamp: i64;
        token_id: Text<'a>;
        /// A secret, never to be logged.
        hmac: Bytes<'a>;
        renewers: Vec<DescribedDelegationTokenRenewer<'a>>;
    }

    /// Somebody who may renew the token.
    DescribedDelegationTokenRenewer<'a> {
        principal_type: Text<'a>;
        principal_name: Text<'a>;
    }
}

api! {
    DescribeDelegationToken:
    DescribeDelegationTokenRequest<'q> => DescribeDelegationTokenResponse<'r>
}
