//! What consumers of the classic protocol say among themselves, for groups in which both protocols
//! are spoken: Kafka's `ConsumerProtocolSubscription` and `ConsumerProtocolAssignment`. Versions
//! only add fields at the end, so that a newer one is read as the newest that is known.

use std::collections::BTreeMap;

use corelog_model::{PartitionId, PartitionIndex};

use crate::consumer_group::{Partitions, Topics};
use crate::records::{Reader, RecordError, Writer};

/// What a consumer wants and has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) version: i16,
    pub(crate) topics: Vec<String>,
    /// What it owns; topics that do not exist are left out. Nothing in version 0, whose members
    /// give up everything before they join.
    pub(crate) owned: Partitions,
    pub(crate) rack: Option<String>,
}

impl Subscription {
    pub(crate) fn read(bytes: &[u8], topics: &Topics) -> Result<Subscription, RecordError> {
        let mut reader = Reader::new(bytes);
        let version = read_version(&mut reader)?;
        let names =
            reader.list("the topics of a subscription", |reader| reader.string("a topic"))?;
        reader.nullable_bytes("the user data of a subscription")?;
        let owned = match version {
            0 => Partitions::new(),
            _ => read_partitions(&mut reader, topics)?,
        };
        if version >= 2 {
            reader.i32("the generation of a subscription")?;
        }
        let rack = match version {
            0..3 => None,
            _ => reader.nullable_string("the rack of a subscription")?,
        };
        Ok(Subscription { version, topics: names, owned, rack })
    }
}

/// What a member was assigned. Topics that do not exist are left out.
pub(crate) fn read_assignment(bytes: &[u8], topics: &Topics) -> Result<Partitions, RecordError> {
    let mut reader = Reader::new(bytes);
    read_version(&mut reader)?;
    read_partitions(&mut reader, topics)
}

/// The assignment in the version that the member speaks. Topics that do not exist are left out.
pub(crate) fn write_assignment(version: i16, partitions: &Partitions, topics: &Topics) -> Vec<u8> {
    let mut by_name: BTreeMap<&str, Vec<PartitionIndex>> = BTreeMap::new();
    for partition in partitions {
        if let Some(topic) = topics.topic(partition.topic) {
            by_name.entry(&topic.name).or_default().push(partition.index);
        }
    }
    let writer = Writer::new(version).count(by_name.len());
    let writer = by_name.into_iter().fold(writer, |writer, (name, indexes)| {
        let writer = writer.string(name).count(indexes.len());
        indexes.into_iter().fold(writer, |writer, index| writer.i32(index.get()))
    });
    // No user data.
    writer.i32(-1).finish()
}

fn read_version(reader: &mut Reader<'_>) -> Result<i16, RecordError> {
    match reader.i16("the version of the consumer protocol")? {
        version if version < 0 => Err(RecordError::ValueVersion { kind: "a consumer", version }),
        version => Ok(version),
    }
}

fn read_partitions(reader: &mut Reader<'_>, topics: &Topics) -> Result<Partitions, RecordError> {
    let lists = reader.list("the topics of partitions", |reader| {
        let name = reader.string("a topic")?;
        let indexes =
            reader.list("the partitions of a topic", |reader| reader.i32("a partition"))?;
        Ok((name, indexes))
    })?;
    let mut partitions = Partitions::new();
    for (name, indexes) in lists {
        if let Some(id) = topics.id(&name) {
            let ids = indexes.into_iter().map(|index| PartitionId::new(id, PartitionIndex(index)));
            partitions.extend(ids);
        }
    }
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use corelog_model::TopicId;

    use super::*;
    use crate::consumer_group::Topic;

    fn topics() -> Topics {
        let topic = Topic { name: Arc::from("t"), partition_count: 3, racks: Vec::new() };
        Topics::new(1, [(TopicId::ONE, topic)])
    }

    fn partitions(indexes: &[i32]) -> Partitions {
        let id = |index: &i32| PartitionId::new(TopicId::ONE, PartitionIndex(*index));
        indexes.iter().map(id).collect()
    }

    const TOPICS: &[u8] = b"\0\0\0\x02\0\x01t\0\x01x\xff\xff\xff\xff";
    const OWNED: &[u8] = b"\0\0\0\x02\0\x01t\0\0\0\x02\0\0\0\0\0\0\0\x02\0\x01x\0\0\0\x01\0\0\0\0";

    #[track_caller]
    fn check(parts: &[&[u8]], version: i16, owned: &[i32], rack: Option<&str>) {
        let expected = Subscription {
            version,
            topics: vec!["t".into(), "x".into()],
            owned: partitions(owned),
            rack: rack.map(Into::into),
        };
        assert_eq!(Subscription::read(&parts.concat(), &topics()), Ok(expected));
    }

    #[test]
    fn every_version_of_a_subscription_is_read_and_newer_ones_too() {
        check(&[b"\0\0", TOPICS], 0, &[], None);
        check(&[b"\0\x01", TOPICS, OWNED], 1, &[0, 2], None);
        check(&[b"\0\x02", TOPICS, OWNED, b"\0\0\0\x07"], 2, &[0, 2], None);
        check(&[b"\0\x03", TOPICS, OWNED, b"\0\0\0\x07\0\x01r"], 3, &[0, 2], Some("r"));
        check(&[b"\0\x09", TOPICS, OWNED, b"\0\0\0\x07\xff\xffmore"], 9, &[0, 2], None);
    }

    #[test]
    fn what_is_no_subscription_is_refused() {
        let whole = [b"\0\x03", TOPICS, OWNED, b"\0\0\0\x07\0\x01r"].concat();
        for length in 0..whole.len() {
            assert!(Subscription::read(&whole[..length], &topics()).is_err(), "{length} bytes");
        }
        assert!(Subscription::read(&[b"\xff\xff", TOPICS].concat(), &topics()).is_err());
    }

    #[test]
    fn an_assignment_is_written_and_read() {
        let bytes = b"\0\x01\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\x01\0\0\0\x02\xff\xff\xff\xff";
        assert_eq!(write_assignment(1, &partitions(&[1, 2]), &topics()), bytes);
        assert_eq!(read_assignment(bytes, &topics()), Ok(partitions(&[1, 2])));
        let nothing = b"\0\0\0\0\0\0\xff\xff\xff\xff";
        assert_eq!(write_assignment(0, &partitions(&[1]), &Topics::default()), nothing);
    }
}
