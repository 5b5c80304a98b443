//! Sends records: a driver around the [`Sender`], which decides, and the connections of a
//! [`Cluster`], which carry. One thread, no tasks: time passes when a method is called.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use corelog_model::NodeId;
use corelog_wire::ApiKey;

use crate::blocking::cluster::Cluster;
use crate::blocking::connection::{Connection, wait_readable};
use crate::blocking::transaction::Coordination;
use crate::operation::InitProducerId;
use crate::producer::request::{self, OpenProduce, Produce};
use crate::producer::{
    Acks, Choice, Delivery, Departing, Input, Message, NewRecord, Output, Partitioner,
    ProducerConfig, PushError, Pushed, Sender, Ticket, Totals,
};
use crate::target::Topics;
use crate::{ClientError, CorrelationId, Reply, TopicPartition};

mod transactions;

/// How long one wait for an answer may be before time is looked at again.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Sends records to topics.
#[derive(Debug)]
pub struct Producer {
    cluster: Cluster,
    config: ProducerConfig,
    sender: Sender,
    /// Of a transactional producer.
    coordination: Option<Coordination>,
    partitioner: Partitioner,
    started: Instant,
    /// When the batches are next looked at although none is full.
    next_look: Duration,
    /// The requests without an answer, for each node in the order they were sent.
    open: BTreeMap<NodeId, VecDeque<(CorrelationId, OpenProduce)>>,
}

impl Producer {
    /// A producer over the connections of a cluster. An idempotent one gets its id here.
    pub fn new(mut cluster: Cluster, config: ProducerConfig) -> Result<Self, ClientError> {
        config.check()?;
        let is_transactional = config.transactional_id.is_some();
        let identity = (config.is_idempotent && !is_transactional)
            .then(|| cluster.perform(&InitProducerId))
            .transpose()?;
        let coordination = is_transactional
            .then(|| Ok(Coordination::new(cluster.another()?, config.clone())))
            .transpose()?;
        Ok(Self {
            cluster,
            coordination,
            sender: Sender::new(config.clone(), identity),
            partitioner: Partitioner::new(config.batch_bytes, fastrand::u64(..)),
            config,
            started: Instant::now(),
            next_look: Duration::ZERO,
            open: BTreeMap::new(),
        })
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What was sent so far.
    pub fn totals(&self) -> &Totals {
        self.sender.totals()
    }

    /// Takes a record. It goes out when its batch is full or old enough, so somebody has to call
    /// [`Producer::poll`] or [`Producer::flush`] in the end. Waits when the memory for records is
    /// full. The ticket comes back with the result.
    pub fn send(&mut self, message: &Message<'_>) -> Result<Ticket, ClientError> {
        let (at, record) = self.route(message)?;
        let pushed = self.push(&at, &record)?;
        self.count(message, &pushed);
        if pushed.has_filled_batch || self.next_look <= self.now() {
            self.pump(Duration::ZERO)?;
        }
        Ok(pushed.ticket)
    }

    /// [`Producer::send`] for callers that keep to a schedule: never waits and touches no socket.
    /// None when the memory for records is full now. Waits for the metadata all the same when the
    /// topic is not known yet.
    pub fn try_send(&mut self, message: &Message<'_>) -> Result<Option<Ticket>, ClientError> {
        let (at, record) = self.route(message)?;
        self.check_entry()?;
        match self.sender.push(self.now(), &at, &record) {
            Ok(pushed) => {
                self.enter(&at)?;
                self.count(message, &pushed);
                Ok(Some(pushed.ticket))
            }
            Err(PushError::NoRoom) => Ok(None),
            Err(PushError::Refused(error)) => Err(error),
        }
    }

    /// Where a record goes, and what goes there.
    fn route<'m>(
        &mut self,
        message: &Message<'m>,
    ) -> Result<(TopicPartition, NewRecord<'m>), ClientError> {
        if self.cluster.metadata().topic(message.topic).is_none() {
            self.cluster.require_topics(&[message.topic])?;
        }
        let missing = || ClientError::NoTopic(message.topic.to_owned());
        let topic = self.cluster.metadata().topic(message.topic).ok_or_else(missing)?;
        let record = message.record();
        let (sender, choice) = (&mut self.sender, message.choice());
        let fits_batch = |at: &TopicPartition| sender.fits_batch(at, &record);
        let at = self.partitioner.choose(message.topic, topic, choice, fits_batch)?;
        Ok((at, record))
    }

