//! Opening after a stop or a crash: each partition starts at its recovery point, then the journal
//! puts every later byte back to where it was. Damage is an error that says what is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use corelog_io::{
    File, IoError, OpenMode, Slice, create_directory, list_directory, remove_file, spawn,
    sync_directory, wall_clock_ms, yield_now,
};
use corelog_model::control::TransactionMarker;
use corelog_model::{BatchHeader, BatchView, HEADER_LEN, Offset, PartitionId, Timestamp};

use crate::aborted_file::SegmentAborted;
use crate::checkpoint::{Checkpoint, PartitionCheckpoint, RecoveryPoint};
use crate::compaction::{Progress, settle_swaps};
use crate::config::LogConfig;
use crate::epochs::EpochCache;
use crate::index::{IndexStamp, IndexedBatch};
use crate::journal::{
    Entry, EntryKind, FileSequence, FrameSequence, Journal, Replay, ReplayError, ReplayedFrame,
};
use crate::moving::{read_moving_note, remove_moving_note};
use crate::partition::{Inner, PartitionLog, Place, Standing};
use crate::pieces::Pieces;
use crate::segment::{Segment, base_of, base_of_file, load_stamped_index, path_of};
use crate::shared::Shared;
use crate::storage::OpenError;

const OPENED_AT_ONCE: usize = 32;
const SCAN_BYTES: u64 = 256 << 10;

pub(crate) struct Recovery {
    pub(crate) partitions: BTreeMap<PartitionId, Rc<PartitionLog>>,
    pub(crate) departures: BTreeMap<PartitionId, FrameSequence>,
    pub(crate) frames: u64,
    pub(crate) batches: u64,
}

pub(crate) async fn recover(
    shared: &Rc<Shared>,
    config_of: impl Fn(PartitionId) -> LogConfig,
) -> Result<Recovery, OpenError> {
    let config = &shared.config;
    create_directory(&config.partitions_directory()).await?;
    // A killed process may have renamed and removed what no sync covered: what is read from here on
    // must stay.
    sync_directory(&config.directory).await?;
    sync_directory(&config.partitions_directory()).await?;
    shared.removal.open().await?;
    let mut checkpoint = Checkpoint::load(&config.checkpoint_path()).await?.unwrap_or_default();
    let from = (checkpoint.journal_file, checkpoint.journal_frame);
    let mut replay = Replay::open(config.journal(), from).await?;
    let mut departures = std::mem::take(&mut checkpoint.departures);
    if !config.safeguards.remembers_departures {
        departures.clear();
    }
    let mut book = Book {
        shared: Rc::clone(shared),
        config_of,
        departures: departures.clone(),
        partitions: BTreeMap::new(),
        lost: BTreeMap::new(),
        unknown: BTreeSet::new(),
    };
    book.open_partitions(checkpoint).await?;
    let (mut frames, mut batches) = (0, 0);
    while let Some(frame) = replay.next().await? {
        frames += 1;
        for entry in frame.entries() {
            let entry = entry.map_err(ReplayError::from)?;
            batches += u64::from(book.replay(&entry, &frame).await?);
        }
        book.bound_memory().await?;
        yield_now().await;
    }
    let partitions = book.finish().await?;
    let journal = Journal::start(config.journal(), replay.finish().await?);
    shared.start_journal(journal);
    // A chunk may have failed after the last look.
    if let Some(error) = shared.take_early_failure() {
        return Err(error.into());
    }
    Ok(Recovery { partitions, departures, frames, batches })
}

/// The partitions while the journal is replayed.
struct Book<F> {
    shared: Rc<Shared>,
    config_of: F,
    /// See [`Checkpoint::departures`].
    departures: BTreeMap<PartitionId, FrameSequence>,
    partitions: BTreeMap<PartitionId, Rc<PartitionLog>>,
    /// Those of the checkpoint that are not as it says. The journal may yet say that they were
    /// removed.
    lost: BTreeMap<PartitionId, (FrameSequence, OpenError)>,
    /// Directories that the checkpoint does not know. The journal may yet say that they were
    /// created.
    unknown: BTreeSet<PartitionId>,
}

