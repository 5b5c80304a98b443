//! Static members: they leave for a while, come back under another id, and have what they had.

use corelog_coordinator::consumer_group::ConsumerGroupHeartbeat;

use crate::rig::*;

/// A group with the static member `i` under the id `a`, and the dynamic member `b`.
fn two() -> Rig {
    let mut rig = Rig::new();
    rig.beat(named("i", join("a", &["t"])));
    rig.beat(join("b", &["t"]));
    rig.beat(owning("a", 1, "t0 t1 t2"));
    rig.beat(owning("a", 1, "t0 t1"));
    rig.beat(alive("b", 2));
    assert_eq!(rig.describe(), "Stable 2/2, a@2[t0 t1], b@2[t2]");
    rig
}

#[test]
fn a_static_member_leaves_for_a_while_and_nobody_gets_what_it_had() {
    let mut rig = two();
    assert_eq!(rig.beat(named("i", alive("a", -2))), "-2");
    assert_eq!(rig.describe(), "Reconciling 2/2, a@-2[t0 t1], b@2[t2]");
    assert_eq!(rig.beat(alive("b", 2)), "2");
    // Saying it twice is as good as once.
    let stored = rig.log.len();
    assert_eq!(rig.beat(named("i", alive("a", -2))), "-2");
    assert_eq!(rig.log.len(), stored);
}

#[test]
fn a_static_member_comes_back_under_another_id_to_what_it_had() {
    let mut rig = two();
    rig.beat(named("i", alive("a", -2)));
    assert_eq!(rig.beat(named("i", join("c", &["t"]))), "2: t0 t1");
    assert_eq!(rig.describe(), "Stable 2/2, b@2[t2], c@2[t0 t1]");
    assert_eq!(rig.beat(named("i", alive("a", 2))), "FENCED_INSTANCE_ID");
    assert_eq!(rig.beat(named("i", leave("a"))), "FENCED_INSTANCE_ID");
    assert_eq!(rig.beat(alive("a", 2)), "UNKNOWN_MEMBER_ID");
    assert_eq!(rig.reload().describe(), rig.describe());
}

#[test]
fn a_static_member_comes_back_under_its_own_id() {
    let mut rig = two();
    rig.beat(named("i", alive("a", -2)));
    // It has to join to be one again.
    assert_eq!(rig.beat(named("i", alive("a", 2))), "FENCED_MEMBER_EPOCH");
    assert_eq!(rig.beat(named("i", join("a", &["t"]))), "2: t0 t1");
    assert_eq!(rig.describe(), "Stable 2/2, a@2[t0 t1], b@2[t2]");
}

#[test]
fn a_static_member_that_comes_back_wanting_something_else_begins_an_epoch() {
    let mut rig = two();
    rig.beat(named("i", alive("a", -2)));
    assert_eq!(rig.beat(named("i", join("c", &["u"]))), "3: u0 u1");
    assert_eq!(rig.beat(alive("b", 2)), "3: t0 t1 t2");
}

#[test]
fn a_name_in_use_is_not_released() {
    let mut rig = two();
    let stored = rig.log.len();
    assert_eq!(rig.beat(named("i", join("c", &["t"]))), "UNRELEASED_INSTANCE_ID");
    assert_eq!(rig.beat(named("i", alive("b", 2))), "FENCED_INSTANCE_ID");
    assert_eq!(rig.beat(named("j", alive("b", 2))), "UNKNOWN_MEMBER_ID");
    assert_eq!(rig.beat(named("j", alive("b", -2))), "UNKNOWN_MEMBER_ID");
    assert_eq!(rig.log.len(), stored);
}

#[test]
fn a_static_member_that_does_not_come_back_is_out_when_its_session_ends() {
    let mut rig = two();
    rig.clock = 10;
    rig.beat(named("i", alive("a", -2)));
    rig.beat(alive("b", 2));
    rig.tick(9 + SESSION);
    assert_eq!(rig.beat(alive("b", 2)), "2");
    rig.tick(10 + SESSION);
    assert_eq!(rig.beat(alive("b", 2)), "3: t0 t1 t2");
    assert_eq!(rig.beat(named("i", join("c", &["t"]))), "4:");
}

#[test]
fn what_a_static_member_was_to_give_up_it_gives_up_by_leaving() {
    let mut rig = Rig::new();
    rig.beat(named("i", join("a", &["t"])));
    rig.beat(join("b", &["t"]));
    assert_eq!(rig.beat(alive("a", 1)), "1: t0 t1");
    assert_eq!(rig.beat(alive("b", 2)), "2");
    rig.beat(named("i", alive("a", -2)));
    assert_eq!(rig.beat(alive("b", 2)), "2: t2");
    assert_eq!(rig.beat(named("i", join("c", &["t"]))), "2: t0 t1");
}

#[test]
fn a_static_member_leaves_for_good() {
    let mut rig = two();
    assert_eq!(rig.beat(named("i", leave("a"))), "-1");
    assert_eq!(rig.beat(alive("b", 2)), "3: t0 t1 t2");
    assert_eq!(rig.beat(named("i", leave("a"))), "UNKNOWN_MEMBER_ID");
}

#[test]
fn a_member_takes_over_the_place_of_a_static_one_and_leaves_its_own() {
    let mut rig = two();
    rig.beat(named("i", alive("a", -2)));
    let takes_over = ConsumerGroupHeartbeat { ..named("i", join("b", &["t"])) };
    assert_eq!(rig.beat(takes_over), "3: t0 t1 t2");
    assert_eq!(rig.describe(), "Stable 3/3, b@3[t0 t1 t2]");
}
