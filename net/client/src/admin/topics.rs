//! Topics: created, deleted, given more partitions, and records deleted from their beginning.

use std::collections::BTreeMap;

use corelog_model::{ErrorCode, NodeId, Offset, TopicId};
use corelog_wire::api::create_partitions::CreatePartitionsTopic;
use corelog_wire::api::create_topics::{CreatableTopic, CreatableTopicConfig};
use corelog_wire::api::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use corelog_wire::api::delete_topics::DeleteTopicState;
use corelog_wire::{
    ApiKey, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest,
    CreateTopicsResponse, DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse,
};

use crate::operation::{Operation, Repeat, server_timeout_ms};
use crate::target::Target;
use crate::{ClientConfig, ClientError, Reply, TopicPartition};

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; none is the cluster's default.
    pub partitions: Option<i32>,
    /// How many replicas each; none is the cluster's default.
    pub replication_factor: Option<i16>,
    /// Configs that differ from the cluster's.
    pub configs: Vec<(String, String)>,
}

/// A topic as the cluster made it. Numbers are none where the server is too old to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its id; all zero where the server does not tell.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: Option<i32>,
    /// How many replicas each has.
    pub replication_factor: Option<i16>,
}

/// Creates a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTopic<'a> {
    /// What to create.
    pub topic: &'a NewTopic,
}

impl Operation for CreateTopic<'_> {
    type Request = CreateTopicsRequest<'static>;
    type Answer = CreatedTopic;
    const REPEAT: Repeat = Repeat::Unsafe;

    fn target(&self) -> Target {
        Target::Controller
    }

    fn request(&self, config: &ClientConfig) -> Self::Request {
        let topic = self.topic;
        let entry = |(name, value): &(String, String)| CreatableTopicConfig {
            name: name.clone().into(),
            value: Some(value.clone().into()),
        };
        CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: topic.name.clone().into(),
                num_partitions: topic.partitions.unwrap_or(-1),
                replication_factor: topic.replication_factor.unwrap_or(-1),
                assignments: Vec::new(),
                configs: topic.configs.iter().map(entry).collect(),
            }],
            timeout_ms: server_timeout_ms(config),
            validate_only: false,
        }
    }

    fn read(&self, reply: &Reply) -> Result<CreatedTopic, ClientError> {
        let about = format!("topic {}", self.topic.name);
        let response: CreateTopicsResponse<'_> = reply.decode()?;
        let result = response.topics.iter().find(|result| result.name == self.topic.name);
        let result = result.ok_or_else(|| reply.lacks(about.as_str()))?;
        let message = result.error_message.as_deref();
        ClientError::refused(ApiKey::CreateTopics, about, result.error_code, message)?;
        Ok(CreatedTopic {
            id: TopicId::from_bytes(result.topic_id),
            partitions: Some(result.num_partitions).filter(|count| *count >= 0),
            replication_factor: Some(result.replication_factor).filter(|count| *count >= 0),
        })
    }
}

/// Deletes a topic and its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeleteTopic<'a> {
    /// Its name.
    pub name: &'a str,
}

impl Operation for DeleteTopic<'_> {
    type Request = DeleteTopicsRequest<'static>;
    type Answer = ();
    const REPEAT: Repeat = Repeat::Unsafe;

    fn target(&self) -> Target {
        Target::Controller
    }

    fn request(&self, config: &ClientConfig) -> Self::Request {
        DeleteTopicsRequest {
            topics: vec![DeleteTopicState {
                name: Some(self.name.to_owned().into()),
                topic_id: *TopicId::ZERO.as_bytes(),
            }],
            topic_names: vec![self.name.to_owned().into()],
            timeout_ms: server_timeout_ms(config),
        }
    }

    fn read(&self, reply: &Reply) -> Result<(), ClientError> {
        let about = format!("topic {}", self.name);
        let response: DeleteTopicsResponse<'_> = reply.decode()?;
        let is_it = |name: Option<&str>| name == Some(self.name);
        let result = response.responses.iter().find(|result| is_it(result.name.as_deref()));
        let result = result.ok_or_else(|| reply.lacks(about.as_str()))?;
        refuse_missing(self.name, result.error_code)?;
        let message = result.error_message.as_deref();
        ClientError::refused(ApiKey::DeleteTopics, about, result.error_code, message)
    }
}

