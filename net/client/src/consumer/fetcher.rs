//! Decides what a consumer asks for, where and from which offset, and reads what comes back. Pure:
//! time and metadata come in, requests and records go out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use corelog_model::record::Headers;
use corelog_model::{BatchError, BatchView, ErrorCode, LeaderEpoch, NodeId, Offset, Timestamp};
use corelog_wire::ApiKey;

use crate::consumer::ConsumerConfig;
use crate::consumer::aborted::{AbortedRecords, AbortedTransaction};
use crate::{ClientError, Metadata, TopicPartition};

/// A record that was read. Borrows from the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumedRecord<'a> {
    /// Where it is from.
    pub at: &'a TopicPartition,
    /// Its offset.
    pub offset: Offset,
    /// When it came about, or when it was appended, as the topic says.
    pub timestamp: Timestamp,
    /// The key; none is Kafka's null.
    pub key: Option<&'a [u8]>,
    /// The value; none is Kafka's null.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: Headers<'a>,
}

/// Takes records; `Break` stops before the next one, which stays unread.
pub type Sink<'s> = dyn FnMut(&ConsumedRecord<'_>) -> ControlFlow<()> + 's;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Ask a node for records; [`Fetcher::take`] for each partition, or [`Fetcher::lost`] follows.
    Fetch(Fetch),
    /// Ask where the leaders of these topics are.
    Refresh(BTreeSet<Arc<str>>),
}

/// A Fetch request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Where to.
    pub node: NodeId,
    /// What, the longest unserved first.
    pub partitions: Vec<FetchFrom>,
}

/// From where a partition is read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchFrom {
    /// The partition.
    pub at: TopicPartition,
    /// The next offset.
    pub offset: Offset,
    /// The epoch of the leader asked, as far as the client knows.
    pub leader_epoch: LeaderEpoch,
    /// Which assignment or seek it goes back to; see [`Fetcher::is_current`].
    pub generation: u64,
}

/// What a response says about one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched<'a> {
    /// Kafka's code.
    pub code: ErrorCode,
    /// The end of what consumers may read; -1 where the server does not tell.
    pub high_watermark: Offset,
    /// The aborted transactions among the records, for a reader of committed ones.
    pub aborted: Vec<AbortedTransaction>,
    /// Batches; the last one may be cut.
    pub records: &'a [u8],
}

/// The positions of a consumer.
#[derive(Debug)]
pub struct Fetcher {
    config: ConsumerConfig,
    positions: BTreeMap<TopicPartition, Position>,
    /// Nodes that are being asked, and for which partitions.
    open: BTreeMap<NodeId, Vec<TopicPartition>>,
    refresh: BTreeSet<Arc<str>>,
    refresh_not_before: Duration,
    /// For the order of serving.
    next_turn: u64,
    next_generation: u64,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Position {
    next: Offset,
    /// Where to stop.
    end: Option<Offset>,
    high_watermark: Option<Offset>,
    /// Changes when somebody else than a response moves the position.
    generation: u64,
    /// Whether it is not to be asked for.
    is_paused: bool,
    pause_until: Duration,
    /// Since when nothing but errors came, and the last one.
    trouble: Option<(Duration, ClientError)>,
    /// When it was last served, as a number that grows.
    turn: u64,
}

impl Position {
    fn is_done(&self) -> bool {
        self.end.is_some_and(|end| end <= self.next)
    }
}

impl Fetcher {
    /// A fetcher without partitions.
    pub fn new(config: ConsumerConfig) -> Self {
        Self {
            config,
            positions: BTreeMap::new(),
            open: BTreeMap::new(),
            refresh: BTreeSet::new(),
            refresh_not_before: Duration::ZERO,
            next_turn: 1,
            next_generation: 0,
            scratch: Vec::new(),
        }
    }

    /// Reads a partition from `next` on, up to but without `end`.
    pub fn assign(&mut self, at: TopicPartition, next: Offset, end: Option<Offset>) {
        let position = Position {
            next,
            end,
            high_watermark: None,
            generation: self.next_generation,
            is_paused: false,
            pause_until: Duration::ZERO,
            trouble: None,
            turn: 0,
        };
        self.next_generation += 1;
        self.positions.insert(at, position);
    }

    /// Reads a partition no more.
    pub fn unassign(&mut self, at: &TopicPartition) {
        self.positions.remove(at);
    }

