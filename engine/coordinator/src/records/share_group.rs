//! The records of a share group in `__consumer_offsets` (KIP-932): key versions 10 to 15. A value
//! that is not there ends what the key names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use corelog_model::{PartitionId, PartitionIndex, TopicId};

use super::RecordError;
use super::consumer_group::value::{
    no_tag, nullable_text, read_indexes, read_no_tag, read_target, text, write_target,
};
use super::consumer_group::{GroupEpoch, TargetMetadata, member, read};
use super::reader::Reader;
use super::writer::Writer;
use crate::consumer_group::{MemberId, Partitions};

/// The state of a member: it owns the target of its epoch, as members of share groups always do.
const STABLE: i8 = 0;

/// One record of a share group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareGroupRecord {
    /// The group.
    pub group: Arc<str>,
    /// What the record says about it.
    pub entry: ShareEntry,
}

/// What a record says. None ends what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareEntry {
    /// `ShareGroupMemberMetadata`, key version 10.
    Member(MemberId, Option<ShareMember>),
    /// `ShareGroupMetadata`, key version 11.
    Group(Option<GroupEpoch>),
    /// `ShareGroupTargetAssignmentMetadata`, key version 12.
    Target(Option<TargetMetadata>),
    /// `ShareGroupTargetAssignmentMember`, key version 13.
    MemberTarget(MemberId, Option<Partitions>),
    /// `ShareGroupCurrentMemberAssignment`, key version 14.
    Current(MemberId, Option<ShareCurrent>),
    /// `ShareGroupStatePartitionMetadata`, key version 15.
    States(Option<StateTopics>),
}

/// Who a member is and what it wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShareMember {
    /// The rack the member is in.
    pub rack_id: Option<Arc<str>>,
    /// The client.
    pub client_id: Arc<str>,
    /// Where the client is.
    pub client_host: Arc<str>,
    /// The topics it wants.
    pub topic_names: BTreeSet<Arc<str>>,
}

/// What a member reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShareCurrent {
    /// The epoch that the member must name.
    pub epoch: i32,
    /// The one before, for a member that did not get the answer.
    pub previous_epoch: i32,
    /// The partitions it reads.
    pub assigned: Partitions,
}

/// Of which partitions the share coordinators keep how far the group is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateTopics {
    /// They are being told to.
    pub initializing: BTreeMap<TopicId, StateTopic>,
    /// They do.
    pub initialized: BTreeMap<TopicId, StateTopic>,
    /// They are being told not to any more; by the names of the topics.
    pub deleting: BTreeMap<TopicId, Arc<str>>,
}

/// Partitions of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateTopic {
    /// The name of the topic.
    pub name: Arc<str>,
    /// The partitions.
    pub partitions: BTreeSet<PartitionIndex>,
}

impl StateTopics {
    /// The partitions that are known to the share coordinators.
    pub fn initialized_partitions(&self) -> impl Iterator<Item = PartitionId> {
        partitions_of(&self.initialized)
    }

    /// The partitions that are to be.
    pub fn initializing_partitions(&self) -> impl Iterator<Item = PartitionId> {
        partitions_of(&self.initializing)
    }
}

fn partitions_of(topics: &BTreeMap<TopicId, StateTopic>) -> impl Iterator<Item = PartitionId> {
    topics
        .iter()
        .flat_map(|(id, topic)| topic.partitions.iter().map(|index| PartitionId::new(*id, *index)))
}

impl ShareGroupRecord {
    pub(super) fn encode_key(&self) -> Vec<u8> {
        let (version, member) = match &self.entry {
            ShareEntry::Member(member, _) => (10, Some(member)),
            ShareEntry::Group(_) => (11, None),
            ShareEntry::Target(_) => (12, None),
            ShareEntry::MemberTarget(member, _) => (13, Some(member)),
            ShareEntry::Current(member, _) => (14, Some(member)),
            ShareEntry::States(_) => (15, None),
        };
        let writer = Writer::new(version).string(&self.group);
        match member {
            Some(member) => writer.string(member.as_str()).finish(),
            None => writer.finish(),
        }
    }

    pub(super) fn encode_value(&self) -> Option<Vec<u8>> {
        let writer = Writer::new(super::consumer_group::VALUE_VERSION);
        let writer = match &self.entry {
            ShareEntry::Member(_, value) => value.as_ref()?.write(writer),
            ShareEntry::Group(value) => {
                let GroupEpoch { epoch, metadata_hash } = value.as_ref()?;
                no_tag(writer.i32(*epoch).i64(*metadata_hash))
            }
            ShareEntry::Target(value) => value.as_ref()?.write(writer),
            ShareEntry::MemberTarget(_, value) => write_target(value.as_ref()?, writer),
            ShareEntry::Current(_, value) => value.as_ref()?.write(writer),
            ShareEntry::States(value) => value.as_ref()?.write(writer),
        };
        Some(writer.finish())
    }

