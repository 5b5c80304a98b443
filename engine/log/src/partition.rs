//! One partition's log: its segments, the tail in memory, and what has been made durable.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::{Rc, Weak};

use corelog_io::Signal;
use corelog_model::control::TransactionMarker;
use corelog_model::{BatchHeader, Offset, PartitionId, Timestamp};

use crate::aborted::AbortedStamp;
use crate::append::AppendError;
use crate::checkpoint::{PartitionCheckpoint, RecoveryPoint};
use crate::compaction::Progress;
use crate::config::LogConfig;
use crate::epochs::EpochCache;
use crate::index::{IndexStamp, IndexedBatch, SegmentIndex};
use crate::journal::{FileSequence, FrameSequence, OnDurable};
use crate::producers::ProducerTable;
use crate::segment::Segment;
use crate::shared::Shared;
use crate::tail::Tail;
use crate::transactions::Ending;
use crate::verification::Verifications;

/// A place in the log's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) segment: Offset,
    pub(crate) position: u64,
}

pub(crate) struct Inner {
    pub(crate) config: LogConfig,
    pub(crate) segments: BTreeMap<Offset, Segment>,
    pub(crate) tail: Tail,
    pub(crate) end: Offset,
    pub(crate) log_start: Offset,
    pub(crate) recovery: RecoveryPoint,
    /// The segment of the recovery point in the checkpoint on disk: no start needs anything below.
    pub(crate) stored: Offset,
    /// Journal files with bytes that the recovery point does not cover, and where those bytes end.
    pub(crate) holds: Vec<(FileSequence, Place)>,
    pub(crate) epochs: EpochCache,
    pub(crate) producers: ProducerTable,
    pub(crate) verifications: Verifications,
    /// Transactions whose markers may not be durable yet.
    pub(crate) ending: Ending,
    /// Producers and epochs as of the recovery point, for the checkpoint.
    pub(crate) saved_producers: ProducerTable,
    pub(crate) saved_epochs: EpochCache,
    /// The partial block at the recovery point, which no segment has durably.
    pub(crate) saved_block: Vec<u8>,
    /// What the index files of the recovery point's segment begin with.
    pub(crate) saved_index: IndexStamp,
    /// What its index of aborted transactions begins with.
    pub(crate) saved_aborted: AbortedStamp,
    /// Where sequential readers stopped: offset and place.
    pub(crate) cursors: Vec<(Offset, Place)>,
    /// How far it is compacted.
    pub(crate) progress: Progress,
    /// Counts how often segments were replaced: who looked up a place before looks again.
    pub(crate) replaced: u64,
}

impl Inner {
    pub(crate) fn active(&self) -> &Segment {
        self.segments.last_key_value().expect("a log has an active segment").1
    }

    pub(crate) fn active_mut(&mut self) -> &mut Segment {
        self.segments.values_mut().next_back().expect("a log has an active segment")
    }

    pub(crate) fn end_place(&self) -> Place {
        let active = self.active();
        Place { segment: active.base, position: active.size }
    }

    pub(crate) fn hold(&mut self, file: FileSequence, end: Place) {
        match self.holds.iter_mut().find(|hold| hold.0 == file) {
            Some(hold) => hold.1 = hold.1.max(end),
            None => self.holds.push((file, end)),
        }
    }

    /// Whether the batch begins a new segment. Its time counts against that of the segment's first
    /// one or, where that has none, the clock against when that was appended.
    pub(crate) fn must_roll(
        &self,
        header: &BatchHeader,
        base_offset: Offset,
        now: Timestamp,
    ) -> bool {
        let active = self.active();
        if active.size == 0 {
            return false;
        }
        let len = header.total_len() as u64;
        let too_large = active.size + len > self.config.segment_bytes;
        let last_offset = base_offset + i64::from(header.last_offset_delta());
        let too_far = last_offset - active.base > i64::from(i32::MAX);
        let newest = header.max_timestamp();
        let age_ms = match (active.first_timestamp, active.appended) {
            (Some(_), _) if newest.is_none() => 0,
            (Some(first), _) => newest - first,
            (None, Some((first, _))) => now - first,
            (None, None) => 0,
        };
        let too_old = age_ms > self.config.segment_ms;
        too_large || too_far || too_old
    }

