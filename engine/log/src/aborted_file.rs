//! The index of aborted transactions of one segment between memory and its `.txnindex` file.
//!
//! Unlike the other indexes it is no hint: who reads without it takes aborted records for
//! committed ones. So it is synced before a checkpoint counts on it, whole blocks are written once,
//! and the checkpoint has the rest.

use std::path::Path;

use corelog_io::{
    BLOCK, Buffer, File, IoError, OpenMode, SyncPath, align_down, align_up, read_file, remove_file,
};
use corelog_model::Offset;

use crate::aborted::{AbortedIndex, AbortedStamp, AbortedTransaction};
use crate::partition::PartitionLog;
use crate::reader::ReadError;
use crate::segment::path_of;

pub(crate) const EXTENSION: &str = "txnindex";
const FILE_BYTES_MAX: u64 = 1 << 30;

/// The index of one segment.
#[derive(Debug)]
pub(crate) enum SegmentAborted {
    /// All of it is in memory.
    Memory {
        index: AbortedIndex,
        /// Bytes of it that are durable in the file: whole blocks.
        flushed: usize,
    },
    /// The segment is complete; its file is read when somebody asks.
    Disk,
}

impl SegmentAborted {
    /// That of a segment without aborted transactions.
    pub(crate) fn empty() -> Self {
        Self::Memory { index: AbortedIndex::default(), flushed: 0 }
    }

    /// That of a complete segment whose file has these.
    pub(crate) fn on_disk(index: &AbortedIndex) -> Self {
        if index.entries().is_empty() { Self::empty() } else { Self::Disk }
    }

    /// One of which the file has all whole blocks.
    pub(crate) fn restored(index: AbortedIndex) -> Self {
        let flushed = align_down(index.file_len() as u64) as usize;
        Self::Memory { index, flushed }
    }

    pub(crate) fn in_memory(&self) -> Option<&AbortedIndex> {
        match self {
            Self::Memory { index, .. } => Some(index),
            Self::Disk => None,
        }
    }

    pub(crate) fn add(&mut self, entry: AbortedTransaction) {
        match self {
            Self::Memory { index, .. } => index.add(entry),
            Self::Disk => panic!("only a complete segment is not in memory"),
        }
    }

    /// Forgets what the file of a complete segment has.
    pub(crate) fn let_go(&mut self) {
        if self.in_memory().is_some_and(|index| !index.entries().is_empty()) {
            *self = Self::Disk;
        }
    }

    pub(crate) fn stamp(&self) -> AbortedStamp {
        self.in_memory().map(|index| index.stamp(BLOCK)).unwrap_or_default()
    }

    /// What is to be written: the index and how much of it the file has.
    fn unwritten(&self, how: AbortedWrite) -> Option<(AbortedIndex, usize)> {
        match self {
            Self::Memory { index, flushed } => {
                let is_news = how == AbortedWrite::Final || *flushed < how.end(index);
                is_news.then(|| (index.clone(), *flushed))
            }
            Self::Disk => None,
        }
    }

    /// The file has everything below `end` durably.
    fn written(&mut self, end: usize) {
        if let Self::Memory { flushed, .. } = self {
            *flushed = (*flushed).max(align_down(end as u64) as usize);
        }
    }
}

/// Reads the file of a complete segment, whose records end at `end`. `None` if it is damaged.
pub(crate) async fn read_aborted(
    directory: &Path,
    base: Offset,
    end: Offset,
) -> Result<Option<AbortedIndex>, IoError> {
    let bytes = read_or_empty(directory, base).await?;
    Ok(AbortedIndex::decode(&bytes, base, end))
}

/// Reads the index of a segment that still grew when it was stamped. `None` if it is damaged.
pub(crate) async fn read_stamped_aborted(
    directory: &Path,
    base: Offset,
    stamp: &AbortedStamp,
    end: Offset,
) -> Result<Option<AbortedIndex>, IoError> {
    if stamp.count == 0 {
        return Ok(Some(AbortedIndex::default()));
    }
    let bytes = read_or_empty(directory, base).await?;
    Ok(AbortedIndex::decode_stamped(&bytes, stamp, base, end))
}

