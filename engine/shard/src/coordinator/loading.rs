//! What a coordinator knows when it begins: all records of its partition, from the first to the
//! last durable one.

use std::rc::{Rc, Weak};

use corelog_coordinator::groups::Loaded;
use corelog_io::{now, yield_now};
use corelog_log::{FirstBatch, PartitionLog, ReadError, ReadRequest};
use corelog_model::control::TransactionMarker;
use corelog_model::{BatchView, Offset};

use super::{Coordinator, Decider, moment};

const READ_BYTES: usize = 1 << 20;
/// A batch of ours is not compressed; one that some tool wrote may be.
const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;

/// Loads the coordinator and lets it begin.
pub(super) async fn load<D: Decider>(coordinator: Weak<Coordinator<D>>) {
    let Some(there) = coordinator.upgrade() else { return };
    let log = Rc::clone(&there.partition.log);
    let began = now();
    match read(&there, &log).await {
        Ok(()) => {}
        // Requests go on being told that it is loading: nothing is answered from half the truth.
        Err(error) => {
            tracing::error!(%error, partition = %log.id(), noun = D::NOUN, "nothing can be loaded");
            return;
        }
    }
    there.shard.metrics().coordinator_loaded(now().since(began));
    let mut decider = there.decider.borrow_mut();
    let outputs = decider.finish_loading(moment());
    let count = decider.count();
    drop(decider);
    if count > 0 {
        tracing::info!(partition = %log.id(), count, noun = D::NOUN, "a coordinator is loaded");
    }
    there.is_loaded.set(true);
    there.perform(outputs);
}

/// Loads the coordinator once nothing of what it said before is on its way to the log.
pub(super) async fn load_when_settled<D: Decider>(coordinator: Weak<Coordinator<D>>) {
    loop {
        let Some(there) = coordinator.upgrade() else { return };
        let news = there.settled_news.waiting();
        if there.unsettled.get() == 0 {
            break;
        }
        drop(there);
        news.await;
    }
    load(coordinator).await;
}

async fn read<D: Decider>(there: &Coordinator<D>, log: &PartitionLog) -> Result<(), ReadError> {
    let limit = log.durable_end();
    let mut offset = log.log_start();
    let mut scratch = Vec::new();
    while offset < limit {
        let first_batch = FirstBatch::Always;
        let request = ReadRequest { offset, limit, bytes_max: READ_BYTES, first_batch };
        let read = log.read(request).await?;
        let bytes = read.pieces.to_vec();
        let mut rest = &bytes[..];
        while let Ok((batch, behind)) = BatchView::parse(rest) {
            take_batch(there, &batch, &mut scratch);
            rest = behind;
        }
        if !rest.is_empty() {
            tracing::error!(%offset, partition = %log.id(), "a batch is damaged");
        }
        assert!(offset < read.next, "a read below the end moves on");
        offset = read.next;
        yield_now().await;
    }
    Ok(())
}

/// Hands over the records of a batch. One that cannot be read is left out, and told.
fn take_batch<D: Decider>(there: &Coordinator<D>, batch: &BatchView<'_>, scratch: &mut Vec<u8>) {
    let header = batch.header();
    let partition = there.partition.log.id();
    let skip = |offset: Offset, why: &dyn std::fmt::Display| {
        tracing::error!(%offset, %partition, %why, noun = D::NOUN, "a record is skipped");
    };
    let mut decider = there.decider.borrow_mut();
    let producer_id = header.is_transactional().then(|| header.producer_id());
    if header.is_control() {
        match (TransactionMarker::of_batch(batch), producer_id) {
            (Ok(Some(marker)), Some(producer)) => decider.load_marker(producer, marker.outcome),
            (Ok(_), _) => {}
            (Err(error), _) => skip(header.base_offset(), &error),
        }
        return;
    }
    let records = match batch.records(scratch, DECOMPRESSED_BYTES_MAX) {
        Ok(records) => records,
        Err(error) => return skip(header.base_offset(), &error),
    };
    for record in records {
        let record = match record {
            Ok(record) => record,
            Err(error) => return skip(header.base_offset(), &error),
        };
        let offset = header.base_offset() + i64::from(record.offset_delta);
        match decider.load(producer_id, record.key.unwrap_or_default(), record.value) {
            Ok(Loaded::Taken) => {}
            Ok(Loaded::Skipped { key_version }) => {
                tracing::debug!(%offset, %partition, key_version, "a record of an unknown kind");
            }
            Err(error) => skip(offset, &error),
        }
    }
}
