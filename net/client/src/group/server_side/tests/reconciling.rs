//! Joining, following the target, subscribing to something else, leaving.

use super::*;

#[test]
fn a_new_member_says_everything_then_only_what_changes() {
    let mut rig = Rig::new(config());
    let outputs = rig.subscribe(0, &["t"]);
    assert_eq!(outputs[0], Output::FindCoordinator);
    assert_eq!(sent_heartbeat(&outputs), full(0, &[]));
    assert_eq!(rig.member.identity().epoch, -1, "not yet");
    assert_eq!(rig.step(0, Input::Reply(&beaten(1, None))), []);
    assert_eq!(rig.member.identity().epoch, 1);
    // The interval is the server's.
    assert_eq!(rig.member.next_wakeup(at(0)), Some(at(5)));
    assert_eq!(rig.step(4, Input::Tick), []);
    assert_eq!(sent_heartbeat(&rig.step(5, Input::Tick)), quiet(1));
}

#[test]
fn a_static_member_says_its_instance_id_each_time() {
    let mut rig = Rig::new(static_member());
    let first = sent_heartbeat(&rig.subscribe(0, &["t"]));
    rig.step(0, Input::Reply(&beaten(1, None)));
    let second = sent_heartbeat(&rig.step(5, Input::Tick));
    assert_eq!([first.instance_id, second.instance_id], [Some("i".into()), Some("i".into())]);
}

