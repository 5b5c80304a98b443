//! A producer comes to speak for a transactional id (InitProducerId). It gets the next epoch, which
//! fences whoever spoke before, and a transaction that is left open is aborted first (KIP-98,
//! KIP-360).

use corelog_model::{ErrorCode, ProducerEpoch, ProducerId};

use super::output::Supply;
use super::transaction::{EPOCH_MAX, Transaction, Waits, created};
use super::{
    Decision, InitProducer, NextValue, Parked, Producer, TEXT_BYTES_MAX, Ticket, TransactionReply,
    TransactionState, Transactions,
};
use crate::input::Now;
use crate::records::TransactionValue;

impl Transactions {
    /// Takes the request, with a producer id if one was found for it.
    pub(super) fn init(&mut self, now: Now, init: InitProducer, supply: Supply) {
        match self.decide_init(now, &init, supply) {
            Ok(Decision::Change(next)) => self.change(vec![(init.transactional_id, Some(*next))]),
            Ok(Decision::NeedsProducerId) => self.find_producer_id(Parked::Init(init)),
            Ok(Decision::Done(producer)) => {
                self.reply(init.request, TransactionReply::Init(Ok(producer)));
            }
            Err(code) => self.reply(init.request, TransactionReply::Init(Err(code))),
        }
    }

    fn decide_init(
        &self,
        now: Now,
        init: &InitProducer,
        supply: Supply,
    ) -> Result<Decision, ErrorCode> {
        self.check_init(init)?;
        let (request, timeout_ms) = (init.request, init.timeout_ms);
        let Some(transaction) = self.by_id.get(&init.transactional_id) else {
            if self.by_id.len() >= self.config.ids_max {
                return Err(ErrorCode::PolicyViolation);
            }
            let Some(id) = supply else { return Ok(Decision::NeedsProducerId) };
            let value = created(id, timeout_ms, now.wall);
            let (last_epoch, waits) = (ProducerEpoch::NONE, Waits::Init(request));
            return Ok(Decision::Change(Box::new(NextValue { value, last_epoch, waits })));
        };
        let value = match &transaction.value {
            Some(value) if !transaction.is_busy() => value,
            Some(_) | None => return Err(ErrorCode::ConcurrentTransactions),
        };
        if !init.current.is_none_or(|current| may_be(current, value)) {
            return Err(ErrorCode::ProducerFenced);
        }
        if value.state == TransactionState::Ongoing {
            let value = value.fenced(now.wall);
            let (last_epoch, waits) = (ProducerEpoch::NONE, Waits::Fence(request));
            return Ok(Decision::Change(Box::new(NextValue { value, last_epoch, waits })));
        }
        let current = init.current.map(|(_, epoch)| epoch);
        let is_used_up =
            value.is_exhausted() && current.is_none_or(|current| current == value.producer_epoch);
        let (producer, last_epoch) = match (is_used_up, supply) {
            (true, None) => return Ok(Decision::NeedsProducerId),
            (true, Some(id)) => {
                let last_epoch = current.unwrap_or(ProducerEpoch::NONE);
                ((id, ProducerEpoch(0)), last_epoch)
            }
            (false, _) => next_epoch(transaction, value, current)?,
        };
        let value = value.initialized(producer, timeout_ms, now.wall);
        let waits = Waits::Init(request);
        Ok(Decision::Change(Box::new(NextValue { value, last_epoch, waits })))
    }

    fn check_init(&self, init: &InitProducer) -> Result<(), ErrorCode> {
        let length = init.transactional_id.len();
        if length == 0 || length > TEXT_BYTES_MAX {
            return Err(ErrorCode::InvalidRequest);
        }
        let timeout_max = self.config.timeout_max.as_millis();
        let timeout = u128::try_from(init.timeout_ms).unwrap_or(0);
        if timeout == 0 || timeout > timeout_max {
            return Err(ErrorCode::InvalidTransactionTimeout);
        }
        Ok(())
    }

    /// Goes on with the request that waits for a producer id.
    pub(super) fn producer_id_found(
        &mut self,
        now: Now,
        ticket: Ticket,
        result: Result<ProducerId, ErrorCode>,
    ) {
        let Some(parked) = self.parked.remove(&ticket) else { return };
        match (parked, result) {
            (Parked::Init(init), Ok(id)) => self.init(now, init, Some(id)),
            (Parked::End(end), Ok(id)) => self.end(now, end, Some(id)),
            (parked, Err(code)) => self.refuse_parked(&parked, code),
        }
    }
}

/// Whether one who says that it is this producer may be it, or have been it when its epochs were
/// used up. Its epoch is looked at when it gets another one.
fn may_be((id, epoch): Producer, value: &TransactionValue) -> bool {
    id == value.producer_id || (id == value.previous_producer_id && epoch >= EPOCH_MAX)
}

/// The next epoch, with the one before it; or again that which the producer was given, if it says
/// that it has the one before.
fn next_epoch(
    transaction: &Transaction,
    value: &TransactionValue,
    current: Option<ProducerEpoch>,
) -> Result<(Producer, ProducerEpoch), ErrorCode> {
    let (id, epoch) = value.producer();
    let next = (id, ProducerEpoch(epoch.0.saturating_add(1)));
    match current {
        None => Ok((next, ProducerEpoch::NONE)),
        Some(current) if current == epoch => Ok((next, epoch)),
        Some(current) if current == transaction.last_epoch => Ok(((id, epoch), current)),
        Some(_) => Err(ErrorCode::ProducerFenced),
    }
}
