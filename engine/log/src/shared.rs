//! What all partitions of a core share: the journal, the memory budget of tails, and the bounds on
//! background work.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use corelog_io::{IoError, Permits, Signal, sync_directory};
use corelog_model::{Offset, PartitionId};

use crate::compaction::Cleaner;
use crate::config::StorageConfig;
use crate::journal::{Journal, JournalFailed};
use crate::partition::PartitionLog;
use crate::read_cache::ReadCache;
use crate::removal::Removal;
use crate::tail::CHUNK_BYTES_MIN;

const CHUNK_BYTES_MAX: usize = 1 << 20;

/// Bytes that tails hold, over all partitions of the core.
#[derive(Debug, Default)]
pub(crate) struct TailMemory {
    limit: usize,
    total: Cell<usize>,
    /// Bytes of chunks that nothing is added to any more and that no segment has yet.
    queued: Cell<usize>,
    partitions: Cell<usize>,
    /// Written chunks, oldest first: the ones that may go.
    evictable: RefCell<VecDeque<(Weak<PartitionLog>, Offset, u64)>>,
    room: Signal,
    pressure: Signal,
    gave_up: Cell<bool>,
}

impl TailMemory {
    fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    pub(crate) fn partition_added(&self) {
        self.partitions.set(self.partitions.get() + 1);
    }

    pub(crate) fn partition_removed(&self) {
        self.partitions.set(self.partitions.get() - 1);
        self.evictable.borrow_mut().retain(|entry| entry.0.strong_count() > 0);
    }

    /// A partition let go of `total` bytes, of which `queued` were not written.
    pub(crate) fn forgotten(&self, total: usize, queued: usize) {
        self.queued.set(self.queued.get() - queued);
        self.removed(total);
    }

    /// Chunks get smaller the more partitions share the memory.
    pub(crate) fn chunk_bytes_max(&self) -> usize {
        let share = self.limit / (4 * self.partitions.get().max(1));
        let share = share.clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX);
        share - share % CHUNK_BYTES_MIN
    }

    pub(crate) fn added(&self, bytes: usize) {
        self.total.set(self.total.get() + bytes);
    }

    /// Nothing is added any more to a chunk of `bytes`: it waits to be written.
    pub(crate) fn queued(&self, bytes: usize) {
        self.queued.set(self.queued.get() + bytes);
    }

    pub(crate) fn removed(&self, bytes: usize) {
        self.total.set(self.total.get() - bytes);
        self.room.notify();
    }

    /// A queued chunk reached its segment: it may be dropped when memory is short.
    pub(crate) fn written(
        &self,
        owner: Weak<PartitionLog>,
        segment: Offset,
        start: u64,
        bytes: usize,
    ) {
        self.queued.set(self.queued.get() - bytes);
        self.evictable.borrow_mut().push_back((owner, segment, start));
        self.evict_surplus();
        self.room.notify();
    }

    fn evict_surplus(&self) {
        // One that is not its partition's oldest yet gets another turn; each gets one try a call.
        let mut tries = self.evictable.borrow().len();
        while self.total.get() > self.limit && tries > 0 {
            tries -= 1;
            let Some((owner, segment, start)) = self.evictable.borrow_mut().pop_front() else {
                break;
            };
            let Some(log) = owner.upgrade() else { continue };
            if !log.evict_chunk(segment, start) {
                self.evictable.borrow_mut().push_back((owner, segment, start));
            }
        }
    }

    /// True when more waits to be written than memory is meant for. Chunks that still fill do not
    /// count: nothing would ever free them.
    pub(crate) fn is_short(&self) -> bool {
        self.queued.get() > self.limit
    }

    /// Waits while too much is not yet in segments.
    pub(crate) async fn ready(&self) {
        while !self.gave_up.get() && self.is_short() {
            let waiting = self.room.waiting();
            self.pressure.notify();
            waiting.await;
        }
    }

    /// Woken when somebody waits for memory, which a checkpoint may have to free.
    pub(crate) fn pressure(&self) -> &Signal {
        &self.pressure
    }

    /// Lets everybody go who waits: segments are not written any more.
    fn give_up(&self) {
        self.gave_up.set(true);
        self.room.notify();
        self.pressure.notify();
    }

    pub(crate) fn total(&self) -> usize {
        self.total.get()
    }
}

