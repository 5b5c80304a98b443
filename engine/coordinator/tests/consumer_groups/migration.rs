//! Groups go from one protocol to the other while they have members.

use std::time::Duration;

use corelog_coordinator::consumer_group::{
    ConsumerGroupConfig, ConsumerGroupHeartbeat, MigrationPolicy,
};
use corelog_coordinator::input::{JoinGroup, SyncGroup};
use corelog_coordinator::{GroupConfig, Input, Output};
use corelog_model::ErrorCode;

use crate::classic::*;
use crate::rig::*;

fn config(migration: MigrationPolicy) -> GroupConfig {
    let consumer = ConsumerGroupConfig { migration, ..ConsumerGroupConfig::default() };
    let initial_rebalance_delay = Duration::ZERO;
    GroupConfig { consumer, initial_rebalance_delay, ..GroupConfig::default() }
}

/// A classic group with the member `c` in generation 1, which owns all of `t`.
fn classic_group(migration: MigrationPolicy, join: JoinGroup) -> Rig {
    let mut rig = Rig::with(config(migration));
    assert_eq!(rig.classic_join(join), "joined 1");
    let sync = SyncGroup { ..assigning(sync("c", 1), &[("c", "t0 t1 t2")]) };
    assert_eq!(rig.sync(sync), "t0 t1 t2");
    assert_eq!(rig.list(), ["g classic consumer Stable"]);
    rig
}

/// The same group, when `a` has joined that speaks the new protocol.
fn mixed() -> Rig {
    let mut rig = classic_group(MigrationPolicy::Bidirectional, classic_new("c", &["t"]));
    assert_eq!(rig.beat(join("a", &["t"])), "2:");
    assert_eq!(rig.describe(), "Reconciling 2/2, a@2[], c@1[t0 t1 t2]");
    rig
}

/// The same group, when both members have their parts.
fn settled() -> Rig {
    let mut rig = mixed();
    assert_eq!(rig.classic_join(classic("c", &["t"], "")), "joined 2");
    assert_eq!(rig.sync(sync("c", 2)), "t0 t1");
    assert_eq!(rig.beat(alive("a", 2)), "2: t2");
    assert_eq!(rig.describe(), "Stable 2/2, a@2[t2], c@2[t0 t1]");
    rig
}

#[test]
fn a_classic_group_becomes_a_consumer_group_with_its_members() {
    let rig = mixed();
    assert_eq!(rig.list(), ["g consumer consumer Reconciling"]);
    let members = rig.groups.describe_consumer_group("g").expect("it is one").members;
    let is_classic = members.iter().map(|member| member.metadata.classic.is_some());
    assert_eq!(is_classic.collect::<Vec<_>>(), [false, true]);
    assert_eq!(rig.reload().describe(), rig.describe());
    let compacted = Rig::loaded(GroupConfig::default(), &compacted(&rig.log));
    assert_eq!(compacted.groups.describe_consumer_group("g").expect("it is one").epoch, 2);
}

#[test]
fn a_classic_member_that_keeps_what_it_can_gives_up_and_rejoins() {
    let mut rig = mixed();
    assert_eq!(rig.classic_beat("c", 1), "REBALANCE_IN_PROGRESS");
    assert_eq!(rig.classic_join(classic("c", &["t"], "t0 t1 t2")), "joined 1");
    assert_eq!(rig.sync(sync("c", 1)), "t0 t1");
    assert_eq!(rig.beat(alive("a", 2)), "2");
    assert_eq!(rig.classic_beat("c", 1), "REBALANCE_IN_PROGRESS");
    assert_eq!(rig.classic_join(classic("c", &["t"], "t0 t1")), "joined 2");
    assert_eq!(rig.sync(sync("c", 2)), "t0 t1");
    assert_eq!(rig.classic_beat("c", 2), "ok");
    assert_eq!(rig.beat(alive("a", 2)), "2: t2");
}

