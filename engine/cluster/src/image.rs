//! The state of the cluster: what all records of the metadata log, folded in order, amount to. An
//! image is a value that never changes under its reader; the next one shares everything with it
//! that the records in between left alone.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use corelog_model::topic_config::{ConfigError, ConfigMap, TopicConfig};
use corelog_model::{
    BrokerId, NodeId, PartitionId, PartitionIndex, ProducerId, ShardId, TopicId, TopicName,
};

use crate::acl_index::AclIndex;
use crate::delegation_token::{DelegationToken, DelegationTokens};
use crate::quota::ClientQuotas;
use crate::record::{ConfigResource, PartitionState, ShardEndpoint};
use crate::scram::{ScramCredential, ScramUser};

/// How many records of the metadata log an image holds: the offset of the first record it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataVersion(pub u64);

impl fmt::Display for MetadataVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The state of the cluster after some prefix of the metadata log.
///
/// A clone costs a few reference counts. The first change of a part after a clone copies that
/// part's map (of topics, of brokers), which holds references too: so derive one image per batch of
/// records, not one per record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterImage {
    pub(crate) version: MetadataVersion,
    pub(crate) cluster_id: Option<Arc<str>>,
    pub(crate) brokers: Arc<BTreeMap<BrokerId, BrokerImage>>,
    pub(crate) topics: Arc<BTreeMap<TopicId, Arc<TopicImage>>>,
    pub(crate) topic_ids: Arc<BTreeMap<TopicName, TopicId>>,
    /// Names with a `.` or `_`, all `.` replaced by `_`: two topics that differ only there would
    /// share metric names.
    pub(crate) collision_keys: Arc<BTreeMap<String, TopicName>>,
    pub(crate) broker_configs: Arc<BTreeMap<BrokerId, ConfigMap>>,
    pub(crate) broker_default_configs: Arc<ConfigMap>,
    pub(crate) group_configs: Arc<BTreeMap<String, ConfigMap>>,
    pub(crate) next_producer_id: ProducerId,
    pub(crate) scram_credentials: Arc<BTreeMap<ScramUser, Arc<ScramCredential>>>,
    pub(crate) client_quotas: Arc<ClientQuotas>,
    pub(crate) acls: Arc<AclIndex>,
    pub(crate) delegation_tokens: Arc<DelegationTokens>,
    pub(crate) partition_count: usize,
    /// Without the nodes that hold nothing.
    pub(crate) loads: Arc<BTreeMap<NodeId, NodeLoad>>,
}

/// How many partitions a node leads and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeLoad {
    /// Of how many it is the leader.
    pub leaders: usize,
    /// Of how many it is a replica, the leader included.
    pub replicas: usize,
}

/// A broker and its shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerImage {
    /// The broker.
    pub id: BrokerId,
    /// The failure domain its operator named, if any.
    pub rack: Option<String>,
    /// Its shards, in the order of their ids. Those of one shard are in the order of the listeners.
    pub shards: Vec<ShardEndpoint>,
}

/// A topic with its partitions and configs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicImage {
    pub(crate) id: TopicId,
    pub(crate) name: TopicName,
    pub(crate) partitions: Vec<Arc<PartitionState>>,
    pub(crate) configs: ConfigMap,
}

/// A node as clients reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeEndpoint<'a> {
    /// The node id in the Kafka protocol.
    pub node: NodeId,
    /// The broker it is a shard of.
    pub broker: BrokerId,
    /// Which shard of the broker.
    pub shard: ShardId,
    /// Host name or address.
    pub host: &'a str,
    /// TCP port.
    pub port: u16,
    /// The failure domain of the broker, if its operator named one.
    pub rack: Option<&'a str>,
}

impl ClusterImage {
    /// The state before the first record.
    pub fn empty() -> ClusterImage {
        ClusterImage::default()
    }

    /// How much of the metadata log this image holds.
    pub fn version(&self) -> MetadataVersion {
        self.version
    }

    /// The random id of the cluster; `None` before the first record.
    pub fn cluster_id(&self) -> Option<&str> {
        self.cluster_id.as_deref()
    }

    /// The node that clients send changes of the metadata to; `None` while no broker is known.
    pub fn controller(&self) -> Option<NodeId> {
        // Every node can take a change and pass it on, so this only keeps clients from spreading
        // over nodes.
        self.nodes().next().map(|endpoint| endpoint.node)
    }

    /// The first producer id that was not given out yet.
    pub fn next_producer_id(&self) -> ProducerId {
        self.next_producer_id
    }

    /// All brokers in the order of their ids.
    pub fn brokers(&self) -> impl ExactSizeIterator<Item = &BrokerImage> {
        self.brokers.values()
    }

