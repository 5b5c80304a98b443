//! What a transactional producer asks its coordinators, on the wire: which message in which
//! versions, and how the reply reads.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use corelog_model::{ErrorCode, ProducerEpoch, ProducerId};
use corelog_wire::api::add_partitions_to_txn::AddPartitionsToTxnTopic;
use corelog_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use corelog_wire::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse, ApiKey, EndTxnRequest, EndTxnResponse, InitProducerIdRequest,
    InitProducerIdResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};

use crate::group::{CommittedOffset, MemberIdentity};
use crate::operation::Coordinated;
use crate::producer::Identity;
use crate::{ClientError, Reply, TopicPartition};

/// How the end of a transaction is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// What was written counts.
    Commit,
    /// It does not.
    Abort,
}

/// Which rules a cluster follows: its feature `transaction.version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// Partitions and groups are added before they are written to; the epoch stays (KIP-98).
    Explicit,
    /// Writing adds, and each end of a transaction gives a new epoch (KIP-890).
    Implicit,
}

impl Dialect {
    /// The dialect at a level of the feature.
    pub fn of_transaction_version(level: i16) -> Self {
        if level < 2 { Self::Explicit } else { Self::Implicit }
    }
}

/// Offsets that count once a transaction is committed, and as whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOffsets {
    /// The group, and the member with its generation that has read so far (KIP-447).
    pub member: MemberIdentity,
    /// How far.
    pub offsets: BTreeMap<TopicPartition, CommittedOffset>,
}

/// Something to ask a coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// An id and epoch, which fences and aborts what the predecessor left open. With those of this
    /// producer, the next epoch (KIP-360).
    Init {
        /// How long a transaction may stay open, in milliseconds.
        timeout_ms: i32,
    },
    /// Partitions become part of the transaction.
    AddPartitions(BTreeSet<TopicPartition>),
    /// The offsets of a group become part of the transaction.
    AddGroup(Arc<str>),
    /// Offsets of a group, once the transaction is committed.
    CommitOffsets(GroupOffsets),
    /// The end.
    End(Outcome),
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The transactional id.
    pub id: Arc<str>,
    /// The producer's id and epoch, once it has them.
    pub identity: Option<Identity>,
    /// The rules of the cluster.
    pub dialect: Dialect,
}

/// What a coordinator says: a code for each thing asked about, and perhaps a new identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What was asked about, and what became of it.
    pub results: Vec<(String, ErrorCode)>,
    /// The id and epoch to go on with.
    pub identity: Option<Identity>,
}

