//! The record of a transactional id in `__transaction_state`: `TransactionLogKey` and
//! `TransactionLogValue`. Formats: Kafka's transaction-coordinator schemas.

use std::collections::{BTreeMap, BTreeSet};

use corelog_model::control::TransactionVersion;
use corelog_model::{PartitionIndex, ProducerEpoch, ProducerId, Timestamp, TopicName};

use super::reader::Reader;
use super::writer::Writer;
use super::{Decoded, RecordError};
use crate::offsets::TopicPartition;
use crate::transactions::TransactionState;

/// The only kind of record there is.
const KEY_VERSION: i16 = 0;
/// What Kafka 4.1 writes: the first flexible version.
const VALUE_VERSION: i16 = 1;

const PREVIOUS_PRODUCER_ID_TAG: u32 = 0;
const NEXT_PRODUCER_ID_TAG: u32 = 1;
const VERSION_TAG: u32 = 2;

/// One record of `__transaction_state`. Without a value it removes the transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRecord {
    /// The transactional id.
    pub transactional_id: String,
    /// What is known about it.
    pub value: Option<TransactionValue>,
}

/// A transactional id: its producer, and its transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionValue {
    /// Whom the transactional id stands for.
    pub producer_id: ProducerId,
    /// Who it was before, or [`ProducerId::NONE`].
    pub previous_producer_id: ProducerId,
    /// Who it will be once the transaction is complete, as its epochs are used up; or
    /// [`ProducerId::NONE`].
    pub next_producer_id: ProducerId,
    /// The epoch of the producer, or [`ProducerEpoch::NONE`] before the first.
    pub producer_epoch: ProducerEpoch,
    /// How long a transaction may take, in milliseconds.
    pub timeout_ms: i32,
    /// What the transaction is doing.
    pub state: TransactionState,
    /// The partitions that have yet to be told the outcome.
    pub partitions: BTreeSet<TopicPartition>,
    /// When this was decided.
    pub updated_at: Timestamp,
    /// When the transaction began, or [`Timestamp::NONE`].
    pub started_at: Timestamp,
    /// How the producer speaks.
    pub version: TransactionVersion,
}

impl TransactionRecord {
    /// Reads a record of the log.
    pub fn decode(
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<Decoded<TransactionRecord>, RecordError> {
        let mut reader = Reader::new(key);
        let key_version = reader.i16("the version of the key")?;
        if key_version != KEY_VERSION {
            return Ok(Decoded::Unknown { key_version });
        }
        let transactional_id = reader.string("the transactional id")?;
        reader.end()?;
        let value = value.map(TransactionValue::decode).transpose()?;
        Ok(Decoded::Known(TransactionRecord { transactional_id, value }))
    }

    /// The bytes of the key.
    pub fn encode_key(&self) -> Vec<u8> {
        Writer::new(KEY_VERSION).string(&self.transactional_id).finish()
    }

    /// The bytes of the value; none for a tombstone.
    pub fn encode_value(&self) -> Option<Vec<u8>> {
        self.value.as_ref().map(TransactionValue::encode)
    }
}

impl TransactionValue {
    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(bytes);
        let version = reader.i16("the version of the value")?;
        if !(0..=VALUE_VERSION).contains(&version) {
            return Err(RecordError::ValueVersion { kind: "a transactional id", version });
        }
        let mut value = TransactionValue {
            producer_id: ProducerId(reader.i64("the producer id")?),
            previous_producer_id: ProducerId::NONE,
            next_producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch(reader.i16("the producer epoch")?),
            timeout_ms: reader.i32("the timeout")?,
            state: read_state(&mut reader)?,
            partitions: match version {
                0 => read_partitions(&mut reader)?,
                _ => read_compact_partitions(&mut reader)?,
            },
            updated_at: Timestamp(reader.i64("the time of the update")?),
            started_at: Timestamp(reader.i64("the time of the start")?),
            version: TransactionVersion::Classic,
        };
        if version > 0 {
            reader.tagged_fields(|tag, bytes| value.read_tagged(tag, bytes))?;
        }
        reader.end()?;
        Ok(value)
    }