#[test]
fn a_classic_member_that_gives_up_all_rejoins_once() {
    let mut rig = settled();
    assert_eq!(rig.classic_beat("c", 2), "ok");
}

#[test]
fn a_classic_member_waits_for_what_others_give_up() {
    let mut rig = Rig::with(config(MigrationPolicy::Bidirectional));
    rig.beat(join("a", &["t"]));
    assert_eq!(rig.classic_join(classic_new("c", &["t"])), "joined 2");
    assert_eq!(rig.sync(sync("c", 2)), "");
    assert_eq!(rig.classic_beat("c", 2), "ok");
    rig.beat(alive("a", 1));
    rig.beat(owning("a", 1, "t0 t1"));
    assert_eq!(rig.classic_beat("c", 2), "REBALANCE_IN_PROGRESS");
    assert_eq!(rig.classic_join(classic("c", &["t"], "")), "joined 2");
    assert_eq!(rig.sync(sync("c", 2)), "t2");
    assert_eq!(rig.describe(), "Stable 2/2, a@2[t0 t1], c@2[t2]");
}

#[test]
fn when_the_last_of_the_new_protocol_leaves_the_group_is_classic_again() {
    let mut rig = settled();
    assert_eq!(rig.beat(leave("a")), "-1");
    assert_eq!(rig.list(), ["g classic consumer PreparingRebalance"]);
    let loaded = rig.reload();
    assert_eq!(loaded.list(), ["g classic consumer Stable"]);
    let members = loaded.groups.describe("g").expect("it is classic").members;
    assert_eq!(assigned(&members[0].assignment), set("t0 t1"));
    // The members go on from the generation that they know.
    assert_eq!(rig.classic_beat("c", 2), "REBALANCE_IN_PROGRESS");
    assert_eq!(rig.classic_join(classic("c", &["t"], "t0 t1")), "joined 3");
    assert_eq!(rig.sync(assigning(sync("c", 3), &[("c", "t0 t1 t2")])), "t0 t1 t2");
    assert_eq!(rig.classic_beat("c", 3), "ok");
    assert_eq!(compacted(&rig.log).len(), 1);
}

#[test]
fn when_the_last_of_the_new_protocol_is_silent_the_group_is_classic_again() {
    let mut rig = settled();
    rig.clock = CLASSIC_SESSION - 1;
    rig.classic_beat("c", 2);
    rig.tick(SESSION);
    assert_eq!(rig.list(), ["g classic consumer PreparingRebalance"]);
}

#[test]
fn the_policy_says_which_way_groups_may_go() {
    for policy in [MigrationPolicy::Disabled, MigrationPolicy::Downgrade] {
        let mut rig = classic_group(policy, classic_new("c", &["t"]));
        assert_eq!(rig.beat(join("a", &["t"])), "GROUP_ID_NOT_FOUND");
        assert_eq!(rig.classic_beat("c", 1), "ok");
    }
    let mut rig = classic_group(MigrationPolicy::Upgrade, classic_new("c", &["t"]));
    rig.beat(join("a", &["t"]));
    rig.beat(leave("a"));
    assert_eq!(rig.list(), ["g consumer consumer Assigning"]);
    assert_eq!(MigrationPolicy::from_name("Upgrade"), Some(MigrationPolicy::Upgrade));
    assert_eq!(MigrationPolicy::from_name("both"), None);
}

#[test]
fn a_classic_group_whose_members_speak_their_own_words_stays_one() {
    let mut odd = classic_new("c", &["t"]);
    for protocol in &mut odd.protocols {
        protocol.metadata = b"own words".to_vec();
    }
    let mut rig = classic_group(MigrationPolicy::Bidirectional, odd);
    assert_eq!(rig.beat(join("a", &["t"])), "GROUP_ID_NOT_FOUND");
}

