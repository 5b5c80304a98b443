//! The strategies against plain oracles: what Kafka's documentation deals out by hand, and on small
//! groups the best of all assignments there are.

use proptest::prelude::*;

use super::*;
use crate::group::rig::{set, topics};

fn member(id: &str, names: &[&str]) -> GroupMember {
    GroupMember {
        id: id.to_owned(),
        topics: topics(names),
        generation: -1,
        ..GroupMember::default()
    }
}

fn owning(id: &str, names: &[&str], generation: i32, numbers: &[i32]) -> GroupMember {
    GroupMember { generation, owned: set("a", numbers), ..member(id, names) }
}

fn partitions(counts: &[(&str, i32)]) -> Partitions {
    counts.iter().map(|(topic, count)| (Arc::from(*topic), (0..*count).collect())).collect()
}

/// Compares what each member gets, written as `a0 a1 b0`.
#[track_caller]
fn check(
    assignor: Assignor,
    members: &[GroupMember],
    counts: &[(&str, i32)],
    expected: &[(&str, &str)],
) {
    let assignment = assignor.assign(members, &partitions(counts));
    let text = |given: &BTreeSet<TopicPartition>| {
        let names: Vec<String> =
            given.iter().map(|at| format!("{}{}", at.topic, at.partition)).collect();
        names.join(" ")
    };
    let found: Vec<(&str, String)> =
        assignment.iter().map(|(id, given)| (id.as_str(), text(given))).collect();
    let expected: Vec<(&str, String)> =
        expected.iter().map(|(id, text)| (*id, (*text).to_owned())).collect();
    assert_eq!(found, expected);
}

#[test]
fn names_are_those_of_kafka() {
    for (assignor, name) in [
        (Assignor::Range, "range"),
        (Assignor::RoundRobin, "roundrobin"),
        (Assignor::Sticky, "sticky"),
        (Assignor::CooperativeSticky, "cooperative-sticky"),
    ] {
        assert_eq!((assignor.name(), Assignor::named(name)), (name, Some(assignor)));
        assert_eq!(assignor.is_cooperative(), name == "cooperative-sticky");
    }
    assert_eq!(Assignor::named("uniform"), None);
}

/// The example of Kafka's RangeAssignor.
#[test]
fn range_cuts_each_topic_at_the_same_places() {
    let members = [member("c0", &["a", "b"]), member("c1", &["a", "b"])];
    let expected = [("c0", "a0 a1 b0 b1"), ("c1", "a2 b2")];
    check(Assignor::Range, &members, &[("a", 3), ("b", 3)], &expected);
    // More members than partitions, and one that wants only one of the topics.
    let members = [member("c0", &["b"]), member("c1", &["a", "b"]), member("c2", &["a", "b"])];
    let expected = [("c0", "b0"), ("c1", "a0"), ("c2", "")];
    check(Assignor::Range, &members, &[("a", 1), ("b", 1)], &expected);
}

#[test]
fn range_and_round_robin_serve_static_members_by_their_instance_id_first() {
    let instance = |id: &str, instance_id: &str| GroupMember {
        instance_id: Some(instance_id.to_owned()),
        ..member(id, &["a"])
    };
    let members = [member("a", &["a"]), instance("z", "1"), instance("b", "2")];
    let expected = [("a", "a2"), ("b", "a1"), ("z", "a0")];
    for assignor in [Assignor::Range, Assignor::RoundRobin] {
        check(assignor, &members, &[("a", 3)], &expected);
    }
}

/// The examples of Kafka's RoundRobinAssignor.
#[test]
fn round_robin_deals_out_in_turn_and_skips_who_does_not_subscribe() {
    let members = [member("c0", &["a", "b"]), member("c1", &["a", "b"])];
    let expected = [("c0", "a0 a2 b1"), ("c1", "a1 b0 b2")];
    check(Assignor::RoundRobin, &members, &[("a", 3), ("b", 3)], &expected);
    let members = [member("c0", &["a"]), member("c1", &["a", "b"]), member("c2", &["a", "b", "c"])];
    let expected = [("c0", "a0"), ("c1", "b0"), ("c2", "b1 c0 c1 c2")];
    check(Assignor::RoundRobin, &members, &[("a", 1), ("b", 2), ("c", 3)], &expected);
}

#[test]
fn sticky_keeps_what_is_owned_and_moves_the_least() {
    let members =
        [owning("c0", &["a"], 3, &[0, 1, 2]), owning("c1", &["a"], 3, &[3]), member("c2", &["a"])];
    let expected = [("c0", "a0 a1"), ("c1", "a3 a5"), ("c2", "a2 a4")];
    check(Assignor::Sticky, &members, &[("a", 6)], &expected);
}

