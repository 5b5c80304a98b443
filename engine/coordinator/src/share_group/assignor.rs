//! The simple assignor: each partition of a topic has a reader, and each member that wants the
//! topic reads from it. With more members than partitions several read the same one. Loads differ
//! by one partition of each topic at most.

use std::collections::{BTreeMap, BTreeSet};

use corelog_model::{PartitionId, PartitionIndex, TopicId};

use crate::consumer_group::{MemberId, Partitions};

/// The name in the Kafka protocol.
pub(super) const NAME: &str = "simple";

/// Assigns the partitions of topics to the members that want them.
pub(super) fn assign(
    wanted: &BTreeMap<MemberId, BTreeSet<TopicId>>,
    partitions: &BTreeMap<TopicId, BTreeSet<PartitionIndex>>,
) -> BTreeMap<MemberId, Partitions> {
    let mut assignment: BTreeMap<MemberId, Partitions> =
        wanted.keys().map(|member| (member.clone(), Partitions::new())).collect();
    // Where a topic leaves off the next one begins, so that the first members do not get most.
    let mut turn = 0;
    for (topic, indexes) in partitions {
        let members = wanted.iter().filter(|(_, topics)| topics.contains(topic));
        let members: Vec<&MemberId> = members.map(|(member, _)| member).collect();
        let indexes: Vec<PartitionIndex> = indexes.iter().copied().collect();
        if members.is_empty() || indexes.is_empty() {
            continue;
        }
        let pairs = members.len().max(indexes.len());
        for number in 0..pairs {
            let member = members[(turn + number) % members.len()];
            let partition = PartitionId::new(*topic, indexes[number % indexes.len()]);
            assignment.entry(member.clone()).or_default().insert(partition);
        }
        turn += pairs;
    }
    assignment
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topic(id: u8) -> TopicId {
        TopicId::from_bytes([id; 16])
    }

    proptest! {
        #[test]
        fn each_partition_has_a_reader_and_loads_are_even(
            wanted in prop::collection::vec(prop::collection::btree_set(0..3_u8, 0..3), 1..12),
            counts in prop::collection::vec(0..9_i32, 3),
        ) {
            let wanted: BTreeMap<MemberId, BTreeSet<TopicId>> = wanted
                .iter()
                .enumerate()
                .map(|(number, topics)| {
                    let member = MemberId::from(format!("m{number:02}").as_str());
                    (member, topics.iter().map(|id| topic(*id)).collect())
                })
                .collect();
            let partitions: BTreeMap<TopicId, BTreeSet<PartitionIndex>> = (0..3_u8)
                .map(|id| (topic(id), (0..counts[usize::from(id)]).map(PartitionIndex).collect()))
                .collect();
            let assignment = assign(&wanted, &partitions);
            prop_assert_eq!(assignment.len(), wanted.len());
            for (id, indexes) in &partitions {
                let members: Vec<_> =
                    wanted.iter().filter(|(_, topics)| topics.contains(id)).collect();
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
                prop_assert!(assigned.iter().all(|one| wanted[member].contains(&one.topic)));
            }
        }
    }
}
