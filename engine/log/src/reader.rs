//! Reading: from the tail in memory, or from segments through the window cache. Whatever comes from
//! disk is verified batch by batch: checksum, place in the sequence of offsets, and leader epoch.

use std::ops::Range;

use corelog_io::{IoError, spawn};
use corelog_model::{BatchHeader, HEADER_LEN, Offset, PartitionId, Timestamp};

use crate::partition::{Inner, PartitionLog, Place};
use crate::pieces::Pieces;
use crate::read_cache::WINDOW_BYTES;

const CURSORS_MAX: usize = 16;
const FIRST_LOOK_BYTES: u64 = 4096;
const SCAN_BYTES: usize = 128 << 10;

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
    /// The offset after the last of them. If there are none: the requested one, or the limit where
    /// compaction left nothing below it.
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
    /// The partition moves to another core: NOT_LEADER_OR_FOLLOWER.
    #[error("the partition moves to another core")]
    Parted,
}

/// Where a walk over batches begins and what must stand there.
#[derive(Debug, Clone, Copy)]
struct Start {
    place: Place,
    anchor: Anchor,
    /// How often segments had been replaced when the place was looked up.
    replaced: u64,
}

/// What is known of the batch at a place.
#[derive(Debug, Clone, Copy)]
enum Anchor {
    /// It begins with this offset, as the batch before it or the segment's name says, or above
    /// where compaction may have taken batches.
    Base(Offset),
    /// It ends with this offset, as an index says, which is only a hint.
    Last(Offset),
}

impl PartitionLog {
    /// Reads whole batches from the one that holds the requested offset on.
    pub async fn read(&self, request: ReadRequest) -> Result<ReadBatches, ReadError> {
        // The files of a partition that goes away stay until the read is over.
        let _use = self.begin_use();
        loop {
            let replaced = self.inner.borrow().replaced;
            let read = self.read_once(request).await;
            // Places that were looked up before mean nothing in a segment that compaction wrote.
            if self.inner.borrow().replaced == replaced {
                return read;
            }
        }
    }

    /// Whether a read from this offset on would take memory for what it reads from segments. It
    /// may say so wrongly where nobody has just stopped reading.
    pub fn reads_disk(&self, offset: Offset) -> bool {
        let inner = self.inner.borrow();
        let place = inner.cursor_at(offset).or_else(|| {
            let (base, segment) = inner.segments.range(..=offset).next_back()?;
            let index = segment.index.as_ref();
            let entry = index.and_then(|index| index.entry_for(offset));
            Some(Place { segment: *base, position: entry.map_or(0, |(_, position)| position) })
        });
        let memory = place.and_then(|place| inner.tail.memory_start(place.segment));
        place.is_some_and(|place| memory.is_none_or(|start| place.position < start))
    }

    async fn read_once(&self, request: ReadRequest) -> Result<ReadBatches, ReadError> {
        self.check_range(&request)?;
        if request.offset == request.limit {
            return Ok(ReadBatches { pieces: Pieces::new(), next: request.offset });
        }
        let start = self.locate(request.offset).await?;
        let first = self.read_from(start, &request).await;
        let Err(ReadError::Damaged { .. }) = first else { return first };
        // The file of a segment that was deleted meanwhile shrinks.
        self.check_range(&request)?;
        let segment = start.place.segment;
        self.shared.cache.forget(self.cache_serial(segment), segment);
        match start.anchor {
            Anchor::Base(_) => first,
            // Without its index the walk begins at the segment's front.
            Anchor::Last(_) => {
                let place = Place { segment, position: 0 };
                let anchor = Anchor::Base(segment);
                self.read_from(Start { place, anchor, ..start }, &request).await
            }
        }
    }

    /// The largest timestamp of the batches of a segment that ends before `end`; `None` if they
    /// cannot all be read.
    pub(crate) async fn newest_timestamp(&self, segment: Offset, end: Offset) -> Option<Timestamp> {
        let place = Place { segment, position: 0 };
        let replaced = self.inner.borrow().replaced;
        let mut start = Start { place, anchor: Anchor::Base(segment), replaced };
        let mut newest = Timestamp::NONE;
        let mut offset = segment;
        while offset < end {
            let first_batch = FirstBatch::Always;
            let request = ReadRequest { offset, limit: end, bytes_max: SCAN_BYTES, first_batch };
            let ReadBatches { pieces, next } = self.read_from(start, &request).await.ok()?;
            let mut at = 0;
            while at < pieces.len() {
                let header = pieces.header(at).ok()?;
                newest = newest.max(header.max_timestamp());
                at += header.total_len();
            }
            start.place.position += at as u64;
            start.anchor = Anchor::Base(next);
            offset = next;
        }
        Some(newest)
    }

