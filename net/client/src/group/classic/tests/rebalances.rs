//! Joining, assigning, taking over and giving up.

use super::*;

#[test]
fn a_new_member_joins_with_what_it_wants_after_a_look_for_the_coordinator() {
    let mut rig = Rig::new(static_member(config(&[Assignor::Range, Assignor::Sticky])));
    let outputs = rig.subscribe(0, &["t", "s"]);
    assert_eq!(outputs[0], Output::FindCoordinator);
    let join = sent_join(&outputs);
    assert_eq!((&*join.group_id, &*join.member_id), ("g", ""));
    assert_eq!(join.group_instance_id.as_deref(), Some("i"));
    assert_eq!((join.session_timeout_ms, join.rebalance_timeout_ms), (45_000, 300_000));
    assert_eq!(join.protocol_type, "consumer");
    let names: Vec<&str> = join.protocols.iter().map(|protocol| &*protocol.name).collect();
    assert_eq!(names, ["range", "sticky"]);
}

#[test]
fn a_member_that_needs_an_id_joins_again_with_it_at_once() {
    let mut rig = Rig::new(eager());
    rig.subscribe(0, &["t"]);
    let required = JoinGroupResponse {
        error_code: ErrorCode::MemberIdRequired.code(),
        member_id: "me".into(),
        ..JoinGroupResponse::default()
    };
    let outputs = rig.step(0, Input::Reply(&join_reply(&required)));
    assert_eq!(sent_join(&outputs).member_id, "me");
    // A coordinator that asks again and again is not asked without pause.
    assert_eq!(rig.step(0, Input::Reply(&join_reply(&required))), []);
}

#[test]
fn a_follower_hands_in_nothing_and_takes_over_its_part() {
    let mut rig = Rig::new(eager());
    rig.subscribe(0, &["t"]);
    let sync = sent_sync(&rig.step(0, Input::Reply(&follower(3, Assignor::Range))));
    assert_eq!((sync.generation_id, &*sync.member_id), (3, "me"));
    assert_eq!(sync.protocol_name.as_deref(), Some("range"));
    assert_eq!(sync.assignments, []);
    let outputs = rig.step(0, Input::Reply(&synced(0, &[1, 2])));
    assert_eq!(outputs, [Output::Assign(set("t", &[1, 2]))]);
    let identity = rig.member.identity();
    assert_eq!((identity.epoch, &*identity.member_id), (3, "me"));
    assert_eq!(rig.member.metadata_topics(), topics(&["t"]));
}

#[test]
fn a_leader_asks_for_missing_metadata_then_assigns_to_all() {
    let mut rig = Rig::new(eager());
    rig.subscribe(0, &["t"]);
    let answer = leader(1, Assignor::Range, &[("me", &["t"]), ("other", &["t", "s"])]);
    let refresh = Output::Refresh { topics: topics(&["s"]), ids: BTreeSet::new() };
    assert_eq!(rig.step(0, Input::Reply(&answer)), std::slice::from_ref(&refresh));
    assert_eq!(rig.member.metadata_topics(), topics(&["s", "t"]));
    assert_eq!(rig.step(1, Input::Tick), [refresh], "it asks again after a pause");
    rig.metadata = metadata(&[("s", 1), ("t", 4)]);
    let sync = sent_sync(&rig.step(2, Input::Tick));
    let parts: Vec<(String, BTreeSet<TopicPartition>)> = sync
        .assignments
        .iter()
        .map(|part| (part.member_id.to_string(), decode_assignment(&part.assignment).unwrap()))
        .collect();
    let other = &set("t", &[2, 3]) | &set("s", &[0]);
    assert_eq!(parts, [("me".to_owned(), set("t", &[0, 1])), ("other".to_owned(), other)]);
}

#[test]
fn a_leader_without_metadata_heartbeats_and_assigns_in_the_end() {
    let mut rig = Rig::new(eager());
    rig.subscribe(0, &["t"]);
    let answer = leader(1, Assignor::Range, &[("me", &["t", "gone"])]);
    rig.step(0, Input::Reply(&answer));
    sent_heartbeat(&rig.step(3, Input::Tick));
    rig.step(3, Input::Reply(&beaten(ErrorCode::None)));
    assert_eq!(rig.member.next_wakeup(at(3)), Some(at(4)));
    rig.step(6, Input::Tick);
    rig.step(6, Input::Reply(&beaten(ErrorCode::None)));
    let sync = sent_sync(&rig.step(10, Input::Tick));
    let part = decode_assignment(&sync.assignments[0].assignment).unwrap();
    assert_eq!(part, set("t", &[0, 1, 2, 3]));
}

