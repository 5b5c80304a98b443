//! ListOffsets, OffsetForLeaderEpoch and DeleteRecords: questions and orders about offsets of
//! partitions this core leads.

use corelog_model::{ErrorCode, LeaderEpoch, Offset, PartitionIndex, Timestamp};
use corelog_shard::{IsolationLevel, OffsetQuery, Partition, PartitionRefusal, Shard};
use corelog_wire::api::delete_records::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use corelog_wire::api::list_offsets::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use corelog_wire::api::offset_for_leader_epoch::{EpochEndOffset, OffsetForLeaderTopicResult};
use corelog_wire::{
    DeleteRecordsRequest, DeleteRecordsResponse, ListOffsetsRequest, ListOffsetsResponse,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, Text,
};

use crate::api::create_topics::is_reserved;
use crate::api::fetch::isolation_of;
use crate::authorize::{Access, table};
use crate::error::{KafkaError, NamedBy, partition_code};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

/// Finds a partition for one who may do with its topic what it wants.
fn find(
    shard: &Shard,
    (topic, index): (&str, i32),
    leader_epoch: i32,
    is_allowed: bool,
) -> Result<Partition, PartitionRefusal> {
    if !is_allowed {
        return Err(PartitionRefusal::Unauthorized);
    }
    let partition = shard.partition_by_name(topic, PartitionIndex(index))?;
    partition.check_epoch(LeaderEpoch(leader_epoch))?;
    Ok(partition)
}

/// Answers ListOffsets.
pub(crate) async fn list_offsets(
    shard: &Shard,
    request: &ListOffsetsRequest<'_>,
    access: Access<'_>,
) -> ListOffsetsResponse<'static> {
    let isolation = isolation_of(request.isolation_level);
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let may = access.may(&table::LIST_OFFSETS, &topic.name);
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for one in &topic.partitions {
            let index = one.partition_index;
            let found = find(shard, (&topic.name, index), one.current_leader_epoch, may);
            partitions.push(match found {
                Ok(partition) => list_one(&partition, index, one.timestamp, isolation).await,
                Err(refusal) => refused(index, partition_code(refusal, NamedBy::Name)),
            });
        }
        let name = Text::Owned(topic.name.clone().into_owned());
        topics.push(ListOffsetsTopicResponse { name, partitions });
    }
    ListOffsetsResponse { throttle_time_ms: 0, topics }
}

fn refused(partition_index: i32, code: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse { partition_index, error_code: code.code(), ..Default::default() }
}

async fn list_one(
    partition: &Partition,
    partition_index: i32,
    timestamp: i64,
    isolation: IsolationLevel,
) -> ListOffsetsPartitionResponse {
    let query = match timestamp {
        LATEST => OffsetQuery::Latest,
        EARLIEST | EARLIEST_LOCAL => OffsetQuery::Earliest,
        MAX_TIMESTAMP => OffsetQuery::MaxTimestamp,
        // Nothing is tiered, and Kafka answers that with no offset and no error.
        LATEST_TIERED => {
            return ListOffsetsPartitionResponse { partition_index, ..Default::default() };
        }
        time if time >= 0 => OffsetQuery::AtTime(Timestamp(time)),
        _ => return refused(partition_index, ErrorCode::InvalidRequest),
    };
    match partition.list_offset(query, isolation).await {
        Ok(found) => ListOffsetsPartitionResponse {
            partition_index,
            timestamp: found.timestamp.0,
            offset: found.offset.0,
            leader_epoch: found.leader_epoch.0,
            ..Default::default()
        },
        Err(failure) => {
            tracing::error!(error = %failure, "an offset cannot be looked up");
            refused(partition_index, failure.0.error_code())
        }
    }
}

/// Answers OffsetForLeaderEpoch (KIP-101, KIP-279).
pub(crate) fn offset_for_leader_epoch(
    shard: &Shard,
    request: &OffsetForLeaderEpochRequest<'_>,
    access: Access<'_>,
) -> OffsetForLeaderEpochResponse<'static> {
    let mut topics = Vec::with_capacity(request.topics.len());
    let may_all = access.may_quietly_on_cluster(&table::EPOCH_END_AS_REPLICA);
    for topic in &request.topics {
        let may = may_all || access.may(&table::EPOCH_END, &topic.topic);
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for one in &topic.partitions {
            let place = (&*topic.topic, one.partition);
            let found = find(shard, place, one.current_leader_epoch, may);
            let base = EpochEndOffset { partition: one.partition, ..Default::default() };
            partitions.push(match found {
                Err(refusal) => {
                    let error_code = partition_code(refusal, NamedBy::Name).code();
                    EpochEndOffset { error_code, ..base }
                }
                Ok(partition) => {
                    let asked = LeaderEpoch(one.leader_epoch);
                    let end = partition.high_watermark();
                    let found = partition.log.epochs().end_of(asked, end);
                    found.map_or(base, |(epoch, end)| EpochEndOffset {
                        partition: one.partition,
                        leader_epoch: epoch.0,
                        end_offset: end.0,
                        error_code: 0,
                    })
                }
            });
        }
        let topic = Text::Owned(topic.topic.clone().into_owned());
        topics.push(OffsetForLeaderTopicResult { topic, partitions });
    }
    OffsetForLeaderEpochResponse { throttle_time_ms: 0, topics }
}

/// Carries out DeleteRecords.
pub(crate) async fn delete_records(
    shard: &Shard,
    request: &DeleteRecordsRequest<'_>,
    access: Access<'_>,
) -> DeleteRecordsResponse<'static> {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let may = access.may(&table::DELETE_RECORDS, &topic.name);
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for one in &topic.partitions {
            let index = one.partition_index;
            let outcome = match find(shard, (&topic.name, index), -1, may) {
                Ok(partition) => delete_before(&partition, one.offset).await,
                Err(refusal) => Err(partition_code(refusal, NamedBy::Name)),
            };
            partitions.push(DeleteRecordsPartitionResult {
                partition_index: index,
                low_watermark: outcome.map_or(-1, |start| start.0),
                error_code: outcome.err().unwrap_or(ErrorCode::None).code(),
            });
        }
        let name = Text::Owned(topic.name.clone().into_owned());
        topics.push(DeleteRecordsTopicResult { name, partitions });
    }
    DeleteRecordsResponse { throttle_time_ms: 0, topics }
}

async fn delete_before(partition: &Partition, offset: i64) -> Result<Offset, ErrorCode> {
    // What coordinators keep is theirs to delete, and what is compacted only stands for the newest.
    if is_reserved(partition.topic.as_str()) {
        return Err(ErrorCode::InvalidTopicException);
    }
    if !partition.config.cleanup_policy.delete {
        return Err(ErrorCode::PolicyViolation);
    }
    let end = partition.high_watermark();
    // -1 stands for the high watermark.
    let offset = if offset == -1 { end } else { Offset(offset) };
    if offset < Offset::ZERO || end < offset {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    partition.log.delete_before(offset).await.map_err(|error| error.error_code())
}
