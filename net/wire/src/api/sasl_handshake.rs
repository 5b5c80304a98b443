//! SaslHandshake, key 17: choose a SASL mechanism.

use crate::Text;

message! {
    /// API 17, versions 0-1, never flexible.
    SaslHandshakeRequest<'a> {
        mechanism: Text<'a>;
    }

    /// API 17, versions 0-1, never flexible.
    SaslHandshakeResponse<'a> {
        error_code: i16;
        /// Those that the server offers.
        mechanisms: Vec<Text<'a>>;
    }
}

api!(SaslHandshake: SaslHandshakeRequest<'q> => SaslHandshakeResponse<'r>);
