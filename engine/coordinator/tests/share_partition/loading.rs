//! A partition comes back as it was stored.

use corelog_coordinator::share_states::DeliveryState::{Acknowledged, Archived, Available};

use crate::rig::*;

#[test]
fn what_was_acquired_is_available_again() {
    let batches = [stored(3, 4, Acknowledged, 1), stored(7, 8, Available, 1)];
    let mut rig = Rig::from(0, &batches);
    assert_eq!(rig.window(), (0, 9, 0));
    assert_eq!(rig.acquire("a", &[data(0, 9)]), [(0, 2, 1), (5, 6, 1), (7, 8, 2), (9, 9, 1)]);
}

#[test]
fn what_is_done_with_is_left_behind() {
    let batches = [stored(0, 3, Acknowledged, 1), stored(4, 5, Archived, 2)];
    assert_eq!(Rig::from(0, &batches).window(), (6, 6, 6));
    assert_eq!(Rig::from(9, &batches).window(), (9, 9, 9));
    assert_eq!(Rig::from(2, &batches).window(), (6, 6, 6));
}

#[test]
fn a_new_partition_stores_where_it_begins() {
    assert_eq!(Rig::new().window(), (0, 0, 0));
}
