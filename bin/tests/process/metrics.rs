//! Claims about metrics and health over HTTP: what a real broker counts is what its clients did.

#![allow(clippy::float_cmp, reason = "whole numbers of this size are exact")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use corelog_client::blocking::{Admin, Connection, Producer};
use corelog_client::group::CommittedOffset;
use corelog_client::producer::Message;
use corelog_client::{ClientConfig, ProducerConfig, TopicPartition};
use corelog_model::{Codec, ErrorCode, Offset};
use corelog_wire::api::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use corelog_wire::{ListOffsetsRequest, ListOffsetsResponse};

use crate::support::{
    Broker, DataFolder, Launch, PartitionLogs, Writer, WriterKind, connect, create_topic,
    wait_until,
};

const PATIENCE: Duration = Duration::from_secs(20);
const TOPIC: &str = "counted";

/// The status and the body of an HTTP answer.
fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the HTTP port accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer ends");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).expect("a status line").parse();
    (status.expect("a status is a number"), body.to_owned())
}

/// Every sample of the page, by its name and labels.
pub(crate) fn samples(broker: &Broker) -> BTreeMap<String, f64> {
    let (status, page) = get(broker.metrics.expect("metrics are on"), "/metrics");
    assert_eq!(status, 200, "{page}");
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a sample is NAME VALUE");
        (name.to_owned(), value.parse().expect("a value is a number"))
    };
    lines.map(sample).collect()
}

/// The sum of a metric over the cores.
pub(crate) fn sum(samples: &BTreeMap<String, f64>, name: &str) -> f64 {
    let of_name = |(sample, _): &(&String, &f64)| {
        sample.strip_prefix(name).is_some_and(|rest| rest.starts_with("{core="))
    };
    let found: Vec<f64> = samples.iter().filter(of_name).map(|(_, value)| *value).collect();
    assert!(!found.is_empty(), "{name} is on the page");
    found.into_iter().sum()
}

fn launch(folder: &DataFolder) -> Launch {
    Launch::new(folder.path(), folder.data()).set("corelog.metrics.listen", "127.0.0.1:0")
}

#[test]
fn the_page_counts_what_clients_did() {
    let folder = DataFolder::new();
    let mut launch = launch(&folder).cores("2");
    let broker = launch.start();
    let fresh = samples(&broker);
    for name in ["corelog_produced_records_total", "corelog_fetched_bytes_total"] {
        assert_eq!(sum(&fresh, name), 0.0, "{name}");
    }
    create_topic(&launch.endpoint(), TOPIC, 4, &[]);
    let kind = WriterKind::Idempotent(Codec::None);
    let writer = Writer::start(0, kind, &launch.endpoint(), TOPIC, 4);
    std::thread::sleep(Duration::from_millis(500));
    let (count, _) = writer.finish();
    PartitionLogs::read(&launch.endpoint(), TOPIC).assert_order(0, kind, count);
    let samples = samples(&broker);
    let of = |name: &str| sum(&samples, name);
    assert_eq!(of("corelog_produced_records_total"), count as f64);
    assert_eq!(of("corelog_partitions"), 4.0);
    assert_eq!(of("corelog_core_up"), 2.0);
    assert_eq!(of("corelog_wrong_core_total"), 0.0, "the client knows who leads");
    let bytes = of("corelog_produced_bytes_total");
    assert!(bytes > 0.0 && of("corelog_fetched_bytes_total") >= bytes);
    assert!(of("corelog_log_bytes") >= bytes && of("corelog_tail_bytes") > 0.0);
    assert!(of("corelog_journal_bytes_total") >= bytes);
    assert_eq!(of("corelog_journal_sync_seconds_count"), of("corelog_journal_syncs_total"));
    assert!(
        of("corelog_journal_syncs_total") > 0.0 && of("corelog_journal_sync_seconds_sum") > 0.0
    );
    assert!(of("corelog_produce_seconds_count") > 0.0 && of("corelog_fetch_seconds_count") > 0.0);
    let used = of("corelog_journal_files_used");
    assert!(0.0 < used && used <= of("corelog_journal_files_max"));
    assert_eq!(of("corelog_journal_file_size_bytes"), 2.0 * f64::from(4 << 20));
    assert_eq!(of("corelog_journal_failed"), 0.0);
    assert!(of("corelog_connections_accepted_total") >= of("corelog_connections"));
    assert!(of("corelog_disk_available_bytes") > of("corelog_disk_reserve_bytes"));
    assert!(of("corelog_busy_seconds_total") > 0.0);
    assert_eq!(broker.terminate().code(), Some(0));
}

