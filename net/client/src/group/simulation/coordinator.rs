//! The coordinator's side of a classic group, as Kafka has it: a barrier for joining, a barrier for
//! the assignment, and sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use corelog_model::ErrorCode;
use corelog_wire::api::join_group::JoinGroupResponseMember;
use corelog_wire::{
    Bytes, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};

use crate::Reply;
use crate::group::GroupRequest;
use crate::group::rig::reply;

const JOIN_VERSION: i16 = 9;
const SYNC_VERSION: i16 = 5;

/// A reply to a request by its number.
pub(super) struct Answer {
    pub(super) place: usize,
    pub(super) number: u64,
    pub(super) reply: Reply,
}

#[derive(Default)]
pub(super) struct Coordinator {
    pub(super) generation: i32,
    stage: Stage,
    members: BTreeMap<String, Member>,
    /// Ids that have been given out to members that have not joined yet.
    promised: BTreeSet<String>,
    leader: String,
    protocol: String,
    next_id: usize,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Empty,
    /// Until when members may join.
    Preparing(Duration),
    Completing,
    Stable,
}

struct Member {
    place: usize,
    protocols: Vec<(String, Vec<u8>)>,
    session_timeout: Duration,
    rebalance_timeout: Duration,
    session_until: Duration,
    has_joined: bool,
    /// The request that is held back.
    waiting: Option<u64>,
    assignment: Vec<u8>,
}

fn millis(count: i32) -> Duration {
    Duration::from_millis(count as u64)
}

impl Coordinator {
    pub(super) fn knows(&self, id: &str) -> bool {
        self.members.contains_key(id)
    }

    pub(super) fn next_wakeup(&self) -> Option<Duration> {
        let sessions = self.members.values().filter(|member| member.waiting.is_none());
        let deadline = match self.stage {
            Stage::Preparing(until) => Some(until),
            Stage::Empty | Stage::Completing | Stage::Stable => None,
        };
        sessions.map(|member| member.session_until).chain(deadline).min()
    }

