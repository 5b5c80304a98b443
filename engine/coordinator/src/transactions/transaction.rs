//! One transactional id: what is stored of it, the change of it that is being appended, and the
//! steps that lead from one state to the next.

use std::collections::BTreeSet;
use std::time::Duration;

use corelog_model::control::{TransactionOutcome, TransactionVersion};
use corelog_model::{ErrorCode, ProducerEpoch, ProducerId, Timestamp};

use super::TransactionState;
use super::input::{AddPartitions, Producer};
use crate::input::RequestId;
use crate::offsets::TopicPartition;
use crate::records::TransactionValue;

/// The last epoch that a producer is given. The one behind it is only used to fence.
pub(super) const EPOCH_MAX: ProducerEpoch = ProducerEpoch(i16::MAX - 1);

/// The transactional id.
#[derive(Debug)]
pub(super) struct Transaction {
    /// What is durable; none before the first record is.
    pub(super) value: Option<TransactionValue>,
    /// The epoch that the producer had before, by which a repeated request is known. Not stored.
    pub(super) last_epoch: ProducerEpoch,
    /// What is being appended.
    pub(super) change: Option<Change>,
    /// Partitions that are added when the change is durable.
    pub(super) waiting: Vec<AddPartitions>,
    /// The partitions that are being told the outcome.
    pub(super) marking: Option<Marking>,
}

/// A change of a transactional id that is being appended.
#[derive(Debug)]
pub(super) struct Change {
    /// What it becomes; none if it is removed.
    pub(super) next: Option<TransactionValue>,
    pub(super) last_epoch: ProducerEpoch,
    pub(super) waits: Waits,
}

/// Who waits for a change.
#[derive(Debug)]
pub(super) enum Waits {
    Nobody,
    /// Nobody: the transaction took too long.
    Late,
    /// The producer speaks for the transactional id then.
    Init(RequestId),
    /// One who has to ask again, as the transaction of another producer is aborted first.
    Fence(RequestId),
    /// Those whose partitions are part of the transaction then.
    Add(Vec<RequestId>),
    /// The outcome is decided then.
    End(RequestId),
}

/// The partitions that have yet to be told the outcome of a transaction.
#[derive(Debug)]
pub(super) struct Marking {
    pub(super) left: BTreeSet<TopicPartition>,
    pub(super) stage: Stage,
}

/// What the markers of a transaction wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Their turn.
    Queued,
    /// The leaders of the partitions.
    Writing,
    /// A while, as some partition did not take its marker.
    Resting { until: Duration },
    /// The record which says that all are written.
    Completing,
    /// Another coordinator: a partition knows a newer one or a newer producer.
    Stuck,
}

impl Transaction {
    pub(super) fn new(value: Option<TransactionValue>) -> Self {
        Transaction {
            value,
            last_epoch: ProducerEpoch::NONE,
            change: None,
            waiting: Vec::new(),
            marking: None,
        }
    }

    /// Whether something is on its way that has to be waited for.
    pub(super) fn is_busy(&self) -> bool {
        self.change.is_some() || self.value.as_ref().is_none_or(|value| value.state.is_prepared())
    }

    /// The state, as others see it.
    pub(super) fn state(&self) -> Option<TransactionState> {
        match (&self.value, &self.change) {
            (Some(_), Some(Change { next: None, .. })) => Some(TransactionState::Dead),
            (Some(value), _) => Some(value.state),
            (None, _) => None,
        }
    }
}

/// A new transactional id.
pub(super) fn created(
    producer_id: ProducerId,
    timeout_ms: i32,
    now: Timestamp,
) -> TransactionValue {
    TransactionValue {
        producer_id,
        previous_producer_id: ProducerId::NONE,
        next_producer_id: ProducerId::NONE,
        producer_epoch: ProducerEpoch(0),
        timeout_ms,
        state: TransactionState::Empty,
        partitions: BTreeSet::new(),
        updated_at: now,
        started_at: Timestamp::NONE,
        version: TransactionVersion::Classic,
    }
}

impl TransactionValue {
    /// The producer and its epoch.
    pub fn producer(&self) -> Producer {
        (self.producer_id, self.producer_epoch)
    }

