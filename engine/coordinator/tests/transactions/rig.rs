//! The words in which the tests speak about transactions: a rig of transactional ids with a clock,
//! and short forms of requests, replies and records.

use std::collections::BTreeSet;
use std::time::Duration;

use corelog_coordinator::offsets::TopicPartition;
use corelog_coordinator::records::{TransactionRecord, TransactionValue};
use corelog_coordinator::transactions::{
    AddPartitions, EndTransaction, InitProducer, MarkersWritten, Producer, Ticket,
    TransactionConfig, TransactionInput, TransactionOutput, TransactionReply, TransactionState,
    WriteMarkers,
};
use corelog_coordinator::{AppendId, Now, RequestId, Transactions};
use corelog_model::control::{TransactionMarker, TransactionOutcome, TransactionVersion};
use corelog_model::{
    ErrorCode, LeaderEpoch, PartitionIndex, ProducerEpoch, ProducerId, Timestamp, TopicName,
};

pub(crate) use TransactionOutcome::{Abort, Commit};
pub(crate) use TransactionState::{
    CompleteAbort, CompleteCommit, Empty, Ongoing, PrepareAbort, PrepareCommit,
};
pub(crate) const V0: TransactionVersion = TransactionVersion::Classic;
pub(crate) const V2: TransactionVersion = TransactionVersion::EpochPerTransaction;

/// The wall clock runs so far ahead of the monotonic one, in milliseconds.
pub(crate) const WALL: i64 = 1_000_000;
/// How long a transaction may take, in seconds.
pub(crate) const TIMEOUT: u64 = 60;
/// The last epoch that a producer is given.
pub(crate) const LAST: i16 = i16::MAX - 1;
pub(crate) const COORDINATOR_EPOCH: i32 = 3;

pub(crate) struct Rig {
    pub(crate) transactions: Transactions,
    /// In milliseconds.
    pub(crate) clock: u64,
    /// What is durable.
    pub(crate) log: Vec<TransactionRecord>,
}

impl Rig {
    pub(crate) fn new() -> Rig {
        Rig::loaded(&[])
    }

    pub(crate) fn with(config: TransactionConfig) -> Rig {
        Rig::begin(config, &[]).0
    }

    pub(crate) fn loaded(records: &[TransactionRecord]) -> Rig {
        Rig::begin(TransactionConfig::default(), records).0
    }

    pub(crate) fn begin(
        config: TransactionConfig,
        records: &[TransactionRecord],
    ) -> (Rig, Vec<TransactionOutput>) {
        let transactions = Transactions::new(config, LeaderEpoch(COORDINATOR_EPOCH));
        let mut rig = Rig { transactions, clock: 0, log: Vec::new() };
        for record in records {
            let value = record.encode_value();
            let loaded = rig.transactions.load(&record.encode_key(), value.as_deref());
            loaded.expect("a record is valid");
        }
        let outputs = rig.transactions.finish_loading(rig.now());
        (rig, outputs)
    }

    /// The producer 1 with an epoch speaks for `x`.
    pub(crate) fn at(epoch: i16) -> Rig {
        Rig::loaded(&[record(value(Empty, 1, epoch))])
    }

    /// It has a transaction on these partitions, as one who speaks in this way.
    pub(crate) fn ongoing(epoch: i16, version: TransactionVersion, partitions: &[&str]) -> Rig {
        Rig::loaded(&[record(ongoing(epoch, version, partitions))])
    }

    pub(crate) fn now(&self) -> Now {
        let wall = Timestamp(WALL + self.clock as i64);
        Now { clock: Duration::from_millis(self.clock), wall }
    }

    pub(crate) fn step(&mut self, input: TransactionInput) -> Vec<TransactionOutput> {
        let now = self.now();
        self.transactions.step(now, input)
    }

    /// Takes a step, and stores at once what is to be stored, until nothing more is. Tells the
    /// outputs that are no appends.
    pub(crate) fn run(&mut self, input: TransactionInput) -> Vec<TransactionOutput> {
        let outputs = self.step(input);
        self.store(outputs)
    }

    pub(crate) fn store(&mut self, outputs: Vec<TransactionOutput>) -> Vec<TransactionOutput> {
        let mut told = Vec::new();
        for output in outputs {
            if let TransactionOutput::Append { append, records } = output {
                self.log.extend(records);
                told.extend(self.run(TransactionInput::Appended(append)));
            } else {
                told.push(output);
            }
        }
        told
    }

    pub(crate) fn tick(&mut self, seconds: u64) -> Vec<TransactionOutput> {
        self.clock = seconds * 1000;
        self.step(TransactionInput::Tick)
    }

    pub(crate) fn appended(&mut self, append: u64) -> Vec<TransactionOutput> {
        self.step(TransactionInput::Appended(AppendId(append)))
    }

    pub(crate) fn failed(&mut self, append: u64) -> Vec<TransactionOutput> {
        let code = ErrorCode::CoordinatorNotAvailable;
        self.step(TransactionInput::AppendFailed { append: AppendId(append), code })
    }

    /// The state, producer and epoch of `x`, as others see them.
    pub(crate) fn seen(&self) -> Option<(TransactionState, i64, i16)> {
        let seen = self.transactions.describe("x").ok()?;
        Some((seen.state, seen.producer.0.0, seen.producer.1.0))
    }
}

