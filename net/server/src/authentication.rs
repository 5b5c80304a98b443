//! How far a client has come with SASL (KIP-43, KIP-152, KIP-368): a state machine for each
//! connection. Pure: requests and times in, answers out.

use std::rc::Rc;
use std::time::Duration;

use corelog_io::Instant;
use corelog_model::ErrorCode;
use corelog_security::exchange::{Credentials, Exchange, Proof, Refusal, Step};
use corelog_security::{Mechanism, Principal};

/// A second login on one connection may not begin sooner than this after the one before.
const RELOGIN_PAUSE: Duration = Duration::from_secs(1);

/// Requests that a client may make before it names a mechanism.
const REQUESTS_BEFORE_MAX: u32 = 4;

/// What a client does.
#[derive(Debug)]
pub(crate) enum SaslInput<'a> {
    /// ApiVersions, which anybody may ask for.
    ApiVersions,
    /// SaslHandshake of this version.
    Handshake(i16, &'a str),
    /// The bytes of a SaslAuthenticate.
    Authenticate(&'a [u8]),
    /// A frame without a header, as clients send them after a handshake of version 0.
    Raw(&'a [u8]),
    /// Any other request.
    Other,
}

/// What becomes of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SaslOutput {
    /// The request is not about logging in, and may go on.
    Pass,
    /// Answers the handshake.
    Handshake(ErrorCode),
    /// Answers bytes with bytes.
    Bytes {
        /// What the mechanism says.
        bytes: Vec<u8>,
        /// How long the login counts, once it is complete; zero is for ever.
        lifetime_ms: i64,
    },
    /// The login failed: answered late, then the connection ends.
    Failed {
        /// The code for the client.
        code: ErrorCode,
        /// For the log.
        why: Failure,
    },
    /// The connection ends without an answer.
    Close(&'static str),
}

/// Why a login failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The mechanism said so.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is not offered.
    #[error("the mechanism is not offered")]
    Mechanism,
    /// A second login by another mechanism.
    #[error("a login by another mechanism than before")]
    OtherMechanism,
    /// A second login as somebody else.
    #[error("a login as another user than before")]
    OtherPrincipal,
}

#[derive(Debug)]
enum State {
    /// Nobody yet, or somebody whose login is complete.
    Idle,
    /// The mechanism is chosen; its messages are exchanged.
    Exchanging { mechanism: Mechanism, exchange: Exchange, is_raw: bool },
    /// Nothing helps any more.
    Failed,
}

#[derive(Debug)]
struct Login {
    principal: Rc<Principal>,
    mechanism: Mechanism,
    expires: Option<Instant>,
    proof: Proof,
}

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Authentication {
    mechanisms: Vec<Mechanism>,
    /// How long a login counts at most.
    login_time_max: Option<Duration>,
    state: State,
    login: Option<Login>,
    relogin_begun: Option<Instant>,
    requests_before: u32,
}

impl Authentication {
    pub(crate) fn new(mechanisms: Vec<Mechanism>, login_time_max: Option<Duration>) -> Self {
        Self {
            mechanisms,
            login_time_max,
            state: State::Idle,
            login: None,
            relogin_begun: None,
            requests_before: 0,
        }
    }

    /// Who has logged in.
    pub(crate) fn principal(&self) -> Option<&Rc<Principal>> {
        self.login.as_ref().map(|login| &login.principal)
    }

    /// By what it has shown who it is.
    pub(crate) fn proof(&self) -> Option<Proof> {
        self.login.as_ref().map(|login| login.proof)
    }

    /// Whether the next frame has no header.
    pub(crate) fn expects_raw(&self) -> bool {
        matches!(self.state, State::Exchanging { is_raw: true, .. })
    }

    /// Takes one request. `nonce` is random; see [`Exchange::begin`].
    pub(crate) fn step(
        &mut self,
        now: Instant,
        input: &SaslInput<'_>,
        known: &Credentials<'_>,
        nonce: impl FnOnce() -> String,
    ) -> SaslOutput {
        match (&mut self.state, input) {
            (State::Failed, _) => SaslOutput::Close("its login has failed"),
            (State::Idle, SaslInput::Handshake(version, name)) => {
                self.handshake(now, *version, name, nonce)
            }
            (State::Exchanging { is_raw: false, exchange, .. }, SaslInput::Authenticate(bytes))
            | (State::Exchanging { is_raw: true, exchange, .. }, SaslInput::Raw(bytes)) => {
                let stepped = exchange.step(bytes, known);
                self.stepped(now, known.now_ms, stepped)
            }
            (State::Exchanging { .. }, _) => self.close("a request came in the middle of a login"),
            (State::Idle, SaslInput::Authenticate(_)) if self.login.is_none() => {
                self.close("it did not choose a mechanism")
            }
            (State::Idle, SaslInput::Authenticate(_) | SaslInput::Raw(_)) => SaslOutput::Failed {
                code: ErrorCode::IllegalSaslState,
                why: Refusal::Malformed.into(),
            },
            (State::Idle, SaslInput::ApiVersions | SaslInput::Other) => self.other(now, input),
        }
    }

    fn other(&mut self, now: Instant, input: &SaslInput<'_>) -> SaslOutput {
        match &self.login {
            Some(Login { expires: Some(expires), .. }) if *expires <= now => {
                self.close("its login has expired")
            }
            Some(_) => SaslOutput::Pass,
            None if matches!(input, SaslInput::ApiVersions)
                && self.requests_before < REQUESTS_BEFORE_MAX =>
            {
                self.requests_before += 1;
                SaslOutput::Pass
            }
            None => self.close("it has not logged in"),
        }
    }

    fn handshake(
        &mut self,
        now: Instant,
        version: i16,
        name: &str,
        nonce: impl FnOnce() -> String,
    ) -> SaslOutput {
        if self.login.is_some() {
            if self.relogin_begun.is_some_and(|begun| now.since(begun) < RELOGIN_PAUSE) {
                return SaslOutput::Handshake(ErrorCode::IllegalSaslState);
            }
            self.relogin_begun = Some(now);
        }
        let offered = self.mechanisms.iter().copied().find(|mechanism| mechanism.name() == name);
        let Some(mechanism) = offered else {
            return self.fail(ErrorCode::UnsupportedSaslMechanism, Failure::Mechanism);
        };
        if self.login.as_ref().is_some_and(|login| login.mechanism != mechanism) {
            return self.fail(ErrorCode::SaslAuthenticationFailed, Failure::OtherMechanism);
        }
        let exchange = Exchange::begin(mechanism, nonce);
        self.state = State::Exchanging { mechanism, exchange, is_raw: version == 0 };
        SaslOutput::Handshake(ErrorCode::None)
    }

    fn stepped(&mut self, now: Instant, now_ms: i64, stepped: Result<Step, Refusal>) -> SaslOutput {
        let (message, user, expires_ms, proof) = match stepped {
            Ok(Step::Challenge(bytes)) => return SaslOutput::Bytes { bytes, lifetime_ms: 0 },
            Ok(Step::Done { message, user, expires_ms, proof }) => {
                (message, user, expires_ms, proof)
            }
            Err(refusal) => {
                return self.fail(ErrorCode::SaslAuthenticationFailed, refusal.into());
            }
        };
        let state = std::mem::replace(&mut self.state, State::Idle);
        let State::Exchanging { mechanism, .. } = state else {
            unreachable!("only an exchange is stepped")
        };
        let principal = Principal::user(user);
        if self.login.as_ref().is_some_and(|login| *login.principal != principal) {
            return self.fail(ErrorCode::SaslAuthenticationFailed, Failure::OtherPrincipal);
        }
        let left = expires_ms.map(|end| u64::try_from(end.saturating_sub(now_ms)).unwrap_or(0));
        let left = left.map(Duration::from_millis);
        let lifetime = [left, self.login_time_max].into_iter().flatten().min();
        let principal = match self.login.take() {
            Some(login) => login.principal,
            None => Rc::new(principal),
        };
        let expires = lifetime.map(|lifetime| now + lifetime);
        self.login = Some(Login { principal, mechanism, expires, proof });
        let lifetime_ms =
            lifetime.map_or(0, |it| i64::try_from(it.as_millis()).unwrap_or(i64::MAX));
        SaslOutput::Bytes { bytes: message, lifetime_ms }
    }

    fn fail(&mut self, code: ErrorCode, why: Failure) -> SaslOutput {
        self.state = State::Failed;
        SaslOutput::Failed { code, why }
    }

    fn close(&mut self, why: &'static str) -> SaslOutput {
        self.state = State::Failed;
        SaslOutput::Close(why)
    }
}

#[cfg(test)]
mod tests;
