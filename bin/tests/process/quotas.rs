//! Claims about quotas of a real broker: clients over theirs are told how long to wait, and are not
//! read until then. The exact times are tested where they are computed, on a clock driven by hand.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use corelog_client::admin::{AlterQuotas, QuotaEntity, QuotaPart};
use corelog_client::blocking::{Admin, Cluster, Connection, Producer};
use corelog_client::producer::Message;
use corelog_client::{ClientConfig, ClientError, Endpoint, ProducerConfig};
use corelog_model::ErrorCode;
use corelog_wire::api::create_topics::CreatableTopic;
use corelog_wire::api::fetch::{FetchPartition, FetchTopic};
use corelog_wire::api::produce::{PartitionProduceData, TopicProduceData};
use corelog_wire::{
    ApiVersionsRequest, CreateTopicsRequest, CreateTopicsResponse, FetchRequest, FetchResponse,
    ProduceRequest, ProduceResponse, Records, Text,
};

use crate::metrics::samples;
use crate::support::{Broker, DataFolder, Launch, create_topic, wait_until};

const TOPIC: &str = "limited";
const RATE: usize = 20_000;

struct Scene {
    broker: Broker,
    endpoint: Endpoint,
    _folder: DataFolder,
}

impl Scene {
    fn begin(settings: &[(&str, &str)]) -> Self {
        let folder = DataFolder::new();
        let mut launch =
            Launch::new(folder.path(), folder.data()).set("corelog.metrics.listen", "127.0.0.1:0");
        for (key, value) in settings {
            launch = launch.set(key, value);
        }
        let broker = launch.start();
        Self { broker, endpoint: launch.endpoint(), _folder: folder }
    }

    fn cluster(&self) -> Cluster {
        Cluster::connect(std::slice::from_ref(&self.endpoint), ClientConfig::default())
            .expect("the broker answers")
    }

    fn admin(&self) -> Admin {
        Admin::new(self.cluster())
    }

    /// Sets a quota and waits until the core has heard of it.
    fn set(&self, part: QuotaPart, name: Option<&str>, quota: &str, value: Option<f64>) {
        let entity = QuotaEntity { parts: [(part, name.map(str::to_owned))].into() };
        let changes = BTreeMap::from([(quota.to_owned(), value)]);
        let alter = AlterQuotas { entity: entity.clone(), changes };
        let mut admin = self.admin();
        admin.alter_quotas(&alter).expect("the quota is set");
        let listed = |admin: &mut Admin| {
            let quotas = admin.list_quotas().expect("quotas are listed");
            quotas.get(&entity).and_then(|quotas| quotas.get(quota)).copied()
        };
        wait_until("the quota", || listed(&mut admin) == value);
    }

    fn connect(&self, client_id: &str) -> Connection {
        let config = ClientConfig { client_id: client_id.into(), ..ClientConfig::default() };
        Connection::open(&self.endpoint, &config).expect("the broker accepts")
    }

    /// How often clients were throttled because of a quota.
    fn throttles(&self, quota: &str) -> u64 {
        let samples = samples(&self.broker);
        samples[&format!("corelog_throttles_total{{core=\"0\",quota=\"{quota}\"}}")] as u64
    }
}

/// Sends a produce of so many bytes that fails, which counts like any other: the throttle time.
fn produce(connection: &mut Connection, bytes: usize) -> i32 {
    let memory = vec![0; bytes];
    let data = PartitionProduceData { index: 0, records: Records::Bytes(&memory) };
    let name = "unknown".into();
    let topic = TopicProduceData { name, partition_data: vec![data], ..Default::default() };
    let (topic_data, timeout_ms) = (vec![topic], 1_000);
    let request = ProduceRequest { acks: -1, timeout_ms, topic_data, ..Default::default() };
    let reply = connection.call_in(9, &request).expect("a produce is answered");
    reply.decode::<ProduceResponse<'_>>().expect("the answer can be read").throttle_time_ms
}

/// Asks for whatever there is: bytes of records, and the throttle time.
fn fetch(connection: &mut Connection, bytes_max: i32) -> (usize, i32) {
    let partition = FetchPartition { partition_max_bytes: bytes_max, ..Default::default() };
    let topic =
        FetchTopic { topic: TOPIC.into(), partitions: vec![partition], ..Default::default() };
    let request = FetchRequest { max_bytes: bytes_max, topics: vec![topic], ..Default::default() };
    let reply = connection.call_in(11, &request).expect("a fetch is answered");
    let response: FetchResponse<'_> = reply.decode().expect("the answer can be read");
    assert_eq!(response.error_code, ErrorCode::None.code());
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    let bytes = partitions.map(|partition| match partition.records {
        Records::Bytes(bytes) => bytes.len(),
        Records::Null | Records::External { .. } => 0,
    });
    (bytes.sum(), response.throttle_time_ms)
}

#[test]
fn a_producer_over_its_rate_is_told_at_once_and_not_read_until_then() {
    let scene = Scene::begin(&[]);
    scene.set(QuotaPart::ClientId, Some("fast"), "producer_byte_rate", Some(RATE as f64));
    let mut fast = scene.connect("fast");
    assert_eq!(produce(&mut fast, 9 * RATE), 0, "ten seconds fit at once");
    let throttle_ms = produce(&mut fast, 2 * RATE);
    assert!(throttle_ms > 0);
    // The answer came before the time was over, and the next request waits for it.
    let told = Instant::now();
    fast.call(&ApiVersionsRequest {
        client_software_name: "test".into(),
        client_software_version: "1".into(),
    })
    .expect("a request after the time is answered");
    let waited = told.elapsed() + Duration::from_millis(50);
    assert!(waited >= Duration::from_millis(throttle_ms as u64), "{waited:?} of {throttle_ms} ms");
    assert_eq!(produce(&mut scene.connect("other"), 11 * RATE), 0, "another client id");
    assert_eq!(scene.throttles("producer_byte_rate"), 1);
    scene.set(QuotaPart::ClientId, Some("fast"), "producer_byte_rate", None);
    assert_eq!(produce(&mut fast, 11 * RATE), 0, "without a quota again");
}

