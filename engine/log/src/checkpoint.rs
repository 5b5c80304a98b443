//! The checkpoint: one small file per core, replaced atomically, that says for each partition up to
//! where its segments are durable, and where in the journal replay begins. docs/storage-format.md
//! draws it.

use std::collections::BTreeMap;
use std::path::Path;

use corelog_io::{BLOCK, IoError, read_file, write_file_atomically};
use corelog_model::{
    LeaderEpoch, Offset, PartitionId, PartitionIndex, ProducerEpoch, ProducerId, Sequence,
    Timestamp, TopicId,
};

use crate::aborted::{ABORTED_ENTRY_LEN, AbortedStamp};
use crate::index::IndexStamp;
use crate::journal::{FileSequence, FrameSequence};
use crate::producers::{ProducedBatch, ProducerState, ProducerTable};

const MAGIC: &[u8; 4] = b"CLCP";
const VERSION: u16 = 3;
/// It has no departures.
const VERSION_OLDEST: u16 = 2;
/// Numbers and positions stay below, so that counting on never overflows.
const NUMBER_END: u64 = 1 << 62;
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Up to where the segments of a partition are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveryPoint {
    /// Base offset of the newest segment; older ones are complete.
    pub segment: Offset,
    /// Bytes of it that are durable in the file and never written again: whole blocks.
    pub durable: u64,
    /// Its bytes including the partial block behind them, which the checkpoint itself holds.
    pub size: u64,
    /// The offset after the last record below `size`.
    pub end: Offset,
}

impl RecoveryPoint {
    /// That of a partition without data.
    pub const ZERO: Self = Self { segment: Offset::ZERO, durable: 0, size: 0, end: Offset::ZERO };

    /// Whether a partition with a partial block of `block_len` bytes can stand here.
    fn check(&self, block_len: usize) -> Result<(), &'static str> {
        if BLOCK <= block_len || !self.durable.is_multiple_of(BLOCK as u64) {
            return Err("a partial block is not one");
        }
        if self.durable.checked_add(block_len as u64) != Some(self.size) {
            return Err("a partial block does not end where its segment does");
        }
        if NUMBER_END <= self.size {
            return Err("a segment is too long");
        }
        if self.segment < Offset::ZERO || self.end < self.segment {
            return Err("a segment does not begin at or below its end");
        }
        Ok(())
    }
}

