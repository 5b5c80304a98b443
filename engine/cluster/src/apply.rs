//! Folding records into an image. A record that does not fit the image it meets is an error and
//! leaves the image as it was: the log would be damaged, or a decision wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use corelog_model::{
    BrokerId, LeaderEpoch, NodeId, PartitionId, ProducerId, ShardId, TopicId, TopicName,
};
use thiserror::Error;

use crate::acl::AclBinding;
use crate::image::{BrokerImage, ClusterImage, NodeLoad, TopicImage, collision_key};
use crate::quota::{QuotaEntity, QuotaKey};
use crate::record::{ConfigResource, MetadataRecord, PartitionState, ShardEndpoint};
use crate::scram::ScramUser;

/// Why a record does not follow from the image.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// A second `ClusterCreated`.
    #[error("the cluster exists already")]
    ClusterExists,
    /// A broker without shards or with the same listener of a shard twice.
    #[error("broker {broker} is registered with no shards, or one of their listeners twice")]
    Shards {
        /// The broker.
        broker: BrokerId,
    },
    /// A shard number that has no node id.
    #[error("broker {broker} has no node id for its shard {shard}")]
    NodeId {
        /// The broker.
        broker: BrokerId,
        /// The shard.
        shard: ShardId,
    },
    /// The id of a living topic.
    #[error("topic id {id} exists already")]
    TopicIdExists {
        /// The id.
        id: TopicId,
    },
    /// The name of a living topic, or one that differs from it only in `.` against `_`.
    #[error("topic {name} exists already, or one whose name collides with it")]
    TopicNameExists {
        /// The name.
        name: TopicName,
    },
    /// No living topic has this id.
    #[error("topic id {id} does not exist")]
    TopicIdUnknown {
        /// The id.
        id: TopicId,
    },
    /// No living topic has this name.
    #[error("topic {name} does not exist")]
    TopicNameUnknown {
        /// The name.
        name: TopicName,
    },
    /// Partitions come to exist in the order of their indexes.
    #[error("partition {partition} is created, but the next of its topic is {next}")]
    PartitionOrder {
        /// The partition of the record.
        partition: PartitionId,
        /// The index that comes next.
        next: usize,
    },
    /// A change of a partition that the topic does not have.
    #[error("partition {partition} does not exist")]
    PartitionUnknown {
        /// The partition.
        partition: PartitionId,
    },
    /// The replicas, the in-sync replicas and the leader contradict each other.
    #[error("partition {partition}: {rule}")]
    Replicas {
        /// The partition.
        partition: PartitionId,
        /// The rule that the record breaks.
        rule: &'static str,
    },
    /// The leader epoch went back, or stayed where the leader changed.
    #[error("partition {partition}: leader epoch {to} does not follow {from}")]
    LeaderEpoch {
        /// The partition.
        partition: PartitionId,
        /// The epoch of the image.
        from: LeaderEpoch,
        /// The epoch of the record.
        to: LeaderEpoch,
    },
    /// The partition epoch did not grow.
    #[error("partition {partition}: partition epoch {to} does not follow {from}")]
    PartitionEpoch {
        /// The partition.
        partition: PartitionId,
        /// The epoch of the image.
        from: i32,
        /// The epoch of the record.
        to: i32,
    },
    /// Producer ids would be given out twice.
    #[error("producer ids are allocated up to {to}, but {from} was reached before")]
    ProducerIds {
        /// The first free id of the image.
        from: ProducerId,
        /// The first free id of the record.
        to: ProducerId,
    },
    /// A credential is removed that is not there.
    #[error("user {} has no credential for {}", of.name, of.mechanism)]
    ScramUserUnknown {
        /// The user and the mechanism.
        of: ScramUser,
    },
    /// A quota is removed that is not there.
    #[error("{entity} has no {key}")]
    QuotaUnknown {
        /// Whose quota.
        entity: QuotaEntity,
        /// Which one.
        key: QuotaKey,
    },
    /// A quota of an entity that cannot have it.
    #[error("{entity} cannot have a {key}")]
    QuotaMisplaced {
        /// Whose quota.
        entity: QuotaEntity,
        /// Which one.
        key: QuotaKey,
    },
    /// A delegation token is removed that is not there.
    #[error("there is no delegation token {id}")]
    DelegationTokenUnknown {
        /// Its id.
        id: String,
    },
    /// An ACL is added that is there.
    #[error("there is the ACL already: {binding}")]
    AclExists {
        /// The ACL.
        binding: AclBinding,
    },
    /// An ACL is removed that is not there.
    #[error("there is no ACL: {binding}")]
    AclUnknown {
        /// The ACL.
        binding: AclBinding,
    },
}

