//! Control records, which brokers write for themselves: above all the markers that end a
//! transaction on a partition (KIP-98).

use thiserror::Error;

use crate::batch::BatchView;
use crate::builder::BatchBuilder;
use crate::compression::Codec;
use crate::ids::{LeaderEpoch, ProducerEpoch, ProducerId, Sequence};
use crate::offset::Offset;
use crate::record::{RecordError, RecordIter};
use crate::time::Timestamp;

/// What a control record says: the second number of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum ControlType {
    /// The producer's transaction is undone.
    Abort = 0,
    /// The producer's transaction counts.
    Commit = 1,
    /// A quorum has a new leader.
    LeaderChange = 2,
    /// A snapshot begins.
    SnapshotHeader = 3,
    /// A snapshot ends.
    SnapshotFooter = 4,
    /// The quorum's protocol version.
    KRaftVersion = 5,
    /// The quorum's voters.
    KRaftVoters = 6,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionOutcome {
    /// Its records do not count.
    Abort,
    /// Its records count.
    Commit,
}

/// The end of one producer's transaction on one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionMarker {
    /// How it ended.
    pub outcome: TransactionOutcome,
    /// The epoch of the coordinator that decided; an older one's markers are refused.
    pub coordinator_epoch: i32,
}

/// Which rules a transaction follows: Kafka's feature `transaction.version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionVersion {
    /// Versions 0 and 1: an epoch lasts as long as its producer.
    Classic,
    /// Version 2 (KIP-890): every end of a transaction raises the producer's epoch.
    EpochPerTransaction,
}

impl TransactionVersion {
    /// The rules of a version as Kafka numbers them; later ones follow those of version 2.
    pub const fn from_number(number: i8) -> TransactionVersion {
        if number < 2 {
            TransactionVersion::Classic
        } else {
            TransactionVersion::EpochPerTransaction
        }
    }

    /// The number of the version; version 1 is told as 0, which differs in nothing.
    pub const fn number(self) -> i8 {
        match self {
            TransactionVersion::Classic => 0,
            TransactionVersion::EpochPerTransaction => 2,
        }
    }

    /// Whether the end of a transaction raises the epoch.
    pub const fn bumps_epoch(self) -> bool {
        matches!(self, TransactionVersion::EpochPerTransaction)
    }
}

/// Why a control batch cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ControlError {
    /// The batch has no record, or more than one.
    #[error("a control batch has one record, not {count}")]
    RecordCount {
        /// How many there are.
        count: i32,
    },
    /// The records of the batch are compressed, which brokers never do.
    #[error("a control batch is not compressed")]
    Compressed,
    /// The record cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The key is not a version and a type.
    #[error("the key of a control record is a version and a type")]
    Key,
    /// The value of a marker is not a version and an epoch.
    #[error("the value of a transaction marker is a version and a coordinator epoch")]
    Value,
}

const KEY_VERSION: i16 = 0;
const MARKER_VERSION: i16 = 0;

impl ControlType {
    /// The type with this number; later versions of Kafka may add some.
    pub const fn from_number(number: i16) -> Option<ControlType> {
        match number {
            0 => Some(ControlType::Abort),
            1 => Some(ControlType::Commit),
            2 => Some(ControlType::LeaderChange),
            3 => Some(ControlType::SnapshotHeader),
            4 => Some(ControlType::SnapshotFooter),
            5 => Some(ControlType::KRaftVersion),
            6 => Some(ControlType::KRaftVoters),
            _ => None,
        }
    }

    /// The key of a record of this type.
    pub fn key(self) -> [u8; 4] {
        let mut key = [0; 4];
        key[..2].copy_from_slice(&KEY_VERSION.to_be_bytes());
        key[2..].copy_from_slice(&(self as i16).to_be_bytes());
        key
    }

    /// Reads the key of a control record; none for a type we do not know. Keys of later versions
    /// are read as far as they are alike.
    pub fn of_key(key: Option<&[u8]>) -> Result<Option<ControlType>, ControlError> {
        let (version, rest) = key.and_then(take_i16).ok_or(ControlError::Key)?;
        let (number, _) = take_i16(rest).ok_or(ControlError::Key)?;
        if version < 0 {
            return Err(ControlError::Key);
        }
        Ok(ControlType::from_number(number))
    }
}

impl TransactionMarker {
    /// Writes the batch that a marker is: one offset, outside the producer's sequence.
    pub fn build(
        self,
        producer: (ProducerId, ProducerEpoch),
        timestamp: Timestamp,
        base_offset: Offset,
        leader_epoch: LeaderEpoch,
    ) -> Vec<u8> {
        let control_type = match self.outcome {
            TransactionOutcome::Abort => ControlType::Abort,
            TransactionOutcome::Commit => ControlType::Commit,
        };
        let mut value = [0; 6];
        value[..2].copy_from_slice(&MARKER_VERSION.to_be_bytes());
        value[2..].copy_from_slice(&self.coordinator_epoch.to_be_bytes());
        let mut builder = BatchBuilder::new(Codec::None, None);
        builder.set_producer(producer.0, producer.1, Sequence::NONE);
        builder.set_leader_epoch(leader_epoch);
        builder.set_transactional();
        builder.set_control();
        builder.append(timestamp, Some(&control_type.key()), Some(&value), &[]);
        builder.build(base_offset)
    }

