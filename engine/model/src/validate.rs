//! What a leader checks before it appends a producer's batch. The cheap checks read the header and
//! the CRC; those of single records have to decompress, so they are apart.
//!
//! The rules are Kafka's; see KIP-98 for the format, KIP-32 and KIP-937 for timestamps, KIP-467 for
//! errors of single records.

use thiserror::Error;

use crate::batch::{BatchError, BatchView};
use crate::compression::Codec;
use crate::ids::{ProducerEpoch, ProducerId, Sequence};
use crate::offset::Offset;
use crate::record::{Record, RecordError, RecordIter, RecordsError};
use crate::time::{Timestamp, TimestampType};
use crate::topic_config::TopicConfig;

/// What the topic, the clock and the protocol version allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProduceLimits {
    /// The topic's `max.message.bytes`.
    pub message_bytes_max: usize,
    /// The topic's `segment.bytes`.
    pub segment_bytes: usize,
    /// The newest codec the request's version may use: zstd needs Produce 7 (KIP-110).
    pub newest_codec: Codec,
    /// Who made it.
    pub origin: Origin,
}

/// Who made a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// A client: a producer with an id numbers its records.
    #[default]
    Client,
    /// A coordinator of this broker: what it makes for a producer has no numbers.
    Coordinator,
}

impl ProduceLimits {
    /// The limits of a topic.
    pub fn of(config: &TopicConfig, newest_codec: Codec) -> ProduceLimits {
        ProduceLimits {
            message_bytes_max: config.max_message_bytes as usize,
            segment_bytes: config.segment_bytes as usize,
            newest_codec,
            origin: Origin::Client,
        }
    }
}

/// Which timestamps of a producer are accepted (KIP-937).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampWindow {
    /// All: the topic is LogAppendTime, so the leader replaces them.
    Any,
    /// Those of a CreateTime topic that lie between these two, ends included, and
    /// [`Timestamp::NONE`].
    Between {
        /// Now minus the topic's `message.timestamp.before.max.ms`.
        earliest: Timestamp,
        /// Now plus the topic's `message.timestamp.after.max.ms`.
        latest: Timestamp,
    },
}

impl TimestampWindow {
    /// The window of a topic at the leader's time `now`.
    pub fn of(config: &TopicConfig, now: Timestamp) -> TimestampWindow {
        match config.timestamp_type {
            TimestampType::LogAppendTime => TimestampWindow::Any,
            TimestampType::CreateTime => TimestampWindow::Between {
                earliest: now + -config.timestamp_before_max_ms,
                latest: now + config.timestamp_after_max_ms,
            },
        }
    }

    /// Whether a record may have this timestamp.
    pub fn contains(&self, timestamp: Timestamp) -> bool {
        match self {
            TimestampWindow::Any => true,
            TimestampWindow::Between { earliest, latest } => {
                timestamp.is_none() || (*earliest <= timestamp && timestamp <= *latest)
            }
        }
    }
}

/// Why a producer's batch is refused. Each says the code it is meant to become on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProduceRefusal {
    /// No bytes: `INVALID_RECORD`.
    #[error("there is no batch for the partition")]
    NoBatch,
    /// Bytes behind the batch: `INVALID_RECORD`.
    #[error("there is more than one batch for the partition: {extra_bytes} bytes follow the first")]
    MoreThanOneBatch {
        /// How many bytes follow the first batch.
        extra_bytes: usize,
    },
    /// The bytes are no whole batch of magic 2. `INVALID_RECORD` for a wrong magic or too few
    /// bytes, `CORRUPT_MESSAGE` for all else.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// `MESSAGE_TOO_LARGE`.
    #[error("the batch has {bytes} bytes, max.message.bytes is {max}")]
    TooLarge {
        /// The size of the batch.
        bytes: usize,
        /// The topic's limit.
        max: usize,
    },
    /// `RECORD_LIST_TOO_LARGE`.
    #[error("the batch has {bytes} bytes, segment.bytes is {segment_bytes}")]
    LargerThanSegment {
        /// The size of the batch.
        bytes: usize,
        /// The topic's limit.
        segment_bytes: usize,
    },
    /// `INVALID_RECORD`.
    #[error("the base offset of a producer's batch is 0, not {base_offset}")]
    BaseOffset {
        /// What was found.
        base_offset: Offset,
    },
    /// `INVALID_RECORD`.
    #[error("a batch of {count} records cannot have the last offset delta {last_offset_delta}")]
    RecordCount {
        /// How many records the header states.
        count: i32,
        /// The last offset the header states.
        last_offset_delta: i32,
    },
    /// `INVALID_RECORD`.
    #[error("producers do not write control batches")]
    Control,
    /// `INVALID_RECORD`.
    #[error("producers do not set a delete horizon")]
    DeleteHorizon,
    /// `INVALID_RECORD`.
    #[error("producer {producer_id} wrote epoch {epoch} and sequence {sequence}, both at least 0")]
    Sequence {
        /// The producer of the batch.
        producer_id: ProducerId,
        /// Its epoch.
        epoch: ProducerEpoch,
        /// The sequence of the first record.
        sequence: Sequence,
    },
    /// `INVALID_RECORD`.
    #[error("a transactional batch needs a producer id")]
    TransactionalWithoutProducer,
    /// `INVALID_RECORD`.
    #[error("the attributes {attributes:#06x} name no codec")]
    UnknownCodec {
        /// The attributes of the batch.
        attributes: i16,
    },
    /// `UNSUPPORTED_COMPRESSION_TYPE`.
    #[error("this version of Produce does not allow {codec}")]
    UnsupportedCodec {
        /// The codec of the batch.
        codec: Codec,
    },
    /// `INVALID_TIMESTAMP`.
    #[error("producers do not write batches of LogAppendTime")]
    LogAppendTime,
}

