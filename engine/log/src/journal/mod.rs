//! The journal: one write-ahead log per core. Every append of every partition goes into it, group
//! after group, with one aligned direct write and one sync per group; nothing is acknowledged or
//! visible before.
//!
//! `frame` and `entry` are the bytes, `files` the pre-written and recycled files, `open_frame` what
//! gathers, `pace` how soon it is written, `line` who waits for room in it, `commit` the group
//! commit and `counters` what it counts, `durability` what an append waits for, `replay` the way
//! back after a crash.
//! docs/storage-format.md draws the format.

mod commit;
mod counters;
mod durability;
mod entry;
mod files;
mod frame;
mod line;
mod open_frame;
mod pace;
mod replay;

pub use commit::Journal;
pub use counters::JournalCounters;
pub use durability::{Commit, JournalFailed};
pub use entry::{Entry, EntryHead, EntryKind, MalformedEntry};
pub use files::JournalFill;
pub use frame::{FRAME_HEADER_LEN, FileSequence, FrameError, FrameHeader, FrameSequence};
pub use open_frame::OnDurable;
pub use replay::{JournalDamage, Replay, ReplayError, Replayed, ReplayedFrame};

use std::path::PathBuf;

use corelog_io::{BLOCK, OpenMode, SyncPath};

/// Settings of one core's journal.
#[derive(Debug, Clone)]
pub struct JournalConfig {
    /// Where its files live.
    pub directory: PathBuf,
    /// Size of one file in bytes, a multiple of 4096. Written with zeros once, then recycled.
    pub file_bytes: u64,
    /// Files at most, two or more. Appends wait when all of them still hold data that no segment
    /// has.
    pub files_max: u32,
    /// A frame is sealed when it reaches this size, even while an earlier one is being written.
    pub frame_bytes_max: usize,
    /// Frames whose write is under way at the same time, at most.
    pub frames_in_flight_max: usize,
    /// The road a frame takes to durability.
    pub sync_path: SyncPath,
    /// A frame waits a little for more entries while they come in company.
    pub frames_gather: bool,
    /// Rules of durability; all kept outside the simulator's negative controls.
    pub safeguards: Safeguards,
}

impl JournalConfig {
    /// The defaults for a journal in `directory`.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            file_bytes: 64 << 20,
            files_max: 8,
            frame_bytes_max: 1 << 20,
            frames_in_flight_max: 4,
            sync_path: SyncPath::Ring,
            frames_gather: true,
            safeguards: Safeguards::default(),
        }
    }

    /// How its files are opened.
    pub(crate) fn open_mode(&self) -> OpenMode {
        match self.sync_path {
            SyncPath::Write => OpenMode::WithSyncedWrites,
            SyncPath::Ring | SyncPath::Thread => OpenMode::ReadWrite,
        }
    }

    /// Bytes of the largest entry that fits, payload only: half a file, so that a frame always
    /// finds room.
    pub fn entry_bytes_max(&self) -> usize {
        (self.file_bytes / 2) as usize - 2 * BLOCK
    }
}

/// The rules that durability rests on. The simulator turns each off once, to show that it would
/// notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one rule that is kept or left out")]
pub struct Safeguards {
    /// Frames are synced before they count as durable.
    pub syncs: bool,
    /// Checksums of frames and batches are verified when they are read.
    pub verifies_checksums: bool,
    /// Durable covers only the gapless prefix of frames whose write completed before the sync
    /// began.
    pub gapless_prefix: bool,
    /// Entries of a partition that went to another core are not replayed.
    pub remembers_departures: bool,
}

impl Default for Safeguards {
    fn default() -> Self {
        Self {
            syncs: true,
            verifies_checksums: true,
            gapless_prefix: true,
            remembers_departures: true,
        }
    }
}