    pub(super) fn tick(&mut self, now: Duration) -> Vec<Answer> {
        let mut answers = Vec::new();
        let is_over = |member: &Member| member.waiting.is_none() && member.session_until <= now;
        let gone: Vec<String> = self
            .members
            .iter()
            .filter(|(_, member)| is_over(member))
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            self.remove(now, &id, &mut answers);
        }
        if let Stage::Preparing(until) = self.stage
            && until <= now
        {
            self.members.retain(|_, member| member.has_joined);
            self.complete(now, &mut answers);
        }
        answers
    }

    pub(super) fn take(
        &mut self,
        now: Duration,
        place: usize,
        number: u64,
        request: &GroupRequest,
        is_refused: bool,
    ) -> Vec<Answer> {
        let mut answers = Vec::new();
        let refused = is_refused.then_some(ErrorCode::NotCoordinator.code());
        let reply = match request {
            GroupRequest::Join(request) => match refused {
                Some(error_code) => Some(join_reply(&JoinGroupResponse {
                    error_code,
                    ..JoinGroupResponse::default()
                })),
                None => self.join(now, place, number, request, &mut answers),
            },
            GroupRequest::Sync(request) => match refused {
                Some(error_code) => Some(sync_reply(error_code, &[])),
                None => self.sync(now, number, request, &mut answers),
            },
            GroupRequest::Heartbeat(request) => {
                let error_code = refused.unwrap_or_else(|| self.heartbeat(now, request).code());
                let response = HeartbeatResponse { error_code, ..HeartbeatResponse::default() };
                Some(reply::<HeartbeatRequest<'_>>(4, &response))
            }
            GroupRequest::Leave(request) => {
                self.remove(now, &request.members[0].member_id, &mut answers);
                Some(reply::<LeaveGroupRequest<'_>>(5, &LeaveGroupResponse::default()))
            }
            GroupRequest::ConsumerHeartbeat(_) => panic!("this group is classic"),
        };
        answers.extend(reply.map(|reply| Answer { place, number, reply }));
        answers
    }

    fn join(
        &mut self,
        now: Duration,
        place: usize,
        number: u64,
        request: &JoinGroupRequest<'_>,
        answers: &mut Vec<Answer>,
    ) -> Option<Reply> {
        let id = request.member_id.to_string();
        let refuse = |code: ErrorCode, member_id: String| {
            Some(join_reply(&JoinGroupResponse {
                error_code: code.code(),
                member_id: member_id.into(),
                ..JoinGroupResponse::default()
            }))
        };
        if id.is_empty() {
            self.next_id += 1;
            let id = format!("member-{:03}", self.next_id);
            self.promised.insert(id.clone());
            return refuse(ErrorCode::MemberIdRequired, id);
        }
        if !self.promised.remove(&id) && !self.members.contains_key(&id) {
            return refuse(ErrorCode::UnknownMemberId, id);
        }
        let metadata = |protocol: &corelog_wire::api::join_group::JoinGroupRequestProtocol<'_>| {
            (protocol.name.to_string(), protocol.metadata.to_vec())
        };
        let member = Member {
            place,
            protocols: request.protocols.iter().map(metadata).collect(),
            session_timeout: millis(request.session_timeout_ms),
            rebalance_timeout: millis(request.rebalance_timeout_ms),
            session_until: now + millis(request.session_timeout_ms),
            has_joined: true,
            waiting: Some(number),
            assignment: Vec::new(),
        };
        self.members.insert(id.clone(), member);
        if !matches!(self.stage, Stage::Preparing(_)) {
            self.prepare(now, Some(&id), answers);
        }
        self.complete_if_all_are_there(now, answers);
        None
    }

    /// Begins a rebalance; the members that wait for their assignment are told so.
    fn prepare(&mut self, now: Duration, joined: Option<&str>, answers: &mut Vec<Answer>) {
        let timeouts = self.members.values().map(|member| member.rebalance_timeout);
        self.stage = Stage::Preparing(now + timeouts.max().unwrap_or_default());
        for (id, member) in &mut self.members {
            if joined == Some(id) {
                continue;
            }
            member.has_joined = false;
            if let Some(number) = member.waiting.take() {
                member.session_until = now + member.session_timeout;
                let reply = sync_reply(ErrorCode::RebalanceInProgress.code(), &[]);
                answers.push(Answer { place: member.place, number, reply });
            }
        }
    }

    fn complete_if_all_are_there(&mut self, now: Duration, answers: &mut Vec<Answer>) {
        let is_preparing = matches!(self.stage, Stage::Preparing(_));
        if is_preparing && self.members.values().all(|member| member.has_joined) {
            self.complete(now, answers);
        }
    }

    fn complete(&mut self, now: Duration, answers: &mut Vec<Answer>) {
        self.generation += 1;
        let Some(first) = self.members.keys().next() else {
            self.stage = Stage::Empty;
            return;
        };
        if !self.members.contains_key(&self.leader) {
            self.leader.clone_from(first);
        }
        self.stage = Stage::Completing;
        let speaks = |member: &Member, name: &str| member.protocols.iter().any(|(n, _)| n == name);
        let candidates = self.members[&self.leader].protocols.iter().map(|(name, _)| name);
        let mut common =
            candidates.filter(|name| self.members.values().all(|member| speaks(member, name)));
        self.protocol = common.next().expect("members share a protocol").clone();
        let metadata = |(id, member): (&String, &Member)| {
            let mut protocols = member.protocols.iter();
            let (_, metadata) = protocols.find(|(name, _)| *name == self.protocol).unwrap();
            JoinGroupResponseMember {
                member_id: id.clone().into(),
                group_instance_id: None,
                metadata: Bytes::Owned(metadata.clone()),
            }
        };
        let all: Vec<JoinGroupResponseMember<'_>> = self.members.iter().map(metadata).collect();
        for (id, member) in &mut self.members {
            member.session_until = now + member.session_timeout;
            let Some(number) = member.waiting.take() else { continue };
            let reply = join_reply(&JoinGroupResponse {
                generation_id: self.generation,
                protocol_type: Some("consumer".into()),
                protocol_name: Some(self.protocol.clone().into()),
                leader: self.leader.clone().into(),
                member_id: id.clone().into(),
                members: if *id == self.leader { all.clone() } else { Vec::new() },
                ..JoinGroupResponse::default()
            });
            answers.push(Answer { place: member.place, number, reply });
        }
    }

    fn sync(
        &mut self,
        now: Duration,
        number: u64,
        request: &SyncGroupRequest<'_>,
        answers: &mut Vec<Answer>,
    ) -> Option<Reply> {
        let id = request.member_id.to_string();
        let refuse = |code: ErrorCode| Some(sync_reply(code.code(), &[]));
        let Some(member) = self.members.get_mut(&id) else {
            return refuse(ErrorCode::UnknownMemberId);
        };
        if request.generation_id != self.generation {
            return refuse(ErrorCode::IllegalGeneration);
        }
        member.session_until = now + member.session_timeout;
        match self.stage {
            Stage::Empty | Stage::Preparing(_) => refuse(ErrorCode::RebalanceInProgress),
            Stage::Stable => Some(sync_reply(0, &member.assignment)),
            Stage::Completing => {
                member.waiting = Some(number);
                if id != self.leader {
                    return None;
                }
                for part in &request.assignments {
                    let member = self.members.get_mut(&*part.member_id).unwrap();
                    member.assignment = part.assignment.to_vec();
                }
                self.stage = Stage::Stable;
                for member in self.members.values_mut() {
                    if let Some(number) = member.waiting.take() {
                        member.session_until = now + member.session_timeout;
                        let reply = sync_reply(0, &member.assignment);
                        answers.push(Answer { place: member.place, number, reply });
                    }
                }
                None
            }
        }
    }

    fn heartbeat(&mut self, now: Duration, request: &HeartbeatRequest<'_>) -> ErrorCode {
        let Some(member) = self.members.get_mut(&*request.member_id) else {
            return ErrorCode::UnknownMemberId;
        };
        if request.generation_id != self.generation {
            return ErrorCode::IllegalGeneration;
        }
        member.session_until = now + member.session_timeout;
        match self.stage {
            Stage::Preparing(_) => ErrorCode::RebalanceInProgress,
            Stage::Empty | Stage::Completing | Stage::Stable => ErrorCode::None,
        }
    }

    fn remove(&mut self, now: Duration, id: &str, answers: &mut Vec<Answer>) {
        self.promised.remove(id);
        if self.members.remove(id).is_none() {
            return;
        }
        match self.stage {
            Stage::Completing | Stage::Stable => self.prepare(now, None, answers),
            Stage::Empty | Stage::Preparing(_) => {}
        }
        self.complete_if_all_are_there(now, answers);
    }
}

fn join_reply(response: &JoinGroupResponse<'_>) -> Reply {
    reply::<JoinGroupRequest<'_>>(JOIN_VERSION, response)
}

fn sync_reply(error_code: i16, assignment: &[u8]) -> Reply {
    let response = SyncGroupResponse {
        error_code,
        protocol_type: Some("consumer".into()),
        assignment: assignment.into(),
        ..SyncGroupResponse::default()
    };
    reply::<SyncGroupRequest<'_>>(SYNC_VERSION, &response)
}