#[test]
fn a_consumer_over_its_rate_gets_an_empty_answer_and_the_data_after_that_time() {
    let scene = Scene::begin(&[]);
    create_topic(&scene.endpoint, TOPIC, 1, &[]);
    let mut producer =
        Producer::new(scene.cluster(), ProducerConfig::default()).expect("a producer");
    let value = vec![7; RATE];
    for _ in 0..30 {
        producer.send(&Message::of_value(TOPIC, &value)).expect("a record is taken");
    }
    producer.flush().expect("the records are written");
    scene.set(QuotaPart::User, None, "consumer_byte_rate", Some(RATE as f64));
    let mut connection = scene.connect("reader");
    let (bytes, throttle_ms) = fetch(&mut connection, i32::MAX);
    assert!(0 < bytes && bytes <= 10 * RATE, "no more than fits ten seconds: {bytes}");
    assert_eq!(throttle_ms, 0);
    let mut empty = 0;
    // Time passes while the connection is muted, so that these end.
    let again = loop {
        let (bytes, throttle_ms) = fetch(&mut connection, 2 * RATE as i32);
        if throttle_ms == 0 {
            break bytes;
        }
        assert_eq!(bytes, 0, "an answer that says to wait has no data");
        empty += 1;
    };
    assert!(empty > 0 && again > 0, "{empty} empty ones, then {again} bytes");
    assert_eq!(scene.throttles("consumer_byte_rate"), empty);
}

#[test]
fn partitions_over_the_rate_are_refused_with_the_time_to_wait() {
    let scene = Scene::begin(&[]);
    scene.set(QuotaPart::User, Some("ANONYMOUS"), "controller_mutation_rate", Some(1.0));
    let mut connection = scene.connect("any");
    let mut create = |version, name: &str, num_partitions| {
        let name = Text::Owned(name.to_owned());
        let (replication_factor, timeout_ms) = (1, 10_000);
        let topic =
            CreatableTopic { name, num_partitions, replication_factor, ..Default::default() };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms, ..Default::default() };
        let reply = connection.call_in(version, &request).expect("an answer");
        let response: CreateTopicsResponse<'_> = reply.decode().expect("the answer can be read");
        (response.topics[0].error_code, response.throttle_time_ms)
    };
    let (throttled, fine) = (ErrorCode::ThrottlingQuotaExceeded.code(), ErrorCode::None.code());
    assert_eq!(create(6, "first", 12), (fine, 0), "a debt may be made once");
    let (code, throttle_ms) = create(6, "second", 1);
    assert!(code == throttled && throttle_ms > 0, "{code}, {throttle_ms} ms");
    // The debt is paid when that time is over, which this connection waits for.
    assert_eq!(create(6, "second", 2), (fine, 0));
    let (code, throttle_ms) = create(5, "third", 1);
    assert!(code == fine && throttle_ms > 0, "who does not know the refusal only waits");
    assert_eq!(scene.throttles("controller_mutation_rate"), 2);
}

#[test]
fn an_address_that_opens_connections_too_fast_is_turned_away_after_a_while() {
    let scene = Scene::begin(&[]);
    scene.set(QuotaPart::Ip, Some("127.0.0.1"), "connection_creation_rate", Some(1.0));
    let connect = || TcpStream::connect(scene.broker.address(0)).expect("it is accepted");
    let mut streams: Vec<_> = (0..15).map(|_| connect()).collect();
    let mut is_closed_within = |number: usize, time: Duration| {
        streams[number].set_read_timeout(Some(time)).expect("a socket option");
        matches!(streams[number].read(&mut [0; 1]), Ok(0))
    };
    assert!((12..15).all(|number| is_closed_within(number, Duration::from_secs(20))));
    assert!(!is_closed_within(0, Duration::from_millis(100)), "the first are served");
    assert!(scene.throttles("connection_creation_rate") >= 3);
}

#[test]
fn who_is_throttled_for_longer_than_a_connection_may_idle_is_disconnected() {
    let scene = Scene::begin(&[("connections.max.idle.ms", "1000")]);
    scene.set(QuotaPart::ClientId, Some("greedy"), "producer_byte_rate", Some(1.0));
    let mut greedy = scene.connect("greedy");
    assert!(produce(&mut greedy, 100 * RATE) > 60_000, "more than a minute");
    let data = [0; 1].as_slice();
    let next = PartitionProduceData { index: 0, records: Records::Bytes(data) };
    let topic = TopicProduceData { partition_data: vec![next], ..Default::default() };
    let request = ProduceRequest { acks: -1, topic_data: vec![topic], ..Default::default() };
    let answered = greedy.call_in(9, &request);
    // It was not read, so the kernel may say that with a reset.
    let is_end = |error| matches!(error, ClientError::Closed { .. } | ClientError::Broken { .. });
    assert!(answered.is_err_and(is_end));
}
