//! OffsetCommit, OffsetFetch and OffsetDelete: how far groups have read.

use std::collections::BTreeMap;
use std::time::Duration;

use corelog_cluster::ClusterImage;
use corelog_coordinator::input::{CommitOffsets, DeleteOffsets, OffsetToCommit};
use corelog_coordinator::offsets::{FetchedOffset, TopicPartition};
use corelog_coordinator::output::PartitionResult;
use corelog_coordinator::{Input, RequestId};
use corelog_model::{ErrorCode, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};
use corelog_wire::api::offset_commit::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use corelog_wire::api::offset_delete::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use corelog_wire::api::offset_fetch::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use corelog_wire::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    OffsetFetchRequest, OffsetFetchResponse, Text,
};

use crate::authorize::table::Right;
use crate::authorize::{Access, table};

/// The first version of OffsetFetch with several groups (KIP-709).
pub const BATCHED_FETCH_FROM: i16 = 8;
/// The first version of OffsetCommit with epochs of members (KIP-848).
pub const EPOCH_FROM: i16 = 9;
/// The first version of OffsetFetch in which a whole group fails.
const GROUP_ERROR_FROM: i16 = 2;

/// One partition of a commit or deletion in the order of the request: where its result comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The coordinator was asked about it; its result is the one with this number.
    Asked(usize),
    /// It is refused here.
    Refused(ErrorCode),
}

/// What of a request is answered without the coordinator, and where the rest goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    topics: Vec<(String, Vec<(i32, Place)>)>,
}

impl Places {
    /// The code of each partition by topic, given the result of each that was asked about.
    fn codes(
        self,
        result: impl Fn(usize) -> Result<(), ErrorCode>,
    ) -> Vec<(String, Vec<(i32, i16)>)> {
        let code_of = |place| match place {
            Place::Refused(code) => code,
            Place::Asked(number) => result(number).err().unwrap_or(ErrorCode::None),
        };
        let topics = self.topics.into_iter().map(|(name, partitions)| {
            let partitions = partitions.into_iter();
            let codes = partitions.map(|(index, place)| (index, code_of(place).code()));
            (name, codes.collect())
        });
        topics.collect()
    }
}

/// The result with a number. The coordinator answers for every partition it is asked about.
fn numbered(results: &[PartitionResult]) -> impl Fn(usize) -> Result<(), ErrorCode> {
    |number| results.get(number).map_or(Err(ErrorCode::UnknownServerError), |one| one.result)
}

/// A partition that exists and that the client has this right on, or why nothing is said about it.
fn existing(
    image: &ClusterImage,
    access: (Access<'_>, &Right),
    topic: &str,
    index: i32,
) -> Result<TopicPartition, ErrorCode> {
    access.0.check(access.1, topic)?;
    let unknown = ErrorCode::UnknownTopicOrPartition;
    let found = image.topic_by_name(topic).ok_or(unknown)?;
    let index = PartitionIndex(index);
    found.partition(index).ok_or(unknown)?;
    Ok((found.name().clone(), index))
}

/// Translates an OffsetCommit. What is committed for partitions that do not exist is refused, as is
/// what the client has not this right on.
pub fn commit(
    request: &OffsetCommitRequest<'_>,
    version: i16,
    image: &ClusterImage,
    access: (Access<'_>, &Right),
) -> (Places, impl FnOnce(RequestId) -> Input + use<>) {
    let mut topics = Vec::with_capacity(request.topics.len());
    let mut offsets = Vec::new();
    for topic in &request.topics {
        let mut places = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let place = match existing(image, access, &topic.name, partition.partition_index) {
                Err(code) => Place::Refused(code),
                Ok((name, index)) => {
                    offsets.push(OffsetToCommit {
                        topic_id: image.topic_id(&topic.name).unwrap_or(TopicId::ZERO),
                        topic: name,
                        partition: index,
                        offset: Offset(partition.committed_offset),
                        leader_epoch: LeaderEpoch(partition.committed_leader_epoch),
                        metadata: partition.committed_metadata.as_deref().unwrap_or("").to_owned(),
                    });
                    Place::Asked(offsets.len() - 1)
                }
            };
            places.push((partition.partition_index, place));
        }
        topics.push((topic.name.to_string(), places));
    }
    let retention = u64::try_from(request.retention_time_ms).ok().map(Duration::from_millis);
    let commit = CommitOffsets {
        request: RequestId(0),
        group: request.group_id.to_string(),
        generation: request.generation_id_or_member_epoch,
        member_id: request.member_id.to_string(),
        instance_id: request.group_instance_id.as_deref().map(str::to_owned),
        may_carry_epoch: version >= EPOCH_FROM,
        retention,
        offsets,
    };
    let input = move |request| Input::CommitOffsets(CommitOffsets { request, ..commit });
    (Places { topics }, input)
}

/// Answers an OffsetCommit.
pub fn committed(places: Places, results: &[PartitionResult]) -> OffsetCommitResponse<'static> {
    commit_response(places.codes(numbered(results)))
}

