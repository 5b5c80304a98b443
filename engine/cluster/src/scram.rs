//! What a cluster knows of the passwords of its users (RFC 5802, KIP-554): enough to check a proof,
//! not enough to make one. Kafka's numbers and names of the mechanisms.

use std::fmt;

/// A SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScramMechanism {
    /// SCRAM-SHA-256
    Sha256,
    /// SCRAM-SHA-512
    Sha512,
}

impl ScramMechanism {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// The mechanism of one of Kafka's numbers.
    pub fn from_code(code: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.code() == code)
    }

    /// Its number in the Kafka protocol.
    pub const fn code(self) -> i8 {
        match self {
            Self::Sha256 => 1,
            Self::Sha512 => 2,
        }
    }

    /// Its name in SASL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// Bytes of its keys.
    pub const fn key_bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for ScramMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A user and one of the mechanisms by which it can log in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScramUser {
    /// The name of the user.
    pub name: String,
    /// The mechanism.
    pub mechanism: ScramMechanism,
}

/// What a password was turned into. Whoever has the server key can play the server, and whoever
/// has the stored key can try passwords: so neither is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramCredential {
    /// Random, so that equal passwords look different.
    pub salt: Vec<u8>,
    /// Checks the proof of a client.
    pub stored_key: Vec<u8>,
    /// Proves to a client that the server knows it.
    pub server_key: Vec<u8>,
    /// How often the password was hashed.
    pub iterations: i32,
}

impl fmt::Debug for ScramCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramCredential")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_never_shown() {
        let credential = ScramCredential {
            salt: vec![201; 4],
            stored_key: vec![202; 4],
            server_key: vec![203; 4],
            iterations: 4096,
        };
        assert_eq!(format!("{credential:?}"), "ScramCredential { iterations: 4096, .. }");
    }

    #[test]
    fn numbers_are_those_of_kafka() {
        let found: Vec<_> = (-1..=3).map(ScramMechanism::from_code).collect();
        let (sha256, sha512) = (Some(ScramMechanism::Sha256), Some(ScramMechanism::Sha512));
        assert_eq!(found, [None, None, sha256, sha512, None]);
    }
}
