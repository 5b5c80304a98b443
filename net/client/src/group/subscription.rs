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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::rig::{set, topics};

    fn wanted<'m>(
        topics: &'m BTreeSet<Arc<str>>,
        owned: &'m BTreeSet<TopicPartition>,
        last: Option<&'m (i32, BTreeSet<TopicPartition>)>,
    ) -> Wanted<'m> {
        Wanted { topics, owned, generation: 5, last, rack: Some("r") }
    }

    /// ConsumerProtocolSubscription.json, version 3: Topics, UserData, OwnedPartitions (1+),
    /// GenerationId (2+), RackId (3+), behind an int16 version.
    #[test]
    fn a_subscription_has_the_bytes_of_kafkas_schema() {
        let (topics, owned) = (topics(&["ab", "c"]), set("ab", &[1, 2]));
        let bytes = wanted(&topics, &owned, None).encode(Assignor::Range).unwrap();
        let expected: [&[u8]; 10] = [
            &[0, 3],       // version
            &[0, 0, 0, 2], // two topics
            b"\0\x02ab\0\x01c",
            &[0xff, 0xff, 0xff, 0xff], // user data: null
            &[0, 0, 0, 1],             // one topic with owned partitions
            b"\0\x02ab",
            &[0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2], // partitions 1 and 2
            &[0, 0, 0, 5],                         // generation
            &[0, 1],
            b"r",
        ];
        assert_eq!(bytes, expected.concat());
    }

    /// ConsumerProtocolAssignment.json, version 3: AssignedPartitions, UserData, behind an int16
    /// version.
    #[test]
    fn an_assignment_has_the_bytes_of_kafkas_schema() {
        let bytes = encode_assignment(&(&set("a", &[0, 7]) | &set("b", &[1]))).unwrap();
        let expected: [&[u8]; 7] = [
            &[0, 3],
            &[0, 0, 0, 2],
            b"\0\x01a",
            &[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7],
            b"\0\x01b",
            &[0, 0, 0, 1, 0, 0, 0, 1],
            &[0xff, 0xff, 0xff, 0xff],
        ];
        assert_eq!(bytes, expected.concat());
        assert_eq!(decode_assignment(&bytes), Ok(&set("a", &[0, 7]) | &set("b", &[1])));
    }

    /// StickyAssignor's user data, version 1: previous_assignment of (topic: string, partitions:
    /// array of int32), generation: int32. CooperativeStickyAssignor's: generation: int32.
    #[test]
    fn sticky_user_data_has_the_bytes_of_kafkas_assignors() {
        let (topics, none) = (topics(&["a"]), BTreeSet::new());
        let last = (4, set("a", &[0, 7]));
        let user_data = |assignor, last| {
            let bytes = wanted(&topics, &none, last).encode(assignor).unwrap();
            let (_, subscription) = ConsumerProtocolSubscription::decode(&bytes).unwrap();
            subscription.user_data.map(Bytes::into_owned)
        };
        let expected: [&[u8]; 4] =
            [&[0, 0, 0, 1], b"\0\x01a", &[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7], &[0, 0, 0, 4]];
        assert_eq!(user_data(Assignor::Sticky, Some(&last)), Some(expected.concat()));
        assert_eq!(user_data(Assignor::Sticky, None), None);
        let generation = |number: i32| Some(number.to_be_bytes().to_vec());
        assert_eq!(user_data(Assignor::CooperativeSticky, Some(&last)), generation(4));
        assert_eq!(user_data(Assignor::CooperativeSticky, None), generation(-1));
        assert_eq!(user_data(Assignor::RoundRobin, Some(&last)), None);
    }

    #[test]
    fn a_sticky_member_is_read_from_its_user_data() {
        let (topics, none) = (topics(&["a"]), BTreeSet::new());
        let last = (4, set("a", &[0, 7]));
        let bytes = wanted(&topics, &none, Some(&last)).encode(Assignor::Sticky).unwrap();
        let member = decode_member(Assignor::Sticky, "m", Some("i"), &bytes).unwrap();
        assert_eq!((member.id.as_str(), member.instance_id.as_deref()), ("m", Some("i")));
        assert_eq!((member.generation, &member.owned), (4, &last.1));
        // Version 0 has no generation; what is neither version says nothing.
        let v1 = encode_sticky(4, &last.1).unwrap();
        assert_eq!(decode_sticky(&v1[..v1.len() - 4]), (-1, last.1));
        assert_eq!(decode_sticky(&v1[..5]), (-1, none.clone()));
        assert_eq!(decode_sticky(&[]), (-1, none.clone()));
        assert_eq!(decode_sticky(&[0x7f, 0xff, 0xff, 0xff, 0, 1]), (-1, none));
    }

    #[test]
    fn a_cooperative_member_is_read_from_its_fields_or_its_old_user_data() {
        let (topics, owned) = (topics(&["a"]), set("a", &[3]));
        let last = (4, owned.clone());
        let subscription = wanted(&topics, &owned, Some(&last));
        let new = subscription.encode(Assignor::CooperativeSticky).unwrap();
        let member = decode_member(Assignor::CooperativeSticky, "m", None, &new).unwrap();
        assert_eq!((member.generation, &member.owned), (5, &owned));
        let (_, subscription) = ConsumerProtocolSubscription::decode(&new).unwrap();
        let old = subscription.encode(1).unwrap();
        let member = decode_member(Assignor::CooperativeSticky, "m", None, &old).unwrap();
        assert_eq!((member.generation, &member.owned), (4, &owned));
    }

    #[test]
    fn the_oldest_subscription_has_topics_only() {
        let bytes = [0, 0, 0, 0, 0, 1, 0, 1, b'a', 0, 0, 0, 0];
        let member = decode_member(Assignor::Range, "m", None, &bytes).unwrap();
        let expected = GroupMember {
            id: "m".to_owned(),
            topics: topics(&["a"]),
            generation: -1,
            ..GroupMember::default()
        };
        assert_eq!(member, expected);
        assert!(decode_member(Assignor::Range, "m", None, &bytes[..7]).is_err());
    }
}
