//! The rules for replicas that a user chose by hand.

use std::collections::BTreeSet;

use corelog_model::NodeId;
use thiserror::Error;

use crate::image::ClusterImage;

/// Why replicas chosen by hand cannot be used; on the wire `INVALID_REPLICA_ASSIGNMENT`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AssignmentError {
    /// The numbers of the partitions have a gap, a duplicate or a negative number.
    #[error("partitions are assigned as 0, 1, 2 and so on, but partition {expected} is missing")]
    NotConsecutive {
        /// The smallest number that is not there, or the first that is there twice.
        expected: usize,
    },
    /// There are more or fewer assignments than partitions.
    #[error("there are {found} assignments for {expected} partitions")]
    Count {
        /// How many partitions need one.
        expected: usize,
        /// How many the request has.
        found: usize,
    },
    /// A partition without replicas.
    #[error("partition {partition} is assigned to no node")]
    NoReplicas {
        /// The partition.
        partition: usize,
    },
    /// A node that is not part of the cluster.
    #[error("partition {partition} is assigned to node {node}, which does not exist")]
    UnknownNode {
        /// The partition.
        partition: usize,
        /// The node.
        node: NodeId,
    },
    /// Two replicas that one failure would take together.
    #[error("partition {partition} is assigned to broker {} twice", .node.broker())]
    SharedBroker {
        /// The partition.
        partition: usize,
        /// The second node of that broker.
        node: NodeId,
    },
    /// Partitions of one topic have the same replication factor.
    #[error("partition {partition} is assigned to {found} nodes, other partitions to {expected}")]
    ReplicationFactor {
        /// The partition.
        partition: usize,
        /// The replication factor of the partitions before it.
        expected: usize,
        /// Its own.
        found: usize,
    },
}

/// Checks the replicas of the partitions from `first` on. All must have `replication_factor`
/// replicas, or, if that is `None`, as many as the first of them.
pub(super) fn check(
    image: &ClusterImage,
    first: usize,
    replication_factor: Option<usize>,
    assignments: &[&[NodeId]],
) -> Result<(), AssignmentError> {
    let mut expected = replication_factor;
    for (partition, replicas) in (first..).zip(assignments) {
        if replicas.is_empty() {
            return Err(AssignmentError::NoReplicas { partition });
        }
        let mut brokers = BTreeSet::new();
        for &node in *replicas {
            if image.node(node).is_none() {
                return Err(AssignmentError::UnknownNode { partition, node });
            }
            if !brokers.insert(node.broker()) {
                return Err(AssignmentError::SharedBroker { partition, node });
            }
        }
        let (expected, found) = (*expected.get_or_insert(replicas.len()), replicas.len());
        if found != expected {
            return Err(AssignmentError::ReplicationFactor { partition, expected, found });
        }
    }
    Ok(())
}
