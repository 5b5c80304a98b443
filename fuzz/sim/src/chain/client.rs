//! A transactional producer, as clients and the network layer together are one: it asks the
//! coordinator before the first batch of a transaction reaches a partition, with a token taken
//! before that, and asks again what it may ask again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use corelog_coordinator::input::{CommitOffsets, CommitTransactionOffsets, OffsetToCommit};
use corelog_coordinator::offsets::TopicPartition;
use corelog_coordinator::transactions::{EndTransaction, InitProducer, Producer};
use corelog_coordinator::{Input, Reply, RequestId};
use corelog_io::wall_clock_ms;
use corelog_log::{Admission, Verification};
use corelog_model::builder::BatchBuilder;
use corelog_model::control::{TransactionOutcome, TransactionVersion};
use corelog_model::{
    Codec, ErrorCode, LeaderEpoch, Offset, PartitionId, ProducerEpoch, ProducerId, Sequence,
    Timestamp,
};
use corelog_shard::{EnlistCall, EnlistMode, Partition, Shard};

use crate::broker::{Broker, SOURCE, pause};

/// How often something is asked for that may do later.
const ATTEMPTS: u32 = 2_000;
const TIMEOUT_MS: i32 = 2_000;

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A coordinator refuses.
    Code(ErrorCode),
    /// A log refuses.
    Log(String),
}

/// The producer. A clone is a zombie of it.
#[derive(Clone)]
pub(super) struct Client {
    broker: Rc<Broker>,
    id: String,
    version: TransactionVersion,
    who: Producer,
    sequences: BTreeMap<PartitionId, i32>,
    /// The partitions of its transaction, where it adds them itself.
    added: BTreeSet<TopicPartition>,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}/{})", self.id, self.who.0.get(), self.who.1.get())
    }
}

fn may_do_later(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::ConcurrentTransactions
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator
    )
}

impl Client {
    pub(super) fn new(broker: &Rc<Broker>, id: &str, version: TransactionVersion) -> Self {
        let who = (ProducerId::NONE, ProducerEpoch::NONE);
        let (broker, id) = (Rc::clone(broker), id.to_owned());
        Self { broker, id, version, who, sequences: BTreeMap::new(), added: BTreeSet::new() }
    }

    pub(super) fn broker(&self) -> Rc<Broker> {
        Rc::clone(&self.broker)
    }

    fn be(&mut self, who: Producer) {
        // Sequences begin anew with each epoch.
        if self.who != who {
            self.sequences.clear();
        }
        self.who = who;
    }

    /// Speaks for its transactional id from now on. What was left open is aborted then.
    pub(super) async fn init(&mut self) -> Result<(), Refusal> {
        let mut last = ErrorCode::None;
        for _ in 0..ATTEMPTS {
            let init = InitProducer {
                request: RequestId(0),
                transactional_id: self.id.clone(),
                timeout_ms: TIMEOUT_MS,
                current: None,
            };
            match self.broker.coordinator(&self.id).init(init).await {
                Ok(who) => {
                    self.be(who);
                    self.added.clear();
                    return Ok(());
                }
                Err(code) if may_do_later(code) => last = code,
                Err(code) => return Err(Refusal::Code(code)),
            }
            pause().await;
        }
        Err(Refusal::Code(last))
    }

    /// Has the coordinator add a partition, or say that it was added.
    async fn enlist(&self, shard: &Shard, name: &TopicPartition, mode: EnlistMode) -> ErrorCode {
        let call = EnlistCall {
            transactional_id: self.id.clone(),
            producer: self.who,
            partitions: vec![name.clone()],
            mode,
        };
        let answer = shard.enlist(call).await;
        answer.into_iter().find_map(|(_, result)| result.err()).unwrap_or(ErrorCode::None)
    }

