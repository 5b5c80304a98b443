//! Where partitions begin and end, and which offset a moment has: ListOffsets, asked at the
//! leaders. Pure.

use std::collections::BTreeMap;

use corelog_model::{LeaderEpoch, NodeId, Offset, Timestamp};
use corelog_wire::api::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use corelog_wire::{ApiKey, ListOffsetsRequest, ListOffsetsResponse};

use crate::consumer::IsolationLevel;
use crate::operation::{Operation, Repeat, server_timeout_ms};
use crate::target::Target;
use crate::{ClientConfig, ClientError, Metadata, Reply, TopicPartition};

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

/// What the leaders of some partitions say of each.
pub(crate) type Answers = Vec<(TopicPartition, Result<Option<Offset>, ClientError>)>;

/// The moments that are looked up, round by round: each round asks the leaders of what is not found
/// yet.
#[derive(Debug)]
pub(crate) struct Lookup<'w> {
    wanted: &'w BTreeMap<TopicPartition, Moment>,
    isolation: IsolationLevel,
    found: BTreeMap<TopicPartition, Option<Offset>>,
    /// Why something of this round is to be asked again.
    later: Option<ClientError>,
}

impl<'w> Lookup<'w> {
    /// Nothing is found yet.
    pub(crate) fn new(
        wanted: &'w BTreeMap<TopicPartition, Moment>,
        isolation: IsolationLevel,
    ) -> Self {
        Self { wanted, isolation, found: BTreeMap::new(), later: None }
    }

    /// Begins a round: what to ask now.
    pub(crate) fn round(&mut self, metadata: &Metadata) -> Vec<ListOffsets> {
        self.later = None;
        let mut by_node: BTreeMap<NodeId, Vec<Asked>> = BTreeMap::new();
        for (at, moment) in self.wanted.iter().filter(|(at, _)| !self.found.contains_key(*at)) {
            match metadata.require_leader(at) {
                Ok((node, epoch)) => {
                    let asked = Asked { at: at.clone(), moment: *moment, epoch };
                    by_node.entry(node).or_default().push(asked);
                }
                Err(error) => self.later = Some(error),
            }
        }
        let isolation = self.isolation;
        let of_node = |(node, partitions)| ListOffsets { node, isolation, partitions };
        by_node.into_iter().map(of_node).collect()
    }

    /// Takes what a leader says. Fails with what will not pass.
    pub(crate) fn take(&mut self, result: Result<Answers, ClientError>) -> Result<(), ClientError> {
        // One node that is away must not keep the others from being asked.
        let answers = match result {
            Err(error) if error.is_retriable() => vec![Err(error)],
            Err(error) => return Err(error),
            Ok(answers) => {
                answers.into_iter().map(|(at, result)| result.map(|offset| (at, offset))).collect()
            }
        };
        for answer in answers {
            match answer {
                Ok((at, offset)) => drop(self.found.insert(at, offset)),
                Err(error) if error.is_retriable() => self.later = Some(error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Ends a round: an error when there is something to ask again.
    pub(crate) fn end_round(&mut self) -> Result<(), ClientError> {
        self.later.take().map_or(Ok(()), Err)
    }

    /// The offsets; none where no record is that late.
    pub(crate) fn into_found(self) -> BTreeMap<TopicPartition, Option<Offset>> {
        self.found
    }
}

/// A moment of a partition that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    at: TopicPartition,
    moment: Moment,
    epoch: LeaderEpoch,
}

/// Asks a leader for moments of its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListOffsets {
    node: NodeId,
    isolation: IsolationLevel,
    partitions: Vec<Asked>,
}

impl Operation for ListOffsets {
    type Request = ListOffsetsRequest<'static>;
    type Answer = Answers;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Node(self.node)
    }

    fn request(&self, config: &ClientConfig) -> Self::Request {
        let mut topics: Vec<ListOffsetsTopic<'_>> = Vec::new();
        for Asked { at, moment, epoch } in &self.partitions {
            let partition = ListOffsetsPartition {
                partition_index: at.partition,
                current_leader_epoch: epoch.0,
                timestamp: moment.number(),
            };
            match topics.last_mut() {
                Some(topic) if *topic.name == *at.topic => topic.partitions.push(partition),
                _ => topics.push(ListOffsetsTopic {
                    name: at.topic.as_ref().to_owned().into(),
                    partitions: vec![partition],
                }),
            }
        }
        ListOffsetsRequest {
            replica_id: -1,
            isolation_level: self.isolation.number(),
            topics,
            timeout_ms: server_timeout_ms(config),
        }
    }

    fn read(&self, reply: &Reply) -> Result<Answers, ClientError> {
        let response: ListOffsetsResponse<'_> = reply.decode()?;
        let answer = |asked: &Asked| {
            let at = &asked.at;
            let topics = response.topics.iter().filter(|topic| *topic.name == *at.topic);
            let partition = topics
                .flat_map(|topic| &topic.partitions)
                .find(|partition| partition.partition_index == at.partition)
                .ok_or_else(|| reply.lacks(at.to_string()))?;
            let code = partition.error_code;
            let result = ClientError::refused(ApiKey::ListOffsets, at.to_string(), code, None)
                .map(|()| Some(Offset(partition.offset)).filter(|offset| *offset >= Offset::ZERO));
            Ok((at.clone(), result))
        };
        self.partitions.iter().map(answer).collect()
    }
}
