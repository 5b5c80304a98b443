//! Members acquire records that were read for them. Whole batches are given out, as far as their
//! records are available, unless the member wants no more than a number of records.

use std::time::Duration;

use corelog_model::Offset;

use super::{ARCHIVED, AVAILABLE, Delivery, SharePartition, State, length};
use crate::consumer_group::MemberId;

/// One who wants records, and what was read for it.
#[derive(Clone, Copy, Debug)]
pub struct Acquire<'a> {
    /// Who it is.
    pub member: &'a MemberId,
    /// How many records it wants.
    pub records_max: usize,
    /// Whether it takes a few more.
    pub mode: AcquireMode,
    /// From where was read, as [`SharePartition::next_fetch`] said.
    pub from: Offset,
    /// The batches that are there from that offset on, in order. Offsets between them are in no
    /// batch: compaction has removed what was there.
    pub batches: &'a [ReadBatch],
}

/// How strict a member is about the number of records (KIP-1206).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcquireMode {
    /// Batches are not divided: it may be more.
    BatchOptimized,
    /// It is never more.
    RecordLimit,
}

/// A batch in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBatch {
    /// Its first offset.
    pub first: Offset,
    /// Its last offset.
    pub last: Offset,
    /// What it holds.
    pub kind: BatchKind,
}

/// What a batch holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchKind {
    /// Records for members.
    Data,
    /// Nothing for members: a marker, or records of a transaction that was aborted.
    Hidden,
}

/// Records that a member has for itself from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acquired {
    /// The first of them.
    pub first: Offset,
    /// The last of them.
    pub last: Offset,
    /// How often they were delivered, this time included.
    pub delivery_count: i16,
}

impl SharePartition {
    /// Gives records to a member. They are locked from now on; nothing is stored.
    pub fn acquire(&mut self, now: Duration, acquire: Acquire<'_>) -> Vec<Acquired> {
        let Acquire { member, records_max, mode, from, batches } = acquire;
        let until = now + self.config.lock_duration;
        let held = State::Acquired { member: member.clone(), until };
        let (mut acquired, mut room) = (Vec::new(), records_max);
        let mut position = from;
        for batch in batches {
            if room == 0 {
                break;
            }
            self.hide(position, Offset(batch.first.0 - 1));
            position = batch.last.next();
            match batch.kind {
                BatchKind::Hidden => self.hide(batch.first, batch.last),
                BatchKind::Data => {
                    for (first, last, count) in self.available(batch.first, batch.last) {
                        let last = match mode {
                            AcquireMode::BatchOptimized => last,
                            AcquireMode::RecordLimit => last.min(nth(first, room)),
                        };
                        if first <= last {
                            self.take(first, last, Delivery { state: held.clone(), count });
                            push(&mut acquired, first, last, count);
                            room = room.saturating_sub(length(first, last));
                        }
                    }
                    // The window is full, or the member has what it wants.
                    if self.end <= batch.last {
                        break;
                    }
                }
            }
        }
        if !acquired.is_empty() {
            self.lock_end = Some(self.lock_end.map_or(until, |at| at.min(until)));
        }
        self.advance();
        acquired
    }

    /// The parts of a batch that can be given out, with how often they will have been delivered.
    fn available(&self, first: Offset, last: Offset) -> Vec<(Offset, Offset, i16)> {
        let mut parts = Vec::new();
        let known = self.runs.within(first, last);
        let known = known.filter(|(_, _, delivery)| delivery.state == AVAILABLE);
        parts.extend(known.map(|(first, last, one)| (first, last, one.count.saturating_add(1))));
        if self.end <= last && self.in_flight() < self.config.locks_max {
            parts.push((self.end, last, 1));
        }
        parts
    }

    /// Nothing is at these offsets that a member could get.
    fn hide(&mut self, first: Offset, last: Offset) {
        for (first, last, _) in self.unseen(first, last) {
            self.take(first, last, Delivery { state: ARCHIVED, count: 0 });
        }
    }

    /// The parts of a range that nobody has, whether there is room for more or not.
    fn unseen(&self, first: Offset, last: Offset) -> Vec<(Offset, Offset, i16)> {
        let known = self.runs.within(first, last);
        let known = known.filter(|(_, _, delivery)| delivery.state == AVAILABLE);
        let mut parts: Vec<_> = known.map(|(first, last, one)| (first, last, one.count)).collect();
        if self.end <= last {
            parts.push((self.end, last, 0));
        }
        parts
    }

    fn take(&mut self, first: Offset, last: Offset, delivery: Delivery) {
        assert!(self.start <= first && first <= self.end, "the window has no holes");
        self.end = self.end.max(last.next());
        self.runs.set(first, last, delivery);
    }
}

/// The offset of the last of so many records from this one on.
fn nth(first: Offset, records: usize) -> Offset {
    let records = i64::try_from(records).unwrap_or(i64::MAX);
    Offset(first.0.saturating_add(records).saturating_sub(1))
}

/// Adds a part, to the last one where the two are one.
fn push(acquired: &mut Vec<Acquired>, first: Offset, last: Offset, delivery_count: i16) {
    match acquired.last_mut() {
        Some(before) if before.last.next() == first && before.delivery_count == delivery_count => {
            before.last = last;
        }
        _ => acquired.push(Acquired { first, last, delivery_count }),
    }
}
