//! The map from errors of partitions and logs to error codes of the Kafka protocol; the other half
//! of `error`.

use corelog_log::producers::SequenceRefusal;
use corelog_log::{AppendError, ReadError};
use corelog_model::ErrorCode;
use corelog_shard::{FetchError, PartitionRefusal, ProduceError};

use crate::error::KafkaError;

/// A partition this core does not answer for; `by_id` when the request names topics by id.
pub(crate) fn of_partition(refusal: PartitionRefusal, by_id: bool) -> ErrorCode {
    match refusal {
        PartitionRefusal::Unknown if by_id => ErrorCode::UnknownTopicId,
        PartitionRefusal::Unknown => ErrorCode::UnknownTopicOrPartition,
        PartitionRefusal::NotLeader { .. } => ErrorCode::NotLeaderOrFollower,
        PartitionRefusal::Fenced { .. } => ErrorCode::FencedLeaderEpoch,
        PartitionRefusal::UnknownEpoch { .. } => ErrorCode::UnknownLeaderEpoch,
    }
}

/// A batch that was not appended or not acknowledged.
pub(crate) fn of_produce(error: &ProduceError) -> ErrorCode {
    match error {
        ProduceError::Refused(refusal) => refusal.error_code(),
        ProduceError::Records(refusal) => refusal.error_code(),
        ProduceError::Append(error) => of_append(error),
        ProduceError::DiskFull { .. } => ErrorCode::KafkaStorageError,
    }
}

/// A batch that the log did not take.
pub(crate) fn of_append(error: &AppendError) -> ErrorCode {
    match error {
        AppendError::Sequence(SequenceRefusal::Fenced { .. }) => ErrorCode::InvalidProducerEpoch,
        AppendError::Sequence(SequenceRefusal::OutOfOrder { .. }) => {
            ErrorCode::OutOfOrderSequenceNumber
        }
        AppendError::Sequence(SequenceRefusal::TooMany(_)) => ErrorCode::PolicyViolation,
        AppendError::TooLarge { .. } => ErrorCode::RecordListTooLarge,
        AppendError::Journal(_) => ErrorCode::KafkaStorageError,
        AppendError::Gone => ErrorCode::UnknownTopicOrPartition,
    }
}

/// A fetch of one partition that cannot be served.
pub(crate) fn of_fetch(error: &FetchError, by_id: bool) -> ErrorCode {
    match error {
        FetchError::Partition(refusal) => of_partition(*refusal, by_id),
        FetchError::Read(error) => of_read(error),
    }
}

/// A log that cannot be read.
pub(crate) fn of_read(error: &ReadError) -> ErrorCode {
    match error {
        ReadError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        ReadError::Damaged { .. } => ErrorCode::CorruptMessage,
        ReadError::Io(_) => ErrorCode::KafkaStorageError,
    }
}
