//! The fields of the values, in the order of Kafka's schemas: written and read side by side.

use std::sync::Arc;

use corelog_model::{PartitionId, PartitionIndex, Timestamp, TopicId};

use super::super::Partitions;
use super::bytes::{DecodeError, Reader, Writer};
use super::{
    ClassicMember, CurrentAssignment, GroupMetadata, MemberMetadata, MemberState, OwnedPartitions,
    ResolvedExpression, TargetMetadata, TopicMetadata,
};

impl GroupMetadata {
    pub(super) fn write(self, out: &mut Writer) {
        out.i32(self.epoch);
        out.tag_zero(number_field(self.metadata_hash));
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<GroupMetadata, DecodeError> {
        let epoch = from.i32()?;
        let metadata_hash = read_number_field(from)?;
        Ok(GroupMetadata { epoch, metadata_hash })
    }
}

impl TargetMetadata {
    pub(super) fn write(self, out: &mut Writer) {
        out.i32(self.epoch);
        out.tag_zero(number_field(self.computed_at.get()));
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<TargetMetadata, DecodeError> {
        let epoch = from.i32()?;
        let computed_at = Timestamp(read_number_field(from)?);
        Ok(TargetMetadata { epoch, computed_at })
    }
}

/// A tagged number that is left out when it is zero.
fn number_field(value: i64) -> Option<Writer> {
    let mut field = Writer::default();
    field.i64(value);
    Some(field).filter(|_| value != 0)
}

fn read_number_field(from: &mut Reader<'_>) -> Result<i64, DecodeError> {
    let mut value = 0;
    from.tags(|tag, mut field| {
        if tag == 0 {
            value = field.i64()?;
            field.end()?;
        }
        Ok(())
    })?;
    Ok(value)
}

pub(super) fn write_topics(topics: &[TopicMetadata], out: &mut Writer) {
    out.list(topics.iter(), |out, topic| {
        out.topic_id(topic.id);
        out.string(&topic.name);
        out.i32(topic.partition_count);
        out.list(topic.racks.iter(), |out, (partition, racks)| {
            out.i32(partition.get());
            out.list(racks.iter(), |out, rack| out.string(rack));
            out.tag_zero(None);
        });
        out.tag_zero(None);
    });
    out.tag_zero(None);
}

pub(super) fn read_topics(from: &mut Reader<'_>) -> Result<Vec<TopicMetadata>, DecodeError> {
    let topics = from.list(|from| {
        let topic = TopicMetadata {
            id: from.topic_id()?,
            name: from.string()?,
            partition_count: from.i32()?,
            racks: from.list(|from| {
                let racks = (from.partition()?, from.list(Reader::string)?);
                from.no_tags()?;
                Ok(racks)
            })?,
        };
        from.no_tags()?;
        Ok(topic)
    })?;
    from.no_tags()?;
    Ok(topics)
}

impl MemberMetadata {
    pub(super) fn write(&self, out: &mut Writer) {
        out.nullable_string(self.instance_id.as_deref());
        out.nullable_string(self.rack_id.as_deref());
        out.string(&self.client_id);
        out.string(&self.client_host);
        out.list(self.topic_names.iter(), |out, name| out.string(name));
        out.nullable_string(self.topic_regex.as_deref());
        out.i32(self.rebalance_timeout_ms);
        out.nullable_string(self.server_assignor.as_deref());
        out.tag_zero(self.classic.as_ref().map(ClassicMember::field));
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<MemberMetadata, DecodeError> {
        let mut member = MemberMetadata {
            instance_id: from.nullable_string()?,
            rack_id: from.nullable_string()?,
            client_id: from.string()?,
            client_host: from.string()?,
            topic_names: from.list(Reader::string)?.into_iter().collect(),
            // Kafka writes an expression that was taken back as an empty one.
            topic_regex: from.nullable_string()?.filter(|regex| !regex.is_empty()),
            rebalance_timeout_ms: from.i32()?,
            server_assignor: from.nullable_string()?,
            classic: None,
        };
        from.tags(|tag, mut field| {
            if tag == 0 {
                member.classic = ClassicMember::read(&mut field)?;
                field.end()?;
            }
            Ok(())
        })?;
        Ok(member)
    }
}

impl ClassicMember {
    /// As a tagged field that may be null, so a byte says that it is not.
    fn field(&self) -> Writer {
        let mut out = Writer::default();
        out.i8(1);
        out.i32(self.session_timeout_ms);
        out.list(self.protocols.iter(), |out, (name, metadata)| {
            out.string(name);
            out.byte_string(metadata);
            out.tag_zero(None);
        });
        out.tag_zero(None);
        out
    }

