//! The storage of one core: opens it, recovers what was durable, keeps segments following the
//! journal, and closes it so that the next start replays nothing.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use corelog_io::{
    IoError, Signal, Task, create_directory, now, remove_directory, spawn, sync_directory,
    yield_now,
};
use corelog_model::{Offset, PartitionId, Timestamp};

use crate::checkpoint::{Checkpoint, CheckpointError, RecoveryPoint};
use crate::config::{LogConfig, StorageConfig};
use crate::flush::{FlushError, Flushed, LastBlock};
use crate::journal::{FileSequence, Journal, ReplayError};
use crate::partition::PartitionLog;
use crate::recovery::{self, Recovery};
use crate::shared::Shared;

const YIELD_EVERY: usize = 64;
const FLUSHES_AT_ONCE: usize = 16;

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
    /// Time it took.
    pub millis: u64,
}

type Partitions = BTreeMap<PartitionId, Rc<PartitionLog>>;

struct State {
    shared: Rc<Shared>,
    partitions: RefCell<Partitions>,
    checkpointing: Cell<bool>,
    checkpointed: Signal,
}

/// All partition logs of one core and the journal they share.
pub struct Storage {
    state: Rc<State>,
    _keeper: Task<()>,
}

impl Storage {
    /// Opens the storage in its directory, creating it if need be, and replays the journal.
    /// `config_of` gives the settings of each partition that is found.
    pub async fn open(
        config: StorageConfig,
        config_of: impl Fn(PartitionId) -> LogConfig,
    ) -> Result<(Self, RecoveryReport), OpenError> {
        let began = now();
        create_directory(&config.partitions_directory()).await?;
        let checkpoint = Checkpoint::load(&config.checkpoint_path()).await?.unwrap_or_default();
        let Recovery { shared, partitions, frames, batches } =
            recovery::recover(config, checkpoint, config_of).await?;
        let state = Rc::new(State {
            shared,
            partitions: RefCell::new(partitions),
            checkpointing: Cell::new(false),
            checkpointed: Signal::new(),
        });
        let keeper = spawn(keep(Rc::clone(&state)));
        let report = RecoveryReport {
            partitions: state.partitions.borrow().len(),
            frames,
            batches,
            millis: now().since(began).as_millis() as u64,
        };
        let storage = Self { state, _keeper: keeper };
        if frames > 0 {
            storage.checkpoint().await?;
        }
        Ok((storage, report))
    }

    /// The log of a partition.
    pub fn partition(&self, id: PartitionId) -> Option<Rc<PartitionLog>> {
        self.state.partitions.borrow().get(&id).cloned()
    }

    /// All partitions, in id order.
    pub fn partitions(&self) -> Vec<Rc<PartitionLog>> {
        self.state.partitions.borrow().values().cloned().collect()
    }

    /// Creates the log of a partition, durably; returns the existing one if there is one.
    pub async fn create_partition(
        &self,
        id: PartitionId,
        config: LogConfig,
    ) -> Result<Rc<PartitionLog>, IoError> {
        if let Some(log) = self.partition(id) {
            log.set_config(config);
            return Ok(log);
        }
        let zero = Offset::ZERO;
        let recovery = RecoveryPoint { segment: zero, durable: 0, size: 0, end: zero };
        create_directory(&self.state.shared.config.partitions_directory().join(id.to_string()))
            .await?;
        if let Some(log) = self.partition(id) {
            return Ok(log);
        }
        let log = PartitionLog::new(&self.state.shared, id, config, recovery);
        self.state.partitions.borrow_mut().insert(id, Rc::clone(&log));
        Ok(log)
    }

