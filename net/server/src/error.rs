//! The one map from errors of the engine to error codes of the Kafka protocol. An error that a
//! client may meet has its code here and nowhere else; its message is what it displays.

use std::fmt;

use corelog_cluster::controller::ControllerError;
use corelog_cluster::decide::client_quotas::AlterQuotaError;
use corelog_cluster::decide::configs::AlterConfigError;
use corelog_cluster::decide::create_partitions::CreatePartitionsError;
use corelog_cluster::decide::create_topics::CreateTopicError;
use corelog_cluster::decide::delegation_tokens::TokenError;
use corelog_cluster::decide::delete_topics::DeleteTopicError;
use corelog_cluster::decide::producer_ids::ProducerIdsError;
use corelog_cluster::decide::reassign_partitions::ReassignPartitionError;
use corelog_log::producers::{MarkerRefusal, SequenceRefusal};
use corelog_log::{AppendError, MarkerError, ReadError};
use corelog_model::record::RecordsError;
use corelog_model::topic_config::ConfigError;
use corelog_model::validate::RecordsRefusal;
use corelog_model::{
    BatchError, CodecError, ErrorCode, ProduceRefusal, RecordError, TopicNameError,
};
use corelog_shard::{
    CoordinatorRefusal, FetchError, MarkerFailure, PartitionRefusal, ProduceError, ProducerIdError,
};
use corelog_wire::Text;

use crate::authorize::table::Right;

/// The longest text that fits a string of the protocol, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = i16::MAX as usize;

/// The longest error message sent, in bytes. Messages repeat what the client wrote, which may be
/// as long as the protocol allows, and escaped even longer.
const MESSAGE_BYTES_MAX: usize = 1000;

/// An error with a place in the Kafka protocol.
pub(crate) trait KafkaError: fmt::Display {
    /// Its error code.
    fn error_code(&self) -> ErrorCode;

    /// Its error code and what it says.
    fn failure(&self) -> Failure {
        Failure::new(self.error_code(), self.to_string())
    }
}

/// Why a request, or one item of it, fails: an error code, and a message that fits a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

impl Failure {
    /// A failure with this message, cut where it is too long for a response.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Failure {
        assert!(!code.is_none(), "a failure has an error code");
        Failure { code, message: cut(message.into(), MESSAGE_BYTES_MAX) }
    }
}

/// The failure of who has not this right.
pub(crate) fn unauthorized(right: &Right) -> Failure {
    let Right { operation, resource, .. } = right;
    Failure::new(right.refusal(), format!("this needs the right to {operation} the {resource}"))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl KafkaError for CoordinatorRefusal {
    fn error_code(&self) -> ErrorCode {
        match self {
            CoordinatorRefusal::NotAvailable => ErrorCode::CoordinatorNotAvailable,
            CoordinatorRefusal::Elsewhere { .. } => ErrorCode::NotCoordinator,
        }
    }
}

impl KafkaError for Failure {
    fn error_code(&self) -> ErrorCode {
        self.code
    }
}

/// The error code and message of a result, as most responses have them.
pub(crate) fn code_and_message<'a, T>(result: &Result<T, Failure>) -> (i16, Option<Text<'a>>) {
    match result {
        Ok(_) => (ErrorCode::None.code(), None),
        Err(failure) => (failure.code.code(), Some(failure.message.clone().into())),
    }
}

/// The text, if it is too long cut at a character and marked with dots.
pub(crate) fn cut(mut text: String, bytes_max: usize) -> String {
    const MARK: &str = "...";
    if text.len() > bytes_max {
        let fits = |end: &usize| text.is_char_boundary(*end);
        let end = (0..=bytes_max - MARK.len()).rev().find(fits).unwrap_or(0);
        text.truncate(end);
        text.push_str(MARK);
    }
    text
}

/// Errors of the cluster say themselves what they are in the protocol.
macro_rules! cluster_errors {
    ($($error:ty)*) => { $(
        impl KafkaError for $error {
            fn error_code(&self) -> ErrorCode {
                self.code()
            }
        }
    )* };
}

