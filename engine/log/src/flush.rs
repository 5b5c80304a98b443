//! From memory to segments, behind the journal: full chunks are written as they come, and a
//! checkpoint writes the rest, syncs, and only then lets go of the journal.

use std::rc::Rc;
use std::time::Duration;

use corelog_io::{
    Buffer, Chunk, File, IoError, OpenMode, SyncPath, align_down, sleep, spawn, sync_directory,
};
use corelog_model::Offset;

use crate::checkpoint::RecoveryPoint;
use crate::epochs::EpochCache;
use crate::journal::{Commit, JournalFailed};
use crate::partition::{Inner, PartitionLog, Place};
use crate::producers::ProducerTable;
use crate::segment::{IndexWrite, load_index, store_index};

const FULL_DISK_PAUSE: Duration = Duration::from_millis(500);

/// Why a partition's bytes did not reach its segments.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// The disk refused.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The journal stopped first.
    #[error(transparent)]
    Journal(#[from] JournalFailed),
}

/// A point up to which the segments hold the log, and what was known there.
pub(crate) struct Flushed {
    pub(crate) recovery: RecoveryPoint,
    pub(crate) producers: ProducerTable,
    pub(crate) epochs: EpochCache,
    pub(crate) block: Vec<u8>,
}

/// What of a full chunk is still to be written.
enum Rest {
    Whole,
    Part(u64, Buffer),
    Nothing,
}

/// What is done with the partial block at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastBlock {
    /// Only the checkpoint has it.
    Kept,
    /// It is written too and the file is cut to its true size, so that others can read it: the log
    /// is closed.
    Written,
}

impl PartitionLog {
    /// Starts the writes of chunks that became full. Each waits until the journal has made its
    /// bytes durable.
    pub(crate) fn schedule_full_chunks(&self, inner: &mut Inner) {
        // What was replayed is durable already and has no commit.
        let commit = inner.last_commit.clone();
        let is_ready = |chunk: &crate::tail::TailChunk| {
            chunk.is_full() && !chunk.scheduled && !chunk.is_written()
        };
        let ready: Vec<(Offset, u64)> = inner
            .tail
            .chunks()
            .filter(|chunk| is_ready(chunk))
            .map(|chunk| (chunk.segment, chunk.start))
            .collect();
        for (segment, start) in ready {
            if let Some(chunk) = inner.tail.chunk_mut(segment, start) {
                chunk.scheduled = true;
            }
            let Some(me) = self.me.upgrade() else { return };
            let commit = commit.clone();
            spawn(async move { me.write_chunk(segment, start, commit).await }).detach();
        }
    }

    async fn write_chunk(self: Rc<Self>, segment: Offset, start: u64, commit: Option<Commit>) {
        if let Some(commit) = commit
            && commit.durable().await.is_err()
        {
            // A journal that failed has said so itself; the chunk stays in memory.
            return;
        }
        let _turn = self.shared.flushes.take(1).await;
        loop {
            let Some(work) = self.unwritten_part(segment, start) else { return };
            match self.write_part(segment, start, work).await {
                Ok(()) => break,
                // The journal has the bytes and so has memory: nothing is lost while the disk is
                // full.
                Err(error) if error.is_full() => {
                    tracing::warn!(%error, "the disk is full; a segment write waits");
                    sleep(FULL_DISK_PAUSE).await;
                }
                Err(error) => return self.shared.disk_failed(error),
            }
        }
        let capacity = {
            let mut inner = self.inner.borrow_mut();
            let Some(chunk) = inner.tail.chunk_mut(segment, start) else { return };
            chunk.writing = false;
            chunk.flushed = chunk.chunk.capacity();
            chunk.flushed
        };
        self.shared.memory.written(self.me.clone(), segment, start, capacity);
        self.flushed.notify();
    }

    fn unwritten_part(&self, segment: Offset, start: u64) -> Option<(Chunk, Rest)> {
        let mut inner = self.inner.borrow_mut();
        if inner.is_gone {
            return None;
        }
        let chunk = inner.tail.chunk_mut(segment, start)?;
        chunk.writing = true;
        // A chunk of which the file has a part already is written from there on, so that what a
        // checkpoint counts on is not written again.
        let rest = match chunk.flushed {
            0 => Rest::Whole,
            _ => chunk
                .unflushed(chunk.end())
                .map_or(Rest::Nothing, |part| Rest::Part(part.0, part.1)),
        };
        Some((chunk.chunk.clone(), rest))
    }

