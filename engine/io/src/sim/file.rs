//! A file of the simulated disk: every operation takes time, and its effect is decided when it
//! ends.

use std::path::{Path, PathBuf};

use super::machine::Machine;
use crate::error::Result;
use crate::file::OpenMode;

/// An open file of the simulated machine.
#[derive(Clone)]
pub struct SimFile {
    machine: Machine,
    path: PathBuf,
    inode: u64,
    mode: OpenMode,
}

impl std::fmt::Debug for SimFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimFile({})", self.path.display())
    }
}

impl SimFile {
    pub(crate) fn new(machine: Machine, path: &Path, inode: u64, mode: OpenMode) -> Self {
        Self { machine, path: path.to_path_buf(), inode, mode }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) async fn write(&self, bytes: Vec<u8>, position: u64) -> Result<()> {
        self.write_unsynced(bytes, position).await.map(drop)
    }

    pub(crate) async fn write_synced(&self, bytes: Vec<u8>, position: u64) -> Result<()> {
        assert!(self.mode == OpenMode::WithSyncedWrites, "a file is opened for synced writes");
        let written = self.write_unsynced(bytes, position).await?;
        self.machine.device_delay().await;
        self.machine.with_disk(|disk| disk.end_sync(self.inode, &self.path, &[written]))
    }

    /// Returns the number of the change, which no sync covers yet.
    async fn write_unsynced(&self, bytes: Vec<u8>, position: u64) -> Result<u64> {
        assert!(self.mode != OpenMode::Read, "a file opened for reading is not written");
        let begun = self
            .machine
            .with_disk(|disk| disk.begin_write(self.inode, &self.path, position, bytes))?;
        self.machine.device_delay().await;
        self.machine.with_disk(|disk| disk.end_write(self.inode, &self.path, begun))?;
        Ok(begun)
    }

    pub(crate) async fn read(&self, position: u64, len: usize) -> Result<Vec<u8>> {
        self.machine.device_delay().await;
        self.machine.with_disk(|disk| disk.read(self.inode, &self.path, position, len))
    }

    pub(crate) async fn sync(&self) -> Result<()> {
        let covered = self.machine.with_disk(|disk| disk.begin_sync(self.inode));
        self.machine.device_delay().await;
        self.machine.with_disk(|disk| disk.end_sync(self.inode, &self.path, &covered))
    }

    pub(crate) async fn truncate(&self, len: u64) -> Result<()> {
        self.machine.device_delay().await;
        self.machine.with_disk(|disk| disk.truncate(self.inode, &self.path, len))
    }

    pub(crate) fn len(&self) -> u64 {
        self.machine.with_disk(|disk| disk.len(self.inode))
    }
}
