//! What the records of a share group amount to. The group changes by nothing else than records, so
//! a group that is loaded from the log is the group that wrote it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::consumer_group::{MemberId, Partitions};
use crate::group_state::GroupState;
use crate::records::{
    GroupEpoch, ShareCurrent, ShareEntry, ShareMember, StateTopics, TargetMetadata,
};

/// What the records of a share group amount to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShareImage {
    /// None if there is no group.
    pub(super) metadata: Option<GroupEpoch>,
    pub(super) target: TargetMetadata,
    pub(super) members: BTreeMap<MemberId, Member>,
    pub(super) states: StateTopics,
    /// Whether the log has `states`.
    pub(super) has_states: bool,
}

/// A member of the group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Member {
    pub(super) metadata: ShareMember,
    pub(super) current: ShareCurrent,
    pub(super) target: Partitions,
}

impl ShareImage {
    /// Takes a record.
    pub(super) fn replay(&mut self, entry: ShareEntry) {
        match entry {
            ShareEntry::Group(metadata) => self.metadata = metadata,
            ShareEntry::Target(target) => self.target = target.unwrap_or_default(),
            ShareEntry::Member(id, Some(metadata)) => {
                self.members.entry(id).or_default().metadata = metadata;
            }
            ShareEntry::Member(id, None) => {
                self.members.remove(&id);
            }
            ShareEntry::MemberTarget(id, Some(target)) => {
                self.members.entry(id).or_default().target = target;
            }
            ShareEntry::MemberTarget(id, None) => {
                if let Some(member) = self.members.get_mut(&id) {
                    member.target = Partitions::new();
                }
            }
            ShareEntry::Current(id, Some(current)) => {
                self.members.entry(id).or_default().current = current;
            }
            ShareEntry::Current(id, None) => {
                if let Some(member) = self.members.get_mut(&id) {
                    member.current = ShareCurrent::default();
                }
            }
            ShareEntry::States(states) => {
                self.has_states = states.is_some();
                self.states = states.unwrap_or_default();
            }
        }
    }

    /// The group epoch; zero if there is no group.
    pub(super) fn epoch(&self) -> i32 {
        self.metadata.map_or(0, |metadata| metadata.epoch)
    }

    /// The names of all topics that members want.
    pub(super) fn topic_names(&self) -> BTreeSet<&Arc<str>> {
        self.members.values().flat_map(|member| &member.metadata.topic_names).collect()
    }

    /// What the group is doing.
    pub(super) fn state(&self) -> GroupState {
        match self.metadata {
            None => GroupState::Dead,
            Some(_) if self.members.is_empty() => GroupState::Empty,
            Some(_) => GroupState::Stable,
        }
    }
}
