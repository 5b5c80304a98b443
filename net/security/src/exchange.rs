//! The server's side of a login, whatever the mechanism.

use std::collections::BTreeMap;
use std::fmt;

use crate::jwt::{TokenPolicy, TokenRefusal};
use crate::oauthbearer::Bearer;
use crate::plain;
use crate::scram::{Hash, ScramKeys, ScramLogin, ScramName, ScramServer};
use crate::{Mechanism, Secret};

/// What a message of the client leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The client must answer this.
    Challenge(Vec<u8>),
    /// The client is who it says.
    Done {
        /// The last message to the client; empty for most mechanisms.
        message: Vec<u8>,
        /// The user.
        user: String,
        /// When what the client has shown expires, in milliseconds since 1970.
        expires_ms: Option<i64>,
        /// What the client has shown.
        proof: Proof,
    },
}

/// By what a client has shown who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// By something of its own: a password, a key, a token of an authority.
    Own,
    /// By a delegation token, which somebody made for it.
    DelegationToken,
}

/// Why a client does not come in. For logs: clients are told less.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The message breaks the rules of the mechanism.
    #[error("malformed message")]
    Malformed,
    /// The user is unknown, or the password wrong.
    #[error("unknown user or wrong password")]
    WrongCredentials,
    /// The client wants to act for another user than the one it logs in as.
    #[error("the user to act for is another than the one that logs in")]
    OtherUser,
    /// The token is not good.
    #[error(transparent)]
    Token(#[from] TokenRefusal),
}

/// Users of PLAIN with their passwords.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PlainUsers(pub BTreeMap<String, Secret>);

impl fmt::Debug for PlainUsers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PlainUsers({})", self.0.len())
    }
}

/// What the delegation token of an id is checked by.
pub type TokenLogins<'a> = dyn Fn(Hash, &str) -> ScramLogin + 'a;

/// Whom a server can check, and when it is.
pub struct Credentials<'a> {
    /// Of PLAIN.
    pub plain: &'a PlainUsers,
    /// Of SCRAM, if the user has any.
    pub scram: &'a dyn Fn(Hash, &str) -> Option<ScramKeys>,
    /// Of SCRAM with a delegation token of this id, if there may be any: its keys, and its owner
    /// if it counts.
    pub delegation: Option<&'a TokenLogins<'a>>,
    /// From which the salts of unknown users are made; secret and the same for all cores.
    pub nobody_secret: &'a [u8],
    /// Of OAUTHBEARER.
    pub tokens: Option<&'a TokenPolicy>,
    /// The wall clock, in milliseconds since 1970.
    pub now_ms: i64,
}

/// What a client of SCRAM is checked by. Whoever does not exist has keys, too.
fn login(hash: Hash, name: ScramName<'_>, known: &Credentials<'_>) -> ScramLogin {
    let nobody = |name| ScramKeys::of_nobody(hash, name, known.nobody_secret);
    match (name, known.delegation) {
        (ScramName::User(user), _) => match (known.scram)(hash, user) {
            Some(keys) => ScramLogin::of_user(keys, user),
            None => ScramLogin { keys: nobody(user), identity: None },
        },
        (ScramName::DelegationToken(id), Some(delegation)) => delegation(hash, id),
        (ScramName::DelegationToken(id), None) => ScramLogin { keys: nobody(id), identity: None },
    }
}

/// A login under way.
#[derive(Debug)]
pub enum Exchange {
    /// By PLAIN.
    Plain,
    /// By SCRAM.
    Scram(Hash, Box<ScramServer>),
    /// By OAUTHBEARER.
    Bearer(Bearer),
}

impl Exchange {
    /// Begins a login. `nonce` is random and printable, without commas.
    pub fn begin(mechanism: Mechanism, nonce: impl FnOnce() -> String) -> Self {
        match mechanism {
            Mechanism::Plain => Self::Plain,
            Mechanism::Scram(hash) => Self::Scram(hash, Box::new(ScramServer::new(hash, nonce()))),
            Mechanism::OauthBearer => Self::Bearer(Bearer::default()),
        }
    }

    /// Takes a message of the client. After a refusal nothing may follow.
    pub fn step(&mut self, message: &[u8], known: &Credentials<'_>) -> Result<Step, Refusal> {
        match self {
            Self::Plain => plain::check(message, known.plain),
            Self::Scram(hash, server) => {
                let hash = *hash;
                server.step(message, |name| login(hash, name, known))
            }
            Self::Bearer(bearer) => bearer.step(message, known.tokens, known.now_ms),
        }
    }
}
