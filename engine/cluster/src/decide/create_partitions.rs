//! Adds partitions to topics that exist.

use std::collections::BTreeMap;

use corelog_model::{ErrorCode, NodeId, PartitionId, PartitionIndex, TopicName};
use thiserror::Error;

use super::assignment::{self, AssignmentError};
use super::create_topics::first_state;
use super::{Decision, Mode, TopicPolicy};
use crate::image::{ClusterImage, TopicImage};
use crate::placement::Placement;
use crate::record::MetadataRecord;

/// A request to add partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatePartitions {
    /// Whether to carry it out.
    pub mode: Mode,
    /// Which topics shall grow.
    pub topics: Vec<TopicGrowth>,
}

/// A topic that shall grow, unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicGrowth {
    /// Its name, valid or not.
    pub name: String,
    /// How many partitions it shall have, those it has included.
    pub partitions: i32,
    /// Where the new partitions shall be, leader first; `None` to leave it to the cluster.
    pub assignments: Option<Vec<Vec<NodeId>>>,
}

/// A topic that grew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrownTopic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions it has now.
    pub partitions: usize,
}

/// Why a topic does not grow.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CreatePartitionsError {
    /// `UNKNOWN_TOPIC_OR_PARTITION`
    #[error("topic {name:?} does not exist")]
    UnknownTopic {
        /// The name asked for.
        name: String,
    },
    /// `INVALID_REQUEST`
    #[error("the request names topic {name} more than once")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// `INVALID_PARTITIONS`
    #[error("the topic has {current} partitions and can only grow, not become {wanted}")]
    NoGrowth {
        /// How many partitions it has.
        current: usize,
        /// How many it should have.
        wanted: i32,
    },
    /// `INVALID_REPLICA_ASSIGNMENT`
    #[error(transparent)]
    Assignment(#[from] AssignmentError),
    /// `INVALID_REPLICATION_FACTOR`
    #[error(
        "the topic's replication factor is {replication_factor}, but there are {brokers} brokers"
    )]
    TooFewBrokers {
        /// That of the partitions the topic has.
        replication_factor: usize,
        /// How many brokers the cluster has.
        brokers: usize,
    },
    /// `POLICY_VIOLATION`
    #[error("one request may create {max} partitions, this one has {wanted} up to here")]
    TooManyInRequest {
        /// The bound.
        max: usize,
        /// The new partitions of this topic and of those before it.
        wanted: usize,
    },
    /// `POLICY_VIOLATION`
    #[error("the cluster may have {max} partitions, with these it would have {wanted}")]
    TooManyInCluster {
        /// The bound.
        max: usize,
        /// The partitions there would be.
        wanted: usize,
    },
}

impl CreatePartitionsError {
    /// The error code in the Kafka protocol.
    pub fn code(&self) -> ErrorCode {
        match self {
            CreatePartitionsError::UnknownTopic { .. } => ErrorCode::UnknownTopicOrPartition,
            CreatePartitionsError::Duplicate { .. } => ErrorCode::InvalidRequest,
            CreatePartitionsError::NoGrowth { .. } => ErrorCode::InvalidPartitions,
            CreatePartitionsError::Assignment(_) => ErrorCode::InvalidReplicaAssignment,
            CreatePartitionsError::TooFewBrokers { .. } => ErrorCode::InvalidReplicationFactor,
            CreatePartitionsError::TooManyInRequest { .. }
            | CreatePartitionsError::TooManyInCluster { .. } => ErrorCode::PolicyViolation,
        }
    }
}

/// Decides which topics grow, and where to. A topic that the request names twice does not.
pub fn create_partitions(
    image: &ClusterImage,
    policy: &TopicPolicy,
    request: &CreatePartitions,
) -> Decision<GrownTopic, CreatePartitionsError> {
    let mut mentions: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in &request.topics {
        *mentions.entry(&topic.name).or_default() += 1;
    }
    let mut growth =
        Growth { image, policy, placement: Placement::new(image), records: Vec::new() };
    let results = request.topics.iter().map(|topic| {
        if mentions[topic.name.as_str()] > 1 {
            return Err(CreatePartitionsError::Duplicate { name: topic.name.clone() });
        }
        growth.grow(topic)
    });
    let results = results.collect();
    Decision::of(request.mode, growth.records, results)
}

