//! JoinGroup, SyncGroup, Heartbeat and LeaveGroup: how a member gets into a classic group, learns
//! what it shall read, stays and goes.

use std::time::Duration;

use corelog_coordinator::input::{
    Heartbeat, JoinGroup, JoinProtocol, LeaveGroup, LeavingMember, MemberAssignment, SyncGroup,
};
use corelog_coordinator::output::{JoinRefusal, Joined, Left, Synced};
use corelog_coordinator::{Input, RequestId};
use corelog_model::ErrorCode;
use corelog_wire::api::join_group::JoinGroupResponseMember;
use corelog_wire::api::leave_group::MemberResponse;
use corelog_wire::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse, Text,
};

/// The first version in which a member has to join again with the id it is told (KIP-394).
const MEMBER_ID_REQUIRED_FROM: i16 = 4;
/// The first version in which a leader is told that nothing has to be assigned (KIP-814).
const SKIP_ASSIGNMENT_FROM: i16 = 9;
/// The first version in which there may be no protocol name.
const NULL_PROTOCOL_FROM: i16 = 7;
/// The first version in which a member has to say what it takes the group for (KIP-559).
const PROTOCOL_REQUIRED_FROM: i16 = 5;
/// The first version in which several members leave at once (KIP-345).
const BATCHED_LEAVE_FROM: i16 = 3;

/// Who asks, beyond what the request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// What the client calls itself.
    pub client_id: String,
    /// Where it connects from, in Kafka's form: `/127.0.0.1`.
    pub client_host: String,
    /// A random part for the id of a new member.
    pub unique: String,
}

/// Translates a JoinGroup.
pub fn join(
    request: &JoinGroupRequest<'_>,
    version: i16,
    caller: Caller,
) -> impl FnOnce(RequestId) -> Input + use<> {
    let instance_id = request.group_instance_id.as_deref().map(str::to_owned);
    let name = instance_id.as_ref().unwrap_or(&caller.client_id);
    let session_timeout = milliseconds(request.session_timeout_ms);
    let rebalance_timeout = match request.rebalance_timeout_ms {
        // Version 0 knows one timeout for both.
        none if none < 0 => session_timeout,
        given => milliseconds(given),
    };
    let join = JoinGroup {
        request: RequestId(0),
        group: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        new_member_id: format!("{name}-{}", caller.unique),
        instance_id,
        client_id: caller.client_id,
        client_host: caller.client_host,
        session_timeout,
        rebalance_timeout,
        protocol_type: request.protocol_type.to_string(),
        protocols: request
            .protocols
            .iter()
            .map(|protocol| JoinProtocol {
                name: protocol.name.to_string(),
                metadata: protocol.metadata.to_vec(),
            })
            .collect(),
        requires_member_id: version >= MEMBER_ID_REQUIRED_FROM,
        can_skip_assignment: version >= SKIP_ASSIGNMENT_FROM,
    };
    move |request| Input::Join(JoinGroup { request, ..join })
}

/// Answers a JoinGroup.
pub fn joined(result: Result<Joined, JoinRefusal>, version: i16) -> JoinGroupResponse<'static> {
    match result {
        Ok(joined) => JoinGroupResponse {
            error_code: ErrorCode::None.code(),
            generation_id: joined.generation,
            protocol_type: Some(Text::Owned(joined.protocol_type)),
            protocol_name: Some(Text::Owned(joined.protocol)),
            leader: Text::Owned(joined.leader),
            skip_assignment: joined.skip_assignment,
            member_id: Text::Owned(joined.member_id),
            members: joined
                .members
                .into_iter()
                .map(|member| JoinGroupResponseMember {
                    member_id: Text::Owned(member.member_id),
                    group_instance_id: member.instance_id.map(Text::Owned),
                    metadata: member.metadata.into(),
                })
                .collect(),
            ..Default::default()
        },
        Err(JoinRefusal { code, member_id }) => JoinGroupResponse {
            error_code: code.code(),
            protocol_type: None,
            protocol_name: (version < NULL_PROTOCOL_FROM).then_some(Text::Borrowed("")),
            member_id: Text::Owned(member_id),
            ..Default::default()
        },
    }
}

