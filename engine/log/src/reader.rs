//! Reading: from the tail in memory, or from segments through the window cache. Whatever comes from disk is verified
//! batch by batch: checksum, place in the sequence of offsets, and leader epoch.

use std::ops::Range;

use corelog_io::{IoError, spawn};
use corelog_model::{BatchHeader, Offset, PartitionId};

use crate::partition::{PartitionLog, Place};
use crate::pieces::Pieces;
use crate::read_cache::WINDOW_BYTES;

const CURSORS_MAX: usize = 16;
const FIRST_LOOK_BYTES: u64 = 4096;

/// What to read.
#[derive(Debug, Clone, Copy)]
pub struct ReadRequest {
    /// First offset wanted; the batch that holds it is returned whole.
    pub offset: Offset,
    /// Nothing at or above is returned: the high watermark or the last stable offset.
    pub limit: Offset,
    /// Bytes at most.
    pub bytes_max: usize,
    /// Whether the first batch is returned even if it is larger than `bytes_max` (KIP-74).
    pub first_batch: FirstBatch,
}

/// What happens to a first batch over the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstBatch {
    /// It is returned whole.
    Always,
    /// It is left out.
    IfItFits,
}

/// Whole batches that follow each other.
#[derive(Debug, Clone)]
pub struct ReadBatches {
    /// Their bytes.
    pub pieces: Pieces,
    /// The offset after the last of them; the requested one if there are none.
    pub next: Offset,
}

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The offset is not in the log.
    #[error("offset {offset} is outside of {start} to {end}")]
    OutOfRange {
        /// What was asked for.
        offset: Offset,
        /// The first offset there is.
        start: Offset,
        /// The first offset that is not visible.
        end: Offset,
    },
    /// What the disk returned is not what was written.
    #[error("partition {partition}: the segment at {segment} is damaged at byte {position}: {why}")]
    Damaged {
        /// Whose log.
        partition: PartitionId,
        /// Base offset of the segment.
        segment: Offset,
        /// Where in it.
        position: u64,
        /// What does not fit.
        why: String,
    },
    /// The disk refused.
    #[error(transparent)]
    Io(#[from] IoError),
}

/// Where a walk over batches begins and what must stand there.
#[derive(Debug, Clone, Copy)]
struct Start {
    place: Place,
    /// Base offset of the batch that stands there, if known.
    base: Option<Offset>,
}

impl PartitionLog {
    /// Reads whole batches from the one that holds the requested offset on.
    pub async fn read(&self, request: ReadRequest) -> Result<ReadBatches, ReadError> {
        self.check_range(&request)?;
        if request.offset == request.limit {
            return Ok(ReadBatches { pieces: Pieces::new(), next: request.offset });
        }
        let start = self.locate(request.offset).await?;
        let first = self.read_from(start, &request).await;
        let zero = Place { position: 0, ..start.place };
        match first {
            // An index is only a hint: without it the walk begins at the segment's front.
            Err(ReadError::Damaged { .. }) if start.base.is_none() && start.place != zero => {
                self.shared.cache.forget(self.id, zero.segment);
                let start = Start { place: zero, base: Some(zero.segment) };
                self.read_from(start, &request).await
            }
            other => other,
        }
    }

    fn check_range(&self, request: &ReadRequest) -> Result<(), ReadError> {
        let start = self.inner.borrow().log_start;
        let end = request.limit;
        if start <= request.offset && request.offset <= end {
            return Ok(());
        }
        Err(ReadError::OutOfRange { offset: request.offset, start, end })
    }

    async fn locate(&self, offset: Offset) -> Result<Start, ReadError> {
        let base = {
            let inner = self.inner.borrow();
            if let Some((base, place)) = inner.cursors.iter().find(|cursor| cursor.0 == offset) {
                return Ok(Start { place: *place, base: Some(*base) });
            }
            let below = inner.segments.range(..=offset).next_back();
            below.map_or_else(|| inner.active().base, |entry| *entry.0)
        };
        self.load_segment_index(base).await;
        let inner = self.inner.borrow();
        let segment = inner.segments.get(&base);
        let position = segment
            .and_then(|found| found.index.as_ref())
            .map_or(0, |index| index.position_for(offset));
        let known = if position == 0 { Some(base) } else { None };
        Ok(Start { place: Place { segment: base, position }, base: known })
    }

