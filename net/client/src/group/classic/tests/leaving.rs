//! Leaving, for a while and for good.

use super::*;

#[test]
fn a_member_gives_up_everything_then_leaves() {
    let mut rig = Rig::stable(eager(), &[0, 1]);
    let outputs = rig.step(1, Input::Leave(Departure::Usual));
    assert_eq!(outputs, [Output::Revoke(set("t", &[0, 1]))]);
    sent_heartbeat(&rig.step(3, Input::Tick));
    rig.step(3, Input::Reply(&beaten(ErrorCode::None)));
    let leave = sent_leave(&rig.step(4, Input::Revoked));
    assert_eq!((&*leave.group_id, &*leave.member_id), ("g", "me"));
    assert_eq!(leave.members[0].member_id, "me");
    assert_eq!(rig.step(5, Input::Reply(&left())), [Output::Left]);
    assert_eq!((rig.member.next_wakeup(at(5)), rig.member.identity().epoch), (None, -1));
    assert_eq!(rig.subscribe(6, &["t"]), [], "after the end nothing begins");
}

#[test]
fn a_member_that_unsubscribes_may_subscribe_again() {
    let mut rig = Rig::stable(eager(), &[]);
    sent_leave(&rig.step(1, Input::Unsubscribe));
    assert_eq!(rig.subscribe(1, &["t"]), []);
    let outputs = rig.step(1, Input::Reply(&left()));
    assert_eq!(outputs[0], Output::Left);
    assert_eq!(sent_join(&outputs).member_id, "");
    // One that never joined has left as soon as it says so.
    let mut rig = Rig::new(eager());
    assert_eq!(rig.step(0, Input::Unsubscribe), [Output::Left]);
    sent_join(&rig.subscribe(1, &["t"]));
}

#[test]
fn whether_a_static_member_leaves_is_asked() {
    let close = |departure| {
        let mut rig = Rig::stable(static_member(eager()), &[]);
        rig.step(1, Input::Leave(departure))
    };
    assert_eq!(close(Departure::Usual), [Output::Left]);
    assert_eq!(close(Departure::Remain), [Output::Left]);
    let leave = sent_leave(&close(Departure::Release));
    assert_eq!(leave.members[0].group_instance_id.as_deref(), Some("i"));
    let mut rig = Rig::stable(eager(), &[]);
    assert_eq!(rig.step(1, Input::Leave(Departure::Remain)), [Output::Left]);
}

#[test]
fn a_member_that_is_about_to_join_leaves_with_the_id_it_gets() {
    let mut rig = Rig::new(eager());
    rig.subscribe(0, &["t"]);
    assert_eq!(rig.step(0, Input::Leave(Departure::Usual)), [], "the join is open");
    let outputs = rig.step(1, Input::Reply(&follower(1, Assignor::Range)));
    assert_eq!(sent_leave(&outputs).member_id, "me");
    let mut rig = Rig::new(eager());
    rig.subscribe(0, &["t"]);
    rig.step(0, Input::Leave(Departure::Usual));
    assert_eq!(rig.step(1, Input::Failed(&broken())), [Output::Left]);
}

#[test]
fn a_goodbye_that_is_not_answered_is_one() {
    for _ in 0..2 {
        let mut rig = Rig::stable(eager(), &[]);
        sent_leave(&rig.step(1, Input::Leave(Departure::Usual)));
        let error = ClientError::Setting("even this");
        assert_eq!(rig.step(1, Input::Failed(&error)), [Output::Left]);
    }
    let mut rig = Rig::stable(eager(), &[]);
    sent_leave(&rig.step(1, Input::Leave(Departure::Usual)));
    assert_eq!(rig.step(1, Input::CoordinatorLost), [Output::Left]);
}

#[test]
fn leaving_goes_on_when_the_coordinator_refuses() {
    for code in [ErrorCode::UnknownMemberId, ErrorCode::FencedInstanceId] {
        let mut rig = Rig::stable(eager(), &[0]);
        sent_heartbeat(&rig.step(3, Input::Tick));
        let outputs = rig.step(3, Input::Leave(Departure::Usual));
        assert_eq!(outputs, [Output::Revoke(set("t", &[0]))]);
        let mut outputs = rig.step(3, Input::Reply(&beaten(code)));
        outputs.extend(rig.step(3, Input::Revoked));
        if outputs.last() != Some(&Output::Left) {
            sent_leave(&outputs);
            outputs = rig.step(3, Input::Reply(&left()));
        }
        assert_eq!(outputs.last(), Some(&Output::Left), "{code}");
    }
}
