//! Requests of members, each given to a group of its kind. A group without members becomes one of
//! the other kind when somebody joins who speaks the other protocol; the records of what it was end
//! with the first records of what it is.

use corelog_model::ErrorCode;

use super::group::{Group, Members};
use super::pending::Pending;
use super::{Groups, refusal};
use crate::classic_group::ClassicGroup;
use crate::consumer_group::{ConsumerGroup, ConsumerGroupHeartbeat, GroupError, JOINS};
use crate::input::{Heartbeat, Input, JoinGroup, LeaveGroup, Now, SyncGroup};
use crate::output::{Output, Reply, Step};

impl Groups {
    /// A member of a consumer group speaks.
    pub(super) fn consumer_group_heartbeat(
        &mut self,
        now: Now,
        heartbeat: &ConsumerGroupHeartbeat,
    ) -> Vec<Output> {
        if let Err(error) = self.prepare_heartbeat(now, heartbeat) {
            let (request, reply) = (heartbeat.request, Reply::ConsumerGroupHeartbeat(Err(error)));
            return vec![Output::Reply { request, reply }];
        }
        let act = |group: &mut Group, step: &mut Step<'_>| {
            if let Members::Consumer(consumer) = &mut group.members {
                consumer.heartbeat(heartbeat, step);
            }
        };
        self.with(now, &heartbeat.group, act).1
    }

    /// Sees to it that there is a consumer group for a heartbeat.
    fn prepare_heartbeat(
        &mut self,
        now: Now,
        heartbeat: &ConsumerGroupHeartbeat,
    ) -> Result<(), GroupError> {
        heartbeat.check(&self.config.consumer)?;
        let id = &heartbeat.group;
        let not_found = GroupError::GroupNotFound { group: id.as_str().into() };
        match self.by_id.get_mut(id) {
            Some(Group { members: Members::Consumer(_), .. }) => Ok(()),
            _ if heartbeat.epoch != JOINS => Err(not_found),
            Some(group) if group.is_dead() => Err(GroupError::Changing),
            Some(group) if !group.is_empty() => Err(not_found),
            // Somebody may wait for what the group was.
            Some(group) if group.in_flight > 0 => Err(GroupError::Changing),
            Some(group) => {
                let consumer = ConsumerGroup::new(id, group.endings());
                group.members = Members::Consumer(Box::new(consumer));
                Ok(())
            }
            None => {
                let max = self.config.groups_max;
                self.check_room().map_err(|_| GroupError::TooManyGroups { max })?;
                let mut group = Group::new(id, now.wall);
                group.members = Members::Consumer(Box::new(ConsumerGroup::new(id, Vec::new())));
                self.by_id.insert(id.clone(), group);
                Ok(())
            }
        }
    }

    /// Sees to it that there is a group which one may join that speaks the classic protocol.
    pub(super) fn prepare_join(
        &mut self,
        now: Now,
        join: &JoinGroup,
    ) -> Result<Vec<Output>, ErrorCode> {
        let id = &join.group;
        let group = self.by_id.entry(id.clone()).or_insert_with(|| Group::new(id, now.wall));
        let Members::Consumer(consumer) = &group.members else { return Ok(Vec::new()) };
        if consumer.is_dead() {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        if !consumer.is_over() {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        if !join.member_id.is_empty() {
            return Err(ErrorCode::UnknownMemberId);
        }
        if join.protocol_type.is_empty() || join.protocols.is_empty() {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        // Somebody may wait for what the group was.
        if group.in_flight > 0 {
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
    /// A member of a classic group joins.
    pub(super) fn join(&mut self, join: JoinGroup, step: &mut Step<'_>) {
        match &mut self.members {
            Members::Classic(classic) => classic.join(join, step),
            Members::Consumer(_) => {
                refuse(Input::Join(join), ErrorCode::InconsistentGroupProtocol, step);
            }
        }
    }

    /// A member of a classic group wants its assignment.
    pub(super) fn sync(&mut self, sync: SyncGroup, step: &mut Step<'_>) {
        match &mut self.members {
            Members::Classic(classic) => classic.sync(sync, step),
            Members::Consumer(_) => refuse(Input::Sync(sync), ErrorCode::UnknownMemberId, step),
        }
    }

    /// A member of a classic group is alive.
    pub(super) fn heartbeat(&mut self, heartbeat: Heartbeat, step: &mut Step<'_>) {
        match &mut self.members {
            Members::Classic(classic) => classic.heartbeat(&heartbeat, step),
            Members::Consumer(_) => {
                refuse(Input::Heartbeat(heartbeat), ErrorCode::UnknownMemberId, step);
            }
        }
    }

    /// Members of a classic group leave.
    pub(super) fn leave(&mut self, leave: LeaveGroup, step: &mut Step<'_>) {
        match &mut self.members {
            Members::Classic(classic) => classic.leave(leave, step),
            Members::Consumer(_) => refuse(Input::Leave(leave), ErrorCode::UnknownMemberId, step),
        }
    }
}

fn refuse(request: Input, code: ErrorCode, step: &mut Step<'_>) {
    step.outputs.extend(refusal(request, code));
}
