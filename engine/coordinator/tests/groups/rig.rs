//! The words in which the tests speak about groups: a rig of groups with a clock, and short forms
//! of requests and replies.

use std::time::Duration;

use corelog_coordinator::groups::ListFilter;
use corelog_coordinator::input::{
    CommitOffsets, Heartbeat, JoinGroup, JoinProtocol, LeaveGroup, LeavingMember, MemberAssignment,
    OffsetToCommit, SyncGroup,
};
use corelog_coordinator::offsets::TopicPartition;
use corelog_coordinator::output::{
    JoinRefusal, Joined, JoinedMember, Left, PartitionResult, Synced,
};
use corelog_coordinator::records::{CoordinatorRecord, GroupMember, GroupMetadataKey};
use corelog_coordinator::records::{GroupMetadataValue, OffsetCommitKey, OffsetCommitValue};
use corelog_coordinator::{AppendId, GroupConfig, Groups, Input, Now, Output, Reply, RequestId};
use corelog_model::{
    ErrorCode, LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId, TopicName,
};

/// The wall clock runs so far ahead of the monotonic one, in milliseconds.
pub(crate) const WALL: i64 = 1_000_000;

pub(crate) const SESSION: u64 = 10;
pub(crate) const REBALANCE: u64 = 60;

pub(crate) struct Rig {
    pub(crate) groups: Groups,
    /// In seconds.
    pub(crate) clock: u64,
}

pub(crate) fn config() -> GroupConfig {
    GroupConfig { initial_rebalance_delay: Duration::ZERO, ..GroupConfig::default() }
}

impl Rig {
    pub(crate) fn new() -> Rig {
        Rig::with(config())
    }

    pub(crate) fn with(config: GroupConfig) -> Rig {
        Rig::loaded(config, &[])
    }

    pub(crate) fn loaded(config: GroupConfig, records: &[CoordinatorRecord]) -> Rig {
        let mut rig = Rig { groups: Groups::new(config), clock: 0 };
        for record in records {
            let value = record.encode_value();
            rig.groups.load(&record.encode_key(), value.as_deref()).expect("a record is valid");
        }
        rig.groups.finish_loading(rig.now());
        rig
    }

    /// A group with these members, of which the first leads, and each has its id as assignment.
    pub(crate) fn stable(members: &[&str]) -> Rig {
        let mut rig = Rig::new();
        rig.become_stable(members);
        rig
    }

    pub(crate) fn become_stable(&mut self, members: &[&str]) {
        let mut open = 100;
        self.step(join(open, "", members[0]));
        for member in &members[1..] {
            open += 1;
            self.step(join(open, "", member));
        }
        if members.len() > 1 {
            self.step(join(99, members[0], ""));
        }
        let generation = self.groups.describe("g").expect("there is a group").generation;
        for member in members {
            open += 1;
            let sync = SyncGroup { generation, ..sync(open, member) };
            let outputs = self.step(assigning(sync, members));
            if let Some(Output::Append { append, .. }) = outputs.last() {
                self.step(Input::Appended(*append));
            }
        }
        let group = self.groups.describe("g").expect("there is a group");
        assert_eq!(group.state.name(), "Stable");
        assert_eq!(group.members.len(), members.len());
    }

    pub(crate) fn now(&self) -> Now {
        let clock = Duration::from_secs(self.clock);
        Now { clock, wall: Timestamp(WALL + clock.as_millis() as i64) }
    }

    pub(crate) fn step(&mut self, input: impl Into<Input>) -> Vec<Output> {
        let now = self.now();
        self.groups.step(now, input.into())
    }

    /// Lets time pass to this second.
    pub(crate) fn tick(&mut self, clock: u64) -> Vec<Output> {
        self.clock = clock;
        self.step(Input::Tick)
    }

    pub(crate) fn appended(&mut self, append: u64) -> Vec<Output> {
        self.step(Input::Appended(AppendId(append)))
    }

    pub(crate) fn failed(&mut self, append: u64) -> Vec<Output> {
        let code = ErrorCode::NotCoordinator;
        self.step(Input::AppendFailed { append: AppendId(append), code })
    }

