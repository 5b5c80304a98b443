//! Which of the records that were read belong to aborted transactions (KIP-98). The server says
//! where these begin; the markers among the batches say where they end.

use std::collections::{BTreeSet, VecDeque};

use corelog_model::control::{TransactionMarker, TransactionOutcome};
use corelog_model::{BatchView, Offset, ProducerId};

/// Which records a consumer reads; Kafka's `isolation.level`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// All, also those of transactions that are open or aborted.
    #[default]
    ReadUncommitted,
    /// Those of committed transactions and of none, up to the first open transaction.
    ReadCommitted,
}

impl IsolationLevel {
    /// How it is written on the wire.
    pub(crate) const fn number(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// A transaction with records in a response that do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose it is.
    pub producer: ProducerId,
    /// Offset of its first record.
    pub first_offset: Offset,
}

/// Walks with a reader over the batches of one response.
#[derive(Debug)]
pub(crate) struct AbortedRecords {
    /// Transactions that have not begun yet, by their first offsets.
    upcoming: VecDeque<AbortedTransaction>,
    /// Whose aborted transaction goes on.
    open: BTreeSet<ProducerId>,
}

impl AbortedRecords {
    pub(crate) fn new(aborted: &[AbortedTransaction]) -> Self {
        let mut upcoming = aborted.to_vec();
        upcoming.sort_by_key(|transaction| transaction.first_offset);
        Self { upcoming: upcoming.into(), open: BTreeSet::new() }
    }

    /// Whether the records of the next batch do not count. To be asked of every batch.
    pub(crate) fn covers(&mut self, batch: &BatchView<'_>) -> bool {
        let has_begun = |next: &AbortedTransaction| next.first_offset <= batch.last_offset();
        while self.upcoming.front().is_some_and(has_begun) {
            self.open.extend(self.upcoming.pop_front().map(|next| next.producer));
        }
        if !batch.is_transactional() {
            return false;
        }
        if batch.is_control() {
            let marker = TransactionMarker::of_batch(batch);
            if let Ok(Some(TransactionMarker { outcome: TransactionOutcome::Abort, .. })) = marker {
                self.open.remove(&batch.producer_id());
            }
            return false;
        }
        self.open.contains(&batch.producer_id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use corelog_model::{BatchBuilder, Codec, LeaderEpoch, ProducerEpoch, Sequence, Timestamp};

    /// A batch of two records of producer `producer`, from `base` on.
    fn records(producer: i64, base: i64) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Codec::None, None);
        builder.set_producer(ProducerId(producer), ProducerEpoch(0), Sequence(0));
        builder.set_transactional();
        builder.append(Timestamp(1), None, Some(b"1"), &[]);
        builder.append(Timestamp(1), None, Some(b"2"), &[]);
        builder.build(Offset(base))
    }

    fn plain(base: i64) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Codec::None, None);
        builder.append(Timestamp(1), None, Some(b"1"), &[]);
        builder.build(Offset(base))
    }

    fn marker(producer: i64, base: i64, outcome: TransactionOutcome) -> Vec<u8> {
        let marker = TransactionMarker { outcome, coordinator_epoch: 0 };
        let producer = (ProducerId(producer), ProducerEpoch(0));
        marker.build(producer, Timestamp(1), Offset(base), LeaderEpoch(0))
    }

    /// The offsets of the batches that do not count.
    fn covered(aborted: &[(i64, i64)], batches: &[Vec<u8>]) -> Vec<i64> {
        let transaction = |(producer, first): &(i64, i64)| AbortedTransaction {
            producer: ProducerId(*producer),
            first_offset: Offset(*first),
        };
        let aborted: Vec<_> = aborted.iter().map(transaction).collect();
        let mut walk = AbortedRecords::new(&aborted);
        let views = batches.iter().map(|bytes| BatchView::parse(bytes).unwrap().0);
        let dropped = views.filter(|batch| walk.covers(batch));
        dropped.map(|batch| batch.base_offset().0).collect()
    }

    #[test]
    fn records_between_the_begin_and_the_abort_of_their_producer_do_not_count() {
        let batches = [
            records(1, 0),
            records(2, 2),
            plain(4),
            records(1, 5),
            marker(1, 7, TransactionOutcome::Abort),
            records(1, 8),
            marker(2, 10, TransactionOutcome::Commit),
            marker(1, 11, TransactionOutcome::Commit),
            records(1, 12),
            records(2, 14),
            marker(2, 16, TransactionOutcome::Abort),
            marker(1, 17, TransactionOutcome::Abort),
        ];
        assert_eq!(covered(&[(2, 14), (1, 12), (1, 0)], &batches), [0, 5, 12, 14]);
        assert_eq!(covered(&[], &batches), [0; 0]);
        // The transaction began below what was read.
        assert_eq!(covered(&[(1, -100)], &batches[3..6]), [5]);
    }
}