/// Translates a SyncGroup, or refuses it: a member that can say what it takes the group for has to.
pub fn sync(
    request: &SyncGroupRequest<'_>,
    version: i16,
) -> Result<impl FnOnce(RequestId) -> Input + use<>, ErrorCode> {
    let says_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
    if version >= PROTOCOL_REQUIRED_FROM && !says_protocol {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    let sync = SyncGroup {
        request: RequestId(0),
        group: request.group_id.to_string(),
        generation: request.generation_id,
        member_id: request.member_id.to_string(),
        instance_id: request.group_instance_id.as_deref().map(str::to_owned),
        protocol_type: request.protocol_type.as_deref().map(str::to_owned),
        protocol: request.protocol_name.as_deref().map(str::to_owned),
        assignments: request
            .assignments
            .iter()
            .map(|given| MemberAssignment {
                member_id: given.member_id.to_string(),
                assignment: given.assignment.to_vec(),
            })
            .collect(),
    };
    Ok(move |request| Input::Sync(SyncGroup { request, ..sync }))
}

/// Answers a SyncGroup.
pub fn synced(result: Result<Synced, ErrorCode>) -> SyncGroupResponse<'static> {
    match result {
        Ok(synced) => SyncGroupResponse {
            protocol_type: Some(Text::Owned(synced.protocol_type)),
            protocol_name: Some(Text::Owned(synced.protocol)),
            assignment: synced.assignment.into(),
            ..Default::default()
        },
        Err(code) => SyncGroupResponse { error_code: code.code(), ..Default::default() },
    }
}

/// Translates a Heartbeat.
pub fn heartbeat(request: &HeartbeatRequest<'_>) -> impl FnOnce(RequestId) -> Input + use<> {
    let heartbeat = Heartbeat {
        request: RequestId(0),
        group: request.group_id.to_string(),
        generation: request.generation_id,
        member_id: request.member_id.to_string(),
        instance_id: request.group_instance_id.as_deref().map(str::to_owned),
    };
    move |request| Input::Heartbeat(Heartbeat { request, ..heartbeat })
}

/// Answers a Heartbeat.
pub fn heard(result: Result<(), ErrorCode>) -> HeartbeatResponse {
    let code = result.err().unwrap_or(ErrorCode::None);
    HeartbeatResponse { error_code: code.code(), ..Default::default() }
}

/// Translates a LeaveGroup.
pub fn leave(
    request: &LeaveGroupRequest<'_>,
    version: i16,
) -> impl FnOnce(RequestId) -> Input + use<> {
    let members = if version >= BATCHED_LEAVE_FROM {
        let leaving = request.members.iter().map(|member| LeavingMember {
            member_id: member.member_id.to_string(),
            instance_id: member.group_instance_id.as_deref().map(str::to_owned),
        });
        leaving.collect()
    } else {
        vec![LeavingMember { member_id: request.member_id.to_string(), instance_id: None }]
    };
    let group = request.group_id.to_string();
    move |request| Input::Leave(LeaveGroup { request, group, members })
}

/// Answers a LeaveGroup. Before members left in batches, the one that left had the error.
pub fn left(result: Result<Vec<Left>, ErrorCode>, version: i16) -> LeaveGroupResponse<'static> {
    let code_of = |left: &Left| left.result.err().unwrap_or(ErrorCode::None);
    let left = match result {
        Ok(left) => left,
        Err(code) => {
            return LeaveGroupResponse { error_code: code.code(), ..Default::default() };
        }
    };
    if version < BATCHED_LEAVE_FROM {
        let code = left.first().map_or(ErrorCode::None, code_of);
        return LeaveGroupResponse { error_code: code.code(), ..Default::default() };
    }
    let members = left.into_iter().map(|left| MemberResponse {
        error_code: code_of(&left).code(),
        member_id: Text::Owned(left.member_id),
        group_instance_id: left.instance_id.map(Text::Owned),
    });
    LeaveGroupResponse { members: members.collect(), ..Default::default() }
}

fn milliseconds(given: i32) -> Duration {
    Duration::from_millis(u64::try_from(given).unwrap_or(0))
}

#[cfg(test)]
mod tests;
