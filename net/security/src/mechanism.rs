//! The SASL mechanisms, under the names they have in SASL.

use std::fmt;
use std::str::FromStr;

use crate::scram::Hash;

/// A SASL mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// PLAIN: the password itself (RFC 4616).
    Plain,
    /// SCRAM: a proof that the client knows the password (RFC 5802).
    Scram(Hash),
    /// OAUTHBEARER: a token (RFC 7628).
    OauthBearer,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Plain, Self::Scram(Hash::Sha256), Self::Scram(Hash::Sha512), Self::OauthBearer];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Scram(Hash::Sha256) => "SCRAM-SHA-256",
            Self::Scram(Hash::Sha512) => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The text is no name of a mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER")]
pub struct UnknownMechanism;

impl FromStr for Mechanism {
    type Err = UnknownMechanism;

    fn from_str(text: &str) -> Result<Self, UnknownMechanism> {
        Self::ALL.into_iter().find(|it| it.name() == text).ok_or(UnknownMechanism)
    }
}
