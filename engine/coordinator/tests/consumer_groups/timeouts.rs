//! Members that are silent, or slow to give up, are out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use corelog_coordinator::{GroupTuning, Input, Reply};

use crate::rig::*;

#[test]
fn a_silent_member_is_out_after_its_session() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.clock = 10;
    rig.beat(alive("a", 1));
    assert_eq!(rig.groups.next_wakeup(), Some(Duration::from_secs(10 + SESSION)));
    rig.tick(9 + SESSION);
    assert_eq!(rig.describe(), "Stable 1/1, a@1[t0 t1 t2]");
    rig.tick(10 + SESSION);
    assert_eq!(rig.describe(), "Empty 2/1");
    assert_eq!(rig.beat(alive("a", 1)), "UNKNOWN_MEMBER_ID");
}

#[test]
fn a_refused_heartbeat_is_no_sign_of_life() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.clock = 10;
    assert_eq!(rig.beat(alive("a", 9)), "FENCED_MEMBER_EPOCH");
    rig.tick(SESSION);
    assert_eq!(rig.describe(), "Empty 2/1");
}

#[test]
fn a_member_that_does_not_give_up_is_out_after_its_rebalance_timeout() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.beat(join("b", &["t"]));
    rig.clock = 5;
    rig.beat(alive("a", 1));
    rig.beat(alive("b", 2));
    // Being alive is not enough.
    rig.clock = 15;
    rig.beat(alive("a", 1));
    rig.tick(4 + REBALANCE);
    assert_eq!(rig.describe(), "Reconciling 2/2, a@1[t0 t1], b@2[]");
    rig.tick(5 + REBALANCE);
    assert_eq!(rig.describe(), "Assigning 3/2, b@2[]");
    assert_eq!(rig.beat(alive("a", 1)), "UNKNOWN_MEMBER_ID");
    assert_eq!(rig.beat(alive("b", 2)), "3: t0 t1 t2");
}

#[test]
fn a_member_that_gave_up_in_time_has_its_session_only() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.beat(join("b", &["t"]));
    rig.beat(alive("a", 1));
    rig.clock = REBALANCE - 1;
    rig.beat(owning("a", 1, "t0 t1"));
    rig.beat(alive("b", 2));
    rig.tick(REBALANCE);
    assert_eq!(rig.describe(), "Stable 2/2, a@2[t0 t1], b@2[t2]");
}

#[test]
fn sessions_and_timeouts_begin_anew_when_a_group_is_loaded() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.beat(join("b", &["t"]));
    rig.beat(alive("a", 1));
    let mut rig = rig.reload();
    rig.tick(REBALANCE - 1);
    assert_eq!(rig.describe(), "Reconciling 2/2, a@1[t0 t1], b@2[]");
    rig.tick(REBALANCE);
    assert_eq!(rig.describe(), "Assigning 3/2, b@2[]");
    rig.tick(SESSION);
    assert_eq!(rig.describe(), "Empty 4/2");
}

#[test]
fn a_group_with_timeouts_of_its_own_has_them_from_the_next_heartbeat_on() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    let (heartbeat, session) = (Duration::from_secs(7), Duration::from_secs(50));
    let tuning = GroupTuning {
        heartbeat_interval: Some(heartbeat),
        session_timeout: Some(session),
        ..GroupTuning::default()
    };
    let of_group = |group: &str| Arc::new(BTreeMap::from([(group.to_owned(), tuning)]));
    assert_eq!(rig.step(Input::Tunings(of_group("g"))), []);
    assert_eq!(rig.groups.next_wakeup(), Some(Duration::from_secs(SESSION)));
    let request = rig.next_request();
    let beat =
        corelog_coordinator::consumer_group::ConsumerGroupHeartbeat { request, ..alive("a", 1) };
    let Reply::ConsumerGroupHeartbeat(Ok(reply)) =
        rig.ask(request, Input::ConsumerGroupHeartbeat(beat))
    else {
        panic!("the member is in the group")
    };
    assert_eq!(reply.heartbeat_interval, heartbeat);
    assert_eq!(rig.groups.next_wakeup(), Some(session));
    rig.step(Input::Tunings(of_group("another")));
    rig.beat(alive("a", 1));
    assert_eq!(rig.groups.next_wakeup(), Some(Duration::from_secs(SESSION)));
}
