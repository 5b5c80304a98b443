//! Topics, configs and nodes: asked for and changed.

use corelog_model::{ErrorCode, NodeId, TopicId};
use corelog_wire::api::create_partitions::CreatePartitionsTopic;
use corelog_wire::api::create_topics::{CreatableTopic, CreatableTopicConfig};
use corelog_wire::api::delete_topics::DeleteTopicState;
use corelog_wire::api::describe_configs::DescribeConfigsResource;
use corelog_wire::{
    ApiKey, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest,
    CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, DescribeClusterRequest,
    DescribeClusterResponse, DescribeConfigsRequest, DescribeConfigsResponse,
};

use crate::cluster::{Cluster, Target, Topics};
use crate::metadata::{Node, Topic};
use crate::{ClientError, Endpoint};

/// Asks for and changes what a cluster holds.
#[derive(Debug)]
pub struct Admin {
    cluster: Cluster,
}

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

/// What has configs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A topic, by name.
    Topic(String),
    /// A node.
    Broker(NodeId),
}

/// One config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; none when the server keeps it secret.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it cannot be changed while the server runs.
    pub is_read_only: bool,
    /// Whether the value is a secret.
    pub is_sensitive: bool,
}

/// Where the value of a config comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on the topic.
    Topic,
    /// Set on the node while it runs.
    Broker,
    /// Set on all nodes while they run.
    Cluster,
    /// Set in the node's file, environment or command line.
    Static,
    /// Nobody set it.
    Default,
    /// A source that this client does not know, by its number.
    Other(i8),
}

/// The nodes of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDescription {
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// The node for requests that change the cluster.
    pub controller: Option<NodeId>,
    /// The nodes by id.
    pub nodes: Vec<Node>,
}

impl Admin {
    /// Works on a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }

    /// The cluster.
    pub fn cluster(&mut self) -> &mut Cluster {
        &mut self.cluster
    }

