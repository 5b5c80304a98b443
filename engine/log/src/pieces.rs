//! Contiguous bytes of a segment that lie in several pieces of memory: parts of tail chunks and of
//! disk reads.

use std::ops::Range;

use corelog_io::Slice;
use corelog_model::{BatchError, BatchHeader, HEADER_LEN};

// CRC of a batch covers everything from its attributes on.
const CRC_START: usize = 21;

/// Counted references to bytes that follow each other.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    slices: Vec<Slice>,
    len: usize,
}

impl Pieces {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the bytes that follow.
    pub fn push(&mut self, slice: Slice) {
        if !slice.is_empty() {
            self.len += slice.len();
            self.slices.push(slice);
        }
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes of disk reads that they keep in memory, more than they are themselves.
    pub fn read_bytes(&self) -> usize {
        self.slices.iter().map(Slice::read_bytes).sum()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pieces in order.
    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// The pieces in order, without this holder.
    pub fn into_slices(self) -> Vec<Slice> {
        self.slices
    }

    /// The bytes `range`, sharing the memory.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len, "the part lies inside");
        let mut part = Self::new();
        self.each(range, |slice, range| part.push(slice.part(range)));
        part
    }

    /// Copies the bytes out.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len);
        for slice in &self.slices {
            bytes.extend_from_slice(slice);
        }
        bytes
    }

    /// The batch header at `position`, if 61 bytes are there and are one.
    pub fn header(&self, position: usize) -> Result<BatchHeader, BatchError> {
        let mut bytes = [0; HEADER_LEN];
        let present = self.len.saturating_sub(position).min(HEADER_LEN);
        let mut filled = 0;
        self.each(position.min(self.len)..position.min(self.len) + present, |slice, range| {
            bytes[filled..filled + range.len()].copy_from_slice(&slice[range.clone()]);
            filled += range.len();
        });
        BatchHeader::peek(&bytes[..filled]).copied()
    }

    /// Whether the checksum of the batch at `position`, `len` bytes long and wholly present, holds.
    pub fn crc_holds(&self, position: usize, len: usize, stored: u32) -> bool {
        let mut crc = 0;
        self.each(position + CRC_START..position + len, |slice, range| {
            crc = crc32c::crc32c_append(crc, &slice[range]);
        });
        crc == stored
    }

    fn each(&self, range: Range<usize>, mut visit: impl FnMut(&Slice, Range<usize>)) {
        let mut start = 0;
        for slice in &self.slices {
            let end = start + slice.len();
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                visit(slice, from - start..to - start);
            }
            start = end;
            if start >= range.end {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(parts: &[&[u8]]) -> Pieces {
        let mut pieces = Pieces::new();
        for part in parts {
            pieces.push(Slice::of_memory(part.to_vec()));
        }
        pieces
    }

    #[test]
    fn parts_cross_the_seams() {
        let pieces = pieces(&[b"abc", b"", b"de", b"fghi"]);
        assert_eq!((pieces.len(), pieces.slices().len()), (9, 3));
        assert_eq!(pieces.part(2..6).to_vec(), b"cdef");
        assert_eq!(pieces.part(4..4).to_vec(), b"");
    }

    #[test]
    fn a_header_that_is_not_all_there_is_an_error() {
        let pieces = pieces(&[&[0; 40], &[0; 20]]);
        let present = |at| pieces.header(at).map(|_| ()).unwrap_err();
        assert_eq!(present(0), BatchError::HeaderTruncated { present: 60 });
        assert_eq!(present(70), BatchError::HeaderTruncated { present: 0 });
    }
}
