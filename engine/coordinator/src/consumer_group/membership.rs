//! What a heartbeat does to its group: who may speak, who joins, comes back or leaves, and how far
//! the member then is on the way to its target.

use std::sync::Arc;
use std::time::Duration;

use super::heartbeat::{JOINS, LEAVES, LEAVES_FOR_A_WHILE};
use super::image::Member;
use super::reconciliation::{Goal, advance};
use super::{
    ConsumerGroup, ConsumerGroupConfig, ConsumerGroupHeartbeat, GroupError, GroupImage,
    HeartbeatReply, MemberId, Partitions,
};
use crate::output::Step;
use crate::records::{CurrentAssignment, Entry, MemberMetadata, MemberState, OwnedPartitions};

/// In which way a member that speaks belongs to the group.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Admission {
    /// It joins.
    New,
    /// It is in the group, and joins because it has lost or given up everything.
    Returns,
    /// It is in the group.
    Known,
    /// It joins in place of a static member that has left for a while.
    Replaces(MemberId),
}

impl Member {
    /// How long it may take to give up partitions.
    pub(super) fn rebalance_timeout(&self, otherwise: Duration) -> Duration {
        let said = u64::try_from(self.metadata.rebalance_timeout_ms);
        said.map_or(otherwise, Duration::from_millis)
    }
}

impl ConsumerGroup {
    /// Carries out a heartbeat. A refusal changes nothing.
    pub(super) fn beat(
        &mut self,
        heartbeat: &ConsumerGroupHeartbeat,
        step: &Step<'_>,
    ) -> Result<HeartbeatReply, GroupError> {
        heartbeat.check(&step.config.consumer)?;
        match heartbeat.epoch {
            LEAVES => self.leave(heartbeat, step),
            LEAVES_FOR_A_WHILE => self.leave_for_a_while(heartbeat, step),
            _ => self.stay(heartbeat, step),
        }
    }

    fn stay(
        &mut self,
        heartbeat: &ConsumerGroupHeartbeat,
        step: &Step<'_>,
    ) -> Result<HeartbeatReply, GroupError> {
        let id = &heartbeat.member;
        let config = &step.config.consumer;
        let mut must_bump = false;
        match self.admit(heartbeat, config)? {
            Admission::New => must_bump = true,
            Admission::Replaces(old) => {
                // A member that was in the group under another name leaves its target behind.
                must_bump = self.image.members.contains_key(id);
                self.replace(&old, id);
            }
            Admission::Returns | Admission::Known => {}
        }
        must_bump |= self.update(heartbeat);
        must_bump |= self.search(id, heartbeat.visible_topics.as_deref(), step);
        if must_bump || self.has_metadata_changed(step) {
            self.bump(step);
        }
        self.retarget(step);
        let epoch_before = self.image.members[id].current.epoch;
        let has_other_partitions =
            self.reconcile(id, heartbeat.epoch == JOINS, heartbeat.owned.as_ref(), step);
        self.sessions.set(id, step.now.clock + config.session_timeout);
        self.rejoins.clear(id);
        let current = &self.image.members[id].current;
        // Who names an old epoch has not got the last answer.
        let is_told = heartbeat.epoch == JOINS
            || heartbeat.epoch < epoch_before
            || heartbeat.is_full()
            || has_other_partitions;
        Ok(HeartbeatReply {
            member: id.clone(),
            epoch: current.epoch,
            heartbeat_interval: config.heartbeat_interval,
            assignment: is_told.then(|| current.assigned.keys().copied().collect()),
        })
    }

