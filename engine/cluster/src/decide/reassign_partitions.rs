//! Moves partitions to other nodes (KIP-455): a move is recorded when it is asked for, and again
//! when the files are where they shall be. Between the two the old leader goes on, and the move can
//! be changed or ended. Data moves between the cores of one broker only.

use std::collections::{BTreeMap, BTreeSet};

use corelog_model::{ErrorCode, LeaderEpoch, NodeId, PartitionId, PartitionIndex};
use thiserror::Error;

use super::Decision;
use super::assignment::{self, AssignmentError};
use crate::image::ClusterImage;
use crate::record::{MetadataRecord, PartitionState};

/// Moves that begin, change or end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReassignPartitions {
    /// The partitions, in the order in which they are decided.
    pub partitions: Vec<ReassignPartition>,
    /// Whether a partition may get another number of replicas (KIP-860).
    pub allow_replication_factor_change: bool,
}

/// One partition and where it shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReassignPartition {
    /// Name of its topic, valid or not.
    pub topic: String,
    /// Which of the topic.
    pub index: PartitionIndex,
    /// The nodes, preferred leader first; `None` ends a move that has begun.
    pub replicas: Option<Vec<NodeId>>,
}

/// Why a partition does not move, or does not stop to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReassignPartitionError {
    /// `UNKNOWN_TOPIC_OR_PARTITION`
    #[error("partition {index} of topic {topic:?} does not exist")]
    UnknownPartition {
        /// The topic asked for.
        topic: String,
        /// The partition asked for.
        index: PartitionIndex,
    },
    /// `NO_REASSIGNMENT_IN_PROGRESS`
    #[error("partition {partition} does not move")]
    NotMoving {
        /// The partition.
        partition: PartitionId,
    },
    /// `INVALID_REPLICATION_FACTOR`
    #[error("partition {partition} has {found} replicas, the request names {asked}")]
    ReplicationFactor {
        /// The partition.
        partition: PartitionId,
        /// How many it has.
        found: usize,
        /// How many it shall have.
        asked: usize,
    },
    /// `INVALID_REPLICA_ASSIGNMENT`
    #[error(transparent)]
    Assignment(#[from] AssignmentError),
    /// `INVALID_REPLICA_ASSIGNMENT`
    #[error("partition {partition} moves only between the cores of the brokers that hold it")]
    OtherBroker {
        /// The partition.
        partition: PartitionId,
    },
    /// `UNKNOWN_SERVER_ERROR`
    #[error("partition {partition} changed so often that no epoch is left")]
    EpochsExhausted {
        /// The partition.
        partition: PartitionId,
    },
}

impl ReassignPartitionError {
    /// The error code in the Kafka protocol.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownPartition { .. } => ErrorCode::UnknownTopicOrPartition,
            Self::NotMoving { .. } => ErrorCode::NoReassignmentInProgress,
            Self::ReplicationFactor { .. } => ErrorCode::InvalidReplicationFactor,
            Self::Assignment(_) | Self::OtherBroker { .. } => ErrorCode::InvalidReplicaAssignment,
            Self::EpochsExhausted { .. } => ErrorCode::UnknownServerError,
        }
    }
}

/// Decides which moves begin, change or end.
pub fn reassign_partitions(
    image: &ClusterImage,
    request: &ReassignPartitions,
) -> Decision<(), ReassignPartitionError> {
    let mut changed: BTreeMap<PartitionId, PartitionState> = BTreeMap::new();
    let mut records = Vec::new();
    let mut results = Vec::with_capacity(request.partitions.len());
    for asked in &request.partitions {
        let allow = request.allow_replication_factor_change;
        let result = reassign(image, &changed, allow, asked).map(|next| {
            if let Some((partition, state)) = next {
                changed.insert(partition, state.clone());
                records.push(MetadataRecord::PartitionChanged { partition, state });
            }
        });
        results.push(result);
    }
    Decision { records, results }
}

