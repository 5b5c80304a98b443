//! The claims. An acknowledged batch survives, at its offset, byte for byte. Nothing unacknowledged
//! is invented: whatever is there was attempted at that offset. Damage is reported and never
//! served.

use corelog_log::{FirstBatch, PartitionLog, ReadError, ReadRequest, Storage};
use corelog_model::{BatchView, Offset, PartitionId, Timestamp};
use std::rc::Rc;

use crate::compacted::{self, Shown};
use crate::model::{Partition, Standing};
use crate::world::World;

/// Compares an open storage with the model after a recovery, and makes what survived the truth.
pub async fn check_recovery(world: &World, storage: &Storage) {
    for id in world.ids() {
        let standing = world.with(id, |model| model.standing);
        match (storage.partition(id), standing) {
            (None, Standing::Present) => world.find(format!("partition {id} is gone")),
            (None, _) => world.with(id, |model| model.standing = Standing::Absent),
            (Some(_), Standing::Absent) => {
                world.find(format!("partition {id} was deleted and is back"));
            }
            (Some(log), Standing::Creating | Standing::Present | Standing::Deleting) => {
                check_log(world, &log).await;
            }
        }
    }
}

async fn check_log(world: &World, log: &Rc<PartitionLog>) {
    let id = log.id();
    let (start, end) = (log.log_start(), log.durable_end());
    if end != log.end() {
        world.find(format!("{id}: {end} is durable but the log ends at {}", log.end()));
    }
    let now_ms = corelog_io::wall_clock_ms();
    let lost = world.with(id, |model| {
        let allowed = model.start_allowed(&world.scenario.log, now_ms);
        let bounds = format!(
            "start {start} (promised {}, allowed {allowed}), end {end} \
            (acknowledged {}, attempted {})",
            model.start_promised, model.acked_end, model.end
        );
        if end < model.acked_end {
            world.find(format!("{id}: acknowledged batches are lost: {bounds}"));
        }
        if model.end < end || (end > Offset::ZERO && !is_boundary(model, end)) {
            world.find(format!("{id}: records were invented: {bounds}"));
        }
        if start < model.start_promised || allowed < start {
            world.find(format!("{id}: the log start is wrong: {bounds}"));
        }
        model.batches.range(end..).count()
    });
    world.count(|counts| counts.lost += lost as u64);
    if world.findings.borrow().is_empty() {
        world.with(id, |model| model.recovered(start, end));
        check_all(world, log).await;
        check_epochs(world, log);
    }
}

fn is_boundary(model: &Partition, end: Offset) -> bool {
    model.end == end || model.batches.contains_key(&end)
}

fn check_epochs(world: &World, log: &PartitionLog) {
    let (id, epochs) = (log.id(), log.epochs());
    world.with(id, |model| {
        for (base, batch) in model.batches.range(log.log_start()..) {
            let found = epochs.epoch_of(*base);
            if found != Some(batch.epoch) {
                world.find(format!("{id}: offset {base} has epoch {found:?}, not {}", batch.epoch));
                return;
            }
        }
    });
}

/// Reads a whole log and compares it.
pub async fn check_all(world: &World, log: &Rc<PartitionLog>) {
    let mut offset = log.log_start();
    let limit = log.durable_end();
    let mut shown = Shown::default();
    while offset < limit && world.findings.borrow().is_empty() {
        let bytes_max = 1 << world.below(17);
        let request = ReadRequest { offset, limit, bytes_max, first_batch: FirstBatch::Always };
        offset = match check_read(world, log, request, Some(&mut shown)).await {
            Some(next) => next,
            // Behind a damaged batch the others are still there.
            None => world.with(log.id(), |model| {
                model.batch_at(offset).map_or(limit, |(_, batch)| batch.next)
            }),
        };
    }
    let is_whole = world.scenario.log.compaction.is_some() && !world.is_rotten.get();
    if let Some(wrong) =
        is_whole.then(|| world.with(log.id(), |model| shown.compare(model, limit))).flatten()
    {
        world.find(format!("{}: the log has {wrong}", log.id()));
    }
}

/// Reads once and compares. Returns where the next read begins; `None` if nothing could be read.
pub async fn check_read(
    world: &World,
    log: &Rc<PartitionLog>,
    request: ReadRequest,
    mut shown: Option<&mut Shown>,
) -> Option<Offset> {
    let id = log.id();
    let incarnation = world.with(id, |model| model.incarnation);
    loop {
        let read = log.read(request).await;
        if world.with(id, |model| model.incarnation != incarnation || !model.is_readable()) {
            return None;
        }
        world.count(|counts| counts.reads += 1);
        match read {
            Ok(batches) => {
                let bytes = batches.pieces.to_vec();
                let is_compacted = world.scenario.log.compaction.is_some();
                let compare = if is_compacted { compacted::compare } else { compare };
                let wrong = world.with(id, |model| compare(model, &request, &bytes, batches.next));
                if let Some(wrong) = wrong {
                    world.find(format!("{id}: {request:?} gave {wrong}"));
                    return None;
                }
                if let Some(shown) = &mut shown {
                    shown.add(&bytes);
                }
                return Some(batches.next);
            }
            Err(ReadError::OutOfRange { .. }) if request.offset < log.log_start() => return None,
            Err(ReadError::Io(_)) if world.reads_may_fail() => {}
            Err(ReadError::Parted) => return None,
            Err(ReadError::Damaged { .. }) if world.is_rotten.get() => {
                world.count(|counts| counts.damage += 1);
                return None;
            }
            Err(error) => {
                world.find(format!("{id}: {request:?} failed: {error}"));
                return None;
            }
        }
    }
}

