//! Reads assigned partitions: a driver around the [`Fetcher`], which decides, and one [`Lane`] for
//! each node, which carries. While the application works on records, the next ones are on their
//! way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use corelog_model::{ErrorCode, NodeId, Offset};
use corelog_wire::FetchRequest;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::super::cluster::Cluster;
use super::super::lane::{Lane, Parcel, Returned};
use super::record::{Arena, Record};
use crate::consumer::request::{self, Answer, OpenFetch};
use crate::consumer::{
    AbortedTransaction, ConsumerConfig, Fetch, FetchFrom, FetchSession, Fetched, Fetcher,
    OffsetReset, Output,
};
use crate::offsets::Moment;
use crate::target::Topics;
use crate::{ClientError, Reply, TopicPartition};

/// How many answers wait to be taken; lanes hold back further ones.
const RETURNED_MAX: usize = 16;

/// Where reading of a partition begins, before the offset is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Where the group has come to.
    Committed,
    /// At a moment of the log.
    Moment(Moment),
}

/// The positions of a consumer and what is on its way.
#[derive(Debug)]
pub(super) struct Reading {
    cluster: Cluster,
    config: ConsumerConfig,
    fetcher: Fetcher,
    lanes: BTreeMap<NodeId, Lane<FetchRequest<'static>, OpenFetch>>,
    sessions: BTreeMap<NodeId, FetchSession>,
    answers: mpsc::Sender<Returned<OpenFetch>>,
    returned: mpsc::Receiver<Returned<OpenFetch>>,
    /// Answers whose records are not all handed over, at most one of each node.
    ready: VecDeque<Ready>,
    /// Assigned partitions whose first offset is not known.
    unresolved: BTreeMap<TopicPartition, Start>,
    paused: BTreeSet<TopicPartition>,
    refresh: BTreeSet<Arc<str>>,
    refreshing: Option<JoinHandle<()>>,
    started: Instant,
}

/// An answer, and what is left of it.
#[derive(Debug)]
struct Ready {
    node: NodeId,
    reply: Reply,
    parts: VecDeque<Part>,
}

/// What an answer says of a partition.
#[derive(Debug)]
struct Part {
    from: FetchFrom,
    code: ErrorCode,
    high_watermark: Offset,
    aborted: Vec<AbortedTransaction>,
    /// Where its records are in the body of the reply.
    records: Range<usize>,
}

impl Reading {
    pub(super) fn new(cluster: Cluster, config: ConsumerConfig) -> Self {
        let (answers, returned) = mpsc::channel(RETURNED_MAX);
        Self {
            cluster,
            fetcher: Fetcher::new(config.clone()),
            config,
            lanes: BTreeMap::new(),
            sessions: BTreeMap::new(),
            answers,
            returned,
            ready: VecDeque::new(),
            unresolved: BTreeMap::new(),
            paused: BTreeSet::new(),
            refresh: BTreeSet::new(),
            refreshing: None,
            started: Instant::now(),
        }
    }

    /// Reads a partition from a place that is looked up first.
    pub(super) fn start(&mut self, at: TopicPartition, start: Start) {
        self.fetcher.unassign(&at);
        self.unresolved.insert(at, start);
    }

    /// Reads a partition from an offset.
    pub(super) fn start_at(&mut self, at: &TopicPartition, offset: Offset) {
        self.unresolved.remove(at);
        self.fetcher.assign(at.clone(), offset, None);
        let is_paused = self.paused.contains(at);
        self.fetcher.set_paused(at, is_paused);
    }

    /// Reads a partition no more.
    pub(super) fn stop(&mut self, at: &TopicPartition) {
        self.unresolved.remove(at);
        self.paused.remove(at);
        self.fetcher.unassign(at);
    }

    /// Whether a partition is assigned.
    pub(super) fn is_assigned(&self, at: &TopicPartition) -> bool {
        self.unresolved.contains_key(at) || self.fetcher.position(at).is_some()
    }

    /// The assigned partitions.
    pub(super) fn assigned(&self) -> BTreeSet<TopicPartition> {
        let resolved = self.fetcher.positions().map(|(at, _)| at);
        resolved.chain(self.unresolved.keys()).cloned().collect()
    }