pub(crate) fn partition(topic: &str) -> TopicPartition {
    (TopicName::new(topic).expect("it is a name"), PartitionIndex(0))
}

pub(crate) fn partitions(topics: &[&str]) -> Vec<TopicPartition> {
    topics.iter().map(|topic| partition(topic)).collect()
}

pub(crate) fn producer(id: i64, epoch: i16) -> Producer {
    (ProducerId(id), ProducerEpoch(epoch))
}

pub(crate) fn init(request: u64, current: Option<(i64, i16)>) -> TransactionInput {
    TransactionInput::Init(init_of("x", request, current))
}

pub(crate) fn init_of(id: &str, request: u64, current: Option<(i64, i16)>) -> InitProducer {
    InitProducer {
        request: RequestId(request),
        transactional_id: id.into(),
        timeout_ms: TIMEOUT as i32 * 1000,
        current: current.map(|(id, epoch)| producer(id, epoch)),
    }
}

pub(crate) fn add(
    request: u64,
    (id, epoch): (i64, i16),
    version: TransactionVersion,
    topics: &[&str],
) -> TransactionInput {
    TransactionInput::AddPartitions(AddPartitions {
        request: RequestId(request),
        transactional_id: "x".into(),
        producer: producer(id, epoch),
        partitions: partitions(topics),
        version,
    })
}

pub(crate) fn end(
    request: u64,
    (id, epoch): (i64, i16),
    version: TransactionVersion,
    outcome: TransactionOutcome,
) -> TransactionInput {
    TransactionInput::End(EndTransaction {
        request: RequestId(request),
        transactional_id: "x".into(),
        producer: producer(id, epoch),
        outcome,
        version,
    })
}

pub(crate) fn supply(ticket: u64, id: i64) -> TransactionInput {
    TransactionInput::ProducerId { ticket: Ticket(ticket), result: Ok(ProducerId(id)) }
}

pub(crate) fn find(ticket: u64) -> TransactionOutput {
    TransactionOutput::FindProducerId { ticket: Ticket(ticket) }
}

/// Leaders have written the markers of a producer.
pub(crate) fn written(
    (id, epoch): (i64, i16),
    results: &[(&str, Result<(), ErrorCode>)],
) -> TransactionInput {
    TransactionInput::MarkersWritten(MarkersWritten {
        transactional_id: "x".into(),
        producer: producer(id, epoch),
        results: results.iter().map(|(topic, result)| (partition(topic), *result)).collect(),
    })
}

pub(crate) fn markers(
    (id, epoch): (i64, i16),
    version: TransactionVersion,
    outcome: TransactionOutcome,
    topics: &[&str],
) -> TransactionOutput {
    TransactionOutput::WriteMarkers(WriteMarkers {
        transactional_id: "x".into(),
        producer: producer(id, epoch),
        marker: TransactionMarker { outcome, coordinator_epoch: COORDINATOR_EPOCH },
        version,
        partitions: partitions(topics),
    })
}

fn reply(request: u64, reply: TransactionReply) -> TransactionOutput {
    TransactionOutput::Reply { request: RequestId(request), reply }
}

fn producer_of(result: Result<(i64, i16), ErrorCode>) -> Result<Producer, ErrorCode> {
    result.map(|(id, epoch)| producer(id, epoch))
}

pub(crate) fn began(request: u64, result: Result<(i64, i16), ErrorCode>) -> TransactionOutput {
    reply(request, TransactionReply::Init(producer_of(result)))
}

pub(crate) fn added(request: u64, result: Result<(), ErrorCode>) -> TransactionOutput {
    reply(request, TransactionReply::AddPartitions(result))
}

pub(crate) fn ended(request: u64, result: Result<(i64, i16), ErrorCode>) -> TransactionOutput {
    reply(request, TransactionReply::End(producer_of(result)))
}

pub(crate) fn append(append: u64, value: TransactionValue) -> TransactionOutput {
    TransactionOutput::Append { append: AppendId(append), records: vec![record(value)] }
}

pub(crate) fn record(value: TransactionValue) -> TransactionRecord {
    TransactionRecord { transactional_id: "x".into(), value: Some(value) }
}

/// What is stored of `x` in the first moment, without a transaction.
pub(crate) fn value(state: TransactionState, id: i64, epoch: i16) -> TransactionValue {
    let at_first = Timestamp(WALL);
    TransactionValue {
        producer_id: ProducerId(id),
        previous_producer_id: ProducerId::NONE,
        next_producer_id: ProducerId::NONE,
        producer_epoch: ProducerEpoch(epoch),
        timeout_ms: TIMEOUT as i32 * 1000,
        state,
        partitions: BTreeSet::new(),
        updated_at: at_first,
        started_at: if state == Empty { Timestamp::NONE } else { at_first },
        version: V0,
    }
}

/// What is stored of a transaction of the producer 1.
pub(crate) fn ongoing(
    epoch: i16,
    version: TransactionVersion,
    topics: &[&str],
) -> TransactionValue {
    let partitions = partitions(topics).into_iter().collect();
    TransactionValue { partitions, version, ..value(Ongoing, 1, epoch) }
}
