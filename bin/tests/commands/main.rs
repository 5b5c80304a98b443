//! Claims about the commands that talk to a server, made with real processes on both sides.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod bench;
mod configs;
mod connection;
mod consume;
mod group;
mod plan;
mod quota;
mod server;
mod token;
mod transaction;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use rustix::process::Signal;

use server::{Server, corelog, interrupt};

fn lines(count: usize, line: impl FnMut(usize) -> String) -> String {
    (0..count).map(line).flat_map(|line| [line, "\n".to_owned()]).collect()
}

#[test]
fn records_that_were_produced_are_consumed() {
    let server = Server::start();
    server.prints(&["topic", "create", "t", "--partitions", "3"], "");
    let lines: Vec<String> = (0..1000).map(|number| format!("key{number}:value{number}")).collect();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let produce = ["produce", "t", "--key-separator", ":", "--compression", codec, "--json"];
        let summary = server.prints(&produce, &(lines.join("\n") + "\n"));
        let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
        assert_eq!((&summary["records"], &summary["topic"]), (&1000.into(), &"t".into()));
    }
    let consumed = server.prints(&["consume", "t", "--until-end", "--format", "%k:%v%n"], "");
    let mut consumed: Vec<&str> = consumed.lines().collect();
    consumed.sort_unstable();
    let mut expected: Vec<&str> = lines.iter().flat_map(|line| [line.as_str(); 5]).collect();
    expected.sort_unstable();
    assert_eq!(consumed, expected);
}

#[test]
fn a_key_stays_in_its_partition_and_in_order() {
    let server = Server::start();
    server.prints(&["topic", "create", "t", "--partitions", "4"], "");
    let lines = lines(200, |number| format!("{}|{number}", ["21", "foobar"][number % 2]));
    server.prints(&["produce", "t", "--key-separator", "|"], &lines);
    let consumed = server.prints(&["consume", "t", "--until-end", "--format", "%p %k %o %s%n"], "");
    // murmur2 of Kafka's own test vectors, without the sign, modulo 4.
    for (partition, key, parity) in [("0", "21", 0), ("2", "foobar", 1)] {
        let of_key = |line: &&str| line.split(' ').nth(1) == Some(key);
        let found: Vec<&str> = consumed.lines().filter(of_key).collect();
        let expected: Vec<String> = (0..100)
            .map(|offset| format!("{partition} {key} {offset} {}", 2 * offset + parity))
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn consuming_begins_and_ends_where_it_is_told() {
    let server = Server::start();
    server.prints(&["topic", "create", "t", "--partitions", "1"], "");
    server.prints(&["produce", "t"], "a\nb\nc\nd\n");
    let consume = |arguments: &[&str]| {
        server.prints(&[&["consume", "t", "--until-end"], arguments].concat(), "")
    };
    assert_eq!(consume(&[]), "a\nb\nc\nd\n");
    assert_eq!(consume(&["--from", "2"]), "c\nd\n");
    assert_eq!(consume(&["--from", "end"]), "");
    assert_eq!(consume(&["--from", "@0", "--count", "3"]), "a\nb\nc\n");
    assert_eq!(consume(&["--from", "@99999999999999"]), "");
    assert_eq!(
        consume(&["--partition", "0", "--format", r"%t-%p@%o\t"]),
        "t-0@0\tt-0@1\tt-0@2\tt-0@3\t"
    );
    let json = server.prints(&["consume", "t", "--count", "1", "--json"], "");
    let record: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&record["offset"], &record["value"]), (&0.into(), &"a".into()));
}