/// What the checkpoint says of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionCheckpoint {
    /// Which one.
    pub partition: PartitionId,
    /// The journal frame in which it was created: entries in earlier ones are of another partition
    /// with this id.
    pub born: FrameSequence,
    /// Records below are deleted.
    pub log_start: Offset,
    /// Where its segments stand.
    pub recovery: RecoveryPoint,
    /// Leader epochs and where they began.
    pub epochs: Vec<(LeaderEpoch, Offset)>,
    /// What the index files of the newest segment begin with.
    pub index: IndexStamp,
    /// What its index of aborted transactions begins with.
    pub aborted: AbortedStamp,
    /// Its idempotent producers as of `recovery.end`.
    pub producers: ProducerTable,
    /// The bytes from `recovery.durable` to `recovery.size`, fewer than a block. They are here so
    /// that the block can be written again in its place, torn or not, without risk to what was
    /// acknowledged.
    pub block: Vec<u8>,
}

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The journal file where replay begins.
    pub journal_file: FileSequence,
    /// The first frame of that file.
    pub journal_frame: FrameSequence,
    /// Every partition that had data, in id order.
    pub partitions: Vec<PartitionCheckpoint>,
    /// Partitions that went to another core, and the frame in which they were gone: entries in
    /// earlier ones mean nothing any more, whether or not the partition is back.
    pub departures: BTreeMap<PartitionId, FrameSequence>,
}

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The disk refused.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The bytes are not a checkpoint of this format.
    #[error("the checkpoint {path} is damaged: {why}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Checkpoint {
    /// Reads the file; `None` if there is none yet.
    pub async fn load(path: &Path) -> Result<Option<Self>, CheckpointError> {
        let bytes = match read_file(path, FILE_BYTES_MAX).await {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let damaged = |why| CheckpointError::Damaged { path: path.display().to_string(), why };
        Self::decode(&bytes).map(Some).map_err(damaged)
    }

    /// Replaces the file and makes it durable.
    pub async fn store(&self, path: &Path) -> Result<(), IoError> {
        write_file_atomically(path, &self.encode()).await
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.partitions.len() * 128);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        put_u64(&mut out, self.journal_file.0);
        put_u64(&mut out, self.journal_frame.0);
        put_u32(&mut out, self.partitions.len() as u32);
        for partition in &self.partitions {
            encode_partition(&mut out, partition);
        }
        put_u32(&mut out, self.departures.len() as u32);
        for (partition, frame) in &self.departures {
            out.extend_from_slice(partition.topic.as_bytes());
            put_i32(&mut out, partition.index.0);
            put_u64(&mut out, frame.0);
        }
        let crc = crc32c::crc32c(&out);
        put_u32(&mut out, crc);
        out
    }

    /// Reads what `encode` wrote; otherwise says what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let Some((body, crc)) = bytes.split_last_chunk::<4>() else {
            return Err("it is too short");
        };
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return Err("its checksum does not hold");
        }
        let mut input = Input { bytes: body };
        if input.take(4)? != MAGIC {
            return Err("it is not a checkpoint");
        }
        let version = u16::from_le_bytes(input.array()?);
        if !(VERSION_OLDEST..=VERSION).contains(&version) {
            return Err("its format is not known to this program");
        }
        let journal_file = FileSequence(input.u64()?);
        let journal_frame = FrameSequence(input.u64()?);
        if NUMBER_END <= journal_file.0.max(journal_frame.0) {
            return Err("its place in the journal is impossible");
        }
        let count = input.u32()?;
        let mut partitions = Vec::new();
        for _ in 0..count {
            partitions.push(input.partition()?);
        }
        let mut departures = BTreeMap::new();
        let count = if version == VERSION_OLDEST { 0 } else { input.u32()? };
        for _ in 0..count {
            departures.insert(input.partition_id()?, FrameSequence(input.u64()?));
        }
        if !input.bytes.is_empty() {
            return Err("bytes are left over");
        }
        Ok(Self { journal_file, journal_frame, partitions, departures })
    }
}

fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_i32(out: &mut Vec<u8>, value: i32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn encode_partition(out: &mut Vec<u8>, partition: &PartitionCheckpoint) {
    out.extend_from_slice(partition.partition.topic.as_bytes());
    put_i32(out, partition.partition.index.0);
    put_u64(out, partition.born.0);
    put_i64(out, partition.log_start.0);
    put_i64(out, partition.recovery.segment.0);
    put_u64(out, partition.recovery.durable);
    put_u64(out, partition.recovery.size);
    put_i64(out, partition.recovery.end.0);
    put_u32(out, partition.block.len() as u32);
    out.extend_from_slice(&partition.block);
    put_u32(out, partition.index.offsets);
    put_u32(out, partition.index.times);
    put_u32(out, partition.index.crc);
    put_u32(out, partition.aborted.count);
    put_u32(out, partition.aborted.crc);
    put_u32(out, partition.aborted.block.len() as u32);
    out.extend_from_slice(&partition.aborted.block);
    put_u32(out, partition.epochs.len() as u32);
    for (epoch, start) in &partition.epochs {
        put_i32(out, epoch.0);
        put_i64(out, start.0);
    }
    put_u32(out, partition.producers.iter().len() as u32);
    for (producer, state) in partition.producers.iter() {
        put_i64(out, producer.0);
        put_i32(out, i32::from(state.epoch.0));
        put_i64(out, state.last_append.0);
        put_i64(out, state.open_since.unwrap_or(Offset::NONE).0);
        put_i32(out, state.coordinator_epoch);
        put_u32(out, state.batches.len() as u32);
        for batch in &state.batches {
            put_i32(out, batch.first_sequence.0);
            put_i32(out, batch.last_sequence.0);
            put_i64(out, batch.base_offset.0);
            put_i64(out, batch.last_offset.0);
            put_i64(out, batch.timestamp.0);
        }
    }
}

struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or("it is cut short")?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        Ok(self.take(N)?.try_into().expect("exactly N bytes were taken"))
    }

    fn u64(&mut self) -> Result<u64, &'static str> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn i64(&mut self) -> Result<i64, &'static str> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, &'static str> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn i32(&mut self) -> Result<i32, &'static str> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    fn partition_id(&mut self) -> Result<PartitionId, &'static str> {
        let topic = TopicId::from_bytes(self.array()?);
        Ok(PartitionId { topic, index: PartitionIndex(self.i32()?) })
    }

    fn partition(&mut self) -> Result<PartitionCheckpoint, &'static str> {
        let partition = self.partition_id()?;
        let born = FrameSequence(self.u64()?);
        let log_start = Offset(self.i64()?);
        let recovery = RecoveryPoint {
            segment: Offset(self.i64()?),
            durable: self.u64()?,
            size: self.u64()?,
            end: Offset(self.i64()?),
        };
        let block_len = self.u32()? as usize;
        recovery.check(block_len)?;
        if log_start < Offset::ZERO {
            return Err("a log starts at a negative offset");
        }
        let block = self.take(block_len)?.to_vec();
        let index = IndexStamp { offsets: self.u32()?, times: self.u32()?, crc: self.u32()? };
        let aborted = self.aborted()?;
        let mut epochs = Vec::new();
        for _ in 0..self.u32()? {
            epochs.push((LeaderEpoch(self.i32()?), Offset(self.i64()?)));
        }
        let mut producers = ProducerTable::default();
        for _ in 0..self.u32()? {
            let producer = ProducerId(self.i64()?);
            if !producers.restore(producer, self.producer()?) {
                return Err("producers are in disorder");
            }
        }
        Ok(PartitionCheckpoint {
            partition,
            born,
            log_start,
            recovery,
            epochs,
            index,
            aborted,
            producers,
            block,
        })
    }

    fn aborted(&mut self) -> Result<AbortedStamp, &'static str> {
        let (count, crc) = (self.u32()?, self.u32()?);
        let len = self.u32()? as usize;
        if len != count as usize * ABORTED_ENTRY_LEN % BLOCK {
            return Err("aborted transactions do not fill whole blocks and the rest");
        }
        Ok(AbortedStamp { count, crc, block: self.take(len)?.to_vec() })
    }

    fn producer(&mut self) -> Result<ProducerState, &'static str> {
        let epoch = i16::try_from(self.i32()?).map_err(|_| "a producer epoch is out of range")?;
        let last_append = Timestamp(self.i64()?);
        let open_since = Some(Offset(self.i64()?)).filter(|first| *first >= Offset::ZERO);
        let coordinator_epoch = self.i32()?;
        let mut batches = std::collections::VecDeque::new();
        for _ in 0..self.u32()? {
            batches.push_back(ProducedBatch {
                first_sequence: Sequence(self.i32()?),
                last_sequence: Sequence(self.i32()?),
                base_offset: Offset(self.i64()?),
                last_offset: Offset(self.i64()?),
                timestamp: Timestamp(self.i64()?),
            });
        }
        let epoch = ProducerEpoch(epoch);
        Ok(ProducerState { epoch, batches, last_append, open_since, coordinator_epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let mut producers = ProducerTable::default();
        let batch = ProducedBatch {
            first_sequence: Sequence(3),
            last_sequence: Sequence(9),
            base_offset: Offset(70),
            last_offset: Offset(76),
            timestamp: Timestamp(12),
        };
        let state = ProducerState {
            epoch: ProducerEpoch(2),
            batches: [batch].into(),
            last_append: Timestamp(99),
            open_since: Some(Offset(70)),
            coordinator_epoch: 6,
        };
        assert!(producers.restore(ProducerId(4), state));
        let partition = PartitionCheckpoint {
            partition: PartitionId {
                topic: TopicId::from_bytes([9; 16]),
                index: PartitionIndex(3),
            },
            index: IndexStamp { offsets: 5, times: 2, crc: 77 },
            aborted: AbortedStamp { count: 121, crc: 4, block: vec![7; 18] },
            born: FrameSequence(1_000),
            log_start: Offset(10),
            recovery: RecoveryPoint {
                segment: Offset(50),
                durable: 8192,
                size: 8197,
                end: Offset(77),
            },
            epochs: vec![(LeaderEpoch(0), Offset(0)), (LeaderEpoch(2), Offset(60))],
            producers,
            block: b"block".to_vec(),
        };
        Checkpoint {
            journal_file: FileSequence(7),
            journal_frame: FrameSequence(1234),
            departures: BTreeMap::from([(
                PartitionId::new(TopicId::from_bytes([5; 16]), PartitionIndex(0)),
                FrameSequence(2000),
            )]),
            partitions: vec![partition],
        }
    }

    #[test]
    fn a_checkpoint_survives_the_round_trip() {
        assert_eq!(Checkpoint::decode(&checkpoint().encode()), Ok(checkpoint()));
        assert_eq!(Checkpoint::decode(&Checkpoint::default().encode()), Ok(Checkpoint::default()));
    }

    #[test]
    fn a_checkpoint_of_the_format_before_has_no_departures() {
        let known = Checkpoint { departures: BTreeMap::new(), ..checkpoint() };
        let mut bytes = known.encode();
        bytes.truncate(bytes.len() - 8);
        bytes[4] = 2;
        let crc = crc32c::crc32c(&bytes);
        put_u32(&mut bytes, crc);
        assert_eq!(Checkpoint::decode(&bytes), Ok(known));
    }

    #[test]
    fn a_place_where_no_partition_can_stand_is_refused() {
        let check = |change: fn(&mut PartitionCheckpoint), expected: &'static str| {
            let mut bad = checkpoint();
            change(&mut bad.partitions[0]);
            assert_eq!(Checkpoint::decode(&bad.encode()), Err(expected));
        };
        let ends = "a partial block does not end where its segment does";
        check(|known| known.recovery.size += 1, ends);
        check(|known| known.recovery.durable = u64::MAX - 4095, ends);
        check(|known| known.recovery.durable += 1, "a partial block is not one");
        check(|known| known.block = vec![0; 4096], "a partial block is not one");
        let order = "a segment does not begin at or below its end";
        check(|known| known.recovery.end = Offset(49), order);
        check(|known| known.recovery.segment = Offset(-1), order);
        check(|known| known.log_start = Offset(-1), "a log starts at a negative offset");
        check(
            |known| (known.recovery.durable, known.recovery.size) = (1 << 62, (1 << 62) + 5),
            "a segment is too long",
        );
        let rest = "aborted transactions do not fill whole blocks and the rest";
        check(|known| known.aborted.count = 120, rest);
        check(|known| known.aborted.block = vec![0; 18 + 4096], rest);
        let elsewhere = Checkpoint { journal_frame: FrameSequence(u64::MAX), ..checkpoint() };
        let impossible = Err("its place in the journal is impossible");
        assert_eq!(Checkpoint::decode(&elsewhere.encode()), impossible);
    }

    #[test]
    fn any_flipped_bit_or_missing_byte_is_noticed() {
        let bytes = checkpoint().encode();
        for position in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[position] ^= 0x10;
            assert!(Checkpoint::decode(&bad).is_err(), "byte {position}");
            assert!(Checkpoint::decode(&bytes[..position]).is_err(), "cut at {position}");
        }
    }
}
