//! The records of the cluster metadata log: what may happen to a cluster, one variant each. The
//! bytes are one format version and a flatbuffer (schema/metadata.fbs); `codec.rs` translates.

use std::fmt;

use corelog_model::{
    BrokerId, LeaderEpoch, NodeId, PartitionId, ProducerId, ShardId, TopicId, TopicName,
};

use crate::acl::AclBinding;
use crate::delegation_token::DelegationToken;
use crate::quota::{QuotaEntity, QuotaKey, QuotaValue};
use crate::scram::{ScramCredential, ScramUser};

/// One entry of the cluster metadata log. Folding all of them in order gives a
/// [`ClusterImage`](crate::ClusterImage).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataRecord {
    /// The cluster exists. The first record of every log.
    ClusterCreated {
        /// Random, chosen once; clients compare it to notice that they reached another cluster.
        cluster_id: String,
    },
    /// A broker as it is from now on; replaces what was known about it.
    BrokerRegistered {
        /// The broker.
        broker: BrokerId,
        /// The failure domain its operator named, if any.
        rack: Option<String>,
        /// Its shards, each a node of the cluster, with one endpoint for each listener.
        shards: Vec<ShardEndpoint>,
    },
    /// A topic exists, with no partitions yet.
    TopicCreated {
        /// Random, never used again after a deletion.
        id: TopicId,
        /// Unique among the living topics.
        name: TopicName,
    },
    /// The next partition of a topic exists.
    PartitionCreated {
        /// Its index is the number of partitions the topic had.
        partition: PartitionId,
        /// Where it lives and who leads.
        state: PartitionState,
    },
    /// A partition moved, changed its leader or its in-sync replicas.
    PartitionChanged {
        /// The partition.
        partition: PartitionId,
        /// Its whole new state, with a higher partition epoch.
        state: PartitionState,
    },
    /// A topic is gone, with its partitions and configs.
    TopicDeleted {
        /// The topic.
        id: TopicId,
    },
    /// A config is set (`Some`) or back to its default (`None`).
    ConfigSet {
        /// Whose config it is.
        resource: ConfigResource,
        /// Kafka's name of the config.
        key: String,
        /// As the user wrote it, checked.
        value: Option<String>,
    },
    /// Producer ids below `next` have been given out.
    ProducerIdsAllocated {
        /// The first id that is still free.
        next: ProducerId,
    },
    /// A user can log in with a password by one SCRAM mechanism; replaces an earlier one.
    ScramCredentialSet {
        /// The user and the mechanism.
        of: ScramUser,
        /// What the password was turned into.
        credential: ScramCredential,
    },
    /// A user cannot log in by that mechanism any more.
    ScramCredentialRemoved {
        /// The user and the mechanism.
        of: ScramUser,
    },
    /// A quota is set (`Some`) or removed (`None`).
    ClientQuotaChanged {
        /// Whose quota it is.
        entity: QuotaEntity,
        /// What is limited.
        key: QuotaKey,
        /// How much is allowed.
        value: Option<QuotaValue>,
    },
    /// A right is given or denied.
    AclAdded {
        /// Not there before.
        binding: AclBinding,
    },
    /// A right is not given or denied any more.
    AclRemoved {
        /// There before.
        binding: AclBinding,
    },
    /// A delegation token as it is from now on; replaces what was known of it.
    DelegationTokenSet {
        /// The token.
        token: DelegationToken,
    },
    /// A delegation token does not count any more.
    DelegationTokenRemoved {
        /// There before.
        id: String,
    },
}

/// The listener of a broker that names none, as brokers did before they had several.
pub const LISTENER_DEFAULT: &str = "PLAINTEXT";

/// Where one shard of a broker accepts the connections of one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardEndpoint {
    /// The shard within its broker.
    pub shard: ShardId,
    /// The name of the listener, in capitals.
    pub listener: String,
    /// Host name or address, as clients shall use it.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// Where a partition lives, who leads it, and since which epochs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionState {
    /// The nodes that hold the partition, preferred leader first. Never empty, never two of one
    /// broker.
    pub replicas: Vec<NodeId>,
    /// The replicas that have everything that was acknowledged. A non-empty subset of `replicas`.
    pub isr: Vec<NodeId>,
    /// The replica that takes writes.
    pub leader: NodeId,
    /// Grows with every change of the leader.
    pub leader_epoch: LeaderEpoch,
    /// Grows with every change of this state, so that a change can name the state it is based on
    /// (KIP-497).
    pub partition_epoch: i32,
    /// The nodes that shall hold it instead, preferred leader first, on the same brokers. Empty
    /// while it does not move.
    pub target: Vec<NodeId>,
}

impl PartitionState {
    /// The nodes that hold it only after the move.
    pub fn adding(&self) -> impl Iterator<Item = NodeId> {
        self.target.iter().filter(|node| !self.replicas.contains(node)).copied()
    }

    /// The nodes that do not hold it any more after the move.
    pub fn removing(&self) -> impl Iterator<Item = NodeId> {
        let leaves = |node: &&NodeId| !self.target.is_empty() && !self.target.contains(node);
        self.replicas.iter().filter(leaves).copied()
    }

    /// Who leads it when the move is over: the core of the same broker.
    pub fn leader_after_move(&self) -> NodeId {
        let of_broker = |node: &&NodeId| node.broker() == self.leader.broker();
        self.target.iter().find(of_broker).copied().unwrap_or(self.leader)
    }
}

/// What a config belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigResource {
    /// One topic.
    Topic(TopicName),
    /// One broker.
    Broker(BrokerId),
    /// All brokers that do not set the config themselves.
    BrokerDefault,
    /// One consumer group, whether it exists or not.
    Group(String),
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigResource::Topic(name) => write!(f, "topic {name}"),
            ConfigResource::Broker(broker) => write!(f, "broker {broker}"),
            ConfigResource::BrokerDefault => f.write_str("the default of all brokers"),
            ConfigResource::Group(name) => write!(f, "group {name}"),
        }
    }
}
