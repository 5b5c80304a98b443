//! Creates topics: checks the request, places the partitions, makes the records.

use std::collections::BTreeMap;

use corelog_model::{
    ErrorCode, LeaderEpoch, NodeId, PartitionId, PartitionIndex, TopicId, TopicName, TopicNameError,
};
use thiserror::Error;

use super::assignment::{self, AssignmentError};
use super::configs::{ConfigError, check_topic_configs};
use super::{Decision, Mode, TopicPolicy};
use crate::image::ClusterImage;
use crate::placement::Placement;
use crate::record::{ConfigResource, MetadataRecord, PartitionState};

/// A request to create topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTopics {
    /// Whether to carry it out.
    pub mode: Mode,
    /// What to create.
    pub topics: Vec<NewTopic>,
}

/// A topic to create, unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name, valid or not.
    pub name: String,
    /// A random id that is not [reserved](TopicId::is_reserved).
    pub id: TopicId,
    /// How many partitions; -1 for the default, or if they are assigned.
    pub partitions: i32,
    /// On how many brokers each partition is; -1 for the default, or if they are assigned.
    pub replication_factor: i16,
    /// Where the partitions shall be, leader first. Empty to leave it to the cluster.
    pub assignments: Vec<(PartitionIndex, Vec<NodeId>)>,
    /// Configs to set on it.
    pub configs: Vec<(String, Option<String>)>,
}

/// A topic that is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its id.
    pub id: TopicId,
    /// Its name.
    pub name: TopicName,
    /// How many partitions it has.
    pub partitions: usize,
    /// How many replicas each of them has.
    pub replication_factor: usize,
}

