//! What the commands on transactions show.

use corelog_client::TopicPartition;
use corelog_client::admin::{ActiveProducer, TransactionDescription, TransactionListing};
use corelog_model::{Offset, Timestamp};
use serde::Serialize;

use crate::output::{Report, Table};

/// Stands where there is nothing to show.
const NOTHING: &str = "-";

/// Transactional ids.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    transactions: Vec<ListedTransaction>,
}

#[derive(Debug, Serialize)]
struct ListedTransaction {
    transactional_id: String,
    coordinator: i32,
    producer_id: i64,
    state: String,
}

/// One transactional id.
#[derive(Debug, Serialize)]
pub(super) struct Described {
    transactional_id: String,
    state: String,
    producer_id: i64,
    producer_epoch: i16,
    timeout_ms: u64,
    started_at_ms: Option<i64>,
    /// For how long the transaction has been open.
    age_ms: Option<i64>,
    partitions: Vec<Partition>,
}

#[derive(Debug, Serialize)]
struct Partition {
    topic: String,
    partition: i32,
}

/// The producers of a partition.
#[derive(Debug, Serialize)]
pub(super) struct OfPartition {
    topic: String,
    partition: i32,
    producers: Vec<KnownProducer>,
}

#[derive(Debug, Serialize)]
struct KnownProducer {
    producer_id: i64,
    producer_epoch: i16,
    coordinator_epoch: Option<i32>,
    last_sequence: i32,
    last_timestamp_ms: i64,
    start_offset: Option<i64>,
}

/// Transactions that hang.
#[derive(Debug, Serialize)]
pub(super) struct Hanging {
    hanging: Vec<HangingTransaction>,
}

#[derive(Debug, Serialize)]
struct HangingTransaction {
    topic: String,
    partition: i32,
    start_offset: Option<i64>,
    producer_id: i64,
    producer_epoch: i16,
    /// For how long it has written nothing.
    silent_ms: i64,
}

/// A transaction that is aborted in a partition.
#[derive(Debug, Serialize)]
pub(super) struct Aborted {
    topic: String,
    partition: i32,
    start_offset: Option<i64>,
    producer_id: i64,
    producer_epoch: i16,
}

fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string())
}

impl Listed {
    pub(super) fn new(listed: Vec<TransactionListing>) -> Self {
        let list = |one: TransactionListing| ListedTransaction {
            transactional_id: one.transactional_id,
            coordinator: one.coordinator.get(),
            producer_id: one.producer_id.get(),
            state: one.state,
        };
        Self { transactions: listed.into_iter().map(list).collect() }
    }
}

impl Report for Listed {
    fn tables(&self) -> Vec<Table> {
        let rows = self.transactions.iter().map(|one| {
            let (coordinator, producer) = (one.coordinator.to_string(), one.producer_id);
            vec![one.transactional_id.clone(), coordinator, producer.to_string(), one.state.clone()]
        });
        let heads = ["transactional id", "coordinator", "producer id", "state"];
        vec![Table::new(heads, rows.collect())]
    }
}

impl Described {
    pub(super) fn new(described: &TransactionDescription, now: Timestamp) -> Self {
        let partition = |at: &TopicPartition| Partition {
            topic: at.topic.to_string(),
            partition: at.partition,
        };
        Self {
            transactional_id: described.transactional_id.clone(),
            state: described.state.clone(),
            producer_id: described.producer_id.get(),
            producer_epoch: described.producer_epoch.get(),
            timeout_ms: u64::try_from(described.timeout.as_millis()).unwrap_or(u64::MAX),
            started_at_ms: described.started_at.map(|time| time.0),
            // The clocks of the machines may differ.
            age_ms: described.started_at.map(|time| (now - time).max(0)),
            partitions: described.partitions.iter().map(partition).collect(),
        }
    }
}

impl Report for Described {
    fn tables(&self) -> Vec<Table> {
        let row = vec![
            self.transactional_id.clone(),
            self.state.clone(),
            self.producer_id.to_string(),
            self.producer_epoch.to_string(),
            self.timeout_ms.to_string(),
            shown(self.age_ms),
        ];
        let heads = ["transactional id", "state", "producer id", "epoch", "timeout ms", "age ms"];
        let rows =
            self.partitions.iter().map(|at| vec![at.topic.clone(), at.partition.to_string()]);
        let partitions = Table::new(["topic", "partition"], rows.collect());
        vec![Table::new(heads, vec![row]), partitions]
    }
}

impl OfPartition {
    pub(super) fn new(at: &TopicPartition, producers: &[ActiveProducer]) -> Self {
        let producer = |producer: &ActiveProducer| KnownProducer {
            producer_id: producer.producer_id.get(),
            producer_epoch: producer.producer_epoch.get(),
            coordinator_epoch: Some(producer.coordinator_epoch).filter(|epoch| *epoch >= 0),
            last_sequence: producer.last_sequence,
            last_timestamp_ms: producer.last_timestamp.0,
            start_offset: producer.transaction_start.map(Offset::get),
        };
        Self {
            topic: at.topic.to_string(),
            partition: at.partition,
            producers: producers.iter().map(producer).collect(),
        }
    }
}

impl Report for OfPartition {
    fn tables(&self) -> Vec<Table> {
        let rows = self.producers.iter().map(|producer| {
            vec![
                producer.producer_id.to_string(),
                producer.producer_epoch.to_string(),
                shown(producer.coordinator_epoch),
                producer.last_sequence.to_string(),
                producer.last_timestamp_ms.to_string(),
                shown(producer.start_offset),
            ]
        });
        let heads = [
            "producer id",
            "epoch",
            "coordinator epoch",
            "last sequence",
            "last timestamp",
            "start offset",
        ];
        vec![Table::new(heads, rows.collect())]
    }
}

impl Hanging {
    pub(super) fn new<'a>(
        found: impl Iterator<Item = &'a (TopicPartition, ActiveProducer)>,
        now: Timestamp,
    ) -> Self {
        let hanging = found.map(|(at, producer)| HangingTransaction {
            topic: at.topic.to_string(),
            partition: at.partition,
            start_offset: producer.transaction_start.map(Offset::get),
            producer_id: producer.producer_id.get(),
            producer_epoch: producer.producer_epoch.get(),
            silent_ms: now - producer.last_timestamp,
        });
        Self { hanging: hanging.collect() }
    }
}

impl Report for Hanging {
    fn tables(&self) -> Vec<Table> {
        let rows = self.hanging.iter().map(|one| {
            vec![
                one.topic.clone(),
                one.partition.to_string(),
                shown(one.start_offset),
                one.producer_id.to_string(),
                one.producer_epoch.to_string(),
                one.silent_ms.to_string(),
            ]
        });
        let heads = ["topic", "partition", "start offset", "producer id", "epoch", "silent ms"];
        vec![Table::new(heads, rows.collect())]
    }
}

impl Aborted {
    pub(super) fn new(at: &TopicPartition, producer: &ActiveProducer) -> Self {
        Self {
            topic: at.topic.to_string(),
            partition: at.partition,
            start_offset: producer.transaction_start.map(Offset::get),
            producer_id: producer.producer_id.get(),
            producer_epoch: producer.producer_epoch.get(),
        }
    }
}

impl Report for Aborted {
    fn tables(&self) -> Vec<Table> {
        let row = vec![
            self.topic.clone(),
            self.partition.to_string(),
            shown(self.start_offset),
            self.producer_id.to_string(),
            self.producer_epoch.to_string(),
        ];
        let heads = ["topic", "partition", "start offset", "producer id", "epoch"];
        vec![Table::new(heads, vec![row])]
    }
}
