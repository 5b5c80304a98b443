//! Offsets are committed, fetched, deleted and expire.

use std::collections::BTreeSet;
use std::time::Duration;

use corelog_model::{ErrorCode, LeaderEpoch, Timestamp, TopicName};

use super::group::{Group, Members};
use super::pending::Pending;
use super::{Groups, TEXT_BYTES_MAX, refusal};
use crate::config::GroupConfig;
use crate::input::{CommitOffsets, DeleteOffsets, Input, Now, OffsetToCommit};
use crate::offsets::{FetchedOffset, TopicPartition, key, tombstone};
use crate::output::{Output, PartitionResult, Reply};
use crate::records::{CoordinatorRecord, OffsetCommitValue};

impl Groups {
    /// The committed offsets of a group, of some partitions or of all. A group that does not exist
    /// has none.
    pub fn fetch_offsets(
        &self,
        group: &str,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<Vec<FetchedOffset>, ErrorCode> {
        if let Some(code) = self.unready() {
            return Err(code);
        }
        let group = self.by_id.get(group);
        let group = group.filter(|group| !group.is_dead());
        let offsets = match (group, partitions) {
            (None, None) => Vec::new(),
            (Some(group), None) => group.offsets.fetch_all(),
            (Some(group), Some(partitions)) => {
                partitions.iter().map(|partition| group.offsets.fetch(partition)).collect()
            }
            (None, Some(partitions)) => {
                let none = |(topic, partition): &TopicPartition| FetchedOffset {
                    topic: topic.clone(),
                    partition: *partition,
                    committed: None,
                    has_pending: false,
                };
                partitions.iter().map(none).collect()
            }
        };
        Ok(offsets)
    }

    /// Whether a member may fetch the offsets of its group (OffsetFetch, versions 9+). Only
    /// consumer groups care.
    pub fn check_fetch_offsets(
        &self,
        group: &str,
        member_id: Option<&str>,
        epoch: i32,
    ) -> Result<(), ErrorCode> {
        if let Some(code) = self.unready() {
            return Err(code);
        }
        match self.by_id.get(group).map(|group| &group.members) {
            Some(Members::Consumer(consumer)) => consumer.check_fetch(member_id, epoch),
            Some(Members::Classic(_) | Members::Share(_)) | None => Ok(()),
        }
    }

    /// Commits offsets. They are visible, and the request is answered, once they are durable.
    pub(super) fn commit_offsets(&mut self, now: Now, commit: CommitOffsets) -> Vec<Output> {
        if let Err(code) = self.check_commit(&commit) {
            return refusal(Input::CommitOffsets(commit), code).into_iter().collect();
        }
        let id = commit.group.clone();
        if !self.by_id.contains_key(&id) {
            self.by_id.insert(id.clone(), Group::new(&id, now.wall));
        }
        let limits = Limits::of(&self.config);
        let (pending, outputs) = self.with(now, &id, |group, step| {
            if let Err(code) = group.check_commit(&commit, step) {
                step.outputs.extend(refusal(Input::CommitOffsets(commit), code));
                return None;
            }
            let expire_timestamp = commit.retention.map(|kept| now.wall + milliseconds(kept));
            let (results, offsets) = group.take_offsets(commit.offsets, &limits, |offset| {
                value(offset, now.wall, expire_timestamp)
            });
            if offsets.is_empty() {
                step.reply(commit.request, Reply::CommitOffsets(results));
                return None;
            }
            for (partition, _) in &offsets {
                group.offsets.begin(partition.clone());
            }
            let append = step.append(records_of(&commit.group, &offsets));
            let (group, request) = (commit.group, commit.request);
            Some((append, Pending::Commit { group, request, results, offsets }))
        });
        self.pending.extend(pending);
        outputs
    }

    pub(super) fn check_commit(&self, commit: &CommitOffsets) -> Result<(), ErrorCode> {
        if commit.group.len() > TEXT_BYTES_MAX {
            return Err(ErrorCode::InvalidGroupId);
        }
        if self.by_id.contains_key(&commit.group) {
            return Ok(());
        }
        if commit.generation >= 0 {
            return Err(ErrorCode::IllegalGeneration);
        }
        self.check_room()
    }

    /// Deletes offsets of topics that the group does not read.
    pub(super) fn delete_offsets(&mut self, now: Now, delete: DeleteOffsets) -> Vec<Output> {
        let group = self.by_id.get(&delete.group).ok_or(ErrorCode::GroupIdNotFound);
        if let Err(code) = group.and_then(Group::check_delete_offsets) {
            return refusal(Input::DeleteOffsets(delete), code).into_iter().collect();
        }
        let id = delete.group;
        let (pending, outputs) = self.with(now, &id, |group, step| {
            let mut results = Vec::with_capacity(delete.partitions.len());
            let mut partitions = Vec::new();
            for partition in delete.partitions {
                let result = if group.uses(&partition.0) {
                    Err(ErrorCode::GroupSubscribedToTopic)
                } else {
                    Ok(())
                };
                if result.is_ok() && group.offsets.knows(&partition) {
                    partitions.push(partition.clone());
                }
                let (topic, partition) = partition;
                results.push(PartitionResult { topic, partition, result });
            }
            if partitions.is_empty() {
                step.reply(delete.request, Reply::DeleteOffsets(Ok(results)));
                return None;
            }
            let records = partitions.iter().map(|partition| tombstone(&id, partition)).collect();
            let append = step.append(records);
            let request = Some((delete.request, results));
            let group = id.clone();
            Some((append, Pending::DeleteOffsets { group, request, partitions }))
        });
        self.pending.extend(pending);
        outputs
    }

    /// Removes the offsets of topics that are no more, whether groups read them or not.
    pub(super) fn forget_topics(&mut self, now: Now, topics: &[TopicName]) -> Vec<Output> {
        let gone = self.by_id.iter().filter_map(|(id, group)| {
            let mut partitions = group.offsets.partitions();
            partitions.retain(|(topic, _)| topics.contains(topic));
            (!partitions.is_empty()).then(|| (id.clone(), partitions))
        });
        let gone: Vec<_> = gone.collect();
        let forget = |(id, partitions)| self.drop_offsets(now, id, partitions);
        let mut outputs: Vec<Output> = gone.into_iter().flat_map(forget).collect();
        outputs.extend(self.forget_share_topics(now, topics));
        outputs
    }

    /// Removes offsets without a request.
    fn drop_offsets(
        &mut self,
        now: Now,
        id: String,
        partitions: Vec<TopicPartition>,
    ) -> Vec<Output> {
        let (append, outputs) = self.with(now, &id, |_, step| {
            step.append(partitions.iter().map(|partition| tombstone(&id, partition)).collect())
        });
        let pending = Pending::DeleteOffsets { group: id, request: None, partitions };
        self.pending.insert(append, pending);
        outputs
    }

    /// Removes the offsets that have not been used for the retention, and the groups of which
    /// nothing is left then.
    pub(super) fn expire_offsets(&mut self, now: Now) -> Vec<Output> {
        let retention_ms = milliseconds(self.config.offsets_retention);
        let expired = self.by_id.iter().filter_map(|(id, group)| {
            let unused = |topic: &_, committed| group.unused_since(topic, committed);
            let partitions = group.offsets.expired(now.wall, retention_ms, unused);
            // A share group stays until it is deleted, as what it has read is kept elsewhere.
            let is_over = group.share().is_none()
                && group.is_over()
                && group.in_flight == 0
                && partitions.len() == group.offsets.count();
            (is_over || !partitions.is_empty()).then(|| (id.clone(), partitions, is_over))
        });
        let expired: Vec<_> = expired.collect();
        let mut outputs = Vec::new();
        for (id, partitions, is_over) in expired {
            self.counts.offsets_expired += partitions.len() as u64;
            if is_over {
                outputs.extend(self.bury(now, vec![id], None));
                continue;
            }
            outputs.extend(self.drop_offsets(now, id, partitions));
        }
        outputs
    }
}

/// What a commit may have.
pub(super) struct Limits {
    offsets_max: usize,
    metadata_bytes_max: usize,
}

impl Limits {
    pub(super) fn of(config: &GroupConfig) -> Self {
        Limits {
            offsets_max: config.offsets_per_group_max,
            metadata_bytes_max: config.offset_metadata_bytes_max,
        }
    }
}

/// Offsets that are stored.
pub(super) type Taken = Vec<(TopicPartition, OffsetCommitValue)>;

impl Group {
    /// Which offsets of a commit can be stored, and what becomes of all of them.
    pub(super) fn take_offsets(
        &self,
        offsets: Vec<OffsetToCommit>,
        limits: &Limits,
        value: impl Fn(OffsetToCommit) -> OffsetCommitValue,
    ) -> (Vec<PartitionResult>, Taken) {
        let mut count = self.offsets.count();
        let mut results = Vec::with_capacity(offsets.len());
        let mut taken: Taken = Vec::new();
        let mut coming = BTreeSet::new();
        for offset in offsets {
            let partition = (offset.topic.clone(), offset.partition);
            let is_new = !self.offsets.knows(&partition) && !coming.contains(&partition);
            let result = if offset.metadata.len() > limits.metadata_bytes_max {
                Err(ErrorCode::OffsetMetadataTooLarge)
            } else if is_new && count >= limits.offsets_max {
                Err(ErrorCode::PolicyViolation)
            } else {
                if is_new {
                    count += 1;
                    coming.insert(partition.clone());
                }
                taken.push((partition.clone(), value(offset)));
                Ok(())
            };
            let (topic, partition) = partition;
            results.push(PartitionResult { topic, partition, result });
        }
        (results, taken)
    }
}

/// What stores offsets of a group.
pub(super) fn records_of(
    group: &str,
    offsets: &[(TopicPartition, OffsetCommitValue)],
) -> Vec<CoordinatorRecord> {
    let record = |(partition, value): &(TopicPartition, OffsetCommitValue)| {
        let key = key(group, partition);
        CoordinatorRecord::OffsetCommit { key, value: Some(value.clone()) }
    };
    offsets.iter().map(record).collect()
}

pub(super) fn value(
    offset: OffsetToCommit,
    commit_timestamp: Timestamp,
    expire_timestamp: Option<Timestamp>,
) -> OffsetCommitValue {
    OffsetCommitValue {
        offset: offset.offset,
        // The version of the record that has a time of expiry has neither of these.
        leader_epoch: expire_timestamp.map_or(offset.leader_epoch, |_| LeaderEpoch::NONE),
        topic_id: expire_timestamp.map_or(offset.topic_id, |_| corelog_model::TopicId::ZERO),
        metadata: offset.metadata,
        commit_timestamp,
        expire_timestamp,
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
