//! What holds for every seed: no partition has two owners, and after the storm all of them have
//! one, evenly dealt out and without a rebalance going on.

use proptest::prelude::*;

use super::*;
use crate::group::rig::{metadata, set};

const ALL: [&[Assignor]; 5] = [
    &[Assignor::Range],
    &[Assignor::RoundRobin],
    &[Assignor::Sticky],
    &[Assignor::CooperativeSticky],
    &[Assignor::Range, Assignor::CooperativeSticky],
];

/// Every partition has one owner, and nothing moves any more.
#[track_caller]
fn check_settled(world: &mut World, partitions: &[(&str, i32)]) -> Vec<usize> {
    world.run(at(120));
    let (owned, generation) = (world.owned(), world.coordinator.epoch());
    world.run(at(60));
    assert_eq!(world.owned(), owned, "partitions still move");
    assert_eq!(world.coordinator.epoch(), generation, "the group still rebalances");
    let all: BTreeSet<TopicPartition> = owned.values().flatten().cloned().collect();
    let expected: BTreeSet<TopicPartition> = partitions
        .iter()
        .flat_map(|(topic, count)| set(topic, &(0..*count).collect::<Vec<i32>>()))
        .collect();
    if !owned.is_empty() {
        assert_eq!(all, expected);
    }
    owned.values().map(BTreeSet::len).collect()
}

fn is_even(counts: &[usize]) -> bool {
    counts.iter().max().unwrap_or(&0) - counts.iter().min().unwrap_or(&0) <= 1
}

/// Members come, go, crash, change their minds and stall, and every request may be lost.
fn storm(world: &mut World, configs: &[&[Assignor]], rounds: u64) {
    world.is_rough = true;
    for _ in 0..rounds {
        let pause = world.random.millis(15_000);
        world.run(pause);
        let present: Vec<usize> = world.owned().into_keys().collect();
        let place = present.get(world.random.below(present.len().max(1) as u64) as usize).copied();
        match (world.random.below(6), place) {
            (0, Some(place)) => world.close(place),
            (1, Some(place)) => world.crash(place),
            (2, Some(place)) => world.subscribe(place, &["a"]),
            (3, Some(place)) => world.subscribe(place, &["a", "b"]),
            (4, _) if present.len() < 6 => {
                let config = configs[world.random.below(configs.len() as u64) as usize];
                world.add(config, &["a", "b"]);
            }
            (5, _) => {
                let count = 3 + world.random.below(4) as i32;
                world.metadata = metadata(&[("a", 7), ("b", count)]);
            }
            _ => {}
        }
    }
    world.is_rough = false;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_partition_has_two_owners_and_after_a_storm_each_has_one(seed: u64) {
        for assignors in ALL {
            let mut world = World::new(Protocol::Classic, seed, metadata(&[("a", 7), ("b", 4)]));
            world.add(assignors, &["a", "b"]);
            world.add(assignors, &["a", "b"]);
            storm(&mut world, &[assignors], 25);
            for place in world.owned().into_keys() {
                world.subscribe(place, &["a", "b"]);
            }
            world.metadata = metadata(&[("a", 7), ("b", 5)]);
            let counts = check_settled(&mut world, &[("a", 7), ("b", 5)]);
            if assignors[0] != Assignor::Range {
                prop_assert!(is_even(&counts), "{counts:?}");
            }
        }
    }

    #[test]
    fn the_same_holds_where_the_coordinator_assigns(seed: u64) {
        let assignors = &[Assignor::Range];
        let mut world = World::new(Protocol::Consumer, seed, metadata(&[("a", 7), ("b", 4)]));
        world.add(assignors, &["a", "b"]);
        world.add(assignors, &["a", "b"]);
        storm(&mut world, &[assignors], 40);
        for place in world.owned().into_keys() {
            world.subscribe(place, &["a", "b"]);
        }
        world.metadata = metadata(&[("a", 7), ("b", 5)]);
        let counts = check_settled(&mut world, &[("a", 7), ("b", 5)]);
        prop_assert!(is_even(&counts), "{counts:?}");
    }

    /// The second half of KIP-429's upgrade: some members still speak range.
    #[test]
    fn a_group_on_its_way_to_cooperation_has_one_owner_for_each_partition(seed: u64) {
        let old: &[Assignor] = &[Assignor::CooperativeSticky, Assignor::Range];
        let new: &[Assignor] = &[Assignor::CooperativeSticky];
        let mut world = World::new(Protocol::Classic, seed, metadata(&[("a", 7), ("b", 4)]));
        world.add(old, &["a", "b"]);
        world.add(new, &["a", "b"]);
        storm(&mut world, &[old, new], 25);
        for place in world.owned().into_keys() {
            world.subscribe(place, &["a", "b"]);
        }
        world.metadata = metadata(&[("a", 7), ("b", 5)]);
        let counts = check_settled(&mut world, &[("a", 7), ("b", 5)]);
        prop_assert!(is_even(&counts), "{counts:?}");
    }

    #[test]
    fn a_cooperative_newcomer_takes_only_its_share(seed: u64, members in 1_usize..6) {
        let assignors = &[Assignor::CooperativeSticky];
        let mut world = World::new(Protocol::Classic, seed, metadata(&[("a", 20)]));
        for _ in 0..members {
            world.add(assignors, &["a"]);
        }
        check_settled(&mut world, &[("a", 20)]);
        let before = world.owned();
        for app in &mut world.apps {
            app.taken_over.clear();
        }
        let newcomer = world.add(assignors, &["a"]);
        let counts = check_settled(&mut world, &[("a", 20)]);
        prop_assert!(is_even(&counts), "{counts:?}");
        let after = world.owned();
        for (place, owned) in &before {
            prop_assert!(after[place].is_subset(owned));
            prop_assert!(world.apps[*place].taken_over.is_empty(), "others go on undisturbed");
        }
        prop_assert_eq!(after[&newcomer].len(), 20 / (members + 1));
        // It leaves, and only what it had moves.
        world.close(newcomer);
        check_settled(&mut world, &[("a", 20)]);
        prop_assert_eq!(world.apps[newcomer].left, 1);
        for (place, owned) in world.owned() {
            prop_assert!(after[&place].is_subset(&owned));
        }
    }

    #[test]
    fn an_eager_sticky_group_keeps_what_it_had(seed: u64, members in 2_usize..6) {
        let assignors = &[Assignor::Sticky];
        let mut world = World::new(Protocol::Classic, seed, metadata(&[("a", 20)]));
        for _ in 0..members {
            world.add(assignors, &["a"]);
        }
        check_settled(&mut world, &[("a", 20)]);
        let before = world.owned();
        world.crash(0);
        check_settled(&mut world, &[("a", 20)]);
        for (place, owned) in world.owned() {
            prop_assert!(before[&place].is_subset(&owned));
        }
    }
}