    /// What the first batch of a transaction on a partition is appended with.
    async fn verify(
        &self,
        shard: &Shard,
        partition: &Partition,
        first: Sequence,
    ) -> Result<Option<Verification>, Refusal> {
        let name = (partition.topic.clone(), partition.log.id().index);
        let (id, epoch) = self.who;
        if partition.log.has_open_transaction(id, epoch) {
            return Ok(None);
        }
        let mode = match self.version {
            TransactionVersion::Classic => EnlistMode::Verify,
            TransactionVersion::EpochPerTransaction => EnlistMode::Add(self.version),
        };
        let mut last = ErrorCode::None;
        for _ in 0..ATTEMPTS {
            let token = partition.log.begin_verification(id, epoch, first);
            let mut token = token.map_err(|error| Refusal::Log(error.to_string()))?;
            if self.version == TransactionVersion::EpochPerTransaction {
                token = token.with_epoch_per_transaction();
            }
            last = self.enlist(shard, &name, mode).await;
            if last == ErrorCode::None {
                return Ok(Some(token));
            }
            if !may_do_later(last) {
                break;
            }
            pause().await;
        }
        Err(Refusal::Code(last))
    }

    /// Adds a partition to the transaction, as clients do for which the leader does not. That takes
    /// until the transaction before has ended everywhere.
    async fn add(&mut self, shard: &Shard, partition: &Partition) -> Result<(), Refusal> {
        let name = (partition.topic.clone(), partition.log.id().index);
        if self.version == TransactionVersion::EpochPerTransaction || self.added.contains(&name) {
            return Ok(());
        }
        let mut last = ErrorCode::None;
        for _ in 0..ATTEMPTS {
            last = self.enlist(shard, &name, EnlistMode::Add(self.version)).await;
            if last == ErrorCode::None {
                self.added.insert(name);
                return Ok(());
            }
            if !may_do_later(last) {
                break;
            }
            pause().await;
        }
        Err(Refusal::Code(last))
    }
}

impl Client {
    /// Writes values into a partition, in its transaction. They are durable then.
    pub(super) async fn send(
        &mut self,
        topic: &str,
        index: i32,
        values: &[String],
    ) -> Result<(), Refusal> {
        let (shard, partition) = self.broker.partition(topic, index);
        let id = partition.log.id();
        let first = Sequence(self.sequences.get(&id).copied().unwrap_or_default());
        self.add(&shard, &partition).await?;
        let token = self.verify(&shard, &partition, first).await?;
        self.append(&shard, &partition, values, token.as_ref()).await?;
        let next = self.sequences.entry(id).or_default();
        *next += i32::try_from(values.len()).expect("a batch is small");
        Ok(())
    }

    /// Writes a value as a zombie does, whose batch was on its way for long: nobody is asked.
    pub(super) async fn send_late(
        &self,
        topic: &str,
        index: i32,
        value: &str,
    ) -> Result<(), Refusal> {
        let (shard, partition) = self.broker.partition(topic, index);
        self.append(&shard, &partition, &[value.to_owned()], None).await
    }

    async fn append(
        &self,
        shard: &Shard,
        partition: &Partition,
        values: &[String],
        token: Option<&Verification>,
    ) -> Result<(), Refusal> {
        let refused = |error: &dyn fmt::Display| Refusal::Log(error.to_string());
        let first = self.sequences.get(&partition.log.id()).copied().unwrap_or_default();
        let mut builder = BatchBuilder::new(Codec::None, None);
        builder.set_producer(self.who.0, self.who.1, Sequence(first));
        builder.set_transactional();
        for value in values {
            let now = Timestamp(wall_clock_ms());
            builder.append(now, None, Some(value.as_bytes()), &[]);
        }
        let (bytes, admission) = (builder.build(Offset::ZERO), Admission::Client(token));
        let produced = shard.produce_admitted(partition, &bytes, Codec::Zstd, admission).await;
        let produced = produced.map_err(|error| refused(&error))?;
        produced.durable().await.map(drop).map_err(|error| refused(&error))
    }

