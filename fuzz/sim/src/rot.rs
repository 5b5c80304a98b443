//! Bit rot: one bit of one byte of one file changes, now and durably.

use std::path::{Path, PathBuf};

use corelog_io::sim::Machine;
use corelog_log::OpenError;
use corelog_log::checkpoint::CheckpointError;
use corelog_log::journal::ReplayError;

use crate::world::World;

/// A bit that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flip {
    /// In which file.
    pub path: PathBuf,
    /// In which byte.
    pub position: u64,
    /// Which bit.
    pub bit: u8,
}

/// Changes a bit of a file of some kind, mostly in a byte that holds something. `None` if there is
/// no file yet.
pub fn flip(world: &World, machine: &Machine) -> Option<Flip> {
    let kinds = ["jnl", "jnl", "log", "log", "index", "timeindex", "checkpoint", "journal.id"];
    let kind = kinds[world.below(kinds.len() as u64) as usize];
    let files = machine.with_disk(|disk| disk.files());
    let of_kind: Vec<_> =
        files.into_iter().filter(|file| file.len > 0 && is_of_kind(&file.path, kind)).collect();
    let file = of_kind.get(world.below(of_kind.len().max(1) as u64) as usize)?;
    let path = file.path.clone();
    let mut position = world.below(file.len);
    for _ in 0..20 {
        let byte = machine.with_disk(|disk| disk.content(&path).map(|all| all[position as usize]));
        if byte != Some(0) {
            break;
        }
        position = world.below(file.len);
    }
    let flip = Flip { path, position, bit: world.below(8) as u8 };
    undo(machine, &flip);
    world.is_rotten.set(true);
    world.tell(format!("{flip:?}"));
    Some(flip)
}

fn is_of_kind(path: &Path, kind: &str) -> bool {
    path.extension().is_some_and(|extension| extension == kind)
        || path.file_name().is_some_and(|name| name == kind)
}

/// Changes the bit back.
pub fn undo(machine: &Machine, flip: &Flip) {
    machine.with_disk(|disk| disk.flip_bit(&flip.path, flip.position, flip.bit));
}

/// Whether a storage that does not open says that something is damaged.
pub fn is_report(error: &OpenError) -> bool {
    match error {
        OpenError::Damaged { .. } => true,
        OpenError::Checkpoint(CheckpointError::Damaged { .. }) => true,
        OpenError::Replay(
            ReplayError::Damaged(_) | ReplayError::Malformed(_) | ReplayError::Id(_),
        ) => true,
        OpenError::Checkpoint(CheckpointError::Io(_)) => false,
        OpenError::Replay(ReplayError::Io(_)) => false,
        OpenError::Io(_) | OpenError::Flush(_) => false,
    }
}
