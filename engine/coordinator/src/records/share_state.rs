//! The records of a share-partition in `__share_group_state`: `ShareSnapshot`, key version 0, and
//! `ShareUpdate`, key version 1. Formats: Kafka's share-coordinator schemas.

use std::sync::Arc;

use corelog_model::{LeaderEpoch, Offset, PartitionId, PartitionIndex, Timestamp};

use super::reader::Reader;
use super::writer::Writer;
use super::{Decoded, RecordError};
use crate::share_states::{DeliveryState, StateBatch};

const SNAPSHOT_KEY_VERSION: i16 = 0;
const UPDATE_KEY_VERSION: i16 = 1;
const VALUE_VERSION: i16 = 0;
const COMPLETE_COUNT_TAG: u32 = 0;

/// A partition as one share group reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SharePartitionKey {
    /// The group.
    pub group: Arc<str>,
    /// The partition.
    pub partition: PartitionId,
}

/// One record of `__share_group_state`. Without a value it removes what its key names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareStateRecord {
    /// All that is known.
    Snapshot(SharePartitionKey, Option<ShareSnapshot>),
    /// What has changed since the last snapshot.
    Update(SharePartitionKey, Option<ShareUpdate>),
}

/// All that is known of a share-partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareSnapshot {
    /// Counts the snapshots.
    pub snapshot_epoch: i32,
    /// Counts how often the state was set anew.
    pub state_epoch: i32,
    /// The leader of the partition that wrote it.
    pub leader_epoch: LeaderEpoch,
    /// The first record that is not done with, or [`Offset::NONE`] if nobody has read yet.
    pub start: Offset,
    /// How many records from there on are done with, or -1 if nobody said.
    pub complete_count: i32,
    /// When the state was made.
    pub created_at: Timestamp,
    /// When this was written.
    pub written_at: Timestamp,
    /// The records that are known.
    pub batches: Vec<StateBatch>,
}

/// What has changed of a share-partition since a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareUpdate {
    /// Since which snapshot.
    pub snapshot_epoch: i32,
    /// The leader of the partition that wrote it.
    pub leader_epoch: LeaderEpoch,
    /// The first record that is not done with, or [`Offset::NONE`] if that is as before.
    pub start: Offset,
    /// How many records from there on are done with, or -1 if nobody said.
    pub complete_count: i32,
    /// The records that have changed.
    pub batches: Vec<StateBatch>,
}

impl SharePartitionKey {
    fn read(mut reader: Reader<'_>) -> Result<Self, RecordError> {
        let group = Arc::from(reader.string("the group")?);
        let topic = reader.topic_id("the topic id")?;
        let index = PartitionIndex(reader.i32("the partition")?);
        reader.end()?;
        Ok(SharePartitionKey { group, partition: PartitionId::new(topic, index) })
    }

    fn encode(&self, version: i16) -> Vec<u8> {
        let PartitionId { topic, index } = self.partition;
        let writer = Writer::new(version).string(&self.group).raw(topic.as_bytes());
        writer.i32(index.get()).finish()
    }
}

impl ShareStateRecord {
    /// Reads a record of the log.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Decoded<Self>, RecordError> {
        let mut reader = Reader::new(key);
        let key_version = reader.i16("the version of the key")?;
        let record = match key_version {
            SNAPSHOT_KEY_VERSION => {
                let value = value.map(ShareSnapshot::decode).transpose()?;
                ShareStateRecord::Snapshot(SharePartitionKey::read(reader)?, value)
            }
            UPDATE_KEY_VERSION => {
                let value = value.map(ShareUpdate::decode).transpose()?;
                ShareStateRecord::Update(SharePartitionKey::read(reader)?, value)
            }
            _ => return Ok(Decoded::Unknown { key_version }),
        };
        Ok(Decoded::Known(record))
    }

    /// The bytes of the key.
    pub fn encode_key(&self) -> Vec<u8> {
        match self {
            ShareStateRecord::Snapshot(key, _) => key.encode(SNAPSHOT_KEY_VERSION),
            ShareStateRecord::Update(key, _) => key.encode(UPDATE_KEY_VERSION),
        }
    }

    /// The bytes of the value; none for a tombstone.
    pub fn encode_value(&self) -> Option<Vec<u8>> {
        match self {
            ShareStateRecord::Snapshot(_, value) => value.as_ref().map(ShareSnapshot::encode),
            ShareStateRecord::Update(_, value) => value.as_ref().map(ShareUpdate::encode),
        }
    }
}

