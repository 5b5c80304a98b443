//! The frame that is being filled.

use std::rc::Rc;

use corelog_io::{Buffer, align_up};
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
    pub(super) buffer: Buffer,
    pub(super) len: usize,
    pub(super) entries: u32,
    pub(super) state: Rc<FrameState>,
    pub(super) listeners: Vec<Listener>,
}

const FIRST_BUFFER_BYTES: usize = 16 << 10;

impl OpenFrame {
    pub(super) fn new() -> Self {
        Self {
            buffer: Buffer::zeroed(FIRST_BUFFER_BYTES),
            len: FRAME_HEADER_LEN,
            entries: 0,
            state: Rc::default(),
            listeners: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    // Grows by doubling and more, so that each byte is copied about once on average.
    pub(super) fn make_room(&mut self, needed: usize) {
        if self.len + needed <= self.buffer.len() {
            return;
        }
        let wanted = (self.len + needed).max(self.buffer.len() * 4);
        let mut buffer = Buffer::zeroed(align_up(wanted as u64) as usize);
        buffer[..self.len].copy_from_slice(&self.buffer[..self.len]);
        self.buffer = buffer;
    }

    /// Bytes it takes in a file.
    pub(super) fn frame_len(&self) -> u64 {
        align_up(self.len as u64)
    }

    pub(super) fn listen(&mut self, listener: Listener) {
        match self.listeners.last_mut() {
            Some(last) if Rc::ptr_eq(&last.0, &listener.0) => last.1 = listener.1,
            _ => self.listeners.push(listener),
        }
    }
}
