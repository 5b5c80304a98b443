//! Refusals, lost requests, sessions and applications that do not poll.

use super::*;

/// The outputs after the first heartbeat of a member that owns partition 0 is answered so.
fn beat(config: GroupConfig, code: ErrorCode) -> (Rig, Vec<Output>) {
    let mut rig = Rig::stable(config, &[0]);
    sent_heartbeat(&rig.step(3, Input::Tick));
    let outputs = rig.step(3, Input::Reply(&beaten(code)));
    (rig, outputs)
}

/// Five minutes of heartbeats, without a poll.
fn beat_without_polls(rig: &mut Rig) {
    for seconds in (3..300).step_by(3) {
        sent_heartbeat(&rig.step(seconds, Input::Tick));
        rig.step(seconds, Input::Reply(&beaten(ErrorCode::None)));
    }
}

fn lost() -> Output {
    Output::Lose(set("t", &[0]))
}

#[test]
fn heartbeats_are_sent_at_their_interval() {
    let (mut rig, outputs) = beat(eager(), ErrorCode::None);
    assert_eq!(outputs, []);
    assert_eq!(rig.member.next_wakeup(at(3)), Some(at(6)));
    assert_eq!(rig.step(5, Input::Tick), []);
    let heartbeat = sent_heartbeat(&rig.step(6, Input::Tick));
    assert_eq!((heartbeat.generation_id, &*heartbeat.member_id), (1, "me"));
    assert_eq!(rig.step(9, Input::Tick), [], "one request is open at a time");
}

#[test]
fn a_member_that_is_unknown_loses_everything_and_joins_as_a_new_one() {
    for config in [eager(), cooperative()] {
        let (_, outputs) = beat(config, ErrorCode::UnknownMemberId);
        assert_eq!(outputs[0], lost());
        assert_eq!(sent_join(&outputs).member_id, "");
    }
}

#[test]
fn a_member_of_an_old_generation_loses_everything_and_keeps_its_id() {
    for config in [eager(), cooperative()] {
        let (rig, outputs) = beat(config, ErrorCode::IllegalGeneration);
        assert_eq!(outputs[0], lost());
        assert_eq!(sent_join(&outputs).member_id, "me");
        assert_eq!(rig.member.identity().epoch, -1);
    }
}

#[test]
fn a_member_whose_place_was_taken_is_no_more() {
    let (mut rig, outputs) = beat(static_member(eager()), ErrorCode::FencedInstanceId);
    assert_eq!(outputs[0], lost());
    check_failed(&outputs, ErrorCode::FencedInstanceId);
    assert_eq!(rig.member.next_wakeup(at(3)), None);
    assert_eq!(rig.subscribe(4, &["t"]), []);
    assert_eq!(rig.step(900, Input::Polled), []);
    assert_eq!(rig.step(900, Input::Leave(Departure::Usual)), [Output::Left]);
}

#[test]
fn refusals_that_cannot_pass_are_the_end() {
    for code in [
        ErrorCode::GroupAuthorizationFailed,
        ErrorCode::InvalidGroupId,
        ErrorCode::InvalidSessionTimeout,
        ErrorCode::InconsistentGroupProtocol,
        ErrorCode::GroupMaxSizeReached,
        ErrorCode::FencedInstanceId,
        ErrorCode::UnsupportedVersion,
        ErrorCode::UnknownServerError,
    ] {
        let mut rig = Rig::new(eager());
        rig.subscribe(0, &["t"]);
        check_failed(&rig.step(0, Input::Reply(&join_refused(code))), code);
    }
    let (_, outputs) = beat(eager(), ErrorCode::GroupAuthorizationFailed);
    check_failed(&outputs, ErrorCode::GroupAuthorizationFailed);
}

#[test]
fn another_coordinator_is_looked_for_after_a_pause() {
    for code in [ErrorCode::NotCoordinator, ErrorCode::CoordinatorNotAvailable] {
        let mut rig = Rig::new(eager());
        rig.subscribe(0, &["t"]);
        assert_eq!(rig.step(0, Input::Reply(&join_refused(code))), []);
        let wakeup = rig.member.next_wakeup(at(0)).unwrap();
        assert!(wakeup <= Duration::from_millis(120), "{wakeup:?}");
        let outputs = rig.step(1, Input::Tick);
        assert_eq!(outputs[0], Output::FindCoordinator);
        sent_join(&outputs);
    }
    // A member that is in stays in, and owns what it owned.
    let (mut rig, outputs) = beat(eager(), ErrorCode::NotCoordinator);
    assert_eq!(outputs, []);
    let outputs = rig.step(6, Input::Tick);
    assert_eq!(outputs[0], Output::FindCoordinator);
    sent_heartbeat(&outputs);
}

