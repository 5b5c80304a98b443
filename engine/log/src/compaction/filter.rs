//! What of a batch is kept: the last record of each key below the end of the map, deletion marks
//! until their horizon (KIP-534), and the last batch of each producer, emptied if need be. Pure.

use std::collections::{BTreeMap, BTreeSet};

use corelog_model::{
    BatchBuilder, BatchView, Offset, ProducerId, Record, RecordError, RecordsError, Timestamp,
};

use super::offset_map::{Full, OffsetMap};
use crate::config::Winner;

/// A batch that needs more memory than this to decompress ends the pass.
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// Why a batch cannot be compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRecords {
    #[error(transparent)]
    Records(#[from] RecordsError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("the offsets within a batch do not rise")]
    Order,
}

/// What becomes of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays byte for byte.
    Kept,
    /// These bytes take its place.
    Replaced(Vec<u8>),
    /// It goes.
    Dropped,
}

/// Notes the keys of a batch's records from `from` on. Returns the offset that found the map full.
///
/// Records of a transaction replace nothing: whether they count is not known here.
// TODO: once aborted transactions have an index, note committed records and drop aborted ones.
pub(crate) fn note_keys(
    map: &mut OffsetMap,
    batch: &BatchView<'_>,
    from: Offset,
    scratch: &mut Vec<u8>,
) -> Result<Option<Offset>, BadRecords> {
    if batch.is_control() || batch.is_transactional() || batch.last_offset() < from {
        return Ok(None);
    }
    for record in batch.records(scratch, DECOMPRESSED_BYTES_MAX)? {
        let record = record?;
        let Some(key) = record.key.filter(|_| record.offset >= from) else { continue };
        if let Err(Full) = map.insert(key, record.offset) {
            return Ok(Some(record.offset));
        }
    }
    Ok(None)
}

/// What is fixed for a pass.
pub(crate) struct Rules {
    pub(crate) map: OffsetMap,
    /// Records from here on are not in the map.
    pub(crate) map_end: Offset,
    /// Where the last batch of each live producer ends.
    pub(crate) producers: BTreeMap<ProducerId, Offset>,
    pub(crate) now: Timestamp,
    pub(crate) delete_retention_ms: i64,
    pub(crate) winner: Winner,
}

/// Judges the batches of a log one after the other, from its start.
pub(crate) struct Filter {
    rules: Rules,
    /// Producers with data of a transaction that has not ended.
    in_transaction: BTreeSet<ProducerId>,
    scratch: Vec<u8>,
}

impl Filter {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, in_transaction: BTreeSet::new(), scratch: Vec::new() }
    }

    /// What becomes of the next batch.
    pub(crate) fn judge(&mut self, batch: &BatchView<'_>) -> Result<Fate, BadRecords> {
        if batch.base_offset() >= self.rules.map_end {
            return Ok(Fate::Kept);
        }
        if batch.is_control() {
            return self.judge_marker(batch);
        }
        if batch.is_transactional() {
            self.in_transaction.insert(batch.producer_id());
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let fate = self.judge_records(batch, &mut scratch);
        self.scratch = scratch;
        fate
    }

    /// A marker stays as long as its transaction has data, and then until its horizon.
    fn judge_marker(&mut self, batch: &BatchView<'_>) -> Result<Fate, BadRecords> {
        let had_data = self.in_transaction.remove(&batch.producer_id());
        if had_data || batch.producer_id().is_none() {
            return Ok(Fate::Kept);
        }
        if batch.has_delete_horizon() {
            let is_over = batch.base_timestamp() <= self.rules.now;
            return Ok(if is_over { Fate::Dropped } else { Fate::Kept });
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let fate = rebuild(batch, &mut scratch, |_| true, Some(self.horizon()));
        self.scratch = scratch;
        fate
    }

    fn judge_records(
        &self,
        batch: &BatchView<'_>,
        scratch: &mut Vec<u8>,
    ) -> Result<Fate, BadRecords> {
        let horizon = batch.has_delete_horizon().then(|| batch.base_timestamp());
        let marks_stay = batch.is_transactional() || horizon.is_none_or(|end| self.rules.now < end);
        let (mut kept, mut total, mut has_marks) = (0, 0, false);
        for record in batch.records(scratch, DECOMPRESSED_BYTES_MAX)? {
            let record = record?;
            total += 1;
            if self.keeps(&record, marks_stay) {
                kept += 1;
                has_marks |= record.value.is_none() && record.offset < self.rules.map_end;
            }
        }
        if kept == 0 {
            return if !self.is_last_of_producer(batch) {
                Ok(Fate::Dropped)
            } else if total == 0 {
                Ok(Fate::Kept)
            } else {
                rebuild(batch, scratch, |_| false, None)
            };
        }
        let needs_horizon = has_marks && horizon.is_none() && !batch.is_transactional();
        if kept == total && !needs_horizon {
            return Ok(Fate::Kept);
        }
        let horizon = if needs_horizon { Some(self.horizon()) } else { horizon };
        rebuild(batch, scratch, |record| self.keeps(record, marks_stay), horizon)
    }

    /// Records without a key have no place in a compacted log.
    fn keeps(&self, record: &Record<'_>, marks_stay: bool) -> bool {
        if record.offset >= self.rules.map_end {
            return true;
        }
        let Some(key) = record.key else { return false };
        let newest = self.rules.map.newest(key);
        let is_last = newest.is_none_or(|newest| match self.rules.winner {
            Winner::Newest => newest <= record.offset,
            Winner::AllButNewest => record.offset < newest,
        });
        is_last && (record.value.is_some() || marks_stay)
    }

    fn is_last_of_producer(&self, batch: &BatchView<'_>) -> bool {
        self.rules.producers.get(&batch.producer_id()) == Some(&batch.last_offset())
    }

    fn horizon(&self) -> Timestamp {
        Timestamp(self.rules.now.0.saturating_add(self.rules.delete_retention_ms))
    }
}

/// Writes a batch anew with some of its records, in its place.
fn rebuild(
    batch: &BatchView<'_>,
    scratch: &mut Vec<u8>,
    keeps: impl Fn(&Record<'_>) -> bool,
    horizon: Option<Timestamp>,
) -> Result<Fate, BadRecords> {
    let unknown = RecordsError::UnknownCodec { attributes: batch.attributes() };
    let mut builder = BatchBuilder::in_place_of(batch.header(), None).ok_or(unknown)?;
    if let Some(horizon) = horizon {
        builder.set_delete_horizon(horizon);
    }
    let mut next = 0;
    for record in batch.records(scratch, DECOMPRESSED_BYTES_MAX)? {
        let record = record?;
        if record.offset_delta < next || batch.last_offset_delta() < record.offset_delta {
            return Err(BadRecords::Order);
        }
        next = record.offset_delta + 1;
        if keeps(&record) {
            let Record { offset_delta, timestamp, key, value, headers, .. } = record;
            builder.append_at(offset_delta, timestamp, key, value, headers.iter());
        }
    }
    Ok(Fate::Replaced(builder.build(batch.base_offset())))
}
