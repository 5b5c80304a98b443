//! Claims about what a broker does with the records of a produce, down to the bytes that a fetch
//! gives back: codecs, numbers and times, and what is refused with which words.

use std::time::SystemTime;

use corelog_client::blocking::Connection;
use corelog_client::producer::Message;
use corelog_client::{ClientError, Cluster, Endpoint, Producer, ProducerConfig};
use corelog_model::{
    BatchBuilder, BatchView, Codec, ErrorCode, Offset, ProducerEpoch, ProducerId, Sequence,
    Timestamp, TimestampType,
};
use corelog_wire::api::fetch::{FetchPartition, FetchTopic};
use corelog_wire::api::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, TopicProduceData,
};
use corelog_wire::{FetchRequest, FetchResponse, ProduceRequest, ProduceResponse, Records};

use crate::support::{Broker, DataFolder, Launch, create_topic, quick, wait_until};

const BYTES_MAX: i32 = 10 << 20;
const TOPIC: &str = "stored";

/// A broker, and a connection to it.
struct Scene {
    connection: Connection,
    endpoint: Endpoint,
    _broker: Broker,
    _folder: DataFolder,
}

/// What a producer is told.
#[derive(Debug, PartialEq)]
struct Answer {
    code: ErrorCode,
    base_offset: i64,
    append_time: i64,
    /// The records at fault.
    faulty: Vec<i32>,
}

fn accepted(base_offset: i64) -> Answer {
    Answer { code: ErrorCode::None, base_offset, append_time: -1, faulty: Vec::new() }
}

fn refused(code: ErrorCode, faulty: &[i32]) -> Answer {
    Answer { code, base_offset: -1, append_time: -1, faulty: faulty.to_vec() }
}

impl Scene {
    fn begin() -> Self {
        let folder = DataFolder::new();
        let mut launch = Launch::new(folder.path(), folder.data()).cores("1");
        let broker = launch.start();
        let endpoint = launch.endpoint();
        let connection = Connection::open(&endpoint, &quick()).expect("the broker accepts");
        Self { connection, endpoint, _broker: broker, _folder: folder }
    }

    /// A broker with the topic that most tests use.
    fn with_topic(configs: &[(&str, &str)]) -> Self {
        let scene = Self::begin();
        create_topic(&scene.endpoint, TOPIC, 1, configs);
        scene
    }

    fn produce(&mut self, batch: &[u8]) -> Answer {
        self.produce_to(TOPIC, batch)
    }

    fn produce_to(&mut self, topic: &str, batch: &[u8]) -> Answer {
        let data = PartitionProduceData { index: 0, records: Records::Bytes(batch) };
        let topic = TopicProduceData {
            name: topic.into(),
            partition_data: vec![data],
            ..Default::default()
        };
        let (topic_data, timeout_ms) = (vec![topic], 10_000);
        let request = ProduceRequest { acks: -1, timeout_ms, topic_data, ..Default::default() };
        let reply = self.connection.call_in(9, &request).expect("a produce is answered");
        let response: ProduceResponse<'_> = reply.decode().expect("the answer can be read");
        let answer = &response.responses[0].partition_responses[0];
        let named = |fault: &BatchIndexAndErrorMessage<'_>| {
            assert!(fault.batch_index_error_message.is_some(), "what a record lacks is told");
            fault.batch_index
        };
        Answer {
            code: ErrorCode::from_code(answer.error_code).expect("a code of Kafka's"),
            base_offset: answer.base_offset,
            append_time: answer.log_append_time_ms,
            faulty: answer.record_errors.iter().map(named).collect(),
        }
    }

    /// All that the partition holds.
    fn stored(&mut self) -> Vec<u8> {
        self.stored_in(TOPIC)
    }

    fn stored_in(&mut self, topic: &str) -> Vec<u8> {
        self.fetch_in(11, topic).expect("the partition can be read")
    }

    fn fetch_in(&mut self, version: i16, topic: &str) -> Result<Vec<u8>, ErrorCode> {
        let partition = FetchPartition { partition_max_bytes: BYTES_MAX, ..Default::default() };
        let topic =
            FetchTopic { topic: topic.into(), partitions: vec![partition], ..Default::default() };
        let topics = vec![topic];
        let request = FetchRequest { max_bytes: BYTES_MAX, topics, ..Default::default() };
        let reply = self.connection.call_in(version, &request).expect("a fetch is answered");
        let response: FetchResponse<'_> = reply.decode().expect("the answer can be read");
        let partition = &response.responses[0].partitions[0];
        match ErrorCode::from_code(partition.error_code).expect("a code of Kafka's") {
            ErrorCode::None => Ok(partition.records.bytes().to_vec()),
            code => Err(code),
        }
    }
}

