//! WriteTxnMarkers: the coordinator of transactions, or an operator who aborts one that hangs
//! (KIP-664), has their ends written into partitions this core leads.

use corelog_log::MarkerError;
use corelog_model::control::{TransactionMarker, TransactionOutcome, TransactionVersion};
use corelog_model::{ErrorCode, PartitionIndex, ProducerEpoch, ProducerId};
use corelog_shard::{GROUPS_TOPIC, Produced, Shard};
use corelog_wire::api::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerPartitionResult, WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult,
};
use corelog_wire::{Text, WriteTxnMarkersRequest, WriteTxnMarkersResponse};

use crate::error::{KafkaError, NamedBy, partition_code};

struct Topic {
    name: String,
    partitions: Vec<(i32, Result<Written, ErrorCode>)>,
}

/// A marker that is in its log.
enum Written {
    Appended(Produced),
    /// It is durable, and the coordinator of the groups of the partition knows.
    OfGroups,
}

/// A request whose markers are in their logs but perhaps not durable yet.
pub(crate) struct Markers {
    markers: Vec<(i64, Vec<Topic>)>,
}

impl Markers {
    /// Appends all markers, in their order. Waits only while the core is short of room.
    pub(crate) async fn begin(shard: &Shard, request: &WriteTxnMarkersRequest<'_>) -> Self {
        let mut markers = Vec::with_capacity(request.markers.len());
        for marker in &request.markers {
            let mut topics = Vec::with_capacity(marker.topics.len());
            for topic in &marker.topics {
                let mut partitions = Vec::with_capacity(topic.partition_indexes.len());
                for index in &topic.partition_indexes {
                    partitions.push((*index, write(shard, marker, &topic.name, *index).await));
                }
                topics.push(Topic { name: topic.name.clone().into_owned(), partitions });
            }
            markers.push((marker.producer_id, topics));
        }
        Self { markers }
    }

    /// A request of which nothing is written.
    pub(crate) fn refused(request: &WriteTxnMarkersRequest<'_>, code: ErrorCode) -> Self {
        let markers = request.markers.iter().map(|marker| {
            let topics = marker.topics.iter().map(|topic| Topic {
                name: topic.name.clone().into_owned(),
                partitions: topic.partition_indexes.iter().map(|it| (*it, Err(code))).collect(),
            });
            (marker.producer_id, topics.collect())
        });
        Self { markers: markers.collect() }
    }

    /// Waits until everything is durable and answers.
    pub(crate) async fn answer(self) -> WriteTxnMarkersResponse<'static> {
        let mut markers = Vec::with_capacity(self.markers.len());
        for (producer_id, written) in self.markers {
            let mut topics = Vec::with_capacity(written.len());
            for topic in written {
                let mut partitions = Vec::with_capacity(topic.partitions.len());
                for (partition_index, outcome) in topic.partitions {
                    let code = match outcome {
                        Ok(Written::OfGroups) => ErrorCode::None,
                        Ok(Written::Appended(produced)) => match produced.durable().await {
                            Ok(_) => ErrorCode::None,
                            Err(error) => error.error_code(),
                        },
                        Err(code) => code,
                    };
                    let error_code = code.code();
                    partitions
                        .push(WritableTxnMarkerPartitionResult { partition_index, error_code });
                }
                let name = Text::Owned(topic.name);
                topics.push(WritableTxnMarkerTopicResult { name, partitions });
            }
            markers.push(WritableTxnMarkerResult { producer_id, topics });
        }
        WriteTxnMarkersResponse { markers }
    }
}

async fn write(
    shard: &Shard,
    marker: &WritableTxnMarker<'_>,
    topic: &str,
    index: i32,
) -> Result<Written, ErrorCode> {
    let partition = shard
        .partition_by_name(topic, PartitionIndex(index))
        .map_err(|refusal| partition_code(refusal, NamedBy::Name))?;
    let (producer, end) = end_of(marker).ok_or(ErrorCode::InvalidRequest)?;
    let version = TransactionVersion::from_number(marker.transaction_version);
    if topic == GROUPS_TOPIC {
        let outcome = shard.write_marker_of_groups(&partition, producer, end, version).await;
        return outcome.map(|()| Written::OfGroups).map_err(|error| error.error_code());
    }
    let outcome = shard.write_marker(&partition, producer, end, version).await;
    outcome.map(Written::Appended).map_err(|error: MarkerError| error.error_code())
}

/// Whose transaction ends and how; none if no producer can have these numbers.
fn end_of(
    marker: &WritableTxnMarker<'_>,
) -> Option<((ProducerId, ProducerEpoch), TransactionMarker)> {
    if marker.producer_id < 0 || marker.producer_epoch < 0 {
        return None;
    }
    let outcome = if marker.transaction_result {
        TransactionOutcome::Commit
    } else {
        TransactionOutcome::Abort
    };
    let coordinator_epoch = marker.coordinator_epoch;
    let producer = (ProducerId(marker.producer_id), ProducerEpoch(marker.producer_epoch));
    Some((producer, TransactionMarker { outcome, coordinator_epoch }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(producer_id: i64, producer_epoch: i16) -> WritableTxnMarker<'static> {
        WritableTxnMarker {
            producer_id,
            producer_epoch,
            transaction_result: true,
            coordinator_epoch: 7,
            ..WritableTxnMarker::default()
        }
    }

    #[test]
    fn a_marker_is_about_one_producer() {
        let (producer, end) = end_of(&marker(5, 3)).unwrap();
        assert_eq!(producer, (ProducerId(5), ProducerEpoch(3)));
        let outcome = TransactionOutcome::Commit;
        assert_eq!(end, TransactionMarker { outcome, coordinator_epoch: 7 });
        let aborting = WritableTxnMarker { transaction_result: false, ..marker(5, 3) };
        assert_eq!(end_of(&aborting).unwrap().1.outcome, TransactionOutcome::Abort);
        assert_eq!(end_of(&marker(-1, 3)), None);
        assert_eq!(end_of(&marker(5, -1)), None);
    }
}
