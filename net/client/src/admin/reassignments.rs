//! Partitions that shall be on other nodes, and those that are on their way (KIP-455).

use std::collections::BTreeMap;

use corelog_model::NodeId;
use corelog_wire::api::alter_partition_reassignments::{ReassignablePartition, ReassignableTopic};
use corelog_wire::api::list_partition_reassignments::OngoingPartitionReassignment;
use corelog_wire::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ApiKey,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

use crate::operation::{Operation, Repeat, server_timeout_ms};
use crate::target::Target;
use crate::{ClientConfig, ClientError, Reply, TopicPartition};

/// Asks that a partition be on other nodes, or stay where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReassignPartition<'a> {
    /// The partition.
    pub at: &'a TopicPartition,
    /// The nodes, preferred leader first; none ends a move that has begun.
    pub replicas: Option<&'a [NodeId]>,
}

/// A partition on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OngoingReassignment {
    /// The nodes that hold it or shall.
    pub replicas: Vec<NodeId>,
    /// Those that do not hold it yet.
    pub adding: Vec<NodeId>,
    /// Those that shall not hold it any more.
    pub removing: Vec<NodeId>,
}

/// Asks which partitions are on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListReassignments;

impl Operation for ReassignPartition<'_> {
    type Request = AlterPartitionReassignmentsRequest<'static>;
    type Answer = ();
    const REPEAT: Repeat = Repeat::Unsafe;

    fn target(&self) -> Target {
        Target::Controller
    }

    fn request(&self, config: &ClientConfig) -> Self::Request {
        let partition = ReassignablePartition {
            partition_index: self.at.partition,
            replicas: self.replicas.map(|nodes| nodes.iter().map(|node| node.0).collect()),
        };
        let name = self.at.topic.as_ref().to_owned().into();
        AlterPartitionReassignmentsRequest {
            timeout_ms: server_timeout_ms(config),
            topics: vec![ReassignableTopic { name, partitions: vec![partition] }],
            ..AlterPartitionReassignmentsRequest::default()
        }
    }

    fn read(&self, reply: &Reply) -> Result<(), ClientError> {
        let api = ApiKey::AlterPartitionReassignments;
        let about = || format!("partition {}", self.at);
        let response: AlterPartitionReassignmentsResponse<'_> = reply.decode()?;
        let message = response.error_message.as_deref();
        ClientError::refused(api, about(), response.error_code, message)?;
        let topics = response.responses.iter().filter(|topic| *topic.name == *self.at.topic);
        let mut partitions = topics.flat_map(|topic| &topic.partitions);
        let result = partitions.find(|one| one.partition_index == self.at.partition);
        let result = result.ok_or_else(|| reply.lacks(about()))?;
        ClientError::refused(api, about(), result.error_code, result.error_message.as_deref())
    }
}

impl Operation for ListReassignments {
    type Request = ListPartitionReassignmentsRequest<'static>;
    type Answer = BTreeMap<TopicPartition, OngoingReassignment>;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Controller
    }

    fn request(&self, config: &ClientConfig) -> Self::Request {
        ListPartitionReassignmentsRequest { timeout_ms: server_timeout_ms(config), topics: None }
    }

    fn read(&self, reply: &Reply) -> Result<Self::Answer, ClientError> {
        let response: ListPartitionReassignmentsResponse<'_> = reply.decode()?;
        let (api, message) =
            (ApiKey::ListPartitionReassignments, response.error_message.as_deref());
        ClientError::refused(api, "the partitions that move", response.error_code, message)?;
        let partitions = response.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|one| {
                let at = TopicPartition::new(&topic.name, one.partition_index);
                (at, OngoingReassignment::of(one))
            })
        });
        Ok(partitions.collect())
    }
}

impl OngoingReassignment {
    fn of(found: &OngoingPartitionReassignment) -> Self {
        let nodes = |ids: &[i32]| ids.iter().copied().map(NodeId).collect();
        Self {
            replicas: nodes(&found.replicas),
            adding: nodes(&found.adding_replicas),
            removing: nodes(&found.removing_replicas),
        }
    }
}
