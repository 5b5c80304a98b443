//! Members with names of their own (KIP-345, KIP-814).

use corelog_coordinator::input::{Heartbeat, JoinGroup, SyncGroup};
use corelog_coordinator::output::Joined;
use corelog_coordinator::records::GroupMember;
use corelog_coordinator::{Output, Reply};
use corelog_model::ErrorCode;

use crate::rig::*;

fn named(join: JoinGroup) -> JoinGroup {
    JoinGroup { instance_id: Some("i".into()), ..join }
}

fn everyone(mut joined: Joined) -> Joined {
    for member in joined.members.iter_mut().filter(|member| member.member_id != "b") {
        member.instance_id = Some("i".into());
    }
    joined
}

fn told(request: u64, joined: Joined) -> Output {
    reply(request, Reply::Join(Ok(joined)))
}

fn record_of(members: &[(&str, &str)]) -> Output {
    let members = members.iter().map(|(member_id, assignment)| GroupMember {
        group_instance_id: (*member_id != "b").then(|| "i".into()),
        ..stored_member(member_id, assignment)
    });
    append(1, vec![group_record(0, 1, members.collect())])
}

/// A group whose only member has a name.
fn alone() -> Rig {
    let mut rig = Rig::new();
    rig.step(named(join(1, "", "a")));
    rig.step(assigning(sync(2, "a"), &["a"]));
    rig.appended(0);
    rig
}

#[test]
fn one_that_comes_back_as_leader_skips_the_assignment_once_it_is_stored() {
    let mut rig = alone();
    let back = JoinGroup { can_skip_assignment: true, ..named(join(3, "", "n")) };
    assert_eq!(rig.step(back), [record_of(&[("n", "a")])]);
    let joined = everyone(in_generation(1, "n", "n", &["n"]));
    assert_eq!(rig.appended(1), [told(3, Joined { skip_assignment: true, ..joined })]);
    assert_eq!(rig.state(), "Stable");
    assert_eq!(rig.step(sync(4, "n")), [synced(4, "a")]);
}

#[test]
fn one_that_cannot_skip_the_assignment_is_told_that_another_leads() {
    let mut rig = alone();
    assert_eq!(rig.step(named(join(3, "", "n"))), [record_of(&[("n", "a")])]);
    assert_eq!(rig.appended(1), [told(3, in_generation(1, "a", "n", &[]))]);
}

#[test]
fn one_that_cannot_be_stored_does_not_come_back() {
    let mut rig = alone();
    rig.step(named(join(3, "", "n")));
    assert_eq!(rig.failed(1), [join_refused(3, ErrorCode::NotCoordinator, "n")]);
    let beat = Heartbeat { instance_id: Some("i".into()), ..heartbeat(4, "a", 1) };
    assert_eq!(rig.step(beat), [reply(4, Reply::Heartbeat(Ok(())))]);
    assert_eq!(rig.state(), "Stable");
}

#[test]
fn the_old_id_is_fenced() {
    let mut rig = alone();
    rig.step(named(join(3, "", "n")));
    rig.appended(1);
    let instance_id = Some("i".into());
    let fenced = ErrorCode::FencedInstanceId;
    let beat = Heartbeat { instance_id: instance_id.clone(), ..heartbeat(4, "a", 1) };
    assert_eq!(rig.step(beat), [reply(4, Reply::Heartbeat(Err(fenced)))]);
    let old = SyncGroup { instance_id, ..sync(5, "a") };
    assert_eq!(rig.step(old), [sync_refused(5, fenced)]);
    assert_eq!(rig.step(named(join(6, "a", ""))), [join_refused(6, fenced, "a")]);
    let expected = [left(7, &[("a", Some("i"), Err(fenced))])];
    assert_eq!(rig.step(leave(7, &[("a", Some("i"))])), expected);
}

#[test]
fn who_waits_under_the_old_id_is_fenced_at_once() {
    let mut rig = Rig::stable(&["b"]);
    rig.step(named(join(1, "", "a")));
    let fenced = join_refused(1, ErrorCode::FencedInstanceId, "a");
    assert_eq!(rig.step(named(join(2, "", "n"))), [fenced]);
    let everyone = everyone(in_generation(2, "b", "b", &["b", "n"]));
    let expected = [told(3, everyone), joined(2, 2, "b", "n")];
    assert_eq!(rig.step(join(3, "b", "")), expected);
}

#[test]
fn one_that_comes_back_with_another_protocol_makes_a_new_generation() {
    let mut rig = alone();
    let back = JoinGroup { protocols: protocols(&["range", "sticky"]), ..named(join(3, "", "n")) };
    rig.step(back);
    assert_eq!(rig.appended(1).len(), 1);
    let back = JoinGroup { protocols: protocols(&["sticky", "range"]), ..named(join(4, "", "m")) };
    let joined = everyone(in_generation(2, "m", "m", &["m"]));
    assert_eq!(rig.step(back), [told(4, Joined { protocol: "sticky".into(), ..joined })]);
}

#[test]
fn a_silent_static_member_keeps_its_place_until_its_session_ends() {
    let mut rig = Rig::new();
    let patient = |join| JoinGroup { session_timeout: std::time::Duration::from_secs(90), ..join };
    rig.step(patient(named(join(1, "", "a"))));
    rig.step(patient(join(2, "", "b")));
    // The static member stays silent, and another one leads.
    let members = everyone(in_generation(2, "b", "b", &["a", "b"]));
    assert_eq!(rig.tick(REBALANCE), [told(2, members)]);
    let stable = SyncGroup { generation: 2, ..sync(3, "b") };
    assert_eq!(rig.step(assigning(stable, &["a", "b"])).len(), 1);
    rig.appended(0);
    assert_eq!(rig.tick(89), []);
    assert_eq!(rig.state(), "Stable");
    assert_eq!(rig.tick(90), []);
    assert_eq!(rig.state(), "PreparingRebalance");
}

#[test]
fn an_operator_removes_a_static_member_by_its_name() {
    let mut rig = alone();
    let outputs = rig.step(leave(3, &[("", Some("i")), ("", Some("j"))]));
    let unknown = Err(ErrorCode::UnknownMemberId);
    let expected = left(3, &[("", Some("i"), Ok(())), ("", Some("j"), unknown)]);
    assert_eq!(outputs, [expected, append(1, vec![group_record(0, 2, Vec::new())])]);
}

#[test]
fn a_name_that_nobody_has_is_unknown() {
    let mut rig = alone();
    let unknown = ErrorCode::UnknownMemberId;
    let other = SyncGroup { instance_id: Some("j".into()), ..sync(3, "a") };
    assert_eq!(rig.step(other), [sync_refused(3, unknown)]);
    let other = JoinGroup { instance_id: Some("j".into()), ..join(4, "x", "") };
    assert_eq!(rig.step(other), [join_refused(4, unknown, "x")]);
}
