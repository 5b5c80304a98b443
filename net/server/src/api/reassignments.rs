//! AlterPartitionReassignments and ListPartitionReassignments: partitions that shall be on other
//! nodes, and those that are on their way (KIP-455).

use corelog_cluster::decide::reassign_partitions::{ReassignPartition, ReassignPartitions};
use corelog_cluster::{Change, ClusterImage, Outcome, PartitionState, TopicImage};
use corelog_model::{NodeId, PartitionIndex};
use corelog_wire::api::alter_partition_reassignments::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use corelog_wire::api::list_partition_reassignments::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use corelog_wire::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, Text,
};

use super::change::{Ending, Translation, timeout};
use crate::error::{KafkaError, code_and_message};

/// A request on its way to the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending<'a> {
    allow_replication_factor_change: bool,
    /// Names of the topics and the partitions of each, as they were asked for.
    topics: Vec<(Text<'a>, Vec<i32>)>,
}

/// Translates a request.
pub fn translate(
    request: AlterPartitionReassignmentsRequest<'_>,
) -> Translation<Pending<'_>, AlterPartitionReassignmentsResponse<'_>> {
    let allow_replication_factor_change = request.allow_replication_factor_change;
    let mut partitions = Vec::new();
    let topics = request.topics.into_iter().map(|topic| {
        let asked = topic.partitions.iter().map(|asked| ReassignPartition {
            topic: topic.name.clone().into_owned(),
            index: PartitionIndex(asked.partition_index),
            replicas: asked.replicas.as_ref().map(|ids| ids.iter().copied().map(NodeId).collect()),
        });
        partitions.extend(asked);
        (topic.name, topic.partitions.iter().map(|asked| asked.partition_index).collect())
    });
    let topics = topics.collect();
    if partitions.is_empty() {
        return Translation::Answer(AlterPartitionReassignmentsResponse {
            allow_replication_factor_change,
            ..Default::default()
        });
    }
    let request_of_engine = ReassignPartitions { partitions, allow_replication_factor_change };
    Translation::Ask {
        change: Change::ReassignPartitions(request_of_engine),
        timeout: timeout(request.timeout_ms),
        pending: Pending { allow_replication_factor_change, topics },
    }
}

impl<'a> Pending<'a> {
    /// Makes the answer.
    pub fn respond(self, ending: Ending) -> AlterPartitionReassignmentsResponse<'a> {
        let allow_replication_factor_change = self.allow_replication_factor_change;
        let base = AlterPartitionReassignmentsResponse {
            allow_replication_factor_change,
            ..Default::default()
        };
        let results = match ending {
            Ending::Decided(Outcome::ReassignPartitions(results)) => results,
            other => {
                let failure = Err::<(), _>(other.into_failure());
                let (error_code, error_message) = code_and_message(&failure);
                return AlterPartitionReassignmentsResponse { error_code, error_message, ..base };
            }
        };
        let mut results = results.into_iter();
        let topics = self.topics.into_iter().map(|(name, indexes)| ReassignableTopicResponse {
            name,
            partitions: indexes
                .into_iter()
                .map(|partition_index| {
                    let result = results.next().expect("each partition has one result");
                    let result = result.map_err(|error| error.failure());
                    let (error_code, error_message) = code_and_message(&result);
                    ReassignablePartitionResponse { partition_index, error_code, error_message }
                })
                .collect(),
        });
        AlterPartitionReassignmentsResponse { responses: topics.collect(), ..base }
    }
}

/// Answers which partitions are on their way. Those that are not, or not there, are left out.
pub fn list<'a>(
    request: &ListPartitionReassignmentsRequest<'_>,
    image: &'a ClusterImage,
) -> ListPartitionReassignmentsResponse<'a> {
    let topics = match &request.topics {
        None => image.topics().filter_map(|topic| ongoing(topic, None)).collect(),
        Some(asked) => asked
            .iter()
            .filter_map(|asked| {
                ongoing(image.topic_by_name(&asked.name)?, Some(&asked.partition_indexes))
            })
            .collect(),
    };
    ListPartitionReassignmentsResponse { topics, ..Default::default() }
}

fn ongoing<'a>(
    topic: &'a TopicImage,
    asked: Option<&[i32]>,
) -> Option<OngoingTopicReassignment<'a>> {
    let is_asked = |index: PartitionIndex| asked.is_none_or(|asked| asked.contains(&index.get()));
    let moving = topic
        .partitions()
        .filter(|(index, state)| is_asked(*index) && !state.target.is_empty())
        .map(|(index, state)| ongoing_partition(index, state));
    let partitions: Vec<_> = moving.collect();
    let name = Text::Borrowed(topic.name().as_str());
    (!partitions.is_empty()).then_some(OngoingTopicReassignment { name, partitions })
}

fn ongoing_partition(
    index: PartitionIndex,
    state: &PartitionState,
) -> OngoingPartitionReassignment {
    let ids = |nodes: &mut dyn Iterator<Item = NodeId>| nodes.map(|node| node.0).collect();
    OngoingPartitionReassignment {
        partition_index: index.get(),
        replicas: ids(&mut state.target.iter().copied().chain(state.removing())),
        adding_replicas: ids(&mut state.adding()),
        removing_replicas: ids(&mut state.removing()),
    }
}

#[cfg(test)]
mod tests;
