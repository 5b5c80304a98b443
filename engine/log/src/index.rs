//! The sparse indexes of a segment in Kafka's formats: offset to position (`.index`, 8 bytes an
//! entry) and timestamp to offset (`.timeindex`, 12 bytes an entry). In memory while the segment is
//! active; on disk a hint that readers check.

use corelog_model::{Offset, Timestamp};

/// Bytes of one `.index` entry: relative offset i32, position i32, big endian.
pub const OFFSET_ENTRY_LEN: usize = 8;
/// Bytes of one `.timeindex` entry: timestamp i64, relative offset i32, big endian.
pub const TIME_ENTRY_LEN: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OffsetEntry {
    relative: u32,
    position: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TimeEntry {
    timestamp: Timestamp,
    relative: u32,
}

/// Both indexes of one segment.
#[derive(Debug, Clone)]
pub struct SegmentIndex {
    base: Offset,
    offsets: Vec<OffsetEntry>,
    times: Vec<TimeEntry>,
    bytes_since_entry: u64,
    max_timestamp: Timestamp,
    max_timestamp_offset: Offset,
}

/// A batch as the index sees it.
#[derive(Debug, Clone, Copy)]
pub struct IndexedBatch {
    /// Offset of its last record.
    pub last_offset: Offset,
    /// Its largest timestamp.
    pub max_timestamp: Timestamp,
    /// Where it begins in the segment.
    pub position: u64,
    /// Its length in bytes.
    pub len: u64,
}

impl SegmentIndex {
    /// The index of an empty segment that begins at `base`.
    pub fn new(base: Offset) -> Self {
        Self {
            base,
            offsets: Vec::new(),
            times: Vec::new(),
            bytes_since_entry: 0,
            max_timestamp: Timestamp::NONE,
            max_timestamp_offset: base,
        }
    }

    /// Takes note of a batch that was appended. An entry is made once `interval_bytes` passed since
    /// the last one.
    pub fn add(&mut self, batch: &IndexedBatch, interval_bytes: u64) {
        if batch.max_timestamp > self.max_timestamp {
            self.max_timestamp = batch.max_timestamp;
            self.max_timestamp_offset = batch.last_offset;
        }
        if self.bytes_since_entry > interval_bytes {
            let relative = self.relative(batch.last_offset);
            self.offsets.push(OffsetEntry { relative, position: batch.position as u32 });
            self.note_time();
            self.bytes_since_entry = 0;
        }
        self.bytes_since_entry += batch.len;
    }

    /// Adds the last entry of the time index, as Kafka does when a segment is sealed.
    pub fn seal(&mut self) {
        self.note_time();
    }

    fn note_time(&mut self) {
        let newest = self.times.last().map_or(Timestamp::NONE, |entry| entry.timestamp);
        if self.max_timestamp > newest {
            let relative = self.relative(self.max_timestamp_offset);
            self.times.push(TimeEntry { timestamp: self.max_timestamp, relative });
        }
    }

    fn relative(&self, offset: Offset) -> u32 {
        u32::try_from(offset - self.base).expect("a segment spans fewer than 2^31 offsets")
    }

    /// The newest entry not above `offset`: the last offset of a batch and its position. `None` is
    /// the front.
    pub fn entry_for(&self, offset: Offset) -> Option<(Offset, u64)> {
        let count =
            self.offsets.partition_point(|entry| self.base + i64::from(entry.relative) <= offset);
        let entry = self.offsets[count.checked_sub(1)?];
        Some((self.base + i64::from(entry.relative), u64::from(entry.position)))
    }

    /// An offset at or before the first record with a timestamp of at least `timestamp`.
    pub fn offset_for_time(&self, timestamp: Timestamp) -> Offset {
        let count = self.times.partition_point(|entry| entry.timestamp < timestamp);
        let entry = count.checked_sub(1).map(|last| self.times[last]);
        entry.map_or(self.base, |entry| self.base + i64::from(entry.relative))
    }

    /// The largest timestamp and the last offset of the batch that has it.
    pub fn max_timestamp(&self) -> (Timestamp, Offset) {
        (self.max_timestamp, self.max_timestamp_offset)
    }

    /// The last indexed batch: its last offset and its position.
    pub fn last_entry(&self) -> Option<(Offset, u64)> {
        let entry = self.offsets.last()?;
        Some((self.base + i64::from(entry.relative), u64::from(entry.position)))
    }

    /// Drops all entries: one turned out to be wrong.
    pub fn clear(&mut self) {
        *self = Self::new(self.base);
    }

    /// Entries of the offset index.
    pub fn entry_count(&self) -> usize {
        self.offsets.len()
    }

    /// Bytes it takes in memory.
    pub fn memory_bytes(&self) -> usize {
        self.offsets.capacity() * size_of::<OffsetEntry>()
            + self.times.capacity() * size_of::<TimeEntry>()
    }

    /// The `.index` file.
    pub fn encode_offsets(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.offsets.len() * OFFSET_ENTRY_LEN);
        for entry in &self.offsets {
            bytes.extend_from_slice(&entry.relative.to_be_bytes());
            bytes.extend_from_slice(&entry.position.to_be_bytes());
        }
        bytes
    }

    /// The `.timeindex` file.
    pub fn encode_times(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.times.len() * TIME_ENTRY_LEN);
        for entry in &self.times {
            bytes.extend_from_slice(&entry.timestamp.0.to_be_bytes());
            bytes.extend_from_slice(&entry.relative.to_be_bytes());
        }
        bytes
    }

    /// What tells these entries from all others, with or without more behind them.
    pub fn stamp(&self) -> IndexStamp {
        let crc = crc32c::crc32c(&self.encode_offsets());
        let crc = crc32c::crc32c_append(crc, &self.encode_times());
        IndexStamp { offsets: self.offsets.len() as u32, times: self.times.len() as u32, crc }
    }

    /// Reads both files as far as they make sense: entries rise, and none lies at or above
    /// `position_end` or `offset_end`. Zero padding behind the last entry is dropped. Never fails:
    /// an index is only a hint.
    pub fn decode(
        base: Offset,
        offsets: &[u8],
        times: &[u8],
        position_end: u64,
        offset_end: Offset,
    ) -> Self {
        let mut index = Self::new(base);
        let relative_end = (offset_end - base).clamp(0, i64::from(i32::MAX)) as u32;
        for bytes in offsets.chunks_exact(OFFSET_ENTRY_LEN) {
            let (relative, position) = bytes.split_at(4);
            let entry = OffsetEntry { relative: be_u32(relative), position: be_u32(position) };
            let rises = index.offsets.last().is_none_or(|last| {
                last.relative < entry.relative && last.position < entry.position
            });
            let inside = entry.relative < relative_end && u64::from(entry.position) < position_end;
            if !rises || !inside || entry.position == 0 {
                break;
            }
            index.offsets.push(entry);
        }
        for bytes in times.chunks_exact(TIME_ENTRY_LEN) {
            let (timestamp, relative) = bytes.split_at(8);
            let timestamp = i64::from_be_bytes(timestamp.try_into().expect("8 bytes were split"));
            let entry = TimeEntry { timestamp: Timestamp(timestamp), relative: be_u32(relative) };
            let rises = index.times.last().is_none_or(|last| {
                last.timestamp < entry.timestamp && last.relative <= entry.relative
            });
            if !rises || entry.relative >= relative_end || timestamp < 0 {
                break;
            }
            index.times.push(entry);
        }
        if let Some(last) = index.times.last() {
            index.max_timestamp = last.timestamp;
            index.max_timestamp_offset = base + i64::from(last.relative);
        }
        index
    }
}

