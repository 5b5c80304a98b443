//! A broker starts: it says which shards it has and where they listen. Partitions of shards it had
//! before and has no longer move to those it has; all others stay.

use std::collections::{BTreeMap, BTreeSet};

use corelog_model::{BrokerId, ErrorCode, LeaderEpoch, NodeId, PartitionId, ShardId};
use thiserror::Error;

use crate::apply::has_node_id;
use crate::image::{ClusterImage, TopicImage};
use crate::record::{MetadataRecord, PartitionState, ShardEndpoint};

/// The most bytes of a cluster id, a rack and a host name.
pub const REGISTRATION_TEXT_BYTES_MAX: usize = 255;

/// The most bytes of all endpoints of a broker, so that they fit one record.
pub const ENDPOINTS_BYTES_MAX: usize = 400 << 10;

/// What an endpoint takes beside its texts.
const ENDPOINT_BYTES: usize = 64;

/// A broker as it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterBroker {
    /// Which broker.
    pub broker: BrokerId,
    /// The failure domain its operator named, if any.
    pub rack: Option<String>,
    /// Its shards and where they accept connections.
    pub shards: Vec<ShardEndpoint>,
    /// A random id, used if this broker is the first of a new cluster.
    pub new_cluster_id: String,
}

/// Why a broker cannot be part of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RegisterBrokerError {
    /// `INVALID_REGISTRATION`
    #[error("a broker has at least one shard")]
    NoShards,
    /// `INVALID_REGISTRATION`
    #[error("a listener of shard {shard} is there twice")]
    DuplicateShard {
        /// The shard.
        shard: ShardId,
    },
    /// `INVALID_REGISTRATION`: clients of that listener would not reach every partition.
    #[error("not every shard has the listener {listener}")]
    ListenerMissing {
        /// The listener.
        listener: String,
    },
    /// `INVALID_REGISTRATION`
    #[error("the endpoints of the broker take {bytes} bytes, more than {ENDPOINTS_BYTES_MAX}")]
    Endpoints {
        /// What they take.
        bytes: usize,
    },
    /// `INVALID_REGISTRATION`
    #[error(
        "shard {shard} of broker {broker} has no node id: brokers are 0 to {}, shards 0 to 999",
        BrokerId::MAX
    )]
    NodeId {
        /// The broker.
        broker: BrokerId,
        /// The shard.
        shard: ShardId,
    },
    /// `INVALID_REGISTRATION`
    #[error("the {what} has 1 to {REGISTRATION_TEXT_BYTES_MAX} bytes, not {bytes}")]
    Text {
        /// Which text.
        what: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// `INVALID_REGISTRATION`
    #[error("shard {shard} has port 0, to which nobody can connect")]
    Port {
        /// The shard.
        shard: ShardId,
    },
    /// `UNKNOWN_SERVER_ERROR`
    #[error("partition {partition} changed so often that no epoch is left")]
    EpochsExhausted {
        /// The partition.
        partition: PartitionId,
    },
}

impl RegisterBrokerError {
    /// The error code in the Kafka protocol.
    pub fn code(&self) -> ErrorCode {
        match self {
            RegisterBrokerError::NoShards
            | RegisterBrokerError::DuplicateShard { .. }
            | RegisterBrokerError::ListenerMissing { .. }
            | RegisterBrokerError::Endpoints { .. }
            | RegisterBrokerError::NodeId { .. }
            | RegisterBrokerError::Text { .. }
            | RegisterBrokerError::Port { .. } => ErrorCode::InvalidRegistration,
            RegisterBrokerError::EpochsExhausted { .. } => ErrorCode::UnknownServerError,
        }
    }
}

/// Decides what the start of a broker changes. The records are empty if nothing does.
///
/// Partitions are re-homed because their node is missing, not because the registration changed: if
/// only the first records of an earlier start became durable, the next start does the rest.
pub fn register_broker(
    image: &ClusterImage,
    request: &RegisterBroker,
) -> Result<Vec<MetadataRecord>, RegisterBrokerError> {
    check(request)?;
    let mut shards = request.shards.clone();
    shards.sort_by_key(|endpoint| endpoint.shard);

    let mut records = Vec::new();
    if image.cluster_id().is_none() {
        check_text("cluster id", &request.new_cluster_id)?;
        let cluster_id = request.new_cluster_id.clone();
        records.push(MetadataRecord::ClusterCreated { cluster_id });
    }
    let known = image.broker(request.broker);
    if known.is_none_or(|known| known.rack != request.rack || known.shards != shards) {
        records.push(MetadataRecord::BrokerRegistered {
            broker: request.broker,
            rack: request.rack.clone(),
            shards,
        });
    }
    rehome(image, request, &mut records)?;
    Ok(records)
}