    /// Takes the member's place in the group, or says why it has none.
    fn admit(
        &self,
        heartbeat: &ConsumerGroupHeartbeat,
        config: &ConsumerGroupConfig,
    ) -> Result<Admission, GroupError> {
        let member = &heartbeat.member;
        let joins = heartbeat.epoch == JOINS;
        if !joins && self.image.metadata.is_none() {
            return Err(GroupError::GroupNotFound { group: Arc::clone(&self.id) });
        }
        if let Some(instance_id) = &heartbeat.instance_id
            && let Some((owner, known)) = self.image.instance(instance_id)
            && owner != member
        {
            let instance_id = Arc::clone(instance_id);
            return match (joins, known.current.epoch == LEAVES_FOR_A_WHILE) {
                (true, true) => Ok(Admission::Replaces(owner.clone())),
                // Static members of the classic protocol do not leave, and so cannot release it.
                (true, false) if known.metadata.classic.is_some() => {
                    Ok(Admission::Replaces(owner.clone()))
                }
                (true, false) => {
                    Err(GroupError::UnreleasedInstance { instance_id, owner: owner.clone() })
                }
                (false, _) => Err(GroupError::FencedInstance { instance_id }),
            };
        }
        match self.image.members.get(member) {
            Some(_) if joins => Ok(Admission::Returns),
            Some(_) if is_of_unknown_instance(heartbeat, &self.image) => {
                Err(GroupError::UnknownMember { member: member.clone() })
            }
            Some(known) => check_epoch(heartbeat, &known.current).map(|()| Admission::Known),
            None if joins && self.image.members.len() >= config.members_max => {
                Err(GroupError::Full { max: config.members_max })
            }
            None if joins => Ok(Admission::New),
            None => Err(GroupError::UnknownMember { member: member.clone() }),
        }
    }

    /// Gives everything that a static member had to the member that comes back in its place. The
    /// partitions were kept for it, and nobody else has them.
    pub(super) fn replace(&mut self, old: &MemberId, new: &MemberId) {
        let Member { metadata, current, target } = self.image.members[old].clone();
        self.record(Entry::Current(old.clone(), None));
        self.record(Entry::MemberTarget(old.clone(), None));
        self.record(Entry::Member(old.clone(), None));
        self.sessions.clear(old);
        self.revocations.clear(old);
        self.rejoins.clear(old);
        let current = CurrentAssignment {
            epoch: JOINS,
            previous_epoch: JOINS,
            state: MemberState::Stable,
            assigned: current.assigned,
            revoking: OwnedPartitions::new(),
        };
        self.record(Entry::Member(new.clone(), Some(metadata)));
        self.record(Entry::MemberTarget(new.clone(), Some(target)));
        self.record(Entry::Current(new.clone(), Some(current)));
    }

    /// Notes what the member says about itself. Whether that is another subscription.
    fn update(&mut self, heartbeat: &ConsumerGroupHeartbeat) -> bool {
        let unknown = MemberMetadata::default();
        let known = self.image.members.get(&heartbeat.member);
        let known = known.map_or(&unknown, |member| &member.metadata);
        let metadata = heartbeat.update(known);
        metadata.is_some_and(|metadata| self.note(&heartbeat.member, metadata))
    }

    /// Notes what is known about a member, new or not. Whether that is another subscription.
    pub(super) fn note(&mut self, id: &MemberId, metadata: MemberMetadata) -> bool {
        let unknown = MemberMetadata::default();
        let known = self.image.members.get(id).map_or(&unknown, |member| &member.metadata);
        if *known == metadata {
            return false;
        }
        let has_other_expression = known.topic_regex != metadata.topic_regex;
        let has_other_names = known.topic_names != metadata.topic_names;
        self.record(Entry::Member(id.clone(), Some(metadata)));
        if has_other_expression {
            self.forget_unused_expressions();
        }
        has_other_expression || has_other_names
    }

    /// Takes the member a step further to its target. Whether it owns other partitions then.
    /// One that `starts_over` has given up everything but what was kept for it.
    pub(super) fn reconcile(
        &mut self,
        id: &MemberId,
        starts_over: bool,
        reported: Option<&Partitions>,
        step: &Step<'_>,
    ) -> bool {
        let member = &self.image.members[id];
        let goal = Goal { epoch: self.image.target.epoch, target: &member.target, reported };
        let owner = |partition| self.image.owner(partition);
        let next = if starts_over {
            let current = CurrentAssignment { epoch: JOINS, ..member.current.clone() };
            advance(id, &current, goal, owner)
        } else {
            advance(id, &member.current, goal, owner)
        };
        // One that joins again may be where it was.
        let Some(next) = next.filter(|next| *next != member.current) else { return false };
        if next.state == MemberState::UnrevokedPartitions {
            let timeout = member.rebalance_timeout(step.config.consumer.session_timeout);
            self.revocations.set(id, step.now.clock + timeout);
        } else {
            self.revocations.clear(id);
        }
        let has_other_partitions = !next.assigned.keys().eq(member.current.assigned.keys());
        self.record(Entry::Current(id.clone(), Some(next)));
        has_other_partitions
    }

