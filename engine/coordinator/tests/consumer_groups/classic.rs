//! Short forms of the requests of members that speak the classic protocol. Their answers are lines
//! too: the generation of a join, the partitions of a sync, `ok` for a heartbeat, or an error code.

use std::collections::BTreeMap;
use std::time::Duration;

use corelog_coordinator::consumer_group::Partitions;
use corelog_coordinator::input::{
    Heartbeat, JoinGroup, JoinProtocol, LeaveGroup, LeavingMember, MemberAssignment, SyncGroup,
};
use corelog_coordinator::{Input, Reply, RequestId};
use corelog_model::ErrorCode;

use crate::rig::*;

/// The session of a member, in seconds.
pub(crate) const CLASSIC_SESSION: u64 = 30;

impl Rig {
    pub(crate) fn classic_join(&mut self, join: JoinGroup) -> String {
        let request = self.next_request();
        let join = JoinGroup { request, ..join };
        match self.ask(request, Input::Join(join)) {
            Reply::Join(Ok(joined)) => format!("joined {}", joined.generation),
            Reply::Join(Err(refusal)) => refusal.code.name().to_owned(),
            other => panic!("a join is answered {other:?}"),
        }
    }

    pub(crate) fn sync(&mut self, sync: SyncGroup) -> String {
        let request = self.next_request();
        match self.ask(request, Input::Sync(SyncGroup { request, ..sync })) {
            Reply::Sync(Ok(synced)) => partitions(&assigned(&synced.assignment), &self.topics),
            Reply::Sync(Err(code)) => code.name().to_owned(),
            other => panic!("a sync is answered {other:?}"),
        }
    }

    pub(crate) fn classic_beat(&mut self, member: &str, generation: i32) -> &'static str {
        let request = self.next_request();
        let beat = classic_beat(request, member, generation);
        match self.ask(request, Input::Heartbeat(beat)) {
            Reply::Heartbeat(result) => result.map_or_else(ErrorCode::name, |()| "ok"),
            other => panic!("a heartbeat is answered {other:?}"),
        }
    }

    pub(crate) fn classic_leave(&mut self, member: &str, instance: Option<&str>) -> &'static str {
        let request = self.next_request();
        let (member_id, instance_id) = (member.to_owned(), instance.map(Into::into));
        let members = vec![LeavingMember { member_id, instance_id }];
        let leave = LeaveGroup { request, group: "g".into(), members };
        match self.ask(request, Input::Leave(leave)) {
            Reply::Leave(Ok(left)) => left[0].result.map_or_else(ErrorCode::name, |()| "ok"),
            other => panic!("a leave is answered {other:?}"),
        }
    }
}

/// A member of topics joins, or joins again owning partitions.
pub(crate) fn classic(member: &str, topics: &[&str], owned: &str) -> JoinGroup {
    let protocol = |name: &str| JoinProtocol {
        name: name.into(),
        metadata: subscription(topics, &set(owned)),
    };
    JoinGroup {
        request: RequestId(0),
        group: "g".into(),
        member_id: member.into(),
        new_member_id: String::new(),
        instance_id: None,
        client_id: "client".into(),
        client_host: "/host".into(),
        session_timeout: Duration::from_secs(CLASSIC_SESSION),
        rebalance_timeout: Duration::from_secs(REBALANCE),
        protocol_type: "consumer".into(),
        protocols: vec![protocol("sticky"), protocol("range")],
        requires_member_id: false,
        can_skip_assignment: false,
    }
}

/// The same for the first time, under an id that the driver makes up.
pub(crate) fn classic_new(member: &str, topics: &[&str]) -> JoinGroup {
    JoinGroup { member_id: String::new(), new_member_id: member.into(), ..classic("", topics, "") }
}

pub(crate) fn sync(member: &str, generation: i32) -> SyncGroup {
    SyncGroup {
        request: RequestId(0),
        group: "g".into(),
        generation,
        member_id: member.into(),
        instance_id: None,
        protocol_type: Some("consumer".into()),
        protocol: None,
        assignments: Vec::new(),
    }
}

/// The leader brings what each member gets.
pub(crate) fn assigning(sync: SyncGroup, given: &[(&str, &str)]) -> SyncGroup {
    let one = |(member, text): &(&str, &str)| MemberAssignment {
        member_id: (*member).into(),
        assignment: assignment(&set(text)),
    };
    SyncGroup { assignments: given.iter().map(one).collect(), ..sync }
}

pub(crate) fn classic_beat(request: RequestId, member: &str, generation: i32) -> Heartbeat {
    let (group, member_id) = ("g".into(), member.into());
    Heartbeat { request, group, generation, member_id, instance_id: None }
}

/// A subscription of version 1.
fn subscription(topics: &[&str], owned: &Partitions) -> Vec<u8> {
    let mut bytes = vec![0, 1];
    bytes.extend((topics.len() as i32).to_be_bytes());
    for topic in topics {
        string(&mut bytes, topic);
    }
    bytes.extend((-1_i32).to_be_bytes());
    list(&mut bytes, owned);
    bytes
}

/// An assignment of version 1.
pub(crate) fn assignment(owned: &Partitions) -> Vec<u8> {
    let mut bytes = vec![0, 1];
    list(&mut bytes, owned);
    bytes.extend((-1_i32).to_be_bytes());
    bytes
}

fn list(bytes: &mut Vec<u8>, owned: &Partitions) {
    let mut topics: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for partition in owned {
        let name = partition.topic.as_bytes().iter().take_while(|byte| **byte != 0);
        let name = String::from_utf8(name.copied().collect()).expect("a name is text");
        topics.entry(name).or_default().push(partition.index.get());
    }
    bytes.extend((topics.len() as i32).to_be_bytes());
    for (name, indexes) in topics {
        string(bytes, &name);
        bytes.extend((indexes.len() as i32).to_be_bytes());
        bytes.extend(indexes.iter().flat_map(|index| index.to_be_bytes()));
    }
}

fn string(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as i16).to_be_bytes());
    bytes.extend(text.as_bytes());
}

/// The partitions of an assignment, whose topics have names of one letter.
pub(crate) fn assigned(bytes: &[u8]) -> Partitions {
    let mut partitions = Partitions::new();
    let number = |at: usize| {
        let bytes = bytes[at..at + 4].try_into().expect("there are four bytes");
        i32::from_be_bytes(bytes) as usize
    };
    let (mut at, mut topics) = (6, if bytes.is_empty() { 0 } else { number(2) });
    while topics > 0 {
        let name = bytes[at + 2] as char;
        let count = number(at + 3);
        let indexes = (0..count).map(|place| number(at + 7 + 4 * place));
        partitions.extend(indexes.flat_map(|index| set(&format!("{name}{index}"))));
        at += 7 + 4 * count;
        topics -= 1;
    }
    partitions
}
