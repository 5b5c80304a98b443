//! Writers whose records say who wrote them and in which order, so that what is read back can be
//! compared byte for byte without keeping it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use corelog_client::admin::NewTopic;
use corelog_client::blocking::{Admin, Cluster, Producer};
use corelog_client::producer::{Acks, Message, ProducerConfig, Ticket};
use corelog_client::{ClientConfig, Endpoint};
use corelog_model::{Codec, Offset};

const PAUSE_EVERY_RECORDS: u64 = 16;
const PAUSE: Duration = Duration::from_millis(5);
const VALUE_BYTES_MAX: u64 = 1500;

/// Settings of a client that finds a restarted broker fast.
pub(crate) fn quick() -> ClientConfig {
    ClientConfig {
        connect_timeout: Duration::from_secs(2),
        request_timeout: Duration::from_secs(10),
        retry_pause: Duration::from_millis(10),
        retry_pause_max: Duration::from_millis(100),
        ..ClientConfig::default()
    }
}

/// A cluster handle of one broker.
pub(crate) fn connect(endpoint: &Endpoint) -> Cluster {
    Cluster::connect(std::slice::from_ref(endpoint), quick()).expect("the broker answers")
}

/// Creates a topic.
pub(crate) fn create_topic(
    endpoint: &Endpoint,
    name: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) {
    let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        replication_factor: Some(1),
        configs: configs.collect(),
    };
    Admin::new(connect(endpoint)).create_topic(&topic).expect("the topic can be created");
}

/// The record `number` of a writer: its key and its value.
pub(crate) fn record(writer: u32, number: u64) -> (Vec<u8>, Vec<u8>) {
    let mut chance = fastrand::Rng::with_seed(u64::from(writer) << 40 | number);
    let mut value = format!("{writer}/{number}/").into_bytes();
    let len = chance.u64(0..VALUE_BYTES_MAX);
    value.extend((0..len).map(|_| chance.alphanumeric() as u8));
    (format!("{writer}/{number}").into_bytes(), value)
}

/// How a writer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriterKind {
    /// Repeats are dropped by the broker: every record is in the log once.
    Idempotent(Codec),
    /// Repeats may be in the log twice.
    Plain(Codec),
}

impl WriterKind {
    fn config(self) -> ProducerConfig {
        let base = ProducerConfig {
            linger: Duration::from_millis(2),
            batch_bytes: 16 * 1024,
            retry_pause: Duration::from_millis(20),
            retry_pause_max: Duration::from_millis(200),
            ..ProducerConfig::default()
        };
        match self {
            Self::Idempotent(codec) => ProducerConfig { codec, ..base },
            Self::Plain(codec) => {
                ProducerConfig { codec, is_idempotent: false, acks: Acks::All, ..base }
            }
        }
    }
}

/// A record whose place in the log the broker has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// The number of the record.
    pub(crate) number: u64,
    /// Its partition.
    pub(crate) partition: i32,
    /// Its offset.
    pub(crate) offset: Offset,
}

/// A thread that writes until it is told to stop, through kills and restarts of the broker.
pub(crate) struct Writer {
    /// Its number, which is in its records.
    pub(crate) id: u32,
    /// How it sends.
    pub(crate) kind: WriterKind,
    acknowledged: Arc<Mutex<Vec<Delivery>>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Writer {
    /// Starts writing to all partitions of a topic, which record goes where decided by chance.
    pub(crate) fn start(
        id: u32,
        kind: WriterKind,
        endpoint: &Endpoint,
        topic: &str,
        partitions: i32,
    ) -> Self {
        let producer = Producer::new(connect(endpoint), kind.config());
        let producer = producer.expect("the producer gets its id");
        let acknowledged = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let work = Work {
            id,
            producer,
            topic: topic.to_owned(),
            partitions,
            first: 0,
            acknowledged: Arc::clone(&acknowledged),
        };
        let until = Arc::clone(&stop);
        let thread = std::thread::spawn(move || work.run(&until));
        Self { id, kind, acknowledged, stop, thread }
    }

    /// What was acknowledged so far.
    pub(crate) fn acknowledged(&self) -> Vec<Delivery> {
        self.acknowledged.lock().expect("the writer runs").clone()
    }

    /// The newest acknowledged offset of a partition.
    pub(crate) fn last_of(&self, partition: i32) -> Option<Offset> {
        let acknowledged = self.acknowledged.lock().expect("the writer runs");
        let last = acknowledged.iter().rfind(|delivery| delivery.partition == partition);
        last.map(|delivery| delivery.offset)
    }

    /// Lets it end; every record has its acknowledgement then. Says how many there were.
    pub(crate) fn finish(self) -> (u64, Vec<Delivery>) {
        self.stop.store(true, Ordering::Relaxed);
        let count = self.thread.join().expect("the writer met no error");
        (count, self.acknowledged.lock().expect("the writer ended well").clone())
    }
}

struct Work {
    id: u32,
    producer: Producer,
    topic: String,
    partitions: i32,
    first: u64,
    acknowledged: Arc<Mutex<Vec<Delivery>>>,
}

impl Work {
    fn run(mut self, stop: &AtomicBool) -> u64 {
        let mut number = self.first;
        while !stop.load(Ordering::Relaxed) {
            let (key, value) = record(self.id, number);
            let message = Message {
                topic: &self.topic,
                partition: Some((number * 7 + u64::from(self.id)) as i32 % self.partitions),
                key: Some(&key),
                value: Some(&value),
                headers: &[],
                timestamp: None,
            };
            let ticket = self.producer.send(&message).expect("there is room for the record");
            assert_eq!(ticket, Ticket(number), "tickets count the records");
            number += 1;
            if number.is_multiple_of(PAUSE_EVERY_RECORDS) {
                let delivered = self.producer.poll().expect("the producer goes on");
                self.keep(&delivered);
                std::thread::sleep(PAUSE);
            }
        }
        let delivered = self.producer.flush().expect("the producer ends");
        self.keep(&delivered);
        number
    }

    fn keep(&mut self, delivered: &[corelog_client::producer::Delivery]) {
        let mut acknowledged = self.acknowledged.lock().expect("the test runs");
        for batch in delivered {
            for (ticket, outcome) in batch.records() {
                let offset = outcome.unwrap_or_else(|error| panic!("{:?}: {error}", batch.at));
                let partition = batch.at.partition;
                acknowledged.push(Delivery { number: ticket.0, partition, offset });
            }
        }
    }
}
