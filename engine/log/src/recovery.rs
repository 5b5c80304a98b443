//! Opening after a stop or a crash: each partition starts at its recovery point, then the journal
//! puts every later byte back to where it was. Damage is an error that says what is lost.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use corelog_io::{
    File, IoError, OpenMode, Slice, list_directory, remove_file, spawn, wall_clock_ms, yield_now,
};
use corelog_model::{BatchHeader, HEADER_LEN, Offset, PartitionId, Timestamp};

use crate::checkpoint::{Checkpoint, PartitionCheckpoint, RecoveryPoint};
use crate::config::{LogConfig, StorageConfig};
use crate::epochs::EpochCache;
use crate::index::IndexedBatch;
use crate::journal::{Entry, EntryKind, FileSequence, Journal, Replay};
use crate::moving::{read_moving_note, remove_moving_note};
use crate::partition::{PartitionLog, Place};
use crate::pieces::Pieces;
use crate::producers::ProducerTable;
use crate::segment::{Segment, base_of, load_index, path_of};
use crate::shared::Shared;
use crate::storage::OpenError;

const OPENED_AT_ONCE: usize = 32;
const SCAN_BYTES: u64 = 256 << 10;

pub(crate) struct Recovery {
    pub(crate) shared: Rc<Shared>,
    pub(crate) partitions: BTreeMap<PartitionId, Rc<PartitionLog>>,
    pub(crate) frames: u64,
    pub(crate) batches: u64,
}

pub(crate) async fn recover(
    config: StorageConfig,
    checkpoint: Checkpoint,
    config_of: impl Fn(PartitionId) -> LogConfig,
) -> Result<Recovery, OpenError> {
    let from = (checkpoint.journal_file, checkpoint.journal_frame);
    let mut replay = Replay::open(config.journal(), from).await?;
    let shared = Shared::new(config);
    let partitions = open_partitions(&shared, checkpoint, config_of).await?;
    let (mut frames, mut batches) = (0, 0);
    while let Some(frame) = replay.next().await? {
        frames += 1;
        for entry in frame.entries() {
            let entry = entry.map_err(crate::journal::ReplayError::from)?;
            if let Some(log) = partitions.get(&entry.head.partition) {
                batches += u64::from(log.replay(&entry, frame.file)?);
            }
        }
        // Memory is bounded here too: full chunks go to their segments while the replay goes on.
        shared.memory.ready().await;
        if let Some(error) = shared.take_early_failure() {
            return Err(error.into());
        }
        yield_now().await;
    }
    for log in partitions.values() {
        log.finish_replay()?;
    }
    let journal = Journal::start(shared.config.journal(), replay.finish().await?);
    shared.start_journal(journal);
    Ok(Recovery { shared, partitions, frames, batches })
}

async fn open_partitions(
    shared: &Rc<Shared>,
    checkpoint: Checkpoint,
    config_of: impl Fn(PartitionId) -> LogConfig,
) -> Result<BTreeMap<PartitionId, Rc<PartitionLog>>, OpenError> {
    let mut known: BTreeMap<_, _> =
        checkpoint.partitions.into_iter().map(|known| (known.partition, known)).collect();
    let mut found = Vec::new();
    for entry in list_directory(&shared.config.partitions_directory()).await? {
        // Names that are not ours are left alone.
        let Ok(id) = entry.name.parse::<PartitionId>() else { continue };
        let directory = shared.config.partitions_directory().join(&entry.name);
        let known = match known.remove(&id) {
            Some(known) => {
                remove_moving_note(&directory).await?;
                Some(known)
            }
            None => read_moving_note(&directory).await?,
        };
        found.push((id, known, config_of(id)));
    }
    if let Some((id, lost)) = known.into_iter().find(|(_, known)| known.recovery.end > Offset::ZERO)
    {
        let why = format!("its directory with {} offsets is missing", lost.recovery.end);
        return Err(OpenError::Damaged { partition: id, why });
    }
    let opened = Rc::new(RefCell::new(BTreeMap::new()));
    while !found.is_empty() {
        let group = found.split_off(found.len().saturating_sub(OPENED_AT_ONCE));
        let tasks: Vec<_> = group
            .into_iter()
            .map(|(id, known, config)| {
                let (shared, opened) = (Rc::clone(shared), Rc::clone(&opened));
                spawn(async move {
                    let log = open_partition(&shared, id, known, config).await?;
                    opened.borrow_mut().insert(id, log);
                    Ok::<(), OpenError>(())
                })
            })
            .collect();
        for task in tasks {
            task.join().await?;
        }
    }
    Ok(opened.take())
}

