//! A consumer group: takes heartbeats and time, and says what to append and what to answer. Its
//! image changes at once, by the records of the step; answers wait until those are durable, and
//! what others may see is a second image of what is. A failed append cannot be taken back from the
//! first, so the whole coordinator is loaded anew then.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use corelog_model::ErrorCode;

use super::deadlines::Deadlines;
use super::replies::Replies;
use super::{
    ConsumerGroupConfig, ConsumerGroupHeartbeat, GroupDescription, GroupError, GroupImage,
    MemberId, target,
};
use crate::expression::Expression;
use crate::group_state::GroupState;
use crate::input::{AppendId, RequestId};
use crate::output::{Reply, Step};
use crate::records::{
    ConsumerGroupRecord, CoordinatorRecord, Entry, GroupEpoch, MemberState, ResolvedExpression,
    TargetMetadata,
};

/// The group.
#[derive(Debug)]
pub(crate) struct ConsumerGroup {
    pub(super) id: Arc<str>,
    /// What all records so far amount to: what decisions rest on.
    pub(super) image: GroupImage,
    /// What the records amount to that are durable: what others may see.
    pub(super) durable: GroupImage,
    /// Records on their way to the log, in order.
    appending: VecDeque<(AppendId, Vec<Entry>)>,
    replies: Replies,
    /// Until when members are to be heard of.
    pub(super) sessions: Deadlines,
    /// Until when members are to give up partitions.
    pub(super) revocations: Deadlines,
    /// Until when members of the classic protocol are to join, or to ask for their assignments.
    pub(super) rejoins: Deadlines,
    /// When expressions were last matched.
    searches: BTreeMap<Arc<str>, Search>,
    /// The version of the topics that the hash of the group is of.
    hashed_version: Option<u64>,
    /// The records of this step.
    entries: Vec<Entry>,
    /// What ends the group of another kind that had the id, until the first records are appended.
    endings: Vec<CoordinatorRecord>,
    /// Whether it is being deleted.
    is_dead: bool,
}

/// When topics were last searched for those that match an expression.
#[derive(Clone, Copy, Debug)]
struct Search {
    version: u64,
    at: Duration,
}

impl ConsumerGroup {
    /// A group that does not exist yet. `endings` are appended before all else.
    pub(crate) fn new(id: &str, endings: Vec<CoordinatorRecord>) -> Self {
        ConsumerGroup {
            id: Arc::from(id),
            image: GroupImage::default(),
            durable: GroupImage::default(),
            appending: VecDeque::new(),
            replies: Replies::default(),
            sessions: Deadlines::default(),
            revocations: Deadlines::default(),
            rejoins: Deadlines::default(),
            searches: BTreeMap::new(),
            hashed_version: None,
            entries: Vec::new(),
            endings,
            is_dead: false,
        }
    }

    /// Takes over a record of the log while groups are loaded.
    pub(crate) fn load(&mut self, entry: Entry) {
        self.image.replay(entry);
    }

    /// The log has been read: all members have been heard of now.
    pub(crate) fn begin_sessions(&mut self, now: Duration, config: &ConsumerGroupConfig) {
        self.durable = self.image.clone();
        for (id, member) in self.image.members() {
            self.sessions.set(id, now + member.session_or(config.session_timeout));
            if member.current.state == MemberState::UnrevokedPartitions {
                let timeout = member.rebalance_timeout(config.session_timeout);
                self.revocations.set(id, now + timeout);
            }
        }
    }

    /// A member speaks.
    pub(crate) fn heartbeat(&mut self, heartbeat: &ConsumerGroupHeartbeat, step: &mut Step<'_>) {
        let max = step.config.consumer.requests_pending_max;
        let result = if self.is_dead {
            Err(GroupError::Changing)
        } else if self.replies.len() >= max {
            Err(GroupError::Busy { max })
        } else {
            self.beat(heartbeat, step)
        };
        self.answer(heartbeat.request, Reply::ConsumerGroupHeartbeat(result), step);
    }

    /// Hands out the records of the step, and answers when they are durable. Even a refusal may
    /// rest on records that are not.
    pub(super) fn answer(&mut self, request: RequestId, reply: Reply, step: &mut Step<'_>) {
        self.append(step);
        let newest = self.appending.back().map(|(append, _)| *append);
        self.replies.hold(newest, request, reply, step);
    }

    /// How many requests wait for records.
    pub(super) fn waiting(&self) -> usize {
        self.replies.len()
    }

