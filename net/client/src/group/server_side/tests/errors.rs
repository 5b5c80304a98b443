//! Refusals, lost requests and applications that do not poll.

use super::*;

/// The outputs after a heartbeat of a member that owns partition 0 is answered so.
fn beat(config: GroupConfig, answer: Input<'_>) -> (Rig, Vec<Output>) {
    let mut rig = Rig::stable(config, &[0]);
    sent_heartbeat(&rig.step(5, Input::Tick));
    let outputs = rig.step(5, answer);
    (rig, outputs)
}

fn lost() -> Output {
    Output::Lose(set("t", &[0]))
}

#[test]
fn a_member_that_is_fenced_loses_everything_and_joins_anew() {
    for code in [ErrorCode::UnknownMemberId, ErrorCode::FencedMemberEpoch] {
        let (mut rig, outputs) = beat(config(), Input::Reply(&refused(code)));
        assert_eq!(outputs[0], lost());
        assert_eq!(sent_heartbeat(&outputs), full(0, &[]));
        // If that is refused again there is a pause.
        assert_eq!(rig.step(5, Input::Reply(&refused(code))), []);
        assert_eq!(sent_heartbeat(&rig.step(6, Input::Tick)), full(0, &[]));
    }
}

#[test]
fn refusals_that_cannot_pass_are_the_end() {
    for code in [
        ErrorCode::GroupAuthorizationFailed,
        ErrorCode::TopicAuthorizationFailed,
        ErrorCode::InvalidRequest,
        ErrorCode::GroupMaxSizeReached,
        ErrorCode::UnsupportedAssignor,
        ErrorCode::UnsupportedVersion,
        ErrorCode::UnreleasedInstanceId,
        ErrorCode::FencedInstanceId,
        ErrorCode::InvalidRegularExpression,
        ErrorCode::UnknownServerError,
    ] {
        let (mut rig, outputs) = beat(static_member(), Input::Reply(&refused(code)));
        let error = ClientError::Refused {
            api: ApiKey::ConsumerGroupHeartbeat,
            about: "group g".to_owned(),
            code,
            message: Some("so it is".to_owned()),
        };
        assert_eq!(outputs, [lost(), Output::Fail(error)]);
        assert_eq!(rig.member.next_wakeup(at(5)), None);
        assert_eq!(rig.step(900, Input::Polled), []);
        assert_eq!(rig.step(900, Input::Leave(Departure::Usual)), [Output::Left]);
    }
}

#[test]
fn after_an_error_that_may_pass_everything_is_said_again() {
    for code in [
        ErrorCode::NotCoordinator,
        ErrorCode::CoordinatorNotAvailable,
        ErrorCode::CoordinatorLoadInProgress,
    ] {
        let (mut rig, outputs) = beat(config(), Input::Reply(&refused(code)));
        assert_eq!(outputs, [], "what is owned stays");
        let outputs = rig.step(6, Input::Tick);
        let is_same = code == ErrorCode::CoordinatorLoadInProgress;
        assert_eq!(outputs[0] == Output::FindCoordinator, !is_same);
        assert_eq!(sent_heartbeat(&outputs), full(1, &[listed("t", &[0])]));
    }
    for input in [Input::Failed(&broken()), Input::CoordinatorLost] {
        let (mut rig, outputs) = beat(config(), input);
        assert_eq!(outputs, []);
        assert_eq!(rig.step(5, Input::Failed(&broken())), [], "what is said twice counts once");
        let outputs = rig.step(6, Input::Tick);
        assert_eq!(outputs[0], Output::FindCoordinator);
        assert_eq!(sent_heartbeat(&outputs), full(1, &[listed("t", &[0])]));
    }
}

#[test]
fn an_error_that_cannot_pass_is_the_end() {
    let error = ClientError::Setting("no such version");
    let (_, outputs) = beat(config(), Input::Failed(&error));
    assert_eq!(outputs, [lost(), Output::Fail(error)]);
}

#[test]
fn an_application_that_does_not_poll_loses_everything_until_it_polls_again() {
    for (config, epoch) in [(config(), -1), (static_member(), -2)] {
        let mut rig = Rig::stable(config, &[0]);
        for seconds in (5..300).step_by(5) {
            sent_heartbeat(&rig.step(seconds, Input::Tick));
            rig.step(seconds, Input::Reply(&beaten(1, None)));
        }
        let outputs = rig.step(300, Input::Tick);
        assert_eq!(outputs[0], lost());
        assert_eq!(sent_heartbeat(&outputs).member_epoch, epoch);
        assert_eq!(rig.step(300, Input::Reply(&beaten(epoch, None))), []);
        assert_eq!(rig.member.next_wakeup(at(300)), None);
        assert_eq!(sent_heartbeat(&rig.step(400, Input::Polled)).member_epoch, 0);
    }
}

#[test]
fn a_poll_while_the_member_leaves_brings_it_back() {
    let mut rig = Rig::stable(config(), &[]);
    sent_heartbeat(&rig.step(300, Input::Tick));
    assert_eq!(rig.step(301, Input::Polled), []);
    let outputs = rig.step(301, Input::Reply(&beaten(-1, None)));
    assert_eq!(sent_heartbeat(&outputs), full(0, &[]));
}

#[test]
fn a_member_joins_anew_only_after_the_application_has_given_up_what_was_lost() {
    let mut rig = Rig::stable(config(), &[0]);
    rig.step(5, Input::Tick);
    let outputs = rig.step(5, Input::Reply(&beaten(2, Some(&[]))));
    assert_eq!(outputs, [Output::Revoke(set("t", &[0]))]);
    sent_heartbeat(&rig.step(10, Input::Tick));
    let code = ErrorCode::FencedMemberEpoch;
    assert_eq!(rig.step(10, Input::Reply(&refused(code))), [lost()]);
    assert_eq!(sent_heartbeat(&rig.step(11, Input::Revoked)), full(0, &[]));
}

#[test]
fn leaving_goes_on_when_the_coordinator_refuses() {
    let mut rig = Rig::stable(config(), &[0]);
    sent_heartbeat(&rig.step(5, Input::Tick));
    rig.step(5, Input::Leave(Departure::Usual));
    assert_eq!(rig.step(5, Input::Reply(&refused(ErrorCode::GroupAuthorizationFailed))), []);
    assert_eq!(sent_heartbeat(&rig.step(6, Input::Revoked)).member_epoch, -1);
    let refusal = refused(ErrorCode::UnknownMemberId);
    assert_eq!(rig.step(6, Input::Reply(&refusal)), [Output::Left]);
}

#[test]
fn a_commit_that_is_refused_brings_the_next_heartbeat_forward() {
    for code in [ErrorCode::UnknownMemberId, ErrorCode::StaleMemberEpoch] {
        let mut rig = Rig::stable(config(), &[0]);
        assert_eq!(rig.step(1, Input::CommitRefused { epoch: 9, code }), []);
        let outputs = rig.step(1, Input::CommitRefused { epoch: 1, code });
        assert_eq!(sent_heartbeat(&outputs), quiet(1));
    }
    let mut rig = Rig::stable(config(), &[0]);
    let code = ErrorCode::NotCoordinator;
    assert_eq!(rig.step(1, Input::CommitRefused { epoch: 1, code }), []);
    assert_eq!(rig.step(5, Input::Tick)[0], Output::FindCoordinator);
}
