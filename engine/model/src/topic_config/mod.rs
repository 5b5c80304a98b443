//! The configs of a topic: one table of keys, and the typed values a partition works with, resolved
//! from the topic's overrides, the broker's defaults and the table's.

mod describe;
mod table;
mod value;

use std::collections::BTreeMap;

use thiserror::Error;

use crate::compression::Codec;
use crate::time::TimestampType;

pub use self::describe::{ConfigSource, DescribedConfig, DescribedSynonym, describe};
pub use self::table::{
    ConfigKey, Synonym, TOPIC_CONFIGS, Visibility, nearest_name, topic_config_key,
};
pub use self::value::ConfigType;

use self::value::Value;

/// Names and values as they were typed.
pub type ConfigMap = BTreeMap<String, String>;

/// The configs of one topic, checked and typed. The names are Kafka's; the table documents them.
#[expect(clippy::struct_excessive_bools, reason = "they are independent switches of Kafka's")]
#[derive(Clone, Debug, PartialEq)]
pub struct TopicConfig {
    /// `cleanup.policy`.
    pub cleanup_policy: CleanupPolicy,
    /// `retention.ms`; none is without limit.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`; none is without limit.
    pub retention_bytes: Option<u64>,
    /// `segment.bytes`, or `internal.segment.bytes`.
    pub segment_bytes: u32,
    /// `segment.ms`. See [`TopicConfig::roll_ms`].
    pub segment_ms: i64,
    /// `segment.jitter.ms`.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u32,
    /// `max.message.bytes`.
    pub max_message_bytes: u32,
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `compression.type` and the level of that codec.
    pub compression: TopicCompression,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`.
    pub max_compaction_lag_ms: i64,
    /// `min.cleanable.dirty.ratio`.
    pub min_cleanable_dirty_ratio: f64,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: bool,
    /// `file.delete.delay.ms`.
    pub file_delete_delay_ms: i64,
    /// `flush.messages`.
    pub flush_messages: i64,
    /// `flush.ms`.
    pub flush_ms: i64,
    /// `preallocate`.
    pub preallocate: bool,
    /// `leader.replication.throttled.replicas`.
    pub leader_throttled_replicas: ThrottledReplicas,
    /// `follower.replication.throttled.replicas`.
    pub follower_throttled_replicas: ThrottledReplicas,
    /// `remote.storage.enable`.
    pub remote_storage: bool,
    /// `remote.log.copy.disable`.
    pub remote_log_copy_disable: bool,
    /// `remote.log.delete.on.disable`.
    pub remote_log_delete_on_disable: bool,
    /// `remote.copy.lag.ms`; negative is none.
    pub remote_copy_lag_ms: i64,
    /// `remote.copy.lag.bytes`; negative is none.
    pub remote_copy_lag_bytes: i64,
    /// `local.retention.ms`, or `retention.ms` where it says so; none is without limit.
    pub local_retention_ms: Option<i64>,
    /// `local.retention.bytes`, or `retention.bytes` where it says so; none is without limit.
    pub local_retention_bytes: Option<u64>,
    /// `errors.deadletterqueue.group.enable`.
    pub dead_letter_queue: bool,
}

/// How old records go. Neither is "keep for ever".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// By age and size.
    pub delete: bool,
    /// By key.
    pub compact: bool,
}

/// How the leader stores batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicCompression {
    /// As the producer sent them.
    Producer,
    /// In this codec, and if it is the leader that compresses, at this level.
    Codec(Codec, Option<i32>),
}

/// Which replicas of a topic are throttled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ThrottledReplicas {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// These partitions on these brokers.
    Some(Vec<(i32, i32)>),
}

/// Why configs are refused; on the wire `INVALID_CONFIG`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// No topic config has this name.
    #[error("unknown topic config {name}{}", did_you_mean(*.nearest))]
    Unknown {
        /// What was typed.
        name: String,
        /// A name that looks like it.
        nearest: Option<&'static str>,
    },
    /// The value breaks the rule of its key.
    #[error("invalid value {value:?} for {name}: it must be {rule}")]
    Value {
        /// The key of the topic, or of the broker.
        name: String,
        /// What was typed.
        value: String,
        /// The end of "it must be".
        rule: String,
    },
    /// Two values contradict each other.
    #[error("{name} = {value} contradicts {other_name} = {other_value}: {rule}")]
    Conflict {
        /// One key.
        name: &'static str,
        /// Its value.
        value: i64,
        /// The other key.
        other_name: &'static str,
        /// The other key's value.
        other_value: i64,
        /// The rule that broke.
        rule: &'static str,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

/// Checks one value by itself.
pub fn validate(name: &str, value: &str) -> Result<(), ConfigError> {
    let key = topic_config_key(name).ok_or_else(|| ConfigError::Unknown {
        name: name.to_owned(),
        nearest: nearest_name(name),
    })?;
    parse(key, name, value).map(|_| ())
}

impl TopicConfig {
    /// The values of a topic with these `overrides` on a broker with these `broker_defaults`. The
    /// overrides are all checked; of the defaults only those that count here.
    pub fn resolve(
        broker_defaults: &ConfigMap,
        overrides: &ConfigMap,
    ) -> Result<TopicConfig, ConfigError> {
        for (name, value) in overrides {
            validate(name, value)?;
        }
        let config = Self::read(&Values { broker_defaults, overrides })?;
        config.check()?;
        Ok(config)
    }

    /// The values that a topic is kept by whatever stands in its configs and in the broker's: a
    /// value that nobody can read counts as not set, values that contradict each other both count,
    /// as in Kafka. All of that is told beside them. A topic must not lose its policy, and with it
    /// its records, because a default was changed or a key was unknown to an older version.
    pub fn in_force(
        broker_defaults: &ConfigMap,
        overrides: &ConfigMap,
    ) -> (TopicConfig, Vec<ConfigError>) {
        let mut errors = Vec::new();
        let (mut broker_defaults, mut overrides) = (broker_defaults.clone(), overrides.clone());
        overrides.retain(|name, value| {
            let checked = validate(name, value);
            checked.map_err(|error| errors.push(error)).is_ok()
        });
        loop {
            let values = Values { broker_defaults: &broker_defaults, overrides: &overrides };
            match Self::read(&values) {
                Ok(config) => {
                    errors.extend(config.check().err());
                    return (config, errors);
                }
                Err(error) => {
                    let ConfigError::Value { name, .. } = &error else {
                        unreachable!("reading finds values that break their rule only: {error}")
                    };
                    let removed = broker_defaults.remove(name);
                    assert!(removed.is_some(), "the values of the topic were checked: {error}");
                    errors.push(error);
                }
            }
        }
    }

    fn read(values: &Values<'_>) -> Result<TopicConfig, ConfigError> {
        let retention_ms = values.limit("retention.ms")?;
        let retention_bytes = values.limit("retention.bytes")?;
        Ok(TopicConfig {
            cleanup_policy: values.cleanup_policy()?,
            retention_ms,
            retention_bytes: retention_bytes.map(|bytes| bytes as u64),
            segment_bytes: values.segment_bytes()?,
            segment_ms: values.number("segment.ms")?,
            segment_jitter_ms: values.number("segment.jitter.ms")?,
            segment_index_bytes: values.number("segment.index.bytes")? as u32,
            index_interval_bytes: values.number("index.interval.bytes")? as u32,
            max_message_bytes: values.number("max.message.bytes")? as u32,
            min_insync_replicas: values.number("min.insync.replicas")? as u32,
            timestamp_type: values.timestamp_type()?,
            timestamp_before_max_ms: values.number("message.timestamp.before.max.ms")?,
            timestamp_after_max_ms: values.number("message.timestamp.after.max.ms")?,
            compression: values.compression()?,
            delete_retention_ms: values.number("delete.retention.ms")?,
            min_compaction_lag_ms: values.number("min.compaction.lag.ms")?,
            max_compaction_lag_ms: values.number("max.compaction.lag.ms")?,
            min_cleanable_dirty_ratio: values.fraction("min.cleanable.dirty.ratio")?,
            unclean_leader_election: values.boolean("unclean.leader.election.enable")?,
            file_delete_delay_ms: values.number("file.delete.delay.ms")?,
            flush_messages: values.number("flush.messages")?,
            flush_ms: values.number("flush.ms")?,
            preallocate: values.boolean("preallocate")?,
            leader_throttled_replicas: values
                .throttled_replicas("leader.replication.throttled.replicas")?,
            follower_throttled_replicas: values
                .throttled_replicas("follower.replication.throttled.replicas")?,
            remote_storage: values.boolean("remote.storage.enable")?,
            remote_log_copy_disable: values.boolean("remote.log.copy.disable")?,
            remote_log_delete_on_disable: values.boolean("remote.log.delete.on.disable")?,
            remote_copy_lag_ms: values.number("remote.copy.lag.ms")?,
            remote_copy_lag_bytes: values.number("remote.copy.lag.bytes")?,
            local_retention_ms: values.local_limit("local.retention.ms", retention_ms)?,
            local_retention_bytes: values
                .local_limit("local.retention.bytes", retention_bytes)?
                .map(|bytes| bytes as u64),
            dead_letter_queue: values.boolean("errors.deadletterqueue.group.enable")?,
        })
    }

    /// The age at which a partition begins a new segment: with compaction no later than a record
    /// may stay uncompacted.
    pub fn roll_ms(&self) -> i64 {
        if self.cleanup_policy.compact {
            self.segment_ms.min(self.max_compaction_lag_ms)
        } else {
            self.segment_ms
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.min_compaction_lag_ms > self.max_compaction_lag_ms {
            return Err(ConfigError::Conflict {
                name: "min.compaction.lag.ms",
                value: self.min_compaction_lag_ms,
                other_name: "max.compaction.lag.ms",
                other_value: self.max_compaction_lag_ms,
                rule: "the smallest lag is not above the largest",
            });
        }
        let local = (self.local_retention_ms, self.local_retention_bytes.map(|b| b as i64));
        let all = (self.retention_ms, self.retention_bytes.map(|b| b as i64));
        for (name, local, other_name, all) in [
            ("local.retention.ms", local.0, "retention.ms", all.0),
            ("local.retention.bytes", local.1, "retention.bytes", all.1),
        ] {
            let exceeds = all.is_some_and(|all| local.is_none_or(|local| local > all));
            if self.remote_storage && exceeds {
                return Err(ConfigError::Conflict {
                    name,
                    value: local.unwrap_or(-1),
                    other_name,
                    other_value: all.unwrap_or(-1),
                    rule: "what stays on local disks is not more than what stays at all",
                });
            }
        }
        Ok(())
    }
}

impl Default for TopicConfig {
    /// The values of the table.
    fn default() -> TopicConfig {
        TopicConfig::resolve(&ConfigMap::new(), &ConfigMap::new())
            .expect("the defaults of the table keep its rules")
    }
}

/// Finds the value of each key: the topic's, the broker's, or the table's.
struct Values<'a> {
    broker_defaults: &'a ConfigMap,
    overrides: &'a ConfigMap,
}

impl Values<'_> {
    fn find(&self, name: &'static str) -> Result<Option<Value>, ConfigError> {
        let key = topic_config_key(name).expect("every name asked for is in the table");
        if let Some(text) = self.overrides.get(name) {
            return parse(key, name, text).map(Some);
        }
        for synonym in key.synonyms {
            if let Some(text) = self.broker_defaults.get(synonym.name) {
                return parse(key, synonym.name, &synonym.to_topic_units(text)).map(Some);
            }
        }
        key.default.map(|text| parse(key, name, text)).transpose()
    }

    fn require(&self, name: &'static str) -> Result<Value, ConfigError> {
        Ok(self.find(name)?.expect("the key has a default"))
    }

    fn number(&self, name: &'static str) -> Result<i64, ConfigError> {
        match self.require(name)? {
            Value::Number(number) => Ok(number),
            other => panic!("{name} is a number in the table, not {other:?}"),
        }
    }

    fn fraction(&self, name: &'static str) -> Result<f64, ConfigError> {
        match self.require(name)? {
            Value::Fraction(fraction) => Ok(fraction),
            other => panic!("{name} is a fraction in the table, not {other:?}"),
        }
    }

    fn boolean(&self, name: &'static str) -> Result<bool, ConfigError> {
        match self.require(name)? {
            Value::Boolean(boolean) => Ok(boolean),
            other => panic!("{name} is a boolean in the table, not {other:?}"),
        }
    }

    fn text(&self, name: &'static str) -> Result<String, ConfigError> {
        match self.require(name)? {
            Value::Text(text) => Ok(text),
            other => panic!("{name} is a text in the table, not {other:?}"),
        }
    }

    fn list(&self, name: &'static str) -> Result<Vec<String>, ConfigError> {
        match self.require(name)? {
            Value::List(items) => Ok(items),
            other => panic!("{name} is a list in the table, not {other:?}"),
        }
    }

    /// A number of which negative ones mean "without limit".
    fn limit(&self, name: &'static str) -> Result<Option<i64>, ConfigError> {
        Ok(Some(self.number(name)?).filter(|limit| *limit >= 0))
    }

    /// A limit of which -2 means "as `other`".
    fn local_limit(
        &self,
        name: &'static str,
        other: Option<i64>,
    ) -> Result<Option<i64>, ConfigError> {
        let is_inherited = self.number(name)? == -2;
        if is_inherited { Ok(other) } else { self.limit(name) }
    }

    fn cleanup_policy(&self) -> Result<CleanupPolicy, ConfigError> {
        let items = self.list("cleanup.policy")?;
        let has = |policy: &str| items.iter().any(|item| item == policy);
        Ok(CleanupPolicy { delete: has("delete"), compact: has("compact") })
    }

    fn segment_bytes(&self) -> Result<u32, ConfigError> {
        match self.find("internal.segment.bytes")? {
            Some(Value::Number(number)) => Ok(number as u32),
            _ => Ok(self.number("segment.bytes")? as u32),
        }
    }

    fn timestamp_type(&self) -> Result<TimestampType, ConfigError> {
        let is_append = self.text("message.timestamp.type")? == TimestampType::LogAppendTime.name();
        Ok(if is_append { TimestampType::LogAppendTime } else { TimestampType::CreateTime })
    }

    fn compression(&self) -> Result<TopicCompression, ConfigError> {
        let level = |name| self.number(name).map(|level| Some(level as i32));
        Ok(match self.text("compression.type")?.as_str() {
            "uncompressed" => TopicCompression::Codec(Codec::None, None),
            "gzip" => {
                let level = level("compression.gzip.level")?.filter(|level| *level != -1);
                TopicCompression::Codec(Codec::Gzip, level)
            }
            "snappy" => TopicCompression::Codec(Codec::Snappy, None),
            "lz4" => TopicCompression::Codec(Codec::Lz4, level("compression.lz4.level")?),
            "zstd" => TopicCompression::Codec(Codec::Zstd, level("compression.zstd.level")?),
            _ => TopicCompression::Producer,
        })
    }

    fn throttled_replicas(&self, name: &'static str) -> Result<ThrottledReplicas, ConfigError> {
        let items = self.list(name)?;
        if items.is_empty() {
            return Ok(ThrottledReplicas::None);
        }
        if items == ["*"] {
            return Ok(ThrottledReplicas::All);
        }
        let replicas = items.iter().filter_map(|item| value::throttled_replica(item)).collect();
        Ok(ThrottledReplicas::Some(replicas))
    }
}

impl Synonym {
    /// The broker's `text` in the units of the topic's key. What is no number stays as it is, to
    /// be refused with the words of its key.
    fn to_topic_units(self, text: &str) -> String {
        match text.trim().parse::<i64>() {
            Ok(number) if self.factor != 1 && number >= 0 => {
                number.saturating_mul(self.factor).to_string()
            }
            _ => text.to_owned(),
        }
    }
}

fn parse(key: &ConfigKey, name: &str, text: &str) -> Result<Value, ConfigError> {
    value::parse(key.config_type, key.rule, text).map_err(|rule| ConfigError::Value {
        name: name.to_owned(),
        value: text.to_owned(),
        rule,
    })
}

#[cfg(test)]
mod tests;
