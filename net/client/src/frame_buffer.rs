//! Bytes as they arrive, cut into frames. Memory grows with the bytes that came, not with the
//! length that was announced.

use corelog_wire::frame::{FRAME_PREFIX_BYTES, FrameError};
use corelog_wire::peek_frame_len;

/// How much room is offered at first, and at least.
const ROOM_BYTES_MIN: usize = 64 * 1024;

/// Collects bytes and gives frames.
#[derive(Debug)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    /// Where the bytes that came end; behind it is room.
    filled: usize,
    frame_bytes_max: usize,
}

impl FrameBuffer {
    /// An empty buffer for frames of at most `frame_bytes_max` bytes.
    pub fn new(frame_bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), filled: 0, frame_bytes_max }
    }

    /// Room for bytes to come; never empty.
    pub fn room(&mut self) -> &mut [u8] {
        // Doubling keeps the copies of growing linear; the bytes that came pay for the room.
        let room = self.filled.max(ROOM_BYTES_MIN);
        if self.bytes.len() - self.filled < ROOM_BYTES_MIN {
            self.bytes.resize(self.filled + room, 0);
        }
        &mut self.bytes[self.filled..]
    }

    /// Counts the first `count` bytes of the room as arrived.
    pub fn advance(&mut self, count: usize) {
        assert!(self.filled + count <= self.bytes.len(), "more bytes arrived than there was room");
        self.filled += count;
    }

    /// Takes the oldest whole frame, its length prefix included.
    pub fn take(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        let arrived = &self.bytes[..self.filled];
        let Some(len) = peek_frame_len(arrived, self.frame_bytes_max)? else { return Ok(None) };
        let end = FRAME_PREFIX_BYTES + len;
        if arrived.len() < end {
            return Ok(None);
        }
        if arrived.len() == end && end >= ROOM_BYTES_MIN {
            // A large frame that fills the buffer leaves with it, uncopied.
            let mut frame = std::mem::take(&mut self.bytes);
            frame.truncate(end);
            self.filled = 0;
            return Ok(Some(frame));
        }
        let frame = arrived[..end].to_vec();
        self.bytes.copy_within(end..self.filled, 0);
        self.filled -= end;
        Ok(Some(frame))
    }

    /// Whether part of a frame has arrived.
    pub fn is_amid_frame(&self) -> bool {
        self.filled > 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn push(buffer: &mut FrameBuffer, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = buffer.room();
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            buffer.advance(count);
            bytes = &bytes[count..];
        }
    }

    fn frame(len: usize, fill: u8) -> Vec<u8> {
        let mut bytes = (len as i32).to_be_bytes().to_vec();
        bytes.resize(4 + len, fill);
        bytes
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_they_were_cut(
            lens in prop::collection::vec(0_usize..200_000, 1..8),
            cut in 1_usize..100_000,
        ) {
            let frames: Vec<Vec<u8>> =
                lens.iter().enumerate().map(|(fill, len)| frame(*len, fill as u8)).collect();
            let mut buffer = FrameBuffer::new(200_000);
            let mut taken = Vec::new();
            for piece in frames.concat().chunks(cut) {
                push(&mut buffer, piece);
                while let Some(frame) = buffer.take().unwrap() {
                    taken.push(frame);
                }
            }
            prop_assert_eq!(taken, frames);
            prop_assert!(!buffer.is_amid_frame());
        }
    }

    #[test]
    fn hostile_lengths_are_refused_before_memory_is_taken() {
        let mut buffer = FrameBuffer::new(1000);
        push(&mut buffer, &1001_i32.to_be_bytes());
        assert_eq!(buffer.take(), Err(FrameError::TooLong { len: 1001, max: 1000 }));
        let mut buffer = FrameBuffer::new(1000);
        push(&mut buffer, &(-1_i32).to_be_bytes());
        assert_eq!(buffer.take(), Err(FrameError::Negative(-1)));
    }

    #[test]
    fn an_announced_length_takes_no_memory_by_itself() {
        let mut buffer = FrameBuffer::new(i32::MAX as usize);
        push(&mut buffer, &i32::MAX.to_be_bytes());
        assert_eq!(buffer.take(), Ok(None));
        assert!(buffer.room().len() <= 2 * ROOM_BYTES_MIN);
        assert!(buffer.bytes.capacity() <= 4 * ROOM_BYTES_MIN);
    }
}
