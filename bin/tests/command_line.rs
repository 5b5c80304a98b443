//! Claims about the real `corelog` process: exit codes, and what goes to which stream.

use std::fs;
use std::process::{Command, Output};

/// Runs the binary in an environment without our variables.
fn corelog(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corelog"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CORELOG_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).envs(variables.iter().copied()).output().expect("the binary starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("stdout is text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("stderr is text")
}

#[test]
fn a_printed_configuration_shows_each_layer() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.properties");
    fs::write(&file, "num.partitions=2\nnode.id=3\nbroker.rack=a\n").unwrap();
    let file = file.to_str().unwrap();
    let output = corelog(
        &["serve", "--print-config", "--config", file, "--broker-id", "5"],
        &[("CORELOG_NUM_PARTITIONS", "4")],
    );
    let lines = stdout(&output);
    for line in [
        "key\tvalue\tsource".to_owned(),
        format!("broker.rack\ta\t{file}:3"),
        "num.partitions\t4\tCORELOG_NUM_PARTITIONS".to_owned(),
        "node.id\t5\t--broker-id".to_owned(),
        "num.replicas".to_owned(),
    ] {
        let is_there = lines.lines().any(|printed| printed == line);
        assert_eq!(is_there, !line.starts_with("num.replicas"), "{line}\n{lines}");
    }
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
}

#[test]
fn the_configuration_file_may_be_named_by_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.properties");
    fs::write(&file, "node.id=7\n").unwrap();
    let variables = [("CORELOG_CONFIG", file.to_str().unwrap())];
    let output = corelog(&["serve", "--print-config"], &variables);
    assert!(stdout(&output).contains("node.id\t7\t"), "{}", stderr(&output));
}

#[test]
fn json_is_one_document_with_every_part() {
    let output = corelog(&["serve", "--print-config", "--json", "--cores", "1"], &[]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let parts: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(parts, ["cores", "ignored", "settings", "warnings"]);
    assert_eq!(json["cores"].as_array().unwrap().len(), 1);
}

#[test]
fn a_refused_configuration_exits_with_2_and_prints_nothing_on_stdout() {
    let output = corelog(&["serve", "--print-config", "--set", "nmu.partitions=1"], &[]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
    assert_eq!(
        stderr(&output),
        "configuration refused: --set: there is no key \"nmu.partitions\": the nearest known key \
         is num.partitions; --print-config lists all keys\n"
    );
}

#[test]
fn a_refused_configuration_is_json_for_scripts() {
    let arguments = ["serve", "--print-config", "--json", "--cores", "0"];
    let output = corelog(&arguments, &[]);
    let json: serde_json::Value = serde_json::from_str(&stderr(&output)).unwrap();
    assert_eq!(json["error"]["exit_code"], 2);
    assert_eq!(
        json["error"]["reasons"][0]["why"],
        "corelog.cores=0 (--cores) is a number of cores, and leaves none to run on"
    );
}

#[test]
fn a_missing_configuration_file_is_named() {
    let arguments = ["serve", "--print-config", "--config", "/nowhere/server.properties"];
    let output = corelog(&arguments, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stderr(&output),
        "configuration refused: /nowhere/server.properties: No such file or directory (os error \
         2): check the path and the permissions\n"
    );
}

#[test]
fn a_file_that_is_no_configuration_is_refused_before_it_fills_memory() {
    for (file, part) in [("/dev/zero", "larger than 1048576 bytes"), ("/", "directory")] {
        let output = corelog(&["serve", "--print-config", "--config", file], &[]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
}

#[test]
fn an_unknown_command_and_an_unknown_flag_exit_with_2() {
    for arguments in [&["sevre"][..], &["serve", "--lisen", "a:1"], &[]] {
        assert_eq!(corelog(arguments, &[]).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(corelog(&["--version"], &[]).status.code(), Some(0));
    assert_eq!(corelog(&["serve", "--help"], &[]).status.code(), Some(0));
}

#[test]
fn a_log_filter_that_is_none_exits_with_2() {
    let output = corelog(&["serve", "--print-config"], &[("CORELOG_LOG", "corelog=loud")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("cannot use CORELOG_LOG: "), "{}", stderr(&output));
}

#[test]
fn warnings_go_to_stderr_and_results_to_stdout() {
    let output = corelog(&["serve", "--print-config", "--listen", "0.0.0.0:9092"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("without authentication"), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("key\t"));
}
