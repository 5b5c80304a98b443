//! What waits for records, and what happens when they are durable or never will be.

use corelog_model::{ErrorCode, ProducerId};

use super::{Group, Groups};
use crate::input::{AppendId, Now, RequestId};
use crate::offsets::{Positioned, TopicPartition};
use crate::output::{GroupResult, Output, PartitionResult, Reply, Step};
use crate::records::OffsetCommitValue;

/// What waits for records.
#[derive(Debug)]
pub(super) enum Pending {
    /// The group knows it.
    Members { group: String },
    /// A group has become one of another kind, and this ends the one before.
    Ending { group: String },
    /// Offsets, and the request that commits them.
    Commit {
        group: String,
        request: RequestId,
        results: Vec<PartitionResult>,
        offsets: Vec<(TopicPartition, OffsetCommitValue)>,
    },
    /// Offsets in the transaction of a producer, and the request that commits them.
    CommitInTransaction {
        producer_id: ProducerId,
        group: String,
        request: RequestId,
        results: Vec<PartitionResult>,
        offsets: Vec<(TopicPartition, OffsetCommitValue)>,
    },
    /// Tombstones of offsets, and the request that deletes them, unless they have expired.
    DeleteOffsets {
        group: String,
        request: Option<(RequestId, Vec<PartitionResult>)>,
        partitions: Vec<TopicPartition>,
    },
    /// Tombstones of all that groups have, and the request that deletes them, unless all has
    /// expired.
    DeleteGroups { groups: Vec<String>, request: Option<(RequestId, Vec<GroupResult>)> },
}

impl Pending {
    /// The answer if the records never will be durable.
    pub(super) fn refusal(self, code: ErrorCode) -> Option<Output> {
        let (request, reply) = match self {
            Pending::Members { .. } | Pending::Ending { .. } => return None,
            Pending::Commit { request, mut results, .. }
            | Pending::CommitInTransaction { request, mut results, .. } => {
                refuse(&mut results, code);
                (request, Reply::CommitOffsets(results))
            }
            Pending::DeleteOffsets { request, .. } => {
                let (request, mut results) = request?;
                refuse(&mut results, code);
                (request, Reply::DeleteOffsets(Ok(results)))
            }
            Pending::DeleteGroups { request, .. } => {
                let (request, mut results) = request?;
                for result in results.iter_mut().filter(|result| result.result.is_ok()) {
                    result.result = Err(code);
                }
                (request, Reply::DeleteGroups(results))
            }
        };
        Some(Output::Reply { request, reply })
    }

    /// The answer when the records are durable.
    fn success(self) -> Option<Output> {
        let (request, reply) = match self {
            Pending::Members { .. } | Pending::Ending { .. } => return None,
            Pending::Commit { request, results, .. }
            | Pending::CommitInTransaction { request, results, .. } => {
                (request, Reply::CommitOffsets(results))
            }
            Pending::DeleteOffsets { request, .. } => {
                let (request, results) = request?;
                (request, Reply::DeleteOffsets(Ok(results)))
            }
            Pending::DeleteGroups { request, .. } => {
                let (request, results) = request?;
                (request, Reply::DeleteGroups(results))
            }
        };
        Some(Output::Reply { request, reply })
    }
}

/// What would have been done was not.
fn refuse(results: &mut [PartitionResult], code: ErrorCode) {
    for result in results.iter_mut().filter(|result| result.result.is_ok()) {
        result.result = Err(code);
    }
}