    /// Begins a new segment at the log's end.
    pub(crate) fn roll(&mut self) {
        let end = self.end;
        let active = self.active_mut();
        if let Some(index) = &mut active.index {
            index.seal();
        }
        let segment = Segment::new(&active.directory, end);
        self.segments.insert(end, segment);
    }

    /// Adds the bytes of a stamped batch to the tail and takes note of it everywhere but in the
    /// journal.
    pub(crate) fn place_batch(
        &mut self,
        shared: &Shared,
        header: &BatchHeader,
        marker: Option<TransactionMarker>,
        parts: &[&[u8]],
        now: Timestamp,
    ) {
        let place = self.end_place();
        let mut position = place.position;
        for part in parts {
            let capacity_max = shared.memory.chunk_bytes_max();
            self.tail.append(place.segment, position, part, capacity_max, |bytes| {
                shared.memory.added(bytes);
            });
            position += part.len() as u64;
        }
        self.note_batch(header, marker, place.position, now);
    }

    /// Takes note of a batch whose bytes are in place.
    fn note_batch(
        &mut self,
        header: &BatchHeader,
        marker: Option<TransactionMarker>,
        position: u64,
        now: Timestamp,
    ) {
        let base_offset = header.base_offset();
        let interval = self.config.index_interval_bytes;
        let len = header.total_len() as u64;
        let active = self.active_mut();
        active.size = position + len;
        active.note_append(now);
        active.max_timestamp = active.max_timestamp.max(header.max_timestamp());
        if active.first_timestamp.is_none() && !header.max_timestamp().is_none() {
            active.first_timestamp = Some(header.max_timestamp());
        }
        let batch = IndexedBatch {
            last_offset: header.last_offset(),
            max_timestamp: header.max_timestamp(),
            position,
            len,
        };
        let index = active.index.get_or_insert_with(|| SegmentIndex::new(active.base));
        index.add(&batch, interval);
        self.epochs.assign(header.leader_epoch(), base_offset);
        match marker {
            Some(marker) => self.note_marker(header, marker, now),
            None => self.note_records(header, now),
        }
        self.end = header.next_offset();
    }
}

/// How far a partition is between its creation and its removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The journal does not say durably yet that it exists.
    Creating,
    /// It takes appends.
    Open,
    /// It takes appends, but nothing long begins on its files: it is about to part.
    Parting,
    /// It takes no appends and no reads: its files go to another core.
    Parted,
    /// It takes no appends; the journal does not say durably yet that it is removed.
    Leaving,
    /// The journal says that it is removed; its bytes do not matter any more.
    Gone,
}

/// Somebody who reads or writes the files of a log; they stay while it lives.
pub(crate) struct Use {
    log: Rc<PartitionLog>,
}

impl Drop for Use {
    fn drop(&mut self) {
        self.log.uses.set(self.log.uses.get() - 1);
        self.log.flushed.notify();
    }
}

/// The log of one partition on this core.
pub struct PartitionLog {
    pub(crate) id: PartitionId,
    /// Its number in the read cache.
    pub(crate) serial: u64,
    /// The journal frame in which it was created.
    pub(crate) born: FrameSequence,
    pub(crate) directory: PathBuf,
    pub(crate) shared: Rc<Shared>,
    pub(crate) inner: RefCell<Inner>,
    pub(crate) durable_end: Cell<Offset>,
    standing: Cell<Standing>,
    uses: Cell<usize>,
    pub(crate) progress: Signal,
    /// Woken when a write to a segment ended, or the partition goes away.
    pub(crate) flushed: Signal,
    /// A pass failed: it is not compacted any more.
    pub(crate) is_uncleanable: Cell<bool>,
    /// Files of segments are being replaced by others.
    pub(crate) is_swapping: Cell<bool>,
    pub(crate) me: Weak<Self>,
}

impl std::fmt::Debug for PartitionLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PartitionLog({}, durable end {})", self.id, self.durable_end.get())
    }
}

impl OnDurable for PartitionLog {
    fn durable(&self, end: Offset) {
        if end > self.durable_end.get() {
            self.durable_end.set(end);
        }
        self.progress.notify();
    }
}

