//! How the client encrypts and logs in.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use corelog_model::ErrorCode;
use corelog_security::oauthbearer::FAREWELL;
use corelog_security::rustls;
use corelog_security::scram::{Hash, ScramClient};
use corelog_security::tls::{ClientTls, TlsError};
use corelog_security::{Mechanism, Secret, nonce, oauthbearer, plain};
use corelog_wire::{ApiKey, SaslAuthenticateResponse, SaslHandshakeResponse};

use crate::{ClientError, Reply};

/// The most messages of one login.
pub(crate) const LOGIN_MESSAGES_MAX: usize = 8;

/// How connections are secured. Neither TLS nor a login by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientSecurity {
    /// TLS, or bytes as they are.
    pub tls: Option<Tls>,
    /// With what to log in, if at all.
    pub login: Option<Login>,
}

/// TLS settings that connections share, and with them the sessions that can be resumed.
#[derive(Clone)]
pub struct Tls {
    config: Arc<rustls::ClientConfig>,
}

impl Tls {
    /// Checks the settings.
    pub fn new(settings: &ClientTls) -> Result<Self, TlsError> {
        Ok(Self { config: settings.build()? })
    }

    pub(crate) fn config(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.config)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tls")
    }
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.config, &other.config)
    }
}

impl Eq for Tls {}

/// With what a client logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// With a password that the server sees. Only over TLS.
    Plain {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// With a proof that the client knows the password.
    Scram {
        /// Which hash.
        hash: Hash,
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// With a delegation token (KIP-48).
    DelegationToken {
        /// Which hash.
        hash: Hash,
        /// The id of the token.
        id: String,
        /// What proves it, as a password.
        password: Secret,
    },
    /// With a token of an authority.
    Bearer {
        /// The token.
        token: Secret,
    },
}

impl Login {
    /// The mechanism.
    pub fn mechanism(&self) -> Mechanism {
        match self {
            Self::Plain { .. } => Mechanism::Plain,
            Self::Scram { hash, .. } | Self::DelegationToken { hash, .. } => {
                Mechanism::Scram(*hash)
            }
            Self::Bearer { .. } => Mechanism::OauthBearer,
        }
    }
}

/// When to use a connection no longer, well before the server ends it: a new one logs in anew.
pub(crate) fn login_end(begun: Instant, lifetime_ms: i64) -> Option<Instant> {
    let lifetime = u64::try_from(lifetime_ms).ok().filter(|lifetime| *lifetime > 0)?;
    begun.checked_add(Duration::from_millis(lifetime) * 8 / 10)
}

/// One login under way. Pure: what to send next, given what came.
#[derive(Debug)]
pub(crate) struct LoginExchange {
    mechanism: Mechanism,
    next: Option<Vec<u8>>,
    scram: Option<(ScramClient, ScramStage)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScramStage {
    Challenge,
    Proof,
    Proven,
}

impl LoginExchange {
    pub(crate) fn new(login: &Login) -> Self {
        let (next, scram) = match login {
            Login::Plain { user, password } => (plain::message(user, password), None),
            Login::Bearer { token } => (oauthbearer::message(token), None),
            Login::Scram { hash, user, password } => {
                let client = ScramClient::new(*hash, user, password.clone(), nonce());
                (client.first(), Some((client, ScramStage::Challenge)))
            }
            Login::DelegationToken { hash, id, password } => {
                let client = ScramClient::new(*hash, id, password.clone(), nonce()).with_token();
                (client.first(), Some((client, ScramStage::Challenge)))
            }
        };
        Self { mechanism: login.mechanism(), next: Some(next), scram }
    }

    pub(crate) fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The next message, if the login is not complete.
    pub(crate) fn message(&mut self) -> Option<Vec<u8>> {
        self.next.take()
    }

    /// Whether the server has accepted the mechanism.
    pub(crate) fn chosen(&self, reply: &Reply) -> Result<(), ClientError> {
        let response = reply.decode::<SaslHandshakeResponse<'_>>()?;
        let code =
            ErrorCode::from_code(response.error_code).unwrap_or(ErrorCode::UnknownServerError);
        if code.is_none() {
            return Ok(());
        }
        let offered: Vec<&str> = response.mechanisms.iter().map(|name| &**name).collect();
        let message = format!("the server offers {}", offered.join(", "));
        Err(self.refused(reply.api(), code, Some(message)))
    }

    /// Takes the server's answer. How long the login counts, in milliseconds; zero is for ever.
    pub(crate) fn answered(&mut self, reply: &Reply) -> Result<i64, ClientError> {
        let response = reply.decode::<SaslAuthenticateResponse<'_>>()?;
        let code =
            ErrorCode::from_code(response.error_code).unwrap_or(ErrorCode::UnknownServerError);
        if !code.is_none() {
            let message = response.error_message.map(corelog_wire::Text::into_owned);
            return Err(self.refused(reply.api(), code, message));
        }
        let bytes: &[u8] = response.auth_bytes.as_ref();
        let stepped = match &mut self.scram {
            Some((client, stage @ ScramStage::Challenge)) => {
                *stage = ScramStage::Proof;
                client.answer(bytes).map(Some)
            }
            Some((client, stage @ ScramStage::Proof)) => {
                *stage = ScramStage::Proven;
                client.finish(bytes).map(|()| None)
            }
            Some((_, ScramStage::Proven)) => Ok(None),
            // A token that is not good is told with bytes, and the answer ends the login.
            None if self.mechanism == Mechanism::OauthBearer && !bytes.is_empty() => {
                Ok(Some(FAREWELL.to_vec()))
            }
            None => Ok(None),
        };
        match stepped {
            Ok(next) => self.next = next,
            Err(error) => {
                let code = ErrorCode::SaslAuthenticationFailed;
                return Err(self.refused(reply.api(), code, Some(error.to_string())));
            }
        }
        Ok(response.session_lifetime_ms)
    }

    fn refused(&self, api: ApiKey, code: ErrorCode, message: Option<String>) -> ClientError {
        let about = format!("a login with {}", self.mechanism);
        ClientError::Refused { api, about, code, message }
    }
}