/// Answers an OffsetCommit of which everything fails alike.
pub fn uncommitted(places: Places, code: ErrorCode) -> OffsetCommitResponse<'static> {
    commit_response(places.codes(|_| Err(code)))
}

fn commit_response(codes: Vec<(String, Vec<(i32, i16)>)>) -> OffsetCommitResponse<'static> {
    let topics = codes.into_iter().map(|(name, codes)| {
        let partitions = codes.into_iter().map(|(partition_index, error_code)| {
            OffsetCommitResponsePartition { partition_index, error_code }
        });
        OffsetCommitResponseTopic {
            name: Text::Owned(name),
            partitions: partitions.collect(),
            ..Default::default()
        }
    });
    OffsetCommitResponse { topics: topics.collect(), ..Default::default() }
}

/// Answers an OffsetCommit of a group that the client may not commit for: that is what it is told
/// of every partition, also of those that it may not see.
pub fn refused_commit(places: Places, code: ErrorCode) -> OffsetCommitResponse<'static> {
    let topics = places.topics.into_iter().map(|(name, partitions)| {
        (name, partitions.into_iter().map(|(index, _)| (index, code.code())).collect())
    });
    commit_response(topics.collect())
}

/// Translates an OffsetDelete.
pub fn delete(
    request: &OffsetDeleteRequest<'_>,
    image: &ClusterImage,
    access: Access<'_>,
) -> (Places, impl FnOnce(RequestId) -> Input + use<>) {
    let mut asked = BTreeMap::new();
    let mut partitions = Vec::new();
    let access = (access, &table::OFFSET_DELETE_TOPIC);
    let topics = request.topics.iter().map(|topic| {
        let places = topic.partitions.iter().map(|partition| {
            let index = partition.partition_index;
            let place = match existing(image, access, &topic.name, index) {
                Err(code) => Place::Refused(code),
                Ok(partition) => Place::Asked(*asked.entry(partition).or_insert_with_key(|key| {
                    partitions.push(key.clone());
                    partitions.len() - 1
                })),
            };
            (index, place)
        });
        (topic.name.to_string(), places.collect())
    });
    let topics = topics.collect();
    let group = request.group_id.to_string();
    let input = move |request| Input::DeleteOffsets(DeleteOffsets { request, group, partitions });
    (Places { topics }, input)
}

/// Answers an OffsetDelete.
pub fn deleted(
    places: Places,
    result: Result<Vec<PartitionResult>, ErrorCode>,
) -> OffsetDeleteResponse<'static> {
    let results = match result {
        Ok(results) => results,
        Err(code) => {
            return OffsetDeleteResponse { error_code: code.code(), ..Default::default() };
        }
    };
    let topics = places.codes(numbered(&results)).into_iter().map(|(name, codes)| {
        let partitions = codes.into_iter().map(|(partition_index, error_code)| {
            OffsetDeleteResponsePartition { partition_index, error_code }
        });
        OffsetDeleteResponseTopic { name: Text::Owned(name), partitions: partitions.collect() }
    });
    OffsetDeleteResponse { topics: topics.collect(), ..Default::default() }
}