impl PartitionLog {
    pub(crate) fn new(
        shared: &Rc<Shared>,
        id: PartitionId,
        born: FrameSequence,
        config: LogConfig,
        recovery: RecoveryPoint,
    ) -> Rc<Self> {
        let directory = shared.config.partitions_directory().join(id.to_string());
        shared.memory.partition_added();
        let first = Segment::new(&directory, recovery.segment);
        let inner = Inner {
            config,
            segments: BTreeMap::from([(recovery.segment, first)]),
            tail: Tail::default(),
            end: recovery.end,
            log_start: Offset::ZERO,
            recovery,
            stored: recovery.segment,
            holds: Vec::new(),
            epochs: EpochCache::default(),
            producers: ProducerTable::default(),
            verifications: Verifications::default(),
            ending: Ending::default(),
            saved_producers: ProducerTable::default(),
            saved_epochs: EpochCache::default(),
            saved_block: Vec::new(),
            saved_index: IndexStamp::default(),
            saved_aborted: AbortedStamp::default(),
            cursors: Vec::new(),
            progress: Progress::default(),
            replaced: 0,
        };
        Rc::new_cyclic(|me| Self {
            id,
            serial: shared.take_serial(),
            born,
            directory,
            shared: Rc::clone(shared),
            standing: Cell::new(Standing::Open),
            uses: Cell::new(0),
            durable_end: Cell::new(recovery.end),
            inner: RefCell::new(inner),
            progress: Signal::new(),
            flushed: Signal::new(),
            is_uncleanable: Cell::new(false),
            is_swapping: Cell::new(false),
            me: me.clone(),
        })
    }

    /// Which partition this is.
    pub fn id(&self) -> PartitionId {
        self.id
    }

    /// The offset after the last durable record: what consumers may see.
    pub fn durable_end(&self) -> Offset {
        self.durable_end.get()
    }

    /// The offset the next record gets.
    pub fn end(&self) -> Offset {
        self.inner.borrow().end
    }

    /// The first offset that is not deleted.
    pub fn log_start(&self) -> Offset {
        self.inner.borrow().log_start
    }

    /// Woken when the durable end or the log start moved, or the partition goes away.
    pub fn progress(&self) -> &Signal {
        &self.progress
    }

    /// Resolves when everything below `end` is durable.
    pub async fn until_durable(&self, end: Offset) -> Result<(), AppendError> {
        loop {
            let waiting = self.progress.waiting();
            if end <= self.durable_end.get() {
                return Ok(());
            }
            if let Some(failed) = self.shared.failed() {
                return Err(failed.into());
            }
            if self.is_gone() {
                return Err(AppendError::Gone);
            }
            let failure = async { drop(self.shared.until_failed().await) };
            futures_lite::future::or(waiting, failure).await;
        }
    }

    /// Refuses a change when the partition goes away or the storage closes.
    pub(crate) fn check_open(&self) -> Result<(), AppendError> {
        match self.standing.get() {
            Standing::Parted => Err(AppendError::Parted),
            Standing::Creating | Standing::Open | Standing::Parting
                if !self.shared.is_closing() =>
            {
                Ok(())
            }
            Standing::Creating
            | Standing::Open
            | Standing::Parting
            | Standing::Leaving
            | Standing::Gone => Err(AppendError::Gone),
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing.get()
    }

    /// Moves on. A standing goes back only where a partition did not part after all.
    pub(crate) fn stand(&self, standing: Standing) {
        self.standing.set(standing);
        self.progress.notify();
        self.flushed.notify();
    }

    /// True when its bytes do not matter any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.standing.get() == Standing::Gone
    }

    /// True when it is being removed or parts from this core, or did.
    pub(crate) fn is_leaving(&self) -> bool {
        match self.standing.get() {
            Standing::Creating | Standing::Open => false,
            Standing::Parting | Standing::Parted | Standing::Leaving | Standing::Gone => true,
        }
    }

    /// True when its files belong to another core, or are about to: nothing is read here any more.
    pub fn has_parted(&self) -> bool {
        self.standing.get() == Standing::Parted
    }

    /// Gives back the memory of a partition that is gone, whoever may still hold it.
    pub(crate) fn release_memory(&self) {
        assert!(self.is_gone(), "only a partition that is gone forgets its bytes");
        let (total, queued) = self.inner.borrow_mut().tail.clear();
        self.shared.memory.forgotten(total, queued);
        self.forget_windows();
    }

