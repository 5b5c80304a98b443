//! Sets, removes and edits configs of topics and brokers (KIP-339), and checks those of new topics.
//! A broker's configs are the defaults of its topics' configs, so both obey one table.

use std::collections::{BTreeMap, BTreeSet};

use corelog_model::topic_config::{
    self, ConfigKey, ConfigMap, ConfigSource, ConfigType, TOPIC_CONFIGS, TopicConfig, nearest_name,
    topic_config_key,
};
use corelog_model::{BrokerId, ErrorCode, TopicName};
use thiserror::Error;

use super::{Decision, Mode};
use crate::broker_keys::{ValueRange, broker_key};
use crate::group_keys::GroupBounds;
use crate::image::ClusterImage;
use crate::record::{ConfigResource, MetadataRecord};

/// The most bytes of a config's value: what fits a string of the Kafka protocol, so that every
/// value can be described.
pub const CONFIG_VALUE_BYTES_MAX: usize = i16::MAX as usize;

/// How many groups may have configs: groups need not exist to have some.
pub const GROUPS_MAX: usize = 100_000;

/// A request to alter configs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterConfigs {
    /// Whether to carry it out.
    pub mode: Mode,
    /// What to alter. A resource succeeds or fails as a whole.
    pub resources: Vec<AlterResource>,
}

/// The alterations of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterResource {
    /// Whose configs.
    pub resource: ConfigResource,
    /// What to do with them, each config at most once.
    pub alterations: Vec<AlterConfig>,
    /// Whether the others go back to their defaults; otherwise they stay (KIP-339).
    pub replaces_all: bool,
}

/// The alteration of one config, unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterConfig {
    /// Kafka's name of the config.
    pub key: String,
    /// What to do with it.
    pub operation: ConfigOperation,
    /// What to do it with. Of no use for `Delete`, needed otherwise.
    pub value: Option<String>,
}

/// What to do with a config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigOperation {
    /// Set it to the value.
    Set,
    /// Back to its default.
    Delete,
    /// Add the elements of the value to the list, unless it has them.
    Append,
    /// Remove the elements of the value from the list, if it has them.
    Subtract,
}

/// Why a config cannot be so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// `INVALID_CONFIG`
    #[error(transparent)]
    Rule(#[from] topic_config::ConfigError),
    /// `INVALID_CONFIG`
    #[error("config {key:?} is not one of those that brokers can change while they run")]
    NotOfBrokers {
        /// The name asked for.
        key: String,
    },
    /// `INVALID_CONFIG`
    #[error("config {key:?} is not one of those that groups have")]
    NotOfGroups {
        /// The name asked for.
        key: String,
    },
    /// `INVALID_CONFIG`
    #[error("config {key} must be {must_be}, not {value:?}")]
    Range {
        /// The config's name.
        key: String,
        /// What was asked for.
        value: String,
        /// What it can be.
        must_be: String,
    },
    /// `INVALID_CONFIG`
    #[error("config {key} has {bytes} bytes, more than {CONFIG_VALUE_BYTES_MAX}")]
    TooLong {
        /// The config's name.
        key: String,
        /// The length of its value.
        bytes: usize,
    },
    /// `INVALID_CONFIG`
    #[error("config {key} has no value")]
    NoValue {
        /// The config's name.
        key: String,
    },
    /// `INVALID_CONFIG`
    #[error("remote.storage.enable cannot be true: this broker has no tiered storage")]
    NoTiers,
    /// `INVALID_CONFIG`
    #[error("config {key} is not a list, nothing can be appended to it or subtracted from it")]
    NotAList {
        /// The config's name.
        key: String,
    },
    /// `INVALID_REQUEST`
    #[error("the request has config {key} more than once")]
    Duplicate {
        /// The config's name.
        key: String,
    },
}

impl ConfigError {
    /// The error code in the Kafka protocol.
    pub fn code(&self) -> ErrorCode {
        match self {
            ConfigError::Rule(_)
            | ConfigError::NotOfBrokers { .. }
            | ConfigError::NotOfGroups { .. }
            | ConfigError::Range { .. }
            | ConfigError::TooLong { .. }
            | ConfigError::NoValue { .. }
            | ConfigError::NoTiers
            | ConfigError::NotAList { .. } => ErrorCode::InvalidConfig,
            ConfigError::Duplicate { .. } => ErrorCode::InvalidRequest,
        }
    }
}

