//! A partition as one share group reads it (KIP-932): a window between the first record that is not
//! done with and the end of what was ever given out, and in it how far each record is. Members
//! acquire records for a while, and say what became of them. What they say holds once it is stored.
//!
//! One write is on its way at a time; what changes meanwhile goes with the next. If a write fails,
//! the value is dropped and loaded anew.

mod acknowledgement;
mod acquisition;
mod writing;

use std::time::Duration;

use corelog_model::Offset;

use crate::consumer_group::MemberId;
use crate::runs::Runs;
use crate::share_states::{DeliveryState, StateBatch};

pub use acknowledgement::{AcknowledgeType, AcknowledgementBatch};
pub use acquisition::{Acquire, AcquireMode, Acquired, BatchKind, ReadBatch};
pub use writing::{Write, WriteId};

/// Runs in the window at most; acknowledgements that would make more are refused. All of them fit
/// into a record of the state topic.
const RUNS_MAX: usize = 32_000;

/// What the operator sets for the partitions of share groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharePartitionConfig {
    /// How often a record is delivered at most (`group.share.delivery.count.limit`).
    pub delivery_count_max: i16,
    /// How long a member has a record for itself (`group.share.record.lock.duration.ms`).
    pub lock_duration: Duration,
    /// How many records may be between the first that is not done with and the last that was given
    /// out (`group.share.partition.max.record.locks`). A whole batch may go beyond.
    pub locks_max: usize,
}

impl Default for SharePartitionConfig {
    fn default() -> Self {
        SharePartitionConfig {
            delivery_count_max: 5,
            lock_duration: Duration::from_secs(30),
            locks_max: 2000,
        }
    }
}

/// The partition.
#[derive(Debug)]
pub struct SharePartition {
    config: SharePartitionConfig,
    /// The first record that is not done with.
    start: Offset,
    /// The one after the last that was ever given out.
    end: Offset,
    /// All records from the start to the end.
    runs: Runs<Delivery>,
    /// The number of the next write.
    write_next: u64,
    /// The write that is on its way.
    writing: Option<WriteId>,
    /// Whether something waits for the next write.
    is_changed: bool,
    /// No lock ends before this.
    lock_end: Option<Duration>,
}

/// How far a record is, and how often it was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Delivery {
    state: State,
    count: i16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Settled(DeliveryState),
    Acquired {
        member: MemberId,
        until: Duration,
    },
    /// What it becomes is being stored.
    Settling {
        to: DeliveryState,
        write: WriteId,
    },
}

const AVAILABLE: State = State::Settled(DeliveryState::Available);
const ARCHIVED: State = State::Settled(DeliveryState::Archived);

impl SharePartition {
    /// A partition that the group has never read, from this offset on. The offset is stored first.
    pub fn begin(config: SharePartitionConfig, start: Offset) -> Self {
        SharePartition { is_changed: true, ..SharePartition::load(config, start, &[]) }
    }

    /// A partition as it is stored. Records between the stored ones had been acquired, and are
    /// available again.
    pub fn load(config: SharePartitionConfig, start: Offset, stored: &[StateBatch]) -> Self {
        let mut partition = SharePartition {
            config,
            start,
            end: start,
            runs: Runs::default(),
            write_next: 0,
            writing: None,
            is_changed: false,
            lock_end: None,
        };
        let last = stored.iter().map(|batch| batch.last).max();
        if let Some(last) = last.filter(|last| start <= *last) {
            partition.runs.set(start, last, Delivery { state: AVAILABLE, count: 0 });
            partition.end = last.next();
        }
        for batch in stored.iter().filter(|batch| start <= batch.last && batch.first <= batch.last)
        {
            let state = State::Settled(batch.state);
            let delivery = Delivery { state, count: batch.delivery_count };
            partition.runs.set(batch.first.max(start), batch.last, delivery);
        }
        partition.advance();
        partition
    }

