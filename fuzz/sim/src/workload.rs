//! The tasks of one life: appenders with and without idempotence, readers, and a keeper who
//! checkpoints, deletes, applies retention, bumps epochs, and makes partitions come and go.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use corelog_io::{sleep, timeout, wall_clock_ms};
use corelog_log::journal::Commit;
use corelog_log::{
    AppendError, AppendStamp, CleanError, FirstBatch, FlushError, LogConfig, PartError,
    PartitionLog, ReadRequest, Storage,
};
use corelog_model::builder::BatchBuilder;
use corelog_model::{
    BatchView, Codec, HeaderStamp, Offset, PartitionId, ProducerId, Sequence, Timestamp,
};

use crate::checker::{check_read, check_time, check_visible};
use crate::model::{BATCHES_KEPT, Batch, Partition, Producer, Sent, Standing};
use crate::world::World;

/// Longer than anything that makes progress takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A batch on its way to the log.
struct Draft {
    bytes: Rc<[u8]>,
    /// Set for a producer's batch: its sequences, and what the log must make of it.
    sent: Option<(Sequence, Sequence, Expected)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// It is appended.
    New,
    /// It is a retry of what stands at this offset.
    Duplicate(Offset),
    /// It leaves a gap or is too old.
    Refusal,
}

/// What an appender waits for: durability of everything below an offset.
struct Waiting {
    log: Rc<PartitionLog>,
    incarnation: u64,
    commit: Commit,
    end: Offset,
}

/// One task that appends to one partition, in order.
pub struct Appender {
    /// What all share.
    pub world: Rc<World>,
    /// Where it appends.
    pub storage: Rc<Storage>,
    /// To which partition.
    pub id: PartitionId,
    /// Its number, which is also its producer's.
    pub number: u32,
    /// Whether it is idempotent.
    pub is_idempotent: bool,
    /// Batches it appends.
    pub batches: u32,
}

impl Appender {
    /// Appends until it is done or the partition or the journal is gone.
    pub async fn run(self) {
        let mut waiting: VecDeque<Waiting> = VecDeque::new();
        let window = 1 << self.world.below(5);
        for _ in 0..self.batches {
            if self.world.is_ending.get() {
                break;
            }
            let Some(log) = self.storage.partition(self.id) else {
                if self.world.with(self.id, |model| model.standing == Standing::Present) {
                    // It is away for a moment.
                    sleep(Duration::from_millis(1)).await;
                    continue;
                }
                break;
            };
            let incarnation = self.world.with(self.id, |model| model.incarnation);
            if !self.append(&log, incarnation, &mut waiting).await {
                break;
            }
            while waiting.len() >= window {
                let Some(oldest) = waiting.pop_front() else { break };
                self.acknowledge(oldest).await;
            }
            if self.world.once_in(4) {
                sleep(Duration::from_micros(self.world.below(3_000))).await;
            }
        }
        for oldest in waiting {
            self.acknowledge(oldest).await;
        }
    }

    async fn acknowledge(&self, waiting: Waiting) {
        let Waiting { log, incarnation, commit, end } = waiting;
        match timeout(PATIENCE, commit.durable()).await {
            Ok(Ok(())) => self.acknowledged(&log, incarnation, end),
            Ok(Err(failed)) => self.world.note_failure(&failed.to_string()),
            Err(_) => self.world.find(format!("{}: an append is never acknowledged", self.id)),
        }
    }

    fn acknowledged(&self, log: &PartitionLog, incarnation: u64, end: Offset) {
        self.world.count(|counts| counts.acknowledged += 1);
        if self.world.with(self.id, |model| model.incarnation != incarnation) {
            return;
        }
        self.world.with(self.id, |model| model.acknowledge(end));
        check_visible(&self.world, self.id, log);
    }

