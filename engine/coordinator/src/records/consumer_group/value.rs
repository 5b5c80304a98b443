//! The fields of the values, in the order of Kafka's schemas: written and read side by side.

use std::sync::Arc;

use corelog_model::{PartitionId, PartitionIndex, Timestamp, TopicId};

use super::super::RecordError;
use super::super::reader::Reader;
use super::super::writer::Writer;
use super::{
    ClassicMember, CurrentAssignment, GroupEpoch, MemberMetadata, MemberState, OwnedPartitions,
    ResolvedExpression, TargetMetadata, TopicMetadata,
};
use crate::consumer_group::Partitions;
use crate::input::JoinProtocol;

/// The only tag that any of the values has.
const TAG: u32 = 0;

impl GroupEpoch {
    pub(super) fn write(self, writer: Writer) -> Writer {
        tag(writer.i32(self.epoch), number_field(self.metadata_hash))
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<GroupEpoch, RecordError> {
        let epoch = reader.i32("the group epoch")?;
        let metadata_hash = read_number_field(reader, "the hash of the metadata")?;
        Ok(GroupEpoch { epoch, metadata_hash })
    }
}

impl TargetMetadata {
    pub(in crate::records) fn write(self, writer: Writer) -> Writer {
        tag(writer.i32(self.epoch), number_field(self.computed_at.get()))
    }