#[test]
fn of_two_claims_the_newer_generation_counts_and_of_equals_none() {
    let members = [owning("c0", &["a"], 2, &[0, 1]), owning("c1", &["a"], 3, &[0, 1])];
    let assignment = Assignor::Sticky.assign(&members, &partitions(&[("a", 4)]));
    assert_eq!(assignment["c1"], set("a", &[0, 1]));
    // Nobody keeps it, so it goes to the least loaded like any other.
    let members = [
        owning("c0", &["a"], 3, &[0, 1]),
        owning("c1", &["a"], 3, &[0]),
        owning("c2", &["a"], 2, &[0]),
    ];
    let expected = [("c0", "a1"), ("c1", "a0"), ("c2", "a2")];
    check(Assignor::Sticky, &members, &[("a", 3)], &expected);
}

#[test]
fn sticky_forgets_what_does_not_exist_or_is_not_wanted_any_more() {
    let members = [owning("c0", &["b"], 3, &[0, 1]), owning("c1", &["a"], 3, &[2, 9])];
    let expected = [("c0", "b0"), ("c1", "a0 a1 a2")];
    check(Assignor::Sticky, &members, &[("a", 3), ("b", 1)], &expected);
}

#[test]
fn sticky_moves_along_a_chain_where_subscriptions_differ() {
    // c2 can only help c0 by way of c1.
    let members = [
        owning("c0", &["a"], 1, &[0, 1, 2]),
        GroupMember { owned: set("b", &[0, 1]), generation: 1, ..member("c1", &["a", "b"]) },
        member("c2", &["b"]),
    ];
    let assignment = Assignor::Sticky.assign(&members, &partitions(&[("a", 3), ("b", 2)]));
    let loads: Vec<usize> = assignment.values().map(BTreeSet::len).collect();
    assert_eq!(loads.iter().map(|load| load * load).sum::<usize>(), 9, "{assignment:?}");
}

#[test]
fn cooperative_withholds_what_its_owner_has_not_given_up() {
    let members = [owning("c0", &["a"], 3, &[0, 1, 2, 3]), member("c1", &["a"])];
    let expected = [("c0", "a0 a1"), ("c1", "")];
    check(Assignor::CooperativeSticky, &members, &[("a", 4)], &expected);
    // When it has, the rest follows.
    let members = [owning("c0", &["a"], 4, &[0, 1]), member("c1", &["a"])];
    let expected = [("c0", "a0 a1"), ("c1", "a2 a3")];
    check(Assignor::CooperativeSticky, &members, &[("a", 4)], &expected);
    // Also a claim of an old generation is waited for.
    let members = [owning("c0", &["a"], 4, &[0]), owning("c1", &["a"], 2, &[0])];
    let expected = [("c0", ""), ("c1", "a1")];
    check(Assignor::CooperativeSticky, &members, &[("a", 2)], &expected);
}

#[test]
fn nobody_and_nothing_are_dealt_with() {
    for assignor in
        [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky]
    {
        check(assignor, &[], &[("a", 3)], &[]);
        check(assignor, &[member("c0", &["a"])], &[], &[("c0", "")]);
        check(assignor, &[member("c0", &["gone"])], &[("a", 3)], &[("c0", "")]);
    }
}

#[test]
fn a_thousand_members_and_ten_thousand_partitions_are_no_trouble() {
    let counts: Vec<(String, i32)> = (0..100).map(|n| (format!("t{n:02}"), 100)).collect();
    let counts: Vec<(&str, i32)> = counts.iter().map(|(n, c)| (n.as_str(), *c)).collect();
    let names: Vec<&str> = counts.iter().map(|(name, _)| *name).collect();
    let mut members: Vec<GroupMember> =
        (0..1000).map(|n| member(&format!("c{n:03}"), &names)).collect();
    let first = Assignor::Sticky.assign(&members, &partitions(&counts));
    for member in &mut members {
        member.owned.clone_from(&first[&member.id]);
        member.generation = 1;
    }
    members.truncate(900);
    let second = Assignor::Sticky.assign(&members, &partitions(&counts));
    for (id, given) in &second {
        assert!(first[id].is_subset(given));
        assert!((11..=12).contains(&given.len()));
    }
}

/// A small group: which topics exist, and who wants and owns what.
fn group() -> impl Strategy<Value = (Vec<GroupMember>, Vec<i32>, bool)> {
    let wants = prop::collection::vec(any::<bool>(), 2);
    let owns = prop::collection::btree_set((0..2_usize, 0..4_i32), 0..5);
    let members = prop::collection::vec((wants, owns, 0..3_i32), 1..4);
    (members, prop::collection::vec(0..4_i32, 2), any::<bool>()).prop_map(
        |(members, counts, is_equal)| {
            let names = ["a", "b"];
            let build = |(place, (wants, owns, generation)): (usize, (Vec<bool>, _, i32))| {
                let owns: BTreeSet<(usize, i32)> = owns;
                let wanted = (0..2).filter(|topic| is_equal || wants[*topic]);
                GroupMember {
                    id: format!("c{place}"),
                    instance_id: None,
                    topics: wanted.map(|topic| Arc::from(names[topic])).collect(),
                    owned: owns.iter().map(|(t, p)| TopicPartition::new(names[*t], *p)).collect(),
                    generation,
                }
            };
            (members.into_iter().enumerate().map(build).collect(), counts, is_equal)
        },
    )
}

