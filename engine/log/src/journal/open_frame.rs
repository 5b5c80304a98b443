//! The frame that is being filled.

use std::rc::Rc;

use corelog_io::{Buffer, Chunk, align_up};
use corelog_model::Offset;

use super::durability::FrameState;
use super::frame::FRAME_HEADER_LEN;

/// Told when entries became durable; a partition moves its durable end here.
pub trait OnDurable {
    /// Everything this subject appended below `end` is durable.
    fn durable(&self, end: Offset);
}

pub(super) type Listener = (Rc<dyn OnDurable>, Offset);

/// Entries that wait to be written as one frame.
pub(super) struct OpenFrame {
    chunk: Chunk,
    pub(super) entries: u32,
    pub(super) state: Rc<FrameState>,
    pub(super) listeners: Vec<Listener>,
}

const FIRST_BUFFER_BYTES: usize = 16 << 10;

impl OpenFrame {
    pub(super) fn new() -> Self {
        let chunk = Chunk::with_capacity(FIRST_BUFFER_BYTES);
        chunk.append(&[0; FRAME_HEADER_LEN]);
        Self { chunk, entries: 0, state: Rc::default(), listeners: Vec::new() }
    }

    /// Bytes it has, its header included.
    pub(super) fn len(&self) -> usize {
        self.chunk.len()
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let pushed = self.chunk.append(bytes);
        assert!(pushed == bytes.len(), "room was made before");
    }

    // Grows by doubling and more, so that each byte is copied about once on average.
    pub(super) fn make_room(&mut self, needed: usize) {
        if needed <= self.chunk.room() {
            return;
        }
        let wanted = (self.len() + needed).max(self.chunk.capacity() * 4);
        let chunk = Chunk::with_capacity(align_up(wanted as u64) as usize);
        chunk.append(self.chunk.bytes(0..self.len()));
        self.chunk = chunk;
    }

    /// Its bytes in whole blocks, the place of the header zeroed.
    /// With the number of entries, and who waits for them.
    pub(super) fn into_parts(self) -> (Buffer, u32, Rc<FrameState>, Vec<Listener>) {
        let buffer = self.chunk.into_buffer().expect("nobody else sees an open frame");
        (buffer, self.entries, self.state, self.listeners)
    }

    /// Bytes it takes in a file.
    pub(super) fn frame_len(&self) -> u64 {
        align_up(self.len() as u64)
    }

    pub(super) fn listen(&mut self, listener: Listener) {
        match self.listeners.last_mut() {
            Some(last) if Rc::ptr_eq(&last.0, &listener.0) => last.1 = listener.1,
            _ => self.listeners.push(listener),
        }
    }
}