    /// Removes a partition with all its data.
    pub async fn delete_partition(&self, id: PartitionId) -> Result<(), IoError> {
        let Some(log) = self.state.partitions.borrow_mut().remove(&id) else { return Ok(()) };
        log.leave();
        let partitions = self.state.shared.config.partitions_directory();
        let directory = partitions.join(id.to_string());
        drop(log);
        match remove_directory(&directory).await {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
        sync_directory(&partitions).await
    }

    pub(crate) fn shared(&self) -> &Rc<Shared> {
        &self.state.shared
    }

    pub(crate) fn insert(&self, log: &Rc<PartitionLog>) {
        self.state.partitions.borrow_mut().insert(log.id(), Rc::clone(log));
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
    /// recycled.
    pub async fn checkpoint(&self) -> Result<(), FlushError> {
        self.state.checkpoint().await
    }

    /// Deletes old segments of all partitions as their settings say. Returns how many went.
    pub async fn apply_retention(&self, now: Timestamp) -> Result<usize, IoError> {
        let mut deleted = 0;
        for log in self.partitions() {
            deleted += log.apply_retention(now).await?;
            yield_now().await;
        }
        Ok(deleted)
    }

    /// Writes everything to segments, cuts files to their true size and writes the checkpoint. The
    /// next start then replays nothing.
    pub async fn close(&self) -> Result<(), FlushError> {
        self.state.shared.journal().settle().await?;
        self.state.begin_checkpoint().await;
        let logs = self.partitions();
        let flushed = flush_all(&logs, LastBlock::Written).await?;
        for (log, flushed) in flushed {
            log.settle(flushed);
        }
        let journal = self.state.shared.journal();
        let next = journal.replay_start(FileSequence(u64::MAX));
        self.state.store_checkpoint(next).await?;
        journal.stop();
        Ok(())
    }
}

impl State {
    async fn store_checkpoint(
        &self,
        (journal_file, journal_frame): (FileSequence, crate::journal::FrameSequence),
    ) -> Result<(), IoError> {
        let logs: Vec<_> = self.partitions.borrow().values().cloned().collect();
        let mut partitions = Vec::with_capacity(logs.len());
        for (number, log) in logs.iter().enumerate() {
            partitions.push(log.checkpoint());
            if number % YIELD_EVERY == YIELD_EVERY - 1 {
                yield_now().await;
            }
        }
        let checkpoint = Checkpoint { journal_file, journal_frame, partitions };
        checkpoint.store(&self.shared.config.checkpoint_path()).await
    }

    /// Waits for its turn: there is one checkpoint at a time.
    async fn begin_checkpoint(&self) {
        loop {
            let waiting = self.checkpointed.waiting();
            if !self.checkpointing.replace(true) {
                return;
            }
            waiting.await;
        }
    }

    async fn checkpoint(&self) -> Result<(), FlushError> {
        self.begin_checkpoint().await;
        self.shared.journal().open_reserve(true);
        let outcome = self.checkpoint_now().await;
        self.shared.journal().open_reserve(false);
        self.checkpointing.set(false);
        self.checkpointed.notify();
        outcome
    }

    async fn checkpoint_now(&self) -> Result<(), FlushError> {
        let journal = self.shared.journal();
        let mark = journal.current_file();
        let logs: Vec<_> = self.partitions.borrow().values().cloned().collect();
        let held: Vec<_> = logs
            .into_iter()
            .filter(|log| log.oldest_hold().is_some_and(|hold| hold <= mark))
            .collect();
        let flushed = flush_all(&held, LastBlock::Kept).await?;
        for (log, flushed) in flushed {
            log.settle(flushed);
        }
        let oldest = self.partitions.borrow().values().filter_map(|log| log.oldest_hold()).min();
        let keep = oldest.unwrap_or_else(|| journal.current_file());
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
                    (log, flushed)
                })
            })
            .collect();
        for task in tasks {
            let (log, flushed) = task.join().await;
            done.push((log, flushed?));
        }
    }
    Ok(done)
}

/// Recycles journal files whenever too many are in use.
async fn keep(state: Rc<State>) {
    let journal = state.shared.journal().clone();
    loop {
        let waiting = journal.pressure().waiting();
        if journal.failed().is_some() {
            return;
        }
        if !journal.is_under_pressure() {
            waiting.await;
            continue;
        }
        match state.checkpoint().await {
            Ok(()) => {}
            Err(FlushError::Journal(_)) => return,
            Err(FlushError::Io(error)) if error.is_full() => {
                tracing::warn!(%error, "the disk is full; recycling of the journal waits");
                corelog_io::sleep(std::time::Duration::from_millis(500)).await;
            }
            Err(FlushError::Io(error)) => return journal.fail(&error),
        }
        if journal.is_under_pressure() {
            // Nothing could be released: what holds the files must first become durable.
            waiting.await;
        }
    }
}