    fn leave(
        &mut self,
        heartbeat: &ConsumerGroupHeartbeat,
        step: &Step<'_>,
    ) -> Result<HeartbeatReply, GroupError> {
        self.find_leaver(heartbeat)?;
        self.remove(&[heartbeat.member.clone()].into(), step);
        Ok(farewell(heartbeat, step))
    }

    /// The partitions of a static member are kept for it until its session ends.
    fn leave_for_a_while(
        &mut self,
        heartbeat: &ConsumerGroupHeartbeat,
        step: &Step<'_>,
    ) -> Result<HeartbeatReply, GroupError> {
        let current = &self.find_leaver(heartbeat)?.current;
        if current.epoch != LEAVES_FOR_A_WHILE {
            let left = CurrentAssignment {
                epoch: LEAVES_FOR_A_WHILE,
                previous_epoch: current.epoch,
                state: MemberState::Stable,
                assigned: current.assigned.clone(),
                revoking: OwnedPartitions::new(),
            };
            self.record(Entry::Current(heartbeat.member.clone(), Some(left)));
            self.revocations.clear(&heartbeat.member);
            let until = step.now.clock + step.config.consumer.session_timeout;
            self.sessions.set(&heartbeat.member, until);
        }
        Ok(farewell(heartbeat, step))
    }

    fn find_leaver(&self, heartbeat: &ConsumerGroupHeartbeat) -> Result<&Member, GroupError> {
        if self.image.metadata.is_none() {
            return Err(GroupError::GroupNotFound { group: Arc::clone(&self.id) });
        }
        let unknown = || GroupError::UnknownMember { member: heartbeat.member.clone() };
        if let Some(instance_id) = &heartbeat.instance_id {
            let (owner, _) = self.image.instance(instance_id).ok_or_else(unknown)?;
            if *owner != heartbeat.member {
                return Err(GroupError::FencedInstance { instance_id: Arc::clone(instance_id) });
            }
        }
        self.image.members.get(&heartbeat.member).ok_or_else(unknown)
    }
}

/// The answer to one that leaves.
fn farewell(heartbeat: &ConsumerGroupHeartbeat, step: &Step<'_>) -> HeartbeatReply {
    HeartbeatReply {
        member: heartbeat.member.clone(),
        epoch: heartbeat.epoch,
        heartbeat_interval: step.config.consumer.heartbeat_interval,
        assignment: None,
    }
}

/// Whether the member speaks for an instance that the group does not know.
fn is_of_unknown_instance(heartbeat: &ConsumerGroupHeartbeat, image: &GroupImage) -> bool {
    heartbeat.instance_id.as_ref().is_some_and(|id| image.instance(id).is_none())
}

/// A member that did not get the last answer names the epoch before; that is fine as long as it
/// owns nothing that it should not.
fn check_epoch(
    heartbeat: &ConsumerGroupHeartbeat,
    current: &CurrentAssignment,
) -> Result<(), GroupError> {
    let epoch = heartbeat.epoch;
    let owns_no_more = heartbeat.owned.as_ref().is_some_and(|owned| {
        owned.iter().all(|partition| current.assigned.contains_key(partition))
    });
    let missed_the_answer = epoch == current.previous_epoch && owns_no_more;
    if epoch == current.epoch || (epoch < current.epoch && missed_the_answer) {
        return Ok(());
    }
    let (member, expected) = (heartbeat.member.clone(), current.epoch);
    Err(GroupError::FencedEpoch { member, epoch, expected })
}
