//! A consumer group: takes heartbeats, time and what the driver found out, and says what to append
//! and what to answer. The image changes at once, by the records of the step; answers wait until
//! those are appended. If the log fails, the group takes nothing back: it refuses everything from
//! then on and asks to be loaded anew, because what a failed append left in the log is unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use corelog_model::Timestamp;

use super::deadlines::Deadlines;
use super::image::GroupImage;
use super::records::{
    Entry, GroupMetadata, GroupRecord, MemberState, ResolvedExpression, TargetMetadata,
};
use super::replies::Replies;
use super::{
    GroupConfig, GroupDescription, GroupError, Heartbeat, HeartbeatReply, MemberId, Topics, target,
};

/// Names a request until it is answered. The driver chooses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Names records that are appended together. Each batch has a larger number than the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// What happens to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A member speaks.
    Heartbeat {
        /// Comes back with the reply.
        request: RequestId,
        /// What it says.
        heartbeat: Heartbeat,
    },
    /// Somebody wants to know about the group.
    Describe {
        /// Comes back with the reply.
        request: RequestId,
    },
    /// The group is to be no more. Only a group without members goes.
    Delete {
        /// Comes back with the reply.
        request: RequestId,
    },
    /// Topics were searched, as [`Output::Resolve`] asked.
    Resolved {
        /// The expression.
        expression: Arc<str>,
        /// The names of the topics that match.
        topics: BTreeSet<Arc<str>>,
        /// The version of the topics that were searched.
        version: u64,
        /// When that was.
        at: Timestamp,
    },
    /// Time has passed.
    Tick,
    /// The log has the records up to those of this batch.
    Appended {
        /// As handed out with [`Output::Append`].
        batch: BatchId,
    },
    /// The log does not have the records of a batch, or nobody knows whether it does.
    AppendFailed,
}

/// What the driver shall do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Append these records, after those of earlier outputs, all or none.
    Append {
        /// What [`Input::Appended`] says when it is done.
        batch: BatchId,
        /// Not empty.
        records: Vec<GroupRecord>,
    },
    /// Answer a request.
    Reply {
        /// That of the request.
        request: RequestId,
        /// The answer.
        reply: Result<Answer, GroupError>,
    },
    /// Search the topics for those that match, and say so with [`Input::Resolved`].
    Resolve {
        /// The expression.
        expression: Arc<str>,
    },
    /// Drop the group and load it from the log.
    Reload,
}

/// The answer to a request that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To a heartbeat.
    Heartbeat(HeartbeatReply),
    /// What the group is like.
    Description(GroupDescription),
    /// The group is no more.
    Deleted,
}

/// A consumer group.
#[derive(Clone, Debug)]
pub struct ConsumerGroup {
    pub(super) config: GroupConfig,
    pub(super) id: Arc<str>,
    pub(super) image: GroupImage,
    /// Until when members are to be heard of.
    pub(super) sessions: Deadlines,
    /// Until when members are to give up partitions.
    pub(super) revocations: Deadlines,
    expressions: Expressions,
    /// The version of the topics that the hash of the group is of.
    hashed_version: Option<u64>,
    /// The records of this step.
    entries: Vec<Entry>,
    replies: Replies,
    log: Log,
}

/// Whether the log takes records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Log {
    Working,
    Failed,
}

/// Which expressions the driver was asked about.
#[derive(Clone, Debug, Default)]
struct Expressions {
    /// With the version of the topics at that time.
    asked: BTreeMap<Arc<str>, u64>,
    /// When the last one was asked about because topics had changed.
    repeated_at: Option<Duration>,
    /// The version of the topics for which there is nothing left to ask.
    settled_version: Option<u64>,
}

impl ConsumerGroup {
    /// A group as the log has it; with an empty image, a group that does not exist yet. All members
    /// have been heard of now.
    pub fn new(config: GroupConfig, id: Arc<str>, image: GroupImage, now: Duration) -> Self {
        assert!(!config.assignors.is_empty(), "there is an assignor to use");
        let mut group = ConsumerGroup {
            config,
            id,
            image,
            sessions: Deadlines::default(),
            revocations: Deadlines::default(),
            expressions: Expressions::default(),
            hashed_version: None,
            entries: Vec::new(),
            replies: Replies::default(),
            log: Log::Working,
        };
        for (id, member) in group.image.members() {
            group.sessions.set(id, now + group.config.session_timeout);
            if member.current.state == MemberState::UnrevokedPartitions {
                let timeout = member.rebalance_timeout(group.config.session_timeout);
                group.revocations.set(id, now + timeout);
            }
        }
        group
    }

