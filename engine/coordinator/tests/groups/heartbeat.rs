//! Heartbeats and the end of sessions.

use std::time::Duration;

use corelog_coordinator::Reply;
use corelog_coordinator::input::Heartbeat;
use corelog_model::ErrorCode;

use crate::rig::*;

/// Checks what a heartbeat is answered.
#[track_caller]
fn check(rig: &mut Rig, beat: Heartbeat, result: Result<(), ErrorCode>) {
    assert_eq!(rig.step(beat), [reply(1, Reply::Heartbeat(result))]);
}

#[test]
fn a_member_is_told_how_its_group_is() {
    let mut rig = Rig::stable(&["a"]);
    check(&mut rig, heartbeat(1, "a", 1), Ok(()));
    check(&mut rig, heartbeat(1, "a", 2), Err(ErrorCode::IllegalGeneration));
    check(&mut rig, heartbeat(1, "x", 1), Err(ErrorCode::UnknownMemberId));
    let elsewhere = Heartbeat { group: "h".into(), ..heartbeat(1, "a", 1) };
    check(&mut rig, elsewhere, Err(ErrorCode::UnknownMemberId));
    let unnamed = Heartbeat { group: String::new(), ..heartbeat(1, "a", 1) };
    check(&mut rig, unnamed, Err(ErrorCode::InvalidGroupId));
    rig.step(join(2, "", "b"));
    check(&mut rig, heartbeat(1, "a", 1), Err(ErrorCode::RebalanceInProgress));
    rig.step(join(3, "a", ""));
    check(&mut rig, heartbeat(1, "a", 2), Ok(()));
    assert_eq!(rig.state(), "CompletingRebalance");
}

#[test]
fn a_silent_member_is_out_when_its_session_ends() {
    let mut rig = Rig::stable(&["a", "b"]);
    rig.clock = 6;
    rig.step(heartbeat(1, "b", 2));
    assert_eq!(rig.groups.next_wakeup(), Some(Duration::from_secs(SESSION)));
    assert_eq!(rig.tick(SESSION), []);
    assert_eq!(rig.state(), "PreparingRebalance");
    assert_eq!(rig.step(join(2, "b", "")), [leads(2, 3, "b", &["b"])]);
}

#[test]
fn a_group_is_empty_when_the_last_session_ends() {
    let mut rig = Rig::stable(&["a"]);
    assert_eq!(rig.tick(SESSION - 1), []);
    let emptied = append(1, vec![group_record(SESSION, 2, Vec::new())]);
    assert_eq!(rig.tick(SESSION), [emptied]);
    assert_eq!(rig.state(), "Empty");
    assert_eq!(rig.appended(1), []);
}

#[test]
fn a_member_whose_request_waits_is_alive() {
    let mut rig = Rig::stable(&["a", "b"]);
    rig.step(join(1, "a", ""));
    for clock in [8, 16, 24] {
        rig.clock = clock;
        check(&mut rig, heartbeat(1, "b", 2), Err(ErrorCode::RebalanceInProgress));
    }
    assert_eq!(rig.tick(30), []);
    let expected = [leads(1, 3, "a", &["a", "b"]), joined(2, 3, "a", "b")];
    assert_eq!(rig.step(join(2, "b", "")), expected);
}
