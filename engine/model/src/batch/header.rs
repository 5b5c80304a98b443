//! The header of a record batch of magic 2, byte for byte (KIP-98), and what can be wrong with it.

use thiserror::Error;
use zerocopy::byteorder::big_endian::{I16, I32, I64, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::compression::Codec;
use crate::ids::{LeaderEpoch, ProducerEpoch, ProducerId, Sequence};
use crate::offset::Offset;
use crate::time::{Timestamp, TimestampType};

/// The length of a batch's header; the records follow.
pub const HEADER_LEN: usize = 61;
/// The bytes that the length field of a batch does not count: base offset and the field itself.
pub const LOG_OVERHEAD: usize = 12;
/// The only format of batches there is.
pub const MAGIC: i8 = 2;

/// The smallest value of the length field: a header without records.
const LENGTH_MIN: usize = HEADER_LEN - LOG_OVERHEAD;

/// The bits of a batch's attributes above the codec.
pub mod attribute {
    /// Set when the leader has set the timestamps.
    pub const LOG_APPEND_TIME: i16 = 1 << 3;
    /// Set when the batch belongs to a transaction.
    pub const TRANSACTIONAL: i16 = 1 << 4;
    /// Set when the records are for the brokers and not for applications.
    pub const CONTROL: i16 = 1 << 5;
    /// Set by compaction: the base timestamp then says when tombstones may go (KIP-534).
    pub const DELETE_HORIZON: i16 = 1 << 6;
}

/// The header of a batch, byte for byte.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct BatchHeader {
    base_offset: I64,
    length: I32,
    leader_epoch: I32,
    magic: i8,
    crc: U32,
    attributes: I16,
    last_offset_delta: I32,
    base_timestamp: I64,
    max_timestamp: I64,
    producer_id: I64,
    producer_epoch: I16,
    base_sequence: I32,
    record_count: I32,
}

const _: () = assert!(size_of::<BatchHeader>() == HEADER_LEN);

/// The values of a header, for [`BatchHeader::new`]. The CRC starts out as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderFields {
    /// The offset of the first record.
    pub base_offset: Offset,
    /// The length of the whole batch in bytes, header included.
    pub total_len: usize,
    /// The epoch of the leader that appended the batch.
    pub leader_epoch: LeaderEpoch,
    /// Codec and [`attribute`] bits.
    pub attributes: i16,
    /// The offset of the last record minus the base offset.
    pub last_offset_delta: i32,
    /// The timestamp that the records' deltas count from, or the delete horizon.
    pub base_timestamp: Timestamp,
    /// The largest timestamp of the records, or the append time.
    pub max_timestamp: Timestamp,
    /// The producer, or none.
    pub producer_id: ProducerId,
    /// The producer's epoch, or none.
    pub producer_epoch: ProducerEpoch,
    /// The sequence of the first record, or none.
    pub base_sequence: Sequence,
    /// How many records follow.
    pub record_count: i32,
}

/// Why bytes are not a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BatchError {
    /// The bytes end within the header.
    #[error("a batch header has 61 bytes, only {present} are present")]
    HeaderTruncated {
        /// How many bytes there are.
        present: usize,
    },
    /// The format is not 2.
    #[error("the magic of a batch is 2, not {magic}")]
    Magic {
        /// What was found.
        magic: i8,
    },
    /// The length field says less than a header.
    #[error("the length field of a batch is at least 49, not {length}")]
    Length {
        /// What was found.
        length: i32,
    },
    /// The bytes end within the batch.
    #[error("the batch says it has {declared} bytes, only {present} are present")]
    Truncated {
        /// The length of the whole batch.
        declared: usize,
        /// How many bytes there are.
        present: usize,
    },
    /// The offsets leave the range of non-negative 64-bit numbers.
    #[error("base offset {base} and last offset delta {delta} are no range of offsets")]
    Offsets {
        /// The base offset.
        base: i64,
        /// The last offset delta.
        delta: i32,
    },
    /// The number of records is negative.
    #[error("a batch cannot have {count} records")]
    RecordCount {
        /// What was found.
        count: i32,
    },
    /// The bytes differ from those the checksum was computed over.
    #[error("the CRC-32C of the batch is {computed:#010x}, its header says {stored:#010x}")]
    Crc {
        /// What the header says.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
}

impl BatchHeader {
    /// Encodes `fields`; the CRC is 0.
    pub fn new(fields: &HeaderFields) -> BatchHeader {
        assert!(HEADER_LEN <= fields.total_len, "a batch has at least 61 bytes");
        let total_len = i32::try_from(fields.total_len).expect("a batch is smaller than 2 GiB");
        BatchHeader {
            base_offset: I64::new(fields.base_offset.0),
            length: I32::new(total_len - LOG_OVERHEAD as i32),
            leader_epoch: I32::new(fields.leader_epoch.0),
            magic: MAGIC,
            crc: U32::ZERO,
            attributes: I16::new(fields.attributes),
            last_offset_delta: I32::new(fields.last_offset_delta),
            base_timestamp: I64::new(fields.base_timestamp.0),
            max_timestamp: I64::new(fields.max_timestamp.0),
            producer_id: I64::new(fields.producer_id.0),
            producer_epoch: I16::new(fields.producer_epoch.0),
            base_sequence: I32::new(fields.base_sequence.0),
            record_count: I32::new(fields.record_count),
        }
    }

