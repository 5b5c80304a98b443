//! The sticky strategy: as even as the subscriptions allow, moving as few partitions as that takes.
//!
//! Members keep what they validly own; partitions without an owner go to the least loaded
//! subscriber; then partitions move, along chains of members where subscriptions differ, as long as
//! that brings one member closer to another that has at least two fewer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Assignment, GroupMember, Partitions};
use crate::TopicPartition;

pub(super) fn assign(members: &[GroupMember], partitions: &Partitions) -> Assignment {
    let mut table = Table::new(members, partitions);
    table.keep_owned();
    table.place_unowned();
    table.balance();
    table.into_assignment()
}

/// Members and topics by their places in the order of ids and names.
struct Table<'m> {
    members: Vec<&'m GroupMember>,
    topics: Vec<Topic<'m>>,
    /// Member → topic → partitions.
    held: Vec<BTreeMap<usize, BTreeSet<i32>>>,
    loads: Vec<usize>,
}

struct Topic<'m> {
    name: &'m std::sync::Arc<str>,
    subscribers: Vec<usize>,
    unowned: BTreeSet<i32>,
}

/// A partition of a topic that goes from one member to another.
#[derive(Clone, Copy)]
struct Step {
    source: usize,
    target: usize,
    topic: usize,
}

impl<'m> Table<'m> {
    fn new(members: &'m [GroupMember], partitions: &'m Partitions) -> Self {
        let mut members: Vec<&GroupMember> = members.iter().collect();
        members.sort_by(|one, other| one.id.cmp(&other.id));
        let topic = |(name, numbers): (&'m std::sync::Arc<str>, &BTreeSet<i32>)| {
            let subscribed = |place: &usize| members[*place].topics.contains(name);
            let subscribers: Vec<usize> = (0..members.len()).filter(subscribed).collect();
            (!subscribers.is_empty()).then(|| Topic { name, subscribers, unowned: numbers.clone() })
        };
        let topics = partitions.iter().filter_map(topic).collect();
        let held = vec![BTreeMap::new(); members.len()];
        let loads = vec![0; members.len()];
        Self { members, topics, held, loads }
    }

    /// Gives back what members own. Of two that claim a partition the one of the newer generation
    /// has it; of the same generation neither.
    fn keep_owned(&mut self) {
        let mut claims: BTreeMap<&TopicPartition, (i32, Option<usize>)> = BTreeMap::new();
        for (place, member) in self.members.iter().enumerate() {
            for at in &member.owned {
                let claim = claims.entry(at).or_insert((member.generation, Some(place)));
                if claim.1 == Some(place) {
                    continue;
                }
                if claim.0 < member.generation {
                    *claim = (member.generation, Some(place));
                } else if claim.0 == member.generation {
                    claim.1 = None;
                }
            }
        }
        for (at, (_, place)) in claims {
            let Some(place) = place else { continue };
            let Ok(topic) = self.topics.binary_search_by(|topic| topic.name.cmp(&at.topic)) else {
                continue;
            };
            // A topic may be created anew with fewer partitions.
            let is_subscriber = self.topics[topic].subscribers.binary_search(&place).is_ok();
            if is_subscriber && self.topics[topic].unowned.remove(&at.partition) {
                self.give(place, topic, at.partition);
            }
        }
    }

    fn place_unowned(&mut self) {
        for topic in 0..self.topics.len() {
            for number in std::mem::take(&mut self.topics[topic].unowned) {
                // Of members that are equally loaded the one with the fewest of this topic.
                let of_topic = |place: usize| self.held[place].get(&topic).map_or(0, BTreeSet::len);
                let subscribers = self.topics[topic].subscribers.iter().copied();
                let least =
                    subscribers.min_by_key(|place| (self.loads[*place], of_topic(*place), *place));
                self.give(least.expect("a topic without subscribers is no topic"), topic, number);
            }
        }
    }

    fn balance(&mut self) {
        // Each round makes the loads more even, so there are fewer of them than partitions.
        while let Some(path) = self.path() {
            for step in path {
                let number = self.pick(step);
                self.take(step.source, step.topic, number);
                self.give(step.target, step.topic, number);
            }
        }
    }

    /// The shortest chain of moves from the most loaded member that has one.
    fn path(&self) -> Option<Vec<Step>> {
        let mut sources: Vec<usize> = (0..self.members.len()).collect();
        sources.sort_by_key(|place| std::cmp::Reverse(self.loads[*place]));
        let least = self.loads.iter().copied().min()?;
        let sources = sources.into_iter().take_while(|place| least + 2 <= self.loads[*place]);
        sources.into_iter().find_map(|source| self.path_from(source))
    }

    fn path_from(&self, source: usize) -> Option<Vec<Step>> {
        let mut came_by: Vec<Option<Step>> = vec![None; self.members.len()];
        let mut is_seen = vec![false; self.members.len()];
        let mut is_expanded = vec![false; self.topics.len()];
        is_seen[source] = true;
        let mut level = VecDeque::from([source]);
        while !level.is_empty() {
            let mut next = VecDeque::new();
            for place in level {
                for topic in self.held[place].keys().copied() {
                    if std::mem::replace(&mut is_expanded[topic], true) {
                        continue;
                    }
                    for target in self.topics[topic].subscribers.iter().copied() {
                        if !std::mem::replace(&mut is_seen[target], true) {
                            came_by[target] = Some(Step { source: place, target, topic });
                            next.push_back(target);
                        }
                    }
                }
            }
            let end = next.iter().copied().min_by_key(|place| (self.loads[*place], *place));
            if let Some(end) = end.filter(|end| self.loads[*end] + 2 <= self.loads[source]) {
                let back = std::iter::successors(came_by[end], |step| came_by[step.source]);
                return Some(back.collect());
            }
            level = next;
        }
        None
    }

    /// Which partition makes a step: one that comes home, else one that is away from home already,
    /// else the highest.
    fn pick(&self, step: Step) -> i32 {
        let topic = self.topics[step.topic].name;
        let is_home = |place: usize, partition: i32| {
            let at = TopicPartition { topic: topic.clone(), partition };
            self.members[place].owned.contains(&at)
        };
        let held = self.held[step.source].get(&step.topic).into_iter().flatten().copied();
        held.max_by_key(|number| {
            (is_home(step.target, *number), !is_home(step.source, *number), *number)
        })
        .expect("a step starts at a member that holds partitions of the topic")
    }

    fn give(&mut self, place: usize, topic: usize, number: i32) {
        self.held[place].entry(topic).or_default().insert(number);
        self.loads[place] += 1;
    }

    fn take(&mut self, place: usize, topic: usize, number: i32) {
        if let Some(numbers) = self.held[place].get_mut(&topic) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.held[place].remove(&topic);
            }
        }
        self.loads[place] -= 1;
    }

    fn into_assignment(self) -> Assignment {
        let held = self.members.iter().zip(&self.held).map(|(member, held)| {
            let partitions = held.iter().flat_map(|(topic, numbers)| {
                numbers.iter().map(|partition| TopicPartition {
                    topic: self.topics[*topic].name.clone(),
                    partition: *partition,
                })
            });
            (member.id.clone(), partitions.collect())
        });
        held.collect()
    }
}
