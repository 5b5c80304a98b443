//! The one error of this crate: which operation failed, on which path, and what the system said.

use std::io;
use std::path::{Path, PathBuf};

/// Result of an operation on the machine.
pub type Result<T> = std::result::Result<T, IoError>;

/// An operation of the machine that failed.
///
/// A failed write or sync is final for the file: the caller must not retry it, because after a
/// failed sync the kernel may show new data in memory and old data on disk.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {}: {source}", path.display())]
pub struct IoError {
    /// What was attempted: "open", "write", "sync", ...
    pub operation: &'static str,
    /// The file or directory it was attempted on.
    pub path: PathBuf,
    /// What the system answered.
    pub source: io::Error,
}

impl IoError {
    /// Names the operation and the path around a system error.
    pub fn new(operation: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self { operation, path: path.to_path_buf(), source: source.into() }
    }

    /// True when the machine ran short of something that may come back, and nothing was done: room
    /// on the device (ENOSPC, EDQUOT), or file descriptors (EMFILE, ENFILE).
    pub fn is_shortage(&self) -> bool {
        let errno = self.source.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            || matches!(errno, Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE))
    }

    /// True when a file is longer than its reader takes.
    pub fn is_too_large(&self) -> bool {
        self.source.kind() == io::ErrorKind::FileTooLarge
    }

    /// True when the path does not exist.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}
