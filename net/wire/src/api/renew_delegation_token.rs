//! RenewDelegationToken, key 39: let a delegation token count for longer.

use crate::Bytes;

message! {
    /// API 39, versions 1-2, flexible from 2.
    RenewDelegationTokenRequest<'a> {
        /// A secret, never to be logged.
        hmac: Bytes<'a>;
        /// Zero and less are what the server allows.
        renew_period_ms: i64;
    }

    /// API 39, versions 1-2, flexible from 2.
    RenewDelegationTokenResponse {
        error_code: i16;
        expiry_timestamp_ms: i64;
        throttle_time_ms: i32;
    }
}

api! {
    RenewDelegationToken: RenewDelegationTokenRequest<'q> => RenewDelegationTokenResponse
}
