//! Topics, configs, groups and nodes: asked for and changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use corelog_model::NodeId;
use corelog_wire::ApiKey;
use corelog_wire::api::create_acls::AclCreation;
use corelog_wire::api::delete_acls::DeleteAclsFilter;

use crate::admin::{
    AbortTransaction, ActiveProducer, AddPartitions, AlterConfigs, AlterMode, AlterQuotas,
    ClusterDescription, ConfigChange, ConfigEntry, CreateAcls, CreateToken, CreateTopic,
    CreatedTopic, DelegationToken, DeleteAcls, DeleteGroup, DeleteTopic, DescribeClassicGroup,
    DescribeCluster, DescribeConfigs, DescribeConsumerGroup, DescribeProducers, DescribeShareGroup,
    DescribeShareOffsets, DescribeTransaction, ExpireToken, GroupDescription, GroupListing,
    ListAcls, ListGroups, ListQuotas, ListReassignments, ListTokens, ListTransactions, ListUsers,
    NewTopic, OngoingReassignment, QuotaEntity, Quotas, ReassignPartition, RemovePassword,
    RenewToken, Resource, ScramUsers, SetPassword, ShareOffset, TransactionDescription,
    TransactionFilter, TransactionListing,
};
use crate::blocking::cluster::Cluster;
use crate::group::offsets::{self, NAMED_TOPICS_MAX, all};
use crate::group::{CommittedOffset, MemberIdentity};
use crate::metadata::{Metadata, Topic};
use crate::target::{Target, Topics};
use crate::{ClientError, TopicPartition};

/// Asks for and changes what a cluster holds.
#[derive(Debug)]
pub struct Admin {
    cluster: Cluster,
}

impl Admin {
    /// Works on a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }

    /// The cluster.
    pub fn cluster(&mut self) -> &mut Cluster {
        &mut self.cluster
    }

    /// Creates a topic.
    pub fn create_topic(&mut self, topic: &NewTopic) -> Result<CreatedTopic, ClientError> {
        self.cluster.perform(&CreateTopic { topic })
    }

    /// Deletes a topic and its data.
    pub fn delete_topic(&mut self, name: &str) -> Result<(), ClientError> {
        self.cluster.perform(&DeleteTopic { name })
    }

    /// Gives a topic more partitions, `count` in all.
    pub fn add_partitions(&mut self, name: &str, count: i32) -> Result<(), ClientError> {
        self.cluster.perform(&AddPartitions { name, count })
    }

    /// Every topic, by name.
    pub fn list_topics(&mut self) -> Result<Vec<(String, Topic)>, ClientError> {
        self.cluster.with_retries(|cluster| cluster.refresh(Topics::All))?;
        let topics = self.cluster.metadata().topics();
        Ok(topics.map(|(name, topic)| (name.as_ref().to_owned(), topic.clone())).collect())
    }

    /// A topic as the cluster sees it now.
    pub fn describe_topic(&mut self, name: &str) -> Result<Topic, ClientError> {
        self.cluster.with_retries(|cluster| {
            cluster.refresh(Topics::Named(&[name]))?;
            cluster.metadata().require_topic(name).cloned()
        })
    }

    /// The configs of a topic or node, by name.
    pub fn describe_configs(
        &mut self,
        resource: &Resource,
    ) -> Result<Vec<ConfigEntry>, ClientError> {
        self.cluster.perform(&DescribeConfigs { resource })
    }

    /// Changes single configs of a resource, all or none, or only checks them (KIP-339).
    pub fn alter_configs(
        &mut self,
        resource: &Resource,
        changes: &[(String, ConfigChange)],
        mode: AlterMode,
    ) -> Result<(), ClientError> {
        self.cluster.perform(&AlterConfigs { resource, changes, mode })
    }

    /// Asks that a partition be on other nodes; none ends a move that has begun (KIP-455).
    pub fn reassign_partition(
        &mut self,
        at: &TopicPartition,
        replicas: Option<&[NodeId]>,
    ) -> Result<(), ClientError> {
        self.cluster.perform(&ReassignPartition { at, replicas })
    }

    /// The partitions on their way to other nodes.
    pub fn list_reassignments(
        &mut self,
    ) -> Result<BTreeMap<TopicPartition, OngoingReassignment>, ClientError> {
        self.cluster.perform(&ListReassignments)
    }