#[test]
fn partitions_asked_of_the_wrong_core_are_counted_where_they_were_asked() {
    let folder = DataFolder::new();
    let mut launch = launch(&folder).cores("2");
    let broker = launch.start();
    create_topic(&launch.endpoint(), TOPIC, 2, &[]);
    let config = ClientConfig::default();
    let mut connection = Connection::open(&launch.endpoint(), &config).expect("the core answers");
    let partition = |index| ListOffsetsPartition {
        partition_index: index,
        current_leader_epoch: -1,
        timestamp: -1,
    };
    let topic =
        ListOffsetsTopic { name: TOPIC.into(), partitions: vec![partition(0), partition(1)] };
    let request = ListOffsetsRequest {
        replica_id: -1,
        isolation_level: 0,
        topics: vec![topic],
        timeout_ms: 1000,
    };
    let reply = connection.call(&request).expect("the core answers");
    let response: ListOffsetsResponse<'_> = reply.decode().expect("an answer to the request");
    let mut codes: Vec<i16> =
        response.topics[0].partitions.iter().map(|partition| partition.error_code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, ErrorCode::NotLeaderOrFollower.code()], "each core leads one");
    let samples = samples(&broker);
    assert_eq!(samples["corelog_wrong_core_total{core=\"0\"}"], 1.0);
    assert_eq!(samples["corelog_wrong_core_total{core=\"1\"}"], 0.0);
    assert_eq!(broker.terminate().code(), Some(0));
}

#[test]
fn health_is_said_and_other_paths_are_not_there() {
    let folder = DataFolder::new();
    let broker = launch(&folder).start();
    let address = broker.metrics.expect("metrics are on");
    assert_eq!(get(address, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(get(address, "/").0, 404);
    assert_eq!(broker.terminate().code(), Some(0));
    assert!(TcpStream::connect(address).is_err(), "the port is closed after the end");
}

#[test]
fn the_status_command_shows_the_metrics_of_a_server() {
    let folder = DataFolder::new();
    let mut launch = launch(&folder);
    let broker = launch.start();
    let url = format!("http://{}/metrics", broker.metrics.expect("metrics are on"));
    let output = Command::new(env!("CARGO_BIN_EXE_corelog"))
        .args(["cluster", "status", "--json", "--metrics", &url])
        .args(["--bootstrap", &launch.endpoint().to_string()])
        .output()
        .expect("the command runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*errors), (Some(0), ""));
    let status: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("the command prints JSON");
    let metrics = status["metrics"].as_array().expect("metrics are a list");
    let up = serde_json::json!({"name": "corelog_core_up", "labels": {"core": "0"}, "value": 1.0});
    assert!(metrics.contains(&up), "{metrics:?}");
    assert_eq!(broker.terminate().code(), Some(0));
}

#[test]
fn a_metrics_port_in_use_is_refused_by_name_and_none_is_none() {
    let folder = DataFolder::new();
    let other = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let taken = other.local_addr().expect("a bound socket has an address").to_string();
    let launch = Launch::new(folder.path(), folder.data());
    let (code, log) = launch.clone().set("corelog.metrics.listen", &taken).refused();
    assert_eq!(code, Some(5), "{log}");
    let expected = format!("cannot listen on {taken} for metrics: Address already in use");
    assert!(log.contains(&expected), "{log}");
    let broker = launch.clone().start();
    assert_eq!(broker.metrics, None);
    assert_eq!(broker.terminate().code(), Some(0));
}

#[test]
fn transactions_and_groups_are_counted() {
    let folder = DataFolder::new();
    let mut launch = launch(&folder).cores("2");
    let broker = launch.start();
    let endpoint = launch.endpoint();
    create_topic(&endpoint, TOPIC, 2, &[]);
    let config = ProducerConfig {
        transactional_id: Some("counted".to_owned()),
        ..ProducerConfig::default()
    };
    let mut producer = Producer::new(connect(&endpoint), config).expect("a good setting");
    producer.init_transactions().expect("the producer gets its id");
    let open = |producer: &mut Producer| {
        producer.begin().expect("a transaction begins");
        let message = Message::of_value(TOPIC, b"value");
        producer.send(&message).expect("there is room for the record");
        producer.flush().expect("the record is written");
    };
    for _ in 0..3 {
        open(&mut producer);
        producer.commit().expect("the transaction is committed");
    }
    open(&mut producer);
    producer.abort().expect("the transaction is aborted");
    open(&mut producer);
    let offset = CommittedOffset { offset: Offset(2), leader_epoch: None, metadata: None };
    let offsets = [(TopicPartition::new(TOPIC, 0), offset)].into();
    let mut admin = Admin::new(connect(&endpoint));
    admin.set_group_offsets("counted", &offsets).expect("the offset is stored");
    // The last transaction is answered before its markers are written.
    wait_until("the aborted transaction is complete", || {
        sum(&samples(&broker), "corelog_transactions_aborted_total") == 1.0
    });
    let samples = samples(&broker);
    for (name, expected) in [
        ("corelog_transactions_committed_total", 3.0),
        ("corelog_transactions_open", 1.0),
        ("corelog_transactional_ids", 1.0),
        ("corelog_transactions_stuck", 0.0),
        ("corelog_group_offsets_committed_total", 1.0),
        ("corelog_groups", 1.0),
        ("corelog_coordinators_loading", 0.0),
    ] {
        assert_eq!(sum(&samples, name), expected, "{name}");
    }
}
