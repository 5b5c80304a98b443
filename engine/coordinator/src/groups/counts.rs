//! What the coordinator of groups counts, for operators.

use std::collections::BTreeMap;

use super::{GroupKind, Groups};
use crate::group_state::GroupState;

/// How often things happened since they were taken the last time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCounts {
    /// New generations of classic groups and new epochs of consumer groups.
    pub rebalances: u64,
    /// Offsets that were stored, those in transactions included.
    pub offsets_committed: u64,
    /// Offsets that were removed because nobody used them for long.
    pub offsets_expired: u64,
}

impl GroupCounts {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: GroupCounts) {
        self.rebalances += other.rebalances;
        self.offsets_committed += other.offsets_committed;
        self.offsets_expired += other.offsets_expired;
    }
}

/// How many groups there are of each kind in each state.
pub type GroupTally = BTreeMap<(GroupKind, GroupState), u64>;

impl Groups {
    /// What was counted since the last time.
    pub fn take_counts(&mut self) -> GroupCounts {
        std::mem::take(&mut self.counts)
    }

    /// Adds the groups that others can see.
    pub fn tally(&self, tally: &mut GroupTally) {
        for group in self.by_id.values().filter(|group| group.is_visible()) {
            *tally.entry((group.kind(), group.state())).or_default() += 1;
        }
    }
}
