//! Where partitions begin and end, and which offset a moment has: ListOffsets, asked at the
//! leaders.

use std::collections::BTreeMap;

use corelog_model::{LeaderEpoch, NodeId, Offset, Timestamp};
use corelog_wire::api::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use corelog_wire::{ApiKey, ListOffsetsRequest, ListOffsetsResponse};

use crate::cluster::{Cluster, Target};
use crate::{ClientError, TopicPartition};

/// A place in a partition that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The first offset that is still there.
    Beginning,
    /// The offset that the next record gets, as far as consumers may read.
    End,
    /// The first record with this timestamp or a later one.
    At(Timestamp),
}

impl Moment {
    /// How it is written on the wire.
    fn number(self) -> i64 {
        match self {
            Self::End => -1,
            Self::Beginning => -2,
            Self::At(timestamp) => timestamp.0,
        }
    }
}

impl Cluster {
    /// The offset of a moment in each partition; none where no record is that late. Topics must be
    /// known, and no requests open at the leaders.
    pub fn list_offsets(
        &mut self,
        wanted: &BTreeMap<TopicPartition, Moment>,
    ) -> Result<BTreeMap<TopicPartition, Option<Offset>>, ClientError> {
        let mut found = BTreeMap::new();
        self.with_retries(|cluster| {
            let mut by_node: BTreeMap<NodeId, Vec<(&TopicPartition, Moment, LeaderEpoch)>> =
                BTreeMap::new();
            let mut later = None;
            for (at, moment) in wanted.iter().filter(|(at, _)| !found.contains_key(*at)) {
                match cluster.metadata().require_leader(at) {
                    Ok((node, epoch)) => {
                        by_node.entry(node).or_default().push((at, *moment, epoch));
                    }
                    Err(error) => later = Some(error),
                }
            }
            for (node, partitions) in by_node {
                // One node that is away must not keep the others from being asked.
                match cluster.list_offsets_of(node, &partitions) {
                    Err(error) if error.is_retriable() => later = Some(error),
                    Err(error) => return Err(error),
                    Ok(results) => {
                        for (at, result) in results {
                            match result {
                                Ok(offset) => drop(found.insert(at, offset)),
                                Err(error) if error.is_retriable() => later = Some(error),
                                Err(error) => return Err(error),
                            }
                        }
                    }
                }
            }
            later.map_or(Ok(()), Err)
        })?;
        Ok(found)
    }

    #[expect(clippy::type_complexity, reason = "a list of results, used once")]
    fn list_offsets_of(
        &mut self,
        node: NodeId,
        partitions: &[(&TopicPartition, Moment, LeaderEpoch)],
    ) -> Result<Vec<(TopicPartition, Result<Option<Offset>, ClientError>)>, ClientError> {
        let mut topics: Vec<ListOffsetsTopic<'_>> = Vec::new();
        for (at, moment, epoch) in partitions {
            let partition = ListOffsetsPartition {
                partition_index: at.partition,
                current_leader_epoch: epoch.0,
                timestamp: moment.number(),
            };
            match topics.last_mut() {
                Some(topic) if *topic.name == *at.topic => topic.partitions.push(partition),
                _ => topics.push(ListOffsetsTopic {
                    name: at.topic.as_ref().into(),
                    partitions: vec![partition],
                }),
            }
        }
        let timeout_ms = self.config().request_timeout.as_millis() / 2;
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics,
            timeout_ms: i32::try_from(timeout_ms).unwrap_or(i32::MAX),
            ..ListOffsetsRequest::default()
        };
        let reply = self.call(Target::Node(node), &request)?;
        let response: ListOffsetsResponse<'_> = reply.decode()?;
        let answer = |(at, _, _): &(&TopicPartition, Moment, LeaderEpoch)| {
            let topics = response.topics.iter().filter(|topic| *topic.name == *at.topic);
            let partition = topics
                .flat_map(|topic| &topic.partitions)
                .find(|partition| partition.partition_index == at.partition)
                .ok_or_else(|| reply.lacks(at.to_string()))?;
            let code = partition.error_code;
            let result = ClientError::refused(ApiKey::ListOffsets, at.to_string(), code, None)
                .map(|()| Some(Offset(partition.offset)).filter(|offset| *offset >= Offset::ZERO));
            Ok(((*at).clone(), result))
        };
        partitions.iter().map(answer).collect()
    }
}
