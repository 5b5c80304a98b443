//! Consumer groups beside classic ones: lists, changes of kind, deletion, and a log that fails.

use std::time::Duration;

use corelog_coordinator::consumer_group::ConsumerGroupHeartbeat;
use corelog_coordinator::groups::{GroupKind, ListFilter};
use corelog_coordinator::input::{DeleteGroups, Heartbeat, JoinGroup, JoinProtocol, LeaveGroup};
use corelog_coordinator::output::GroupResult;
use corelog_coordinator::{GroupConfig, Groups, Input, Output, Reply, RequestId};
use corelog_model::ErrorCode;

use crate::rig::*;

/// A member joins by the classic protocol, as `c`.
fn classic_join(request: RequestId, member_id: &str) -> Input {
    Input::Join(JoinGroup {
        request,
        group: "g".into(),
        member_id: member_id.into(),
        new_member_id: "c".into(),
        instance_id: None,
        client_id: "client".into(),
        client_host: "/host".into(),
        session_timeout: Duration::from_secs(10),
        rebalance_timeout: Duration::from_secs(60),
        protocol_type: "connect".into(),
        protocols: vec![JoinProtocol { name: "p".into(), metadata: Vec::new() }],
        requires_member_id: false,
        can_skip_assignment: false,
    })
}

impl Rig {
    fn refused_join(&mut self, member_id: &str) -> &'static str {
        let request = self.next_request();
        match self.ask(request, classic_join(request, member_id)) {
            Reply::Join(Err(refusal)) => refusal.code.name(),
            other => panic!("the member is not to be let in, but {other:?}"),
        }
    }

    fn delete(&mut self) -> Result<(), ErrorCode> {
        let request = self.next_request();
        let delete = DeleteGroups { request, groups: vec!["g".into()] };
        match self.ask(request, Input::DeleteGroups(delete)) {
            Reply::DeleteGroups(results) => results[0].result,
            other => panic!("a deletion is answered {other:?}"),
        }
    }
}

#[test]
fn groups_are_listed_with_their_kinds_and_states() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    assert_eq!(rig.list(), ["g consumer consumer Stable"]);
    rig.beat(join("b", &["t"]));
    assert_eq!(rig.list(), ["g consumer consumer Reconciling"]);
    rig.beat(leave("b"));
    assert_eq!(rig.list(), ["g consumer consumer Assigning"]);
    rig.beat(leave("a"));
    assert_eq!(rig.list(), ["g consumer consumer Empty"]);
    let of = |kind| ListFilter { kinds: vec![kind], ..ListFilter::default() };
    assert_eq!(rig.groups.list(&of(GroupKind::Consumer)).unwrap().len(), 1);
    assert_eq!(rig.groups.list(&of(GroupKind::Classic)).unwrap().len(), 0);
}

#[test]
fn each_kind_is_described_by_its_own_request() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    assert_eq!(rig.groups.describe("g"), Err(ErrorCode::GroupIdNotFound));
    let request = rig.next_request();
    let Input::Join(join) = classic_join(request, "") else { unreachable!("it is a join") };
    rig.step(Input::Join(JoinGroup { group: "h".into(), ..join }));
    let description = rig.groups.describe_consumer_group("h");
    assert_eq!(description, Err(ErrorCode::GroupIdNotFound));
}

#[test]
fn classic_members_have_no_part_in_a_consumer_group() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    assert_eq!(rig.refused_join(""), "INCONSISTENT_GROUP_PROTOCOL");
    let request = rig.next_request();
    let (group, member_id) = ("g".to_owned(), "a".to_owned());
    let beat = Heartbeat { request, group, generation: 1, member_id, instance_id: None };
    let refused = Reply::Heartbeat(Err(ErrorCode::UnknownMemberId));
    assert_eq!(rig.ask(request, Input::Heartbeat(beat)), refused);
    let request = rig.next_request();
    let left = LeaveGroup { request, group: "g".into(), members: Vec::new() };
    assert_eq!(rig.ask(request, Input::Leave(left)), Reply::Leave(Ok(Vec::new())));
    assert_eq!(rig.describe(), "Stable 1/1, a@1[t0 t1 t2]");
}

#[test]
fn an_empty_consumer_group_becomes_a_classic_one_and_the_other_way_round() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.beat(leave("a"));
    assert_eq!(rig.refused_join("a"), "UNKNOWN_MEMBER_ID");
    assert_eq!(rig.list(), ["g consumer consumer Empty"]);
    let request = rig.next_request();
    rig.step(classic_join(request, ""));
    rig.append_next();
    assert_eq!(rig.list(), ["g classic connect PreparingRebalance"]);
    assert_eq!(rig.reload().groups.count(), 0);
    assert_eq!(rig.beat(join("a", &["t"])), "GROUP_ID_NOT_FOUND");
    // Nobody has synced, and so nothing is stored but that the group is empty.
    rig.tick(3);
    rig.tick(100);
    assert_eq!(rig.list(), ["g classic connect Empty"]);
    assert_eq!(rig.reload().list(), ["g classic connect Empty"]);
    assert_eq!(rig.beat(join("a", &["t"])), "1: t0 t1 t2");
    assert_eq!(rig.list(), ["g consumer consumer Stable"]);
    assert_eq!(rig.reload().describe(), rig.describe());
    assert_eq!(Rig::loaded(GroupConfig::default(), &compacted(&rig.log)).list(), rig.list());
}

