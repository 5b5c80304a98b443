//! A share group as its administrators see it.

use super::{ShareImage, assignor};
use crate::consumer_group::{MemberId, Partitions};
use crate::group_state::GroupState;
use crate::records::ShareMember;

/// A share group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareGroupDescription {
    /// What it is doing.
    pub state: GroupState,
    /// The group epoch.
    pub epoch: i32,
    /// The epoch of the target.
    pub target_epoch: i32,
    /// The name of the assignor.
    pub assignor: &'static str,
    /// Its members, in the order of their ids.
    pub members: Vec<ShareMemberDescription>,
}

/// A member of a share group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareMemberDescription {
    /// The member.
    pub id: MemberId,
    /// Who it is and what it wants.
    pub metadata: ShareMember,
    /// The epoch it has reached.
    pub epoch: i32,
    /// What it reads.
    pub assigned: Partitions,
}

impl ShareGroupDescription {
    pub(super) fn of(image: &ShareImage) -> ShareGroupDescription {
        let members = image.members.iter().map(|(id, member)| ShareMemberDescription {
            id: id.clone(),
            metadata: member.metadata.clone(),
            epoch: member.current.epoch,
            assigned: member.current.assigned.clone(),
        });
        ShareGroupDescription {
            state: image.state(),
            epoch: image.epoch(),
            target_epoch: image.target.epoch,
            assignor: assignor::NAME,
            members: members.collect(),
        }
    }
}
