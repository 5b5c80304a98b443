//! One group: a classic group, a consumer group or a share group, and its offsets. A group that
//! only has offsets is a classic one without members. What all kinds can be asked is asked here.

use std::time::Duration;

use corelog_model::{ErrorCode, Timestamp, TopicName};

use super::GroupKind;
use crate::classic_group::ClassicGroup;
use crate::config::GroupConfig;
use crate::consumer_group::ConsumerGroup;
use crate::group_state::GroupState;
use crate::input::{AppendId, CommitOffsets, Now};
use crate::offsets::{GroupOffsets, tombstone};
use crate::output::Step;
use crate::records::CoordinatorRecord;
use crate::share_group::ShareGroup;

/// The group.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) members: Members,
    pub(super) offsets: GroupOffsets,
    /// How many appends are about it.
    pub(super) in_flight: usize,
    pub(super) wakeup: Option<Duration>,
}

/// The members of a group, by its kind.
#[derive(Debug)]
pub(super) enum Members {
    /// They assign among themselves; or there are none.
    Classic(Box<ClassicGroup>),
    /// The coordinator assigns.
    Consumer(Box<ConsumerGroup>),
    /// The coordinator assigns, and several may read the same.
    Share(Box<ShareGroup>),
}

impl Group {
    /// A group without members and offsets.
    pub(super) fn new(id: &str, since: Timestamp) -> Self {
        Group {
            members: Members::Classic(Box::new(ClassicGroup::new(id.to_owned(), since))),
            offsets: GroupOffsets::default(),
            in_flight: 0,
            wakeup: None,
        }
    }

    pub(super) fn classic(&self) -> Option<&ClassicGroup> {
        match &self.members {
            Members::Classic(classic) => Some(classic),
            Members::Consumer(_) | Members::Share(_) => None,
        }
    }

    pub(super) fn classic_mut(&mut self) -> Option<&mut ClassicGroup> {
        match &mut self.members {
            Members::Classic(classic) => Some(classic),
            Members::Consumer(_) | Members::Share(_) => None,
        }
    }

    pub(super) fn consumer(&self) -> Option<&ConsumerGroup> {
        match &self.members {
            Members::Classic(_) | Members::Share(_) => None,
            Members::Consumer(consumer) => Some(consumer),
        }
    }

    pub(super) fn share(&self) -> Option<&ShareGroup> {
        match &self.members {
            Members::Classic(_) | Members::Consumer(_) => None,
            Members::Share(share) => Some(share),
        }
    }

    pub(super) fn kind(&self) -> GroupKind {
        match &self.members {
            Members::Classic(_) => GroupKind::Classic,
            Members::Consumer(_) => GroupKind::Consumer,
            Members::Share(_) => GroupKind::Share,
        }
    }

    /// Its generation or its epoch.
    pub(super) fn generation(&self) -> i32 {
        match &self.members {
            Members::Classic(classic) => classic.generation(),
            Members::Consumer(consumer) => consumer.generation(),
            Members::Share(share) => share.epoch(),
        }
    }

    /// What the members are; empty if the group only has offsets.
    pub(super) fn protocol_type(&self) -> &str {
        match &self.members {
            Members::Classic(classic) => classic.protocol_type(),
            Members::Consumer(_) => "consumer",
            Members::Share(_) => "share",
        }
    }

    /// What others see it doing.
    pub(super) fn state(&self) -> GroupState {
        match &self.members {
            Members::Classic(classic) => classic.state(),
            Members::Consumer(consumer) => consumer.state(),
            Members::Share(share) => share.state(),
        }
    }

    /// Whether others may see it: a group whose coordinator assigns once it is
    /// durable.
    pub(super) fn is_visible(&self) -> bool {
        match &self.members {
            Members::Classic(_) => true,
            Members::Consumer(consumer) => consumer.exists(),
            Members::Share(share) => share.exists(),
        }
    }

    /// Whether it is being deleted.
    pub(super) fn is_dead(&self) -> bool {
        match &self.members {
            Members::Classic(classic) => classic.state() == GroupState::Dead,
            Members::Consumer(consumer) => consumer.is_dead(),
            Members::Share(share) => share.is_dead(),
        }
    }

    /// Whether it has no members.
    pub(super) fn is_empty(&self) -> bool {
        match &self.members {
            Members::Classic(classic) => classic.state() == GroupState::Empty,
            Members::Consumer(consumer) => consumer.is_over(),
            Members::Share(share) => share.is_over(),
        }
    }

    /// Whether nothing would be lost with it.
    pub(super) fn is_vacant(&self) -> bool {
        let is_vacant = match &self.members {
            Members::Classic(classic) => classic.is_vacant(),
            Members::Consumer(consumer) => consumer.is_vacant(),
            Members::Share(share) => share.is_vacant(),
        };
        is_vacant && self.offsets.is_empty() && self.in_flight == 0
    }

    /// Whether the group has neither members nor ids of some to come.
    pub(super) fn is_over(&self) -> bool {
        match &self.members {
            Members::Classic(classic) => classic.is_over(),
            Members::Consumer(consumer) => consumer.is_over(),
            Members::Share(share) => share.is_over(),
        }
    }

    /// Begins all sessions, when the log has been read.
    pub(super) fn begin_sessions(&mut self, now: Duration, config: &GroupConfig) {
        match &mut self.members {
            Members::Classic(classic) => classic.begin_sessions(now),
            Members::Consumer(consumer) => consumer.begin_sessions(now, &config.consumer),
            Members::Share(share) => share.begin_sessions(now, &config.share),
        }
    }

