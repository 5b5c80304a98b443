//! The record of a committed offset: `OffsetCommitKey`, `OffsetCommitValue` and their ancestors.

use corelog_model::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId, TopicName};

use super::RecordError;
use super::reader::Reader;
use super::writer::Writer;

/// The kind of a committed offset.
const KEY_VERSION: i16 = 1;
/// What Kafka 4.1 writes: the first flexible version, with the id of the topic.
const VALUE_VERSION: i16 = 4;
/// The only version with a time of expiry of its own, written for commits that ask for one.
const VALUE_VERSION_WITH_EXPIRY: i16 = 1;
const TOPIC_ID_TAG: u32 = 0;

/// Which offset it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OffsetCommitKey {
    /// The group.
    pub group: String,
    /// The topic.
    pub topic: TopicName,
    /// The partition of the topic.
    pub partition: PartitionIndex,
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetCommitValue {
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the last record read, or [`LeaderEpoch::NONE`].
    pub leader_epoch: LeaderEpoch,
    /// What the client keeps with it.
    pub metadata: String,
    /// When it was committed.
    pub commit_timestamp: Timestamp,
    /// When it expires, if its commit said so; else the retention of the broker decides.
    pub expire_timestamp: Option<Timestamp>,
    /// The topic, or [`TopicId::ZERO`] where it was committed by name only.
    pub topic_id: TopicId,
}

impl OffsetCommitKey {
    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, RecordError> {
        let key = OffsetCommitKey {
            group: reader.string("the group")?,
            topic: reader.topic("the topic")?,
            partition: PartitionIndex(reader.i32("the partition")?),
        };
        reader.end()?;
        Ok(key)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        Writer::new(KEY_VERSION)
            .string(&self.group)
            .string(self.topic.as_str())
            .i32(self.partition.get())
            .finish()
    }
}

impl OffsetCommitValue {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(bytes);
        let version = reader.i16("the version of the value")?;
        if !(0..=VALUE_VERSION).contains(&version) {
            return Err(RecordError::ValueVersion { kind: "a committed offset", version });
        }
        let offset = Offset(reader.i64("the offset")?);
        let leader_epoch = match version {
            0..3 => LeaderEpoch::NONE,
            _ => LeaderEpoch(reader.i32("the leader epoch")?),
        };
        let metadata = match version {
            0..4 => reader.string("the metadata")?,
            _ => reader.compact_string("the metadata")?,
        };
        let commit_timestamp = Timestamp(reader.i64("the commit timestamp")?);
        let expire_timestamp = match version {
            VALUE_VERSION_WITH_EXPIRY => Some(Timestamp(reader.i64("the expire timestamp")?)),
            _ => None,
        };
        let topic_id = match version {
            0..4 => TopicId::ZERO,
            _ => read_topic_id(&mut reader)?,
        };
        reader.end()?;
        Ok(OffsetCommitValue {
            offset,
            leader_epoch,
            metadata,
            commit_timestamp,
            expire_timestamp: expire_timestamp.filter(|time| !time.is_none()),
            topic_id,
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        if let Some(expire_timestamp) = self.expire_timestamp {
            return Writer::new(VALUE_VERSION_WITH_EXPIRY)
                .i64(self.offset.get())
                .string(&self.metadata)
                .i64(self.commit_timestamp.get())
                .i64(expire_timestamp.get())
                .finish();
        }
        let writer = Writer::new(VALUE_VERSION)
            .i64(self.offset.get())
            .i32(self.leader_epoch.get())
            .compact_string(&self.metadata)
            .i64(self.commit_timestamp.get());
        if self.topic_id == TopicId::ZERO {
            return writer.unsigned_varint(0).finish();
        }
        writer
            .unsigned_varint(1)
            .unsigned_varint(u64::from(TOPIC_ID_TAG))
            .unsigned_varint(16)
            .raw(self.topic_id.as_bytes())
            .finish()
    }
}

fn read_topic_id(reader: &mut Reader<'_>) -> Result<TopicId, RecordError> {
    let mut topic_id = TopicId::ZERO;
    reader.tagged_fields(|tag, bytes| {
        if tag == TOPIC_ID_TAG {
            let length = bytes.len() as i64;
            let refusal = RecordError::Length { field: "the topic id", length };
            topic_id = TopicId::from_bytes(bytes.try_into().map_err(|_| refusal)?);
        }
        Ok(())
    })?;
    Ok(topic_id)
}

#[cfg(test)]
mod tests {
    use super::super::{CoordinatorRecord, Decoded};
    use super::*;

    const KEY: &[u8] = b"\0\x01\0\x01g\0\x02to\0\0\0\x07";

    fn value() -> OffsetCommitValue {
        OffsetCommitValue {
            offset: Offset(258),
            leader_epoch: LeaderEpoch(3),
            metadata: "me".into(),
            commit_timestamp: Timestamp(5),
            expire_timestamp: None,
            topic_id: TopicId::from_bytes([9; 16]),
        }
    }

