//! What the coordinator answers a classic member, and what follows, as Kafka's clients have it.

use std::time::Duration;

use corelog_model::ErrorCode;
use corelog_wire::{ApiKey, HeartbeatResponse, JoinGroupResponse, SyncGroupResponse, WireError};

use super::ask::PROTOCOL_TYPE;
use super::{ClassicMember, Id, NO_GENERATION, Phase, Takeover};
use crate::group::link::Open;
use crate::group::membership::{code_of, refusal};
use crate::group::subscription::{decode_assignment, decode_member};
use crate::group::{Assignor, Output};
use crate::{ClientError, Reply};

impl ClassicMember {
    pub(super) fn answered(
        &mut self,
        now: Duration,
        reply: &Reply,
        outputs: &mut Vec<Output>,
    ) -> Result<(), ClientError> {
        let Some(open) = self.link.close() else { return Ok(()) };
        assert!(open.api == reply.api(), "{:?} is open, not {:?}", open.api, reply.api());
        match open.api {
            ApiKey::JoinGroup => self.join_answered(now, reply, outputs),
            ApiKey::SyncGroup => self.sync_answered(now, reply, outputs),
            ApiKey::Heartbeat => self.heartbeat_answered(now, open, reply, outputs),
            _ => {
                // Whatever it says: the session ends it if the coordinator does not.
                self.left(now, outputs);
                Ok(())
            }
        }
    }

    fn join_answered(
        &mut self,
        now: Duration,
        reply: &Reply,
        outputs: &mut Vec<Output>,
    ) -> Result<(), ClientError> {
        let response: JoinGroupResponse<'_> = reply.decode()?;
        let code = code_of(response.error_code);
        if matches!(code, ErrorCode::None | ErrorCode::MemberIdRequired) {
            self.member_id = response.member_id.to_string();
        }
        if !matches!(self.phase, Phase::Joining) {
            // The member leaves, with the id that it has got just now.
            return Ok(());
        }
        match code {
            ErrorCode::None => self.joined(now, &response, reply),
            ErrorCode::MemberIdRequired => {
                self.link.pause_again(now);
                self.rejoin("the member has its id now");
                Ok(())
            }
            code => {
                self.refused(now, ApiKey::JoinGroup, code, outputs)?;
                self.rejoin("the last attempt to join was refused");
                Ok(())
            }
        }
    }

    fn joined(
        &mut self,
        now: Duration,
        response: &JoinGroupResponse<'_>,
        reply: &Reply,
    ) -> Result<(), ClientError> {
        let inconsistent = |found: &str| {
            let code = ErrorCode::InconsistentGroupProtocol;
            Err(refusal(ApiKey::JoinGroup, &self.config.group, code, Some(found)))
        };
        if let Some(found) = response.protocol_type.as_deref().filter(|t| *t != PROTOCOL_TYPE) {
            return inconsistent(&format!("the group has the protocol type {found:?}"));
        }
        let name = response.protocol_name.as_deref().unwrap_or_default();
        let assignor = Assignor::named(name).filter(|found| self.config.assignors.contains(found));
        let Some(assignor) = assignor else {
            return inconsistent(&format!("the group assigns with {name:?}"));
        };
        self.assignor = Some(assignor);
        self.generation = response.generation_id;
        self.contact = now;
        self.heartbeat_at = now + self.config.heartbeat_interval;
        self.watched = None;
        if response.leader != response.member_id {
            self.phase = Phase::Syncing(Some(Vec::new()));
            return Ok(());
        }
        let mut members = Vec::with_capacity(response.members.len());
        for member in &response.members {
            let instance_id = member.group_instance_id.as_deref();
            let member = decode_member(assignor, &member.member_id, instance_id, &member.metadata);
            members.push(member.map_err(|source| unreadable(reply, source))?);
        }
        self.begin_to_lead(now, members, response.skip_assignment);
        Ok(())
    }