    /// Refuses a look at files that may be another core's.
    pub(crate) fn check_here(&self) -> Result<(), ReadError> {
        if self.has_parted() { Err(ReadError::Parted) } else { Ok(()) }
    }

    fn check_range(&self, request: &ReadRequest) -> Result<(), ReadError> {
        self.check_here()?;
        let start = self.inner.borrow().log_start;
        let end = request.limit;
        if start <= request.offset && request.offset <= end && !self.is_gone() {
            return Ok(());
        }
        Err(ReadError::OutOfRange { offset: request.offset, start, end })
    }

    async fn locate(&self, offset: Offset) -> Result<Start, ReadError> {
        let (segment, replaced) = {
            let inner = self.inner.borrow();
            let replaced = inner.replaced;
            if let Some(place) = inner.cursor_at(offset) {
                return Ok(Start { place, anchor: Anchor::Base(offset), replaced });
            }
            let below = inner.segments.range(..=offset).next_back();
            (below.map_or_else(|| inner.active().base, |entry| *entry.0), replaced)
        };
        if let Err(error) = self.load_segment_index(segment).await {
            // It would only be a hint where to begin.
            tracing::warn!(%error, "an index cannot be read; the segment is read from its front");
        }
        let inner = self.inner.borrow();
        let index = inner.segments.get(&segment).and_then(|found| found.index.as_ref());
        let front = (0, Anchor::Base(segment));
        let entry = index.and_then(|index| index.entry_for(offset));
        let (position, anchor) = entry.map_or(front, |(last, at)| (at, Anchor::Last(last)));
        Ok(Start { place: Place { segment, position }, anchor, replaced })
    }

    async fn read_from(
        &self,
        start: Start,
        request: &ReadRequest,
    ) -> Result<ReadBatches, ReadError> {
        let Start { mut place, mut anchor, replaced } = start;
        let mut size = self.segment_size(place.segment, request.offset)?;
        let mut wanted = (request.bytes_max as u64).max(FIRST_LOOK_BYTES) + FIRST_LOOK_BYTES;
        loop {
            let segment = place.segment;
            let end = size.min(place.position.saturating_add(wanted));
            let range = place.position..end;
            let (pieces, from_disk) = self.load(segment, range, request.offset).await?;
            let verify = from_disk && self.shared.config.safeguards.verifies_checksums;
            let gaps_end = self.inner.borrow().gaps_end(segment);
            let mut walk =
                Walk { log: self, pieces: &pieces, place, verify, anchor, gaps_end, at: 0 };
            match walk.cut(request)? {
                Cut::Found { from, to, next } => {
                    if to > from {
                        let position = place.position + to as u64;
                        self.remember_cursor(next, Place { segment, position }, replaced);
                    }
                    return Ok(ReadBatches { pieces: pieces.part(from..to), next });
                }
                Cut::NeedsMore { bytes } => {
                    // What the walk has passed lies below the requested offset.
                    place.position += walk.at as u64;
                    anchor = walk.anchor;
                    wanted = wanted.max(bytes as u64);
                    if let Some(end) = gaps_end.filter(|_| place.position == size) {
                        // The rest of the segment is a gap.
                        if end >= request.limit {
                            return Ok(ReadBatches { pieces: Pieces::new(), next: request.limit });
                        }
                        place = Place { segment: end, position: 0 };
                        anchor = Anchor::Base(end);
                        size = self.segment_size(end, request.offset)?;
                        continue;
                    }
                    if size < place.position + bytes as u64 {
                        let why = format!("it ends before offset {}", request.offset);
                        return Err(self.damaged(segment, place.position, why));
                    }
                }
            }
        }
    }

