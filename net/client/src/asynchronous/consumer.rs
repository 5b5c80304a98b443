//! Reads records: of partitions assigned by hand, or as a member of a group.

mod commit;
mod listener;
mod reading;
mod record;
mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use corelog_model::Offset;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::cluster::Cluster;
use super::member::{Command, Event, Member};
use crate::consumer::{ConsumerConfig, From, Partitions};
use crate::group::{CommittedOffset, Departure, GroupConfig, Subscription};
use crate::offsets::Moment;
use crate::producer::transaction::GroupOffsets;
use crate::{ClientError, TopicPartition};

use reading::{Reading, Start};

pub(super) use commit::Committer;
pub use listener::{RebalanceListener, Rebalancing};
pub use record::Record;

/// How long a closing consumer waits for the coordinator.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads records. One application task polls it; heartbeats to a group go on between polls. Dropped
/// without [`Consumer::close`], a member leaves its group all the same, but commits nothing.
#[derive(Debug)]
pub struct Consumer {
    cluster: Cluster,
    config: ConsumerConfig,
    reading: Reading,
    group: Option<Group>,
}

/// What a member of a group has beside its positions.
#[derive(Debug)]
struct Group {
    member: Member,
    committer: Committer,
    listener: Arc<Mutex<Box<dyn RebalanceListener>>>,
    next_commit: Option<Instant>,
}

impl Consumer {
    /// A consumer without a group. [`Consumer::assign`] says what it reads.
    pub fn new(cluster: &Cluster, config: ConsumerConfig) -> Result<Self, ClientError> {
        if config.max_wait >= cluster.config().request_timeout {
            return Err(ClientError::Setting("a fetch must wait less than a request may take"));
        }
        let reading = Reading::new(cluster.clone(), config.clone());
        Ok(Self { cluster: cluster.clone(), config, reading, group: None })
    }

    /// A member of a group. [`Consumer::subscribe`] says what it reads.
    pub fn in_group(
        cluster: &Cluster,
        config: ConsumerConfig,
        group: GroupConfig,
    ) -> Result<Self, ClientError> {
        let mut consumer = Self::new(cluster, config)?;
        let committer = Committer::new(cluster.clone(), &group.group);
        let next_commit = consumer.config.auto_commit.map(|pause| Instant::now() + pause);
        consumer.group = Some(Group {
            member: Member::new(cluster.clone(), group)?,
            committer,
            listener: Arc::new(Mutex::new(Box::new(listener::Silent))),
            next_commit,
        });
        Ok(consumer)
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Who is told about partitions that come and go. Replaces the one before.
    pub fn on_rebalance(
        &mut self,
        listener: impl RebalanceListener + 'static,
    ) -> Result<(), ClientError> {
        let group = self.group.as_mut().ok_or(NO_GROUP)?;
        group.listener = Arc::new(Mutex::new(Box::new(listener)));
        Ok(())
    }

    /// Reads these topics, as the group shares them out. Replaces what was subscribed before. The
    /// group is joined with the next polls.
    pub async fn subscribe(&mut self, topics: &[&str]) -> Result<(), ClientError> {
        let topics = topics.iter().map(|topic| Arc::from(*topic)).collect();
        self.tell(Command::Subscribe(Subscription::Topics(topics))).await
    }

    /// Reads the topics that match an expression of RE2/J, which the coordinator evaluates
    /// (KIP-848). Only with [`Protocol::Consumer`](crate::group::Protocol::Consumer).
    pub async fn subscribe_pattern(&mut self, pattern: &str) -> Result<(), ClientError> {
        self.tell(Command::Subscribe(Subscription::Pattern(pattern.to_owned()))).await
    }

    /// Reads nothing more and leaves the group, until subscribed again.
    pub async fn unsubscribe(&mut self) -> Result<(), ClientError> {
        self.tell(Command::Unsubscribe).await
    }

    async fn tell(&mut self, command: Command) -> Result<(), ClientError> {
        let group = self.group.as_ref().ok_or(NO_GROUP)?;
        group.member.tell(command).await;
        Ok(())
    }

    /// Adds partitions of a topic, or moves them when they are assigned already. Not for members of
    /// a group.
    pub async fn assign(
        &mut self,
        topic: &str,
        partitions: Partitions<'_>,
        from: From,
    ) -> Result<(), ClientError> {
        if self.group.is_some() {
            return Err(ClientError::Setting("the group assigns the partitions of its members"));
        }
        self.cluster.require_topics(&[topic]).await?;
        let metadata = self.cluster.metadata();
        let known = metadata.topic(topic).ok_or_else(|| ClientError::NoTopic(topic.to_owned()))?;
        let numbers: Vec<i32> = match partitions {
            Partitions::All => known.partitions.keys().copied().collect(),
            Partitions::These(numbers) => numbers.to_vec(),
        };
        let count = known.partitions.len();
        if let Some(missing) = numbers.iter().find(|number| !known.partitions.contains_key(number))
        {
            let (topic, partition) = (topic.to_owned(), *missing);
            return Err(ClientError::NoPartition { topic, partition, count });
        }
        for number in numbers {
            self.begin(TopicPartition::new(topic, number), from);
        }
        Ok(())
    }

    /// Reads partitions no more.
    pub fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), ClientError> {
        if self.group.is_some() {
            return Err(ClientError::Setting("the group assigns the partitions of its members"));
        }
        self.stop(partitions);
        Ok(())
    }