/// How many entries an index had at some time, and their checksum. Index files are written without
/// a sync as long as their segment grows: one that does not hold what its stamp says is of no use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IndexStamp {
    /// Entries of the offset index.
    pub offsets: u32,
    /// Entries of the time index.
    pub times: u32,
    /// CRC-32C of the entries, those of the offset index first, as the files have them.
    pub crc: u32,
}

impl IndexStamp {
    /// The bytes of both files that it is about; `None` if they are not what it says.
    pub fn cut<'a>(&self, offsets: &'a [u8], times: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let offsets = offsets.get(..self.offsets as usize * OFFSET_ENTRY_LEN)?;
        let times = times.get(..self.times as usize * TIME_ENTRY_LEN)?;
        let crc = crc32c::crc32c_append(crc32c::crc32c(offsets), times);
        (crc == self.crc).then_some((offsets, times))
    }
}

fn be_u32(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().expect("four bytes were split off"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> SegmentIndex {
        let mut index = SegmentIndex::new(Offset(100));
        for number in 0..10 {
            let batch = IndexedBatch {
                last_offset: Offset(100 + number * 10 + 9),
                max_timestamp: Timestamp(1_000 + number),
                position: number as u64 * 3_000,
                len: 3_000,
            };
            index.add(&batch, 4_096);
        }
        index.seal();
        index
    }

    #[test]
    fn a_lookup_gives_the_newest_entry_not_above_the_target() {
        let index = index();
        assert_eq!(index.entry_count(), 4);
        assert_eq!(index.entry_for(Offset(100)), None);
        assert_eq!(index.entry_for(Offset(128)), None);
        assert_eq!(index.entry_for(Offset(129)), Some((Offset(129), 6_000)));
        assert_eq!(index.entry_for(Offset(10_000)), Some((Offset(189), 24_000)));
        assert_eq!(index.offset_for_time(Timestamp(1)), Offset(100));
        assert_eq!(index.offset_for_time(Timestamp(1_003)), Offset(129));
        assert_eq!(index.max_timestamp(), (Timestamp(1_009), Offset(199)));
    }

    #[test]
    fn files_come_back_with_their_padding_and_without_what_lies_behind_the_end() {
        let index = index();
        let mut offsets = index.encode_offsets();
        offsets.resize(4096, 0);
        let mut times = index.encode_times();
        times.resize(4096, 0);
        let decode = |position_end, offset_end| {
            SegmentIndex::decode(Offset(100), &offsets, &times, position_end, offset_end)
        };
        let whole = decode(30_000, Offset(200));
        assert_eq!(whole.encode_offsets(), index.encode_offsets());
        assert_eq!(whole.encode_times(), index.encode_times());
        assert_eq!(decode(12_001, Offset(200)).last_entry(), Some((Offset(149), 12_000)));
        assert_eq!(decode(12_000, Offset(200)).last_entry(), Some((Offset(129), 6_000)));
        assert_eq!(decode(30_000, Offset(149)).last_entry(), Some((Offset(129), 6_000)));
    }

    #[test]
    fn garbage_is_dropped_where_it_begins() {
        let mut offsets = index().encode_offsets();
        offsets[9] = 0xff;
        let index = SegmentIndex::decode(Offset(100), &offsets, &[1, 2, 3], 30_000, Offset(200));
        assert_eq!(index.entry_count(), 1);
    }
}