    pub(crate) fn state(&self) -> &'static str {
        let group = self.groups.describe("g");
        group.map_or("none", |group| group.state.name())
    }

    pub(crate) fn names(&self, filter: &ListFilter) -> Vec<String> {
        let groups = self.groups.list(filter).expect("the groups are ready");
        groups.into_iter().map(|group| group.group).collect()
    }
}

pub(crate) fn join(request: u64, member_id: &str, new_member_id: &str) -> JoinGroup {
    JoinGroup {
        request: RequestId(request),
        group: "g".into(),
        member_id: member_id.into(),
        new_member_id: new_member_id.into(),
        instance_id: None,
        client_id: "client".into(),
        client_host: "/host".into(),
        session_timeout: Duration::from_secs(SESSION),
        rebalance_timeout: Duration::from_secs(REBALANCE),
        protocol_type: "consumer".into(),
        protocols: protocols(&["range"]),
        requires_member_id: false,
        can_skip_assignment: false,
    }
}

/// Subscribes to the topic `t` in each of these ways.
pub(crate) fn protocols(names: &[&str]) -> Vec<JoinProtocol> {
    let protocol = |name: &&str| JoinProtocol { name: (*name).into(), metadata: subscription() };
    names.iter().map(protocol).collect()
}

pub(crate) fn subscription() -> Vec<u8> {
    b"\0\0\0\0\0\x01\0\x01t\0\0\0\0".to_vec()
}

pub(crate) fn sync(request: u64, member_id: &str) -> SyncGroup {
    SyncGroup {
        request: RequestId(request),
        group: "g".into(),
        generation: 1,
        member_id: member_id.into(),
        instance_id: None,
        protocol_type: None,
        protocol: None,
        assignments: Vec::new(),
    }
}

/// Each member gets its id.
pub(crate) fn assigning(sync: SyncGroup, members: &[&str]) -> SyncGroup {
    let assignment = |member: &&str| MemberAssignment {
        member_id: (*member).into(),
        assignment: member.as_bytes().to_vec(),
    };
    SyncGroup { assignments: members.iter().map(assignment).collect(), ..sync }
}

pub(crate) fn heartbeat(request: u64, member_id: &str, generation: i32) -> Heartbeat {
    Heartbeat {
        request: RequestId(request),
        group: "g".into(),
        generation,
        member_id: member_id.into(),
        instance_id: None,
    }
}

pub(crate) fn leave(request: u64, members: &[(&str, Option<&str>)]) -> LeaveGroup {
    let members = members.iter().map(|(member_id, instance_id)| LeavingMember {
        member_id: (*member_id).into(),
        instance_id: instance_id.map(Into::into),
    });
    LeaveGroup { request: RequestId(request), group: "g".into(), members: members.collect() }
}

/// A commit of one that is in no group.
pub(crate) fn commit(request: u64, offsets: &[(&str, i64)]) -> CommitOffsets {
    let offsets = offsets.iter().map(|(topic, offset)| OffsetToCommit {
        topic: partition(topic).0,
        topic_id: TopicId::ONE,
        partition: PartitionIndex(0),
        offset: Offset(*offset),
        leader_epoch: LeaderEpoch(4),
        metadata: "note".into(),
    });
    CommitOffsets {
        request: RequestId(request),
        group: "g".into(),
        generation: -1,
        member_id: String::new(),
        instance_id: None,
        may_carry_epoch: true,
        retention: None,
        offsets: offsets.collect(),
    }
}

pub(crate) fn partition(topic: &str) -> TopicPartition {
    (TopicName::new(topic).expect("it is a name"), PartitionIndex(0))
}

pub(crate) fn reply(request: u64, reply: Reply) -> Output {
    Output::Reply { request: RequestId(request), reply }
}

pub(crate) fn append(append: u64, records: Vec<CoordinatorRecord>) -> Output {
    Output::Append { append: AppendId(append), records }
}

/// To a member that does not lead.
pub(crate) fn joined(request: u64, generation: i32, leader: &str, member_id: &str) -> Output {
    reply(request, Reply::Join(Ok(in_generation(generation, leader, member_id, &[]))))
}

