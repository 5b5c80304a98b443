//! Decides what a producer sends, when and where, and what the answers mean for its records. Pure:
//! time and metadata come in with each step, requests and results go out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use corelog_model::{ErrorCode, NodeId, Offset, ProducerEpoch};
use corelog_wire::ApiKey;

use crate::producer::batch::{Batch, Identity, NewRecord};
use crate::producer::queue::{Answer, Departure, PartitionQueue, Verdict};
use crate::producer::{Acks, Delivery, ProducerConfig, Reports, Ticket, Totals};
use crate::{ClientError, Metadata, TopicPartition};

/// Ties an answer to its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Time passed, or the metadata is new.
    Tick,
    /// A request has its answer: one for each of its partitions.
    Answered {
        /// Which request.
        request: RequestId,
        /// What the server says about each partition.
        answers: Vec<(TopicPartition, Answer)>,
    },
    /// A request will have no answer; what it asked for may have been done.
    Lost {
        /// Which request.
        request: RequestId,
        /// Why.
        error: ClientError,
    },
    /// What came of asking for another id.
    Identified(Result<Identity, ClientError>),
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a request; `Answered` or `Lost` follows.
    Send(Departing),
    /// Ask where the leaders of these topics are; a `Tick` follows.
    Refresh(BTreeSet<Arc<str>>),
    /// Ask for another id of this producer, which has used up its epochs; `Identified` follows.
    Identify,
}

/// A Produce request: at most one batch for each partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departing {
    /// For the answer.
    pub request: RequestId,
    /// Where to.
    pub node: NodeId,
    /// What, in the order of the partitions.
    pub batches: Vec<(TopicPartition, Arc<Vec<u8>>)>,
}

/// A record that found its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// For the delivery.
    pub ticket: Ticket,
    /// Whether a batch was closed because it is full, so that a step is worth while.
    pub has_filled_batch: bool,
    /// How many bytes it takes in its batch, with the header where it is the first.
    pub grown_bytes: usize,
    /// Whether its batch takes more records.
    pub has_open_batch: bool,
}

/// Why a record was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushError {
    /// The memory is full of records that wait for answers. Later there will be room.
    NoRoom,
    /// It never will be taken.
    Refused(ClientError),
}

/// What [`Sender::abandon`] dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abandoned {
    /// Nothing that ever left.
    Unsent,
    /// Batches that were sent before, so that their sequences are used up.
    Sent,
}

/// The batches of all partitions, and the requests that carry them.
#[derive(Debug)]
pub struct Sender {
    config: ProducerConfig,
    identity: Option<Identity>,
    identifying: Identifying,
    queues: BTreeMap<TopicPartition, PartitionQueue>,
    /// [`Sender::fits_batch`] closed a batch since the last record was taken.
    has_filled_batch: bool,
    requests: BTreeMap<RequestId, Flight>,
    buffered_bytes: usize,
    next_ticket: u64,
    next_request: u64,
    /// Where the search for batches begins, so that no partition starves behind another.
    turn: Option<TopicPartition>,
    refresh: BTreeSet<Arc<str>>,
    refresh_not_before: Duration,
    last_errors: BTreeMap<TopicPartition, ClientError>,
    order_lost: Option<ClientError>,
    /// The partitions of the open transaction; batches for others wait. None without transactions.
    admitted: Option<BTreeSet<TopicPartition>>,
    /// Why the first record failed that did since the last look.
    failure: Option<ClientError>,
    deliveries: Vec<Delivery>,
    waiting_results: usize,
    totals: Totals,
}

/// Whether another id is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identifying {
    /// It is when one is needed, but not before this moment.
    NotBefore(Duration),
    /// The answer is not there yet.
    Asked,
}

#[derive(Debug)]
struct Flight {
    node: NodeId,
    partitions: Vec<TopicPartition>,
}

