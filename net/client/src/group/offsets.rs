//! Committed offsets on the wire: OffsetCommit and OffsetFetch for the partitions of a member.
//! Every partition that was asked about has its own answer.

use std::collections::{BTreeMap, BTreeSet};

use corelog_model::{ErrorCode, LeaderEpoch, Offset, TopicId};
use corelog_wire::api::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use corelog_wire::api::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use corelog_wire::{
    ApiKey, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
};

use super::membership::{code_of, refusal};
use super::{MemberIdentity, Protocol};
use crate::{ClientError, Metadata, Reply, TopicPartition};

#[cfg(test)]
mod tests;

/// The last versions of OffsetCommit and OffsetFetch that name topics; later ones have ids.
pub const NAMED_TOPICS_MAX: i16 = 9;
/// The last version of OffsetFetch that asks about one group only.
const ONE_GROUP_MAX: i16 = 7;

/// How far a group has read a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: Offset,
    /// The epoch of the last record that was read, where known (KIP-320).
    pub leader_epoch: Option<LeaderEpoch>,
    /// What the application added; servers take 4096 bytes unless told otherwise.
    pub metadata: Option<String>,
}

/// Whether offsets of open transactions matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stability {
    /// What is committed now.
    Any,
    /// Partitions with offsets in an open transaction answer UNSTABLE_OFFSET_COMMIT (KIP-447).
    Stable,
}

/// The partitions that a request asks about: what is needed to read its response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    group: String,
    /// With the ids under which they were asked for.
    partitions: BTreeMap<TopicPartition, TopicId>,
}

/// What became of each partition.
pub type Results<T> = BTreeMap<TopicPartition, Result<T, ErrorCode>>;

/// The request that commits offsets, written for `version`. A topic whose id the version needs and
/// the metadata lacks is an error.
pub fn commit(
    identity: &MemberIdentity,
    offsets: &BTreeMap<TopicPartition, CommittedOffset>,
    version: i16,
    metadata: &Metadata,
) -> Result<(OffsetCommitRequest<'static>, Asked), ClientError> {
    let asked = Asked::new(identity, offsets.keys(), version, metadata)?;
    let mut topics: Vec<OffsetCommitRequestTopic<'static>> = Vec::new();
    for ((at, id), committed) in asked.partitions.iter().zip(offsets.values()) {
        let partition = OffsetCommitRequestPartition {
            partition_index: at.partition,
            committed_offset: committed.offset.0,
            committed_leader_epoch: committed.leader_epoch.map_or(-1, |epoch| epoch.0),
            // Kafka's clients write an empty text for none.
            committed_metadata: Some(committed.metadata.clone().unwrap_or_default().into()),
        };
        match topics.last_mut() {
            Some(topic) if *topic.name == *at.topic => topic.partitions.push(partition),
            _ => topics.push(OffsetCommitRequestTopic {
                name: at.topic.to_string().into(),
                topic_id: *id.as_bytes(),
                partitions: vec![partition],
            }),
        }
    }
    let request = OffsetCommitRequest {
        group_id: identity.group.clone().into(),
        generation_id_or_member_epoch: identity.epoch,
        member_id: identity.member_id.clone().into(),
        group_instance_id: identity.instance_id.clone().map(Into::into),
        retention_time_ms: -1,
        topics,
    };
    Ok((request, asked))
}