fn batches(mut bytes: &[u8]) -> Vec<BatchView<'_>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (batch, rest) = BatchView::parse(bytes).expect("what is stored is a batch");
        batch.verify_crc().expect("its checksum is right");
        found.push(batch);
        bytes = rest;
    }
    found
}

/// Offsets and values of the records of all batches.
fn records(batches: &[BatchView<'_>]) -> Vec<(i64, Vec<u8>)> {
    let of = |batch: &BatchView<'_>| {
        let mut scratch = Vec::new();
        let records = batch.records(&mut scratch, 1 << 20).expect("the codec is right");
        let records = records.map(|record| record.expect("each can be read"));
        let value = |value: Option<&[u8]>| value.expect("each has a value").to_vec();
        records.map(|record| (record.offset.0, value(record.value))).collect::<Vec<_>>()
    };
    batches.iter().flat_map(of).collect()
}

fn now() -> Timestamp {
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("it is later than 1970");
    Timestamp(i64::try_from(now.as_millis()).expect("time is in range"))
}

/// A batch of records with these times and keys.
fn batch(codec: Codec, records: &[(Timestamp, Option<&str>)], value: &[u8]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec, None);
    for (timestamp, key) in records {
        builder.append(*timestamp, key.map(str::as_bytes), Some(value), &[]);
    }
    builder.build(Offset::ZERO)
}

fn plain(codec: Codec, value: &[u8]) -> Vec<u8> {
    batch(codec, &[(now(), Some("key"))], value)
}

#[test]
fn a_topic_stores_every_batch_in_its_own_codec() {
    let mut scene = Scene::begin();
    let values: Vec<_> = Codec::ALL.map(|codec| format!("{codec} ").repeat(100)).into();
    for stored in Codec::ALL {
        let topic = stored.name();
        let name = if stored == Codec::None { "uncompressed" } else { topic };
        create_topic(&scene.endpoint, topic, 1, &[("compression.type", name)]);
        for (offset, (sent, value)) in (0..).zip(Codec::ALL.into_iter().zip(&values)) {
            let answer = scene.produce_to(topic, &plain(sent, value.as_bytes()));
            assert_eq!(answer, accepted(offset), "{sent} to {stored}");
        }
        let bytes = scene.stored_in(topic);
        let batches = batches(&bytes);
        let codecs: Vec<_> = batches.iter().map(|batch| batch.codec()).collect();
        assert_eq!(codecs, [Some(stored); 5]);
        let expected = values.iter().map(|value| value.clone().into_bytes());
        assert_eq!(records(&batches), (0..).zip(expected).collect::<Vec<_>>());
        let old = scene.fetch_in(9, topic).err();
        let unknown = (stored == Codec::Zstd).then_some(ErrorCode::UnsupportedCompressionType);
        assert_eq!(old, unknown, "version 9 of {stored}");
    }
}

#[test]
fn a_repeated_batch_is_known_although_it_was_converted() {
    let mut scene = Scene::with_topic(&[("compression.type", "zstd")]);
    let mut builder = BatchBuilder::new(Codec::Lz4, None);
    builder.set_producer(ProducerId(7), ProducerEpoch(0), Sequence(0));
    let mut build = || {
        for value in [&b"one"[..], b"two"] {
            builder.append(now(), None, Some(value), &[]);
        }
        builder.build(Offset::ZERO)
    };
    let (first, second) = (build(), build());
    assert_eq!(scene.produce(&first), accepted(0));
    assert_eq!(scene.produce(&first), accepted(0));
    assert_eq!(scene.produce(&second), accepted(2));
    let bytes = scene.stored();
    let batches = batches(&bytes);
    let sequences: Vec<_> = batches.iter().map(|batch| batch.base_sequence()).collect();
    assert_eq!(sequences, [Sequence(0), Sequence(2)]);
    assert!(batches.iter().all(|batch| batch.producer_id() == ProducerId(7)));
}

/// Writes one record in a transaction and commits it.
async fn commit(endpoint: &Endpoint) -> Result<(), ClientError> {
    let cluster = Cluster::connect(std::slice::from_ref(endpoint), quick()).await?;
    let transactional_id = Some("writer".to_owned());
    let config = ProducerConfig { transactional_id, ..ProducerConfig::default() };
    let producer = Producer::new(&cluster, config).await?;
    producer.init_transactions().await?;
    producer.begin().await?;
    producer.send(&Message::of_value(TOPIC, &[b'v'; 500])).await?;
    producer.commit().await
}

