//! A transaction reaches partitions: they are stored before anything is written to them, so that
//! whoever ends the transaction knows whom to tell. A partition that already has a part of a
//! transaction can be verified instead (KIP-890).

use std::collections::BTreeSet;

use corelog_model::ErrorCode;

use super::transaction::{Transaction, Waits};
use super::{AddPartitions, NextValue, Producer, TransactionReply, TransactionState, Transactions};
use crate::input::Now;
use crate::offsets::TopicPartition;
use crate::records::TransactionValue;

impl Transactions {
    /// Adds partitions, or lets them wait for others that are being added.
    pub(super) fn add_partitions(&mut self, now: Now, add: AddPartitions) {
        let transaction = self.by_id.get_mut(&add.transactional_id);
        if let Some(transaction) = transaction.filter(|transaction| transaction.is_adding()) {
            transaction.waiting.push(add);
            return;
        }
        self.add_all(now, vec![add]);
    }

    /// Adds the partitions of requests about one transactional id, all in one.
    pub(super) fn add_all(&mut self, now: Now, adds: Vec<AddPartitions>) {
        let mut next: Option<(String, NextValue)> = None;
        for add in adds {
            let (request, id) = (add.request, add.transactional_id.clone());
            let so_far = next.as_ref().map(|(_, next)| &next.value);
            let value = match self.decide_add(now, add, so_far) {
                Ok(Some(value)) => value,
                Ok(None) => {
                    self.reply(request, TransactionReply::AddPartitions(Ok(())));
                    continue;
                }
                Err(code) => {
                    self.reply(request, TransactionReply::AddPartitions(Err(code)));
                    continue;
                }
            };
            if let Some((_, NextValue { value: so_far, waits: Waits::Add(requests), .. })) =
                &mut next
            {
                *so_far = value;
                requests.push(request);
            } else {
                let last_epoch = self.by_id[&id].last_epoch;
                let waits = Waits::Add(vec![request]);
                next = Some((id, NextValue { value, last_epoch, waits }));
            }
        }
        if let Some((id, next)) = next {
            self.change(vec![(id, Some(next))]);
        }
    }

    /// What the transaction becomes with these partitions beside those of `so_far`; none if it has
    /// them.
    fn decide_add(
        &self,
        now: Now,
        add: AddPartitions,
        so_far: Option<&TransactionValue>,
    ) -> Result<Option<TransactionValue>, ErrorCode> {
        if add.transactional_id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let transaction = self.by_id.get(&add.transactional_id);
        let transaction = transaction.ok_or(ErrorCode::InvalidProducerIdMapping)?;
        let value = match &transaction.value {
            Some(value) if !transaction.is_busy() => value,
            Some(_) | None => return Err(ErrorCode::ConcurrentTransactions),
        };
        value.check(add.producer)?;
        let is_ongoing = value.state == TransactionState::Ongoing;
        if is_ongoing && add.partitions.iter().all(|one| value.partitions.contains(one)) {
            return Ok(None);
        }
        let next = so_far.unwrap_or(value);
        let next = next.reaching(add.partitions, add.version, now.wall);
        let is_large = partitions_len(&next.partitions) > self.config.partitions_bytes_max;
        if is_large || next.partitions.len() > self.config.partitions_max {
            return Err(ErrorCode::PolicyViolation);
        }
        Ok(Some(next))
    }

    /// Whether the open transaction of a producer has reached partitions, one by one in their
    /// order. `TRANSACTION_ABORTABLE` for one that it has not.
    pub fn verify(
        &self,
        transactional_id: &str,
        producer: Producer,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Result<(), ErrorCode>>, ErrorCode> {
        if let Some(code) = self.unready() {
            return Err(code);
        }
        if transactional_id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let value = self.by_id.get(transactional_id).and_then(|one| one.value.as_ref());
        let value = value.ok_or(ErrorCode::InvalidProducerIdMapping)?;
        value.check(producer)?;
        if value.state.is_prepared() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        let none = BTreeSet::new();
        let is_ongoing = value.state == TransactionState::Ongoing;
        let reached = if is_ongoing { &value.partitions } else { &none };
        let verify = |partition| {
            let is_reached = reached.contains(partition);
            if is_reached { Ok(()) } else { Err(ErrorCode::TransactionAbortable) }
        };
        Ok(partitions.iter().map(verify).collect())
    }
}

/// Bytes that the partitions take in a record, as good as.
fn partitions_len(partitions: &BTreeSet<TopicPartition>) -> usize {
    let mut last = None;
    let len = |(topic, _): &TopicPartition| {
        let is_new = last.replace(topic.clone()).as_ref() != Some(topic);
        size_of::<i32>() + if is_new { topic.as_str().len() + 2 * size_of::<i32>() } else { 0 }
    };
    partitions.iter().map(len).sum()
}

impl Transaction {
    /// Whether partitions are being added, so that more of them only have to wait.
    fn is_adding(&self) -> bool {
        let waits = self.change.as_ref().map(|change| &change.waits);
        matches!(waits, Some(Waits::Add(_)))
    }
}