/// Checks the bytes a producer wants to append to one partition, as far as header and CRC tell.
///
/// Neither timestamps nor records are checked, which is what
/// [`Conversion`](crate::conversion::Conversion) is for.
pub fn validate_produced<'a>(
    bytes: &'a [u8],
    limits: &ProduceLimits,
) -> Result<BatchView<'a>, ProduceRefusal> {
    if bytes.is_empty() {
        return Err(ProduceRefusal::NoBatch);
    }
    let (batch, rest) = BatchView::parse(bytes)?;
    if !rest.is_empty() {
        return Err(ProduceRefusal::MoreThanOneBatch { extra_bytes: rest.len() });
    }
    check_size(&batch, limits)?;
    // Before the fields it covers, so that damage is not taken for a faulty producer.
    batch.verify_crc()?;
    check_offsets(&batch)?;
    check_producer(&batch, limits.origin)?;
    check_codec(&batch, limits.newest_codec)?;
    if batch.timestamp_type() == TimestampType::LogAppendTime {
        return Err(ProduceRefusal::LogAppendTime);
    }
    Ok(batch)
}

/// Checks the size of a batch: as it came, and once more if it is written anew.
pub fn check_size(batch: &BatchView<'_>, limits: &ProduceLimits) -> Result<(), ProduceRefusal> {
    let (bytes, max) = (batch.len(), limits.message_bytes_max);
    if bytes > max {
        return Err(ProduceRefusal::TooLarge { bytes, max });
    }
    let segment_bytes = limits.segment_bytes;
    if bytes > segment_bytes {
        return Err(ProduceRefusal::LargerThanSegment { bytes, segment_bytes });
    }
    Ok(())
}

fn check_offsets(batch: &BatchView<'_>) -> Result<(), ProduceRefusal> {
    let base_offset = batch.base_offset();
    if base_offset != Offset::ZERO {
        return Err(ProduceRefusal::BaseOffset { base_offset });
    }
    let (count, last_offset_delta) = (batch.record_count(), batch.last_offset_delta());
    if count < 1 || last_offset_delta != count - 1 {
        return Err(ProduceRefusal::RecordCount { count, last_offset_delta });
    }
    if batch.is_control() {
        return Err(ProduceRefusal::Control);
    }
    if batch.has_delete_horizon() {
        return Err(ProduceRefusal::DeleteHorizon);
    }
    Ok(())
}

fn check_producer(batch: &BatchView<'_>, origin: Origin) -> Result<(), ProduceRefusal> {
    let producer_id = batch.producer_id();
    if producer_id.is_none() {
        return if batch.is_transactional() {
            Err(ProduceRefusal::TransactionalWithoutProducer)
        } else {
            Ok(())
        };
    }
    let (epoch, sequence) = (batch.producer_epoch(), batch.base_sequence());
    let has_sequence = match origin {
        Origin::Client => sequence >= Sequence(0),
        Origin::Coordinator => sequence == Sequence::NONE,
    };
    if epoch < ProducerEpoch(0) || !has_sequence {
        return Err(ProduceRefusal::Sequence { producer_id, epoch, sequence });
    }
    Ok(())
}

fn check_codec(batch: &BatchView<'_>, newest_codec: Codec) -> Result<(), ProduceRefusal> {
    match batch.codec() {
        None => Err(ProduceRefusal::UnknownCodec { attributes: batch.attributes() }),
        Some(codec) if codec > newest_codec => Err(ProduceRefusal::UnsupportedCodec { codec }),
        Some(_) => Ok(()),
    }
}

/// What single records must be, beyond being readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRules {
    /// Whether records may lack a key.
    pub keys: KeyRule,
    /// Which timestamps are accepted.
    pub timestamps: TimestampWindow,
}

impl RecordRules {
    /// The rules of a topic at the leader's time `now`.
    pub fn of(config: &TopicConfig, now: Timestamp) -> RecordRules {
        let is_compacted = config.cleanup_policy.compact;
        RecordRules {
            keys: if is_compacted { KeyRule::Required } else { KeyRule::Optional },
            timestamps: TimestampWindow::of(config, now),
        }
    }

