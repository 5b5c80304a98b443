//! Claims about compaction in a broker that is killed while it compacts: the last acknowledged
//! value of each key is there, at its offset, and old values are gone.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use corelog_client::Endpoint;
use corelog_client::blocking::{Consumer, Producer};
use corelog_client::consumer::{ConsumerConfig, From, Partitions, Until};
use corelog_client::producer::{Message, ProducerConfig};

use crate::support::{DataFolder, Launch, connect, create_topic};

const KILLS: u32 = 12;
const KEYS: u64 = 40;
const TOPIC: &str = "compacted";

/// The newest acknowledged value of each key, and where it is.
type Newest = BTreeMap<u64, (u64, i64)>;

/// Writes rising numbers to a few keys, each batch acknowledged before the next.
fn write(
    endpoint: &Endpoint,
    newest: &Arc<Mutex<Newest>>,
    stop: &Arc<AtomicBool>,
) -> JoinHandle<u64> {
    let config = ProducerConfig::default();
    let mut producer = Producer::new(connect(endpoint), config).expect("a good setting");
    let (newest, stop) = (Arc::clone(newest), Arc::clone(stop));
    std::thread::spawn(move || {
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            for _ in 0..100 {
                let (key, value) = ((number % KEYS).to_string(), format!("{number:0500}"));
                let message = Message {
                    topic: TOPIC,
                    partition: Some(0),
                    key: Some(key.as_bytes()),
                    value: Some(value.as_bytes()),
                    headers: &[],
                    timestamp: None,
                };
                producer.send(&message).expect("there is room for the record");
                number += 1;
            }
            let delivered = producer.flush().expect("the producer goes on");
            let mut newest = newest.lock().expect("the test runs");
            for (ticket, outcome) in
                delivered.iter().flat_map(corelog_client::producer::Delivery::records)
            {
                let offset = outcome.expect("the record is taken").0;
                newest.insert(ticket.0 % KEYS, (ticket.0, offset));
            }
            // Compaction has a chance to keep up.
            std::thread::sleep(Duration::from_millis(3));
        }
        number
    })
}

/// Every value by its offset.
fn read(endpoint: &Endpoint) -> BTreeMap<i64, u64> {
    let config =
        ConsumerConfig { max_wait: Duration::from_millis(100), ..ConsumerConfig::default() };
    let mut consumer = Consumer::new(connect(endpoint), config).expect("a good setting");
    let assigned = consumer.assign(TOPIC, Partitions::All, From::Beginning, Until::End);
    assigned.expect("the topic is there");
    let mut found = BTreeMap::new();
    while !consumer.is_done() {
        let polled = consumer.poll(Duration::from_secs(1), |record| {
            let value = String::from_utf8_lossy(record.value.expect("a value")).parse();
            let above = found.last_key_value().is_none_or(|last| *last.0 < record.offset.0);
            assert!(above, "offset {} comes too late", record.offset);
            found.insert(record.offset.0, value.expect("a number"));
            ControlFlow::Continue(())
        });
        polled.expect("the topic can be read");
    }
    found
}

#[test]
fn the_last_value_of_each_key_outlives_kills_while_logs_are_compacted() {
    let folder = DataFolder::new();
    let launch = Launch::new(folder.path(), folder.data()).cores("1");
    let mut launch = launch.set("log.cleaner.backoff.ms", "5");
    let mut broker = launch.start();
    let configs = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1048576"),
        ("min.cleanable.dirty.ratio", "0.01"),
    ];
    create_topic(&launch.endpoint(), TOPIC, 1, &configs);
    let (newest, stop) = (Arc::default(), Arc::default());
    let writer = write(&launch.endpoint(), &newest, &stop);
    for _ in 0..KILLS {
        std::thread::sleep(Duration::from_millis(fastrand::u64(100..700)));
        broker.kill();
        broker = launch.start();
        let known = newest.lock().expect("the writer runs").clone();
        let found = read(&launch.endpoint());
        for (key, (number, offset)) in known {
            let is_there = found.get(&offset) == Some(&number);
            let mut newer = found.range(offset + 1..).map(|entry| entry.1);
            let has_newer = newer.any(|value| value % KEYS == key && *value > number);
            assert!(is_there || has_newer, "key {key} lost {number} at {offset}");
        }
    }
    stop.store(true, Ordering::Relaxed);
    let written = writer.join().expect("the writer met no error");
    // The newest segment stays as it is: two thousand records.
    while read(&launch.endpoint()).len() as u64 > (written / 10).max(4_000) {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(broker.terminate().success());
}
