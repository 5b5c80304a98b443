//! How a command encrypts and logs in. A flag is stronger than a variable of the environment, and
//! that than the profile file; all of them are laid over it under the names of Kafka's clients.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use corelog_client::security::ClientSecurity;
use corelog_security::{Mechanism, Protocol, Secret};

use crate::command_config::{self, Credentials, Properties};
use crate::failure::{Exit, Failure};
use crate::password;

/// The variable that may hold a password. There is no flag for it: everybody on the machine can
/// read the command lines of others.
const PASSWORD: &str = "CORELOG_SASL_PASSWORD";

/// The variables that are read here. A server that finds one has nothing to say about it.
pub const VARIABLES: [&str; 9] = [
    PASSWORD,
    "CORELOG_SECURITY_PROTOCOL",
    "CORELOG_TLS_CA",
    "CORELOG_TLS_CERT",
    "CORELOG_TLS_KEY",
    "CORELOG_SASL_USER",
    "CORELOG_SASL_PASSWORD_FILE",
    "CORELOG_SASL_MECHANISM",
    "CORELOG_COMMAND_CONFIG",
];

/// What may be said of a property on the command line: what has an effect and is no secret.
const PROPERTIES: [&str; 9] = [
    "security.protocol",
    "ssl.truststore.location",
    "ssl.truststore.certificates",
    "ssl.truststore.type",
    "ssl.keystore.location",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.type",
    "ssl.endpoint.identification.algorithm",
    "sasl.mechanism",
];

/// Flags about the connection, beside where it goes.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Connection {
    /// PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL [default: what the flags below ask for]
    #[arg(long, value_name = "NAME", env = "CORELOG_SECURITY_PROTOCOL")]
    security_protocol: Option<Protocol>,
    /// Certificates that sign those of the servers, in PEM; asks for TLS
    #[arg(long, value_name = "FILE", env = "CORELOG_TLS_CA")]
    tls_ca: Option<PathBuf>,
    /// Certificate to show to servers that ask for one, in PEM, with its chain
    #[arg(long, value_name = "FILE", env = "CORELOG_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// Key of the certificate, in PEM [default: it is in the same file]
    #[arg(long, value_name = "FILE", env = "CORELOG_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// User to log in as. The password is in --sasl-password-file or CORELOG_SASL_PASSWORD
    #[arg(long, value_name = "NAME", env = "CORELOG_SASL_USER")]
    sasl_user: Option<String>,
    /// File whose first line is the password, or the token of OAUTHBEARER
    #[arg(long, value_name = "FILE", env = "CORELOG_SASL_PASSWORD_FILE")]
    sasl_password_file: Option<PathBuf>,
    /// PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER [default: SCRAM-SHA-512]
    #[arg(long, value_name = "NAME", env = "CORELOG_SASL_MECHANISM")]
    sasl_mechanism: Option<Mechanism>,
    /// File with the properties of Kafka's clients, for what is not said otherwise
    #[arg(long, value_name = "FILE", env = "CORELOG_COMMAND_CONFIG")]
    command_config: Option<PathBuf>,
    /// Property of Kafka's clients, as in such a file, but stronger than all else; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    command_property: Vec<Property>,
}

/// A property, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Property {
    name: String,
    value: String,
}

impl FromStr for Property {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (name, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
        Ok(Self { name: name.trim().to_owned(), value: value.to_owned() })
    }
}

impl Connection {
    /// What all of it asks for.
    pub fn security(&self) -> Result<ClientSecurity, Failure> {
        // What cannot be text is no password that anybody has set.
        self.security_with(std::env::var(PASSWORD).ok())
    }

    /// The same with what the environment has as password.
    fn security_with(&self, password: Option<String>) -> Result<ClientSecurity, Failure> {
        let refuse = |why| match &self.command_config {
            Some(path) => command_config::refused(path, why),
            None => refused(why),
        };
        let properties = match &self.command_config {
            Some(path) => command_config::file(path).and_then(|text| Properties::parse(&text)),
            None => Ok(Properties::default()),
        };
        let properties = properties.and_then(|properties| self.over(properties)).map_err(refuse)?;
        let password = self.password(password).map_err(refuse)?;
        let credentials = Credentials { user: self.sasl_user.clone(), password };
        properties.security(&credentials).map_err(refuse)
    }

