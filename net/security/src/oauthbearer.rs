//! OAUTHBEARER (RFC 7628): `n,,` and pairs between bytes 1, one of them `auth=Bearer TOKEN`.

use crate::Secret;
use crate::exchange::{Proof, Refusal, Step};
use crate::jwt::{TokenPolicy, TokenRefusal};

/// Between the parts of a message.
const SEPARATOR: char = '\x01';

/// What a client is told of a token that is not good. It answers with one separator.
const ERROR: &[u8] = br#"{"status":"invalid_token"}"#;

/// The server's side.
#[derive(Debug, Default)]
pub struct Bearer {
    /// Why the token was not good; the client has been told and must answer.
    refused: Option<TokenRefusal>,
}

impl Bearer {
    /// Takes a message at this time.
    pub(crate) fn step(
        &mut self,
        message: &[u8],
        policy: Option<&TokenPolicy>,
        now_ms: i64,
    ) -> Result<Step, Refusal> {
        if let Some(refused) = self.refused.take() {
            return Err(refused.into());
        }
        let text = str::from_utf8(message).map_err(|_| Refusal::Malformed)?;
        let (header, pairs) = text.split_once(SEPARATOR).ok_or(Refusal::Malformed)?;
        let acts_for = header.strip_prefix("n,").and_then(|rest| rest.strip_suffix(','));
        let acts_for = acts_for.ok_or(Refusal::Malformed)?;
        let pairs = pairs.strip_suffix("\x01\x01").ok_or(Refusal::Malformed)?;
        let token = pairs.split(SEPARATOR).find_map(|pair| {
            let (kind, token) = pair.strip_prefix("auth=")?.split_once(' ')?;
            kind.eq_ignore_ascii_case("Bearer").then(|| token.trim())
        });
        let token = token.ok_or(Refusal::Malformed)?;
        let accepted = policy.ok_or(TokenRefusal::NoKeys).and_then(|it| it.check(token, now_ms));
        match accepted {
            Ok(accepted) => {
                let wanted = acts_for.strip_prefix("a=").unwrap_or_default();
                if !wanted.is_empty() && wanted != accepted.user {
                    return Err(Refusal::OtherUser);
                }
                let expires_ms = Some(accepted.expires_ms);
                Ok(Step::Done {
                    message: Vec::new(),
                    user: accepted.user,
                    expires_ms,
                    proof: Proof::Own,
                })
            }
            Err(refusal) => {
                self.refused = Some(refusal);
                Ok(Step::Challenge(ERROR.to_vec()))
            }
        }
    }
}

/// The client's side: the first message.
pub fn message(token: &Secret) -> Vec<u8> {
    format!("n,,\x01auth=Bearer {}\x01\x01", token.reveal()).into_bytes()
}

/// The client's answer to an error.
pub const FAREWELL: &[u8] = b"\x01";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_token_is_told_before_the_login_fails() {
        let mut bearer = Bearer::default();
        let told = bearer.step(&message(&Secret::new("a.b.c")), None, 0);
        assert_eq!(told, Ok(Step::Challenge(ERROR.to_vec())));
        let failed = bearer.step(FAREWELL, None, 0);
        assert_eq!(failed, Err(Refusal::Token(TokenRefusal::NoKeys)));
    }

    #[test]
    fn messages_that_are_none_are_refused() {
        for message in [
            "",
            "n,,",
            "n,,\x01auth=Bearer x",
            "n,,\x01auth=Bearer x\x01",
            "n,,\x01\x01\x01",
            "p,,\x01auth=Bearer x\x01\x01",
            "n,\x01auth=Bearer x\x01\x01",
            "n,,\x01auth=Basic x\x01\x01",
            "n,,\x01host=a\x01\x01",
        ] {
            let refused = Bearer::default().step(message.as_bytes(), None, 0);
            assert_eq!(refused, Err(Refusal::Malformed), "{message:?}");
        }
    }
}
