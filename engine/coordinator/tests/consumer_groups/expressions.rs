//! Members that want the topics whose names match a regular expression.

use std::sync::Arc;

use corelog_coordinator::consumer_group::ConsumerGroupHeartbeat;

use crate::rig::*;

fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.set_topics(2, &[("t", 1), ("tt", 1), ("u", 1)]);
    rig
}

fn matching(expression: &str, heartbeat: ConsumerGroupHeartbeat) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat { topic_regex: Some(Arc::from(expression)), ..heartbeat }
}

#[test]
fn a_member_gets_the_topics_whose_whole_names_match() {
    assert_eq!(rig().beat(join_matching("a", "t")), "1: t0");
    assert_eq!(rig().beat(join_matching("a", "[tu]")), "1: t0 u0");
    assert_eq!(rig().beat(join_matching("a", "x.*")), "1:");
    // Beside those that it names.
    assert_eq!(rig().beat(matching("u|v", join("a", &["t"]))), "1: t0 u0");
}

/// The same from a member that may see these topics only.
fn seeing(topics: &[&str], heartbeat: ConsumerGroupHeartbeat) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat { visible_topics: Some(Arc::new(names(topics))), ..heartbeat }
}

#[test]
fn an_expression_finds_only_topics_that_the_member_may_see() {
    assert_eq!(rig().beat(seeing(&["t", "x"], join_matching("a", "[tux]"))), "1: t0");
    assert_eq!(rig().beat(seeing(&[], join_matching("a", ".*"))), "1:");
    // What it may see later is found when topics are searched next.
    let mut rig = rig();
    rig.beat(seeing(&["t"], join_matching("a", "[tu]")));
    rig.clock = 10;
    rig.set_topics(3, &[("t", 1), ("tt", 1), ("u", 1)]);
    assert_eq!(rig.beat(seeing(&["t", "u"], alive("a", 1))), "2: t0 u0");
    rig.clock = 20;
    rig.set_topics(4, &[("t", 1), ("tt", 1), ("u", 1)]);
    assert_eq!(rig.beat(seeing(&["u"], alive("a", 2))), "2: u0");
}

#[test]
fn what_is_no_expression_is_refused() {
    let mut rig = rig();
    assert_eq!(rig.beat(join_matching("a", "[")), "INVALID_REGULAR_EXPRESSION");
    assert_eq!(rig.groups.count(), 0);
    rig.beat(join("a", &["t"]));
    assert_eq!(rig.beat(matching("(?<=a)b", alive("a", 1))), "INVALID_REGULAR_EXPRESSION");
    assert_eq!(rig.beat(alive("a", 1)), "1");
}

#[test]
fn a_new_topic_that_matches_is_found_after_a_pause() {
    let mut rig = rig();
    rig.beat(join_matching("a", "[tuv]"));
    rig.clock = 9;
    rig.set_topics(3, &[("t", 1), ("tt", 1), ("u", 1), ("v", 1)]);
    assert_eq!(rig.beat(alive("a", 1)), "1");
    rig.clock = 10;
    assert_eq!(rig.beat(alive("a", 1)), "2: t0 u0 v0");
    // Nothing has changed, and nothing is stored.
    let stored = rig.log.len();
    rig.clock = 30;
    rig.set_topics(4, &[("t", 1), ("u", 1), ("v", 1), ("w", 1)]);
    assert_eq!(rig.beat(alive("a", 2)), "2");
    assert_eq!(rig.log.len(), stored);
}

#[test]
fn a_topic_that_matched_grows_without_a_pause_and_goes() {
    let mut rig = rig();
    rig.beat(join_matching("a", "[tu]"));
    rig.set_topics(3, &[("t", 2), ("u", 1)]);
    assert_eq!(rig.beat(alive("a", 1)), "2: t0 t1 u0");
    rig.clock = 20;
    rig.set_topics(4, &[("u", 1)]);
    assert_eq!(rig.beat(alive("a", 2)), "2: u0");
    assert_eq!(rig.beat(owning("a", 2, "u0")), "3");
}

#[test]
fn another_expression_takes_the_place_of_the_last_and_an_empty_one_takes_it_back() {
    let mut rig = rig();
    rig.beat(join_matching("a", "t"));
    assert_eq!(rig.beat(matching("u", alive("a", 1))), "1:");
    assert_eq!(rig.beat(owning("a", 1, "")), "2: u0");
    assert_eq!(rig.beat(matching("", alive("a", 2))), "2:");
    assert_eq!(rig.beat(owning("a", 2, "")), "3");
}

#[test]
fn members_with_one_expression_share_its_topics_and_it_ends_with_the_last() {
    let mut rig = rig();
    rig.beat(join_matching("a", "[tu]"));
    rig.beat(join_matching("b", "[tu]"));
    rig.beat(alive("a", 1));
    rig.beat(owning("a", 1, "u0"));
    assert_eq!(rig.beat(alive("b", 2)), "2: t0");
    let kinds = |rig: &Rig, from: usize| {
        rig.log[from..].iter().filter(|record| record.encode_key()[..2] == [0, 16]).count()
    };
    assert_eq!(kinds(&rig, 0), 1);
    let stored = rig.log.len();
    rig.beat(leave("b"));
    assert_eq!(kinds(&rig, stored), 0);
    rig.beat(leave("a"));
    assert_eq!(kinds(&rig, stored), 1);
    let is_ended = |record: &corelog_coordinator::records::CoordinatorRecord| {
        record.encode_key()[..2] == [0, 16] && record.encode_value().is_none()
    };
    assert!(rig.log[stored..].iter().any(is_ended), "the expression is removed from the log");
}

#[test]
fn a_group_with_expressions_loads() {
    let mut rig = rig();
    rig.beat(join_matching("a", "[tu]"));
    let stored = rig.log.len();
    let mut rig = rig.reload();
    assert_eq!(rig.beat(alive("a", 1)), "1");
    assert_eq!(rig.log.len(), stored);
    rig.clock = 20;
    rig.set_topics(3, &[("t", 1), ("u", 1), ("v", 1)]);
    assert_eq!(rig.beat(alive("a", 1)), "1");
}
