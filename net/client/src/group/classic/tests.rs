//! Every rule of a classic member, step by step.

use corelog_model::ErrorCode;
use corelog_wire::api::join_group::JoinGroupResponseMember;
use corelog_wire::{
    Bytes, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};

use super::*;
use crate::Reply;
use crate::group::rig::{at, broken, metadata, reply, sent, set, topics};
use crate::group::subscription::{Wanted, decode_assignment, encode_assignment};
use crate::group::{GroupRequest, Membership};

mod failures;
mod leaving;
mod rebalances;

/// A member and what it knows of the cluster.
struct Rig {
    member: Membership,
    metadata: Metadata,
}

impl Rig {
    fn new(config: GroupConfig) -> Self {
        Self { member: Membership::new(config, [1; 16]), metadata: metadata(&[("t", 4)]) }
    }

    fn step(&mut self, seconds: u64, input: Input<'_>) -> Vec<Output> {
        self.member.step(at(seconds), input, &self.metadata)
    }

    fn subscribe(&mut self, seconds: u64, names: &[&str]) -> Vec<Output> {
        let topics = names.iter().map(|name| Arc::from(*name)).collect();
        self.step(seconds, Input::Subscribe(Subscription::Topics(topics)))
    }

    /// A member of generation 1 that does not lead and owns these partitions, at second 0.
    fn stable(config: GroupConfig, numbers: &[i32]) -> Self {
        let assignor = config.assignors[0];
        let mut rig = Self::new(config);
        rig.subscribe(0, &["t"]);
        rig.step(0, Input::Reply(&follower(1, assignor)));
        let outputs = rig.step(0, Input::Reply(&synced(0, numbers)));
        if !numbers.is_empty() {
            assert_eq!(outputs, [Output::Assign(set("t", numbers))]);
            rig.step(0, Input::Assigned);
        }
        assert_eq!(rig.member.assigned(), &set("t", numbers));
        rig
    }
}

fn config(assignors: &[Assignor]) -> GroupConfig {
    GroupConfig { group: "g".to_owned(), assignors: assignors.to_vec(), ..GroupConfig::default() }
}

fn eager() -> GroupConfig {
    config(&[Assignor::Range])
}

fn cooperative() -> GroupConfig {
    config(&[Assignor::CooperativeSticky])
}

fn static_member(config: GroupConfig) -> GroupConfig {
    GroupConfig { instance_id: Some("i".to_owned()), ..config }
}

fn join_reply(response: &JoinGroupResponse<'_>) -> Reply {
    reply::<JoinGroupRequest<'_>>(9, response)
}

fn join_refused(code: ErrorCode) -> Reply {
    let error_code = code.code();
    join_reply(&JoinGroupResponse { error_code, ..JoinGroupResponse::default() })
}

fn joined(generation: i32, assignor: Assignor, leader: &str) -> JoinGroupResponse<'static> {
    JoinGroupResponse {
        generation_id: generation,
        protocol_type: Some("consumer".into()),
        protocol_name: Some(assignor.name().into()),
        leader: leader.to_owned().into(),
        member_id: "me".into(),
        ..JoinGroupResponse::default()
    }
}

fn follower(generation: i32, assignor: Assignor) -> Reply {
    join_reply(&joined(generation, assignor, "other"))
}

/// The answer to a leader: `me` and `other`, which want these topics.
fn leader(generation: i32, assignor: Assignor, wanted: &[(&str, &[&str])]) -> Reply {
    let member = |(id, names): &(&str, &[&str])| {
        let topics = topics(names);
        let wanted = Wanted {
            topics: &topics,
            owned: &set("t", &[]),
            generation: -1,
            last: None,
            rack: None,
        };
        JoinGroupResponseMember {
            member_id: (*id).to_owned().into(),
            group_instance_id: None,
            metadata: Bytes::Owned(wanted.encode(assignor).unwrap()),
        }
    };
    let members = wanted.iter().map(member).collect();
    join_reply(&JoinGroupResponse { members, ..joined(generation, assignor, "me") })
}

fn synced(code: i16, numbers: &[i32]) -> Reply {
    let response = SyncGroupResponse {
        error_code: code,
        protocol_type: Some("consumer".into()),
        assignment: Bytes::Owned(encode_assignment(&set("t", numbers)).unwrap()),
        ..SyncGroupResponse::default()
    };
    reply::<SyncGroupRequest<'_>>(5, &response)
}

fn beaten(code: ErrorCode) -> Reply {
    let response = HeartbeatResponse { error_code: code.code(), ..HeartbeatResponse::default() };
    reply::<HeartbeatRequest<'_>>(4, &response)
}

fn left() -> Reply {
    reply::<LeaveGroupRequest<'_>>(5, &LeaveGroupResponse::default())
}

#[track_caller]
fn sent_join(outputs: &[Output]) -> JoinGroupRequest<'static> {
    match sent(outputs) {
        GroupRequest::Join(request) => request,
        other => panic!("{other:?} is no JoinGroup"),
    }
}

#[track_caller]
fn sent_sync(outputs: &[Output]) -> SyncGroupRequest<'static> {
    match sent(outputs) {
        GroupRequest::Sync(request) => request,
        other => panic!("{other:?} is no SyncGroup"),
    }
}

#[track_caller]
fn sent_heartbeat(outputs: &[Output]) -> HeartbeatRequest<'static> {
    match sent(outputs) {
        GroupRequest::Heartbeat(request) => request,
        other => panic!("{other:?} is no Heartbeat"),
    }
}

#[track_caller]
fn sent_leave(outputs: &[Output]) -> LeaveGroupRequest<'static> {
    match sent(outputs) {
        GroupRequest::Leave(request) => request,
        other => panic!("{other:?} is no LeaveGroup"),
    }
}

#[track_caller]
fn check_failed(outputs: &[Output], code: ErrorCode) {
    match outputs.last() {
        Some(Output::Fail(error)) => assert_eq!(error.code(), Some(code)),
        other => panic!("{other:?} is no failure"),
    }
}