cluster_errors! {
    AlterConfigError
    AlterQuotaError
    ControllerError
    CreatePartitionsError
    CreateTopicError
    DeleteTopicError
    ProducerIdsError
    ReassignPartitionError
    TokenError
}

impl KafkaError for TopicNameError {
    fn error_code(&self) -> ErrorCode {
        match self {
            TopicNameError::Empty
            | TopicNameError::Dots
            | TopicNameError::TooLong { .. }
            | TopicNameError::Character { .. } => ErrorCode::InvalidTopicException,
        }
    }
}

impl KafkaError for ConfigError {
    fn error_code(&self) -> ErrorCode {
        match self {
            ConfigError::Unknown { .. }
            | ConfigError::Value { .. }
            | ConfigError::Conflict { .. } => ErrorCode::InvalidConfig,
        }
    }
}

impl KafkaError for BatchError {
    fn error_code(&self) -> ErrorCode {
        match self {
            BatchError::HeaderTruncated { .. }
            | BatchError::Magic { .. }
            | BatchError::Truncated { .. } => ErrorCode::InvalidRecord,
            BatchError::Length { .. }
            | BatchError::Offsets { .. }
            | BatchError::RecordCount { .. }
            | BatchError::Crc { .. } => ErrorCode::CorruptMessage,
        }
    }
}

impl KafkaError for ProduceRefusal {
    fn error_code(&self) -> ErrorCode {
        match self {
            ProduceRefusal::Batch(error) => error.error_code(),
            ProduceRefusal::TooLarge { .. } => ErrorCode::MessageTooLarge,
            ProduceRefusal::LargerThanSegment { .. } => ErrorCode::RecordListTooLarge,
            ProduceRefusal::UnsupportedCodec { .. } => ErrorCode::UnsupportedCompressionType,
            ProduceRefusal::LogAppendTime => ErrorCode::InvalidTimestamp,
            ProduceRefusal::NoBatch
            | ProduceRefusal::MoreThanOneBatch { .. }
            | ProduceRefusal::BaseOffset { .. }
            | ProduceRefusal::RecordCount { .. }
            | ProduceRefusal::Control
            | ProduceRefusal::DeleteHorizon
            | ProduceRefusal::Sequence { .. }
            | ProduceRefusal::TransactionalWithoutProducer
            | ProduceRefusal::UnknownCodec { .. } => ErrorCode::InvalidRecord,
        }
    }
}

impl KafkaError for RecordsRefusal {
    fn error_code(&self) -> ErrorCode {
        match self {
            // The batch has one code for all of its records (KIP-467).
            RecordsRefusal::Records(faults) if faults.has_timestamp => ErrorCode::InvalidTimestamp,
            RecordsRefusal::Records(_) => ErrorCode::InvalidRecord,
            RecordsRefusal::Batch(error) => error.error_code(),
            RecordsRefusal::Record(error) => error.error_code(),
        }
    }
}

impl KafkaError for RecordsError {
    fn error_code(&self) -> ErrorCode {
        match self {
            RecordsError::UnknownCodec { .. } => ErrorCode::InvalidRecord,
            RecordsError::Codec(error) => error.error_code(),
        }
    }
}

impl KafkaError for CodecError {
    fn error_code(&self) -> ErrorCode {
        match self {
            // A producer then sends less in a batch, which no other code makes it do.
            CodecError::TooLarge { .. } => ErrorCode::MessageTooLarge,
            CodecError::Malformed(_) => ErrorCode::CorruptMessage,
            CodecError::Compress(_) => ErrorCode::UnknownServerError,
        }
    }
}

impl KafkaError for RecordError {
    fn error_code(&self) -> ErrorCode {
        match self {
            RecordError::Varint { .. }
            | RecordError::Length { .. }
            | RecordError::Part { .. }
            | RecordError::Padding { .. }
            | RecordError::OffsetDelta { .. }
            | RecordError::Trailing { .. } => ErrorCode::InvalidRecord,
        }
    }
}

/// How a request names topics, which decides what an unknown one is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamedBy {
    Name,
    Id,
}

