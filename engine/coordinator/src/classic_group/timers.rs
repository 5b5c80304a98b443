//! What happens in a classic group when time passes: sessions end, ids given out are forgotten, and
//! nobody waits for the slow for ever.

use std::time::Duration;

use corelog_model::ErrorCode;

use super::{ClassicGroup, State};
use crate::output::Step;

impl ClassicGroup {
    /// Does what is due.
    pub(crate) fn advance(&mut self, step: &mut Step<'_>) {
        let now = step.now.clock;
        let members_before = self.members.len();
        let pending_before = self.pending.len();
        self.pending.retain(|_, until| now < *until);
        let gone = self.members.iter().filter(|(_, member)| {
            let is_late = !member.has_synced && self.is_sync_due(now);
            is_late || member.deadline().is_some_and(|deadline| deadline <= now)
        });
        let gone: Vec<String> = gone.map(|(member_id, _)| member_id.clone()).collect();
        for member_id in gone {
            self.remove_member(&member_id, ErrorCode::UnknownMemberId, step);
        }
        if self.members.len() < members_before || self.pending.len() < pending_before {
            self.have_left(members_before, step);
        }
        if let State::Preparing(preparing) = &self.state
            && preparing.until <= now
        {
            self.join_is_due(step);
        }
    }

    /// When [`ClassicGroup::advance`] has something to do.
    pub(crate) fn next_wakeup(&self) -> Option<Duration> {
        let sessions = self.members.values().filter_map(super::member::Member::deadline);
        let phase = match &self.state {
            State::Preparing(preparing) => Some(preparing.until),
            State::Completing(_) | State::Stable { .. } => {
                let is_late = self.members.values().any(|member| !member.has_synced);
                self.sync_until().filter(|_| is_late)
            }
            State::Empty | State::Dead => None,
        };
        sessions.chain(self.pending.values().copied()).chain(phase).min()
    }

    fn is_sync_due(&self, now: Duration) -> bool {
        self.sync_until().is_some_and(|until| until <= now)
    }

    fn sync_until(&self) -> Option<Duration> {
        match &self.state {
            State::Completing(completing) => Some(completing.sync_until),
            State::Stable { sync_until } => Some(*sync_until),
            State::Empty | State::Preparing(_) | State::Dead => None,
        }
    }
}
