//! The client's side of SCRAM.

use std::num::NonZeroU32;

use subtle::ConstantTimeEq;

use super::{
    Hash, ITERATIONS_MAX, ITERATIONS_MIN, TOKEN_EXTENSION, decode, encode, is_nonce, value, xor,
};
use crate::Secret;

/// What is wrong with an answer of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// Not a message of SCRAM, or not for this exchange.
    #[error("the server's answer is no message of SCRAM")]
    Malformed,
    /// It wants too few rounds of hashing, or too many.
    #[error("the server wants {0} iterations, {ITERATIONS_MIN} to {ITERATIONS_MAX} are accepted")]
    Iterations(u32),
    /// It does not know the password either.
    #[error("the server does not prove that it knows the password")]
    WrongServer,
}

/// One login: [`ScramClient::first`], [`ScramClient::answer`], [`ScramClient::finish`], in this
/// order.
#[derive(Debug)]
pub struct ScramClient {
    hash: Hash,
    password: Secret,
    nonce: String,
    first_bare: String,
    server_signature: Option<Vec<u8>>,
}

impl ScramClient {
    /// A login. `nonce` is random and printable, without commas.
    pub fn new(hash: Hash, user: &str, password: Secret, nonce: String) -> Self {
        assert!(is_nonce(&nonce), "a nonce is printable");
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let first_bare = format!("n={user},r={nonce}");
        Self { hash, password, nonce, first_bare, server_signature: None }
    }

    /// A login with a delegation token: the user is its id, and the password what proves it.
    #[must_use]
    pub fn with_token(mut self) -> Self {
        self.first_bare.push(',');
        self.first_bare.push_str(TOKEN_EXTENSION);
        self
    }

    /// The first message.
    pub fn first(&self) -> Vec<u8> {
        format!("n,,{}", self.first_bare).into_bytes()
    }

    /// The message that proves the password, after the server's first. Takes milliseconds.
    pub fn answer(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ScramError> {
        let text = str::from_utf8(challenge).map_err(|_| ScramError::Malformed)?;
        let mut parts = text.split(',');
        let nonce = value(parts.next(), "r").ok_or(ScramError::Malformed)?;
        let salt = value(parts.next(), "s").and_then(decode).ok_or(ScramError::Malformed)?;
        let iterations = value(parts.next(), "i").and_then(|text| text.parse::<u32>().ok());
        let iterations = iterations.ok_or(ScramError::Malformed)?;
        // The server adds to the nonce, or an old answer of it would do.
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() || !is_nonce(nonce) {
            return Err(ScramError::Malformed);
        }
        let rounds = NonZeroU32::new(iterations).ok_or(ScramError::Malformed)?;
        if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
            return Err(ScramError::Iterations(iterations));
        }
        let salted = self.hash.salted(&self.password, &salt, rounds);
        let client_key = self.hash.sign(&salted, b"Client Key");
        let server_key = self.hash.sign(&salted, b"Server Key");
        let bare = format!("c={},r={nonce}", encode(b"n,,"));
        let messages = format!("{},{text},{bare}", self.first_bare);
        let signature = self.hash.sign(&self.hash.digest(&client_key), messages.as_bytes());
        self.server_signature = Some(self.hash.sign(&server_key, messages.as_bytes()));
        Ok(format!("{bare},p={}", encode(&xor(&client_key, &signature))).into_bytes())
    }

    /// Checks the server's last message.
    pub fn finish(&mut self, message: &[u8]) -> Result<(), ScramError> {
        let text = str::from_utf8(message).map_err(|_| ScramError::Malformed)?;
        let sent = value(text.split(',').next(), "v").and_then(decode);
        let sent = sent.ok_or(ScramError::Malformed)?;
        let expected = self.server_signature.take().ok_or(ScramError::Malformed)?;
        if bool::from(sent.ct_eq(&expected)) { Ok(()) } else { Err(ScramError::WrongServer) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> ScramClient {
        ScramClient::new(Hash::Sha256, "user", Secret::new("pencil"), "rOprNGfwEbeRWgbNEkqO".into())
    }

    const CHALLENGE: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                             s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    /// RFC 7677, section 3.
    #[test]
    fn the_example_of_the_standard_is_followed() {
        let mut client = client();
        assert_eq!(client.first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let answer = client.answer(CHALLENGE.as_bytes()).unwrap();
        let expected = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(String::from_utf8(answer).unwrap(), expected);
        let last = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(client.finish(last), Ok(()));
        assert_eq!(client.finish(last), Err(ScramError::Malformed), "once");
    }

    #[test]
    fn a_server_without_the_password_is_not_believed() {
        let (mut client, mut begun) = (client(), client());
        client.answer(CHALLENGE.as_bytes()).unwrap();
        assert_eq!(client.finish(b"v=AAAA"), Err(ScramError::WrongServer));
        assert_eq!(begun.finish(b"v=AAAA"), Err(ScramError::Malformed));
    }

    #[test]
    fn challenges_that_weaken_the_password_are_refused() {
        for (from, to, error) in [
            ("i=4096", "i=4095", ScramError::Iterations(4095)),
            ("i=4096", "i=1000001", ScramError::Iterations(1_000_001)),
            ("i=4096", "i=0", ScramError::Malformed),
            ("i=4096", "i=x", ScramError::Malformed),
            ("r=rOprN", "r=xOprN", ScramError::Malformed),
            ("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "", ScramError::Malformed),
            ("s=W", "s=!", ScramError::Malformed),
        ] {
            let challenge = CHALLENGE.replace(from, to);
            assert_eq!(client().answer(challenge.as_bytes()), Err(error), "{challenge}");
        }
    }
}
