//! Markers of transactions, written into the partitions of this core. Those of groups go through
//! their coordinator, as it has to know which offsets count.

use corelog_coordinator::offsets::TopicPartition;
use corelog_log::producers::MarkerRefusal;
use corelog_log::{AppendError, MarkerError};
use corelog_model::control::{TransactionMarker, TransactionVersion};
use corelog_model::{ErrorCode, ProducerEpoch, ProducerId};

use crate::coordinator::MarkerFailure;
use crate::coordinator::place::GROUPS_TOPIC;
use crate::partition::{Partition, PartitionRefusal};
use crate::peers::{MarkersCall, PeerAnswer};
use crate::produce::{ProduceError, Produced};
use crate::shard::Shard;

/// A marker that is in the log, or on its way there.
enum Writing {
    Appended(Produced),
    /// Its coordinator is told as well.
    OfGroups(Partition),
    Refused(ErrorCode),
}

impl Shard {
    /// Writes the markers of a transaction. When this resolves each of them is durable or refused.
    pub(crate) async fn write_markers(&self, call: MarkersCall) -> PeerAnswer {
        let MarkersCall { producer, marker, version, partitions } = call;
        let mut writing = Vec::with_capacity(partitions.len());
        for partition in &partitions {
            writing.push(self.begin_marker(partition, producer, marker, version).await);
        }
        let mut answer = Vec::with_capacity(partitions.len());
        for (name, writing) in partitions.into_iter().zip(writing) {
            let result = match writing {
                Writing::Appended(produced) => {
                    produced.durable().await.map(drop).map_err(MarkerFailure::from)
                }
                Writing::OfGroups(partition) => {
                    self.write_marker_of_groups(&partition, producer, marker, version).await
                }
                Writing::Refused(code) => {
                    answer.push((name, Err(code)));
                    continue;
                }
            };
            answer.push((name, result.map_err(|error| code_of(&error))));
        }
        answer
    }

    async fn begin_marker(
        &self,
        (topic, index): &TopicPartition,
        producer: (ProducerId, ProducerEpoch),
        marker: TransactionMarker,
        version: TransactionVersion,
    ) -> Writing {
        let partition = match self.partition_by_name(topic.as_str(), *index) {
            Ok(partition) => partition,
            Err(PartitionRefusal::Unknown) => {
                return Writing::Refused(ErrorCode::UnknownTopicOrPartition);
            }
            Err(_) => return Writing::Refused(ErrorCode::NotLeaderOrFollower),
        };
        if topic.as_str() == GROUPS_TOPIC {
            return Writing::OfGroups(partition);
        }
        match self.write_marker(&partition, producer, marker, version).await {
            Ok(appended) => Writing::Appended(appended),
            Err(error) => Writing::Refused(code_of(&MarkerFailure::from(error))),
        }
    }

    /// Has the coordinator of a partition of groups write a marker, and take note of it.
    pub async fn write_marker_of_groups(
        &self,
        partition: &Partition,
        producer: (ProducerId, ProducerEpoch),
        marker: TransactionMarker,
        version: TransactionVersion,
    ) -> Result<(), MarkerFailure> {
        let coordinator = self.coordinators().get(partition.log.id().index);
        let coordinator = coordinator.ok_or(MarkerFailure::NotReady)?;
        coordinator.write_marker(producer, marker, version).await
    }
}

/// What the coordinator of a transaction is told.
fn code_of(error: &MarkerFailure) -> ErrorCode {
    match error {
        MarkerFailure::Marker(MarkerError::Refused(MarkerRefusal::Fenced { .. })) => {
            ErrorCode::InvalidProducerEpoch
        }
        MarkerFailure::Marker(MarkerError::Refused(MarkerRefusal::CoordinatorFenced {
            ..
        })) => ErrorCode::TransactionCoordinatorFenced,
        MarkerFailure::Marker(MarkerError::Append(AppendError::Gone | AppendError::Parted)) => {
            ErrorCode::NotLeaderOrFollower
        }
        MarkerFailure::Durable(ProduceError::Append(AppendError::Gone | AppendError::Parted)) => {
            ErrorCode::NotLeaderOrFollower
        }
        MarkerFailure::Marker(MarkerError::Append(_)) | MarkerFailure::Durable(_) => {
            ErrorCode::KafkaStorageError
        }
        MarkerFailure::NotReady => ErrorCode::CoordinatorLoadInProgress,
    }
}