/// Why a topic is not created.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CreateTopicError {
    /// `INVALID_TOPIC_EXCEPTION`
    #[error("the topic name is invalid: {0}")]
    Name(#[from] TopicNameError),
    /// `INVALID_TOPIC_EXCEPTION`
    #[error("topic {name} collides with the existing topic {existing}: '.' equals '_' in metrics")]
    Collision {
        /// The new name.
        name: TopicName,
        /// The topic that exists.
        existing: TopicName,
    },
    /// `TOPIC_ALREADY_EXISTS`
    #[error("topic {name} exists already")]
    Exists {
        /// The name.
        name: TopicName,
    },
    /// `INVALID_REQUEST`
    #[error("the request names topic {name} more than once")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// `UNKNOWN_SERVER_ERROR`; the caller should have drawn another id.
    #[error("the topic cannot have the id {id}: it is reserved or taken")]
    Id {
        /// The id that came with the request.
        id: TopicId,
    },
    /// `INVALID_PARTITIONS`
    #[error("a topic has 1 partition or more, or -1 for the default, not {partitions}")]
    Partitions {
        /// The number asked for.
        partitions: i32,
    },
    /// `INVALID_REPLICATION_FACTOR`
    #[error("the replication factor is 1 or more, or -1 for the default, not {replication_factor}")]
    ReplicationFactor {
        /// The number asked for.
        replication_factor: i16,
    },
    /// `INVALID_REPLICATION_FACTOR`
    #[error("the replication factor is {replication_factor}, but there are {brokers} brokers")]
    TooFewBrokers {
        /// The number asked for, or the default.
        replication_factor: usize,
        /// How many brokers the cluster has.
        brokers: usize,
    },
    /// `INVALID_REQUEST`
    #[error("partitions are assigned by hand, so their number and replication factor must be -1")]
    AssignedAndCounted,
    /// `INVALID_REPLICA_ASSIGNMENT`
    #[error(transparent)]
    Assignment(#[from] AssignmentError),
    /// `INVALID_CONFIG`
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `POLICY_VIOLATION`
    #[error("one request may create {max} partitions, this one has {wanted} up to here")]
    TooManyInRequest {
        /// The bound.
        max: usize,
        /// The partitions of this topic and of those before it.
        wanted: usize,
    },
    /// `POLICY_VIOLATION`
    #[error("the cluster may have {max} partitions, with this topic it would have {wanted}")]
    TooManyInCluster {
        /// The bound.
        max: usize,
        /// The partitions there would be.
        wanted: usize,
    },
}

impl CreateTopicError {
    /// The error code in the Kafka protocol.
    pub fn code(&self) -> ErrorCode {
        match self {
            CreateTopicError::Name(_) | CreateTopicError::Collision { .. } => {
                ErrorCode::InvalidTopicException
            }
            CreateTopicError::Exists { .. } => ErrorCode::TopicAlreadyExists,
            CreateTopicError::Duplicate { .. } | CreateTopicError::AssignedAndCounted => {
                ErrorCode::InvalidRequest
            }
            CreateTopicError::Id { .. } => ErrorCode::UnknownServerError,
            CreateTopicError::Partitions { .. } => ErrorCode::InvalidPartitions,
            CreateTopicError::ReplicationFactor { .. } | CreateTopicError::TooFewBrokers { .. } => {
                ErrorCode::InvalidReplicationFactor
            }
            CreateTopicError::Assignment(_) => ErrorCode::InvalidReplicaAssignment,
            CreateTopicError::Config(error) => error.code(),
            CreateTopicError::TooManyInRequest { .. }
            | CreateTopicError::TooManyInCluster { .. } => ErrorCode::PolicyViolation,
        }
    }
}

/// Decides which topics to create, and where. A name that the request has twice is refused each
/// time.
pub fn create_topics(
    image: &ClusterImage,
    policy: &TopicPolicy,
    request: &CreateTopics,
) -> Decision<CreatedTopic, CreateTopicError> {
    let mut mentions: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in &request.topics {
        *mentions.entry(&topic.name).or_default() += 1;
    }
    let mut creation = Creation {
        policy,
        image: image.clone(),
        placement: Placement::new(image),
        records: Vec::new(),
        partitions_in_request: 0,
    };
    let results = request.topics.iter().map(|topic| {
        if mentions[topic.name.as_str()] > 1 {
            return Err(CreateTopicError::Duplicate { name: topic.name.clone() });
        }
        creation.create(topic)
    });
    let results = results.collect();
    Decision::of(request.mode, creation.records, results)
}

/// Where the partitions of a topic go.
enum Layout<'a> {
    Placed { partitions: usize, replication_factor: usize },
    Assigned(Vec<&'a [NodeId]>),
}

/// A request half-way: the image and the loads with the topics that were decided so far.
struct Creation<'a> {
    policy: &'a TopicPolicy,
    image: ClusterImage,
    placement: Placement,
    records: Vec<MetadataRecord>,
    partitions_in_request: usize,
}

