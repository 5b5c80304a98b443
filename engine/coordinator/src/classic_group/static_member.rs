//! A static member comes back without its id: it takes its old place under a new id, and who had
//! the old id is fenced (KIP-345). In a stable group nothing else changes (KIP-814).

use corelog_model::ErrorCode;

use super::join::refuse_waiting;
use super::member::{Member, Waiting};
use super::{ClassicGroup, State};
use crate::input::{AppendId, JoinGroup, RequestId};
use crate::output::{JoinRefusal, Joined, Reply, Step};

/// A member in the place of another, until it is stored.
#[derive(Debug)]
pub(super) struct Replacement {
    request: RequestId,
    joined: Joined,
    instance_id: String,
    old_id: String,
    old: Member,
}

impl ClassicGroup {
    /// Puts one that joins in the place of the static member of its name.
    pub(super) fn replace_static(&mut self, old_id: String, join: JoinGroup, step: &mut Step<'_>) {
        let mut old = self.members.remove(&old_id).expect("a static name leads to a member");
        let waiting = std::mem::replace(&mut old.waiting, Waiting::Nothing);
        refuse_waiting(waiting, &old_id, ErrorCode::FencedInstanceId, step);
        let leader_before = self.leader.clone();
        let new_id = join.new_member_id.clone();
        let instance_id = join.instance_id.clone().expect("only static members are replaced");
        self.rename(&instance_id, &old_id, &new_id);

        let (request, can_skip_assignment) = (join.request, join.can_skip_assignment);
        let expires_at = step.now.clock + step.config.new_member_timeout;
        let mut member = Member::joining(join, expires_at);
        member.is_new = old.is_new;
        member.assignment.clone_from(&old.assignment);
        self.members.insert(new_id.clone(), member);
        let keeps_protocol = self.protocol.as_deref() == Some(self.vote().as_str());
        if !matches!(self.state, State::Stable { .. }) || !keeps_protocol {
            return self.rebalance(step);
        }

        let member = self.members.get_mut(&new_id).expect("it was just put there");
        member.waiting = Waiting::Nothing;
        member.has_synced = true;
        member.touch(step.now.clock);
        let mut joined = self.joined(&new_id);
        if can_skip_assignment {
            joined.skip_assignment = self.is_leader(&new_id);
        } else {
            // One that cannot be told to skip the assignment must not find itself the leader.
            joined.leader = leader_before.unwrap_or_default();
            joined.members = Vec::new();
        }
        let record = self.record(self.since, |_, member| member.assignment.clone());
        let append = step.append(vec![record]);
        let replacement = Replacement { request, joined, instance_id, old_id, old };
        self.replacements.insert(append, replacement);
    }

    /// The record of a replacement is durable, if it is one.
    pub(super) fn replacement_is_stored(&mut self, append: AppendId, step: &mut Step<'_>) {
        let Some(replacement) = self.replacements.remove(&append) else { return };
        let member_id = replacement.joined.member_id.clone();
        let result = self.check_member(&member_id, Some(&replacement.instance_id));
        let reply = match result {
            Ok(()) => Ok(replacement.joined),
            Err(code) => Err(JoinRefusal { code, member_id }),
        };
        step.reply(replacement.request, Reply::Join(reply));
    }

    /// The record of a replacement is not in the log, if it is one: the old member has its place.
    pub(super) fn replacement_has_failed(
        &mut self,
        append: AppendId,
        code: ErrorCode,
        step: &mut Step<'_>,
    ) {
        let Some(replacement) = self.replacements.remove(&append) else { return };
        let Replacement { request, joined, instance_id, old_id, mut old } = replacement;
        let new_id = joined.member_id;
        let is_current = self.instances.get(&instance_id) == Some(&new_id)
            && self.generation == joined.generation
            && matches!(self.state, State::Stable { .. });
        if is_current {
            self.members.remove(&new_id);
            self.rename(&instance_id, &new_id, &old_id);
            old.touch(step.now.clock);
            self.members.insert(old_id, old);
        }
        step.reply(request, Reply::Join(Err(JoinRefusal { code, member_id: new_id })));
    }

    /// Every request that waits for a record is answered.
    pub(super) fn abandon_replacements(&mut self, code: ErrorCode, step: &mut Step<'_>) {
        for replacement in std::mem::take(&mut self.replacements).into_values() {
            let refusal = JoinRefusal { code, member_id: replacement.joined.member_id };
            step.reply(replacement.request, Reply::Join(Err(refusal)));
        }
    }

    fn rename(&mut self, instance_id: &str, from: &str, to: &str) {
        self.instances.insert(instance_id.to_owned(), to.to_owned());
        if self.is_leader(from) {
            self.leader = Some(to.to_owned());
        }
    }
}
