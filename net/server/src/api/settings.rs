//! What the operator decided, as far as the answers to clients depend on it.

use corelog_cluster::decide::TopicPolicy;
use corelog_cluster::{Authorizer, ClusterImage};
use corelog_model::BrokerId;
use corelog_model::topic_config::{
    ConfigMap, ConfigSource, ConfigType, DescribedConfig, TOPIC_CONFIGS, describe,
};

use super::describe_configs::is_dynamic;
use crate::log_levels::LogLevels;

/// The most bytes of a request to an API that moves no records. Who sends more is disconnected.
///
/// The answer to an item of a few bytes may have a hundred, and takes more while it is made, so
/// what is fair for records would be too much here. Ten thousand topics with configs fit.
pub const CONTROL_REQUEST_BYTES_MAX: usize = 4 << 20;

/// What the APIs need to know about the broker that answers. The same on all of its cores.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// The broker whose cores answer.
    pub broker: BrokerId,
    /// Whether a client's question for an unknown topic may create it
    /// (`auto.create.topics.enable`).
    pub auto_create_topics: bool,
    /// Whether topics may be deleted (`delete.topic.enable`).
    pub delete_topics: bool,
    /// Presets and bounds of new topics. Those of the controller, which decides by them.
    pub topics: TopicPolicy,
    /// The defaults of topic configs that the operator set, under the broker's names
    /// (`log.retention.ms`, not `retention.ms`); see [`broker_keys`].
    pub topic_defaults: ConfigMap,
    /// The broker's own configs, as `DescribeConfigs` lists them. Those that are defaults of topic
    /// configs among them, under the same names as in `topic_defaults`.
    pub broker_configs: Vec<BrokerConfigEntry>,
    /// What the topic of groups is created with.
    pub groups_topic: InternalTopic,
    /// What the topic of transactions is created with.
    pub transactions_topic: InternalTopic,
    /// What the topic of the state of share groups is created with.
    pub share_topic: InternalTopic,
    /// How many share sessions a core may have (`group.share.max.share.sessions`).
    pub share_sessions_max: usize,
    /// Partitions in one page of `DescribeTopicPartitions`, however many the client asks for
    /// (`max.request.partition.size.limit`).
    pub described_partitions_max: usize,
    /// How many topics and brokers one `DescribeConfigs` may describe. The answer is made as a
    /// whole, at up to 40 configs for each.
    pub described_resources_max: usize,
    /// How much the loggers of the process say.
    pub loggers: LogLevels,
    /// Who may do what; none: everybody may do everything.
    pub authorizer: Option<Authorizer>,
}

/// The presets of `__consumer_offsets`, `__transaction_state` or `__share_group_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InternalTopic {
    /// How many partitions it has (`offsets.topic.num.partitions`,
    /// `transaction.state.log.num.partitions`, `share.coordinator.state.topic.num.partitions`).
    pub partitions: i32,
    /// On how many brokers each partition is, at most as many as there are
    /// (`offsets.topic.replication.factor`, `transaction.state.log.replication.factor`).
    pub replication_factor: i16,
    /// Bytes of a segment (`offsets.topic.segment.bytes`, `transaction.state.log.segment.bytes`).
    pub segment_bytes: i32,
}

impl Default for InternalTopic {
    fn default() -> InternalTopic {
        InternalTopic { partitions: 50, replication_factor: 3, segment_bytes: 100 << 20 }
    }
}

/// One config of the broker itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerConfigEntry {
    /// Kafka's name, or ours.
    pub name: &'static str,
    /// The value that holds; none for unset.
    pub value: Option<String>,
    /// Whether the operator wrote it ([`ConfigSource::StaticBroker`]) or nobody did
    /// ([`ConfigSource::Default`]).
    pub source: ConfigSource,
    /// All values there are, the one that holds first.
    pub synonyms: Vec<BrokerConfigSynonym>,
    /// Whether the value is a secret, which no answer contains.
    pub is_sensitive: bool,
    /// The type of its values.
    pub config_type: ConfigType,
    /// What it does.
    pub doc: &'static str,
}

