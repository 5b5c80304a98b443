//! Which transactions were aborted: the index that tells consumers of committed records what to
//! leave out (KIP-98). One for each segment, of the markers in it, in Kafka's `.txnindex` format.

use corelog_model::{Offset, ProducerId};

/// Bytes of one entry: version i16, producer id, first offset, last offset and last stable offset
/// i64, big endian.
pub const ABORTED_ENTRY_LEN: usize = 34;
const VERSION: i16 = 0;

/// A transaction that was aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose it was.
    pub producer: ProducerId,
    /// Offset of its first record.
    pub first_offset: Offset,
    /// Offset of the marker that ended it.
    pub last_offset: Offset,
    /// The last stable offset once the marker was there: every transaction that began below is in
    /// the indexes up to here.
    pub stable_offset: Offset,
}

impl AbortedTransaction {
    /// The entry in a `.txnindex` file.
    pub fn encode(&self) -> [u8; ABORTED_ENTRY_LEN] {
        let mut bytes = [0; ABORTED_ENTRY_LEN];
        bytes[..2].copy_from_slice(&VERSION.to_be_bytes());
        bytes[2..10].copy_from_slice(&self.producer.0.to_be_bytes());
        bytes[10..18].copy_from_slice(&self.first_offset.0.to_be_bytes());
        bytes[18..26].copy_from_slice(&self.last_offset.0.to_be_bytes());
        bytes[26..].copy_from_slice(&self.stable_offset.0.to_be_bytes());
        bytes
    }

    /// Reads an entry; none if it has another version or its offsets are in disorder.
    pub fn decode(bytes: &[u8; ABORTED_ENTRY_LEN]) -> Option<Self> {
        let number = |at: usize| {
            i64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes were cut"))
        };
        let entry = Self {
            producer: ProducerId(number(2)),
            first_offset: Offset(number(10)),
            last_offset: Offset(number(18)),
            stable_offset: Offset(number(26)),
        };
        let is_known = bytes[..2] == VERSION.to_be_bytes();
        let rises = Offset::ZERO <= entry.first_offset
            && entry.first_offset < entry.last_offset
            && entry.stable_offset <= entry.last_offset.next();
        (is_known && rises).then_some(entry)
    }
}

/// What tells the entries of an index at some time from all others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AbortedStamp {
    /// How many there were.
    pub count: u32,
    /// CRC-32C of their bytes.
    pub crc: u32,
    /// Their last bytes, which fill no block. They are here so that the block can be written again
    /// in its place.
    pub block: Vec<u8>,
}

impl AbortedStamp {
    /// Bytes of the file that are whole blocks.
    pub fn whole_blocks_len(&self) -> usize {
        self.count as usize * ABORTED_ENTRY_LEN - self.block.len()
    }
}

/// The aborted transactions whose markers are in one segment, in the order of the markers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AbortedIndex {
    entries: Vec<AbortedTransaction>,
    crc: u32,
}

impl AbortedIndex {
    /// Adds the transaction of the newest marker.
    pub fn add(&mut self, entry: AbortedTransaction) {
        let last = self.entries.last();
        assert!(
            last.is_none_or(|last| last.last_offset < entry.last_offset),
            "markers follow each other"
        );
        self.crc = crc32c::crc32c_append(self.crc, &entry.encode());
        self.entries.push(entry);
    }

    /// The entries, in the order of their markers.
    pub fn entries(&self) -> &[AbortedTransaction] {
        &self.entries
    }

    /// Adds to `found` what overlaps the records from `first` up to `end`. True if no later segment
    /// can know more of them.
    pub fn overlapping(
        &self,
        first: Offset,
        end: Offset,
        found: &mut Vec<AbortedTransaction>,
    ) -> bool {
        for entry in &self.entries {
            if first <= entry.last_offset && entry.first_offset < end {
                found.push(*entry);
            }
            if end <= entry.stable_offset {
                return true;
            }
        }
        false
    }

    /// Bytes of the file.
    pub fn file_len(&self) -> usize {
        self.entries.len() * ABORTED_ENTRY_LEN
    }

    /// The bytes of the file from `start` on.
    pub fn encode_from(&self, start: usize) -> Vec<u8> {
        let first = start / ABORTED_ENTRY_LEN;
        let mut bytes = Vec::with_capacity(self.file_len() - first * ABORTED_ENTRY_LEN);
        for entry in &self.entries[first..] {
            bytes.extend_from_slice(&entry.encode());
        }
        bytes.drain(..start - first * ABORTED_ENTRY_LEN);
        bytes
    }

    /// What tells these entries from others; its block begins where whole blocks of `block_bytes`
    /// end.
    pub fn stamp(&self, block_bytes: usize) -> AbortedStamp {
        let len = self.file_len();
        let block = self.encode_from(len - len % block_bytes);
        AbortedStamp { count: self.entries.len() as u32, crc: self.crc, block }
    }