#[test]
fn a_classic_member_with_other_words_or_protocols_is_refused() {
    let mut rig = settled();
    let mut odd = classic_new("d", &["t"]);
    odd.protocols[0].metadata = b"own words".to_vec();
    assert_eq!(rig.classic_join(odd), "INCONSISTENT_GROUP_PROTOCOL");
    let mut other = classic_new("d", &["t"]);
    for protocol in &mut other.protocols {
        protocol.name = "other".into();
    }
    assert_eq!(rig.classic_join(other), "INCONSISTENT_GROUP_PROTOCOL");
    let connect = JoinGroup { protocol_type: "connect".into(), ..classic_new("d", &["t"]) };
    assert_eq!(rig.classic_join(connect), "INCONSISTENT_GROUP_PROTOCOL");
    let asks = JoinGroup { requires_member_id: true, ..classic_new("d", &["t"]) };
    assert_eq!(rig.classic_join(asks), "MEMBER_ID_REQUIRED");
    assert_eq!(rig.describe(), "Stable 2/2, a@2[t2], c@2[t0 t1]");
}

#[test]
fn requests_of_other_generations_and_members_are_refused() {
    let mut rig = settled();
    assert_eq!(rig.classic_beat("c", 1), "ILLEGAL_GENERATION");
    assert_eq!(rig.sync(sync("c", 1)), "ILLEGAL_GENERATION");
    let other = SyncGroup { protocol: Some("range".into()), ..sync("c", 2) };
    assert_eq!(rig.sync(other), "INCONSISTENT_GROUP_PROTOCOL");
    // That one is a member, but not of this protocol.
    assert_eq!(rig.classic_beat("a", 2), "UNKNOWN_MEMBER_ID");
    assert_eq!(rig.sync(sync("a", 2)), "UNKNOWN_MEMBER_ID");
    assert_eq!(rig.classic_leave("x", None), "UNKNOWN_MEMBER_ID");
}

#[test]
fn an_operator_removes_members_of_any_protocol() {
    let mut rig = settled();
    assert_eq!(rig.classic_leave("a", None), "ok");
    // It was the last member of the new protocol.
    assert_eq!(rig.beat(alive("a", 2)), "GROUP_ID_NOT_FOUND");
    assert_eq!(rig.classic_leave("a", None), "UNKNOWN_MEMBER_ID");
}

#[test]
fn an_operator_removes_static_members_by_name() {
    let mut rig = Rig::new();
    let named = |member: &str, instance: &str| ConsumerGroupHeartbeat {
        instance_id: Some(instance.into()),
        ..join(member, &["t"])
    };
    assert_eq!(rig.beat(named("a", "one")), "1: t0 t1 t2");
    assert_eq!(rig.classic_leave("", Some("two")), "UNKNOWN_MEMBER_ID");
    assert_eq!(rig.classic_leave("b", Some("one")), "FENCED_INSTANCE_ID");
    assert_eq!(rig.classic_leave("", Some("one")), "ok");
    assert_eq!(rig.classic_leave("", Some("one")), "UNKNOWN_MEMBER_ID");
    // The name is free.
    assert_eq!(rig.beat(named("b", "one")), "3: t0 t1 t2");
}

#[test]
fn a_classic_member_leaves() {
    let mut rig = settled();
    assert_eq!(rig.classic_leave("c", None), "ok");
    assert_eq!(rig.beat(alive("a", 2)), "3: t0 t1 t2");
    assert_eq!(rig.classic_beat("c", 2), "UNKNOWN_MEMBER_ID");
}

#[test]
fn a_classic_member_that_does_not_rejoin_in_time_is_out() {
    let mut rig = mixed();
    rig.clock = 1;
    assert_eq!(rig.classic_beat("c", 1), "REBALANCE_IN_PROGRESS");
    rig.clock = REBALANCE;
    assert_eq!(rig.classic_beat("c", 1), "REBALANCE_IN_PROGRESS");
    rig.tick(REBALANCE);
    assert_eq!(rig.describe(), "Reconciling 2/2, a@2[], c@1[t0 t1 t2]");
    rig.tick(1 + REBALANCE);
    assert_eq!(rig.describe(), "Assigning 3/2, a@2[]");
}