impl Sender {
    /// A sender without records. `identity` is there when the producer is idempotent.
    pub fn new(config: ProducerConfig, identity: Option<Identity>) -> Self {
        let admitted = config.transactional_id.is_some().then(BTreeSet::new);
        Self {
            config,
            admitted,
            failure: None,
            identity,
            identifying: Identifying::NotBefore(Duration::ZERO),
            queues: BTreeMap::new(),
            has_filled_batch: false,
            requests: BTreeMap::new(),
            buffered_bytes: 0,
            next_ticket: 0,
            next_request: 0,
            turn: None,
            refresh: BTreeSet::new(),
            refresh_not_before: Duration::ZERO,
            last_errors: BTreeMap::new(),
            order_lost: None,
            deliveries: Vec::new(),
            waiting_results: 0,
            totals: Totals::default(),
        }
    }

    /// Whether a partition has an open batch with room for a record. A batch without room is
    /// closed.
    pub fn fits_batch(&mut self, at: &TopicPartition, record: &NewRecord<'_>) -> bool {
        let Some(queue) = self.queues.get_mut(at) else { return false };
        let fits = queue.fits_batch(record.size_bytes_max(), &self.config);
        if !fits && queue.has_open_batch() {
            queue.close();
            self.has_filled_batch = true;
        }
        fits
    }

    /// Takes a record for a partition.
    pub fn push(
        &mut self,
        now: Duration,
        at: &TopicPartition,
        record: &NewRecord<'_>,
    ) -> Result<Pushed, PushError> {
        if let Some(error) = &self.order_lost {
            return Err(PushError::Refused(error.clone()));
        }
        let bytes = record.size_bytes_max();
        let max = self.config.request_bytes_max.min(self.config.memory_bytes_max);
        if bytes > max {
            return Err(PushError::Refused(ClientError::RecordTooLarge { bytes, max }));
        }
        if self.waiting_results >= self.config.results_max {
            let error = ClientError::DeliveriesNotTaken(self.waiting_results);
            return Err(PushError::Refused(error));
        }
        if self.buffered_bytes + bytes > self.config.memory_bytes_max {
            return Err(PushError::NoRoom);
        }
        if !self.queues.contains_key(at) {
            let queue = PartitionQueue::new(&self.config);
            self.queues.insert(at.clone(), queue);
        }
        let queue = self.queues.get_mut(at).expect("the queue was made above");
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.buffered_bytes += bytes;
        let pushed = queue.push(now, ticket, record, &self.config);
        let has_filled_batch = std::mem::take(&mut self.has_filled_batch);
        Ok(Pushed { has_filled_batch: pushed.has_filled_batch || has_filled_batch, ..pushed })
    }

    /// What holds once each partition has a batch of this producer, for tests.
    #[cfg(test)]
    pub(crate) fn assume_known(&mut self) {
        self.queues.values_mut().for_each(PartitionQueue::assume_known);
    }

    /// Advances by one input. `now` never goes back.
    pub fn step(&mut self, now: Duration, metadata: &Metadata, input: Input) -> Vec<Output> {
        match input {
            Input::Tick => {}
            Input::Answered { request, answers } => self.answered(now, request, &answers),
            Input::Lost { request, error } => self.lost(now, request, &error),
            Input::Identified(result) => self.identified(now, result.ok()),
        }
        let mut outputs = Vec::new();
        if self.order_lost.is_none() {
            self.expire(now);
            self.begin_epochs(now, &mut outputs);
            self.depart(now, metadata, &mut outputs);
            if !self.refresh.is_empty() && self.refresh_not_before <= now {
                self.refresh_not_before = now + self.config.retry_pause;
                outputs.push(Output::Refresh(std::mem::take(&mut self.refresh)));
            }
        }
        outputs
    }

    /// Makes every record go out without waiting for others.
    pub fn close_batches(&mut self) {
        self.queues.values_mut().for_each(PartitionQueue::close);
    }

    /// Lets batches of a transactional producer go to this partition, until [`Sender::renew`].
    pub fn admit(&mut self, at: &TopicPartition) {
        if let Some(admitted) = &mut self.admitted
            && !admitted.contains(at)
        {
            admitted.insert(at.clone());
        }
    }