#[test]
fn a_group_does_not_change_its_kind_while_its_records_are_on_their_way() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    let request = rig.next_request();
    rig.step(Input::ConsumerGroupHeartbeat(ConsumerGroupHeartbeat { request, ..leave("a") }));
    assert_eq!(rig.refused_join(""), "COORDINATOR_LOAD_IN_PROGRESS");
    let request = rig.next_request();
    rig.step(classic_join(request, ""));
    // The end of the consumer group is on its way: the classic one has a member all the same.
    assert_eq!(rig.beat(join("a", &["t"])), "GROUP_ID_NOT_FOUND");
}

#[test]
fn an_empty_group_is_deleted() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    assert_eq!(rig.delete(), Err(ErrorCode::NonEmptyGroup));
    rig.beat(leave("a"));
    assert_eq!(rig.delete(), Ok(()));
    assert_eq!(rig.delete(), Err(ErrorCode::GroupIdNotFound));
    assert_eq!((rig.groups.count(), rig.reload().groups.count()), (0, 0));
    assert_eq!(compacted(&rig.log), []);
    // A group of that name may begin anew.
    assert_eq!(rig.beat(join("a", &["t"])), "1: t0 t1 t2");
}

#[test]
fn a_group_that_is_being_deleted_takes_nobody_and_lives_on_if_that_fails() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.beat(leave("a"));
    let request = rig.next_request();
    rig.step(Input::DeleteGroups(DeleteGroups { request, groups: vec!["g".into()] }));
    assert_eq!(rig.describe(), "none");
    let request = rig.next_request();
    let heartbeat = ConsumerGroupHeartbeat { request, ..join("b", &["t"]) };
    let outputs = rig.step(Input::ConsumerGroupHeartbeat(heartbeat));
    let [Output::Reply { reply, .. }] = &outputs[..] else { panic!("it is refused: {outputs:?}") };
    assert_eq!(line(reply, &rig.topics), "COORDINATOR_LOAD_IN_PROGRESS");
    let (append, _) = rig.flight.pop_front().unwrap();
    let code = ErrorCode::NotCoordinator;
    let outputs = rig.step(Input::AppendFailed { append, code });
    let result = Err(code);
    let reply = Reply::DeleteGroups(vec![GroupResult { group: "g".into(), result }]);
    assert_eq!(outputs, [Output::Reply { request: RequestId(request.0 - 1), reply }]);
    assert_eq!(rig.describe(), "Empty 2/1");
    assert_eq!(rig.beat(join("b", &["t"])), "3: t0 t1 t2");
}

#[test]
fn when_the_log_fails_everybody_is_refused_and_the_groups_are_loaded_anew() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    let mut open = Vec::new();
    for member in ["b", "c"] {
        let request = rig.next_request();
        let heartbeat = ConsumerGroupHeartbeat { request, ..join(member, &["t"]) };
        rig.step(Input::ConsumerGroupHeartbeat(heartbeat));
        open.push(request);
    }
    let (append, _) = rig.flight.pop_front().unwrap();
    let code = ErrorCode::NotEnoughReplicas;
    let outputs = rig.step(Input::AppendFailed { append, code });
    let refused = |request: &RequestId| Output::Reply {
        request: *request,
        reply: Reply::ConsumerGroupHeartbeat(Err(unavailable(code))),
    };
    let mut expected: Vec<Output> = open.iter().map(refused).collect();
    expected.push(Output::Reload);
    assert_eq!(outputs, expected);
    rig.flight.clear();
    assert_eq!(rig.beat(alive("a", 1)), "COORDINATOR_NOT_AVAILABLE");
    assert_eq!(rig.groups.next_wakeup(), None);
    assert_eq!(rig.reload().describe(), "Stable 1/1, a@1[t0 t1 t2]");
}

#[test]
fn the_end_of_a_consumer_group_that_is_not_stored_is_a_reason_to_load_too() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.beat(leave("a"));
    let request = rig.next_request();
    rig.step(classic_join(request, ""));
    let (append, _) = rig.flight.pop_front().unwrap();
    let code = ErrorCode::NotCoordinator;
    let outputs = rig.step(Input::AppendFailed { append, code });
    assert_eq!(outputs.last(), Some(&Output::Reload));
    assert_eq!(outputs.len(), 2);
    assert_eq!(rig.reload().list(), ["g consumer consumer Empty"]);
}

#[test]
fn who_resigns_or_loads_refuses_heartbeats() {
    let mut rig = Rig::new();
    let request = rig.next_request();
    let heartbeat = ConsumerGroupHeartbeat { request, ..join("a", &["t"]) };
    rig.step(Input::ConsumerGroupHeartbeat(heartbeat.clone()));
    let refused = |code| Output::Reply {
        request,
        reply: Reply::ConsumerGroupHeartbeat(Err(unavailable(code))),
    };
    let now = rig.now();
    assert_eq!(rig.groups.resign(now), [refused(ErrorCode::NotCoordinator)]);
    let mut loading = Groups::new(GroupConfig::default());
    let outputs = loading.step(now, Input::ConsumerGroupHeartbeat(heartbeat));
    assert_eq!(outputs, [refused(ErrorCode::CoordinatorLoadInProgress)]);
}

#[test]
fn there_are_so_many_groups_and_no_more() {
    let mut rig = Rig::with(GroupConfig { groups_max: 1, ..GroupConfig::default() });
    rig.beat(join("a", &["t"]));
    let other = ConsumerGroupHeartbeat { group: "h".into(), ..join("a", &["t"]) };
    assert_eq!(rig.beat(other), "POLICY_VIOLATION");
}
