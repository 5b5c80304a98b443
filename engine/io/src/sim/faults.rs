//! What can go wrong with the simulated disk, and how often it did: a fault that never happens
//! proves nothing about the code that must survive it.

/// Where an unsynced write may be cut by a power loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tearing {
    /// At 512-byte sectors.
    Sector,
    /// At 4096-byte blocks.
    Block,
}

impl Tearing {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Sector => 512,
            Self::Block => 4096,
        }
    }
}

/// What can go wrong with the disk. Rates are chances in a million operations.
#[derive(Debug, Clone)]
pub struct DiskFaults {
    /// Granularity at which unsynced writes survive a power cut.
    pub tearing: Tearing,
    /// Writes that fail with EIO.
    pub write_failures_ppm: u32,
    /// Syncs that fail with EIO. What they covered is durable, or still to be synced, or lost while
    /// reads still show it.
    pub sync_failures_ppm: u32,
    /// Reads that fail with EIO.
    pub read_failures_ppm: u32,
    /// A disk that claims to sync and does not: the negative control.
    pub lies_about_sync: bool,
    /// Bytes that fit on it; `None` is without bound.
    pub capacity_bytes: Option<u64>,
}

impl Default for DiskFaults {
    fn default() -> Self {
        Self {
            tearing: Tearing::Sector,
            write_failures_ppm: 0,
            sync_failures_ppm: 0,
            read_failures_ppm: 0,
            lies_about_sync: false,
            capacity_bytes: None,
        }
    }
}

/// How often each fault happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// Unsynced writes of which a power cut left nothing.
    pub lost_writes: u64,
    /// Writes of which a power cut, a kill or a failure left a part, cut at a 512-byte sector.
    pub torn_at_512: u64,
    /// The same, cut at a 4096-byte block.
    pub torn_at_4096: u64,
    /// Writes that survived a power cut that an earlier one to the same file did not.
    pub reordered_writes: u64,
    /// Changes of names, such as creations and renames, that a power cut undid.
    pub lost_names: u64,
    /// Writes that failed with EIO.
    pub failed_writes: u64,
    /// Syncs of files and directories that failed with EIO.
    pub failed_syncs: u64,
    /// Writes that a failed sync left visible and not durable.
    pub forgotten_writes: u64,
    /// Reads that failed with EIO.
    pub failed_reads: u64,
    /// Writes refused because the disk was full.
    pub refused_writes: u64,
    /// Bits that were inverted.
    pub flipped_bits: u64,
}

impl FaultCounts {
    /// Counts what became of a write of which `kept` of `count` pieces survived. True if it left
    /// a trace.
    pub(super) fn survived(&mut self, tearing: Tearing, kept: usize, count: usize) -> bool {
        if 0 < kept && kept < count {
            match tearing {
                Tearing::Sector => self.torn_at_512 += 1,
                Tearing::Block => self.torn_at_4096 += 1,
            }
        }
        kept > 0
    }
}
