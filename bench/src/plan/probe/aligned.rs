//! Memory and files for direct I/O, in safe code: a buffer is cut from a vector that is one block
//! longer than asked for.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::io::{ReadWriteFlags, preadv2, pwritev2};

/// What positions, lengths and addresses are a multiple of.
pub(super) const BLOCK: usize = 4096;

/// Memory whose address is a multiple of [`BLOCK`].
pub(super) struct Aligned {
    memory: Vec<u8>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// Random bytes, so that no device can squeeze them.
    pub(super) fn random(len: usize, seed: u64) -> Self {
        let mut memory = vec![0; len + BLOCK];
        fastrand::Rng::with_seed(seed).fill(&mut memory);
        // The vector never grows, so its address stays.
        let start = memory.as_ptr().align_offset(BLOCK);
        assert!(start < BLOCK, "bytes can always be aligned: {start}");
        Self { memory, start, len }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

/// Whether a write is durable when it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// When a later sync has returned.
    Later,
    /// With the write.
    AtOnce,
}

/// Who says that a read has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Completion {
    /// The device.
    Interrupt,
    /// We, by looking again and again.
    Polled,
}

/// A file for direct I/O that is removed when this is dropped.
pub(super) struct DirectFile {
    file: File,
    path: PathBuf,
    pub(super) bytes: u64,
}

impl DirectFile {
    /// A file that is written from end to end, so that later writes meet no new blocks.
    pub(super) fn filled(path: &Path, bytes: u64) -> io::Result<Self> {
        let flags = rustix::fs::OFlags::DIRECT.bits() as i32;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).custom_flags(flags);
        let made = Self { file: options.open(path)?, path: path.to_owned(), bytes };
        let piece = Aligned::random(1 << 20, bytes);
        for position in (0..bytes).step_by(1 << 20) {
            made.write(&piece, position, Durability::Later)?;
        }
        made.file.sync_all()?;
        Ok(made)
    }

    /// Writes at a position, counted around the end of the file.
    pub(super) fn write(
        &self,
        from: &Aligned,
        position: u64,
        durability: Durability,
    ) -> io::Result<()> {
        let flags = match durability {
            Durability::Later => ReadWriteFlags::empty(),
            Durability::AtOnce => ReadWriteFlags::DSYNC,
        };
        let written =
            pwritev2(&self.file, &[IoSlice::new(from.bytes())], position % self.bytes, flags)?;
        whole(written, from.len)
    }

    /// Reads at a position, counted around the end of the file.
    pub(super) fn read(
        &self,
        into: &mut Aligned,
        position: u64,
        completion: Completion,
    ) -> io::Result<()> {
        let flags = match completion {
            Completion::Interrupt => ReadWriteFlags::empty(),
            Completion::Polled => ReadWriteFlags::HIPRI,
        };
        let position = position % self.bytes;
        let len = into.len;
        let read = preadv2(&self.file, &mut [IoSliceMut::new(into.bytes_mut())], position, flags)?;
        whole(read, len)
    }

    /// Makes durable what was written.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl Drop for DirectFile {
    fn drop(&mut self) {
        // It may be gone already; there is nobody to tell.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Direct I/O on whole blocks of a file that is there moves all bytes at once, or the disk is full.
fn whole(moved: usize, asked: usize) -> io::Result<()> {
    if moved == asked {
        return Ok(());
    }
    Err(io::Error::other(format!("only {moved} of {asked} bytes were moved")))
}
