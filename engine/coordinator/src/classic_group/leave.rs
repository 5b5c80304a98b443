//! Members leave a classic group by themselves, or an operator removes static ones by name.

use corelog_model::ErrorCode;

use super::join::refuse_waiting;
use super::member::Waiting;
use super::{ClassicGroup, State};
use crate::input::{LeaveGroup, LeavingMember};
use crate::output::{Left, Reply, Step};

impl ClassicGroup {
    /// Members leave, one by one.
    pub(crate) fn leave(&mut self, leave: LeaveGroup, step: &mut Step<'_>) {
        if matches!(self.state, State::Dead) {
            let reply = Reply::Leave(Err(ErrorCode::CoordinatorNotAvailable));
            return step.reply(leave.request, reply);
        }
        let mut left = Vec::with_capacity(leave.members.len());
        let members_before = self.members.len();
        for leaving in leave.members {
            let result = self.leave_one(&leaving, step);
            let LeavingMember { member_id, instance_id } = leaving;
            left.push(Left { member_id, instance_id, result });
        }
        step.reply(leave.request, Reply::Leave(Ok(left)));
        self.have_left(members_before, step);
    }

    fn leave_one(&mut self, leaving: &LeavingMember, step: &mut Step<'_>) -> Result<(), ErrorCode> {
        let instance_id = leaving.instance_id.as_deref();
        if instance_id.is_none() && self.pending.remove(&leaving.member_id).is_some() {
            return Ok(());
        }
        let by_name = instance_id.filter(|_| leaving.member_id.is_empty());
        let member_id = match by_name {
            Some(name) => self.instances.get(name).cloned().ok_or(ErrorCode::UnknownMemberId)?,
            None => leaving.member_id.clone(),
        };
        self.check_member(&member_id, instance_id)?;
        self.remove_member(&member_id, ErrorCode::UnknownMemberId, step);
        Ok(())
    }

    /// Goes on without members, or ids given out, that are gone.
    pub(super) fn have_left(&mut self, members_before: usize, step: &mut Step<'_>) {
        match self.state {
            State::Empty | State::Dead => {}
            State::Preparing(_) => self.complete_if_all_joined(step),
            // An id that nobody used is no reason for a rebalance.
            State::Completing(_) | State::Stable { .. } => {
                if self.members.len() < members_before {
                    self.rebalance(step);
                }
            }
        }
    }
}

impl ClassicGroup {
    /// This node no longer coordinates the group: every request that waits is answered.
    pub(crate) fn abandon(&mut self, code: ErrorCode, step: &mut Step<'_>) {
        for (member_id, member) in &mut self.members {
            let waiting = std::mem::replace(&mut member.waiting, Waiting::Nothing);
            refuse_waiting(waiting, member_id, code, step);
        }
        self.abandon_replacements(code, step);
    }
}
