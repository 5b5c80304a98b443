//! One segment of a partition: a `.log` file of record batches as Kafka writes them, with its
//! indexes.

use std::path::{Path, PathBuf};

use corelog_io::{Buffer, File, IoError, OpenMode, SyncPath, align_up, read_file};
use corelog_model::{Offset, Timestamp};

use crate::aborted_file::SegmentAborted;
use crate::checkpoint::RecoveryPoint;
use crate::index::{IndexStamp, SegmentIndex};

const INDEX_BYTES_MAX: u64 = 64 << 20;

/// The name of a segment's file: Kafka's twenty digits and the extension.
pub fn file_name(base: Offset, extension: &str) -> String {
    format!("{:020}.{extension}", base.0)
}

/// The base offset in the name of a `.log` file.
pub fn base_of(name: &str) -> Option<Offset> {
    base_of_file(name, "log")
}

/// The base offset in the name of a segment's file with this extension.
pub fn base_of_file(name: &str, extension: &str) -> Option<Offset> {
    let digits = name.strip_suffix(extension)?.strip_suffix('.')?;
    let base: i64 = (digits.len() == 20).then(|| digits.parse().ok())??;
    (base >= 0).then_some(Offset(base))
}

#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) base: Offset,
    pub(crate) directory: PathBuf,
    pub(crate) file: Option<File>,
    /// Bytes appended to it.
    pub(crate) size: u64,
    /// In memory while the segment is active; of a sealed one only while it is open.
    pub(crate) index: Option<SegmentIndex>,
    /// Aborted transactions whose markers are in it.
    pub(crate) aborted: SegmentAborted,
    /// Largest timestamp in it.
    pub(crate) max_timestamp: Timestamp,
    /// Whether its batches say so. An index file may say anything: it has no checksum.
    pub(crate) is_time_known: bool,
    /// Timestamp of its first batch, for rolling by time.
    pub(crate) first_timestamp: Option<Timestamp>,
    /// The clock when it got its first and its newest batch, as far as this run has seen it. Stands
    /// in for timestamps where there are none.
    pub(crate) appended: Option<(Timestamp, Timestamp)>,
    /// Everything is on disk, cut to its true size, with its indexes, synced.
    pub(crate) is_complete: bool,
    /// Its file stays open: it is being replaced.
    pub(crate) is_pinned: bool,
    /// Its number in the read cache, if it took the place of others. Otherwise it is the log's.
    pub(crate) cache_serial: Option<u64>,
}

impl Segment {
    pub(crate) fn new(directory: &Path, base: Offset) -> Self {
        Self {
            base,
            directory: directory.to_path_buf(),
            file: None,
            size: 0,
            index: Some(SegmentIndex::new(base)),
            aborted: SegmentAborted::empty(),
            max_timestamp: Timestamp::NONE,
            is_time_known: true,
            first_timestamp: None,
            appended: None,
            is_complete: false,
            is_pinned: false,
            cache_serial: None,
        }
    }

    /// Takes note of an append. Of a segment that an earlier run wrote, its first look counts.
    pub(crate) fn note_append(&mut self, now: Timestamp) {
        let first = self.appended.map_or(now, |(first, _)| first);
        self.appended = Some((first, now));
    }

    /// The time from which its age counts: that of its newest record or, where no record has one,
    /// of its newest append.
    pub(crate) fn newest(&self) -> Option<Timestamp> {
        let stated = Some(self.max_timestamp).filter(|newest| Timestamp::ZERO <= *newest);
        stated.or_else(|| self.appended.map(|(_, newest)| newest))
    }

    pub(crate) fn path(&self, extension: &str) -> PathBuf {
        path_of(&self.directory, self.base, extension)
    }
}

pub(crate) fn path_of(directory: &Path, base: Offset, extension: &str) -> PathBuf {
    directory.join(file_name(base, extension))
}

/// Reads both index files of a complete segment; a missing, huge or senseless one is an empty one.
pub(crate) async fn load_index(
    directory: &Path,
    base: Offset,
    position_end: u64,
    offset_end: Offset,
) -> Result<SegmentIndex, IoError> {
    let (offsets, times) = read_index(directory, base).await?;
    Ok(SegmentIndex::decode(base, &offsets, &times, position_end, offset_end))
}

/// Reads the index of a segment that still grew when it was stamped; an empty one if it is not what
/// the stamp says.
pub(crate) async fn load_stamped_index(
    directory: &Path,
    base: Offset,
    stamp: IndexStamp,
    recovery: RecoveryPoint,
) -> Result<SegmentIndex, IoError> {
    let (offsets, times) = read_index(directory, base).await?;
    Ok(match stamp.cut(&offsets, &times) {
        Some((offsets, times)) => {
            SegmentIndex::decode(base, offsets, times, recovery.size, recovery.end)
        }
        None => SegmentIndex::new(base),
    })
}

async fn read_index(directory: &Path, base: Offset) -> Result<(Vec<u8>, Vec<u8>), IoError> {
    let or_empty = |outcome: Result<Vec<u8>, IoError>| match outcome {
        Err(error) if error.is_not_found() || error.is_too_large() => Ok(Vec::new()),
        outcome => outcome,
    };
    let offsets = read_file(&path_of(directory, base, "index"), INDEX_BYTES_MAX).await;
    let times = read_file(&path_of(directory, base, "timeindex"), INDEX_BYTES_MAX).await;
    Ok((or_empty(offsets)?, or_empty(times)?))
}

/// Whether index files are cut to their true size and synced, or only a hint for the next start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexWrite {
    Final,
    Hint,
}

/// Writes both index files.
pub(crate) async fn store_index(
    directory: &Path,
    index: &SegmentIndex,
    base: Offset,
    how: IndexWrite,
) -> Result<(), IoError> {
    for (extension, bytes) in
        [("index", index.encode_offsets()), ("timeindex", index.encode_times())]
    {
        if bytes.is_empty() && how == IndexWrite::Hint {
            continue;
        }
        let file = File::open(&path_of(directory, base, extension), OpenMode::CreateOrOpen).await?;
        if !bytes.is_empty() {
            let mut buffer = Buffer::zeroed(align_up(bytes.len() as u64) as usize);
            buffer[..bytes.len()].copy_from_slice(&bytes);
            file.write(buffer, 0).await?;
        }
        if how == IndexWrite::Final {
            file.truncate(bytes.len() as u64).await?;
            file.sync(SyncPath::Thread).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kafkas() {
        assert_eq!(file_name(Offset(368_769), "log"), "00000000000000368769.log");
        assert_eq!(base_of("00000000000000368769.log"), Some(Offset(368_769)));
        for bad in ["368769.log", "00000000000000368769.index", "-0000000000000000001.log"] {
            assert_eq!(base_of(bad), None, "{bad}");
        }
    }
}
