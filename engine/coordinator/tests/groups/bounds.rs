//! What happens at the bounds.

use corelog_coordinator::input::{CommitOffsets, JoinGroup};
use corelog_coordinator::{GroupConfig, Input, Reply};
use corelog_model::ErrorCode;

use crate::rig::*;

#[test]
fn there_are_so_many_groups_and_no_more() {
    let mut rig = Rig::with(GroupConfig { groups_max: 1, ..config() });
    rig.step(join(1, "", "a"));
    let code = ErrorCode::PolicyViolation;
    let other = JoinGroup { group: "h".into(), ..join(2, "", "b") };
    assert_eq!(rig.step(other), [join_refused(2, code, "")]);
    let other = CommitOffsets { group: "h".into(), ..commit(3, &[("t", 1)]) };
    let refused = reply(3, Reply::CommitOffsets(results(&[("t", Err(code))])));
    assert_eq!(rig.step(Input::CommitOffsets(other)), [refused]);
    assert_eq!(rig.groups.count(), 1);
}

#[test]
fn ids_are_given_out_to_so_many_and_no_more() {
    let mut rig = Rig::with(GroupConfig { members_max: 1, ..config() });
    let ask = |request, id| JoinGroup { requires_member_id: true, ..join(request, "", id) };
    rig.step(ask(1, "a"));
    let refused = join_refused(2, ErrorCode::GroupMaxSizeReached, "");
    assert_eq!(rig.step(ask(2, "b")), [refused]);
}

#[test]
fn texts_that_no_record_holds_are_refused() {
    let mut rig = Rig::new();
    let long = JoinGroup { client_id: "c".repeat(40_000), ..join(1, "", "a") };
    assert_eq!(rig.step(long), [join_refused(1, ErrorCode::InvalidRequest, "")]);
}

#[test]
fn a_refused_request_leaves_no_group_behind() {
    let mut rig = Rig::new();
    rig.step(JoinGroup { protocols: Vec::new(), ..join(1, "", "a") });
    assert_eq!(rig.groups.count(), 0);
}