    /// Whether one who speaks for the transactional id is the one that does so at present.
    pub(super) fn check(&self, (id, epoch): Producer) -> Result<(), ErrorCode> {
        if id != self.producer_id {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        if epoch != self.producer_epoch {
            return Err(ErrorCode::ProducerFenced);
        }
        Ok(())
    }

    /// Who the producer is once its transaction is complete.
    pub(super) fn successor(&self) -> Producer {
        match self.next_producer_id {
            ProducerId::NONE => self.producer(),
            next => (next, ProducerEpoch(0)),
        }
    }

    /// The previous producer id, once `next` is the present one.
    fn previous_to(&self, next: ProducerId) -> ProducerId {
        if next == self.producer_id { self.previous_producer_id } else { self.producer_id }
    }

    /// Whether the producer can have no further epoch.
    pub(super) fn is_exhausted(&self) -> bool {
        self.producer_epoch >= EPOCH_MAX
    }

    fn follow(&self, state: TransactionState, now: Timestamp) -> TransactionValue {
        assert!(
            state.may_follow(self.state),
            "{} does not follow {}",
            state.name(),
            self.state.name()
        );
        TransactionValue { state, updated_at: now, ..self.clone() }
    }

    /// A producer speaks for the transactional id, with a timeout of its own.
    pub(super) fn initialized(
        &self,
        (producer_id, producer_epoch): Producer,
        timeout_ms: i32,
        now: Timestamp,
    ) -> TransactionValue {
        TransactionValue {
            producer_id,
            previous_producer_id: self.previous_to(producer_id),
            producer_epoch,
            timeout_ms,
            partitions: BTreeSet::new(),
            started_at: Timestamp::NONE,
            ..self.follow(TransactionState::Empty, now)
        }
    }

    /// The transaction reaches these partitions too, and begins if there is none.
    pub(super) fn reaching(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
        version: TransactionVersion,
        now: Timestamp,
    ) -> TransactionValue {
        let mut next = self.follow(TransactionState::Ongoing, now);
        if self.state.is_at_rest() {
            next.started_at = now;
            next.partitions.clear();
            // Whoever begins a transaction has been told who it is.
            next.previous_producer_id = ProducerId::NONE;
        }
        next.partitions.extend(partitions);
        next.version = version;
        next
    }

    /// The outcome is decided. A producer whose every transaction has an epoch gets the next one,
    /// or where there is none `next_producer_id`.
    pub(super) fn prepared(
        &self,
        outcome: TransactionOutcome,
        version: TransactionVersion,
        next_producer_id: ProducerId,
        now: Timestamp,
    ) -> TransactionValue {
        let state = match outcome {
            TransactionOutcome::Commit => TransactionState::PrepareCommit,
            TransactionOutcome::Abort => TransactionState::PrepareAbort,
        };
        let mut next = self.follow(state, now);
        if version.bumps_epoch() {
            next.producer_epoch = bumped(self.producer_epoch);
        }
        if self.state.is_at_rest() {
            next.started_at = now;
        }
        TransactionValue { next_producer_id, version, ..next }
    }

    /// The transaction is aborted, and whoever had begun it is fenced.
    pub(super) fn fenced(&self, now: Timestamp) -> TransactionValue {
        let next = self.follow(TransactionState::PrepareAbort, now);
        TransactionValue { producer_epoch: bumped(self.producer_epoch), ..next }
    }

    /// Every partition knows the outcome.
    pub(super) fn completed(&self, now: Timestamp) -> TransactionValue {
        let state = match self.state {
            TransactionState::PrepareCommit => TransactionState::CompleteCommit,
            _ => TransactionState::CompleteAbort,
        };
        let (producer_id, producer_epoch) = self.successor();
        TransactionValue {
            producer_id,
            previous_producer_id: self.previous_to(producer_id),
            next_producer_id: ProducerId::NONE,
            producer_epoch,
            partitions: BTreeSet::new(),
            ..self.follow(state, now)
        }
    }
}

fn bumped(epoch: ProducerEpoch) -> ProducerEpoch {
    ProducerEpoch(epoch.0.saturating_add(1))
}
