//! How members get their assignments, and that nobody is told one that is not stored.

use corelog_coordinator::input::SyncGroup;
use corelog_model::ErrorCode;

use crate::rig::*;

/// Two members, of which `a` leads generation 2.
fn completing() -> Rig {
    let mut rig = Rig::new();
    rig.step(join(1, "", "a"));
    rig.step(join(2, "", "b"));
    rig.step(join(3, "a", ""));
    rig
}

fn of_second(request: u64, member_id: &str) -> SyncGroup {
    SyncGroup { generation: 2, ..sync(request, member_id) }
}

#[test]
fn assignments_are_told_once_they_are_durable() {
    let mut rig = completing();
    rig.clock = 5;
    assert_eq!(rig.step(of_second(10, "b")), []);
    let stored = append(0, vec![generation(5, 2, &["a", "b"])]);
    assert_eq!(rig.step(assigning(of_second(11, "a"), &["a", "b"])), [stored]);
    assert_eq!(rig.state(), "CompletingRebalance");
    assert_eq!(rig.appended(0), [synced(11, "a"), synced(10, "b")]);
    assert_eq!(rig.state(), "Stable");
}

#[test]
fn a_member_that_asks_late_is_answered_at_once() {
    let mut rig = completing();
    rig.step(assigning(of_second(11, "a"), &["a", "b"]));
    assert_eq!(rig.appended(0), [synced(11, "a")]);
    assert_eq!(rig.step(of_second(12, "b")), [synced(12, "b")]);
}

#[test]
fn who_is_left_out_gets_nothing_and_strangers_are_left_out() {
    let mut rig = completing();
    let members = vec![stored_member("a", "a"), stored_member("b", "")];
    let stored = append(0, vec![group_record(0, 2, members)]);
    assert_eq!(rig.step(assigning(of_second(11, "a"), &["a", "x"])), [stored]);
    rig.appended(0);
    assert_eq!(rig.step(of_second(12, "b")), [synced(12, "")]);
}

#[test]
fn an_assignment_that_is_not_stored_is_undone() {
    let mut rig = completing();
    rig.step(of_second(10, "b"));
    rig.step(assigning(of_second(11, "a"), &["a", "b"]));
    let code = ErrorCode::NotCoordinator;
    assert_eq!(rig.failed(0), [sync_refused(11, code), sync_refused(10, code)]);
    assert_eq!(rig.state(), "PreparingRebalance");
}

#[test]
fn a_record_of_a_generation_that_is_over_changes_nothing() {
    let mut rig = completing();
    rig.step(assigning(of_second(11, "a"), &["a", "b"]));
    let expected = [sync_refused(11, ErrorCode::RebalanceInProgress)];
    assert_eq!(rig.step(join(12, "", "c")), expected);
    assert_eq!(rig.appended(0), []);
    assert_eq!(rig.state(), "PreparingRebalance");
}

#[test]
fn a_second_request_takes_the_place_of_the_first_and_assigns_nothing() {
    let mut rig = completing();
    rig.step(assigning(of_second(11, "a"), &["a", "b"]));
    let superseded = sync_refused(11, ErrorCode::RebalanceInProgress);
    assert_eq!(rig.step(of_second(12, "a")), [superseded]);
    assert_eq!(rig.appended(0), [synced(12, "a")]);
}

#[test]
fn who_is_not_in_the_generation_is_refused() {
    let mut rig = completing();
    let refused = [sync_refused(10, ErrorCode::UnknownMemberId)];
    assert_eq!(rig.step(of_second(10, "x")), refused);
    assert_eq!(rig.step(SyncGroup { group: "h".into(), ..sync(10, "a") }), refused);
    let refused = [sync_refused(10, ErrorCode::IllegalGeneration)];
    assert_eq!(rig.step(sync(10, "a")), refused);
    let refused = [sync_refused(10, ErrorCode::InvalidGroupId)];
    assert_eq!(rig.step(SyncGroup { group: String::new(), ..sync(10, "a") }), refused);
}

#[test]
fn who_takes_the_group_for_another_is_refused() {
    let mut rig = completing();
    let refused = [sync_refused(10, ErrorCode::InconsistentGroupProtocol)];
    let wrong = SyncGroup { protocol_type: Some("connect".into()), ..of_second(10, "a") };
    assert_eq!(rig.step(wrong), refused);
    let wrong = SyncGroup { protocol: Some("sticky".into()), ..of_second(10, "a") };
    assert_eq!(rig.step(wrong), refused);
    let (protocol_type, protocol) = (Some("consumer".into()), Some("range".into()));
    assert_eq!(rig.step(SyncGroup { protocol_type, protocol, ..of_second(10, "b") }), []);
}

#[test]
fn nobody_syncs_while_others_rejoin() {
    let mut rig = Rig::stable(&["a"]);
    rig.step(join(1, "", "b"));
    let refused = [sync_refused(2, ErrorCode::RebalanceInProgress)];
    assert_eq!(rig.step(sync(2, "a")), refused);
}

#[test]
fn a_leader_that_does_not_assign_in_time_is_out() {
    let mut rig = completing();
    rig.step(of_second(10, "b"));
    for clock in (5..REBALANCE).step_by(5) {
        rig.clock = clock;
        rig.step(heartbeat(11, "a", 2));
    }
    assert_eq!(rig.tick(REBALANCE), [sync_refused(10, ErrorCode::RebalanceInProgress)]);
    assert_eq!(rig.step(join(12, "b", "")), [leads(12, 3, "b", &["b"])]);
}

#[test]
fn a_member_that_does_not_fetch_its_assignment_in_time_is_out() {
    let mut rig = completing();
    rig.step(assigning(of_second(10, "a"), &["a", "b"]));
    rig.appended(0);
    for clock in (5..REBALANCE).step_by(5) {
        rig.clock = clock;
        rig.step(heartbeat(11, "a", 2));
        rig.step(heartbeat(12, "b", 2));
    }
    assert_eq!(rig.tick(REBALANCE), []);
    assert_eq!(rig.step(join(13, "a", "")), [leads(13, 3, "a", &["a"])]);
}
