//! A transaction ends (EndTxn): the outcome is decided by one record, and told the producer once
//! that is durable. Where each transaction has an epoch of its own (KIP-890) the end bumps it, and
//! by that a repeated request is told from the end of the next transaction.

use corelog_model::control::TransactionOutcome;
use corelog_model::{ErrorCode, ProducerEpoch, ProducerId};

use super::output::Supply;
use super::transaction::{EPOCH_MAX, Waits};
use super::{
    Decision, EndTransaction, NextValue, Parked, TransactionReply, TransactionState, Transactions,
};
use crate::input::Now;
use crate::records::TransactionValue;

impl Transactions {
    /// Takes the request, with a producer id if one was found for it.
    pub(super) fn end(&mut self, now: Now, end: EndTransaction, supply: Supply) {
        match self.decide_end(now, &end, supply) {
            Ok(Decision::Change(next)) => self.change(vec![(end.transactional_id, Some(*next))]),
            Ok(Decision::NeedsProducerId) => self.find_producer_id(Parked::End(end)),
            Ok(Decision::Done(producer)) => {
                self.reply(end.request, TransactionReply::End(Ok(producer)));
            }
            Err(code) => self.reply(end.request, TransactionReply::End(Err(code))),
        }
    }

    fn decide_end(
        &self,
        now: Now,
        end: &EndTransaction,
        supply: Supply,
    ) -> Result<Decision, ErrorCode> {
        if end.transactional_id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let transaction = self.by_id.get(&end.transactional_id);
        let transaction = transaction.ok_or(ErrorCode::InvalidProducerIdMapping)?;
        let value = transaction.value.as_ref().ok_or(ErrorCode::ConcurrentTransactions)?;
        let bumps_epoch = end.version.bumps_epoch();
        // First of all, as a producer may have been told who it is once the transaction is
        // complete.
        if bumps_epoch && transaction.is_busy() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        let is_done = if bumps_epoch {
            check_bumped(end, value)?
        } else {
            value.check(end.producer)?;
            if transaction.is_busy() {
                return Err(ErrorCode::ConcurrentTransactions);
            }
            check_kept_state(end.outcome, value.state)?
        };
        if is_done {
            return Ok(Decision::Done(value.producer()));
        }
        let next_producer_id = match supply {
            _ if !bumps_epoch || !value.is_exhausted() => ProducerId::NONE,
            Some(id) => id,
            None => return Ok(Decision::NeedsProducerId),
        };
        let last_epoch = if bumps_epoch { value.producer_epoch } else { transaction.last_epoch };
        let value = value.prepared(end.outcome, end.version, next_producer_id, now.wall);
        let waits = Waits::End(end.request);
        Ok(Decision::Change(Box::new(NextValue { value, last_epoch, waits })))
    }
}

/// Whether a transaction that keeps the epoch has this outcome already, or may still get it.
fn check_kept_state(
    outcome: TransactionOutcome,
    state: TransactionState,
) -> Result<bool, ErrorCode> {
    match (state, outcome) {
        (TransactionState::Ongoing, _) => Ok(false),
        (TransactionState::CompleteCommit, TransactionOutcome::Commit)
        | (TransactionState::CompleteAbort, TransactionOutcome::Abort) => Ok(true),
        _ => Err(ErrorCode::InvalidTxnState),
    }
}

/// Whether a transaction with an epoch of its own has this outcome already, or may still get it.
fn check_bumped(end: &EndTransaction, value: &TransactionValue) -> Result<bool, ErrorCode> {
    let (id, epoch) = end.producer;
    let is_same = id == value.producer_id;
    let is_over = value.state.is_at_rest() && value.state != TransactionState::Empty;
    // The bump went over to another producer id.
    let was_used_up = id == value.previous_producer_id
        && epoch == EPOCH_MAX
        && value.producer_epoch == ProducerEpoch(0);
    let is_repeated_there = !is_same && is_over && was_used_up;
    if !is_same && !is_repeated_there {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    let was_bumped = epoch.0.checked_add(1) == Some(value.producer_epoch.0);
    let is_retry = is_repeated_there || (is_over && was_bumped);
    // The epoch that fenced the last one is given to nobody.
    let is_fenced = value.producer_epoch > EPOCH_MAX;
    if is_fenced || (!is_retry && epoch != value.producer_epoch) {
        return Err(ErrorCode::ProducerFenced);
    }
    match (value.state, end.outcome) {
        (TransactionState::Ongoing, _) => Ok(false),
        (TransactionState::CompleteCommit, TransactionOutcome::Commit)
        | (TransactionState::CompleteAbort, TransactionOutcome::Abort)
            if is_retry =>
        {
            Ok(true)
        }
        // Nothing was added: the abort only makes sure that nothing will be.
        (
            TransactionState::Empty
            | TransactionState::CompleteCommit
            | TransactionState::CompleteAbort,
            TransactionOutcome::Abort,
        ) if !is_retry => Ok(false),
        _ => Err(ErrorCode::InvalidTxnState),
    }
}
