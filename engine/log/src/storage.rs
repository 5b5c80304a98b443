//! The storage of one core: opens it, recovers what was durable, keeps segments following the
//! journal, and closes it so that the next start replays nothing.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use corelog_io::{IoError, Signal, Task, create_directory, now, sleep, spawn, yield_now};
use corelog_model::{PartitionId, Timestamp};

use crate::checkpoint::{Checkpoint, CheckpointError, RecoveryPoint};
use crate::config::{LogConfig, StorageConfig};
use crate::flush::{FlushError, Flushed, LastBlock};
use crate::journal::{
    EntryHead, EntryKind, FileSequence, FrameSequence, Journal, JournalFailed, ReplayError,
};
use crate::partition::{PartitionLog, Standing};
use crate::recovery::{self, Recovery};
use crate::shared::Shared;

const YIELD_EVERY: usize = 64;
const FLUSHES_AT_ONCE: usize = 16;
const FULL_DISK_PAUSE: Duration = Duration::from_millis(500);

/// Why a storage cannot be opened. Each says what is lost; none of them is papered over.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The disk refused.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The checkpoint is damaged.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The journal cannot be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A partition has less than it must.
    #[error("partition {partition} lost acknowledged data: {why}")]
    Damaged {
        /// Whose log.
        partition: PartitionId,
        /// What is missing.
        why: String,
    },
    /// The first checkpoint could not be written.
    #[error(transparent)]
    Flush(#[from] FlushError),
}

/// What opening found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Partitions opened.
    pub partitions: usize,
    /// Journal frames replayed; 0 after a clean stop.
    pub frames: u64,
    /// Batches that were taken from the journal.
    pub batches: u64,
    /// Partitions whose aborted transactions were read from the log anew: their index was damaged.
    pub indexes_rebuilt: u64,
    /// Time it took.
    pub millis: u64,
}

type Partitions = BTreeMap<PartitionId, Rc<PartitionLog>>;

pub(crate) struct State {
    pub(crate) shared: Rc<Shared>,
    partitions: RefCell<Partitions>,
    /// Partitions that went to other cores, see [`Checkpoint::departures`].
    departures: RefCell<BTreeMap<PartitionId, FrameSequence>>,
    /// Partitions that are being created or removed.
    turns: RefCell<BTreeSet<PartitionId>>,
    turn_over: Signal,
    checkpointing: Cell<bool>,
    checkpointed: Signal,
}

/// All partition logs of one core and the journal they share. Dropping it without `close` stops all
/// its work at once, as a crash does.
pub struct Storage {
    state: Rc<State>,
    _keeper: Task<()>,
    _remover: Task<()>,
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.state.shared.stop();
    }
}

impl Storage {
    /// Opens the storage in its directory, creating it if need be, and replays the journal.
    /// `config_of` gives the settings of each partition that is found.
    pub async fn open(
        config: StorageConfig,
        config_of: impl Fn(PartitionId) -> LogConfig,
    ) -> Result<(Self, RecoveryReport), OpenError> {
        let began = now();
        let shared = Shared::new(config);
        let recovered = recovery::recover(&shared, config_of).await;
        // What a recovery began in the background ends with it.
        let Recovery { partitions, departures, frames, batches } =
            recovered.inspect_err(|_| shared.stop())?;
        let state = Rc::new(State {
            shared,
            partitions: RefCell::new(partitions),
            departures: RefCell::new(departures),
            turns: RefCell::default(),
            turn_over: Signal::new(),
            checkpointing: Cell::new(false),
            checkpointed: Signal::new(),
        });
        let keeper = spawn(keep(Rc::clone(&state)));
        let remover = spawn(free_removed(Rc::clone(&state)));
        let storage = Self { state, _keeper: keeper, _remover: remover };
        if frames > 0 {
            match storage.checkpoint().await {
                // The journal keeps what it has, and the keeper tries again.
                Err(FlushError::Io(error)) if error.is_shortage() => {
                    tracing::warn!(%error, "the first checkpoint waits until there is room again");
                }
                outcome => outcome?,
            }
        }
        let report = RecoveryReport {
            partitions: storage.state.partitions.borrow().len(),
            frames,
            batches,
            indexes_rebuilt: storage.state.shared.indexes_rebuilt.get(),
            millis: now().since(began).as_millis() as u64,
        };
        Ok((storage, report))
    }

    /// The log of a partition.
    pub fn partition(&self, id: PartitionId) -> Option<Rc<PartitionLog>> {
        let log = self.state.partition(id)?;
        (log.standing() == Standing::Open).then_some(log)
    }

    /// All partitions, in id order.
    pub fn partitions(&self) -> Vec<Rc<PartitionLog>> {
        let partitions = self.state.partitions.borrow();
        partitions.values().filter(|log| log.standing() == Standing::Open).cloned().collect()
    }

