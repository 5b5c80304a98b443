//! Members of a consumer group that speak the classic protocol, while a group goes from one
//! protocol to the other. Joining takes the place of a heartbeat that says what a member owns, the
//! answer to a sync that of the assignment, and a heartbeat tells a member only to join again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use corelog_model::ErrorCode;

use super::image::Member;
use super::{ConsumerGroup, GroupImage, MemberId, Partitions};
use crate::consumer_protocol::{Subscription, write_assignment};
use crate::input::{Heartbeat, JoinGroup, LeaveGroup, LeavingMember, SyncGroup};
use crate::output::{JoinRefusal, Joined, Left, Reply, Step, Synced};
use crate::records::{ClassicMember, MemberMetadata, MemberState};

/// What consumers call themselves.
pub(crate) const CONSUMER: &str = "consumer";

impl ConsumerGroup {
    /// A member joins by the classic protocol, for the first time or again.
    pub(crate) fn classic_join(&mut self, join: &JoinGroup, step: &mut Step<'_>) {
        let refusal = |code| JoinRefusal { code, member_id: join.member_id.clone() };
        let result = match self.check_classic(step) {
            Ok(()) => self.let_in(join, step),
            Err(code) => Err(refusal(code)),
        };
        self.answer(join.request, Reply::Join(result), step);
    }

    /// A member wants its assignment.
    pub(crate) fn classic_sync(&mut self, sync: &SyncGroup, step: &mut Step<'_>) {
        let result = self.check_classic(step).and_then(|()| self.hand_out(sync, step));
        self.answer(sync.request, Reply::Sync(result), step);
    }

    /// A member is alive.
    pub(crate) fn classic_heartbeat(&mut self, heartbeat: &Heartbeat, step: &mut Step<'_>) {
        let result = self.check_classic(step).and_then(|()| self.classic_beat(heartbeat, step));
        self.answer(heartbeat.request, Reply::Heartbeat(result), step);
    }

    /// Members leave, one by one, or an operator removes them, whatever their protocol.
    pub(crate) fn classic_leave(&mut self, leave: LeaveGroup, step: &mut Step<'_>) {
        if let Err(code) = self.check_classic(step) {
            return self.answer(leave.request, Reply::Leave(Err(code)), step);
        }
        let mut gone = BTreeSet::new();
        let mut left = Vec::with_capacity(leave.members.len());
        for leaving in leave.members {
            let result = self.find_leaving(&leaving, &gone);
            gone.extend(result.clone());
            let LeavingMember { member_id, instance_id } = leaving;
            left.push(Left { member_id, instance_id, result: result.map(|_| ()) });
        }
        if !gone.is_empty() {
            self.remove(&gone, step);
        }
        self.answer(leave.request, Reply::Leave(Ok(left)), step);
    }