impl Groups {
    /// Records are durable.
    pub(super) fn appended(&mut self, now: Now, append: AppendId) -> Vec<Output> {
        let Some(mut pending) = self.pending.remove(&append) else { return Vec::new() };
        // Appends come after all that was loaded, in their order.
        let position = self.loaded + 1 + append.0;
        let mut outputs = match &mut pending {
            Pending::Members { group } => {
                self.release(now, group, |group, step| group.appended(append, step))
            }
            Pending::Ending { group } => self.release(now, group, |_, _| ()),
            Pending::Commit { group, offsets, .. } => {
                let offsets = std::mem::take(offsets);
                self.counts.offsets_committed += offsets.len() as u64;
                self.release(now, group, |group, _| {
                    for (partition, value) in offsets {
                        group.offsets.end(&partition);
                        group.offsets.insert(partition, Positioned { position, value });
                    }
                })
            }
            Pending::CommitInTransaction { producer_id, group, offsets, .. } => {
                let (offsets, producer_id) = (std::mem::take(offsets), *producer_id);
                self.counts.offsets_committed += offsets.len() as u64;
                if self.by_id.contains_key(group) {
                    let groups = self.transactions.entry(producer_id).or_default();
                    groups.insert(group.clone());
                }
                self.release(now, group, |group, _| {
                    for (partition, value) in offsets {
                        let offset = Positioned { position, value };
                        group.offsets.end_transactional(&partition);
                        group.offsets.insert_transactional(producer_id, partition, offset);
                    }
                })
            }
            Pending::DeleteOffsets { group, partitions, .. } => {
                self.release(now, group, |group, _| {
                    for partition in partitions.iter() {
                        group.offsets.remove(partition);
                    }
                })
            }
            Pending::DeleteGroups { groups, .. } => {
                for group in groups.iter() {
                    self.forget(group);
                }
                Vec::new()
            }
        };
        outputs.extend(pending.success());
        outputs
    }

    /// Records never will be durable.
    pub(super) fn append_failed(
        &mut self,
        now: Now,
        append: AppendId,
        code: ErrorCode,
    ) -> Vec<Output> {
        let Some(pending) = self.pending.get(&append) else { return Vec::new() };
        if self.is_irrevocable(append, pending) {
            return self.reload(now, code);
        }
        let Some(pending) = self.pending.remove(&append) else { return Vec::new() };
        let mut outputs = match &pending {
            Pending::Members { group } => self.release(now, group, |group, step| {
                if let Some(classic) = group.classic_mut() {
                    classic.append_failed(append, code, step);
                }
            }),
            Pending::Ending { group } => self.release(now, group, |_, _| ()),
            Pending::Commit { group, offsets, .. } => self.release(now, group, |group, _| {
                for (partition, _) in offsets {
                    group.offsets.end(partition);
                }
            }),
            Pending::CommitInTransaction { group, offsets, .. } => {
                self.release(now, group, |group, _| {
                    for (partition, _) in offsets {
                        group.offsets.end_transactional(partition);
                    }
                })
            }
            Pending::DeleteOffsets { group, .. } => self.release(now, group, |_, _| ()),
            Pending::DeleteGroups { groups, .. } => {
                let revive = |group: &String| self.release(now, group, |group, _| group.revive());
                groups.iter().flat_map(revive).collect()
            }
        };
        outputs.extend(pending.refusal(code));
        outputs
    }

    /// Whether what these records say is in use already, and cannot be taken back.
    fn is_irrevocable(&self, append: AppendId, pending: &Pending) -> bool {
        match pending {
            Pending::Members { group } => {
                let group = self.by_id.get(group);
                let consumer = group.and_then(Group::consumer);
                let share = group.and_then(Group::share);
                consumer.is_some_and(|consumer| consumer.appends(append))
                    || share.is_some_and(|share| share.appends(append))
            }
            Pending::Ending { .. } => true,
            Pending::Commit { .. }
            | Pending::CommitInTransaction { .. }
            | Pending::DeleteOffsets { .. }
            | Pending::DeleteGroups { .. } => false,
        }
    }

    /// Lets a group act for which an append is over, if it is still there.
    fn release(
        &mut self,
        now: Now,
        id: &str,
        act: impl FnOnce(&mut Group, &mut Step<'_>),
    ) -> Vec<Output> {
        if !self.by_id.contains_key(id) {
            return Vec::new();
        }
        let act = |group: &mut Group, step: &mut Step<'_>| {
            group.in_flight -= 1;
            act(group, step);
        };
        self.with(now, id, act).1
    }
}