impl ClusterImage {
    /// The image after all of `records`. The image itself stays as it is.
    pub fn fold(&self, records: &[MetadataRecord]) -> Result<ClusterImage, ApplyError> {
        let mut next = self.clone();
        for record in records {
            next.apply(record)?;
        }
        Ok(next)
    }

    /// Moves the image over one record; on an error it is as before.
    pub fn apply(&mut self, record: &MetadataRecord) -> Result<(), ApplyError> {
        match record {
            MetadataRecord::ClusterCreated { cluster_id } => self.create_cluster(cluster_id),
            MetadataRecord::BrokerRegistered { broker, rack, shards } => {
                self.register_broker(*broker, rack.as_deref(), shards)
            }
            MetadataRecord::TopicCreated { id, name } => self.create_topic(*id, name),
            MetadataRecord::PartitionCreated { partition, state } => {
                self.create_partition(*partition, state)
            }
            MetadataRecord::PartitionChanged { partition, state } => {
                self.change_partition(*partition, state)
            }
            MetadataRecord::TopicDeleted { id } => self.delete_topic(*id),
            MetadataRecord::ConfigSet { resource, key, value } => {
                self.set_config(resource, key, value.as_deref())
            }
            MetadataRecord::ProducerIdsAllocated { next } => self.allocate_producer_ids(*next),
            MetadataRecord::ScramCredentialSet { of, credential } => {
                let credentials = Arc::make_mut(&mut self.scram_credentials);
                credentials.insert(of.clone(), Arc::new(credential.clone()));
                Ok(())
            }
            MetadataRecord::ScramCredentialRemoved { of } => {
                let removed = Arc::make_mut(&mut self.scram_credentials).remove(of);
                let of = of.clone();
                removed.map(drop).ok_or(ApplyError::ScramUserUnknown { of })
            }
            MetadataRecord::ClientQuotaChanged { entity, key, value } => {
                let (key, value) = (*key, *value);
                if !entity.takes(key) {
                    return Err(ApplyError::QuotaMisplaced { entity: entity.clone(), key });
                }
                if value.is_none() && self.client_quotas.get(entity, key).is_none() {
                    return Err(ApplyError::QuotaUnknown { entity: entity.clone(), key });
                }
                Arc::make_mut(&mut self.client_quotas).change(entity, key, value);
                Ok(())
            }
            MetadataRecord::AclAdded { binding } => {
                let is_new = Arc::make_mut(&mut self.acls).add(binding);
                let exists = || ApplyError::AclExists { binding: binding.clone() };
                is_new.then_some(()).ok_or_else(exists)
            }
            MetadataRecord::AclRemoved { binding } => {
                let was_there = Arc::make_mut(&mut self.acls).remove(binding);
                let unknown = || ApplyError::AclUnknown { binding: binding.clone() };
                was_there.then_some(()).ok_or_else(unknown)
            }
            MetadataRecord::DelegationTokenSet { token } => {
                let tokens = Arc::make_mut(&mut self.delegation_tokens);
                tokens.insert(token.id.clone(), token.clone());
                Ok(())
            }
            MetadataRecord::DelegationTokenRemoved { id } => {
                let removed = Arc::make_mut(&mut self.delegation_tokens).remove(id);
                let unknown = || ApplyError::DelegationTokenUnknown { id: id.clone() };
                removed.map(drop).ok_or_else(unknown)
            }
        }?;
        self.version.0 += 1;
        Ok(())
    }

    fn create_cluster(&mut self, cluster_id: &str) -> Result<(), ApplyError> {
        if self.cluster_id.is_some() {
            return Err(ApplyError::ClusterExists);
        }
        self.cluster_id = Some(Arc::from(cluster_id));
        Ok(())
    }

