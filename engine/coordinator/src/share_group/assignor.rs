//! The simple assignor: each partition of a topic has a reader, and each member that wants the
//! topic reads from it. With more members than partitions several read the same one. Loads differ
//! by one partition of each topic at most; within that members keep what they have.

use std::collections::{BTreeMap, BTreeSet};

use corelog_model::{PartitionId, PartitionIndex, TopicId};

use crate::consumer_group::{MemberId, Partitions};

/// The name in the Kafka protocol.
pub(super) const NAME: &str = "simple";

/// A member, the topics it wants and the partitions it has.
pub(super) type Wants = (BTreeSet<TopicId>, Partitions);

/// Assigns the partitions of topics to the members that want them.
pub(super) fn assign(
    wanted: &BTreeMap<MemberId, Wants>,
    partitions: &BTreeMap<TopicId, BTreeSet<PartitionIndex>>,
) -> BTreeMap<MemberId, Partitions> {
    let mut assignment: BTreeMap<MemberId, Partitions> =
        wanted.keys().map(|member| (member.clone(), Partitions::new())).collect();
    // Where a topic leaves off the next one begins, so that the first members do not get most.
    let mut turn = 0;
    for (topic, indexes) in partitions {
        let members = wanted.iter().filter(|(_, (topics, _))| topics.contains(topic));
        let mut members: Vec<(&MemberId, &Partitions)> =
            members.map(|(member, (_, has))| (member, has)).collect();
        let ids: Vec<PartitionId> =
            indexes.iter().map(|index| PartitionId::new(*topic, *index)).collect();
        if members.is_empty() || ids.is_empty() {
            continue;
        }
        let count = members.len();
        members.rotate_left(turn % count);
        turn += count.max(ids.len());
        let has = |member: usize, partition: usize| members[member].1.contains(&ids[partition]);
        let mut give = |member: usize, partition: usize| {
            assignment.entry(members[member].0.clone()).or_default().insert(ids[partition]);
        };
        if count <= ids.len() {
            for (partition, member) in spread(ids.len(), count, |one, to| has(to, one)) {
                give(member, partition);
            }
        } else {
            for (member, partition) in spread(count, ids.len(), has) {
                give(member, partition);
            }
        }
    }
    assignment
}

