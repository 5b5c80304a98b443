//! Writes record batches: for our own producers, internal topics, control batches and compaction.

use zerocopy::IntoBytes;

use crate::batch::{self, BatchHeader, HEADER_LEN, HeaderFields, attribute};
use crate::compression::{self, Codec};
use crate::ids::{LeaderEpoch, ProducerEpoch, ProducerId, Sequence};
use crate::offset::Offset;
use crate::record::RecordHeader;
use crate::time::{Timestamp, TimestampType};
use crate::varint;

/// Collects records and writes them as one batch. Settings stay for the next batch.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    codec: Codec,
    level: Option<i32>,
    /// [`attribute`] bits, without the codec.
    attributes: i16,
    leader_epoch: LeaderEpoch,
    producer_id: ProducerId,
    producer_epoch: ProducerEpoch,
    base_sequence: Sequence,
    /// Set by the first record, unless a delete horizon takes its place.
    base_timestamp: Option<Timestamp>,
    max_timestamp: Timestamp,
    append_time: Option<Timestamp>,
    /// Where the batch ends if that is not its last record.
    last_offset_delta: Option<i32>,
    next_offset_delta: i32,
    record_count: i32,
    records: Vec<u8>,
}

impl BatchBuilder {
    /// The largest size of a batch's uncompressed records.
    pub const RECORD_BYTES_MAX: usize = 1 << 30;

    /// An empty batch without a producer. `level` is for the codec; none is its default.
    pub fn new(codec: Codec, level: Option<i32>) -> BatchBuilder {
        BatchBuilder {
            codec,
            level,
            attributes: 0,
            leader_epoch: LeaderEpoch::NONE,
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
            base_sequence: Sequence::NONE,
            base_timestamp: None,
            max_timestamp: Timestamp::NONE,
            append_time: None,
            last_offset_delta: None,
            next_offset_delta: 0,
            record_count: 0,
            records: Vec::new(),
        }
    }

    /// An empty batch that takes the place of another one, as in compaction: the same codec,
    /// producer, flags, epoch, append time and range of offsets. The timestamps are made anew from
    /// the records and the delete horizon.
    ///
    /// None when the other's attributes name no codec.
    pub fn in_place_of(other: &BatchHeader, level: Option<i32>) -> Option<BatchBuilder> {
        let mut builder = BatchBuilder::new(other.codec()?, level);
        builder.attributes = other.attributes()
            & (attribute::TRANSACTIONAL | attribute::CONTROL | attribute::LOG_APPEND_TIME);
        builder.leader_epoch = other.leader_epoch();
        builder.producer_id = other.producer_id();
        builder.producer_epoch = other.producer_epoch();
        builder.base_sequence = other.base_sequence();
        builder.last_offset_delta = Some(other.last_offset_delta());
        builder.append_time = match other.timestamp_type() {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(other.max_timestamp()),
        };
        Some(builder)
    }

    /// Sets the codec, and its level; none is its default.
    pub fn set_codec(&mut self, codec: Codec, level: Option<i32>) {
        self.codec = codec;
        self.level = level;
    }

    /// Lends memory for the records, whose content is thrown away. Before the first record.
    pub fn set_room(&mut self, mut room: Vec<u8>) {
        assert!(self.record_count == 0, "the room for records comes before the first record");
        room.clear();
        self.records = room;
    }

    /// Gives back the memory for the records.
    pub fn into_room(self) -> Vec<u8> {
        self.records
    }

    /// Makes the batch part of an idempotent producer's sequence (KIP-98). The sequence moves on
    /// with each batch that is built.
    pub fn set_producer(&mut self, id: ProducerId, epoch: ProducerEpoch, base_sequence: Sequence) {
        self.producer_id = id;
        self.producer_epoch = epoch;
        self.base_sequence = base_sequence;
    }

    /// Makes the batch part of a transaction.
    pub fn set_transactional(&mut self) {
        self.attributes |= attribute::TRANSACTIONAL;
    }

    /// Makes the records ones for brokers; see [`crate::control`].
    pub fn set_control(&mut self) {
        self.attributes |= attribute::CONTROL;
    }

    /// Sets the epoch of the leader that appends the batch.
    pub fn set_leader_epoch(&mut self, epoch: LeaderEpoch) {
        self.leader_epoch = epoch;
    }

    /// Says when tombstones and markers may go (KIP-534). Before the first record.
    pub fn set_delete_horizon(&mut self, horizon: Timestamp) {
        assert!(self.record_count == 0, "the delete horizon comes before the first record");
        self.attributes |= attribute::DELETE_HORIZON;
        self.base_timestamp = Some(horizon);
    }