/// Whose partition it validly is.
fn keeper<'m>(members: &'m [GroupMember], at: &TopicPartition) -> Option<&'m GroupMember> {
    let claims: Vec<&GroupMember> = members.iter().filter(|m| m.owned.contains(at)).collect();
    let newest = claims.iter().map(|member| member.generation).max()?;
    let mut newest = claims.into_iter().filter(|member| member.generation == newest);
    let keeper = newest.next().filter(|_| newest.next().is_none())?;
    keeper.topics.contains(&at.topic).then_some(keeper)
}

/// The lowest sum of squares of loads, and the fewest moves at which that can be had: all
/// assignments are tried.
fn best(members: &[GroupMember], all: &[TopicPartition]) -> (usize, usize) {
    let mut best = (usize::MAX, usize::MAX);
    let mut loads = vec![0; members.len()];
    try_all(members, all, &mut loads, 0, &mut best);
    best
}

fn try_all(
    members: &[GroupMember],
    rest: &[TopicPartition],
    loads: &mut [usize],
    moves: usize,
    best: &mut (usize, usize),
) {
    let Some((at, rest)) = rest.split_first() else {
        *best = (*best).min((loads.iter().map(|load| load * load).sum(), moves));
        return;
    };
    for place in 0..members.len() {
        if members[place].topics.contains(&at.topic) {
            let is_moved = keeper(members, at).is_some_and(|owner| owner.id != members[place].id);
            loads[place] += 1;
            try_all(members, rest, loads, moves + usize::from(is_moved), best);
            loads[place] -= 1;
        }
    }
}

proptest! {
    #[test]
    fn every_wanted_partition_goes_to_one_subscriber((members, counts, _) in group()) {
        let counts = [("a", counts[0]), ("b", counts[1])];
        for assignor in [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky] {
            let assignment = assignor.assign(&members, &partitions(&counts));
            prop_assert_eq!(assignment.len(), members.len());
            let mut all = BTreeSet::new();
            for member in &members {
                for at in &assignment[&member.id] {
                    prop_assert!(member.topics.contains(&at.topic));
                    prop_assert!(all.insert(at.clone()), "{at} is dealt out twice");
                }
            }
            for (topic, count) in counts {
                let is_wanted = members.iter().any(|member| member.topics.contains(topic));
                let dealt = all.iter().filter(|at| *at.topic == *topic).count();
                prop_assert_eq!(dealt, if is_wanted { count as usize } else { 0 });
            }
        }
    }

    #[test]
    fn sticky_is_as_even_as_can_be_and_moves_the_least((members, counts, is_equal) in group()) {
        let partitions = partitions(&[("a", counts[0]), ("b", counts[1])]);
        let assignment = Assignor::Sticky.assign(&members, &partitions);
        let all: Vec<TopicPartition> = assignment.values().flatten().cloned().collect();
        let squares = assignment.values().map(|given| given.len() * given.len()).sum::<usize>();
        let moved = |(id, given): (&String, &BTreeSet<TopicPartition>)| {
            let is_moved = |at: &&TopicPartition| {
                keeper(&members, at).is_some_and(|owner| owner.id != *id)
            };
            given.iter().filter(is_moved).count()
        };
        let moves = assignment.iter().map(moved).sum::<usize>();
        let (best_squares, best_moves) = best(&members, &all);
        prop_assert_eq!(squares, best_squares, "{:?}", assignment);
        if is_equal {
            prop_assert_eq!(moves, best_moves, "{:?}", assignment);
        }
        // Dealing out what is dealt out moves nothing.
        let settle = |member: &GroupMember| GroupMember {
            owned: assignment[&member.id].clone(),
            ..member.clone()
        };
        let settled: Vec<GroupMember> = members.iter().map(settle).collect();
        prop_assert_eq!(Assignor::Sticky.assign(&settled, &partitions), assignment.clone());
        prop_assert_eq!(Assignor::CooperativeSticky.assign(&settled, &partitions), assignment);
    }

    #[test]
    fn cooperative_gives_nobody_what_another_claims((members, counts, _) in group()) {
        let partitions = partitions(&[("a", counts[0]), ("b", counts[1])]);
        let sticky = Assignor::Sticky.assign(&members, &partitions);
        for (id, given) in Assignor::CooperativeSticky.assign(&members, &partitions) {
            let is_free = |at: &TopicPartition| {
                members.iter().all(|member| member.id == id || !member.owned.contains(at))
            };
            let expected: BTreeSet<TopicPartition> =
                sticky[&id].iter().filter(|at| is_free(at)).cloned().collect();
            prop_assert_eq!(given, expected);
        }
    }
}
