//! What a journal counts.

/// What a journal did since it started.
#[derive(Debug, Default, Clone)]
pub struct JournalCounters {
    /// Frames written.
    pub frames: u64,
    /// Entries in them.
    pub entries: u64,
    /// Bytes written, padding included.
    pub bytes: u64,
    /// Syncs completed.
    pub syncs: u64,
}
