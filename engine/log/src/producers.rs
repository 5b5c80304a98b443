//! What a partition remembers of each idempotent producer (KIP-98): its epoch, its last five
//! batches, enough to recognise a retried batch and to refuse one that leaves a gap, and its open
//! transaction.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use corelog_model::control::{TransactionMarker, TransactionVersion};
use corelog_model::{BatchHeader, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

const BATCHES_KEPT: usize = 5;
/// The coordinator epoch of a producer that no marker was written for.
pub const NO_COORDINATOR_EPOCH: i32 = -1;

/// One of a producer's last batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducedBatch {
    /// Sequence of its first record.
    pub first_sequence: Sequence,
    /// Sequence of its last record.
    pub last_sequence: Sequence,
    /// Offset of its first record.
    pub base_offset: Offset,
    /// Offset of its last record.
    pub last_offset: Offset,
    /// Its largest timestamp.
    pub timestamp: Timestamp,
}

/// What is remembered of one producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerState {
    /// Its newest epoch.
    pub epoch: ProducerEpoch,
    /// Its last batches, oldest first, five at most.
    pub batches: VecDeque<ProducedBatch>,
    /// Wall clock of its last append, for expiry.
    pub last_append: Timestamp,
    /// First offset of its open transaction.
    pub open_since: Option<Offset>,
    /// Epoch of the coordinator that wrote its last marker.
    pub coordinator_epoch: i32,
}

/// Why a producer's batch is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SequenceRefusal {
    /// A newer epoch of the producer has written already: INVALID_PRODUCER_EPOCH.
    #[error("epoch {got:?} of producer {producer:?} is fenced by epoch {current:?}")]
    Fenced {
        /// The producer.
        producer: ProducerId,
        /// The epoch of the batch.
        got: ProducerEpoch,
        /// The newest epoch seen.
        current: ProducerEpoch,
    },
    /// A batch before it is missing, or it is older than the five remembered:
    /// OUT_OF_ORDER_SEQUENCE_NUMBER.
    #[error("producer {producer:?} sent sequence {got:?} where {expected:?} is next")]
    OutOfOrder {
        /// The producer.
        producer: ProducerId,
        /// First sequence of the batch.
        got: Sequence,
        /// The sequence that would continue.
        expected: Sequence,
    },
    /// A batch outside of a transaction while one of its producer is open: INVALID_TXN_STATE.
    #[error("producer {producer:?} has a transaction open, its batch is outside of it")]
    NotInTransaction {
        /// The producer.
        producer: ProducerId,
    },
    /// A batch of a transaction that nobody has checked with its coordinator: INVALID_TXN_STATE.
    #[error("the batch of producer {producer:?} is not part of a transaction that goes on")]
    Unverified {
        /// The producer.
        producer: ProducerId,
    },
    /// No room to remember another producer.
    #[error("the partition remembers {0} producers already, the bound")]
    TooMany(usize),
}

/// Why a marker is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MarkerRefusal {
    /// The producer's epoch is newer, or in version 2 as new: INVALID_PRODUCER_EPOCH.
    #[error("a marker of epoch {got:?} of producer {producer:?} comes after epoch {current:?}")]
    Fenced {
        /// The producer.
        producer: ProducerId,
        /// The epoch of the marker.
        got: ProducerEpoch,
        /// The newest epoch seen.
        current: ProducerEpoch,
    },
    /// A newer coordinator has written a marker already: TRANSACTION_COORDINATOR_FENCED.
    #[error("coordinator epoch {got} is fenced by {current}")]
    CoordinatorFenced {
        /// The epoch of the coordinator that asks.
        got: i32,
        /// The newest one seen.
        current: i32,
    },
}

/// What to do with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Append it.
    New,
    /// It was appended before: answer with where it is.
    Duplicate(ProducedBatch),
}

impl ProducerState {
    /// Begins an epoch if it is not the one that goes on; its sequence starts anew.
    fn enter(&mut self, epoch: ProducerEpoch) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.batches.clear();
        }
    }
}

/// The producers of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProducerTable {
    producers: BTreeMap<ProducerId, ProducerState>,
    /// Whose transactions are open, by their first offsets.
    open: BTreeMap<Offset, ProducerId>,
}

impl ProducerTable {
    /// Most producers that one partition remembers.
    pub const PRODUCERS_MAX: usize = 100_000;

    /// Judges a batch before it is appended.
    pub fn judge(&self, batch: &BatchHeader) -> Result<Verdict, SequenceRefusal> {
        let producer = batch.producer_id();
        if producer.is_none() {
            return Ok(Verdict::New);
        }
        let Some(state) = self.producers.get(&producer) else {
            return if self.producers.len() < Self::PRODUCERS_MAX {
                Ok(Verdict::New)
            } else {
                Err(SequenceRefusal::TooMany(Self::PRODUCERS_MAX))
            };
        };
        let (got, current) = (batch.producer_epoch(), state.epoch);
        if got < current {
            return Err(SequenceRefusal::Fenced { producer, got, current });
        }
        let first = batch.base_sequence();
        let expected = if got > current {
            Sequence(0)
        } else {
            let same = |known: &&ProducedBatch| {
                known.first_sequence == first && known.last_sequence == batch.last_sequence()
            };
            if let Some(known) = state.batches.iter().find(same) {
                return Ok(Verdict::Duplicate(*known));
            }
            // Without a batch the epoch is one that a marker began.
            state.batches.back().map_or(Sequence(0), |last| last.last_sequence.next_after(1))
        };
        if first != expected {
            return Err(SequenceRefusal::OutOfOrder { producer, got: first, expected });
        }
        if state.open_since.is_some() && !batch.is_transactional() {
            return Err(SequenceRefusal::NotInTransaction { producer });
        }
        Ok(Verdict::New)
    }