#[test]
fn a_classic_member_that_does_not_ask_for_its_assignment_is_out() {
    let mut rig = mixed();
    rig.classic_join(classic("c", &["t"], ""));
    rig.tick(REBALANCE - 1);
    assert_eq!(rig.describe(), "Reconciling 2/2, a@2[], c@2[t0 t1]");
    rig.tick(REBALANCE);
    assert_eq!(rig.describe(), "Assigning 3/2, a@2[]");
}

#[test]
fn a_classic_member_has_the_session_that_it_asked_for() {
    let mut rig = settled();
    rig.clock = 10;
    rig.beat(alive("a", 2));
    rig.tick(CLASSIC_SESSION - 1);
    assert_eq!(rig.describe(), "Stable 2/2, a@2[t2], c@2[t0 t1]");
    rig.tick(CLASSIC_SESSION);
    assert_eq!(rig.describe(), "Assigning 3/2, a@2[t2]");
}

#[test]
fn a_static_member_goes_over_to_the_new_protocol_with_all_it_has() {
    let name = Some("i".to_owned());
    let join_named = JoinGroup { instance_id: name.clone(), ..classic_new("c", &["t"]) };
    let mut rig = classic_group(MigrationPolicy::Bidirectional, join_named);
    assert_eq!(rig.beat(named("i", join("a", &["t"]))), "1: t0 t1 t2");
    assert_eq!(rig.describe(), "Stable 1/1, a@1[t0 t1 t2]");
    assert_eq!(rig.classic_beat("c", 1), "UNKNOWN_MEMBER_ID");
    // And back: nobody has to wait for anything to be released.
    let back = JoinGroup { instance_id: name, ..classic_new("d", &["t"]) };
    assert_eq!(rig.classic_join(back), "joined 1");
    assert_eq!(rig.list(), ["g classic consumer PreparingRebalance"]);
}

#[test]
fn who_waits_in_a_classic_group_that_becomes_another_has_to_ask_again() {
    let mut rig = classic_group(MigrationPolicy::Bidirectional, classic_new("c", &["t"]));
    let request = rig.next_request();
    rig.step(Input::Join(JoinGroup { request, ..classic_new("d", &["t"]) }));
    let waits = request;
    let request = rig.next_request();
    let heartbeat = ConsumerGroupHeartbeat { request, ..join("a", &["t"]) };
    let outputs = rig.step(Input::ConsumerGroupHeartbeat(heartbeat));
    let Output::Reply { request, reply } = &outputs[0] else { panic!("it is answered first") };
    assert_eq!(*request, waits);
    let code = match reply {
        corelog_coordinator::Reply::Join(Err(refusal)) => refusal.code,
        other => panic!("it is refused: {other:?}"),
    };
    assert_eq!(code, ErrorCode::RebalanceInProgress);
    rig.append_next();
    // The one that was never in a generation is not taken over.
    assert_eq!(rig.describe(), "Reconciling 2/2, a@2[], c@1[t0 t1 t2]");
    assert_eq!(rig.classic_join(classic("d", &["t"], "")), "joined 3");
}

#[test]
fn a_change_that_is_not_stored_is_a_reason_to_load() {
    let mut rig = settled();
    let request = rig.next_request();
    rig.step(Input::ConsumerGroupHeartbeat(ConsumerGroupHeartbeat { request, ..leave("a") }));
    rig.append_next();
    assert_eq!(rig.list(), ["g classic consumer PreparingRebalance"]);
    let (append, _) = rig.flight.pop_front().expect("the change is on its way");
    let code = ErrorCode::NotCoordinator;
    let outputs = rig.step(Input::AppendFailed { append, code });
    assert_eq!(outputs, [Output::Reload]);
    assert_eq!(rig.reload().describe(), "Assigning 3/2, c@2[t0 t1]");
}