    fn register_broker(
        &mut self,
        broker: BrokerId,
        rack: Option<&str>,
        shards: &[ShardEndpoint],
    ) -> Result<(), ApplyError> {
        let mut shards = shards.to_vec();
        shards.sort_by_key(|endpoint| endpoint.shard);
        let mut seen = BTreeSet::new();
        if shards.is_empty() || shards.iter().any(|it| !seen.insert((it.shard, &it.listener))) {
            return Err(ApplyError::Shards { broker });
        }
        if let Some(endpoint) = shards.iter().find(|endpoint| !has_node_id(broker, endpoint.shard))
        {
            return Err(ApplyError::NodeId { broker, shard: endpoint.shard });
        }
        let image = BrokerImage { id: broker, rack: rack.map(str::to_owned), shards };
        Arc::make_mut(&mut self.brokers).insert(broker, image);
        Ok(())
    }

    fn create_topic(&mut self, id: TopicId, name: &TopicName) -> Result<(), ApplyError> {
        if self.topics.contains_key(&id) {
            return Err(ApplyError::TopicIdExists { id });
        }
        let key = collision_key(name);
        let collides = key.as_ref().is_some_and(|key| self.collision_keys.contains_key(key));
        if collides || self.topic_ids.contains_key(name) {
            return Err(ApplyError::TopicNameExists { name: name.clone() });
        }
        let topic =
            TopicImage { id, name: name.clone(), partitions: Vec::new(), configs: BTreeMap::new() };
        Arc::make_mut(&mut self.topics).insert(id, Arc::new(topic));
        Arc::make_mut(&mut self.topic_ids).insert(name.clone(), id);
        if let Some(key) = key {
            Arc::make_mut(&mut self.collision_keys).insert(key, name.clone());
        }
        Ok(())
    }

    fn create_partition(
        &mut self,
        partition: PartitionId,
        state: &PartitionState,
    ) -> Result<(), ApplyError> {
        let id = partition.topic;
        let next = self.topic(id).ok_or(ApplyError::TopicIdUnknown { id })?.partition_count();
        if usize::try_from(partition.index.0) != Ok(next) {
            return Err(ApplyError::PartitionOrder { partition, next });
        }
        check_replicas(partition, state)?;
        self.topic_mut(id).partitions.push(Arc::new(state.clone()));
        self.partition_count += 1;
        add_load(Arc::make_mut(&mut self.loads), state);
        Ok(())
    }

    fn change_partition(
        &mut self,
        partition: PartitionId,
        state: &PartitionState,
    ) -> Result<(), ApplyError> {
        let current =
            self.partition(partition).ok_or(ApplyError::PartitionUnknown { partition })?;
        check_replicas(partition, state)?;
        let (from, to) = (current.leader_epoch, state.leader_epoch);
        if to < from || (to == from && state.leader != current.leader) {
            return Err(ApplyError::LeaderEpoch { partition, from, to });
        }
        let (from, to) = (current.partition_epoch, state.partition_epoch);
        if to <= from {
            return Err(ApplyError::PartitionEpoch { partition, from, to });
        }
        let index = partition.index.0 as usize;
        let place = &mut self.topic_mut(partition.topic).partitions[index];
        let before = std::mem::replace(place, Arc::new(state.clone()));
        let loads = Arc::make_mut(&mut self.loads);
        remove_load(loads, &before);
        add_load(loads, state);
        Ok(())
    }

    fn delete_topic(&mut self, id: TopicId) -> Result<(), ApplyError> {
        let topic =
            Arc::make_mut(&mut self.topics).remove(&id).ok_or(ApplyError::TopicIdUnknown { id })?;
        Arc::make_mut(&mut self.topic_ids).remove(&topic.name);
        if let Some(key) = collision_key(&topic.name) {
            Arc::make_mut(&mut self.collision_keys).remove(&key);
        }
        self.partition_count -= topic.partition_count();
        let loads = Arc::make_mut(&mut self.loads);
        for (_, state) in topic.partitions() {
            remove_load(loads, state);
        }
        Ok(())
    }