impl Creation<'_> {
    fn create(&mut self, topic: &NewTopic) -> Result<CreatedTopic, CreateTopicError> {
        let name = self.check_name(topic)?;
        let layout = self.check_layout(topic)?;
        let configs = check_topic_configs(&self.image, &topic.configs)?;
        let partitions = match &layout {
            Layout::Placed { partitions, .. } => *partitions,
            Layout::Assigned(assignments) => assignments.len(),
        };
        self.check_bounds(partitions)?;

        let replicas = self.lay_out(layout);
        let replication_factor = replicas[0].len();
        let id = topic.id;
        let mut records = vec![MetadataRecord::TopicCreated { id, name: name.clone() }];
        records.extend(replicas.into_iter().zip(0..).map(|(replicas, index)| {
            let partition = PartitionId::new(id, PartitionIndex(index));
            MetadataRecord::PartitionCreated { partition, state: first_state(replicas) }
        }));
        records.extend(configs.into_iter().map(|(key, value)| MetadataRecord::ConfigSet {
            resource: ConfigResource::Topic(name.clone()),
            key,
            value: Some(value),
        }));
        for record in &records {
            self.image.apply(record).expect("what was checked above can be applied");
        }
        self.records.append(&mut records);
        self.partitions_in_request += partitions;
        Ok(CreatedTopic { id, name, partitions, replication_factor })
    }

    fn check_name(&self, topic: &NewTopic) -> Result<TopicName, CreateTopicError> {
        let name = TopicName::new(&topic.name)?;
        if self.image.topic_id(&topic.name).is_some() {
            return Err(CreateTopicError::Exists { name });
        }
        if let Some(existing) = self.image.colliding_topic(&name) {
            return Err(CreateTopicError::Collision { existing: existing.clone(), name });
        }
        if topic.id.is_reserved() || self.image.topic(topic.id).is_some() {
            return Err(CreateTopicError::Id { id: topic.id });
        }
        Ok(name)
    }

    fn check_layout<'a>(&self, topic: &'a NewTopic) -> Result<Layout<'a>, CreateTopicError> {
        if !topic.assignments.is_empty() {
            if topic.partitions != -1 || topic.replication_factor != -1 {
                return Err(CreateTopicError::AssignedAndCounted);
            }
            let assignments = in_order(&topic.assignments)?;
            assignment::check(&self.image, 0, None, &assignments)?;
            return Ok(Layout::Assigned(assignments));
        }
        let partitions = match topic.partitions {
            -1 => self.policy.partitions_default,
            partitions if partitions > 0 => partitions as usize,
            partitions => return Err(CreateTopicError::Partitions { partitions }),
        };
        let replication_factor = match topic.replication_factor {
            -1 => self.policy.replication_factor_default,
            factor if factor > 0 => factor as usize,
            replication_factor => {
                return Err(CreateTopicError::ReplicationFactor { replication_factor });
            }
        };
        let brokers = self.placement.replication_factor_max();
        if replication_factor > brokers {
            return Err(CreateTopicError::TooFewBrokers { replication_factor, brokers });
        }
        Ok(Layout::Placed { partitions, replication_factor })
    }

    fn check_bounds(&self, partitions: usize) -> Result<(), CreateTopicError> {
        let (max, wanted) =
            (self.policy.partitions_per_request_max, self.partitions_in_request + partitions);
        if wanted > max {
            return Err(CreateTopicError::TooManyInRequest { max, wanted });
        }
        let (max, wanted) = (self.policy.partitions_max, self.image.partition_count() + partitions);
        if wanted > max {
            return Err(CreateTopicError::TooManyInCluster { max, wanted });
        }
        Ok(())
    }

    /// The replicas of each partition. Whatever is laid out is counted, so all checks come before.
    fn lay_out(&mut self, layout: Layout<'_>) -> Vec<Vec<NodeId>> {
        self.placement.begin_topic(None);
        match layout {
            Layout::Placed { partitions, replication_factor } => {
                (0..partitions).map(|_| self.placement.place(replication_factor)).collect()
            }
            Layout::Assigned(assignments) => {
                for replicas in &assignments {
                    self.placement.add(replicas);
                }
                assignments.into_iter().map(<[NodeId]>::to_vec).collect()
            }
        }
    }
}

/// The state of a partition that was never changed.
pub(super) fn first_state(replicas: Vec<NodeId>) -> PartitionState {
    PartitionState {
        isr: replicas.clone(),
        leader: replicas[0],
        replicas,
        leader_epoch: LeaderEpoch::ZERO,
        partition_epoch: 0,
        target: Vec::new(),
    }
}

/// The assigned replicas in the order of the partitions, which are 0, 1, 2 and so on.
fn in_order(
    assignments: &[(PartitionIndex, Vec<NodeId>)],
) -> Result<Vec<&[NodeId]>, AssignmentError> {
    let mut sorted = assignments.iter().collect::<Vec<_>>();
    sorted.sort_by_key(|(index, _)| *index);
    for (expected, (index, _)) in sorted.iter().enumerate() {
        if usize::try_from(index.0) != Ok(expected) {
            return Err(AssignmentError::NotConsecutive { expected });
        }
    }
    Ok(sorted.into_iter().map(|(_, replicas)| replicas.as_slice()).collect())
}