#[test]
fn a_converted_batch_stays_in_its_transaction() {
    let mut scene = Scene::with_topic(&[("compression.type", "gzip")]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("the machine has threads");
    runtime.block_on(commit(&scene.endpoint)).expect("the transaction is committed");
    // Markers follow the answer to the commit.
    let mut bytes = Vec::new();
    wait_until("the marker of the transaction", || {
        bytes = scene.stored();
        batches(&bytes).len() > 1
    });
    let [data, marker] = batches(&bytes)[..] else { panic!("one batch and one marker") };
    assert!(data.is_transactional() && marker.is_control());
    assert_eq!(data.codec(), Some(Codec::Gzip));
    assert_eq!(marker.codec(), Some(Codec::None));
    assert_eq!(data.producer_id(), marker.producer_id());
}

#[test]
fn the_leader_stamps_the_time_of_the_append() {
    let configs = [("message.timestamp.type", "LogAppendTime"), ("compression.type", "snappy")];
    let mut scene = Scene::with_topic(&configs);
    let before = now();
    for (offset, codec) in (0..).zip([Codec::Snappy, Codec::None]) {
        let answer = scene.produce(&batch(codec, &[(Timestamp(5), None)], b"value"));
        assert!(before.0 <= answer.append_time && answer.append_time <= now().0, "{answer:?}");
        assert_eq!(answer, Answer { append_time: answer.append_time, ..accepted(offset) });
        let bytes = scene.stored();
        let newest = *batches(&bytes).last().expect("a batch was stored");
        assert_eq!(newest.timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!(newest.max_timestamp(), Timestamp(answer.append_time));
    }
}

#[test]
fn a_batch_has_to_fit_as_it_is_sent_and_as_it_is_stored() {
    let limit = ("max.message.bytes", "1000");
    let mut scene = Scene::with_topic(&[limit, ("compression.type", "uncompressed")]);
    create_topic(&scene.endpoint, "compressed", 1, &[limit, ("compression.type", "zstd")]);
    let too_large = || refused(ErrorCode::MessageTooLarge, &[]);
    for (codec, len) in [(Codec::None, 1000), (Codec::Zstd, 1000), (Codec::Gzip, 100_000)] {
        assert_eq!(scene.produce(&plain(codec, &vec![0; len])), too_large(), "{codec} {len}");
    }
    assert_eq!(scene.produce(&plain(Codec::Zstd, &[0; 800])), accepted(0));
    assert_eq!(scene.produce_to("compressed", &plain(Codec::None, &[0; 1000])), too_large());
    assert_eq!(scene.produce_to("compressed", &plain(Codec::Gzip, &[0; 8000])), accepted(0));
}

#[test]
fn records_outside_the_window_of_time_are_named() {
    let window =
        [("message.timestamp.before.max.ms", "60000"), ("message.timestamp.after.max.ms", "60000")];
    let mut scene = Scene::with_topic(&window);
    for codec in Codec::ALL {
        let times = [0, -600_000, 30_000, 600_000].map(|since| (now() + since, None));
        let answer = scene.produce(&batch(codec, &times, b"value"));
        assert_eq!(answer, refused(ErrorCode::InvalidTimestamp, &[1, 3]), "{codec}");
    }
    let none = batch(Codec::None, &[(Timestamp::NONE, None), (now(), None)], b"value");
    assert_eq!(scene.produce(&none), accepted(0), "no time is always accepted");
}

#[test]
fn records_without_a_key_are_named_where_the_topic_is_compacted() {
    let mut scene = Scene::with_topic(&[("cleanup.policy", "compact")]);
    for (offset, codec) in (0..).zip(Codec::ALL) {
        let records = [Some("a"), None, Some(""), None].map(|key| (now(), key));
        let answer = scene.produce(&batch(codec, &records, b"value"));
        assert_eq!(answer, refused(ErrorCode::InvalidRecord, &[1, 3]), "{codec}");
        assert_eq!(scene.produce(&plain(codec, b"value")), accepted(offset), "{codec}");
    }
}

#[test]
fn wrong_offsets_within_a_batch_are_counted_anew() {
    let mut scene = Scene::with_topic(&[("cleanup.policy", "compact")]);
    for codec in [Codec::None, Codec::Snappy] {
        let mut builder = BatchBuilder::new(codec, None);
        for (delta, value) in [(0, b"one"), (2, b"two")] {
            builder.append_at(delta, now(), Some(b"key"), Some(value), [].into_iter());
        }
        let mut wrong = builder.build(Offset::ZERO);
        // Two records, and the last offset that two have.
        wrong[23..27].copy_from_slice(&1_i32.to_be_bytes());
        let crc = crc32c::crc32c(&wrong[21..]);
        wrong[17..21].copy_from_slice(&crc.to_be_bytes());
        assert_eq!(scene.produce(&wrong).code, ErrorCode::None, "{codec}");
    }
    let bytes = scene.stored();
    let found = records(&batches(&bytes));
    let offsets: Vec<_> = found.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(offsets, [0, 1, 2, 3]);
}