    fn count(&mut self, message: &Message<'_>, pushed: &Pushed) {
        if message.choice() == Choice::Any {
            self.partitioner.count(message.topic, pushed);
        }
    }

    fn push(&mut self, at: &TopicPartition, record: &NewRecord<'_>) -> Result<Pushed, ClientError> {
        let begun = self.now();
        loop {
            self.check_entry()?;
            let now = self.now();
            match self.sender.push(now, at, record) {
                Ok(pushed) => {
                    self.enter(at)?;
                    return Ok(pushed);
                }
                Err(PushError::Refused(error)) => return Err(error),
                Err(PushError::NoRoom) => {}
            }
            let waited = now.saturating_sub(begun);
            let left = self.config.send_timeout.saturating_sub(waited);
            if left.is_zero() {
                let (after_ms, buffered) =
                    (waited.as_millis() as u64, self.sender.buffered_bytes());
                return Err(ClientError::NoRoom { after_ms, buffered });
            }
            self.pump(left)?;
        }
    }

    /// Sends what is due and takes what has arrived, without waiting; gives the results since the
    /// last call. Records wait at most `linger` when it is called at least as often.
    pub fn poll(&mut self) -> Result<Vec<Delivery>, ClientError> {
        self.pump(Duration::ZERO)?;
        Ok(self.sender.take_deliveries())
    }

    /// Sends everything and waits until each record has its result; gives the results since the
    /// last call. A record that fails is a result, not an error of this call.
    pub fn flush(&mut self) -> Result<Vec<Delivery>, ClientError> {
        self.sender.close_batches();
        while !self.sender.is_idle() {
            self.pump(WAIT_MAX)?;
        }
        Ok(self.sender.take_deliveries())
    }

    /// How long until [`Producer::poll`] has something to do although no answer arrives: a batch
    /// becomes old enough, a pause ends. None when only an answer can change anything.
    pub fn time_to_wakeup(&self) -> Option<Duration> {
        let now = self.now();
        self.sender.next_wakeup(now).map(|at| at.saturating_sub(now))
    }

    /// The connections on which an answer can arrive, for callers that wait for several producers
    /// with [`wait_readable`].
    pub fn waiting_connections(&self) -> impl Iterator<Item = &Connection> {
        let open = self.cluster.open_connections().map(|(_, connection)| connection);
        open.filter(|connection| connection.open_requests() > 0)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// One round: what is due goes out, what arrives within `wait` is taken.
    fn pump(&mut self, wait: Duration) -> Result<(), ClientError> {
        self.add_partitions();
        self.advance(wait)
    }

    /// [`Producer::pump`] without further partitions in the transaction.
    fn advance(&mut self, wait: Duration) -> Result<(), ClientError> {
        self.step(Input::Tick);
        let now = self.now();
        let wakeup = self.sender.next_wakeup(now);
        self.next_look = now + self.config.linger.max(Duration::from_millis(1));
        let wait = wait.min(WAIT_MAX).min(wakeup.map_or(WAIT_MAX, |at| at.saturating_sub(now)));
        self.collect(wait)
    }

    fn step(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now = self.now();
            for output in self.sender.step(now, self.cluster.metadata(), input) {
                inputs.extend(self.perform(output));
            }
        }
        self.note_failures();
    }