/// A request half-way: the loads and records of the topics that were decided so far. As a topic
/// comes only once, the image may stay as it was.
struct Growth<'a> {
    image: &'a ClusterImage,
    policy: &'a TopicPolicy,
    placement: Placement,
    records: Vec<MetadataRecord>,
}

impl Growth<'_> {
    fn grow(&mut self, growth: &TopicGrowth) -> Result<GrownTopic, CreatePartitionsError> {
        let image = self.image;
        let topic = image
            .topic_by_name(&growth.name)
            .ok_or_else(|| CreatePartitionsError::UnknownTopic { name: growth.name.clone() })?;
        let current = topic.partition_count();
        let partitions = match usize::try_from(growth.partitions) {
            Ok(partitions) if partitions > current => partitions,
            _ => {
                let wanted = growth.partitions;
                return Err(CreatePartitionsError::NoGrowth { current, wanted });
            }
        };
        let added = partitions - current;
        self.check_bounds(added)?;
        let replicas = match &growth.assignments {
            Some(assignments) => self.assign(topic, added, assignments)?,
            None => self.place(topic, added)?,
        };
        self.records.extend(replicas.into_iter().zip(current as i32..).map(|(replicas, index)| {
            let partition = PartitionId::new(topic.id(), PartitionIndex(index));
            MetadataRecord::PartitionCreated { partition, state: first_state(replicas) }
        }));
        Ok(GrownTopic { name: topic.name().clone(), partitions })
    }

    fn check_bounds(&self, added: usize) -> Result<(), CreatePartitionsError> {
        // Each record so far is one partition.
        let in_request = self.records.len() + added;
        let (max, wanted) = (self.policy.partitions_per_request_max, in_request);
        if wanted > max {
            return Err(CreatePartitionsError::TooManyInRequest { max, wanted });
        }
        let (max, wanted) = (self.policy.partitions_max, self.image.partition_count() + in_request);
        if wanted > max {
            return Err(CreatePartitionsError::TooManyInCluster { max, wanted });
        }
        Ok(())
    }

    fn assign(
        &mut self,
        topic: &TopicImage,
        added: usize,
        assignments: &[Vec<NodeId>],
    ) -> Result<Vec<Vec<NodeId>>, CreatePartitionsError> {
        if assignments.len() != added {
            let (expected, found) = (added, assignments.len());
            return Err(AssignmentError::Count { expected, found }.into());
        }
        let first = topic.partition_count();
        let slices = assignments.iter().map(Vec::as_slice).collect::<Vec<_>>();
        assignment::check(self.image, first, replication_factor(topic), &slices)?;
        self.placement.begin_topic(Some(topic));
        for replicas in slices {
            self.placement.add(replicas);
        }
        Ok(assignments.to_vec())
    }

    fn place(
        &mut self,
        topic: &TopicImage,
        added: usize,
    ) -> Result<Vec<Vec<NodeId>>, CreatePartitionsError> {
        let factor = replication_factor(topic).unwrap_or(self.policy.replication_factor_default);
        let brokers = self.placement.replication_factor_max();
        if factor > brokers {
            let replication_factor = factor;
            return Err(CreatePartitionsError::TooFewBrokers { replication_factor, brokers });
        }
        self.placement.begin_topic(Some(topic));
        Ok((0..added).map(|_| self.placement.place(factor)).collect())
    }
}

/// That of the topic's first partition: all have the same.
fn replication_factor(topic: &TopicImage) -> Option<usize> {
    topic.partition(PartitionIndex(0)).map(|state| state.replicas.len())
}