    fn set_config(
        &mut self,
        resource: &ConfigResource,
        key: &str,
        value: Option<&str>,
    ) -> Result<(), ApplyError> {
        let configs = match resource {
            ConfigResource::Topic(name) => {
                let id = self.topic_id(name.as_str());
                let id = id.ok_or_else(|| ApplyError::TopicNameUnknown { name: name.clone() })?;
                &mut self.topic_mut(id).configs
            }
            ConfigResource::Broker(broker) => {
                Arc::make_mut(&mut self.broker_configs).entry(*broker).or_default()
            }
            ConfigResource::BrokerDefault => Arc::make_mut(&mut self.broker_default_configs),
            ConfigResource::Group(name) => {
                Arc::make_mut(&mut self.group_configs).entry(name.clone()).or_default()
            }
        };
        match value {
            Some(value) => configs.insert(key.to_owned(), value.to_owned()),
            None => configs.remove(key),
        };
        if let ConfigResource::Broker(broker) = resource
            && self.broker_configs[broker].is_empty()
        {
            Arc::make_mut(&mut self.broker_configs).remove(broker);
        }
        if let ConfigResource::Group(name) = resource
            && self.group_configs[name].is_empty()
        {
            Arc::make_mut(&mut self.group_configs).remove(name);
        }
        Ok(())
    }

    fn allocate_producer_ids(&mut self, next: ProducerId) -> Result<(), ApplyError> {
        if next <= self.next_producer_id {
            return Err(ApplyError::ProducerIds { from: self.next_producer_id, to: next });
        }
        self.next_producer_id = next;
        Ok(())
    }

    fn topic_mut(&mut self, id: TopicId) -> &mut TopicImage {
        let topics = Arc::make_mut(&mut self.topics);
        Arc::make_mut(topics.get_mut(&id).expect("the caller found the topic"))
    }
}

fn add_load(loads: &mut BTreeMap<NodeId, NodeLoad>, state: &PartitionState) {
    loads.entry(state.leader).or_default().leaders += 1;
    for node in &state.replicas {
        loads.entry(*node).or_default().replicas += 1;
    }
}

fn remove_load(loads: &mut BTreeMap<NodeId, NodeLoad>, state: &PartitionState) {
    for node in &state.replicas {
        let load = loads.get_mut(node).expect("the partition was counted");
        load.replicas -= 1;
        load.leaders -= usize::from(*node == state.leader);
        if *load == NodeLoad::default() {
            loads.remove(node);
        }
    }
}

/// Whether `NodeId::of` accepts the pair.
pub(crate) fn has_node_id(broker: BrokerId, shard: ShardId) -> bool {
    BrokerId(0) <= broker
        && broker <= BrokerId::MAX
        && i32::from(shard.0) < NodeId::SHARDS_PER_BROKER_MAX
}

fn check_replicas(partition: PartitionId, state: &PartitionState) -> Result<(), ApplyError> {
    let refuse = |rule| Err(ApplyError::Replicas { partition, rule });
    let brokers = state.replicas.iter().map(|node| node.broker()).collect::<BTreeSet<_>>();
    if state.replicas.is_empty() {
        return refuse("a partition has at least one replica");
    }
    if brokers.len() < state.replicas.len() {
        return refuse("replicas of one partition never share a broker");
    }
    if !state.replicas.contains(&state.leader) {
        return refuse("the leader is one of the replicas");
    }
    let isr = state.isr.iter().collect::<BTreeSet<_>>();
    if isr.is_empty() || isr.len() < state.isr.len() {
        return refuse("the in-sync replicas are at least one, and distinct");
    }
    if !state.isr.iter().all(|node| state.replicas.contains(node)) {
        return refuse("the in-sync replicas are replicas");
    }
    let to = state.target.iter().map(|node| node.broker()).collect::<BTreeSet<_>>();
    if to.len() < state.target.len() || !(to.is_empty() || to == brokers) {
        return refuse("a partition moves only between the cores of the brokers that hold it");
    }
    if state.target == state.replicas {
        return refuse("a partition that moves is not there yet");
    }
    Ok(())
}
