//! The records of a consumer group (KIP-848): key versions 3 to 8 and 16. A value that is not there
//! ends what the key names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use corelog_model::{PartitionId, PartitionIndex, Timestamp, TopicId};

use super::RecordError;
use super::reader::Reader;
use super::writer::Writer;
use crate::consumer_group::{MemberId, Partitions};
use crate::input::JoinProtocol;

pub(super) mod value;

#[cfg(test)]
mod tests;

/// The only version of the values.
pub(super) const VALUE_VERSION: i16 = 0;

/// One record of a consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroupRecord {
    /// The group.
    pub group: Arc<str>,
    /// What the record says about it.
    pub entry: Entry,
}

/// What a record says. None ends what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// `ConsumerGroupMetadata`, key version 3.
    Group(Option<GroupEpoch>),
    /// `ConsumerGroupPartitionMetadata`, key version 4. Read, and ended; no longer written.
    PartitionMetadata(Option<Vec<TopicMetadata>>),
    /// `ConsumerGroupMemberMetadata`, key version 5.
    Member(MemberId, Option<MemberMetadata>),
    /// `ConsumerGroupTargetAssignmentMetadata`, key version 6.
    Target(Option<TargetMetadata>),
    /// `ConsumerGroupTargetAssignmentMember`, key version 7.
    MemberTarget(MemberId, Option<Partitions>),
    /// `ConsumerGroupCurrentMemberAssignment`, key version 8.
    Current(MemberId, Option<CurrentAssignment>),
    /// `ConsumerGroupRegularExpression`, key version 16.
    Expression(Arc<str>, Option<ResolvedExpression>),
}

/// The epoch of a group and what it was about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupEpoch {
    /// The group epoch.
    pub epoch: i32,
    /// Differs when subscribed topics differ. See [`crate::consumer_group::Topics::hash_of`].
    pub metadata_hash: i64,
}

/// A topic as groups before Kafka 4.1 recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMetadata {
    /// The topic.
    pub id: TopicId,
    /// Its name.
    pub name: Arc<str>,
    /// How many partitions it had.
    pub partition_count: i32,
    /// In which racks partitions were, where known.
    pub racks: Vec<(PartitionIndex, Vec<Arc<str>>)>,
}

/// Who a member is and what it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberMetadata {
    /// The name of a static member.
    pub instance_id: Option<Arc<str>>,
    /// The rack the member is in.
    pub rack_id: Option<Arc<str>>,
    /// The client.
    pub client_id: Arc<str>,
    /// Where the client is.
    pub client_host: Arc<str>,
    /// The topics it names.
    pub topic_names: BTreeSet<Arc<str>>,
    /// The expression whose topics it wants too. Never empty.
    pub topic_regex: Option<Arc<str>>,
    /// How long it may take to give up partitions, in milliseconds; -1 if it never said.
    pub rebalance_timeout_ms: i32,
    /// The assignor it prefers.
    pub server_assignor: Option<Arc<str>>,
    /// Only of a member that speaks the classic protocol.
    pub classic: Option<ClassicMember>,
}

impl Default for MemberMetadata {
    fn default() -> MemberMetadata {
        MemberMetadata {
            instance_id: None,
            rack_id: None,
            client_id: Arc::from(""),
            client_host: Arc::from(""),
            topic_names: BTreeSet::new(),
            topic_regex: None,
            rebalance_timeout_ms: -1,
            server_assignor: None,
            classic: None,
        }
    }
}

/// What a member of a consumer group said in the classic protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassicMember {
    /// Its session timeout.
    pub session_timeout_ms: i32,
    /// Its protocols, with what it said for each.
    pub protocols: Vec<JoinProtocol>,
}

/// Which target the members' targets belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetMetadata {
    /// The group epoch for which the target was computed.
    pub epoch: i32,
    /// When it was; zero if nobody noted it.
    pub computed_at: Timestamp,
}

/// What a member owns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CurrentAssignment {
    /// The epoch that the member must name.
    pub epoch: i32,
    /// The one before, for a member that did not get the answer.
    pub previous_epoch: i32,
    /// How far the member is on the way to its target.
    pub state: MemberState,
    /// The partitions it may use, each with the epoch at which it got it.
    pub assigned: OwnedPartitions,
    /// The partitions it must give up.
    pub revoking: OwnedPartitions,
}

/// Partitions, each with the member epoch at which it was assigned.
pub type OwnedPartitions = BTreeMap<PartitionId, i32>;

