//! Aligned memory for direct I/O: `Buffer` with one owner, `Chunk` that is appended to while
//! readers hold slices of what it already has, and `Slice`, a counted reference to bytes of either.

#![allow(unsafe_code, reason = "append-only sharing of aligned memory needs raw pointers")]

use std::cell::Cell;
use std::ops::{Deref, DerefMut, Range};
use std::rc::Rc;

use glommio::io::{DmaBuffer, ReadResult};

/// Bytes of one disk block. Devices may report 512 and still tear at 4096, so everything aligns to
/// this.
pub const BLOCK: usize = 4096;

/// Rounds `position` down to a block boundary.
pub const fn align_down(position: u64) -> u64 {
    position & !(BLOCK as u64 - 1)
}

/// Rounds `position` up to a block boundary.
pub const fn align_up(position: u64) -> u64 {
    align_down(position + (BLOCK as u64 - 1))
}

fn allocate(len: usize) -> DmaBuffer {
    assert!(len > 0 && len.is_multiple_of(BLOCK), "a buffer is whole blocks: {len}");
    glommio::allocate_dma_buffer_global(len)
}

/// Block-aligned memory with one owner. All bytes are initialised.
#[derive(Debug)]
pub struct Buffer {
    memory: DmaBuffer,
}

impl Buffer {
    /// Zeroed memory of `len` bytes, a positive multiple of [`BLOCK`].
    pub fn zeroed(len: usize) -> Self {
        let mut memory = allocate(len);
        // SAFETY: the allocation is `len` bytes long and owned by `memory` alone.
        unsafe { std::ptr::write_bytes(memory.as_mut_ptr(), 0, len) };
        Self { memory }
    }

    /// Cuts the buffer to `len` bytes, a multiple of [`BLOCK`] not above the present length.
    pub fn truncate(&mut self, len: usize) {
        assert!(len.is_multiple_of(BLOCK), "a buffer is whole blocks: {len}");
        self.memory.trim_to_size(len);
    }

    pub(crate) fn into_memory(self) -> DmaBuffer {
        self.memory
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.memory.as_bytes()
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.memory.as_bytes_mut()
    }
}

/// Block-aligned memory that only grows: bytes below `len` never change again, so slices of them
/// may be read and written to disk while more is appended behind them.
#[derive(Debug, Clone)]
pub struct Chunk {
    memory: Rc<DmaBuffer>,
    len: Rc<Cell<usize>>,
}

impl Chunk {
    /// An empty chunk of `capacity` bytes, a positive multiple of [`BLOCK`].
    pub fn with_capacity(capacity: usize) -> Self {
        Self { memory: Rc::new(allocate(capacity)), len: Rc::new(Cell::new(0)) }
    }

    /// Bytes it can hold.
    pub fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// Bytes it holds.
    pub fn len(&self) -> usize {
        self.len.get()
    }

    /// True when nothing was appended yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that still fit.
    pub fn room(&self) -> usize {
        self.capacity() - self.len()
    }

    /// Appends as much of `bytes` as fits and returns how much that was.
    pub fn append(&self, bytes: &[u8]) -> usize {
        let start = self.len.get();
        let taken = bytes.len().min(self.capacity() - start);
        // SAFETY: [start, start + taken) lies inside the allocation and above `len`, so no slice
        // covers it: slices are made below `len` only, and `Chunk` is neither Send nor Sync.
        unsafe {
            let target = self.memory.as_ptr().cast_mut().add(start);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, taken);
        }
        self.len.set(start + taken);
        taken
    }

    /// Bytes `range` of what was appended.
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        assert!(
            range.start <= range.end && range.end <= self.len(),
            "range {range:?} ends above {}",
            self.len()
        );
        // SAFETY: bytes below `len` are initialised and never written again while the allocation
        // lives.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().add(range.start), range.len()) }
    }

    /// A counted reference to bytes `range` of what was appended.
    pub fn slice(&self, range: Range<usize>) -> Slice {
        assert!(
            range.start <= range.end && range.end <= self.len(),
            "range {range:?} ends above {}",
            self.len()
        );
        Slice { owner: Owner::Chunk(self.clone()), range }
    }

    /// What was appended as memory with one owner, the last block filled with zeros. `None` while a
    /// slice or another clone shares it.
    pub fn into_buffer(self) -> Option<Buffer> {
        static ZEROS: [u8; BLOCK] = [0; BLOCK];
        let len = align_up(self.len() as u64) as usize;
        self.append(&ZEROS[..len - self.len()]);
        let mut memory = Rc::try_unwrap(self.memory).ok()?;
        memory.trim_to_size(len);
        Some(Buffer { memory })
    }

    pub(crate) fn memory(&self) -> Rc<DmaBuffer> {
        assert!(self.room() == 0, "only a full chunk is written whole");
        Rc::clone(&self.memory)
    }
}

