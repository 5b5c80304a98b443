//! Transactions as the batches of a partition tell of them: where each begins, and how its marker
//! ends it.

use std::collections::BTreeMap;

use corelog_model::control::{TransactionMarker, TransactionOutcome};
use corelog_model::{BatchView, Offset, ProducerId};

/// The transactions of one partition that are open at some place.
#[derive(Debug, Default)]
pub(super) struct OpenTransactions {
    first_offsets: BTreeMap<ProducerId, Offset>,
}

/// The end of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EndedTransaction {
    pub(super) marker: TransactionMarker,
    /// Where it began; none if no batch of it was seen.
    pub(super) first_offset: Option<Offset>,
}

impl EndedTransaction {
    /// How it ended, in a word.
    pub(super) const fn outcome(&self) -> &'static str {
        match self.marker.outcome {
            TransactionOutcome::Abort => "abort",
            TransactionOutcome::Commit => "commit",
        }
    }
}

impl OpenTransactions {
    /// Passes a batch. Gives what ends with it, if it is a marker.
    pub(super) fn pass(&mut self, batch: &BatchView<'_>) -> Option<EndedTransaction> {
        let producer = batch.producer_id();
        if batch.is_control() {
            let marker = TransactionMarker::of_batch(batch).ok().flatten()?;
            let first_offset = self.first_offsets.remove(&producer);
            return Some(EndedTransaction { marker, first_offset });
        }
        if batch.is_transactional() {
            self.first_offsets.entry(producer).or_insert(batch.base_offset());
        }
        None
    }

    /// Those that are open, by their producers.
    pub(super) fn open(&self) -> impl Iterator<Item = (ProducerId, Offset)> + '_ {
        self.first_offsets.iter().map(|(producer, first)| (*producer, *first))
    }
}

#[cfg(test)]
mod tests {
    use corelog_model::{BatchBuilder, Codec, LeaderEpoch, ProducerEpoch, Sequence, Timestamp};

    use super::*;

    #[test]
    fn a_marker_ends_what_its_producer_began() {
        let records = |producer: i64, base: i64| {
            let mut builder = BatchBuilder::new(Codec::None, None);
            builder.set_producer(ProducerId(producer), ProducerEpoch(0), Sequence(0));
            builder.set_transactional();
            builder.append(Timestamp(1), None, Some(b"value"), &[]);
            builder.build(Offset(base))
        };
        let abort = TransactionMarker { outcome: TransactionOutcome::Abort, coordinator_epoch: 3 };
        let marker = |base: i64| {
            let producer = (ProducerId(1), ProducerEpoch(0));
            abort.build(producer, Timestamp(1), Offset(base), LeaderEpoch(0))
        };
        let mut transactions = OpenTransactions::default();
        let mut pass = |bytes: &[u8]| transactions.pass(&BatchView::parse(bytes).unwrap().0);
        assert_eq!(pass(&records(1, 5)), None);
        assert_eq!(pass(&records(2, 6)), None);
        assert_eq!(pass(&records(1, 7)), None);
        let ended = pass(&marker(8)).unwrap();
        let expected = EndedTransaction { marker: abort, first_offset: Some(Offset(5)) };
        assert_eq!((ended, ended.outcome()), (expected, "abort"));
        assert_eq!(pass(&marker(9)).unwrap().first_offset, None);
        let open: Vec<_> = transactions.open().collect();
        assert_eq!(open, [(ProducerId(2), Offset(6))]);
    }
}