#[test]
fn a_leader_that_keeps_its_assignment_hands_in_nothing_but_watches() {
    let mut rig = Rig::new(static_member(eager()));
    rig.subscribe(0, &["t"]);
    let subscription = Wanted {
        topics: &topics(&["t"]),
        owned: &BTreeSet::new(),
        generation: -1,
        last: None,
        rack: None,
    };
    let me = JoinGroupResponseMember {
        member_id: "me".into(),
        group_instance_id: Some("i".into()),
        metadata: Bytes::Owned(subscription.encode(Assignor::Range).unwrap()),
    };
    let answer = JoinGroupResponse {
        skip_assignment: true,
        members: vec![me],
        ..joined(4, Assignor::Range, "me")
    };
    let sync = sent_sync(&rig.step(0, Input::Reply(&join_reply(&answer))));
    assert_eq!(sync.assignments, []);
    rig.step(0, Input::Reply(&synced(0, &[0])));
    rig.step(0, Input::Assigned);
    assert_eq!(rig.step(1, Input::Tick), [], "the topic is as it was");
    rig.metadata = metadata(&[("t", 5)]);
    assert_eq!(rig.step(1, Input::Tick), [Output::Revoke(set("t", &[0]))]);
}

#[test]
fn a_leader_rebalances_when_a_topic_changes_and_a_follower_does_not() {
    let mut rig = Rig::stable(eager(), &[0]);
    rig.metadata = metadata(&[("t", 9)]);
    assert_eq!(rig.step(1, Input::Tick), []);
    let mut rig = Rig::new(eager());
    rig.subscribe(0, &["t"]);
    rig.step(0, Input::Reply(&leader(1, Assignor::Range, &[("me", &["t"])])));
    rig.step(0, Input::Reply(&synced(0, &[])));
    assert_eq!(rig.step(1, Input::Tick), []);
    rig.metadata = metadata(&[]);
    assert_eq!(rig.step(1, Input::Tick), [], "what is not known has not changed");
    rig.metadata = metadata(&[("t", 9)]);
    let join = sent_join(&rig.step(1, Input::Tick));
    assert_eq!(join.reason.as_deref(), Some("the partitions of a topic have changed"));
}

#[test]
fn an_eager_member_gives_up_everything_before_it_joins_again() {
    let mut rig = Rig::stable(eager(), &[0, 1]);
    sent_heartbeat(&rig.step(3, Input::Tick));
    let outputs = rig.step(3, Input::Reply(&beaten(ErrorCode::RebalanceInProgress)));
    assert_eq!(outputs, [Output::Revoke(set("t", &[0, 1]))]);
    assert_eq!(rig.member.assigned(), &set("t", &[0, 1]), "until it has answered");
    // The session must not end while the application commits.
    sent_heartbeat(&rig.step(6, Input::Tick));
    rig.step(6, Input::Reply(&beaten(ErrorCode::RebalanceInProgress)));
    let join = sent_join(&rig.step(7, Input::Revoked));
    assert_eq!((&*join.member_id, rig.member.assigned().len()), ("me", 0));
}

#[test]
fn a_cooperative_member_joins_with_what_it_owns() {
    let mut rig = Rig::stable(cooperative(), &[0, 1]);
    rig.step(3, Input::Tick);
    let outputs = rig.step(3, Input::Reply(&beaten(ErrorCode::RebalanceInProgress)));
    let join = sent_join(&outputs);
    let expected = Wanted {
        topics: &topics(&["t"]),
        owned: &set("t", &[0, 1]),
        generation: 1,
        last: Some(&(1, set("t", &[0, 1]))),
        rack: None,
    };
    let bytes = expected.encode(Assignor::CooperativeSticky).unwrap();
    assert_eq!(*join.protocols[0].metadata, *bytes);
    assert_eq!(outputs.len(), 1, "nothing is given up");
}

#[test]
fn a_cooperative_member_gives_up_then_takes_over_then_joins_again() {
    let mut rig = Rig::stable(cooperative(), &[0, 1]);
    rig.step(3, Input::Tick);
    rig.step(3, Input::Reply(&beaten(ErrorCode::RebalanceInProgress)));
    rig.step(3, Input::Reply(&follower(2, Assignor::CooperativeSticky)));
    let outputs = rig.step(3, Input::Reply(&synced(0, &[1, 2])));
    assert_eq!(outputs, [Output::Revoke(set("t", &[0]))]);
    assert_eq!(rig.step(4, Input::Revoked), [Output::Assign(set("t", &[2]))]);
    let join = sent_join(&rig.step(5, Input::Assigned));
    assert_eq!(join.reason.as_deref(), Some("partitions have been given up for others"));
    assert_eq!(rig.member.assigned(), &set("t", &[1, 2]));
    // With nothing to give up there is no further rebalance.
    rig.step(5, Input::Reply(&follower(3, Assignor::CooperativeSticky)));
    assert_eq!(rig.step(5, Input::Reply(&synced(0, &[1, 2]))), []);
}