/// A question as a message.
#[derive(Debug)]
pub(crate) enum Body {
    Init(InitProducerIdRequest<'static>),
    AddPartitions(AddPartitionsToTxnRequest<'static>),
    AddGroup(AddOffsetsToTxnRequest<'static>),
    CommitOffsets(TxnOffsetCommitRequest<'static>),
    End(EndTxnRequest<'static>),
}

impl Question {
    /// The API that asks.
    pub fn api(&self) -> ApiKey {
        match self {
            Self::Init { .. } => ApiKey::InitProducerId,
            Self::AddPartitions(_) => ApiKey::AddPartitionsToTxn,
            Self::AddGroup(_) => ApiKey::AddOffsetsToTxn,
            Self::CommitOffsets(_) => ApiKey::TxnOffsetCommit,
            Self::End(_) => ApiKey::EndTxn,
        }
    }

    /// Whose coordinator answers.
    pub(super) fn of(&self, id: &Arc<str>) -> Coordinated {
        match self {
            Self::CommitOffsets(of) => Coordinated::Group(of.member.group.as_str().into()),
            Self::Init { .. } | Self::AddPartitions(_) | Self::AddGroup(_) | Self::End(_) => {
                Coordinated::Transactions(Arc::clone(id))
            }
        }
    }

    /// The versions that say what is meant: a version of the other dialect means something else.
    pub(crate) fn versions(&self, dialect: Dialect) -> RangeInclusive<i16> {
        match (self, dialect) {
            // From version 3 on a producer keeps its id when it asks for an epoch (KIP-360).
            (Self::Init { .. }, _) => 3..=i16::MAX,
            // From version 4 on it is what brokers ask each other.
            (Self::AddPartitions(_), _) => 0..=3,
            (Self::AddGroup(_), _) => 0..=i16::MAX,
            // Before version 3 a member cannot say who it is (KIP-447).
            (Self::CommitOffsets(_), Dialect::Explicit) => 3..=4,
            (Self::End(_), Dialect::Explicit) => 0..=4,
            (Self::CommitOffsets(_) | Self::End(_), Dialect::Implicit) => 5..=i16::MAX,
        }
    }

    /// The message.
    pub(crate) fn body(&self, asker: &Asker) -> Body {
        let (producer_id, producer_epoch) =
            asker.identity.map_or((-1, -1), |identity| (identity.id.0, identity.epoch.0));
        let id = || asker.id.as_ref().to_owned().into();
        match self {
            Self::Init { timeout_ms } => Body::Init(InitProducerIdRequest {
                transactional_id: Some(id()),
                transaction_timeout_ms: *timeout_ms,
                producer_id,
                producer_epoch,
                ..InitProducerIdRequest::default()
            }),
            Self::AddPartitions(partitions) => Body::AddPartitions(AddPartitionsToTxnRequest {
                v3_and_below_transactional_id: id(),
                v3_and_below_producer_id: producer_id,
                v3_and_below_producer_epoch: producer_epoch,
                v3_and_below_topics: by_topic(partitions),
                ..AddPartitionsToTxnRequest::default()
            }),
            Self::AddGroup(group) => Body::AddGroup(AddOffsetsToTxnRequest {
                transactional_id: id(),
                producer_id,
                producer_epoch,
                group_id: group.as_ref().to_owned().into(),
            }),
            Self::CommitOffsets(GroupOffsets { member, offsets }) => {
                Body::CommitOffsets(TxnOffsetCommitRequest {
                    transactional_id: id(),
                    group_id: member.group.clone().into(),
                    producer_id,
                    producer_epoch,
                    generation_id_or_member_epoch: member.epoch,
                    member_id: member.member_id.clone().into(),
                    group_instance_id: member.instance_id.clone().map(Into::into),
                    topics: offsets_by_topic(offsets),
                })
            }
            Self::End(outcome) => Body::End(EndTxnRequest {
                transactional_id: id(),
                producer_id,
                producer_epoch,
                committed: *outcome == Outcome::Commit,
            }),
        }
    }

    /// Reads the reply; one that says nothing about a thing asked about is an error.
    pub(crate) fn read(&self, asker: &Asker, reply: &Reply) -> Result<Answer, ClientError> {
        let one = |code, identity| {
            let results = vec![(format!("transactional id {}", asker.id), known(code))];
            Answer { results, identity }
        };
        match self {
            Self::Init { .. } => {
                let response: InitProducerIdResponse = reply.decode()?;
                let found = identity(response.producer_id, response.producer_epoch);
                if response.error_code == 0 && found.is_none() {
                    return Err(reply.lacks("the producer's id"));
                }
                Ok(one(response.error_code, found))
            }
            Self::AddPartitions(partitions) => {
                let response: AddPartitionsToTxnResponse<'_> = reply.decode()?;
                let mut found = BTreeMap::new();
                for topic in &response.results_by_topic_v3_and_below {
                    for part in &topic.results_by_partition {
                        let at = TopicPartition::new(&topic.name, part.partition_index);
                        found.insert(at, part.partition_error_code);
                    }
                }
                for_each(partitions.iter(), &found, reply)
            }
            Self::AddGroup(_) => {
                let response: AddOffsetsToTxnResponse = reply.decode()?;
                Ok(one(response.error_code, None))
            }
            Self::CommitOffsets(GroupOffsets { offsets, .. }) => {
                let response: TxnOffsetCommitResponse<'_> = reply.decode()?;
                let mut found = BTreeMap::new();
                for topic in &response.topics {
                    for part in &topic.partitions {
                        let at = TopicPartition::new(&topic.name, part.partition_index);
                        found.insert(at, part.error_code);
                    }
                }
                for_each(offsets.keys(), &found, reply)
            }
            Self::End(_) => {
                let response: EndTxnResponse = reply.decode()?;
                let found = identity(response.producer_id, response.producer_epoch);
                if response.error_code == 0 && reply.version() >= 5 && found.is_none() {
                    return Err(reply.lacks("the producer's next epoch"));
                }
                Ok(one(response.error_code, found))
            }
        }
    }
}

fn for_each<'p>(
    asked: impl Iterator<Item = &'p TopicPartition>,
    found: &BTreeMap<TopicPartition, i16>,
    reply: &Reply,
) -> Result<Answer, ClientError> {
    let result = |at: &TopicPartition| {
        let code = found.get(at).ok_or_else(|| reply.lacks(at.to_string()))?;
        Ok((at.to_string(), known(*code)))
    };
    Ok(Answer { results: asked.map(result).collect::<Result<_, ClientError>>()?, identity: None })
}

/// A code that is newer than our table is an error all the same.
fn known(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError)
}

fn identity(id: i64, epoch: i16) -> Option<Identity> {
    (id >= 0 && epoch >= 0).then_some(Identity { id: ProducerId(id), epoch: ProducerEpoch(epoch) })
}

fn by_topic(partitions: &BTreeSet<TopicPartition>) -> Vec<AddPartitionsToTxnTopic<'static>> {
    let mut topics: Vec<AddPartitionsToTxnTopic<'static>> = Vec::new();
    // They come in order, so those of a topic are neighbours.
    for at in partitions {
        match topics.last_mut() {
            Some(topic) if *topic.name == *at.topic => topic.partitions.push(at.partition),
            _ => topics.push(AddPartitionsToTxnTopic {
                name: at.topic.as_ref().to_owned().into(),
                partitions: vec![at.partition],
            }),
        }
    }
    topics
}

fn offsets_by_topic(
    offsets: &BTreeMap<TopicPartition, CommittedOffset>,
) -> Vec<TxnOffsetCommitRequestTopic<'static>> {
    let mut topics: Vec<TxnOffsetCommitRequestTopic<'static>> = Vec::new();
    for (at, committed) in offsets {
        let partition = TxnOffsetCommitRequestPartition {
            partition_index: at.partition,
            committed_offset: committed.offset.0,
            committed_leader_epoch: committed.leader_epoch.map_or(-1, |epoch| epoch.0),
            // Kafka's clients write an empty text for none.
            committed_metadata: Some(committed.metadata.clone().unwrap_or_default().into()),
        };
        match topics.last_mut() {
            Some(topic) if *topic.name == *at.topic => topic.partitions.push(partition),
            _ => topics.push(TxnOffsetCommitRequestTopic {
                name: at.topic.as_ref().to_owned().into(),
                partitions: vec![partition],
            }),
        }
    }
    topics
}