    /// Judges a batch that a coordinator made for a producer: it has no sequence.
    pub fn judge_unsequenced(&self, batch: &BatchHeader) -> Result<Verdict, SequenceRefusal> {
        let producer = batch.producer_id();
        let Some(state) = self.producers.get(&producer) else {
            // What there is no room for is judged the same with and without a sequence.
            return self.judge(batch);
        };
        let (got, current) = (batch.producer_epoch(), state.epoch);
        if got < current {
            return Err(SequenceRefusal::Fenced { producer, got, current });
        }
        if state.open_since.is_some() && !batch.is_transactional() {
            return Err(SequenceRefusal::NotInTransaction { producer });
        }
        Ok(Verdict::New)
    }

    /// Judges a marker before it is appended. One without an open transaction is fine: it is a
    /// retry, or the transaction has no records here.
    pub fn judge_marker(
        &self,
        (producer, got): (ProducerId, ProducerEpoch),
        marker: TransactionMarker,
        version: TransactionVersion,
    ) -> Result<(), MarkerRefusal> {
        let Some(state) = self.producers.get(&producer) else { return Ok(()) };
        let current = state.epoch;
        let is_late = match version {
            TransactionVersion::Classic => got < current,
            TransactionVersion::EpochPerTransaction => {
                got < current || (got == current && state.open_since.is_some())
            }
        };
        if is_late {
            return Err(MarkerRefusal::Fenced { producer, got, current });
        }
        let (got, current) = (marker.coordinator_epoch, state.coordinator_epoch);
        if got < current {
            return Err(MarkerRefusal::CoordinatorFenced { got, current });
        }
        Ok(())
    }

    /// Remembers a batch that was appended at `base_offset`.
    pub fn remember(&mut self, batch: &BatchHeader, base_offset: Offset, now: Timestamp) {
        let producer = batch.producer_id();
        if producer.is_none() || batch.is_control() {
            return;
        }
        let epoch = batch.producer_epoch();
        let state = self.producers.entry(producer).or_insert_with(|| ProducerState {
            epoch,
            batches: VecDeque::new(),
            last_append: now,
            open_since: None,
            coordinator_epoch: NO_COORDINATOR_EPOCH,
        });
        state.enter(epoch);
        state.last_append = now;
        if batch.is_transactional() && state.open_since.is_none() {
            state.open_since = Some(base_offset);
            self.open.insert(base_offset, producer);
        }
        if state.batches.len() == BATCHES_KEPT {
            state.batches.pop_front();
        }
        state.batches.push_back(ProducedBatch {
            first_sequence: batch.base_sequence(),
            last_sequence: batch.last_sequence(),
            base_offset,
            last_offset: base_offset + i64::from(batch.last_offset_delta()),
            timestamp: batch.max_timestamp(),
        });
    }

    /// Remembers a marker that was appended. Returns the first offset of the transaction it ended,
    /// if one was open.
    pub fn end_transaction(
        &mut self,
        (producer, epoch): (ProducerId, ProducerEpoch),
        marker: TransactionMarker,
        now: Timestamp,
    ) -> Option<Offset> {
        let is_full = self.producers.len() >= Self::PRODUCERS_MAX;
        let state = match self.producers.entry(producer) {
            // Without room it is an unknown producer that a marker does not make known.
            Entry::Vacant(_) if is_full => return None,
            Entry::Vacant(place) => place.insert(ProducerState {
                epoch,
                batches: VecDeque::new(),
                last_append: now,
                open_since: None,
                coordinator_epoch: NO_COORDINATOR_EPOCH,
            }),
            Entry::Occupied(place) => place.into_mut(),
        };
        state.enter(epoch);
        state.last_append = now;
        state.coordinator_epoch = marker.coordinator_epoch;
        let first = state.open_since.take()?;
        self.open.remove(&first);
        Some(first)
    }

    /// First offset of the oldest open transaction.
    pub fn oldest_open(&self) -> Option<Offset> {
        self.open.first_key_value().map(|(first, _)| *first)
    }

    /// Whether this epoch of a producer has a transaction open.
    pub fn has_open(&self, producer: ProducerId, epoch: ProducerEpoch) -> bool {
        let state = self.producers.get(&producer);
        state.is_some_and(|state| state.open_since.is_some() && state.epoch == epoch)
    }

    /// Forgets producers that have not appended since `before`, but none with an open transaction.
    pub fn expire(&mut self, before: Timestamp) {
        self.producers.retain(|_, state| state.last_append >= before || state.open_since.is_some());
    }

    /// Restores what was saved of one producer, in the order of their ids. False if it cannot be:
    /// there is a later one, or another one's transaction begins with the same record.
    #[must_use]
    pub fn restore(&mut self, producer: ProducerId, state: ProducerState) -> bool {
        let is_next = self.producers.last_key_value().is_none_or(|last| *last.0 < producer);
        let is_apart = state.open_since.is_none_or(|first| !self.open.contains_key(&first));
        if is_next && is_apart {
            self.open.extend(state.open_since.map(|first| (first, producer)));
            self.producers.insert(producer, state);
        }
        is_next && is_apart
    }

    /// What is remembered of one producer.
    pub fn get(&self, producer: ProducerId) -> Option<&ProducerState> {
        self.producers.get(&producer)
    }

    /// Producers in id order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ProducerId, &ProducerState)> {
        self.producers.iter().map(|(producer, state)| (*producer, state))
    }
}

#[cfg(test)]
mod tests;
