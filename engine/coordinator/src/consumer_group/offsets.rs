//! What a consumer group says about offsets: who may commit, fetch and delete them, and since when
//! they are unused.

use std::sync::Arc;

use corelog_model::{ErrorCode, PartitionId, Timestamp, TopicId, TopicName};

use super::{ConsumerGroup, MemberId, Topics};
use crate::input::{CommitOffsets, OffsetToCommit};
use crate::records::CurrentAssignment;

impl ConsumerGroup {
    /// Whether one may commit all of these offsets. Who knows only generations is no member with an
    /// epoch: it speaks the classic protocol, or is a simple consumer while there are no members.
    pub(crate) fn check_commit(
        &self,
        commit: &CommitOffsets,
        topics: &Topics,
    ) -> Result<(), ErrorCode> {
        let member = self.image.members().get(commit.member_id.as_str());
        let has_epoch = member.is_some_and(|member| member.metadata.classic.is_none());
        if has_epoch && !commit.may_carry_epoch && !self.is_dead() {
            return Err(ErrorCode::UnsupportedVersion);
        }
        self.check_committer(commit, topics)
    }

    fn check_committer(&self, commit: &CommitOffsets, topics: &Topics) -> Result<(), ErrorCode> {
        if self.is_dead() {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        // A simple consumer, or an operator.
        if commit.generation < 0 && self.image.members().is_empty() {
            return Ok(());
        }
        let member = self.image.members().get(commit.member_id.as_str());
        let member = member.ok_or(ErrorCode::UnknownMemberId)?;
        let current = &member.current;
        if member.metadata.classic.is_some() && commit.generation != current.epoch {
            return Err(ErrorCode::IllegalGeneration);
        }
        let may_commit = commit.generation == current.epoch
            || commit
                .offsets
                .iter()
                .all(|one| has_owned_since(current, commit.generation, partition(one, topics)));
        if may_commit { Ok(()) } else { Err(ErrorCode::StaleMemberEpoch) }
    }

    /// Whether one may commit within a transaction. Who says neither member nor epoch is not asked
    /// for them (KIP-447).
    pub(crate) fn check_transactional_commit(
        &self,
        commit: &CommitOffsets,
        topics: &Topics,
    ) -> Result<(), ErrorCode> {
        if commit.is_anonymous() && !self.is_dead() {
            return Ok(());
        }
        self.check_committer(commit, topics).map_err(|code| match code {
            ErrorCode::StaleMemberEpoch => ErrorCode::IllegalGeneration,
            code => code,
        })
    }

    /// Whether one may fetch offsets. Who names neither a member nor an epoch may.
    pub(crate) fn check_fetch(&self, member: Option<&str>, epoch: i32) -> Result<(), ErrorCode> {
        let member = match member.map(MemberId::from) {
            None if epoch < 0 => return Ok(()),
            None => return Err(ErrorCode::UnknownMemberId),
            Some(member) => self.durable.members().get(&member),
        };
        let current = &member.ok_or(ErrorCode::UnknownMemberId)?.current;
        if current.epoch == epoch { Ok(()) } else { Err(ErrorCode::StaleMemberEpoch) }
    }

    /// Whether members read a topic.
    pub(crate) fn uses(&self, topic: &TopicName) -> bool {
        let name: Arc<str> = Arc::from(topic.as_str());
        self.image.topic_names().contains(&name)
    }

    /// Since when an offset of a topic that was committed at a time is unused; none while it is in
    /// use.
    pub(crate) fn unused_since(
        &self,
        topic: &TopicName,
        committed: Timestamp,
    ) -> Option<Timestamp> {
        (!self.is_dead() && !self.uses(topic)).then_some(committed)
    }
}

/// The partition, if its topic exists.
fn partition(offset: &OffsetToCommit, topics: &Topics) -> Option<PartitionId> {
    let named = || topics.id(offset.topic.as_str());
    let given = Some(offset.topic_id).filter(|id| *id != TopicId::ZERO);
    Some(PartitionId::new(given.or_else(named)?, offset.partition))
}

/// A member that is behind may commit what it has owned since then: nobody else can have read it.
fn has_owned_since(
    current: &CurrentAssignment,
    epoch: i32,
    partition: Option<PartitionId>,
) -> bool {
    let Some(partition) = partition else { return false };
    let owned = [&current.assigned, &current.revoking];
    let since = owned.into_iter().find_map(|partitions| partitions.get(&partition));
    epoch < current.epoch && since.is_some_and(|since| *since <= epoch)
}
