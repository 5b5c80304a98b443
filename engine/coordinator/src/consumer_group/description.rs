//! A group as its administrators see it.

use std::sync::Arc;

use super::image::GroupImage;
use super::records::{MemberMetadata, MemberState};
use super::{ConsumerGroup, GroupError, MemberId, Partitions, target};

/// What a group is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupState {
    /// It has no members.
    Empty,
    /// The target of its epoch has yet to be computed.
    Assigning,
    /// Members are on the way to their targets.
    Reconciling,
    /// All members own what they should.
    Stable,
    /// It does not exist.
    Dead,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// What it is doing.
    pub state: GroupState,
    /// The group epoch.
    pub epoch: i32,
    /// The epoch of the target.
    pub target_epoch: i32,
    /// The name of the assignor that its members prefer.
    pub assignor: &'static str,
    /// Its members, in the order of their ids.
    pub members: Vec<MemberDescription>,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    /// The member.
    pub id: MemberId,
    /// Who it is and what it wants. One with `classic` speaks the classic protocol.
    pub metadata: MemberMetadata,
    /// The epoch it has reached.
    pub epoch: i32,
    /// What it may use.
    pub assigned: Partitions,
    /// What it should own.
    pub target: Partitions,
}

impl GroupState {
    /// The name in the Kafka protocol.
    pub const fn name(self) -> &'static str {
        match self {
            GroupState::Empty => "Empty",
            GroupState::Assigning => "Assigning",
            GroupState::Reconciling => "Reconciling",
            GroupState::Stable => "Stable",
            GroupState::Dead => "Dead",
        }
    }
}

impl GroupImage {
    /// What the group is doing. Looks at every member.
    pub fn state(&self) -> GroupState {
        let target_epoch = self.target.epoch;
        let mut positions = self.members.values().map(|member| &member.current);
        match self.metadata {
            None => GroupState::Dead,
            Some(_) if self.members.is_empty() => GroupState::Empty,
            Some(metadata) if metadata.epoch > target_epoch => GroupState::Assigning,
            Some(_) => {
                let has_arrived = positions.all(|current| {
                    current.state == MemberState::Stable && current.epoch == target_epoch
                });
                if has_arrived { GroupState::Stable } else { GroupState::Reconciling }
            }
        }
    }
}

impl GroupDescription {
    /// Describes a group that exists.
    pub(super) fn of(group: &ConsumerGroup) -> Result<GroupDescription, GroupError> {
        let image = group.image();
        if image.metadata.is_none() {
            return Err(GroupError::GroupNotFound { group: Arc::clone(&group.id) });
        }
        let members = image.members().iter().map(|(id, member)| MemberDescription {
            id: id.clone(),
            metadata: member.metadata.clone(),
            epoch: member.current.epoch,
            assigned: member.current.assigned.keys().copied().collect(),
            target: member.target.clone(),
        });
        Ok(GroupDescription {
            state: image.state(),
            epoch: image.epoch(),
            target_epoch: image.target.epoch,
            assignor: target::preferred(image, &group.config.assignors).name(),
            members: members.collect(),
        })
    }
}
