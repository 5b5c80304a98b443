//! The committed offsets of one group, and those that open transactions may commit. Only what is
//! durable is in here: what is being appended is kept beside, by the partition.

use std::collections::{BTreeMap, BTreeSet};

use corelog_model::control::TransactionOutcome;
use corelog_model::{PartitionIndex, ProducerId, Timestamp, TopicName};

use crate::records::{CoordinatorRecord, OffsetCommitKey, OffsetCommitValue};

/// A partition of a topic by its name, as offsets are stored.
pub type TopicPartition = (TopicName, PartitionIndex);

/// What a group has committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedOffset {
    /// The topic.
    pub topic: TopicName,
    /// The partition of the topic.
    pub partition: PartitionIndex,
    /// The offset; none if there is none.
    pub committed: Option<OffsetCommitValue>,
    /// Whether an open transaction may commit another one.
    pub has_pending: bool,
}

/// An offset, and where it is in the log: of two for a partition the later one counts.
#[derive(Debug)]
pub(crate) struct Positioned {
    pub(crate) position: u64,
    pub(crate) value: OffsetCommitValue,
}

/// The offsets.
#[derive(Debug, Default)]
pub(crate) struct GroupOffsets {
    committed: BTreeMap<TopicPartition, Positioned>,
    /// How many commits of a partition are being appended, in transactions or not.
    in_flight: BTreeMap<TopicPartition, usize>,
    /// How many of them are in transactions.
    in_flight_transactional: BTreeMap<TopicPartition, usize>,
    /// What counts when the transaction of the producer is committed. No producer has none.
    transactional: BTreeMap<ProducerId, BTreeMap<TopicPartition, Positioned>>,
}

impl GroupOffsets {
    pub(crate) fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.in_flight.is_empty() && self.transactional.is_empty()
    }

    /// How many partitions have an offset or may have one.
    pub(crate) fn count(&self) -> usize {
        self.committed.len() + self.new_partitions().len()
    }

    /// Whether a partition has an offset or may have one.
    pub(crate) fn knows(&self, partition: &TopicPartition) -> bool {
        self.committed.contains_key(partition)
            || self.in_flight.contains_key(partition)
            || self.transactional.values().any(|offsets| offsets.contains_key(partition))
    }

    /// Every partition that has an offset or may have one.
    pub(crate) fn partitions(&self) -> Vec<TopicPartition> {
        self.committed.keys().chain(self.new_partitions()).cloned().collect()
    }

    /// Those that may have one and have none yet.
    fn new_partitions(&self) -> BTreeSet<&TopicPartition> {
        let transactional = self.transactional.values().flat_map(BTreeMap::keys);
        let coming = self.in_flight.keys().chain(transactional);
        coming.filter(|partition| !self.committed.contains_key(*partition)).collect()
    }

    pub(crate) fn fetch(&self, partition: &TopicPartition) -> FetchedOffset {
        let committed = self.committed.get(partition).map(|offset| offset.value.clone());
        let has_pending = self.has_pending(partition);
        let (topic, partition) = partition.clone();
        FetchedOffset { topic, partition, committed, has_pending }
    }

    pub(crate) fn fetch_all(&self) -> Vec<FetchedOffset> {
        self.committed.keys().map(|partition| self.fetch(partition)).collect()
    }

    /// Whether an open transaction may commit an offset of a partition, or will do so.
    fn has_pending(&self, partition: &TopicPartition) -> bool {
        self.in_flight_transactional.contains_key(partition)
            || self.transactional.values().any(|offsets| offsets.contains_key(partition))
    }

    /// An offset is being appended.
    pub(crate) fn begin(&mut self, partition: TopicPartition) {
        *self.in_flight.entry(partition).or_default() += 1;
    }

    /// An offset is no longer being appended: it is durable, or never will be.
    pub(crate) fn end(&mut self, partition: &TopicPartition) {
        count_down(&mut self.in_flight, partition);
    }

    /// An offset in a transaction is being appended.
    pub(crate) fn begin_transactional(&mut self, partition: TopicPartition) {
        *self.in_flight_transactional.entry(partition.clone()).or_default() += 1;
        self.begin(partition);
    }

    /// An offset in a transaction is no longer being appended.
    pub(crate) fn end_transactional(&mut self, partition: &TopicPartition) {
        count_down(&mut self.in_flight_transactional, partition);
        self.end(partition);
    }

    /// An offset is durable.
    pub(crate) fn insert(&mut self, partition: TopicPartition, offset: Positioned) {
        self.committed.insert(partition, offset);
    }

    /// An offset in the transaction of a producer is durable.
    pub(crate) fn insert_transactional(
        &mut self,
        producer_id: ProducerId,
        partition: TopicPartition,
        offset: Positioned,
    ) {
        self.transactional.entry(producer_id).or_default().insert(partition, offset);
    }

    /// The transaction of a producer has ended: its offsets count from where they are in the log,
    /// or not at all.
    pub(crate) fn end_transaction(&mut self, producer_id: ProducerId, outcome: TransactionOutcome) {
        let offsets = self.transactional.remove(&producer_id).unwrap_or_default();
        if outcome == TransactionOutcome::Abort {
            return;
        }
        for (partition, offset) in offsets {
            let committed = self.committed.get(&partition);
            if committed.is_none_or(|committed| committed.position < offset.position) {
                self.committed.insert(partition, offset);
            }
        }
    }

    /// A tombstone is durable. It is about what transactions have for the partition too.
    pub(crate) fn remove(&mut self, partition: &TopicPartition) {
        self.committed.remove(partition);
        self.transactional.retain(|_, offsets| {
            offsets.remove(partition);
            !offsets.is_empty()
        });
    }

    /// The offsets that have not been used for the retention, where `unused_since` says since when
    /// an offset of a topic is not, given when it was committed (KIP-211).
    pub(crate) fn expired(
        &self,
        now: Timestamp,
        retention_ms: i64,
        unused_since: impl Fn(&TopicName, Timestamp) -> Option<Timestamp>,
    ) -> Vec<TopicPartition> {
        let expired = self.committed.iter().filter(|(partition, Positioned { value, .. })| {
            let unused_since = unused_since(&partition.0, value.commit_timestamp);
            let is_expired = unused_since.is_some_and(|since| match value.expire_timestamp {
                Some(expires) => expires <= now,
                None => retention_ms <= now.get().saturating_sub(since.get()),
            });
            is_expired && !self.in_flight.contains_key(*partition) && !self.has_pending(partition)
        });
        expired.map(|(partition, _)| partition.clone()).collect()
    }
}

fn count_down(counts: &mut BTreeMap<TopicPartition, usize>, partition: &TopicPartition) {
    let Some(count) = counts.get_mut(partition) else { return };
    *count -= 1;
    if *count == 0 {
        counts.remove(partition);
    }
}

/// What removes an offset from the log.
pub(crate) fn tombstone(group: &str, partition: &TopicPartition) -> CoordinatorRecord {
    CoordinatorRecord::OffsetCommit { key: key(group, partition), value: None }
}

pub(crate) fn key(group: &str, (topic, partition): &TopicPartition) -> OffsetCommitKey {
    OffsetCommitKey { group: group.to_owned(), topic: topic.clone(), partition: *partition }
}
