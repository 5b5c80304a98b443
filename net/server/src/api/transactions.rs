//! InitProducerId with a transactional id, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn and
//! TxnOffsetCommit: what a transactional producer says.

use std::collections::BTreeSet;

use corelog_cluster::ClusterImage;
use corelog_coordinator::RequestId;
use corelog_coordinator::offsets::TopicPartition;
use corelog_coordinator::transactions::{EndTransaction, Producer};
use corelog_model::control::{TransactionOutcome, TransactionVersion};
use corelog_model::{ErrorCode, PartitionIndex, ProducerEpoch, ProducerId, TopicName};
use corelog_wire::api::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult,
};
use corelog_wire::api::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use corelog_wire::api::txn_offset_commit::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use corelog_wire::{
    EndTxnRequest, EndTxnResponse, OffsetCommitRequest, OffsetCommitResponse, Text,
    TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};

use crate::authorize::{Access, table};

/// The first version of EndTxn whose producers get another epoch with each transaction.
const BUMPING_END_FROM: i16 = 5;

/// A code as versions before `first` know it.
pub fn fenced_before(code: ErrorCode, version: i16, first: i16) -> ErrorCode {
    match code {
        ErrorCode::ProducerFenced if version < first => ErrorCode::InvalidProducerEpoch,
        code => code,
    }
}

/// The partitions of a request, each with the code that it is refused with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    topics: Vec<(String, Vec<i32>)>,
    /// Those that exist.
    pub partitions: Vec<TopicPartition>,
    /// Whether some do not.
    has_unknown: bool,
    /// Topics that the client may not write to.
    unauthorized: BTreeSet<String>,
}

impl Wanted {
    /// Looks for the partitions.
    pub fn of(
        topics: &[AddPartitionsToTxnTopic<'_>],
        image: &ClusterImage,
        access: Access<'_>,
    ) -> Self {
        let mut partitions = Vec::new();
        let mut has_unknown = false;
        let mut unauthorized = BTreeSet::new();
        for topic in topics {
            if !access.may(&table::ADD_PARTITIONS_TOPIC, &topic.name) {
                unauthorized.insert(topic.name.to_string());
                continue;
            }
            let found = image.topic_by_name(&topic.name);
            for index in &topic.partitions {
                match found.filter(|found| found.partition(PartitionIndex(*index)).is_some()) {
                    Some(found) => partitions.push((found.name().clone(), PartitionIndex(*index))),
                    None => has_unknown = true,
                }
            }
        }
        let named = |topic: &AddPartitionsToTxnTopic<'_>| {
            (topic.name.to_string(), topic.partitions.clone())
        };
        let topics = topics.iter().map(named).collect();
        Wanted { topics, partitions, has_unknown, unauthorized }
    }

    /// What is answered without the coordinator, as partitions are added all or none.
    pub fn refused(&self) -> Option<Vec<AddPartitionsToTxnTopicResult<'static>>> {
        let known: BTreeSet<_> = self.partitions.iter().collect();
        let is_refused = self.has_unknown || !self.unauthorized.is_empty();
        is_refused.then(|| {
            self.answer(|partition| match partition {
                Some((topic, _)) if self.unauthorized.contains(topic.as_str()) => {
                    table::ADD_PARTITIONS_TOPIC.refusal()
                }
                Some(partition) if known.contains(&partition) => ErrorCode::OperationNotAttempted,
                _ => ErrorCode::UnknownTopicOrPartition,
            })
        })
    }

    /// The answer, with the code of each partition.
    pub fn answer(
        &self,
        code: impl Fn(Option<TopicPartition>) -> ErrorCode,
    ) -> Vec<AddPartitionsToTxnTopicResult<'static>> {
        let topics = self.topics.iter().map(|(name, indexes)| {
            let topic = TopicName::new(name).ok();
            let results = indexes.iter().map(|index| {
                let partition = topic.clone().map(|topic| (topic, PartitionIndex(*index)));
                AddPartitionsToTxnPartitionResult {
                    partition_index: *index,
                    partition_error_code: code(partition).code(),
                }
            });
            AddPartitionsToTxnTopicResult {
                name: Text::Owned(name.clone()),
                results_by_partition: results.collect(),
            }
        });
        topics.collect()
    }
}

/// A producer as requests name it.
pub fn producer(id: i64, epoch: i16) -> Producer {
    (ProducerId(id), ProducerEpoch(epoch))
}

/// Translates an EndTxn.
pub fn end(request: &EndTxnRequest<'_>, version: i16) -> EndTransaction {
    EndTransaction {
        request: RequestId(0),
        transactional_id: request.transactional_id.to_string(),
        producer: producer(request.producer_id, request.producer_epoch),
        outcome: if request.committed {
            TransactionOutcome::Commit
        } else {
            TransactionOutcome::Abort
        },
        version: if version >= BUMPING_END_FROM {
            TransactionVersion::EpochPerTransaction
        } else {
            TransactionVersion::Classic
        },
    }
}

/// Answers an EndTxn.
pub fn ended(result: Result<Producer, ErrorCode>, version: i16) -> EndTxnResponse {
    match result {
        Ok((id, epoch)) => EndTxnResponse {
            producer_id: id.get(),
            producer_epoch: epoch.get(),
            ..Default::default()
        },
        Err(code) => EndTxnResponse {
            error_code: fenced_before(code, version, 2).code(),
            ..Default::default()
        },
    }
}

/// The commit of offsets that a TxnOffsetCommit is but for its transaction.
pub fn plain_commit<'a>(request: &TxnOffsetCommitRequest<'a>) -> OffsetCommitRequest<'a> {
    let topics = request.topics.iter().map(|topic| OffsetCommitRequestTopic {
        name: topic.name.clone(),
        partitions: topic
            .partitions
            .iter()
            .map(|partition| OffsetCommitRequestPartition {
                partition_index: partition.partition_index,
                committed_offset: partition.committed_offset,
                committed_leader_epoch: partition.committed_leader_epoch,
                committed_metadata: partition.committed_metadata.clone(),
            })
            .collect(),
        ..Default::default()
    });
    OffsetCommitRequest {
        group_id: request.group_id.clone(),
        generation_id_or_member_epoch: request.generation_id_or_member_epoch,
        member_id: request.member_id.clone(),
        group_instance_id: request.group_instance_id.clone(),
        retention_time_ms: -1,
        topics: topics.collect(),
    }
}

/// The answer to a TxnOffsetCommit, which is that to the commit.
pub fn committed(response: OffsetCommitResponse<'static>) -> TxnOffsetCommitResponse<'static> {
    let topics = response.topics.into_iter().map(|topic| TxnOffsetCommitResponseTopic {
        name: topic.name,
        partitions: topic
            .partitions
            .into_iter()
            .map(|partition| TxnOffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                error_code: partition.error_code,
            })
            .collect(),
    });
    TxnOffsetCommitResponse { topics: topics.collect(), ..Default::default() }
}

/// What one who commits offsets is told when the coordinator of its transaction refuses.
pub fn told_committer(code: ErrorCode, version: i16) -> ErrorCode {
    match code {
        ErrorCode::TransactionAbortable if version < 4 => ErrorCode::InvalidTxnState,
        ErrorCode::ConcurrentTransactions if version >= 5 => code,
        ErrorCode::ConcurrentTransactions
        | ErrorCode::CoordinatorNotAvailable
        | ErrorCode::NotCoordinator
        | ErrorCode::RequestTimedOut => ErrorCode::CoordinatorLoadInProgress,
        code => code,
    }
}
