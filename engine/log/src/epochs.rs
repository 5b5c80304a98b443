//! Which leader epoch began at which offset (KIP-101). Every epoch that appended has one entry,
//! both sides rising.

use corelog_model::{LeaderEpoch, Offset};

/// The epochs of one partition log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EpochCache {
    entries: Vec<(LeaderEpoch, Offset)>,
}

impl EpochCache {
    /// From entries that were saved; those that do not rise are dropped.
    pub fn from_entries(entries: impl IntoIterator<Item = (LeaderEpoch, Offset)>) -> Self {
        let mut cache = Self::default();
        for (epoch, start) in entries {
            cache.assign(epoch, start);
        }
        cache
    }

    /// Notes that `epoch` appends from `start` on. An epoch that is known or older changes nothing.
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        if self.entries.last().is_none_or(|last| last.0 < epoch && last.1 <= start) {
            self.entries.push((epoch, start));
        }
    }

    /// Forgets epochs that ended at or below `log_start`, whose records are deleted.
    pub fn forget_below(&mut self, log_start: Offset) {
        let ended = self.entries.partition_point(|entry| entry.1 <= log_start);
        self.entries.drain(..ended.saturating_sub(1));
    }

    /// The newest epoch, if anything was appended.
    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|entry| entry.0)
    }

    /// The epoch that appended `offset`.
    pub fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        let count = self.entries.partition_point(|entry| entry.1 <= offset);
        count.checked_sub(1).map(|last| self.entries[last].0)
    }

    /// The largest epoch not above `asked` and where it ends; the log's end for the newest
    /// (KIP-279).
    pub fn end_of(&self, asked: LeaderEpoch, log_end: Offset) -> Option<(LeaderEpoch, Offset)> {
        let count = self.entries.partition_point(|entry| entry.0 <= asked);
        let epoch = self.entries.get(count.checked_sub(1)?)?.0;
        Some((epoch, self.entries.get(count).map_or(log_end, |next| next.1)))
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> &[(LeaderEpoch, Offset)] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_ends_where_the_next_begins() {
        let epochs = [(LeaderEpoch(0), Offset(0)), (LeaderEpoch(3), Offset(10))];
        let mut cache = EpochCache::from_entries(epochs);
        cache.assign(LeaderEpoch(3), Offset(12));
        cache.assign(LeaderEpoch(2), Offset(14));
        assert_eq!(cache.entries(), epochs);
        assert_eq!(cache.epoch_of(Offset(9)), Some(LeaderEpoch(0)));
        assert_eq!(cache.epoch_of(Offset(10)), Some(LeaderEpoch(3)));
        assert_eq!(cache.end_of(LeaderEpoch(2), Offset(50)), Some((LeaderEpoch(0), Offset(10))));
        assert_eq!(cache.end_of(LeaderEpoch(9), Offset(50)), Some((LeaderEpoch(3), Offset(50))));
        assert_eq!(cache.end_of(LeaderEpoch(-1), Offset(50)), None);
    }

    #[test]
    fn the_epoch_of_the_first_record_is_kept() {
        let entries = [(LeaderEpoch(0), Offset(0)), (LeaderEpoch(3), Offset(10))];
        let mut cache = EpochCache::from_entries(entries);
        cache.forget_below(Offset(9));
        assert_eq!(cache.entries(), entries);
        cache.forget_below(Offset(10));
        assert_eq!(cache.entries(), [(LeaderEpoch(3), Offset(10))]);
        cache.forget_below(Offset(99));
        assert_eq!(cache.latest(), Some(LeaderEpoch(3)));
    }
}
