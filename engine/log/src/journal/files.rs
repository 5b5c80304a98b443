//! The files of the journal: written with zeros once, so that later writes need no metadata commit
//! of the file system, then recycled for ever.

use std::collections::VecDeque;
use std::path::Path;

use corelog_io::{
    Buffer, File, IoError, OpenMode, SyncPath, now, remove_file, rename, sleep, spawn,
    sync_directory,
};

use super::frame::{FileSequence, FrameSequence};

const ZERO_WRITE_BYTES: u64 = 1 << 20;
const ZERO_WRITES_IN_FLIGHT: u64 = 4;
// A flush that a producer waits for also flushes the zeros that were written just before it.
const GENTLE_BYTES: u64 = 128 << 10;
/// Pauses as long as the write, so many times.
const GENTLE_PAUSES: u32 = 3;

/// A file that holds frames some partition still needs.
#[derive(Debug)]
pub(super) struct UsedFile {
    pub(super) sequence: FileSequence,
    pub(super) first_frame: FrameSequence,
    pub(super) file: File,
    pub(super) len: u64,
}

/// How full a journal is, in files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JournalFill {
    /// Files with frames that some segment does not have yet, and the one being written.
    pub used: u32,
    /// Files that are ready to be written.
    pub spare: u32,
    /// Files at most.
    pub files_max: u32,
    /// Bytes of each.
    pub file_bytes: u64,
}

/// The files of one journal, used and free.
#[derive(Debug, Default)]
pub(super) struct FilePool {
    /// Oldest first; the last one is being written, once one was begun in this life.
    pub(super) used: VecDeque<UsedFile>,
    pub(super) spares: VecDeque<File>,
    /// Number of the next file to create.
    pub(super) next_number: u32,
}

impl FilePool {
    pub(super) fn file_count(&self) -> usize {
        self.used.len() + self.spares.len()
    }

    /// Takes the files below `keep` out of use. Those of another length than `file_bytes` are
    /// returned to be removed; the rest become spares.
    pub(super) fn release_before(&mut self, keep: FileSequence, file_bytes: u64) -> Vec<File> {
        let mut odd = Vec::new();
        while self.used.front().is_some_and(|used| used.sequence < keep) {
            let Some(used) = self.used.pop_front() else { break };
            if used.len == file_bytes {
                self.spares.push_back(used.file);
            } else {
                odd.push(used.file);
            }
        }
        odd
    }
}

/// The name of file `number`.
pub(super) fn file_name(number: u32) -> String {
    format!("{number:03}.jnl")
}

/// The number in a file's name, if it is one of ours.
pub(super) fn file_number(name: &str) -> Option<u32> {
    name.strip_suffix(".jnl")?.parse().ok()
}

/// Creates file `number` full of zeros and makes it durable. A crash or an error leaves nothing
/// under its name. While nobody is in a hurry for it, it leaves most of the disk's time to others.
pub(super) async fn prepare(
    directory: &Path,
    number: u32,
    file_bytes: u64,
    mode: OpenMode,
    is_urgent: impl Fn() -> bool,
) -> Result<File, IoError> {
    let path = directory.join(file_name(number));
    let temporary = directory.join(format!("{}.new", file_name(number)));
    let written = write_zeros(&temporary, file_bytes, is_urgent).await;
    if let Err(error) = written {
        // The space matters more than the reason why removing fails too.
        drop(remove_file(&temporary).await);
        return Err(error);
    }
    rename(&temporary, &path).await?;
    sync_directory(directory).await?;
    File::open(&path, mode).await
}

async fn write_zeros(
    path: &Path,
    file_bytes: u64,
    is_urgent: impl Fn() -> bool,
) -> Result<(), IoError> {
    let file = File::open(path, OpenMode::CreateEmpty).await?;
    let mut position = 0;
    while position < file_bytes {
        let began = now();
        let urgent = is_urgent();
        let (piece, count) =
            if urgent { (ZERO_WRITE_BYTES, ZERO_WRITES_IN_FLIGHT) } else { (GENTLE_BYTES, 1) };
        let end = file_bytes.min(position + piece * count);
        let writes: Vec<_> = (position..end)
            .step_by(piece as usize)
            .map(|position| {
                let (file, len) = (file.clone(), piece.min(file_bytes - position));
                spawn(async move { file.write(Buffer::zeroed(len as usize), position).await })
            })
            .collect();
        for write in writes {
            write.join().await?;
        }
        position = end;
        if !urgent {
            sleep(began.elapsed() * GENTLE_PAUSES).await;
        }
    }
    file.sync(SyncPath::Thread).await
}
