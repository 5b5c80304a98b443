//! The bounded buffer that decompressors write to: no input makes it larger than its cap.

use super::CodecError;

/// A vector that grows with the data and never beyond `cap_bytes`.
pub(super) struct Output<'a> {
    bytes: &'a mut Vec<u8>,
    cap_bytes: usize,
    /// How much of `bytes` is data; behind it is room.
    filled: usize,
}

impl<'a> Output<'a> {
    /// Empties `bytes`, whose capacity is reused.
    pub(super) fn new(bytes: &'a mut Vec<u8>, cap_bytes: usize) -> Output<'a> {
        bytes.clear();
        Output { bytes, cap_bytes, filled: 0 }
    }

    /// How many bytes have been written.
    pub(super) fn len(&self) -> usize {
        self.filled
    }

    /// How many more bytes may be written.
    pub(super) fn left(&self) -> usize {
        self.cap_bytes - self.filled
    }

    /// Returns the data from `since` on, and room for `want_bytes` behind it, or for as many as
    /// the cap leaves. What is then written counts after [`Output::advance`].
    pub(super) fn room(&mut self, since: usize, want_bytes: usize) -> (&[u8], &mut [u8]) {
        let end = self.filled + want_bytes.min(self.left());
        if self.bytes.len() < end {
            if self.bytes.capacity() < end {
                // Doubling, but within the cap, so exactly.
                let doubled = end.max(2 * self.bytes.len());
                let grown =
                    if is_last_room(doubled, self.cap_bytes) { self.cap_bytes } else { doubled };
                self.bytes.reserve_exact(grown - self.bytes.len());
            }
            self.bytes.resize(end, 0);
        }
        let (data, room) = self.bytes[since..end].split_at_mut(self.filled - since);
        (data, room)
    }

    /// Counts `written_bytes` of the room as data.
    pub(super) fn advance(&mut self, written_bytes: usize) {
        self.filled += written_bytes;
        assert!(self.filled <= self.bytes.len(), "data was written outside the room");
    }

    /// Appends `data`.
    pub(super) fn push(&mut self, data: &[u8]) -> Result<(), CodecError> {
        if data.len() > self.left() {
            return Err(self.too_large());
        }
        self.room(self.filled, data.len()).1.copy_from_slice(data);
        self.advance(data.len());
        Ok(())
    }

    /// The data from `since` on.
    pub(super) fn data(&self, since: usize) -> &[u8] {
        &self.bytes[since..self.filled]
    }

    /// Fills with all that `read` gives. `read` returns 0 at its end.
    pub(super) fn fill_from(
        &mut self,
        first_room_bytes: usize,
        mut read: impl FnMut(&mut [u8]) -> Result<usize, CodecError>,
    ) -> Result<(), CodecError> {
        let mut want_bytes = first_room_bytes.max(512);
        loop {
            if self.left() == 0 {
                // At the cap only the end may follow.
                return if read(&mut [0])? == 0 { Ok(()) } else { Err(self.too_large()) };
            }
            let read_bytes = read(self.room(self.filled, want_bytes).1)?;
            if read_bytes == 0 {
                return Ok(());
            }
            self.advance(read_bytes);
            want_bytes = self.filled.max(want_bytes);
        }
    }

    /// The error for data beyond the cap.
    pub(super) fn too_large(&self) -> CodecError {
        CodecError::TooLarge { cap_bytes: self.cap_bytes }
    }
}

/// Whether room of this size may be all that the cap allows at once. Memory is not taken before it
/// is written, while the smaller rooms before would not be the allocator's to reuse at once.
pub(super) fn is_last_room(room_bytes: usize, cap_bytes: usize) -> bool {
    room_bytes > cap_bytes / 64
}

impl Drop for Output<'_> {
    fn drop(&mut self) {
        self.bytes.truncate(self.filled);
    }
}