#[test]
fn a_cooperative_member_gives_up_topics_that_are_not_wanted_any_more() {
    let mut rig = Rig::stable(cooperative(), &[0, 1]);
    assert_eq!(rig.subscribe(1, &["s"]), [Output::Revoke(set("t", &[0, 1]))]);
    let join = sent_join(&rig.step(1, Input::Revoked));
    assert_eq!(join.reason.as_deref(), Some("the subscription has changed"));
}

#[test]
fn an_assignment_for_a_subscription_of_the_past_is_not_taken_over() {
    let mut rig = Rig::new(eager());
    rig.subscribe(0, &["t"]);
    rig.step(0, Input::Reply(&follower(1, Assignor::Range)));
    assert_eq!(rig.subscribe(0, &["s"]), []);
    let outputs = rig.step(0, Input::Reply(&synced(0, &[0])));
    sent_join(&outputs);
    assert_eq!(outputs.len(), 1, "nothing is assigned");
}

#[test]
fn a_rebalance_waits_until_the_application_has_taken_over() {
    let mut rig = Rig::new(eager());
    rig.subscribe(0, &["t"]);
    rig.step(0, Input::Reply(&follower(1, Assignor::Range)));
    rig.step(0, Input::Reply(&synced(0, &[0])));
    sent_heartbeat(&rig.step(3, Input::Tick));
    assert_eq!(rig.step(3, Input::Reply(&beaten(ErrorCode::RebalanceInProgress))), []);
    assert_eq!(rig.step(4, Input::Assigned), [Output::Revoke(set("t", &[0]))]);
}

#[test]
fn another_assignor_or_protocol_type_than_ours_is_refused() {
    let answer = |change: fn(&mut JoinGroupResponse<'static>)| {
        let mut rig = Rig::new(eager());
        rig.subscribe(0, &["t"]);
        let mut response = joined(1, Assignor::Range, "other");
        change(&mut response);
        rig.step(0, Input::Reply(&join_reply(&response)))
    };
    let code = ErrorCode::InconsistentGroupProtocol;
    check_failed(&answer(|response| response.protocol_type = Some("connect".into())), code);
    check_failed(&answer(|response| response.protocol_name = Some("sticky".into())), code);
    check_failed(&answer(|response| response.protocol_name = None), code);
    let mut rig = Rig::new(eager());
    rig.subscribe(0, &["t"]);
    rig.step(0, Input::Reply(&follower(1, Assignor::Range)));
    let response =
        SyncGroupResponse { protocol_name: Some("sticky".into()), ..SyncGroupResponse::default() };
    let outputs = rig.step(0, Input::Reply(&reply::<SyncGroupRequest<'_>>(5, &response)));
    check_failed(&outputs, code);
}

#[test]
fn a_subscription_or_an_assignment_that_cannot_be_read_is_the_end() {
    let mut rig = Rig::new(eager());
    rig.subscribe(0, &["t"]);
    let member = JoinGroupResponseMember {
        member_id: "me".into(),
        group_instance_id: None,
        metadata: Bytes::Borrowed(&[0]),
    };
    let answer = JoinGroupResponse { members: vec![member], ..joined(1, Assignor::Range, "me") };
    let outputs = rig.step(0, Input::Reply(&join_reply(&answer)));
    assert!(matches!(outputs[..], [Output::Fail(ClientError::Response { .. })]), "{outputs:?}");
    let mut rig = Rig::new(eager());
    rig.subscribe(0, &["t"]);
    rig.step(0, Input::Reply(&follower(1, Assignor::Range)));
    let empty = SyncGroupResponse::default();
    let outputs = rig.step(0, Input::Reply(&reply::<SyncGroupRequest<'_>>(5, &empty)));
    assert!(matches!(outputs[..], [Output::Fail(ClientError::Response { .. })]), "{outputs:?}");
}

#[test]
fn a_sticky_member_remembers_what_it_gave_up() {
    let mut rig = Rig::stable(config(&[Assignor::Sticky]), &[0, 3]);
    rig.step(3, Input::Tick);
    rig.step(3, Input::Reply(&beaten(ErrorCode::RebalanceInProgress)));
    let join = sent_join(&rig.step(3, Input::Revoked));
    let expected = Wanted {
        topics: &topics(&["t"]),
        owned: &BTreeSet::new(),
        generation: 1,
        last: Some(&(1, set("t", &[0, 3]))),
        rack: None,
    };
    assert_eq!(*join.protocols[0].metadata, *expected.encode(Assignor::Sticky).unwrap());
}