impl Partition {
    fn is_readable(&self) -> bool {
        self.standing == Standing::Present || self.standing == Standing::Creating
    }
}

/// What is wrong with an answer, if anything.
fn compare(model: &Partition, request: &ReadRequest, bytes: &[u8], next: Offset) -> Option<String> {
    let mut offset = request.offset;
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some((base, batch)) = model.batch_at(offset) else {
            return Some(format!("{} bytes at {offset}, where nothing was attempted", rest.len()));
        };
        let Some((found, behind)) = rest.split_at_checked(batch.bytes.len()) else {
            return Some(format!("a cut batch at {base}"));
        };
        if *found != *batch.bytes {
            return Some(format!("other bytes than those appended at {base}"));
        }
        if request.limit < batch.next {
            return Some(format!("the batch at {base}, which ends above the limit"));
        }
        (offset, rest) = (batch.next, behind);
    }
    if offset != next {
        return Some(format!("{next} as the next offset, not {offset}"));
    }
    if bytes.is_empty() && request.offset < request.limit {
        return Some("nothing, though there is something".to_owned());
    }
    let count_limit = bytes.len() > request.bytes_max;
    let first = model.batch_at(request.offset).map_or(0, |(_, batch)| batch.bytes.len());
    if count_limit && bytes.len() > first {
        return Some(format!("{} bytes", bytes.len()));
    }
    None
}

/// Looks for the first record at or after a time and compares.
pub async fn check_time(world: &World, log: &Rc<PartitionLog>) {
    let (id, start, limit) = (log.id(), log.log_start(), log.durable_end());
    let drawn = world.below(1 << 20);
    let target = world.with(id, |model| {
        let count = model.batches.range(start..limit).count().max(1);
        let batch = model.batches.range(start..limit).nth(drawn as usize % count);
        batch.map(|(_, batch)| Timestamp(batch.timestamp_ms + (drawn % 7) as i64 - 3))
    });
    let Some(target) = target.filter(|_| world.scenario.log.compaction.is_none()) else { return };
    let incarnation = world.with(id, |model| model.incarnation);
    let found = log.offset_for_time(target, limit).await;
    // What is deleted meanwhile may be found or not. An index has no checksum, so a changed bit of
    // it may mislead.
    let is_same = world.with(id, |model| model.incarnation == incarnation && model.is_readable());
    if !is_same || log.log_start() != start || world.is_rotten.get() {
        return;
    }
    world.count(|counts| counts.lookups += 1);
    match found {
        Ok(found) => {
            let expected = world.with(id, |model| first_at(model, start, limit, target));
            let found = found.map(|found| (found.offset, found.timestamp));
            if found != expected {
                world.find(format!("{id}: time {target:?} is at {found:?}, not {expected:?}"));
            }
        }
        Err(ReadError::Io(_)) if world.reads_may_fail() => {}
        Err(ReadError::Parted) => {}
        Err(error) => world.find(format!("{id}: looking for {target:?} failed: {error}")),
    }
}

fn first_at(
    model: &Partition,
    start: Offset,
    limit: Offset,
    target: Timestamp,
) -> Option<(Offset, Timestamp)> {
    let first = model.batch_at(start).map_or(start, |(base, _)| base);
    for (_, batch) in model.batches.range(first..limit) {
        let (view, _) = BatchView::parse(&batch.bytes).expect("the model holds whole batches");
        let mut scratch = Vec::new();
        let records =
            view.records(&mut scratch, batch.bytes.len()).expect("they are not compressed");
        for record in records {
            let record = record.expect("the model holds whole records");
            if start <= record.offset && target <= record.timestamp {
                return Some((record.offset, record.timestamp));
            }
        }
    }
    None
}

/// The model's view of a log that takes part in no crash: what was acknowledged is visible.
pub fn check_visible(world: &World, id: PartitionId, log: &PartitionLog) {
    let acked = world.with(id, |model| model.acked_end);
    let (durable, end) = (log.durable_end(), log.end());
    if log.has_parted() {
        // Whoever holds it still has not noticed that another one took its place.
        return;
    }
    if durable < acked || end < durable {
        world.find(format!("{id}: durable {durable} of {end}, but {acked} was acknowledged"));
    }
}
