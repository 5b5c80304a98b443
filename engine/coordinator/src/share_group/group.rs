//! A share group: takes heartbeats and time, and says what to append and what to answer. Its image
//! changes at once, by the records of the step; answers wait until those are durable, and what
//! others may see is a second image of what is. A failed append cannot be taken back from the
//! first, so the whole coordinator is loaded anew then.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use corelog_model::{ErrorCode, PartitionId, PartitionIndex, TopicId};

use super::assignor::Wants;
use super::{ShareGroupConfig, ShareGroupDescription, ShareGroupHeartbeat, ShareImage, assignor};
use crate::consumer_group::{Deadlines, GroupError, MemberId, Replies};
use crate::group_state::GroupState;
use crate::input::{AppendId, RequestId};
use crate::output::{Output, Reply, Step};
use crate::records::{
    CoordinatorRecord, GroupEpoch, ShareEntry, ShareGroupRecord, StateTopics, TargetMetadata,
};

/// The group.
#[derive(Debug)]
pub(crate) struct ShareGroup {
    pub(super) id: Arc<str>,
    /// What all records so far amount to: what decisions rest on.
    pub(super) image: ShareImage,
    /// What the records amount to that are durable: what others may see.
    pub(super) durable: ShareImage,
    /// Records on their way to the log, in order.
    appending: VecDeque<(AppendId, Vec<ShareEntry>)>,
    replies: Replies,
    /// Until when members are to be heard of.
    pub(super) sessions: Deadlines,
    /// Whether the share coordinators are being told of partitions.
    pub(super) is_initializing: bool,
    /// When they are told next at the earliest.
    pub(super) initialize_at: Duration,
    /// The version of the topics that the hash of the group is of.
    hashed_version: Option<u64>,
    /// The records of this step.
    entries: Vec<ShareEntry>,
    /// What ends the group of another kind that had the id, until the first records are appended.
    endings: Vec<CoordinatorRecord>,
    /// Whether it is being deleted.
    is_dead: bool,
}

impl ShareGroup {
    /// A group that does not exist yet. `endings` are appended before all else.
    pub(crate) fn new(id: &str, endings: Vec<CoordinatorRecord>) -> Self {
        ShareGroup {
            id: Arc::from(id),
            image: ShareImage::default(),
            durable: ShareImage::default(),
            appending: VecDeque::new(),
            replies: Replies::default(),
            sessions: Deadlines::default(),
            is_initializing: false,
            initialize_at: Duration::ZERO,
            hashed_version: None,
            entries: Vec::new(),
            endings,
            is_dead: false,
        }
    }

    /// Takes over a record of the log while groups are loaded.
    pub(crate) fn load(&mut self, entry: ShareEntry) {
        self.image.replay(entry);
    }

    /// The log has been read: all members have been heard of now.
    pub(crate) fn begin_sessions(&mut self, now: Duration, config: &ShareGroupConfig) {
        self.durable = self.image.clone();
        for id in self.image.members.keys() {
            self.sessions.set(id, now + config.session_timeout);
        }
    }

    /// A member speaks.
    pub(crate) fn heartbeat(&mut self, heartbeat: &ShareGroupHeartbeat, step: &mut Step<'_>) {
        let max = step.config.share.requests_pending_max;
        let result = if self.is_dead {
            Err(GroupError::Changing)
        } else if self.replies.len() >= max {
            Err(GroupError::Busy { max })
        } else {
            self.beat(heartbeat, step)
        };
        self.answer(heartbeat.request, Reply::ShareGroupHeartbeat(result), step);
    }

    /// Hands out the records of the step, and answers when they are durable. Even a refusal may
    /// rest on records that are not.
    pub(super) fn answer(&mut self, request: RequestId, reply: Reply, step: &mut Step<'_>) {
        self.append(step);
        let newest = self.appending.back().map(|(append, _)| *append);
        self.replies.hold(newest, request, reply, step);
    }

    /// Time has passed: members that were not heard of in time are out, and share coordinators are
    /// told of partitions that they do not know.
    pub(crate) fn advance(&mut self, step: &mut Step<'_>) {
        if self.is_dead {
            return;
        }
        let gone = self.sessions.take_over(step.now.clock);
        if !gone.is_empty() {
            self.remove(&gone, step);
            self.append(step);
        }
        self.initialize(step);
    }