/// What is asked about one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedOffsets {
    /// The group.
    pub group: String,
    /// The partitions; `None` for all that have an offset.
    pub partitions: Option<Vec<TopicPartition>>,
    /// The member that asks; none from one that is in no consumer group.
    pub member_id: Option<String>,
    /// Its epoch, or -1.
    pub member_epoch: i32,
    /// Partitions whose topics have no valid name, and so no offset.
    nameless: Vec<(String, i32)>,
    /// Partitions of topics that the client may not see.
    unauthorized: Vec<(String, i32)>,
}

/// Translates an OffsetFetch: what is wanted, group by group.
pub fn wanted(
    request: &OffsetFetchRequest<'_>,
    version: i16,
    access: Access<'_>,
) -> Vec<WantedOffsets> {
    if version >= BATCHED_FETCH_FROM {
        let groups = request.groups.iter().map(|group| {
            let topics = group.topics.as_ref().map(|topics| {
                let topics = topics.iter();
                topics.map(|topic| (&*topic.name, &topic.partition_indexes[..])).collect()
            });
            let member_id = group.member_id.as_deref().map(str::to_owned);
            let member_epoch = group.member_epoch;
            WantedOffsets {
                member_id,
                member_epoch,
                ..WantedOffsets::of(&group.group_id, topics, access)
            }
        });
        return groups.collect();
    }
    let topics = request.topics.as_ref().map(|topics| {
        let topics = topics.iter();
        topics.map(|topic| (&*topic.name, &topic.partition_indexes[..])).collect()
    });
    vec![WantedOffsets::of(&request.group_id, topics, access)]
}

impl WantedOffsets {
    fn of(group: &str, topics: Option<Vec<(&str, &[i32])>>, access: Access<'_>) -> Self {
        let (mut nameless, mut unauthorized) = (Vec::new(), Vec::new());
        let partitions = topics.map(|topics| {
            let mut partitions = Vec::new();
            for (topic, indexes) in topics {
                match TopicName::new(topic) {
                    _ if !access.may(&table::OFFSET_FETCH_TOPIC, topic) => {
                        unauthorized.extend(indexes.iter().map(|index| (topic.to_owned(), *index)));
                    }
                    Ok(name) => partitions
                        .extend(indexes.iter().map(|index| (name.clone(), PartitionIndex(*index)))),
                    Err(_) => {
                        nameless.extend(indexes.iter().map(|index| (topic.to_owned(), *index)));
                    }
                }
            }
            partitions
        });
        let (member_id, member_epoch) = (None, -1);
        let group = group.to_owned();
        WantedOffsets { group, partitions, member_id, member_epoch, nameless, unauthorized }
    }

    /// What was found without what the client may not see, where it asked for everything.
    pub fn visible(&self, mut found: Vec<FetchedOffset>, access: Access<'_>) -> Vec<FetchedOffset> {
        if self.partitions.is_none() {
            let right = &table::OFFSET_FETCH_TOPIC;
            found.retain(|one| access.may_see(right, one.topic.as_str()));
        }
        found
    }
}

/// What was found of one group.
pub type FoundOffsets = Result<Vec<FetchedOffset>, ErrorCode>;

/// Which offsets one wants to be told (KIP-447).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stability {
    /// Those that are committed.
    Any,
    /// Those that no open transaction may change: `UNSTABLE_OFFSET_COMMIT` for others.
    Required,
}