#[test]
fn a_server_that_names_the_member_is_followed() {
    let mut rig = Rig::new(config());
    rig.subscribe(0, &["t"]);
    let response = ConsumerGroupHeartbeatResponse {
        member_id: Some("you".into()),
        member_epoch: 4,
        ..ConsumerGroupHeartbeatResponse::default()
    };
    rig.step(0, Input::Reply(&reply::<ConsumerGroupHeartbeatRequest<'_>>(0, &response)));
    let identity = rig.member.identity();
    assert_eq!((identity.member_id.as_str(), identity.epoch), ("you", 4));
    // An interval of nothing is none: the one of the config stays.
    assert_eq!(rig.member.next_wakeup(at(0)), Some(at(3)));
}

#[test]
fn what_is_assigned_is_acknowledged_when_the_application_has_it() {
    let mut rig = Rig::new(config());
    rig.subscribe(0, &["t"]);
    let outputs = rig.step(0, Input::Reply(&beaten(1, Some(&[("t", &[0, 1])]))));
    assert_eq!(outputs, [Output::Assign(set("t", &[0, 1]))]);
    // Heartbeats go on while the application is busy.
    assert_eq!(sent_heartbeat(&rig.step(5, Input::Tick)), quiet(1));
    rig.step(5, Input::Reply(&beaten(1, None)));
    let acknowledgement = sent_heartbeat(&rig.step(6, Input::Assigned));
    let topic_partitions = Some(vec![listed("t", &[0, 1])]);
    assert_eq!(acknowledgement, Request { topic_partitions, ..quiet(1) });
    rig.step(6, Input::Reply(&beaten(1, None)));
    assert_eq!(rig.step(7, Input::Tick), [], "once is enough");
}

#[test]
fn what_is_revoked_is_acknowledged_before_anything_else_is_assigned() {
    let mut rig = Rig::stable(config(), &[0, 1]);
    sent_heartbeat(&rig.step(5, Input::Tick));
    let outputs = rig.step(5, Input::Reply(&beaten(1, Some(&[("t", &[1])]))));
    assert_eq!(outputs, [Output::Revoke(set("t", &[0]))]);
    assert_eq!(sent_heartbeat(&rig.step(10, Input::Tick)), quiet(1), "not before it is true");
    rig.step(10, Input::Reply(&beaten(1, None)));
    let acknowledgement = sent_heartbeat(&rig.step(11, Input::Revoked));
    let topic_partitions = Some(vec![listed("t", &[1])]);
    assert_eq!(acknowledgement, Request { topic_partitions, ..quiet(1) });
    let outputs = rig.step(11, Input::Reply(&beaten(2, Some(&[("t", &[1, 2])]))));
    assert_eq!(outputs, [Output::Assign(set("t", &[2]))]);
    assert_eq!(rig.member.assigned(), &set("t", &[1, 2]));
}

#[test]
fn a_target_that_changes_meanwhile_is_followed_afterwards() {
    let mut rig = Rig::stable(config(), &[0, 1]);
    rig.step(5, Input::Tick);
    rig.step(5, Input::Reply(&beaten(2, Some(&[("t", &[1, 2])]))));
    sent_heartbeat(&rig.step(10, Input::Tick));
    assert_eq!(rig.step(10, Input::Reply(&beaten(3, Some(&[("t", &[3])])))), []);
    let outputs = rig.step(11, Input::Revoked);
    assert_eq!(outputs[0], Output::Revoke(set("t", &[1])));
    let topic_partitions = Some(vec![listed("t", &[1])]);
    assert_eq!(sent_heartbeat(&outputs), Request { topic_partitions, ..quiet(3) });
    let outputs = rig.step(12, Input::Revoked);
    assert_eq!(outputs, [Output::Assign(set("t", &[3]))]);
}

#[test]
fn an_unknown_topic_is_asked_for_and_the_rest_goes_on() {
    let mut rig = Rig::new(config());
    rig.subscribe(0, &["t", "s"]);
    let target: &[(&str, &[i32])] = &[("s", &[0]), ("t", &[1])];
    let outputs = rig.step(0, Input::Reply(&beaten(1, Some(target))));
    let ids = BTreeSet::from([TopicId::from_bytes(topic_id("s"))]);
    let refresh = Output::Refresh { topics: BTreeSet::new(), ids };
    assert_eq!(outputs, [refresh.clone(), Output::Assign(set("t", &[1]))]);
    assert_eq!(rig.member.next_wakeup(at(0)), Some(at(1)));
    assert_eq!(rig.step(1, Input::Tick), [refresh]);
    sent_heartbeat(&rig.step(1, Input::Assigned));
    rig.metadata = metadata(&[("s", 1), ("t", 4)]);
    assert_eq!(rig.step(1, Input::Tick), [Output::Assign(set("s", &[0]))]);
    assert_eq!(rig.member.metadata_topics(), topics(&["s", "t"]));
}

#[test]
fn a_topic_that_is_gone_from_the_metadata_can_still_be_given_up() {
    let mut rig = Rig::stable(config(), &[0]);
    rig.metadata = metadata(&[]);
    rig.step(5, Input::Tick);
    let outputs = rig.step(5, Input::Reply(&beaten(2, Some(&[]))));
    assert_eq!(outputs, [Output::Revoke(set("t", &[0]))]);
}

#[test]
fn a_new_subscription_is_told_at_once() {
    let mut rig = Rig::stable(config(), &[]);
    let heartbeat = sent_heartbeat(&rig.subscribe(1, &["t", "s"]));
    let subscribed_topic_names = Some(vec!["s".into(), "t".into()]);
    assert_eq!(heartbeat, Request { subscribed_topic_names, ..quiet(1) });
    rig.step(1, Input::Reply(&beaten(1, None)));
    assert_eq!(rig.subscribe(2, &["s", "t"]), [], "it is the same");
    let pattern = Subscription::Pattern("a.*".to_owned());
    let heartbeat = sent_heartbeat(&rig.step(3, Input::Subscribe(pattern)));
    assert_eq!(GroupRequest::ConsumerHeartbeat(heartbeat.clone()).version_min(), 1);
    let expected = Request {
        subscribed_topic_names: Some(vec![]),
        subscribed_topic_regex: Some("a.*".into()),
        ..quiet(1)
    };
    assert_eq!(heartbeat, expected);
    rig.step(3, Input::Reply(&beaten(1, None)));
    let heartbeat = sent_heartbeat(&rig.subscribe(4, &["t"]));
    assert_eq!(heartbeat.subscribed_topic_regex.as_deref(), Some(""), "it is taken back");
}

#[test]
fn a_member_gives_up_everything_then_leaves() {
    let close = |config: GroupConfig, departure| {
        let mut rig = Rig::stable(config, &[0]);
        let outputs = rig.step(1, Input::Leave(departure));
        assert_eq!(outputs, [Output::Revoke(set("t", &[0]))]);
        let outputs = rig.step(2, Input::Revoked);
        if outputs == [Output::Left] {
            return None;
        }
        assert_eq!(rig.step(3, Input::Reply(&beaten(-1, None))), [Output::Left]);
        assert_eq!((rig.member.next_wakeup(at(3)), rig.subscribe(4, &["t"])), (None, vec![]));
        Some(sent_heartbeat(&outputs).member_epoch)
    };
    assert_eq!(close(config(), Departure::Usual), Some(-1));
    assert_eq!(close(config(), Departure::Release), Some(-1));
    assert_eq!(close(config(), Departure::Remain), None);
    assert_eq!(close(static_member(), Departure::Usual), Some(-2));
    assert_eq!(close(static_member(), Departure::Remain), Some(-2));
    assert_eq!(close(static_member(), Departure::Release), Some(-1));
}

#[test]
fn heartbeats_go_on_while_a_leaving_member_gives_up() {
    let mut rig = Rig::stable(config(), &[0]);
    rig.step(1, Input::Leave(Departure::Usual));
    assert_eq!(rig.member.next_wakeup(at(1)), Some(at(5)));
    assert_eq!(sent_heartbeat(&rig.step(5, Input::Tick)), quiet(1));
    rig.step(5, Input::Reply(&beaten(1, None)));
    assert_eq!(sent_heartbeat(&rig.step(6, Input::Revoked)), quiet(-1));
}

#[test]
fn a_member_that_unsubscribes_may_subscribe_again() {
    let mut rig = Rig::stable(config(), &[]);
    assert_eq!(sent_heartbeat(&rig.step(1, Input::Unsubscribe)), quiet(-1));
    assert_eq!(rig.subscribe(1, &["t"]), []);
    let outputs = rig.step(1, Input::Reply(&beaten(-1, None)));
    assert_eq!(outputs[0], Output::Left);
    assert_eq!(sent_heartbeat(&outputs), full(0, &[]));
    let mut rig = Rig::new(config());
    assert_eq!(rig.step(0, Input::Unsubscribe), [Output::Left]);
    assert_eq!(rig.step(0, Input::Leave(Departure::Usual)), [Output::Left]);
}

#[test]
fn a_member_that_is_about_to_join_leaves_after_the_answer() {
    let mut rig = Rig::new(config());
    rig.subscribe(0, &["t"]);
    assert_eq!(rig.step(0, Input::Leave(Departure::Usual)), []);
    let outputs = rig.step(1, Input::Reply(&beaten(1, Some(&[("t", &[0])]))));
    assert_eq!(sent_heartbeat(&outputs), quiet(-1));
    assert_eq!(rig.step(1, Input::Failed(&broken())), [Output::Left]);
}

#[test]
fn a_report_of_everything_has_what_is_being_taken_over() {
    let mut rig = Rig::new(config());
    rig.subscribe(0, &["t"]);
    rig.step(0, Input::Reply(&beaten(1, Some(&[("t", &[0, 1])]))));
    sent_heartbeat(&rig.step(5, Input::Tick));
    rig.step(5, Input::Failed(&broken()));
    // Left out, they would be granted to others while the application reads them.
    assert_eq!(sent_heartbeat(&rig.step(6, Input::Tick)), full(1, &[listed("t", &[0, 1])]));
    rig.step(6, Input::Reply(&beaten(1, None)));
    assert_eq!(rig.step(7, Input::Assigned), [], "that was the acknowledgement");
}
