//! DescribeShareGroupOffsets, AlterShareGroupOffsets and DeleteShareGroupOffsets: how far a share
//! group is, and to let it begin elsewhere (KIP-932).

use std::collections::BTreeMap;
use std::sync::Arc;

use corelog_cluster::ClusterImage;
use corelog_coordinator::records::StateTopics;
use corelog_model::{ErrorCode, LeaderEpoch, Offset, PartitionId, PartitionIndex, TopicId};
use corelog_shard::ShareOffset;
use corelog_wire::api::alter_share_group_offsets::{AlteredPartition, AlteredTopic};
use corelog_wire::api::delete_share_group_offsets::DeletedTopic;
use corelog_wire::api::describe_share_group_offsets::{
    DescribeTopic, DescribedGroup, DescribedPartition, DescribedTopic,
};
use corelog_wire::{
    AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse, DeleteShareGroupOffsetsRequest,
    DeleteShareGroupOffsetsResponse, Text,
};

use crate::authorize::Access;
use crate::authorize::table::{self, Right};

/// Partitions of a topic that are asked for by name, and its id or why there is none to be told.
pub type Wanted = (String, Result<TopicId, ErrorCode>, Vec<PartitionIndex>);

/// The topic of a name, if there is one and the client has the right on it.
fn find(
    name: &str,
    image: &ClusterImage,
    (access, right): (Access<'_>, &Right),
) -> Result<TopicId, ErrorCode> {
    access.check(right, name)?;
    image.topic_id(name).ok_or(ErrorCode::UnknownTopicOrPartition)
}

/// Which partitions a DescribeShareGroupOffsets is about: those it names, or all that the group
/// has.
pub fn wanted(
    topics: Option<&[DescribeTopic<'_>]>,
    states: &StateTopics,
    (image, access): (&ClusterImage, Access<'_>),
) -> Vec<Wanted> {
    let right = &table::SHARE_OFFSETS_TOPIC;
    let Some(topics) = topics else {
        let known = states.initialized.iter();
        let known = known.filter(|(_, topic)| access.may_see(right, &topic.name));
        let known = known.map(|(id, topic)| {
            (topic.name.to_string(), Ok(*id), topic.partitions.iter().copied().collect())
        });
        return known.collect();
    };
    let named = topics.iter().map(|topic| {
        let indexes = topic.partitions.iter().map(|index| PartitionIndex(*index)).collect();
        let found = find(&topic.topic_name, image, (access, right));
        (topic.topic_name.to_string(), found, indexes)
    });
    named.collect()
}

/// Whether the share coordinators know how far a group is with a partition.
pub fn is_known(states: &StateTopics, id: PartitionId) -> bool {
    let topic = states.initialized.get(&id.topic);
    topic.is_some_and(|topic| topic.partitions.contains(&id.index))
}

/// How far a group is that has never read.
pub const NEVER_READ: ShareOffset =
    ShareOffset { start: Offset::NONE, leader_epoch: LeaderEpoch(0), lag: None };

/// What is told of a group.
pub fn described(
    group: String,
    topics: Vec<(Wanted, Vec<Result<ShareOffset, ErrorCode>>)>,
) -> DescribedGroup<'static> {
    let topic = |((name, id, indexes), results): (Wanted, Vec<_>)| DescribedTopic {
        topic_name: Text::Owned(name),
        topic_id: id.map_or([0; 16], |id| *id.as_bytes()),
        partitions: indexes.into_iter().zip(results).map(described_partition).collect(),
    };
    DescribedGroup {
        group_id: Text::Owned(group),
        topics: topics.into_iter().map(topic).collect(),
        ..Default::default()
    }
}

/// What is told of a group that cannot be described.
pub fn undescribed(group: String, code: ErrorCode) -> DescribedGroup<'static> {
    DescribedGroup {
        group_id: Text::Owned(group),
        error_code: code.code(),
        error_message: Some(Text::Borrowed(code.message())),
        ..Default::default()
    }
}

fn described_partition(
    (index, result): (PartitionIndex, Result<ShareOffset, ErrorCode>),
) -> DescribedPartition<'static> {
    let partition_index = index.get();
    match result {
        Ok(ShareOffset { start, leader_epoch, lag }) => DescribedPartition {
            partition_index,
            start_offset: start.0,
            leader_epoch: leader_epoch.0,
            lag: lag.unwrap_or(-1),
            ..Default::default()
        },
        Err(code) => DescribedPartition {
            partition_index,
            error_code: code.code(),
            error_message: Some(Text::Borrowed(code.message())),
            ..Default::default()
        },
    }
}

