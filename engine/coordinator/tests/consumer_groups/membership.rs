//! Who is a member: joining, staying, leaving, fencing, and what is refused.

use std::sync::Arc;

use corelog_coordinator::consumer_group::{Assignor, ConsumerGroupConfig, ConsumerGroupHeartbeat};
use corelog_coordinator::records::{
    ConsumerGroupRecord, CoordinatorRecord, CurrentAssignment, Entry, GroupEpoch, MemberMetadata,
    MemberState, TargetMetadata,
};
use corelog_coordinator::{GroupConfig, Input, Output};
use corelog_model::Timestamp;

use crate::rig::*;

#[test]
fn a_member_joins_with_epoch_zero_and_is_told_everything() {
    let mut rig = Rig::new();
    assert_eq!(rig.beat(join("a", &["t", "u"])), "1: t0 t1 t2 u0 u1");
    assert_eq!(rig.describe(), "Stable 1/1, a@1[t0 t1 t2 u0 u1]");
}

#[test]
fn a_member_that_joins_is_stored_record_by_record() {
    let mut rig = Rig::new();
    let request = rig.next_request();
    let heartbeat = ConsumerGroupHeartbeat { request, ..join("a", &["t"]) };
    let outputs = rig.step(Input::ConsumerGroupHeartbeat(heartbeat));
    assert!(matches!(outputs[..], [Output::Append { .. }]), "the answer waits: {outputs:?}");
    let member = || "a".into();
    let metadata = MemberMetadata {
        client_id: Arc::from("client"),
        client_host: Arc::from("/host"),
        topic_names: names(&["t"]),
        rebalance_timeout_ms: REBALANCE as i32 * 1000,
        ..MemberMetadata::default()
    };
    let current = CurrentAssignment {
        epoch: 1,
        previous_epoch: 0,
        state: MemberState::Stable,
        assigned: set("t0 t1 t2").into_iter().map(|partition| (partition, 1)).collect(),
        revoking: [].into(),
    };
    let metadata_hash = rig.topics.hash_of(&names(&["t"]));
    let entries = [
        Entry::Member(member(), Some(metadata)),
        Entry::Group(Some(GroupEpoch { epoch: 1, metadata_hash })),
        Entry::MemberTarget(member(), Some(set("t0 t1 t2"))),
        Entry::Target(Some(TargetMetadata { epoch: 1, computed_at: Timestamp::ZERO })),
        Entry::Current(member(), Some(current)),
    ];
    let records = entries.map(|entry| {
        CoordinatorRecord::ConsumerGroup(ConsumerGroupRecord { group: Arc::from("g"), entry })
    });
    assert_eq!(rig.flight[0].1, records);
}

#[test]
fn an_answer_waits_for_its_records_and_others_see_the_group_then() {
    let mut rig = Rig::new();
    let request = rig.next_request();
    let heartbeat = ConsumerGroupHeartbeat { request, ..join("a", &["t"]) };
    rig.step(Input::ConsumerGroupHeartbeat(heartbeat.clone()));
    // A refusal, and an answer that needs no records, wait too for what they rest on.
    for epoch in [7, 0] {
        let request = rig.next_request();
        let later = ConsumerGroupHeartbeat { request, epoch, ..heartbeat.clone() };
        assert_eq!(rig.step(Input::ConsumerGroupHeartbeat(later)), []);
    }
    assert_eq!((rig.describe(), rig.list()), ("none".into(), vec![]));
    let outputs = rig.append_next();
    let lines = outputs.iter().map(|output| match output {
        Output::Reply { reply, .. } => line(reply, &rig.topics),
        other => panic!("there is nothing to do but to answer: {other:?}"),
    });
    let lines: Vec<String> = lines.collect();
    assert_eq!(lines, ["1: t0 t1 t2", "FENCED_MEMBER_EPOCH", "1: t0 t1 t2"]);
    assert_eq!(rig.describe(), "Stable 1/1, a@1[t0 t1 t2]");
}

#[test]
fn a_member_that_stays_is_told_nothing_and_nothing_is_stored() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    let stored = rig.log.len();
    assert_eq!(rig.beat(alive("a", 1)), "1");
    assert_eq!(rig.beat(owning("a", 1, "t0 t1 t2")), "1");
    assert_eq!(rig.log.len(), stored);
}

