//! Topics, configs, groups and nodes: asked for and changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use corelog_model::{NodeId, Offset};
use corelog_wire::api::create_acls::AclCreation;
use corelog_wire::api::delete_acls::DeleteAclsFilter;

use super::cluster::Cluster;
use super::consumer::Committer;
use crate::ClientError;
use crate::TopicPartition;
use crate::admin::{
    AbortTransaction, ActiveProducer, AddPartitions, AlterConfigs, AlterMode, AlterQuotas,
    ClusterDescription, ConfigChange, ConfigEntry, CreateAcls, CreateTopic, CreatedTopic,
    DeleteAcls, DeleteGroup, DeleteRecords, DeleteTopic, DescribeClassicGroup, DescribeCluster,
    DescribeConfigs, DescribeConsumerGroup, DescribeProducers, DescribeShareGroup,
    DescribeShareOffsets, DescribeTransaction, GroupDescription, GroupListing, ListAcls,
    ListGroups, ListQuotas, ListReassignments, ListTransactions, NewTopic, OngoingReassignment,
    QuotaEntity, Quotas, ReassignPartition, Resource, ShareOffset, TransactionDescription,
    TransactionFilter, TransactionListing,
};
use crate::group::CommittedOffset;
use crate::metadata::Topic;
use crate::target::Topics;

/// Asks for and changes what a cluster holds. Clones share the connections.
#[derive(Debug, Clone)]
pub struct Admin {
    cluster: Cluster,
}

impl Admin {
    /// Works on a cluster.
    pub fn new(cluster: &Cluster) -> Self {
        Self { cluster: cluster.clone() }
    }

    /// Creates a topic.
    pub async fn create_topic(&self, topic: &NewTopic) -> Result<CreatedTopic, ClientError> {
        self.cluster.perform(&CreateTopic { topic }).await
    }

    /// Deletes a topic and its data.
    pub async fn delete_topic(&self, name: &str) -> Result<(), ClientError> {
        self.cluster.perform(&DeleteTopic { name }).await
    }

    /// Gives a topic more partitions, `count` in all.
    pub async fn add_partitions(&self, name: &str, count: i32) -> Result<(), ClientError> {
        self.cluster.perform(&AddPartitions { name, count }).await
    }

    /// Every topic, by name.
    pub async fn list_topics(&self) -> Result<BTreeMap<Arc<str>, Topic>, ClientError> {
        self.cluster.refresh_anew(Topics::All).await?;
        let metadata = self.cluster.metadata();
        Ok(metadata.topics().map(|(name, topic)| (Arc::clone(name), topic.clone())).collect())
    }

    /// A topic as the cluster sees it now.
    pub async fn describe_topic(&self, name: &str) -> Result<Topic, ClientError> {
        self.cluster.refresh_anew(Topics::Named(&[name])).await?;
        self.cluster.metadata().require_topic(name).cloned()
    }

    /// Deletes the records before an offset of each partition; -1 deletes all that may be read.
    /// Gives where each partition begins now. When one node fails, others may have deleted.
    pub async fn delete_records(
        &self,
        before: &BTreeMap<TopicPartition, Offset>,
    ) -> Result<BTreeMap<TopicPartition, Offset>, ClientError> {
        let topics: BTreeSet<&str> = before.keys().map(|at| at.topic.as_ref()).collect();
        self.cluster.require_topics(&topics.into_iter().collect::<Vec<_>>()).await?;
        let mut by_node: BTreeMap<NodeId, BTreeMap<TopicPartition, Offset>> = BTreeMap::new();
        let metadata = self.cluster.metadata();
        for (at, offset) in before {
            let (node, _) = metadata.require_leader(at)?;
            by_node.entry(node).or_default().insert(at.clone(), *offset);
        }
        let mut begins = BTreeMap::new();
        for (node, before) in by_node {
            begins.extend(self.cluster.perform(&DeleteRecords { node, before }).await?);
        }
        Ok(begins)
    }

    /// The configs of a topic, node or group, by name.
    pub async fn describe_configs(
        &self,
        resource: &Resource,
    ) -> Result<Vec<ConfigEntry>, ClientError> {
        self.cluster.perform(&DescribeConfigs { resource }).await
    }

    /// Changes single configs of a resource, all or none (KIP-339).
    pub async fn alter_configs(
        &self,
        resource: &Resource,
        changes: &[(String, ConfigChange)],
    ) -> Result<(), ClientError> {
        let mode = AlterMode::Apply;
        self.cluster.perform(&AlterConfigs { resource, changes, mode }).await
    }