    /// The file's properties under what the flags say.
    fn over(&self, mut properties: Properties) -> Result<Properties, String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        if let Some(path) = &self.tls_ca {
            let beside = ["ssl.truststore.certificates", "ssl.truststore.type"];
            properties.replace("ssl.truststore.location", text(path), &beside);
        }
        if let Some(path) = &self.tls_cert {
            let beside =
                ["ssl.keystore.certificate.chain", "ssl.keystore.key", "ssl.keystore.type"];
            properties.replace("ssl.keystore.location", text(path), &beside);
        }
        if let Some(path) = &self.tls_key {
            properties.replace("ssl.keystore.key", command_config::file(path)?, &[]);
        }
        if let Some(mechanism) = self.sasl_mechanism {
            properties.replace("sasl.mechanism", mechanism.name(), &[]);
        }
        let protocol = match self.security_protocol {
            Some(protocol) => protocol,
            None => self.at_least(properties.protocol()?),
        };
        properties.replace("security.protocol", protocol.name(), &[]);
        for Property { name, value } in &self.command_property {
            if !PROPERTIES.contains(&name.as_str()) {
                return Err(format!(
                    "--command-property {name} has no effect, or is a secret for a file"
                ));
            }
            properties.replace(name, value, &[]);
        }
        Ok(properties)
    }

    /// A protocol with all that flags ask for, and no less than it has.
    fn at_least(&self, protocol: Protocol) -> Protocol {
        let asks_for_tls =
            [&self.tls_ca, &self.tls_cert, &self.tls_key].into_iter().any(Option::is_some);
        let asks_for_sasl = self.sasl_user.is_some() || self.sasl_mechanism.is_some();
        match (protocol.has_tls() || asks_for_tls, protocol.has_sasl() || asks_for_sasl) {
            (false, false) => Protocol::Plaintext,
            (true, false) => Protocol::Ssl,
            (false, true) => Protocol::SaslPlaintext,
            (true, true) => Protocol::SaslSsl,
        }
    }

    fn password(&self, of_environment: Option<String>) -> Result<Option<Secret>, String> {
        let Some(path) = &self.sasl_password_file else {
            return Ok(of_environment.filter(|password| !password.is_empty()).map(Secret::new));
        };
        let read = password::of_file(path);
        read.map(Some).map_err(|error| format!("{}: {error}", path.display()))
    }
}

