//! TLS and SASL of each listener, out of Kafka's keys. Files are named here and read later.

use std::path::PathBuf;
use std::time::Duration;

use corelog_security::exchange::PlainUsers;
use corelog_security::jaas::LoginModule;
use corelog_security::mapping_rules::MappingRules;
use corelog_security::tls::{ClientAuth, Versions};
use corelog_security::{Mechanism, Protocol, Secret};

use super::problem::Problem;
use super::settings::Settings;
use super::{keys, unfit};

/// The key of the file with lists of revoked certificates.
pub(super) const REVOKED: &str = "corelog.ssl.crl.location";

/// Where PEM comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store<T> {
    /// A file, read at start and again when it changes.
    File(PathBuf),
    /// The configuration itself.
    Inline(T),
}

/// TLS of a listener.
#[derive(Debug, Clone, PartialEq)]
pub struct TlsConfig {
    /// Certificates and private key of the server.
    pub key_store: Store<(String, Secret)>,
    /// The authorities that vouch for clients.
    pub trust_store: Option<Store<String>>,
    /// The file with lists of revoked certificates, read at start and again when it changes.
    pub revoked: Option<PathBuf>,
    /// Whether clients show certificates.
    pub client_auth: ClientAuth,
    /// Which versions are spoken.
    pub versions: Versions,
    /// How subjects of certificates become users.
    pub rules: MappingRules,
}

/// SASL of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaslConfig {
    /// What is offered, in the order of the configuration.
    pub mechanisms: Vec<Mechanism>,
    /// Users of PLAIN.
    pub plain: PlainUsers,
    /// Which tokens are accepted.
    pub tokens: Option<TokenConfig>,
    /// How long a login counts; `None`: for ever.
    pub login_time_max: Option<Duration>,
    /// Largest request before the login.
    pub receive_bytes_max: usize,
    /// How late a failed login is answered.
    pub failure_delay: Duration,
}

/// Which tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenConfig {
    /// The file with the keys that sign them.
    pub keys: PathBuf,
    /// The issuer that must be named, if any must.
    pub issuer: Option<String>,
    /// The audiences of which one must be named, if any must.
    pub audiences: Vec<String>,
    /// The claim that names the user.
    pub user_claim: String,
    /// How far clocks may differ.
    pub clock_skew: Duration,
}

/// Collects what is wrong with the settings of one listener.
struct Check<'a> {
    settings: &'a Settings,
    listener: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl Check<'_> {
    /// Notes a problem of a setting.
    fn refuse<T>(&mut self, name: &str, why: impl std::fmt::Display, hint: &str) -> Option<T> {
        self.problems.push(unfit(self.settings, name, why, hint));
        None
    }

    fn text(&self, name: &str) -> Option<&str> {
        Some(self.settings.text(name)).filter(|text| !text.is_empty())
    }
}

/// TLS of a listener; `None` if it has none, or not one that can be.
pub(super) fn tls(
    settings: &Settings,
    listener: &str,
    protocol: Protocol,
    problems: &mut Vec<Problem>,
) -> Option<TlsConfig> {
    if !protocol.has_tls() {
        return None;
    }
    // With SASL clients say who they are in another way, so certificates are asked for only where
    // the listener itself says so, as in Kafka.
    let auth_counts = !protocol.has_sasl() || settings.own(listener, "ssl.client.auth").is_some();
    let own_revoked = settings.own(listener, REVOKED).is_some();
    let settings = &settings.at(listener);
    let mut check = Check { settings, listener, problems };
    for name in ["ssl.keystore.type", "ssl.truststore.type"] {
        if !settings.text(name).eq_ignore_ascii_case("PEM") {
            let hint = "convert the store to PEM, with keytool and openssl pkcs12, and write PEM";
            check.refuse::<()>(name, "is not PEM, the only format that is read", hint);
        }
    }
    for name in ["ssl.keystore.password", "ssl.key.password", "ssl.truststore.password"] {
        if !settings.secret(name).is_empty() {
            let hint = "remove it; let nobody but this server read the file";
            check.refuse::<()>(name, "is set, but PEM is read without a password", hint);
        }
    }
    let key_store = key_store(&mut check);
    let trust_store = trust_store(&mut check);
    let client_auth = match settings.text("ssl.client.auth") {
        "requested" if auth_counts => ClientAuth::Requested,
        "required" if auth_counts => ClientAuth::Required,
        _ => ClientAuth::None,
    };
    if client_auth != ClientAuth::None && trust_store.is_none() {
        let why = "needs authorities that vouch for clients";
        check.refuse::<()>("ssl.client.auth", why, "set ssl.truststore.location");
    }
    let revoked = check.text(REVOKED).map(PathBuf::from);
    if revoked.is_some() && client_auth == ClientAuth::None && own_revoked {
        let why = format!("is set, but {listener} asks clients for no certificates");
        check.refuse::<()>(REVOKED, why, "set ssl.client.auth to required");
    }
    let has = |version: &str| settings.list("ssl.enabled.protocols").iter().any(|it| it == version);
    let versions = match (has("TLSv1.2"), has("TLSv1.3")) {
        (true, true) => Some(Versions::Both),
        (true, false) => Some(Versions::Only12),
        (false, true) => Some(Versions::Only13),
        (false, false) => check.refuse("ssl.enabled.protocols", "is empty", "write TLSv1.3"),
    };
    let rules = MappingRules::parse(settings.text("ssl.principal.mapping.rules"));
    let rules = match rules {
        Ok(rules) => Some(rules),
        Err(error) => {
            let hint = "write RULE:pattern/replacement/[LU] or DEFAULT, separated by commas";
            check.refuse("ssl.principal.mapping.rules", error, hint)
        }
    };
    let (key_store, versions, rules) = (key_store?, versions?, rules?);
    Some(TlsConfig { key_store, trust_store, revoked, client_auth, versions, rules })
}