    fn sync_answered(
        &mut self,
        now: Duration,
        reply: &Reply,
        outputs: &mut Vec<Output>,
    ) -> Result<(), ClientError> {
        let response: SyncGroupResponse<'_> = reply.decode()?;
        let code = code_of(response.error_code);
        if !matches!(self.phase, Phase::Syncing(_)) {
            return Ok(());
        }
        if !code.is_none() {
            self.refused(now, ApiKey::SyncGroup, code, outputs)?;
            self.rejoin("the assignment was not handed out");
            return Ok(());
        }
        let expected = self.assignor.map(Assignor::name);
        let differs = |found: Option<&str>, expected| found.is_some() && found != expected;
        if differs(response.protocol_type.as_deref(), Some(PROTOCOL_TYPE))
            || differs(response.protocol_name.as_deref(), expected)
        {
            let found = format!("{:?} and {:?}", response.protocol_type, response.protocol_name);
            let code = ErrorCode::InconsistentGroupProtocol;
            return Err(refusal(ApiKey::SyncGroup, &self.config.group, code, Some(&found)));
        }
        let given =
            decode_assignment(&response.assignment).map_err(|source| unreadable(reply, source))?;
        self.contact = now;
        self.heartbeat_at = now + self.config.heartbeat_interval;
        self.link.succeed();
        let wanted = self.wanted.clone().unwrap_or_default();
        if given.iter().any(|at| !wanted.contains(&at.topic)) {
            self.rejoin("the assignment has topics that are not wanted any more");
            return Ok(());
        }
        self.phase = Phase::Stable;
        self.last = Some((self.generation, given.clone()));
        let revoked = self.held.owned() - &given;
        let added = &given - self.held.owned();
        self.takeover = Some(Takeover { added, then_rejoin: !revoked.is_empty() });
        self.held.revoke(revoked, outputs);
        Ok(())
    }

    fn heartbeat_answered(
        &mut self,
        now: Duration,
        open: Open,
        reply: &Reply,
        outputs: &mut Vec<Output>,
    ) -> Result<(), ClientError> {
        let response: HeartbeatResponse = reply.decode()?;
        if open.epoch != self.generation {
            // It speaks of a generation that is over.
            return Ok(());
        }
        let code = code_of(response.error_code);
        match code {
            ErrorCode::None => {
                self.contact = open.sent;
                if matches!(self.phase, Phase::Stable) {
                    self.link.succeed();
                }
            }
            ErrorCode::RebalanceInProgress => {
                self.contact = open.sent;
                if matches!(self.phase, Phase::Stable | Phase::Leading(_)) {
                    self.rejoin("the group rebalances");
                }
            }
            code => self.refused(now, ApiKey::Heartbeat, code, outputs)?,
        }
        Ok(())
    }

    /// What a commit that was refused says about the membership.
    pub(super) fn commit_refused(
        &mut self,
        epoch: i32,
        code: ErrorCode,
        outputs: &mut Vec<Output>,
    ) -> Result<(), ClientError> {
        if epoch != self.generation || epoch == NO_GENERATION {
            return Ok(());
        }
        match code {
            ErrorCode::UnknownMemberId => {
                let reason = "the coordinator does not know the member";
                self.out_of_generation(Id::Forget, reason, outputs);
            }
            ErrorCode::IllegalGeneration => {
                self.out_of_generation(Id::Keep, "the generation is over", outputs);
            }
            ErrorCode::RebalanceInProgress => {
                if matches!(self.phase, Phase::Stable | Phase::Leading(_)) {
                    self.rejoin("the group rebalances");
                }
            }
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
                self.link.lose_coordinator();
            }
            ErrorCode::FencedInstanceId => {
                return Err(refusal(ApiKey::OffsetCommit, &self.config.group, code, None));
            }
            _ => {}
        }
        Ok(())
    }

    /// What follows from a refusal. An error of it is the end of the member.
    fn refused(
        &mut self,
        now: Duration,
        api: ApiKey,
        code: ErrorCode,
        outputs: &mut Vec<Output>,
    ) -> Result<(), ClientError> {
        match code {
            ErrorCode::UnknownMemberId => {
                self.link.pause_again(now);
                let reason = "the coordinator does not know the member";
                self.out_of_generation(Id::Forget, reason, outputs);
            }
            ErrorCode::IllegalGeneration => {
                self.link.pause_again(now);
                self.out_of_generation(Id::Keep, "the generation is over", outputs);
            }
            ErrorCode::RebalanceInProgress => self.link.pause_again(now),
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
                self.link.lose_coordinator();
                self.link.pause(now);
            }
            code if code.is_retriable() => self.link.pause(now),
            // Leaving goes on whatever is said.
            _ if matches!(self.phase, Phase::Leaving(_)) => self.generation = NO_GENERATION,
            code => return Err(refusal(api, &self.config.group, code, None)),
        }
        Ok(())
    }
}

/// What another member wrote cannot be read.
fn unreadable(reply: &Reply, source: WireError) -> ClientError {
    let (address, api, version) = (reply.peer().clone(), reply.api(), reply.version());
    ClientError::Response { address, api, version, source }
}