    fn record(value: Option<OffsetCommitValue>) -> CoordinatorRecord {
        let topic = TopicName::new("to").unwrap();
        let key = OffsetCommitKey { group: "g".into(), topic, partition: PartitionIndex(7) };
        CoordinatorRecord::OffsetCommit { key, value }
    }

    /// Checks what bytes of a value mean.
    #[track_caller]
    fn check(bytes: &[u8], expected: OffsetCommitValue) {
        let decoded = CoordinatorRecord::decode(KEY, Some(bytes));
        assert_eq!(decoded, Ok(Decoded::Known(record(Some(expected)))));
    }

    #[test]
    fn the_newest_version_is_written_and_read() {
        let bytes = [
            b"\0\x04\0\0\0\0\0\0\x01\x02\0\0\0\x03\x03me\0\0\0\0\0\0\0\x05\x01\0\x10".as_slice(),
            &[9; 16],
        ];
        let bytes = bytes.concat();
        assert_eq!(record(Some(value())).encode_key(), KEY);
        assert_eq!(record(Some(value())).encode_value().unwrap(), bytes);
        check(&bytes, value());
    }

    #[test]
    fn a_commit_by_name_has_no_topic_id() {
        let value = OffsetCommitValue { topic_id: TopicId::ZERO, ..value() };
        let bytes = b"\0\x04\0\0\0\0\0\0\x01\x02\0\0\0\x03\x03me\0\0\0\0\0\0\0\x05\0";
        assert_eq!(record(Some(value.clone())).encode_value().unwrap(), bytes);
        check(bytes, value);
    }

    #[test]
    fn a_commit_with_its_own_expiry_is_written_in_the_version_that_has_one() {
        let value = OffsetCommitValue {
            leader_epoch: LeaderEpoch::NONE,
            expire_timestamp: Some(Timestamp(6)),
            topic_id: TopicId::ZERO,
            ..value()
        };
        let bytes = b"\0\x01\0\0\0\0\0\0\x01\x02\0\x02me\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x06";
        assert_eq!(record(Some(value.clone())).encode_value().unwrap(), bytes);
        check(bytes, value);
    }

    #[test]
    fn every_older_version_is_read() {
        let value = OffsetCommitValue { topic_id: TopicId::ZERO, ..value() };
        check(b"\0\x03\0\0\0\0\0\0\x01\x02\0\0\0\x03\0\x02me\0\0\0\0\0\0\0\x05", value.clone());
        let value = OffsetCommitValue { leader_epoch: LeaderEpoch::NONE, ..value };
        check(b"\0\x02\0\0\0\0\0\0\x01\x02\0\x02me\0\0\0\0\0\0\0\x05", value.clone());
        check(b"\0\0\0\0\0\0\0\0\x01\x02\0\x02me\0\0\0\0\0\0\0\x05", value.clone());
        let never =
            b"\0\x01\0\0\0\0\0\0\x01\x02\0\x02me\0\0\0\0\0\0\0\x05\xff\xff\xff\xff\xff\xff\xff\xff";
        check(never, value);
    }

    #[test]
    fn an_unknown_tagged_field_is_skipped() {
        let value = OffsetCommitValue { topic_id: TopicId::ZERO, ..value() };
        check(b"\0\x04\0\0\0\0\0\0\x01\x02\0\0\0\x03\x03me\0\0\0\0\0\0\0\x05\x01\x05\x01x", value);
    }

    #[test]
    fn a_legacy_key_and_a_tombstone_are_read() {
        let legacy = [b"\0\0", &KEY[2..]].concat();
        let decoded = CoordinatorRecord::decode(&legacy, None);
        assert_eq!(decoded, Ok(Decoded::Known(record(None))));
        assert_eq!(record(None).encode_value(), None);
    }

    #[test]
    fn every_prefix_is_refused() {
        let bytes = record(Some(value())).encode_value().unwrap();
        for length in 0..bytes.len() {
            let refused = CoordinatorRecord::decode(KEY, Some(&bytes[..length]));
            assert!(refused.is_err(), "{length} bytes");
        }
        for length in 0..KEY.len() {
            assert!(CoordinatorRecord::decode(&KEY[..length], None).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn newer_versions_and_trailing_bytes_are_refused() {
        let refused = RecordError::ValueVersion { kind: "a committed offset", version: 5 };
        assert_eq!(CoordinatorRecord::decode(KEY, Some(&[0, 5])), Err(refused));
        let key = [KEY, &[0]].concat();
        assert_eq!(CoordinatorRecord::decode(&key, None), Err(RecordError::Trailing { bytes: 1 }));
    }

    #[test]
    fn a_topic_that_cannot_exist_is_refused() {
        let refused = RecordError::TopicName { name: "t/".into() };
        let key = b"\0\x01\0\x01g\0\x02t/\0\0\0\x07";
        assert_eq!(CoordinatorRecord::decode(key, None), Err(refused));
    }
}
