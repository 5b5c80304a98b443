//! Delegation tokens (KIP-48): who may log in as whom without a password of its own, and until
//! when. What proves a token is made from its id and a key of the brokers, so nothing in here is
//! secret.

use std::collections::BTreeMap;

/// The most bytes of the id of a token.
pub const ID_BYTES_MAX: usize = 64;

/// A token as the metadata has it. Users are names, without their kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegationToken {
    /// Random, and the name by which a client logs in.
    pub id: String,
    /// As whom it logs in.
    pub owner: String,
    /// Who asked for it.
    pub requester: String,
    /// Who may renew it, beside the owner.
    pub renewers: Vec<String>,
    /// When it was made, in milliseconds since 1970 like the others.
    pub issued_ms: i64,
    /// When it ends, unless it is renewed.
    pub expires_ms: i64,
    /// When it ends, however often it is renewed.
    pub ends_ms: i64,
}

impl DelegationToken {
    /// Whether it does not count any more.
    pub fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_ms.min(self.ends_ms) <= now_ms
    }

    /// Whether the user may renew it and let it end sooner.
    pub fn is_renewable_by(&self, user: &str) -> bool {
        self.owner == user || self.renewers.iter().any(|renewer| renewer == user)
    }

    /// Whether the user may see it without further rights.
    pub fn is_of(&self, user: &str) -> bool {
        self.requester == user || self.is_renewable_by(user)
    }
}

/// All tokens, by their ids.
pub(crate) type DelegationTokens = BTreeMap<String, DelegationToken>;

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> DelegationToken {
        DelegationToken {
            id: "id".to_owned(),
            owner: "alice".to_owned(),
            requester: "carol".to_owned(),
            renewers: vec!["bob".to_owned()],
            issued_ms: 100,
            expires_ms: 200,
            ends_ms: 300,
        }
    }

    #[test]
    fn a_token_ends_when_it_expires_and_at_its_end_at_the_latest() {
        assert!(!token().is_expired(199) && token().is_expired(200));
        let late = DelegationToken { expires_ms: 400, ..token() };
        assert!(!late.is_expired(299) && late.is_expired(300));
    }

    #[test]
    fn owners_and_renewers_renew_and_requesters_see() {
        let of = |user| (token().is_renewable_by(user), token().is_of(user));
        assert_eq!([of("alice"), of("bob")], [(true, true); 2]);
        assert_eq!([of("carol"), of("dave")], [(false, true), (false, false)]);
    }
}