#[test]
fn a_member_that_says_everything_is_told_everything() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    let full = ConsumerGroupHeartbeat { epoch: 1, ..join("a", &["t"]) };
    assert_eq!(rig.beat(full), "1: t0 t1 t2");
}

#[test]
fn a_member_leaves_with_epoch_minus_one_and_its_partitions_are_free_at_once() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    assert_eq!(rig.beat(leave("a")), "-1");
    assert_eq!(rig.describe(), "Empty 2/1");
    assert_eq!(rig.beat(join("b", &["t"])), "3: t0 t1 t2");
    assert_eq!(rig.beat(leave("a")), "UNKNOWN_MEMBER_ID");
}

#[test]
fn whoever_is_no_member_has_to_join() {
    let mut rig = Rig::new();
    for epoch in [1, -1] {
        assert_eq!(rig.beat(alive("a", epoch)), "GROUP_ID_NOT_FOUND");
    }
    rig.beat(join("a", &["t"]));
    for epoch in [1, -1] {
        assert_eq!(rig.beat(alive("b", epoch)), "UNKNOWN_MEMBER_ID");
    }
    assert_eq!(rig.describe(), "Stable 1/1, a@1[t0 t1 t2]");
}

#[test]
fn an_epoch_ahead_or_far_behind_is_fenced() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    for topics in [&["u"][..], &["t"]] {
        let epoch = rig.beat(ConsumerGroupHeartbeat { epoch: 0, ..join("a", topics) });
        assert_eq!(&epoch[1..2], ":");
    }
    assert_eq!(rig.describe(), "Stable 3/3, a@3[t0 t1 t2]");
    for epoch in [1, 2, 4] {
        assert_eq!(rig.beat(alive("a", epoch)), "FENCED_MEMBER_EPOCH", "{epoch}");
    }
    assert_eq!(rig.beat(alive("a", 3)), "3");
}

#[test]
fn a_member_that_missed_an_answer_names_the_epoch_before_and_is_told_again() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.beat(join("b", &["t"]));
    assert_eq!(rig.beat(alive("a", 1)), "1: t0 t1");
    assert_eq!(rig.beat(owning("a", 1, "t0 t1")), "2");
    // It never got that answer.
    assert_eq!(rig.beat(alive("a", 1)), "FENCED_MEMBER_EPOCH");
    assert_eq!(rig.beat(owning("a", 1, "t0 t2")), "FENCED_MEMBER_EPOCH");
    assert_eq!(rig.beat(owning("a", 1, "t0")), "2: t0 t1");
    assert_eq!(rig.beat(owning("a", 0, "t0")), "INVALID_REQUEST");
}

#[test]
fn a_member_may_join_again_at_any_time() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.beat(join("b", &["t"]));
    assert_eq!(rig.beat(alive("a", 1)), "1: t0 t1");
    // It has lost all, and so has given up what it had to.
    assert_eq!(rig.beat(join("a", &["t"])), "2: t0 t1");
    assert_eq!(rig.beat(alive("b", 2)), "2: t2");
    assert_eq!(rig.describe(), "Stable 2/2, a@2[t0 t1], b@2[t2]");
}

#[test]
fn a_full_group_takes_nobody_new() {
    let consumer = ConsumerGroupConfig { members_max: 1, ..ConsumerGroupConfig::default() };
    let mut rig = Rig::with(GroupConfig { consumer, ..GroupConfig::default() });
    rig.beat(join("a", &["t"]));
    assert_eq!(rig.beat(join("b", &["t"])), "GROUP_MAX_SIZE_REACHED");
    assert_eq!(rig.beat(join("a", &["t"])), "1: t0 t1 t2");
}

#[test]
fn so_many_requests_wait_and_no_more() {
    let consumer =
        ConsumerGroupConfig { requests_pending_max: 1, ..ConsumerGroupConfig::default() };
    let mut rig = Rig::with(GroupConfig { consumer, ..GroupConfig::default() });
    let request = rig.next_request();
    let heartbeat = ConsumerGroupHeartbeat { request, ..join("a", &["t"]) };
    rig.step(Input::ConsumerGroupHeartbeat(heartbeat));
    assert_eq!(rig.beat(join("b", &["t"])), "COORDINATOR_LOAD_IN_PROGRESS");
    assert_eq!(rig.describe(), "Stable 1/1, a@1[t0 t1 t2]");
}