/// What became of a partition.
type Altered = (PartitionId, Result<(), ErrorCode>);

/// What an AlterShareGroupOffsets sets, and what is refused of it.
#[derive(Default)]
pub struct Alteration {
    /// The group.
    pub group: String,
    /// From where partitions are to be read.
    pub offsets: Vec<(PartitionId, Arc<str>, Offset)>,
    /// The topics of the request, with their partitions.
    topics: Vec<Wanted>,
    refused: BTreeMap<(String, i32), ErrorCode>,
}

impl Alteration {
    /// Takes over what the request says.
    pub fn parse(
        request: &AlterShareGroupOffsetsRequest<'_>,
        image: &ClusterImage,
        access: Access<'_>,
    ) -> Alteration {
        let rights = (access, &table::ALTER_SHARE_OFFSETS_TOPIC);
        let mut alteration =
            Alteration { group: request.group_id.to_string(), ..Alteration::default() };
        for topic in &request.topics {
            let name = topic.topic_name.to_string();
            let id = find(&name, image, rights);
            let mut indexes = Vec::with_capacity(topic.partitions.len());
            for one in &topic.partitions {
                let index = PartitionIndex(one.partition_index);
                indexes.push(index);
                let partition = id.and_then(|topic| {
                    let id = PartitionId::new(topic, index);
                    image.partition(id).ok_or(ErrorCode::UnknownTopicOrPartition)?;
                    Ok(id)
                });
                let place = (name.clone(), one.partition_index);
                match partition {
                    Err(code) => {
                        alteration.refused.insert(place, code);
                    }
                    Ok(_) if one.start_offset < 0 => {
                        alteration.refused.insert(place, ErrorCode::InvalidRequest);
                    }
                    Ok(id) => {
                        let (name, start) = (Arc::from(&*name), Offset(one.start_offset));
                        alteration.offsets.push((id, name, start));
                    }
                }
            }
            alteration.topics.push((name, id, indexes));
        }
        alteration
    }

    /// Answers it.
    pub fn answer(
        self,
        result: Result<Vec<Altered>, ErrorCode>,
    ) -> AlterShareGroupOffsetsResponse<'static> {
        let results: BTreeMap<_, _> = match result {
            Ok(results) => results.into_iter().collect(),
            Err(code) => {
                return AlterShareGroupOffsetsResponse {
                    error_code: code.code(),
                    error_message: Some(Text::Borrowed(code.message())),
                    ..Default::default()
                };
            }
        };
        let refused = self.refused;
        let responses = self.topics.into_iter().map(|(name, id, indexes)| {
            let partition = |index: PartitionIndex| {
                let set = id.ok().and_then(|topic| results.get(&PartitionId::new(topic, index)));
                let refused = refused.get(&(name.clone(), index.get())).copied();
                let code = refused.or_else(|| set.copied().and_then(Result::err));
                AlteredPartition {
                    partition_index: index.get(),
                    error_code: code.map_or(0, ErrorCode::code),
                    error_message: code.map(|code| Text::Borrowed(code.message())),
                }
            };
            AlteredTopic {
                partitions: indexes.into_iter().map(partition).collect(),
                topic_id: id.map_or([0; 16], |id| *id.as_bytes()),
                topic_name: Text::Owned(name.clone()),
            }
        });
        AlterShareGroupOffsetsResponse { responses: responses.collect(), ..Default::default() }
    }
}

/// The topics of a DeleteShareGroupOffsets, and their ids or why there is none to be told.
pub fn deletion(
    request: &DeleteShareGroupOffsetsRequest<'_>,
    image: &ClusterImage,
    access: Access<'_>,
) -> Vec<(String, Result<TopicId, ErrorCode>)> {
    let rights = (access, &table::DELETE_SHARE_OFFSETS_TOPIC);
    let topic = |name: &Text<'_>| (name.to_string(), find(name, image, rights));
    request.topics.iter().map(|one| topic(&one.topic_name)).collect()
}

