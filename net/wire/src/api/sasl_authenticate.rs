//! SaslAuthenticate, key 36: one step of SASL.

use crate::{Bytes, Text};

message! {
    /// API 36, versions 0-2, flexible from 2.
    SaslAuthenticateRequest<'a> {
        /// As the mechanism defines them; a secret, never to be logged.
        auth_bytes: Bytes<'a>;
    }

    /// API 36, versions 0-2, flexible from 2.
    SaslAuthenticateResponse<'a> {
        error_code: i16;
        error_message: Option<Text<'a>>;
        auth_bytes: Bytes<'a>;
        /// When to authenticate again (KIP-368); 0 is never.
        session_lifetime_ms: i64, in 1..;
    }
}

api!(SaslAuthenticate: SaslAuthenticateRequest<'q> => SaslAuthenticateResponse<'r>);
