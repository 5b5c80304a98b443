//! The records within a batch: a lazy reader over bytes that nobody has checked before.

use thiserror::Error;

use crate::batch::{BatchHeader, BatchView};
use crate::compression::{self, Codec, CodecError};
use crate::offset::Offset;
use crate::time::{Timestamp, TimestampType};
use crate::varint::{self, VarintError};

/// One record, borrowing from the (decompressed) bytes of its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where the record is in its partition.
    pub offset: Offset,
    /// The offset minus that of the batch, as written. Producers are not trusted to count.
    pub offset_delta: i32,
    /// The time the producer gave, or the append time of the batch.
    pub timestamp: Timestamp,
    /// The key; none is Kafka's null.
    pub key: Option<&'a [u8]>,
    /// The value; none is Kafka's null, which compaction takes for a deletion.
    pub value: Option<&'a [u8]>,
    /// The headers, in order, duplicates included.
    pub headers: Headers<'a>,
}

/// One header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader<'a> {
    /// The name; UTF-8 by convention.
    pub key: &'a [u8],
    /// The value; none is Kafka's null.
    pub value: Option<&'a [u8]>,
}

/// Why bytes are not the records that a batch promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// A length or number within a record cannot be read.
    #[error("record {number}: {source}")]
    Varint {
        /// Which record of the batch, from 0.
        number: i32,
        /// What is wrong with the number.
        source: VarintError,
    },
    /// A record says it is longer than the bytes that are left.
    #[error("record {number} says it has {declared} bytes, {present} are left")]
    Length {
        /// Which record of the batch, from 0.
        number: i32,
        /// The length the record states.
        declared: i32,
        /// How many bytes are left.
        present: usize,
    },
    /// A part of a record is longer than the record.
    #[error("the {part} of record {number} is longer than the record")]
    Part {
        /// Which record of the batch, from 0.
        number: i32,
        /// The name of the part.
        part: &'static str,
    },
    /// A record is longer than its parts.
    #[error("record {number} has {left} bytes behind its headers")]
    Padding {
        /// Which record of the batch, from 0.
        number: i32,
        /// How many bytes are left.
        left: usize,
    },
    /// A record's offset is below that of the batch, or no offset at all.
    #[error("the offset delta of record {number} cannot be {delta}")]
    OffsetDelta {
        /// Which record of the batch, from 0.
        number: i32,
        /// What was found.
        delta: i32,
    },
    /// Bytes follow the last record.
    #[error("{left} bytes follow the last record of the batch")]
    Trailing {
        /// How many bytes are left.
        left: usize,
    },
}

/// Why the records of a batch cannot be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordsError {
    /// The attributes name a codec that does not exist.
    #[error("the batch names an unknown codec in its attributes {attributes:#06x}")]
    UnknownCodec {
        /// The attributes of the batch.
        attributes: i16,
    },
    /// The payload cannot be decompressed within the cap.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

impl<'a> BatchView<'a> {
    /// Iterates over the records. A compressed payload is first decompressed into `scratch`, whose
    /// content is replaced and which grows to at most `cap_bytes`.
    pub fn records<'s>(
        &self,
        scratch: &'s mut Vec<u8>,
        cap_bytes: usize,
    ) -> Result<RecordIter<'s>, RecordsError>
    where
        'a: 's,
    {
        let header = self.header();
        let bytes = match header.codec() {
            None => {
                return Err(RecordsError::UnknownCodec { attributes: header.attributes() });
            }
            Some(Codec::None) => self.payload(),
            // Compaction may leave a batch without records, and then without a payload.
            Some(_) if header.record_count() == 0 && self.payload().is_empty() => self.payload(),
            Some(codec) => {
                compression::decompress(codec, self.payload(), cap_bytes, scratch)?;
                scratch
            }
        };
        Ok(RecordIter::new(header, bytes))
    }
}

/// Reads the records of a batch one by one. Ends after the first error.
#[derive(Clone, Debug)]
pub struct RecordIter<'a> {
    bytes: &'a [u8],
    base_offset: Offset,
    base_timestamp: Timestamp,
    /// Replaces the timestamps of all records.
    append_time: Option<Timestamp>,
    number: i32,
    record_count: i32,
}

