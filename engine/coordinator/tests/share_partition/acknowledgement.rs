//! What members say of the records that they have, and when it holds.

use corelog_coordinator::share_partition::WriteId;
use corelog_coordinator::share_states::DeliveryState::{Acknowledged, Archived, Available};
use corelog_model::ErrorCode;

use crate::rig::*;

#[test]
fn what_is_said_holds_once_it_is_stored() {
    let mut rig = Rig::new();
    rig.acquire("a", &[data(0, 4)]);
    let types = [Accept, Gap, Release, Reject, Accept];
    assert_eq!(rig.say("a", &[(0, 4, &types)]), Ok(Some(WriteId(1))));
    assert_eq!(rig.window(), (0, 5, 5));
    let write = rig.take();
    assert_eq!((write.start.0, write.complete_count), (2, 2));
    let batches =
        [stored(2, 2, Available, 1), stored(3, 3, Archived, 1), stored(4, 4, Acknowledged, 1)];
    assert_eq!(write.batches, batches);
    rig.partition.written(write.id);
    assert_eq!(rig.window(), (2, 5, 2));
    assert_eq!(rig.acquire("b", &[data(0, 4)]), [(2, 2, 2)]);
}

#[test]
fn one_write_is_on_its_way_at_a_time() {
    let mut rig = Rig::new();
    rig.acquire("a", &[data(0, 4)]);
    assert_eq!(rig.say("a", &[(1, 1, &[Accept])]), Ok(Some(WriteId(1))));
    let first = rig.take();
    assert_eq!(rig.say("a", &[(0, 0, &[Accept])]), Ok(Some(WriteId(2))));
    assert_eq!(rig.say("a", &[(2, 2, &[Accept])]), Ok(Some(WriteId(2))));
    assert!(rig.partition.take_write().is_none());
    rig.partition.written(first.id);
    assert_eq!(rig.window().0, 0);
    assert_eq!(rig.store(), (3, vec![]));
    assert_eq!(rig.window().0, 3);
}

#[test]
fn only_who_has_a_record_may_speak_of_it() {
    let mut rig = Rig::new();
    rig.acquire("a", &[data(0, 4)]);
    rig.acquire("b", &[data(5, 9)]);
    let refused = Err(ErrorCode::InvalidRecordState);
    assert_eq!(rig.say("b", &[(0, 4, &[Accept])]), refused);
    assert_eq!(rig.say("a", &[(0, 4, &[Accept]), (5, 5, &[Accept])]), refused);
    assert_eq!(rig.say("a", &[(4, 5, &[Renew])]), refused);
    assert!(rig.partition.take_write().is_none(), "nothing of it is done");
    rig.say("a", &[(0, 0, &[Release])]).unwrap();
    assert_eq!(rig.say("a", &[(0, 0, &[Accept])]), refused, "it is given back");
    rig.store();
    assert_eq!(rig.say("a", &[(0, 0, &[Accept])]), refused);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut rig = Rig::new();
    rig.acquire("a", &[data(0, 4)]);
    for batches in [
        &[(2, 1, &[Accept][..])][..],
        &[(0, 1, &[])],
        &[(0, 2, &[Accept, Accept])],
        &[(0, 5, &[Accept])],
        &[(-1, 0, &[Accept])],
        &[(0, i64::MAX, &[Accept])],
        &[(0, 2, &[Accept]), (2, 3, &[Accept])],
    ] {
        assert_eq!(rig.say("a", batches), Err(ErrorCode::InvalidRequest), "{batches:?}");
    }
}

#[test]
fn records_that_were_left_behind_are_left_out() {
    let mut rig = Rig::new();
    rig.acquire("a", &[data(0, 4)]);
    rig.say("a", &[(0, 1, &[Accept])]).unwrap();
    rig.store();
    assert_eq!(rig.say("a", &[(0, 1, &[Accept])]), Ok(None));
    assert_eq!(rig.say("a", &[(0, 2, &[Accept])]), Ok(Some(WriteId(2))));
    assert_eq!(rig.store(), (3, vec![]));
}

#[test]
fn a_member_may_ask_for_more_time() {
    let mut rig = Rig::new();
    rig.acquire("a", &[data(0, 4)]);
    rig.pass(20);
    assert_eq!(rig.say("a", &[(1, 2, &[Renew])]), Ok(None));
    rig.pass(10);
    let batches = vec![stored(0, 0, Available, 1), stored(3, 4, Available, 1)];
    assert_eq!(rig.store(), (0, batches));
    assert_eq!(rig.partition.next_wakeup(), Some(at(50)));
    assert_eq!(rig.say("a", &[(1, 2, &[Accept])]), Ok(Some(WriteId(2))));
}

#[test]
fn more_pieces_than_may_be_are_refused() {
    let mut rig = Rig::new();
    rig.acquire("a", &[data(0, 39_999)]);
    let types: Vec<_> = (0..40_000).map(|one| if one % 2 == 0 { Accept } else { Reject }).collect();
    assert_eq!(rig.say("a", &[(0, 39_999, &types)]), Err(ErrorCode::InvalidRequest));
    assert_eq!(rig.say("a", &[(0, 39_999, &[Accept])]), Ok(Some(WriteId(1))));
}
