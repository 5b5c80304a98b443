//! The aborted transactions of a log as compaction sees them: whose data goes, and which entries of
//! the index go with their markers. Pure.

use std::collections::BTreeMap;

use corelog_model::{BatchView, Offset, ProducerId};

use crate::aborted::AbortedTransaction;

/// Aborted transactions by producer and marker. Those of one producer follow each other.
#[derive(Debug, Default)]
pub(crate) struct Aborted {
    by_end: BTreeMap<(ProducerId, Offset), AbortedTransaction>,
}

impl Aborted {
    pub(crate) fn new(transactions: Vec<AbortedTransaction>) -> Self {
        let by_end = transactions.into_iter().map(|one| ((one.producer, one.last_offset), one));
        Self { by_end: by_end.collect() }
    }

    /// Whether a batch is data of an aborted transaction. Every transaction with data in the log is
    /// known here or was committed.
    pub(crate) fn has(&self, batch: &BatchView<'_>) -> bool {
        if !batch.is_transactional() || batch.is_control() {
            return false;
        }
        let (producer, base) = (batch.producer_id(), batch.base_offset());
        let ended_next = self.by_end.range((producer, base)..).next();
        ended_next.is_some_and(|((of, _), one)| *of == producer && one.first_offset <= base)
    }

    /// The transaction that a marker ended, if it was aborted.
    pub(crate) fn ended_by(&self, marker: &BatchView<'_>) -> Option<AbortedTransaction> {
        let end = (marker.producer_id(), marker.base_offset());
        self.by_end.get(&end).copied().filter(|_| marker.is_control())
    }
}

#[cfg(test)]
mod tests {
    use corelog_model::builder::BatchBuilder;
    use corelog_model::control::{TransactionMarker, TransactionOutcome};
    use corelog_model::{Codec, LeaderEpoch, ProducerEpoch, Sequence, Timestamp};

    use super::*;

    fn aborted() -> Aborted {
        let one = |producer, first, last| AbortedTransaction {
            producer: ProducerId(producer),
            first_offset: Offset(first),
            last_offset: Offset(last),
            stable_offset: Offset(last + 1),
        };
        Aborted::new(vec![one(1, 10, 15), one(2, 12, 20), one(1, 30, 40)])
    }

    fn has(producer: i64, base: i64, transactional: bool) -> bool {
        let mut builder = BatchBuilder::new(Codec::None, None);
        builder.set_producer(ProducerId(producer), ProducerEpoch(0), Sequence(0));
        if transactional {
            builder.set_transactional();
        }
        builder.append(Timestamp(1), Some(b"key"), None, &[]);
        let bytes = builder.build(Offset(base));
        aborted().has(&BatchView::parse(&bytes).unwrap().0)
    }

    #[test]
    fn data_is_aborted_between_the_begin_and_the_marker_of_its_producer() {
        let of_one: Vec<i64> = (0..50).filter(|base| has(1, *base, true)).collect();
        let expected: Vec<i64> = (10..=15).chain(30..=40).collect();
        assert_eq!(of_one, expected);
        assert!(has(2, 19, true) && !has(2, 11, true) && !has(3, 12, true));
        assert!(!has(1, 12, false), "outside of transactions");
    }

    #[test]
    fn a_marker_is_found_at_its_offset_only() {
        let marker = |producer, base| {
            let marker =
                TransactionMarker { outcome: TransactionOutcome::Abort, coordinator_epoch: 0 };
            let producer = (ProducerId(producer), ProducerEpoch(0));
            let bytes = marker.build(producer, Timestamp(1), Offset(base), LeaderEpoch(0));
            aborted().ended_by(&BatchView::parse(&bytes).unwrap().0).map(|one| one.first_offset.0)
        };
        assert_eq!((marker(1, 15), marker(2, 20), marker(1, 40)), (Some(10), Some(12), Some(30)));
        assert_eq!((marker(1, 20), marker(1, 14), marker(3, 15)), (None, None, None));
    }
}