/// Why the configs of a resource are not altered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AlterConfigError {
    /// `UNKNOWN_TOPIC_OR_PARTITION`
    #[error("topic {name} does not exist")]
    UnknownTopic {
        /// The topic.
        name: TopicName,
    },
    /// `BROKER_ID_NOT_REGISTERED`
    #[error("broker {broker} does not exist")]
    UnknownBroker {
        /// The broker.
        broker: BrokerId,
    },
    /// `INVALID_REQUEST`
    #[error("the request names {resource} more than once")]
    DuplicateResource {
        /// The resource.
        resource: ConfigResource,
    },
    /// `INVALID_REQUEST`: there is no default of all groups.
    #[error("the request does not name the group")]
    NoGroup,
    /// `POLICY_VIOLATION`
    #[error("group {name} cannot have configs: {GROUPS_MAX} groups have some")]
    TooManyGroups {
        /// The group.
        name: String,
    },
    /// `INVALID_CONFIG` or `INVALID_REQUEST`
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl AlterConfigError {
    /// The error code in the Kafka protocol.
    pub fn code(&self) -> ErrorCode {
        match self {
            AlterConfigError::UnknownTopic { .. } => ErrorCode::UnknownTopicOrPartition,
            AlterConfigError::UnknownBroker { .. } => ErrorCode::BrokerIdNotRegistered,
            AlterConfigError::DuplicateResource { .. } | AlterConfigError::NoGroup => {
                ErrorCode::InvalidRequest
            }
            AlterConfigError::TooManyGroups { .. } => ErrorCode::PolicyViolation,
            AlterConfigError::Config(error) => error.code(),
        }
    }
}

/// Decides how configs change. A resource that the request has twice is refused each time.
pub fn alter_configs(
    image: &ClusterImage,
    groups: &GroupBounds,
    request: &AlterConfigs,
) -> Decision<(), AlterConfigError> {
    let mut mentions: BTreeMap<&ConfigResource, usize> = BTreeMap::new();
    for alteration in &request.resources {
        *mentions.entry(&alteration.resource).or_default() += 1;
    }
    let mut records = Vec::new();
    let results = request.resources.iter().map(|alteration| {
        let resource = &alteration.resource;
        if mentions[resource] > 1 {
            return Err(AlterConfigError::DuplicateResource { resource: resource.clone() });
        }
        check_exists(image, resource)?;
        records.extend(alter(image, groups, alteration)?);
        Ok(())
    });
    let results = results.collect();
    Decision::of(request.mode, records, results)
}

/// The configs of a new topic as they are to be set.
pub(super) fn check_topic_configs(
    image: &ClusterImage,
    configs: &[(String, Option<String>)],
) -> Result<ConfigMap, ConfigError> {
    let mut checked = ConfigMap::new();
    for (key, value) in configs {
        let key = Key::of_topics(key)?;
        let value = key.need(value.as_deref())?;
        key.check(value)?;
        if checked.insert(key.name.to_owned(), value.to_owned()).is_some() {
            return Err(ConfigError::Duplicate { key: key.name.to_owned() });
        }
    }
    TopicConfig::resolve(&image.broker_default_configs, &checked)?;
    Ok(checked)
}

fn check_exists(image: &ClusterImage, resource: &ConfigResource) -> Result<(), AlterConfigError> {
    match resource {
        ConfigResource::Topic(name) if image.topic_id(name.as_str()).is_none() => {
            Err(AlterConfigError::UnknownTopic { name: name.clone() })
        }
        ConfigResource::Broker(broker) if image.broker(*broker).is_none() => {
            Err(AlterConfigError::UnknownBroker { broker: *broker })
        }
        ConfigResource::Group(name) if name.is_empty() => Err(AlterConfigError::NoGroup),
        ConfigResource::Group(name)
            if image.configs_of(resource).is_none()
                && image.group_configs().len() >= GROUPS_MAX =>
        {
            Err(AlterConfigError::TooManyGroups { name: name.clone() })
        }
        // A group need not exist: it finds its configs when it comes to be.
        ConfigResource::Topic(_)
        | ConfigResource::Broker(_)
        | ConfigResource::BrokerDefault
        | ConfigResource::Group(_) => Ok(()),
    }
}

