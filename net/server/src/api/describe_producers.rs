//! DescribeProducers: what partitions know of their producers, above all whose transactions are
//! open (KIP-664).

use corelog_log::producers;
use corelog_model::{Offset, PartitionIndex, ProducerId};
use corelog_shard::{PartitionRefusal, Shard};
use corelog_wire::api::describe_producers::{PartitionResponse, ProducerState, TopicResponse};
use corelog_wire::{DescribeProducersRequest, DescribeProducersResponse, Text};

use crate::authorize::{Access, table};
use crate::error::{NamedBy, partition_code};

/// Answers DescribeProducers.
pub(crate) fn describe_producers(
    shard: &Shard,
    request: &DescribeProducersRequest<'_>,
    access: Access<'_>,
) -> DescribeProducersResponse<'static> {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let may = access.may(&table::DESCRIBE_PRODUCERS, &topic.name);
        let describe = |index: &i32| {
            let found = if may {
                shard.partition_by_name(&topic.name, PartitionIndex(*index))
            } else {
                Err(PartitionRefusal::Unauthorized)
            };
            respond(*index, found.map(|partition| partition.log.producers()))
        };
        let partitions = topic.partition_indexes.iter().map(describe).collect();
        let name = Text::Owned(topic.name.clone().into_owned());
        topics.push(TopicResponse { name, partitions });
    }
    DescribeProducersResponse { throttle_time_ms: 0, topics }
}

type Known = Vec<(ProducerId, producers::ProducerState)>;

fn respond(
    partition_index: i32,
    found: Result<Known, PartitionRefusal>,
) -> PartitionResponse<'static> {
    match found {
        Ok(known) => PartitionResponse {
            partition_index,
            error_code: 0,
            error_message: None,
            active_producers: known.iter().map(of_producer).collect(),
        },
        Err(refusal) => PartitionResponse {
            partition_index,
            error_code: partition_code(refusal, NamedBy::Name).code(),
            error_message: Some(Text::Owned(refusal.to_string())),
            active_producers: Vec::new(),
        },
    }
}

fn of_producer((producer, state): &(ProducerId, producers::ProducerState)) -> ProducerState {
    ProducerState {
        producer_id: producer.0,
        producer_epoch: i32::from(state.epoch.0),
        last_sequence: state.batches.back().map_or(-1, |last| last.last_sequence.0),
        last_timestamp: state.last_append.0,
        coordinator_epoch: state.coordinator_epoch,
        current_txn_start_offset: state.open_since.unwrap_or(Offset::NONE).0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use corelog_log::producers::{NO_COORDINATOR_EPOCH, ProducedBatch};
    use corelog_model::{ErrorCode, ProducerEpoch, Sequence, Timestamp};

    #[test]
    fn a_producer_is_described_with_what_it_has_open() {
        let batch = ProducedBatch {
            first_sequence: Sequence(3),
            last_sequence: Sequence(9),
            base_offset: Offset(70),
            last_offset: Offset(76),
            timestamp: Timestamp(12),
        };
        let open = producers::ProducerState {
            epoch: ProducerEpoch(2),
            batches: [batch].into(),
            last_append: Timestamp(99),
            open_since: Some(Offset(70)),
            coordinator_epoch: 6,
        };
        let new = producers::ProducerState {
            batches: [].into(),
            open_since: None,
            coordinator_epoch: NO_COORDINATOR_EPOCH,
            ..open.clone()
        };
        let response = respond(4, Ok(vec![(ProducerId(5), open), (ProducerId(6), new)]));
        let of = |producer_id, last_sequence, coordinator_epoch, current_txn_start_offset| {
            ProducerState {
                producer_id,
                producer_epoch: 2,
                last_sequence,
                last_timestamp: 99,
                coordinator_epoch,
                current_txn_start_offset,
            }
        };
        assert_eq!((response.partition_index, response.error_code), (4, 0));
        assert_eq!(response.active_producers, [of(5, 9, 6, 70), of(6, -1, -1, -1)]);
        let unknown = respond(4, Err(PartitionRefusal::Unknown));
        assert_eq!(unknown.error_code, ErrorCode::UnknownTopicOrPartition.code());
        assert!(unknown.error_message.is_some() && unknown.active_producers.is_empty());
    }
}