/// A partition this core does not answer for.
pub(crate) fn partition_code(refusal: PartitionRefusal, named_by: NamedBy) -> ErrorCode {
    match (refusal, named_by) {
        (PartitionRefusal::Unknown, NamedBy::Id) => ErrorCode::UnknownTopicId,
        (PartitionRefusal::Unknown, NamedBy::Name) => ErrorCode::UnknownTopicOrPartition,
        (PartitionRefusal::Unauthorized, _) => ErrorCode::TopicAuthorizationFailed,
        (PartitionRefusal::UnknownCodec, _) => ErrorCode::UnsupportedCompressionType,
        (PartitionRefusal::NotLeader { .. }, _) => ErrorCode::NotLeaderOrFollower,
        (PartitionRefusal::Fenced { .. }, _) => ErrorCode::FencedLeaderEpoch,
        (PartitionRefusal::UnknownEpoch { .. }, _) => ErrorCode::UnknownLeaderEpoch,
    }
}

/// A fetch of one partition that cannot be served.
pub(crate) fn fetch_code(error: &FetchError, named_by: NamedBy) -> ErrorCode {
    match error {
        FetchError::Partition(refusal) => partition_code(*refusal, named_by),
        FetchError::Read(error) => error.error_code(),
    }
}

impl KafkaError for ProduceError {
    fn error_code(&self) -> ErrorCode {
        match self {
            ProduceError::Refused(refusal) => refusal.error_code(),
            ProduceError::Records(refusal) => refusal.error_code(),
            ProduceError::Append(error) => error.error_code(),
            ProduceError::DiskFull { .. } => ErrorCode::KafkaStorageError,
        }
    }
}

impl KafkaError for AppendError {
    fn error_code(&self) -> ErrorCode {
        match self {
            AppendError::Sequence(refusal) => refusal.error_code(),
            AppendError::TooLarge { .. } => ErrorCode::RecordListTooLarge,
            AppendError::Journal(_) => ErrorCode::KafkaStorageError,
            AppendError::Gone => ErrorCode::UnknownTopicOrPartition,
            AppendError::Parted => ErrorCode::NotLeaderOrFollower,
        }
    }
}

impl KafkaError for SequenceRefusal {
    fn error_code(&self) -> ErrorCode {
        match self {
            SequenceRefusal::Fenced { .. } => ErrorCode::InvalidProducerEpoch,
            SequenceRefusal::OutOfOrder { .. } => ErrorCode::OutOfOrderSequenceNumber,
            SequenceRefusal::NotInTransaction { .. } | SequenceRefusal::Unverified { .. } => {
                ErrorCode::InvalidTxnState
            }
            SequenceRefusal::TooMany(_) => ErrorCode::PolicyViolation,
        }
    }
}

impl KafkaError for MarkerError {
    fn error_code(&self) -> ErrorCode {
        match self {
            MarkerError::Refused(MarkerRefusal::Fenced { .. }) => ErrorCode::InvalidProducerEpoch,
            MarkerError::Refused(MarkerRefusal::CoordinatorFenced { .. }) => {
                ErrorCode::TransactionCoordinatorFenced
            }
            MarkerError::Append(error) => error.error_code(),
        }
    }
}

impl KafkaError for MarkerFailure {
    fn error_code(&self) -> ErrorCode {
        match self {
            MarkerFailure::Marker(error) => error.error_code(),
            MarkerFailure::Durable(error) => error.error_code(),
            MarkerFailure::NotReady => ErrorCode::CoordinatorLoadInProgress,
        }
    }
}

impl KafkaError for ProducerIdError {
    fn error_code(&self) -> ErrorCode {
        match self {
            // What Kafka says while it waits for a block: all clients try again.
            ProducerIdError::Stopping(_)
            | ProducerIdError::Controller(ControllerError::Busy { .. }) => {
                ErrorCode::CoordinatorLoadInProgress
            }
            ProducerIdError::Controller(
                error @ (ControllerError::TooLarge { .. } | ControllerError::LogFailed),
            ) => error.error_code(),
            ProducerIdError::Ids(error) => error.error_code(),
        }
    }
}

