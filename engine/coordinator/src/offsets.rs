//! The committed offsets of one group. Only what is durable is in here: what is being appended is
//! kept beside, by the partition.

use std::collections::BTreeMap;

use corelog_model::{PartitionIndex, Timestamp, TopicName};

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
}

/// The offsets.
#[derive(Debug, Default)]
pub(crate) struct GroupOffsets {
    committed: BTreeMap<TopicPartition, OffsetCommitValue>,
    /// How many commits of a partition are being appended.
    in_flight: BTreeMap<TopicPartition, usize>,
}

impl GroupOffsets {
    pub(crate) fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.in_flight.is_empty()
    }

    /// How many partitions have an offset or will have one.
    pub(crate) fn count(&self) -> usize {
        let is_new = |partition: &&TopicPartition| !self.committed.contains_key(*partition);
        self.committed.len() + self.in_flight.keys().filter(is_new).count()
    }

    /// Whether a partition has an offset or will have one.
    pub(crate) fn knows(&self, partition: &TopicPartition) -> bool {
        self.committed.contains_key(partition) || self.in_flight.contains_key(partition)
    }

    /// Every partition that has an offset or will have one.
    pub(crate) fn partitions(&self) -> Vec<TopicPartition> {
        let is_new = |partition: &&TopicPartition| !self.committed.contains_key(*partition);
        self.committed.keys().chain(self.in_flight.keys().filter(is_new)).cloned().collect()
    }

    pub(crate) fn fetch(&self, partition: &TopicPartition) -> FetchedOffset {
        let committed = self.committed.get(partition).cloned();
        let (topic, partition) = partition.clone();
        FetchedOffset { topic, partition, committed }
    }

    pub(crate) fn fetch_all(&self) -> Vec<FetchedOffset> {
        self.committed.keys().map(|partition| self.fetch(partition)).collect()
    }

    /// An offset is being appended.
    pub(crate) fn begin(&mut self, partition: TopicPartition) {
        *self.in_flight.entry(partition).or_default() += 1;
    }

    /// An offset is no longer being appended: it is durable, or never will be.
    pub(crate) fn end(&mut self, partition: &TopicPartition) {
        let Some(count) = self.in_flight.get_mut(partition) else { return };
        *count -= 1;
        if *count == 0 {
            self.in_flight.remove(partition);
        }
    }

    /// An offset is durable.
    pub(crate) fn insert(&mut self, partition: TopicPartition, value: OffsetCommitValue) {
        self.committed.insert(partition, value);
    }

    /// A tombstone is durable.
    pub(crate) fn remove(&mut self, partition: &TopicPartition) {
        self.committed.remove(partition);
    }

    /// The offsets that have not been used for the retention, where `unused_since` says since when
    /// an offset of a topic is not, given when it was committed (KIP-211).
    pub(crate) fn expired(
        &self,
        now: Timestamp,
        retention_ms: i64,
        unused_since: impl Fn(&TopicName, Timestamp) -> Option<Timestamp>,
    ) -> Vec<TopicPartition> {
        let expired = self.committed.iter().filter(|(partition, value)| {
            let unused_since = unused_since(&partition.0, value.commit_timestamp);
            let is_expired = unused_since.is_some_and(|since| match value.expire_timestamp {
                Some(expires) => expires <= now,
                None => retention_ms <= now.get().saturating_sub(since.get()),
            });
            is_expired && !self.in_flight.contains_key(*partition)
        });
        expired.map(|(partition, _)| partition.clone()).collect()
    }
}

/// What removes an offset from the log.
pub(crate) fn tombstone(group: &str, partition: &TopicPartition) -> CoordinatorRecord {
    CoordinatorRecord::OffsetCommit { key: key(group, partition), value: None }
}

pub(crate) fn key(group: &str, (topic, partition): &TopicPartition) -> OffsetCommitKey {
    OffsetCommitKey { group: group.to_owned(), topic: topic.clone(), partition: *partition }
}
