//! Requests of members, each given to a group of its kind. A group becomes one of the other kind
//! when somebody joins who speaks the other protocol, and the policy lets its members stay or it
//! has none; the records of what it was end with the first records of what it is.

use corelog_model::ErrorCode;

use super::group::{Group, Members};
use super::pending::Pending;
use super::{Groups, refusal};
use crate::classic_group::ClassicGroup;
use crate::consumer_group::{ConsumerGroup, ConsumerGroupHeartbeat, GroupError, JOINS};
use crate::input::{Heartbeat, JoinGroup, LeaveGroup, Now, SyncGroup};
use crate::output::{Output, Reply, Step};

const INCONSISTENT: ErrorCode = ErrorCode::InconsistentGroupProtocol;
const UNKNOWN: ErrorCode = ErrorCode::UnknownMemberId;

impl Groups {
    /// A member of a consumer group speaks.
    pub(super) fn consumer_group_heartbeat(
        &mut self,
        now: Now,
        heartbeat: &ConsumerGroupHeartbeat,
    ) -> Vec<Output> {
        let mut outputs = match self.prepare_heartbeat(now, heartbeat) {
            Ok(outputs) => outputs,
            Err(error) => {
                let reply = Reply::ConsumerGroupHeartbeat(Err(error));
                return vec![Output::Reply { request: heartbeat.request, reply }];
            }
        };
        let act = |group: &mut Group, step: &mut Step<'_>| {
            if let Members::Consumer(consumer) = &mut group.members {
                consumer.heartbeat(heartbeat, step);
            }
        };
        outputs.extend(self.with(now, &heartbeat.group, act).1);
        outputs
    }

    /// Sees to it that there is a consumer group for a heartbeat.
    fn prepare_heartbeat(
        &mut self,
        now: Now,
        heartbeat: &ConsumerGroupHeartbeat,
    ) -> Result<Vec<Output>, GroupError> {
        heartbeat.check(&self.config.consumer)?;
        let id = &heartbeat.group;
        let not_found = GroupError::GroupNotFound { group: id.as_str().into() };
        match self.by_id.get_mut(id) {
            Some(Group { members: Members::Consumer(_), .. }) => Ok(Vec::new()),
            _ if heartbeat.epoch != JOINS => Err(not_found),
            Some(group) if group.is_dead() => Err(GroupError::Changing),
            Some(_) => self.upgrade(now, id),
            None => {
                let max = self.config.groups_max;
                self.check_room().map_err(|_| GroupError::TooManyGroups { max })?;
                let mut group = Group::new(id, now.wall);
                group.members = Members::Consumer(Box::new(ConsumerGroup::new(id, Vec::new())));
                self.by_id.insert(id.clone(), group);
                Ok(Vec::new())
            }
        }
    }

    /// Makes a classic group a consumer group: its members stay, if it has any that can be
    /// understood. Whatever they wait for, they have to ask for again.
    fn upgrade(&mut self, now: Now, id: &str) -> Result<Vec<Output>, GroupError> {
        let not_found = || GroupError::GroupNotFound { group: id.into() };
        let (config, topics) = (self.tuned.get(id).unwrap_or(&self.config), &*self.topics);
        let append_next = &mut self.append_next;
        let mut step = Step { now, config, topics, outputs: Vec::new(), append_next };
        let group = self.by_id.get_mut(id).ok_or_else(not_found)?;
        let endings = group.endings();
        let is_empty = group.is_empty();
        let Members::Classic(classic) = &mut group.members else { return Err(not_found()) };
        let mut migrants = Vec::new();
        if !is_empty {
            let may_stay = config.consumer.migration.upgrades();
            let understood = classic
                .emigrants(topics)
                .filter(|migrants| may_stay && migrants.len() <= config.consumer.members_max);
            migrants = understood.ok_or_else(not_found)?;
        }
        classic.abandon(ErrorCode::RebalanceInProgress, &mut step);
        let generation = classic.generation();
        let mut consumer = ConsumerGroup::new(id, endings);
        if !migrants.is_empty() {
            consumer.immigrate(generation, migrants, &step);
        }
        group.members = Members::Consumer(Box::new(consumer));
        Ok(step.outputs)
    }

    /// Sees to it that there is a group which one may join that speaks the classic protocol.
    pub(super) fn prepare_join(
        &mut self,
        now: Now,
        join: &JoinGroup,
    ) -> Result<Vec<Output>, ErrorCode> {
        let id = &join.group;
        let group = self.by_id.entry(id.clone()).or_insert_with(|| Group::new(id, now.wall));
        let consumer = match &group.members {
            Members::Classic(_) => return Ok(Vec::new()),
            Members::Consumer(consumer) => consumer,
            // One stays what it is for as long as it exists.
            Members::Share(_) => return Err(INCONSISTENT),
        };
        if consumer.is_dead() {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        if !consumer.is_over() {
            return Ok(Vec::new());
        }
        if !join.member_id.is_empty() {
            return Err(ErrorCode::UnknownMemberId);
        }
        if join.protocol_type.is_empty() || join.protocols.is_empty() {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        // Somebody may wait for what the group was.
        if consumer.is_appending() {
            return Err(ErrorCode::CoordinatorLoadInProgress);
        }
        let endings = group.endings();
        group.members = Members::Classic(Box::new(ClassicGroup::new(id.clone(), now.wall)));
        if endings.is_empty() {
            return Ok(Vec::new());
        }
        group.in_flight += 1;
        let mut step = self.begin(now);
        let append = step.append(endings);
        let outputs = step.outputs;
        self.pending.insert(append, Pending::Ending { group: id.clone() });
        Ok(outputs)
    }
}

impl Group {
    /// A member joins by the classic protocol.
    pub(super) fn join(&mut self, join: JoinGroup, step: &mut Step<'_>) {
        match &mut self.members {
            Members::Classic(classic) => classic.join(join, step),
            Members::Consumer(consumer) => consumer.classic_join(&join, step),
            // A group is made ready for who joins it.
            Members::Share(_) => step.outputs.extend(refusal(join.into(), INCONSISTENT)),
        }
    }

    /// A member that speaks the classic protocol wants its assignment.
    pub(super) fn sync(&mut self, sync: SyncGroup, step: &mut Step<'_>) {
        match &mut self.members {
            Members::Classic(classic) => classic.sync(sync, step),
            Members::Consumer(consumer) => consumer.classic_sync(&sync, step),
            Members::Share(_) => step.outputs.extend(refusal(sync.into(), UNKNOWN)),
        }
    }

    /// A member that speaks the classic protocol is alive.
    pub(super) fn heartbeat(&mut self, heartbeat: &Heartbeat, step: &mut Step<'_>) {
        match &mut self.members {
            Members::Classic(classic) => classic.heartbeat(heartbeat, step),
            Members::Consumer(consumer) => consumer.classic_heartbeat(heartbeat, step),
            Members::Share(_) => {
                step.outputs.extend(refusal(heartbeat.clone().into(), UNKNOWN));
            }
        }
    }

    /// Members that speak the classic protocol leave.
    pub(super) fn leave(&mut self, leave: LeaveGroup, step: &mut Step<'_>) {
        match &mut self.members {
            Members::Classic(classic) => classic.leave(leave, step),
            Members::Consumer(consumer) => consumer.classic_leave(leave, step),
            Members::Share(_) => step.outputs.extend(refusal(leave.into(), UNKNOWN)),
        }
    }
}
