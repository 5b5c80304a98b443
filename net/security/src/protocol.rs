//! How the two sides of a connection talk, under Kafka's names.

use std::fmt;
use std::str::FromStr;

/// A security protocol of a listener or a client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Neither encrypted nor authenticated.
    #[default]
    Plaintext,
    /// TLS; a client is known by its certificate, if it shows one.
    Ssl,
    /// Authenticated with SASL, not encrypted.
    SaslPlaintext,
    /// Authenticated with SASL inside TLS.
    SaslSsl,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl];

    /// Kafka's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// Whether bytes are encrypted.
    pub const fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// Whether clients log in.
    pub const fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The text is no name of a security protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL")]
pub struct UnknownProtocol;

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    /// Reads a name in any case, as Kafka does.
    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        let named = |protocol: &Self| protocol.name().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(named).ok_or(UnknownProtocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_no_others() {
        for protocol in Protocol::ALL {
            assert_eq!(protocol.name().to_lowercase().parse(), Ok(protocol));
        }
        for text in ["", "TLS", "SASL", "SSL "] {
            assert_eq!(text.parse::<Protocol>(), Err(UnknownProtocol));
        }
    }
}
