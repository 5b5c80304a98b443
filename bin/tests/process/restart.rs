//! Claims about starting and stopping: what a clean stop leaves behind, and what is refused.

use std::net::TcpListener;
use std::time::Duration;

use corelog_client::admin::{ConfigSource, Resource};
use corelog_client::blocking::Admin;
use corelog_model::{Codec, NodeId};

use crate::support::{
    DataFolder, Launch, PartitionLogs, Writer, WriterKind, connect, create_topic, free_ports,
};

const UNSUITABLE: i32 = 5;

#[test]
fn a_clean_stop_exits_with_0_and_leaves_nothing_to_replay() {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data()).cores("2");
    let broker = launch.start();
    create_topic(&launch.endpoint(), "stopped", 4, &[]);
    let kind = WriterKind::Idempotent(Codec::None);
    let writer = Writer::start(0, kind, &launch.endpoint(), "stopped", 4);
    std::thread::sleep(Duration::from_millis(500));
    let (count, acknowledged) = writer.finish();
    assert_eq!(broker.terminate().code(), Some(0));
    let broker = launch.start();
    let log = broker.log();
    let opened: Vec<&str> = log.lines().filter(|line| line.contains("storage is open")).collect();
    assert_eq!(opened.len(), 2, "each core says what it found:\n{log}");
    assert!(opened.iter().all(|line| line.contains("frames_replayed=0")), "{opened:?}");
    let logs = PartitionLogs::read(&launch.endpoint(), "stopped");
    logs.assert_holds(0, &acknowledged);
    logs.assert_order(0, kind, count);
}

#[test]
fn a_stop_under_load_loses_nothing_that_was_acknowledged() {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data()).cores("2");
    let mut broker = launch.start();
    create_topic(&launch.endpoint(), "loaded", 4, &[]);
    let kind = WriterKind::Idempotent(Codec::Gzip);
    let writer = Writer::start(0, kind, &launch.endpoint(), "loaded", 4);
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(broker.terminate().code(), Some(0));
        broker = launch.start();
    }
    let (count, acknowledged) = writer.finish();
    let logs = PartitionLogs::read(&launch.endpoint(), "loaded");
    logs.assert_holds(0, &acknowledged);
    logs.assert_order(0, kind, count);
}

#[test]
fn the_data_of_another_broker_is_refused() {
    let folder = DataFolder::new();
    let launch = Launch::new(folder.path(), folder.data());
    assert_eq!(launch.clone().start().terminate().code(), Some(0));
    let (code, log) = launch.broker(2).refused();
    assert_eq!(code, Some(UNSUITABLE), "{log}");
    let path = folder.data().join("meta.properties");
    let expected = format!(
        "cannot use {}: the data is that of broker 1, not of broker 2: start with --broker-id 1, \
         or use another --data-dir\n",
        path.display()
    );
    assert!(log.ends_with(&expected), "{log}");
}

#[test]
fn a_data_directory_in_use_is_refused_and_its_broker_goes_on() {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data());
    let mut broker = launch.start();
    let (code, log) = launch.clone().port(free_ports()).refused();
    assert_eq!(code, Some(UNSUITABLE), "{log}");
    assert!(log.contains(": stop the broker that uses it, or choose another"), "{log}");
    assert!(broker.is_alive());
    create_topic(&launch.endpoint(), "still-here", 1, &[]);
    assert_eq!(broker.terminate().code(), Some(0));
}

#[test]
fn a_port_in_use_is_refused_by_name() {
    let folder = DataFolder::new();
    let port = free_ports();
    let _other = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    let (code, log) = Launch::new(folder.path(), folder.data()).port(port).refused();
    assert_eq!(code, Some(UNSUITABLE), "{log}");
    let expected = format!(
        "cannot listen on 127.0.0.1:{port}: Address already in use (os error 98): stop what uses \
         the port, or choose another with --listen\n"
    );
    assert!(log.ends_with(&expected), "{log}");
}

#[test]
fn clients_are_told_the_configuration_that_the_broker_was_started_with() {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data()).set("log.retention.hours", "2");
    let broker = launch.start();
    let mut admin = Admin::new(connect(&launch.endpoint()));
    let configs = admin.describe_configs(&Resource::Broker(NodeId(1000))).expect("an answer");
    let config = |name: &str| {
        let found = configs.iter().find(|config| config.name == name);
        let found = found.unwrap_or_else(|| panic!("{name} is described: {configs:?}"));
        (found.value.as_deref(), found.source, found.is_read_only)
    };
    let data = folder.data().display().to_string();
    assert_eq!(config("log.dirs"), (Some(&*data), ConfigSource::Static, true));
    assert_eq!(config("log.retention.ms"), (Some("7200000"), ConfigSource::Static, false));
    assert_eq!(config("num.partitions"), (Some("1"), ConfigSource::Default, true));
    assert_eq!(config("broker.rack"), (None, ConfigSource::Default, true));
    assert_eq!(config("corelog.journal.files.max"), (Some("4"), ConfigSource::Static, true));
    assert_eq!(broker.terminate().code(), Some(0));
}