    fn read_tagged(&mut self, tag: u32, bytes: &[u8]) -> Result<(), RecordError> {
        let mut reader = Reader::new(bytes);
        match tag {
            PREVIOUS_PRODUCER_ID_TAG => {
                self.previous_producer_id = ProducerId(reader.i64("the previous producer id")?);
            }
            NEXT_PRODUCER_ID_TAG => {
                self.next_producer_id = ProducerId(reader.i64("the next producer id")?);
            }
            VERSION_TAG => {
                let number = reader.i16("the version of transactions")?;
                let number = i8::try_from(number).unwrap_or(i8::MAX);
                self.version = TransactionVersion::from_number(number);
            }
            _ => return Ok(()),
        }
        reader.end()
    }

    fn encode(&self) -> Vec<u8> {
        let mut topics: BTreeMap<&TopicName, Vec<i32>> = BTreeMap::new();
        for (topic, partition) in &self.partitions {
            topics.entry(topic).or_default().push(partition.get());
        }
        let writer = Writer::new(VALUE_VERSION)
            .i64(self.producer_id.get())
            .i16(self.producer_epoch.get())
            .i32(self.timeout_ms)
            .raw(&self.state.number().to_be_bytes());
        let writer = match self.state {
            // Kafka writes none as null here and only here.
            TransactionState::Empty => writer.unsigned_varint(0),
            _ => writer.compact_list(topics.into_iter(), |writer, (topic, partitions)| {
                writer
                    .compact_string(topic.as_str())
                    .compact_list(partitions.into_iter(), Writer::i32)
                    .unsigned_varint(0)
            }),
        };
        let writer = writer.i64(self.updated_at.get()).i64(self.started_at.get());
        let ids = [
            (PREVIOUS_PRODUCER_ID_TAG, self.previous_producer_id),
            (NEXT_PRODUCER_ID_TAG, self.next_producer_id),
        ];
        let ids = ids.into_iter().filter(|(_, id)| *id != ProducerId::NONE);
        let mut tagged: Vec<_> =
            ids.map(|(tag, id)| (tag, id.get().to_be_bytes().to_vec())).collect();
        if self.version != TransactionVersion::Classic {
            tagged.push((VERSION_TAG, i16::from(self.version.number()).to_be_bytes().to_vec()));
        }
        let writer = writer.unsigned_varint(tagged.len() as u64);
        let write = |writer: Writer, (tag, bytes): (u32, Vec<u8>)| {
            let length = bytes.len() as u64;
            writer.unsigned_varint(u64::from(tag)).unsigned_varint(length).raw(&bytes)
        };
        tagged.into_iter().fold(writer, write).finish()
    }
}

fn read_state(reader: &mut Reader<'_>) -> Result<TransactionState, RecordError> {
    let state = reader.i8("the state")?;
    TransactionState::from_number(state).ok_or(RecordError::TransactionState { state })
}

fn read_partitions(reader: &mut Reader<'_>) -> Result<BTreeSet<TopicPartition>, RecordError> {
    let mut partitions = BTreeSet::new();
    let topics = reader.nullable_list("the topics", |reader| {
        let topic = reader.topic("the topic")?;
        let indexes = reader.list("the partitions", |reader| reader.i32("the partition"))?;
        partitions.extend(indexes.into_iter().map(|index| (topic.clone(), PartitionIndex(index))));
        Ok(())
    });
    topics.map(|_| partitions)
}

