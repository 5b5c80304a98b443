//! `--command-config`: how a command encrypts and logs in, under the names of Kafka's clients.

use std::collections::BTreeMap;
use std::path::Path;

use corelog_client::security::{ClientSecurity, Login, Tls};
use corelog_security::jaas::LoginModule;
use corelog_security::tls::{ClientTls, Identity, ServerNames, Versions};
use corelog_security::{Mechanism, Protocol, Secret};

use crate::failure::{Exit, Failure};
use crate::serve::config::properties;

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Keys that have an effect; all others that clients of Kafka know are passed over.
struct Properties(BTreeMap<String, String>);

impl Properties {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

/// Reads a file of client properties.
pub fn read(path: &Path) -> Result<ClientSecurity, Failure> {
    let refuse = |why: String| {
        let what = format!("cannot use {}", path.display());
        let hint = "write Kafka's names: security.protocol, sasl.mechanism, sasl.jaas.config, \
                    ssl.truststore.location (PEM) ...";
        Failure::new(Exit::Usage, what, why, hint)
    };
    parse(&file(path).map_err(refuse)?).map_err(refuse)
}

fn parse(text: &str) -> Result<ClientSecurity, String> {
    let entries = properties::parse(text).map_err(|error| error.to_string())?;
    let entries = entries.into_iter().map(|entry| (entry.key, entry.value));
    let properties = Properties(entries.collect());
    let protocol: Protocol = match properties.text("security.protocol") {
        None => Protocol::default(),
        Some(name) => name.parse().map_err(|error| format!("security.protocol={name} {error}"))?,
    };
    let tls = if protocol.has_tls() { Some(tls(&properties)?) } else { None };
    let login = if protocol.has_sasl() { Some(login(&properties)?) } else { None };
    Ok(ClientSecurity { tls, login })
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

fn login(properties: &Properties) -> Result<Login, String> {
    let name = properties.text("sasl.mechanism").ok_or("sasl.mechanism is missing")?;
    let mechanism: Mechanism =
        name.parse().map_err(|error| format!("sasl.mechanism={name} {error}"))?;
    let jaas = properties.text("sasl.jaas.config").ok_or("sasl.jaas.config is missing")?;
    let module = LoginModule::parse(jaas).map_err(|error| format!("sasl.jaas.config {error}"))?;
    let option = |name: &str| {
        module.option(name).cloned().ok_or_else(|| format!("sasl.jaas.config has no {name}"))
    };
    Ok(match mechanism {
        Mechanism::Plain => {
            let user = option("username")?.reveal().to_owned();
            Login::Plain { user, password: option("password")? }
        }
        Mechanism::Scram(hash) => {
            let user = option("username")?.reveal().to_owned();
            let password = option("password")?;
            let is_true = |it: &Secret| it.reveal().eq_ignore_ascii_case("true");
            if module.option("tokenauth").is_some_and(is_true) {
                Login::DelegationToken { hash, id: user, password }
            } else {
                Login::Scram { hash, user, password }
            }
        }
        Mechanism::OauthBearer => Login::Bearer { token: option("token")? },
    })
}

fn file(path: &Path) -> Result<String, String> {
    use std::io::Read;

    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut text = String::new();
    let opened = std::fs::File::open(path).map_err(failed)?;
    opened.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use corelog_security::scram::Hash;

    use super::*;

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
