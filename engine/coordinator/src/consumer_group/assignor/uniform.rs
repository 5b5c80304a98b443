//! The uniform assignor: members keep what they had, what nobody has goes to whoever has least, and
//! then partitions move from the fullest to the emptiest until no single move makes loads more
//! equal. One way for equal and for different subscriptions.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use corelog_model::{PartitionId, PartitionIndex, TopicId};

use super::super::Partitions;
use super::{Claims, Place, TopicClaims};

/// Assigns all partitions; sets in the order of the members.
pub(super) fn assign(claims: &Claims) -> Vec<Partitions> {
    let mut loads = vec![0; claims.member_count];
    for topic in claims.topics.values() {
        for owner in topic.owners.values() {
            loads[*owner] += 1;
        }
    }
    // The fewer may own a topic, the sooner it is given out: others can make up for it later.
    let mut order: Vec<(&TopicId, &TopicClaims)> = claims.topics.iter().collect();
    order.sort_by_key(|(id, topic)| (topic.subscribers.len(), **id));
    let mut spreads: Vec<Spread<'_>> =
        order.iter().map(|(id, topic)| Spread::new(**id, topic, &mut loads)).collect();
    // Who has more than anybody needs to have gives first, of whichever topic: otherwise somebody
    // with less would give for it.
    let all: usize = loads.iter().sum();
    for giver_load_min in [all.div_ceil(loads.len().max(1)) + 1, 0] {
        // Each move makes the sum of the squares of the loads smaller, so this ends.
        let mut has_moved = true;
        while has_moved {
            has_moved = false;
            for spread in &mut spreads {
                has_moved |= spread.level(&mut loads, giver_load_min);
            }
        }
    }
    let mut assignment = claims.nothing();
    for spread in spreads {
        for (owner, partitions) in spread.owned {
            let ids = partitions.into_iter().map(|held| PartitionId::new(spread.topic, held.index));
            assignment[owner].extend(ids);
        }
    }
    assignment
}

/// A partition in somebody's hands. New ones come first: they may move on without a loss.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    is_kept: bool,
    index: PartitionIndex,
}

/// How one topic is spread over its subscribers.
struct Spread<'a> {
    topic: TopicId,
    subscribers: &'a [Place],
    /// Without members that own nothing of the topic.
    owned: BTreeMap<Place, BTreeSet<Held>>,
}

impl<'a> Spread<'a> {
    /// Leaves partitions where they are and gives the rest to the members with the least load.
    fn new(id: TopicId, topic: &'a TopicClaims, loads: &mut [usize]) -> Spread<'a> {
        let mut owned: BTreeMap<Place, BTreeSet<Held>> = BTreeMap::new();
        for (index, owner) in &topic.owners {
            owned.entry(*owner).or_default().insert(Held { is_kept: true, index: *index });
        }
        let mut lightest: BinaryHeap<Reverse<(usize, Place)>> =
            topic.subscribers.iter().map(|place| Reverse((loads[*place], *place))).collect();
        let all = (0..topic.partition_count).map(PartitionIndex);
        for index in all.filter(|index| !topic.owners.contains_key(index)) {
            let Reverse((load, place)) = lightest.pop().expect("a topic here has subscribers");
            owned.entry(place).or_default().insert(Held { is_kept: false, index });
            loads[place] = load + 1;
            lightest.push(Reverse((load + 1, place)));
        }
        Spread { topic: id, subscribers: &topic.subscribers, owned }
    }

    /// Moves partitions of the topic from members with so much or more, as long as that makes loads
    /// more equal. Says whether it did.
    fn level(&mut self, loads: &mut [usize], giver_load_min: usize) -> bool {
        let by_load = |places: &mut dyn Iterator<Item = Place>| -> BTreeSet<(usize, Place)> {
            places.map(|place| (loads[place], place)).collect()
        };
        let mut takers = by_load(&mut self.subscribers.iter().copied());
        let mut givers = by_load(&mut self.owned.keys().copied());
        let mut has_moved = false;
        while let (Some(&(least, taker)), Some(&(most, giver))) = (takers.first(), givers.last()) {
            if most < giver_load_min.max(least + 2) {
                break;
            }
            let held = self.take_from(giver);
            self.owned.entry(taker).or_default().insert(Held { is_kept: false, ..held });
            for (place, before, after) in [(giver, most, most - 1), (taker, least, least + 1)] {
                loads[place] = after;
                takers.remove(&(before, place));
                takers.insert((after, place));
                givers.remove(&(before, place));
                if self.owned.contains_key(&place) {
                    givers.insert((after, place));
                }
            }
            has_moved = true;
        }
        has_moved
    }

    fn take_from(&mut self, giver: Place) -> Held {
        let partitions = self.owned.get_mut(&giver).expect("a giver owns something");
        let held = partitions.first().copied().expect("owners of nothing are removed");
        // The last of the kept ones goes first: ranges stay whole at their beginnings.
        let held = if held.is_kept { *partitions.last().unwrap_or(&held) } else { held };
        partitions.remove(&held);
        if partitions.is_empty() {
            self.owned.remove(&giver);
        }
        held
    }
}