    async fn read_from(
        &self,
        start: Start,
        request: &ReadRequest,
    ) -> Result<ReadBatches, ReadError> {
        let Place { segment, position } = start.place;
        let size = self.segment_size(segment, request.offset)?;
        let mut wanted = (request.bytes_max as u64).max(FIRST_LOOK_BYTES) + FIRST_LOOK_BYTES;
        loop {
            let end = size.min(position.saturating_add(wanted));
            let (pieces, from_disk) = self.load(segment, position..end, request.offset).await?;
            let mut walk = Walk {
                log: self,
                pieces: &pieces,
                place: start.place,
                verify: from_disk && self.shared.config.safeguards.verifies_checksums,
                expected: start.base,
                at: 0,
            };
            match walk.cut(request)? {
                Cut::Found { from, to, next } => {
                    if to > from {
                        let place = Place { segment, position: position + to as u64 };
                        self.remember_cursor(next, place);
                    }
                    return Ok(ReadBatches { pieces: pieces.part(from..to), next });
                }
                Cut::NeedsMore { bytes } if position + bytes as u64 <= size => {
                    wanted = (bytes as u64).max(wanted + 1);
                }
                Cut::NeedsMore { .. } => {
                    let why = "a batch is longer than its segment".to_owned();
                    return Err(self.damaged(segment, position + walk.at as u64, why));
                }
            }
        }
    }

    fn segment_size(&self, segment: Offset, offset: Offset) -> Result<u64, ReadError> {
        let inner = self.inner.borrow();
        let found = inner.segments.get(&segment).map(|segment| segment.size);
        let (start, end) = (inner.log_start, inner.end);
        found.ok_or(ReadError::OutOfRange { offset, start, end })
    }

    /// The bytes `range` of a segment and whether any of them came from disk.
    async fn load(
        &self,
        segment: Offset,
        range: Range<u64>,
        offset: Offset,
    ) -> Result<(Pieces, bool), ReadError> {
        // Memory may be evicted while the disk is read, so what memory has is taken first.
        let (memory, tail) = {
            let inner = self.inner.borrow();
            let memory = inner.tail.memory_start(segment).unwrap_or(u64::MAX).max(range.start);
            if memory < range.end {
                (memory, Some(inner.tail.pieces(segment, memory..range.end)))
            } else {
                (range.end, None)
            }
        };
        let mut pieces = Pieces::new();
        let from_disk = range.start < memory;
        if from_disk {
            let file = self.segment_file(segment).await?;
            let Some(file) = file else {
                self.segment_size(segment, offset)?;
                return Ok((pieces, false));
            };
            let mut position = range.start;
            while position < memory {
                let number = position / WINDOW_BYTES;
                let (start, end) = (number * WINDOW_BYTES, (number + 1) * WINDOW_BYTES);
                let to = end.min(memory);
                let part = if end <= memory {
                    let window = self.shared.cache.window(self.id, segment, number, &file).await?;
                    let len = window.len();
                    let cut = |at: u64| ((at - start) as usize).min(len);
                    window.part(cut(position)..cut(to))
                } else {
                    file.read(position, (to - position) as usize).await?
                };
                if part.len() as u64 != to - position {
                    let why = "the file is shorter than the log".to_owned();
                    return Err(self.damaged(segment, position + part.len() as u64, why));
                }
                pieces.push(part);
                position = to;
            }
            self.read_ahead(segment, position / WINDOW_BYTES, memory, &file);
        }
        if let Some(tail) = tail {
            for slice in tail.into_slices() {
                pieces.push(slice);
            }
        }
        Ok((pieces, from_disk))
    }

