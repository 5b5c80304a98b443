//! Configs of topics, nodes and groups: asked for and changed.

use corelog_model::NodeId;
use corelog_wire::api::describe_configs::DescribeConfigsResource;
use corelog_wire::api::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
use corelog_wire::{
    ApiKey, DescribeConfigsRequest, DescribeConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};

use crate::operation::{Operation, Repeat};
use crate::target::Target;
use crate::{ClientConfig, ClientError, Reply};

/// What has configs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A topic, by name.
    Topic(String),
    /// A node.
    Broker(NodeId),
    /// All nodes that set nothing themselves.
    AllBrokers,
    /// A group of consumers, by name.
    Group(String),
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
    /// Every value that there is, the one that holds first; none where the server does not tell.
    pub synonyms: Vec<ConfigSynonym>,
    /// What it does, where the server tells.
    pub documentation: Option<String>,
}

/// One of the values of a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The config, or another name of it.
    pub name: String,
    /// The value; none when the server keeps it secret.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: ConfigSource,
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
    /// Set on the group.
    Group,
    /// A source that this client does not know, by its number.
    Other(i8),
}

/// One change of a config (KIP-339).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    /// Give it this value.
    Set(String),
    /// Let the default hold again.
    Unset,
    /// Add a value to a list.
    Append(String),
    /// Take a value out of a list.
    Subtract(String),
}

/// Whether a change is carried out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AlterMode {
    /// It is.
    #[default]
    Apply,
    /// It is only checked.
    ValidateOnly,
}

impl Resource {
    /// The number of its type on the wire.
    fn number(&self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Broker(_) | Self::AllBrokers => 4,
            Self::Group(_) => 32,
        }
    }

    /// Its name on the wire.
    fn name(&self) -> String {
        match self {
            Self::Topic(name) | Self::Group(name) => name.clone(),
            Self::Broker(node) => node.to_string(),
            Self::AllBrokers => String::new(),
        }
    }

    /// Brokers answer for themselves, the others are known to everybody.
    fn target(&self) -> Target {
        match self {
            Self::Topic(_) | Self::Group(_) | Self::AllBrokers => Target::Any,
            Self::Broker(node) => Target::Node(*node),
        }
    }

    fn about(&self) -> String {
        match self {
            Self::Topic(name) => format!("topic {name}"),
            Self::Broker(node) => format!("node {node}"),
            Self::AllBrokers => "the default of all brokers".to_owned(),
            Self::Group(name) => format!("group {name}"),
        }
    }
}

/// Asks for the configs of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeConfigs<'a> {
    /// What has them.
    pub resource: &'a Resource,
}

impl Operation for DescribeConfigs<'_> {
    type Request = DescribeConfigsRequest<'static>;
    /// Ordered by name.
    type Answer = Vec<ConfigEntry>;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        self.resource.target()
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: self.resource.number(),
                resource_name: self.resource.name().into(),
                configuration_keys: None,
            }],
            include_synonyms: true,
            include_documentation: true,
        }
    }

    fn read(&self, reply: &Reply) -> Result<Vec<ConfigEntry>, ClientError> {
        let (name, about) = (self.resource.name(), self.resource.about());
        let response: DescribeConfigsResponse<'_> = reply.decode()?;
        let result = response.results.iter().find(|result| result.resource_name == name);
        let result = result.ok_or_else(|| reply.lacks(about.as_str()))?;
        let (api, message) = (ApiKey::DescribeConfigs, result.error_message.as_deref());
        ClientError::refused(api, about, result.error_code, message)?;
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
                synonyms: config
                    .synonyms
                    .iter()
                    .map(|synonym| ConfigSynonym {
                        name: synonym.name.clone().into_owned(),
                        value: synonym.value.as_deref().map(str::to_owned),
                        source: ConfigSource::from_number(synonym.source),
                    })
                    .collect(),
                documentation: config.documentation.as_deref().map(str::to_owned),
            })
            .collect();
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }
}

/// Changes single configs of a resource, all or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlterConfigs<'a> {
    /// What has them.
    pub resource: &'a Resource,
    /// Names and their changes.
    pub changes: &'a [(String, ConfigChange)],
    /// Whether it is carried out.
    pub mode: AlterMode,
}

impl Operation for AlterConfigs<'_> {
    type Request = IncrementalAlterConfigsRequest<'static>;
    type Answer = ();
    const REPEAT: Repeat = Repeat::Unsafe;

    fn target(&self) -> Target {
        match self.resource.target() {
            Target::Any => Target::Controller,
            target => target,
        }
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        let change = |(name, change): &(String, ConfigChange)| {
            let (config_operation, value) = match change {
                ConfigChange::Set(value) => (0, Some(value)),
                ConfigChange::Unset => (1, None),
                ConfigChange::Append(value) => (2, Some(value)),
                ConfigChange::Subtract(value) => (3, Some(value)),
            };
            let value = value.map(|value| value.clone().into());
            AlterableConfig { name: name.clone().into(), config_operation, value }
        };
        IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: self.resource.number(),
                resource_name: self.resource.name().into(),
                configs: self.changes.iter().map(change).collect(),
            }],
            validate_only: self.mode == AlterMode::ValidateOnly,
        }
    }

    fn read(&self, reply: &Reply) -> Result<(), ClientError> {
        let (name, about) = (self.resource.name(), self.resource.about());
        let response: IncrementalAlterConfigsResponse<'_> = reply.decode()?;
        let result = response.responses.iter().find(|result| result.resource_name == name);
        let result = result.ok_or_else(|| reply.lacks(about.as_str()))?;
        let message = result.error_message.as_deref();
        ClientError::refused(ApiKey::IncrementalAlterConfigs, about, result.error_code, message)
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
            8 => Self::Group,
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
            Self::Group => "group",
            Self::Other(_) => "other",
        }
    }
}
