//! Offsets are committed as part of the transaction of a producer: they are stored at once, and
//! count when a marker says that the transaction does (KIP-98, KIP-447).

use corelog_model::control::TransactionOutcome;
use corelog_model::{ErrorCode, ProducerId};

use super::group::Group;
use super::offset_requests::{Limits, records_of, value};
use super::pending::Pending;
use super::{Groups, refusal};
use crate::input::{CommitTransactionOffsets, Input, Now};
use crate::output::{Output, Reply};

impl Groups {
    /// Stores offsets in a transaction. The request is answered once they are durable.
    pub(super) fn commit_in_transaction(
        &mut self,
        now: Now,
        request: CommitTransactionOffsets,
    ) -> Vec<Output> {
        let nameless = request.commit.group.is_empty().then_some(ErrorCode::InvalidGroupId);
        if let Some(code) = nameless.or(self.check_commit(&request.commit).err()) {
            return refusal(Input::CommitTransactionOffsets(request), code).into_iter().collect();
        }
        let id = request.commit.group.clone();
        if !self.by_id.contains_key(&id) {
            self.by_id.insert(id.clone(), Group::new(&id, now.wall));
        }
        let limits = Limits::of(&self.config);
        let (pending, outputs) = self.with(now, &id, |group, step| {
            if let Err(code) = group.check_transactional_commit(&request.commit, step) {
                step.outputs.extend(refusal(Input::CommitTransactionOffsets(request), code));
                return None;
            }
            let CommitTransactionOffsets { producer, commit } = request;
            let (results, offsets) =
                group.take_offsets(commit.offsets, &limits, |offset| value(offset, now.wall, None));
            let request = commit.request;
            if offsets.is_empty() {
                step.reply(request, Reply::CommitOffsets(results));
                return None;
            }
            for (partition, _) in &offsets {
                group.offsets.begin_transactional(partition.clone());
            }
            let append = step.number_append();
            let records = records_of(&commit.group, &offsets);
            step.outputs.push(Output::AppendTransactional { append, producer, request, records });
            let (producer_id, group) = (producer.0, commit.group);
            let pending =
                Pending::CommitInTransaction { producer_id, group, request, results, offsets };
            Some((append, pending))
        });
        self.pending.extend(pending);
        outputs
    }

    /// The marker of a producer is durable.
    pub(super) fn transaction_ended(
        &mut self,
        producer_id: ProducerId,
        outcome: TransactionOutcome,
    ) {
        for group in self.end_transaction(producer_id, outcome) {
            self.settle(&group);
        }
    }

    /// Lets the offsets of a producer count or not. Tells the groups.
    pub(super) fn end_transaction(
        &mut self,
        producer_id: ProducerId,
        outcome: TransactionOutcome,
    ) -> Vec<String> {
        let groups = self.transactions.remove(&producer_id).unwrap_or_default();
        for id in &groups {
            if let Some(group) = self.by_id.get_mut(id) {
                group.offsets.end_transaction(producer_id, outcome);
            }
        }
        groups.into_iter().collect()
    }
}