#[test]
fn a_topic_is_created_shown_grown_and_deleted() {
    let server = Server::start();
    let config = ["--partitions", "2", "--config", "retention.ms=86400000"];
    let created = server.json(&[&["topic", "create", "t", "--json"], &config[..]].concat());
    assert_eq!((&created["topic"], &created["partitions"]), (&"t".into(), &2.into()));
    server.prints(&["topic", "add-partitions", "t", "--to", "5"], "");
    let described = server.json(&["topic", "describe", "t", "--json"]);
    assert_eq!(described["topic_id"], created["topic_id"]);
    assert_eq!(described["partitions"].as_array().unwrap().len(), 5);
    let configs = described["configs"].as_array().unwrap();
    let retention = configs.iter().find(|config| config["name"] == "retention.ms").unwrap();
    assert_eq!((&retention["value"], &retention["source"]), (&"86400000".into(), &"topic".into()));
    let names = || {
        let listed = server.json(&["topic", "list", "--json"]);
        let topics = listed["topics"].as_array().unwrap().clone();
        topics.iter().map(|topic| topic["topic"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["t"]);
    let status = server.json(&["cluster", "status", "--json"]);
    assert_eq!((&status["partitions"], &status["nodes"][0]["leads"]), (&5.into(), &5.into()));
    server.prints(&["topic", "delete", "t"], "");
    assert!(names().is_empty());
}

/// The exit code and the message of a command that fails.
fn failure(server: &Server, arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let output = server.run(arguments, input);
    assert!(output.stdout.is_empty(), "{arguments:?}");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn failures_say_what_failed_why_and_what_to_try() {
    let server = Server::start();
    server.prints(&["topic", "create", "t", "--partitions", "1"], "");
    let check = |arguments: &[&str], input: &str, parts: [&str; 3]| {
        let (code, message) = failure(&server, arguments, input);
        assert_eq!(code, Some(1), "{message}");
        for part in parts {
            assert!(message.contains(part), "{part:?} is missing in {message:?}");
        }
    };
    let list = "corelog topic list";
    check(
        &["topic", "create", "t"],
        "",
        ["create topic t", "TOPIC_ALREADY_EXISTS", "another name"],
    );
    check(&["topic", "delete", "x"], "", ["delete topics", "no topic x", list]);
    check(&["topic", "describe", "x"], "", ["describe topic x", "no topic x", list]);
    check(&["produce", "x"], "a\n", ["produce to x", "no topic x", list]);
    check(&["consume", "x"], "", ["consume x", "no topic x", list]);
    let describe = "corelog topic describe";
    let partition = ["consume", "t", "--partition", "7"];
    check(&partition, "", ["consume t", "none has number 7", describe]);
    let offset = ["consume", "t", "--from", "99"];
    check(&offset, "", ["consume t", "at offset 99", "--from beginning"]);
    let file = ["produce", "t", "--file", "/nowhere/x"];
    check(&file, "", ["read /nowhere/x", "No such file", "check the path"]);
}

#[test]
fn a_batch_that_is_too_large_is_refused_and_the_rest_is_counted() {
    let server = Server::start();
    let config = ["--partitions", "1", "--config", "max.message.bytes=1000"];
    server.prints(&[&["topic", "create", "t"], &config[..]].concat(), "");
    let large = "x".repeat(5000) + "\n";
    let (code, message) = failure(&server, &["produce", "t"], &large);
    assert_eq!(code, Some(1));
    assert!(message.contains("MESSAGE_TOO_LARGE") && message.contains("1 failed"), "{message}");
}

#[test]
fn nobody_listening_exits_with_3() {
    let output = corelog().args(["topic", "list", "--bootstrap", "127.0.0.1:1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let output = corelog().args(["topic", "list", "--bootstrap", "a:b:c"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn ctrl_c_ends_consuming_and_producing_with_130() {
    let server = Server::start();
    server.prints(&["topic", "create", "t", "--partitions", "1"], "");
    let mut produce = server.command(&["produce", "t"]);
    let mut produce = produce
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = produce.stdin.take().unwrap();
    input.write_all(b"one\n").unwrap();
    let mut consume = server.command(&["consume", "t"]);
    let mut consume = consume.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The record arrives although the input stays open.
    let mut line = String::new();
    BufReader::new(consume.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "one\n");
    for process in [&mut consume, &mut produce] {
        interrupt(process, Signal::INT);
        assert_eq!(process.wait().unwrap().code(), Some(130));
        let mut message = String::new();
        process.stderr.take().unwrap().read_to_string(&mut message).unwrap();
        assert!(message.contains("Ctrl-C came after 1 records"), "{message}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_consuming_quietly() {
    let server = Server::start();
    server.prints(&["topic", "create", "t", "--partitions", "1"], "");
    let lines = lines(200_000, |number| format!("value {number}"));
    server.prints(&["produce", "t"], &lines);
    let mut consume = server.command(&["consume", "t"]);
    let mut consume = consume.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(consume.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = consume.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn the_files_of_a_stopped_server_are_intact_until_a_byte_changes() {
    let server = Server::start();
    server.prints(&["topic", "create", "t", "--partitions", "1"], "");
    let lines = lines(50_000, |number| format!("value {number}"));
    server.prints(&["produce", "t", "--batch-bytes", "10000"], &lines);
    assert!(server.data().is_dir());
    let stopped = server.stop();
    let data = stopped.data();
    let verify = || {
        let output = corelog().args(["log", "verify", "--json"]).arg(&data).output().unwrap();
        let verified: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), verified["segments"].as_array().unwrap().clone())
    };
    let (code, segments) = verify();
    assert_eq!(code, Some(0), "{segments:?}");
    let segment = segments.iter().find(|segment| segment["records"] == 50_000).unwrap();
    let file = segment["file"].as_str().unwrap();
    let dumped = corelog().args(["log", "dump", file]).output().unwrap();
    let dumped = String::from_utf8(dumped.stdout).unwrap();
    assert!(dumped.contains("value \"value 49999\""));
    let mut bytes = std::fs::read(file).unwrap();
    bytes[40_000] ^= 1;
    std::fs::write(file, bytes).unwrap();
    let (code, segments) = verify();
    let damaged = segments.iter().filter(|one| !one["damages"].as_array().unwrap().is_empty());
    assert_eq!((code, damaged.count()), (Some(4), 1));
}
