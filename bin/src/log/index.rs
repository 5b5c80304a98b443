//! The index files beside a segment in Kafka's formats: `.index` maps offsets to positions,
//! `.timeindex` timestamps to offsets. Offsets in them are relative to the segment's. `.txnindex`
//! lists aborted transactions.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use corelog_log::aborted::AbortedTransaction;
use corelog_model::{Offset, Timestamp};

/// Larger index files are refused; Kafka makes them 10 MiB.
const INDEX_BYTES_MAX: u64 = 256 * 1024 * 1024;
const OFFSET_ENTRY_LEN: usize = 8;
const TIME_ENTRY_LEN: usize = 12;

/// Says that a batch with this offset lies at this position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OffsetEntry {
    pub(super) offset: Offset,
    pub(super) position: u64,
}

/// Says that up to this offset no record is newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeEntry {
    pub(super) timestamp: Timestamp,
    pub(super) offset: Offset,
}

/// An index file and whether bytes follow its last whole entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entries<T> {
    pub(super) entries: Vec<T>,
    pub(super) surplus_bytes: usize,
}

/// Reads a `.index` file; none when there is none.
pub(super) fn offsets(path: &Path, base: Offset) -> io::Result<Option<Entries<OffsetEntry>>> {
    Ok(read(path)?.map(|bytes| {
        entries(&bytes, |entry: &[u8; OFFSET_ENTRY_LEN]| {
            let (relative, position) = (number(&entry[..4]), number(&entry[4..]));
            OffsetEntry { offset: absolute(base, relative), position }
        })
    }))
}

/// Reads a `.timeindex` file; none when there is none.
pub(super) fn times(path: &Path, base: Offset) -> io::Result<Option<Entries<TimeEntry>>> {
    Ok(read(path)?.map(|bytes| {
        entries(&bytes, |entry: &[u8; TIME_ENTRY_LEN]| {
            let (timestamp, relative) = (number(&entry[..8]) as i64, number(&entry[8..]));
            TimeEntry { timestamp: Timestamp(timestamp), offset: absolute(base, relative) }
        })
    }))
}

/// Reads a `.txnindex` file; none when there is none. An entry is none if it makes no sense.
pub(super) fn aborted(path: &Path) -> io::Result<Option<Entries<Option<AbortedTransaction>>>> {
    Ok(read(path)?.map(|bytes| entries(&bytes, AbortedTransaction::decode)))
}

/// A big-endian number of at most eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn absolute(base: Offset, relative: u64) -> Offset {
    Offset(base.0.saturating_add_unsigned(relative))
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(INDEX_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > INDEX_BYTES_MAX {
        return Err(io::Error::other(format!("an index of more than {INDEX_BYTES_MAX} bytes")));
    }
    Ok(Some(bytes))
}

/// Cuts bytes into entries. Zeros behind the last one are space that was set aside.
fn entries<T, const LEN: usize>(bytes: &[u8], decode: impl Fn(&[u8; LEN]) -> T) -> Entries<T> {
    let (whole, surplus) = bytes.as_chunks::<LEN>();
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    // The first entry may be all zeros only where it stands alone; there it says nothing.
    let used = whole.iter().rposition(|entry| !is_zero(entry)).map_or(0, |last| last + 1);
    Entries {
        entries: whole[..used].iter().map(decode).collect(),
        surplus_bytes: if is_zero(surplus) { 0 } else { surplus.len() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_padding_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.index");
        assert_eq!(offsets(&path, Offset(0)).unwrap(), None);
        std::fs::write(&path, [0, 0, 0, 9, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        let entry = OffsetEntry { offset: Offset(109), position: 4096 };
        let expected = Entries { entries: vec![entry], surplus_bytes: 0 };
        assert_eq!(offsets(&path, Offset(100)).unwrap(), Some(expected));
        std::fs::write(&path, [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9, 1, 2]).unwrap();
        let entry = TimeEntry { timestamp: Timestamp(7), offset: Offset(109) };
        let expected = Entries { entries: vec![entry], surplus_bytes: 2 };
        assert_eq!(times(&path, Offset(100)).unwrap(), Some(expected));
    }
}