pub(crate) async fn open_partition(
    shared: &Rc<Shared>,
    id: PartitionId,
    known: Option<PartitionCheckpoint>,
    config: LogConfig,
) -> Result<Rc<PartitionLog>, OpenError> {
    let zero = Offset::ZERO;
    let known = known.unwrap_or_else(|| PartitionCheckpoint {
        partition: id,
        log_start: zero,
        recovery: RecoveryPoint { segment: zero, durable: 0, size: 0, end: zero },
        epochs: Vec::new(),
        producers: ProducerTable::default(),
        block: Vec::new(),
    });
    let recovery = known.recovery;
    let log = PartitionLog::new(shared, id, config, recovery);
    let mut segments = BTreeMap::new();
    let mut ends = Vec::new();
    for entry in list_directory(&log.directory).await? {
        let Some(base) = base_of(&entry.name) else { continue };
        if base <= recovery.segment {
            ends.push((base, entry.len));
            continue;
        }
        // The journal has all of it and writes it anew.
        for extension in ["index", "timeindex", "log"] {
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
    let log_start = segments.keys().next().copied().unwrap_or(zero).max(known.log_start);
    {
        let mut inner = log.inner.borrow_mut();
        inner.segments = segments;
        inner.log_start = log_start;
        inner.recovery = recovery;
        let started = known.epochs.iter().copied().filter(|epoch| epoch.1 < recovery.end);
        inner.epochs = EpochCache::from_entries(started);
        inner.saved_epochs = inner.epochs.clone();
        inner.producers = known.producers.clone();
        inner.saved_producers = known.producers;
        inner.saved_block.clone_from(&known.block);
    }
    if recovery.size > 0 {
        log.open_active(recovery, &known.block).await?;
    }
    log.load_times().await;
    Ok(log)
}

impl PartitionLog {
    /// Restores index and partial block of the active segment from its file.
    async fn open_active(&self, recovery: RecoveryPoint, block: &[u8]) -> Result<(), OpenError> {
        let RecoveryPoint { segment: base, durable, size, end } = recovery;
        let file =
            File::open(&path_of(&self.directory, base, "log"), OpenMode::CreateOrOpen).await?;
        let mut index = load_index(&self.directory, base, durable, end).await;
        let mut position = 0;
        if let Some((last_offset, at)) = index.last_entry() {
            let header = file.read(at, HEADER_LEN).await?;
            match BatchHeader::peek(&header) {
                Ok(header) if header.last_offset() == last_offset => {
                    position = at + header.total_len() as u64;
                }
                _ => index.clear(),
            }
        }
        let interval = self.inner.borrow().config.index_interval_bytes;
        let mut max_timestamp = index.max_timestamp().0;
        let mut scan = Scan { file: &file, durable, block, window: (0, Pieces::new()) };
        while let Some(header) = scan.header(position).await? {
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
        active.first_timestamp = first_timestamp;
        Ok(())
    }

    /// Reads the largest timestamp of each sealed segment, which retention and time lookups need.
    async fn load_times(&self) {
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
            self.load_segment_index(base).await;
            if let Some(segment) = self.inner.borrow_mut().segments.get_mut(&base) {
                segment.max_timestamp =
                    segment.index.take().map_or(Timestamp::NONE, |index| index.max_timestamp().0);
            }
        }
    }

    /// Puts one journal entry back. True if it was a batch that the segments did not have.
    fn replay(&self, entry: &Entry<'_>, file: FileSequence) -> Result<bool, OpenError> {
        match entry.head.kind {
            EntryKind::Batch => self.replay_batch(entry, file),
            EntryKind::LogStart => {
                let mut inner = self.inner.borrow_mut();
                inner.log_start = inner.log_start.max(entry.head.segment);
                let end = inner.end_place();
                inner.hold(file, end);
                Ok(false)
            }
        }
    }

    fn replay_batch(&self, entry: &Entry<'_>, file: FileSequence) -> Result<bool, OpenError> {
        let mut inner = self.inner.borrow_mut();
        let place = Place { segment: entry.head.segment, position: entry.head.position };
        let entry_end = place.position + entry.payload.len() as u64;
        let have = inner.end_place();
        let header = BatchHeader::peek(entry.payload)
            .map_err(|error| self.lost(format!("a journaled batch is none: {error}")))?;
        if place.segment < have.segment
            || (place.segment == have.segment && entry_end <= have.position)
        {
            return Ok(false);
        }
        if place.segment > have.segment {
            if header.base_offset() != place.segment || place.position != 0 {
                return Err(self.lost(format!("the front of segment {} is missing", place.segment)));
            }
            inner.end = place.segment;
            inner.roll();
        }
        let have = inner.end_place();
        if place.position > have.position {
            let why = format!(
                "bytes {} to {} of segment {} are missing",
                have.position, place.position, place.segment
            );
            return Err(self.lost(why));
        }
        let skip = (have.position - place.position) as usize;
        let now = Timestamp(wall_clock_ms());
        if skip == 0 {
            inner.place_batch(&self.shared, header, &[entry.payload], now);
        } else {
            // The front of this batch is durable in the segment; the journal has the rest.
            self.append_bytes(&mut inner, &entry.payload[skip..]);
            inner.note_batch(header, place.position, now);
        }
        let end = inner.end_place();
        inner.hold(file, end);
        self.schedule_full_chunks(&mut inner);
        Ok(true)
    }

    fn append_bytes(&self, inner: &mut crate::partition::Inner, bytes: &[u8]) {
        let place = inner.end_place();
        let capacity_max = self.shared.memory.chunk_bytes_max();
        inner.tail.append(place.segment, place.position, bytes, capacity_max, |bytes| {
            self.shared.memory.added(bytes);
        });
        inner.active_mut().size += bytes.len() as u64;
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