#[derive(Clone)]
enum Owner {
    Chunk(Chunk),
    Read(ReadResult),
    Memory(Rc<Vec<u8>>),
}

/// Counted reference to bytes that will not change: of a chunk, of a disk read, or of plain memory.
#[derive(Clone)]
pub struct Slice {
    owner: Owner,
    range: Range<usize>,
}

impl Slice {
    pub(crate) fn of_read(read: ReadResult) -> Self {
        let range = 0..read.len();
        Self { owner: Owner::Read(read), range }
    }

    /// Takes ownership of plain memory.
    pub fn of_memory(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self { owner: Owner::Memory(Rc::new(bytes)), range }
    }

    /// Bytes of the disk read that this keeps in memory, however small it is itself; none for bytes
    /// of a chunk.
    pub fn read_bytes(&self) -> usize {
        match &self.owner {
            Owner::Chunk(_) => 0,
            Owner::Read(read) => read.len(),
            Owner::Memory(bytes) => bytes.len(),
        }
    }

    /// The part `range` of this slice, sharing its memory.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        assert!(
            range.start <= range.end && range.end <= self.range.len(),
            "part {range:?} ends above {}",
            self.range.len()
        );
        let start = self.range.start + range.start;
        Self { owner: self.owner.clone(), range: start..start + range.len() }
    }
}

impl Deref for Slice {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.owner {
            Owner::Chunk(chunk) => chunk.bytes(self.range.clone()),
            Owner::Read(read) => &read[self.range.clone()],
            Owner::Memory(bytes) => &bytes[self.range.clone()],
        }
    }
}

impl std::fmt::Debug for Slice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slice({} bytes)", self.range.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_keeps_its_bytes_while_the_chunk_grows() {
        let chunk = Chunk::with_capacity(BLOCK);
        assert_eq!(chunk.append(b"first"), 5);
        let first = chunk.slice(0..5);
        assert_eq!(chunk.append(&vec![7; BLOCK]), BLOCK - 5);
        drop(chunk);
        assert_eq!(&*first, b"first");
        assert_eq!(&*first.part(1..3), b"ir");
    }

    #[test]
    fn a_small_part_keeps_all_of_its_disk_read() {
        let read = Slice::of_memory(vec![0; 1000]);
        assert_eq!(read.part(10..11).read_bytes(), 1000);
        let chunk = Chunk::with_capacity(BLOCK);
        chunk.append(b"first");
        assert_eq!(chunk.slice(0..5).read_bytes(), 0);
    }

    #[test]
    fn a_chunk_of_one_owner_becomes_a_buffer_of_whole_blocks() {
        let chunk = Chunk::with_capacity(4 * BLOCK);
        chunk.append(&vec![7; BLOCK + 1]);
        let slice = chunk.slice(0..1);
        assert!(chunk.clone().into_buffer().is_none(), "a slice would see it change");
        drop(slice);
        let buffer = chunk.into_buffer().unwrap();
        assert_eq!(buffer.len(), 2 * BLOCK);
        assert_eq!(buffer[..=BLOCK], vec![7; BLOCK + 1]);
        assert_eq!(buffer[BLOCK + 1..], vec![0; BLOCK - 1]);
    }

    #[test]
    #[should_panic(expected = "ends above")]
    fn bytes_that_were_not_appended_cannot_be_read() {
        let chunk = Chunk::with_capacity(BLOCK);
        chunk.append(b"abc");
        let _ = chunk.bytes(0..4);
    }

    #[test]
    fn positions_align_to_blocks() {
        assert_eq!((align_down(4095), align_down(4096)), (0, 4096));
        assert_eq!((align_up(0), align_up(1), align_up(4096)), (0, 4096, 4096));
    }
}