    /// Begins a transaction, as another producer or epoch where that has changed. No record waits.
    pub fn renew(&mut self, identity: Identity) {
        assert!(self.is_idle(), "records of the last transaction wait");
        if let Some(admitted) = &mut self.admitted {
            admitted.clear();
        }
        self.failure = None;
        if self.identity != Some(identity) {
            self.identity = Some(identity);
            self.order_lost = None;
            self.queues.values_mut().for_each(PartitionQueue::renew);
        }
    }

    /// Fails every record that is not on its way. What is on its way is abandoned by a further
    /// call, once it has come back.
    pub fn abandon(&mut self, error: &ClientError) -> Abandoned {
        let batches: Vec<(TopicPartition, Batch)> = self
            .queues
            .iter_mut()
            .flat_map(|(at, queue)| queue.abandon().into_iter().map(|batch| (at.clone(), batch)))
            .collect();
        let was_sent = batches.iter().any(|(_, batch)| batch.sequence.is_some());
        for (at, batch) in batches {
            self.deliver(&at, batch, Err(error.clone()));
        }
        if was_sent { Abandoned::Sent } else { Abandoned::Unsent }
    }

    /// Why the first of the records failed that did since the last call.
    pub fn take_failure(&mut self) -> Option<ClientError> {
        self.failure.take()
    }

    /// Whether every record has its result.
    pub fn is_idle(&self) -> bool {
        self.queues.values().all(PartitionQueue::is_idle)
    }

    /// Bytes of records that wait for their results.
    pub fn buffered_bytes(&self) -> usize {
        self.buffered_bytes
    }

    /// The results since the last call, oldest first.
    pub fn take_deliveries(&mut self) -> Vec<Delivery> {
        self.waiting_results = 0;
        std::mem::take(&mut self.deliveries)
    }

    /// What was sent so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Why nothing more can be sent.
    pub fn order_lost(&self) -> Option<&ClientError> {
        self.order_lost.as_ref()
    }

    /// The next moment after `now` at which a `Tick` does something, if nothing else happens.
    pub fn next_wakeup(&self, now: Duration) -> Option<Duration> {
        let refresh = (!self.refresh.is_empty()).then_some(self.refresh_not_before);
        let identify = match self.identifying {
            Identifying::NotBefore(time) => Some(time),
            Identifying::Asked => None,
        };
        let queues = self.queues.values().filter_map(|queue| queue.next_wakeup(now, &self.config));
        queues.chain([refresh, identify].into_iter().flatten().filter(|at| *at > now)).min()
    }

    /// Lets partitions whose sequences cannot go on begin anew, in an epoch that none of them has
    /// used: the one of this producer if that is newer than theirs, else the next (KIP-360).
    fn begin_epochs(&mut self, now: Duration, outputs: &mut Vec<Output>) {
        let Some(mut identity) = self.identity else { return };
        if self.queues.values().any(|queue| queue.outdated() == Some(identity)) {
            let Some(epoch) = identity.epoch.0.checked_add(1) else {
                let is_time = matches!(self.identifying, Identifying::NotBefore(at) if at <= now);
                if is_time {
                    self.identifying = Identifying::Asked;
                    outputs.push(Output::Identify);
                }
                return;
            };
            identity.epoch = ProducerEpoch(epoch);
            self.identity = Some(identity);
        }
        for queue in self.queues.values_mut().filter(|queue| queue.outdated().is_some()) {
            queue.begin_epoch(identity);
        }
    }

    fn identified(&mut self, now: Duration, identity: Option<Identity>) {
        let pause = if identity.is_some() {
            self.identity = identity;
            Duration::ZERO
        } else {
            // The records that wait for it have their own time.
            self.config.retry_pause_max
        };
        self.identifying = Identifying::NotBefore(now + pause);
    }

