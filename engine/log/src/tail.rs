//! The newest bytes of a partition in memory: aligned chunks that fetches read and that are written
//! to the segment behind the journal. The last chunk is being filled; the others are full or belong
//! to a sealed segment.

use std::collections::VecDeque;
use std::ops::Range;

use corelog_io::{BLOCK, Buffer, Chunk, align_down, align_up};
use corelog_model::Offset;

use crate::pieces::Pieces;

/// Capacity of the first chunk: what an idle partition keeps in memory.
pub(crate) const CHUNK_BYTES_MIN: usize = 16 << 10;

/// One chunk and where its bytes stand.
#[derive(Debug)]
pub(crate) struct TailChunk {
    /// Base offset of the segment.
    pub(crate) segment: Offset,
    /// Position of its first byte, a block boundary.
    pub(crate) start: u64,
    pub(crate) chunk: Chunk,
    /// Bytes from its front that the file has.
    pub(crate) flushed: usize,
    /// A write of it is scheduled or under way.
    pub(crate) writing: bool,
    /// Nothing is added to it any more, so it waits for its place in the file.
    pub(crate) queued: bool,
    /// The file has all of it.
    pub(crate) written: bool,
}

impl TailChunk {
    pub(crate) fn end(&self) -> u64 {
        self.start + self.chunk.len() as u64
    }

    pub(crate) fn is_full(&self) -> bool {
        self.chunk.room() == 0
    }

    /// A copy of what the file lacks below `end`, in whole blocks, the last one padded with zeros.
    pub(crate) fn unflushed(&self, end: u64) -> Option<(u64, Buffer)> {
        let end = (end.saturating_sub(self.start) as usize).min(self.chunk.len());
        if end <= self.flushed {
            return None;
        }
        let mut buffer = Buffer::zeroed(align_up((end - self.flushed) as u64) as usize);
        buffer[..end - self.flushed].copy_from_slice(self.chunk.bytes(self.flushed..end));
        Some((self.start + self.flushed as u64, buffer))
    }
}

/// The chunks of one partition, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    chunks: VecDeque<TailChunk>,
    next_capacity: usize,
}

impl Tail {
    /// Appends bytes at `position` of `segment`, where the last append ended. `added` hears the
    /// capacity of each new chunk. Chunks grow fourfold up to `capacity_max`.
    pub(crate) fn append(
        &mut self,
        segment: Offset,
        mut position: u64,
        mut bytes: &[u8],
        capacity_max: usize,
        mut added: impl FnMut(usize),
    ) {
        while !bytes.is_empty() {
            let fits = self.chunks.back().filter(|last| last.segment == segment && !last.is_full());
            let Some(last) = fits else {
                added(self.add_chunk(segment, position, capacity_max));
                continue;
            };
            assert!(last.end() == position, "appends follow each other: {position}");
            let taken = last.chunk.append(bytes);
            position += taken as u64;
            bytes = &bytes[taken..];
        }
    }

    fn add_chunk(&mut self, segment: Offset, start: u64, capacity_max: usize) -> usize {
        assert!(start.is_multiple_of(BLOCK as u64), "a chunk begins at a block: {start}");
        let capacity = self.next_capacity.clamp(CHUNK_BYTES_MIN, capacity_max.max(CHUNK_BYTES_MIN));
        self.next_capacity = capacity * 4;
        self.chunks.push_back(TailChunk {
            segment,
            start,
            chunk: Chunk::with_capacity(capacity),
            flushed: 0,
            writing: false,
            queued: false,
            written: false,
        });
        capacity
    }

    /// Makes `block`, the bytes from a block boundary to `end`, the front of a new chunk in place
    /// of all chunks.
    pub(crate) fn restart(&mut self, segment: Offset, end: u64, block: &[u8]) {
        self.chunks.clear();
        self.next_capacity = 0;
        if block.is_empty() {
            return;
        }
        assert!(block.len() < BLOCK, "only a partial block is carried: {}", block.len());
        self.add_chunk(segment, align_down(end), CHUNK_BYTES_MIN);
        let last = self.chunks.back_mut().expect("a chunk was just added");
        last.chunk.append(block);
    }

    /// Where memory begins in `segment`; everything above is in memory.
    pub(crate) fn memory_start(&self, segment: Offset) -> Option<u64> {
        self.chunks.iter().find(|chunk| chunk.segment == segment).map(|chunk| chunk.start)
    }

    /// The bytes `range` of `segment`, all of them in memory.
    pub(crate) fn pieces(&self, segment: Offset, range: Range<u64>) -> Pieces {
        let mut pieces = Pieces::new();
        let first = self
            .chunks
            .partition_point(|chunk| (chunk.segment, chunk.end()) <= (segment, range.start));
        for chunk in self.chunks.range(first..) {
            if chunk.segment != segment || chunk.start >= range.end {
                break;
            }
            let from = range.start.max(chunk.start) - chunk.start;
            let to = range.end.min(chunk.end()) - chunk.start;
            pieces.push(chunk.chunk.slice(from as usize..to as usize));
        }
        assert!(pieces.len() as u64 == range.end - range.start, "the range {range:?} is in memory");
        pieces
    }

    pub(crate) fn chunks(&self) -> impl Iterator<Item = &TailChunk> {
        self.chunks.iter()
    }