    async fn write_part(
        &self,
        segment: Offset,
        start: u64,
        (chunk, rest): (Chunk, Rest),
    ) -> Result<(), IoError> {
        let Some(file) = self.segment_file(segment).await? else { return Ok(()) };
        match rest {
            Rest::Part(position, buffer) => file.write(buffer, position).await,
            Rest::Whole => file.write_chunk(&chunk, start).await,
            Rest::Nothing => Ok(()),
        }
    }

    /// The segment's file, opened or created if need be; `None` if the segment is gone.
    pub(crate) async fn segment_file(&self, base: Offset) -> Result<Option<File>, IoError> {
        let (path, mode, is_sealed) = {
            let inner = self.inner.borrow();
            let Some(segment) = inner.segments.get(&base) else { return Ok(None) };
            if let Some(file) = &segment.file {
                return Ok(Some(file.clone()));
            }
            let mode =
                if segment.is_complete { OpenMode::ReadWrite } else { OpenMode::CreateOrOpen };
            (segment.path("log"), mode, segment.is_complete)
        };
        let file = File::open(&path, mode).await?;
        let mut inner = self.inner.borrow_mut();
        let Some(segment) = inner.segments.get_mut(&base) else { return Ok(None) };
        if let Some(file) = &segment.file {
            return Ok(Some(file.clone()));
        }
        segment.file = Some(file.clone());
        drop(inner);
        if is_sealed {
            self.shared.opened(self.me.clone(), base);
        }
        Ok(Some(file))
    }

    /// Writes and syncs everything that is in the log now. The journal still holds all of it when
    /// this returns.
    pub(crate) async fn flush(&self, last_block: LastBlock) -> Result<Flushed, FlushError> {
        let (end, flushed, commit) = {
            let inner = self.inner.borrow();
            let end = inner.end_place();
            let durable = align_down(end.position);
            let (segment, size, end_offset) = (end.segment, end.position, inner.end);
            let flushed = Flushed {
                recovery: RecoveryPoint { segment, durable, size, end: end_offset },
                producers: inner.producers.clone(),
                epochs: inner.epochs.clone(),
                block: inner.tail.pieces(segment, durable..size).to_vec(),
            };
            (end, flushed, inner.last_commit.clone())
        };
        if let Some(commit) = commit {
            commit.durable().await?;
        }
        self.complete_sealed_segments(end.segment).await?;
        self.flush_active(end, last_block).await?;
        Ok(flushed)
    }

    async fn complete_sealed_segments(&self, below: Offset) -> Result<(), FlushError> {
        loop {
            let next = {
                let inner = self.inner.borrow();
                inner
                    .segments
                    .range(..below)
                    .find(|entry| !entry.1.is_complete)
                    .map(|entry| *entry.0)
            };
            let Some(base) = next else { return Ok(()) };
            let size = self.inner.borrow().segments[&base].size;
            self.write_up_to(base, size).await?;
            self.let_go_of_last_chunk(base);
            let Some(file) = self.segment_file(base).await? else { continue };
            file.truncate(size).await?;
            file.sync(SyncPath::Thread).await?;
            let index =
                self.inner.borrow().segments.get(&base).and_then(|found| found.index.clone());
            if let Some(index) = index {
                store_index(&self.directory, &index, base, IndexWrite::Final).await?;
            }
            sync_directory(&self.directory).await?;
            {
                let mut inner = self.inner.borrow_mut();
                if let Some(segment) = inner.segments.get_mut(&base) {
                    segment.is_complete = true;
                }
            }
            self.shared.opened(self.me.clone(), base);
        }
    }

    /// The last chunk of a sealed segment is in the file: it may be evicted like a full one.
    fn let_go_of_last_chunk(&self, base: Offset) {
        let written = {
            let mut inner = self.inner.borrow_mut();
            let last = inner.tail.chunks().filter(|chunk| chunk.segment == base).last();
            let start = last.filter(|chunk| !chunk.is_written()).map(|chunk| chunk.start);
            start.and_then(|start| {
                let chunk = inner.tail.chunk_mut(base, start)?;
                chunk.chunk.pad();
                chunk.flushed = chunk.chunk.capacity();
                Some((start, chunk.flushed))
            })
        };
        if let Some((start, capacity)) = written {
            self.shared.memory.written(self.me.clone(), base, start, capacity);
        }
    }

