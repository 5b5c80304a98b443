//! Claims about both assignors, against plain oracles.

use std::collections::{BTreeMap, BTreeSet};

use corelog_model::{PartitionId, PartitionIndex, TopicId};
use proptest::prelude::*;

use super::super::{MemberId, Partitions};
use super::{Assignor, MemberSpec};

type Members = BTreeMap<MemberId, MemberSpec>;
type Counts = BTreeMap<TopicId, i32>;
/// Who owns which partition of a topic.
type Layout = Vec<(i32, MemberId)>;
type Assignment = BTreeMap<MemberId, Partitions>;

fn topic(number: u8) -> TopicId {
    TopicId::from_bytes([number; 16])
}

fn member(name: &str) -> MemberId {
    MemberId::from(name)
}

fn partition(number: u8, index: i32) -> PartitionId {
    PartitionId::new(topic(number), PartitionIndex(index))
}

fn counts(list: &[(u8, i32)]) -> Counts {
    list.iter().map(|(number, count)| (topic(*number), *count)).collect()
}

fn spec(topics: &[u8], owned: &[(u8, i32)]) -> MemberSpec {
    MemberSpec {
        topics: topics.iter().map(|number| topic(*number)).collect(),
        owned: owned.iter().map(|(number, index)| partition(*number, *index)).collect(),
    }
}

/// Checks an assignment: member, partitions as (topic, index).
#[track_caller]
fn check(
    assignor: Assignor,
    topics: &[(u8, i32)],
    members: &[(&str, MemberSpec)],
    expected: &[(&str, &[(u8, i32)])],
) {
    let members = members.iter().map(|(name, spec)| (member(name), spec.clone())).collect();
    let expected: Assignment =
        expected.iter().map(|(name, owned)| (member(name), spec(&[], owned).owned)).collect();
    assert_eq!(assignor.assign(&members, &counts(topics)), expected);
}

#[test]
fn names_are_those_of_kafka() {
    assert_eq!(Assignor::from_name("uniform"), Some(Assignor::Uniform));
    assert_eq!(Assignor::from_name("range"), Some(Assignor::Range));
    assert_eq!(Assignor::from_name("sticky"), None);
}

#[test]
fn uniform_moves_only_what_a_new_member_needs() {
    check(
        Assignor::Uniform,
        &[(1, 3), (2, 3)],
        &[
            ("a", spec(&[1, 2], &[(1, 0), (1, 1), (2, 0)])),
            ("b", spec(&[1, 2], &[(1, 2), (2, 1), (2, 2)])),
            ("c", spec(&[1, 2], &[])),
        ],
        &[("a", &[(1, 0), (2, 0)]), ("b", &[(2, 1), (2, 2)]), ("c", &[(1, 1), (1, 2)])],
    );
}

#[test]
fn uniform_makes_up_for_topics_that_few_may_own() {
    check(
        Assignor::Uniform,
        &[(1, 2), (2, 2)],
        &[("a", spec(&[1, 2], &[])), ("b", spec(&[2], &[]))],
        &[("a", &[(1, 0), (1, 1)]), ("b", &[(2, 0), (2, 1)])],
    );
}

#[test]
fn range_spreads_topics_of_equal_size_alike() {
    check(
        Assignor::Range,
        &[(1, 3), (2, 3)],
        &[("a", spec(&[1, 2], &[])), ("b", spec(&[1, 2], &[]))],
        &[("a", &[(1, 0), (1, 1), (2, 0), (2, 1)]), ("b", &[(1, 2), (2, 2)])],
    );
}

#[test]
fn range_lets_a_new_topic_follow_its_class() {
    check(
        Assignor::Range,
        &[(1, 2), (2, 2)],
        &[("a", spec(&[1, 2], &[(1, 1)])), ("b", spec(&[1, 2], &[(1, 0)]))],
        &[("a", &[(1, 1), (2, 1)]), ("b", &[(1, 0), (2, 0)])],
    );
}