/// The records that alter one resource; none for what is so already.
fn alter(
    image: &ClusterImage,
    groups: &GroupBounds,
    request: &AlterResource,
) -> Result<Vec<MetadataRecord>, ConfigError> {
    let resource = &request.resource;
    let before = image.configs_of(resource).cloned().unwrap_or_default();
    let mut after = if request.replaces_all { ConfigMap::new() } else { before.clone() };
    let mut keys = BTreeSet::new();
    for alteration in &request.alterations {
        let key = &alteration.key;
        if !keys.insert(key) {
            return Err(ConfigError::Duplicate { key: key.clone() });
        }
        // What an older version set and this one does not know can still be removed. Of brokers
        // tools also remove what nobody set, such as throttles after a reassignment.
        if alteration.operation == ConfigOperation::Delete
            && (after.remove(key).is_some() || !matches!(resource, ConfigResource::Topic(_)))
        {
            continue;
        }
        if let Some(value) = altered(image, groups, resource, alteration)? {
            after.insert(key.clone(), value);
        }
    }
    check_together(image, resource, &after)?;
    if request.replaces_all {
        keys.extend(before.keys());
    }
    let changed = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
    let records = changed.map(|key| MetadataRecord::ConfigSet {
        resource: resource.clone(),
        key: key.clone(),
        value: after.get(key).cloned(),
    });
    Ok(records.collect())
}

/// The value of a config after its alteration; `None` if it is not set.
fn altered(
    image: &ClusterImage,
    groups: &GroupBounds,
    resource: &ConfigResource,
    alteration: &AlterConfig,
) -> Result<Option<String>, ConfigError> {
    let key = Key::of(resource, groups, &alteration.key)?;
    let value = match alteration.operation {
        ConfigOperation::Delete => return Ok(None),
        ConfigOperation::Set => key.need(alteration.value.as_deref())?.to_owned(),
        ConfigOperation::Append => {
            let operand = key.need_list(alteration.value.as_deref())?;
            let current = key.current(image, resource);
            let mut seen = BTreeSet::new();
            let list = elements(&current).chain(elements(operand));
            list.filter(|element| seen.insert(*element)).collect::<Vec<_>>().join(",")
        }
        ConfigOperation::Subtract => {
            let operand = key.need_list(alteration.value.as_deref())?;
            let current = key.current(image, resource);
            let removed = elements(operand).collect::<BTreeSet<_>>();
            let list = elements(&current).filter(|element| !removed.contains(element));
            list.collect::<Vec<_>>().join(",")
        }
    };
    key.check(&value)?;
    Ok(Some(value))
}

/// Checks that the configs of a resource do not contradict each other or the defaults.
fn check_together(
    image: &ClusterImage,
    resource: &ConfigResource,
    configs: &ConfigMap,
) -> Result<(), ConfigError> {
    let none = ConfigMap::new();
    let defaults = &image.broker_default_configs;
    match resource {
        ConfigResource::Topic(_) => TopicConfig::resolve(defaults, configs)?,
        ConfigResource::BrokerDefault => TopicConfig::resolve(configs, &none)?,
        ConfigResource::Broker(_) => {
            let mut merged = (**defaults).clone();
            merged.extend(configs.clone());
            TopicConfig::resolve(&merged, &none)?
        }
        ConfigResource::Group(_) => return Ok(()),
    };
    Ok(())
}

/// The elements of a list, in their order.
fn elements(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|element| !element.is_empty())
}

/// The name of a config, and the row of the table it obeys.
#[derive(Clone, Copy)]
struct Key<'a> {
    name: &'a str,
    row: Row,
}