    /// Does what the sender asks for; gives what it has to know at once.
    fn perform(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Refresh(topics) => {
                let topics: Vec<&str> = topics.iter().map(AsRef::as_ref).collect();
                // A failure is met again by the next attempt to send, and its time is bounded.
                let _ = self.cluster.refresh(Topics::Named(&topics));
                Some(Input::Tick)
            }
            Output::Identify => Some(Input::Identified(self.cluster.perform(&InitProducerId))),
            Output::Send(departing) => {
                let (request, node) = (departing.request, departing.node);
                match self.send_request(departing) {
                    Ok((Some(correlation), open)) => {
                        self.open.entry(node).or_default().push_back((correlation, open));
                        None
                    }
                    Ok((None, open)) => {
                        Some(Input::Answered { request, answers: open.unanswered() })
                    }
                    Err(error) => {
                        self.lose_others(node, &error);
                        Some(Input::Lost { request, error })
                    }
                }
            }
        }
    }

    /// Without a correlation no answer will come.
    fn send_request(
        &mut self,
        departing: Departing,
    ) -> Result<(Option<CorrelationId>, OpenProduce), ClientError> {
        let (acks, node) = (self.config.acks, departing.node);
        let metadata = self.cluster.metadata();
        let asker = self.coordination.as_ref().map(|of| of.transaction.asker());
        let produce = Produce::new(metadata, self.cluster.config(), acks, departing, asker);
        let records: Vec<&[u8]> = produce.records.iter().map(|bytes| bytes.as_slice()).collect();
        let connection = self.cluster.connection(node)?;
        let version = connection.version_within(ApiKey::Produce, produce.version_max)?;
        if acks == Acks::None {
            connection.notify(version, &produce.body, &records)?;
            return Ok((None, produce.open));
        }
        let correlation = connection.send(version, &produce.body, &records)?;
        Ok((Some(correlation), produce.open))
    }

    /// A connection that broke while a request was sent takes the earlier ones with it.
    fn lose_others(&mut self, node: NodeId, error: &ClientError) {
        if !error.ends_connection() {
            return;
        }
        self.cluster.disconnect(node);
        for (_, open) in self.open.remove(&node).unwrap_or_default() {
            self.step(Input::Lost { request: open.request, error: error.clone() });
        }
    }

    /// Takes the answers that arrive within `wait`.
    fn collect(&mut self, wait: Duration) -> Result<(), ClientError> {
        self.open.retain(|_, open| !open.is_empty());
        if self.open.is_empty() {
            std::thread::sleep(wait);
            return Ok(());
        }
        let nodes: Vec<NodeId> = self.open.keys().copied().collect();
        let waiting: Vec<(NodeId, &Connection)> =
            self.cluster.open_connections().filter(|(node, _)| nodes.contains(node)).collect();
        let left = waiting.iter().map(|(_, connection)| connection.time_left()).min();
        let sockets: Vec<&Connection> = waiting.iter().map(|(_, connection)| *connection).collect();
        let readable = wait_readable(&sockets, wait.min(left.unwrap_or(wait)))?;
        let readable: Vec<(NodeId, bool)> =
            waiting.iter().map(|(node, _)| *node).zip(readable).collect();
        for node in nodes {
            if let Some((_, is_readable)) = readable.iter().find(|(which, _)| *which == node) {
                self.collect_from(node, *is_readable);
            } else {
                self.lose_all(node, &ClientError::NoNode(node.0));
            }
        }
        Ok(())
    }

    fn collect_from(&mut self, node: NodeId, is_readable: bool) {
        let mut is_readable = is_readable;
        loop {
            let Some(connection) = self.cluster.open_connection(node) else { return };
            let reply = match (is_readable, connection.open_requests()) {
                (_, 0) => return,
                (true, _) => connection.try_receive(),
                (false, _) if connection.time_left().is_zero() => Err(connection.timed_out()),
                (false, _) => connection.buffered_reply(),
            };
            is_readable = false;
            match reply.and_then(|reply| reply.map(|reply| self.take(node, &reply)).transpose()) {
                Ok(Some(())) => {}
                Ok(None) => return,
                Err(error) => return self.lose_all(node, &error),
            }
        }
    }

    fn take(&mut self, node: NodeId, reply: &Reply) -> Result<(), ClientError> {
        let open = self.open.get_mut(&node).and_then(VecDeque::pop_front);
        let (correlation, open) =
            open.expect("the session gives replies to open requests only, in their order");
        assert!(correlation == reply.correlation(), "replies come in the order of requests");
        let answers = match request::read(self.cluster.metadata_mut(), &open, reply) {
            Ok(answers) => answers,
            Err(error) => {
                self.step(Input::Lost { request: open.request, error: error.clone() });
                return Err(error);
            }
        };
        self.step(Input::Answered { request: open.request, answers });
        Ok(())
    }

    fn lose_all(&mut self, node: NodeId, error: &ClientError) {
        self.cluster.disconnect(node);
        for (_, open) in self.open.remove(&node).unwrap_or_default() {
            self.step(Input::Lost { request: open.request, error: error.clone() });
        }
    }
}