impl ShareSnapshot {
    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = versioned(bytes)?;
        let mut snapshot = ShareSnapshot {
            snapshot_epoch: reader.i32("the snapshot epoch")?,
            state_epoch: reader.i32("the state epoch")?,
            leader_epoch: LeaderEpoch(reader.i32("the leader epoch")?),
            start: Offset(reader.i64("the start offset")?),
            complete_count: -1,
            created_at: Timestamp(reader.i64("the time of creation")?),
            written_at: Timestamp(reader.i64("the time of writing")?),
            batches: reader.compact_list("the state batches", read_batch)?,
        };
        snapshot.complete_count = read_complete_count(reader)?;
        Ok(snapshot)
    }

    fn encode(&self) -> Vec<u8> {
        let writer = Writer::new(VALUE_VERSION).i32(self.snapshot_epoch).i32(self.state_epoch);
        let writer = writer.i32(self.leader_epoch.get()).i64(self.start.0);
        let writer = writer.i64(self.created_at.get()).i64(self.written_at.get());
        finish(writer, &self.batches, self.complete_count)
    }
}

impl ShareUpdate {
    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = versioned(bytes)?;
        let mut update = ShareUpdate {
            snapshot_epoch: reader.i32("the snapshot epoch")?,
            leader_epoch: LeaderEpoch(reader.i32("the leader epoch")?),
            start: Offset(reader.i64("the start offset")?),
            complete_count: -1,
            batches: reader.compact_list("the state batches", read_batch)?,
        };
        update.complete_count = read_complete_count(reader)?;
        Ok(update)
    }

    fn encode(&self) -> Vec<u8> {
        let writer = Writer::new(VALUE_VERSION).i32(self.snapshot_epoch);
        let writer = writer.i32(self.leader_epoch.get()).i64(self.start.0);
        finish(writer, &self.batches, self.complete_count)
    }
}

fn versioned(bytes: &[u8]) -> Result<Reader<'_>, RecordError> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16("the version of the value")?;
    if version != VALUE_VERSION {
        return Err(RecordError::ValueVersion { kind: "a share-partition", version });
    }
    Ok(reader)
}

fn read_batch(reader: &mut Reader<'_>) -> Result<StateBatch, RecordError> {
    let first = Offset(reader.i64("the first offset")?);
    let last = Offset(reader.i64("the last offset")?);
    let state = reader.i8("the delivery state")?;
    let state = DeliveryState::from_number(state).ok_or(RecordError::DeliveryState { state })?;
    let delivery_count = reader.i16("the delivery count")?;
    reader.tagged_fields(|_, _| Ok(()))?;
    if first.0 < 0 || last < first || last == Offset::MAX {
        return Err(RecordError::Offsets { first: first.0, last: last.0 });
    }
    Ok(StateBatch { first, last, state, delivery_count })
}

/// Reads the end of a value.
fn read_complete_count(mut reader: Reader<'_>) -> Result<i32, RecordError> {
    let mut count = -1;
    reader.tagged_fields(|tag, bytes| {
        if tag != COMPLETE_COUNT_TAG {
            return Ok(());
        }
        let mut field = Reader::new(bytes);
        count = field.i32("the number of records that are done with")?;
        field.end()
    })?;
    reader.end()?;
    Ok(count)
}

/// Writes the end of a value.
fn finish(writer: Writer, batches: &[StateBatch], complete_count: i32) -> Vec<u8> {
    let writer = writer.compact_list(batches.iter(), |writer, batch| {
        let writer = writer.i64(batch.first.0).i64(batch.last.0);
        let writer = writer.raw(&batch.state.number().to_be_bytes());
        writer.i16(batch.delivery_count).unsigned_varint(0)
    });
    if complete_count == -1 {
        return writer.unsigned_varint(0).finish();
    }
    let field = Writer::empty().i32(complete_count).finish();
    let writer = writer.unsigned_varint(1).unsigned_varint(u64::from(COMPLETE_COUNT_TAG));
    writer.unsigned_varint(field.len() as u64).raw(&field).finish()
}

