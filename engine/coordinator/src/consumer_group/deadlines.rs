//! Until when something is expected of members.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::MemberId;

/// At most one deadline for each member.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadlines {
    of: BTreeMap<MemberId, Duration>,
    order: BTreeSet<(Duration, MemberId)>,
}

impl Deadlines {
    /// Sets the deadline of a member, in place of an earlier one.
    pub(crate) fn set(&mut self, member: &MemberId, until: Duration) {
        self.clear(member);
        self.of.insert(member.clone(), until);
        self.order.insert((until, member.clone()));
    }

    /// Sets the deadline of a member that has none.
    pub(crate) fn set_if_none(&mut self, member: &MemberId, until: Duration) {
        if !self.of.contains_key(member) {
            self.set(member, until);
        }
    }

    /// Nothing is expected of the member.
    pub(crate) fn clear(&mut self, member: &MemberId) {
        if let Some((member, until)) = self.of.remove_entry(member) {
            self.order.remove(&(until, member));
        }
    }

    /// The next deadline.
    pub(crate) fn first(&self) -> Option<Duration> {
        self.order.first().map(|(until, _)| *until)
    }

    /// Takes the members whose deadline is over.
    pub(crate) fn take_over(&mut self, now: Duration) -> BTreeSet<MemberId> {
        let mut members = BTreeSet::new();
        while self.first().is_some_and(|until| until <= now)
            && let Some((_, member)) = self.order.pop_first()
        {
            self.of.remove(&member);
            members.insert(member);
        }
        members
    }
}
