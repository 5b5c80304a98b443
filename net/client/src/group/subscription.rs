//! What classic members tell each other through the coordinator, in the bytes of Kafka's clients:
//! their subscriptions, with what they owned, and their assignments.

use std::collections::BTreeSet;
use std::sync::Arc;

use corelog_wire::consumer_protocol::{self, VERSION_MAX};
use corelog_wire::{
    Bytes, ConsumerProtocolAssignment, ConsumerProtocolSubscription, EncodeError, Reader,
    WireError, Writer,
};

use super::Assignor;
use super::assignor::GroupMember;
use crate::TopicPartition;

/// What a member wants, and what it holds or held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'m> {
    /// The topics it subscribes to.
    pub(super) topics: &'m BTreeSet<Arc<str>>,
    /// What it holds while it joins: nothing, unless rebalances are cooperative.
    pub(super) owned: &'m BTreeSet<TopicPartition>,
    /// The generation it is in; -1 when in none.
    pub(super) generation: i32,
    /// The last assignment and its generation, given up or not.
    pub(super) last: Option<&'m (i32, BTreeSet<TopicPartition>)>,
    /// Where it is.
    pub(super) rack: Option<&'m str>,
}

impl Wanted<'_> {
    /// The metadata of a JoinGroup protocol.
    pub(super) fn encode(&self, assignor: Assignor) -> Result<Vec<u8>, EncodeError> {
        let subscription = ConsumerProtocolSubscription {
            topics: self.topics.iter().map(|topic| topic.as_ref().into()).collect(),
            user_data: self.user_data(assignor)?.map(Bytes::Owned),
            owned_partitions: by_topic(self.owned),
            generation_id: self.generation,
            rack_id: self.rack.map(Into::into),
        };
        subscription.encode(VERSION_MAX)
    }

    fn user_data(&self, assignor: Assignor) -> Result<Option<Vec<u8>>, EncodeError> {
        match assignor {
            Assignor::Range | Assignor::RoundRobin => Ok(None),
            Assignor::CooperativeSticky => {
                let generation = self.last.map_or(-1, |(generation, _)| *generation);
                Ok(Some(generation.to_be_bytes().to_vec()))
            }
            Assignor::Sticky => match self.last {
                None => Ok(None),
                Some((generation, partitions)) => encode_sticky(*generation, partitions).map(Some),
            },
        }
    }
}

/// Reads a member's metadata, as `assignor` understands it.
pub(super) fn decode_member(
    assignor: Assignor,
    id: &str,
    instance_id: Option<&str>,
    metadata: &[u8],
) -> Result<GroupMember, WireError> {
    let (_, subscription) = ConsumerProtocolSubscription::decode(metadata)?;
    let owned = from_wire(&subscription.owned_partitions);
    let user_data = subscription.user_data.as_deref().unwrap_or_default();
    let (generation, owned) = match assignor {
        Assignor::Range | Assignor::RoundRobin => (subscription.generation_id, owned),
        // Everything has been given up by now; what was held stands in the user data.
        Assignor::Sticky => decode_sticky(user_data),
        // Before version 2 the generation stood in the user data only.
        Assignor::CooperativeSticky if subscription.generation_id < 0 => {
            let generation = user_data.first_chunk().copied().map(i32::from_be_bytes);
            (generation.unwrap_or(-1), owned)
        }
        Assignor::CooperativeSticky => (subscription.generation_id, owned),
    };
    Ok(GroupMember {
        id: id.to_owned(),
        instance_id: instance_id.map(str::to_owned),
        topics: subscription.topics.iter().map(|topic| topic.as_ref().into()).collect(),
        owned,
        generation,
    })
}

/// The bytes of an assignment.
pub(super) fn encode_assignment(
    partitions: &BTreeSet<TopicPartition>,
) -> Result<Vec<u8>, EncodeError> {
    let assigned_partitions = by_topic(partitions);
    ConsumerProtocolAssignment { assigned_partitions, user_data: None }.encode(VERSION_MAX)
}

/// Reads an assignment.
pub(super) fn decode_assignment(bytes: &[u8]) -> Result<BTreeSet<TopicPartition>, WireError> {
    let (_, assignment) = ConsumerProtocolAssignment::decode(bytes)?;
    Ok(from_wire(&assignment.assigned_partitions))
}

fn by_topic(
    partitions: &BTreeSet<TopicPartition>,
) -> Vec<consumer_protocol::TopicPartition<'static>> {
    let mut topics: Vec<consumer_protocol::TopicPartition<'static>> = Vec::new();
    for at in partitions {
        match topics.last_mut() {
            Some(topic) if *topic.topic == *at.topic => topic.partitions.push(at.partition),
            _ => topics.push(consumer_protocol::TopicPartition {
                topic: at.topic.to_string().into(),
                partitions: vec![at.partition],
            }),
        }
    }
    topics
}

fn from_wire(topics: &[consumer_protocol::TopicPartition<'_>]) -> BTreeSet<TopicPartition> {
    let mut partitions = BTreeSet::new();
    for topic in topics {
        let name: Arc<str> = topic.topic.as_ref().into();
        partitions.extend(
            topic.partitions.iter().map(|partition| TopicPartition {
                topic: Arc::clone(&name),
                partition: *partition,
            }),
        );
    }
    partitions
}

/// Version 1 of what Kafka's StickyAssignor tells itself: topics with their partitions, then the
/// generation. It has no version number; version 0 ends before the generation.
fn encode_sticky(
    generation: i32,
    partitions: &BTreeSet<TopicPartition>,
) -> Result<Vec<u8>, EncodeError> {
    let topics = by_topic(partitions);
    let mut writer = Writer::new();
    writer.length(Some(topics.len()), false);
    for topic in &topics {
        writer.text(Some(&topic.topic), false);
        writer.length(Some(topic.partitions.len()), false);
        for partition in &topic.partitions {
            writer.i32(*partition);
        }
    }
    writer.i32(generation);
    writer.finish().map(|encoded| encoded.head)
}

/// What a member held and in which generation. Bytes that are neither version say nothing, as in
/// Kafka: such a member starts anew.
fn decode_sticky(bytes: &[u8]) -> (i32, BTreeSet<TopicPartition>) {
    let mut reader = Reader::new(bytes);
    let Ok(partitions) = read_sticky(&mut reader) else { return (-1, BTreeSet::new()) };
    (reader.i32().unwrap_or(-1), partitions)
}

fn read_sticky(reader: &mut Reader<'_>) -> Result<BTreeSet<TopicPartition>, WireError> {
    // A topic has at least its length and its count.
    let topics = reader.array_count(false, 6, size_of::<TopicPartition>())?;
    let mut partitions = BTreeSet::new();
    for _ in 0..topics.unwrap_or(0) {
        let name: Arc<str> = reader.text(false)?.unwrap_or_default().as_ref().into();
        let count = reader.array_count(false, 4, size_of::<TopicPartition>())?;
        for _ in 0..count.unwrap_or(0) {
            let partition = reader.i32()?;
            partitions.insert(TopicPartition { topic: Arc::clone(&name), partition });
        }
    }
    Ok(partitions)
}