    /// The partitions that are assigned.
    pub fn assigned(&self) -> BTreeSet<TopicPartition> {
        self.reading.assigned()
    }

    /// The next records: those that are there, or the first to come within `wait`; none when there
    /// are none. A member takes part in rebalances here, so it must be called at least every
    /// `rebalance_timeout`. Dropped before its end, no record is lost.
    pub async fn poll(&mut self, wait: Duration) -> Result<Vec<Record>, ClientError> {
        let deadline = Instant::now() + wait;
        if let Some(group) = &self.group {
            group.member.tell(Command::Polled).await;
        }
        self.commit_when_due();
        loop {
            self.rebalance().await?;
            // What takes longer than there is time goes on in the next call.
            if let Ok(resolved) = timeout_at(deadline, self.resolve()).await {
                resolved?;
            }
            let records = self.reading.take()?;
            // The next ones come while the application works on these.
            self.reading.ask()?;
            if !records.is_empty() || deadline <= Instant::now() {
                return Ok(records);
            }
            match &self.group {
                None => self.reading.wait(deadline).await?,
                Some(group) => tokio::select! {
                    waited = self.reading.wait(deadline) => waited?,
                    () = group.member.news() => {}
                },
            }
        }
    }

    /// Takes over what the group has decided.
    async fn rebalance(&mut self) -> Result<(), ClientError> {
        loop {
            let Some(group) = &self.group else { return Ok(()) };
            let Some(event) = group.member.event()? else { return Ok(()) };
            let listener = Arc::clone(&group.listener);
            // It is locked only while it is called, and then it is the listener that polls.
            let mut listener = listener.try_lock().map_err(|_| LISTENER_POLLS)?;
            // An event is taken when all is done: who drops this future meets it again.
            match event {
                Event::Revoke(partitions) => {
                    if self.config.auto_commit.is_some() {
                        // The next owner reads again what could not be committed.
                        let _ = self.commit_positions(&partitions).await;
                    }
                    listener.revoked(self, &partitions).await?;
                    self.stop(&partitions);
                    self.taken(Some(Command::Revoked)).await;
                }
                Event::Lose(partitions) => {
                    self.stop(&partitions);
                    listener.lost(self, &partitions).await?;
                    self.taken(None).await;
                }
                Event::Assign(partitions) => {
                    for at in &partitions {
                        self.reading.start(at.clone(), Start::Committed);
                    }
                    listener.assigned(self, &partitions).await?;
                    self.taken(Some(Command::Assigned)).await;
                }
            }
        }
    }