    /// Creates the log of a partition, durably; returns the existing one if there is one.
    pub async fn create_partition(
        &self,
        id: PartitionId,
        config: LogConfig,
    ) -> Result<Rc<PartitionLog>, IoError> {
        let _turn = self.state.take_turn(id).await;
        let outcome = self.state.create(id, config).await;
        outcome.map_err(|error| self.state.io_error("create partition", error))
    }

    /// Removes a partition with all its data, durably. Not cancel-safe: one that was dropped must
    /// be repeated.
    pub async fn delete_partition(&self, id: PartitionId) -> Result<(), IoError> {
        let _turn = self.state.take_turn(id).await;
        let outcome = self.state.delete(id).await;
        outcome.map_err(|error| self.state.io_error("remove partition", error))
    }

    pub(crate) fn shared(&self) -> &Rc<Shared> {
        &self.state.shared
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// After `close`, stores a checkpoint that does not know the partitions `ids`.
    pub(crate) async fn forget(&self, ids: &[PartitionId]) -> Result<(), IoError> {
        self.state.partitions.borrow_mut().retain(|id, _| !ids.contains(id));
        self.state.store_last_checkpoint().await
    }

    pub(crate) fn insert(&self, log: &Rc<PartitionLog>) {
        self.state.insert(log);
    }

    /// The journal all partitions share.
    pub fn journal(&self) -> &Journal {
        self.state.shared.journal()
    }

    /// Settings it was opened with.
    pub fn config(&self) -> &StorageConfig {
        &self.state.shared.config
    }

    /// Bytes of memory that tails hold.
    pub fn tail_bytes(&self) -> usize {
        self.state.shared.memory.total()
    }

    /// Brings everything that the journal holds into segments and lets the journal's files be
    /// recycled. Not cancel-safe: writes of a dropped checkpoint land when they like.
    pub async fn checkpoint(&self) -> Result<(), FlushError> {
        self.state.checkpoint().await
    }

    /// Deletes old segments of all partitions as their settings say. Returns how many went.
    pub async fn apply_retention(&self, now: Timestamp) -> Result<usize, IoError> {
        let logs = self.partitions();
        let mut awaits_checkpoint = false;
        for log in &logs {
            log.learn_ages(now).await;
            awaits_checkpoint |= log.awaits_checkpoint(now);
        }
        if awaits_checkpoint {
            let outcome = self.checkpoint().await;
            outcome.map_err(|error| self.state.io_error("checkpoint", error))?;
        }
        let mut deleted = 0;
        for log in logs {
            let outcome = log.apply_retention(now).await;
            deleted += outcome.inspect_err(|error| self.state.shared.judge(error))?;
            yield_now().await;
        }
        Ok(deleted)
    }

    /// Refuses further appends, writes everything to segments, cuts files to their true size and
    /// writes the checkpoint. The next start then replays nothing. Not cancel-safe.
    pub async fn close(&self) -> Result<(), FlushError> {
        let state = &self.state;
        state.shared.cleaner.stop().await;
        state.shared.begin_closing();
        state.until_no_turns().await;
        let journal = state.shared.journal();
        journal.settle().await?;
        let _checkpointing = state.begin_checkpoint().await;
        state.flush(state.logs(), LastBlock::Written).await?;
        state.store_last_checkpoint().await?;
        journal.until_prepared().await;
        state.shared.removal.stop().await;
        journal.stop();
        Ok(())
    }
}

/// The right to create or remove one partition.
pub(crate) struct Turn<'a> {
    state: &'a State,
    id: PartitionId,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.state.turns.borrow_mut().remove(&self.id);
        self.state.turn_over.notify();
    }
}

/// The right to make a checkpoint.
pub(crate) struct Checkpointing<'a> {
    state: &'a State,
}

impl Drop for Checkpointing<'_> {
    fn drop(&mut self) {
        self.state.checkpointing.set(false);
        self.state.checkpointed.notify();
    }
}

impl State {
    pub(crate) fn partition(&self, id: PartitionId) -> Option<Rc<PartitionLog>> {
        self.partitions.borrow().get(&id).cloned()
    }

    pub(crate) fn insert(&self, log: &Rc<PartitionLog>) {
        self.partitions.borrow_mut().insert(log.id(), Rc::clone(log));
    }

    /// The frame before which entries of a partition are past, if it was on another core since.
    pub(crate) fn departure(&self, id: PartitionId) -> Option<FrameSequence> {
        self.departures.borrow().get(&id).copied()
    }

    /// A partition that was about to go stays.
    pub(crate) fn stay(&self, log: &Rc<PartitionLog>) {
        self.departures.borrow_mut().remove(&log.id());
        self.insert(log);
    }

