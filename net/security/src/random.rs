//! Random bytes that nobody can foresee.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};

/// Random bytes of the system.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.expect("a system that runs this has random bytes");
    bytes
}

/// A nonce for SCRAM: 24 random bytes as printable signs.
pub fn nonce() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<24>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_are_printable_and_differ() {
        let (one, other) = (nonce(), nonce());
        assert!(one.len() == 32 && one != other, "{one} {other}");
    }
}
