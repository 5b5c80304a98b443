//! Moving a partition to another core's directory: the note of where its segments stand travels
//! with it, so that one rename is the whole move and a crash leaves it in exactly one place. A
//! partition parts from a storage that goes on, or from one that was closed.

use std::path::Path;
use std::rc::Rc;

use corelog_io::{IoError, remove_file};
use corelog_model::PartitionId;

use crate::checkpoint::{Checkpoint, CheckpointError, PartitionCheckpoint};
use crate::config::LogConfig;
use crate::flush::{FlushError, LastBlock};
use crate::journal::{FrameSequence, JournalFailed};
use crate::partition::{PartitionLog, Standing};
use crate::recovery::open_partition;
use crate::storage::{OpenError, State, Storage};

const NOTE: &str = "moved";

/// Why a partition does not part from its storage.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// There is none, or it is being created or removed.
    #[error("the partition is not open here")]
    NotOpen,
    /// Its bytes did not reach its segments.
    #[error(transparent)]
    Flush(#[from] FlushError),
}

impl State {
    async fn part(&self, id: PartitionId, parted: impl FnOnce()) -> Result<(), PartError> {
        let _turn = self.take_turn(id).await;
        let log = self.partition(id).filter(|log| log.standing() == Standing::Open);
        let log = log.ok_or(PartError::NotOpen)?;
        log.stand(Standing::Parting);
        // Nobody else flushes it or stores where it stands from here on.
        let _checkpointing = self.begin_checkpoint().await;
        let outcome = self.part_now(&log, parted).await;
        if let Err(error) = &outcome {
            if let FlushError::Io(error) = error {
                self.shared.judge(error);
            }
            self.stay(&log);
            log.stand(Standing::Open);
        }
        Ok(outcome?)
    }

    async fn part_now(
        &self,
        log: &Rc<PartitionLog>,
        parted: impl FnOnce(),
    ) -> Result<(), FlushError> {
        // The bulk goes first, while everything is served.
        self.flush(vec![Rc::clone(log)], LastBlock::Kept).await?;
        if self.shared.is_closing() {
            return Err(JournalFailed { reason: "the storage is being closed".into() }.into());
        }
        log.stand(Standing::Parted);
        parted();
        log.until_unused().await;
        // The journal is not waited for: it may wait for the checkpoint that waits for this.
        self.flush(vec![Rc::clone(log)], LastBlock::Written).await?;
        store_moving_note(log).await?;
        log.stored(log.checkpoint().recovery);
        self.depart(log.id(), self.shared.journal().frame_behind());
        self.store_checkpoint_of_holds().await
    }
}

impl Storage {
    /// After `close`, gives partitions away: each directory gets the note that lets it be renamed
    /// to another core, and only then the checkpoint forgets the partition. Whoever finds such a
    /// directory, this core included, opens it from its note.
    pub async fn let_go(&self, ids: &[PartitionId]) -> Result<(), OpenError> {
        for id in ids {
            let Some(log) = self.partition(*id) else { continue };
            // Frames of this core's journal mean nothing to another core.
            store_moving_note(&log).await?;
        }
        Ok(self.forget(ids).await?)
    }

    /// Parts from a partition while the storage goes on. Appends and reads are served until its
    /// bulk is in segments; then they are refused, the rest goes into segments too, and the
    /// directory gets its note. Whoever waits for an append is told as if nothing had happened.
    /// When this resolves no frame of the journal is needed for the partition, and
    /// the directory can be renamed to another core or adopted here again. After an error that is
    /// only a shortage it takes appends and reads as before. `parted` is called in the moment in
    /// which it stops to. Not cancel-safe.
    pub async fn part(&self, id: PartitionId, parted: impl FnOnce()) -> Result<(), PartError> {
        self.state().part(id, parted).await
    }

    /// Opens a partition whose directory was just moved here.
    pub async fn adopt_partition(
        &self,
        id: PartitionId,
        config: LogConfig,
    ) -> Result<Rc<PartitionLog>, OpenError> {
        let shared = self.shared();
        let directory = shared.config.partitions_directory().join(id.to_string());
        let Some(known) = read_moving_note(&directory, id).await? else {
            let why = "it was moved without the note of where its segments stand".to_owned();
            return Err(OpenError::Damaged { partition: id, why });
        };
        // What is appended now must not be in a frame that an earlier stay has closed.
        let journal = shared.journal();
        if self.state().departure(id).is_some_and(|frame| journal.open_frame() < frame) {
            journal.settle().await.map_err(FlushError::from)?;
        }
        let log = open_partition(shared, known, config).await?;
        log.finish_replay()?;
        self.insert(&log);
        Ok(log)
    }
}

/// Notes where the segments of a log stand that takes nothing any more.
pub(crate) async fn store_moving_note(log: &PartitionLog) -> Result<(), IoError> {
    // Frames of this core's journal mean nothing to another core.
    let known = PartitionCheckpoint { born: FrameSequence(0), ..log.checkpoint() };
    let note = Checkpoint { partitions: vec![known], ..Checkpoint::default() };
    note.store(&log.directory.join(NOTE)).await
}

/// The note of a partition that was moved, if there is one.
pub(crate) async fn read_moving_note(
    directory: &Path,
    id: PartitionId,
) -> Result<Option<PartitionCheckpoint>, CheckpointError> {
    let note = Checkpoint::load(&directory.join(NOTE)).await?;
    let known = note.and_then(|note| note.partitions.into_iter().next());
    match known {
        Some(known) if known.partition != id => {
            let path = directory.join(NOTE).display().to_string();
            Err(CheckpointError::Damaged { path, why: "it is about another partition" })
        }
        known => Ok(known),
    }
}

/// Removes the note: the core's own checkpoint knows the partition now.
pub(crate) async fn remove_moving_note(directory: &Path) -> Result<(), IoError> {
    match remove_file(&directory.join(NOTE)).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}
