//! Claims about `corelog quota`.

use serde_json::json;

use crate::server::Server;

#[test]
fn quotas_are_set_shown_and_removed() {
    let server = Server::start();
    let set = |arguments: &[&str]| server.prints(&[&["quota", "set"], arguments].concat(), "");
    let said = set(&["--user", "bob", "--client-id-default", "producer_byte_rate=1048576"]);
    assert_eq!(said, "user bob, client-id <default>: producer_byte_rate is 1048576\n");
    set(&["--user-default", "request_percentage=0.5", "consumer_byte_rate=7"]);
    set(&["--ip", "127.0.0.1", "connection_creation_rate=20"]);
    let listed = server.json(&["quota", "list", "--json"]);
    let part = |part: &str, name: Option<&str>| json!({ "part": part, "name": name });
    let expected = [
        (vec![part("user", None)], "consumer_byte_rate", 7.0),
        (vec![part("user", None)], "request_percentage", 0.5),
        (
            vec![part("user", Some("bob")), part("client-id", None)],
            "producer_byte_rate",
            1_048_576.0,
        ),
        (vec![part("ip", Some("127.0.0.1"))], "connection_creation_rate", 20.0),
    ];
    let expected = expected
        .map(|(entity, quota, value)| json!({ "entity": entity, "quota": quota, "value": value }));
    assert_eq!(listed, json!({ "quotas": expected }));
    let table = server.prints(&["quota", "list"], "");
    let rows: Vec<_> = table.lines().collect();
    assert_eq!(rows[0], "user\tclient-id\tip\tquota\tvalue");
    assert_eq!(rows[3], "bob\t<default>\t\tproducer_byte_rate\t1048576");

    let unset = &["quota", "unset", "--user-default", "consumer_byte_rate", "request_percentage"];
    server.prints(unset, "");
    let left = server.json(&["quota", "list", "--json"]);
    assert_eq!(left["quotas"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_quota_that_cannot_be_says_why() {
    let server = Server::start();
    let refused = |arguments: &[&str]| {
        let output = server.run(&[&["quota", "set"], arguments].concat(), "");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = refused(&["--user", "bob", "connection_creation_rate=1"]);
    assert!(code == Some(1) && said.contains("invalid configuration key"), "{code:?} {said}");
    let (code, said) = refused(&["producer_byte_rate=1"]);
    assert!(code == Some(2) && said.contains("nobody is named"), "{code:?} {said}");
}
