//! Files for direct I/O: block-aligned writes and reads, and a sync that is the only promise of
//! durability.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::buffer::{BLOCK, Buffer, Chunk, Slice, align_down, align_up};
use crate::error::Result;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Must exist; for reading only.
    Read,
    /// Must exist; for reading and writing.
    ReadWrite,
    /// Must exist; takes plain writes and [`File::write_synced`].
    WithSyncedWrites,
    /// Created if it does not exist, otherwise opened as it is.
    CreateOrOpen,
    /// Created empty; an existing file is cut to nothing.
    CreateEmpty,
}

/// Which road writes take to durability. Which one is fastest depends on the kernel, the device and
/// how busy the core is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncPath {
    /// With each small write ([`File::write_synced`]), which saves a trip to the device; otherwise
    /// as `Ring`.
    #[default]
    Write,
    /// `fdatasync` through the core's own ring.
    Ring,
    /// `fdatasync` on a helper thread that is not bound to the core.
    Thread,
}

/// An open file. Clones share it; it closes when the last clone is dropped.
#[derive(Debug, Clone)]
pub enum File {
    /// On the real disk.
    Ring(Rc<crate::ring::file::RingFile>),
    /// On the simulated disk.
    #[cfg(feature = "sim")]
    Sim(crate::sim::SimFile),
}

impl File {
    /// Opens `path`. A created file is durable only after a sync of its directory.
    pub async fn open(path: &Path, mode: OpenMode) -> Result<Self> {
        #[cfg(feature = "sim")]
        if let Some(machine) = crate::sim::current() {
            return Ok(Self::Sim(machine.open(path, mode).await?));
        }
        Ok(Self::Ring(Rc::new(crate::ring::file::RingFile::open(path, mode).await?)))
    }

    /// Where it was opened.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Ring(file) => file.path().to_path_buf(),
            #[cfg(feature = "sim")]
            Self::Sim(file) => file.path().to_path_buf(),
        }
    }

    /// Writes the whole buffer at `position`, a multiple of [`BLOCK`]. Not durable before a sync
    /// that began after this resolved.
    pub async fn write(&self, buffer: Buffer, position: u64) -> Result<()> {
        assert!(position.is_multiple_of(BLOCK as u64), "writes are aligned: {position}");
        match self {
            Self::Ring(file) => file.write(buffer.into_memory(), position).await,
            #[cfg(feature = "sim")]
            Self::Sim(file) => file.write(buffer.to_vec(), position).await,
        }
    }

    /// Writes like [`File::write`], and is durable when it resolves (O_DSYNC). The file was opened
    /// for it.
    pub async fn write_synced(&self, buffer: Buffer, position: u64) -> Result<()> {
        assert!(position.is_multiple_of(BLOCK as u64), "writes are aligned: {position}");
        match self {
            Self::Ring(file) => file.write_synced(buffer.into_memory(), position).await,
            #[cfg(feature = "sim")]
            Self::Sim(file) => file.write_synced(buffer.to_vec(), position).await,
        }
    }

    /// Writes a full chunk at `position`, a multiple of [`BLOCK`], while others may read it.
    pub async fn write_chunk(&self, chunk: &Chunk, position: u64) -> Result<()> {
        assert!(position.is_multiple_of(BLOCK as u64), "writes are aligned: {position}");
        match self {
            Self::Ring(file) => file.write_shared(chunk.memory(), position).await,
            #[cfg(feature = "sim")]
            Self::Sim(file) => {
                file.write(chunk.bytes(0..chunk.capacity()).to_vec(), position).await
            }
        }
    }

    /// Reads up to `len` bytes at `position`, any alignment; fewer only where the file ends.
    pub async fn read(&self, position: u64, len: usize) -> Result<Slice> {
        let start = align_down(position);
        let end = align_up(position + len as u64);
        let whole = self.read_aligned(start, (end - start) as usize).await?;
        let skip = ((position - start) as usize).min(whole.len());
        let present = (whole.len() - skip).min(len);
        Ok(whole.part(skip..skip + present))
    }

    async fn read_aligned(&self, position: u64, len: usize) -> Result<Slice> {
        if len == 0 {
            return Ok(Slice::of_memory(Vec::new()));
        }
        match self {
            Self::Ring(file) => file.read(position, len).await,
            #[cfg(feature = "sim")]
            Self::Sim(file) => Ok(Slice::of_memory(file.read(position, len).await?)),
        }
    }

    /// Makes durable every write that resolved before this call began, with the length needed to
    /// read it. A failure is final: it must never be retried.
    pub async fn sync(&self, road: SyncPath) -> Result<()> {
        match self {
            Self::Ring(file) => file.sync(road).await,
            #[cfg(feature = "sim")]
            Self::Sim(file) => file.sync().await,
        }
    }

    /// Cuts or extends the file to `len` bytes. Durable after the next sync.
    pub async fn truncate(&self, len: u64) -> Result<()> {
        match self {
            Self::Ring(file) => file.truncate(len).await,
            #[cfg(feature = "sim")]
            Self::Sim(file) => file.truncate(len).await,
        }
    }

    /// Present length in bytes.
    pub async fn len(&self) -> Result<u64> {
        match self {
            Self::Ring(file) => file.len().await,
            #[cfg(feature = "sim")]
            Self::Sim(file) => Ok(file.len()),
        }
    }
}
