//! Direct I/O on a real file.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use glommio::GlommioError;
use glommio::io::{DmaBuffer, DmaFile, OpenOptions};

use crate::buffer::Slice;
use crate::error::{IoError, Result};
use crate::file::{OpenMode, SyncPath};

const O_DSYNC: i32 = rustix::fs::OFlags::DSYNC.bits() as i32;

/// A file opened for direct I/O on the current executor.
#[derive(Debug)]
pub struct RingFile {
    file: DmaFile,
    path: PathBuf,
    /// The same file, opened so that a write is durable when it resolves.
    synced: Option<DmaFile>,
}

impl RingFile {
    pub(crate) async fn open(path: &Path, mode: OpenMode) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => {}
            OpenMode::ReadWrite | OpenMode::WithSyncedWrites => {
                options.write(true);
            }
            OpenMode::CreateOrOpen => {
                options.write(true).create(true);
            }
            OpenMode::CreateEmpty => {
                options.write(true).create(true).truncate(true);
            }
        }
        let open = async |options: &OpenOptions| {
            let opened = options.dma_open(path).await;
            opened.map_err(|error| IoError::new("open", path, system_error(error)))
        };
        let file = open(&options).await?;
        let synced = match mode {
            OpenMode::WithSyncedWrites => Some(open(options.custom_flags(O_DSYNC)).await?),
            _ => None,
        };
        Ok(Self { file, synced, path: path.to_path_buf() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) async fn write(&self, buffer: DmaBuffer, position: u64) -> Result<()> {
        let len = buffer.len();
        let written = self.file.write_at(buffer, position).await;
        self.whole(len, written.map_err(system_error))
    }

    pub(crate) async fn write_synced(&self, buffer: DmaBuffer, position: u64) -> Result<()> {
        let len = buffer.len();
        let file = self.synced.as_ref().expect("a file is opened for synced writes");
        let written = file.write_at(buffer, position).await;
        self.whole(len, written.map_err(system_error))
    }

    pub(crate) async fn write_shared(&self, buffer: Rc<DmaBuffer>, position: u64) -> Result<()> {
        let len = buffer.len();
        let written = self.file.write_rc_at(buffer, position).await;
        self.whole(len, written.map_err(system_error))
    }

    // A short write leaves a hole of old bytes: it is a failure like any other.
    fn whole(&self, len: usize, written: io::Result<usize>) -> Result<()> {
        match written {
            Ok(written) if written == len => Ok(()),
            Ok(written) => {
                let why = format!("short write, {written} of {len} bytes");
                Err(self.failed("write", io::Error::new(io::ErrorKind::WriteZero, why)))
            }
            Err(error) => Err(self.failed("write", error)),
        }
    }

    pub(crate) async fn read(&self, position: u64, len: usize) -> Result<Slice> {
        let read = self.file.read_at_aligned(position, len).await;
        Ok(Slice::of_read(read.map_err(|error| self.failed("read", system_error(error)))?))
    }

    pub(crate) async fn sync(&self, road: SyncPath) -> Result<()> {
        match road {
            SyncPath::Write | SyncPath::Ring => {
                let synced = self.file.fdatasync().await;
                synced.map_err(|error| self.failed("sync", system_error(error)))
            }
            SyncPath::Thread => {
                let descriptor = rustix::io::dup(self.file.as_fd())
                    .map_err(|error| self.failed("sync", error.into()))?;
                glommio::executor()
                    .spawn_blocking(move || rustix::fs::fdatasync(&descriptor))
                    .await
                    .map_err(|error| self.failed("sync", error.into()))
            }
        }
    }

    pub(crate) async fn truncate(&self, len: u64) -> Result<()> {
        let cut = self.file.truncate(len).await;
        cut.map_err(|error| self.failed("truncate", system_error(error)))
    }

    pub(crate) async fn len(&self) -> Result<u64> {
        let size = self.file.file_size().await;
        size.map_err(|error| self.failed("stat", system_error(error)))
    }

    fn failed(&self, operation: &'static str, error: io::Error) -> IoError {
        IoError::new(operation, &self.path, error)
    }
}

/// What the system said. The conversion of glommio itself keeps only the kind of most errors.
fn system_error(error: GlommioError<()>) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error.into(),
    }
}
