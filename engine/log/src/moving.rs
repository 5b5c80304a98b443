//! Moving a closed partition to another core's directory: the note of where its segments stand
//! travels with it, so that one rename is the whole move and a crash leaves it in exactly one
//! place.

use std::path::Path;
use std::rc::Rc;

use corelog_io::remove_file;
use corelog_model::PartitionId;

use crate::checkpoint::{Checkpoint, CheckpointError, PartitionCheckpoint};
use crate::config::LogConfig;
use crate::partition::PartitionLog;
use crate::recovery::open_partition;
use crate::storage::{OpenError, Storage};

const NOTE: &str = "moved";

impl Storage {
    /// After `close`, writes the note that lets the partition's directory be renamed to another
    /// core.
    pub async fn write_moving_note(&self, id: PartitionId) -> Result<(), OpenError> {
        let Some(log) = self.partition(id) else { return Ok(()) };
        let note = Checkpoint { partitions: vec![log.checkpoint()], ..Checkpoint::default() };
        Ok(note.store(&log.directory.join(NOTE)).await?)
    }

    /// Opens a partition whose directory was just moved here.
    pub async fn adopt_partition(
        &self,
        id: PartitionId,
        config: LogConfig,
    ) -> Result<Rc<PartitionLog>, OpenError> {
        let shared = self.shared();
        let directory = shared.config.partitions_directory().join(id.to_string());
        let known = read_moving_note(&directory).await?;
        let log = open_partition(shared, id, known, config).await?;
        log.finish_replay()?;
        self.insert(&log);
        Ok(log)
    }
}

/// The note of a partition that was moved, if there is one.
pub(crate) async fn read_moving_note(
    directory: &Path,
) -> Result<Option<PartitionCheckpoint>, CheckpointError> {
    let note = Checkpoint::load(&directory.join(NOTE)).await?;
    Ok(note.and_then(|note| note.partitions.into_iter().next()))
}

/// Removes the note: the core's own checkpoint knows the partition now.
pub(crate) async fn remove_moving_note(directory: &Path) -> Result<(), corelog_io::IoError> {
    match remove_file(&directory.join(NOTE)).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}
