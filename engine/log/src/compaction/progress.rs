//! How far a log is compacted, in a small file in its own directory, so that it moves to another
//! core with the log and goes with it. Kafka keeps one file of this name for all logs of a data
//! directory.

use std::path::Path;

use corelog_io::{IoError, read_file, write_file_atomically};
use corelog_model::Offset;

/// The file's name, as in Kafka.
pub(crate) const FILE: &str = "cleaner-offset-checkpoint";
const HEAD: &str = "corelog-cleaner 1";
const FILE_BYTES_MAX: u64 = 4096;

/// How far a log is compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// Everything below has been compacted.
    pub(crate) first_dirty: Offset,
    /// Offsets below may be missing. Stored before the first one goes.
    pub(crate) gaps_below: Offset,
}

impl Progress {
    /// What is safe to believe when nothing is known.
    const UNKNOWN: Self = Self { first_dirty: Offset::ZERO, gaps_below: Offset::MAX };

    pub(crate) async fn load(directory: &Path) -> Result<Self, IoError> {
        let bytes = match read_file(&directory.join(FILE), FILE_BYTES_MAX).await {
            Err(error) if error.is_not_found() => return Ok(Self::default()),
            Err(error) if error.is_too_large() => Vec::new(),
            outcome => outcome?,
        };
        Ok(Self::decode(&bytes).unwrap_or_else(|| {
            let directory = directory.display();
            tracing::warn!(%directory, "{FILE} is damaged: the log is compacted anew");
            Self::UNKNOWN
        }))
    }

    pub(crate) async fn store(&self, directory: &Path) -> Result<(), IoError> {
        write_file_atomically(&directory.join(FILE), self.encode().as_bytes()).await
    }

    fn encode(self) -> String {
        let text = format!("{HEAD}\n{}\n{}\n", self.first_dirty.0, self.gaps_below.0);
        format!("{text}{:08x}\n", crc32c::crc32c(text.as_bytes()))
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines();
        let is_ours = lines.next()? == HEAD;
        let mut offset = || lines.next()?.parse().ok().map(Offset);
        let progress = Self { first_dirty: offset()?, gaps_below: offset()? };
        (is_ours && progress.encode().as_bytes() == bytes).then_some(progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_comes_back_and_damage_is_noticed() {
        let progress = Progress { first_dirty: Offset(17), gaps_below: Offset(20) };
        let bytes = progress.encode().into_bytes();
        assert_eq!(Progress::decode(&bytes), Some(progress));
        for position in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[position] ^= 0x10;
            assert_eq!(Progress::decode(&bad), None, "byte {position}");
            assert_eq!(Progress::decode(&bytes[..position]), None, "cut at {position}");
        }
    }
}
