//! What a heartbeat does to a share group: who may speak, who joins and leaves, and what each
//! member reads.

use std::sync::Arc;

use corelog_model::{PartitionIndex, TopicId};

use super::{ShareGroup, ShareGroupHeartbeat};
use crate::consumer_group::{GroupError, HeartbeatReply, JOINS, LEAVES};
use crate::output::Step;
use crate::records::{ShareCurrent, ShareEntry, ShareMember, StateTopic};

impl ShareGroup {
    /// Carries out a heartbeat. A refusal changes nothing.
    pub(super) fn beat(
        &mut self,
        heartbeat: &ShareGroupHeartbeat,
        step: &Step<'_>,
    ) -> Result<HeartbeatReply, GroupError> {
        heartbeat.check()?;
        let id = &heartbeat.member;
        self.admit(heartbeat, step)?;
        let config = &step.config.share;
        if heartbeat.epoch == LEAVES {
            self.remove(&[id.clone()].into(), step);
            return Ok(HeartbeatReply {
                member: id.clone(),
                epoch: LEAVES,
                heartbeat_interval: config.heartbeat_interval,
                assignment: None,
            });
        }
        let has_other_topics = self.update(heartbeat);
        if has_other_topics || self.has_metadata_changed(step) {
            self.bump(step);
        }
        self.note_uninitialized(step);
        self.retarget(step);
        let epoch_before = self.image.members[id].current.epoch;
        let has_other_partitions = self.follow(heartbeat);
        self.sessions.set(id, step.now.clock + config.session_timeout);
        let current = &self.image.members[id].current;
        // Who names an old epoch has not got the last answer.
        let is_told = heartbeat.epoch == JOINS
            || heartbeat.epoch < epoch_before
            || heartbeat.topic_names.is_some()
            || has_other_partitions;
        Ok(HeartbeatReply {
            member: id.clone(),
            epoch: current.epoch,
            heartbeat_interval: config.heartbeat_interval,
            assignment: is_told.then(|| current.assigned.clone()),
        })
    }

    /// Whether the member may speak as it does.
    fn admit(&self, heartbeat: &ShareGroupHeartbeat, step: &Step<'_>) -> Result<(), GroupError> {
        let member = &heartbeat.member;
        let joins = heartbeat.epoch == JOINS;
        if !joins && self.image.metadata.is_none() {
            return Err(GroupError::GroupNotFound { group: Arc::clone(&self.id) });
        }
        let max = step.config.share.members_max;
        match self.image.members.get(member) {
            Some(_) if joins || heartbeat.epoch == LEAVES => Ok(()),
            Some(known) => {
                let ShareCurrent { epoch: expected, previous_epoch, .. } = known.current;
                let epoch = heartbeat.epoch;
                if epoch == expected || epoch == previous_epoch {
                    return Ok(());
                }
                Err(GroupError::FencedEpoch { member: member.clone(), epoch, expected })
            }
            None if joins && self.image.members.len() >= max => Err(GroupError::Full { max }),
            None if joins => Ok(()),
            None => Err(GroupError::UnknownMember { member: member.clone() }),
        }
    }

    /// Notes what the member says about itself. Whether it wants other topics.
    fn update(&mut self, heartbeat: &ShareGroupHeartbeat) -> bool {
        let unknown = ShareMember::default();
        let known = self.image.members.get(&heartbeat.member);
        let is_new = known.is_none();
        let known = known.map_or(&unknown, |member| &member.metadata);
        let metadata = heartbeat.update(known);
        if metadata == *known && !is_new {
            return false;
        }
        let has_other_topics = is_new || metadata.topic_names != known.topic_names;
        self.record(ShareEntry::Member(heartbeat.member.clone(), Some(metadata)));
        has_other_topics
    }

    /// Notes which partitions of the topics of members the share coordinators have to be told of.
    fn note_uninitialized(&mut self, step: &Step<'_>) {
        let states = &self.image.states;
        let mut next = None;
        for name in self.image.topic_names() {
            let Some(id) = step.topics.id(name) else { continue };
            let Some(topic) = step.topics.topic(id) else { continue };
            let knows = |index: &PartitionIndex| {
                let is_in = |topics: &std::collections::BTreeMap<TopicId, StateTopic>| {
                    topics.get(&id).is_some_and(|topic| topic.partitions.contains(index))
                };
                is_in(&states.initialized) || is_in(&states.initializing)
            };
            let missing: Vec<PartitionIndex> = (0..topic.partition_count)
                .map(PartitionIndex)
                .filter(|index| !knows(index))
                .collect();
            if missing.is_empty() {
                continue;
            }
            let next = next.get_or_insert_with(|| states.clone());
            // It is wanted again before it was forgotten.
            next.deleting.remove(&id);
            let topic = next.initializing.entry(id).or_default();
            topic.name = Arc::clone(name);
            topic.partitions.extend(missing);
        }
        if let Some(next) = next {
            self.record(ShareEntry::States(Some(next)));
        }
    }

    /// Gives the member the target of the group. Whether it reads other partitions then.
    fn follow(&mut self, heartbeat: &ShareGroupHeartbeat) -> bool {
        let member = &self.image.members[&heartbeat.member];
        let epoch = self.image.target.epoch;
        let has_other_partitions = member.current.assigned != member.target;
        if member.current.epoch != epoch || has_other_partitions {
            let current = ShareCurrent {
                epoch,
                previous_epoch: member.current.epoch,
                assigned: member.target.clone(),
            };
            self.record(ShareEntry::Current(heartbeat.member.clone(), Some(current)));
        }
        has_other_partitions
    }
}