#[test]
fn another_subscription_is_another_epoch() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    let other = ConsumerGroupHeartbeat { topic_names: Some(names(&["u"])), ..alive("a", 1) };
    assert_eq!(rig.beat(other.clone()), "1:");
    assert_eq!(rig.describe(), "Reconciling 2/2, a@1[]");
    assert_eq!(rig.beat(owning("a", 1, "")), "2: u0 u1");
    let same = ConsumerGroupHeartbeat { epoch: 2, ..other };
    assert_eq!(rig.beat(same), "2");
}

#[test]
fn another_client_is_noted_without_another_epoch() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    let stored = rig.log.len();
    let moved = ConsumerGroupHeartbeat { client_host: Arc::from("/other"), ..alive("a", 1) };
    assert_eq!(rig.beat(moved), "1");
    assert_eq!(rig.log.len(), stored + 1);
    assert_eq!(rig.describe(), "Stable 1/1, a@1[t0 t1 t2]");
}

#[test]
fn a_heartbeat_that_contradicts_itself_is_refused() {
    let mut rig = Rig::new();
    let joins = || join("a", &["t"]);
    let long = "x".repeat(40_000);
    for (rule, heartbeat) in [
        ("group", ConsumerGroupHeartbeat { group: String::new(), ..joins() }),
        ("long group", ConsumerGroupHeartbeat { group: long.clone(), ..joins() }),
        ("member", join("", &["t"])),
        ("long member", join(&long, &["t"])),
        ("instance", named("", joins())),
        ("rack", ConsumerGroupHeartbeat { rack_id: Some(Arc::from("")), ..joins() }),
        ("epoch", alive("a", -3)),
        ("dynamic leaves for a while", alive("a", -2)),
        ("rebalance timeout", ConsumerGroupHeartbeat { rebalance_timeout: None, ..joins() }),
        ("topics", ConsumerGroupHeartbeat { topic_names: None, ..joins() }),
        ("owned", ConsumerGroupHeartbeat { owned: None, ..joins() }),
        ("owns nothing", ConsumerGroupHeartbeat { owned: Some(set("t0")), ..joins() }),
        ("long expression", join_matching("a", &long)),
    ] {
        assert_eq!(rig.beat(heartbeat), "INVALID_REQUEST", "{rule}");
    }
    assert_eq!((rig.groups.count(), rig.log.len()), (0, 0));
}

#[test]
fn an_assignor_that_may_not_be_used_is_refused() {
    let assignor = |name: &str, join| ConsumerGroupHeartbeat {
        server_assignor: Some(Arc::from(name)),
        ..join
    };
    let assignors = vec![Assignor::Range];
    let consumer = ConsumerGroupConfig { assignors, ..ConsumerGroupConfig::default() };
    let mut rig = Rig::with(GroupConfig { consumer, ..GroupConfig::default() });
    for name in ["uniform", "sticky", ""] {
        assert_eq!(rig.beat(assignor(name, join("a", &["t"]))), "UNSUPPORTED_ASSIGNOR");
    }
    assert_eq!(rig.beat(assignor("range", join("a", &["t"]))), "1: t0 t1 t2");
    assert_eq!(rig.groups.describe_consumer_group("g").unwrap().assignor, "range");
}

#[test]
fn most_members_choose_the_assignor_and_nobody_the_first() {
    let mut rig = Rig::new();
    rig.set_topics(2, &[("t", 3), ("v", 3)]);
    let with = |name: Option<&str>, member| ConsumerGroupHeartbeat {
        server_assignor: name.map(Arc::from),
        ..join(member, &["t", "v"])
    };
    let assignor = |rig: &Rig| rig.groups.describe_consumer_group("g").unwrap().assignor;
    rig.beat(with(None, "a"));
    assert_eq!(assignor(&rig), "uniform");
    rig.beat(with(Some("range"), "b"));
    assert_eq!(assignor(&rig), "range");
    // Range gives both topics alike, and so four partitions to one and two to the other.
    let targets = |rig: &Rig| {
        let members = rig.groups.describe_consumer_group("g").unwrap().members.into_iter();
        members.map(|member| member.target.len()).collect::<Vec<_>>()
    };
    assert_eq!(targets(&rig), [4, 2]);
    rig.beat(with(Some("uniform"), "c"));
    assert_eq!(assignor(&rig), "uniform");
    assert_eq!(targets(&rig), [2, 2, 2]);
}