    /// Reads the header at the front of `bytes`, which may end right after it. Checks everything
    /// about the header but the CRC, so a scan can trust [`BatchHeader::total_len`].
    pub fn peek(bytes: &[u8]) -> Result<&BatchHeader, BatchError> {
        let Ok((header, _)) = BatchHeader::ref_from_prefix(bytes) else {
            return Err(BatchError::HeaderTruncated { present: bytes.len() });
        };
        header.check()?;
        Ok(header)
    }

    fn check(&self) -> Result<(), BatchError> {
        if self.magic != MAGIC {
            return Err(BatchError::Magic { magic: self.magic });
        }
        let length = self.length.get();
        // Within i32 with the overhead, so that lengths add up on every platform.
        if length < LENGTH_MIN as i32 || length > i32::MAX - LOG_OVERHEAD as i32 {
            return Err(BatchError::Length { length });
        }
        let (base, delta) = (self.base_offset.get(), self.last_offset_delta.get());
        if base < 0 || delta < 0 || base > i64::MAX - i64::from(delta) - 1 {
            return Err(BatchError::Offsets { base, delta });
        }
        let count = self.record_count.get();
        if count < 0 {
            return Err(BatchError::RecordCount { count });
        }
        Ok(())
    }

    /// The length of the whole batch in bytes, header included.
    pub fn total_len(&self) -> usize {
        self.length.get() as usize + LOG_OVERHEAD
    }

    /// The offset of the first record the batch had when it was appended.
    pub fn base_offset(&self) -> Offset {
        Offset(self.base_offset.get())
    }

    /// The offset of the last record the batch had when it was appended.
    pub fn last_offset(&self) -> Offset {
        Offset(self.base_offset.get() + i64::from(self.last_offset_delta.get()))
    }

    /// The offset that follows the batch.
    pub fn next_offset(&self) -> Offset {
        self.last_offset().next()
    }

    /// The last offset minus the base offset.
    pub fn last_offset_delta(&self) -> i32 {
        self.last_offset_delta.get()
    }

    /// The epoch of the leader that appended the batch.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(self.leader_epoch.get())
    }

    /// The CRC-32C that the header states.
    pub fn crc(&self) -> u32 {
        self.crc.get()
    }

    /// All attribute bits.
    pub fn attributes(&self) -> i16 {
        self.attributes.get()
    }

    /// The codec of the records; none when the bits name no codec.
    pub fn codec(&self) -> Option<Codec> {
        Codec::from_attributes(self.attributes())
    }

    /// Who has set the timestamps.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.has_attribute(attribute::LOG_APPEND_TIME) {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// Whether the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.has_attribute(attribute::TRANSACTIONAL)
    }

    /// Whether the records are for the brokers.
    pub fn is_control(&self) -> bool {
        self.has_attribute(attribute::CONTROL)
    }

    /// Whether the base timestamp is a delete horizon (KIP-534).
    pub fn has_delete_horizon(&self) -> bool {
        self.has_attribute(attribute::DELETE_HORIZON)
    }

    /// The timestamp that the records' deltas count from, or the delete horizon.
    pub fn base_timestamp(&self) -> Timestamp {
        Timestamp(self.base_timestamp.get())
    }

    /// The largest timestamp of the records, or the append time.
    pub fn max_timestamp(&self) -> Timestamp {
        Timestamp(self.max_timestamp.get())
    }

    /// The producer; [`ProducerId::NONE`] without idempotence.
    pub fn producer_id(&self) -> ProducerId {
        ProducerId(self.producer_id.get())
    }

    /// The producer's epoch; -1 without idempotence.
    pub fn producer_epoch(&self) -> ProducerEpoch {
        ProducerEpoch(self.producer_epoch.get())
    }

    /// The sequence of the first record; -1 without idempotence.
    pub fn base_sequence(&self) -> Sequence {
        Sequence(self.base_sequence.get())
    }

    /// The sequence of the last record the batch had when it was appended, wrapping after
    /// `i32::MAX`; -1 without idempotence.
    pub fn last_sequence(&self) -> Sequence {
        let base = self.base_sequence();
        if base < Sequence(0) { Sequence::NONE } else { base.next_after(self.last_offset_delta()) }
    }

    /// How many records follow. After compaction it may be fewer than the offsets.
    pub fn record_count(&self) -> i32 {
        self.record_count.get()
    }

    fn has_attribute(&self, bit: i16) -> bool {
        self.attributes.get() & bit != 0
    }
}