fn refused(why: String) -> Failure {
    let hint = "write --tls-ca FILE for TLS, --sasl-user NAME and --sasl-password-file FILE to log \
                in, or --command-config FILE";
    Failure::new(Exit::Usage, "cannot secure the connection", why, hint)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::{CommandFactory, Parser};
    use corelog_client::security::Login;
    use corelog_security::scram::Hash;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        connection: Connection,
    }

    /// A folder with the profile of Alice, and Bob's password.
    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let profile = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\n\
                           sasl.jaas.config=x.M required username=alice password=wonder;\n";
            fs::write(folder.path().join("profile"), profile).unwrap();
            fs::write(folder.path().join("password"), "builder\n").unwrap();
            Self(folder)
        }

        /// What flags ask for; `@` in front of a name stands for the folder.
        fn security(&self, flags: &str, password: Option<&str>) -> Result<ClientSecurity, String> {
            let folder = format!("{}/", self.0.path().display());
            let flags = flags.replace('@', &folder);
            let flags = std::iter::once("command").chain(flags.split_whitespace());
            let connection = Command::try_parse_from(flags).unwrap().connection;
            let security = connection.security_with(password.map(str::to_owned));
            security.map_err(|failure| failure.to_string())
        }
    }

    #[track_caller]
    fn check_login(flags: &str, environment: Option<&str>, expected: (Hash, &str, &str)) {
        let security = Folder::new().security(flags, environment);
        let (hash, user, password) = expected;
        let (user, password) = (user.to_owned(), Secret::new(password));
        let login = Some(Login::Scram { hash, user, password });
        assert_eq!(security, Ok(ClientSecurity { tls: None, login }), "{flags}");
    }

    #[test]
    fn the_strongest_that_says_something_counts() {
        let file = "--command-config @profile";
        check_login(file, None, (Hash::Sha256, "alice", "wonder"));
        check_login(file, Some("land"), (Hash::Sha256, "alice", "land"));
        let password = format!("{file} --sasl-password-file @password");
        check_login(&password, Some("land"), (Hash::Sha256, "alice", "builder"));
        let user = format!("{password} --sasl-user bob");
        check_login(&user, None, (Hash::Sha256, "bob", "builder"));
        let mechanism = format!("{user} --sasl-mechanism SCRAM-SHA-512");
        check_login(&mechanism, None, (Hash::Sha512, "bob", "builder"));
        let property = format!("{mechanism} --command-property sasl.mechanism=SCRAM-SHA-256");
        check_login(&property, None, (Hash::Sha256, "bob", "builder"));
    }

    #[test]
    fn a_user_logs_in_and_certificates_encrypt_unless_told_otherwise() {
        check_login("--sasl-user bob", Some("builder"), (Hash::Sha512, "bob", "builder"));
        let folder = Folder::new();
        let none = Ok(ClientSecurity::default());
        assert_eq!(folder.security("", Some("land")), none, "a password alone asks for nothing");
        let plain = "--sasl-user bob --tls-ca @none --security-protocol PLAINTEXT";
        assert_eq!(folder.security(plain, None), none);
        for (flags, expected) in [
            ("", Protocol::Plaintext),
            ("--tls-ca @ca", Protocol::Ssl),
            ("--tls-cert @cert", Protocol::Ssl),
            ("--tls-ca @ca --sasl-user bob", Protocol::SaslSsl),
            ("--sasl-mechanism OAUTHBEARER", Protocol::SaslPlaintext),
            ("--tls-ca @ca --security-protocol SASL_PLAINTEXT", Protocol::SaslPlaintext),
            ("--tls-ca @ca --command-property security.protocol=SASL_SSL", Protocol::SaslSsl),
        ] {
            let flags = std::iter::once("command").chain(flags.split_whitespace());
            let connection = Command::try_parse_from(flags).unwrap().connection;
            let properties = connection.over(Properties::default()).unwrap();
            assert_eq!(properties.protocol(), Ok(expected));
            let file = Properties::parse("security.protocol=SSL").unwrap();
            let least = connection.at_least(file.protocol().unwrap());
            assert!(least.has_tls(), "a flag takes no protection away");
        }
    }

    #[test]
    fn every_variable_is_known_to_servers() {
        let command = Command::command();
        let variables = command.get_arguments().filter_map(clap::Arg::get_env);
        let variables: Vec<&str> = variables.map(|name| name.to_str().unwrap()).collect();
        assert_eq!([&[PASSWORD][..], &variables[..]].concat(), VARIABLES);
    }

    #[test]
    fn what_cannot_be_is_told_without_its_secrets() {
        let folder = Folder::new();
        for (flags, part) in [
            ("--sasl-user bob", "the password is missing: --sasl-password-file"),
            ("--command-config @profile --sasl-user bob", "the password is missing"),
            ("--sasl-mechanism PLAIN", "sasl.jaas.config is missing, and so is --sasl-user"),
            ("--tls-ca @none", "none: No such file"),
            ("--tls-key @none", "none: No such file"),
            ("--command-config @none", "none: No such file"),
            ("--sasl-user bob --sasl-password-file @none", "none: No such file"),
            ("--command-property sasl.jaas.config=wonder", "is a secret for a file"),
            ("--command-property acks=all", "acks has no effect"),
            ("--command-property security.protocol=TLS", "is none of PLAINTEXT"),
        ] {
            let why = folder.security(flags, None).unwrap_err();
            assert!(why.contains(part) && !why.contains("wonder"), "{flags}: {why}");
        }
    }
}
