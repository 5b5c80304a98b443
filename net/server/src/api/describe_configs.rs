//! DescribeConfigs: what holds for a topic or a broker, where each value comes from (KIP-226), and
//! what it means (KIP-569).

use std::collections::{BTreeMap, BTreeSet};

use corelog_cluster::broker_keys::{ValueRange, broker_key};
use corelog_cluster::group_keys::{GROUP_KEYS, GroupBounds, GroupDefault};
use corelog_cluster::{ClusterImage, ConfigResource};
use corelog_model::topic_config::{ConfigSource, ConfigType, TOPIC_CONFIGS};
use corelog_model::{BrokerId, ErrorCode};
use corelog_wire::api::describe_configs::{
    DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult,
    DescribeConfigsSynonym,
};
use corelog_wire::{DescribeConfigsRequest, DescribeConfigsResponse, Text};

use super::broker_loggers;
use super::config_resource::{self, BROKER_LOGGER, Rights};
use super::settings::{ApiSettings, BrokerConfigEntry, dynamic_layers};
use crate::authorize::{Access, table};
use crate::error::{Failure, TEXT_BYTES_MAX, code_and_message, cut};

/// Answers. A resource that the request has twice is described once.
pub fn respond<'a>(
    request: &'a DescribeConfigsRequest<'a>,
    (image, access): (&'a ClusterImage, Access<'_>),
    settings: &'a ApiSettings,
) -> DescribeConfigsResponse<'a> {
    let view = View { request, image, settings };
    let mut seen = BTreeSet::new();
    let once = request.resources.iter().filter(|resource| {
        let name: &str = &resource.resource_name;
        seen.insert((resource.resource_type, name))
    });
    let rights = Rights {
        access,
        topic: &table::DESCRIBE_CONFIGS,
        group: &table::DESCRIBE_CONFIGS_GROUP,
        broker: &table::DESCRIBE_CONFIGS_BROKER,
    };
    let mut described = 0;
    let results = once.map(|resource| {
        let may = rights.check(resource.resource_type, &resource.resource_name);
        if may.is_ok() && resource.resource_type == BROKER_LOGGER {
            return view.loggers(resource);
        }
        let configs = may.and_then(|()| view.find(resource)).and_then(|found| {
            described += 1;
            let max = settings.described_resources_max;
            if described > max {
                let message = format!("one request describes at most {max} topics and brokers");
                return Err(Failure::new(ErrorCode::PolicyViolation, message));
            }
            Ok(view.describe(&found, resource))
        });
        described_as(resource, configs)
    });
    DescribeConfigsResponse { results: results.collect(), ..Default::default() }
}

/// What is told of a resource.
fn described_as<'a>(
    resource: &'a DescribeConfigsResource<'a>,
    configs: Result<Vec<DescribeConfigsResourceResult<'a>>, Failure>,
) -> DescribeConfigsResult<'a> {
    let (error_code, error_message) = code_and_message(&configs);
    DescribeConfigsResult {
        error_code,
        error_message,
        resource_type: resource.resource_type,
        resource_name: Text::Borrowed(&resource.resource_name),
        configs: configs.unwrap_or_default(),
    }
}

/// The configs that are asked for; none: all. No names are all of them, be it null or an empty
/// list: old clients send either.
fn wanted<'a>(resource: &'a DescribeConfigsResource<'a>) -> Option<BTreeSet<&'a str>> {
    let keys = resource.configuration_keys.as_deref().filter(|keys| !keys.is_empty());
    keys.map(|keys| keys.iter().map(AsRef::as_ref).collect())
}

/// What the answer to one request depends on.
#[derive(Clone, Copy)]
struct View<'a> {
    request: &'a DescribeConfigsRequest<'a>,
    image: &'a ClusterImage,
    settings: &'a ApiSettings,
}

/// One config, before it is known how much of it the client wants.
struct Described<'a> {
    name: &'a str,
    value: Option<String>,
    source: ConfigSource,
    config_type: ConfigType,
    doc: &'a str,
    mutability: Mutability,
    is_sensitive: bool,
    /// All values, the one that holds first.
    synonyms: Vec<(&'a str, Option<String>, ConfigSource)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mutability {
    /// It can be changed while the broker runs.
    Dynamic,
    /// The broker reads it when it starts.
    ReadOnly,
}

