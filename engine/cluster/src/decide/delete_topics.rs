//! Deletes topics, by name or by id.

use std::collections::BTreeMap;

use corelog_model::{ErrorCode, TopicId, TopicName};
use thiserror::Error;

use super::{Decision, Mode};
use crate::image::ClusterImage;
use crate::record::MetadataRecord;

/// How a request names a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicSelector {
    /// By its name, valid or not.
    Name(String),
    /// By its id, so that a topic made anew under the same name is left alone (KIP-516).
    Id(TopicId),
}

/// A topic that is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedTopic {
    /// Its id.
    pub id: TopicId,
    /// Its name.
    pub name: TopicName,
}

/// Why a topic is not deleted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeleteTopicError {
    /// `UNKNOWN_TOPIC_OR_PARTITION`
    #[error("topic {name:?} does not exist")]
    UnknownName {
        /// The name asked for.
        name: String,
    },
    /// `UNKNOWN_TOPIC_ID`
    #[error("there is no topic with id {id}")]
    UnknownId {
        /// The id asked for.
        id: TopicId,
    },
    /// `INVALID_REQUEST`
    #[error("the request names topic {name} more than once")]
    Duplicate {
        /// The topic.
        name: TopicName,
    },
}

impl DeleteTopicError {
    /// The error code in the Kafka protocol.
    pub fn code(&self) -> ErrorCode {
        match self {
            DeleteTopicError::UnknownName { .. } => ErrorCode::UnknownTopicOrPartition,
            DeleteTopicError::UnknownId { .. } => ErrorCode::UnknownTopicId,
            DeleteTopicError::Duplicate { .. } => ErrorCode::InvalidRequest,
        }
    }
}

/// Decides which topics to delete. One that the request names twice, be it once by name and once by
/// id, is not deleted at all.
pub fn delete_topics(
    image: &ClusterImage,
    topics: &[TopicSelector],
) -> Decision<DeletedTopic, DeleteTopicError> {
    let found = topics.iter().map(|selector| find(image, selector)).collect::<Vec<_>>();
    let mut mentions: BTreeMap<TopicId, usize> = BTreeMap::new();
    for topic in found.iter().flatten() {
        *mentions.entry(topic.id).or_default() += 1;
    }
    let results = found.into_iter().map(|topic| match topic {
        Ok(topic) if mentions[&topic.id] > 1 => {
            Err(DeleteTopicError::Duplicate { name: topic.name })
        }
        other => other,
    });
    let results = results.collect::<Vec<_>>();
    let records = results.iter().flatten();
    let records = records.map(|topic| MetadataRecord::TopicDeleted { id: topic.id }).collect();
    Decision::of(Mode::Apply, records, results)
}

fn find(image: &ClusterImage, selector: &TopicSelector) -> Result<DeletedTopic, DeleteTopicError> {
    let topic = match selector {
        TopicSelector::Name(name) => image
            .topic_by_name(name)
            .ok_or_else(|| DeleteTopicError::UnknownName { name: name.clone() })?,
        TopicSelector::Id(id) => image.topic(*id).ok_or(DeleteTopicError::UnknownId { id: *id })?,
    };
    Ok(DeletedTopic { id: topic.id(), name: topic.name().clone() })
}
