//! Who may join, and how a generation comes about.

use std::time::Duration;

use corelog_coordinator::GroupConfig;
use corelog_coordinator::input::JoinGroup;
use corelog_model::ErrorCode;

use crate::rig::*;

#[test]
fn the_first_member_leads_and_later_ones_follow() {
    let mut rig = Rig::new();
    assert_eq!(rig.step(join(1, "", "a")), [leads(1, 1, "a", &["a"])]);
    assert_eq!(rig.step(join(2, "", "b")), []);
    assert_eq!(rig.state(), "PreparingRebalance");
    let expected = [leads(3, 2, "a", &["a", "b"]), joined(2, 2, "a", "b")];
    assert_eq!(rig.step(join(3, "a", "")), expected);
    assert_eq!(rig.state(), "CompletingRebalance");
}

#[test]
fn a_member_without_an_id_has_to_join_with_the_one_it_is_given() {
    let mut rig = Rig::new();
    let join =
        |request, id, new_id| JoinGroup { requires_member_id: true, ..join(request, id, new_id) };
    let told = join_refused(1, ErrorCode::MemberIdRequired, "a");
    assert_eq!(rig.step(join(1, "", "a")), [told]);
    assert_eq!(rig.state(), "Empty");
    assert_eq!(rig.step(join(2, "a", "")), [leads(2, 1, "a", &["a"])]);
}

#[test]
fn an_id_that_nobody_uses_is_forgotten_and_the_group_with_it() {
    let mut rig = Rig::new();
    rig.step(JoinGroup { requires_member_id: true, ..join(1, "", "a") });
    assert_eq!(rig.groups.next_wakeup(), Some(Duration::from_secs(SESSION)));
    assert_eq!(rig.tick(SESSION), []);
    assert_eq!(rig.state(), "none");
    let refused = join_refused(2, ErrorCode::UnknownMemberId, "a");
    assert_eq!(rig.step(join(2, "a", "")), [refused]);
}

#[test]
fn a_rebalance_waits_for_an_id_that_was_given_out() {
    let mut rig = Rig::stable(&["a"]);
    rig.step(JoinGroup { requires_member_id: true, ..join(1, "", "b") });
    assert_eq!(rig.state(), "Stable");
    assert_eq!(rig.step(join(2, "a", "")), []);
    let expected = [leads(2, 2, "a", &["a", "b"]), joined(3, 2, "a", "b")];
    assert_eq!(rig.step(join(3, "b", "")), expected);
}

#[test]
fn an_unknown_member_is_refused() {
    let mut rig = Rig::new();
    let refused = [join_refused(1, ErrorCode::UnknownMemberId, "x")];
    assert_eq!(rig.step(join(1, "x", "")), refused);
    assert_eq!(rig.groups.count(), 0);
    rig.step(join(2, "", "a"));
    assert_eq!(rig.step(join(1, "x", "")), refused);
}

#[test]
fn a_session_timeout_out_of_range_is_refused() {
    let mut rig = Rig::new();
    for session_timeout in [Duration::from_millis(5_999), Duration::from_millis(1_800_001)] {
        let refused = join_refused(1, ErrorCode::InvalidSessionTimeout, "");
        assert_eq!(rig.step(JoinGroup { session_timeout, ..join(1, "", "a") }), [refused]);
    }
}

#[test]
fn a_group_without_a_name_is_refused() {
    let mut rig = Rig::new();
    for group in [String::new(), "g".repeat(40_000)] {
        let refused = join_refused(1, ErrorCode::InvalidGroupId, "");
        assert_eq!(rig.step(JoinGroup { group, ..join(1, "", "a") }), [refused]);
    }
}

#[test]
fn a_member_that_shares_no_protocol_is_refused() {
    let mut rig = Rig::new();
    let refused = [join_refused(1, ErrorCode::InconsistentGroupProtocol, "")];
    let none = JoinGroup { protocols: Vec::new(), ..join(1, "", "a") };
    assert_eq!(rig.step(none.clone()), refused);
    assert_eq!(rig.step(JoinGroup { protocol_type: String::new(), ..join(1, "", "a") }), refused);
    rig.step(join(2, "", "a"));
    assert_eq!(rig.step(none), refused);
    let other = JoinGroup { protocols: protocols(&["sticky"]), ..join(1, "", "b") };
    assert_eq!(rig.step(other), refused);
    assert_eq!(rig.step(JoinGroup { protocol_type: "sr".into(), ..join(1, "", "b") }), refused);
}

#[test]
fn any_protocol_type_is_served() {
    for protocol_type in ["connect", "sr", "my own"] {
        let mut rig = Rig::new();
        rig.step(JoinGroup { protocol_type: protocol_type.into(), ..join(1, "", "a") });
        assert_eq!(rig.groups.describe("g").unwrap().protocol_type, protocol_type);
        assert_eq!(rig.state(), "CompletingRebalance");
    }
}

#[test]
fn the_protocol_is_what_most_prefer_among_what_all_support() {
    let mut rig = Rig::new();
    rig.step(JoinGroup { protocols: protocols(&["x", "range", "sticky"]), ..join(1, "", "a") });
    rig.step(JoinGroup { protocols: protocols(&["sticky", "range"]), ..join(2, "", "b") });
    rig.step(JoinGroup { protocols: protocols(&["sticky", "range"]), ..join(3, "", "c") });
    let again = JoinGroup { protocols: protocols(&["x", "range", "sticky"]), ..join(4, "a", "") };
    assert_eq!(rig.step(again).len(), 3);
    rig.step(assigning(
        corelog_coordinator::input::SyncGroup { generation: 2, ..sync(5, "a") },
        &[],
    ));
    rig.appended(0);
    assert_eq!(rig.groups.describe("g").unwrap().protocol, "sticky");
}

