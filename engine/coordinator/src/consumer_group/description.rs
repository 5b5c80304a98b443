//! A group as its administrators see it.

use super::{Assignor, GroupImage, MemberId, Partitions, target};
use crate::group_state::GroupState;
use crate::records::{MemberMetadata, MemberState};

/// A consumer group.
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

/// A member of a consumer group.
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

impl GroupImage {
    /// What the group is doing. Looks at every member.
    pub(crate) fn state(&self) -> GroupState {
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
    pub(super) fn of(image: &GroupImage, assignors: &[Assignor]) -> GroupDescription {
        let members = image.members().iter().map(|(id, member)| MemberDescription {
            id: id.clone(),
            metadata: member.metadata.clone(),
            epoch: member.current.epoch,
            assigned: member.current.assigned.keys().copied().collect(),
            target: member.target.clone(),
        });
        GroupDescription {
            state: image.state(),
            epoch: image.epoch(),
            target_epoch: image.target.epoch,
            assignor: target::preferred(image, assignors).name(),
            members: members.collect(),
        }
    }
}