fn key_store(check: &mut Check<'_>) -> Option<Store<(String, Secret)>> {
    let key = check.settings.secret("ssl.keystore.key");
    let location = check.text("ssl.keystore.location").map(PathBuf::from);
    let chain = check.text("ssl.keystore.certificate.chain").map(str::to_owned);
    let hint = "set ssl.keystore.location, or ssl.keystore.certificate.chain and ssl.keystore.key";
    match (location, chain) {
        (Some(path), None) if key.is_empty() => Some(Store::File(path)),
        (None, Some(chain)) if !key.is_empty() => Some(Store::Inline((chain, key))),
        (None, None) if key.is_empty() => {
            let why = format!("is missing, but {} has TLS", check.listener);
            check.refuse("ssl.keystore.location", why, hint)
        }
        (Some(_), _) => {
            check.refuse("ssl.keystore.location", "is set beside the key store itself", hint)
        }
        (None, _) => {
            check.refuse("ssl.keystore.certificate.chain", "is only half of a key store", hint)
        }
    }
}

fn trust_store(check: &mut Check<'_>) -> Option<Store<String>> {
    let location = check.text("ssl.truststore.location").map(PathBuf::from);
    let certificates = check.text("ssl.truststore.certificates").map(str::to_owned);
    match (location, certificates) {
        (Some(path), None) => Some(Store::File(path)),
        (None, Some(certificates)) => Some(Store::Inline(certificates)),
        (None, None) => None,
        (Some(_), Some(_)) => {
            let why = "is set beside ssl.truststore.certificates";
            check.refuse("ssl.truststore.location", why, "keep one of them")
        }
    }
}

/// SASL of a listener; `None` if it has none, or not one that can be.
pub(super) fn sasl(
    settings: &Settings,
    listener: &str,
    protocol: Protocol,
    problems: &mut Vec<Problem>,
) -> Option<SaslConfig> {
    if !protocol.has_sasl() {
        return None;
    }
    let settings = &settings.at(listener);
    let mut check = Check { settings, listener, problems };
    let before = check.problems.len();
    let names = settings.list("sasl.enabled.mechanisms").iter();
    let mechanisms: Vec<Mechanism> = names.filter_map(|name| name.parse().ok()).collect();
    if mechanisms.is_empty() {
        let why = format!("is empty, but {listener} has SASL");
        check.refuse::<()>("sasl.enabled.mechanisms", why, "write SCRAM-SHA-512");
    }
    let plain = plain_users(&mut check, &mechanisms);
    let tokens =
        if mechanisms.contains(&Mechanism::OauthBearer) { token_config(&mut check) } else { None };
    if check.problems.len() > before {
        return None;
    }
    let login_ms_max = settings.unsigned("connections.max.reauth.ms");
    let delay_ms = settings.unsigned("connection.failed.authentication.delay.ms");
    Some(SaslConfig {
        mechanisms,
        plain,
        tokens,
        login_time_max: (login_ms_max > 0).then(|| Duration::from_millis(login_ms_max)),
        receive_bytes_max: settings.unsigned("sasl.server.max.receive.size") as usize,
        failure_delay: Duration::from_millis(delay_ms),
    })
}

/// The users of PLAIN. What is written for other mechanisms must be a login module, too.
fn plain_users(check: &mut Check<'_>, mechanisms: &[Mechanism]) -> PlainUsers {
    let mut users = PlainUsers::default();
    for key in keys::of_mechanisms() {
        let text = check.settings.secret(key.name);
        let place = keys::name_at(Some(check.listener), key);
        let is_plain = key.name.starts_with("plain.");
        let parsed = match LoginModule::parse(text.reveal()) {
            _ if text.is_empty() => None,
            Ok(module) => Some(module),
            Err(error) => {
                let hint = "write CLASS required NAME=\"VALUE\" ...;".to_owned();
                let why = format!("{place} {error}");
                check.problems.push(Problem::Unfit { why, hint });
                continue;
            }
        };
        if !is_plain {
            continue;
        }
        users.0 = parsed.map(|module| module.users()).unwrap_or_default();
        if mechanisms.contains(&Mechanism::Plain) && users.0.is_empty() {
            let why = format!("PLAIN is offered, but {place} names no user");
            let class = "org.apache.kafka.common.security.plain.PlainLoginModule";
            let hint = format!("write {class} required user_NAME=\"PASSWORD\";");
            check.problems.push(Problem::Unfit { why, hint });
        }
    }
    users
}

fn token_config(check: &mut Check<'_>) -> Option<TokenConfig> {
    let name = "sasl.oauthbearer.jwks.endpoint.url";
    let url = check.text(name).unwrap_or_default().to_owned();
    let path = url.strip_prefix("file://").or_else(|| url.strip_prefix("file:"));
    let Some(path) = path.filter(|path| path.starts_with('/')) else {
        let why = "is not the URL of a file; keys are not fetched from elsewhere";
        return check.refuse(name, why, "write file:/PATH, and keep the file up to date");
    };
    let settings = check.settings;
    let skew_s = settings.unsigned("sasl.oauthbearer.clock.skew.seconds");
    Some(TokenConfig {
        keys: PathBuf::from(path),
        issuer: check.text("sasl.oauthbearer.expected.issuer").map(str::to_owned),
        audiences: settings.list("sasl.oauthbearer.expected.audience").to_vec(),
        user_claim: settings.text("sasl.oauthbearer.sub.claim.name").to_owned(),
        clock_skew: Duration::from_secs(skew_s),
    })
}