#[test]
fn a_coordinator_that_loads_is_asked_again_after_a_pause() {
    let mut rig = Rig::new(eager());
    rig.subscribe(0, &["t"]);
    let loads = join_refused(ErrorCode::CoordinatorLoadInProgress);
    assert_eq!(rig.step(0, Input::Reply(&loads)), []);
    let outputs = rig.step(1, Input::Tick);
    sent_join(&outputs);
    assert_eq!(outputs.len(), 1, "it is the right one");
}

#[test]
fn a_sync_that_is_refused_means_joining_again() {
    for code in [
        ErrorCode::RebalanceInProgress,
        ErrorCode::UnknownMemberId,
        ErrorCode::IllegalGeneration,
        ErrorCode::NotCoordinator,
        ErrorCode::CoordinatorLoadInProgress,
    ] {
        let mut rig = Rig::new(eager());
        rig.subscribe(0, &["t"]);
        rig.step(0, Input::Reply(&follower(1, Assignor::Range)));
        let mut outputs = rig.step(0, Input::Reply(&synced(code.code(), &[])));
        outputs.extend(rig.step(1, Input::Tick));
        let expected = if code == ErrorCode::UnknownMemberId { "" } else { "me" };
        assert_eq!(sent_join(&outputs).member_id, expected, "{code}");
    }
    let mut rig = Rig::new(eager());
    rig.subscribe(0, &["t"]);
    rig.step(0, Input::Reply(&follower(1, Assignor::Range)));
    let code = ErrorCode::GroupAuthorizationFailed;
    check_failed(&rig.step(0, Input::Reply(&synced(code.code(), &[]))), code);
}

#[test]
fn a_request_that_is_lost_is_sent_again_after_a_pause() {
    let mut rig = Rig::new(eager());
    rig.subscribe(0, &["t"]);
    assert_eq!(rig.step(0, Input::Failed(&broken())), []);
    let outputs = rig.step(1, Input::Tick);
    assert_eq!(outputs[0], Output::FindCoordinator);
    sent_join(&outputs);
    // A connection that is gone takes the request with it; what is said twice counts once.
    assert_eq!(rig.step(1, Input::CoordinatorLost), []);
    assert_eq!(rig.step(1, Input::Failed(&broken())), []);
    let outputs = rig.step(2, Input::Tick);
    assert_eq!(outputs[0], Output::FindCoordinator);
    sent_join(&outputs);
    assert_eq!(outputs.len(), 2);
}

#[test]
fn an_error_that_cannot_pass_is_the_end() {
    let mut rig = Rig::stable(eager(), &[0]);
    rig.step(3, Input::Tick);
    let error = ClientError::Setting("no such version");
    assert_eq!(rig.step(3, Input::Failed(&error)), [lost(), Output::Fail(error)]);
    let mut rig = Rig::stable(eager(), &[0]);
    rig.step(3, Input::Tick);
    let error = ClientError::GaveUp { after_ms: 1, last: Box::new(broken()) };
    assert_eq!(rig.step(3, Input::Failed(&error)), []);
}

#[test]
fn a_session_without_an_answer_ends_and_its_partitions_are_lost() {
    for config in [eager(), cooperative()] {
        let mut rig = Rig::stable(config, &[0]);
        sent_heartbeat(&rig.step(3, Input::Tick));
        rig.step(4, Input::Reply(&beaten(ErrorCode::None)));
        sent_heartbeat(&rig.step(6, Input::Tick));
        // Counted from when the answered heartbeat was sent: the coordinator may not count longer.
        assert_eq!(rig.member.next_wakeup(at(47)), Some(at(48)));
        assert_eq!(rig.step(47, Input::Tick), []);
        assert_eq!(rig.step(48, Input::Tick), [lost()]);
        // What the answer says of the session that is over does not count.
        let outputs = rig.step(49, Input::Reply(&beaten(ErrorCode::UnknownMemberId)));
        assert_eq!(outputs[0], Output::FindCoordinator);
        assert_eq!(sent_join(&outputs).member_id, "me");
    }
}

