//! The range assignor: topics with the same subscribers and the same number of partitions share one
//! layout, in which members keep what they had and take what is left in ranges.

use std::collections::BTreeMap;

use corelog_model::{PartitionId, PartitionIndex, TopicId};

use super::super::Partitions;
use super::{Claims, Place, TopicClaims};

/// The number of partitions of a topic, and its subscribers.
type Class<'a> = (i32, &'a [Place]);

/// Assigns all partitions; sets in the order of the members.
pub(super) fn assign(claims: &Claims) -> Vec<Partitions> {
    let mut classes: BTreeMap<Class<'_>, Vec<(TopicId, &TopicClaims)>> = BTreeMap::new();
    for (id, topic) in &claims.topics {
        let class = (topic.partition_count, topic.subscribers.as_slice());
        classes.entry(class).or_default().push((*id, topic));
    }
    let mut assignment = claims.nothing();
    for ((partition_count, subscribers), topics) in classes {
        let layout = lay_out(partition_count, subscribers, &former_owners(&topics));
        for (topic, _) in topics {
            for (index, owner) in &layout {
                assignment[*owner].insert(PartitionId::new(topic, *index));
            }
        }
    }
    assignment
}

/// Who owned each partition number before, in most of the topics. Topics of one class may differ
/// when they have just become alike.
fn former_owners(topics: &[(TopicId, &TopicClaims)]) -> BTreeMap<PartitionIndex, Place> {
    let mut votes: BTreeMap<PartitionIndex, BTreeMap<Place, usize>> = BTreeMap::new();
    for (_, topic) in topics {
        for (index, owner) in &topic.owners {
            *votes.entry(*index).or_default().entry(*owner).or_default() += 1;
        }
    }
    let most = |votes: BTreeMap<Place, usize>| {
        votes.into_iter().rev().max_by_key(|(_, count)| *count).map(|(owner, _)| owner)
    };
    votes.into_iter().filter_map(|(index, votes)| Some((index, most(votes)?))).collect()
}

/// Spreads partition numbers over members, equally within one.
fn lay_out(
    partition_count: i32,
    subscribers: &[Place],
    former: &BTreeMap<PartitionIndex, Place>,
) -> BTreeMap<PartitionIndex, Place> {
    let count = usize::try_from(partition_count).unwrap_or_default();
    let quota = count / subscribers.len();
    let mut extras = count % subscribers.len();
    let mut held: BTreeMap<Place, Vec<PartitionIndex>> =
        subscribers.iter().map(|place| (*place, Vec::new())).collect();
    for (index, owner) in former {
        held.entry(*owner).or_default().push(*index);
    }
    let mut layout = BTreeMap::new();
    let mut rooms: BTreeMap<Place, usize> = BTreeMap::new();
    // Those that had more than their share keep one more, as long as somebody may.
    for (place, indexes) in &held {
        let kept = if indexes.len() > quota && extras > 0 {
            extras -= 1;
            quota + 1
        } else {
            rooms.insert(*place, quota - indexes.len().min(quota));
            quota
        };
        layout.extend(indexes.iter().take(kept).map(|index| (*index, *place)));
    }
    let all = (0..partition_count).map(PartitionIndex);
    let mut free = all.filter(|index| !layout.contains_key(index)).collect::<Vec<_>>().into_iter();
    for (place, room) in rooms {
        let room = if extras > 0 {
            extras -= 1;
            room + 1
        } else {
            room
        };
        layout.extend(free.by_ref().take(room).map(|index| (index, place)));
    }
    layout
}
