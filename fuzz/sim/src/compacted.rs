//! The claims about a compacted log. What is there was appended at that offset. What is missing has
//! a newer record of its key, or marks a deletion, and no older value of a deleted key is back.

use std::collections::{BTreeMap, BTreeSet};

use corelog_log::ReadRequest;
use corelog_model::{BatchView, Offset, Record, RecordHeader};

use crate::model::{Batch, Partition};

const RECORD_BYTES_MAX: usize = 16 << 20;

/// A record without its batch: offset, time, key, value.
type Owned = (Offset, i64, Vec<u8>, Option<Vec<u8>>);

fn owned(record: &Record<'_>) -> Owned {
    let headers: Vec<RecordHeader<'_>> = record.headers.iter().collect();
    assert!(headers.is_empty(), "the workload gives no headers");
    let key = record.key.unwrap_or_default().to_vec();
    (record.offset, record.timestamp.0, key, record.value.map(<[u8]>::to_vec))
}

fn records(batch: &BatchView<'_>) -> Result<Vec<Owned>, String> {
    let mut scratch = Vec::new();
    let records = batch.records(&mut scratch, RECORD_BYTES_MAX).map_err(|e| e.to_string())?;
    records.map(|record| record.map(|record| owned(&record)).map_err(|e| e.to_string())).collect()
}

fn view(bytes: &[u8]) -> BatchView<'_> {
    BatchView::parse(bytes).expect("the model holds whole batches").0
}

fn records_of(batch: &Batch) -> Vec<Owned> {
    records(&view(&batch.bytes)).expect("the model holds whole records")
}

impl Partition {
    /// Takes note of the keys of a batch that was appended.
    pub fn note_keys(&mut self, batch: &Batch) {
        for (offset, _, key, value) in records_of(batch) {
            self.newest_of_key.insert(key, (offset, value.is_none()));
        }
    }

    /// Looks at the keys of all batches anew.
    pub fn note_all_keys(&mut self) {
        self.newest_of_key.clear();
        for batch in self.batches.values().cloned().collect::<Vec<_>>() {
            self.note_keys(&batch);
        }
    }
}

/// What is wrong with an answer, if anything.
pub(crate) fn compare(
    model: &Partition,
    request: &ReadRequest,
    bytes: &[u8],
    next: Offset,
) -> Option<String> {
    compare_batches(model, request, bytes, next).err()
}

fn compare_batches(
    model: &Partition,
    request: &ReadRequest,
    bytes: &[u8],
    next: Offset,
) -> Result<(), String> {
    let (mut rest, mut end, mut found) = (bytes, Offset::ZERO, BTreeSet::new());
    while !rest.is_empty() {
        let (batch, behind) = BatchView::parse(rest).map_err(|error| error.to_string())?;
        batch.verify_crc().map_err(|error| error.to_string())?;
        let base = batch.base_offset();
        let appended = model.batches.get(&base);
        let appended = appended.ok_or_else(|| format!("a batch at {base}, where none was"))?;
        compare_heads(&batch, &view(&appended.bytes))?;
        if base < end || batch.last_offset() < request.offset || request.limit < batch.next_offset()
        {
            return Err(format!("the batch at {base} behind {end}"));
        }
        let known = records_of(appended);
        for record in records(&batch)? {
            if !known.contains(&record) {
                return Err(format!("another record than the one appended at {}", record.0));
            }
            if !found.insert(record.0) {
                return Err(format!("two records at {}", record.0));
            }
        }
        (end, rest) = (batch.next_offset(), behind);
    }
    let expected_end = if bytes.is_empty() { next } else { end };
    if next != expected_end || (next <= request.offset && request.offset < request.limit) {
        return Err(format!("{next} as the next offset, not {end}"));
    }
    let first = BatchView::parse(bytes).map_or(0, |(batch, _)| batch.len());
    if bytes.len() > request.bytes_max.max(first) {
        return Err(format!("{} bytes", bytes.len()));
    }
    let from = model.batch_at(request.offset).map_or(request.offset, |(base, _)| base);
    for batch in model.batches.range(from..next).map(|entry| entry.1) {
        for (offset, _, key, value) in records_of(batch) {
            let is_asked = request.offset <= offset && offset < next && !found.contains(&offset);
            let newest = model.newest_of_key.get(&key).map(|newest| newest.0);
            if is_asked && value.is_some() && newest.is_none_or(|newest| newest <= offset) {
                return Err(format!("no record at {offset}, the newest of its key"));
            }
        }
    }
    Ok(())
}

fn compare_heads(found: &BatchView<'_>, appended: &BatchView<'_>) -> Result<(), String> {
    let head = |batch: &BatchView<'_>| {
        let producer = (batch.producer_id(), batch.producer_epoch(), batch.base_sequence());
        (batch.last_offset(), batch.leader_epoch(), producer, batch.timestamp_type())
    };
    if head(found) == head(appended) {
        return Ok(());
    }
    Err(format!("another head than the one appended at {}", found.base_offset()))
}

/// The newest records of keys as a whole log shows them.
#[derive(Debug, Default)]
pub struct Shown {
    newest: BTreeMap<Vec<u8>, (Offset, bool)>,
}

impl Shown {
    /// Adds what a read gave.
    pub fn add(&mut self, mut bytes: &[u8]) {
        while let Ok((batch, behind)) = BatchView::parse(bytes) {
            for (offset, _, key, value) in records(&batch).unwrap_or_default() {
                self.newest.insert(key, (offset, value.is_none()));
            }
            bytes = behind;
        }
    }

    /// What is wrong, if anything: a key whose last record, below what was durable when the reads
    /// began, marks its deletion has no value.
    pub fn compare(&self, model: &Partition, durable_end: Offset) -> Option<String> {
        let is_back = |(key, newest): &(&Vec<u8>, &(Offset, bool))| {
            let shown = self.newest.get(*key);
            newest.1 && newest.0 < durable_end && shown.is_some_and(|shown| !shown.1)
        };
        let (key, newest) = model.newest_of_key.iter().find(is_back)?;
        Some(format!("a value of {key:?}, which was deleted at {}", newest.0))
    }
}