    /// Whether records are on their way to the log.
    pub(crate) fn is_appending(&self) -> bool {
        !self.appending.is_empty()
    }

    /// Time has passed: members that were not heard of in time are out.
    pub(crate) fn advance(&mut self, step: &mut Step<'_>) {
        if self.is_dead {
            return;
        }
        let mut gone = self.sessions.take_over(step.now.clock);
        gone.extend(self.revocations.take_over(step.now.clock));
        gone.extend(self.rejoins.take_over(step.now.clock));
        if !gone.is_empty() {
            self.remove(&gone, step);
            self.append(step);
        }
    }

    /// When [`ConsumerGroup::advance`] has something to do.
    pub(crate) fn next_wakeup(&self) -> Option<Duration> {
        let deadlines = [&self.sessions, &self.revocations, &self.rejoins].map(Deadlines::first);
        deadlines.into_iter().flatten().min().filter(|_| !self.is_dead)
    }

    /// Records are durable: those who waited for them are answered.
    pub(crate) fn appended(&mut self, append: AppendId, step: &mut Step<'_>) {
        // Records of the group of another kind that had the id are not in the list.
        if self.appending.front().is_some_and(|(first, _)| *first == append)
            && let Some((_, entries)) = self.appending.pop_front()
        {
            for entry in entries {
                self.durable.replay(entry);
            }
        }
        self.replies.release(append, step);
    }

    /// Whether records of the group are on their way to the log, these among them.
    pub(crate) fn appends(&self, append: AppendId) -> bool {
        self.appending.iter().any(|(one, _)| *one == append)
    }

    /// This node no longer coordinates the group: every request that waits is answered.
    pub(crate) fn abandon(&mut self, code: ErrorCode, step: &mut Step<'_>) {
        self.replies.refuse(code, step);
    }

    /// What others may see of it; none if it does not exist for them.
    pub(crate) fn describe(&self, config: &ConsumerGroupConfig) -> Option<GroupDescription> {
        self.exists().then(|| GroupDescription::of(&self.durable, &config.assignors))
    }

    /// Whether it exists for others.
    pub(crate) fn exists(&self) -> bool {
        self.durable.metadata.is_some() && !self.is_dead
    }

    /// What others see it doing.
    pub(crate) fn state(&self) -> GroupState {
        if self.is_dead { GroupState::Dead } else { self.durable.state() }
    }

    /// Whether nothing would be lost with the group.
    pub(crate) fn is_vacant(&self) -> bool {
        self.image.metadata.is_none() && self.appending.is_empty()
    }

