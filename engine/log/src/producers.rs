//! What a partition remembers of each idempotent producer (KIP-98): its epoch and its last five
//! batches, enough to recognise a retried batch and to refuse one that leaves a gap.

use std::collections::{BTreeMap, VecDeque};

use corelog_model::{BatchHeader, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

const BATCHES_KEPT: usize = 5;

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
    /// No room to remember another producer.
    #[error("the partition remembers {0} producers already, the bound")]
    TooMany(usize),
}

/// What to do with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Append it.
    New,
    /// It was appended before: answer with where it is.
    Duplicate(ProducedBatch),
}

/// The producers of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProducerTable {
    producers: BTreeMap<ProducerId, ProducerState>,
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
            state.batches.back().map_or(first, |last| last.last_sequence.next_after(1))
        };
        if first == expected {
            Ok(Verdict::New)
        } else {
            Err(SequenceRefusal::OutOfOrder { producer, got: first, expected })
        }
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
        });
        if epoch != state.epoch {
            state.epoch = epoch;
            state.batches.clear();
        }
        state.last_append = now;
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

    /// Forgets producers that have not appended since `before`.
    pub fn expire(&mut self, before: Timestamp) {
        self.producers.retain(|_, state| state.last_append >= before);
    }

    /// Restores what was saved of one producer.
    pub fn restore(&mut self, producer: ProducerId, state: ProducerState) {
        self.producers.insert(producer, state);
    }

    /// Producers in id order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ProducerId, &ProducerState)> {
        self.producers.iter().map(|(producer, state)| (*producer, state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use corelog_model::LeaderEpoch;
    use corelog_model::batch::HeaderFields;

    fn batch(producer: i64, epoch: i16, first: i32, count: i32) -> BatchHeader {
        BatchHeader::new(&HeaderFields {
            base_offset: Offset(0),
            total_len: 100,
            leader_epoch: LeaderEpoch(0),
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: Timestamp(5),
            max_timestamp: Timestamp(5),
            producer_id: ProducerId(producer),
            producer_epoch: ProducerEpoch(epoch),
            base_sequence: Sequence(first),
            record_count: count,
        })
    }

    fn appended(batches: &[(i64, i16, i32, i32)]) -> ProducerTable {
        let mut table = ProducerTable::default();
        let mut end = Offset(0);
        for (producer, epoch, first, count) in batches {
            let batch = batch(*producer, *epoch, *first, *count);
            assert_eq!(table.judge(&batch), Ok(Verdict::New));
            table.remember(&batch, end, Timestamp(1));
            end += i64::from(*count);
        }
        table
    }

    #[test]
    fn a_retried_batch_is_answered_with_its_first_offsets() {
        let table = appended(&[(1, 0, 0, 10), (1, 0, 10, 5), (2, 0, 0, 1)]);
        let Ok(Verdict::Duplicate(known)) = table.judge(&batch(1, 0, 10, 5)) else {
            panic!("it is a duplicate");
        };
        assert_eq!((known.base_offset, known.last_offset), (Offset(10), Offset(14)));
    }

    #[test]
    fn a_gap_is_refused_and_so_is_a_batch_older_than_the_last_five() {
        let table = appended(&[(1, 0, 0, 1), (1, 0, 1, 1), (1, 0, 2, 1)]);
        let refusal = table.judge(&batch(1, 0, 4, 1)).unwrap_err();
        let (got, expected) = (Sequence(4), Sequence(3));
        assert_eq!(refusal, SequenceRefusal::OutOfOrder { producer: ProducerId(1), got, expected });
        let many: Vec<_> = (0..7).map(|first| (1, 0, first, 1)).collect();
        assert!(appended(&many).judge(&batch(1, 0, 1, 1)).is_err());
        assert!(matches!(appended(&many).judge(&batch(1, 0, 2, 1)), Ok(Verdict::Duplicate(_))));
    }

    #[test]
    fn a_new_epoch_starts_at_zero_and_fences_the_old_one() {
        let table = appended(&[(1, 0, 0, 1), (1, 1, 0, 1)]);
        assert!(matches!(table.judge(&batch(1, 0, 1, 1)), Err(SequenceRefusal::Fenced { .. })));
        assert!(matches!(table.judge(&batch(1, 2, 5, 1)), Err(SequenceRefusal::OutOfOrder { .. })));
        assert_eq!(table.judge(&batch(1, 2, 0, 1)), Ok(Verdict::New));
    }

    #[test]
    fn sequences_wrap_at_the_largest_number() {
        let table = appended(&[(1, 0, i32::MAX, 1)]);
        assert_eq!(table.judge(&batch(1, 0, 0, 1)), Ok(Verdict::New));
    }

    #[test]
    fn an_unknown_producer_may_start_anywhere_and_an_idle_one_is_forgotten() {
        let mut table = appended(&[(1, 0, 77, 1)]);
        table.expire(Timestamp(1));
        assert_eq!(table.iter().len(), 1);
        table.expire(Timestamp(2));
        assert_eq!(table.iter().len(), 0);
    }
}
