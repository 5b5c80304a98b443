//! Requests of share groups, each given to a group of that kind. A group without members and
//! offsets becomes one when a member of a share group joins; one with either does not.

use corelog_model::{ErrorCode, PartitionId, TopicName};

use super::Groups;
use super::group::{Group, Members};
use crate::consumer_group::{GroupError, JOINS};
use crate::input::Now;
use crate::output::{Output, Reply, Step};
use crate::share_group::{ShareGroup, ShareGroupHeartbeat, ShareStatesCall};

impl Groups {
    /// A member of a share group speaks.
    pub(super) fn share_group_heartbeat(
        &mut self,
        now: Now,
        heartbeat: &ShareGroupHeartbeat,
    ) -> Vec<Output> {
        if let Err(error) = self.prepare_share_heartbeat(now, heartbeat) {
            let reply = Reply::ShareGroupHeartbeat(Err(error));
            return vec![Output::Reply { request: heartbeat.request, reply }];
        }
        self.at_share(now, &heartbeat.group, |share, step| share.heartbeat(heartbeat, step))
    }

    /// Sees to it that there is a share group for a heartbeat.
    fn prepare_share_heartbeat(
        &mut self,
        now: Now,
        heartbeat: &ShareGroupHeartbeat,
    ) -> Result<(), GroupError> {
        heartbeat.check()?;
        let id = &heartbeat.group;
        let not_found = GroupError::GroupNotFound { group: id.as_str().into() };
        match self.by_id.get_mut(id) {
            Some(Group { members: Members::Share(_), .. }) => Ok(()),
            _ if heartbeat.epoch != JOINS => Err(not_found),
            Some(group) if group.is_dead() => Err(GroupError::Changing),
            Some(group) if group.classic().is_some() && group.is_over() && group.in_flight == 0 => {
                if !group.offsets.is_empty() {
                    return Err(not_found);
                }
                let share = ShareGroup::new(id, group.endings());
                group.members = Members::Share(Box::new(share));
                Ok(())
            }
            Some(_) => Err(not_found),
            None => {
                let max = self.config.groups_max;
                self.check_room().map_err(|_| GroupError::TooManyGroups { max })?;
                let mut group = Group::new(id, now.wall);
                group.members = Members::Share(Box::new(ShareGroup::new(id, Vec::new())));
                self.by_id.insert(id.clone(), group);
                Ok(())
            }
        }
    }

    /// What the share coordinators know of a group is changed.
    pub(super) fn change_share_states(&mut self, now: Now, call: &ShareStatesCall) -> Vec<Output> {
        if self.by_id.get(&call.group).and_then(Group::share).is_none() {
            let reply = Reply::ShareStates(Err(ErrorCode::GroupIdNotFound));
            return vec![Output::Reply { request: call.request, reply }];
        }
        self.at_share(now, &call.group, |share, step| share.change_states(call, step))
    }

    /// The share coordinators were told of partitions of a group.
    pub(super) fn states_initialized(
        &mut self,
        now: Now,
        group: &str,
        done: &[PartitionId],
    ) -> Vec<Output> {
        let pause = self.config.share.initialization_pause;
        self.at_share(now, group, |share, step| share.states_initialized(done, pause, step))
    }

    /// Topics are no more, and neither is what the share coordinators know of them.
    pub(super) fn forget_share_topics(&mut self, now: Now, topics: &[TopicName]) -> Vec<Output> {
        let groups = self.by_id.iter().filter(|(_, group)| group.share().is_some());
        let groups: Vec<String> = groups.map(|(id, _)| id.clone()).collect();
        let is_gone = |name: &str| topics.iter().any(|topic| topic.as_str() == name);
        let mut outputs = Vec::new();
        for group in groups {
            outputs.extend(self.at_share(now, &group, |share, step| {
                let partitions = share.forget_topics(is_gone, step);
                if !partitions.is_empty() {
                    let group = group.clone();
                    step.outputs.push(Output::DeleteStates { group, partitions });
                }
            }));
        }
        outputs
    }

    fn at_share(
        &mut self,
        now: Now,
        id: &str,
        act: impl FnOnce(&mut ShareGroup, &mut Step<'_>),
    ) -> Vec<Output> {
        if self.by_id.get(id).and_then(Group::share).is_none() {
            return Vec::new();
        }
        let act = |group: &mut Group, step: &mut Step<'_>| {
            if let Members::Share(share) = &mut group.members {
                act(share, step);
            }
        };
        self.with(now, id, act).1
    }
}