impl<'a> RecordIter<'a> {
    /// Reads `bytes`, the decompressed payload of the batch with this header.
    pub fn new(header: &BatchHeader, bytes: &'a [u8]) -> RecordIter<'a> {
        RecordIter {
            bytes,
            base_offset: header.base_offset(),
            base_timestamp: header.base_timestamp(),
            append_time: match header.timestamp_type() {
                TimestampType::CreateTime => None,
                TimestampType::LogAppendTime => Some(header.max_timestamp()),
            },
            number: 0,
            record_count: header.record_count(),
        }
    }

    /// How many bytes have not been read yet.
    pub fn bytes_left(&self) -> usize {
        self.bytes.len()
    }

    fn take_record(&mut self) -> Result<Record<'a>, RecordError> {
        let number = self.number;
        let varint = |source| RecordError::Varint { number, source };
        let declared = varint::take_i32(&mut self.bytes).map_err(varint)?;
        let present = self.bytes.len();
        let mut body = usize::try_from(declared)
            .ok()
            .and_then(|length| self.bytes.split_off(..length))
            .ok_or(RecordError::Length { number, declared, present })?;

        // The attributes of a record have no meaning yet.
        body.split_off_first().ok_or(RecordError::Part { number, part: "attributes" })?;
        let timestamp_delta = varint::take_i64(&mut body).map_err(varint)?;
        let offset_delta = varint::take_i32(&mut body).map_err(varint)?;
        let offset = u32::try_from(offset_delta)
            .ok()
            .and_then(|delta| self.base_offset.0.checked_add(i64::from(delta)))
            .map(Offset)
            .ok_or(RecordError::OffsetDelta { number, delta: offset_delta })?;
        let key = take_nullable(&mut body, number, "key")?;
        let value = take_nullable(&mut body, number, "value")?;
        let headers = Headers::take(&mut body, number)?;
        if !body.is_empty() {
            return Err(RecordError::Padding { number, left: body.len() });
        }
        // Wraps, as in Kafka, so that all timestamps survive.
        let created = Timestamp(self.base_timestamp.0.wrapping_add(timestamp_delta));
        let timestamp = self.append_time.unwrap_or(created);
        Ok(Record { offset, offset_delta, timestamp, key, value, headers })
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<Record<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = if self.number < self.record_count {
            let item = self.take_record();
            self.number += 1;
            item
        } else if self.bytes.is_empty() {
            return None;
        } else {
            Err(RecordError::Trailing { left: self.bytes.len() })
        };
        if item.is_err() {
            self.bytes = &[];
            self.number = self.record_count;
        }
        Some(item)
    }
}

/// The headers of a record, checked when the record was read and decoded when iterated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headers<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> Headers<'a> {
    /// How many headers there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True without any header.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The headers, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RecordHeader<'a>> + Clone + use<'a> {
        let mut bytes = self.bytes;
        (0..self.count).map(move |_| {
            take_header(&mut bytes, 0).expect("the headers were checked when the record was read")
        })
    }

    fn take(body: &mut &'a [u8], number: i32) -> Result<Headers<'a>, RecordError> {
        let count =
            varint::take_i32(body).map_err(|source| RecordError::Varint { number, source })?;
        let start = *body;
        // A header has at least two bytes.
        let count = usize::try_from(count)
            .ok()
            .filter(|count| *count <= body.len() / 2)
            .ok_or(RecordError::Part { number, part: "list of headers" })?;
        for _ in 0..count {
            take_header(body, number)?;
        }
        Ok(Headers { count, bytes: &start[..start.len() - body.len()] })
    }
}

fn take_header<'a>(bytes: &mut &'a [u8], number: i32) -> Result<RecordHeader<'a>, RecordError> {
    let key = take_nullable(bytes, number, "header key")?
        .ok_or(RecordError::Part { number, part: "header key" })?;
    let value = take_nullable(bytes, number, "header value")?;
    Ok(RecordHeader { key, value })
}

/// Takes a length and that many bytes; -1 is null.
fn take_nullable<'a>(
    bytes: &mut &'a [u8],
    number: i32,
    part: &'static str,
) -> Result<Option<&'a [u8]>, RecordError> {
    let length =
        varint::take_i32(bytes).map_err(|source| RecordError::Varint { number, source })?;
    if length == -1 {
        return Ok(None);
    }
    usize::try_from(length)
        .ok()
        .and_then(|length| bytes.split_off(..length))
        .map(Some)
        .ok_or(RecordError::Part { number, part })
}