    fn check_classic(&self, step: &Step<'_>) -> Result<(), ErrorCode> {
        if self.is_dead() {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        let has_room = self.waiting() < step.config.consumer.requests_pending_max;
        if has_room { Ok(()) } else { Err(ErrorCode::CoordinatorLoadInProgress) }
    }

    fn let_in(&mut self, join: &JoinGroup, step: &Step<'_>) -> Result<Joined, JoinRefusal> {
        let refuse = |code| JoinRefusal { code, member_id: join.member_id.clone() };
        let subscription = self.read_subscription(join, step);
        let subscription =
            subscription.ok_or_else(|| refuse(ErrorCode::InconsistentGroupProtocol))?;
        let owner = join.instance_id.as_deref().and_then(|name| self.image.instance(name));
        let owner = owner.map(|(owner, _)| owner.clone());
        let id = match &owner {
            None if join.member_id.is_empty() => {
                if join.instance_id.is_none() && join.requires_member_id {
                    let (code, member_id) =
                        (ErrorCode::MemberIdRequired, join.new_member_id.clone());
                    return Err(JoinRefusal { code, member_id });
                }
                MemberId::from(join.new_member_id.as_str())
            }
            Some(_) if join.member_id.is_empty() => MemberId::from(join.new_member_id.as_str()),
            Some(owner) if owner.as_str() != join.member_id => {
                return Err(refuse(ErrorCode::FencedInstanceId));
            }
            Some(_) | None => MemberId::from(join.member_id.as_str()),
        };
        let is_new = owner.is_none() && !self.image.members().contains_key(&id);
        if is_new && self.image.members().len() >= step.config.consumer.members_max {
            return Err(refuse(ErrorCode::GroupMaxSizeReached));
        }
        if let Some(owner) = owner.filter(|owner| *owner != id) {
            self.replace(&owner, &id);
        }
        let metadata = metadata(join, &subscription, self.image.members().get(&id));
        let must_bump = self.note(&id, metadata) || is_new;
        if must_bump || self.has_metadata_changed(step) {
            self.bump(step);
        }
        self.retarget(step);
        self.reconcile(&id, false, Some(&subscription.owned), step);
        self.sessions.set(&id, step.now.clock + join.session_timeout);
        // It has this long to ask for its assignment.
        self.rejoins.set(&id, step.now.clock + join.rebalance_timeout);
        Ok(Joined {
            generation: self.image.members[&id].current.epoch,
            protocol_type: CONSUMER.to_owned(),
            protocol: join.protocols[0].name.clone(),
            // The coordinator assigns, and so no member leads.
            leader: String::new(),
            member_id: id.to_string(),
            skip_assignment: false,
            members: Vec::new(),
        })
    }

    /// What one that joins wants; none if it does not speak as the others do.
    fn read_subscription(&self, join: &JoinGroup, step: &Step<'_>) -> Option<Subscription> {
        let is_common = |name: &str| {
            let mut others = self.image.members().iter();
            others.all(|(id, member)| {
                let protocols = member.metadata.classic.as_ref().map(|classic| &classic.protocols);
                id.as_str() == join.member_id
                    || protocols.is_none_or(|all| all.iter().any(|one| one.name == name))
            })
        };
        let is_consumer = join.protocol_type == CONSUMER
            && join.protocols.iter().any(|protocol| is_common(&protocol.name));
        let first = join.protocols.first().filter(|_| is_consumer)?;
        Subscription::read(&first.metadata, step.topics).ok()
    }

    fn hand_out(&mut self, sync: &SyncGroup, step: &Step<'_>) -> Result<Synced, ErrorCode> {
        let (id, member) = self.find_classic(&sync.member_id, sync.instance_id.as_deref())?;
        if sync.generation != member.current.epoch {
            return Err(ErrorCode::IllegalGeneration);
        }
        let protocol = member.classic_protocol().ok_or(ErrorCode::UnknownMemberId)?;
        let differs = |said: &Option<String>, is: &str| said.as_ref().is_some_and(|it| it != is);
        if differs(&sync.protocol_type, CONSUMER) || differs(&sync.protocol, &protocol.name) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        // The members that do not see their own subscription here have been refused before.
        let version = Subscription::read(&protocol.metadata, step.topics);
        let version = version.map_or(0, |subscription| subscription.version);
        let assigned: Partitions = member.current.assigned.keys().copied().collect();
        let synced = Synced {
            protocol_type: CONSUMER.to_owned(),
            protocol: protocol.name.clone(),
            assignment: write_assignment(version, &assigned, step.topics),
        };
        let is_behind = self.image.epoch() > member.current.epoch
            && member.current.state != MemberState::UnrevokedPartitions;
        let (id, timeout, session) =
            (id.clone(), member.rebalance_timeout(Duration::ZERO), member.session(step));
        self.rejoins.clear(&id);
        self.sessions.set(&id, step.now.clock + session);
        if is_behind {
            self.rejoins.set(&id, step.now.clock + timeout);
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(synced)
    }

    fn classic_beat(&mut self, heartbeat: &Heartbeat, step: &Step<'_>) -> Result<(), ErrorCode> {
        let (id, instance_id) = (&heartbeat.member_id, heartbeat.instance_id.as_deref());
        let (id, member) = self.find_classic(id, instance_id)?;
        if heartbeat.generation != member.current.epoch {
            return Err(ErrorCode::IllegalGeneration);
        }
        let has_to_join = self.image.epoch() > member.current.epoch
            || match member.current.state {
                MemberState::Stable => false,
                MemberState::UnrevokedPartitions => true,
                MemberState::UnreleasedPartitions => is_released(&self.image, id, member),
            };
        let (id, timeout, session) =
            (id.clone(), member.rebalance_timeout(Duration::ZERO), member.session(step));
        self.sessions.set(&id, step.now.clock + session);
        if has_to_join {
            self.rejoins.set_if_none(&id, step.now.clock + timeout);
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(())
    }

    fn find_leaving(
        &self,
        leaving: &LeavingMember,
        gone: &BTreeSet<MemberId>,
    ) -> Result<MemberId, ErrorCode> {
        let by_name = leaving.instance_id.as_deref().filter(|_| leaving.member_id.is_empty());
        let found = by_name.and_then(|name| self.image.instance(name));
        let id = found.map_or(leaving.member_id.as_str(), |(id, _)| id.as_str());
        let (id, _) = self.find(id, leaving.instance_id.as_deref())?;
        if gone.contains(id) { Err(ErrorCode::UnknownMemberId) } else { Ok(id.clone()) }
    }

    /// The member that one who speaks the classic protocol claims to be.
    fn find_classic(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(&MemberId, &Member), ErrorCode> {
        let found = self.find(member_id, instance_id)?;
        let is_classic = found.1.metadata.classic.is_some();
        if is_classic { Ok(found) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// The member that somebody names, by any protocol.
    fn find(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(&MemberId, &Member), ErrorCode> {
        if let Some(name) = instance_id {
            let (owner, _) = self.image.instance(name).ok_or(ErrorCode::UnknownMemberId)?;
            if owner.as_str() != member_id {
                return Err(ErrorCode::FencedInstanceId);
            }
        }
        let found = self.image.members().get_key_value(member_id);
        found.ok_or(ErrorCode::UnknownMemberId)
    }
}

impl Member {
    /// How long it may be silent.
    pub(super) fn session(&self, step: &Step<'_>) -> Duration {
        self.session_or(step.config.consumer.session_timeout)
    }

    pub(super) fn session_or(&self, otherwise: Duration) -> Duration {
        let classic = self.metadata.classic.as_ref();
        let said = classic.map(|classic| u64::try_from(classic.session_timeout_ms));
        said.and_then(Result::ok).map_or(otherwise, Duration::from_millis)
    }

    fn classic_protocol(&self) -> Option<&crate::input::JoinProtocol> {
        self.metadata.classic.as_ref().and_then(|classic| classic.protocols.first())
    }
}

/// Whether nobody else has any of the partitions that a member waits for.
fn is_released(image: &GroupImage, id: &MemberId, member: &Member) -> bool {
    let mut waits_for =
        member.target.iter().filter(|partition| !member.current.assigned.contains_key(*partition));
    waits_for.all(|partition| image.owner(*partition).is_none_or(|owner| owner == id))
}

/// What is known about one that joins by the classic protocol.
fn metadata(
    join: &JoinGroup,
    subscription: &Subscription,
    known: Option<&Member>,
) -> MemberMetadata {
    let known = known.map(|member| &member.metadata);
    let text = |text: &String| Arc::from(text.as_str());
    MemberMetadata {
        instance_id: join.instance_id.as_ref().map(text),
        rack_id: subscription.rack.as_ref().map(text),
        client_id: text(&join.client_id),
        client_host: text(&join.client_host),
        topic_names: subscription.topics.iter().map(text).collect(),
        topic_regex: None,
        rebalance_timeout_ms: milliseconds(join.rebalance_timeout),
        server_assignor: known.and_then(|known| known.server_assignor.clone()),
        classic: Some(ClassicMember {
            session_timeout_ms: milliseconds(join.session_timeout),
            protocols: join.protocols.clone(),
        }),
    }
}

pub(crate) fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