    /// What all records so far amount to, whether they are appended or not.
    pub fn image(&self) -> &GroupImage {
        &self.image
    }

    /// Takes one input and says what to do about it. `now` never goes back; `topics` is the newest
    /// snapshot.
    pub fn step(&mut self, now: Duration, input: Input, topics: &Topics) -> Vec<Output> {
        let mut outputs = Vec::new();
        match input {
            Input::Heartbeat { request, heartbeat } => {
                self.answer(request, &mut outputs, |group| {
                    group.heartbeat(now, &heartbeat, topics).map(Answer::Heartbeat)
                });
                self.ask(now, topics, &mut outputs);
            }
            Input::Describe { request } => self.answer(request, &mut outputs, |group| {
                GroupDescription::of(group).map(Answer::Description)
            }),
            Input::Delete { request } => self.answer(request, &mut outputs, ConsumerGroup::delete),
            Input::Resolved { expression, topics: names, version, at } => {
                let version = version.cast_signed();
                let resolved = ResolvedExpression { topics: names, version, resolved_at: at };
                self.resolved(&expression, resolved, topics);
                self.append(&mut outputs);
            }
            Input::Tick => {
                self.tick(now, topics);
                self.append(&mut outputs);
            }
            Input::Appended { batch } => outputs = self.replies.appended(batch),
            Input::AppendFailed => {
                self.log = Log::Failed;
                outputs = self.replies.fail();
                outputs.push(Output::Reload);
            }
        }
        outputs
    }

    /// When the group wants a [`Input::Tick`].
    pub fn next_wakeup(&self, now: Duration) -> Option<Duration> {
        let deadlines = [self.sessions.first(), self.revocations.first()];
        let first = deadlines.into_iter().flatten().min();
        first.filter(|_| self.log == Log::Working).map(|at| at.max(now))
    }

    fn answer(
        &mut self,
        request: RequestId,
        outputs: &mut Vec<Output>,
        decide: impl FnOnce(&mut ConsumerGroup) -> Result<Answer, GroupError>,
    ) {
        let max = self.config.requests_pending_max;
        let refusal = match self.log {
            Log::Failed => Some(GroupError::LogFailed),
            Log::Working => (self.replies.len() >= max).then_some(GroupError::Busy { max }),
        };
        if let Some(error) = refusal {
            outputs.push(Output::Reply { request, reply: Err(error) });
            return;
        }
        let reply = decide(self);
        self.append(outputs);
        // Even a refusal may rest on records that are not appended yet.
        outputs.extend(self.replies.hold(request, reply));
    }

    /// Hands out the records of the step.
    fn append(&mut self, outputs: &mut Vec<Output>) {
        let entries = std::mem::take(&mut self.entries);
        if entries.is_empty() {
            return;
        }
        let record = |entry| GroupRecord { group: Arc::clone(&self.id), entry };
        let records = entries.into_iter().map(record).collect();
        outputs.push(Output::Append { batch: self.replies.next_batch(), records });
    }

    /// Changes the image. The only way to do so.
    pub(super) fn record(&mut self, entry: Entry) {
        self.image.replay(entry.clone());
        self.entries.push(entry);
    }

    fn tick(&mut self, now: Duration, topics: &Topics) {
        if self.log == Log::Failed {
            return;
        }
        let mut gone = self.sessions.take_over(now);
        gone.extend(self.revocations.take_over(now));
        if !gone.is_empty() {
            self.remove(&gone, topics);
        }
    }

    fn delete(&mut self) -> Result<Answer, GroupError> {
        if self.image.metadata.is_none() {
            return Err(GroupError::GroupNotFound { group: Arc::clone(&self.id) });
        }
        if !self.image.members.is_empty() {
            return Err(GroupError::NotEmpty);
        }
        self.forget_partition_metadata();
        self.record(Entry::Target(None));
        self.record(Entry::Group(None));
        self.hashed_version = None;
        Ok(Answer::Deleted)
    }