    /// Appends one batch. False when there is no point in going on.
    async fn append(
        &self,
        log: &Rc<PartitionLog>,
        incarnation: u64,
        waiting: &mut VecDeque<Waiting>,
    ) -> bool {
        let draft = self.draft(log);
        if self.world.once_in(8) {
            // A client that goes away while it waits must not hold up the others.
            let pause = Duration::from_micros(self.world.below(500));
            drop(timeout(pause, log.ready(draft.bytes.len())).await);
        }
        match timeout(PATIENCE, log.ready(draft.bytes.len())).await {
            Ok(Ok(())) => {}
            Ok(Err(failed)) => {
                self.world.note_failure(&failed.to_string());
                return false;
            }
            Err(_) => {
                self.world.find(format!("{}: the log is never ready", self.id));
                return false;
            }
        }
        if self.world.with(self.id, |model| model.incarnation != incarnation) {
            return true;
        }
        let (view, _) = BatchView::parse(&draft.bytes).expect("a batch that was just built");
        let leader_epoch = self.world.with(self.id, |model| model.epoch);
        let now = Timestamp(wall_clock_ms());
        let append_time = self.world.once_in(5).then_some(now);
        let appended = log.append(&view, AppendStamp { leader_epoch, append_time, now });
        let expected = draft.sent.map_or(Expected::New, |sent| sent.2);
        match (appended, expected) {
            (Ok(appended), Expected::New) => {
                let base_offset = appended.base_offset;
                let head = HeaderStamp { base_offset, leader_epoch, append_time }.apply(&view);
                self.appended(&draft, &head, base_offset, append_time);
                let Some(commit) = appended.commit else {
                    self.world.find(format!("{}: a new batch counts as a retry", self.id));
                    return false;
                };
                let (log, end) = (Rc::clone(log), appended.last_offset.next());
                waiting.push_back(Waiting { log, incarnation, commit, end });
            }
            (Ok(appended), Expected::Duplicate(base)) => {
                if appended.commit.is_some() || appended.base_offset != base {
                    let found = appended.base_offset;
                    self.world.find(format!("{}: a retry of {base} is at {found}", self.id));
                }
                self.world.count(|counts| counts.duplicates += 1);
                let end = appended.last_offset.next();
                match timeout(PATIENCE, log.until_durable(end)).await {
                    Ok(Ok(())) => self.acknowledged(log, incarnation, end),
                    Ok(Err(_)) => {}
                    Err(_) => self.world.find(format!("{}: a retry hangs", self.id)),
                }
            }
            (Err(AppendError::Sequence(_)), Expected::Refusal) => {
                self.world.count(|counts| counts.refused += 1);
            }
            (Err(AppendError::Journal(failed)), _) => {
                self.world.note_failure(&failed.to_string());
                return false;
            }
            (Err(AppendError::Gone), _) => return false,
            (Err(AppendError::Parted), _) => {}
            (Err(AppendError::TooLarge { len, bytes_max }), _) if len > bytes_max => {}
            (Ok(_), Expected::Refusal) => {
                self.world.find(format!("{}: a gap in a producer's sequence is taken", self.id));
            }
            (Err(error), _) => self.world.find(format!("{}: {expected:?}, but {error}", self.id)),
        }
        true
    }

    /// Takes note of an append in the same step, before anybody can see it.
    fn appended(&self, draft: &Draft, head: &[u8], base: Offset, append_time: Option<Timestamp>) {
        let (view, _) = BatchView::parse(&draft.bytes).expect("it was parsed before");
        let next = base + i64::from(view.last_offset_delta()) + 1;
        let timestamp_ms = append_time.unwrap_or(view.max_timestamp()).0;
        let bytes: Rc<[u8]> = head.iter().chain(view.payload()).copied().collect();
        let wrong = self.world.with(self.id, |model| {
            if let Some((first, last, _)) = draft.sent
                && let Some(producer) = model.producers.get_mut(&self.number)
            {
                if producer.lost.front().is_some_and(|lost| lost.first == first) {
                    producer.lost.pop_front();
                } else {
                    producer.next = last.next_after(1);
                }
                let bytes = Rc::clone(&draft.bytes);
                producer.sent.push(Sent { first, last, bytes, base });
            }
            let epoch = model.epoch;
            model.attempt(base, Batch { bytes, next, epoch, timestamp_ms }).err()
        });
        self.world.count(|counts| counts.appended += 1);
        if let Some(wrong) = wrong {
            self.world.find(format!("{}: {wrong}", self.id));
        }
    }

    fn draft(&self, log: &PartitionLog) -> Draft {
        if !self.is_idempotent {
            let mut builder = BatchBuilder::new(Codec::None, None);
            return Draft { bytes: self.fill(&mut builder, log.batch_bytes_max()), sent: None };
        }
        let mut producer = self.world.with(self.id, |model| {
            let id = ProducerId(i64::from(self.number) + 1_000 * model.incarnation as i64);
            model.producers.entry(self.number).or_insert_with(|| Producer::new(id)).clone()
        });
        if let Some(again) = producer.lost.front() {
            let sent = Some((again.first, again.last, Expected::New));
            return Draft { bytes: Rc::clone(&again.bytes), sent };
        }
        if !producer.sent.is_empty() && self.world.once_in(5) {
            let back = (self.world.below(8) as usize + 1).min(producer.sent.len());
            let again = &producer.sent[producer.sent.len() - back];
            let expected = if back <= BATCHES_KEPT {
                Expected::Duplicate(again.base)
            } else {
                Expected::Refusal
            };
            let sent = Some((again.first, again.last, expected));
            return Draft { bytes: Rc::clone(&again.bytes), sent };
        }
        if self.world.once_in(60) {
            producer.bump();
            self.world.with(self.id, |model| model.producers.insert(self.number, producer.clone()));
        }
        let leaves_gap = !producer.sent.is_empty() && self.world.once_in(30);
        let first = if leaves_gap { producer.next.next_after(3) } else { producer.next };
        let mut builder = BatchBuilder::new(Codec::None, None);
        builder.set_producer(producer.id, producer.epoch, first);
        let bytes = self.fill(&mut builder, log.batch_bytes_max());
        let (view, _) = BatchView::parse(&bytes).expect("a batch that was just built");
        let expected = if leaves_gap { Expected::Refusal } else { Expected::New };
        let sent = Some((first, view.last_sequence(), expected));
        Draft { bytes, sent }
    }

