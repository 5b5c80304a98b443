//! What a log knows of transactions: which are open, up to where readers of committed records may
//! go, and which records they must leave out.

use std::collections::VecDeque;
use std::ops::Range;

use corelog_io::wall_clock_ms;
use corelog_model::control::{TransactionMarker, TransactionOutcome};
use corelog_model::{BatchHeader, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use crate::aborted::AbortedTransaction;
use crate::partition::{Inner, PartitionLog};
use crate::producers::{ProducerState, SequenceRefusal};
use crate::reader::ReadError;
use crate::verification::Verification;

/// Transactions whose markers are in the log but may not be durable: for readers they are open.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// First offset of the transaction and offset of its marker, in the order of the markers.
    transactions: VecDeque<(Offset, Offset)>,
}

impl Ending {
    /// Forgets those whose markers are durable.
    pub(crate) fn settle(&mut self, durable_end: Offset) {
        while self.transactions.front().is_some_and(|oldest| oldest.1 < durable_end) {
            self.transactions.pop_front();
        }
    }

    /// First offset of the oldest one that is open when `durable_end` is.
    fn oldest(&self, durable_end: Offset) -> Option<Offset> {
        let pending = self.transactions.iter().filter(|(_, marker)| *marker >= durable_end);
        pending.map(|(first, _)| *first).min()
    }
}

impl Inner {
    pub(crate) fn note_records(&mut self, header: &BatchHeader, now: Timestamp) {
        self.producers.remember(header, header.base_offset(), now);
        if header.is_transactional() {
            // The transaction is open: no later batch of it needs a token.
            self.verifications.void(header.producer_id());
        }
    }

    pub(crate) fn note_marker(
        &mut self,
        header: &BatchHeader,
        marker: TransactionMarker,
        now: Timestamp,
    ) {
        let producer = header.producer_id();
        self.verifications.void(producer);
        let epoch = header.producer_epoch();
        let Some(first_offset) = self.producers.end_transaction((producer, epoch), marker, now)
        else {
            return;
        };
        let last_offset = header.base_offset();
        self.ending.transactions.push_back((first_offset, last_offset));
        if marker.outcome == TransactionOutcome::Abort {
            let stable_offset = self.producers.oldest_open().unwrap_or(last_offset.next());
            let entry = AbortedTransaction { producer, first_offset, last_offset, stable_offset };
            self.active_mut().aborted.add(entry);
        }
    }
}

impl PartitionLog {
    /// A token for the first batch of a transaction, to be taken before its coordinator is asked.
    /// `first` is the sequence of that batch.
    pub fn begin_verification(
        &self,
        producer: ProducerId,
        epoch: ProducerEpoch,
        first: Sequence,
    ) -> Result<Verification, SequenceRefusal> {
        let inner = &mut *self.inner.borrow_mut();
        let now = Timestamp(wall_clock_ms());
        inner.verifications.begin(&inner.producers, (producer, epoch), first, now)
    }

    /// Whether this epoch of a producer has a transaction open: its batches need no verification.
    pub fn has_open_transaction(&self, producer: ProducerId, epoch: ProducerEpoch) -> bool {
        self.inner.borrow().producers.has_open(producer, epoch)
    }

    /// Where readers of committed records stop: at the first record of the oldest transaction that
    /// is open, or whose marker is not durable; otherwise at the durable end.
    pub fn last_stable_offset(&self) -> Offset {
        let inner = self.inner.borrow();
        let durable_end = self.durable_end();
        let open = inner.producers.oldest_open().into_iter();
        let oldest = open.chain(inner.ending.oldest(durable_end)).min();
        // The records of an open transaction may be deleted like others.
        oldest.map_or(durable_end, |oldest| oldest.max(inner.log_start).min(durable_end))
    }

    /// The aborted transactions with records in `range`, all of it below the last stable offset. An
    /// error if records of it were deleted meanwhile: then nobody knows any more.
    pub async fn aborted_transactions(
        &self,
        range: Range<Offset>,
    ) -> Result<Vec<AbortedTransaction>, ReadError> {
        let _use = self.begin_use();
        self.check_here()?;
        let found = loop {
            let replaced = self.inner.borrow().replaced;
            let found = self.find_aborted_in(range.clone()).await?;
            // What moved to another segment meanwhile may have been missed.
            if self.inner.borrow().replaced == replaced {
                break found;
            }
        };
        let inner = self.inner.borrow();
        let (offset, start, end) = (range.start, inner.log_start, self.durable_end());
        if range.start < start {
            return Err(ReadError::OutOfRange { offset, start, end });
        }
        Ok(found)
    }

    async fn find_aborted_in(
        &self,
        range: Range<Offset>,
    ) -> Result<Vec<AbortedTransaction>, ReadError> {
        let mut found = Vec::new();
        let mut next = {
            let inner = self.inner.borrow();
            let holding = inner.segments.range(..=range.start).next_back();
            Some(holding.map_or(range.start, |entry| *entry.0))
        };
        while let Some(from) = next {
            let base = {
                let inner = self.inner.borrow();
                let Some((base, segment)) = inner.segments.range(from..).next() else { break };
                let index = segment.aborted.in_memory();
                if index.is_some_and(|index| index.overlapping(range.start, range.end, &mut found))
                {
                    break;
                }
                next = Some(base.next());
                index.is_none().then_some(*base)
            };
            if let Some(base) = base {
                self.load_aborted(base).await?;
                next = Some(base);
            }
        }
        Ok(found)
    }

    /// What is remembered of each producer, in id order.
    pub fn producers(&self) -> Vec<(ProducerId, ProducerState)> {
        let inner = self.inner.borrow();
        inner.producers.iter().map(|(producer, state)| (producer, state.clone())).collect()
    }
}
