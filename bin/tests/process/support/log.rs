//! What a topic holds, read back with a consumer and compared with what the writers say.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use corelog_client::Endpoint;
use corelog_client::blocking::Consumer;
use corelog_client::consumer::{ConsumedRecord, ConsumerConfig, From, Partitions, Until};
use corelog_model::Offset;

use super::workload::{Delivery, WriterKind, connect, record};

const READ_TIME_MAX: Duration = Duration::from_secs(120);

/// A record, by who wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// The writer.
    pub(crate) writer: u32,
    /// Its count.
    pub(crate) number: u64,
}

/// The records of every partition, in the order of their offsets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PartitionLogs {
    partitions: BTreeMap<i32, Vec<Entry>>,
}

impl PartitionLogs {
    /// Reads everything that is in the topic now. Each key and value is compared with what its
    /// writer wrote; offsets must begin at 0 and have no gaps.
    pub(crate) fn read(endpoint: &Endpoint, topic: &str) -> Self {
        let mut logs = Self::default();
        logs.read_on(endpoint, topic);
        logs
    }

    /// Reads what came since the last time.
    pub(crate) fn read_on(&mut self, endpoint: &Endpoint, topic: &str) {
        let config =
            ConsumerConfig { max_wait: Duration::from_millis(100), ..ConsumerConfig::default() };
        let mut consumer = Consumer::new(connect(endpoint), config).expect("a good setting");
        let known: Vec<(i32, usize)> =
            self.partitions.iter().map(|(number, log)| (*number, log.len())).collect();
        if known.is_empty() {
            let assigned = consumer.assign(topic, Partitions::All, From::Beginning, Until::End);
            assigned.expect("the topic is there");
            let partitions = consumer.positions().map(|(at, _)| (at.partition, Vec::new()));
            self.partitions = partitions.collect();
        }
        for (number, len) in known {
            let from = From::Offset(Offset(len as i64));
            let assigned = consumer.assign(topic, Partitions::These(&[number]), from, Until::End);
            assigned.expect("the partition is there");
        }
        let begun = Instant::now();
        while !consumer.is_done() {
            assert!(begun.elapsed() < READ_TIME_MAX, "reading {topic} does not end");
            let polled = consumer.poll(Duration::from_secs(1), |record| self.take(record));
            polled.expect("the topic can be read");
        }
    }

    fn take(&mut self, found: &ConsumedRecord<'_>) -> ControlFlow<()> {
        let log = self.partitions.get_mut(&found.at.partition).expect("a partition that is read");
        let expected = Offset(log.len() as i64);
        assert_eq!(found.offset, expected, "{:?} has a gap or a repetition", found.at);
        let key = found.key.map(String::from_utf8_lossy).expect("every record has a key");
        let (writer, number) = key.split_once('/').expect("a key is WRITER/NUMBER");
        let parse = "a key has numbers";
        let entry =
            Entry { writer: writer.parse().expect(parse), number: number.parse().expect(parse) };
        let (key, value) = record(entry.writer, entry.number);
        assert!(found.key == Some(&key) && found.value == Some(&value), "{entry:?} was changed");
        log.push(entry);
        ControlFlow::Continue(())
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.partitions.values().map(Vec::len).sum()
    }

    /// Every record that was acknowledged is at its offset.
    pub(crate) fn assert_holds(&self, writer: u32, acknowledged: &[Delivery]) {
        for delivery in acknowledged {
            let log = &self.partitions[&delivery.partition];
            let at = usize::try_from(delivery.offset.0);
            let found = at.ok().and_then(|at| log.get(at)).copied();
            let expected = Some(Entry { writer, number: delivery.number });
            assert_eq!(found, expected, "{delivery:?}; the log ends at {}", log.len());
        }
    }

    /// Records of a writer are there once where repeats are dropped, and then in the order they
    /// were sent within each partition.
    pub(crate) fn assert_order(&self, writer: u32, kind: WriterKind, count: u64) {
        let of_writer = |log: &[Entry]| -> Vec<u64> {
            let mine = log.iter().filter(|entry| entry.writer == writer);
            mine.map(|entry| entry.number).collect()
        };
        let mut seen = BTreeSet::new();
        for (partition, log) in &self.partitions {
            let numbers = of_writer(log);
            if matches!(kind, WriterKind::Idempotent(_)) {
                let rises = numbers.windows(2).all(|pair| pair[0] < pair[1]);
                assert!(rises, "writer {writer}: disorder or repeats in partition {partition}");
            }
            seen.extend(numbers);
        }
        let all: BTreeSet<u64> = (0..count).collect();
        assert_eq!(seen.symmetric_difference(&all).count(), 0, "writer {writer}: records differ");
    }
}
