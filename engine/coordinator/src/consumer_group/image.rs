//! What the records of a group amount to. The group changes by nothing else than records, so a
//! group that is loaded from the log is the group that wrote it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use corelog_model::{PartitionId, TopicId};

use super::{MemberId, Partitions, Topics};
use crate::records::{
    CurrentAssignment, Entry, GroupEpoch, MemberMetadata, ResolvedExpression, TargetMetadata,
};

/// What the records of a group amount to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupImage {
    /// None if there is no group.
    pub(super) metadata: Option<GroupEpoch>,
    /// Whether the log has the topics as groups before Kafka 4.1 recorded them.
    pub(super) has_partition_metadata: bool,
    pub(super) target: TargetMetadata,
    pub(super) members: BTreeMap<MemberId, Member>,
    pub(super) expressions: BTreeMap<Arc<str>, ResolvedExpression>,
    /// Who has which partition, those included that are to be given up.
    owners: BTreeMap<PartitionId, MemberId>,
    /// The static members.
    instances: BTreeMap<Arc<str>, MemberId>,
}

/// A member of the group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Member {
    /// Who it is and what it wants.
    pub(crate) metadata: MemberMetadata,
    /// What it owns.
    pub(crate) current: CurrentAssignment,
    /// What it should own.
    pub(crate) target: Partitions,
}

impl GroupImage {
    /// Takes over one record. Records of one group come in the order of the log; after compaction
    /// that may be one in which parts of a member come before the member.
    pub(crate) fn replay(&mut self, entry: Entry) {
        match entry {
            Entry::Group(metadata) => self.metadata = metadata,
            Entry::PartitionMetadata(topics) => self.has_partition_metadata = topics.is_some(),
            Entry::Target(target) => self.target = target.unwrap_or_default(),
            Entry::Member(id, Some(metadata)) => self.replay_member(id, metadata),
            Entry::Member(id, None) => {
                self.release(&id);
                self.forget_instance(&id);
                self.members.remove(&id);
            }
            Entry::MemberTarget(id, Some(target)) => {
                self.members.entry(id).or_default().target = target;
            }
            Entry::MemberTarget(id, None) => {
                if let Some(member) = self.members.get_mut(&id) {
                    member.target = Partitions::new();
                }
            }
            Entry::Current(id, current) => self.replay_current(id, current),
            Entry::Expression(expression, Some(resolved)) => {
                self.expressions.insert(expression, resolved);
            }
            Entry::Expression(expression, None) => {
                self.expressions.remove(&expression);
            }
        }
    }

    fn replay_member(&mut self, id: MemberId, metadata: MemberMetadata) {
        self.forget_instance(&id);
        if let Some(instance_id) = &metadata.instance_id {
            self.instances.insert(Arc::clone(instance_id), id.clone());
        }
        self.members.entry(id).or_default().metadata = metadata;
    }

    fn replay_current(&mut self, id: MemberId, current: Option<CurrentAssignment>) {
        self.release(&id);
        if let Some(current) = current {
            for partition in current.assigned.keys().chain(current.revoking.keys()) {
                self.owners.insert(*partition, id.clone());
            }
            self.members.entry(id).or_default().current = current;
        } else if let Some(member) = self.members.get_mut(&id) {
            member.current = CurrentAssignment::default();
        }
    }

    /// Takes its partitions from a member, but for those that others have taken over since.
    fn release(&mut self, id: &MemberId) {
        let Some(member) = self.members.get(id) else { return };
        let current = &member.current;
        for partition in current.assigned.keys().chain(current.revoking.keys()) {
            if self.owners.get(partition) == Some(id) {
                self.owners.remove(partition);
            }
        }
    }

    fn forget_instance(&mut self, id: &MemberId) {
        let Some(member) = self.members.get(id) else { return };
        if let Some(instance_id) = &member.metadata.instance_id
            && self.instances.get(instance_id) == Some(id)
        {
            self.instances.remove(instance_id);
        }
    }

    /// The group epoch; zero if there is no group.
    pub(crate) fn epoch(&self) -> i32 {
        self.metadata.map_or(0, |metadata| metadata.epoch)
    }

    /// The members.
    pub(crate) fn members(&self) -> &BTreeMap<MemberId, Member> {
        &self.members
    }

    /// Who owns a partition or has yet to give it up.
    pub(crate) fn owner(&self, partition: PartitionId) -> Option<&MemberId> {
        self.owners.get(&partition)
    }

    /// The static member of this name.
    pub(super) fn instance(&self, instance_id: &str) -> Option<(&MemberId, &Member)> {
        self.members.get_key_value(self.instances.get(instance_id)?)
    }

    /// The names of all topics that members want, as far as expressions are resolved.
    pub(super) fn topic_names(&self) -> BTreeSet<&Arc<str>> {
        let named = self.members.values().flat_map(|member| &member.metadata.topic_names);
        let used = self.used_expressions();
        let resolved = used.iter().filter_map(|expression| self.expressions.get(*expression));
        named.chain(resolved.flat_map(|resolved| &resolved.topics)).collect()
    }

    /// The expressions of members.
    pub(super) fn used_expressions(&self) -> BTreeSet<&Arc<str>> {
        self.members.values().filter_map(|member| member.metadata.topic_regex.as_ref()).collect()
    }

    /// The topics that a member wants and that exist. A member whose expression has yet to be
    /// resolved goes on wanting the topics it has.
    pub(super) fn topics_of(&self, member: &Member, topics: &Topics) -> BTreeSet<TopicId> {
        let metadata = &member.metadata;
        let mut ids: BTreeSet<TopicId> =
            metadata.topic_names.iter().filter_map(|name| topics.id(name)).collect();
        if let Some(expression) = &metadata.topic_regex {
            match self.expressions.get(expression) {
                Some(resolved) => {
                    ids.extend(resolved.topics.iter().filter_map(|name| topics.id(name)));
                }
                None => ids.extend(member.target.iter().map(|partition| partition.topic)),
            }
        }
        ids
    }
}
