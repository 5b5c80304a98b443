//! What time does: transactions that take too long are aborted, and transactional ids that nobody
//! uses are forgotten.

use corelog_model::ProducerEpoch;

use super::transaction::{Transaction, Waits};
use super::{NextValue, TransactionState, Transactions};
use crate::input::Now;
use crate::records::TransactionValue;

/// How many transactional ids are removed by one append.
const REMOVED_MAX: usize = 500;

impl Transactions {
    /// Time has passed.
    pub(super) fn tick(&mut self, now: Now) {
        self.retry(now);
        if self.abort_at <= now.clock {
            self.abort_at = now.clock + self.config.abort_interval;
            self.abort_late(now);
        }
        if self.expire_at <= now.clock {
            self.expire_at = now.clock + self.config.expire_interval;
            self.expire(now);
        }
    }

    /// Aborts the transactions that take longer than their producers said, and fences these.
    fn abort_late(&mut self, now: Now) {
        let is_late = |value: &&TransactionValue| {
            let end = value.started_at + i64::from(value.timeout_ms);
            value.state == TransactionState::Ongoing && end < now.wall
        };
        let late = self.at_leisure().filter_map(|(id, value)| {
            let value = Some(value).filter(is_late)?.fenced(now.wall);
            let last_epoch = ProducerEpoch::NONE;
            Some((id.clone(), Some(NextValue { value, last_epoch, waits: Waits::Late })))
        });
        // One by one, as many partitions make a large record.
        let late: Vec<_> = late.collect();
        for change in late {
            self.change(vec![change]);
        }
    }

    /// Removes the transactional ids that have not been used for long.
    fn expire(&mut self, now: Now) {
        let kept_ms = i64::try_from(self.config.id_expiration.as_millis()).unwrap_or(i64::MAX);
        let expired = self.at_leisure().filter(|(_, value)| {
            value.state.is_at_rest() && now.wall - value.updated_at >= kept_ms
        });
        let expired: Vec<String> = expired.map(|(id, _)| id.clone()).collect();
        for ids in expired.chunks(REMOVED_MAX) {
            self.change(ids.iter().map(|id| (id.clone(), None)).collect());
        }
    }

    /// The transactional ids of which nothing is being changed.
    fn at_leisure(&self) -> impl Iterator<Item = (&String, &TransactionValue)> {
        let stored = |transaction: &Transaction| transaction.change.is_none();
        let by_id = self.by_id.iter().filter(move |(_, transaction)| stored(transaction));
        by_id.filter_map(|(id, transaction)| Some((id, transaction.value.as_ref()?)))
    }
}
