//! SCRAM (RFC 5802, RFC 7677): the keys that a password is turned into, and what both sides compute
//! from them. The two sides of the exchange are in `server` and `client`.

use std::fmt;
use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use subtle::ConstantTimeEq;

use crate::Secret;
use crate::exchange::Proof;

mod client;
mod server;

pub use client::ScramClient;
pub use server::ScramServer;

/// The fewest rounds of hashing a password, as in Kafka.
pub const ITERATIONS_MIN: u32 = 4096;

/// The rounds of whoever does not choose them, as with Kafka's tools. Those of nobody are the same,
/// so that they do not tell who exists.
pub const ITERATIONS_DEFAULT: NonZeroU32 =
    NonZeroU32::new(ITERATIONS_MIN).expect("the fewest rounds are above zero");

/// The most rounds that a client does because a server says so.
pub const ITERATIONS_MAX: u32 = 1_000_000;

/// The most bytes of one message of an exchange.
const MESSAGE_BYTES_MAX: usize = 16 << 10;

/// Which hash a mechanism uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hash {
    /// SHA-256
    Sha256,
    /// SHA-512
    Sha512,
}

impl Hash {
    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    fn sign(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        hmac::sign(&hmac::Key::new(self.hmac(), key), message).as_ref().to_vec()
    }

    /// The password as it is after hashing: what both keys are made of. Takes milliseconds.
    pub fn salted(self, password: &Secret, salt: &[u8], iterations: NonZeroU32) -> Vec<u8> {
        let (algorithm, bytes) = match self {
            Self::Sha256 => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
            Self::Sha512 => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
        };
        let mut salted = vec![0; bytes];
        pbkdf2::derive(algorithm, iterations, salt, password.reveal().as_bytes(), &mut salted);
        salted
    }
}

/// How long salts are that are made here. Those of nobody must not differ in it.
pub const SALT_BYTES: usize = 24;

/// What a server keeps of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// Random.
    pub salt: Vec<u8>,
    /// Rounds of hashing.
    pub iterations: u32,
    /// Checks the proof of a client.
    pub stored_key: Vec<u8>,
    /// Proves to a client that the server knows it.
    pub server_key: Vec<u8>,
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = &mut formatter.debug_struct("ScramKeys");
        keys.field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl ScramKeys {
    /// The keys of a password that is hashed already.
    pub fn of_salted(hash: Hash, salted: &[u8], salt: Vec<u8>, iterations: u32) -> Self {
        let stored_key = hash.digest(&hash.sign(salted, b"Client Key"));
        let server_key = hash.sign(salted, b"Server Key");
        Self { salt, iterations, stored_key, server_key }
    }

    /// Keys of nobody for a name without any: always the same for it, so that a client cannot tell
    /// whether the user exists. No proof fits them.
    pub fn of_nobody(hash: Hash, name: &str, secret: &[u8]) -> Self {
        let of = |what: &str| hash.sign(secret, format!("{what}:{name}").as_bytes());
        let mut salt = of("salt");
        salt.truncate(SALT_BYTES);
        let (stored_key, server_key) = (of("stored"), of("server"));
        Self { salt, iterations: ITERATIONS_DEFAULT.get(), stored_key, server_key }
    }

    /// Whether a proof is that of the password behind the keys.
    fn accept(&self, hash: Hash, auth_message: &[u8], proof: &[u8]) -> bool {
        let signature = hash.sign(&self.stored_key, auth_message);
        if proof.len() != signature.len() {
            return false;
        }
        let client_key = hash.digest(&xor(proof, &signature));
        client_key.ct_eq(&self.stored_key).into()
    }
}

/// Whom a client says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScramName<'a> {
    /// A user with a password.
    User(&'a str),
    /// The owner of the delegation token of this id.
    DelegationToken(&'a str),
}

/// What a client is checked by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScramLogin {
    /// Those of the name, whether it exists or not.
    pub keys: ScramKeys,
    /// As whom the client comes in; none: it does not.
    pub identity: Option<ScramIdentity>,
}

/// As whom a client comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScramIdentity {
    /// The user.
    pub user: String,
    /// When that ends, in milliseconds since 1970.
    pub expires_ms: Option<i64>,
    /// By what.
    pub proof: Proof,
}

impl ScramLogin {
    /// That of a user with a password.
    pub fn of_user(keys: ScramKeys, user: &str) -> Self {
        let (user, proof) = (user.to_owned(), Proof::Own);
        Self { keys, identity: Some(ScramIdentity { user, expires_ms: None, proof }) }
    }

    /// That of the owner of a delegation token.
    pub fn of_token(keys: ScramKeys, owner: &str, expires_ms: i64) -> Self {
        let (user, proof) = (owner.to_owned(), Proof::DelegationToken);
        Self { keys, identity: Some(ScramIdentity { user, expires_ms: Some(expires_ms), proof }) }
    }
}

/// The extension of the first message that names a delegation token (KIP-48).
const TOKEN_EXTENSION: &str = "tokenauth=true";

fn xor(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(one, other)| one ^ other).collect()
}

fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// The value of the attribute that a part of a message must be.
fn value<'a>(part: Option<&'a str>, name: &str) -> Option<&'a str> {
    part?.strip_prefix(name)?.strip_prefix('=')
}

/// Whether a nonce has only signs that it may have, and some.
fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && byte != b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677, section 3.
    #[test]
    fn the_example_of_the_standard_is_computed() {
        let salt = decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let iterations = NonZeroU32::new(4096).unwrap();
        let salted = Hash::Sha256.salted(&Secret::new("pencil"), &salt, iterations);
        let keys = ScramKeys::of_salted(Hash::Sha256, &salted, salt, 4096);
        let auth_message = b"n=user,r=rOprNGfwEbeRWgbNEkqO,\
            r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
            s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
            c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let proof = decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        assert!(keys.accept(Hash::Sha256, auth_message, &proof));
        let signature = encode(&Hash::Sha256.sign(&keys.server_key, auth_message));
        assert_eq!(signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        for wrong in [&proof[1..], &[0; 32], &[]] {
            assert!(!keys.accept(Hash::Sha256, auth_message, wrong));
        }
    }

    #[test]
    fn nobody_has_the_same_salt_each_time_and_another_than_others() {
        let of = |name| ScramKeys::of_nobody(Hash::Sha512, name, b"secret").salt;
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
        assert_ne!(of("a"), ScramKeys::of_nobody(Hash::Sha512, "a", b"other").salt);
    }
}
