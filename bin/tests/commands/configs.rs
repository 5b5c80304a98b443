//! Configs, moves and the health of topics, as commands show and change them.

use crate::failure;
use crate::server::Server;

/// Value and source of one config.
fn config(server: &Server, entity: &[&str], name: &str) -> (String, String) {
    let described = [&["config", "describe", "--json", name], entity].concat();
    let described = server.json(&described);
    let text = |field: &str| described["configs"][0][field].as_str().unwrap().to_owned();
    (text("value"), text("source"))
}

fn pair(value: &str, source: &str) -> (String, String) {
    (value.to_owned(), source.to_owned())
}

#[test]
fn configs_are_set_checked_and_unset_while_the_server_runs() {
    let server = Server::start();
    let broker = ["--broker", "1000"];
    let name = "max.connections.per.ip";
    server.prints(&["config", "set", "--broker-default", "max.connections.per.ip=500"], "");
    assert_eq!(config(&server, &broker, name), pair("500", "cluster"));
    let set = ["config", "set", "--broker", "1000", "max.connections.per.ip=400"];
    server.prints(&[&set[..], &["--validate-only"]].concat(), "");
    assert_eq!(config(&server, &broker, name), pair("500", "cluster"));
    server.prints(&set, "");
    assert_eq!(config(&server, &broker, name), pair("400", "broker"));
    server.prints(&["config", "unset", "--broker", "1000", name], "");
    assert_eq!(config(&server, &broker, name), pair("500", "cluster"));
    let session = "consumer.session.timeout.ms";
    server.prints(&["config", "set", "--group", "g", "consumer.session.timeout.ms=50000"], "");
    assert_eq!(config(&server, &["--group", "g"], session), pair("50000", "group"));
    assert_eq!(config(&server, &["--group", "h"], session), pair("45000", "default"));
    for (change, why) in [
        ("num.partitions=3", "cannot be changed while the broker runs"),
        ("no.such.key=3", "no.such.key"),
        ("max.connections=many", "a whole number"),
    ] {
        let (code, message) = failure(&server, &["config", "set", "--broker", "1000", change], "");
        assert_eq!(code, Some(1), "{message}");
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn a_topic_tells_its_health_and_moves_only_to_nodes_that_are_there() {
    let server = Server::start();
    server.prints(&["topic", "create", "t", "--partitions", "2"], "");
    server.prints(&["produce", "t"], "a\nb\n");
    let health = server.json(&["topic", "describe", "t", "--health", "--json"]);
    let partitions = health["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), 2);
    let sum = |field: &str| partitions.iter().map(|one| one[field].as_i64().unwrap()).sum::<i64>();
    assert_eq!((sum("end"), sum("unstable"), sum("open_transactions")), (2, 0, 0));
    assert!(sum("bytes") > 0);
    assert!(partitions.iter().all(|one| one["problems"].as_array().unwrap().is_empty()));
    server.prints(&["topic", "reassign", "t:0", "t:1", "--to", "1000", "--wait"], "");
    let moving = server.json(&["topic", "reassignments", "--json"]);
    assert_eq!(moving["partitions"], serde_json::json!([]));
    let (code, message) = failure(&server, &["topic", "reassign", "t:0", "--to", "1001"], "");
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("1001") && message.contains("cluster status"), "{message}");
    let (code, message) = failure(&server, &["topic", "reassign", "t:0", "--cancel"], "");
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("does not move"), "{message}");
}