    /// Asks that a partition be on other nodes; none ends a move that has begun (KIP-455).
    pub async fn reassign_partition(
        &self,
        at: &TopicPartition,
        replicas: Option<&[NodeId]>,
    ) -> Result<(), ClientError> {
        self.cluster.perform(&ReassignPartition { at, replicas }).await
    }

    /// The partitions on their way to other nodes.
    pub async fn list_reassignments(
        &self,
    ) -> Result<BTreeMap<TopicPartition, OngoingReassignment>, ClientError> {
        self.cluster.perform(&ListReassignments).await
    }

    /// The nodes of the cluster; from Metadata where the server lacks DescribeCluster.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, ClientError> {
        match self.cluster.perform(&DescribeCluster).await {
            Err(ClientError::Version { .. }) => {
                self.cluster.refresh_anew(Topics::Named(&[])).await?;
                Ok(ClusterDescription::of(&self.cluster.metadata()))
            }
            described => described,
        }
    }

    /// The groups of all nodes, by name.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>, ClientError> {
        self.cluster.refresh_anew(Topics::Named(&[])).await?;
        let mut groups = Vec::new();
        for node in self.cluster.metadata().nodes() {
            groups.extend(self.cluster.perform(&ListGroups { node: node.id }).await?);
        }
        groups.sort();
        Ok(groups)
    }

    /// A group and its members, of whichever protocol. A group that does not exist is described as
    /// `Dead`, or refused, as the server likes.
    pub async fn describe_group(&self, group: &str) -> Result<GroupDescription, ClientError> {
        let group: Arc<str> = group.into();
        let described =
            self.cluster.perform(&DescribeConsumerGroup { group: Arc::clone(&group) }).await;
        match described {
            Ok(Some(described)) => Ok(described),
            // A server that knows only classic groups does not know the question.
            Ok(None) | Err(ClientError::Version { .. }) => {
                self.cluster.perform(&DescribeClassicGroup { group }).await
            }
            Err(error) => Err(error),
        }
    }

    /// A share group and its members; none if there is no share group of that name.
    pub async fn describe_share_group(
        &self,
        group: &str,
    ) -> Result<Option<GroupDescription>, ClientError> {
        match self.cluster.perform(&DescribeShareGroup { group: group.into() }).await {
            // A server without share groups does not know the question.
            Err(ClientError::Version { .. }) => Ok(None),
            described => described,
        }
    }

    /// How far a share group is with each of its partitions.
    pub async fn share_group_offsets(
        &self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, ShareOffset>, ClientError> {
        self.cluster.perform(&DescribeShareOffsets { group: group.into() }).await
    }

    /// Deletes a group without members, and its offsets.
    pub async fn delete_group(&self, group: &str) -> Result<(), ClientError> {
        self.cluster.perform(&DeleteGroup { group: group.into() }).await
    }

    /// The transactional ids of all nodes that pass a filter, by name.
    pub async fn list_transactions(
        &self,
        filter: &TransactionFilter,
    ) -> Result<Vec<TransactionListing>, ClientError> {
        self.cluster.refresh_anew(Topics::Named(&[])).await?;
        let mut listed = Vec::new();
        for node in self.cluster.metadata().nodes() {
            listed.extend(self.cluster.perform(&ListTransactions { node: node.id, filter }).await?);
        }
        listed.sort();
        Ok(listed)
    }

    /// What a transactional id looks like.
    pub async fn describe_transaction(
        &self,
        transactional_id: &str,
    ) -> Result<TransactionDescription, ClientError> {
        let transactional_id = transactional_id.into();
        self.cluster.perform(&DescribeTransaction { transactional_id }).await
    }

    /// The producers that the leader of a partition knows.
    pub async fn describe_producers(
        &self,
        at: &TopicPartition,
    ) -> Result<Vec<ActiveProducer>, ClientError> {
        self.cluster.require_topics(&[&at.topic]).await?;
        let (node, _) = self.cluster.metadata().require_leader(at)?;
        let partitions = vec![at.clone()];
        let mut all = self.cluster.perform(&DescribeProducers { node, partitions }).await?;
        Ok(all.remove(at).unwrap_or_default())
    }

    /// Aborts the open transaction of a producer in one partition, without its coordinator.
    pub async fn abort_transaction(
        &self,
        at: &TopicPartition,
        producer: &ActiveProducer,
    ) -> Result<(), ClientError> {
        self.cluster.require_topics(&[&at.topic]).await?;
        let (node, _) = self.cluster.metadata().require_leader(at)?;
        let abort = AbortTransaction {
            node,
            at: at.clone(),
            producer_id: producer.producer_id,
            producer_epoch: producer.producer_epoch,
            coordinator_epoch: producer.coordinator_epoch,
        };
        self.cluster.perform(&abort).await
    }

    /// The ACLs that pass a filter (KIP-140). A filter with Kafka's 1 for each type and operation
    /// and without names passes all.
    ///
    /// ```no_run
    /// use corelog_client::admin::{CreateAcls, DeleteAcls};
    /// use corelog_client::{Admin, ClientError};
    /// use corelog_wire::api::create_acls::AclCreation;
    /// use corelog_wire::api::delete_acls::DeleteAclsFilter;
    ///
    /// # async fn example(admin: Admin) -> Result<(), ClientError> {
    /// // Kafka's numbers: a topic (2) by its name (3), to read (3), allowed (3).
    /// let may_read = AclCreation {
    ///     resource_type: 2,
    ///     resource_name: "readings".into(),
    ///     resource_pattern_type: 3,
    ///     principal: "User:carol".into(),
    ///     host: "*".into(),
    ///     operation: 3,
    ///     permission_type: 3,
    /// };
    /// admin.create_acls(&CreateAcls { creations: vec![may_read] }).await?;
    /// let of_carol = DeleteAclsFilter {
    ///     resource_type_filter: 1,
    ///     pattern_type_filter: 1,
    ///     principal_filter: Some("User:carol".into()),
    ///     operation: 1,
    ///     permission_type: 1,
    ///     ..DeleteAclsFilter::default()
    /// };
    /// assert_eq!(admin.list_acls(&of_carol).await?.len(), 1);
    /// admin.delete_acls(&DeleteAcls { filters: vec![of_carol] }).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn list_acls(
        &self,
        filter: &DeleteAclsFilter<'static>,
    ) -> Result<Vec<AclCreation<'static>>, ClientError> {
        self.cluster.perform(&ListAcls { filter: filter.clone() }).await
    }

    /// Gives and denies rights; see [`Admin::list_acls`] for an example. When one fails, others may
    /// have been created.
    pub async fn create_acls(&self, create: &CreateAcls) -> Result<(), ClientError> {
        self.cluster.perform(create).await
    }

    /// Deletes the ACLs that pass filters: those that were there.
    pub async fn delete_acls(
        &self,
        delete: &DeleteAcls,
    ) -> Result<Vec<AclCreation<'static>>, ClientError> {
        self.cluster.perform(delete).await
    }

    /// What users, clients and addresses are allowed (KIP-546).
    ///
    /// ```no_run
    /// use std::collections::BTreeMap;
    ///
    /// use corelog_client::admin::{AlterQuotas, QuotaEntity, QuotaPart};
    /// use corelog_client::{Admin, ClientError};
    ///
    /// # async fn example(admin: Admin) -> Result<(), ClientError> {
    /// let carol = (QuotaPart::User, Some("carol".to_owned()));
    /// let entity = QuotaEntity { parts: BTreeMap::from([carol]) };
    /// let changes = BTreeMap::from([("producer_byte_rate".to_owned(), Some(1_048_576.0))]);
    /// admin.alter_quotas(&AlterQuotas { entity: entity.clone(), changes }).await?;
    /// println!("{:?}", admin.list_quotas().await?.get(&entity));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn list_quotas(&self) -> Result<BTreeMap<QuotaEntity, Quotas>, ClientError> {
        self.cluster.perform(&ListQuotas).await
    }

    /// Sets and removes quotas; see [`Admin::list_quotas`] for an example.
    pub async fn alter_quotas(&self, alter: &AlterQuotas) -> Result<(), ClientError> {
        self.cluster.perform(alter).await
    }

    /// What a group has stored for these partitions; none where there is nothing.
    pub async fn group_offsets(
        &self,
        group: &str,
        partitions: &BTreeSet<TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, Option<CommittedOffset>>, ClientError> {
        Committer::new(self.cluster.clone(), group).committed(partitions).await
    }

    /// Stores offsets for a group that has no members.
    pub async fn set_group_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, CommittedOffset>,
    ) -> Result<(), ClientError> {
        Committer::new(self.cluster.clone(), group).commit_from_outside(offsets).await
    }
}
