//! What the coordinator of transactions counts, for operators.

use std::time::Duration;

use corelog_model::Timestamp;

use super::transaction::Stage;
use super::{TransactionState, Transactions};

/// How often things happened since they were taken the last time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionCounts {
    /// Transactions that are committed and complete.
    pub committed: u64,
    /// Transactions that are aborted and complete, for whatever reason.
    pub aborted: u64,
    /// Those that were aborted because they took too long.
    pub timed_out: u64,
    /// Those that were aborted because another producer came to speak for the transactional id.
    pub fenced: u64,
    /// Markers that are in their partitions.
    pub markers_written: u64,
    /// Markers that a partition did not take; most are written later.
    pub markers_refused: u64,
}

/// What there is at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionTally {
    /// Transactional ids.
    pub ids: u64,
    /// Open transactions.
    pub open: u64,
    /// Transactions whose outcome is decided and whose markers are not all written.
    pub ending: u64,
    /// Those of them that wait for another coordinator.
    pub stuck: u64,
    /// How long the oldest open transaction has been open.
    pub oldest_open: Duration,
}

impl TransactionCounts {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: TransactionCounts) {
        self.committed += other.committed;
        self.aborted += other.aborted;
        self.timed_out += other.timed_out;
        self.fenced += other.fenced;
        self.markers_written += other.markers_written;
        self.markers_refused += other.markers_refused;
    }
}

impl TransactionTally {
    /// Adds what is elsewhere.
    pub fn add(&mut self, other: TransactionTally) {
        self.ids += other.ids;
        self.open += other.open;
        self.ending += other.ending;
        self.stuck += other.stuck;
        self.oldest_open = self.oldest_open.max(other.oldest_open);
    }
}

impl Transactions {
    /// What was counted since the last time.
    pub fn take_counts(&mut self) -> TransactionCounts {
        std::mem::take(&mut self.counts)
    }

    /// What there is now.
    pub fn tally(&self, now: Timestamp) -> TransactionTally {
        let mut tally = TransactionTally::default();
        for transaction in self.by_id.values() {
            let Some(value) = &transaction.value else { continue };
            tally.ids += 1;
            if value.state == TransactionState::Ongoing {
                let age_ms = u64::try_from(now - value.started_at).unwrap_or_default();
                tally.open += 1;
                tally.oldest_open = tally.oldest_open.max(Duration::from_millis(age_ms));
            }
            let stage = transaction.marking.as_ref().map(|marking| marking.stage);
            tally.ending += u64::from(value.state.is_prepared());
            tally.stuck += u64::from(stage == Some(Stage::Stuck));
        }
        tally
    }
}