    /// A partition goes to another core; what the journal has of it before `frame` is past.
    pub(crate) fn depart(&self, id: PartitionId, frame: FrameSequence) {
        self.partitions.borrow_mut().remove(&id);
        self.departures.borrow_mut().insert(id, frame);
    }

    fn logs(&self) -> Vec<Rc<PartitionLog>> {
        self.partitions.borrow().values().cloned().collect()
    }

    fn io_error(&self, operation: &'static str, error: FlushError) -> IoError {
        match error {
            FlushError::Io(error) => {
                self.shared.judge(&error);
                error
            }
            FlushError::Journal(failed) => {
                let why = std::io::Error::other(failed.to_string());
                IoError::new(operation, &self.shared.config.directory, why)
            }
        }
    }

    /// Waits until nobody else creates or removes this partition.
    pub(crate) async fn take_turn(&self, id: PartitionId) -> Turn<'_> {
        loop {
            let waiting = self.turn_over.waiting();
            if self.turns.borrow_mut().insert(id) {
                return Turn { state: self, id };
            }
            waiting.await;
        }
    }

    async fn until_no_turns(&self) {
        loop {
            let waiting = self.turn_over.waiting();
            if self.turns.borrow().is_empty() {
                return;
            }
            waiting.await;
        }
    }

    async fn create(
        &self,
        id: PartitionId,
        config: LogConfig,
    ) -> Result<Rc<PartitionLog>, FlushError> {
        let journal = self.shared.journal();
        let log = if let Some(log) = self.partition(id) {
            log.set_config(config);
            log
        } else {
            let directory = self.shared.config.partitions_directory().join(id.to_string());
            create_directory(&directory).await?;
            journal.ready(0).await?;
            // In one step: a checkpoint that does not know the partition begins before its entry.
            self.begin_partition(id, config)?
        };
        match log.standing() {
            Standing::Open => return Ok(log),
            Standing::Creating => {}
            Standing::Parting | Standing::Parted | Standing::Leaving | Standing::Gone => {
                let reason = "its removal has not ended".into();
                return Err(JournalFailed { reason }.into());
            }
        }
        journal.settle().await?;
        log.stand(Standing::Open);
        Ok(log)
    }

    fn begin_partition(
        &self,
        id: PartitionId,
        config: LogConfig,
    ) -> Result<Rc<PartitionLog>, JournalFailed> {
        if self.shared.is_closing() {
            return Err(JournalFailed { reason: "the storage is being closed".into() });
        }
        let journal = self.shared.journal();
        let (file, born) = (journal.current_file(), journal.open_frame());
        journal.append(&EntryHead::of_partition(EntryKind::Created, id), &[], None)?;
        let log = PartitionLog::new(&self.shared, id, born, config, RecoveryPoint::ZERO);
        log.stand(Standing::Creating);
        log.hold_all(file);
        self.partitions.borrow_mut().insert(id, Rc::clone(&log));
        Ok(log)
    }

    async fn delete(&self, id: PartitionId) -> Result<(), FlushError> {
        let Some(log) = self.partition(id) else { return Ok(()) };
        if !log.is_gone() {
            log.stand(Standing::Leaving);
            let journal = self.shared.journal();
            journal.ready(0).await?;
            if self.shared.is_closing() {
                return Err(JournalFailed { reason: "the storage is being closed".into() }.into());
            }
            let file = journal.current_file();
            let head = EntryHead::of_partition(EntryKind::Removed, id);
            let commit = journal.append(&head, &[], None)?;
            // As long as checkpoints know the partition, the journal keeps the entry.
            log.hold_for_good(file);
            commit.durable().await?;
            log.stand(Standing::Gone);
        }
        log.until_unused().await;
        log.release_memory();
        self.shared.remove_partition_directory(id).await?;
        self.partitions.borrow_mut().remove(&id);
        Ok(())
    }

    fn oldest_hold(&self) -> Option<FileSequence> {
        self.partitions.borrow().values().filter_map(|log| log.oldest_hold()).min()
    }

    /// Brings the logs into their segments and lets them go of the journal.
    pub(crate) async fn flush(
        &self,
        logs: Vec<Rc<PartitionLog>>,
        last_block: LastBlock,
    ) -> Result<(), FlushError> {
        let flushed = flush_all(&logs, last_block).await?;
        // A sync may have failed before this one covered the same bytes, and did not cover them.
        if let Some(failed) = self.shared.failed() {
            return Err(failed.into());
        }
        for (log, flushed) in flushed {
            log.settle(flushed);
        }
        Ok(())
    }

    async fn store_checkpoint(
        &self,
        (journal_file, journal_frame): (FileSequence, FrameSequence),
    ) -> Result<(), IoError> {
        let logs = self.logs();
        let mut partitions = Vec::with_capacity(logs.len());
        for (number, log) in logs.iter().enumerate() {
            partitions.push(log.checkpoint());
            if number % YIELD_EVERY == YIELD_EVERY - 1 {
                yield_now().await;
            }
        }
        // No start reads the frames before.
        self.departures.borrow_mut().retain(|_, frame| journal_frame < *frame);
        let departures = self.departures.borrow().clone();
        let checkpoint = Checkpoint { journal_file, journal_frame, partitions, departures };
        checkpoint.store(&self.shared.config.checkpoint_path()).await?;
        for (log, stored) in logs.iter().zip(&checkpoint.partitions) {
            log.stored(stored.recovery);
        }
        Ok(())
    }

    /// Stores the checkpoint of a journal that takes nothing any more.
    async fn store_last_checkpoint(&self) -> Result<(), IoError> {
        let keep = self.oldest_hold().unwrap_or(FileSequence(u64::MAX));
        let start = self.shared.journal().replay_start(keep);
        self.store_checkpoint(start).await
    }

    /// Waits for its turn: there is one checkpoint at a time.
    pub(crate) async fn begin_checkpoint(&self) -> Checkpointing<'_> {
        loop {
            let waiting = self.checkpointed.waiting();
            if !self.checkpointing.replace(true) {
                return Checkpointing { state: self };
            }
            waiting.await;
        }
    }

    async fn checkpoint(&self) -> Result<(), FlushError> {
        let _checkpointing = self.begin_checkpoint().await;
        let outcome = self.checkpoint_now().await;
        if let Err(FlushError::Io(error)) = &outcome {
            self.shared.judge(error);
        }
        outcome
    }

    async fn checkpoint_now(&self) -> Result<(), FlushError> {
        let journal = self.shared.journal();
        let mark = journal.current_file();
        let mut logs = self.logs();
        logs.retain(|log| log.oldest_hold().is_some_and(|hold| hold <= mark));
        self.flush(logs, LastBlock::Kept).await?;
        self.store_checkpoint_of_holds().await
    }

    /// Stores a checkpoint that begins with the oldest journal file that somebody holds, and lets
    /// older ones go.
    pub(crate) async fn store_checkpoint_of_holds(&self) -> Result<(), FlushError> {
        let journal = self.shared.journal();
        let keep = self.oldest_hold().unwrap_or_else(|| journal.current_file());
        let start = journal.replay_start(keep);
        self.store_checkpoint(start).await?;
        journal.release_before(keep).await?;
        Ok(())
    }
}

