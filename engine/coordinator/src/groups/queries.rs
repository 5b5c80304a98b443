//! What can be asked about groups.

use corelog_model::ErrorCode;

use super::Groups;
use super::group::Group;
use crate::classic_group::GroupDescription;
use crate::consumer_group::{self, ConsumerGroup};
use crate::group_state::GroupState;
use crate::records::StateTopics;
use crate::share_group::{ShareGroup, ShareGroupDescription};

/// The kinds of groups, in Kafka's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKind {
    /// Members assign among themselves; or the group only has offsets.
    Classic,
    /// The coordinator assigns (KIP-848).
    Consumer,
    /// The coordinator assigns, and several may read the same (KIP-932).
    Share,
}

impl GroupKind {
    /// The name in the Kafka protocol.
    pub const fn name(self) -> &'static str {
        match self {
            GroupKind::Classic => "classic",
            GroupKind::Consumer => "consumer",
            GroupKind::Share => "share",
        }
    }

    /// The kind of a name, which is taken in any case of letters.
    pub fn from_name(name: &str) -> Option<GroupKind> {
        let all = [GroupKind::Classic, GroupKind::Consumer, GroupKind::Share];
        all.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// Which groups are listed. An empty list means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Groups in one of these states.
    pub states: Vec<GroupState>,
    /// Groups of one of these kinds.
    pub kinds: Vec<GroupKind>,
}

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// The group.
    pub group: String,
    /// What its members are; empty if it only has offsets.
    pub protocol_type: String,
    /// What it is doing.
    pub state: GroupState,
    /// Its kind.
    pub kind: GroupKind,
}

impl Groups {
    /// The groups that pass a filter, in the order of their names.
    pub fn list(&self, filter: &ListFilter) -> Result<Vec<ListedGroup>, ErrorCode> {
        if let Some(code) = self.unready() {
            return Err(code);
        }
        let groups = self.by_id.iter().filter(|(_, group)| group.is_visible());
        let groups = groups.map(|(id, group)| ListedGroup {
            group: id.clone(),
            protocol_type: group.protocol_type().to_owned(),
            state: group.state(),
            kind: group.kind(),
        });
        let groups = groups.filter(|group| {
            let has_state = filter.states.is_empty() || filter.states.contains(&group.state);
            has_state && (filter.kinds.is_empty() || filter.kinds.contains(&group.kind))
        });
        Ok(groups.collect())
    }

    /// Whether a member of a consumer group wants what matches an expression.
    pub fn has_expressions(&self, group: &str) -> bool {
        self.by_id.get(group).and_then(Group::consumer).is_some_and(ConsumerGroup::has_expressions)
    }

    /// What a classic group looks like; `GROUP_ID_NOT_FOUND` if there is none.
    pub fn describe(&self, group: &str) -> Result<GroupDescription, ErrorCode> {
        if let Some(code) = self.unready() {
            return Err(code);
        }
        let classic = self.by_id.get(group).and_then(Group::classic);
        Ok(classic.ok_or(ErrorCode::GroupIdNotFound)?.describe())
    }

    /// What a consumer group looks like; `GROUP_ID_NOT_FOUND` if there is none. Only what is
    /// durable is told.
    pub fn describe_consumer_group(
        &self,
        group: &str,
    ) -> Result<consumer_group::GroupDescription, ErrorCode> {
        if let Some(code) = self.unready() {
            return Err(code);
        }
        let consumer = self.by_id.get(group).and_then(Group::consumer);
        let description = consumer.and_then(|consumer| consumer.describe(&self.config.consumer));
        description.ok_or(ErrorCode::GroupIdNotFound)
    }

    /// What a share group looks like; `GROUP_ID_NOT_FOUND` if there is none. Only what is durable
    /// is told.
    pub fn describe_share_group(&self, group: &str) -> Result<ShareGroupDescription, ErrorCode> {
        if let Some(code) = self.unready() {
            return Err(code);
        }
        let share = self.by_id.get(group).and_then(Group::share);
        share.and_then(ShareGroup::describe).ok_or(ErrorCode::GroupIdNotFound)
    }

    /// Of which partitions of a share group the share coordinators know; `GROUP_ID_NOT_FOUND` if
    /// there is no such group.
    pub fn share_states(&self, group: &str) -> Result<StateTopics, ErrorCode> {
        if let Some(code) = self.unready() {
            return Err(code);
        }
        let share = self.by_id.get(group).and_then(Group::share);
        share.and_then(ShareGroup::states).cloned().ok_or(ErrorCode::GroupIdNotFound)
    }

    /// How many groups there are.
    pub fn count(&self) -> usize {
        self.by_id.len()
    }
}