impl<'a> View<'a> {
    fn find(&self, resource: &DescribeConfigsResource<'_>) -> Result<ConfigResource, Failure> {
        let (kind, name) = (resource.resource_type, &resource.resource_name);
        let found = config_resource::find(kind, name, self.image, ErrorCode::InvalidRequest)?;
        match &found {
            ConfigResource::Topic(name) if self.image.topic_id(name.as_str()).is_none() => {
                let message = format!("topic {name} does not exist");
                Err(Failure::new(ErrorCode::UnknownTopicOrPartition, message))
            }
            ConfigResource::Broker(broker) if *broker != self.settings.broker => {
                let message = format!("the configs of broker {broker} are asked of its own nodes");
                Err(Failure::new(ErrorCode::InvalidRequest, message))
            }
            ConfigResource::Topic(_)
            | ConfigResource::Broker(_)
            | ConfigResource::BrokerDefault
            | ConfigResource::Group(_) => Ok(found),
        }
    }

    fn loggers(&self, resource: &'a DescribeConfigsResource<'a>) -> DescribeConfigsResult<'a> {
        let wanted = wanted(resource);
        let wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted.contains(name));
        let known = (self.image, self.settings);
        let configs = broker_loggers::describe(&resource.resource_name, wanted, known);
        described_as(resource, configs)
    }

    fn describe(
        &self,
        found: &ConfigResource,
        resource: &'a DescribeConfigsResource<'a>,
    ) -> Vec<DescribeConfigsResourceResult<'a>> {
        let configs = match found {
            ConfigResource::Topic(name) => self.topic(name.as_str()),
            ConfigResource::Broker(broker) => self.broker(*broker),
            ConfigResource::BrokerDefault => self.all_brokers(),
            ConfigResource::Group(name) => self.group(name),
        };
        let wanted = wanted(resource);
        let configs = configs
            .into_iter()
            .filter(|config| wanted.as_ref().is_none_or(|wanted| wanted.contains(config.name)));
        configs.map(|config| self.result(config)).collect()
    }

    fn result(&self, config: Described<'a>) -> DescribeConfigsResourceResult<'a> {
        let is_sensitive = config.is_sensitive;
        let shown = |value: Option<String>| {
            value.filter(|_| !is_sensitive).map(|value| Text::Owned(cut(value, TEXT_BYTES_MAX)))
        };
        let synonyms = config.synonyms.into_iter().filter(|_| self.request.include_synonyms);
        let synonyms = synonyms.map(|(name, value, source)| DescribeConfigsSynonym {
            name: Text::Borrowed(name),
            value: shown(value),
            source: source.number(),
        });
        let include_documentation = self.request.include_documentation;
        DescribeConfigsResourceResult {
            name: Text::Borrowed(config.name),
            synonyms: synonyms.collect(),
            value: shown(config.value),
            read_only: config.mutability == Mutability::ReadOnly,
            is_default: config.source == ConfigSource::Default,
            config_source: config.source.number(),
            is_sensitive,
            config_type: config.config_type.number(),
            documentation: include_documentation.then_some(Text::Borrowed(config.doc)),
        }
    }

    fn topic(&self, name: &str) -> Vec<Described<'a>> {
        let topic = self.image.topic_by_name(name).expect("a topic that was found exists");
        let configs = self.settings.describe_topic(self.image, topic.configs()).into_iter();
        let configs = configs.map(|config| Described {
            name: config.name,
            value: config.value,
            source: config.source,
            config_type: config.config_type,
            doc: config.doc,
            mutability: Mutability::Dynamic,
            is_sensitive: false,
            synonyms: config
                .synonyms
                .into_iter()
                .map(|synonym| (synonym.name, Some(synonym.value), synonym.source))
                .collect(),
        });
        configs.collect()
    }

    /// What the operator wrote, with what was set at run time over it and beside it.
    fn broker(&self, broker: BrokerId) -> Vec<Described<'a>> {
        let mut configs: BTreeMap<&str, Described<'a>> = BTreeMap::new();
        for entry in &self.settings.broker_configs {
            configs.insert(entry.name, Described::of(entry));
        }
        // The strongest comes last, and so holds.
        for (source, layer) in dynamic_layers(self.image, broker).into_iter().rev() {
            for (name, value) in layer {
                let config = configs.entry(name).or_insert_with(|| Described::unset(name));
                config.overlay(value, source);
            }
        }
        configs.into_values().collect()
    }

    /// What was set for the group over what the broker has for all of them.
    fn group(&self, name: &str) -> Vec<Described<'a>> {
        let set = self.image.configs_of(&ConfigResource::Group(name.to_owned()));
        // The types of the values do not depend on their bounds.
        let bounds = GroupBounds::default();
        let configs = GROUP_KEYS.iter().map(|key| {
            let range = bounds.range(key.name);
            let mut config = Described {
                config_type: range.map_or(ConfigType::String, ValueRange::config_type),
                doc: key.doc,
                ..Described::unset(key.name)
            };
            let entries = &self.settings.broker_configs;
            let default = match key.default {
                GroupDefault::Value(value) => Some(value),
                GroupDefault::Broker(name) => {
                    let entry = entries.iter().find(|entry| entry.name == name);
                    entry.and_then(|entry| entry.value.as_deref())
                }
            };
            if let Some(value) = default {
                config.overlay(value, ConfigSource::Default);
            }
            if let Some(value) = set.and_then(|set| set.get(key.name)) {
                config.overlay(value, ConfigSource::Group);
            }
            config
        });
        configs.collect()
    }

    /// Only what was set: there is no file that would hold for all brokers.
    fn all_brokers(&self) -> Vec<Described<'a>> {
        let [_, (source, layer)] = dynamic_layers(self.image, self.settings.broker);
        let configs = layer.iter().map(|(name, value)| {
            let mut config = Described::unset(name);
            config.overlay(value, source);
            config
        });
        configs.collect()
    }
}

