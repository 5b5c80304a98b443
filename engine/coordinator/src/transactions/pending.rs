//! What happens when a change is durable, or never will be.

use corelog_model::ErrorCode;

use super::transaction::{Change, Waits};
use super::{TransactionReply, TransactionState, Transactions};
use crate::input::{AppendId, Now};
use crate::records::TransactionValue;

impl Transactions {
    /// Records are durable.
    pub(super) fn appended(&mut self, now: Now, append: AppendId) {
        for id in self.pending.remove(&append).unwrap_or_default() {
            let transaction = self.get_mut(&id);
            let Some(Change { next, last_epoch, waits }) = transaction.change.take() else {
                continue;
            };
            let Some(value) = next else {
                self.by_id.remove(&id);
                continue;
            };
            transaction.last_epoch = last_epoch;
            transaction.value = Some(value.clone());
            self.succeed(waits, &value);
            match value.state {
                TransactionState::CompleteCommit => self.counts.committed += 1,
                TransactionState::CompleteAbort => self.counts.aborted += 1,
                TransactionState::Empty
                | TransactionState::Ongoing
                | TransactionState::PrepareCommit
                | TransactionState::PrepareAbort
                | TransactionState::Dead
                | TransactionState::PrepareEpochFence => {}
            }
            match value.state {
                TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
                    self.begin_marking(now, &id);
                }
                TransactionState::CompleteCommit | TransactionState::CompleteAbort => {
                    self.get_mut(&id).marking = None;
                }
                TransactionState::Empty
                | TransactionState::Ongoing
                | TransactionState::Dead
                | TransactionState::PrepareEpochFence => {}
            }
            self.add_waiting(now, &id);
        }
    }

    /// Records never will be durable: all is as it was before them.
    pub(super) fn append_failed(&mut self, now: Now, append: AppendId, code: ErrorCode) {
        for id in self.pending.remove(&append).unwrap_or_default() {
            let transaction = self.get_mut(&id);
            let Some(change) = transaction.change.take() else { continue };
            if transaction.value.is_none() {
                self.by_id.remove(&id);
            } else if transaction.marking.is_some() {
                self.retry_marking(now, &id);
            }
            self.refuse(change.waits, code);
            self.add_waiting(now, &id);
        }
    }

    fn succeed(&mut self, waits: Waits, value: &TransactionValue) {
        match waits {
            Waits::Nobody => {}
            Waits::Late => self.counts.timed_out += 1,
            Waits::Init(request) => {
                self.reply(request, TransactionReply::Init(Ok(value.producer())));
            }
            Waits::Fence(request) => {
                self.counts.fenced += 1;
                let code = ErrorCode::ConcurrentTransactions;
                self.reply(request, TransactionReply::Init(Err(code)));
            }
            Waits::Add(requests) => {
                for request in requests {
                    self.reply(request, TransactionReply::AddPartitions(Ok(())));
                }
            }
            Waits::End(request) => {
                self.reply(request, TransactionReply::End(Ok(value.successor())));
            }
        }
    }

    /// Adds the partitions that came while others were being added.
    fn add_waiting(&mut self, now: Now, id: &str) {
        let Some(transaction) = self.by_id.get_mut(id) else { return };
        let waiting = std::mem::take(&mut transaction.waiting);
        self.add_all(now, waiting);
    }
}