    /// Creates a topic.
    pub fn create_topic(&mut self, topic: &NewTopic) -> Result<CreatedTopic, ClientError> {
        let config = |(name, value): &(String, String)| CreatableTopicConfig {
            name: name.clone().into(),
            value: Some(value.clone().into()),
        };
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: topic.name.clone().into(),
                num_partitions: topic.partitions.unwrap_or(-1),
                replication_factor: topic.replication_factor.unwrap_or(-1),
                assignments: Vec::new(),
                configs: topic.configs.iter().map(config).collect(),
            }],
            timeout_ms: self.timeout_ms(),
            validate_only: false,
        };
        let about = format!("topic {}", topic.name);
        self.cluster.with_safe_retries(|cluster| {
            let reply = cluster.call(Target::Controller, &request)?;
            let response: CreateTopicsResponse<'_> = reply.decode()?;
            let result = response.topics.iter().find(|result| result.name == topic.name);
            let result = result.ok_or_else(|| reply.lacks(about.as_str()))?;
            let message = result.error_message.as_deref();
            ClientError::refused(ApiKey::CreateTopics, about.as_str(), result.error_code, message)?;
            Ok(CreatedTopic {
                id: TopicId::from_bytes(result.topic_id),
                partitions: Some(result.num_partitions).filter(|count| *count >= 0),
                replication_factor: Some(result.replication_factor).filter(|count| *count >= 0),
            })
        })
    }

    /// Deletes a topic and its data.
    pub fn delete_topic(&mut self, name: &str) -> Result<(), ClientError> {
        let request = DeleteTopicsRequest {
            topics: vec![DeleteTopicState {
                name: Some(name.to_owned().into()),
                topic_id: *TopicId::ZERO.as_bytes(),
            }],
            topic_names: vec![name.to_owned().into()],
            timeout_ms: self.timeout_ms(),
        };
        let about = format!("topic {name}");
        self.cluster.with_safe_retries(|cluster| {
            let reply = cluster.call(Target::Controller, &request)?;
            let response: DeleteTopicsResponse<'_> = reply.decode()?;
            let result =
                response.responses.iter().find(|result| result.name.as_deref() == Some(name));
            let result = result.ok_or_else(|| reply.lacks(about.as_str()))?;
            if result.error_code == ErrorCode::UnknownTopicOrPartition.code() {
                // Kafka's table calls this retriable, but here it says that there is no such topic.
                return Err(ClientError::NoTopic(name.to_owned()));
            }
            let message = result.error_message.as_deref();
            ClientError::refused(ApiKey::DeleteTopics, about.as_str(), result.error_code, message)
        })
    }

    /// Gives a topic more partitions, `count` in all.
    pub fn add_partitions(&mut self, name: &str, count: i32) -> Result<(), ClientError> {
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: name.to_owned().into(),
                count,
                assignments: None,
            }],
            timeout_ms: self.timeout_ms(),
            validate_only: false,
        };
        let about = format!("topic {name}");
        self.cluster.with_safe_retries(|cluster| {
            let reply = cluster.call(Target::Controller, &request)?;
            let response: CreatePartitionsResponse<'_> = reply.decode()?;
            let result = response.results.iter().find(|result| result.name == name);
            let result = result.ok_or_else(|| reply.lacks(about.as_str()))?;
            if result.error_code == ErrorCode::UnknownTopicOrPartition.code() {
                return Err(ClientError::NoTopic(name.to_owned()));
            }
            let api = ApiKey::CreatePartitions;
            let message = result.error_message.as_deref();
            ClientError::refused(api, about.as_str(), result.error_code, message)
        })
    }

    /// Every topic, by name.
    pub fn list_topics(&mut self) -> Result<Vec<(String, Topic)>, ClientError> {
        self.cluster.with_retries(|cluster| cluster.refresh(Topics::All))?;
        let topics = self.cluster.metadata().topics();
        Ok(topics.map(|(name, topic)| (name.as_ref().to_owned(), topic.clone())).collect())
    }

    /// A topic as the cluster sees it now.
    pub fn describe_topic(&mut self, name: &str) -> Result<Topic, ClientError> {
        self.cluster.with_retries(|cluster| {
            cluster.refresh(Topics::Named(&[name]))?;
            if let Some(topic) = cluster.metadata().topic(name) {
                return Ok(topic.clone());
            }
            let code = cluster.metadata().refusal(name);
            match code.unwrap_or(ErrorCode::UnknownTopicOrPartition) {
                ErrorCode::UnknownTopicOrPartition => Err(ClientError::NoTopic(name.to_owned())),
                code => Err(ClientError::Refused {
                    api: ApiKey::Metadata,
                    about: format!("topic {name}"),
                    code,
                    message: None,
                }),
            }
        })
    }

    /// The configs of a topic or node, by name.
    pub fn describe_configs(
        &mut self,
        resource: &Resource,
    ) -> Result<Vec<ConfigEntry>, ClientError> {
        let (resource_type, resource_name, target) = match resource {
            Resource::Topic(name) => (2, name.clone(), Target::Any),
            Resource::Broker(node) => (4, node.to_string(), Target::Node(*node)),
        };
        let about = match resource {
            Resource::Topic(name) => format!("topic {name}"),
            Resource::Broker(node) => format!("node {node}"),
        };
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type,
                resource_name: resource_name.clone().into(),
                configuration_keys: None,
            }],
            ..DescribeConfigsRequest::default()
        };
        self.cluster.with_retries(|cluster| {
            let reply = cluster.call(target, &request)?;
            let response: DescribeConfigsResponse<'_> = reply.decode()?;
            let result =
                response.results.iter().find(|result| result.resource_name == resource_name);
            let result = result.ok_or_else(|| reply.lacks(about.as_str()))?;
            let (api, message) = (ApiKey::DescribeConfigs, result.error_message.as_deref());
            ClientError::refused(api, about.as_str(), result.error_code, message)?;
            let mut entries: Vec<ConfigEntry> = result
                .configs
                .iter()
                .map(|config| ConfigEntry {
                    name: config.name.clone().into_owned(),
                    value: config.value.as_deref().map(str::to_owned),
                    // Version 0 only says whether the value is the default.
                    source: match (reply.version(), config.is_default) {
                        (0, true) => ConfigSource::Default,
                        (0, false) => ConfigSource::Topic,
                        _ => ConfigSource::from_number(config.config_source),
                    },
                    is_read_only: config.read_only,
                    is_sensitive: config.is_sensitive,
                })
                .collect();
            entries.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(entries)
        })
    }

    /// The nodes of the cluster; from Metadata where the server lacks DescribeCluster.
    pub fn describe_cluster(&mut self) -> Result<ClusterDescription, ClientError> {
        let request = DescribeClusterRequest::default();
        let described = self.cluster.with_retries(|cluster| {
            let reply = cluster.call(Target::Any, &request)?;
            let response: DescribeClusterResponse<'_> = reply.decode()?;
            let (api, message) = (ApiKey::DescribeCluster, response.error_message.as_deref());
            ClientError::refused(api, "the cluster", response.error_code, message)?;
            let node = |broker: &corelog_wire::api::describe_cluster::DescribeClusterBroker<'_>| {
                let id = NodeId(broker.broker_id);
                let port = u16::try_from(broker.port);
                let port = port.map_err(|_| reply.lacks(format!("the port of node {id}")))?;
                let rack = broker.rack.as_deref().map(str::to_owned);
                Ok(Node { id, endpoint: Endpoint::new(&broker.host, port), rack })
            };
            let mut nodes = response.brokers.iter().map(node).collect::<Result<Vec<_>, _>>()?;
            nodes.sort_by_key(|node| node.id);
            Ok(ClusterDescription {
                cluster_id: Some(response.cluster_id.clone().into_owned()),
                controller: Some(NodeId(response.controller_id)).filter(|id| *id != NodeId::NONE),
                nodes,
            })
        });
        match described {
            Err(ClientError::Version { .. }) => self.describe_cluster_by_metadata(),
            described => described,
        }
    }

    fn describe_cluster_by_metadata(&mut self) -> Result<ClusterDescription, ClientError> {
        self.cluster.with_retries(|cluster| cluster.refresh(Topics::Named(&[])))?;
        let metadata = self.cluster.metadata();
        Ok(ClusterDescription {
            cluster_id: metadata.cluster_id().map(str::to_owned),
            controller: metadata.controller(),
            nodes: metadata.nodes().cloned().collect(),
        })
    }

    /// How long the server may take: less than the client waits for its answer.
    fn timeout_ms(&self) -> i32 {
        let timeout = self.cluster.config().request_timeout / 2;
        i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
    }
}

impl ConfigSource {
    fn from_number(number: i8) -> Self {
        match number {
            1 => Self::Topic,
            2 => Self::Broker,
            3 => Self::Cluster,
            4 => Self::Static,
            5 => Self::Default,
            number => Self::Other(number),
        }
    }

    /// A word for people and scripts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Broker => "broker",
            Self::Cluster => "cluster",
            Self::Static => "static",
            Self::Default => "default",
            Self::Other(_) => "other",
        }
    }
}
