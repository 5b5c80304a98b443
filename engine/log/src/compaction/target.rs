//! Writing the segment that takes the place of others: whole blocks in large pieces, and at the end
//! the files cut to their true size and synced, under names that no reader knows yet.

use std::path::{Path, PathBuf};

use corelog_io::{Buffer, Chunk, File, IoError, OpenMode, SyncPath, align_up, sync_directory};
use corelog_model::{BatchHeader, Offset, Timestamp};

use super::swap::cleaned_path;
use crate::aborted::AbortedIndex;
use crate::index::{IndexedBatch, SegmentIndex};

const WRITE_BYTES: usize = 256 << 10;

/// A segment that is being written.
pub(crate) struct Target {
    directory: PathBuf,
    base: Offset,
    file: File,
    chunk: Chunk,
    /// Bytes that are in the file.
    written: u64,
    pub(crate) index: SegmentIndex,
    /// Of the transactions whose markers were added.
    pub(crate) aborted: AbortedIndex,
    index_interval_bytes: u64,
    pub(crate) max_timestamp: Timestamp,
    pub(crate) first_timestamp: Option<Timestamp>,
}

impl Target {
    /// Creates the file.
    pub(crate) async fn create(
        directory: &Path,
        base: Offset,
        index_interval_bytes: u64,
    ) -> Result<Self, IoError> {
        let path = cleaned_path(directory, base, "log");
        Ok(Self {
            directory: directory.to_path_buf(),
            base,
            file: File::open(&path, OpenMode::CreateEmpty).await?,
            chunk: Chunk::with_capacity(WRITE_BYTES),
            written: 0,
            index: SegmentIndex::new(base),
            aborted: AbortedIndex::default(),
            index_interval_bytes,
            max_timestamp: Timestamp::NONE,
            first_timestamp: None,
        })
    }

    /// Whether markers of aborted transactions were added.
    pub(crate) fn has_aborted(&self) -> bool {
        !self.aborted.entries().is_empty()
    }

    /// Bytes that were added.
    pub(crate) fn size(&self) -> u64 {
        self.written + self.chunk.len() as u64
    }

    /// Adds a batch. Returns how many bytes were written to the disk.
    pub(crate) async fn add(&mut self, mut bytes: &[u8]) -> Result<u64, IoError> {
        let header = BatchHeader::peek(bytes).expect("only whole batches are added");
        let newest = header.max_timestamp();
        self.max_timestamp = self.max_timestamp.max(newest);
        if self.first_timestamp.is_none() && !newest.is_none() {
            self.first_timestamp = Some(newest);
        }
        let batch = IndexedBatch {
            last_offset: header.last_offset(),
            max_timestamp: newest,
            position: self.size(),
            len: bytes.len() as u64,
        };
        self.index.add(&batch, self.index_interval_bytes);
        let before = self.written;
        loop {
            let taken = self.chunk.append(bytes);
            bytes = &bytes[taken..];
            if bytes.is_empty() {
                return Ok(self.written - before);
            }
            self.file.write_chunk(&self.chunk, self.written).await?;
            self.written += WRITE_BYTES as u64;
            self.chunk = Chunk::with_capacity(WRITE_BYTES);
        }
    }

    /// Writes the rest and the indexes, and makes all of it durable.
    pub(crate) async fn finish(&mut self) -> Result<(), IoError> {
        let size = self.size();
        if !self.chunk.is_empty() {
            let mut buffer = Buffer::zeroed(align_up(self.chunk.len() as u64) as usize);
            buffer[..self.chunk.len()].copy_from_slice(self.chunk.bytes(0..self.chunk.len()));
            self.file.write(buffer, self.written).await?;
        }
        self.file.truncate(size).await?;
        self.file.sync(SyncPath::Thread).await?;
        self.index.seal();
        let mut files =
            vec![("index", self.index.encode_offsets()), ("timeindex", self.index.encode_times())];
        if self.has_aborted() {
            files.push(("txnindex", self.aborted.encode_from(0)));
        }
        for (extension, bytes) in files {
            let path = cleaned_path(&self.directory, self.base, extension);
            let file = File::open(&path, OpenMode::CreateEmpty).await?;
            if !bytes.is_empty() {
                let mut buffer = Buffer::zeroed(align_up(bytes.len() as u64) as usize);
                buffer[..bytes.len()].copy_from_slice(&bytes);
                file.write(buffer, 0).await?;
            }
            file.truncate(bytes.len() as u64).await?;
            file.sync(SyncPath::Thread).await?;
        }
        sync_directory(&self.directory).await
    }
}
