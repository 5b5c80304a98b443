//! What a classic group says about offsets: who may commit and delete them, and since when they are
//! unused.

use corelog_model::{ErrorCode, Timestamp, TopicName};

use super::{ClassicGroup, State};
use crate::input::{CommitOffsets, Now};

/// What the members of a group that reads topics call themselves.
pub(super) const CONSUMER: &str = "consumer";

impl ClassicGroup {
    /// Whether one may commit, which also keeps a member alive.
    pub(crate) fn check_commit(
        &mut self,
        commit: &CommitOffsets,
        now: Now,
    ) -> Result<(), ErrorCode> {
        match self.state {
            State::Dead => return Err(ErrorCode::CoordinatorNotAvailable),
            // A simple consumer, or an operator.
            State::Empty if commit.generation < 0 => return Ok(()),
            State::Empty | State::Preparing(_) | State::Completing(_) | State::Stable { .. } => {}
        }
        self.check_member(&commit.member_id, commit.instance_id.as_deref())?;
        self.check_generation(commit.generation)?;
        let member = self.members.get_mut(&commit.member_id);
        let member = member.expect("it was checked to be a member");
        if !member.is_new {
            member.touch(now.clock);
        }
        match self.state {
            // What it has read may be another's after the generation that it is in now.
            State::Completing(_) => Err(ErrorCode::RebalanceInProgress),
            State::Empty | State::Preparing(_) | State::Stable { .. } | State::Dead => Ok(()),
        }
    }

    /// Whether one may commit within a transaction. Who says neither member nor generation is not
    /// asked for them (KIP-447).
    pub(crate) fn check_transactional_commit(
        &self,
        commit: &CommitOffsets,
    ) -> Result<(), ErrorCode> {
        match self.state {
            State::Dead => return Err(ErrorCode::CoordinatorNotAvailable),
            State::Empty if commit.generation < 0 => return Ok(()),
            State::Empty | State::Preparing(_) | State::Completing(_) | State::Stable { .. } => {}
        }
        if commit.is_anonymous() {
            return Ok(());
        }
        self.check_member(&commit.member_id, commit.instance_id.as_deref())?;
        self.check_generation(commit.generation)
    }

    /// Whether offsets may be deleted at all.
    pub(crate) fn check_delete_offsets(&self) -> Result<(), ErrorCode> {
        match self.state {
            State::Dead => Err(ErrorCode::GroupIdNotFound),
            State::Empty => Ok(()),
            State::Preparing(_) | State::Completing(_) | State::Stable { .. } => {
                if self.protocol_type() == CONSUMER {
                    Ok(())
                } else {
                    Err(ErrorCode::NonEmptyGroup)
                }
            }
        }
    }

    /// Whether members read a topic, or may do so.
    pub(crate) fn uses(&self, topic: &TopicName) -> bool {
        match (&self.state, &self.topics) {
            (State::Empty | State::Dead, _) => false,
            (_, Some(topics)) => topics.contains(topic.as_str()),
            (_, None) => true,
        }
    }

    /// Since when an offset of a topic that was committed at a time is unused; none while it is in
    /// use (KIP-211).
    pub(crate) fn unused_since(
        &self,
        topic: &TopicName,
        committed: Timestamp,
    ) -> Option<Timestamp> {
        match self.state {
            State::Empty if self.protocol_type.is_some() && !self.since.is_none() => {
                Some(self.since)
            }
            State::Empty => Some(committed),
            State::Stable { .. } if self.topics.is_some() && !self.uses(topic) => Some(committed),
            State::Stable { .. } | State::Preparing(_) | State::Completing(_) | State::Dead => None,
        }
    }
}