/// Answers it. The group had something of the topics in `known`.
pub fn deleted(
    topics: Vec<(String, Result<TopicId, ErrorCode>)>,
    known: &StateTopics,
    result: Result<(), ErrorCode>,
) -> DeleteShareGroupOffsetsResponse<'static> {
    if let Err(code) = result {
        return DeleteShareGroupOffsetsResponse {
            error_code: code.code(),
            error_message: Some(Text::Borrowed(code.message())),
            ..Default::default()
        };
    }
    let responses = topics.into_iter().map(|(name, id)| {
        let is_known = |id: &TopicId| {
            known.initialized.contains_key(id)
                || known.initializing.contains_key(id)
                || known.deleting.contains_key(id)
        };
        let code = match &id {
            Ok(id) if is_known(id) => None,
            Ok(_) => Some(ErrorCode::UnknownTopicOrPartition),
            Err(code) => Some(*code),
        };
        DeletedTopic {
            topic_name: Text::Owned(name),
            topic_id: id.map_or([0; 16], |id| *id.as_bytes()),
            error_code: code.map_or(0, ErrorCode::code),
            error_message: code.map(|code| Text::Borrowed(code.message())),
        }
    });
    DeleteShareGroupOffsetsResponse { responses: responses.collect(), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use corelog_coordinator::records::StateTopic;
    use corelog_wire::api::alter_share_group_offsets::{AlterPartition, AlterTopic};

    use super::*;
    use crate::api::scene::{cluster, with_topic};

    fn image() -> ClusterImage {
        with_topic(&cluster(&[1]), ("t", 1), (2, 1), &[])
    }

    fn states(topic: TopicId) -> StateTopics {
        let partitions = [PartitionIndex(1)].into();
        let known = StateTopic { name: Arc::from("t"), partitions };
        StateTopics { initialized: [(topic, known)].into(), ..StateTopics::default() }
    }

    #[test]
    fn a_group_is_described_by_what_it_has_or_by_name() {
        let image = image();
        let topic = image.topic_id("t").unwrap();
        let states = states(topic);
        let all = wanted(None, &states, (&image, Access::UNLIMITED));
        assert_eq!(all, [("t".to_owned(), Ok(topic), vec![PartitionIndex(1)])]);
        let named = [
            DescribeTopic { topic_name: "t".into(), partitions: vec![0] },
            DescribeTopic { topic_name: "u".into(), partitions: vec![0] },
        ];
        let named = wanted(Some(&named), &states, (&image, Access::UNLIMITED));
        assert_eq!(named[0], ("t".to_owned(), Ok(topic), vec![PartitionIndex(0)]));
        let unknown = Err(ErrorCode::UnknownTopicOrPartition);
        assert_eq!(named[1], ("u".to_owned(), unknown, vec![PartitionIndex(0)]));
        assert!(!is_known(&states, PartitionId::new(topic, PartitionIndex(0))));
        assert!(is_known(&states, PartitionId::new(topic, PartitionIndex(1))));
    }

    #[test]
    fn what_cannot_be_set_is_refused_by_partition() {
        let image = image();
        let partition =
            |partition_index, start_offset| AlterPartition { partition_index, start_offset };
        let request = AlterShareGroupOffsetsRequest {
            group_id: "g".into(),
            topics: vec![AlterTopic {
                topic_name: "t".into(),
                partitions: vec![partition(0, 5), partition(1, -1), partition(2, 0)],
            }],
        };
        let mut alteration = Alteration::parse(&request, &image, Access::UNLIMITED);
        let offsets = std::mem::take(&mut alteration.offsets);
        let id = PartitionId::new(image.topic_id("t").unwrap(), PartitionIndex(0));
        assert_eq!(offsets, [(id, Arc::from("t"), Offset(5))]);
        let answer = alteration.answer(Ok(vec![(id, Ok(()))]));
        let codes: Vec<i16> =
            answer.responses[0].partitions.iter().map(|one| one.error_code).collect();
        let unknown = ErrorCode::UnknownTopicOrPartition.code();
        assert_eq!(codes, [0, ErrorCode::InvalidRequest.code(), unknown]);
        let refused = Alteration::parse(&request, &image, Access::UNLIMITED)
            .answer(Err(ErrorCode::NonEmptyGroup));
        assert_eq!(refused.error_code, ErrorCode::NonEmptyGroup.code());
    }

    #[test]
    fn only_topics_that_the_group_had_are_deleted() {
        let image = image();
        let topic = image.topic_id("t").unwrap();
        let topics = vec![
            ("t".to_owned(), Ok(topic)),
            ("u".to_owned(), Err(ErrorCode::UnknownTopicOrPartition)),
            ("v".to_owned(), Err(ErrorCode::TopicAuthorizationFailed)),
        ];
        let answer = deleted(topics, &states(topic), Ok(()));
        let codes: Vec<i16> = answer.responses.iter().map(|one| one.error_code).collect();
        let (unknown, denied) =
            (ErrorCode::UnknownTopicOrPartition, ErrorCode::TopicAuthorizationFailed);
        assert_eq!(codes, [0, unknown.code(), denied.code()]);
    }
}