/// The partition as it is from now on; `None` if it is so already.
fn reassign(
    image: &ClusterImage,
    changed: &BTreeMap<PartitionId, PartitionState>,
    allow_replication_factor_change: bool,
    asked: &ReassignPartition,
) -> Result<Option<(PartitionId, PartitionState)>, ReassignPartitionError> {
    let ReassignPartition { topic, index, replicas } = asked;
    let unknown =
        || ReassignPartitionError::UnknownPartition { topic: topic.clone(), index: *index };
    let found = image.topic_by_name(topic).ok_or_else(unknown)?;
    let partition = PartitionId::new(found.id(), *index);
    let current = found.partition(*index).ok_or_else(unknown)?;
    let current = changed.get(&partition).unwrap_or(current);
    let target = match replicas {
        None if current.target.is_empty() => {
            return Err(ReassignPartitionError::NotMoving { partition });
        }
        None => Vec::new(),
        Some(replicas) => {
            let (found, asked) = (current.replicas.len(), replicas.len());
            if !allow_replication_factor_change && found != asked {
                return Err(ReassignPartitionError::ReplicationFactor { partition, found, asked });
            }
            let number = usize::try_from(index.0).expect("the partition was found");
            assignment::check(image, number, None, &[&replicas[..]])?;
            if brokers_of(replicas) != brokers_of(&current.replicas) {
                return Err(ReassignPartitionError::OtherBroker { partition });
            }
            // Back to where it is: the move ends.
            if *replicas == current.replicas { Vec::new() } else { replicas.clone() }
        }
    };
    if target == current.target {
        return Ok(None);
    }
    let next = current.partition_epoch.checked_add(1);
    let partition_epoch = next.ok_or(ReassignPartitionError::EpochsExhausted { partition })?;
    Ok(Some((partition, PartitionState { partition_epoch, target, ..current.clone() })))
}

fn brokers_of(nodes: &[NodeId]) -> BTreeSet<corelog_model::BrokerId> {
    nodes.iter().map(|node| node.broker()).collect()
}

/// The files of a partition are where it shall be: its new leader takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompleteReassignment {
    /// The partition.
    pub partition: PartitionId,
    /// The partition epoch of the move. Another one says that it was changed or ended meanwhile.
    pub partition_epoch: i32,
}

/// Why the new leader does not take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CompleteReassignmentError {
    /// Its topic was deleted.
    #[error("the partition does not exist any more")]
    Deleted,
    /// The move was changed or ended.
    #[error("the move was changed or ended: the partition is in epoch {current} now")]
    Changed {
        /// The partition epoch that holds.
        current: i32,
    },
    /// There is no epoch for the new leader.
    #[error("the partition changed so often that no epoch is left")]
    EpochsExhausted,
}

/// Decides that a move is over, and who leads from now on.
pub fn complete_reassignment(
    image: &ClusterImage,
    request: CompleteReassignment,
) -> Result<MetadataRecord, CompleteReassignmentError> {
    let CompleteReassignment { partition, partition_epoch } = request;
    let current = image.partition(partition).ok_or(CompleteReassignmentError::Deleted)?;
    if current.partition_epoch != partition_epoch || current.target.is_empty() {
        let current = current.partition_epoch;
        return Err(CompleteReassignmentError::Changed { current });
    }
    let state = completed(current).ok_or(CompleteReassignmentError::EpochsExhausted)?;
    Ok(MetadataRecord::PartitionChanged { partition, state })
}

/// The state behind the move; `None` if no epoch is left.
fn completed(state: &PartitionState) -> Option<PartitionState> {
    let leader = state.leader_after_move();
    let epochs = i32::from(leader != state.leader);
    // What a broker has, it has on another core now.
    let is_in_sync =
        |node: &&NodeId| state.isr.iter().any(|in_sync| in_sync.broker() == node.broker());
    Some(PartitionState {
        replicas: state.target.clone(),
        isr: state.target.iter().filter(is_in_sync).copied().collect(),
        leader,
        leader_epoch: LeaderEpoch(state.leader_epoch.0.checked_add(epochs)?),
        partition_epoch: state.partition_epoch.checked_add(1)?,
        target: Vec::new(),
    })
}