impl KafkaError for ReadError {
    fn error_code(&self) -> ErrorCode {
        match self {
            ReadError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            ReadError::Damaged { .. } => ErrorCode::CorruptMessage,
            ReadError::Io(_) => ErrorCode::KafkaStorageError,
            ReadError::Parted => ErrorCode::NotLeaderOrFollower,
        }
    }
}

#[cfg(test)]
mod tests {
    use corelog_model::validate::RecordFaults;

    use super::*;

    #[test]
    fn a_message_is_cut_at_a_character() {
        assert_eq!(cut("abcdef".into(), 6), "abcdef");
        assert_eq!(cut("abcdefg".into(), 6), "abc...");
        assert_eq!(cut("abödefg".into(), 6), "ab...");
        assert_eq!(cut("ö".repeat(4), 4), "...");
    }

    #[test]
    fn whatever_a_client_wrote_its_error_message_fits_a_response() {
        let name = "\u{1}".repeat(TEXT_BYTES_MAX);
        let failure = DeleteTopicError::UnknownName { name }.failure();
        assert_eq!(failure.code, ErrorCode::UnknownTopicOrPartition);
        assert_eq!(failure.message.len(), MESSAGE_BYTES_MAX);
        assert!(failure.message.ends_with("..."));
    }

    #[test]
    fn damage_and_faulty_producers_have_different_codes() {
        let of_batch = |error| ProduceRefusal::Batch(error).error_code();
        assert_eq!(of_batch(BatchError::Magic { magic: 1 }), ErrorCode::InvalidRecord);
        let truncated = BatchError::Truncated { declared: 70, present: 61 };
        assert_eq!(of_batch(truncated), ErrorCode::InvalidRecord);
        let crc = BatchError::Crc { stored: 1, computed: 2 };
        assert_eq!(of_batch(crc), ErrorCode::CorruptMessage);
        let codec = RecordsError::Codec(CodecError::Malformed("short"));
        assert_eq!(RecordsRefusal::Batch(codec).error_code(), ErrorCode::CorruptMessage);
    }

    #[test]
    fn a_wrong_timestamp_of_any_record_gives_the_batch_its_code() {
        let faults = |has_timestamp| {
            let faults = RecordFaults { has_timestamp, ..RecordFaults::default() };
            RecordsRefusal::Records(faults).error_code()
        };
        assert_eq!(faults(false), ErrorCode::InvalidRecord);
        assert_eq!(faults(true), ErrorCode::InvalidTimestamp);
    }

    #[test]
    fn a_producer_is_told_to_send_less_where_too_much_would_be_decompressed() {
        let too_large = RecordsError::Codec(CodecError::TooLarge { cap_bytes: 5 });
        assert_eq!(RecordsRefusal::Batch(too_large).error_code(), ErrorCode::MessageTooLarge);
    }

    #[test]
    fn an_unknown_topic_is_called_as_the_request_names_it() {
        let unknown = PartitionRefusal::Unknown;
        let error = FetchError::Partition(unknown);
        for (named_by, code) in [
            (NamedBy::Name, ErrorCode::UnknownTopicOrPartition),
            (NamedBy::Id, ErrorCode::UnknownTopicId),
        ] {
            assert_eq!(partition_code(unknown, named_by), code);
            assert_eq!(fetch_code(&error, named_by), code);
        }
    }

    #[test]
    fn a_full_disk_and_a_failed_one_are_storage_errors_that_clients_retry() {
        let full = ProduceError::DiskFull { available: 1, reserve: 2 };
        assert_eq!(full.error_code(), ErrorCode::KafkaStorageError);
        let too_large = AppendError::TooLarge { len: 2, bytes_max: 1 };
        assert_eq!(ProduceError::Append(too_large).error_code(), ErrorCode::RecordListTooLarge);
    }

    #[test]
    fn a_codec_that_the_version_lacks_is_no_invalid_record() {
        let refusal = ProduceRefusal::UnsupportedCodec { codec: corelog_model::Codec::Zstd };
        assert_eq!(refusal.error_code(), ErrorCode::UnsupportedCompressionType);
        let refusal = ProduceRefusal::UnknownCodec { attributes: 7 };
        assert_eq!(refusal.error_code(), ErrorCode::InvalidRecord);
    }
}