    fn answered(
        &mut self,
        now: Duration,
        request: RequestId,
        answers: &[(TopicPartition, Answer)],
    ) {
        let Some(flight) = self.requests.remove(&request) else { return };
        for at in flight.partitions {
            let Some((_, answer)) = answers.iter().find(|(about, _)| *about == at) else {
                // The driver hands in an answer for each partition, or `Lost`.
                self.take_back(now, request, &at);
                continue;
            };
            let pause = |attempts| self.config.pause(attempts);
            let Some(queue) = self.queues.get_mut(&at) else { continue };
            let Some(verdict) = queue.answered(now, request, answer, pause) else { continue };
            let error = refusal(&at, answer);
            if let Some(code) = error.as_ref().and_then(ClientError::code)
                && code.is_retriable()
            {
                self.refresh.insert(Arc::clone(&at.topic));
            }
            self.conclude(&at, verdict, error);
        }
    }

    fn lost(&mut self, now: Duration, request: RequestId, error: &ClientError) {
        let Some(flight) = self.requests.remove(&request) else { return };
        for at in flight.partitions {
            self.take_back(now, request, &at);
            self.refresh.insert(Arc::clone(&at.topic));
            self.last_errors.insert(at, error.clone());
        }
    }

    fn take_back(&mut self, now: Duration, request: RequestId, at: &TopicPartition) {
        let pause = |attempts| self.config.pause(attempts);
        if let Some(queue) = self.queues.get_mut(at) {
            queue.lost(now, request, pause);
        }
    }

    fn conclude(&mut self, at: &TopicPartition, verdict: Verdict, error: Option<ClientError>) {
        match verdict {
            Verdict::WaitsAgain => {
                if let Some(error) = error {
                    self.last_errors.insert(at.clone(), error);
                }
            }
            Verdict::Delivered(batch, offset) => {
                self.last_errors.remove(at);
                self.deliver(at, batch, Ok(offset));
            }
            Verdict::Failed(batch) => {
                let error = error.unwrap_or_else(|| self.gave_up(at));
                self.deliver(at, batch, Err(error));
            }
            Verdict::OrderLost(batch) => {
                let error = error.unwrap_or_else(|| self.gave_up(at));
                self.order_lost = Some(error.clone());
                self.deliver(at, batch, Err(error.clone()));
                self.fail_everything(&error);
            }
        }
    }

    fn fail_everything(&mut self, error: &ClientError) {
        self.requests.clear();
        let queues = std::mem::take(&mut self.queues);
        for (at, mut queue) in queues {
            for batch in queue.drain() {
                self.deliver(&at, batch, Err(error.clone()));
            }
        }
    }

    fn gave_up(&self, at: &TopicPartition) -> ClientError {
        let last = self.last_errors.get(at).cloned();
        let last = Box::new(last.unwrap_or_else(|| ClientError::NoLeader(at.clone())));
        let after_ms = self.config.delivery_timeout.as_millis() as u64;
        ClientError::GaveUp { after_ms, last }
    }

    fn deliver(&mut self, at: &TopicPartition, batch: Batch, outcome: Result<Offset, ClientError>) {
        self.buffered_bytes -= batch.buffered_bytes;
        let count = batch.tickets.len();
        self.totals.count(count, &batch.bytes, outcome.as_ref().err());
        if let (Err(error), None) = (&outcome, &self.failure) {
            self.failure = Some(error.clone());
        }
        let is_wanted = match self.config.reports {
            Reports::Each => true,
            Reports::Failures => outcome.is_err(),
        };
        if is_wanted {
            self.waiting_results += count;
            self.deliveries.push(Delivery { at: at.clone(), tickets: batch.tickets, outcome });
        }
    }

    fn expire(&mut self, now: Duration) {
        let timeout = self.config.delivery_timeout;
        let mut expired = Vec::new();
        for (at, queue) in &mut self.queues {
            while let Some(verdict) = queue.expire(now, timeout) {
                expired.push((at.clone(), verdict));
            }
        }
        for (at, verdict) in expired {
            self.conclude(&at, verdict, None);
        }
    }