    /// The nodes of the cluster; from Metadata where the server lacks DescribeCluster.
    pub fn describe_cluster(&mut self) -> Result<ClusterDescription, ClientError> {
        match self.cluster.perform(&DescribeCluster) {
            Err(ClientError::Version { .. }) => {
                self.cluster.with_retries(|cluster| cluster.refresh(Topics::Named(&[])))?;
                Ok(ClusterDescription::of(self.cluster.metadata()))
            }
            described => described,
        }
    }

    /// The groups of all nodes, by name.
    pub fn list_groups(&mut self) -> Result<Vec<GroupListing>, ClientError> {
        self.cluster.with_retries(|cluster| cluster.refresh(Topics::Named(&[])))?;
        let nodes: Vec<NodeId> = self.cluster.metadata().nodes().map(|node| node.id).collect();
        let mut groups = Vec::new();
        for node in nodes {
            groups.extend(self.cluster.perform(&ListGroups { node })?);
        }
        groups.sort();
        Ok(groups)
    }

    /// A group and its members, of whichever protocol. A group that does not exist is described as
    /// `Dead`, or refused, as the server likes.
    pub fn describe_group(&mut self, group: &str) -> Result<GroupDescription, ClientError> {
        let group: Arc<str> = group.into();
        let described = self.cluster.perform(&DescribeConsumerGroup { group: Arc::clone(&group) });
        match described {
            Ok(Some(described)) => Ok(described),
            // A server that knows only classic groups does not know the question.
            Ok(None) | Err(ClientError::Version { .. }) => {
                self.cluster.perform(&DescribeClassicGroup { group })
            }
            Err(error) => Err(error),
        }
    }

    /// A share group and its members; none if there is no share group of that name.
    pub fn describe_share_group(
        &mut self,
        group: &str,
    ) -> Result<Option<GroupDescription>, ClientError> {
        match self.cluster.perform(&DescribeShareGroup { group: group.into() }) {
            // A server without share groups does not know the question.
            Err(ClientError::Version { .. }) => Ok(None),
            described => described,
        }
    }

    /// How far a share group is with each of its partitions.
    pub fn share_group_offsets(
        &mut self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, ShareOffset>, ClientError> {
        self.cluster.perform(&DescribeShareOffsets { group: group.into() })
    }

    /// Deletes a group without members, and its offsets.
    pub fn delete_group(&mut self, group: &str) -> Result<(), ClientError> {
        self.cluster.perform(&DeleteGroup { group: group.into() })
    }

    /// The transactional ids of all nodes that pass a filter, by name.
    pub fn list_transactions(
        &mut self,
        filter: &TransactionFilter,
    ) -> Result<Vec<TransactionListing>, ClientError> {
        self.cluster.with_retries(|cluster| cluster.refresh(Topics::Named(&[])))?;
        let nodes: Vec<NodeId> = self.cluster.metadata().nodes().map(|node| node.id).collect();
        let mut listed = Vec::new();
        for node in nodes {
            listed.extend(self.cluster.perform(&ListTransactions { node, filter })?);
        }
        listed.sort();
        Ok(listed)
    }

    /// What a transactional id looks like.
    pub fn describe_transaction(
        &mut self,
        transactional_id: &str,
    ) -> Result<TransactionDescription, ClientError> {
        let transactional_id = transactional_id.into();
        self.cluster.perform(&DescribeTransaction { transactional_id })
    }

    /// The producers that the leader of a partition knows.
    pub fn describe_producers(
        &mut self,
        at: &TopicPartition,
    ) -> Result<Vec<ActiveProducer>, ClientError> {
        let node = self.leader(at)?;
        let partitions = vec![at.clone()];
        let mut all = self.cluster.perform(&DescribeProducers { node, partitions })?;
        Ok(all.remove(at).unwrap_or_default())
    }

    /// Aborts the open transaction of a producer in one partition, without its coordinator.
    pub fn abort_transaction(
        &mut self,
        at: &TopicPartition,
        producer: &ActiveProducer,
    ) -> Result<(), ClientError> {
        let abort = AbortTransaction {
            node: self.leader(at)?,
            at: at.clone(),
            producer_id: producer.producer_id,
            producer_epoch: producer.producer_epoch,
            coordinator_epoch: producer.coordinator_epoch,
        };
        self.cluster.perform(&abort)
    }

    fn leader(&mut self, at: &TopicPartition) -> Result<NodeId, ClientError> {
        self.cluster.with_retries(|cluster| {
            cluster.refresh(Topics::Named(&[&at.topic]))?;
            let metadata = cluster.metadata();
            let topic = metadata.require_topic(&at.topic)?;
            if !topic.partitions.contains_key(&at.partition) {
                let (topic, count) = (at.topic.as_ref().to_owned(), topic.partitions.len());
                return Err(ClientError::NoPartition { topic, partition: at.partition, count });
            }
            metadata.require_leader(at).map(|(node, _)| node)
        })
    }

    /// The users that log in with SCRAM.
    pub fn list_users(&mut self) -> Result<ScramUsers, ClientError> {
        self.cluster.perform(&ListUsers)
    }

    /// Sets the password of a user for SCRAM.
    pub fn set_password(&mut self, set: &SetPassword) -> Result<(), ClientError> {
        self.cluster.perform(set)
    }

    /// Removes the password of a user for SCRAM.
    pub fn remove_password(&mut self, remove: &RemovePassword) -> Result<(), ClientError> {
        self.cluster.perform(remove)
    }

    /// Makes a delegation token.
    pub fn create_token(&mut self, create: &CreateToken) -> Result<DelegationToken, ClientError> {
        self.cluster.perform(create)
    }

    /// The delegation tokens that the client may see.
    pub fn list_tokens(&mut self) -> Result<Vec<DelegationToken>, ClientError> {
        self.cluster.perform(&ListTokens)
    }

    /// Lets a delegation token count for longer: when it ends, in milliseconds since 1970.
    pub fn renew_token(&mut self, renew: &RenewToken) -> Result<i64, ClientError> {
        self.cluster.perform(renew)
    }

    /// Lets a delegation token end: when, in milliseconds since 1970.
    pub fn expire_token(&mut self, expire: &ExpireToken) -> Result<i64, ClientError> {
        self.cluster.perform(expire)
    }

    /// What users, clients and addresses are allowed.
    pub fn list_quotas(&mut self) -> Result<BTreeMap<QuotaEntity, Quotas>, ClientError> {
        self.cluster.perform(&ListQuotas)
    }

    /// Sets and removes quotas.
    pub fn alter_quotas(&mut self, alter: &AlterQuotas) -> Result<(), ClientError> {
        self.cluster.perform(alter)
    }

    /// The ACLs that pass a filter.
    pub fn list_acls(
        &mut self,
        filter: &DeleteAclsFilter<'static>,
    ) -> Result<Vec<AclCreation<'static>>, ClientError> {
        self.cluster.perform(&ListAcls { filter: filter.clone() })
    }

