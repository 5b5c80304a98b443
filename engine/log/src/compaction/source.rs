//! Reading a segment from its front to its end in large pieces, past the read cache. Every batch is
//! checked before it is looked at: what is rewritten here has no other copy.

use corelog_io::{File, IoError};
use corelog_model::{BatchHeader, BatchView, HEADER_LEN, Offset};

use super::CleanError;
use super::pace::Pace;

/// Bytes of one read, and about what is done before others get their turn.
pub(crate) const PIECE_BYTES: usize = 128 << 10;

/// A complete segment that is read once.
pub(crate) struct Source {
    file: File,
    base: Offset,
    end: Offset,
    size: u64,
    /// Bytes that were read.
    position: u64,
    /// What was read and not taken yet.
    bytes: Vec<u8>,
    taken: usize,
    /// The next batch begins here or, after a gap, above.
    next: Offset,
}

impl Source {
    pub(crate) fn new(file: File, base: Offset, end: Offset, size: u64) -> Self {
        Self { file, base, end, size, position: 0, bytes: Vec::new(), taken: 0, next: base }
    }

    /// The next batch, at the given pace; `None` at the segment's end.
    pub(crate) async fn next(
        &mut self,
        pace: &mut Pace<'_>,
    ) -> Result<Option<BatchView<'_>>, CleanError> {
        let (is_there, bytes) = self.fill().await?;
        pace.read(bytes).await?;
        if is_there { self.take().map(Some) } else { Ok(None) }
    }

    /// Reads on until a whole batch is there. False at the segment's end. Returns how many bytes
    /// were read.
    async fn fill(&mut self) -> Result<(bool, u64), CleanError> {
        let began = self.position;
        loop {
            let present = self.bytes.len() - self.taken;
            let needed = if present < HEADER_LEN { HEADER_LEN } else { self.header()?.total_len() };
            if needed <= present {
                return Ok((true, self.position - began));
            }
            let left = self.size - self.position;
            if left == 0 && present == 0 {
                return Ok((false, self.position - began));
            }
            if ((needed - present) as u64) > left {
                return Err(self.damaged("the segment ends within a batch"));
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), IoError> {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        let len = (self.size - self.position).min(PIECE_BYTES as u64) as usize;
        let piece = self.file.read(self.position, len).await?;
        if piece.len() < len {
            let why = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
            return Err(IoError::new("read", &self.file.path(), why));
        }
        self.position += len as u64;
        self.bytes.extend_from_slice(&piece);
        Ok(())
    }

    fn header(&self) -> Result<&BatchHeader, CleanError> {
        BatchHeader::peek(&self.bytes[self.taken..])
            .map_err(|error| self.damaged(&error.to_string()))
    }

    /// Takes the batch that `fill` found.
    fn take(&mut self) -> Result<BatchView<'_>, CleanError> {
        let header = self.header()?;
        let (from, to) = (header.base_offset(), header.next_offset());
        if from < self.next || self.end < to {
            let why = format!("offsets {from} to {to} stand where {} is next", self.next);
            return Err(self.damaged(&why));
        }
        let len = header.total_len();
        let start = self.taken;
        let view = BatchView::parse(&self.bytes[start..start + len]);
        let checked = view.and_then(|(view, _)| view.verify_crc());
        checked.map_err(|error| self.damaged(&error.to_string()))?;
        self.next = to;
        self.taken += len;
        let (view, _) = BatchView::parse(&self.bytes[start..start + len])
            .map_err(|_| CleanError::damaged(self.base, "a batch is none".to_owned()))?;
        Ok(view)
    }

    /// What does not fit, and where.
    fn damaged(&self, why: &str) -> CleanError {
        let at = self.position - (self.bytes.len() - self.taken) as u64;
        CleanError::damaged(self.base, format!("byte {at}: {why}"))
    }
}
