//! Delegation tokens (KIP-48): what proves one, and the keys of SCRAM that it logs in with. Both
//! are made from the id of a token and a key that only brokers have, so nothing of it is kept.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use subtle::ConstantTimeEq;

use crate::scram::{Hash, ITERATIONS_DEFAULT, ScramKeys};
use crate::{Secret, random_bytes};

/// Bytes of what proves a token.
pub const PROOF_BYTES: usize = 64;

/// Characters of the id of a token.
const ID_CHARS: usize = 22;

/// The key that tokens are made with (`delegation.token.secret.key`).
#[derive(Clone)]
pub struct DelegationKey(hmac::Key);

impl fmt::Debug for DelegationKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DelegationKey")
    }
}

impl DelegationKey {
    /// The key that the operator wrote. All brokers of a cluster have the same.
    pub fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA512, secret.reveal().as_bytes()))
    }

    /// What proves the token of this id: whoever has it may log in as the owner.
    pub fn proof(&self, id: &str) -> Vec<u8> {
        hmac::sign(&self.0, id.as_bytes()).as_ref().to_vec()
    }

    /// Whether the bytes prove the token of this id. The time it takes tells nothing of the proof.
    pub fn is_proof(&self, id: &str, bytes: &[u8]) -> bool {
        hmac::sign(&self.0, id.as_bytes()).as_ref().ct_eq(bytes).into()
    }

    /// The keys of SCRAM of the token of this id, whether there is one or not. Takes milliseconds.
    pub fn scram_keys(&self, hash: Hash, id: &str, salt: Vec<u8>) -> ScramKeys {
        let salted = hash.salted(&password(&self.proof(id)), &salt, ITERATIONS_DEFAULT);
        ScramKeys::of_salted(hash, &salted, salt, ITERATIONS_DEFAULT.get())
    }
}

/// The password that clients log in with, given what proves a token.
pub fn password(proof: &[u8]) -> Secret {
    Secret::new(STANDARD.encode(proof))
}

/// An id for a new token, as Kafka draws them: random, and none that begins with a dash.
pub fn new_token_id() -> String {
    loop {
        let id = URL_SAFE_NO_PAD.encode(random_bytes::<16>());
        if !id.starts_with('-') {
            return id;
        }
    }
}

/// Whether a token may have this id.
pub fn is_token_id(text: &str) -> bool {
    let may_be = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == ID_CHARS && text.bytes().all(may_be)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn a_token_is_proved_by_hmac_sha_512_of_its_id() {
        let key = DelegationKey::new(&Secret::new("Jefe"));
        let id = "what do ya want for nothing?";
        let proof = key.proof(id);
        let hex = "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
                        9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737";
        let byte = |place| u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).unwrap();
        assert_eq!(proof, (0..PROOF_BYTES).map(byte).collect::<Vec<_>>());
        assert!(key.is_proof(id, &proof));
        for wrong in [&proof[1..], &[0; PROOF_BYTES], &[]] {
            assert!(!key.is_proof(id, wrong));
        }
        assert!(!key.is_proof("another", &proof));
        assert!(!DelegationKey::new(&Secret::new("jefe")).is_proof(id, &proof));
    }

    #[test]
    fn ids_are_random_and_have_one_form() {
        let (one, other) = (new_token_id(), new_token_id());
        assert!(is_token_id(&one) && is_token_id(&other) && one != other, "{one} {other}");
        for text in ["", "short", &"x".repeat(23), &"=".repeat(22)] {
            assert!(!is_token_id(text), "{text}");
        }
    }

    #[test]
    fn the_key_is_never_shown() {
        let key = DelegationKey::new(&Secret::new("hunter2"));
        assert_eq!(format!("{key:?}"), "DelegationKey");
    }
}