    /// The offset that is read next, of each partition where it is known.
    pub(super) fn positions(&self) -> BTreeMap<TopicPartition, Offset> {
        self.fetcher.positions().map(|(at, offset)| (at.clone(), offset)).collect()
    }

    /// The end of what may be read, as the last response said.
    pub(super) fn high_watermark(&self, at: &TopicPartition) -> Option<Offset> {
        self.fetcher.high_watermark(at)
    }

    /// Asks for an assigned partition no more, or again.
    pub(super) fn set_paused(&mut self, at: &TopicPartition, is_paused: bool) {
        if is_paused {
            self.paused.insert(at.clone());
        } else {
            self.paused.remove(at);
        }
        self.fetcher.set_paused(at, is_paused);
    }

    pub(super) fn paused(&self) -> &BTreeSet<TopicPartition> {
        &self.paused
    }

    /// The partitions to be looked up, and where each begins.
    pub(super) fn unresolved(&self) -> &BTreeMap<TopicPartition, Start> {
        &self.unresolved
    }

    /// Looks up moments of the log. Cancel-safe: what is not found stays to be looked up.
    pub(super) async fn resolve_moments(&mut self) -> Result<(), ClientError> {
        let moment = |(at, start): (&TopicPartition, &Start)| match start {
            Start::Committed => None,
            Start::Moment(moment) => Some((at.clone(), *moment)),
        };
        let wanted: BTreeMap<TopicPartition, Moment> =
            self.unresolved.iter().filter_map(moment).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let topics: BTreeSet<&str> = wanted.keys().map(|at| at.topic.as_ref()).collect();
        self.cluster.require_topics(&topics.into_iter().collect::<Vec<_>>()).await?;
        let mut found = self.cluster.list_offsets_as(&wanted, self.config.isolation).await?;
        // A time behind the last record is the end.
        let late = found.iter().filter(|(_, offset)| offset.is_none());
        let late: BTreeMap<_, _> = late.map(|(at, _)| (at.clone(), Moment::End)).collect();
        if !late.is_empty() {
            found.extend(self.cluster.list_offsets_as(&late, self.config.isolation).await?);
        }
        for (at, offset) in found {
            self.start_at(&at, offset.unwrap_or(Offset::ZERO));
        }
        Ok(())
    }

    /// Where to begin when there is no offset to go by.
    pub(super) fn start_by_policy(&mut self, at: TopicPartition) -> Result<(), ClientError> {
        let moment = match self.config.reset {
            OffsetReset::Earliest => Moment::Beginning,
            OffsetReset::Latest => Moment::End,
            OffsetReset::Fail => return Err(ClientError::NoOffset(at)),
        };
        self.start(at, Start::Moment(moment));
        Ok(())
    }

    /// Sends what the fetcher wants to know.
    pub(super) fn ask(&mut self) -> Result<(), ClientError> {
        for output in self.fetcher.step(self.started.elapsed(), &self.cluster.metadata())? {
            match output {
                Output::Refresh(topics) => self.refresh.extend(topics),
                Output::Fetch(fetch) => self.send(fetch),
            }
        }
        self.start_refresh();
        Ok(())
    }

    fn send(&mut self, fetch: Fetch) {
        let node = fetch.node;
        let lane = self.lanes.entry(node).or_insert_with(|| {
            // One request is open, and one may be on its way back.
            Lane::open(self.cluster.clone(), node, 2, self.answers.clone())
        });
        let session = self.sessions.entry(node).or_default();
        let metadata = self.cluster.metadata();
        let (request, version_max, open) =
            request::prepare(&metadata, &self.config, session, fetch);
        let parcel =
            Parcel { request, version_max, records: Vec::new(), is_answered: true, tag: open };
        if let Err(error) = lane.send(parcel) {
            self.lose(node, &error);
        }
    }

    /// Asks for leaders, one question at a time.
    fn start_refresh(&mut self) {
        if self.refreshing.as_ref().is_some_and(|refreshing| !refreshing.is_finished())
            || self.refresh.is_empty()
        {
            return;
        }
        let topics = std::mem::take(&mut self.refresh);
        let cluster = self.cluster.clone();
        self.refreshing = Some(tokio::spawn(async move {
            let topics: Vec<&str> = topics.iter().map(AsRef::as_ref).collect();
            // A failure is met again by the next fetch, and its time is bounded.
            let _ = cluster.refresh(Topics::Named(&topics)).await;
        }));
    }