/// The request for committed offsets, written for `version`. [`Stability::Stable`] needs version 7.
/// A topic whose id the version needs and the metadata lacks is an error.
pub fn fetch(
    identity: &MemberIdentity,
    partitions: &BTreeSet<TopicPartition>,
    stability: Stability,
    version: i16,
    metadata: &Metadata,
) -> Result<(OffsetFetchRequest<'static>, Asked), ClientError> {
    let asked = Asked::new(identity, partitions.iter(), version, metadata)?;
    let mut topics: Vec<OffsetFetchRequestTopics<'static>> = Vec::new();
    for (at, id) in &asked.partitions {
        match topics.last_mut() {
            Some(topic) if *topic.name == *at.topic => topic.partition_indexes.push(at.partition),
            _ => topics.push(OffsetFetchRequestTopics {
                name: at.topic.to_string().into(),
                topic_id: *id.as_bytes(),
                partition_indexes: vec![at.partition],
            }),
        }
    }
    let group_id = identity.group.clone().into();
    let require_stable = stability == Stability::Stable;
    let request = if version <= ONE_GROUP_MAX {
        let named = |topic: OffsetFetchRequestTopics<'static>| OffsetFetchRequestTopic {
            name: topic.name,
            partition_indexes: topic.partition_indexes,
        };
        let topics = Some(topics.into_iter().map(named).collect());
        OffsetFetchRequest { group_id, topics, require_stable, ..OffsetFetchRequest::default() }
    } else {
        // Only the new protocol has the coordinator check who asks.
        let is_checked = identity.protocol == Protocol::Consumer && !identity.member_id.is_empty();
        let group = OffsetFetchRequestGroup {
            group_id,
            member_id: is_checked.then(|| identity.member_id.clone().into()),
            member_epoch: if is_checked { identity.epoch } else { -1 },
            topics: Some(topics),
        };
        let groups = vec![group];
        OffsetFetchRequest { groups, require_stable, ..OffsetFetchRequest::default() }
    };
    Ok((request, asked))
}

/// The request for everything that a group has committed, for versions that name topics; from
/// version 2.
pub fn fetch_all(group: &str) -> OffsetFetchRequest<'static> {
    // Versions up to 7 have one group, later ones a list; each writes its own.
    OffsetFetchRequest {
        group_id: group.to_owned().into(),
        topics: None,
        groups: vec![OffsetFetchRequestGroup {
            group_id: group.to_owned().into(),
            member_id: None,
            member_epoch: -1,
            topics: None,
        }],
        require_stable: false,
    }
}

/// Reads the response to [`fetch_all`]. A refusal of the whole group is an error.
pub fn all_fetched(
    group: &str,
    reply: &Reply,
) -> Result<Results<Option<CommittedOffset>>, ClientError> {
    let mut results = Results::new();
    let mut add = |topic: &str, number, code, committed| {
        results.insert(TopicPartition::new(topic, number), result(code, committed));
    };
    let response: OffsetFetchResponse<'_> = reply.decode()?;
    accept(response.error_code, group)?;
    for topic in &response.topics {
        for one in &topic.partitions {
            let (offset, epoch) = (one.committed_offset, one.committed_leader_epoch);
            let committed = committed(offset, epoch, one.metadata.as_deref());
            add(&topic.name, one.partition_index, one.error_code, committed);
        }
    }
    if reply.version() <= ONE_GROUP_MAX {
        return Ok(results);
    }
    let found = response.groups.iter().find(|found| *found.group_id == *group);
    let found = found.ok_or_else(|| reply.lacks(format!("group {group}")))?;
    accept(found.error_code, group)?;
    for topic in &found.topics {
        for one in &topic.partitions {
            let (offset, epoch) = (one.committed_offset, one.committed_leader_epoch);
            let committed = committed(offset, epoch, one.metadata.as_deref());
            add(&topic.name, one.partition_index, one.error_code, committed);
        }
    }
    Ok(results)
}