    /// Reads the marker in a batch; none when the batch is not a control batch, has lost its
    /// record to compaction, or says something else.
    pub fn of_batch(batch: &BatchView<'_>) -> Result<Option<TransactionMarker>, ControlError> {
        if !batch.is_control() || batch.record_count() == 0 {
            return Ok(None);
        }
        if batch.codec() != Some(Codec::None) {
            return Err(ControlError::Compressed);
        }
        let record = RecordIter::new(batch.header(), batch.payload())
            .next()
            .ok_or(ControlError::RecordCount { count: 0 })??;
        let outcome = match ControlType::of_key(record.key)? {
            Some(ControlType::Abort) => TransactionOutcome::Abort,
            Some(ControlType::Commit) => TransactionOutcome::Commit,
            Some(
                ControlType::LeaderChange
                | ControlType::SnapshotHeader
                | ControlType::SnapshotFooter
                | ControlType::KRaftVersion
                | ControlType::KRaftVoters,
            )
            | None => return Ok(None),
        };
        if batch.record_count() != 1 {
            return Err(ControlError::RecordCount { count: batch.record_count() });
        }
        let (version, rest) = record.value.and_then(take_i16).ok_or(ControlError::Value)?;
        let epoch = rest.first_chunk().filter(|_| version >= 0).ok_or(ControlError::Value)?;
        let coordinator_epoch = i32::from_be_bytes(*epoch);
        Ok(Some(TransactionMarker { outcome, coordinator_epoch }))
    }
}

fn take_i16(bytes: &[u8]) -> Option<(i16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((i16::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(bytes: &[u8]) -> BatchView<'_> {
        BatchView::parse(bytes).unwrap().0
    }

    #[test]
    fn a_marker_survives_its_batch() {
        for outcome in [TransactionOutcome::Abort, TransactionOutcome::Commit] {
            let marker = TransactionMarker { outcome, coordinator_epoch: 17 };
            let producer = (ProducerId(5), ProducerEpoch(3));
            let bytes = marker.build(producer, Timestamp(99), Offset(1000), LeaderEpoch(2));
            let batch = view(&bytes);
            assert_eq!(batch.verify_crc(), Ok(()));
            assert!(batch.is_control() && batch.is_transactional());
            assert_eq!((batch.producer_id(), batch.producer_epoch()), producer);
            assert_eq!(
                (batch.base_sequence(), batch.last_sequence()),
                (Sequence(-1), Sequence(-1))
            );
            assert_eq!((batch.base_offset(), batch.next_offset()), (Offset(1000), Offset(1001)));
            assert_eq!(
                (batch.leader_epoch(), batch.max_timestamp()),
                (LeaderEpoch(2), Timestamp(99))
            );
            assert_eq!(TransactionMarker::of_batch(&batch), Ok(Some(marker)));
        }
    }

    #[test]
    fn the_bytes_of_a_marker_are_those_of_kafka() {
        let marker =
            TransactionMarker { outcome: TransactionOutcome::Commit, coordinator_epoch: 0x0102 };
        let producer = (ProducerId(5), ProducerEpoch(3));
        let bytes = marker.build(producer, Timestamp(99), Offset(0), LeaderEpoch(0));
        let record = [32, 0, 0, 0, 8, 0, 0, 0, 1, 12, 0, 0, 0, 0, 1, 2, 0];
        assert_eq!(view(&bytes).payload(), record);
    }

    fn control_batch(key: Option<&[u8]>, value: Option<&[u8]>, count: usize) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Codec::None, None);
        builder.set_control();
        for _ in 0..count {
            builder.append(Timestamp(0), key, value, &[]);
        }
        builder.build(Offset(0))
    }

    #[test]
    fn batches_that_are_no_marker_are_passed_over() {
        let mut builder = BatchBuilder::new(Codec::None, None);
        builder.append(Timestamp(0), Some(&ControlType::Commit.key()), None, &[]);
        assert_eq!(TransactionMarker::of_batch(&view(&builder.build(Offset(0)))), Ok(None));
        let leader_change = control_batch(Some(&ControlType::LeaderChange.key()), None, 1);
        assert_eq!(TransactionMarker::of_batch(&view(&leader_change)), Ok(None));
        let unknown = control_batch(Some(&[0, 0, 0, 99]), None, 1);
        assert_eq!(TransactionMarker::of_batch(&view(&unknown)), Ok(None));
        let marker = control_batch(Some(&ControlType::Abort.key()), Some(&[0; 6]), 1);
        let mut emptied = BatchBuilder::in_place_of(view(&marker).header(), None).unwrap();
        assert_eq!(TransactionMarker::of_batch(&view(&emptied.build(Offset(0)))), Ok(None));
    }

    #[test]
    fn damaged_markers_are_refused() {
        let check = |key: Option<&[u8]>, value: Option<&[u8]>, count, error| {
            let bytes = control_batch(key, value, count);
            assert_eq!(TransactionMarker::of_batch(&view(&bytes)), Err(error));
        };
        let key = ControlType::Abort.key();
        check(None, Some(&[0; 6]), 1, ControlError::Key);
        check(Some(&key[..3]), Some(&[0; 6]), 1, ControlError::Key);
        check(Some(&[0xff, 0xff, 0, 0]), Some(&[0; 6]), 1, ControlError::Key);
        check(Some(&key), None, 1, ControlError::Value);
        check(Some(&key), Some(&[0; 5]), 1, ControlError::Value);
        check(Some(&key), Some(&[0xff; 6]), 1, ControlError::Value);
        check(Some(&key), Some(&[0; 6]), 2, ControlError::RecordCount { count: 2 });
        let mut builder = BatchBuilder::new(Codec::Gzip, None);
        builder.set_control();
        builder.append(Timestamp(0), Some(&key), Some(&[0; 6]), &[]);
        let compressed = builder.build(Offset(0));
        let error = TransactionMarker::of_batch(&view(&compressed)).unwrap_err();
        assert_eq!(error, ControlError::Compressed);
    }
}
