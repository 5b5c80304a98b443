//! Claims about `corelog token`, and about profiles that log in with tokens.

use std::fs;

use crate::server::Server;

const USERS: &str = "listener.name.plaintext.plain.sasl.jaas.config=\
                     x.PlainLoginModule required user_alice=\"wonder\";";

/// The arguments of a command with this profile.
fn with<'a>(profile: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["--command-config", profile]].concat()
}

#[test]
fn tokens_are_made_shown_used_renewed_and_ended() {
    let server = Server::start_with(&[
        "listener.security.protocol.map=PLAINTEXT:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512",
        USERS,
        "delegation.token.secret.key=a key",
    ]);
    let folder = tempfile::tempdir().unwrap();
    let profile = |name: &str, mechanism: &str, login: &str| {
        let path = folder.path().join(name);
        let text = format!(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism={mechanism}\n\
             sasl.jaas.config=x.Module required {login};\n"
        );
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let alice = profile("alice", "PLAIN", "username=\"alice\" password=\"wonder\"");
    let made = server.json(&with(&alice, &["token", "create", "--renewer", "bob", "--json"]));
    let (id, password) = (made["id"].as_str().unwrap(), made["password"].as_str().unwrap());
    assert_eq!((&made["owner"], &made["renewers"][0]), (&"User:alice".into(), &"User:bob".into()));

    let listed = server.json(&with(&alice, &["token", "list", "--json"]));
    assert_eq!(
        (&listed["tokens"][0]["id"], listed["tokens"].as_array().unwrap().len()),
        (&made["id"], 1)
    );
    assert!(!listed.to_string().contains(password), "what proves a token is shown once");

    let login = format!("username=\"{id}\" password=\"{password}\" tokenauth=\"true\"");
    let token = profile("token", "SCRAM-SHA-512", &login);
    server.prints(&["topic", "list", "--command-config", &token], "");
    let refused = server.run(&["token", "create", "--command-config", &token], "");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(1) && said.contains("not allowed"), "{said}");

    let said = server.prints(&with(&alice, &["token", "renew", id, "--period-ms", "60000"]), "");
    assert!(said.starts_with(&format!("{id} expires at ")), "{said}");
    let said = server.prints(&with(&alice, &["token", "expire", id]), "");
    assert_eq!(said, format!("{id} is gone\n"));
    let refused = server.run(&["topic", "list", "--command-config", &token], "");
    assert_eq!(refused.status.code(), Some(1), "the token has ended");
    let again = server.run(&with(&alice, &["token", "expire", id]), "");
    assert_eq!(again.status.code(), Some(1), "it is ended once");
}
