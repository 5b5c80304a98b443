//! Topics that members want come, grow and go.

use std::sync::Arc;

use corelog_coordinator::Input;
use corelog_coordinator::consumer_group::Topics;
use corelog_coordinator::records::{ConsumerGroupRecord, CoordinatorRecord, Entry};
use corelog_model::TopicId;

use crate::rig::*;

#[test]
fn a_topic_that_grows_is_given_out() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.set_topics(2, &[("t", 4), ("u", 2)]);
    assert_eq!(rig.describe(), "Stable 1/1, a@1[t0 t1 t2]");
    assert_eq!(rig.beat(alive("a", 1)), "2: t0 t1 t2 t3");
}

#[test]
fn a_topic_may_come_after_those_who_want_it() {
    let mut rig = Rig::new();
    assert_eq!(rig.beat(join("a", &["v"])), "1:");
    rig.set_topics(2, &[("t", 3), ("v", 1)]);
    assert_eq!(rig.beat(alive("a", 1)), "2: v0");
}

#[test]
fn a_topic_that_is_gone_is_given_up() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t", "u"]));
    rig.set_topics(2, &[("u", 2)]);
    assert_eq!(rig.beat(alive("a", 1)), "1: u0 u1");
    assert_eq!(rig.beat(owning("a", 1, "u0 u1")), "2");
}

#[test]
fn a_topic_with_an_old_name_is_a_new_topic() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["u"]));
    let topics = Topics::new(2, [(TopicId::from_bytes([9; 16]), topic("u", 2))]);
    rig.topics = Arc::new(topics);
    rig.step(Input::Topics(Arc::clone(&rig.topics)));
    assert_eq!(rig.beat(alive("a", 1)), "1:");
    assert_eq!(rig.beat(owning("a", 1, "")), "2: u0 u1");
}

#[test]
fn topics_that_nobody_wants_change_nothing() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    let stored = rig.log.len();
    rig.set_topics(2, &[("t", 3), ("u", 7), ("v", 1)]);
    assert_eq!(rig.beat(alive("a", 1)), "1");
    assert_eq!(rig.log.len(), stored);
    // Nor does a coordinator that sees the topics for the first time.
    let mut rig = rig.reload();
    assert_eq!(rig.beat(alive("a", 1)), "1");
    assert_eq!(rig.log.len(), stored);
}

#[test]
fn topics_as_older_groups_stored_them_are_ended_with_the_next_epoch() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    let older = |value| {
        let entry = Entry::PartitionMetadata(value);
        CoordinatorRecord::ConsumerGroup(ConsumerGroupRecord { group: Arc::from("g"), entry })
    };
    rig.log.push(older(Some(Vec::new())));
    let mut rig = rig.reload();
    let stored = rig.log.len();
    rig.beat(join("b", &["t"]));
    assert_eq!(rig.log[stored..].iter().filter(|record| **record == older(None)).count(), 1);
    let stored = rig.log.len();
    rig.beat(join("c", &["t"]));
    assert!(!rig.log[stored..].contains(&older(None)), "it is ended once");
}