    fn fill(&self, builder: &mut BatchBuilder, bytes_max: usize) -> Rc<[u8]> {
        let mut random = self.world.random.borrow_mut();
        let len = match random.u32(..100) {
            0..60 => random.usize(20..900),
            60..85 => random.usize(900..6_000),
            85..96 => random.usize(6_000..20_000),
            96..99 => random.usize(20_000..bytes_max.max(20_001)),
            _ => bytes_max + 1,
        };
        let records = random.usize(1..6);
        let mut value = vec![0; (len / records).max(1)];
        let now = wall_clock_ms();
        for _ in 0..records {
            random.fill(&mut value);
            let time = Timestamp(now - random.i64(0..50));
            if self.world.scenario.log.compaction.is_none() {
                builder.append(time, None, Some(&value), &[]);
                continue;
            }
            let key = [random.u8(..30)];
            let value = (random.u8(..6) > 0).then_some(&value[..]);
            builder.append(time, Some(&key), value, &[]);
        }
        builder.build(Offset::ZERO).into()
    }
}

impl World {
    /// The journal failed, which is fine if the disk did.
    pub fn note_failure(&self, why: &str) {
        self.count(|counts| counts.failures += 1);
        if !self.is_troubled.get() {
            self.find(format!("the journal failed on a good disk: {why}"));
        }
    }

    fn note_flush(&self, outcome: &Result<(), FlushError>) {
        match outcome {
            Ok(()) => self.count(|counts| counts.checkpoints += 1),
            Err(FlushError::Io(error)) if error.is_shortage() && self.is_troubled.get() => {
                self.count(|counts| counts.full += 1);
            }
            Err(error) => self.note_failure(&error.to_string()),
        }
    }
}

/// Reads random ranges until the life ends.
pub async fn read(world: Rc<World>, storage: Rc<Storage>) {
    let ids = world.ids();
    while !world.is_ending.get() {
        let id = ids[world.below(ids.len() as u64) as usize];
        if let Some(log) = storage.partition(id) {
            let (start, limit) = (log.log_start(), log.durable_end());
            check_visible(&world, id, &log);
            let mut offset = start + world.below((limit - start).max(0) as u64 + 1) as i64;
            if world.once_in(4) {
                check_time(&world, &log).await;
            }
            // Readers move forward for a while, as consumers do.
            for _ in 0..world.below(5) {
                let bytes_max = 1 << world.below(18);
                let first_batch = FirstBatch::Always;
                let request = ReadRequest { offset, limit, bytes_max, first_batch };
                if world.once_in(8) {
                    // A client that goes away while it is served.
                    let pause = Duration::from_micros(world.below(500));
                    drop(timeout(pause, log.read(request)).await);
                }
                match check_read(&world, &log, request, None).await {
                    Some(next) => offset = next,
                    None => break,
                }
            }
        }
        sleep(Duration::from_micros(world.below(5_000))).await;
    }
}

/// Does what an operator and the cluster do, until the life ends.
pub async fn keep(world: Rc<World>, storage: Rc<Storage>) {
    let ids = world.ids();
    while !world.is_ending.get() {
        sleep(Duration::from_micros(world.below(20_000))).await;
        let id = ids[world.below(ids.len() as u64) as usize];
        let chore = keep_once(&world, &storage, id);
        if timeout(PATIENCE, chore).await.is_err() {
            return world.find(format!("{id}: a chore of the keeper hangs"));
        }
    }
}