    /// Forgets what the read cache has of all segments.
    fn forget_windows(&self) {
        self.shared.cache.forget_log(self.serial);
        for serial in self.inner.borrow().segments.values().filter_map(|found| found.cache_serial) {
            self.shared.cache.forget_log(serial);
        }
    }

    /// Keeps the files from being removed while what is returned lives.
    pub(crate) fn begin_use(&self) -> Option<Use> {
        let log = self.me.upgrade()?;
        log.uses.set(log.uses.get() + 1);
        Some(Use { log })
    }

    /// Resolves when nobody uses the files.
    pub(crate) async fn until_unused(&self) {
        loop {
            let waiting = self.flushed.waiting();
            if self.uses.get() == 0 {
                return;
            }
            waiting.await;
        }
    }

    /// The leader epoch cache.
    pub fn epochs(&self) -> EpochCache {
        self.inner.borrow().epochs.clone()
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.inner.borrow().segments.values().map(|segment| segment.size).sum()
    }

    /// Number of segments.
    pub fn segment_count(&self) -> usize {
        self.inner.borrow().segments.len()
    }

    /// Takes new settings; they hold from the next append or retention pass on.
    pub fn set_config(&self, config: LogConfig) {
        self.inner.borrow_mut().config = config;
    }

    /// Forgets idempotent producers that have not appended since `before`.
    pub fn expire_producers(&self, before: Timestamp) {
        let mut inner = self.inner.borrow_mut();
        inner.producers.expire(before);
        inner.verifications.expire(before);
    }

    pub(crate) fn oldest_hold(&self) -> Option<FileSequence> {
        self.inner.borrow().holds.iter().map(|hold| hold.0).min()
    }

    /// Holds a journal file for what is in the log now.
    pub(crate) fn hold_all(&self, file: FileSequence) {
        let mut inner = self.inner.borrow_mut();
        let end = inner.end_place();
        inner.hold(file, end);
    }

    /// Holds a journal file whatever is flushed.
    pub(crate) fn hold_for_good(&self, file: FileSequence) {
        let place = Place { segment: Offset::MAX, position: u64::MAX };
        self.inner.borrow_mut().hold(file, place);
    }

    /// A checkpoint on disk says so: what is below is durable without the journal.
    pub(crate) fn stored(&self, point: RecoveryPoint) {
        self.inner.borrow_mut().stored = point.segment;
        self.durable(point.end);
    }

    pub(crate) fn checkpoint(&self) -> PartitionCheckpoint {
        let inner = self.inner.borrow();
        PartitionCheckpoint {
            partition: self.id,
            born: self.born,
            log_start: inner.log_start,
            recovery: inner.recovery,
            epochs: inner.saved_epochs.entries().to_vec(),
            index: inner.saved_index,
            aborted: inner.saved_aborted.clone(),
            producers: inner.saved_producers.clone(),
            block: inner.saved_block.clone(),
        }
    }

    /// Drops a written chunk from memory if it is the oldest one. True if it is not in memory any
    /// more.
    pub(crate) fn evict_chunk(&self, segment: Offset, start: u64) -> bool {
        let mut inner = self.inner.borrow_mut();
        let evicted = inner.tail.evict(segment, start);
        let is_gone = inner.tail.chunk_mut(segment, start).is_none();
        drop(inner);
        if let Some(bytes) = evicted {
            self.shared.memory.removed(bytes);
        }
        is_gone
    }

    pub(crate) fn close_segment(&self, base: Offset) {
        let mut inner = self.inner.borrow_mut();
        let is_active = inner.active().base == base;
        if let Some(segment) = inner.segments.get_mut(&base)
            && !is_active
            && segment.is_complete
            && !segment.is_pinned
        {
            segment.file = None;
            segment.index = None;
            segment.aborted.let_go();
        }
    }
}

impl Drop for PartitionLog {
    fn drop(&mut self) {
        let (total, queued) = self.inner.borrow_mut().tail.clear();
        self.shared.memory.forgotten(total, queued);
        self.shared.memory.partition_removed();
        self.forget_windows();
    }
}