/// Gives a topic more partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddPartitions<'a> {
    /// The topic.
    pub name: &'a str,
    /// How many partitions it has then, in all.
    pub count: i32,
}

impl Operation for AddPartitions<'_> {
    type Request = CreatePartitionsRequest<'static>;
    type Answer = ();
    const REPEAT: Repeat = Repeat::Unsafe;

    fn target(&self) -> Target {
        Target::Controller
    }

    fn request(&self, config: &ClientConfig) -> Self::Request {
        CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: self.name.to_owned().into(),
                count: self.count,
                assignments: None,
            }],
            timeout_ms: server_timeout_ms(config),
            validate_only: false,
        }
    }

    fn read(&self, reply: &Reply) -> Result<(), ClientError> {
        let about = format!("topic {}", self.name);
        let response: CreatePartitionsResponse<'_> = reply.decode()?;
        let result = response.results.iter().find(|result| result.name == self.name);
        let result = result.ok_or_else(|| reply.lacks(about.as_str()))?;
        refuse_missing(self.name, result.error_code)?;
        let message = result.error_message.as_deref();
        ClientError::refused(ApiKey::CreatePartitions, about, result.error_code, message)
    }
}

/// Kafka's table calls this code retriable, but of a change it says that there is no such topic.
fn refuse_missing(name: &str, code: i16) -> Result<(), ClientError> {
    if code == ErrorCode::UnknownTopicOrPartition.code() {
        return Err(ClientError::NoTopic(name.to_owned()));
    }
    Ok(())
}

/// Deletes the records of partitions before an offset, at the node that leads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteRecords {
    /// The leader.
    pub node: NodeId,
    /// The partitions it leads and the first offset to keep; -1 deletes all that may be read.
    pub before: BTreeMap<TopicPartition, Offset>,
}

impl Operation for DeleteRecords {
    type Request = DeleteRecordsRequest<'static>;
    /// Where each partition begins now.
    type Answer = BTreeMap<TopicPartition, Offset>;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Node(self.node)
    }

    fn request(&self, config: &ClientConfig) -> Self::Request {
        let mut topics: Vec<DeleteRecordsTopic<'_>> = Vec::new();
        for (at, offset) in &self.before {
            let partition =
                DeleteRecordsPartition { partition_index: at.partition, offset: offset.0 };
            match topics.last_mut() {
                Some(topic) if *topic.name == *at.topic => topic.partitions.push(partition),
                _ => topics.push(DeleteRecordsTopic {
                    name: at.topic.as_ref().to_owned().into(),
                    partitions: vec![partition],
                }),
            }
        }
        DeleteRecordsRequest { topics, timeout_ms: server_timeout_ms(config) }
    }

    fn read(&self, reply: &Reply) -> Result<Self::Answer, ClientError> {
        let response: DeleteRecordsResponse<'_> = reply.decode()?;
        let answer = |at: &TopicPartition| {
            let topics = response.topics.iter().filter(|topic| *topic.name == *at.topic);
            let result = topics
                .flat_map(|topic| &topic.partitions)
                .find(|partition| partition.partition_index == at.partition)
                .ok_or_else(|| reply.lacks(at.to_string()))?;
            let (api, code) = (ApiKey::DeleteRecords, result.error_code);
            ClientError::refused(api, at.to_string(), code, None)?;
            Ok((at.clone(), Offset(result.low_watermark)))
        };
        self.before.keys().map(answer).collect()
    }
}