pub(crate) struct Shared {
    pub(crate) config: StorageConfig,
    journal: OnceCell<Journal>,
    early_failure: RefCell<Option<IoError>>,
    failed_early: Signal,
    closing: Cell<bool>,
    stopped: Cell<bool>,
    next_serial: Cell<u64>,
    /// Partitions whose indexes were damaged when they were opened.
    pub(crate) indexes_rebuilt: Cell<u64>,
    pub(crate) memory: TailMemory,
    pub(crate) flushes: Permits,
    pub(crate) cache: ReadCache,
    pub(crate) removal: Removal,
    pub(crate) cleaner: Cleaner,
    /// Sealed segments whose files are open, oldest first.
    pub(crate) open_segments: RefCell<VecDeque<(Weak<PartitionLog>, Offset)>>,
}

impl Shared {
    pub(crate) fn new(config: StorageConfig) -> Rc<Self> {
        Rc::new(Self {
            memory: TailMemory::new(config.tail_bytes_max),
            flushes: Permits::new(config.flushes_in_flight_max),
            cache: ReadCache::new(config.read_cache_bytes_max),
            removal: Removal::new(config.removed_directory()),
            cleaner: Cleaner::new(config.cleaner.clone()),
            open_segments: RefCell::default(),
            journal: OnceCell::new(),
            early_failure: RefCell::new(None),
            failed_early: Signal::new(),
            closing: Cell::new(false),
            stopped: Cell::new(false),
            next_serial: Cell::new(0),
            indexes_rebuilt: Cell::new(0),
            config,
        })
    }

    /// The running journal. There is none while an old one is replayed, when nothing is appended.
    pub(crate) fn journal(&self) -> &Journal {
        self.journal.get().expect("appends and flushes begin after the replay")
    }

    pub(crate) fn start_journal(&self, journal: Journal) {
        assert!(self.journal.set(journal).is_ok(), "a journal is started once");
    }

    /// Why nothing is promised any more, if so.
    pub(crate) fn failed(&self) -> Option<JournalFailed> {
        let early = || {
            let error = self.early_failure.borrow();
            error.as_ref().map(|error| JournalFailed { reason: error.to_string().into() })
        };
        self.journal.get().and_then(Journal::failed).or_else(early)
    }

    /// Resolves when nothing is promised any more.
    pub(crate) async fn until_failed(&self) -> JournalFailed {
        loop {
            let waiting = self.failed_early.waiting();
            if let Some(failed) = self.failed() {
                return failed;
            }
            match self.journal.get() {
                Some(journal) => return journal.until_failed().await,
                None => waiting.await,
            }
        }
    }

    /// A segment could not be written: the core must not promise anything any more.
    pub(crate) fn disk_failed(&self, error: IoError) {
        if let Some(journal) = self.journal.get() {
            return journal.fail(&error);
        }
        self.early_failure.borrow_mut().get_or_insert(error);
        self.memory.give_up();
        self.failed_early.notify();
    }

    /// A write or a sync that failed is never tried again, by nobody: the second sync may succeed
    /// without its data.
    pub(crate) fn judge(&self, error: &IoError) {
        if !error.is_shortage() {
            self.journal().fail(error);
        }
    }

    /// Why segments could not be written before the journal ran, if so.
    pub(crate) fn take_early_failure(&self) -> Option<IoError> {
        self.early_failure.take()
    }

    /// Appends, creations and deletions are refused from here on.
    pub(crate) fn begin_closing(&self) {
        self.closing.set(true);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// Ends all background work at its next step.
    pub(crate) fn stop(&self) {
        self.closing.set(true);
        self.stopped.set(true);
        self.memory.give_up();
        self.removal.give_up();
        self.cleaner.give_up();
        if let Some(journal) = self.journal.get() {
            journal.stop();
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// A number no other log of this storage has, also not one of the same partition made anew.
    pub(crate) fn take_serial(&self) -> u64 {
        let serial = self.next_serial.get();
        self.next_serial.set(serial + 1);
        serial
    }

    /// Takes the directory of a partition out of its place, durably, if there is one.
    pub(crate) async fn remove_partition_directory(&self, id: PartitionId) -> Result<(), IoError> {
        let partitions = self.config.partitions_directory();
        self.removal.take_directory(&partitions.join(id.to_string())).await?;
        sync_directory(&partitions).await
    }

    /// Notes that a sealed segment was opened, and closes the oldest one when there are too many.
    pub(crate) fn opened(&self, owner: Weak<PartitionLog>, segment: Offset) {
        let mut open = self.open_segments.borrow_mut();
        open.push_back((owner, segment));
        let surplus =
            if open.len() > self.config.open_segments_max { open.pop_front() } else { None };
        drop(open);
        if let Some((owner, segment)) = surplus
            && let Some(owner) = owner.upgrade()
        {
            owner.close_segment(segment);
        }
    }
}