    /// The number of a segment in the read cache.
    fn cache_serial(&self, segment: Offset) -> u64 {
        let inner = self.inner.borrow();
        let serial = inner.segments.get(&segment).and_then(|found| found.cache_serial);
        serial.unwrap_or(self.serial)
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
            let Some(file) = self.segment_file(segment).await? else {
                let inner = self.inner.borrow();
                let (start, end) = (inner.log_start, inner.end);
                return Err(ReadError::OutOfRange { offset, start, end });
            };
            let serial = self.cache_serial(segment);
            let mut position = range.start;
            while position < memory {
                let number = position / WINDOW_BYTES;
                let (start, end) = (number * WINDOW_BYTES, (number + 1) * WINDOW_BYTES);
                let to = end.min(memory);
                let part = if end <= memory {
                    let window = self.shared.cache.window(serial, segment, number, &file).await?;
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
            self.read_ahead((serial, segment, position / WINDOW_BYTES), memory, &file);
        }
        if let Some(tail) = tail {
            for slice in tail.into_slices() {
                pieces.push(slice);
            }
        }
        Ok((pieces, from_disk))
    }

    fn read_ahead(
        &self,
        (serial, segment, number): (u64, Offset, u64),
        memory: u64,
        file: &corelog_io::File,
    ) {
        let is_whole = (number + 1) * WINDOW_BYTES <= memory;
        if !is_whole || self.shared.cache.contains(serial, segment, number) {
            return;
        }
        let Some(permit) = self.shared.flushes.try_take(1) else { return };
        let (me, file) = (self.me.upgrade(), file.clone());
        spawn(async move {
            if let Some(me) = me {
                // A failure shows again, and is reported, when somebody asks for these bytes.
                drop(me.shared.cache.window(serial, segment, number, &file).await);
            }
            drop(permit);
        })
        .detach();
    }

    fn remember_cursor(&self, next: Offset, place: Place, replaced: u64) {
        let mut inner = self.inner.borrow_mut();
        if inner.replaced != replaced {
            return;
        }
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

impl Inner {
    /// Where a segment ends, if compaction may have taken some of its batches.
    fn gaps_end(&self, segment: Offset) -> Option<Offset> {
        let next = *self.segments.range(segment.next()..).next()?.0;
        (segment < self.progress.gaps_below).then_some(next)
    }

    /// The place of the batch that begins with `offset`, if a reader stopped before it.
    fn cursor_at(&self, offset: Offset) -> Option<Place> {
        let place = self.cursors.iter().find(|cursor| cursor.0 == offset)?.1;
        // A reader stopped where its segment ended: the batch is in the next one.
        let size = self.segments.get(&place.segment)?.size;
        (place.position < size).then_some(place)
    }
}

enum Cut {
    Found { from: usize, to: usize, next: Offset },
    NeedsMore { bytes: usize },
}

enum Present {
    Whole(BatchHeader),
    Part { needed: usize },
}

struct Walk<'a> {
    log: &'a PartitionLog,
    pieces: &'a Pieces,
    place: Place,
    verify: bool,
    anchor: Anchor,
    /// Where the segment ends, if compaction may have taken batches of it.
    gaps_end: Option<Offset>,
    at: usize,
}

impl Walk<'_> {
    /// Finds the whole batches that answer the request. Damage behind them waits for the next
    /// request.
    fn cut(&mut self, request: &ReadRequest) -> Result<Cut, ReadError> {
        let mut from = None;
        let mut next = request.offset;
        loop {
            let header = match self.batch(request) {
                Ok(Present::Whole(header)) => header,
                Ok(Present::Part { needed: bytes }) => {
                    return Ok(match from {
                        Some(from) => Cut::Found { from, to: self.at, next },
                        None => Cut::NeedsMore { bytes },
                    });
                }
                Err(damage) => match from {
                    Some(from) if from < self.at => {
                        return Ok(Cut::Found { from, to: self.at, next });
                    }
                    _ => return Err(damage),
                },
            };
            if header.base_offset() >= request.limit {
                if from.is_none() && self.gaps_end.is_some() {
                    next = request.limit;
                }
                return Ok(Cut::Found { from: from.unwrap_or(self.at), to: self.at, next });
            }
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
            self.anchor = Anchor::Base(header.next_offset());
            self.at = end;
        }
    }

    /// The verified header of the next batch, or the bytes that must be there to have all of it.
    fn batch(&self, request: &ReadRequest) -> Result<Present, ReadError> {
        let present = self.pieces.len() - self.at;
        if present < HEADER_LEN {
            return Ok(Present::Part { needed: HEADER_LEN });
        }
        let header = self.pieces.header(self.at);
        let header = header.map_err(|error| self.damage(error.to_string()))?;
        self.check_place(&header)?;
        if present < header.total_len() {
            return Ok(Present::Part { needed: header.total_len() });
        }
        if header.base_offset() < request.limit {
            self.verify_batch(&header)?;
        }
        Ok(Present::Whole(header))
    }

    /// The checksum of a batch does not cover its offset, so the offset must fit what is known.
    fn check_place(&self, header: &BatchHeader) -> Result<(), ReadError> {
        let (found, expected) = match self.anchor {
            Anchor::Base(expected) => (header.base_offset(), expected),
            Anchor::Last(expected) => (header.last_offset(), expected),
        };
        let is_behind_gap = match (self.anchor, self.gaps_end) {
            (Anchor::Base(expected), Some(end)) => expected < found && header.next_offset() <= end,
            (Anchor::Base(_) | Anchor::Last(_), _) => false,
        };
        if found == expected || is_behind_gap {
            return Ok(());
        }
        Err(self.damage(format!("offset {found} stands where {expected} belongs")))
    }

    fn verify_batch(&self, header: &BatchHeader) -> Result<(), ReadError> {
        if !self.verify {
            return Ok(());
        }
        let base = header.base_offset();
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