impl<'a> Described<'a> {
    fn of(entry: &'a BrokerConfigEntry) -> Described<'a> {
        let is_dynamic = is_dynamic(entry.name);
        Described {
            name: entry.name,
            value: entry.value.clone(),
            source: entry.source,
            config_type: entry.config_type,
            doc: entry.doc,
            mutability: if is_dynamic { Mutability::Dynamic } else { Mutability::ReadOnly },
            is_sensitive: entry.is_sensitive,
            synonyms: entry
                .synonyms
                .iter()
                .map(|synonym| (synonym.name, Some(synonym.value.clone()), synonym.source))
                .collect(),
        }
    }

    /// A config that the operator's file does not have under this name.
    fn unset(name: &'a str) -> Described<'a> {
        let key = TOPIC_CONFIGS
            .iter()
            .find(|key| key.synonyms.iter().any(|synonym| synonym.name == name));
        let of_broker = broker_key(name).map(|key| (key.range.config_type(), key.doc));
        let (config_type, doc) = key.map(|key| (key.config_type, key.doc)).or(of_broker).unzip();
        Described {
            name,
            value: None,
            source: ConfigSource::Default,
            config_type: config_type.unwrap_or(ConfigType::String),
            doc: doc.unwrap_or_default(),
            mutability: Mutability::Dynamic,
            is_sensitive: false,
            synonyms: Vec::new(),
        }
    }

    /// Puts a stronger value over those that are there.
    fn overlay(&mut self, value: &str, source: ConfigSource) {
        self.value = Some(value.to_owned());
        self.source = source;
        self.synonyms.insert(0, (self.name, Some(value.to_owned()), source));
    }
}

/// Whether a broker config can be set at run time: defaults of topics, and some of its own.
pub(crate) fn is_dynamic(name: &str) -> bool {
    let is_default_of_topics =
        TOPIC_CONFIGS.iter().any(|key| key.synonyms.iter().any(|synonym| synonym.name == name));
    is_default_of_topics || broker_key(name).is_some()
}

#[cfg(test)]
mod tests;
