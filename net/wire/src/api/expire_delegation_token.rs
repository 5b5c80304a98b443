//! ExpireDelegationToken, key 40: let a delegation token end sooner.

use crate::Bytes;

message! {
    /// API 40, versions 1-2, flexible from 2.
    ExpireDelegationTokenRequest<'a> {
        /// A secret, never to be logged.
        hmac: Bytes<'a>;
        /// Less than zero deletes the token at once.
        expiry_time_period_ms: i64;
    }

    /// API 40, versions 1-2, flexible from 2.
    ExpireDelegationTokenResponse {
        error_code: i16;
        expiry_timestamp_ms: i64;
        throttle_time_ms: i32;
    }
}

api! {
    ExpireDelegationToken: ExpireDelegationTokenRequest<'q> => ExpireDelegationTokenResponse
}
