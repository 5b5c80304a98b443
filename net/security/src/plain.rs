//! PLAIN (RFC 4616): `[authzid] NUL authcid NUL password`.

use crate::Secret;
use crate::exchange::{PlainUsers, Proof, Refusal, Step};

/// Compared with in place of the password of an unknown user, so that it costs the same.
const NO_PASSWORD: &str = "there is no such user";

/// The server's side.
pub(crate) fn check(message: &[u8], users: &PlainUsers) -> Result<Step, Refusal> {
    let text = str::from_utf8(message).map_err(|_| Refusal::Malformed)?;
    let mut parts = text.split('\0');
    let (Some(acts_for), Some(user), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::Malformed);
    };
    if user.is_empty() || password.is_empty() {
        return Err(Refusal::Malformed);
    }
    let known = users.0.get(user);
    let expected = known.cloned().unwrap_or_else(|| Secret::new(NO_PASSWORD));
    if !expected.is(password.as_bytes()) || known.is_none() {
        return Err(Refusal::WrongCredentials);
    }
    if !acts_for.is_empty() && acts_for != user {
        return Err(Refusal::OtherUser);
    }
    Ok(Step::Done {
        message: Vec::new(),
        user: user.to_owned(),
        expires_ms: None,
        proof: Proof::Own,
    })
}

/// The client's side: the only message.
pub fn message(user: &str, password: &Secret) -> Vec<u8> {
    format!("\0{user}\0{}", password.reveal()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_in(message: &[u8]) -> Result<Step, Refusal> {
        let users = [("alice", "wonder"), ("bob", "builder")];
        let users = users.map(|(name, password)| (name.to_owned(), Secret::new(password)));
        check(message, &PlainUsers(users.into()))
    }

    fn alice() -> Step {
        Step::Done {
            message: vec![],
            user: "alice".to_owned(),
            expires_ms: None,
            proof: Proof::Own,
        }
    }

    #[test]
    fn who_knows_the_password_comes_in() {
        assert_eq!(log_in(&message("alice", &Secret::new("wonder"))), Ok(alice()));
        assert_eq!(log_in(b"alice\0alice\0wonder"), Ok(alice()));
    }

    #[test]
    fn everybody_else_stays_out() {
        for wrong in ["\0alice\0builder", "\0carol\0wonder", "\0carol\0there is no such user"] {
            assert_eq!(log_in(wrong.as_bytes()), Err(Refusal::WrongCredentials), "{wrong}");
        }
        assert_eq!(log_in(b"bob\0alice\0wonder"), Err(Refusal::OtherUser));
        for malformed in [
            &b""[..],
            b"alice",
            b"\0alice",
            b"\0alice\0",
            b"\0\0wonder",
            b"\0alice\0wonder\0",
            b"\0alice\0\xff",
        ] {
            assert_eq!(log_in(malformed), Err(Refusal::Malformed), "{malformed:?}");
        }
    }
}
