//! Transactions, as an operator sees them, finds one that hangs, and aborts it.

use corelog_client::blocking::{Cluster, Connection, Producer};
use corelog_client::producer::Message;
use corelog_client::{ClientConfig, Endpoint, ProducerConfig};
use corelog_model::builder::BatchBuilder;
use corelog_model::{Codec, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use corelog_wire::api::produce::{PartitionProduceData, TopicProduceData};
use corelog_wire::{ProduceRequest, ProduceResponse, Records};

use super::failure;
use super::server::Server;

/// The last version of Produce that leaves it to others to add partitions to transactions.
const NOT_ADDING: i16 = 11;

fn endpoint(server: &Server) -> Vec<Endpoint> {
    Endpoint::parse_list(server.address()).unwrap()
}

fn producer(server: &Server, id: &str) -> Producer {
    let cluster = Cluster::connect(&endpoint(server), ClientConfig::default()).unwrap();
    let transactional_id = Some(id.to_owned());
    let config = ProducerConfig { transactional_id, ..ProducerConfig::default() };
    let mut producer = Producer::new(cluster, config).unwrap();
    producer.init_transactions().unwrap();
    producer
}

/// Opens a transaction in partition 0 of `t`.
fn open(producer: &mut Producer) {
    producer.begin().unwrap();
    let message = Message::of_value("t", b"value");
    producer.send(&Message { partition: Some(0), ..message }).unwrap();
    producer.flush().unwrap();
}

fn ids(server: &Server, filter: &[&str]) -> Vec<(String, String)> {
    let listed = server.json(&[&["transaction", "list", "--json"], filter].concat());
    let listed = listed["transactions"].as_array().unwrap().clone();
    let word = |one: &serde_json::Value, key: &str| one[key].as_str().unwrap().to_owned();
    listed.iter().map(|one| (word(one, "transactional_id"), word(one, "state"))).collect()
}

#[test]
fn transactions_are_listed_and_described() {
    let server = Server::start();
    server.prints(&["topic", "create", "t", "--partitions", "1"], "");
    let (mut one, mut other) = (producer(&server, "one"), producer(&server, "other"));
    open(&mut one);
    let pair = |id: &str, state: &str| (id.to_owned(), state.to_owned());
    assert_eq!(ids(&server, &[]), [pair("one", "Ongoing"), pair("other", "Empty")]);
    assert_eq!(ids(&server, &["--state", "Empty"]), [pair("other", "Empty")]);
    assert_eq!(ids(&server, &["--pattern", "o.e"]), [pair("one", "Ongoing")]);
    assert_eq!(ids(&server, &["--state", "Ongoing", "--longer-than-ms", "600000"]), []);
    let described = server.json(&["transaction", "describe", "one", "--json"]);
    assert_eq!(described["state"], "Ongoing");
    assert!(described["age_ms"].as_i64().unwrap() >= 0);
    let partitions = described["partitions"].as_array().unwrap().clone();
    assert_eq!((partitions.len(), &partitions[0]["topic"]), (1, &"t".into()));
    let of_producer = described["producer_id"].to_string();
    assert_eq!(ids(&server, &["--producer-id", &of_producer]), [pair("one", "Ongoing")]);
    let producers = ["transaction", "describe-producers", "t", "--partition", "0", "--json"];
    let producers = server.json(&producers);
    assert_eq!(producers["producers"][0]["producer_id"], described["producer_id"]);
    assert_eq!(producers["producers"][0]["start_offset"], 0);
    // Its coordinator knows it.
    let hanging = server.json(&["transaction", "find-hanging", "--older-than-ms", "0", "--json"]);
    assert_eq!(hanging["hanging"].as_array().unwrap().len(), 0);
    one.commit().unwrap();
    open(&mut other);
    other.abort().unwrap();
    let table = server.prints(&["transaction", "list", "--pattern", "other"], "");
    assert!(table.starts_with("transactional id\tcoordinator\tproducer id\tstate\nother\t"));
}

/// Writes a batch of a transaction that no coordinator knows of.
fn write_unknown(server: &Server) {
    let mut builder = BatchBuilder::new(Codec::None, None);
    builder.set_producer(ProducerId(77_777), ProducerEpoch(3), Sequence(0));
    builder.set_transactional();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    builder.append(Timestamp(now.as_millis() as i64), None, Some(b"lost"), &[]);
    let bytes = builder.build(Offset::ZERO);
    let records = Records::Bytes(&bytes);
    let topic = TopicProduceData {
        name: "t".into(),
        partition_data: vec![PartitionProduceData { index: 0, records }],
        ..TopicProduceData::default()
    };
    let request = ProduceRequest {
        transactional_id: Some("nobody".into()),
        acks: -1,
        timeout_ms: 10_000,
        topic_data: vec![topic],
    };
    let mut connection = Connection::open(&endpoint(server)[0], &ClientConfig::default()).unwrap();
    let reply = connection.call_in(NOT_ADDING, &request).unwrap();
    let response: ProduceResponse<'_> = reply.decode().unwrap();
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
}

#[test]
fn a_transaction_that_hangs_is_found_and_aborted() {
    let server = Server::start_with(&["transaction.partition.verification.enable=false"]);
    server.prints(&["topic", "create", "t", "--partitions", "1"], "");
    write_unknown(&server);
    let find = ["transaction", "find-hanging", "--topic", "t", "--older-than-ms", "0", "--json"];
    let hanging = || server.json(&find)["hanging"].as_array().unwrap().clone();
    let found = hanging();
    assert_eq!((found.len(), &found[0]["producer_id"]), (1, &77_777.into()));
    assert_eq!(found[0]["start_offset"], 0);
    let abort = ["transaction", "abort", "t", "--partition", "0", "--start-offset"];
    let (code, message) = failure(&server, &[&abort[..], &["5"]].concat(), "");
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("begins at offset 5") && message.contains("describe-producers"));
    server.prints(&[&abort[..], &["0"]].concat(), "");
    assert_eq!(hanging().len(), 0);
}

#[test]
fn failures_about_transactions_say_what_to_try() {
    let server = Server::start();
    server.prints(&["topic", "create", "t", "--partitions", "1"], "");
    drop(producer(&server, "one"));
    let check = |arguments: &[&str], parts: [&str; 2]| {
        let (code, message) = failure(&server, arguments, "");
        assert_ne!(code, Some(0), "{message}");
        for part in parts {
            assert!(message.contains(part), "{part:?} is missing in {message:?}");
        }
    };
    let list = "corelog transaction list";
    check(&["transaction", "describe", "x"], ["describe transactional id x", list]);
    check(&["transaction", "list", "--pattern", "("], ["list transactions", "RE2"]);
    check(&["transaction", "list", "--state", "Open"], ["list transactions", "state"]);
    let producers = ["transaction", "describe-producers", "x", "--partition", "0"];
    check(&producers, ["producers of partition x-0", "corelog topic list"]);
    let producers = ["transaction", "describe-producers", "t", "--partition", "7"];
    check(&producers, ["producers of partition t-7", "corelog topic describe"]);
}
