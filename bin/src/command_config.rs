//! How a command encrypts and logs in, under the names of Kafka's clients: what a profile file
//! says, and what [`crate::connection`] lays over it.

use std::collections::BTreeMap;
use std::path::Path;

use corelog_client::security::{ClientSecurity, Login, Tls};
use corelog_security::jaas::LoginModule;
use corelog_security::scram::Hash;
use corelog_security::tls::{ClientTls, Identity, ServerNames, Versions};
use corelog_security::{Mechanism, Protocol, Secret};

use crate::failure::{Exit, Failure};
use crate::serve::config::properties;

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Properties of a client. Those without an effect here are passed over.
#[derive(Clone, Default)]
pub(crate) struct Properties(BTreeMap<String, String>);

/// Who logs in, as far as it is said outside of the properties.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The user. With one, nothing is taken from a login module: its password is another user's.
    pub(crate) user: Option<String>,
    /// The password, or the token of OAUTHBEARER.
    pub(crate) password: Option<Secret>,
}

/// Reads a file of client properties.
pub fn read(path: &Path) -> Result<ClientSecurity, Failure> {
    let refuse = |why| refused(path, why);
    let properties = Properties::parse(&file(path).map_err(refuse)?).map_err(refuse)?;
    properties.security(&Credentials::default()).map_err(refuse)
}

/// The failure of a command that was given such a file.
pub(crate) fn refused(path: &Path, why: String) -> Failure {
    let what = format!("cannot use {}", path.display());
    let hint = "write Kafka's names: security.protocol, sasl.mechanism, sasl.jaas.config, \
                ssl.truststore.location (PEM) ...";
    Failure::new(Exit::Usage, what, why, hint)
}

impl Properties {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let entries = properties::parse(text).map_err(|error| error.to_string())?;
        Ok(Self(entries.into_iter().map(|entry| (entry.key, entry.value)).collect()))
    }

    /// Sets one, and what is said beside it no more.
    pub(crate) fn replace(&mut self, name: &str, value: impl Into<String>, beside: &[&str]) {
        for name in beside {
            self.0.remove(*name);
        }
        self.0.insert(name.to_owned(), value.into());
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Kafka's `security.protocol`.
    pub(crate) fn protocol(&self) -> Result<Protocol, String> {
        match self.text("security.protocol") {
            None => Ok(Protocol::default()),
            Some(name) => name.parse().map_err(|error| format!("security.protocol={name} {error}")),
        }
    }

    /// What they ask for.
    pub(crate) fn security(&self, credentials: &Credentials) -> Result<ClientSecurity, String> {
        let protocol = self.protocol()?;
        let tls = if protocol.has_tls() { Some(tls(self)?) } else { None };
        let login = if protocol.has_sasl() { Some(login(self, credentials)?) } else { None };
        Ok(ClientSecurity { tls, login })
    }
}

fn tls(properties: &Properties) -> Result<Tls, String> {
    for name in ["ssl.keystore.type", "ssl.truststore.type"] {
        if properties.text(name).is_some_and(|kind| !kind.eq_ignore_ascii_case("PEM")) {
            return Err(format!("{name} is not PEM, the only format that is read"));
        }
    }
    for name in ["ssl.keystore.password", "ssl.key.password", "ssl.truststore.password"] {
        if properties.text(name).is_some() {
            return Err(format!("{name} is set, but PEM is read without a password"));
        }
    }
    let stored = |location: &str, inline: &str| match properties.text(inline) {
        Some(text) => Ok(Some(text.to_owned())),
        None => properties.text(location).map(|path| file(Path::new(path))).transpose(),
    };
    let trusted = stored("ssl.truststore.location", "ssl.truststore.certificates")?;
    let trusted = trusted.ok_or("ssl.truststore.location is missing")?;
    let chain = stored("ssl.keystore.location", "ssl.keystore.certificate.chain")?;
    let identity = chain.map(|chain| {
        let key = properties.text("ssl.keystore.key").unwrap_or(&chain);
        Identity { key: Secret::new(key), chain: chain.clone() }
    });
    // Kafka's clients check names unless told not to.
    let checks_names = properties
        .0
        .get("ssl.endpoint.identification.algorithm")
        .is_none_or(|algorithm| !algorithm.trim().is_empty());
    let server_names = if checks_names { ServerNames::Checked } else { ServerNames::Ignored };
    let settings = ClientTls { trusted, identity, server_names, versions: Versions::Both };
    Tls::new(&settings).map_err(|error| error.to_string())
}