    pub(crate) fn chunk_mut(&mut self, segment: Offset, start: u64) -> Option<&mut TailChunk> {
        self.chunks.iter_mut().find(|chunk| chunk.segment == segment && chunk.start == start)
    }

    /// Drops the oldest chunk if it is this one and another follows; returns its capacity.
    pub(crate) fn evict(&mut self, segment: Offset, start: u64) -> Option<usize> {
        let front = self.chunks.front()?;
        let is_it = front.segment == segment && front.start == start;
        if !is_it || self.chunks.len() == 1 || !front.written {
            return None;
        }
        self.chunks.pop_front().map(|chunk| chunk.chunk.capacity())
    }

    /// Drops the chunks of segments that were written and replaced; returns their capacity.
    pub(crate) fn forget(&mut self, segments: &[Offset]) -> usize {
        let mut freed = 0;
        self.chunks.retain(|chunk| {
            let goes = segments.contains(&chunk.segment);
            assert!(!goes || chunk.written, "only what is in its segment is forgotten");
            freed += if goes { chunk.chunk.capacity() } else { 0 };
            !goes
        });
        freed
    }

    /// Marks the chunks nothing is added to any more: full ones, and all of segments below
    /// `active`. Returns the places of those that are news, full or not.
    pub(crate) fn queue(&mut self, active: Offset) -> Vec<Queued> {
        let mut news = Vec::new();
        // Chunks are queued in order.
        for chunk in self.chunks.iter_mut().rev().take_while(|chunk| !chunk.queued) {
            if chunk.is_full() || chunk.segment < active {
                chunk.queued = true;
                chunk.writing = chunk.is_full();
                let (segment, start, bytes) = (chunk.segment, chunk.start, chunk.chunk.capacity());
                news.push(Queued { segment, start, bytes, is_full: chunk.is_full() });
            }
        }
        news
    }

    /// Drops every chunk and returns the bytes they held and how many of them waited to be written.
    pub(crate) fn clear(&mut self) -> (usize, usize) {
        let capacity = |chunk: &TailChunk| chunk.chunk.capacity();
        let total = self.chunks.iter().map(capacity).sum();
        let waits = |chunk: &&TailChunk| chunk.queued && !chunk.written;
        let waiting = self.chunks.iter().filter(waits).map(capacity).sum();
        self.chunks.clear();
        (total, waiting)
    }
}

/// A chunk that waits to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Queued {
    pub(crate) segment: Offset,
    pub(crate) start: u64,
    /// Its capacity.
    pub(crate) bytes: usize,
    pub(crate) is_full: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(len: usize) -> (Tail, Vec<u8>) {
        let bytes: Vec<u8> = (0..len).map(|index| (index % 251) as u8).collect();
        let mut tail = Tail::default();
        for (number, piece) in bytes.chunks(1000).enumerate() {
            tail.append(Offset(0), number as u64 * 1000, piece, 64 << 10, |_| {});
        }
        (tail, bytes)
    }

    #[test]
    fn ranges_cross_chunks_and_chunks_grow() {
        let (tail, bytes) = filled(200_000);
        let capacities: Vec<_> = tail.chunks().map(|chunk| chunk.chunk.capacity() >> 10).collect();
        assert_eq!(capacities, [16, 64, 64, 64]);
        let pieces = tail.pieces(Offset(0), 16_000..90_000);
        assert_eq!(pieces.to_vec(), bytes[16_000..90_000]);
        assert_eq!(tail.memory_start(Offset(0)), Some(0));
    }

    #[test]
    fn only_the_oldest_written_chunk_is_evicted() {
        let (mut tail, _) = filled(200_000);
        assert_eq!(tail.evict(Offset(0), 0), None, "it is not written");
        for start in [0, 16 << 10] {
            tail.chunk_mut(Offset(0), start).unwrap().written = true;
        }
        assert_eq!(tail.evict(Offset(0), 16 << 10), None, "an older one is there");
        assert_eq!(tail.evict(Offset(0), 0), Some(16 << 10));
        assert_eq!(tail.memory_start(Offset(0)), Some(16 << 10));
    }

    #[test]
    fn a_chunk_is_queued_once_when_it_is_full_or_its_segment_sealed() {
        let (mut tail, _) = filled(100_000);
        let starts = |queued: Vec<Queued>| -> Vec<(u64, bool)> {
            queued.iter().map(|queued| (queued.start >> 10, queued.is_full)).collect()
        };
        assert_eq!(starts(tail.queue(Offset(0))), [(16, true), (0, true)]);
        assert_eq!(starts(tail.queue(Offset(0))), []);
        assert_eq!(starts(tail.queue(Offset(9))), [(80, false)]);
        assert_eq!(tail.clear(), (144 << 10, 144 << 10));
    }

    #[test]
    fn a_carried_block_is_the_front_of_the_next_chunk() {
        let mut tail = Tail::default();
        tail.restart(Offset(5), 8192 + 3, b"abc");
        tail.append(Offset(5), 8195, b"def", 64 << 10, |_| {});
        assert_eq!(tail.pieces(Offset(5), 8192..8198).to_vec(), b"abcdef");
        let (position, buffer) = tail.chunks().last().unwrap().unflushed(8198).unwrap();
        assert_eq!((position, buffer.len(), &buffer[..7]), (8192, BLOCK, &b"abcdef\0"[..]));
    }
}
