//! Members leave.

use corelog_coordinator::Reply;
use corelog_coordinator::input::{JoinGroup, LeaveGroup};
use corelog_model::ErrorCode;

use crate::rig::*;

#[test]
fn the_last_member_leaves_an_empty_group() {
    let mut rig = Rig::stable(&["a"]);
    let expected =
        [left(1, &[("a", None, Ok(()))]), append(1, vec![group_record(0, 2, Vec::new())])];
    assert_eq!(rig.step(leave(1, &[("a", None)])), expected);
    assert_eq!(rig.state(), "Empty");
}

#[test]
fn those_who_stay_rebalance() {
    let mut rig = Rig::stable(&["a", "b"]);
    assert_eq!(rig.step(leave(1, &[("a", None)])), [left(1, &[("a", None, Ok(()))])]);
    assert_eq!(rig.state(), "PreparingRebalance");
    assert_eq!(rig.step(join(2, "b", "")), [leads(2, 3, "b", &["b"])]);
}

#[test]
fn each_of_a_batch_is_answered_for_itself() {
    let mut rig = Rig::stable(&["a", "b", "c"]);
    let members = [("a", None), ("x", None), ("", None), ("b", Some("i"))];
    let unknown = Err(ErrorCode::UnknownMemberId);
    let expected =
        [("a", None, Ok(())), ("x", None, unknown), ("", None, unknown), ("b", Some("i"), unknown)];
    assert_eq!(rig.step(leave(1, &members)), [left(1, &expected)]);
}

#[test]
fn who_waits_and_leaves_is_answered() {
    let mut rig = Rig::stable(&["a"]);
    rig.step(join(1, "", "b"));
    let expected =
        [join_refused(1, ErrorCode::UnknownMemberId, "b"), left(2, &[("b", None, Ok(()))])];
    assert_eq!(rig.step(leave(2, &[("b", None)])), expected);
    assert_eq!(rig.step(join(3, "a", "")), [leads(3, 2, "a", &["a"])]);
}

#[test]
fn an_id_that_was_given_out_may_leave_and_is_not_waited_for() {
    let mut rig = Rig::stable(&["a"]);
    rig.step(JoinGroup { requires_member_id: true, ..join(1, "", "b") });
    rig.step(join(2, "a", ""));
    let expected = [left(3, &[("b", None, Ok(()))]), leads(2, 2, "a", &["a"])];
    assert_eq!(rig.step(leave(3, &[("b", None)])), expected);
}

#[test]
fn nobody_leaves_a_group_that_is_not_there() {
    let mut rig = Rig::new();
    let expected = [left(1, &[("a", None, Err(ErrorCode::UnknownMemberId))])];
    assert_eq!(rig.step(leave(1, &[("a", None)])), expected);
    let expected = [reply(1, Reply::Leave(Err(ErrorCode::InvalidGroupId)))];
    let unnamed = LeaveGroup { group: String::new(), ..leave(1, &[("a", None)]) };
    assert_eq!(rig.step(unnamed), expected);
}