#[cfg(test)]
mod tests {
    use corelog_model::TopicId;

    use super::*;

    fn key() -> SharePartitionKey {
        let partition = PartitionId::new(TopicId::from_bytes([7; 16]), PartitionIndex(3));
        SharePartitionKey { group: Arc::from("g"), partition }
    }

    fn batch() -> StateBatch {
        let (first, last) = (Offset(5), Offset(6));
        StateBatch { first, last, state: DeliveryState::Archived, delivery_count: 2 }
    }

    fn snapshot() -> ShareSnapshot {
        ShareSnapshot {
            snapshot_epoch: 1,
            state_epoch: 2,
            leader_epoch: LeaderEpoch(3),
            start: Offset(4),
            complete_count: -1,
            created_at: Timestamp(8),
            written_at: Timestamp(9),
            batches: vec![batch()],
        }
    }

    fn update() -> ShareUpdate {
        ShareUpdate {
            snapshot_epoch: 1,
            leader_epoch: LeaderEpoch(3),
            start: Offset(4),
            complete_count: 2,
            batches: vec![batch()],
        }
    }

    const BATCH: &[u8] = b"\x02\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x06\x04\0\x02\0";

    #[track_caller]
    fn check(record: &ShareStateRecord, version: u8, value: &[u8]) {
        let key = [&[0, version, 0, 1, b'g'], &[7; 16][..], &[0, 0, 0, 3]].concat();
        assert_eq!(record.encode_key(), key);
        assert_eq!(record.encode_value().unwrap(), value);
        let decoded = ShareStateRecord::decode(&key, Some(value));
        assert_eq!(decoded, Ok(Decoded::Known(record.clone())));
        for length in 0..value.len() {
            let refused = ShareStateRecord::decode(&key, Some(&value[..length]));
            assert!(refused.is_err(), "{length} bytes");
        }
    }

    #[test]
    fn the_bytes_are_those_of_kafka() {
        let head = b"\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\0\0\0\0\x04";
        let times = b"\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\x09";
        let value = [&head[..], times, BATCH, b"\0"].concat();
        check(&ShareStateRecord::Snapshot(key(), Some(snapshot())), 0, &value);
        let head = b"\0\0\0\0\0\x01\0\0\0\x03\0\0\0\0\0\0\0\x04";
        let value = [&head[..], BATCH, b"\x01\0\x04\0\0\0\x02"].concat();
        check(&ShareStateRecord::Update(key(), Some(update())), 1, &value);
    }

    #[test]
    fn tombstones_and_other_kinds_are_told() {
        let record = ShareStateRecord::Snapshot(key(), None);
        assert_eq!(record.encode_value(), None);
        let decoded = ShareStateRecord::decode(&record.encode_key(), None);
        assert_eq!(decoded, Ok(Decoded::Known(record)));
        let decoded = ShareStateRecord::decode(b"\0\x02\0\x01x", None);
        assert_eq!(decoded, Ok(Decoded::Unknown { key_version: 2 }));
    }

    #[test]
    fn states_and_offsets_that_cannot_be_are_refused() {
        let mut record = ShareStateRecord::Update(key(), Some(update()));
        let bytes = record.encode_value().unwrap();
        let mut other = bytes.clone();
        // Behind it are two bytes, two ends of tagged fields, and a field of six.
        let state = other.len() - 11;
        assert_eq!(other[state], 4);
        other[state] = 1;
        let refused = ShareStateRecord::decode(&record.encode_key(), Some(&other));
        assert_eq!(refused, Err(RecordError::DeliveryState { state: 1 }));
        if let ShareStateRecord::Update(_, Some(update)) = &mut record {
            update.batches[0].last = Offset(4);
        }
        let bytes = record.encode_value().unwrap();
        let refused = ShareStateRecord::decode(&record.encode_key(), Some(&bytes));
        assert_eq!(refused, Err(RecordError::Offsets { first: 5, last: 4 }));
    }
}
