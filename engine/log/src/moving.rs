//! Moving a closed partition to another core's directory: the note of where its segments stand
//! travels with it, so that one rename is the whole move and a crash leaves it in exactly one
//! place.

use std::path::Path;
use std::rc::Rc;

use corelog_io::remove_file;
use corelog_model::PartitionId;

use crate::checkpoint::{Checkpoint, CheckpointError, PartitionCheckpoint};
use crate::config::LogConfig;
use crate::journal::FrameSequence;
use crate::partition::PartitionLog;
use crate::recovery::open_partition;
use crate::storage::{OpenError, Storage};

const NOTE: &str = "moved";

impl Storage {
    /// After `close`, gives partitions away: each directory gets the note that lets it be renamed
    /// to another core, and only then the checkpoint forgets the partition. Whoever finds such a
    /// directory, this core included, opens it from its note.
    pub async fn let_go(&self, ids: &[PartitionId]) -> Result<(), OpenError> {
        for id in ids {
            let Some(log) = self.partition(*id) else { continue };
            // Frames of this core's journal mean nothing to another core.
            let known = PartitionCheckpoint { born: FrameSequence(0), ..log.checkpoint() };
            let note = Checkpoint { partitions: vec![known], ..Checkpoint::default() };
            note.store(&log.directory.join(NOTE)).await?;
        }
        Ok(self.forget(ids).await?)
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
        let log = open_partition(shared, known, config).await?;
        log.finish_replay()?;
        self.insert(&log);
        Ok(log)
    }
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
pub(crate) async fn remove_moving_note(directory: &Path) -> Result<(), corelog_io::IoError> {
    match remove_file(&directory.join(NOTE)).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}
