//! The files of TLS and SASL: read at start, and again while the broker runs, when they change or
//! somebody asks. What cannot be used then is told and changes nothing.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use corelog_security::jwt::{KeySet, TokenPolicy};
use corelog_security::tls::{Identity, ServerTls};
use corelog_security::{Secret, random_bytes, revocation};
use corelog_server::{SaslGate, SaslSettings, TlsAcceptor};

use super::config::listener::Listener;
use super::config::security::{SaslConfig, Store, TlsConfig, TokenConfig};
use crate::failure::{Exit, Failure};

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// How often files are looked at.
const CHECK_PERIOD: Duration = Duration::from_secs(10);

/// How clients of each listener are checked.
pub struct Security {
    listeners: Vec<Checked>,
    looked: Instant,
    seen: Vec<Option<SystemTime>>,
}

struct Checked {
    listener: Listener,
    tls: Option<TlsAcceptor>,
    sasl: Option<SaslGate>,
}

impl Security {
    /// Reads all files.
    pub fn start(listeners: &[Listener]) -> Result<Self, Failure> {
        let nobody_secret = random_bytes();
        let check = |listener: &Listener| {
            let tls = listener.tls.as_ref().map(|config| {
                let settings = server_tls(config)?;
                let acceptor = TlsAcceptor::new(&settings, config.rules.clone());
                acceptor.map_err(|error| error.to_string())
            });
            let sasl = listener.sasl.as_ref().map(|config| sasl_settings(config, nobody_secret));
            let refuse = |why: String| {
                let what = format!("the listener {} cannot be secured", listener.name);
                let hint = "check the keys ssl.* and sasl.* and the files that they name";
                Failure::new(Exit::Unsuitable, what, why, hint)
            };
            Ok(Checked {
                listener: listener.clone(),
                tls: tls.transpose().map_err(refuse)?,
                sasl: sasl.transpose().map_err(refuse)?.map(SaslGate::new),
            })
        };
        let listeners = listeners.iter().map(check).collect::<Result<Vec<_>, Failure>>()?;
        let mut security = Self { listeners, looked: Instant::now(), seen: Vec::new() };
        security.seen = security.stamps();
        Ok(security)
    }

    /// How clients of a listener are checked, by its position.
    pub fn of(&self, position: usize) -> (Option<TlsAcceptor>, Option<SaslGate>) {
        let checked = &self.listeners[position];
        (checked.tls.clone(), checked.sasl.clone())
    }

    /// Reads the files again if one of them has changed. Looks only now and then.
    pub fn reload_if_changed(&mut self) {
        if self.looked.elapsed() < CHECK_PERIOD {
            return;
        }
        self.looked = Instant::now();
        if self.stamps() != self.seen {
            self.reload();
        }
    }

    /// Reads the files again. Connections that are open stay as they are.
    pub fn reload(&mut self) {
        self.seen = self.stamps();
        for Checked { listener, tls, sasl } in &self.listeners {
            let name = &listener.name;
            if let (Some(config), Some(acceptor)) = (&listener.tls, tls) {
                let replaced = server_tls(config).and_then(|settings| {
                    acceptor.replace(&settings).map_err(|error| error.to_string())
                });
                match replaced {
                    Ok(()) => tracing::info!(listener = %name, "TLS files are read again"),
                    Err(error) => {
                        tracing::error!(listener = %name, %error, "the old TLS files stay in use");
                    }
                }
            }
            let tokens = listener.sasl.as_ref().and_then(|config| config.tokens.as_ref());
            if let (Some(config), Some(gate)) = (tokens, sasl) {
                match token_policy(config) {
                    Ok(policy) => {
                        gate.replace_tokens(policy);
                        tracing::info!(listener = %name, "keys of tokens are read again");
                    }
                    Err(error) => {
                        tracing::error!(listener = %name, %error, "the old keys stay in use");
                    }
                }
            }
        }
    }

    fn stamps(&self) -> Vec<Option<SystemTime>> {
        let files = self.listeners.iter().flat_map(|checked| files(&checked.listener));
        files.map(|path| fs::metadata(path).and_then(|it| it.modified()).ok()).collect()
    }
}

/// The files of a listener.
fn files(listener: &Listener) -> Vec<&PathBuf> {
    let mut files = Vec::new();
    if let Some(tls) = &listener.tls {
        if let Store::File(path) = &tls.key_store {
            files.push(path);
        }
        if let Some(Store::File(path)) = &tls.trust_store {
            files.push(path);
        }
        files.extend(&tls.revoked);
    }
    let tokens = listener.sasl.as_ref().and_then(|sasl| sasl.tokens.as_ref());
    files.extend(tokens.map(|tokens| &tokens.keys));
    files
}

fn server_tls(config: &TlsConfig) -> Result<ServerTls, String> {
    let identity = match &config.key_store {
        Store::Inline((chain, key)) => Identity { chain: chain.clone(), key: key.clone() },
        Store::File(path) => {
            let text = read(path)?;
            Identity { chain: text.clone(), key: Secret::new(text) }
        }
    };
    let trusted = match &config.trust_store {
        None => None,
        Some(Store::Inline(text)) => Some(text.clone()),
        Some(Store::File(path)) => Some(read(path)?),
    };
    let revoked = config.revoked.as_deref().map(revoked).transpose()?;
    let (client_auth, versions) = (config.client_auth, config.versions);
    Ok(ServerTls { identity, trusted, revoked, client_auth, versions })
}

/// Lists of revoked certificates that count today.
fn revoked(path: &Path) -> Result<String, String> {
    let text = read(path)?;
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let checked = revocation::check_times(&text, now);
    checked.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text)
}

fn sasl_settings(config: &SaslConfig, nobody_secret: [u8; 32]) -> Result<SaslSettings, String> {
    Ok(SaslSettings {
        mechanisms: config.mechanisms.clone(),
        plain: config.plain.clone(),
        tokens: config.tokens.as_ref().map(token_policy).transpose()?,
        login_time_max: config.login_time_max,
        receive_bytes_max: config.receive_bytes_max,
        failure_delay: config.failure_delay,
        nobody_secret,
    })
}

fn token_policy(config: &TokenConfig) -> Result<TokenPolicy, String> {
    let keys = KeySet::parse(&read(&config.keys)?);
    Ok(TokenPolicy {
        keys: keys.map_err(|error| format!("{}: {error}", config.keys.display()))?,
        issuer: config.issuer.clone(),
        audiences: config.audiences.clone(),
        clock_skew_ms: i64::try_from(config.clock_skew.as_millis()).unwrap_or(i64::MAX),
        user_claim: config.user_claim.clone(),
    })
}

fn read(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}