    /// The first record that is not done with.
    pub fn start(&self) -> Offset {
        self.start
    }

    /// The one after the last record that was ever given out.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// The settings hold for what comes from now on.
    pub fn configure(&mut self, config: SharePartitionConfig) {
        self.config = config;
    }

    /// How long a member has a record for itself.
    pub fn lock_duration(&self) -> Duration {
        self.config.lock_duration
    }

    /// From where to read for one who wants records; none if there are as many under way as may be.
    pub fn next_fetch(&self) -> Option<Offset> {
        let available = self.runs.iter().find(|(_, _, delivery)| delivery.state == AVAILABLE);
        match available {
            Some((first, ..)) => Some(first),
            None => (self.in_flight() < self.config.locks_max).then_some(self.end),
        }
    }

    /// When [`SharePartition::tick`] has something to do.
    pub fn next_wakeup(&self) -> Option<Duration> {
        self.lock_end
    }

    /// Takes the records back that members have kept for too long.
    pub fn tick(&mut self, now: Duration) {
        if self.lock_end.is_none_or(|at| now < at) {
            return;
        }
        let mut over = Vec::new();
        self.lock_end = None;
        for (first, last, delivery) in self.runs.iter() {
            let State::Acquired { until, .. } = delivery.state else { continue };
            if until <= now {
                over.push((first, last, delivery.count));
            } else {
                self.lock_end = Some(self.lock_end.map_or(until, |at| at.min(until)));
            }
        }
        for (first, last, count) in over {
            self.settle(first, last, self.released(count), count);
        }
    }

    /// A member goes away: what it had is as if it had never been delivered to it.
    pub fn release(&mut self, member: &MemberId) {
        let held = self.runs.iter().filter(|(_, _, delivery)| delivery.is_held_by(member));
        let held = held.map(|(first, last, delivery)| (first, last, delivery.count));
        for (first, last, count) in held.collect::<Vec<_>>() {
            self.settle(first, last, DeliveryState::Available, (count - 1).max(0));
        }
    }

    /// The log begins at this offset: nothing before it can be delivered any more.
    pub fn move_start(&mut self, log_start: Offset) {
        if log_start <= self.start {
            return;
        }
        self.runs.drop_before(log_start);
        self.start = log_start;
        self.end = self.end.max(log_start);
        self.is_changed = true;
        self.advance();
    }

    /// What a record becomes that a member gives back.
    fn released(&self, count: i16) -> DeliveryState {
        if count >= self.config.delivery_count_max {
            DeliveryState::Archived
        } else {
            DeliveryState::Available
        }
    }

    /// Records become something with the next write.
    fn settle(&mut self, first: Offset, last: Offset, to: DeliveryState, count: i16) -> WriteId {
        let write = WriteId(self.write_next);
        self.runs.set(first, last, Delivery { state: State::Settling { to, write }, count });
        self.is_changed = true;
        write
    }

    /// Leaves the records behind that are done with.
    fn advance(&mut self) {
        while let Some((first, last, delivery)) = self.runs.first() {
            assert!(first == self.start, "the window begins with its first record");
            let State::Settled(state) = delivery.state else { return };
            if !state.is_final() {
                return;
            }
            self.start = last.next();
            self.runs.drop_before(self.start);
        }
    }

    /// How many records are under way or wait behind one that is.
    fn in_flight(&self) -> usize {
        let counted = self.runs.iter().filter(|(_, _, delivery)| delivery.state != ARCHIVED);
        counted.map(|(first, last, _)| length(first, last)).sum()
    }
}

impl Delivery {
    fn is_held_by(&self, one: &MemberId) -> bool {
        matches!(&self.state, State::Acquired { member, .. } if member == one)
    }
}

/// How many offsets there are, both ends included.
fn length(first: Offset, last: Offset) -> usize {
    usize::try_from(last - first + 1).unwrap_or(0)
}