#[test]
fn what_is_claimed_but_not_there_is_forgotten() {
    for assignor in Assignor::ALL {
        check(
            assignor,
            &[(1, 1)],
            &[
                // A partition beyond the topic, a topic not subscribed to, one that is gone.
                ("a", spec(&[1, 3], &[(1, 0), (1, 1), (2, 0), (3, 0)])),
                // A second claim.
                ("b", spec(&[1], &[(1, 0)])),
            ],
            &[("a", &[(1, 0)]), ("b", &[])],
        );
        assert_eq!(assignor.assign(&Members::new(), &counts(&[(1, 1)])), Assignment::new());
    }
}

/// Topics with their sizes, and members with subscriptions and claims, the latter partly wrong.
fn groups(is_equal: bool) -> impl Strategy<Value = (Members, Counts)> {
    let topics = prop::collection::btree_map(0_u8..6, 0_i32..9, 1..6);
    let subscription = prop::collection::btree_set(0_u8..7, 0..6);
    let claims = prop::collection::btree_set((0_u8..7, 0_i32..10), 0..20);
    let members = prop::collection::vec((subscription, claims), 1..8);
    (topics, members).prop_map(move |(topics, members)| {
        let shared = members[0].0.clone();
        let members = members.into_iter().enumerate().map(|(number, (topics, owned))| {
            let topics = if is_equal { &shared } else { &topics };
            let topics: Vec<u8> = topics.iter().copied().collect();
            let owned: Vec<(u8, i32)> = owned.into_iter().collect();
            (member(&format!("m{number}")), spec(&topics, &owned))
        });
        let topics: Vec<(u8, i32)> = topics.into_iter().collect();
        (members.collect(), counts(&topics))
    })
}

/// Who owned what before and may go on owning it.
fn valid_claims(members: &Members, counts: &Counts) -> BTreeMap<PartitionId, MemberId> {
    let mut owners = BTreeMap::new();
    for (member, spec) in members {
        for partition in &spec.owned {
            let count = counts.get(&partition.topic).copied().unwrap_or_default();
            if spec.topics.contains(&partition.topic) && partition.index.get() < count {
                owners.entry(*partition).or_insert_with(|| member.clone());
            }
        }
    }
    owners
}

fn moves(members: &Members, counts: &Counts, assignment: &Assignment) -> usize {
    let claims = valid_claims(members, counts);
    claims.iter().filter(|(partition, owner)| !assignment[*owner].contains(partition)).count()
}

/// The least moves that any assignment equal within one can have.
fn moves_min(members: &Members, counts: &Counts) -> usize {
    let claims = valid_claims(members, counts);
    let mut sizes: Vec<usize> = members
        .keys()
        .map(|member| claims.values().filter(|owner| *owner == member).count())
        .collect();
    sizes.sort_by_key(|size| std::cmp::Reverse(*size));
    let topics = &members.values().next().unwrap().topics;
    let total: i32 = topics.iter().filter_map(|topic| counts.get(topic)).sum();
    let (quota, extras) = (total as usize / sizes.len(), total as usize % sizes.len());
    let shares = (0..sizes.len()).map(|place| quota + usize::from(place < extras));
    sizes.iter().zip(shares).map(|(size, share)| size.saturating_sub(share)).sum()
}

fn after(members: &Members, assignment: &Assignment) -> Members {
    let mut members = members.clone();
    for (member, spec) in &mut members {
        spec.owned.clone_from(&assignment[member]);
    }
    members
}

fn assert_covers(members: &Members, counts: &Counts, assignment: &Assignment) {
    let mut left: BTreeSet<PartitionId> = BTreeSet::new();
    for (topic, count) in counts {
        if members.values().any(|spec| spec.topics.contains(topic)) {
            left.extend((0..*count).map(|index| PartitionId::new(*topic, PartitionIndex(index))));
        }
    }
    for (member, owned) in assignment {
        for partition in owned {
            assert!(left.remove(partition), "{partition} is given once and exists");
            assert!(members[member].topics.contains(&partition.topic), "{member} wants it");
        }
    }
    assert!(left.is_empty(), "{left:?} is left over");
    assert_eq!(assignment.len(), members.len(), "every member is in the assignment");
}