    /// Goes on at another offset. Says whether the partition is assigned.
    pub fn seek(&mut self, at: &TopicPartition, next: Offset) -> bool {
        let Some(position) = self.positions.get_mut(at) else { return false };
        position.next = next;
        position.trouble = None;
        position.pause_until = Duration::ZERO;
        position.generation = self.next_generation;
        self.next_generation += 1;
        true
    }

    /// Asks for a partition no more, or again. Says whether it is assigned.
    pub fn set_paused(&mut self, at: &TopicPartition, is_paused: bool) -> bool {
        let Some(position) = self.positions.get_mut(at) else { return false };
        position.is_paused = is_paused;
        true
    }

    /// Whether a partition is assigned and paused.
    pub fn is_paused(&self, at: &TopicPartition) -> bool {
        self.positions.get(at).is_some_and(|position| position.is_paused)
    }

    /// Whether what a node says to this question is still of use: the partition was neither taken
    /// away nor moved meanwhile.
    pub fn is_current(&self, from: &FetchFrom) -> bool {
        self.positions.get(&from.at).is_some_and(|position| position.generation == from.generation)
    }

    /// The offset that is read next.
    pub fn position(&self, at: &TopicPartition) -> Option<Offset> {
        self.positions.get(at).map(|position| position.next)
    }

    /// Every partition, and the offset that is read next.
    pub fn positions(&self) -> impl Iterator<Item = (&TopicPartition, Offset)> {
        self.positions.iter().map(|(at, position)| (at, position.next))
    }

    /// The end of what may be read, as the last response said.
    pub fn high_watermark(&self, at: &TopicPartition) -> Option<Offset> {
        self.positions.get(at)?.high_watermark
    }

    /// Whether every partition has been read to its end. False while a partition has none.
    pub fn is_done(&self) -> bool {
        self.positions.values().all(Position::is_done)
    }

    /// The nodes that are being asked.
    pub fn open_nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.open.keys().copied()
    }

    /// What to ask now. `now` never goes back. Fails when a partition has been in trouble for too
    /// long.
    pub fn step(&mut self, now: Duration, metadata: &Metadata) -> Result<Vec<Output>, ClientError> {
        let mut by_node: BTreeMap<NodeId, Vec<(u64, FetchFrom)>> = BTreeMap::new();
        for (at, position) in &mut self.positions {
            if let Some((since, last)) = &position.trouble
                && *since + self.config.trouble_timeout <= now
            {
                let after_ms = now.saturating_sub(*since).as_millis() as u64;
                return Err(ClientError::GaveUp { after_ms, last: Box::new(last.clone()) });
            }
            if position.is_done() || position.is_paused || position.pause_until > now {
                continue;
            }
            let Some((node, leader_epoch)) = metadata.leader(at) else {
                let error = ClientError::NoLeader(at.clone());
                position.trouble.get_or_insert((now, error));
                position.pause_until = now + self.config.retry_pause;
                self.refresh.insert(Arc::clone(&at.topic));
                continue;
            };
            let (offset, generation) = (position.next, position.generation);
            let from = FetchFrom { at: at.clone(), offset, leader_epoch, generation };
            by_node.entry(node).or_default().push((position.turn, from));
        }
        let mut outputs = Vec::new();
        for (node, mut partitions) in by_node {
            if self.open.contains_key(&node) {
                continue;
            }
            // A server fills the response in this order, so the longest unserved comes first.
            partitions.sort_by_key(|(turn, _)| *turn);
            let partitions: Vec<FetchFrom> = partitions.into_iter().map(|(_, from)| from).collect();
            self.open.insert(node, partitions.iter().map(|from| from.at.clone()).collect());
            outputs.push(Output::Fetch(Fetch { node, partitions }));
        }
        if !self.refresh.is_empty() && self.refresh_not_before <= now {
            self.refresh_not_before = now + self.config.retry_pause;
            outputs.push(Output::Refresh(std::mem::take(&mut self.refresh)));
        }
        Ok(outputs)
    }

    /// The next moment after `now` at which a step does something, if nothing else happens.
    pub fn next_wakeup(&self, now: Duration) -> Option<Duration> {
        let open = self.positions.values().filter(|position| !position.is_done());
        let refresh = (!self.refresh.is_empty()).then_some(self.refresh_not_before);
        open.map(|position| position.pause_until).chain(refresh).filter(|at| *at > now).min()
    }

    /// Notes that a node has answered. What it says about each partition goes to
    /// [`Fetcher::take`].
    pub fn answered(&mut self, node: NodeId) {
        self.open.remove(&node);
    }

    /// Notes that a node will not answer.
    pub fn lost(&mut self, now: Duration, node: NodeId, error: &ClientError) {
        for at in self.open.remove(&node).unwrap_or_default() {
            self.meet_trouble(now, &at, error.clone());
        }
    }