/// Puts each item into one place, so that places differ by one item at most. An item stays where it
/// is, as far as that place has room.
fn spread(
    items: usize,
    places: usize,
    is_at: impl Fn(usize, usize) -> bool,
) -> BTreeMap<usize, usize> {
    let (least, mut fuller) = (items / places, items % places);
    let mut counts = vec![0; places];
    let mut put = BTreeMap::new();
    // Those that may have one more are the ones that have it already, and then the first.
    for has_more in [false, true] {
        for (place, count) in counts.iter_mut().enumerate() {
            let more = usize::from(has_more && fuller > 0);
            let room = (least + more).saturating_sub(*count);
            let stay = (0..items).filter(|item| !put.contains_key(item) && is_at(*item, place));
            let stay: Vec<usize> = stay.take(room).collect();
            *count += stay.len();
            fuller -= usize::from(*count > least);
            put.extend(stay.into_iter().map(|item| (item, place)));
        }
    }
    let mut rest =
        (0..items).filter(|item| !put.contains_key(item)).collect::<Vec<_>>().into_iter();
    for has_more in [false, true] {
        for (place, count) in counts.iter_mut().enumerate() {
            let more = usize::from(has_more && fuller > 0 && *count == least);
            let room = (least + more).saturating_sub(*count);
            let come: Vec<usize> = rest.by_ref().take(room).collect();
            *count += come.len();
            fuller -= more.min(come.len());
            put.extend(come.into_iter().map(|item| (item, place)));
        }
    }
    put
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topic(id: u8) -> TopicId {
        TopicId::from_bytes([id; 16])
    }

    fn member(number: usize) -> MemberId {
        MemberId::from(format!("m{number:02}").as_str())
    }

    fn partitions(counts: &[i32]) -> BTreeMap<TopicId, BTreeSet<PartitionIndex>> {
        let topics = (0_u8..).zip(counts);
        topics.map(|(id, count)| (topic(id), (0..*count).map(PartitionIndex).collect())).collect()
    }

    /// Members that want these topics, and have what they were assigned before.
    fn wanting(
        topics: &[BTreeSet<u8>],
        before: &BTreeMap<MemberId, Partitions>,
    ) -> BTreeMap<MemberId, Wants> {
        let wants = topics.iter().enumerate().map(|(number, topics)| {
            let member = member(number);
            let has = before.get(&member).cloned().unwrap_or_default();
            (member, (topics.iter().map(|id| topic(*id)).collect(), has))
        });
        wants.collect()
    }

    /// How many partitions members have now and before.
    fn kept(
        before: &BTreeMap<MemberId, Partitions>,
        after: &BTreeMap<MemberId, Partitions>,
    ) -> usize {
        let both = before
            .iter()
            .map(|(member, had)| after.get(member).map_or(0, |has| has.intersection(had).count()));
        both.sum()
    }

    #[test]
    fn a_member_that_joins_takes_only_its_share() {
        let one = BTreeSet::from([0]);
        let before = assign(&wanting(&vec![one.clone(); 2], &BTreeMap::new()), &partitions(&[6]));
        let after = assign(&wanting(&vec![one; 3], &before), &partitions(&[6]));
        assert_eq!(kept(&before, &after), 4);
        assert!(after.values().all(|has| has.len() == 2));
    }

    #[test]
    fn where_members_share_partitions_they_stay_when_one_leaves() {
        let one = BTreeSet::from([0]);
        let mut before =
            assign(&wanting(&vec![one.clone(); 5], &BTreeMap::new()), &partitions(&[2]));
        before.remove(&member(0));
        let mut wants = wanting(&vec![one; 5], &before);
        wants.remove(&member(0));
        let after = assign(&wants, &partitions(&[2]));
        let loads = (0..2).map(|index| {
            let id = PartitionId::new(topic(0), PartitionIndex(index));
            after.values().filter(|has| has.contains(&id)).count()
        });
        assert_eq!(loads.collect::<Vec<_>>(), [2, 2]);
        assert!(kept(&before, &after) >= 3);
    }

    proptest! {
        #[test]
        fn each_partition_has_a_reader_loads_are_even_and_what_fits_stays(
            first in prop::collection::vec(prop::collection::btree_set(0..3_u8, 0..3), 1..12),
            then in prop::collection::vec(prop::collection::btree_set(0..3_u8, 0..3), 1..12),
            counts in prop::collection::vec(0..9_i32, 3),
        ) {
            let partitions = partitions(&counts);
            let before = assign(&wanting(&first, &BTreeMap::new()), &partitions);
            prop_assert_eq!(&assign(&wanting(&first, &before), &partitions), &before);
            let wanted = wanting(&then, &before);
            let assignment = assign(&wanted, &partitions);
            prop_assert_eq!(assignment.len(), wanted.len());
            for (id, indexes) in &partitions {
                let members: Vec<_> =
                    wanted.iter().filter(|(_, (topics, _))| topics.contains(id)).collect();
                let loads: Vec<usize> = members
                    .iter()
                    .map(|(member, _)| assignment[*member].iter().filter(|one| one.topic == *id))
                    .map(Iterator::count)
                    .collect();
                let most = loads.iter().max().copied().unwrap_or(0);
                let least = loads.iter().min().copied().unwrap_or(0);
                prop_assert!(most - least <= 1);
                prop_assert!(members.is_empty() || indexes.is_empty() || least > 0);
                for index in indexes {
                    let id = PartitionId::new(*id, *index);
                    let readers = assignment.values().filter(|one| one.contains(&id)).count();
                    prop_assert_eq!(readers == 0, members.is_empty());
                }
            }
            for (member, assigned) in &assignment {
                prop_assert!(assigned.iter().all(|one| wanted[member].0.contains(&one.topic)));
            }
        }
    }
}