#[test]
fn a_full_group_takes_its_members_back_and_no_others() {
    let mut rig = Rig::with(GroupConfig { members_max: 1, ..config() });
    rig.step(join(1, "", "a"));
    let refused = join_refused(2, ErrorCode::GroupMaxSizeReached, "");
    assert_eq!(rig.step(join(2, "", "b")), [refused]);
    assert_eq!(rig.step(join(3, "a", "")), [leads(3, 1, "a", &["a"])]);
}

#[test]
fn an_empty_group_waits_for_more_members_each_time_that_one_comes() {
    let initial_rebalance_delay = Duration::from_secs(3);
    let mut rig = Rig::with(GroupConfig { initial_rebalance_delay, ..config() });
    let quick = |request, new_id| JoinGroup {
        rebalance_timeout: Duration::from_secs(7),
        ..join(request, "", new_id)
    };
    assert_eq!(rig.step(quick(1, "a")), []);
    assert_eq!(rig.groups.next_wakeup(), Some(Duration::from_secs(3)));
    rig.clock = 2;
    assert_eq!(rig.step(quick(2, "b")), []);
    assert_eq!(rig.tick(3), []);
    assert_eq!(rig.groups.next_wakeup(), Some(Duration::from_secs(6)));
    rig.clock = 5;
    assert_eq!(rig.step(quick(3, "c")), []);
    // One second is left of the rebalance timeout.
    assert_eq!(rig.tick(6), []);
    assert_eq!(rig.groups.next_wakeup(), Some(Duration::from_secs(7)));
    assert_eq!(rig.step(quick(4, "d")), []);
    let members = ["a", "b", "c", "d"];
    let follow = |request, member| joined(request, 1, "a", member);
    let expected = [leads(1, 1, "a", &members), follow(2, "b"), follow(3, "c"), follow(4, "d")];
    assert_eq!(rig.tick(7), expected);
}

#[test]
fn a_group_with_members_does_not_wait_for_more() {
    let initial_rebalance_delay = Duration::from_secs(3);
    let mut rig = Rig::with(GroupConfig { initial_rebalance_delay, ..config() });
    rig.step(join(1, "", "a"));
    assert_eq!(rig.tick(3), [leads(1, 1, "a", &["a"])]);
    assert_eq!(rig.step(join(2, "", "b")), []);
    let expected = [leads(3, 2, "a", &["a", "b"]), joined(2, 2, "a", "b")];
    assert_eq!(rig.step(join(3, "a", "")), expected);
}

#[test]
fn an_answer_that_was_lost_is_given_again() {
    let mut rig = Rig::new();
    rig.step(join(1, "", "a"));
    assert_eq!(rig.step(join(2, "a", "")), [leads(2, 1, "a", &["a"])]);
    let mut rig = Rig::stable(&["a", "b"]);
    assert_eq!(rig.step(join(2, "b", "")), [joined(2, 2, "a", "b")]);
    assert_eq!(rig.state(), "Stable");
}

#[test]
fn a_leader_that_rejoins_wants_to_assign_anew() {
    let mut rig = Rig::stable(&["a"]);
    assert_eq!(rig.step(join(1, "a", "")), [leads(1, 2, "a", &["a"])]);
}

#[test]
fn a_member_with_other_wishes_makes_a_new_generation() {
    let mut rig = Rig::stable(&["a", "b"]);
    let wishes = protocols(&["range", "sticky"]);
    assert_eq!(rig.step(JoinGroup { protocols: wishes, ..join(1, "b", "") }), []);
    assert_eq!(rig.state(), "PreparingRebalance");
    let expected = [leads(2, 3, "a", &["a", "b"]), joined(1, 3, "a", "b")];
    assert_eq!(rig.step(join(2, "a", "")), expected);
}

#[test]
fn who_does_not_rejoin_in_time_is_out_and_another_one_leads() {
    let mut rig = Rig::stable(&["a", "b"]);
    let wish = JoinGroup { protocols: protocols(&["range", "x"]), ..join(1, "b", "") };
    assert_eq!(rig.step(wish), []);
    for clock in (5..REBALANCE).step_by(5) {
        rig.clock = clock;
        rig.step(heartbeat(2, "a", 2));
    }
    assert_eq!(rig.tick(REBALANCE - 1), []);
    assert_eq!(rig.tick(REBALANCE), [leads(1, 3, "b", &["b"])]);
}

#[test]
fn a_second_request_of_a_member_takes_the_place_of_the_first() {
    let mut rig = Rig::stable(&["a", "b"]);
    let wish =
        |request| JoinGroup { protocols: protocols(&["range", "x"]), ..join(request, "b", "") };
    assert_eq!(rig.step(wish(1)), []);
    let superseded = join_refused(1, ErrorCode::RebalanceInProgress, "b");
    assert_eq!(rig.step(wish(2)), [superseded]);
}

#[test]
fn a_new_member_that_nobody_answers_for_long_is_forgotten() {
    let mut rig =
        Rig::with(GroupConfig { new_member_timeout: Duration::from_secs(20), ..config() });
    rig.become_stable(&["a"]);
    rig.step(join(1, "", "b"));
    for clock in [9, 18] {
        rig.clock = clock;
        rig.step(heartbeat(2, "a", 1));
    }
    let gone = join_refused(1, ErrorCode::UnknownMemberId, "b");
    assert_eq!(rig.tick(20), [gone]);
}

#[test]
fn generations_begin_anew_behind_the_last_one() {
    let record = generation(0, i32::MAX, &["a"]);
    let mut rig = Rig::loaded(config(), &[record]);
    assert_eq!(rig.step(join(1, "a", "")), [leads(1, 1, "a", &["a"])]);
}
