//! A share-partition with small bounds, and short words for what happens to it.

use std::time::Duration;

use corelog_coordinator::consumer_group::MemberId;
use corelog_coordinator::share_partition::{
    AcknowledgeType, AcknowledgementBatch, Acquire, AcquireMode, BatchKind, ReadBatch,
    SharePartition, SharePartitionConfig, Write, WriteId,
};
use corelog_coordinator::share_states::{DeliveryState, StateBatch};
use corelog_model::{ErrorCode, Offset};

pub(crate) use AcknowledgeType::{Accept, Gap, Reject, Release, Renew};

pub(crate) fn config() -> SharePartitionConfig {
    SharePartitionConfig {
        delivery_count_max: 2,
        lock_duration: Duration::from_secs(30),
        locks_max: 20,
    }
}

pub(crate) fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn member(name: &str) -> MemberId {
    MemberId::from(name)
}

/// A batch of records.
pub(crate) fn data(first: i64, last: i64) -> ReadBatch {
    ReadBatch { first: Offset(first), last: Offset(last), kind: BatchKind::Data }
}

/// A batch that no member gets.
pub(crate) fn hidden(first: i64, last: i64) -> ReadBatch {
    ReadBatch { kind: BatchKind::Hidden, ..data(first, last) }
}

pub(crate) fn stored(first: i64, last: i64, state: DeliveryState, count: i16) -> StateBatch {
    StateBatch { first: Offset(first), last: Offset(last), state, delivery_count: count }
}

pub(crate) struct Rig {
    pub(crate) partition: SharePartition,
    pub(crate) now: u64,
}

impl Rig {
    /// A partition that the group reads from its first record on.
    pub(crate) fn new() -> Rig {
        let mut rig = Rig { partition: SharePartition::begin(config(), Offset(0)), now: 0 };
        assert_eq!(rig.store(), (0, vec![]));
        rig
    }

    pub(crate) fn from(start: i64, stored: &[StateBatch]) -> Rig {
        Rig { partition: SharePartition::load(config(), Offset(start), stored), now: 0 }
    }

    pub(crate) fn acquire(&mut self, name: &str, batches: &[ReadBatch]) -> Vec<(i64, i64, i16)> {
        self.acquire_some(name, batches, 1000, AcquireMode::BatchOptimized)
    }

    /// First offset, last offset and delivery count of what the member gets.
    pub(crate) fn acquire_some(
        &mut self,
        name: &str,
        batches: &[ReadBatch],
        records_max: usize,
        mode: AcquireMode,
    ) -> Vec<(i64, i64, i16)> {
        let Some(from) = self.partition.next_fetch() else { return Vec::new() };
        let member = member(name);
        let acquire = Acquire { member: &member, records_max, mode, from, batches };
        let acquired = self.partition.acquire(at(self.now), acquire);
        acquired.iter().map(|one| (one.first.0, one.last.0, one.delivery_count)).collect()
    }

    pub(crate) fn say(
        &mut self,
        name: &str,
        batches: &[(i64, i64, &[AcknowledgeType])],
    ) -> Result<Option<WriteId>, ErrorCode> {
        let batch = |(first, last, types): &(i64, i64, &[AcknowledgeType])| AcknowledgementBatch {
            first: Offset(*first),
            last: Offset(*last),
            types: types.to_vec(),
        };
        let batches: Vec<_> = batches.iter().map(batch).collect();
        self.partition.acknowledge(at(self.now), &member(name), &batches)
    }

    pub(crate) fn take(&mut self) -> Write {
        self.partition.take_write().expect("there is something to store")
    }

    /// Stores what there is to store, and tells the start and the batches.
    pub(crate) fn store(&mut self) -> (i64, Vec<StateBatch>) {
        let write = self.take();
        self.partition.written(write.id);
        (write.start.0, write.batches)
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now += seconds;
        self.partition.tick(at(self.now));
    }

    /// The start, the end, and from where is read next, or -1.
    pub(crate) fn window(&self) -> (i64, i64, i64) {
        let next = self.partition.next_fetch().map_or(-1, |next| next.0);
        (self.partition.start().0, self.partition.end().0, next)
    }
}