fn check(request: &RegisterBroker) -> Result<(), RegisterBrokerError> {
    let broker = request.broker;
    if request.shards.is_empty() {
        return Err(RegisterBrokerError::NoShards);
    }
    if let Some(rack) = &request.rack {
        check_text("rack", rack)?;
    }
    let mut seen = BTreeSet::new();
    let mut shards_of_listeners: BTreeMap<&str, usize> = BTreeMap::new();
    for ShardEndpoint { shard, listener, host, port } in &request.shards {
        let shard = *shard;
        if !has_node_id(broker, shard) {
            return Err(RegisterBrokerError::NodeId { broker, shard });
        }
        if !seen.insert((shard, listener)) {
            return Err(RegisterBrokerError::DuplicateShard { shard });
        }
        *shards_of_listeners.entry(listener).or_default() += 1;
        check_text("listener", listener)?;
        check_text("host", host)?;
        if *port == 0 {
            return Err(RegisterBrokerError::Port { shard });
        }
    }
    let shards = seen.iter().map(|(shard, _)| shard).collect::<BTreeSet<_>>().len();
    if let Some((listener, _)) = shards_of_listeners.iter().find(|(_, count)| **count < shards) {
        return Err(RegisterBrokerError::ListenerMissing { listener: (*listener).to_owned() });
    }
    let bytes = |one: &ShardEndpoint| one.listener.len() + one.host.len() + ENDPOINT_BYTES;
    let bytes = request.shards.iter().map(bytes).sum();
    if bytes > ENDPOINTS_BYTES_MAX {
        return Err(RegisterBrokerError::Endpoints { bytes });
    }
    Ok(())
}

fn check_text(what: &'static str, text: &str) -> Result<(), RegisterBrokerError> {
    let bytes = text.len();
    if bytes == 0 || bytes > REGISTRATION_TEXT_BYTES_MAX {
        return Err(RegisterBrokerError::Text { what, bytes });
    }
    Ok(())
}

/// Moves each replica on a shard that the broker no longer has to the shard with fewest replicas;
/// among equals, to the one with fewest of the same topic. Moves to such a shard end.
fn rehome(
    image: &ClusterImage,
    request: &RegisterBroker,
    records: &mut Vec<MetadataRecord>,
) -> Result<(), RegisterBrokerError> {
    let nodes = request.shards.iter().map(|shard| NodeId::of(request.broker, shard.shard));
    let mut totals: BTreeMap<NodeId, usize> =
        nodes.map(|node| (node, image.load(node).replicas)).collect();
    for topic in image.topics() {
        let mut of_topic = replicas_of(topic);
        for (index, state) in topic.partitions() {
            let vanished =
                |node: &&NodeId| node.broker() == request.broker && !totals.contains_key(node);
            let partition = PartitionId::new(topic.id(), index);
            let Some(&from) = state.replicas.iter().find(vanished) else {
                if state.target.iter().any(|node| vanished(&node)) {
                    let next = state.partition_epoch.checked_add(1);
                    let exhausted = RegisterBrokerError::EpochsExhausted { partition };
                    let partition_epoch = next.ok_or(exhausted)?;
                    let state =
                        PartitionState { target: Vec::new(), partition_epoch, ..state.clone() };
                    records.push(MetadataRecord::PartitionChanged { partition, state });
                }
                continue;
            };
            let (to, _) = totals
                .iter()
                .min_by_key(|(node, total)| (**total, of_topic.get(node).copied(), **node))
                .expect("a broker has at least one shard");
            let to = *to;
            *totals.entry(to).or_default() += 1;
            *of_topic.entry(to).or_default() += 1;
            let state =
                moved(state, from, to).ok_or(RegisterBrokerError::EpochsExhausted { partition })?;
            records.push(MetadataRecord::PartitionChanged { partition, state });
        }
    }
    Ok(())
}

fn replicas_of(topic: &TopicImage) -> BTreeMap<NodeId, usize> {
    let mut counts = BTreeMap::new();
    for node in topic.partitions().flat_map(|(_, state)| &state.replicas) {
        *counts.entry(*node).or_default() += 1;
    }
    counts
}

/// The state with node `from` replaced by `to`; `None` if there is no epoch after the current one.
fn moved(state: &PartitionState, from: NodeId, to: NodeId) -> Option<PartitionState> {
    let replace = |node: &NodeId| if *node == from { to } else { *node };
    Some(PartitionState {
        replicas: state.replicas.iter().map(replace).collect(),
        isr: state.isr.iter().map(replace).collect(),
        leader: replace(&state.leader),
        leader_epoch: LeaderEpoch(state.leader_epoch.0.checked_add(1)?),
        partition_epoch: state.partition_epoch.checked_add(1)?,
        target: Vec::new(),
    })
}
