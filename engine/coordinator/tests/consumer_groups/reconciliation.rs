//! How members get to their targets: a partition is given up before another member gets it.

use crate::rig::*;

#[test]
fn a_partition_is_given_up_before_another_member_gets_it() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    assert_eq!(rig.beat(join("b", &["t"])), "2:");
    assert_eq!(rig.beat(alive("b", 2)), "2");
    // The member is told to give up, and stays at its epoch until it has.
    assert_eq!(rig.beat(alive("a", 1)), "1: t0 t1");
    assert_eq!(rig.describe(), "Reconciling 2/2, a@1[t0 t1], b@2[]");
    assert_eq!(rig.beat(alive("a", 1)), "1");
    assert_eq!(rig.beat(owning("a", 1, "t0 t1 t2")), "1");
    assert_eq!(rig.beat(alive("b", 2)), "2");
    assert_eq!(rig.beat(owning("a", 1, "t0 t1")), "2");
    assert_eq!(rig.beat(alive("b", 2)), "2: t2");
    assert_eq!(rig.describe(), "Stable 2/2, a@2[t0 t1], b@2[t2]");
}

#[test]
fn a_partition_of_a_member_that_is_gone_needs_no_giving_up() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.beat(join("b", &["t"]));
    rig.beat(alive("a", 1));
    rig.beat(leave("a"));
    assert_eq!(rig.beat(alive("b", 2)), "3: t0 t1 t2");
    assert_eq!(rig.describe(), "Stable 3/3, b@3[t0 t1 t2]");
}

#[test]
fn a_newer_target_overtakes_one_that_is_not_reached() {
    let mut rig = Rig::new();
    rig.set_topics(2, &[("t", 4)]);
    rig.beat(join("a", &["t"]));
    rig.beat(join("b", &["t"]));
    assert_eq!(rig.beat(alive("a", 1)), "1: t0 t1");
    rig.beat(join("c", &["t"]));
    rig.beat(join("d", &["t"]));
    // What it was told to give up it has to give up, and then at once what the newest target takes.
    assert_eq!(rig.beat(alive("a", 1)), "1");
    assert_eq!(rig.beat(owning("a", 1, "t0 t1")), "1: t0");
    assert_eq!(rig.beat(owning("a", 1, "t0")), "4");
    for member in ["b", "c", "d"] {
        let epoch = if member == "b" {
            2
        } else if member == "c" {
            3
        } else {
            4
        };
        assert_eq!(&rig.beat(alive(member, epoch))[..4], "4: t");
    }
    assert!(rig.describe().starts_with("Stable 4/4, "), "{}", rig.describe());
}

#[test]
fn a_member_that_goes_away_gives_its_part_back_and_others_keep_theirs() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.beat(join("b", &["t"]));
    rig.beat(owning("a", 1, "t0 t1 t2"));
    rig.beat(owning("a", 1, "t0 t1"));
    rig.beat(alive("b", 2));
    rig.beat(leave("b"));
    // Nothing is taken from the member, and so it gets its new epoch and partitions at once.
    assert_eq!(rig.beat(alive("a", 2)), "3: t0 t1 t2");
}

#[test]
fn a_group_loads_half_way_and_goes_on() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.beat(join("b", &["t"]));
    rig.beat(alive("a", 1));
    let mut rig = rig.reload();
    assert_eq!(rig.describe(), "Reconciling 2/2, a@1[t0 t1], b@2[]");
    assert_eq!(rig.beat(alive("b", 2)), "2");
    assert_eq!(rig.beat(alive("a", 1)), "1");
    assert_eq!(rig.beat(owning("a", 1, "t0 t1")), "2");
    assert_eq!(rig.beat(alive("b", 2)), "2: t2");
}
