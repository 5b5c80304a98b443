//! What a member of a classic group asks its coordinator, and what a leader says to the others.

use std::time::Duration;

use corelog_coordinator::input::{
    Heartbeat, JoinGroup, JoinProtocol, LeaveGroup, LeavingMember, MemberAssignment, SyncGroup,
};
use corelog_coordinator::output::{JoinRefusal, Joined, Synced};
use corelog_coordinator::{Input, Reply, RequestId};
use corelog_model::{ErrorCode, PartitionId};

use super::offsets::{Committer, GROUP};
use crate::broker::Broker;

/// After what silence a member is out.
const SESSION: Duration = Duration::from_secs(10);
const REBALANCE: Duration = Duration::from_secs(20);
/// What is answered for a coordinator that is gone, or that is asked too much.
const GONE: ErrorCode = ErrorCode::CoordinatorNotAvailable;

async fn ask(broker: &Broker, request: impl FnOnce(RequestId) -> Input) -> Option<Reply> {
    let (_, coordinator) = broker.group(GROUP);
    coordinator.ask(request).await
}

/// Joins as the member of an id, or as a new one that may be called so. What it says to the leader
/// makes no difference to the group, unless it changes.
pub(super) async fn join(
    broker: &Broker,
    by: &Committer,
    new_member_id: String,
    says: u8,
) -> Result<Joined, JoinRefusal> {
    let (member_id, instance_id) = (by.id.clone(), by.instance_id.clone());
    let protocols = vec![JoinProtocol { name: "range".to_owned(), metadata: vec![says] }];
    let join = |request| {
        Input::Join(JoinGroup {
            request,
            group: GROUP.to_owned(),
            member_id,
            new_member_id,
            instance_id,
            client_id: "client".to_owned(),
            client_host: "host".to_owned(),
            session_timeout: SESSION,
            rebalance_timeout: REBALANCE,
            protocol_type: "consumer".to_owned(),
            protocols,
            requires_member_id: true,
            can_skip_assignment: true,
        })
    };
    match ask(broker, join).await {
        Some(Reply::Join(result)) => result,
        _ => Err(JoinRefusal { code: GONE, member_id: by.id.clone() }),
    }
}

/// Asks for its part, and as a leader says those of all.
pub(super) async fn sync(
    broker: &Broker,
    by: &Committer,
    assignments: Vec<MemberAssignment>,
) -> Result<Synced, ErrorCode> {
    let Committer { id, instance_id, generation } = by.clone();
    let sync = |request| {
        Input::Sync(SyncGroup {
            request,
            group: GROUP.to_owned(),
            generation,
            member_id: id,
            instance_id,
            protocol_type: None,
            protocol: None,
            assignments,
        })
    };
    match ask(broker, sync).await {
        Some(Reply::Sync(result)) => result,
        _ => Err(GONE),
    }
}

/// Says that it is there.
pub(super) async fn beat(broker: &Broker, by: &Committer) -> Result<(), ErrorCode> {
    let Committer { id: member_id, instance_id, generation } = by.clone();
    let group = GROUP.to_owned();
    let beat = |request| {
        Input::Heartbeat(Heartbeat { request, group, generation, member_id, instance_id })
    };
    match ask(broker, beat).await {
        Some(Reply::Heartbeat(result)) => result,
        _ => Err(GONE),
    }
}

/// Leaves.
pub(super) async fn leave(broker: &Broker, by: &Committer) -> Result<(), ErrorCode> {
    let members =
        vec![LeavingMember { member_id: by.id.clone(), instance_id: by.instance_id.clone() }];
    let leave = |request| Input::Leave(LeaveGroup { request, group: GROUP.to_owned(), members });
    match ask(broker, leave).await {
        Some(Reply::Leave(result)) => result?.remove(0).result,
        _ => Err(GONE),
    }
}

/// A part as the leader writes it down: the number of its plan, and which of all partitions.
pub(super) fn encode(plan: usize, owned: &[PartitionId], all: &[PartitionId]) -> Vec<u8> {
    let mut part = (plan as u64).to_be_bytes().to_vec();
    let place = |partition| all.iter().position(|one| one == partition);
    part.extend(owned.iter().filter_map(place).map(|place| place as u8));
    part
}

/// And as it is read; none if it is nothing that a leader wrote.
pub(super) fn decode(part: &[u8], all: &[PartitionId]) -> Option<(usize, Vec<PartitionId>)> {
    let (plan, owned) = part.split_first_chunk()?;
    let owned: Option<Vec<_>> =
        owned.iter().map(|place| all.get(usize::from(*place)).copied()).collect();
    Some((u64::from_be_bytes(*plan) as usize, owned?))
}