    fn check(&self, record: &Record<'_>) -> Result<(), RecordFault> {
        if self.keys == KeyRule::Required && record.key.is_none() {
            return Err(RecordFault::NoKey);
        }
        let timestamp = record.timestamp;
        match self.timestamps {
            TimestampWindow::Between { earliest, latest }
                if !self.timestamps.contains(timestamp) =>
            {
                Err(RecordFault::Timestamp { timestamp, earliest, latest })
            }
            TimestampWindow::Any | TimestampWindow::Between { .. } => Ok(()),
        }
    }
}

/// Whether records may lack a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRule {
    /// They may.
    Optional,
    /// They may not: the topic is compacted.
    Required,
}

/// What is wrong with one record (KIP-467).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordFault {
    /// `INVALID_RECORD`.
    #[error("Compacted topic cannot accept message without key")]
    NoKey,
    /// `INVALID_TIMESTAMP`.
    #[error("the timestamp {timestamp} lies outside {earliest} to {latest}")]
    Timestamp {
        /// What was found.
        timestamp: Timestamp,
        /// The earliest that is accepted.
        earliest: Timestamp,
        /// The latest that is accepted.
        latest: Timestamp,
    },
}

/// The records of a batch that break a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFaults {
    /// The first ones, by their numbers in the batch, counted from 0.
    pub first: Vec<(i32, RecordFault)>,
    /// How many there are.
    pub count: usize,
    /// Whether the timestamp of any is wrong, which gives the batch its code.
    pub has_timestamp: bool,
}

impl RecordFaults {
    /// So many are listed. Kafka lists all; a batch has room for millions.
    pub const LISTED_MAX: usize = 100;

    fn add(&mut self, number: i32, fault: RecordFault) {
        self.count += 1;
        self.has_timestamp |= matches!(fault, RecordFault::Timestamp { .. });
        if self.first.len() < RecordFaults::LISTED_MAX {
            self.first.push((number, fault));
        }
    }
}

/// Why the records of a batch are refused. The whole batch is, if one of its records is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordsRefusal {
    /// These records: `INVALID_TIMESTAMP` if that is the fault of any, else `INVALID_RECORD`.
    #[error("{} records of the batch are refused{}", .0.count, first_fault(&.0.first))]
    Records(RecordFaults),
    /// The records cannot be read: `CORRUPT_MESSAGE`, or `INVALID_RECORD` for an unknown codec.
    #[error(transparent)]
    Batch(#[from] RecordsError),
    /// One record cannot be read: `INVALID_RECORD`.
    #[error(transparent)]
    Record(#[from] RecordError),
}

fn first_fault(faults: &[(i32, RecordFault)]) -> String {
    faults.first().map(|(number, fault)| format!(", record {number}: {fault}")).unwrap_or_default()
}

/// What the records of an accepted batch turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordsSummary {
    /// The largest timestamp of a record.
    pub max_timestamp: Timestamp,
    /// Whether the offset deltas are 0, 1, 2 and so on. If not, the leader writes the batch anew.
    pub offsets: InnerOffsets,
}

/// How the records of a batch are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InnerOffsets {
    /// 0, 1, 2 and so on.
    Consecutive,
    /// Otherwise; the batch has to be rebuilt.
    Wrong,
}

/// Reads every record of the batch and checks it. Decompresses into `scratch`, up to `cap_bytes`.
pub fn check_records(
    batch: &BatchView<'_>,
    rules: &RecordRules,
    scratch: &mut Vec<u8>,
    cap_bytes: usize,
) -> Result<RecordsSummary, RecordsRefusal> {
    check_each(batch.records(scratch, cap_bytes)?, rules)
}

/// Checks the records of a batch.
pub(crate) fn check_each(
    records: RecordIter<'_>,
    rules: &RecordRules,
) -> Result<RecordsSummary, RecordsRefusal> {
    let mut faults = RecordFaults::default();
    let mut max_timestamp = Timestamp::NONE;
    let mut offsets = InnerOffsets::Consecutive;
    for (number, record) in (0..).zip(records) {
        let record = record?;
        max_timestamp = max_timestamp.max(record.timestamp);
        if record.offset_delta != number {
            offsets = InnerOffsets::Wrong;
        }
        if let Err(fault) = rules.check(&record) {
            faults.add(number, fault);
        }
    }
    if faults.count == 0 {
        Ok(RecordsSummary { max_timestamp, offsets })
    } else {
        Err(RecordsRefusal::Records(faults))
    }
}

/// Checks that every record of the batch has a key, as a compacted topic demands.
pub fn require_keys(
    batch: &BatchView<'_>,
    scratch: &mut Vec<u8>,
    cap_bytes: usize,
) -> Result<RecordsSummary, RecordsRefusal> {
    let rules = RecordRules { keys: KeyRule::Required, timestamps: TimestampWindow::Any };
    check_records(batch, &rules, scratch, cap_bytes)
}