    /// Puts batches into requests, as many as the nodes may have open.
    fn depart(&mut self, now: Duration, metadata: &Metadata, outputs: &mut Vec<Output>) {
        // A batch that leaves makes way for the one that grew behind it.
        while self.depart_once(now, metadata, outputs) {}
    }

    /// Says whether a request was made.
    fn depart_once(
        &mut self,
        now: Duration,
        metadata: &Metadata,
        outputs: &mut Vec<Output>,
    ) -> bool {
        let before = outputs.len();
        let in_flight_max = self.in_flight_max_of_partition();
        let mut by_node: BTreeMap<NodeId, Vec<TopicPartition>> = BTreeMap::new();
        let mut missing = BTreeSet::new();
        for (at, queue) in &mut self.queues {
            queue.close_if_due(now, self.config.linger, in_flight_max);
            let is_admitted = self.admitted.as_ref().is_none_or(|admitted| admitted.contains(at));
            if !is_admitted || !queue.is_ready(now, in_flight_max) {
                continue;
            }
            match metadata.leader(at) {
                Some((leader, _)) => by_node.entry(leader).or_default().push(at.clone()),
                None => {
                    missing.insert(Arc::clone(&at.topic));
                }
            }
        }
        self.refresh.extend(missing);
        for (node, mut partitions) in by_node {
            // Those behind the last one served come first.
            let after = |at: &TopicPartition| self.turn.as_ref().is_some_and(|turn| at > turn);
            partitions.sort_by_key(|at| !after(at));
            let open = self.requests.values().filter(|flight| flight.node == node).count();
            for _ in open..self.config.requests_in_flight_max {
                let Some(departing) = self.fill_request(now, node, &partitions) else { break };
                outputs.push(Output::Send(departing));
            }
        }
        before < outputs.len()
    }

    fn fill_request(
        &mut self,
        now: Duration,
        node: NodeId,
        partitions: &[TopicPartition],
    ) -> Option<Departing> {
        let request = RequestId(self.next_request);
        let in_flight_max = self.in_flight_max_of_partition();
        let identity = self.identity;
        let departure = Departure { now, request, node, identity, in_flight_max };
        let mut batches: Vec<(TopicPartition, Arc<Vec<u8>>)> = Vec::new();
        let mut bytes = 0;
        for at in partitions {
            let Some(queue) = self.queues.get_mut(at) else { continue };
            // The first batch always goes, however large.
            if !batches.is_empty() && bytes + queue.next_bytes() > self.config.request_bytes_max {
                break;
            }
            if let Some(batch) = queue.depart(departure) {
                bytes += batch.len();
                batches.push((at.clone(), batch));
                self.turn = Some(at.clone());
            }
        }
        if batches.is_empty() {
            return None;
        }
        self.next_request += 1;
        let partitions = batches.iter().map(|(at, _)| at.clone()).collect();
        self.requests.insert(request, Flight { node, partitions });
        Some(Departing { request, node, batches })
    }

    /// Without sequences only one batch of a partition may be open, or a failure would swap two.
    fn in_flight_max_of_partition(&self) -> usize {
        match (self.identity, self.config.acks) {
            (Some(_), _) => self.config.requests_in_flight_max.min(SEQUENCED_IN_FLIGHT_MAX),
            (None, Acks::None) => self.config.requests_in_flight_max,
            (None, Acks::Leader | Acks::All) => 1,
        }
    }
}

/// How many batches of one producer a server remembers for each partition (KAFKA-5494).
const SEQUENCED_IN_FLIGHT_MAX: usize = 5;

fn refusal(at: &TopicPartition, answer: &Answer) -> Option<ClientError> {
    match answer {
        Answer::Appended(_) => None,
        Answer::Refused { code, message } => Some(ClientError::Refused {
            api: ApiKey::Produce,
            about: at.to_string(),
            code: match code {
                ErrorCode::None => ErrorCode::UnknownServerError,
                code => *code,
            },
            message: message.clone(),
        }),
    }
}