    /// Reads a file; none unless it is whole entries of one segment, `base` up to `end`.
    pub fn decode(bytes: &[u8], base: Offset, end: Offset) -> Option<Self> {
        let (entries, rest) = bytes.as_chunks::<ABORTED_ENTRY_LEN>();
        let mut index = Self::default();
        let mut next = base;
        for bytes in entries {
            let entry = AbortedTransaction::decode(bytes)?;
            if entry.last_offset < next || end <= entry.last_offset {
                return None;
            }
            next = entry.last_offset.next();
            index.add(entry);
        }
        rest.is_empty().then_some(index)
    }

    /// Reads what `stamp` was made of; none if it is something else.
    pub fn decode_stamped(
        file: &[u8],
        stamp: &AbortedStamp,
        base: Offset,
        end: Offset,
    ) -> Option<Self> {
        let len = stamp.count as usize * ABORTED_ENTRY_LEN;
        let mut bytes = file.get(..len.checked_sub(stamp.block.len())?)?.to_vec();
        bytes.extend_from_slice(&stamp.block);
        Self::decode(&bytes, base, end).filter(|index| index.crc == stamp.crc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(producer: i64, first: i64, last: i64, stable: i64) -> AbortedTransaction {
        AbortedTransaction {
            producer: ProducerId(producer),
            first_offset: Offset(first),
            last_offset: Offset(last),
            stable_offset: Offset(stable),
        }
    }

    fn index() -> AbortedIndex {
        let mut index = AbortedIndex::default();
        for (producer, first, last, stable) in
            [(1, 10, 15, 12), (2, 12, 20, 21), (1, 30, 40, 41), (3, 42, 42 + 7, 50)]
        {
            index.add(entry(producer, first, last, stable));
        }
        index
    }

    #[test]
    fn an_entry_is_kafkas_34_bytes() {
        let bytes = entry(0x0102, 0x03, 0x0405, 0x06).encode();
        let mut expected = [0; ABORTED_ENTRY_LEN];
        (expected[8], expected[9], expected[17]) = (1, 2, 3);
        (expected[24], expected[25], expected[33]) = (4, 5, 6);
        assert_eq!(bytes, expected);
        assert_eq!(AbortedTransaction::decode(&bytes), Some(entry(0x0102, 0x03, 0x0405, 0x06)));
    }

    #[test]
    fn a_lookup_finds_what_overlaps_and_knows_when_it_is_complete() {
        let check = |first, end, expected: &[i64], complete| {
            let mut found = Vec::new();
            let is_complete = index().overlapping(Offset(first), Offset(end), &mut found);
            let firsts: Vec<i64> = found.iter().map(|entry| entry.first_offset.0).collect();
            assert_eq!((&firsts[..], is_complete), (expected, complete), "{first}..{end}");
        };
        check(0, 10, &[], true);
        check(0, 11, &[10], true);
        check(0, 13, &[10, 12], true);
        check(15, 16, &[10, 12], true);
        check(16, 21, &[12], true);
        check(21, 30, &[], true);
        check(40, 43, &[30, 42], true);
        check(0, 60, &[10, 12, 30, 42], false);
    }

    #[test]
    fn a_file_comes_back_whole_or_not_at_all() {
        let bytes = index().encode_from(0);
        let (base, end) = (Offset(15), Offset(50));
        assert_eq!(AbortedIndex::decode(&bytes, base, end), Some(index()));
        assert_eq!(AbortedIndex::decode(&[], base, end), Some(AbortedIndex::default()));
        assert_eq!(AbortedIndex::decode(&bytes, Offset(16), end), None, "a marker before it");
        assert_eq!(AbortedIndex::decode(&bytes, base, Offset(49)), None, "a marker behind it");
        for len in 1..bytes.len() {
            let whole = len % ABORTED_ENTRY_LEN == 0;
            let found = AbortedIndex::decode(&bytes[..len], base, end);
            assert_eq!(found.is_some(), whole, "{len} bytes");
        }
        let mut newer = bytes;
        newer[1] = 1;
        assert_eq!(AbortedIndex::decode(&newer, base, end), None, "another version");
    }

    #[test]
    fn a_stamp_tells_its_entries_from_others_however_the_file_goes_on() {
        for block_bytes in [8, 34, 64, 4096] {
            let stamp = index().stamp(block_bytes);
            let whole = index().file_len() - stamp.block.len();
            assert!(whole.is_multiple_of(block_bytes) && stamp.block.len() < block_bytes);
            let mut file = index().encode_from(0);
            file.truncate(whole);
            file.extend_from_slice(b"whatever");
            let decode =
                |file: &[u8]| AbortedIndex::decode_stamped(file, &stamp, Offset(0), Offset(100));
            assert_eq!(decode(&file), Some(index()));
            for position in 0..whole {
                file[position] ^= 4;
                assert_eq!(decode(&file), None, "byte {position} of blocks of {block_bytes}");
                file[position] ^= 4;
            }
            if whole > 0 {
                assert_eq!(decode(&file[..whole - 1]), None);
            }
        }
    }
}
