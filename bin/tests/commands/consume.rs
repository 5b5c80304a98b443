//! Consuming as a member of a group: who comes next goes on where the last one ended.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use rustix::process::Signal;

use super::failure;
use super::server::{Server, interrupt};

/// A server with topic `t`: three records in partition 0, one in partition 1.
fn with_records() -> Server {
    let server = Server::start_with(&["group.initial.rebalance.delay.ms=0"]);
    server.prints(&["topic", "create", "t", "--partitions", "2"], "");
    let records = "foobar|a\nfoobar|b\nfoobar|c\nabc|d\n";
    server.prints(&["produce", "t", "--key-separator", "|"], records);
    server
}

/// The lines that a member of group `g` prints, sorted.
#[track_caller]
fn consumed(server: &Server, arguments: &[&str]) -> Vec<String> {
    let printed = server.prints(&[&["consume", "t", "--group", "g"], arguments].concat(), "");
    let mut lines: Vec<String> = printed.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// Checks that nobody is in group `g`, and that it has come to the ends.
#[track_caller]
fn check_left(server: &Server) {
    let described = server.json(&["group", "describe", "g", "--json"]);
    assert_eq!((&described["state"], &described["lag"]), (&"Empty".into(), &0.into()));
    assert_eq!(described["partitions"].as_array().unwrap().len(), 2, "{described}");
    let mut of_each = described["partitions"].as_array().unwrap().iter();
    assert!(of_each.all(|partition| partition["lag"] == 0), "{described}");
}

fn members_go_on_where_the_last_one_ended(protocol: &str) {
    let server = with_records();
    let protocol = ["--group-protocol", protocol];
    let first = [&protocol[..], &["--from", "beginning", "--count", "1"]].concat();
    let second = [&protocol[..], &["--from", "beginning", "--until-end"]].concat();
    let mut read = consumed(&server, &first);
    assert_eq!(read.len(), 1);
    read.extend(consumed(&server, &second));
    read.sort_unstable();
    assert_eq!(read, ["a", "b", "c", "d"]);
    check_left(&server);
    // Where the group has an offset, it does not matter where it would have begun.
    assert!(consumed(&server, &second).is_empty());
    server.prints(&["produce", "t"], "e\n");
    assert_eq!(consumed(&server, &[&protocol[..], &["--count", "1"]].concat()), ["e"]);
    check_left(&server);
}

#[test]
fn members_of_a_classic_group_go_on_where_the_last_one_ended() {
    members_go_on_where_the_last_one_ended("classic");
}

#[test]
fn members_of_a_consumer_group_go_on_where_the_last_one_ended() {
    members_go_on_where_the_last_one_ended("consumer");
}

#[test]
fn a_new_group_begins_at_the_end() {
    let server = with_records();
    assert!(consumed(&server, &["--until-end"]).is_empty());
    check_left(&server);
}

#[test]
fn a_signal_ends_a_member_that_has_committed_and_left() {
    let server = with_records();
    for (signal, protocol) in [(Signal::INT, "classic"), (Signal::TERM, "consumer")] {
        server.prints(&["produce", "t"], "e\n");
        let from = ["--from", "beginning", "--group-protocol", protocol];
        let mut consume = server.command(&[&["consume", "t", "--group", "g"], &from[..]].concat());
        let mut consume = consume.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(consume.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "e"), "the newest record is missing");
        interrupt(&consume, signal);
        assert_eq!(consume.wait().unwrap().code(), Some(130));
        let mut message = String::new();
        consume.stderr.take().unwrap().read_to_string(&mut message).unwrap();
        assert!(message.contains("a signal came after"), "{message}");
        // What was in flight when the signal came is printed and committed, or neither.
        consumed(&server, &["--until-end", "--group-protocol", protocol]);
        check_left(&server);
    }
}

#[test]
fn a_time_without_records_ends_consuming() {
    let server = with_records();
    let quiet = ["consume", "t", "--from", "end", "--timeout-ms", "1"];
    server.prints(&quiet, "");
    server.prints(&[&quiet[..], &["--group", "g"]].concat(), "");
}

#[test]
fn what_a_group_cannot_do_is_told() {
    let server = with_records();
    let check = |arguments: &[&str], expected: i32, part: &str| {
        let consume = ["consume", "t", "--group", "g"];
        let (code, message) = failure(&server, &[&consume[..], arguments].concat(), "");
        assert_eq!(code, Some(expected), "{message}");
        assert!(message.contains(part), "{part:?} is missing in {message:?}");
    };
    check(&["--from", "3"], 2, "corelog group reset-offsets");
    check(&["--partition", "0"], 2, "cannot be used with");
    check(&["--group-protocol", "streams"], 2, "possible values: classic, consumer");
    let unknown = ["consume", "x", "--group", "g"];
    let (code, message) = failure(&server, &unknown, "");
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("no topic x"), "{message}");
}
