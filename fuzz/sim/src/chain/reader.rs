//! Reads what is committed, as consumers do: up to the last stable offset, without what the index
//! of aborted transactions says.

use std::collections::BTreeSet;
use std::time::Duration;

use corelog_model::control::{TransactionMarker, TransactionOutcome};
use corelog_model::{BatchView, LeaderEpoch, Offset};
use corelog_shard::{FetchBounds, FetchPartition, FetchedPartition, IsolationLevel};

use super::scenario::Broken;
use crate::broker::Broker;

const BYTES: usize = 4_000;
const BATCH_BYTES_MAX: usize = 1 << 20;

/// A record that is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Committed {
    pub(super) offset: Offset,
    pub(super) value: String,
}

/// The next committed records of a partition, and where to go on.
pub(super) async fn read(
    broker: &Broker,
    (topic, index): (&str, i32),
    offset: Offset,
    rules: Broken,
) -> Result<(Vec<Committed>, Offset), String> {
    let (shard, partition) = broker.partition(topic, index);
    let wanted = FetchPartition {
        partition: Ok(partition),
        offset,
        bytes_max: BYTES,
        leader_epoch: LeaderEpoch::NONE,
    };
    let bounds = FetchBounds {
        bytes_min: 1,
        bytes_max: BYTES,
        wait_max: Duration::ZERO,
        isolation: IsolationLevel::Committed,
    };
    let (mut fetched, _memory) = shard.fetch(&[wanted], bounds).await;
    let fetched = fetched.pop().ok_or("a fetch of one partition has one answer")?;
    records(fetched, offset, rules).map_err(|error| format!("{topic}-{index} at {offset}: {error}"))
}

fn records(
    fetched: FetchedPartition,
    from: Offset,
    rules: Broken,
) -> Result<(Vec<Committed>, Offset), String> {
    let bytes = fetched.batches.map_err(|error| error.to_string())?.to_vec();
    let mut upcoming = fetched.aborted.ok_or("aborted transactions are not told")?;
    upcoming.sort_by_key(|one| std::cmp::Reverse(one.first_offset));
    let (mut aborted, mut found, mut next) = (BTreeSet::new(), Vec::new(), from);
    let (mut rest, mut scratch) = (&bytes[..], Vec::new());
    while !rest.is_empty() {
        let (batch, behind) = BatchView::parse(rest).map_err(|error| error.to_string())?;
        while upcoming.last().is_some_and(|one| one.first_offset <= batch.last_offset()) {
            aborted.extend(upcoming.pop().map(|one| one.producer));
        }
        let producer = batch.producer_id();
        if batch.is_control() {
            let marker = TransactionMarker::of_batch(&batch).map_err(|error| error.to_string())?;
            if marker.is_some_and(|marker| marker.outcome == TransactionOutcome::Abort) {
                aborted.remove(&producer);
            }
        } else if !aborted.contains(&producer) || rules == Broken::AbortedRead {
            let records = batch.records(&mut scratch, BATCH_BYTES_MAX);
            for record in records.map_err(|error| error.to_string())? {
                let record = record.map_err(|error| error.to_string())?;
                let value = String::from_utf8_lossy(record.value.unwrap_or_default());
                let value = value.into_owned();
                // A batch may begin before what was asked for.
                if from <= record.offset {
                    found.push(Committed { offset: record.offset, value });
                }
            }
        }
        (next, rest) = (batch.next_offset(), behind);
    }
    Ok((found, next))
}
