//! What `DescribeConfigs` says about a topic: each key's value, where it comes from, and what
//! would hold if that were taken away.

use super::ConfigMap;
use super::table::{ConfigKey, TOPIC_CONFIGS, Visibility};
use super::value::ConfigType;

/// Where a value comes from, with Kafka's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i8)]
pub enum ConfigSource {
    /// Set for the topic.
    DynamicTopic = 1,
    /// Set at run time for one broker.
    DynamicBroker = 2,
    /// Set at run time for all brokers.
    DynamicDefaultBroker = 3,
    /// In the broker's configuration.
    StaticBroker = 4,
    /// In the table.
    Default = 5,
    /// Set for the group.
    Group = 8,
}

impl ConfigSource {
    /// The number in the response of `DescribeConfigs`.
    pub const fn number(self) -> i8 {
        self as i8
    }
}

/// One config of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedConfig {
    /// The name.
    pub name: &'static str,
    /// The value that holds.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: ConfigSource,
    /// The type of its values.
    pub config_type: ConfigType,
    /// What it does.
    pub doc: &'static str,
    /// All values, the one that holds first.
    pub synonyms: Vec<DescribedSynonym>,
}

/// One of the values of a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedSynonym {
    /// The key of the topic or of the broker.
    pub name: &'static str,
    /// The value, in the units of that key.
    pub value: String,
    /// Where it comes from.
    pub source: ConfigSource,
}

/// Describes every listed key, in alphabetical order. `broker_layers` are the broker's defaults,
/// the strongest first. None of a topic's configs is read-only or a secret.
pub fn describe(
    broker_layers: &[(ConfigSource, &ConfigMap)],
    overrides: &ConfigMap,
) -> Vec<DescribedConfig> {
    TOPIC_CONFIGS
        .iter()
        .filter(|key| key.visibility == Visibility::Listed)
        .map(|key| describe_key(key, broker_layers, overrides))
        .collect()
}

fn describe_key(
    key: &'static ConfigKey,
    broker_layers: &[(ConfigSource, &ConfigMap)],
    overrides: &ConfigMap,
) -> DescribedConfig {
    let mut synonyms = Vec::new();
    // The value that holds, in the units of the topic's key.
    let mut holds = None;
    if let Some(value) = overrides.get(key.name) {
        holds = Some((value.clone(), ConfigSource::DynamicTopic));
        let source = ConfigSource::DynamicTopic;
        synonyms.push(DescribedSynonym { name: key.name, value: value.clone(), source });
    }
    for synonym in key.synonyms {
        for (source, layer) in broker_layers {
            let Some(value) = layer.get(synonym.name) else { continue };
            holds.get_or_insert_with(|| (synonym.to_topic_units(value), *source));
            let (name, value) = (synonym.name, value.clone());
            synonyms.push(DescribedSynonym { name, value, source: *source });
        }
    }
    if let Some(default) = key.default {
        holds.get_or_insert_with(|| (default.to_owned(), ConfigSource::Default));
        // The table speaks in the topic's units, so it stands for a synonym only in those.
        let name = key.synonyms.iter().find(|synonym| synonym.factor == 1);
        let name = name.map_or(key.name, |synonym| synonym.name);
        let source = ConfigSource::Default;
        synonyms.push(DescribedSynonym { name, value: default.to_owned(), source });
    }
    let (value, source) =
        holds.map_or((None, ConfigSource::Default), |(value, source)| (Some(value), source));
    DescribedConfig {
        name: key.name,
        value,
        source,
        config_type: key.config_type,
        doc: key.doc,
        synonyms,
    }
}
