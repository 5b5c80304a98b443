//! Topics, configs and nodes: asked for and changed.

use crate::ClientError;
use crate::admin::{
    AddPartitions, ClusterDescription, ConfigEntry, CreateTopic, CreatedTopic, DeleteTopic,
    DescribeCluster, DescribeConfigs, NewTopic, Resource,
};
use crate::blocking::cluster::Cluster;
use crate::metadata::Topic;
use crate::target::Topics;

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
}