    /// Commits how far a group has read, in its transaction.
    pub(super) async fn send_offset(
        &mut self,
        group: &str,
        index: i32,
        offset: Offset,
    ) -> Result<(), Refusal> {
        let (shard, coordinator) = self.broker.group(group);
        let partition = coordinator.partition().clone();
        self.add(&shard, &partition).await?;
        let token = self.verify(&shard, &partition, Sequence::NONE).await?;
        let commit = commit_of(&self.broker, group, index, offset);
        let producer = self.who;
        let input = |request| {
            let commit = CommitOffsets { request, ..commit };
            Input::CommitTransactionOffsets(CommitTransactionOffsets { producer, commit })
        };
        committed(coordinator.ask_in_transaction(token, input).await)
    }

    /// Ends its transaction; asks again as long as nobody knows what became of it.
    pub(super) async fn end(&mut self, outcome: TransactionOutcome) -> Result<(), Refusal> {
        let mut last = ErrorCode::None;
        for _ in 0..ATTEMPTS {
            let end = EndTransaction {
                request: RequestId(0),
                transactional_id: self.id.clone(),
                producer: self.who,
                outcome,
                version: self.version,
            };
            match self.broker.coordinator(&self.id).end(end).await {
                Ok(who) => {
                    self.added.clear();
                    if self.version == TransactionVersion::EpochPerTransaction {
                        self.be(who);
                    }
                    return Ok(());
                }
                Err(code) if may_do_later(code) => last = code,
                Err(code) => return Err(Refusal::Code(code)),
            }
            pause().await;
        }
        Err(Refusal::Code(last))
    }
}

fn commit_of(broker: &Broker, group: &str, index: i32, offset: Offset) -> CommitOffsets {
    let (_, source) = broker.partition(SOURCE, index);
    let offset = OffsetToCommit {
        topic: source.topic.clone(),
        topic_id: source.log.id().topic,
        partition: source.log.id().index,
        offset,
        leader_epoch: LeaderEpoch::NONE,
        metadata: String::new(),
    };
    CommitOffsets {
        request: RequestId(0),
        group: group.to_owned(),
        generation: -1,
        member_id: String::new(),
        instance_id: None,
        may_carry_epoch: true,
        retention: None,
        offsets: vec![offset],
    }
}

fn committed(reply: Option<Reply>) -> Result<(), Refusal> {
    match reply {
        Some(Reply::CommitOffsets(results)) => {
            results.into_iter().try_for_each(|one| one.result).map_err(Refusal::Code)
        }
        _ => Err(Refusal::Code(ErrorCode::CoordinatorNotAvailable)),
    }
}

/// Commits how far a group has read, in no transaction.
pub(super) async fn commit_apart(
    broker: &Broker,
    group: &str,
    index: i32,
    offset: Offset,
) -> Result<(), Refusal> {
    let commit = commit_of(broker, group, index, offset);
    let (_, coordinator) = broker.group(group);
    let input = |request| Input::CommitOffsets(CommitOffsets { request, ..commit });
    committed(coordinator.ask(input).await)
}

/// How far a group has read, as soon as that is certain.
pub(super) async fn committed_offset(
    broker: &Broker,
    group: &str,
    index: i32,
) -> Result<Offset, Refusal> {
    let (_, source) = broker.partition(SOURCE, index);
    let name = (source.topic.clone(), source.log.id().index);
    for _ in 0..ATTEMPTS {
        let (_, coordinator) = broker.group(group);
        match coordinator.fetch_offsets(group, Some(std::slice::from_ref(&name))) {
            Ok(found) => {
                let is_certain = found.iter().all(|one| !one.has_pending);
                let committed = found.into_iter().find_map(|one| one.committed);
                if is_certain {
                    return Ok(committed.map_or(Offset::ZERO, |value| value.offset));
                }
            }
            Err(code) if may_do_later(code) => {}
            Err(code) => return Err(Refusal::Code(code)),
        }
        pause().await;
    }
    Err(Refusal::Code(ErrorCode::UnstableOffsetCommit))
}
