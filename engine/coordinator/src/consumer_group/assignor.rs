//! Server-side assignors: who of a group's members should own which partition. They see only what
//! members subscribe to and what they were to own before, so the same input always makes the same
//! assignment.

use std::collections::{BTreeMap, BTreeSet};

use corelog_model::{PartitionId, PartitionIndex, TopicId};

use super::{MemberId, Partitions};

mod range;
mod uniform;

#[cfg(test)]
mod tests;

/// An assignor of Kafka 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assignor {
    /// Equally many partitions for each member, whatever their topics, with as few moves as that
    /// allows. Where subscriptions differ, no single move makes loads more equal.
    Uniform,
    /// Each topic is spread over its subscribers; topics with the same subscribers and the same
    /// number of partitions are spread alike, so that their partitions can be joined.
    Range,
}

/// A member as an assignor sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberSpec {
    /// What it subscribes to.
    pub topics: BTreeSet<TopicId>,
    /// What it was to own before. Of a partition that several claim, the first member's claim
    /// counts.
    pub owned: Partitions,
}

impl Assignor {
    /// Every assignor; the first is the preset.
    pub const ALL: [Assignor; 2] = [Assignor::Uniform, Assignor::Range];

    /// The name in the Kafka protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Assignor::Uniform => "uniform",
            Assignor::Range => "range",
        }
    }

    /// The assignor with this name.
    pub fn from_name(name: &str) -> Option<Assignor> {
        Assignor::ALL.into_iter().find(|assignor| assignor.name() == name)
    }

    /// Gives each partition of each subscribed topic to one of its subscribers. Topics without a
    /// partition count do not exist and are left out. Every member is in the result.
    pub fn assign(
        self,
        members: &BTreeMap<MemberId, MemberSpec>,
        partition_counts: &BTreeMap<TopicId, i32>,
    ) -> BTreeMap<MemberId, Partitions> {
        let claims = Claims::new(members, partition_counts);
        let owned = match self {
            Assignor::Uniform => uniform::assign(&claims),
            Assignor::Range => range::assign(&claims),
        };
        let mut assignment: BTreeMap<MemberId, Partitions> =
            members.keys().map(|member| (member.clone(), Partitions::new())).collect();
        for (partitions, owned) in assignment.values_mut().zip(owned) {
            *partitions = owned;
        }
        assignment
    }
}

/// The place of a member in the order of their ids.
type Place = usize;

/// What there is to assign, with members by their places.
struct Claims {
    member_count: usize,
    topics: BTreeMap<TopicId, TopicClaims>,
}

/// A topic with at least one subscriber.
struct TopicClaims {
    partition_count: i32,
    /// In order, without duplicates.
    subscribers: Vec<Place>,
    /// Which subscriber owned which partition before.
    owners: BTreeMap<PartitionIndex, Place>,
}

impl Claims {
    fn new(
        members: &BTreeMap<MemberId, MemberSpec>,
        partition_counts: &BTreeMap<TopicId, i32>,
    ) -> Claims {
        let mut topics: BTreeMap<TopicId, TopicClaims> = BTreeMap::new();
        for (place, spec) in members.values().enumerate() {
            for topic in &spec.topics {
                let Some(&partition_count) = partition_counts.get(topic) else { continue };
                let claims = topics.entry(*topic).or_insert_with(|| TopicClaims {
                    partition_count,
                    subscribers: Vec::new(),
                    owners: BTreeMap::new(),
                });
                claims.subscribers.push(place);
                for partition in partitions_of(&spec.owned, *topic) {
                    if (0..partition_count).contains(&partition.get()) {
                        claims.owners.entry(partition).or_insert(place);
                    }
                }
            }
        }
        Claims { member_count: members.len(), topics }
    }

    /// A set of partitions for each member, still empty.
    fn nothing(&self) -> Vec<Partitions> {
        vec![Partitions::new(); self.member_count]
    }
}

fn partitions_of(owned: &Partitions, topic: TopicId) -> impl Iterator<Item = PartitionIndex> {
    let first = PartitionId::new(topic, PartitionIndex(0));
    let last = PartitionId::new(topic, PartitionIndex(i32::MAX));
    owned.range(first..=last).map(|partition| partition.index)
}
