//! Opening the indexes of aborted transactions. One that is damaged is made anew: the log itself
//! says which transactions were aborted.

use std::collections::BTreeMap;

use corelog_io::yield_now;
use corelog_model::control::{TransactionMarker, TransactionOutcome};
use corelog_model::{BatchHeader, BatchView, Offset, ProducerId};

use crate::aborted::{AbortedIndex, AbortedStamp, AbortedTransaction};
use crate::aborted_file::{AbortedWrite, SegmentAborted, read_aborted, read_stamped_aborted};
use crate::partition::PartitionLog;
use crate::reader::{FirstBatch, ReadError, ReadRequest};
use crate::storage::OpenError;

const SCAN_BYTES: usize = 256 << 10;

impl PartitionLog {
    /// Takes over the index that the checkpoint knows and looks at those of complete segments.
    pub(crate) async fn open_aborted(&self, stamp: &AbortedStamp) -> Result<(), OpenError> {
        let recovery = self.inner.borrow().recovery;
        let active =
            read_stamped_aborted(&self.directory, recovery.segment, stamp, recovery.end).await?;
        let mut is_damaged = active.is_none();
        if let Some(index) = active {
            self.inner.borrow_mut().active_mut().aborted = SegmentAborted::restored(index);
        }
        let complete: Vec<(Offset, Offset)> = {
            let inner = self.inner.borrow();
            let ends = inner.segments.keys().skip(1);
            let pairs = inner.segments.values().zip(ends);
            let on_disk = pairs.filter(|(segment, _)| segment.aborted.in_memory().is_none());
            on_disk.map(|(segment, end)| (segment.base, *end)).collect()
        };
        for (base, end) in complete {
            is_damaged |= read_aborted(&self.directory, base, end).await?.is_none();
        }
        if is_damaged {
            tracing::warn!(partition = %self.id, "aborted transactions are read from the log anew");
            self.shared.indexes_rebuilt.update(|count| count + 1);
            self.rebuild_aborted().await?;
        }
        Ok(())
    }

    /// Makes all indexes anew of the records below the recovery point. A transaction that began
    /// with deleted records begins with the first that is left.
    async fn rebuild_aborted(&self) -> Result<(), OpenError> {
        let indexes = self.find_aborted().await.map_err(|error| match error {
            ReadError::Io(error) => OpenError::Io(error),
            ReadError::OutOfRange { .. } | ReadError::Damaged { .. } | ReadError::Parted => {
                let why = format!("its aborted transactions are not known: {error}");
                OpenError::Damaged { partition: self.id, why }
            }
        })?;
        let active = {
            let mut inner = self.inner.borrow_mut();
            for segment in inner.segments.values_mut() {
                let index = indexes.get(&segment.base).cloned().unwrap_or_default();
                segment.aborted = SegmentAborted::Memory { index, flushed: 0 };
            }
            inner.active().base
        };
        let complete: Vec<Offset> =
            self.inner.borrow().segments.range(..active).map(|entry| *entry.0).collect();
        for base in complete {
            self.write_aborted(base, AbortedWrite::Final).await?;
            if let Some(segment) = self.inner.borrow_mut().segments.get_mut(&base) {
                segment.aborted.let_go();
            }
        }
        Ok(())
    }

    async fn find_aborted(&self) -> Result<BTreeMap<Offset, AbortedIndex>, ReadError> {
        let mut search = Search::default();
        let limit = self.durable_end();
        let mut offset = self.log_start().min(limit);
        while offset < limit {
            let first_batch = FirstBatch::Always;
            let request = ReadRequest { offset, limit, bytes_max: SCAN_BYTES, first_batch };
            let read = self.read(request).await?;
            let mut at = 0;
            while at < read.pieces.len() {
                let damaged = |why: String| self.damaged(offset, at as u64, why);
                let header = read.pieces.header(at).map_err(|error| damaged(error.to_string()))?;
                let marker = if header.is_control() {
                    let bytes = read.pieces.part(at..at + header.total_len()).to_vec();
                    let batch = BatchView::parse(&bytes);
                    let (batch, _) = batch.map_err(|error| damaged(error.to_string()))?;
                    TransactionMarker::of_batch(&batch)
                        .map_err(|error| damaged(error.to_string()))?
                } else {
                    None
                };
                let segment = {
                    let inner = self.inner.borrow();
                    let holding = inner.segments.range(..=header.base_offset()).next_back();
                    holding.map_or(Offset::ZERO, |entry| *entry.0)
                };
                search.see(&header, marker, segment);
                at += header.total_len();
            }
            offset = read.next;
            yield_now().await;
        }
        Ok(search.found)
    }
}

/// A walk over the batches of a log.
#[derive(Default)]
struct Search {
    open: BTreeMap<ProducerId, Offset>,
    found: BTreeMap<Offset, AbortedIndex>,
}

impl Search {
    fn see(&mut self, header: &BatchHeader, marker: Option<TransactionMarker>, segment: Offset) {
        let producer = header.producer_id();
        let Some(marker) = marker else {
            if header.is_transactional() && !header.is_control() {
                self.open.entry(producer).or_insert(header.base_offset());
            }
            return;
        };
        let Some(first_offset) = self.open.remove(&producer) else { return };
        if marker.outcome == TransactionOutcome::Commit {
            return;
        }
        let last_offset = header.base_offset();
        let stable_offset = self.open.values().min().copied().unwrap_or(last_offset.next());
        let entry = AbortedTransaction { producer, first_offset, last_offset, stable_offset };
        self.found.entry(segment).or_default().add(entry);
    }
}
