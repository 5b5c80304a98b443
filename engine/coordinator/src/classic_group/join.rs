//! Who may join a classic group, and how.

use corelog_model::ErrorCode;

use super::member::{Member, Waiting};
use super::{ClassicGroup, State};
use crate::input::JoinGroup;
use crate::output::{JoinRefusal, Joined, JoinedMember, Reply, Step};

impl ClassicGroup {
    /// A member wants to be in the next generation.
    pub(crate) fn join(&mut self, join: JoinGroup, step: &mut Step<'_>) {
        let request = join.request;
        if let Err(refusal) = self.admit(join, step) {
            step.reply(request, Reply::Join(Err(refusal)));
        }
    }

    fn admit(&mut self, join: JoinGroup, step: &mut Step<'_>) -> Result<(), JoinRefusal> {
        let refuse = |code| JoinRefusal { code, member_id: join.member_id.clone() };
        if matches!(self.state, State::Dead) {
            return Err(refuse(ErrorCode::CoordinatorNotAvailable));
        }
        if !self.has_room(&join.member_id, step.config.members_max) {
            let member_id = String::new();
            return Err(JoinRefusal { code: ErrorCode::GroupMaxSizeReached, member_id });
        }
        if !self.supports(&join) {
            return Err(refuse(ErrorCode::InconsistentGroupProtocol));
        }
        if join.member_id.is_empty() {
            return self.admit_new(join, step);
        }
        self.admit_known(join, step)
    }

    /// Whether the group has room for a member, which has to be one already in a full group.
    fn has_room(&self, member_id: &str, members_max: usize) -> bool {
        let member = self.members.get(member_id);
        match self.state {
            State::Empty | State::Dead => true,
            // Members that were faster to rejoin keep their place, as the bound may have shrunk.
            State::Preparing(_) => {
                let joining = self.members.values().filter(|member| member.is_joining()).count();
                member.is_some_and(Member::is_joining) || joining < members_max
            }
            State::Completing(_) | State::Stable { .. } => {
                member.is_some() || self.members.len() < members_max
            }
        }
    }

    /// Whether the members could still choose a protocol with this one among them.
    fn supports(&self, join: &JoinGroup) -> bool {
        if self.members.is_empty() {
            return !join.protocol_type.is_empty() && !join.protocols.is_empty();
        }
        let is_common =
            |protocol: &str| self.members.values().all(|member| member.supports(protocol));
        join.protocol_type == self.protocol_type()
            && join.protocols.iter().any(|protocol| is_common(&protocol.name))
    }

    fn admit_new(&mut self, join: JoinGroup, step: &mut Step<'_>) -> Result<(), JoinRefusal> {
        let known = join.instance_id.as_ref().map(|instance| self.instances.get(instance));
        match known {
            Some(Some(old_id)) => self.replace_static(old_id.clone(), join, step),
            Some(None) => self.add_member(join.new_member_id.clone(), join, step),
            None if join.requires_member_id => {
                if self.pending.len() >= step.config.members_max {
                    let code = ErrorCode::GroupMaxSizeReached;
                    return Err(JoinRefusal { code, member_id: String::new() });
                }
                let until = step.now.clock + join.session_timeout;
                self.pending.insert(join.new_member_id.clone(), until);
                let code = ErrorCode::MemberIdRequired;
                return Err(JoinRefusal { code, member_id: join.new_member_id });
            }
            None => self.add_member(join.new_member_id.clone(), join, step),
        }
        Ok(())
    }

    fn admit_known(&mut self, join: JoinGroup, step: &mut Step<'_>) -> Result<(), JoinRefusal> {
        let refuse = |code| JoinRefusal { code, member_id: join.member_id.clone() };
        if self.pending.contains_key(&join.member_id) {
            // Static members are not given an id in advance.
            if join.instance_id.is_some() {
                return Err(refuse(ErrorCode::UnknownMemberId));
            }
            self.pending.remove(&join.member_id);
            self.add_member(join.member_id.clone(), join, step);
            return Ok(());
        }
        self.check_member(&join.member_id, join.instance_id.as_deref()).map_err(refuse)?;
        let member = &self.members[&join.member_id];
        let is_same = member.protocols == join.protocols;
        let stays = match self.state {
            State::Empty => return Err(refuse(ErrorCode::UnknownMemberId)),
            State::Dead => return Err(refuse(ErrorCode::CoordinatorNotAvailable)),
            State::Preparing(_) => false,
            // The answer to its last request may have been lost.
            State::Completing(_) => is_same,
            // A leader that rejoins wants to assign anew.
            State::Stable { .. } => is_same && !self.is_leader(&join.member_id),
        };
        if stays {
            self.answer_with_current(&join, step);
        } else {
            self.rejoin(join, step);
        }
        Ok(())
    }

    fn answer_with_current(&mut self, join: &JoinGroup, step: &mut Step<'_>) {
        let member = self.members.get_mut(&join.member_id).expect("it was checked to be a member");
        member.touch(step.now.clock);
        let joined = self.joined(&join.member_id);
        step.reply(join.request, Reply::Join(Ok(joined)));
    }

    fn rejoin(&mut self, join: JoinGroup, step: &mut Step<'_>) {
        let member = self.members.get_mut(&join.member_id).expect("it was checked to be a member");
        let superseded = std::mem::replace(&mut member.waiting, Waiting::Join(join.request));
        member.client_id = join.client_id;
        member.client_host = join.client_host;
        member.session_timeout = join.session_timeout;
        member.rebalance_timeout = join.rebalance_timeout;
        member.protocols = join.protocols;
        refuse_waiting(superseded, &join.member_id, ErrorCode::RebalanceInProgress, step);
        self.rebalance(step);
    }

    fn add_member(&mut self, member_id: String, join: JoinGroup, step: &mut Step<'_>) {
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type.clone());
        }
        if let State::Preparing(preparing) = &mut self.state
            && let Some(initial) = &mut preparing.initial
        {
            initial.has_grown = true;
        }
        if let Some(instance_id) = &join.instance_id {
            self.instances.insert(instance_id.clone(), member_id.clone());
        }
        self.leader.get_or_insert_with(|| member_id.clone());
        let expires_at = step.now.clock + step.config.new_member_timeout;
        self.members.insert(member_id, Member::joining(join, expires_at));
        self.rebalance(step);
    }

    /// What a member of the current generation is told.
    pub(super) fn joined(&self, member_id: &str) -> Joined {
        let members = if self.is_leader(member_id) { self.everyone() } else { Vec::new() };
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type().to_owned(),
            protocol: self.protocol.clone().unwrap_or_default(),
            leader: self.leader.clone().unwrap_or_default(),
            member_id: member_id.to_owned(),
            skip_assignment: false,
            members,
        }
    }

    /// Whom a leader assigns to.
    pub(super) fn everyone(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol.as_deref();
        let members = self.members.iter().map(|(id, member)| JoinedMember {
            member_id: id.clone(),
            instance_id: member.instance_id.clone(),
            metadata: member.metadata(protocol).to_vec(),
        });
        members.collect()
    }
}

/// Answers a request that waits with an error, if there is one.
pub(super) fn refuse_waiting(
    waiting: Waiting,
    member_id: &str,
    code: ErrorCode,
    step: &mut Step<'_>,
) {
    match waiting {
        Waiting::Nothing => {}
        Waiting::Join(request) => {
            let refusal = JoinRefusal { code, member_id: member_id.to_owned() };
            step.reply(request, Reply::Join(Err(refusal)));
        }
        Waiting::Sync(request) => step.reply(request, Reply::Sync(Err(code))),
    }
}