    /// A broker by its id.
    pub fn broker(&self, id: BrokerId) -> Option<&BrokerImage> {
        self.brokers.get(&id)
    }

    /// All nodes in the order of their ids, each as its first listener is reached.
    pub fn nodes(&self) -> impl Iterator<Item = NodeEndpoint<'_>> {
        self.brokers.values().flat_map(BrokerImage::nodes)
    }

    /// The nodes that have this listener, in the order of their ids, as it is reached.
    pub fn nodes_at<'a>(&'a self, listener: &'a str) -> impl Iterator<Item = NodeEndpoint<'a>> {
        self.brokers.values().flat_map(move |broker| broker.nodes_at(listener))
    }

    /// A node by its id, as this listener of it is reached.
    pub fn node_at(&self, node: NodeId, listener: &str) -> Option<NodeEndpoint<'_>> {
        let broker = self.broker(node.broker())?;
        let is_it = |shard: &&ShardEndpoint| {
            NodeId::of(broker.id, shard.shard) == node && shard.listener == listener
        };
        broker.shards.iter().find(is_it).map(|endpoint| broker.node(endpoint))
    }

    /// What a user logs in with by a SCRAM mechanism.
    pub fn scram_credential(&self, of: &ScramUser) -> Option<&Arc<ScramCredential>> {
        self.scram_credentials.get(of)
    }

    /// All SCRAM credentials, in the order of the users.
    pub fn scram_credentials(
        &self,
    ) -> impl ExactSizeIterator<Item = (&ScramUser, &Arc<ScramCredential>)> {
        self.scram_credentials.iter()
    }

    /// What clients are allowed. The same value, by its address too, until a quota changes.
    pub fn client_quotas(&self) -> &Arc<ClientQuotas> {
        &self.client_quotas
    }

    /// A delegation token by its id.
    pub fn delegation_token(&self, id: &str) -> Option<&DelegationToken> {
        self.delegation_tokens.get(id)
    }

    /// All delegation tokens, in the order of their ids.
    pub fn delegation_tokens(&self) -> impl ExactSizeIterator<Item = &DelegationToken> {
        self.delegation_tokens.values()
    }

    /// The rights of principals.
    pub fn acls(&self) -> &AclIndex {
        &self.acls
    }

    /// A node by its id, as its first listener is reached.
    pub fn node(&self, node: NodeId) -> Option<NodeEndpoint<'_>> {
        self.broker(node.broker())?.nodes().find(|endpoint| endpoint.node == node)
    }

    /// How many partitions a node has, whether or not it exists.
    pub fn load(&self, node: NodeId) -> NodeLoad {
        self.loads.get(&node).copied().unwrap_or_default()
    }

    /// How many topics there are.
    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// How many partitions all topics have together.
    pub fn partition_count(&self) -> usize {
        self.partition_count
    }

    /// All topics in the order of their names.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &Arc<TopicImage>> {
        self.topic_ids.values().map(|id| &self.topics[id])
    }

    /// A topic by its id.
    pub fn topic(&self, id: TopicId) -> Option<&Arc<TopicImage>> {
        self.topics.get(&id)
    }

    /// A topic by its name, valid or not.
    pub fn topic_by_name(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.topic_ids.get(name).map(|id| &self.topics[id])
    }

    /// The id of the topic with this name.
    pub fn topic_id(&self, name: &str) -> Option<TopicId> {
        self.topic_ids.get(name).copied()
    }

    /// A topic other than `name` itself whose name differs from it only in `.` against `_`.
    pub fn colliding_topic(&self, name: &TopicName) -> Option<&TopicName> {
        self.collision_keys.get(&collision_key(name)?).filter(|other| *other != name)
    }

    /// A partition by its id.
    pub fn partition(&self, partition: PartitionId) -> Option<&PartitionState> {
        self.topic(partition.topic)?.partition(partition.index)
    }

    /// All partitions, those of one topic together and in order.
    pub fn partitions(&self) -> impl Iterator<Item = (PartitionId, &PartitionState)> {
        self.topics.values().flat_map(|topic| {
            let id = topic.id;
            topic.partitions().map(move |(index, state)| (PartitionId { topic: id, index }, state))
        })
    }

    /// The partitions that `node` leads. Costs a look at every partition; to follow changes, see
    /// [`ClusterImage::topics_changed_since`].
    pub fn partitions_led_by(
        &self,
        node: NodeId,
    ) -> impl Iterator<Item = (PartitionId, &PartitionState)> {
        self.partitions().filter(move |(_, state)| state.leader == node)
    }

    /// The configs that are set on `resource` itself; `None` if nothing is set or the topic does
    /// not exist.
    pub fn configs_of(&self, resource: &ConfigResource) -> Option<&ConfigMap> {
        let configs = match resource {
            ConfigResource::Topic(name) => &self.topic_by_name(name.as_str())?.configs,
            ConfigResource::Broker(broker) => self.broker_configs.get(broker)?,
            ConfigResource::BrokerDefault => &self.broker_default_configs,
            ConfigResource::Group(name) => self.group_configs.get(name)?,
        };
        (!configs.is_empty()).then_some(configs)
    }

    /// The defaults that a broker's topics have: what its operator wrote (`static_configs`), what
    /// is set for all brokers, and what is set for this one, the later ones winning.
    pub fn broker_defaults(&self, broker: BrokerId, static_configs: &ConfigMap) -> ConfigMap {
        let own = self.broker_configs.get(&broker).into_iter().flatten();
        let mut defaults = static_configs.clone();
        for (key, value) in self.broker_default_configs.iter().chain(own) {
            defaults.insert(key.clone(), value.clone());
        }
        defaults
    }

    /// The groups that have configs, by name.
    pub fn group_configs(&self) -> impl ExactSizeIterator<Item = (&String, &ConfigMap)> {
        self.group_configs.iter()
    }

    /// Every resource that has configs, in order, with what is set on it.
    pub fn configs(&self) -> impl Iterator<Item = (ConfigResource, &ConfigMap)> {
        let topics =
            self.topics().map(|topic| (ConfigResource::Topic(topic.name.clone()), &topic.configs));
        let brokers = self
            .broker_configs
            .iter()
            .map(|(broker, configs)| (ConfigResource::Broker(*broker), configs));
        let default = (ConfigResource::BrokerDefault, &*self.broker_default_configs);
        let groups = self.group_configs();
        let groups = groups.map(|(name, configs)| (ConfigResource::Group(name.clone()), configs));
        topics
            .chain(brokers)
            .chain(std::iter::once(default))
            .chain(groups)
            .filter(|(_, configs)| !configs.is_empty())
    }
}

