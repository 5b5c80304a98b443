//! From memory to segments, beside the journal: full chunks are written as they come, and a
//! checkpoint writes the rest, syncs, and only then lets go of the journal.

use std::time::Duration;

use corelog_io::{
    Buffer, Chunk, File, IoError, OpenMode, SyncPath, align_down, sleep, spawn, sync_directory,
};
use corelog_model::Offset;

use crate::aborted::AbortedStamp;
use crate::aborted_file::AbortedWrite;
use crate::checkpoint::RecoveryPoint;
use crate::epochs::EpochCache;
use crate::index::{IndexStamp, SegmentIndex};
use crate::journal::JournalFailed;
use crate::partition::{Inner, PartitionLog, Place};
use crate::producers::ProducerTable;
use crate::segment::{IndexWrite, load_index, store_index};
use crate::tail::Queued;

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
    pub(crate) index: IndexStamp,
    pub(crate) aborted: AbortedStamp,
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
    /// Counts chunks that became full, or whose segment was sealed, as waiting for their write.
    pub(crate) fn queue_writes(&self, inner: &mut Inner) -> Vec<Queued> {
        let active = inner.active().base;
        let queued = inner.tail.queue(active);
        for chunk in &queued {
            self.shared.memory.queued(chunk.bytes);
        }
        queued
    }

    /// Starts the writes of full chunks. Those that are not full wait for a checkpoint.
    pub(crate) fn start_writes(&self, queued: Vec<Queued>) {
        for Queued { segment, start, .. } in queued.into_iter().filter(|chunk| chunk.is_full) {
            let (Some(log), in_use) = (self.me.upgrade(), self.begin_use()) else { return };
            spawn(async move {
                log.write_chunk(segment, start).await;
                drop(in_use);
            })
            .detach();
        }
    }

    /// Writes a full chunk. It may run ahead of the journal: what a segment has above the recovery
    /// point is not read after a crash.
    async fn write_chunk(&self, segment: Offset, start: u64) {
        let _turn = self.shared.flushes.take(1).await;
        while let Some(work) = self.unwritten_part(segment, start) {
            match self.write_part(segment, start, work).await {
                Ok(()) => return self.chunk_written(segment, start),
                Err(_) if self.is_gone() => return,
                // The journal has the bytes and so has memory: nothing is lost while the disk is
                // full.
                Err(error) if error.is_shortage() => {
                    tracing::warn!(%error, "a segment write waits until there is room again");
                    sleep(FULL_DISK_PAUSE).await;
                }
                Err(error) => return self.shared.disk_failed(error),
            }
        }
    }

    fn chunk_written(&self, segment: Offset, start: u64) {
        let capacity = {
            let mut inner = self.inner.borrow_mut();
            let Some(chunk) = inner.tail.chunk_mut(segment, start) else { return };
            chunk.writing = false;
            chunk.written = true;
            chunk.flushed = chunk.chunk.capacity();
            chunk.flushed
        };
        self.shared.memory.written(self.me.clone(), segment, start, capacity);
        self.flushed.notify();
    }

    fn unwritten_part(
        &self,
        segment: Offset,
        start: u64,
    ) -> Option<(Chunk, Option<(u64, Buffer)>)> {
        if self.is_gone() || self.shared.is_stopped() {
            return None;
        }
        let mut inner = self.inner.borrow_mut();
        let chunk = inner.tail.chunk_mut(segment, start)?;
        // A chunk of which the file has a part already is written from there on, so that what a
        // checkpoint counts on is not written again.
        let rest = if chunk.flushed > 0 { chunk.unflushed(chunk.end()) } else { None };
        Some((chunk.chunk.clone(), rest))
    }

    async fn write_part(
        &self,
        segment: Offset,
        start: u64,
        (chunk, rest): (Chunk, Option<(u64, Buffer)>),
    ) -> Result<(), IoError> {
        let Some(file) = self.segment_file(segment).await? else { return Ok(()) };
        match rest {
            Some((position, buffer)) => file.write(buffer, position).await,
            None => file.write_chunk(&chunk, start).await,
        }
    }

    /// The segment's file, opened or created if need be; `None` if the segment is gone.
    pub(crate) async fn segment_file(&self, base: Offset) -> Result<Option<File>, IoError> {
        let (file, is_sealed) = loop {
            let (path, mode, is_sealed, replaced) = {
                let inner = self.inner.borrow();
                let Some(segment) = inner.segments.get(&base) else { return Ok(None) };
                if let Some(file) = &segment.file {
                    return Ok(Some(file.clone()));
                }
                let mode =
                    if segment.is_complete { OpenMode::ReadWrite } else { OpenMode::CreateOrOpen };
                (segment.path("log"), mode, segment.is_complete, inner.replaced)
            };
            let opened = File::open(&path, mode).await;
            let inner = self.inner.borrow();
            let segment = inner.segments.get(&base);
            // The file of that name may be another one now.
            if inner.replaced != replaced || segment.is_some_and(|segment| segment.file.is_some()) {
                continue;
            }
            match opened {
                Err(error) if error.is_not_found() && (self.is_gone() || segment.is_none()) => {
                    return Ok(None);
                }
                opened => break (opened?, is_sealed),
            }
        };
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

    /// Writes and syncs everything that is in the log now, whether the journal has made it durable
    /// or not: it must not wait for a journal that may wait for room. `None` if the partition went
    /// away.
    pub(crate) async fn flush(&self, last_block: LastBlock) -> Result<Option<Flushed>, FlushError> {
        let Some(_use) = self.begin_use().filter(|_| !self.is_gone()) else { return Ok(None) };
        let (end, flushed) = {
            let inner = self.inner.borrow();
            let end = inner.end_place();
            let durable = align_down(end.position);
            let (segment, size, end_offset) = (end.segment, end.position, inner.end);
            let flushed = Flushed {
                recovery: RecoveryPoint { segment, durable, size, end: end_offset },
                producers: inner.producers.clone(),
                epochs: inner.epochs.clone(),
                block: inner.tail.pieces(segment, durable..size).to_vec(),
                index: inner.active().index.as_ref().map(SegmentIndex::stamp).unwrap_or_default(),
                aborted: inner.active().aborted.stamp(),
            };
            (end, flushed)
        };
        let outcome = async {
            self.complete_sealed_segments(end.segment).await?;
            let blocks = AbortedWrite::Blocks(flushed.aborted.whole_blocks_len());
            self.flush_active(end, last_block, blocks).await
        };
        match outcome.await {
            _ if self.is_gone() => Ok(None),
            outcome => outcome.map(|()| Some(flushed)),
        }
    }

    /// Writes and syncs the sealed segments, which frees their memory.
    pub(crate) async fn flush_sealed(&self) -> Result<(), FlushError> {
        let Some(_use) = self.begin_use().filter(|_| !self.is_gone()) else { return Ok(()) };
        let active = self.inner.borrow().active().base;
        self.complete_sealed_segments(active).await
    }

    async fn complete_sealed_segments(&self, below: Offset) -> Result<(), FlushError> {
        loop {
            if self.is_gone() {
                return Ok(());
            }
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
            self.write_aborted(base, AbortedWrite::Final).await?;
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
            let start = last.filter(|chunk| !chunk.written).map(|chunk| chunk.start);
            start.and_then(|start| {
                let chunk = inner.tail.chunk_mut(base, start)?;
                assert!(chunk.queued, "a sealed segment's chunks are queued");
                chunk.written = true;
                Some((start, chunk.chunk.capacity()))
            })
        };
        if let Some((start, capacity)) = written {
            self.shared.memory.written(self.me.clone(), base, start, capacity);
        }
    }

    async fn flush_active(
        &self,
        end: Place,
        last_block: LastBlock,
        blocks: AbortedWrite,
    ) -> Result<(), FlushError> {
        if end.position == 0 {
            return Ok(());
        }
        let (written, how, aborted) = match last_block {
            LastBlock::Kept => (align_down(end.position), IndexWrite::Hint, blocks),
            LastBlock::Written => (end.position, IndexWrite::Final, AbortedWrite::Final),
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
        self.write_aborted(end.segment, aborted).await?;
        sync_directory(&self.directory).await?;
        Ok(())
    }

    /// Brings the bytes of a segment below `end` into its file: waits for the writes that are under
    /// way and writes the rest, the last block padded.
    async fn write_up_to(&self, base: Offset, end: u64) -> Result<(), FlushError> {
        loop {
            let waiting = self.flushed.waiting();
            if self.is_gone() {
                return Ok(());
            }
            let busy = {
                let inner = self.inner.borrow();
                inner.tail.chunks().any(|chunk| chunk.segment == base && chunk.writing)
            };
            if !busy {
                break;
            }
            if let Some(failed) = self.shared.failed() {
                return Err(failed.into());
            }
            let failure = async { drop(self.shared.until_failed().await) };
            futures_lite::future::or(waiting, failure).await;
        }
        let part = {
            let inner = self.inner.borrow();
            let mut open = inner.tail.chunks().filter(|chunk| chunk.segment == base);
            let part = open.find(|chunk| !chunk.written && chunk.start < end);
            part.and_then(|chunk| Some((chunk.start, chunk.unflushed(end)?)))
        };
        let Some((start, (position, buffer))) = part else { return Ok(()) };
        let Some(file) = self.segment_file(base).await? else { return Ok(()) };
        file.write(buffer, position).await?;
        let mut inner = self.inner.borrow_mut();
        if let Some(chunk) = inner.tail.chunk_mut(base, start) {
            chunk.flushed = chunk.flushed.max((align_down(end) - start) as usize);
        }
        Ok(())
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
        inner.saved_index = flushed.index;
        inner.saved_aborted = flushed.aborted;
    }

    /// Reads the index of a sealed segment again if it was dropped.
    pub(crate) async fn load_segment_index(&self, base: Offset) -> Result<(), IoError> {
        let (size, next, replaced) = {
            let inner = self.inner.borrow();
            let Some(segment) = inner.segments.get(&base) else { return Ok(()) };
            if segment.index.is_some() {
                return Ok(());
            }
            let after = inner.segments.range(base.next()..).next();
            (segment.size, after.map_or(inner.end, |entry| *entry.0), inner.replaced)
        };
        let index = load_index(&self.directory, base, size, next).await?;
        if self.inner.borrow().replaced != replaced {
            // It may be that of another segment. Without it a read begins at the front.
            return Ok(());
        }
        let is_news = match self.inner.borrow_mut().segments.get_mut(&base) {
            Some(segment) if segment.index.is_none() => {
                segment.index = Some(index);
                segment.is_complete
            }
            Some(_) | None => false,
        };
        if is_news {
            self.shared.opened(self.me.clone(), base);
        }
        Ok(())
    }
}