    /// The record of a key of this version, which `key` has yet to be read behind; none if it is
    /// not one of a share group.
    pub(super) fn decode(
        version: i16,
        mut key: Reader<'_>,
        value: Option<&[u8]>,
    ) -> Result<Option<ShareGroupRecord>, RecordError> {
        if !matches!(version, 10..=15) {
            return Ok(None);
        }
        let group = Arc::from(key.string("the group")?);
        let entry = match version {
            10 => ShareEntry::Member(member(&mut key)?, read(value, ShareMember::read)?),
            11 => ShareEntry::Group(read(value, read_epoch)?),
            12 => ShareEntry::Target(read(value, TargetMetadata::read)?),
            13 => ShareEntry::MemberTarget(member(&mut key)?, read(value, read_target)?),
            14 => ShareEntry::Current(member(&mut key)?, read(value, ShareCurrent::read)?),
            _ => ShareEntry::States(read(value, StateTopics::read)?),
        };
        key.end()?;
        Ok(Some(ShareGroupRecord { group, entry }))
    }
}

impl ShareEntry {
    /// Whether the record ends what it is about.
    pub fn is_tombstone(&self) -> bool {
        match self {
            ShareEntry::Member(_, value) => value.is_none(),
            ShareEntry::Group(value) => value.is_none(),
            ShareEntry::Target(value) => value.is_none(),
            ShareEntry::MemberTarget(_, value) => value.is_none(),
            ShareEntry::Current(_, value) => value.is_none(),
            ShareEntry::States(value) => value.is_none(),
        }
    }
}

fn read_epoch(reader: &mut Reader<'_>) -> Result<GroupEpoch, RecordError> {
    let epoch = reader.i32("the group epoch")?;
    let metadata_hash = reader.i64("the hash of the metadata")?;
    read_no_tag(reader)?;
    Ok(GroupEpoch { epoch, metadata_hash })
}

impl ShareMember {
    fn write(&self, writer: Writer) -> Writer {
        let writer = writer.compact_nullable_string(self.rack_id.as_deref());
        let writer = writer.compact_string(&self.client_id).compact_string(&self.client_host);
        let name = |writer: Writer, name: &Arc<str>| writer.compact_string(name);
        no_tag(writer.compact_list(self.topic_names.iter(), name))
    }

    fn read(reader: &mut Reader<'_>) -> Result<ShareMember, RecordError> {
        let name = |reader: &mut Reader<'_>| text(reader, "the name of a topic");
        let member = ShareMember {
            rack_id: nullable_text(reader, "the rack of a member")?,
            client_id: text(reader, "the client id of a member")?,
            client_host: text(reader, "the client host of a member")?,
            topic_names: reader.compact_list("the topics", name)?.into_iter().collect(),
        };
        read_no_tag(reader)?;
        Ok(member)
    }
}

impl ShareCurrent {
    fn write(&self, writer: Writer) -> Writer {
        let writer = writer.i32(self.epoch).i32(self.previous_epoch).raw(&STABLE.to_be_bytes());
        // Partitions and the end of the value look as in a target.
        write_target(&self.assigned, writer)
    }

    fn read(reader: &mut Reader<'_>) -> Result<ShareCurrent, RecordError> {
        let epoch = reader.i32("the epoch of a member")?;
        let previous_epoch = reader.i32("the last epoch of a member")?;
        reader.i8("the state of a member")?;
        Ok(ShareCurrent { epoch, previous_epoch, assigned: read_target(reader)? })
    }
}

impl StateTopics {
    fn write(&self, writer: Writer) -> Writer {
        let writer = write_topics(&self.initialized, write_topics(&self.initializing, writer));
        no_tag(writer.compact_list(self.deleting.iter(), |writer, (id, name)| {
            no_tag(writer.raw(id.as_bytes()).compact_string(name))
        }))
    }

    fn read(reader: &mut Reader<'_>) -> Result<StateTopics, RecordError> {
        let initializing = read_topics(reader)?;
        let initialized = read_topics(reader)?;
        let deleting = reader.compact_list("the topics that go away", |reader| {
            let topic = reader.topic_id("the id of a topic")?;
            let name = text(reader, "the name of a topic")?;
            read_no_tag(reader)?;
            Ok((topic, name))
        })?;
        read_no_tag(reader)?;
        Ok(StateTopics { initializing, initialized, deleting: deleting.into_iter().collect() })
    }
}

fn write_topics(topics: &BTreeMap<TopicId, StateTopic>, writer: Writer) -> Writer {
    writer.compact_list(topics.iter(), |writer, (id, topic)| {
        let writer = writer.raw(id.as_bytes()).compact_string(&topic.name);
        let index = |writer: Writer, index: &PartitionIndex| writer.i32(index.get());
        no_tag(writer.compact_list(topic.partitions.iter(), index))
    })
}

fn read_topics(reader: &mut Reader<'_>) -> Result<BTreeMap<TopicId, StateTopic>, RecordError> {
    let topics = reader.compact_list("the topics", |reader| {
        let id = reader.topic_id("the id of a topic")?;
        let name = text(reader, "the name of a topic")?;
        let partitions = read_indexes(reader)?.into_iter().collect();
        read_no_tag(reader)?;
        Ok((id, StateTopic { name, partitions }))
    })?;
    Ok(topics.into_iter().collect())
}
