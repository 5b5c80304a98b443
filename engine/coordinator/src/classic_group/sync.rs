//! How members get their assignments: the leader brings all of them, and nobody is told one before
//! the generation is stored. Also heartbeats.

use std::collections::BTreeMap;

use corelog_model::ErrorCode;

use super::join::refuse_waiting;
use super::member::Waiting;
use super::{Assigned, ClassicGroup, State};
use crate::input::{AppendId, Heartbeat, MemberAssignment, SyncGroup};
use crate::output::{Reply, Step, Synced};

impl ClassicGroup {
    /// A member wants its assignment.
    pub(crate) fn sync(&mut self, sync: SyncGroup, step: &mut Step<'_>) {
        if let Err(code) = self.check_sync(&sync) {
            return step.reply(sync.request, Reply::Sync(Err(code)));
        }
        let member = self.members.get_mut(&sync.member_id).expect("it was checked to be a member");
        member.has_synced = true;
        member.touch(step.now.clock);
        if matches!(self.state, State::Stable { .. }) {
            let synced = self.synced(&sync.member_id);
            return step.reply(sync.request, Reply::Sync(Ok(synced)));
        }
        let superseded = std::mem::replace(&mut member.waiting, Waiting::Sync(sync.request));
        refuse_waiting(superseded, &sync.member_id, ErrorCode::RebalanceInProgress, step);
        if self.is_leader(&sync.member_id) {
            self.assign(sync.assignments, step);
        }
    }

    fn check_sync(&self, sync: &SyncGroup) -> Result<(), ErrorCode> {
        if matches!(self.state, State::Dead) {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        self.check_member(&sync.member_id, sync.instance_id.as_deref())?;
        self.check_generation(sync.generation)?;
        let differs = |said: &Option<String>, is: &Option<String>| said.is_some() && said != is;
        if differs(&sync.protocol_type, &self.protocol_type)
            || differs(&sync.protocol, &self.protocol)
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        match self.state {
            State::Completing(_) | State::Stable { .. } => Ok(()),
            State::Preparing(_) => Err(ErrorCode::RebalanceInProgress),
            State::Empty | State::Dead => Err(ErrorCode::UnknownMemberId),
        }
    }

    /// The leader has assigned: the generation is stored. What it says later does not count.
    fn assign(&mut self, given: Vec<MemberAssignment>, step: &mut Step<'_>) {
        let State::Completing(completing) = &self.state else { return };
        if completing.assigned.is_some() {
            return;
        }
        let given = given.into_iter().map(|given| (given.member_id, given.assignment));
        let mut given: BTreeMap<String, Vec<u8>> = given.collect();
        // Members that the leader left out get nothing, strangers are left out.
        given.retain(|member_id, _| self.members.contains_key(member_id));
        let assignment = |member_id: &str| given.get(member_id).cloned().unwrap_or_default();
        let since = step.now.wall;
        let record = self.record(since, |member_id, _| assignment(member_id));
        self.is_stored = true;
        let append = step.append(vec![record]);
        if let State::Completing(completing) = &mut self.state {
            completing.assigned = Some(Assigned { append, since, assignments: given });
        }
    }

    /// Records of the group are durable.
    pub(crate) fn appended(&mut self, append: AppendId, step: &mut Step<'_>) {
        let sync_until = match &self.state {
            State::Completing(completing)
                if completing.assigned.as_ref().is_some_and(|one| one.append == append) =>
            {
                completing.sync_until
            }
            _ => return self.replacement_is_stored(append, step),
        };
        let stable = State::Stable { sync_until };
        let State::Completing(completing) = std::mem::replace(&mut self.state, stable) else {
            return;
        };
        let Some(mut assigned) = completing.assigned else { return };
        self.since = assigned.since;
        for (member_id, member) in &mut self.members {
            member.assignment = assigned.assignments.remove(member_id).unwrap_or_default();
        }
        self.answer_syncs(step);
    }

    /// Records of the group are not in the log.
    pub(crate) fn append_failed(&mut self, append: AppendId, code: ErrorCode, step: &mut Step<'_>) {
        match &self.state {
            State::Completing(completing)
                if completing.assigned.as_ref().is_some_and(|one| one.append == append) =>
            {
                self.refuse_syncs(code, step);
                self.rebalance(step);
            }
            _ => self.replacement_has_failed(append, code, step),
        }
    }

    fn answer_syncs(&mut self, step: &mut Step<'_>) {
        let waiting = self.members.iter_mut().filter_map(|(member_id, member)| {
            let Waiting::Sync(request) = member.waiting else { return None };
            member.waiting = Waiting::Nothing;
            member.touch(step.now.clock);
            Some((member_id.clone(), request))
        });
        let waiting: Vec<_> = waiting.collect();
        for (member_id, request) in waiting {
            let synced = self.synced(&member_id);
            step.reply(request, Reply::Sync(Ok(synced)));
        }
    }

    fn synced(&self, member_id: &str) -> Synced {
        Synced {
            protocol_type: self.protocol_type().to_owned(),
            protocol: self.protocol.clone().unwrap_or_default(),
            assignment: self.members[member_id].assignment.clone(),
        }
    }

    /// A member is alive.
    pub(crate) fn heartbeat(&mut self, heartbeat: &Heartbeat, step: &mut Step<'_>) {
        let result = self.beat(heartbeat, step);
        step.reply(heartbeat.request, Reply::Heartbeat(result));
    }

    fn beat(&mut self, heartbeat: &Heartbeat, step: &Step<'_>) -> Result<(), ErrorCode> {
        if matches!(self.state, State::Dead) {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        self.check_member(&heartbeat.member_id, heartbeat.instance_id.as_deref())?;
        self.check_generation(heartbeat.generation)?;
        let member = self.members.get_mut(&heartbeat.member_id);
        let member = member.expect("it was checked to be a member");
        if !member.is_new {
            member.touch(step.now.clock);
        }
        match self.state {
            State::Preparing(_) => Err(ErrorCode::RebalanceInProgress),
            // The leader may take its time to assign.
            State::Completing(_) | State::Stable { .. } => Ok(()),
            State::Empty | State::Dead => Err(ErrorCode::UnknownMemberId),
        }
    }
}