    fn read_ahead(&self, segment: Offset, number: u64, memory: u64, file: &corelog_io::File) {
        let is_whole = (number + 1) * WINDOW_BYTES <= memory;
        if !is_whole || self.shared.cache.contains(self.id, segment, number) {
            return;
        }
        let Some(permit) = self.shared.flushes.try_take(1) else { return };
        let (me, file) = (self.me.upgrade(), file.clone());
        spawn(async move {
            if let Some(me) = me {
                // A failure shows again, and is reported, when somebody asks for these bytes.
                drop(me.shared.cache.window(me.id, segment, number, &file).await);
            }
            drop(permit);
        })
        .detach();
    }

    fn remember_cursor(&self, next: Offset, place: Place) {
        let mut inner = self.inner.borrow_mut();
        let size = inner.segments.get(&place.segment).map(|segment| segment.size);
        let is_active = inner.active().base == place.segment;
        if !is_active && size == Some(place.position) {
            return;
        }
        inner.cursors.retain(|cursor| cursor.0 != next);
        if inner.cursors.len() == CURSORS_MAX {
            inner.cursors.remove(0);
        }
        inner.cursors.push((next, place));
    }

    pub(crate) fn damaged(&self, segment: Offset, position: u64, why: String) -> ReadError {
        ReadError::Damaged { partition: self.id, segment, position, why }
    }
}

enum Cut {
    Found { from: usize, to: usize, next: Offset },
    NeedsMore { bytes: usize },
}

struct Walk<'a> {
    log: &'a PartitionLog,
    pieces: &'a Pieces,
    place: Place,
    verify: bool,
    expected: Option<Offset>,
    at: usize,
}

impl Walk<'_> {
    /// Finds the whole batches that answer the request.
    fn cut(&mut self, request: &ReadRequest) -> Result<Cut, ReadError> {
        let mut from = None;
        let mut next = request.offset;
        loop {
            let present = self.pieces.len() - self.at;
            let header =
                if present < corelog_model::HEADER_LEN { None } else { Some(self.header()?) };
            let whole = header.filter(|header| header.total_len() <= present);
            let Some(header) = whole else {
                let needed = header.map_or(FIRST_LOOK_BYTES as usize, |header| header.total_len());
                return Ok(match from {
                    Some(from) => Cut::Found { from, to: self.at, next },
                    None if present == 0 && self.at > 0 => {
                        Cut::Found { from: self.at, to: self.at, next }
                    }
                    None => Cut::NeedsMore { bytes: self.at + needed },
                });
            };
            if header.base_offset() >= request.limit {
                let from = from.unwrap_or(self.at);
                return Ok(Cut::Found { from, to: self.at, next });
            }
            self.verify_batch(&header)?;
            let end = self.at + header.total_len();
            if header.last_offset() >= request.offset {
                let begin = *from.get_or_insert(self.at);
                let is_wanted = begin == self.at && request.first_batch == FirstBatch::Always;
                let fits = end - begin <= request.bytes_max;
                if !fits && !is_wanted {
                    return Ok(Cut::Found { from: begin, to: self.at, next });
                }
                next = header.next_offset();
            }
            self.expected = Some(header.next_offset());
            self.at = end;
        }
    }

    fn header(&self) -> Result<BatchHeader, ReadError> {
        let header = self.pieces.header(self.at);
        header.map_err(|error| self.damage(error.to_string()))
    }

    fn verify_batch(&self, header: &BatchHeader) -> Result<(), ReadError> {
        if !self.verify {
            return Ok(());
        }
        let base = header.base_offset();
        if let Some(expected) = self.expected.filter(|expected| *expected != base) {
            return Err(self.damage(format!("offset {base} stands where {expected} belongs")));
        }
        let epoch = self.log.inner.borrow().epochs.epoch_of(base);
        if epoch.is_some_and(|epoch| epoch != header.leader_epoch()) {
            let found = header.leader_epoch();
            return Err(self.damage(format!("leader epoch {found} did not write offset {base}")));
        }
        if !self.pieces.crc_holds(self.at, header.total_len(), header.crc()) {
            return Err(self.damage("the checksum of a batch does not hold".to_owned()));
        }
        Ok(())
    }

    fn damage(&self, why: String) -> ReadError {
        self.log.damaged(self.place.segment, self.place.position + self.at as u64, why)
    }
}