#[derive(Clone, Copy)]
enum Row {
    /// A config of topics, or its default.
    Topic(&'static ConfigKey),
    /// Another config of brokers, or one of groups.
    Other(ValueRange),
}

impl<'a> Key<'a> {
    fn of(
        resource: &ConfigResource,
        groups: &GroupBounds,
        name: &'a str,
    ) -> Result<Key<'a>, ConfigError> {
        match resource {
            ConfigResource::Topic(_) => Key::of_topics(name),
            ConfigResource::Broker(_) | ConfigResource::BrokerDefault => Key::of_brokers(name),
            ConfigResource::Group(_) => {
                let range = groups.range(name);
                let row = range.map(Row::Other);
                let unknown = || ConfigError::NotOfGroups { key: name.to_owned() };
                Ok(Key { name, row: row.ok_or_else(unknown)? })
            }
        }
    }

    fn of_topics(name: &'a str) -> Result<Key<'a>, ConfigError> {
        let row = topic_config_key(name).ok_or_else(|| {
            let nearest = nearest_name(name);
            topic_config::ConfigError::Unknown { name: name.to_owned(), nearest }
        })?;
        Ok(Key { name, row: Row::Topic(row) })
    }

    fn of_brokers(name: &'a str) -> Result<Key<'a>, ConfigError> {
        let has_synonym = |row: &&ConfigKey| row.synonyms.iter().any(|one| one.name == name);
        let of_topics = TOPIC_CONFIGS.iter().find(has_synonym).map(Row::Topic);
        let row = of_topics.or_else(|| broker_key(name).map(|key| Row::Other(key.range)));
        let row = row.ok_or_else(|| ConfigError::NotOfBrokers { key: name.to_owned() })?;
        Ok(Key { name, row })
    }

    fn need(self, value: Option<&str>) -> Result<&str, ConfigError> {
        value.ok_or_else(|| ConfigError::NoValue { key: self.name.to_owned() })
    }

    fn need_list(self, value: Option<&str>) -> Result<&str, ConfigError> {
        match self.row {
            Row::Topic(row) if row.config_type == ConfigType::List => self.need(value),
            Row::Topic(_) | Row::Other(_) => {
                Err(ConfigError::NotAList { key: self.name.to_owned() })
            }
        }
    }

    /// Checks a value by itself.
    fn check(self, value: &str) -> Result<(), ConfigError> {
        if value.len() > CONFIG_VALUE_BYTES_MAX {
            let (key, bytes) = (self.name.to_owned(), value.len());
            return Err(ConfigError::TooLong { key, bytes });
        }
        let row = match self.row {
            Row::Topic(row) => row,
            Row::Other(range) => {
                let (key, value) = (self.name.to_owned(), value.to_owned());
                let checked = range.check(&value);
                let fails = |must_be| ConfigError::Range { key, value, must_be };
                return checked.map_err(fails);
            }
        };
        if row.name == "remote.storage.enable" && value.trim().eq_ignore_ascii_case("true") {
            return Err(ConfigError::NoTiers);
        }
        let synonym = row.synonyms.iter().find(|synonym| synonym.name == self.name);
        if synonym.is_none_or(|synonym| synonym.factor == 1) {
            topic_config::validate(row.name, value)?;
        } else {
            // Resolving knows the units of the broker's keys.
            let alone = ConfigMap::from([(self.name.to_owned(), value.to_owned())]);
            TopicConfig::resolve(&alone, &ConfigMap::new())?;
        }
        Ok(())
    }

    /// The value of a list that holds for the resource, be it set there or a default.
    fn current(self, image: &ClusterImage, resource: &ConfigResource) -> String {
        let none = ConfigMap::new();
        let own = image.configs_of(resource).unwrap_or(&none);
        let default = (ConfigSource::DynamicDefaultBroker, &*image.broker_default_configs);
        let described = match resource {
            ConfigResource::Topic(_) => topic_config::describe(&[default], own),
            ConfigResource::Broker(_)
            | ConfigResource::BrokerDefault
            | ConfigResource::Group(_) => {
                topic_config::describe(&[(ConfigSource::DynamicBroker, own), default], &none)
            }
        };
        let Row::Topic(row) = self.row else { return String::new() };
        let described = described.into_iter().find(|config| config.name == row.name);
        described.and_then(|config| config.value).unwrap_or_default()
    }
}