    fn read(from: &mut Reader<'_>) -> Result<Option<ClassicMember>, DecodeError> {
        if from.i8()? <= 0 {
            return Ok(None);
        }
        let session_timeout_ms = from.i32()?;
        let protocols = from.list(|from| {
            let protocol = (from.string()?, from.bytes()?);
            from.no_tags()?;
            Ok(protocol)
        })?;
        from.no_tags()?;
        Ok(Some(ClassicMember { session_timeout_ms, protocols }))
    }
}

pub(super) fn write_target(partitions: &Partitions, out: &mut Writer) {
    let topics = by_topic(partitions.iter().map(|partition| (*partition, ())));
    out.list(topics.into_iter(), |out, (topic, partitions)| {
        out.topic_id(topic);
        out.list(partitions.iter(), |out, (index, ())| out.i32(index.get()));
        out.tag_zero(None);
    });
    out.tag_zero(None);
}

pub(super) fn read_target(from: &mut Reader<'_>) -> Result<Partitions, DecodeError> {
    let topics = from.list(|from| {
        let topic = from.topic_id()?;
        let indexes = from.list(Reader::partition)?;
        from.no_tags()?;
        Ok(indexes.into_iter().map(move |index| PartitionId::new(topic, index)))
    })?;
    from.no_tags()?;
    Ok(topics.into_iter().flatten().collect())
}

impl CurrentAssignment {
    pub(super) fn write(&self, out: &mut Writer) {
        out.i32(self.epoch);
        out.i32(self.previous_epoch);
        out.i8(self.state.number());
        write_owned(&self.assigned, out);
        write_owned(&self.revoking, out);
        out.tag_zero(None);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<CurrentAssignment, DecodeError> {
        let epoch = from.i32()?;
        let current = CurrentAssignment {
            epoch,
            previous_epoch: from.i32()?,
            state: MemberState::from_number(from.i8()?)?,
            assigned: read_owned(epoch, from)?,
            revoking: read_owned(epoch, from)?,
        };
        from.no_tags()?;
        Ok(current)
    }
}

fn write_owned(partitions: &OwnedPartitions, out: &mut Writer) {
    let topics = by_topic(partitions.iter().map(|(partition, epoch)| (*partition, *epoch)));
    out.list(topics.into_iter(), |out, (topic, partitions)| {
        out.topic_id(topic);
        out.list(partitions.iter(), |out, (index, _)| out.i32(index.get()));
        let mut epochs = Writer::default();
        epochs.list(partitions.iter(), |out, (_, epoch)| out.i32(*epoch));
        out.tag_zero(Some(epochs));
    });
}

/// Partitions without epochs of their own were assigned at the member's.
fn read_owned(member_epoch: i32, from: &mut Reader<'_>) -> Result<OwnedPartitions, DecodeError> {
    let topics = from.list(|from| {
        let topic = from.topic_id()?;
        let indexes = from.list(Reader::partition)?;
        let mut epochs = None;
        from.tags(|tag, mut field| {
            if tag == 0 {
                epochs = field.nullable_list(Reader::i32)?;
                field.end()?;
            }
            Ok(())
        })?;
        let epochs = epochs.unwrap_or_else(|| vec![member_epoch; indexes.len()]);
        if epochs.len() != indexes.len() {
            return Err(DecodeError::Epochs { epochs: epochs.len(), partitions: indexes.len() });
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

    fn from_number(state: i8) -> Result<MemberState, DecodeError> {
        match state {
            0 => Ok(MemberState::Stable),
            1 => Ok(MemberState::UnrevokedPartitions),
            2 => Ok(MemberState::UnreleasedPartitions),
            state => Err(DecodeError::MemberState { state }),
        }
    }
}

impl ResolvedExpression {
    pub(super) fn write(&self, out: &mut Writer) {
        out.list(self.topics.iter(), |out, topic| out.string(topic));
        out.i64(self.version);
        out.i64(self.resolved_at.get());
        out.tag_zero(None);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<ResolvedExpression, DecodeError> {
        let topics: Vec<Arc<str>> = from.list(Reader::string)?;
        let resolved = ResolvedExpression {
            topics: topics.into_iter().collect(),
            version: from.i64()?,
            resolved_at: Timestamp(from.i64()?),
        };
        from.no_tags()?;
        Ok(resolved)
    }
}