/// How far a member is on the way to its target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberState {
    /// It owns the target of its epoch.
    #[default]
    Stable,
    /// It has yet to give up partitions.
    UnrevokedPartitions,
    /// It waits for partitions that others have yet to give up.
    UnreleasedPartitions,
}

/// Which topics an expression matched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvedExpression {
    /// The names of the topics.
    pub topics: BTreeSet<Arc<str>>,
    /// The version of the metadata that was searched.
    pub version: i64,
    /// When it was.
    pub resolved_at: Timestamp,
}

impl ConsumerGroupRecord {
    pub(super) fn encode_key(&self) -> Vec<u8> {
        let (version, name): (i16, Option<&str>) = match &self.entry {
            Entry::Group(_) => (3, None),
            Entry::PartitionMetadata(_) => (4, None),
            Entry::Member(member, _) => (5, Some(member.as_str())),
            Entry::Target(_) => (6, None),
            Entry::MemberTarget(member, _) => (7, Some(member.as_str())),
            Entry::Current(member, _) => (8, Some(member.as_str())),
            Entry::Expression(expression, _) => (16, Some(expression)),
        };
        let writer = Writer::new(version).string(&self.group);
        match name {
            Some(name) => writer.string(name).finish(),
            None => writer.finish(),
        }
    }

    pub(super) fn encode_value(&self) -> Option<Vec<u8>> {
        let writer = Writer::new(VALUE_VERSION);
        let writer = match &self.entry {
            Entry::Group(value) => value.as_ref()?.write(writer),
            Entry::PartitionMetadata(value) => value::write_topics(value.as_ref()?, writer),
            Entry::Member(_, value) => value.as_ref()?.write(writer),
            Entry::Target(value) => value.as_ref()?.write(writer),
            Entry::MemberTarget(_, value) => value::write_target(value.as_ref()?, writer),
            Entry::Current(_, value) => value.as_ref()?.write(writer),
            Entry::Expression(_, value) => value.as_ref()?.write(writer),
        };
        Some(writer.finish())
    }

    /// The record of a key of this version, which `key` has yet to be read behind; none if it is
    /// not one of a consumer group.
    pub(super) fn decode(
        version: i16,
        mut key: Reader<'_>,
        value: Option<&[u8]>,
    ) -> Result<Option<ConsumerGroupRecord>, RecordError> {
        if !matches!(version, 3..=8 | 16) {
            return Ok(None);
        }
        let group = Arc::from(key.string("the group")?);
        let entry = match version {
            3 => Entry::Group(read(value, GroupEpoch::read)?),
            4 => Entry::PartitionMetadata(read(value, value::read_topics)?),
            6 => Entry::Target(read(value, TargetMetadata::read)?),
            5 => Entry::Member(member(&mut key)?, read(value, MemberMetadata::read)?),
            7 => Entry::MemberTarget(member(&mut key)?, read(value, value::read_target)?),
            8 => Entry::Current(member(&mut key)?, read(value, CurrentAssignment::read)?),
            _ => {
                let expression = Arc::from(key.string("the expression")?);
                Entry::Expression(expression, read(value, ResolvedExpression::read)?)
            }
        };
        key.end()?;
        Ok(Some(ConsumerGroupRecord { group, entry }))
    }
}

impl Entry {
    /// Whether the record ends what it is about.
    pub fn is_tombstone(&self) -> bool {
        match self {
            Entry::Group(value) => value.is_none(),
            Entry::PartitionMetadata(value) => value.is_none(),
            Entry::Member(_, value) => value.is_none(),
            Entry::Target(value) => value.is_none(),
            Entry::MemberTarget(_, value) => value.is_none(),
            Entry::Current(_, value) => value.is_none(),
            Entry::Expression(_, value) => value.is_none(),
        }
    }
}

pub(super) fn member(key: &mut Reader<'_>) -> Result<MemberId, RecordError> {
    key.string("the member").map(|member| MemberId::from(member.as_str()))
}

pub(super) fn read<'a, T>(
    value: Option<&'a [u8]>,
    fields: impl FnOnce(&mut Reader<'a>) -> Result<T, RecordError>,
) -> Result<Option<T>, RecordError> {
    let Some(bytes) = value else { return Ok(None) };
    let mut reader = Reader::new(bytes);
    let version = reader.i16("the version of the value")?;
    if version != VALUE_VERSION {
        return Err(RecordError::ValueVersion { kind: "a consumer group", version });
    }
    let value = fields(&mut reader)?;
    reader.end()?;
    Ok(Some(value))
}