    /// Gives and denies rights.
    pub fn create_acls(&mut self, create: &CreateAcls) -> Result<(), ClientError> {
        self.cluster.perform(create)
    }

    /// Deletes the ACLs that pass filters: those that were there.
    pub fn delete_acls(
        &mut self,
        delete: &DeleteAcls,
    ) -> Result<Vec<AclCreation<'static>>, ClientError> {
        self.cluster.perform(delete)
    }

    /// Everything that a group has committed. One that does not exist has nothing.
    pub fn group_offsets(
        &mut self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, CommittedOffset>, ClientError> {
        let request = offsets::fetch_all(group);
        let stored = self.cluster.with_retries(|cluster| {
            let reply = cluster.call_with(Target::Group(group.into()), |coordinator| {
                let version = coordinator.version_within(ApiKey::OffsetFetch, NAMED_TOPICS_MAX)?;
                coordinator.call_in(version, &request)
            })?;
            all(ApiKey::OffsetFetch, offsets::all_fetched(group, &reply)?)
        })?;
        Ok(stored.into_iter().filter_map(|(at, stored)| Some((at, stored?))).collect())
    }

    /// Stores offsets for a group that has no members. When one partition fails, others may have
    /// been stored.
    pub fn set_group_offsets(
        &mut self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, CommittedOffset>,
    ) -> Result<(), ClientError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let outside = MemberIdentity::outside(group);
        self.cluster.with_retries(|cluster| {
            // Versions that name topics need to know none.
            let metadata = Metadata::default();
            let (reply, asked) = cluster.call_with(Target::Group(group.into()), |coordinator| {
                let version = coordinator.version_within(ApiKey::OffsetCommit, NAMED_TOPICS_MAX)?;
                let (request, asked) = offsets::commit(&outside, offsets, version, &metadata)?;
                Ok((coordinator.call_in(version, &request)?, asked))
            })?;
            all(ApiKey::OffsetCommit, asked.committed(&reply)?).map(drop)
        })
    }
}