    async fn flush_active(&self, end: Place, last_block: LastBlock) -> Result<(), FlushError> {
        if end.position == 0 {
            return Ok(());
        }
        let (written, how) = match last_block {
            LastBlock::Kept => (align_down(end.position), IndexWrite::Hint),
            LastBlock::Written => (end.position, IndexWrite::Final),
        };
        self.write_up_to(end.segment, written).await?;
        let Some(file) = self.segment_file(end.segment).await? else { return Ok(()) };
        let index = {
            let inner = self.inner.borrow();
            inner.segments.get(&end.segment).and_then(|segment| segment.index.clone())
        };
        if last_block == LastBlock::Written {
            file.truncate(end.position).await?;
        }
        file.sync(SyncPath::Thread).await?;
        if let Some(index) = index {
            store_index(&self.directory, &index, end.segment, how).await?;
        }
        sync_directory(&self.directory).await?;
        Ok(())
    }

    /// Brings the bytes of a segment below `end` into its file, the last block padded. Waits for
    /// writes that are under way, but not for those that wait for the journal: what lies below
    /// `end` is durable there.
    async fn write_up_to(&self, base: Offset, end: u64) -> Result<(), FlushError> {
        let starts: Vec<u64> = {
            let inner = self.inner.borrow();
            let below =
                inner.tail.chunks().filter(|chunk| chunk.segment == base && chunk.start < end);
            below.filter(|chunk| !chunk.is_written()).map(|chunk| chunk.start).collect()
        };
        for start in starts {
            self.until_not_writing(base, start).await?;
            let part = {
                let mut inner = self.inner.borrow_mut();
                inner.tail.chunk_mut(base, start).and_then(|chunk| chunk.unflushed(end))
            };
            let Some((position, buffer)) = part else { continue };
            let Some(file) = self.segment_file(base).await? else { return Ok(()) };
            file.write(buffer, position).await?;
            let mut inner = self.inner.borrow_mut();
            if let Some(chunk) = inner.tail.chunk_mut(base, start) {
                let written = align_down(end.min(chunk.end())) - start;
                chunk.flushed = chunk.flushed.max(written as usize);
            }
        }
        Ok(())
    }

    async fn until_not_writing(&self, base: Offset, start: u64) -> Result<(), FlushError> {
        loop {
            let waiting = self.flushed.waiting();
            let is_writing = {
                let mut inner = self.inner.borrow_mut();
                inner.tail.chunk_mut(base, start).is_some_and(|chunk| chunk.writing)
            };
            if !is_writing {
                return Ok(());
            }
            if let Some(failed) = self.shared.failed() {
                return Err(failed.into());
            }
            futures_lite::future::or(waiting, async {
                self.shared.journal().until_failed().await;
            })
            .await;
        }
    }

    /// Lets go of the journal for everything a flush covers. The next checkpoint that is stored
    /// makes it count.
    pub(crate) fn settle(&self, flushed: Flushed) {
        let mut inner = self.inner.borrow_mut();
        let RecoveryPoint { segment, size, .. } = flushed.recovery;
        let place = Place { segment, position: size };
        inner.holds.retain(|hold| hold.1 > place);
        inner.recovery = flushed.recovery;
        inner.saved_producers = flushed.producers;
        inner.saved_epochs = flushed.epochs;
        inner.saved_block = flushed.block;
    }

    /// Reads the index of a sealed segment again if it was dropped.
    pub(crate) async fn load_segment_index(&self, base: Offset) {
        let (size, next) = {
            let inner = self.inner.borrow();
            let Some(segment) = inner.segments.get(&base) else { return };
            if segment.index.is_some() {
                return;
            }
            let after = inner.segments.range(base.next()..).next();
            (segment.size, after.map_or(inner.end, |entry| *entry.0))
        };
        let index = load_index(&self.directory, base, size, next).await;
        if let Some(segment) = self.inner.borrow_mut().segments.get_mut(&base) {
            segment.index.get_or_insert(index);
        }
    }
}