    /// When [`ShareGroup::advance`] has something to do.
    pub(crate) fn next_wakeup(&self) -> Option<Duration> {
        let initialize = self.has_to_initialize().then_some(self.initialize_at);
        let deadlines = [self.sessions.first(), initialize];
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
    pub(crate) fn describe(&self) -> Option<ShareGroupDescription> {
        self.exists().then(|| ShareGroupDescription::of(&self.durable))
    }

    /// Of which partitions the share coordinators know, as far as others may see; none if the group
    /// does not exist for them.
    pub(crate) fn states(&self) -> Option<&StateTopics> {
        self.exists().then_some(&self.durable.states)
    }

    /// Whether it exists for others.
    pub(crate) fn exists(&self) -> bool {
        self.durable.metadata.is_some() && !self.is_dead
    }

    /// Its epoch; zero if there is no group yet.
    pub(crate) fn epoch(&self) -> i32 {
        self.image.epoch()
    }

    /// What others see it doing.
    pub(crate) fn state(&self) -> GroupState {
        if self.is_dead { GroupState::Dead } else { self.durable.state() }
    }

    /// Whether nothing would be lost with the group.
    pub(crate) fn is_vacant(&self) -> bool {
        self.image.metadata.is_none() && self.appending.is_empty() && !self.image.has_states
    }

    /// Whether the group has no members and may be deleted.
    pub(crate) fn is_over(&self) -> bool {
        self.image.members.is_empty() && !self.is_dead
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
        if self.image.metadata.is_none() && !self.image.has_states {
            return Vec::new();
        }
        let states = self.image.has_states.then_some(ShareEntry::States(None));
        let members = self.image.members.keys().flat_map(Self::endings_of);
        let group = [ShareEntry::Target(None), ShareEntry::Group(None)];
        let entries = members.chain(states).chain(group);
        entries.map(|entry| self.in_log(entry)).collect()
    }

    fn endings_of(member: &MemberId) -> [ShareEntry; 3] {
        [
            ShareEntry::Current(member.clone(), None),
            ShareEntry::MemberTarget(member.clone(), None),
            ShareEntry::Member(member.clone(), None),
        ]
    }

    fn in_log(&self, entry: ShareEntry) -> CoordinatorRecord {
        let group = Arc::clone(&self.id);
        CoordinatorRecord::ShareGroup(ShareGroupRecord { group, entry })
    }

    /// Hands out the records of the step.
    pub(super) fn append(&mut self, step: &mut Step<'_>) {
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
    pub(super) fn record(&mut self, entry: ShareEntry) {
        self.image.replay(entry.clone());
        self.entries.push(entry);
    }

    /// Takes members out of the group.
    pub(super) fn remove(&mut self, members: &BTreeSet<MemberId>, step: &Step<'_>) {
        for member in members {
            for entry in Self::endings_of(member) {
                self.record(entry);
            }
            self.sessions.clear(member);
        }
        self.bump(step);
        self.retarget(step);
    }

    /// Begins a new group epoch: who wants what has changed, and so will the target.
    pub(super) fn bump(&mut self, step: &Step<'_>) {
        let metadata_hash = step.topics.hash_of(self.image.topic_names());
        let epoch = self.image.epoch().saturating_add(1);
        self.record(ShareEntry::Group(Some(GroupEpoch { epoch, metadata_hash })));
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

    /// Computes the target of the group epoch, unless there is one. Only partitions are assigned
    /// that the share coordinators know.
    pub(super) fn retarget(&mut self, step: &Step<'_>) {
        let epoch = self.image.epoch();
        if epoch <= self.image.target.epoch {
            return;
        }
        let members = self.image.members.iter().map(|(id, member)| {
            let names = member.metadata.topic_names.iter();
            let topics: BTreeSet<TopicId> = names.filter_map(|name| step.topics.id(name)).collect();
            (id.clone(), (topics, member.target.clone()))
        });
        let wanted: BTreeMap<MemberId, Wants> = members.collect();
        let initialized = &self.image.states.initialized;
        let partitions: BTreeMap<TopicId, BTreeSet<PartitionIndex>> =
            initialized.iter().map(|(id, topic)| (*id, topic.partitions.clone())).collect();
        for (member, target) in assignor::assign(&wanted, &partitions) {
            if self.image.members.get(&member).is_some_and(|known| known.target != target) {
                self.record(ShareEntry::MemberTarget(member, Some(target)));
            }
        }
        let target = TargetMetadata { epoch, ..TargetMetadata::default() };
        self.record(ShareEntry::Target(Some(target)));
    }

    fn has_to_initialize(&self) -> bool {
        !self.is_initializing && self.to_initialize().next().is_some()
    }

    /// The partitions of which it is durable that the share coordinators are being told, and that
    /// they have not taken yet.
    fn to_initialize(&self) -> impl Iterator<Item = PartitionId> {
        let states = &self.image.states;
        self.durable.states.initializing_partitions().filter(|id| {
            let topic = states.initializing.get(&id.topic);
            topic.is_some_and(|topic| topic.partitions.contains(&id.index))
        })
    }

    /// Has the share coordinators told of partitions that they are to know: once it is durable that
    /// they are being told.
    fn initialize(&mut self, step: &mut Step<'_>) {
        if !self.has_to_initialize() || step.now.clock < self.initialize_at {
            return;
        }
        self.is_initializing = true;
        let partitions: Vec<PartitionId> = self.to_initialize().collect();
        let (group, state_epoch) = (self.id.to_string(), self.durable.epoch());
        step.outputs.push(Output::InitializeStates { group, state_epoch, partitions });
    }
}
