//! Who gets which records, and for how long.

use corelog_coordinator::share_partition::AcquireMode;
use corelog_coordinator::share_states::DeliveryState::{Archived, Available};

use crate::rig::*;

#[test]
fn whole_batches_are_given_out_once() {
    let mut rig = Rig::new();
    let batches = [data(0, 4), data(5, 9)];
    assert_eq!(rig.acquire_some("a", &batches, 3, AcquireMode::BatchOptimized), [(0, 4, 1)]);
    assert_eq!(rig.window(), (0, 5, 5));
    assert_eq!(rig.acquire("b", &batches), [(5, 9, 1)]);
    assert_eq!(rig.acquire("b", &batches), []);
    assert!(rig.partition.take_write().is_none(), "a lock is not stored");
}

#[test]
fn a_limit_of_records_divides_a_batch() {
    let mut rig = Rig::new();
    let take =
        |rig: &mut Rig, name| rig.acquire_some(name, &[data(0, 9)], 4, AcquireMode::RecordLimit);
    assert_eq!(take(&mut rig, "a"), [(0, 3, 1)]);
    assert_eq!(take(&mut rig, "b"), [(4, 7, 1)]);
    assert_eq!(take(&mut rig, "a"), [(8, 9, 1)]);
}

#[test]
fn a_full_window_gives_out_nothing_new() {
    let mut rig = Rig::new();
    let batches = [data(0, 9), data(10, 24), data(25, 29)];
    assert_eq!(rig.acquire("a", &batches), [(0, 24, 1)]);
    assert_eq!(rig.window(), (0, 25, -1));
    rig.say("a", &[(3, 3, &[Release])]).unwrap();
    assert_eq!(rig.acquire("b", &batches), [], "it is not stored yet");
    rig.store();
    assert_eq!(rig.window(), (0, 25, 3));
    // What comes back is given out, and what is new still is not.
    assert_eq!(rig.acquire("b", &batches), [(3, 3, 2)]);
    assert_eq!(rig.window(), (0, 25, -1));
}

#[test]
fn a_lock_ends_and_the_last_delivery_archives() {
    let mut rig = Rig::new();
    rig.acquire("a", &[data(0, 4)]);
    rig.pass(10);
    rig.acquire("b", &[data(5, 9)]);
    assert_eq!(rig.partition.next_wakeup(), Some(at(30)));
    rig.pass(20);
    assert_eq!(rig.partition.next_wakeup(), Some(at(40)));
    assert_eq!(rig.store(), (0, vec![stored(0, 4, Available, 1)]));
    assert_eq!(rig.acquire("b", &[data(0, 4)]), [(0, 4, 2)]);
    rig.pass(30);
    let batches = vec![stored(5, 9, Available, 1)];
    assert_eq!(rig.store(), (5, batches), "the first batch was delivered as often as may be");
    assert_eq!(rig.window(), (5, 10, 5));
}

#[test]
fn what_a_member_had_that_goes_away_was_not_delivered() {
    let mut rig = Rig::new();
    rig.acquire("a", &[data(0, 4)]);
    rig.acquire("b", &[data(5, 9)]);
    rig.partition.release(&member("a"));
    assert_eq!(rig.store(), (0, vec![stored(0, 4, Available, 0)]));
    assert_eq!(rig.acquire("c", &[data(0, 4)]), [(0, 4, 1)]);
}

#[test]
fn markers_aborted_records_and_gaps_are_passed_over() {
    let mut rig = Rig::new();
    assert_eq!(rig.acquire("a", &[hidden(0, 1), hidden(3, 3)]), []);
    assert_eq!(rig.window(), (4, 4, 4));
    assert_eq!(rig.acquire("a", &[data(4, 5), hidden(6, 6), data(9, 9)]), [(4, 5, 1), (9, 9, 1)]);
    assert_eq!(rig.window(), (4, 10, 10));
    rig.say("a", &[(4, 5, &[Accept])]).unwrap();
    assert_eq!(rig.store(), (9, vec![]));
    assert_eq!(rig.window(), (9, 10, 10));
}

#[test]
fn a_window_that_is_full_is_not_passed_over() {
    let mut rig = Rig::new();
    rig.acquire("a", &[data(0, 19)]);
    rig.say("a", &[(7, 7, &[Release])]).unwrap();
    rig.store();
    let batches = [data(0, 19), data(20, 29), hidden(30, 30), data(31, 35)];
    assert_eq!(rig.acquire("b", &batches), [(7, 7, 2)]);
    assert_eq!(rig.window(), (0, 20, -1));
}

#[test]
fn the_log_may_begin_later() {
    let mut rig = Rig::new();
    rig.acquire("a", &[data(0, 9)]);
    rig.partition.move_start(corelog_model::Offset(4));
    assert_eq!(rig.store(), (4, vec![]));
    rig.say("a", &[(0, 9, &[Reject])]).unwrap();
    assert_eq!(rig.store(), (10, vec![]));
    rig.partition.move_start(corelog_model::Offset(50));
    assert_eq!(rig.window(), (50, 50, 50));
    let loaded = Rig::from(0, &[stored(2, 3, Archived, 1)]);
    assert_eq!(loaded.window(), (0, 4, 0));
}