#[test]
fn nobody_gives_for_somebody_who_has_more() {
    let owns = |owned: &[(u8, i32)]| spec(&[1, 2], owned);
    let members: Members = [
        owns(&[(2, 0), (2, 1), (2, 2)]),
        owns(&[]),
        owns(&[]),
        owns(&[(1, 0), (1, 1)]),
        owns(&[]),
        owns(&[]),
    ]
    .into_iter()
    .enumerate()
    .map(|(number, spec)| (member(&format!("m{number}")), spec))
    .collect();
    let counts = counts(&[(1, 4), (2, 4)]);
    let assignment = Assignor::Uniform.assign(&members, &counts);
    assert_eq!(moves(&members, &counts, &assignment), 1);
}

proptest! {
    #[test]
    fn everything_is_given_once_to_a_subscriber((members, counts) in groups(false)) {
        for assignor in Assignor::ALL {
            let assignment = assignor.assign(&members, &counts);
            assert_covers(&members, &counts, &assignment);
            // The same again is the same, and the next time nothing moves.
            prop_assert_eq!(&assignor.assign(&members, &counts), &assignment);
            prop_assert_eq!(&assignor.assign(&after(&members, &assignment), &counts), &assignment);
        }
    }

    #[test]
    fn uniform_is_equal_within_one_and_moves_no_more_than_needed(
        (members, counts) in groups(true),
    ) {
        let assignment = Assignor::Uniform.assign(&members, &counts);
        let sizes = || assignment.values().map(BTreeSet::len);
        prop_assert!(sizes().max() <= sizes().min().map(|least| least + 1));
        prop_assert_eq!(
            moves(&members, &counts, &assignment),
            moves_min(&members, &counts)
        );
    }

    #[test]
    fn uniform_leaves_no_single_move_that_levels((members, counts) in groups(false)) {
        let assignment = Assignor::Uniform.assign(&members, &counts);
        for (giver, owned) in &assignment {
            for partition in owned {
                for (taker, spec) in &members {
                    if taker != giver && spec.topics.contains(&partition.topic) {
                        prop_assert!(
                            owned.len() < assignment[taker].len() + 2,
                            "{} should go from {} to {}", partition, giver, taker
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn range_spreads_each_topic_within_one_and_equal_topics_alike(
        (members, counts) in groups(false),
    ) {
        let assignment = Assignor::Range.assign(&members, &counts);
        let mut classes: BTreeMap<(i32, BTreeSet<MemberId>), Layout> =
            BTreeMap::new();
        for (topic, count) in &counts {
            let wants = |spec: &MemberSpec| spec.topics.contains(topic);
            let subscribers: BTreeSet<MemberId> = members
                .iter()
                .filter(|(_, spec)| wants(spec))
                .map(|(member, _)| member.clone())
                .collect();
            let mut layout: Layout = Vec::new();
            let mut sizes = Vec::new();
            for member in &subscribers {
                let owned = assignment[member].iter().filter(|partition| partition.topic == *topic);
                let indexes: Vec<i32> = owned.map(|partition| partition.index.get()).collect();
                sizes.push(indexes.len());
                layout.extend(indexes.into_iter().map(|index| (index, member.clone())));
            }
            prop_assert!(sizes.iter().max() <= sizes.iter().min().map(|least| least + 1).as_ref());
            layout.sort();
            let class = classes.entry((*count, subscribers)).or_insert_with(|| layout.clone());
            prop_assert_eq!(&*class, &layout);
        }
    }

    #[test]
    fn range_moves_no_more_of_a_single_topic_than_needed((members, counts) in groups(true)) {
        let only: Counts = counts.into_iter().take(1).collect();
        let assignment = Assignor::Range.assign(&members, &only);
        prop_assert_eq!(moves(&members, &only, &assignment), moves_min(&members, &only));
    }
}
