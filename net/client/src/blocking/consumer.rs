//! Reads records: a driver around the [`Fetcher`], which decides, and the connections of a
//! [`Cluster`], which carry. Partitions are assigned by hand. One thread, no tasks.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use corelog_model::{NodeId, Offset};
use corelog_wire::ApiKey;

use crate::blocking::cluster::Cluster;
use crate::blocking::connection::{Connection, wait_readable};
use crate::consumer::request::{self, Answer, OpenFetch};
use crate::consumer::{
    ConsumedRecord, ConsumerConfig, Fetch, FetchReport, FetchSession, Fetcher, From, Output,
    Partitions, Sink, Until,
};
use crate::offsets::Moment;
use crate::target::Topics;
use crate::{ClientError, Reply, TopicPartition};

/// Reads records of assigned partitions.
#[derive(Debug)]
pub struct Consumer {
    cluster: Cluster,
    config: ConsumerConfig,
    fetcher: Fetcher,
    started: Instant,
    open: BTreeMap<NodeId, (Instant, OpenFetch)>,
    sessions: BTreeMap<NodeId, FetchSession>,
    fetches: VecDeque<FetchReport>,
}

impl Consumer {
    /// A consumer without partitions.
    pub fn new(cluster: Cluster, config: ConsumerConfig) -> Result<Self, ClientError> {
        if config.max_wait >= cluster.config().request_timeout {
            return Err(ClientError::Setting("a fetch must wait less than a request may take"));
        }
        Ok(Self {
            cluster,
            fetcher: Fetcher::new(config.clone()),
            config,
            started: Instant::now(),
            open: BTreeMap::new(),
            sessions: BTreeMap::new(),
            fetches: VecDeque::new(),
        })
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Adds partitions of a topic, or moves them when they are assigned already.
    pub fn assign(
        &mut self,
        topic: &str,
        partitions: Partitions<'_>,
        from: From,
        until: Until,
    ) -> Result<(), ClientError> {
        // Answers to come are for old positions; it is only reading, so they can be dropped.
        for (node, _) in std::mem::take(&mut self.open) {
            self.cluster.disconnect(node);
            self.sessions.entry(node).or_default().reset();
            self.fetcher.answered(node);
        }
        self.cluster.require_topics(&[topic])?;
        let assigned = self.resolve_partitions(topic, partitions)?;
        let starts = match from {
            From::Beginning => self.offsets_of(&assigned, Moment::Beginning)?,
            From::End => self.offsets_of(&assigned, Moment::End)?,
            From::Timestamp(timestamp) => self.offsets_of(&assigned, Moment::At(timestamp))?,
            From::Offset(offset) => assigned.iter().map(|at| (at.clone(), Some(offset))).collect(),
        };
        // Asked after the beginnings, so that an end is never before its beginning.
        let needs_ends = until == Until::End || starts.values().any(Option::is_none);
        let ends =
            if needs_ends { self.offsets_of(&assigned, Moment::End)? } else { BTreeMap::new() };
        for at in assigned {
            let end = ends.get(&at).copied().flatten();
            let start = starts.get(&at).copied().flatten().or(end).unwrap_or(Offset::ZERO);
            let until = match until {
                Until::Forever => None,
                Until::End => Some(end.unwrap_or(start)),
                Until::Offset(offset) => Some(offset),
            };
            self.fetcher.assign(at, start, until);
        }
        Ok(())
    }

    fn resolve_partitions(
        &self,
        name: &str,
        partitions: Partitions<'_>,
    ) -> Result<Vec<TopicPartition>, ClientError> {
        let topic = self.cluster.metadata().topic(name);
        let topic = topic.ok_or_else(|| ClientError::NoTopic(name.to_owned()))?;
        let numbers: Vec<i32> = match partitions {
            Partitions::All => topic.partitions.keys().copied().collect(),
            Partitions::These(numbers) => numbers.to_vec(),
        };
        if let Some(missing) = numbers.iter().find(|number| !topic.partitions.contains_key(number))
        {
            return Err(ClientError::NoPartition {
                topic: name.to_owned(),
                partition: *missing,
                count: topic.partitions.len(),
            });
        }
        Ok(numbers.into_iter().map(|number| TopicPartition::new(name, number)).collect())
    }

    fn offsets_of(
        &mut self,
        partitions: &[TopicPartition],
        moment: Moment,
    ) -> Result<BTreeMap<TopicPartition, Option<Offset>>, ClientError> {
        let wanted = partitions.iter().map(|at| (at.clone(), moment)).collect();
        self.cluster.list_offsets_as(&wanted, self.config.isolation)
    }

    /// Whether every partition has been read to the end it was assigned with.
    pub fn is_done(&self) -> bool {
        self.fetcher.is_done()
    }

    /// Every partition, and the offset that is read next.
    pub fn positions(&self) -> impl Iterator<Item = (&TopicPartition, Offset)> {
        self.fetcher.positions()
    }

    /// The end of what may be read of a partition, as the last response said.
    pub fn high_watermark(&self, at: &TopicPartition) -> Option<Offset> {
        self.fetcher.high_watermark(at)
    }

    /// Hands records to `sink`, in the order of their offsets within each partition. Waits for the
    /// first ones at most for `wait`; does not wait when there is nothing left to read. Says how
    /// many there were. When `sink` breaks, the record it got counts as read, the next one does
    /// not.
    pub fn poll(
        &mut self,
        wait: Duration,
        mut sink: impl FnMut(&ConsumedRecord<'_>) -> ControlFlow<()>,
    ) -> Result<u64, ClientError> {
        let deadline = self.now() + wait;
        let mut hand = Hand { sink: &mut sink, count: 0, has_broken: false };
        loop {
            self.ask()?;
            let now = self.now();
            let left = deadline.saturating_sub(now);
            let wakeup = self.fetcher.next_wakeup(now);
            let round = left.min(wakeup.map_or(left, |at| at.saturating_sub(now)));
            self.collect(round, &mut hand)?;
            if hand.count > 0 || left.is_zero() || self.is_done() {
                return Ok(hand.count);
            }
        }
    }

    /// The fetches that were answered since the last call, as far as they are kept.
    pub fn take_fetches(&mut self) -> impl Iterator<Item = FetchReport> {
        self.fetches.drain(..)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn report(&mut self, node: NodeId, sent: Instant, record_bytes: usize) {
        if self.config.fetch_reports_max == 0 {
            return;
        }
        if self.fetches.len() >= self.config.fetch_reports_max {
            self.fetches.pop_front();
        }
        let answered = Instant::now();
        let took = answered.saturating_duration_since(sent);
        self.fetches.push_back(FetchReport { node, answered, took, record_bytes });
    }

    /// Sends what the fetcher wants to know.
    fn ask(&mut self) -> Result<(), ClientError> {
        for output in self.fetcher.step(self.started.elapsed(), self.cluster.metadata())? {
            match output {
                Output::Refresh(topics) => {
                    let topics: Vec<&str> = topics.iter().map(AsRef::as_ref).collect();
                    // A failure is met again by the next fetch, and its time is bounded.
                    let _ = self.cluster.refresh(Topics::Named(&topics));
                }
                Output::Fetch(fetch) => {
                    let node = fetch.node;
                    match self.send(fetch) {
                        Ok(open) => drop(self.open.insert(node, open)),
                        Err(error) => self.lose(node, error)?,
                    }
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, fetch: Fetch) -> Result<(Instant, OpenFetch), ClientError> {
        let node = fetch.node;
        let session = self.sessions.entry(node).or_default();
        let (request, version_max, open) =
            request::prepare(self.cluster.metadata(), &self.config, session, fetch);
        let connection = self.cluster.connection(node)?;
        let version = connection.version_within(ApiKey::Fetch, version_max)?;
        let sent = Instant::now();
        connection.send(version, &request, &[])?;
        Ok((sent, open))
    }

    /// Gives up on what a node was asked for; what will not pass is an error.
    fn lose(&mut self, node: NodeId, error: ClientError) -> Result<(), ClientError> {
        self.open.remove(&node);
        self.sessions.entry(node).or_default().reset();
        self.cluster.disconnect(node);
        self.fetcher.lost(self.now(), node, &error);
        if error.is_retriable() { Ok(()) } else { Err(error) }
    }

    /// Takes the answers that arrive within `wait`.
    fn collect(&mut self, wait: Duration, hand: &mut Hand<'_, '_>) -> Result<(), ClientError> {
        let nodes: Vec<NodeId> = self.open.keys().copied().collect();
        if nodes.is_empty() {
            if !self.is_done() {
                std::thread::sleep(wait);
            }
            return Ok(());
        }
        let waiting: Vec<(NodeId, &Connection)> =
            self.cluster.open_connections().filter(|(node, _)| nodes.contains(node)).collect();
        let left = waiting.iter().map(|(_, connection)| connection.time_left()).min();
        let sockets: Vec<&Connection> = waiting.iter().map(|(_, connection)| *connection).collect();
        let readable = wait_readable(&sockets, wait.min(left.unwrap_or(wait)))?;
        let readable: BTreeMap<NodeId, bool> =
            waiting.iter().map(|(node, _)| *node).zip(readable).collect();
        for node in nodes {
            // What others have sent stays in their sockets for the next call.
            if hand.has_broken {
                break;
            }
            let is_readable = readable.get(&node).copied();
            let Some(connection) = self.cluster.open_connection(node) else {
                self.lose(node, ClientError::NoNode(node.0))?;
                continue;
            };
            let reply = match is_readable {
                Some(true) => connection.try_receive(),
                _ if connection.time_left().is_zero() => Err(connection.timed_out()),
                _ => connection.buffered_reply(),
            };
            match reply {
                Ok(None) => {}
                Ok(Some(reply)) => self.take(node, &reply, hand)?,
                Err(error) => self.lose(node, error)?,
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        node: NodeId,
        reply: &Reply,
        hand: &mut Hand<'_, '_>,
    ) -> Result<(), ClientError> {
        let (sent, open) =
            self.open.remove(&node).expect("only nodes with an open fetch are waited for");
        let now = self.now();
        let session = self.sessions.entry(node).or_default();
        let fetched = match request::read(self.cluster.metadata_mut(), session, &open, reply) {
            Ok(Answer::Partitions(fetched)) => fetched,
            Ok(Answer::SessionLost) => {
                self.fetcher.answered(node);
                return Ok(());
            }
            Err(error) => return self.lose(node, error),
        };
        self.fetcher.answered(node);
        self.report(node, sent, fetched.iter().map(|(_, part)| part.records.len()).sum());
        for (from, fetched) in &fetched {
            if hand.has_broken {
                break;
            }
            self.fetcher.take(now, &from.at, fetched, &mut |record| hand.give(record))?;
        }
        Ok(())
    }
}

/// Hands records over until the other side has had enough.
struct Hand<'h, 's> {
    sink: &'h mut Sink<'s>,
    count: u64,
    has_broken: bool,
}

impl Hand<'_, '_> {
    fn give(&mut self, record: &ConsumedRecord<'_>) -> ControlFlow<()> {
        let flow = (self.sink)(record);
        self.count += 1;
        self.has_broken = flow.is_break();
        flow
    }
}