impl Asked {
    fn new<'p>(
        identity: &MemberIdentity,
        partitions: impl Iterator<Item = &'p TopicPartition>,
        version: i16,
        metadata: &Metadata,
    ) -> Result<Self, ClientError> {
        let with_id = |at: &TopicPartition| {
            let id = metadata.topic(&at.topic).map_or(TopicId::ZERO, |topic| topic.id);
            if version > NAMED_TOPICS_MAX && id == TopicId::ZERO {
                return Err(ClientError::NoTopic(at.topic.to_string()));
            }
            Ok((at.clone(), id))
        };
        let partitions = partitions.map(with_id).collect::<Result<_, _>>()?;
        Ok(Self { group: identity.group.clone(), partitions })
    }

    /// Whether a topic of a response is that of a partition.
    fn is_of(&self, at: &TopicPartition, reply: &Reply, name: &str, id: [u8; 16]) -> bool {
        if reply.version() <= NAMED_TOPICS_MAX {
            *at.topic == *name
        } else {
            self.partitions.get(at).is_some_and(|asked| *asked.as_bytes() == id)
        }
    }

    /// Finds the answer for each partition; one without an answer is an error.
    fn answers<T>(
        &self,
        reply: &Reply,
        find: impl Fn(&TopicPartition) -> Option<Result<T, ErrorCode>>,
    ) -> Result<Results<T>, ClientError> {
        let answer = |at: &TopicPartition| {
            let found = find(at).ok_or_else(|| reply.lacks(at.to_string()))?;
            Ok((at.clone(), found))
        };
        self.partitions.keys().map(answer).collect()
    }

    /// Reads the response to [`commit`].
    pub fn committed(&self, reply: &Reply) -> Result<Results<()>, ClientError> {
        let response: OffsetCommitResponse<'_> = reply.decode()?;
        self.answers(reply, |at| {
            let topics = response.topics.iter();
            let topics = topics.filter(|topic| self.is_of(at, reply, &topic.name, topic.topic_id));
            let mut partitions = topics.flat_map(|topic| &topic.partitions);
            let found = partitions.find(|found| found.partition_index == at.partition)?;
            Some(result(found.error_code, ()))
        })
    }

    /// Reads the response to [`fetch`]; none where nothing is committed. A refusal of the whole
    /// group is an error.
    pub fn fetched(&self, reply: &Reply) -> Result<Results<Option<CommittedOffset>>, ClientError> {
        let response: OffsetFetchResponse<'_> = reply.decode()?;
        accept(response.error_code, &self.group)?;
        if reply.version() <= ONE_GROUP_MAX {
            return self.answers(reply, |at| {
                let topics = response.topics.iter().filter(|topic| *topic.name == *at.topic);
                let mut partitions = topics.flat_map(|topic| &topic.partitions);
                let found = partitions.find(|found| found.partition_index == at.partition)?;
                let (offset, epoch) = (found.committed_offset, found.committed_leader_epoch);
                let committed = committed(offset, epoch, found.metadata.as_deref());
                Some(result(found.error_code, committed))
            });
        }
        let group = response.groups.iter().find(|group| *group.group_id == *self.group);
        let group = group.ok_or_else(|| reply.lacks(format!("group {}", self.group)))?;
        accept(group.error_code, &self.group)?;
        self.answers(reply, |at| {
            let topics = group.topics.iter();
            let topics = topics.filter(|topic| self.is_of(at, reply, &topic.name, topic.topic_id));
            let mut partitions = topics.flat_map(|topic| &topic.partitions);
            let found = partitions.find(|found| found.partition_index == at.partition)?;
            let (offset, epoch) = (found.committed_offset, found.committed_leader_epoch);
            let committed = committed(offset, epoch, found.metadata.as_deref());
            Some(result(found.error_code, committed))
        })
    }
}

/// Fails if offsets of a group cannot be told.
fn accept(code: i16, group: &str) -> Result<(), ClientError> {
    match code_of(code) {
        ErrorCode::None => Ok(()),
        code => Err(refusal(ApiKey::OffsetFetch, group, code, None)),
    }
}

/// All results, or the first error.
pub(crate) fn all<T>(
    api: ApiKey,
    results: Results<T>,
) -> Result<BTreeMap<TopicPartition, T>, ClientError> {
    let result = |(at, result): (TopicPartition, Result<T, ErrorCode>)| match result {
        Ok(value) => Ok((at, value)),
        Err(code) => {
            let about = at.to_string();
            Err(ClientError::Refused { api, about, code, message: None })
        }
    };
    results.into_iter().map(result).collect()
}

fn result<T>(code: i16, value: T) -> Result<T, ErrorCode> {
    match code_of(code) {
        ErrorCode::None => Ok(value),
        code => Err(code),
    }
}

fn committed(offset: i64, leader_epoch: i32, metadata: Option<&str>) -> Option<CommittedOffset> {
    (offset >= 0).then(|| CommittedOffset {
        offset: Offset(offset),
        leader_epoch: (leader_epoch >= 0).then_some(LeaderEpoch(leader_epoch)),
        metadata: metadata.filter(|text| !text.is_empty()).map(str::to_owned),
    })
}