    /// Appends a record at the next offset.
    pub fn append(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[RecordHeader<'_>],
    ) {
        self.append_at(self.next_offset_delta, timestamp, key, value, headers.iter().copied());
    }

    /// Appends a record at an offset of its own, above those before it.
    pub fn append_at<'h>(
        &mut self,
        offset_delta: i32,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl ExactSizeIterator<Item = RecordHeader<'h>> + Clone,
    ) {
        assert!(
            self.next_offset_delta <= offset_delta && offset_delta < i32::MAX,
            "offsets within a batch ascend: {offset_delta} after {}",
            self.next_offset_delta
        );
        let base_timestamp = *self.base_timestamp.get_or_insert(timestamp);
        let timestamp_delta = timestamp.0.wrapping_sub(base_timestamp.0);
        let headers_len: usize = headers
            .clone()
            .map(|header| nullable_len(Some(header.key)) + nullable_len(header.value))
            .sum();
        let body_len = 1
            + varint::len_i64(timestamp_delta)
            + varint::len_i32(offset_delta)
            + nullable_len(key)
            + nullable_len(value)
            + varint::len_i32(headers.len() as i32)
            + headers_len;
        assert!(
            self.records.len() + body_len <= BatchBuilder::RECORD_BYTES_MAX,
            "the records of a batch have at most 1 GiB"
        );
        let out = &mut self.records;
        out.reserve(body_len + 5);
        varint::put_i32(body_len as i32, out);
        out.push(0);
        varint::put_i64(timestamp_delta, out);
        varint::put_i32(offset_delta, out);
        put_nullable(key, out);
        put_nullable(value, out);
        varint::put_i32(headers.len() as i32, out);
        for header in headers {
            put_nullable(Some(header.key), out);
            put_nullable(header.value, out);
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.next_offset_delta = offset_delta + 1;
        self.record_count += 1;
    }

    /// How many records have been appended.
    pub fn record_count(&self) -> i32 {
        self.record_count
    }

    /// Whether no record has been appended.
    pub fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// The size of the batch in bytes if nothing compresses; the real size is at most slightly
    /// more.
    pub fn size_estimate_bytes(&self) -> usize {
        HEADER_LEN + self.records.len()
    }

    /// Writes the batch and leaves the builder empty. Needs a record, unless the batch takes the
    /// place of another one.
    pub fn build(&mut self, base_offset: Offset) -> Vec<u8> {
        let last_offset_delta = self.last_offset_delta.unwrap_or(self.next_offset_delta - 1);
        assert!(
            0 <= last_offset_delta && self.next_offset_delta <= last_offset_delta + 1,
            "a batch ends at or after its last record"
        );
        // Kafka writes batches without records uncompressed.
        let codec = if self.is_empty() { Codec::None } else { self.codec };
        let mut compressed = Vec::new();
        let payload = if codec == Codec::None {
            &self.records
        } else {
            compression::compress(codec, self.level, &self.records, &mut compressed)
                .expect("levels are clamped and there is memory for the output");
            &compressed
        };
        let header = BatchHeader::new(&HeaderFields {
            base_offset,
            total_len: HEADER_LEN + payload.len(),
            leader_epoch: self.leader_epoch,
            attributes: self.attributes | codec.attribute_bits(),
            last_offset_delta,
            base_timestamp: self.base_timestamp.unwrap_or(Timestamp::NONE),
            max_timestamp: self.append_time.unwrap_or(self.max_timestamp),
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: self.base_sequence,
            record_count: self.record_count,
        });
        let mut bytes = Vec::with_capacity(HEADER_LEN + payload.len());
        bytes.extend_from_slice(header.as_bytes());
        batch::write_crc(&mut bytes, payload);
        bytes.extend_from_slice(payload);
        self.clear(last_offset_delta + 1);
        bytes
    }

    fn clear(&mut self, sequence_count: i32) {
        if self.base_sequence >= Sequence(0) {
            self.base_sequence = self.base_sequence.next_after(sequence_count);
        }
        self.records.clear();
        self.record_count = 0;
        self.next_offset_delta = 0;
        self.base_timestamp = None;
        self.attributes &= !attribute::DELETE_HORIZON;
        self.max_timestamp = Timestamp::NONE;
    }
}

fn nullable_len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint::len_i32(bytes.len() as i32) + bytes.len())
}

fn put_nullable(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    match bytes {
        None => varint::put_i32(-1, out),
        Some(bytes) => {
            varint::put_i32(bytes.len() as i32, out);
            out.extend_from_slice(bytes);
        }
    }
}