    /// Whether the group has no members and may be deleted.
    pub(crate) fn is_over(&self) -> bool {
        self.image.members().is_empty() && !self.is_dead
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// Marks an empty group as being deleted.
    pub(crate) fn bury(&mut self) {
        assert!(self.is_over(), "only an empty group is deleted");
        self.is_dead = true;
    }

    /// The deletion has failed.
    pub(crate) fn revive(&mut self) {
        assert!(self.is_dead, "only a dead group is revived");
        self.is_dead = false;
    }

    /// What removes the group from the log.
    pub(crate) fn tombstones(&self) -> Vec<CoordinatorRecord> {
        if self.image.metadata.is_none() {
            return Vec::new();
        }
        let topics = self.image.has_partition_metadata.then_some(Entry::PartitionMetadata(None));
        let members = self.image.members().keys().flat_map(|id| {
            [
                Entry::Current(id.clone(), None),
                Entry::MemberTarget(id.clone(), None),
                Entry::Member(id.clone(), None),
            ]
        });
        let expressions = self.image.expressions.keys();
        let expressions = expressions.map(|one| Entry::Expression(Arc::clone(one), None));
        let group = topics.into_iter().chain([Entry::Target(None), Entry::Group(None)]);
        let entries = members.chain(expressions).chain(group);
        entries.map(|entry| self.in_log(entry)).collect()
    }

    fn in_log(&self, entry: Entry) -> CoordinatorRecord {
        let group = Arc::clone(&self.id);
        CoordinatorRecord::ConsumerGroup(ConsumerGroupRecord { group, entry })
    }

    /// Hands out the records of the step.
    fn append(&mut self, step: &mut Step<'_>) {
        let entries = std::mem::take(&mut self.entries);
        if entries.is_empty() {
            return;
        }
        let endings = std::mem::take(&mut self.endings).into_iter();
        let records = endings.chain(entries.iter().map(|entry| self.in_log(entry.clone())));
        let append = step.append(records.collect());
        self.appending.push_back((append, entries));
    }

    /// Changes the image. The only way to do so.
    pub(super) fn record(&mut self, entry: Entry) {
        self.image.replay(entry.clone());
        self.entries.push(entry);
    }

    /// Takes members out of the group; their partitions are free at once.
    pub(super) fn remove(&mut self, members: &BTreeSet<MemberId>, step: &Step<'_>) {
        for member in members {
            self.record(Entry::Current(member.clone(), None));
            self.record(Entry::MemberTarget(member.clone(), None));
            self.record(Entry::Member(member.clone(), None));
            self.sessions.clear(member);
            self.revocations.clear(member);
            self.rejoins.clear(member);
        }
        self.forget_unused_expressions();
        self.bump(step);
    }

    /// Begins a new group epoch: who wants what has changed, and so will the target.
    pub(super) fn bump(&mut self, step: &Step<'_>) {
        // The log keeps a hash instead.
        if self.image.has_partition_metadata {
            self.record(Entry::PartitionMetadata(None));
        }
        let metadata_hash = step.topics.hash_of(self.image.topic_names());
        let epoch = self.image.epoch().saturating_add(1);
        self.record(Entry::Group(Some(GroupEpoch { epoch, metadata_hash })));
        self.hashed_version = Some(step.topics.version());
    }

    /// Whether topics that members want are not what they were.
    pub(super) fn has_metadata_changed(&mut self, step: &Step<'_>) -> bool {
        let version = step.topics.version();
        if self.hashed_version == Some(version) {
            return false;
        }
        self.hashed_version = Some(version);
        let hash = step.topics.hash_of(self.image.topic_names());
        self.image.metadata.is_some_and(|metadata| metadata.metadata_hash != hash)
    }

    /// Computes the target of the group epoch, unless there is one.
    pub(super) fn retarget(&mut self, step: &Step<'_>) {
        let epoch = self.image.epoch();
        if epoch <= self.image.target.epoch {
            return;
        }
        let assignors = &step.config.consumer.assignors;
        for (member, target) in target::changes(&self.image, assignors, step.topics) {
            self.record(Entry::MemberTarget(member, Some(target)));
        }
        let target = TargetMetadata { epoch, ..TargetMetadata::default() };
        self.record(Entry::Target(Some(target)));
    }

    /// Matches the expression of a member against the topics that it may see, unless that was done
    /// since they changed or not long ago. Whether other topics match than before. As in Kafka, who
    /// shares an expression shares what it finds.
    pub(super) fn search(
        &mut self,
        member: &MemberId,
        visible: Option<&BTreeSet<Arc<str>>>,
        step: &Step<'_>,
    ) -> bool {
        let member = self.image.members().get(member);
        let Some(text) = member.and_then(|member| member.metadata.topic_regex.clone()) else {
            return false;
        };
        let search = Search { version: step.topics.version(), at: step.now.clock };
        let known = self.image.expressions.get(&text);
        if let Some(last) = self.searches.get(&text)
            && known.is_some()
            && (last.version == search.version
                || search.at < last.at + step.config.consumer.expression_pause)
        {
            return false;
        }
        // What cannot be read here comes from a log that another coordinator has written.
        let topics: BTreeSet<Arc<str>> = Expression::new(&text).map_or(BTreeSet::new(), |it| {
            let visible = |name: &&Arc<str>| visible.is_none_or(|names| names.contains(*name));
            step.topics.names().filter(visible).filter(|name| it.matches(name)).cloned().collect()
        });
        let has_changed = known.is_none_or(|known| known.topics != topics);
        self.searches.insert(Arc::clone(&text), search);
        if has_changed {
            let version = search.version.cast_signed();
            let resolved = ResolvedExpression { topics, version, resolved_at: step.now.wall };
            self.record(Entry::Expression(text, Some(resolved)));
        }
        has_changed
    }

    /// Whether a member wants what matches an expression.
    pub(crate) fn has_expressions(&self) -> bool {
        !self.image.used_expressions().is_empty()
    }

    /// An expression of a member is not what it was.
    pub(super) fn forget_unused_expressions(&mut self) {
        let used: BTreeSet<Arc<str>> = self.image.used_expressions().into_iter().cloned().collect();
        self.searches.retain(|expression, _| used.contains(expression));
        let mut unused: BTreeSet<Arc<str>> = self.image.expressions.keys().cloned().collect();
        unused.retain(|expression| !used.contains(expression));
        for expression in unused {
            self.record(Entry::Expression(expression, None));
        }
    }
}
