//! A folder for the data of one broker, on the file system of the build (never in memory), removed
//! at the end.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The folder; `data` below it is for the broker, everything else for the test.
pub(crate) struct DataFolder {
    folder: TempDir,
}

impl DataFolder {
    /// A new, empty folder.
    pub(crate) fn new() -> Self {
        let parent = env!("CARGO_TARGET_TMPDIR");
        let folder = TempDir::with_prefix_in("broker-", parent).expect("a folder can be made");
        Self { folder }
    }

    /// Where things of the test go.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the broker keeps its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}