/// Answers an OffsetFetch: each wanted group with what was found.
pub fn fetched(
    found: Vec<(WantedOffsets, FoundOffsets)>,
    stability: Stability,
    version: i16,
) -> OffsetFetchResponse<'static> {
    if version >= BATCHED_FETCH_FROM {
        let groups = found.into_iter().map(|(wanted, found)| {
            let group_id = Text::Owned(wanted.group.clone());
            let (topics, code) = match found {
                Ok(offsets) => (by_topic(&wanted, offsets, stability), ErrorCode::None),
                Err(code) => (Vec::new(), code),
            };
            let topics = topics.into_iter().map(|(name, partitions)| OffsetFetchResponseTopics {
                name: Text::Owned(name),
                partitions,
                ..Default::default()
            });
            let topics = topics.collect();
            OffsetFetchResponseGroup { group_id, topics, error_code: code.code() }
        });
        return OffsetFetchResponse { groups: groups.collect(), ..Default::default() };
    }
    let Some((wanted, found)) = found.into_iter().next() else {
        return OffsetFetchResponse::default();
    };
    let (topics, code) = match found {
        Ok(offsets) => (by_topic(&wanted, offsets, stability), ErrorCode::None),
        Err(code) if version < GROUP_ERROR_FROM => (refused(&wanted, code), ErrorCode::None),
        Err(code) => (Vec::new(), code),
    };
    let partition = |one: OffsetFetchResponsePartitions<'static>| OffsetFetchResponsePartition {
        partition_index: one.partition_index,
        committed_offset: one.committed_offset,
        committed_leader_epoch: one.committed_leader_epoch,
        metadata: one.metadata,
        error_code: one.error_code,
    };
    let topics = topics.into_iter().map(|(name, partitions)| OffsetFetchResponseTopic {
        name: Text::Owned(name),
        partitions: partitions.into_iter().map(partition).collect(),
    });
    OffsetFetchResponse { topics: topics.collect(), error_code: code.code(), ..Default::default() }
}

type TopicOffsets = Vec<(String, Vec<OffsetFetchResponsePartitions<'static>>)>;

/// Every wanted partition with an error.
fn refused(wanted: &WantedOffsets, code: ErrorCode) -> TopicOffsets {
    let mut topics = by_topic(wanted, Vec::new(), Stability::Any);
    for (topic, partition) in wanted.partitions.iter().flatten() {
        push(&mut topics, topic.as_str(), nothing(partition.0));
    }
    for partition in topics.iter_mut().flat_map(|topic| &mut topic.1) {
        partition.error_code = code.code();
    }
    topics
}

fn by_topic(
    wanted: &WantedOffsets,
    offsets: Vec<FetchedOffset>,
    stability: Stability,
) -> TopicOffsets {
    let mut topics = TopicOffsets::new();
    for FetchedOffset { topic, partition, committed, has_pending } in offsets {
        let answer = match committed {
            _ if has_pending && stability == Stability::Required => OffsetFetchResponsePartitions {
                error_code: ErrorCode::UnstableOffsetCommit.code(),
                ..nothing(partition.0)
            },
            None => nothing(partition.0),
            Some(committed) => OffsetFetchResponsePartitions {
                partition_index: partition.0,
                committed_offset: committed.offset.0,
                committed_leader_epoch: committed.leader_epoch.0,
                metadata: Some(Text::Owned(committed.metadata)),
                ..Default::default()
            },
        };
        push(&mut topics, topic.as_str(), answer);
    }
    for (topic, index) in &wanted.nameless {
        push(&mut topics, topic, nothing(*index));
    }
    for (topic, index) in &wanted.unauthorized {
        let error_code = table::OFFSET_FETCH_TOPIC.refusal().code();
        let answer = OffsetFetchResponsePartitions { error_code, ..nothing(*index) };
        push(&mut topics, topic, answer);
    }
    topics
}

fn push(topics: &mut TopicOffsets, name: &str, partition: OffsetFetchResponsePartitions<'static>) {
    // Offsets come topic by topic.
    match topics.last_mut().filter(|last| last.0 == name) {
        Some(topic) => topic.1.push(partition),
        None => topics.push((name.to_owned(), vec![partition])),
    }
}

/// A partition for which nothing is committed.
fn nothing(partition_index: i32) -> OffsetFetchResponsePartitions<'static> {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: -1,
        committed_leader_epoch: -1,
        metadata: Some(Text::Borrowed("")),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