fn read_compact_partitions(
    reader: &mut Reader<'_>,
) -> Result<BTreeSet<TopicPartition>, RecordError> {
    let mut partitions = BTreeSet::new();
    let topics = reader.compact_nullable_list("the topics", |reader| {
        let topic = reader.compact_topic("the topic")?;
        let indexes =
            reader.compact_list("the partitions", |reader| reader.i32("the partition"))?;
        partitions.extend(indexes.into_iter().map(|index| (topic.clone(), PartitionIndex(index))));
        reader.tagged_fields(|_, _| Ok(()))
    });
    topics.map(|_| partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"\0\0\0\x01x";

    fn value() -> TransactionValue {
        let topic = |name| TopicName::new(name).unwrap();
        let partitions = [("t", 1), ("t", 2), ("u", 0)];
        let partitions = partitions.map(|(name, index)| (topic(name), PartitionIndex(index)));
        TransactionValue {
            producer_id: ProducerId(258),
            previous_producer_id: ProducerId::NONE,
            next_producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch(3),
            timeout_ms: 60_000,
            state: TransactionState::Ongoing,
            partitions: BTreeSet::from(partitions),
            updated_at: Timestamp(5),
            started_at: Timestamp(4),
            version: TransactionVersion::Classic,
        }
    }

    fn record(value: Option<TransactionValue>) -> TransactionRecord {
        TransactionRecord { transactional_id: "x".into(), value }
    }

    /// Checks what bytes of a value mean.
    #[track_caller]
    fn check(bytes: &[u8], expected: TransactionValue) {
        let decoded = TransactionRecord::decode(KEY, Some(bytes));
        assert_eq!(decoded, Ok(Decoded::Known(record(Some(expected)))));
    }

    const HEAD: &[u8] = b"\0\0\0\0\0\0\x01\x02\0\x03\0\0\xea\x60";
    const TIMES: &[u8] = b"\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x04";

    #[test]
    fn the_newest_version_is_written_and_read() {
        let partitions = b"\x01\x03\x02t\x03\0\0\0\x01\0\0\0\x02\0\x02u\x02\0\0\0\0\0".as_slice();
        let bytes = [b"\0\x01", HEAD, partitions, TIMES, b"\0"].concat();
        assert_eq!(record(Some(value())).encode_key(), KEY);
        assert_eq!(record(Some(value())).encode_value().unwrap(), bytes);
        check(&bytes, value());
    }

    #[test]
    fn ids_and_the_version_are_tagged() {
        let value = TransactionValue {
            previous_producer_id: ProducerId(7),
            next_producer_id: ProducerId(8),
            state: TransactionState::Empty,
            partitions: BTreeSet::new(),
            version: TransactionVersion::EpochPerTransaction,
            ..value()
        };
        let tagged = b"\x03\0\x08\0\0\0\0\0\0\0\x07\x01\x08\0\0\0\0\0\0\0\x08\x02\x02\0\x02";
        let bytes = [b"\0\x01", HEAD, b"\0\0".as_slice(), TIMES, tagged].concat();
        assert_eq!(record(Some(value.clone())).encode_value().unwrap(), bytes);
        check(&bytes, value);
    }

    #[test]
    fn the_older_version_is_read() {
        let partitions =
            b"\x01\0\0\0\x02\0\x01t\0\0\0\x02\0\0\0\x01\0\0\0\x02\0\x01u\0\0\0\x01\0\0\0\0";
        check(&[b"\0\0", HEAD, partitions.as_slice(), TIMES].concat(), value());
        let value = TransactionValue {
            state: TransactionState::Empty,
            partitions: BTreeSet::new(),
            ..value()
        };
        check(&[b"\0\0", HEAD, b"\0\xff\xff\xff\xff".as_slice(), TIMES].concat(), value);
    }

    #[test]
    fn tombstones_and_other_kinds_are_told() {
        assert_eq!(record(None).encode_value(), None);
        let decoded = TransactionRecord::decode(KEY, None);
        assert_eq!(decoded, Ok(Decoded::Known(record(None))));
        let decoded = TransactionRecord::decode(b"\0\x01\0\x01x", None);
        assert_eq!(decoded, Ok(Decoded::Unknown { key_version: 1 }));
    }

    #[test]
    fn every_prefix_is_refused() {
        let value =
            TransactionValue { version: TransactionVersion::EpochPerTransaction, ..value() };
        let bytes = record(Some(value)).encode_value().unwrap();
        for length in 0..bytes.len() {
            let refused = TransactionRecord::decode(KEY, Some(&bytes[..length]));
            assert!(refused.is_err(), "{length} bytes");
        }
        for length in 0..KEY.len() {
            assert!(TransactionRecord::decode(&KEY[..length], None).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn states_and_versions_of_the_format_that_are_not_known_are_refused() {
        let refusal = |bytes: &[u8]| TransactionRecord::decode(KEY, Some(bytes)).unwrap_err();
        let version = RecordError::ValueVersion { kind: "a transactional id", version: 2 };
        assert_eq!(refusal(b"\0\x02"), version);
        let bytes = [b"\0\x01", HEAD, b"\x06\0".as_slice(), TIMES, b"\0"].concat();
        assert_eq!(refusal(&bytes), RecordError::TransactionState { state: 6 });
    }

    #[test]
    fn unknown_tagged_fields_are_skipped() {
        let next_epoch = b"\x01\x03\x02\0\x09";
        let bytes = [b"\0\x01", HEAD, b"\x01\x01".as_slice(), TIMES, next_epoch].concat();
        check(&bytes, TransactionValue { partitions: BTreeSet::new(), ..value() });
    }
}