async fn keep_once(world: &World, storage: &Storage, id: PartitionId) {
    match world.below(10) {
        0 => {
            let outcome = storage.checkpoint().await;
            world.note_flush(&outcome);
        }
        1 => apply_retention(world, storage).await,
        2 => delete_records(world, storage, id).await,
        3 => bump_epoch(world, id),
        4 => {
            if let Some(log) = storage.partition(id) {
                let segment_bytes = 10_000 + world.below(100_000);
                log.set_config(LogConfig { segment_bytes, ..world.scenario.log.clone() });
            }
        }
        8 => part_and_return(world, storage, id).await,
        6 | 7 if world.scenario.log.compaction.is_some() => compact(world, storage).await,
        5 if world.scenario.partitions_change => match world.with(id, |model| model.standing) {
            // One that did not come back waits for the next start, as on a core.
            Standing::Present if storage.partition(id).is_none() => {}
            Standing::Present => delete(world, storage, id).await,
            Standing::Absent => create(world, storage, id).await,
            Standing::Creating | Standing::Deleting => {}
        },
        _ => {}
    }
}

/// Has a partition part from the storage and come back, as if it had been on another core.
async fn part_and_return(world: &World, storage: &Storage, id: PartitionId) {
    match storage.part(id, || {}).await {
        Ok(()) => {}
        Err(PartError::NotOpen) => return,
        Err(PartError::Flush(error)) => return world.note_flush(&Err(error)),
    }
    world.count(|counts| counts.parted += 1);
    match storage.adopt_partition(id, world.scenario.log.clone()).await {
        Ok(_) => {}
        Err(error) if world.is_troubled.get() || world.is_rotten.get() => {
            world.tell(format!("{id}: return: {error}"));
        }
        Err(error) => world.find(format!("{id}: it does not come back on a good disk: {error}")),
    }
}

fn bump_epoch(world: &World, id: PartitionId) {
    world.with(id, |model| model.epoch.0 += 1);
}

async fn apply_retention(world: &World, storage: &Storage) {
    for id in world.ids() {
        world.with(id, |model| model.retention_ran = true);
    }
    match storage.apply_retention(Timestamp(wall_clock_ms())).await {
        Ok(expired) => world.count(|counts| counts.expired += expired as u64),
        Err(error) if world.is_troubled.get() => world.tell(format!("retention: {error}")),
        Err(error) => world.find(format!("retention failed on a good disk: {error}")),
    }
}

async fn compact(world: &World, storage: &Storage) {
    match storage.clean_next(Timestamp(wall_clock_ms())).await {
        Ok(cleaned) => world.count(|counts| counts.compacted += u64::from(cleaned.is_some())),
        Err(CleanError::Stopped) => {}
        Err(CleanError::Damaged { .. }) if world.is_rotten.get() => {}
        Err(CleanError::Flush(error)) => world.note_flush(&Err(error)),
        Err(error) if world.is_troubled.get() => world.tell(format!("compaction: {error}")),
        Err(error) => world.find(format!("compaction failed on a good disk: {error}")),
    }
}

async fn delete_records(world: &World, storage: &Storage, id: PartitionId) {
    let Some(log) = storage.partition(id) else { return };
    let (start, end) = (log.log_start(), log.durable_end());
    let offset = start + world.below((end - start).max(0) as u64 + 1) as i64;
    let incarnation = world.with(id, |model| {
        model.start_asked = model.start_asked.max(offset);
        model.incarnation
    });
    match log.delete_before(offset).await {
        Ok(start) => world.with(id, |model| {
            if model.incarnation == incarnation {
                model.start_promised = model.start_promised.max(offset);
                if start < offset {
                    world.find(format!("{id}: records below {offset} are deleted, not {start}"));
                }
            }
        }),
        Err(AppendError::Gone | AppendError::Parted) => {}
        Err(error) => world.note_failure(&error.to_string()),
    }
}

/// Creates a partition and takes note of it.
pub async fn create(world: &World, storage: &Storage, id: PartitionId) {
    world.with(id, Partition::begin);
    match storage.create_partition(id, world.scenario.log.clone()).await {
        Ok(log) => {
            let end = log.end();
            if end > Offset::ZERO {
                world.find(format!("{id}: a new partition ends at {end}"));
            }
            world.with(id, |model| model.standing = Standing::Present);
        }
        Err(error) if world.is_troubled.get() => world.tell(format!("{id}: create: {error}")),
        Err(error) => world.find(format!("{id}: creating failed on a good disk: {error}")),
    }
}

async fn delete(world: &World, storage: &Storage, id: PartitionId) {
    world.with(id, |model| model.standing = Standing::Deleting);
    match storage.delete_partition(id).await {
        Ok(()) => {
            world.with(id, |model| model.standing = Standing::Absent);
            world.count(|counts| counts.deleted += 1);
        }
        Err(error) if world.is_troubled.get() => world.tell(format!("{id}: delete: {error}")),
        Err(error) => world.find(format!("{id}: deleting failed on a good disk: {error}")),
    }
}