    fn meet_trouble(&mut self, now: Duration, at: &TopicPartition, error: ClientError) {
        self.refresh.insert(Arc::clone(&at.topic));
        if let Some(position) = self.positions.get_mut(at) {
            position.pause_until = now + self.config.retry_pause;
            let since = position.trouble.as_ref().map_or(now, |(since, _)| *since);
            position.trouble = Some((since, error));
        }
    }

    /// Reads what a response says about a partition, and hands the records from the position on to
    /// `sink`. Says how many these were. After an error the position is that of the first record
    /// that was not handed over.
    pub fn take(
        &mut self,
        now: Duration,
        at: &TopicPartition,
        fetched: &Fetched<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<u64, ClientError> {
        let code = fetched.code;
        if !code.is_none() {
            let (api, about, message) = (ApiKey::Fetch, at.to_string(), None);
            let about = match (code, self.position(at)) {
                (ErrorCode::OffsetOutOfRange, Some(next)) => format!("{about} at offset {next}"),
                _ => about,
            };
            let error = ClientError::Refused { api, about, code, message };
            if code.is_retriable() {
                self.meet_trouble(now, at, error);
                return Ok(0);
            }
            return Err(error);
        }
        let turn = self.next_turn;
        self.next_turn += 1;
        let Some(position) = self.positions.get_mut(at) else { return Ok(0) };
        position.trouble = None;
        position.high_watermark =
            Some(fetched.high_watermark).filter(|offset| *offset >= Offset::ZERO);
        if fetched.records.is_empty() {
            return Ok(0);
        }
        position.turn = turn;
        let mut reading =
            Reading { at, position, scratch: &mut self.scratch, config: &self.config, count: 0 };
        // What was handed over counts even when the consumer has had enough.
        let aborted = AbortedRecords::new(&fetched.aborted);
        let _ = reading.batches(fetched.records, aborted, sink)?;
        Ok(reading.count)
    }
}

/// Reads the batches of one partition.
struct Reading<'r> {
    at: &'r TopicPartition,
    position: &'r mut Position,
    scratch: &'r mut Vec<u8>,
    config: &'r ConsumerConfig,
    count: u64,
}

impl Reading<'_> {
    fn batches(
        &mut self,
        mut bytes: &[u8],
        mut aborted: AbortedRecords,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>, ClientError> {
        let mut is_first = true;
        while !bytes.is_empty() && !self.position.is_done() {
            let (batch, rest) = match BatchView::parse(bytes) {
                Ok(parsed) => parsed,
                // A server may cut the last batch at its limit, but never the first (KIP-74).
                Err(BatchError::HeaderTruncated { .. } | BatchError::Truncated { .. })
                    if !is_first =>
                {
                    break;
                }
                Err(source) => return Err(self.bad_batch(source)),
            };
            batch.verify_crc().map_err(|source| self.bad_batch(source))?;
            bytes = rest;
            is_first = false;
            // What was read before tells about what comes now.
            let is_aborted = aborted.covers(&batch);
            if batch.next_offset() <= self.position.next {
                continue;
            }
            // Control records are for brokers; a batch may also have lost all to compaction.
            if !batch.is_control() && !is_aborted && self.records(&batch, sink)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            self.position.next = self.position.next.max(batch.next_offset());
        }
        Ok(ControlFlow::Continue(()))
    }

    fn records(
        &mut self,
        batch: &BatchView<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>, ClientError> {
        let offset = batch.base_offset();
        let cap_bytes = self.config.batch_bytes_max;
        let records = batch
            .records(self.scratch, cap_bytes)
            .map_err(|source| ClientError::Records { at: self.at.clone(), offset, source })?;
        for record in records {
            let record = record.map_err(|source| ClientError::Record {
                at: self.at.clone(),
                offset,
                source,
            })?;
            if record.offset < self.position.next {
                continue;
            }
            if self.position.end.is_some_and(|end| end <= record.offset) {
                self.position.next = record.offset;
                break;
            }
            let consumed = ConsumedRecord {
                at: self.at,
                offset: record.offset,
                timestamp: record.timestamp,
                key: record.key,
                value: record.value,
                headers: record.headers,
            };
            let flow = sink(&consumed);
            self.count += 1;
            self.position.next = record.offset.next();
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn bad_batch(&self, source: BatchError) -> ClientError {
        ClientError::Batch { at: self.at.clone(), offset: self.position.next, source }
    }
}