    /// Does what is due.
    pub(super) fn advance(&mut self, step: &mut Step<'_>) {
        match &mut self.members {
            Members::Classic(classic) => classic.advance(step),
            Members::Consumer(consumer) => consumer.advance(step),
            Members::Share(share) => share.advance(step),
        }
    }

    /// When [`Group::advance`] has something to do.
    pub(super) fn next_wakeup(&self) -> Option<Duration> {
        match &self.members {
            Members::Classic(classic) => classic.next_wakeup(),
            Members::Consumer(consumer) => consumer.next_wakeup(),
            Members::Share(share) => share.next_wakeup(),
        }
    }

    /// Records of its members are durable.
    pub(super) fn appended(&mut self, append: AppendId, step: &mut Step<'_>) {
        match &mut self.members {
            Members::Classic(classic) => classic.appended(append, step),
            Members::Consumer(consumer) => consumer.appended(append, step),
            Members::Share(share) => share.appended(append, step),
        }
    }

    /// This node no longer coordinates the group: every request that waits is answered.
    pub(super) fn abandon(&mut self, code: ErrorCode, step: &mut Step<'_>) {
        match &mut self.members {
            Members::Classic(classic) => classic.abandon(code, step),
            Members::Consumer(consumer) => consumer.abandon(code, step),
            Members::Share(share) => share.abandon(code, step),
        }
    }

    /// Lets a consumer group become a classic one, if all its members speak the classic protocol.
    /// Tells the records that say so.
    pub(super) fn downgrade(&mut self, id: &str, step: &mut Step<'_>) -> Option<AppendId> {
        let Members::Consumer(consumer) = &self.members else { return None };
        let migrants = consumer.emigrants(step)?;
        let (generation, mut records) = (consumer.generation(), consumer.tombstones());
        let (classic, record) =
            ClassicGroup::of_migrants(id.to_owned(), generation, migrants, step);
        records.push(record);
        self.members = Members::Classic(Box::new(classic));
        Some(step.append(records))
    }

    /// Marks an empty group as being deleted.
    pub(super) fn bury(&mut self) {
        match &mut self.members {
            Members::Classic(classic) => classic.bury(),
            Members::Consumer(consumer) => consumer.bury(),
            Members::Share(share) => share.bury(),
        }
    }

    /// The deletion has failed.
    pub(super) fn revive(&mut self) {
        match &mut self.members {
            Members::Classic(classic) => classic.revive(),
            Members::Consumer(consumer) => consumer.revive(),
            Members::Share(share) => share.revive(),
        }
    }

    /// What removes an empty group from the log, but for its offsets.
    pub(super) fn endings(&self) -> Vec<CoordinatorRecord> {
        match &self.members {
            Members::Classic(classic) if classic.is_stored() => vec![classic.tombstone()],
            Members::Classic(_) => Vec::new(),
            Members::Consumer(consumer) => consumer.tombstones(),
            Members::Share(share) => share.tombstones(),
        }
    }

    /// What removes an empty group and its offsets from the log.
    pub(super) fn tombstones(&self, id: &str) -> Vec<CoordinatorRecord> {
        let partitions = self.offsets.partitions();
        let offsets = partitions.iter().map(|partition| tombstone(id, partition));
        offsets.chain(self.endings()).collect()
    }

    /// Whether one may commit, which also keeps a member of a classic group alive.
    pub(super) fn check_commit(
        &mut self,
        commit: &CommitOffsets,
        step: &Step<'_>,
    ) -> Result<(), ErrorCode> {
        let now: Now = step.now;
        match &mut self.members {
            Members::Classic(classic) => classic.check_commit(commit, now),
            Members::Consumer(consumer) => consumer.check_commit(commit, step.topics),
            Members::Share(share) => not_for(share),
        }
    }

    /// Whether one may commit within a transaction.
    pub(super) fn check_transactional_commit(
        &self,
        commit: &CommitOffsets,
        step: &Step<'_>,
    ) -> Result<(), ErrorCode> {
        match &self.members {
            Members::Classic(classic) => classic.check_transactional_commit(commit),
            Members::Consumer(consumer) => consumer.check_transactional_commit(commit, step.topics),
            Members::Share(share) => not_for(share),
        }
    }

    /// Whether offsets may be deleted at all.
    pub(super) fn check_delete_offsets(&self) -> Result<(), ErrorCode> {
        match &self.members {
            Members::Classic(classic) => classic.check_delete_offsets(),
            Members::Consumer(consumer) if consumer.is_dead() => Err(ErrorCode::GroupIdNotFound),
            Members::Consumer(_) => Ok(()),
            Members::Share(share) => not_for(share),
        }
    }

    /// Whether members read a topic, or may do so.
    pub(super) fn uses(&self, topic: &TopicName) -> bool {
        match &self.members {
            Members::Classic(classic) => classic.uses(topic),
            Members::Consumer(consumer) => consumer.uses(topic),
            Members::Share(_) => false,
        }
    }

    /// Since when an offset of a topic that was committed at a time is unused; none while it is in
    /// use (KIP-211).
    pub(super) fn unused_since(
        &self,
        topic: &TopicName,
        committed: Timestamp,
    ) -> Option<Timestamp> {
        match &self.members {
            Members::Classic(classic) => classic.unused_since(topic, committed),
            Members::Consumer(consumer) => consumer.unused_since(topic, committed),
            // It has none.
            Members::Share(_) => Some(committed),
        }
    }
}

/// Share groups have no offsets of this kind.
fn not_for(share: &ShareGroup) -> Result<(), ErrorCode> {
    if share.is_dead() { Err(ErrorCode::GroupIdNotFound) } else { Err(ErrorCode::UnknownMemberId) }
}