impl BrokerImage {
    /// Its shards as nodes, in the order of their ids, each as its first listener is reached.
    pub fn nodes(&self) -> impl Iterator<Item = NodeEndpoint<'_>> {
        let runs = self.shards.chunk_by(|one, other| one.shard == other.shard);
        runs.map(|shard| self.node(&shard[0]))
    }

    /// Its shards as nodes, in the order of their ids, as this listener is reached.
    pub fn nodes_at<'a>(&'a self, listener: &'a str) -> impl Iterator<Item = NodeEndpoint<'a>> {
        let at = self.shards.iter().filter(move |endpoint| endpoint.listener == listener);
        at.map(|endpoint| self.node(endpoint))
    }

    fn node<'a>(&'a self, endpoint: &'a ShardEndpoint) -> NodeEndpoint<'a> {
        NodeEndpoint {
            node: NodeId::of(self.id, endpoint.shard),
            broker: self.id,
            shard: endpoint.shard,
            host: &endpoint.host,
            port: endpoint.port,
            rack: self.rack.as_deref(),
        }
    }
}

impl TopicImage {
    /// The topic's id.
    pub fn id(&self) -> TopicId {
        self.id
    }

    /// The topic's name.
    pub fn name(&self) -> &TopicName {
        &self.name
    }

    /// How many partitions the topic has.
    pub fn partition_count(&self) -> usize {
        self.partitions.len()
    }

    /// One of its partitions.
    pub fn partition(&self, index: PartitionIndex) -> Option<&PartitionState> {
        self.partitions.get(usize::try_from(index.0).ok()?).map(|state| &**state)
    }

    /// All of its partitions in order.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = (PartitionIndex, &PartitionState)> {
        self.partitions
            .iter()
            .enumerate()
            .map(|(index, state)| (PartitionIndex(index as i32), &**state))
    }

    /// The configs set on the topic itself.
    pub fn configs(&self) -> &ConfigMap {
        &self.configs
    }

    /// The configs that hold for the topic, given [`ClusterImage::broker_defaults`]. They are
    /// checked when they are set, so an error beside them means that the defaults were changed
    /// under them, or that another version set them.
    pub fn effective_config(&self, broker_defaults: &ConfigMap) -> (TopicConfig, Vec<ConfigError>) {
        TopicConfig::in_force(broker_defaults, &self.configs)
    }
}

/// The text under which names that differ only in `.` against `_` meet; `None` if the name has
/// neither.
pub(crate) fn collision_key(name: &TopicName) -> Option<String> {
    name.has_collision_chars().then(|| name.as_str().replace('.', "_"))
}