fn login(properties: &Properties, credentials: &Credentials) -> Result<Login, String> {
    let mechanism: Mechanism = match properties.text("sasl.mechanism") {
        Some(name) => name.parse().map_err(|error| format!("sasl.mechanism={name} {error}"))?,
        None if credentials.user.is_some() => Mechanism::Scram(Hash::Sha512),
        None => return Err("sasl.mechanism is missing".to_owned()),
    };
    let module = match properties.text("sasl.jaas.config") {
        Some(jaas) if credentials.user.is_none() => {
            let module = LoginModule::parse(jaas);
            Some(module.map_err(|error| format!("sasl.jaas.config {error}"))?)
        }
        _ => None,
    };
    let option = |name: &str| match &module {
        Some(module) => {
            module.option(name).cloned().ok_or_else(|| format!("sasl.jaas.config has no {name}"))
        }
        None if credentials.user.is_some() => {
            Err("the password is missing: --sasl-password-file or CORELOG_SASL_PASSWORD".to_owned())
        }
        None => Err("sasl.jaas.config is missing, and so is --sasl-user".to_owned()),
    };
    let user = || match &credentials.user {
        Some(user) => Ok(user.clone()),
        None => Ok::<_, String>(option("username")?.reveal().to_owned()),
    };
    let password = |name: &str| match &credentials.password {
        Some(password) => Ok(password.clone()),
        None => option(name),
    };
    Ok(match mechanism {
        Mechanism::Plain => Login::Plain { user: user()?, password: password("password")? },
        Mechanism::Scram(hash) => {
            let (user, password) = (user()?, password("password")?);
            let is_true = |it: &Secret| it.reveal().eq_ignore_ascii_case("true");
            let module = module.as_ref();
            if module.and_then(|module| module.option("tokenauth")).is_some_and(is_true) {
                Login::DelegationToken { hash, id: user, password }
            } else {
                Login::Scram { hash, user, password }
            }
        }
        Mechanism::OauthBearer => Login::Bearer { token: password("token")? },
    })
}

/// Reads a file of bounded length.
pub(crate) fn file(path: &Path) -> Result<String, String> {
    use std::io::Read;

    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut text = String::new();
    let opened = std::fs::File::open(path).map_err(failed)?;
    opened.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ClientSecurity, String> {
        Properties::parse(text)?.security(&Credentials::default())
    }

    const SCRAM: &str = "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule \
                         required username=\"alice\" password=\"hunter2\";";

    #[test]
    fn a_login_is_read_under_the_names_of_kafka() {
        let text = format!(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\n{SCRAM}\nacks=all"
        );
        let login = Login::Scram {
            hash: Hash::Sha256,
            user: "alice".to_owned(),
            password: Secret::new("hunter2"),
        };
        assert_eq!(parse(&text), Ok(ClientSecurity { tls: None, login: Some(login) }));
        assert_eq!(parse("# nothing"), Ok(ClientSecurity::default()));
    }

    #[test]
    fn a_login_with_a_delegation_token_is_one_with_scram_that_says_so() {
        let read = |option: &str| {
            let scram = SCRAM.replace(';', &format!(" {option};"));
            let text =
                format!("security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\n{scram}");
            parse(&text).expect("the text is right").login.expect("there is a login")
        };
        let (hash, password) = (Hash::Sha512, Secret::new("hunter2"));
        let id = "alice".to_owned();
        let token = Login::DelegationToken { hash, id: id.clone(), password: password.clone() };
        assert_eq!(read("tokenauth=\"true\""), token);
        assert_eq!(read("tokenauth=false"), Login::Scram { hash, user: id, password });
    }

    #[test]
    fn what_cannot_be_is_told_without_its_secrets() {
        let sasl = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=";
        for (text, part) in [
            ("security.protocol=TLS".to_owned(), "is none of PLAINTEXT"),
            ("security.protocol=SSL".to_owned(), "ssl.truststore.location is missing"),
            ("security.protocol=SSL\nssl.truststore.location=/none".to_owned(), "/none: "),
            ("security.protocol=SSL\nssl.truststore.type=JKS".to_owned(), "is not PEM"),
            ("security.protocol=SSL\nssl.key.password=hunter2".to_owned(), "without a password"),
            (format!("{sasl}GSSAPI\n{SCRAM}"), "is none of PLAIN"),
            (format!("{sasl}PLAIN"), "sasl.jaas.config is missing"),
            (format!("{sasl}PLAIN\nsasl.jaas.config=hunter2"), "does not begin with"),
            (format!("{sasl}OAUTHBEARER\n{SCRAM}"), "sasl.jaas.config has no token"),
        ] {
            let why = parse(&text).unwrap_err();
            assert!(why.contains(part) && !why.contains("hunter2"), "{text}: {why}");
        }
    }
}