async fn read_or_empty(directory: &Path, base: Offset) -> Result<Vec<u8>, IoError> {
    match read_file(&path_of(directory, base, EXTENSION), FILE_BYTES_MAX).await {
        Err(error) if error.is_not_found() || error.is_too_large() => Ok(Vec::new()),
        outcome => outcome,
    }
}

/// How much of an index is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AbortedWrite {
    /// Whole blocks below this; the checkpoint has the rest.
    Blocks(usize),
    /// All of it, cut to its true size: the segment is complete or the log closes.
    Final,
}

impl AbortedWrite {
    fn end(self, index: &AbortedIndex) -> usize {
        match self {
            Self::Blocks(end) => end,
            Self::Final => index.file_len(),
        }
    }
}

/// Writes and syncs what the file lacks from `flushed` on.
async fn store_aborted(
    directory: &Path,
    base: Offset,
    index: &AbortedIndex,
    flushed: usize,
    how: AbortedWrite,
) -> Result<(), IoError> {
    let path = path_of(directory, base, EXTENSION);
    let end = how.end(index);
    if end == 0 && how == AbortedWrite::Final {
        // A flush whose journal was lost may have left one.
        return match remove_file(&path).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        };
    }
    let file = File::open(&path, OpenMode::CreateOrOpen).await?;
    if flushed < end {
        let bytes = index.encode_from(flushed);
        let bytes = &bytes[..end - flushed];
        let mut buffer = Buffer::zeroed(align_up(bytes.len() as u64) as usize);
        buffer[..bytes.len()].copy_from_slice(bytes);
        file.write(buffer, flushed as u64).await?;
    }
    if how == AbortedWrite::Final {
        file.truncate(end as u64).await?;
    }
    file.sync(SyncPath::Thread).await
}

impl PartitionLog {
    /// Brings the index of a segment into its file.
    pub(crate) async fn write_aborted(
        &self,
        base: Offset,
        how: AbortedWrite,
    ) -> Result<(), IoError> {
        let unwritten = {
            let inner = self.inner.borrow();
            inner.segments.get(&base).and_then(|segment| segment.aborted.unwritten(how))
        };
        let Some((index, flushed)) = unwritten else { return Ok(()) };
        store_aborted(&self.directory, base, &index, flushed, how).await?;
        if let Some(segment) = self.inner.borrow_mut().segments.get_mut(&base) {
            segment.aborted.written(how.end(&index));
        }
        Ok(())
    }

    /// Reads the index of a complete segment again if it was dropped.
    pub(crate) async fn load_aborted(&self, base: Offset) -> Result<(), ReadError> {
        let (end, replaced) = {
            let inner = self.inner.borrow();
            match inner.segments.get(&base) {
                Some(segment) if segment.aborted.in_memory().is_none() => {}
                Some(_) | None => return Ok(()),
            }
            let after = inner.segments.range(base.next()..).next();
            (after.map_or(inner.end, |entry| *entry.0), inner.replaced)
        };
        let read = read_aborted(&self.directory, base, end).await?;
        let mut inner = self.inner.borrow_mut();
        if inner.replaced != replaced {
            // It may be that of another segment. Who wants it looks again.
            return Ok(());
        }
        let Some(segment) = inner.segments.get_mut(&base) else { return Ok(()) };
        if segment.aborted.in_memory().is_some() {
            return Ok(());
        }
        // A file that is there only while it has entries is never empty.
        let Some(index) = read.filter(|index| !index.entries().is_empty()) else {
            let why = "its index of aborted transactions is damaged".to_owned();
            return Err(self.damaged(base, 0, why));
        };
        segment.aborted = SegmentAborted::restored(index);
        drop(inner);
        self.shared.opened(self.me.clone(), base);
        Ok(())
    }
}
