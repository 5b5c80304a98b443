//! Directories of the real machine. Rare and slow, so all of it runs on the executor's helper
//! thread.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::directory::{DiskSpace, Entry};
use crate::error::{IoError, Result};

async fn blocking<T: Send + 'static>(
    operation: &'static str,
    path: &Path,
    action: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let owned = path.to_path_buf();
    glommio::executor()
        .spawn_blocking(move || action(owned))
        .await
        .map_err(|error| IoError::new(operation, path, error))
}

fn sync_path(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    fs::File::open(path)?.sync_all()
}

fn create_with_parents(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_with_parents(parent)?;
    }
    fs::create_dir(path)?;
    sync_path(parent.unwrap_or(Path::new(".")))
}

pub(crate) async fn create_directory(path: &Path) -> Result<()> {
    blocking("create directory", path, |path| create_with_parents(&path)).await
}

pub(crate) async fn list_directory(path: &Path) -> Result<Vec<Entry>> {
    blocking("list directory", path, |path| {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            let is_directory = metadata.is_dir();
            let name = entry.file_name().to_string_lossy().into_owned();
            entries.push(Entry {
                name,
                is_directory,
                len: if is_directory { 0 } else { metadata.len() },
            });
        }
        entries.sort();
        Ok(entries)
    })
    .await
}

pub(crate) async fn sync_directory(path: &Path) -> Result<()> {
    blocking("sync directory", path, |path| sync_path(&path)).await
}

pub(crate) async fn rename(from: &Path, to: &Path) -> Result<()> {
    let to = to.to_path_buf();
    blocking("rename", from, move |from| fs::rename(from, to)).await
}

pub(crate) async fn remove_file(path: &Path) -> Result<()> {
    blocking("remove", path, fs::remove_file).await
}

pub(crate) async fn remove_directory(path: &Path) -> Result<()> {
    blocking("remove directory", path, fs::remove_dir_all).await
}

pub(crate) fn lock(path: &Path) -> Result<fs::File> {
    let file = fs::File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(|error| IoError::new("open", path, error))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|error| IoError::new("lock", path, error))?;
    Ok(file)
}

pub(crate) async fn disk_space(path: &Path) -> Result<DiskSpace> {
    blocking("examine", path, |path| {
        let found = rustix::fs::statvfs(&path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(DiskSpace { available: bytes(found.f_bavail), total: bytes(found.f_blocks) })
    })
    .await
}
