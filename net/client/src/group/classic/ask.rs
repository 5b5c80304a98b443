//! What a classic member sends, and when.

use std::collections::BTreeSet;
use std::time::Duration;

use corelog_wire::api::join_group::JoinGroupRequestProtocol;
use corelog_wire::api::leave_group::MemberIdentity;
use corelog_wire::{
    ApiKey, Bytes, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest,
};

use super::{ClassicMember, NO_GENERATION, Phase};
use crate::group::config::millis;
use crate::group::membership::After;
use crate::group::subscription::Wanted;
use crate::group::{Departure, GroupRequest, Output};
use crate::{ClientError, TopicPartition};

/// Kafka's protocol type of consumers.
pub(super) const PROTOCOL_TYPE: &str = "consumer";

impl ClassicMember {
    /// Gives up what must not be owned in a rebalance, then joins.
    pub(super) fn join(
        &mut self,
        now: Duration,
        outputs: &mut Vec<Output>,
    ) -> Result<(), ClientError> {
        if !self.held.is_free() || self.takeover.is_some() || self.is_awaited() {
            return Ok(());
        }
        let surrendered = self.surrendered();
        if self.held.revoke(surrendered, outputs) || !self.link.is_ready(now) {
            return Ok(());
        }
        let request = self.join_request()?;
        self.joined = self.wanted.clone().unwrap_or_default();
        self.link.send(now, self.generation, GroupRequest::Join(request), outputs);
        Ok(())
    }

    /// Cooperative members keep what they still want while they join.
    fn surrendered(&self) -> BTreeSet<TopicPartition> {
        let is_wanted = |at: &TopicPartition| {
            self.wanted.as_ref().is_some_and(|wanted| wanted.contains(&at.topic))
        };
        let keeps = |at: &TopicPartition| self.config.is_cooperative() && is_wanted(at);
        self.held.owned().iter().filter(|at| !keeps(at)).cloned().collect()
    }

    fn join_request(&self) -> Result<JoinGroupRequest<'static>, ClientError> {
        let nothing = BTreeSet::new();
        let wanted = Wanted {
            topics: self.wanted.as_ref().unwrap_or(&nothing),
            owned: self.held.owned(),
            generation: self.generation,
            last: self.last.as_ref(),
            rack: self.config.rack.as_deref(),
        };
        let mut protocols = Vec::with_capacity(self.config.assignors.len());
        for assignor in &self.config.assignors {
            let metadata = wanted
                .encode(*assignor)
                .map_err(|source| ClientError::Request { api: ApiKey::JoinGroup, source })?;
            let name = assignor.name().into();
            protocols.push(JoinGroupRequestProtocol { name, metadata: Bytes::Owned(metadata) });
        }
        Ok(JoinGroupRequest {
            group_id: self.config.group.clone().into(),
            session_timeout_ms: millis(self.config.session_timeout),
            rebalance_timeout_ms: millis(self.config.rebalance_timeout),
            member_id: self.member_id.clone().into(),
            group_instance_id: self.config.instance_id.clone().map(Into::into),
            protocol_type: PROTOCOL_TYPE.into(),
            protocols,
            reason: Some(self.reason.into()),
        })
    }

    /// Sends SyncGroup, if that is not open already.
    pub(super) fn sync(&mut self, now: Duration, outputs: &mut Vec<Output>) {
        if !self.link.is_ready(now) {
            return;
        }
        let Phase::Syncing(assignments) = &mut self.phase else { return };
        let Some(assignments) = assignments.take() else { return };
        let request = SyncGroupRequest {
            group_id: self.config.group.clone().into(),
            generation_id: self.generation,
            member_id: self.member_id.clone().into(),
            group_instance_id: self.config.instance_id.clone().map(Into::into),
            protocol_type: Some(PROTOCOL_TYPE.into()),
            protocol_name: self.assignor.map(|assignor| assignor.name().into()),
            assignments,
        };
        self.link.send(now, self.generation, GroupRequest::Sync(request), outputs);
    }

    /// Whether the coordinator expects heartbeats: of every member of a generation, also while the
    /// application gives up partitions or the leader waits for metadata.
    pub(super) fn sends_heartbeats(&self) -> bool {
        match self.phase {
            Phase::Joining | Phase::Leading(_) | Phase::Stable | Phase::Leaving(_) => {
                self.generation != NO_GENERATION
            }
            Phase::Out | Phase::Stalled | Phase::Syncing(_) | Phase::Closed => false,
        }
    }

    pub(super) fn heartbeat(&mut self, now: Duration, outputs: &mut Vec<Output>) {
        if !self.sends_heartbeats() || now < self.heartbeat_at || !self.link.is_ready(now) {
            return;
        }
        self.heartbeat_at = now + self.config.heartbeat_interval;
        let request = HeartbeatRequest {
            group_id: self.config.group.clone().into(),
            generation_id: self.generation,
            member_id: self.member_id.clone().into(),
            group_instance_id: self.config.instance_id.clone().map(Into::into),
        };
        self.link.send(now, self.generation, GroupRequest::Heartbeat(request), outputs);
    }

    /// Gives up everything, then leaves. An open request is waited for: the coordinator answers
    /// the requests of a connection in their order, so leaving could not overtake it.
    pub(super) fn leave(&mut self, now: Duration, outputs: &mut Vec<Output>) {
        let Phase::Leaving(after) = self.phase else { return };
        if self.held.surrender(outputs) || !self.link.is_idle() {
            return;
        }
        if self.member_id.is_empty() || !self.says_goodbye(after) {
            self.left(now, outputs);
            return;
        }
        let reason = match after {
            After::Stalled => "the application does not poll",
            After::Unsubscribed => "the application has unsubscribed",
            After::Closed(_) => "the consumer is closed",
        };
        let member = MemberIdentity {
            member_id: self.member_id.clone().into(),
            group_instance_id: self.config.instance_id.clone().map(Into::into),
            reason: Some(reason.into()),
        };
        let request = LeaveGroupRequest {
            group_id: self.config.group.clone().into(),
            member_id: self.member_id.clone().into(),
            members: vec![member],
        };
        self.link.send(now, self.generation, GroupRequest::Leave(request), outputs);
    }

    fn says_goodbye(&self, after: After) -> bool {
        match after {
            After::Closed(Departure::Release) => true,
            After::Closed(Departure::Remain) => false,
            // A static member is to find its place again.
            After::Stalled | After::Unsubscribed | After::Closed(Departure::Usual) => {
                self.config.instance_id.is_none()
            }
        }
    }

    /// Notes that the member is out, whether the coordinator knows it or has yet to find out.
    pub(super) fn left(&mut self, now: Duration, outputs: &mut Vec<Output>) {
        let Phase::Leaving(after) = self.phase else { return };
        self.forget_generation(outputs);
        self.member_id.clear();
        self.link.succeed();
        match after {
            After::Closed(_) => {
                self.phase = Phase::Closed;
                outputs.push(Output::Left);
            }
            After::Unsubscribed => {
                outputs.push(Output::Left);
                self.phase = Phase::Out;
                if self.wanted.is_some() {
                    self.rejoin("the application has subscribed again");
                }
            }
            After::Stalled => {
                self.phase = Phase::Stalled;
                if now < self.poll_until {
                    self.rejoin("the application polls again");
                }
            }
        }
    }
}
