//! When a leader writes a producer's batch anew before it stores it: in the codec of the topic,
//! with the offsets 0, 1, 2 and so on, and with the largest timestamp that its records have. A
//! batch that is right already is stored as it came.
//!
//! The records of a compressed batch are read only where the topic asks for it, or where the header
//! says something that cannot be accepted. All else would cost each produce a decompression.

use crate::batch::{BatchHeader, BatchView};
use crate::builder::BatchBuilder;
use crate::compression::{Codec, CodecError};
use crate::offset::Offset;
use crate::record::{Record, RecordError, RecordIter, RecordsError};
use crate::time::{Timestamp, TimestampType};
use crate::topic_config::{TopicCompression, TopicConfig};
use crate::validate::{
    InnerOffsets, KeyRule, RecordRules, RecordsRefusal, RecordsSummary, check_each,
};

/// No more is written anew, so that what a builder holds suffices in the worst case.
const WRITTEN_FROM_BYTES_MAX: usize = BatchBuilder::RECORD_BYTES_MAX / 4;

/// How a topic stores what producers send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversion {
    rules: RecordRules,
    compression: TopicCompression,
    timestamp_type: TimestampType,
}

/// Memory that is lent to a conversion. What it holds before does not matter.
#[derive(Debug)]
pub struct ConversionRoom<'a> {
    /// For the records as they are when decompressed.
    pub decompressed: &'a mut Vec<u8>,
    /// For the records that are written anew: up to three times as much if a producer has chosen
    /// the worst numbers there are, else the same.
    pub written: &'a mut Vec<u8>,
    /// How much may be decompressed.
    pub cap_bytes: usize,
}

impl Conversion {
    /// The rules of a topic at the leader's time `now`.
    pub fn of(config: &TopicConfig, now: Timestamp) -> Conversion {
        Conversion {
            rules: RecordRules::of(config, now),
            compression: config.compression,
            timestamp_type: config.timestamp_type,
        }
    }

    /// Whether the records of a batch have to be read. Where not, its header is believed.
    pub fn reads_records(&self, header: &BatchHeader) -> bool {
        let Some(codec) = header.codec().filter(|codec| *codec != Codec::None) else { return true };
        let times = [header.base_timestamp(), header.max_timestamp()];
        self.rules.keys == KeyRule::Required
            || self.target(codec).0 != codec
            || !times.iter().all(|time| self.rules.timestamps.contains(*time))
    }

    /// Checks the records of a batch, where they have to be read, and returns the batch that takes
    /// its place; none if it stays as it is. The batch must be one that
    /// [`validate_produced`](crate::validate_produced) accepts.
    ///
    /// Costs a decompression and a compression of the whole batch at worst.
    pub fn convert(
        &self,
        batch: &BatchView<'_>,
        room: &mut ConversionRoom<'_>,
    ) -> Result<Option<Vec<u8>>, RecordsRefusal> {
        if !self.reads_records(batch) {
            return Ok(None);
        }
        let records = batch.records(room.decompressed, room.cap_bytes)?;
        let summary = check_each(records.clone(), &self.rules)?;
        let unknown = RecordsError::UnknownCodec { attributes: batch.attributes() };
        let sent = batch.codec().ok_or(unknown)?;
        let (codec, level) = self.target(sent);
        if codec == sent && self.is_right(batch, &summary) {
            return Ok(None);
        }
        if records.bytes_left() > WRITTEN_FROM_BYTES_MAX {
            let too_large = CodecError::TooLarge { cap_bytes: WRITTEN_FROM_BYTES_MAX };
            return Err(RecordsError::Codec(too_large).into());
        }
        let mut builder = BatchBuilder::in_place_of(batch, level).ok_or(unknown)?;
        builder.set_codec(codec, level);
        Ok(Some(write(builder, records, room.written)?))
    }

    /// The codec and the level for a batch that came in the codec `sent`.
    fn target(&self, sent: Codec) -> (Codec, Option<i32>) {
        match self.compression {
            TopicCompression::Producer => (sent, None),
            TopicCompression::Codec(codec, level) => (codec, level),
        }
    }

    /// Whether the header says what the records are. An append time takes the place of theirs.
    fn is_right(&self, header: &BatchHeader, found: &RecordsSummary) -> bool {
        let knows_newest = match self.timestamp_type {
            TimestampType::CreateTime => header.max_timestamp() == found.max_timestamp,
            TimestampType::LogAppendTime => true,
        };
        found.offsets == InnerOffsets::Consecutive && knows_newest
    }
}

/// Writes the records one after the other, whatever offsets they have.
fn write(
    mut builder: BatchBuilder,
    records: RecordIter<'_>,
    room: &mut Vec<u8>,
) -> Result<Vec<u8>, RecordError> {
    room.reserve(records.bytes_left());
    builder.set_room(std::mem::take(room));
    for (number, record) in (0..).zip(records) {
        let Record { timestamp, key, value, headers, .. } = record?;
        builder.append_at(number, timestamp, key, value, headers.iter());
    }
    let bytes = builder.build(Offset::ZERO);
    *room = builder.into_room();
    Ok(bytes)
}