impl<F: Fn(PartitionId) -> LogConfig> Book<F> {
    async fn open_partitions(&mut self, checkpoint: Checkpoint) -> Result<(), OpenError> {
        let mut known: BTreeMap<_, _> =
            checkpoint.partitions.into_iter().map(|known| (known.partition, known)).collect();
        let mut found = Vec::new();
        let directory = self.shared.config.partitions_directory();
        for entry in list_directory(&directory).await? {
            // Names that are not ours are left alone.
            let Ok(id) = entry.name.parse::<PartitionId>() else { continue };
            let home = directory.join(&entry.name);
            if let Some(known) = known.remove(&id) {
                remove_moving_note(&home).await?;
                found.push(known);
            } else if let Some(known) = read_moving_note(&home, id).await? {
                found.push(known);
            } else {
                self.unknown.insert(id);
            }
        }
        for (id, known) in known {
            let why = format!("its directory with {} offsets is missing", known.recovery.end);
            self.lost.insert(id, (known.born, OpenError::Damaged { partition: id, why }));
        }
        while !found.is_empty() {
            let group = found.split_off(found.len().saturating_sub(OPENED_AT_ONCE));
            let open = |known: PartitionCheckpoint| {
                let (shared, config) = (Rc::clone(&self.shared), (self.config_of)(known.partition));
                let (id, born) = (known.partition, known.born);
                spawn(async move { (id, born, open_partition(&shared, known, config).await) })
            };
            let tasks: Vec<_> = group.into_iter().map(open).collect();
            for task in tasks {
                match task.join().await {
                    (id, _, Ok(log)) => drop(self.partitions.insert(id, log)),
                    (id, born, Err(error @ OpenError::Damaged { .. })) => {
                        self.lost.insert(id, (born, error));
                    }
                    (_, _, Err(error)) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Does again what an entry records. True if it was a batch that the segments did not have.
    async fn replay(
        &mut self,
        entry: &Entry<'_>,
        frame: &ReplayedFrame,
    ) -> Result<bool, OpenError> {
        let id = entry.head.partition;
        if self.departures.get(&id).is_some_and(|departed| frame.sequence < *departed) {
            return Ok(false);
        }
        match entry.head.kind {
            EntryKind::Created => self.create(id, frame).await.map(|()| false),
            EntryKind::Removed => self.remove(id, frame).await.map(|()| false),
            EntryKind::Batch | EntryKind::LogStart => match self.partitions.get(&id) {
                // An earlier partition with the same id is none of its business.
                Some(log) if log.born <= frame.sequence => log.replay(entry, frame.file),
                Some(_) | None => Ok(false),
            },
        }
    }

    async fn create(&mut self, id: PartitionId, frame: &ReplayedFrame) -> Result<(), OpenError> {
        if self.partitions.contains_key(&id) || self.lost.contains_key(&id) {
            return Ok(());
        }
        // Whatever its directory holds, the journal has all of it.
        let partitions = self.shared.config.partitions_directory();
        self.shared.remove_partition_directory(id).await?;
        create_directory(&partitions.join(id.to_string())).await?;
        self.unknown.remove(&id);
        let config = (self.config_of)(id);
        let recovery = RecoveryPoint::ZERO;
        let log = PartitionLog::new(&self.shared, id, frame.sequence, config, recovery);
        log.hold_all(frame.file);
        self.partitions.insert(id, log);
        Ok(())
    }

    async fn remove(&mut self, id: PartitionId, frame: &ReplayedFrame) -> Result<(), OpenError> {
        if self.lost.get(&id).is_some_and(|lost| lost.0 <= frame.sequence) {
            self.lost.remove(&id);
            self.unknown.insert(id);
        }
        let known = self.partitions.get(&id).filter(|log| log.born <= frame.sequence);
        if let Some(log) = known.cloned() {
            log.stand(Standing::Gone);
            log.until_unused().await;
            log.release_memory();
            self.partitions.remove(&id);
            self.unknown.insert(id);
        }
        if self.unknown.remove(&id) {
            self.shared.remove_partition_directory(id).await?;
        }
        Ok(())
    }

    /// Memory is bounded here too: chunks go to their segments while the replay goes on.
    async fn bound_memory(&self) -> Result<(), OpenError> {
        if self.shared.memory.is_short() {
            for log in self.partitions.values() {
                log.flush_sealed().await?;
            }
            self.shared.memory.ready().await;
        }
        self.shared.take_early_failure().map_or(Ok(()), |error| Err(error.into()))
    }

    /// Checks that everything came back.
    async fn finish(self) -> Result<BTreeMap<PartitionId, Rc<PartitionLog>>, OpenError> {
        if let Some((_, (_, error))) = self.lost.into_iter().next() {
            return Err(error);
        }
        for id in self.unknown {
            let partitions = self.shared.config.partitions_directory();
            let entries = list_directory(&partitions.join(id.to_string())).await?;
            if entries.iter().any(|entry| base_of(&entry.name).is_some() && entry.len > 0) {
                let why = "neither the checkpoint nor the journal knows its segments".to_owned();
                return Err(OpenError::Damaged { partition: id, why });
            }
            // Its creation was never acknowledged.
            self.shared.remove_partition_directory(id).await?;
        }
        for log in self.partitions.values() {
            log.finish_replay()?;
        }
        Ok(self.partitions)
    }
}

pub(crate) async fn open_partition(
    shared: &Rc<Shared>,
    known: PartitionCheckpoint,
    config: LogConfig,
) -> Result<Rc<PartitionLog>, OpenError> {
    let (id, recovery) = (known.partition, known.recovery);
    let log = PartitionLog::new(shared, id, known.born, config, recovery);
    settle_swaps(&log.directory, &shared.removal).await?;
    let progress = Progress::load(&log.directory).await?;
    let mut segments = BTreeMap::new();
    let mut ends = Vec::new();
    let mut with_aborted = BTreeSet::new();
    for entry in list_directory(&log.directory).await? {
        if let Some(base) = base_of_file(&entry.name, "txnindex").filter(|_| entry.len > 0) {
            with_aborted.insert(base);
        }
        let Some(base) = base_of(&entry.name) else { continue };
        if base <= recovery.segment {
            ends.push((base, entry.len));
            continue;
        }
        // The journal has all of it and writes it anew.
        for extension in ["index", "timeindex", "txnindex", "log"] {
            match remove_file(&path_of(&log.directory, base, extension)).await {
                Err(error) if !error.is_not_found() => return Err(error.into()),
                _ => {}
            }
        }
    }
    for (base, len) in &ends {
        if *base < recovery.segment {
            let mut segment = Segment::new(&log.directory, *base);
            segment.size = *len;
            segment.index = None;
            if with_aborted.contains(base) {
                segment.aborted = SegmentAborted::Disk;
            }
            segment.is_time_known = false;
            segment.is_complete = true;
            segments.insert(*base, segment);
        }
    }
    let present = ends.iter().find(|end| end.0 == recovery.segment).map_or(0, |end| end.1);
    if present < recovery.durable {
        let why = format!(
            "segment {} has {present} bytes where {} were durable",
            recovery.segment, recovery.durable
        );
        return Err(OpenError::Damaged { partition: id, why });
    }
    segments.insert(recovery.segment, Segment::new(&log.directory, recovery.segment));
    let log_start = segments.keys().next().copied().unwrap_or(Offset::ZERO).max(known.log_start);
    {
        let mut inner = log.inner.borrow_mut();
        inner.segments = segments;
        inner.log_start = log_start;
        inner.progress = progress;
        inner.recovery = recovery;
        let started = known.epochs.iter().copied().filter(|epoch| epoch.1 < recovery.end);
        inner.epochs = EpochCache::from_entries(started);
        inner.saved_epochs = inner.epochs.clone();
        inner.producers = known.producers.clone();
        inner.saved_producers = known.producers;
        inner.saved_block.clone_from(&known.block);
        inner.saved_index = known.index;
        inner.saved_aborted.clone_from(&known.aborted);
    }
    if recovery.size > 0 {
        log.open_active(recovery, &known.block, known.index).await?;
    }
    log.load_times().await?;
    log.open_aborted(&known.aborted).await?;
    Ok(log)
}

impl PartitionLog {
    /// Restores index and partial block of the active segment from its file.
    async fn open_active(
        &self,
        recovery: RecoveryPoint,
        block: &[u8],
        stamp: IndexStamp,
    ) -> Result<(), OpenError> {
        let RecoveryPoint { segment: base, durable, size, end } = recovery;
        let file =
            File::open(&path_of(&self.directory, base, "log"), OpenMode::CreateOrOpen).await?;
        let mut index = load_stamped_index(&self.directory, base, stamp, recovery).await?;
        let mut scan = Scan { file: &file, durable, block, window: (0, Pieces::new()) };
        let (mut position, mut next) = (0, base);
        if let Some((last_offset, at)) = index.last_entry() {
            match scan.header(at).await? {
                Some(header) if header.last_offset() == last_offset => {
                    position = at + header.total_len() as u64;
                    next = header.next_offset();
                }
                Some(_) | None => index.clear(),
            }
        }
        let interval = self.inner.borrow().config.index_interval_bytes;
        let mut max_timestamp = index.max_timestamp().0;
        while let Some(header) = scan.header(position).await? {
            // No checksum covers a batch's offset. Who reads as far as here is told of the damage.
            if header.base_offset() < next || end < header.next_offset() {
                break;
            }
            next = header.next_offset();
            let len = header.total_len() as u64;
            max_timestamp = max_timestamp.max(header.max_timestamp());
            let batch = IndexedBatch {
                last_offset: header.last_offset(),
                max_timestamp: header.max_timestamp(),
                position,
                len,
            };
            index.add(&batch, interval);
            position += len;
        }
        let first_timestamp = scan.header(0).await?.map(|header| header.max_timestamp());
        let first_timestamp = first_timestamp.filter(|first| !first.is_none());
        let mut inner = self.inner.borrow_mut();
        inner.tail.restart(base, size, block);
        if !block.is_empty() {
            self.shared.memory.added(crate::tail::CHUNK_BYTES_MIN);
        }
        let active = inner.active_mut();
        active.file = Some(file.clone());
        active.size = size;
        active.index = Some(index);
        active.max_timestamp = max_timestamp;
        active.is_time_known = false;
        active.first_timestamp = first_timestamp;
        Ok(())
    }

    /// Reads the largest timestamp of each sealed segment, which retention and time lookups need.
    async fn load_times(&self) -> Result<(), IoError> {
        let sealed: Vec<Offset> = {
            let inner = self.inner.borrow();
            inner
                .segments
                .values()
                .filter(|segment| segment.is_complete)
                .map(|found| found.base)
                .collect()
        };
        for base in sealed {
            self.load_segment_index(base).await?;
            if let Some(segment) = self.inner.borrow_mut().segments.get_mut(&base) {
                segment.max_timestamp =
                    segment.index.take().map_or(Timestamp::NONE, |index| index.max_timestamp().0);
            }
        }
        Ok(())
    }

    /// Puts one journal entry back. True if it was a batch that the segments did not have.
    fn replay(&self, entry: &Entry<'_>, file: FileSequence) -> Result<bool, OpenError> {
        let mut inner = self.inner.borrow_mut();
        let is_new = match entry.head.kind {
            EntryKind::Batch => self.replay_batch(&mut inner, entry)?,
            EntryKind::LogStart => {
                inner.log_start = inner.log_start.max(entry.head.segment);
                true
            }
            EntryKind::Created | EntryKind::Removed => false,
        };
        if is_new {
            let end = inner.end_place();
            inner.hold(file, end);
        }
        let queued = self.queue_writes(&mut inner);
        drop(inner);
        self.start_writes(queued);
        Ok(is_new && entry.head.kind == EntryKind::Batch)
    }

    fn replay_batch(&self, inner: &mut Inner, entry: &Entry<'_>) -> Result<bool, OpenError> {
        let place = Place { segment: entry.head.segment, position: entry.head.position };
        let entry_end = Place { position: place.position + entry.payload.len() as u64, ..place };
        let header = BatchHeader::peek(entry.payload)
            .map_err(|error| self.lost(format!("a journaled batch is none: {error}")))?;
        if entry_end <= inner.end_place() {
            return Ok(false);
        }
        if header.base_offset() != inner.end {
            let why = format!("offsets {} to {} are missing", inner.end, header.base_offset());
            return Err(self.lost(why));
        }
        if place.segment > inner.active().base {
            inner.roll();
        }
        let have = inner.end_place();
        if place != have {
            return Err(self.lost(format!("{place:?} follows {have:?}")));
        }
        let marker = self.marker_of(entry.payload)?;
        let now = Timestamp(wall_clock_ms());
        inner.place_batch(&self.shared, header, marker, &[entry.payload], now);
        Ok(true)
    }

    /// The marker that a journaled batch is, if it is one.
    fn marker_of(&self, payload: &[u8]) -> Result<Option<TransactionMarker>, OpenError> {
        let batch = BatchView::parse(payload).map(|(batch, _)| batch);
        let batch =
            batch.map_err(|error| self.lost(format!("a journaled batch is none: {error}")))?;
        TransactionMarker::of_batch(&batch)
            .map_err(|error| self.lost(format!("a journaled marker is none: {error}")))
    }

    /// Checks that everything the checkpoint counted on came back, and makes it visible.
    pub(crate) fn finish_replay(&self) -> Result<(), OpenError> {
        let mut inner = self.inner.borrow_mut();
        let recovery = inner.recovery;
        let have = inner.end_place();
        if have < (Place { segment: recovery.segment, position: recovery.size }) {
            let why = format!(
                "{} bytes of segment {} came back, {} were durable",
                have.position, have.segment, recovery.size
            );
            return Err(self.lost(why));
        }
        inner.log_start = inner.log_start.min(inner.end);
        self.durable_end.set(inner.end);
        let end = inner.end;
        inner.ending.settle(end);
        Ok(())
    }

    fn lost(&self, why: String) -> OpenError {
        OpenError::Damaged { partition: self.id, why }
    }
}

/// Walks over batch headers of the bytes that were durable: those of the file and the block behind
/// them.
struct Scan<'a> {
    file: &'a File,
    durable: u64,
    block: &'a [u8],
    window: (u64, Pieces),
}

impl Scan<'_> {
    /// The batch header at `position` if it lies below the end and makes sense.
    async fn header(&mut self, position: u64) -> Result<Option<BatchHeader>, IoError> {
        let end = self.durable + self.block.len() as u64;
        let needed = HEADER_LEN as u64;
        if position + needed > end {
            return Ok(None);
        }
        let (start, window) = &self.window;
        if position < *start || start + (window.len() as u64) < position + needed {
            self.window = (position, self.load(position).await?);
        }
        let (start, window) = &self.window;
        let header = window.header((position - start) as usize).ok();
        Ok(header.filter(|header| position + header.total_len() as u64 <= end))
    }

    async fn load(&self, position: u64) -> Result<Pieces, IoError> {
        let mut pieces = Pieces::new();
        if position < self.durable {
            let len = SCAN_BYTES.min(self.durable - position);
            pieces.push(self.file.read(position, len as usize).await?);
        }
        if position + SCAN_BYTES > self.durable {
            let skip = position.saturating_sub(self.durable) as usize;
            pieces.push(Slice::of_memory(self.block[skip..].to_vec()));
        }
        Ok(pieces)
    }
}