    /// Takes members out of the group; their partitions are free at once.
    pub(super) fn remove(&mut self, members: &BTreeSet<MemberId>, topics: &Topics) {
        for member in members {
            self.record(Entry::Current(member.clone(), None));
            self.record(Entry::MemberTarget(member.clone(), None));
            self.record(Entry::Member(member.clone(), None));
            self.sessions.clear(member);
            self.revocations.clear(member);
        }
        self.forget_unused_expressions();
        self.bump(topics);
    }

    /// Begins a new group epoch: who wants what has changed, and so will the target.
    pub(super) fn bump(&mut self, topics: &Topics) {
        self.forget_partition_metadata();
        let metadata_hash = topics.hash_of(self.image.topic_names());
        let epoch = self.image.epoch().saturating_add(1);
        self.record(Entry::Group(Some(GroupMetadata { epoch, metadata_hash })));
        self.hashed_version = Some(topics.version());
    }

    /// Whether topics that members want are not what they were.
    pub(super) fn has_metadata_changed(&mut self, topics: &Topics) -> bool {
        if self.hashed_version == Some(topics.version()) {
            return false;
        }
        self.hashed_version = Some(topics.version());
        let hash = topics.hash_of(self.image.topic_names());
        self.image.metadata.is_some_and(|metadata| metadata.metadata_hash != hash)
    }

    /// The log keeps a hash instead.
    fn forget_partition_metadata(&mut self) {
        if self.image.has_partition_metadata {
            self.record(Entry::PartitionMetadata(None));
        }
    }

    /// Computes the target of the group epoch, unless there is one.
    pub(super) fn retarget(&mut self, topics: &Topics) {
        let epoch = self.image.epoch();
        if epoch <= self.image.target.epoch {
            return;
        }
        for (member, target) in target::changes(&self.image, &self.config.assignors, topics) {
            self.record(Entry::MemberTarget(member, Some(target)));
        }
        let target = TargetMetadata { epoch, ..TargetMetadata::default() };
        self.record(Entry::Target(Some(target)));
    }

    fn resolved(&mut self, expression: &Arc<str>, resolved: ResolvedExpression, topics: &Topics) {
        let is_used = self.image.used_expressions().contains(expression);
        let known = self.image.expressions.get(expression);
        let is_news = known.is_none_or(|known| known.topics != resolved.topics);
        if self.log == Log::Working && is_used && is_news {
            self.record(Entry::Expression(Arc::clone(expression), Some(resolved)));
            self.bump(topics);
        }
    }

    /// An expression of a member is not what it was.
    pub(super) fn forget_unused_expressions(&mut self) {
        self.expressions.settled_version = None;
        let used: BTreeSet<Arc<str>> =
            self.image.used_expressions().into_iter().cloned().collect();
        self.expressions.asked.retain(|expression, _| used.contains(expression));
        let mut unused: BTreeSet<Arc<str>> = self.image.expressions.keys().cloned().collect();
        unused.retain(|expression| !used.contains(expression));
        for expression in unused {
            self.record(Entry::Expression(expression, None));
        }
    }

    /// Asks about expressions that are new, and after a pause about those that are older than the
    /// topics.
    fn ask(&mut self, now: Duration, topics: &Topics, outputs: &mut Vec<Output>) {
        let version = topics.version();
        if self.expressions.settled_version == Some(version) || self.log == Log::Failed {
            return;
        }
        let pause = self.config.expression_pause;
        let may_repeat = self.expressions.repeated_at.is_none_or(|at| at + pause <= now);
        let mut is_settled = true;
        let mut has_repeated = false;
        for expression in self.image.used_expressions() {
            let is_wanted = match self.expressions.asked.get(expression) {
                Some(asked) if *asked == version => false,
                Some(_) => {
                    is_settled &= may_repeat;
                    has_repeated |= may_repeat;
                    may_repeat
                }
                None => true,
            };
            if is_wanted {
                self.expressions.asked.insert(Arc::clone(expression), version);
                outputs.push(Output::Resolve { expression: Arc::clone(expression) });
            }
        }
        if has_repeated {
            self.expressions.repeated_at = Some(now);
        }
        self.expressions.settled_version = Some(version).filter(|_| is_settled);
    }
}