#[test]
fn a_session_lasts_while_the_coordinator_holds_a_join_back() {
    let mut rig = Rig::stable(cooperative(), &[0]);
    rig.step(3, Input::Tick);
    rig.step(3, Input::Reply(&beaten(ErrorCode::RebalanceInProgress)));
    rig.step(100, Input::Polled);
    assert_eq!(rig.step(200, Input::Tick), []);
    assert_eq!(rig.member.assigned(), &set("t", &[0]));
    assert_eq!(rig.step(200, Input::Failed(&broken())), [lost()], "now nobody knows");
}

#[test]
fn an_application_that_does_not_poll_loses_everything_until_it_polls_again() {
    let mut rig = Rig::stable(eager(), &[0]);
    beat_without_polls(&mut rig);
    assert_eq!(rig.member.next_wakeup(at(299)), Some(at(300)));
    let outputs = rig.step(300, Input::Tick);
    assert_eq!(outputs[0], lost());
    let leave = sent_leave(&outputs);
    assert_eq!(leave.members[0].reason.as_deref(), Some("the application does not poll"));
    assert_eq!(rig.step(300, Input::Reply(&left())), []);
    assert_eq!(rig.member.next_wakeup(at(300)), None);
    assert_eq!(sent_join(&rig.step(400, Input::Polled)).member_id, "");
}

#[test]
fn a_poll_while_the_member_leaves_brings_it_back() {
    let mut rig = Rig::stable(cooperative(), &[0]);
    rig.step(46, Input::Polled);
    let outputs = rig.step(346, Input::Tick);
    assert_eq!(outputs, [], "the session had ended long before, so the join was open");
    let outputs = rig.step(346, Input::Reply(&follower(2, Assignor::CooperativeSticky)));
    sent_leave(&outputs);
    assert_eq!(rig.step(347, Input::Polled), []);
    assert_eq!(sent_join(&rig.step(348, Input::Reply(&left()))).member_id, "");
}

#[test]
fn a_static_member_that_does_not_poll_says_no_goodbye() {
    let mut rig = Rig::stable(static_member(cooperative()), &[0]);
    beat_without_polls(&mut rig);
    assert_eq!(rig.step(300, Input::Tick), [lost()]);
    sent_join(&rig.step(301, Input::Polled));
}

#[test]
fn what_is_lost_while_the_application_gives_it_up_is_joined_for_after_its_answer() {
    let (mut rig, outputs) = beat(eager(), ErrorCode::RebalanceInProgress);
    assert_eq!(outputs, [Output::Revoke(set("t", &[0]))]);
    sent_heartbeat(&rig.step(6, Input::Tick));
    let outputs = rig.step(6, Input::Reply(&beaten(ErrorCode::UnknownMemberId)));
    assert_eq!(outputs, [lost()]);
    assert_eq!(sent_join(&rig.step(7, Input::Revoked)).member_id, "");
}

#[test]
fn an_expression_is_not_for_classic_groups() {
    let mut rig = Rig::new(eager());
    let pattern = Subscription::Pattern("a.*".to_owned());
    let outputs = rig.step(0, Input::Subscribe(pattern));
    assert!(matches!(outputs[..], [Output::Fail(ClientError::Setting(_))]), "{outputs:?}");
}

#[test]
fn a_commit_that_is_refused_says_what_a_heartbeat_would() {
    let commit = |config: GroupConfig, epoch, code| {
        let mut rig = Rig::stable(config, &[0]);
        rig.step(1, Input::CommitRefused { epoch, code })
    };
    let outputs = commit(eager(), 1, ErrorCode::UnknownMemberId);
    assert_eq!((&outputs[0], &*sent_join(&outputs).member_id), (&lost(), ""));
    let outputs = commit(eager(), 1, ErrorCode::IllegalGeneration);
    assert_eq!((&outputs[0], &*sent_join(&outputs).member_id), (&lost(), "me"));
    sent_join(&commit(cooperative(), 1, ErrorCode::RebalanceInProgress));
    check_failed(&commit(eager(), 1, ErrorCode::FencedInstanceId), ErrorCode::FencedInstanceId);
    assert_eq!(commit(eager(), 0, ErrorCode::UnknownMemberId), [], "of another generation");
    assert_eq!(commit(eager(), 1, ErrorCode::OffsetMetadataTooLarge), []);
    assert_eq!(commit(eager(), 1, ErrorCode::NotCoordinator), []);
}