    pub(in crate::records) fn read(reader: &mut Reader<'_>) -> Result<TargetMetadata, RecordError> {
        let epoch = reader.i32("the epoch of the target")?;
        let computed_at = Timestamp(read_number_field(reader, "the time of the target")?);
        Ok(TargetMetadata { epoch, computed_at })
    }
}

/// The end of a value or an element, with its only tagged field or none.
fn tag(writer: Writer, field: Option<Writer>) -> Writer {
    let Some(field) = field else { return writer.unsigned_varint(0) };
    let field = field.finish();
    let writer = writer.unsigned_varint(1).unsigned_varint(u64::from(TAG));
    writer.unsigned_varint(field.len() as u64).raw(&field)
}

pub(in crate::records) fn no_tag(writer: Writer) -> Writer {
    tag(writer, None)
}

/// Reads the tagged fields, of which only one is known.
fn read_tag(
    reader: &mut Reader<'_>,
    mut read: impl FnMut(&mut Reader<'_>) -> Result<(), RecordError>,
) -> Result<(), RecordError> {
    reader.tagged_fields(|tag, bytes| {
        if tag != TAG {
            return Ok(());
        }
        let mut field = Reader::new(bytes);
        read(&mut field)?;
        field.end()
    })
}

pub(in crate::records) fn read_no_tag(reader: &mut Reader<'_>) -> Result<(), RecordError> {
    reader.tagged_fields(|_, _| Ok(()))
}

/// A tagged number that is left out when it is zero.
fn number_field(value: i64) -> Option<Writer> {
    (value != 0).then(|| Writer::empty().i64(value))
}

fn read_number_field(reader: &mut Reader<'_>, name: &'static str) -> Result<i64, RecordError> {
    let mut value = 0;
    read_tag(reader, |field| {
        value = field.i64(name)?;
        Ok(())
    })?;
    Ok(value)
}

pub(super) fn write_topics(topics: &[TopicMetadata], writer: Writer) -> Writer {
    let topics = writer.compact_list(topics.iter(), |writer, topic| {
        let writer = writer.raw(topic.id.as_bytes()).compact_string(&topic.name);
        let writer = writer.i32(topic.partition_count);
        no_tag(writer.compact_list(topic.racks.iter(), |writer, (partition, racks)| {
            let writer = writer.i32(partition.get());
            no_tag(writer.compact_list(racks.iter(), |writer, rack| writer.compact_string(rack)))
        }))
    });
    no_tag(topics)
}

pub(super) fn read_topics(reader: &mut Reader<'_>) -> Result<Vec<TopicMetadata>, RecordError> {
    let topics = reader.compact_list("the topics", |reader| {
        let topic = TopicMetadata {
            id: reader.topic_id("the id of a topic")?,
            name: Arc::from(reader.compact_string("the name of a topic")?),
            partition_count: reader.i32("the number of partitions")?,
            racks: reader.compact_list("the partitions", |reader| {
                let partition = PartitionIndex(reader.i32("a partition")?);
                let racks = reader.compact_list("the racks", |reader| text(reader, "a rack"))?;
                read_no_tag(reader)?;
                Ok((partition, racks))
            })?,
        };
        read_no_tag(reader)?;
        Ok(topic)
    })?;
    read_no_tag(reader)?;
    Ok(topics)
}

impl MemberMetadata {
    pub(super) fn write(&self, writer: Writer) -> Writer {
        let writer = writer
            .compact_nullable_string(self.instance_id.as_deref())
            .compact_nullable_string(self.rack_id.as_deref())
            .compact_string(&self.client_id)
            .compact_string(&self.client_host)
            .compact_list(self.topic_names.iter(), |writer, name| writer.compact_string(name))
            .compact_nullable_string(self.topic_regex.as_deref())
            .i32(self.rebalance_timeout_ms)
            .compact_nullable_string(self.server_assignor.as_deref());
        tag(writer, self.classic.as_ref().map(ClassicMember::field))
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<MemberMetadata, RecordError> {
        let names = |reader: &mut Reader<'_>| text(reader, "the name of a topic");
        let mut member = MemberMetadata {
            instance_id: nullable_text(reader, "the instance id of a member")?,
            rack_id: nullable_text(reader, "the rack of a member")?,
            client_id: text(reader, "the client id of a member")?,
            client_host: text(reader, "the client host of a member")?,
            topic_names: reader.compact_list("the topics", names)?.into_iter().collect(),
            // Kafka writes an expression that was taken back as an empty one.
            topic_regex: nullable_text(reader, "the expression of a member")?
                .filter(|regex| !regex.is_empty()),
            rebalance_timeout_ms: reader.i32("the rebalance timeout of a member")?,
            server_assignor: nullable_text(reader, "the assignor of a member")?,
            classic: None,
        };
        read_tag(reader, |field| {
            member.classic = ClassicMember::read(field)?;
            Ok(())
        })?;
        Ok(member)
    }
}

pub(in crate::records) fn text(
    reader: &mut Reader<'_>,
    name: &'static str,
) -> Result<Arc<str>, RecordError> {
    reader.compact_string(name).map(Arc::from)
}

pub(in crate::records) fn nullable_text(
    reader: &mut Reader<'_>,
    name: &'static str,
) -> Result<Option<Arc<str>>, RecordError> {
    Ok(reader.compact_nullable_string(name)?.map(Arc::from))
}

impl ClassicMember {
    /// As a tagged field that may be null, so a byte says that it is not.
    fn field(&self) -> Writer {
        let writer = Writer::empty().raw(&[1]).i32(self.session_timeout_ms);
        no_tag(writer.compact_list(self.protocols.iter(), |writer, protocol| {
            no_tag(writer.compact_string(&protocol.name).compact_bytes(&protocol.metadata))
        }))
    }

    fn read(reader: &mut Reader<'_>) -> Result<Option<ClassicMember>, RecordError> {
        if reader.i8("whether a member is classic")? <= 0 {
            return Ok(None);
        }
        let session_timeout_ms = reader.i32("the session timeout of a member")?;
        let protocols = reader.compact_list("the protocols of a member", |reader| {
            let name = reader.compact_string("the name of a protocol")?;
            let metadata = reader.compact_bytes("the metadata of a protocol")?;
            read_no_tag(reader)?;
            Ok(JoinProtocol { name, metadata })
        })?;
        read_no_tag(reader)?;
        Ok(Some(ClassicMember { session_timeout_ms, protocols }))
    }
}

pub(in crate::records) fn write_target(partitions: &Partitions, writer: Writer) -> Writer {
    let topics = by_topic(partitions.iter().map(|partition| (*partition, ())));
    no_tag(writer.compact_list(topics.into_iter(), |writer, (topic, partitions)| {
        let writer = writer.raw(topic.as_bytes());
        no_tag(
            writer.compact_list(partitions.iter(), |writer, (index, ())| writer.i32(index.get())),
        )
    }))
}

pub(in crate::records) fn read_target(reader: &mut Reader<'_>) -> Result<Partitions, RecordError> {
    let topics = reader.compact_list("the topics", |reader| {
        let topic = reader.topic_id("the id of a topic")?;
        let indexes = read_indexes(reader)?;
        read_no_tag(reader)?;
        Ok(indexes.into_iter().map(move |index| PartitionId::new(topic, index)))
    })?;
    read_no_tag(reader)?;
    Ok(topics.into_iter().flatten().collect())
}

pub(in crate::records) fn read_indexes(
    reader: &mut Reader<'_>,
) -> Result<Vec<PartitionIndex>, RecordError> {
    reader.compact_list("the partitions", |reader| reader.i32("a partition").map(PartitionIndex))
}

impl CurrentAssignment {
    pub(super) fn write(&self, writer: Writer) -> Writer {
        let writer = writer.i32(self.epoch).i32(self.previous_epoch);
        let writer = writer.raw(&self.state.number().to_be_bytes());
        no_tag(write_owned(&self.revoking, write_owned(&self.assigned, writer)))
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<CurrentAssignment, RecordError> {
        let epoch = reader.i32("the epoch of a member")?;
        let current = CurrentAssignment {
            epoch,
            previous_epoch: reader.i32("the last epoch of a member")?,
            state: MemberState::from_number(reader.i8("the state of a member")?)?,
            assigned: read_owned(epoch, reader)?,
            revoking: read_owned(epoch, reader)?,
        };
        read_no_tag(reader)?;
        Ok(current)
    }
}

fn write_owned(partitions: &OwnedPartitions, writer: Writer) -> Writer {
    let topics = by_topic(partitions.iter().map(|(partition, epoch)| (*partition, *epoch)));
    writer.compact_list(topics.into_iter(), |writer, (topic, partitions)| {
        let writer = writer.raw(topic.as_bytes());
        let writer =
            writer.compact_list(partitions.iter(), |writer, (index, _)| writer.i32(index.get()));
        let epochs = Writer::empty();
        let epochs =
            epochs.compact_list(partitions.iter(), |writer, (_, epoch)| writer.i32(*epoch));
        tag(writer, Some(epochs))
    })
}

/// Partitions without epochs of their own were assigned at the member's.
fn read_owned(member_epoch: i32, reader: &mut Reader<'_>) -> Result<OwnedPartitions, RecordError> {
    let topics = reader.compact_list("the topics", |reader| {
        let topic = reader.topic_id("the id of a topic")?;
        let indexes = read_indexes(reader)?;
        let mut epochs = None;
        read_tag(reader, |field| {
            let name = "the epochs of the partitions";
            epochs = field.compact_nullable_list(name, |field| field.i32(name))?;
            Ok(())
        })?;
        let epochs = epochs.unwrap_or_else(|| vec![member_epoch; indexes.len()]);
        if epochs.len() != indexes.len() {
            let (epochs, partitions) = (epochs.len(), indexes.len());
            return Err(RecordError::Epochs { epochs, partitions });
        }
        let ids = indexes.into_iter().map(move |index| PartitionId::new(topic, index));
        Ok(ids.zip(epochs))
    })?;
    Ok(topics.into_iter().flatten().collect())
}

type TopicPart<T> = (TopicId, Vec<(PartitionIndex, T)>);

/// Partitions in order, as lists of one topic each.
fn by_topic<T>(partitions: impl Iterator<Item = (PartitionId, T)>) -> Vec<TopicPart<T>> {
    let mut topics: Vec<TopicPart<T>> = Vec::new();
    for (partition, value) in partitions {
        match topics.last_mut() {
            Some((topic, indexes)) if *topic == partition.topic => {
                indexes.push((partition.index, value));
            }
            _ => topics.push((partition.topic, vec![(partition.index, value)])),
        }
    }
    topics
}

impl MemberState {
    const fn number(self) -> i8 {
        match self {
            MemberState::Stable => 0,
            MemberState::UnrevokedPartitions => 1,
            MemberState::UnreleasedPartitions => 2,
        }
    }

    fn from_number(state: i8) -> Result<MemberState, RecordError> {
        match state {
            0 => Ok(MemberState::Stable),
            1 => Ok(MemberState::UnrevokedPartitions),
            2 => Ok(MemberState::UnreleasedPartitions),
            state => Err(RecordError::MemberState { state }),
        }
    }
}

impl ResolvedExpression {
    pub(super) fn write(&self, writer: Writer) -> Writer {
        let names = |writer: Writer, topic: &Arc<str>| writer.compact_string(topic);
        let writer = writer.compact_list(self.topics.iter(), names);
        no_tag(writer.i64(self.version).i64(self.resolved_at.get()))
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<ResolvedExpression, RecordError> {
        let names = |reader: &mut Reader<'_>| text(reader, "the name of a topic");
        let resolved = ResolvedExpression {
            topics: reader.compact_list("the topics", names)?.into_iter().collect(),
            version: reader.i64("the version of the metadata")?,
            resolved_at: Timestamp(reader.i64("the time of the match")?),
        };
        read_no_tag(reader)?;
        Ok(resolved)
    }
}
