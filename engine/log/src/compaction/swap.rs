//! Putting a rewritten segment in the place of those it was made of, so that a crash at any step
//! leaves the old ones or the new one.
//!
//! The new files are written and synced as `.cleaned`. One rename to a `.swap` name, which says
//! what is replaced, decides: before it the new files are thrown away, after it the next start ends
//! what was begun. The old files leave first, then the new ones get their names.

use std::path::{Path, PathBuf};

use corelog_io::{IoError, list_directory, remove_file, rename, sync_directory};
use corelog_model::Offset;

use crate::removal::{Removal, Removed};
use crate::segment::{base_of, file_name, path_of};

const CLEANED: &str = ".cleaned";
const SWAP: &str = ".swap";
/// What each segment has.
const HINTS: [&str; 2] = ["index", "timeindex"];
/// What only a segment with aborted transactions has.
const ABORTED: &str = "txnindex";
const INDEXES: [&str; 3] = ["index", "timeindex", ABORTED];

/// Where a file is written before it may be used.
pub(crate) fn cleaned_path(directory: &Path, base: Offset, extension: &str) -> PathBuf {
    directory.join(file_name(base, extension) + CLEANED)
}

fn index_swap_path(directory: &Path, base: Offset, extension: &str) -> PathBuf {
    directory.join(file_name(base, extension) + SWAP)
}

/// The offsets a new segment stands for: it replaces all segments with a base in `base..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Swap {
    pub(crate) base: Offset,
    pub(crate) end: Offset,
    /// Whether it has an index of aborted transactions. If not, an old one must not stay.
    pub(crate) has_aborted: bool,
}

impl Swap {
    fn file_name(self) -> String {
        let mark = if self.has_aborted { "-aborted" } else { "" };
        format!("{:020}-{:020}{mark}.log{SWAP}", self.base.0, self.end.0)
    }

    fn indexes(self) -> &'static [&'static str] {
        if self.has_aborted { &INDEXES } else { &HINTS }
    }

    fn of_name(name: &str) -> Option<Self> {
        let name = name.strip_suffix(SWAP)?.strip_suffix(".log")?;
        let offsets = name.strip_suffix("-aborted");
        let (base, end) = offsets.unwrap_or(name).split_once('-')?;
        let number = |digits: &str| {
            let is_number = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse().ok().map(Offset))?
        };
        let has_aborted = offsets.is_some();
        let swap = Self { base: number(base)?, end: number(end)?, has_aborted };
        (swap.base < swap.end).then_some(swap)
    }

    /// Decides for the new segment, whose `.cleaned` files are durable.
    pub(crate) async fn decide(self, directory: &Path) -> Result<(), IoError> {
        for extension in self.indexes() {
            let cleaned = cleaned_path(directory, self.base, extension);
            rename(&cleaned, &index_swap_path(directory, self.base, extension)).await?;
        }
        let cleaned = cleaned_path(directory, self.base, "log");
        rename(&cleaned, &directory.join(self.file_name())).await?;
        sync_directory(directory).await
    }

    /// Takes the old files out of the way and gives the new ones their names, durably. Returns the
    /// old ones, which still have their bytes.
    pub(crate) async fn perform(
        self,
        directory: &Path,
        removal: &Removal,
        old: &[Offset],
    ) -> Result<Vec<Removed>, IoError> {
        let mut removed = Vec::new();
        for base in old {
            if *base > self.base {
                for extension in INDEXES {
                    or_absent(remove_file(&path_of(directory, *base, extension)).await)?;
                }
            }
            removed.extend(removal.move_file(&path_of(directory, *base, "log")).await?);
        }
        if !self.has_aborted {
            or_absent(remove_file(&path_of(directory, self.base, ABORTED)).await)?;
        }
        for extension in self.indexes() {
            let swap = index_swap_path(directory, self.base, extension);
            // One that a start finds missing has its name already.
            or_absent(rename(&swap, &path_of(directory, self.base, extension)).await)?;
        }
        // The old files must not come back beside the new one.
        sync_directory(directory).await?;
        let swap = directory.join(self.file_name());
        rename(&swap, &path_of(directory, self.base, "log")).await?;
        sync_directory(directory).await?;
        Ok(removed)
    }
}

fn or_absent(outcome: Result<(), IoError>) -> Result<(), IoError> {
    match outcome {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// Ends the swaps that were decided and throws away what was not.
pub(crate) async fn settle_swaps(directory: &Path, removal: &Removal) -> Result<(), IoError> {
    let entries = list_directory(directory).await?;
    let swaps: Vec<Swap> = entries.iter().filter_map(|entry| Swap::of_name(&entry.name)).collect();
    for swap in &swaps {
        let bases = entries.iter().filter_map(|entry| base_of(&entry.name));
        let old: Vec<Offset> =
            bases.filter(|base| swap.base <= *base && *base < swap.end).collect();
        for removed in swap.perform(directory, removal, &old).await? {
            removal.free_later(removed);
        }
        tracing::info!(from = %swap.base, to = %swap.end, "a compacted segment took its place");
    }
    discard(directory).await
}

/// Removes the files of swaps that were not decided.
pub(crate) async fn discard(directory: &Path) -> Result<(), IoError> {
    for entry in list_directory(directory).await? {
        let is_index_swap = INDEXES.iter().any(|extension| {
            entry.name.strip_suffix(SWAP).is_some_and(|name| name.ends_with(extension))
        });
        if entry.name.ends_with(CLEANED) || is_index_swap {
            or_absent(remove_file(&directory.join(&entry.name)).await)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_says_in_its_name_what_it_replaces() {
        let swap = Swap { base: Offset(7), end: Offset(1_000), has_aborted: false };
        assert_eq!(swap.file_name(), "00000000000000000007-00000000000000001000.log.swap");
        for swap in [swap, Swap { has_aborted: true, ..swap }] {
            assert_eq!(Swap::of_name(&swap.file_name()), Some(swap));
        }
        for bad in [
            "00000000000000000007.log.swap",
            "00000000000000000007.index.swap",
            "00000000000000000007-00000000000000000007.log.swap",
            "00000000000000000007-+0000000000000001000.log.swap",
            "00000000000000000007-00000000000000001000.log",
        ] {
            assert_eq!(Swap::of_name(bad), None, "{bad}");
        }
    }
}
