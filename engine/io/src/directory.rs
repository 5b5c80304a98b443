//! Directories, whole small files, and the lock that keeps two processes from one data directory.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::buffer::{Buffer, align_up};
use crate::error::{IoError, Result};
use crate::file::{File, OpenMode, SyncPath};

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name without the directory.
    pub name: String,
    /// Whether it is itself a directory.
    pub is_directory: bool,
    /// Length in bytes; 0 for a directory.
    pub len: u64,
}

macro_rules! on_backend {
    ($name:ident($($argument:expr),*)) => {{
        #[cfg(feature = "sim")]
        if let Some(machine) = crate::sim::current() {
            return machine.$name($($argument),*).await;
        }
        crate::ring::directory::$name($($argument),*).await
    }};
}

/// Creates a directory and its missing parents, and makes their entries durable.
pub async fn create_directory(path: &Path) -> Result<()> {
    on_backend!(create_directory(path))
}

/// The entries of a directory in name order.
pub async fn list_directory(path: &Path) -> Result<Vec<Entry>> {
    on_backend!(list_directory(path))
}

/// Makes created, renamed and removed entries of a directory durable.
pub async fn sync_directory(path: &Path) -> Result<()> {
    on_backend!(sync_directory(path))
}

/// Renames a file or directory. Durable after a sync of both parents.
pub async fn rename(from: &Path, to: &Path) -> Result<()> {
    on_backend!(rename(from, to))
}

/// Removes a file. Durable after a sync of its directory.
pub async fn remove_file(path: &Path) -> Result<()> {
    on_backend!(remove_file(path))
}

/// Removes a directory with all that it holds.
pub async fn remove_directory(path: &Path) -> Result<()> {
    on_backend!(remove_directory(path))
}

/// Reads a whole file, at most `len_max` bytes; a longer one is an error.
pub async fn read_file(path: &Path, len_max: u64) -> Result<Vec<u8>> {
    let file = File::open(path, OpenMode::Read).await?;
    let len = file.len().await?;
    if len > len_max {
        let why = format!("{len} bytes, more than the {len_max} expected");
        return Err(IoError::new("read", path, io::Error::new(io::ErrorKind::FileTooLarge, why)));
    }
    Ok(file.read(0, len as usize).await?.to_vec())
}

/// Replaces a file by `bytes` so that a crash leaves either the old or the new content, and makes
/// it durable.
pub async fn write_file_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = PathBuf::from(name);
    let file = File::open(&temporary, OpenMode::CreateEmpty).await?;
    if !bytes.is_empty() {
        let mut buffer = Buffer::zeroed(align_up(bytes.len() as u64) as usize);
        buffer[..bytes.len()].copy_from_slice(bytes);
        file.write(buffer, 0).await?;
    }
    file.truncate(bytes.len() as u64).await?;
    file.sync(SyncPath::Ring).await?;
    rename(&temporary, path).await?;
    sync_directory(path.parent().unwrap_or(Path::new("."))).await
}

/// Exclusive use of a data directory while it lives.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: Option<std::fs::File>,
}

impl DirectoryLock {
    /// Takes the lock file `lock` in `directory`, retrying for up to `patience`: writes of a killed
    /// process can still be under way and hold its lock.
    pub async fn take(directory: &Path, patience: Duration) -> Result<Self> {
        #[cfg(feature = "sim")]
        if crate::sim::current().is_some() {
            return Ok(Self { _file: None });
        }
        let path = directory.join("lock");
        let deadline = crate::now() + patience;
        loop {
            match crate::ring::directory::lock(&path) {
                Ok(file) => return Ok(Self { _file: Some(file) }),
                Err(error) if crate::now() >= deadline => return Err(error),
                Err(_) => crate::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// How much room a volume has, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    /// What can still be written.
    pub available: u64,
    /// All of it.
    pub total: u64,
}

/// The room on the volume of `path`.
pub async fn disk_space(path: &Path) -> Result<DiskSpace> {
    #[cfg(feature = "sim")]
    if let Some(machine) = crate::sim::current() {
        let available = machine.with_disk(|disk| disk.available_bytes());
        return Ok(DiskSpace { available, total: u64::MAX / 2 });
    }
    crate::ring::directory::disk_space(path).await
}
