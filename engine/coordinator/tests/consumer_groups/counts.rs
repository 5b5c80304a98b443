//! What is counted for operators about groups.

use corelog_coordinator::group_state::GroupState;
use corelog_coordinator::groups::{GroupCounts, GroupKind, GroupTally};

use crate::rig::*;

#[test]
fn each_new_epoch_is_a_rebalance_and_no_heartbeat_is() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    assert_eq!(rig.groups.take_counts(), GroupCounts { rebalances: 1, ..Default::default() });
    rig.beat(alive("a", 1));
    assert_eq!(rig.groups.take_counts(), GroupCounts::default());
    rig.beat(join("b", &["t"]));
    assert_eq!(rig.groups.take_counts().rebalances, 1);
}

#[test]
fn groups_are_counted_by_kind_and_state() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    let mut tally = GroupTally::new();
    rig.groups.tally(&mut tally);
    assert_eq!(tally, [((GroupKind::Consumer, GroupState::Stable), 1)].into());
    // Those of another coordinator are added.
    rig.groups.tally(&mut tally);
    assert_eq!(tally.into_values().sum::<u64>(), 2);
}