type FlushedLog = (Rc<PartitionLog>, Flushed);

async fn flush_all(
    logs: &[Rc<PartitionLog>],
    last_block: LastBlock,
) -> Result<Vec<FlushedLog>, FlushError> {
    let mut done = Vec::with_capacity(logs.len());
    for group in logs.chunks(FLUSHES_AT_ONCE) {
        let tasks: Vec<_> = group
            .iter()
            .map(|log| {
                let log = Rc::clone(log);
                spawn(async move {
                    let flushed = log.flush(last_block).await;
                    if let Err(FlushError::Io(error)) = &flushed {
                        log.shared.judge(error);
                    }
                    (log, flushed)
                })
            })
            .collect();
        // All of them come to their end: a write that is left alone lands when it likes.
        let mut failed = None;
        for task in tasks {
            match task.join().await {
                (log, Ok(flushed)) => done.extend(flushed.map(|flushed| (log, flushed))),
                (_, Err(error)) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
    }
    Ok(done)
}

/// Frees the space of what was deleted, one thing after the other.
async fn free_removed(state: Rc<State>) {
    while let Some(outcome) = state.shared.removal.free_next().await {
        if let Err(error) = outcome {
            tracing::error!(%error, "deleted data cannot be freed: the next start tries again");
            state.shared.judge(&error);
        }
    }
}

/// Makes a checkpoint whenever too many journal files are in use or memory is short.
async fn keep(state: Rc<State>) {
    let (journal, memory) = (state.shared.journal().clone(), &state.shared.memory);
    let is_needed = || journal.is_under_pressure() || memory.is_short();
    loop {
        let pressure =
            futures_lite::future::or(journal.pressure().waiting(), memory.pressure().waiting());
        if journal.failed().is_some() {
            return;
        }
        if !is_needed() {
            pressure.await;
            continue;
        }
        match state.checkpoint().await {
            // Still needed: what is in the way must end first, and then somebody asks again.
            Ok(()) if is_needed() => pressure.await,
            Ok(()) => {}
            Err(FlushError::Io(error)) if error.is_shortage() => {
                tracing::warn!(%error, "a checkpoint waits until there is room again");
                sleep(FULL_DISK_PAUSE).await;
            }
            Err(FlushError::Io(_) | FlushError::Journal(_)) => return,
        }
    }
}
