//! Of which partitions the share coordinators keep how far the group is: they are told when members
//! want them, and an operator may set or delete what they know while the group has no members.
//! Those who do so say that they begin, tell the share coordinators, and say how it ended.

use std::sync::Arc;
use std::time::Duration;

use corelog_model::{ErrorCode, PartitionId, PartitionIndex, TopicId};

use super::ShareGroup;
use crate::input::RequestId;
use crate::output::{Reply, Step};
use crate::records::{ShareEntry, StateTopics};

/// One wants to change what the share coordinators know of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareStatesCall {
    /// The request.
    pub request: RequestId,
    /// The group.
    pub group: String,
    /// What is to be done.
    pub change: ShareStatesChange,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareStatesChange {
    /// Partitions will be set anew, with the epoch that is told.
    BeginAlter,
    /// These partitions were, of topics with these names.
    FinishAlter(Vec<(PartitionId, Arc<str>)>),
    /// Topics will be forgotten, these or all. Their partitions are told.
    BeginDelete(Option<Vec<TopicId>>),
    /// These were.
    FinishDelete(Vec<TopicId>),
}

/// What is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShareStatesReply {
    /// The epoch with which partitions are set, or were at most that are to be forgotten.
    pub state_epoch: i32,
    /// The partitions that are to be forgotten.
    pub partitions: Vec<PartitionId>,
}

impl ShareGroup {
    /// An operator changes what the share coordinators know.
    pub(crate) fn change_states(&mut self, call: &ShareStatesCall, step: &mut Step<'_>) {
        let result = self.decide_change(&call.change, step);
        self.answer(call.request, Reply::ShareStates(result), step);
    }

    fn decide_change(
        &mut self,
        change: &ShareStatesChange,
        step: &Step<'_>,
    ) -> Result<ShareStatesReply, ErrorCode> {
        if self.is_dead() || self.image.metadata.is_none() {
            return Err(ErrorCode::GroupIdNotFound);
        }
        let mut states = self.image.states.clone();
        let mut reply = ShareStatesReply::default();
        match change {
            ShareStatesChange::BeginAlter => {
                self.check_empty()?;
                self.bump(step);
                self.retarget(step);
                reply.state_epoch = self.image.epoch();
            }
            ShareStatesChange::FinishAlter(partitions) => {
                for (id, name) in partitions {
                    states.deleting.remove(&id.topic);
                    states.initialized(*id, name);
                }
            }
            ShareStatesChange::BeginDelete(topics) => {
                self.check_empty()?;
                // Whoever joins from now on sets anew with a later one.
                reply.state_epoch = self.image.epoch();
                let all = states.initialized.keys().chain(states.initializing.keys());
                let all: Vec<TopicId> = all.chain(states.deleting.keys()).copied().collect();
                for id in topics.as_ref().unwrap_or(&all) {
                    // One that was begun with and never ended: nobody noted its partitions.
                    let is_open = states.deleting.contains_key(id);
                    let count = step.topics.topic(*id).filter(|_| is_open);
                    let again = (0..count.map_or(0, |topic| topic.partition_count))
                        .map(|index| PartitionId::new(*id, PartitionIndex(index)));
                    reply.partitions.extend(again);
                    reply.partitions.extend(states.begin_delete(*id));
                }
            }
            ShareStatesChange::FinishDelete(topics) => {
                states.deleting.retain(|id, _| !topics.contains(id));
            }
        }
        self.record_states(states);
        Ok(reply)
    }

    fn check_empty(&self) -> Result<(), ErrorCode> {
        if self.image.members.is_empty() { Ok(()) } else { Err(ErrorCode::NonEmptyGroup) }
    }

    /// The share coordinators were told of partitions, and have taken these. Members get them with
    /// their next heartbeats.
    pub(crate) fn states_initialized(
        &mut self,
        done: &[PartitionId],
        pause: Duration,
        step: &mut Step<'_>,
    ) {
        self.is_initializing = false;
        if self.is_dead() {
            return;
        }
        let mut states = self.image.states.clone();
        for id in done {
            // What was forgotten meanwhile stays so.
            let Some(topic) = states.initializing.get(&id.topic) else { continue };
            if topic.partitions.contains(&id.index) {
                let name = Arc::clone(&topic.name);
                states.initialized(*id, &name);
            }
        }
        if !states.initializing.is_empty() {
            self.initialize_at = step.now.clock + pause;
        }
        if states == self.image.states {
            return;
        }
        self.record_states(states);
        self.bump(step);
        self.retarget(step);
        self.append(step);
    }

    /// Topics are no more. Tells the partitions that the share coordinators are to forget.
    pub(crate) fn forget_topics(
        &mut self,
        is_gone: impl Fn(&str) -> bool,
        step: &mut Step<'_>,
    ) -> Vec<PartitionId> {
        let mut states = self.image.states.clone();
        let known = states.initialized.iter().chain(&states.initializing);
        let gone: Vec<TopicId> =
            known.filter(|(_, topic)| is_gone(&topic.name)).map(|(id, _)| *id).collect();
        let partitions: Vec<PartitionId> =
            gone.iter().flat_map(|id| states.begin_delete(*id)).collect();
        states.deleting.retain(|id, _| !gone.contains(id));
        self.record_states(states);
        self.append(step);
        partitions
    }

    fn record_states(&mut self, states: StateTopics) {
        if states != self.image.states {
            self.record(ShareEntry::States(Some(states)));
        }
    }
}

impl StateTopics {
    /// The share coordinators know a partition.
    fn initialized(&mut self, id: PartitionId, name: &Arc<str>) {
        let topic = self.initialized.entry(id.topic).or_default();
        topic.name = Arc::clone(name);
        topic.partitions.insert(id.index);
        if let Some(topic) = self.initializing.get_mut(&id.topic) {
            topic.partitions.remove(&id.index);
            if topic.partitions.is_empty() {
                self.initializing.remove(&id.topic);
            }
        }
    }

    /// The share coordinators will be told to forget a topic. Tells its partitions.
    fn begin_delete(&mut self, id: TopicId) -> Vec<PartitionId> {
        let topics = [self.initialized.remove(&id), self.initializing.remove(&id)];
        let mut partitions = Vec::new();
        for topic in topics.into_iter().flatten() {
            let ids = topic.partitions.iter().map(|index| PartitionId::new(id, *index));
            partitions.extend(ids);
            self.deleting.insert(id, topic.name);
        }
        partitions
    }
}