/// To the leader, with the ids of all members.
pub(crate) fn leads(request: u64, generation: i32, leader: &str, members: &[&str]) -> Output {
    reply(request, Reply::Join(Ok(in_generation(generation, leader, leader, members))))
}

pub(crate) fn in_generation(
    generation: i32,
    leader: &str,
    member_id: &str,
    members: &[&str],
) -> Joined {
    let members = members.iter().map(|member| JoinedMember {
        member_id: (*member).into(),
        instance_id: None,
        metadata: subscription(),
    });
    Joined {
        generation,
        protocol_type: "consumer".into(),
        protocol: "range".into(),
        leader: leader.into(),
        member_id: member_id.into(),
        skip_assignment: false,
        members: members.collect(),
    }
}

pub(crate) fn join_refused(request: u64, code: ErrorCode, member_id: &str) -> Output {
    let refusal = JoinRefusal { code, member_id: member_id.into() };
    reply(request, Reply::Join(Err(refusal)))
}

pub(crate) fn synced(request: u64, assignment: &str) -> Output {
    let synced = Synced {
        protocol_type: "consumer".into(),
        protocol: "range".into(),
        assignment: assignment.as_bytes().to_vec(),
    };
    reply(request, Reply::Sync(Ok(synced)))
}

pub(crate) fn sync_refused(request: u64, code: ErrorCode) -> Output {
    reply(request, Reply::Sync(Err(code)))
}

pub(crate) fn left(
    request: u64,
    members: &[(&str, Option<&str>, Result<(), ErrorCode>)],
) -> Output {
    let members = members.iter().map(|(member_id, instance_id, result)| Left {
        member_id: (*member_id).into(),
        instance_id: instance_id.map(Into::into),
        result: *result,
    });
    reply(request, Reply::Leave(Ok(members.collect())))
}

pub(crate) fn results(topics: &[(&str, Result<(), ErrorCode>)]) -> Vec<PartitionResult> {
    let results = topics.iter().map(|(topic, result)| {
        let (topic, partition) = partition(topic);
        PartitionResult { topic, partition, result: *result }
    });
    results.collect()
}

/// A stored generation, of which each member has its id as assignment.
pub(crate) fn generation(since: u64, generation: i32, members: &[&str]) -> CoordinatorRecord {
    let stored = members.iter().map(|member| stored_member(member, member));
    group_record(since, generation, stored.collect())
}

pub(crate) fn stored_member(member_id: &str, assignment: &str) -> GroupMember {
    GroupMember {
        member_id: member_id.into(),
        group_instance_id: None,
        client_id: "client".into(),
        client_host: "/host".into(),
        rebalance_timeout_ms: REBALANCE as i32 * 1000,
        session_timeout_ms: SESSION as i32 * 1000,
        subscription: subscription(),
        assignment: assignment.as_bytes().to_vec(),
    }
}

pub(crate) fn group_record(
    since: u64,
    generation: i32,
    members: Vec<GroupMember>,
) -> CoordinatorRecord {
    CoordinatorRecord::GroupMetadata {
        key: GroupMetadataKey { group: "g".into() },
        value: Some(GroupMetadataValue {
            protocol_type: "consumer".into(),
            generation,
            protocol: members.first().map(|_| "range".into()),
            leader: members.first().map(|member| member.member_id.clone()),
            current_state_timestamp: Timestamp(WALL + since as i64 * 1000),
            members,
        }),
    }
}

pub(crate) fn group_tombstone() -> CoordinatorRecord {
    CoordinatorRecord::GroupMetadata { key: GroupMetadataKey { group: "g".into() }, value: None }
}

pub(crate) fn committed(at: u64, offset: i64) -> OffsetCommitValue {
    OffsetCommitValue {
        offset: Offset(offset),
        leader_epoch: LeaderEpoch(4),
        metadata: "note".into(),
        commit_timestamp: Timestamp(WALL + at as i64 * 1000),
        expire_timestamp: None,
        topic_id: TopicId::ONE,
    }
}

pub(crate) fn offset_record(topic: &str, value: Option<OffsetCommitValue>) -> CoordinatorRecord {
    let (topic, partition) = partition(topic);
    let key = OffsetCommitKey { group: "g".into(), topic, partition };
    CoordinatorRecord::OffsetCommit { key, value }
}