/// One of the values of a config of the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerConfigSynonym {
    /// The config, or another name of it.
    pub name: &'static str,
    /// The value, in the units of that name.
    pub value: String,
    /// Where it comes from.
    pub source: ConfigSource,
}

impl Default for ApiSettings {
    /// Kafka's defaults, for broker 1.
    fn default() -> ApiSettings {
        ApiSettings {
            broker: BrokerId(1),
            auto_create_topics: true,
            delete_topics: true,
            topics: TopicPolicy::default(),
            topic_defaults: ConfigMap::new(),
            broker_configs: Vec::new(),
            groups_topic: InternalTopic::default(),
            transactions_topic: InternalTopic::default(),
            share_topic: InternalTopic::default(),
            share_sessions_max: 2000,
            described_partitions_max: 2000,
            described_resources_max: 10_000,
            loggers: LogLevels::default(),
            authorizer: None,
        }
    }
}

impl ApiSettings {
    /// Whether the broker has this config and reads it only when it starts.
    pub(crate) fn is_read_only(&self, name: &str) -> bool {
        let is_it = |entry: &BrokerConfigEntry| entry.name == name;
        self.broker_configs.iter().any(is_it) && !is_dynamic(name)
    }

    /// The configs of a topic that sets `overrides` itself, as this broker sees them.
    pub(crate) fn describe_topic(
        &self,
        image: &ClusterImage,
        overrides: &ConfigMap,
    ) -> Vec<DescribedConfig> {
        let [broker, all] = dynamic_layers(image, self.broker);
        describe(&[broker, all, (ConfigSource::StaticBroker, &self.topic_defaults)], overrides)
    }
}

/// The configs set at run time for `broker` and for all brokers, the strongest first.
pub(crate) fn dynamic_layers(
    image: &ClusterImage,
    broker: BrokerId,
) -> [(ConfigSource, &ConfigMap); 2] {
    use corelog_cluster::ConfigResource::{Broker, BrokerDefault};
    static NONE: ConfigMap = ConfigMap::new();
    let set_on = |resource| image.configs_of(&resource).unwrap_or(&NONE);
    [
        (ConfigSource::DynamicBroker, set_on(Broker(broker))),
        (ConfigSource::DynamicDefaultBroker, set_on(BrokerDefault)),
    ]
}

/// Defaults of topics under the broker's names, made from those under the topics' names, which is
/// how a configuration that has resolved its synonyms holds them. What no broker config gives the
/// default of is left out.
pub fn broker_keys(topic_defaults: &ConfigMap) -> ConfigMap {
    let renamed = TOPIC_CONFIGS.iter().filter_map(|key| {
        let value = topic_defaults.get(key.name)?;
        // The one in the topic's units; where there are several, it is the strongest.
        let synonym = key.synonyms.iter().find(|synonym| synonym.factor == 1)?;
        Some((synonym.name.to_owned(), value.clone()))
    });
    renamed.collect()
}

#[cfg(test)]
mod tests {
    use corelog_model::TopicConfig;

    use super::*;

    #[test]
    fn defaults_of_topics_hold_under_the_brokers_names() {
        let topic_defaults = ConfigMap::from([
            ("retention.ms".to_owned(), "60000".to_owned()),
            ("min.insync.replicas".to_owned(), "2".to_owned()),
            ("remote.storage.enable".to_owned(), "true".to_owned()),
        ]);
        let keys = broker_keys(&topic_defaults);
        let expected = [("log.retention.ms", "60000"), ("min.insync.replicas", "2")];
        assert_eq!(keys, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());

        let config = TopicConfig::resolve(&keys, &ConfigMap::new()).unwrap();
        assert_eq!((config.retention_ms, config.min_insync_replicas), (Some(60_000), 2));
    }

    #[test]
    fn every_default_that_a_broker_config_gives_can_be_renamed() {
        for key in TOPIC_CONFIGS.iter().filter(|key| !key.synonyms.is_empty()) {
            let of_topic = ConfigMap::from([(key.name.to_owned(), "1".to_owned())]);
            let of_broker = broker_keys(&of_topic);
            let name = of_broker.keys().next().unwrap();
            assert_eq!(name, key.synonyms[0].name, "the strongest name of {}", key.name);
        }
    }
}
