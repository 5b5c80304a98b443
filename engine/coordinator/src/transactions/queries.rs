//! What can be asked about transactions (KIP-664).

use std::time::Duration;

use corelog_model::{ErrorCode, ProducerId, Timestamp};

use super::{Producer, TransactionState, Transactions};
use crate::expression::Expression;
use crate::offsets::TopicPartition;
use crate::records::TransactionValue;

/// Which transactional ids are listed. An empty list means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionFilter {
    /// In one of these states.
    pub states: Vec<TransactionState>,
    /// Of one of these producers.
    pub producer_ids: Vec<ProducerId>,
    /// Whose transaction began longer ago than this.
    pub running_longer_than: Option<Duration>,
    /// Whose whole name matches this regular expression.
    pub pattern: Option<String>,
}

/// A transactional id in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTransaction {
    /// The transactional id.
    pub transactional_id: String,
    /// Its producer.
    pub producer_id: ProducerId,
    /// What its transaction is doing.
    pub state: TransactionState,
}

/// What a transactional id looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionDescription {
    /// What its transaction is doing.
    pub state: TransactionState,
    /// How long a transaction may take, in milliseconds.
    pub timeout_ms: i32,
    /// When the transaction began, or [`Timestamp::NONE`].
    pub started_at: Timestamp,
    /// Its producer.
    pub producer: Producer,
    /// The partitions of the transaction, in order.
    pub partitions: Vec<TopicPartition>,
}

impl Transactions {
    /// The transactional ids that pass a filter, in their order; `INVALID_REGULAR_EXPRESSION` if
    /// its pattern is none.
    pub fn list(
        &self,
        now: Timestamp,
        filter: &TransactionFilter,
    ) -> Result<Vec<ListedTransaction>, ErrorCode> {
        if let Some(code) = self.unready() {
            return Err(code);
        }
        let pattern = filter.pattern.as_deref().filter(|pattern| !pattern.is_empty());
        let pattern = pattern.map(Expression::new).transpose();
        let pattern = pattern.map_err(|_| ErrorCode::InvalidRegularExpression)?;
        let seen = self.seen().filter(|(id, value, state)| {
            let is_late = filter.running_longer_than.is_none_or(|duration| {
                let duration = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
                now - value.started_at > duration
            });
            let producer_ids = &filter.producer_ids;
            is_late
                && (filter.states.is_empty() || filter.states.contains(state))
                && (producer_ids.is_empty() || producer_ids.contains(&value.producer_id))
                && pattern.as_ref().is_none_or(|pattern| pattern.matches(id))
        });
        let listed = seen.map(|(id, value, state)| ListedTransaction {
            transactional_id: id.clone(),
            producer_id: value.producer_id,
            state,
        });
        Ok(listed.collect())
    }

    /// What a transactional id looks like; `TRANSACTIONAL_ID_NOT_FOUND` if there is none.
    pub fn describe(&self, transactional_id: &str) -> Result<TransactionDescription, ErrorCode> {
        if let Some(code) = self.unready() {
            return Err(code);
        }
        let transaction = self.by_id.get(transactional_id);
        let state = transaction.and_then(super::Transaction::state);
        let state = state.filter(|state| *state != TransactionState::Dead);
        let value = transaction.and_then(|transaction| transaction.value.as_ref());
        let (Some(value), Some(state)) = (value, state) else {
            return Err(ErrorCode::TransactionalIdNotFound);
        };
        Ok(TransactionDescription {
            state,
            timeout_ms: value.timeout_ms,
            started_at: value.started_at,
            producer: value.producer(),
            partitions: value.partitions.iter().cloned().collect(),
        })
    }

    /// The transactional ids that are stored and not being removed.
    fn seen(&self) -> impl Iterator<Item = (&String, &TransactionValue, TransactionState)> {
        let seen = self.by_id.iter().filter_map(|(id, transaction)| {
            Some((id, transaction.value.as_ref()?, transaction.state()?))
        });
        seen.filter(|(_, _, state)| *state != TransactionState::Dead)
    }
}
