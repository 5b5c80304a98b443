//! What was attempted and what was acknowledged, partition by partition: the truth that storage is
//! compared with. After each recovery the survivors become the truth.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use corelog_log::LogConfig;
use corelog_model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};

/// Batches of one producer that a partition remembers.
pub const BATCHES_KEPT: usize = 5;

/// A batch that was handed to the log, as it must come back.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Its bytes with base offset, leader epoch and append time stamped.
    pub bytes: Rc<[u8]>,
    /// The offset after its last record.
    pub next: Offset,
    /// The epoch it was appended in.
    pub epoch: LeaderEpoch,
    /// Its largest timestamp.
    pub timestamp_ms: i64,
}

/// A batch of an idempotent producer as the producer keeps it for a retry.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Sequence of its first record.
    pub first: Sequence,
    /// Sequence of its last record.
    pub last: Sequence,
    /// Its bytes as they are sent.
    pub bytes: Rc<[u8]>,
    /// Where the log put it; meaningless for a lost one.
    pub base: Offset,
}

/// An idempotent producer on one partition.
#[derive(Debug, Clone)]
pub struct Producer {
    /// Its id.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
    /// Sequence of the next new batch.
    pub next: Sequence,
    /// What the log took in this epoch, oldest first.
    pub sent: Vec<Sent>,
    /// What the log took and lost in a crash, to be sent again before anything new.
    pub lost: VecDeque<Sent>,
}

impl Producer {
    /// One that has sent nothing.
    pub fn new(id: ProducerId) -> Self {
        let epoch = ProducerEpoch(0);
        Self { id, epoch, next: Sequence(0), sent: Vec::new(), lost: VecDeque::new() }
    }

    /// Moves to a new epoch, which starts at sequence 0 and forgets what was sent.
    pub fn bump(&mut self) {
        *self = Self { epoch: ProducerEpoch(self.epoch.0 + 1), ..Self::new(self.id) };
    }
}

/// Whether a partition exists, as far as its clients were told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was deleted, or never created.
    Absent,
    /// Its creation was not acknowledged.
    Creating,
    /// It exists.
    Present,
    /// Its deletion was not acknowledged.
    Deleting,
}

/// One partition.
#[derive(Debug, Clone)]
pub struct Partition {
    /// Whether it exists.
    pub standing: Standing,
    /// Counts its creations, so that a task can see that it was deleted and made anew.
    pub incarnation: u64,
    /// Everything that may be in the log, by base offset.
    pub batches: BTreeMap<Offset, Batch>,
    /// Everything below was acknowledged.
    pub acked_end: Offset,
    /// The offset after the last attempt.
    pub end: Offset,
    /// An acknowledged deletion: nothing below may come back.
    pub start_promised: Offset,
    /// The largest start that somebody asked for.
    pub start_asked: Offset,
    /// Whether retention ran, which may delete more.
    pub retention_ran: bool,
    /// Its leader's epoch.
    pub epoch: LeaderEpoch,
    /// Its producers, by the task that speaks for them.
    pub producers: BTreeMap<u32, Producer>,
    /// Of a compacted log, the newest record of each key and whether it marks a deletion.
    pub newest_of_key: BTreeMap<Vec<u8>, (Offset, bool)>,
}

impl Partition {
    /// A partition nobody created.
    pub fn absent() -> Self {
        Self {
            standing: Standing::Absent,
            incarnation: 0,
            batches: BTreeMap::new(),
            acked_end: Offset::ZERO,
            end: Offset::ZERO,
            start_promised: Offset::ZERO,
            start_asked: Offset::ZERO,
            retention_ran: false,
            epoch: LeaderEpoch(0),
            producers: BTreeMap::new(),
            newest_of_key: BTreeMap::new(),
        }
    }

    /// Forgets everything: the partition is made anew.
    pub fn begin(&mut self) {
        let (incarnation, epoch) = (self.incarnation + 1, LeaderEpoch(self.epoch.0 + 1));
        let standing = Standing::Creating;
        *self = Self { standing, incarnation, epoch, ..Self::absent() };
    }

    /// Takes note of a batch the log took at `base`. It must continue the log.
    pub fn attempt(&mut self, base: Offset, batch: Batch) -> Result<(), String> {
        if base != self.end {
            return Err(format!("offset {base} was given where {} is next", self.end));
        }
        self.end = batch.next;
        self.note_keys(&batch);
        self.batches.insert(base, batch);
        Ok(())
    }

    /// Takes note that everything below `end` was acknowledged.
    pub fn acknowledge(&mut self, end: Offset) {
        self.acked_end = self.acked_end.max(end);
    }

    /// The batch that holds `offset`.
    pub fn batch_at(&self, offset: Offset) -> Option<(Offset, &Batch)> {
        let (base, batch) = self.batches.range(..=offset).next_back()?;
        (offset < batch.next).then_some((*base, batch))
    }

    /// The largest log start offset that anybody's wish explains.
    pub fn start_allowed(&self, config: &LogConfig, now_ms: i64) -> Offset {
        let mut allowed = self.start_asked;
        if !self.retention_ran || !config.deletes {
            return allowed;
        }
        if let Some(limit) = config.retention_bytes {
            let mut rest = 0;
            let kept = self.batches.iter().rev().find(|(_, batch)| {
                rest += batch.bytes.len() as u64;
                rest >= limit
            });
            allowed =
                allowed.max(if limit == 0 { self.end } else { *kept.map_or(&allowed, |k| k.0) });
        }
        if let Some(limit) = config.retention_ms {
            let young = |batch: &Batch| now_ms - batch.timestamp_ms <= limit;
            let kept = self.batches.iter().find(|(_, batch)| young(batch));
            allowed = allowed.max(kept.map_or(self.end, |kept| *kept.0));
        }
        allowed
    }

    /// The log came back with everything below `end` and from `start` on: that is the truth from
    /// now on.
    pub fn recovered(&mut self, start: Offset, end: Offset) {
        self.batches.split_off(&end);
        self.note_all_keys();
        (self.end, self.acked_end) = (end, end);
        self.start_asked = start;
        self.standing = Standing::Present;
        for producer in self.producers.values_mut() {
            let kept = producer.sent.partition_point(|sent| sent.base < end);
            for lost in producer.sent.split_off(kept).into_iter().rev() {
                producer.lost.push_front(lost);
            }
        }
    }

    /// Where each epoch began, from the batches that are known.
    pub fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.batch_at(offset).map(|(_, batch)| batch.epoch)
    }
}
