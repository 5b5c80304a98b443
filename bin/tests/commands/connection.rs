//! How commands encrypt and log in when flags and the environment say so.

use std::fs;

use crate::server::Server;

#[path = "../process/support/certificates.rs"]
#[expect(dead_code, reason = "nothing is revoked here")]
mod certificates;

const USERS: &str = "listener.name.plaintext.plain.sasl.jaas.config=\
                     x.PlainLoginModule required user_alice=\"wonder\";";

#[test]
fn flags_and_the_environment_encrypt_and_log_in() {
    let folder = tempfile::tempdir().unwrap();
    let authority = certificates::Authority::new(folder.path());
    let identity = authority.make("server.pem", "server", "brokers");
    let server = Server::start_with(&[
        "listener.security.protocol.map=PLAINTEXT:SASL_SSL",
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512",
        USERS,
        &format!("ssl.keystore.location={}", identity.display()),
    ]);
    let trusted = authority.certificate().display().to_string();
    let password = folder.path().join("password");
    fs::write(&password, "wonder\n").unwrap();
    let password = password.display().to_string();
    let tls = ["--tls-ca", &trusted];
    let login =
        ["--sasl-user", "alice", "--sasl-mechanism", "PLAIN", "--sasl-password-file", &password];
    let alice = [&tls[..], &login].concat();
    let add = [&["user", "add", "carol"], &alice[..]].concat();
    assert_eq!(server.prints(&add, "hunter2\n"), "carol logs in with SCRAM-SHA-512\n");

    // What a command with these variables, and these flags beside them, says.
    let said = |user: &str, password: &str, flags: &[&str]| {
        let mut command = server.command(&[&["topic", "list"], flags].concat());
        command.env("CORELOG_TLS_CA", &trusted).env("CORELOG_SASL_USER", user);
        let output = command.env("CORELOG_SASL_PASSWORD", password).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let done = (Some(0), String::new());
    assert_eq!(said("carol", "hunter2", &[]), done);
    assert_eq!(said("nobody", "hunter2", &["--sasl-user", "carol"]), done, "a flag is stronger");
    assert_eq!(said("carol", "wrong", &login), done, "a file that a flag names is stronger");
    let (code, message) = said("carol", "wrong", &[]);
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("SASL_AUTHENTICATION_FAILED"), "{message}");
    let (code, message) = said("carol", "", &[]);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("--sasl-password-file"), "{message}");
    assert_ne!(said("carol", "hunter2", &["--security-protocol", "SASL_PLAINTEXT"]).0, Some(0));
}