    fn stop<'p>(&mut self, partitions: impl IntoIterator<Item = &'p TopicPartition>) {
        for at in partitions {
            self.reading.stop(at);
        }
    }

    async fn taken(&self, answer: Option<Command>) {
        if let Some(group) = &self.group {
            group.member.taken(answer).await;
        }
    }

    /// Looks up where assigned partitions begin. Cancel-safe.
    async fn resolve(&mut self) -> Result<(), ClientError> {
        let starts = self.reading.unresolved();
        let of_group = starts.iter().filter(|(_, start)| **start == Start::Committed);
        let of_group: BTreeSet<TopicPartition> = of_group.map(|(at, _)| at.clone()).collect();
        if let Some(group) = self.group.as_ref().filter(|_| !of_group.is_empty()) {
            for (at, committed) in group.committer.committed(&of_group).await? {
                match committed {
                    Some(committed) => self.reading.start_at(&at, committed.offset),
                    None => self.reading.start_by_policy(at)?,
                }
            }
        }
        self.reading.resolve_moments().await
    }

    fn begin(&mut self, at: TopicPartition, from: From) {
        match from {
            From::Beginning => self.reading.start(at, Start::Moment(Moment::Beginning)),
            From::End => self.reading.start(at, Start::Moment(Moment::End)),
            From::Timestamp(time) => self.reading.start(at, Start::Moment(Moment::At(time))),
            From::Offset(offset) => self.reading.start_at(&at, offset),
        }
    }

    /// Goes on elsewhere with an assigned partition.
    pub fn seek(&mut self, at: &TopicPartition, from: From) -> Result<(), ClientError> {
        self.require_assigned(at)?;
        self.begin(at.clone(), from);
        Ok(())
    }

    /// Gives no more records of an assigned partition until [`Consumer::resume`].
    pub fn pause(&mut self, at: &TopicPartition) -> Result<(), ClientError> {
        self.require_assigned(at)?;
        self.reading.set_paused(at, true);
        Ok(())
    }

    /// Gives records of a paused partition again.
    pub fn resume(&mut self, at: &TopicPartition) -> Result<(), ClientError> {
        self.require_assigned(at)?;
        self.reading.set_paused(at, false);
        Ok(())
    }

    /// The partitions that are paused.
    pub fn paused(&self) -> &BTreeSet<TopicPartition> {
        self.reading.paused()
    }

    fn require_assigned(&self, at: &TopicPartition) -> Result<(), ClientError> {
        if self.reading.is_assigned(at) {
            return Ok(());
        }
        Err(ClientError::NotAssigned(at.clone()))
    }

    /// The offset that is read next, of each assigned partition where it is known already.
    pub fn positions(&self) -> BTreeMap<TopicPartition, Offset> {
        self.reading.positions()
    }

    /// The end of what may be read of a partition, as the last response said.
    pub fn high_watermark(&self, at: &TopicPartition) -> Option<Offset> {
        self.reading.high_watermark(at)
    }

    /// The offset of a moment in each partition, assigned or not; none where no record is that
    /// late.
    pub async fn offsets_at(
        &self,
        wanted: &BTreeMap<TopicPartition, Moment>,
    ) -> Result<BTreeMap<TopicPartition, Option<Offset>>, ClientError> {
        let topics: BTreeSet<&str> = wanted.keys().map(|at| at.topic.as_ref()).collect();
        self.cluster.require_topics(&topics.into_iter().collect::<Vec<_>>()).await?;
        self.cluster.list_offsets(wanted).await
    }

    /// Stores that all records that were handed over are done with, and waits for it.
    pub async fn commit(&mut self) -> Result<(), ClientError> {
        let partitions = self.reading.assigned();
        self.commit_positions(&partitions).await
    }

    async fn commit_positions(
        &self,
        partitions: &BTreeSet<TopicPartition>,
    ) -> Result<(), ClientError> {
        let mut offsets = self.committable();
        offsets.retain(|at, _| partitions.contains(at));
        self.commit_offsets(&offsets).await
    }

    /// Stores these offsets, each that of the next record to read, and waits for it.
    pub async fn commit_offsets(
        &self,
        offsets: &BTreeMap<TopicPartition, CommittedOffset>,
    ) -> Result<(), ClientError> {
        let group = self.group.as_ref().ok_or(NO_GROUP)?;
        let turn = group.committer.turn()?;
        group.committer.commit(turn, &group.member.who(), offsets).await
    }

    /// [`Consumer::commit`] without waiting. Commits keep the order of these calls; one that waits
    /// takes its place when it is first polled. Whoever does not care about the result drops what
    /// this gives. Refused while too many commits wait for the coordinator.
    pub fn commit_async(&self) -> Result<JoinHandle<Result<(), ClientError>>, ClientError> {
        let group = self.group.as_ref().ok_or(NO_GROUP)?;
        let (committer, who) = (group.committer.clone(), group.member.who());
        let (turn, offsets) = (committer.turn()?, self.committable());
        Ok(tokio::spawn(async move { committer.commit(turn, &who, &offsets).await }))
    }

    /// That all records that were handed over are done with, for a transaction that stores it with
    /// what came of them: [`crate::Producer::send_offsets`]. Such a member commits nothing else.
    pub fn group_offsets(&self) -> Result<GroupOffsets, ClientError> {
        let group = self.group.as_ref().ok_or(NO_GROUP)?;
        Ok(GroupOffsets { member: group.member.who().identity(), offsets: self.committable() })
    }

    fn committable(&self) -> BTreeMap<TopicPartition, CommittedOffset> {
        let committed = |offset| CommittedOffset { offset, leader_epoch: None, metadata: None };
        let positions = self.reading.positions().into_iter();
        positions.map(|(at, offset)| (at, committed(offset))).collect()
    }

    /// What the group has stored for these partitions; none where there is nothing.
    pub async fn committed(
        &self,
        partitions: &BTreeSet<TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, Option<CommittedOffset>>, ClientError> {
        let group = self.group.as_ref().ok_or(NO_GROUP)?;
        group.committer.committed(partitions).await
    }

    fn commit_when_due(&mut self) {
        let Some(pause) = self.config.auto_commit else { return };
        let now = Instant::now();
        let is_due = |group: &Group| group.next_commit.is_some_and(|at| at <= now);
        if !self.group.as_ref().is_some_and(is_due) {
            return;
        }
        // What fails is committed with the next round, or read again after a rebalance.
        let _ = self.commit_async();
        if let Some(group) = &mut self.group {
            group.next_commit = Some(now + pause);
        }
    }

    /// Commits what was handed over, unless the application does that itself, and leaves the group.
    /// The listener is told of the partitions as in a rebalance.
    pub async fn close(mut self) -> Result<(), ClientError> {
        let Some(group) = &self.group else { return Ok(()) };
        group.member.tell(Command::Leave(Departure::Usual)).await;
        let deadline = Instant::now() + LEAVE_TIMEOUT;
        while self.group.as_ref().is_some_and(|group| !group.member.has_left()) {
            self.rebalance().await?;
            if let Some(group) = &self.group
                && timeout_at(deadline, group.member.news()).await.is_err()
            {
                // The coordinator cannot be reached; it finds out when the session is over.
                return Ok(());
            }
        }
        Ok(())
    }
}

const NO_GROUP: ClientError = ClientError::Setting("this consumer is no member of a group");
const LISTENER_POLLS: ClientError = ClientError::Setting("a rebalance listener cannot poll");