    fn lose(&mut self, node: NodeId, error: &ClientError) {
        self.sessions.entry(node).or_default().reset();
        self.fetcher.lost(self.started.elapsed(), node, error);
    }

    /// Waits until an answer is there, a pause of the fetcher is over, or for `deadline`.
    /// Cancel-safe.
    pub(super) async fn wait(&mut self, deadline: Instant) -> Result<(), ClientError> {
        let now = self.started.elapsed();
        let wakeup = self.fetcher.next_wakeup(now).map(|at| self.started + at);
        let until = wakeup.map_or(deadline, |at| at.min(deadline));
        tokio::select! {
            returned = self.returned.recv() => {
                let returned = returned.expect("this holds a sender itself");
                self.take_answer(returned)
            }
            () = sleep_until(until) => Ok(()),
        }
    }

    fn take_answer(&mut self, returned: Returned<OpenFetch>) -> Result<(), ClientError> {
        let node = returned.node;
        let result = returned.result.and_then(|reply| {
            let reply = reply.expect("a fetch is answered");
            let session = self.sessions.entry(node).or_default();
            let body = reply.body().as_ptr() as usize;
            let answer = self.cluster.with_metadata(|metadata| {
                request::read(metadata, session, &returned.tag, &reply)
            })?;
            let parts = match answer {
                Answer::SessionLost => VecDeque::new(),
                Answer::Partitions(parts) => parts
                    .into_iter()
                    .map(|(from, fetched)| {
                        let Fetched { code, high_watermark, aborted, records } = fetched;
                        // Records borrow from the body, so this is their place in it.
                        let start = (records.as_ptr() as usize).saturating_sub(body);
                        let records = start..start + records.len();
                        Part { from, code, high_watermark, aborted, records }
                    })
                    .collect(),
            };
            Ok(Ready { node, reply, parts })
        });
        match result {
            Ok(ready) => self.ready.push_back(ready),
            Err(error) => {
                self.lose(node, &error);
                if !error.is_retriable() {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// The next records, at most as many as the settings say. Does not wait.
    pub(super) fn take(&mut self) -> Result<Vec<Record>, ClientError> {
        let mut arena = Arena::default();
        let records_max = self.config.poll_records_max.max(1);
        while let Some(mut ready) = self.ready.pop_front() {
            let result = self.take_parts(&mut ready, &mut arena, records_max);
            if ready.parts.is_empty() {
                self.fetcher.answered(ready.node);
            } else {
                self.ready.push_front(ready);
            }
            match result {
                // What was taken counts as read, so it is handed over before the error.
                Err(error) if arena.count() == 0 => return Err(error),
                Err(_) => break,
                Ok(()) if arena.count() >= records_max => break,
                Ok(()) => {}
            }
        }
        Ok(arena.into_records())
    }

    fn take_parts(
        &mut self,
        ready: &mut Ready,
        arena: &mut Arena,
        records_max: usize,
    ) -> Result<(), ClientError> {
        while let Some(part) = ready.parts.front() {
            let at = &part.from.at;
            if !self.fetcher.is_current(&part.from) || self.fetcher.is_paused(at) {
                ready.parts.pop_front();
                continue;
            }
            if part.code == ErrorCode::OffsetOutOfRange && self.config.reset != OffsetReset::Fail {
                let at = at.clone();
                ready.parts.pop_front();
                self.start_by_policy(at)?;
                continue;
            }
            let fetched = Fetched {
                code: part.code,
                high_watermark: part.high_watermark,
                aborted: part.aborted.clone(),
                records: &ready.reply.body()[part.records.clone()],
            };
            let mut sink = |record: &crate::consumer::ConsumedRecord<'_>| {
                arena.push(record);
                if arena.count() < records_max {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            };
            self.fetcher.take(self.started.elapsed(), at, &fetched, &mut sink)?;
            if arena.count() >= records_max {
                // What is left of the part is read from where this ended.
                return Ok(());
            }
            ready.parts.pop_front();
        }
        Ok(())
    }
}
