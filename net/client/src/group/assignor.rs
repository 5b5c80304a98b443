//! How the leader of a classic group deals out partitions: the strategies of Kafka's clients under
//! Kafka's names, so that members of other languages can be in the same group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::TopicPartition;

mod range;
mod round_robin;
mod sticky;
#[cfg(test)]
mod tests;

/// A strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assignor {
    /// Of each topic every member gets one range of partitions. Topics with the same number of
    /// partitions and the same members are cut at the same places.
    Range,
    /// Partitions are dealt out one by one.
    RoundRobin,
    /// As even as can be, and with as few moves as that takes. Everything is given up first.
    Sticky,
    /// Like [`Assignor::Sticky`], but a partition that moves is assigned to nobody until its owner
    /// has given it up (KIP-429).
    CooperativeSticky,
}

/// A member, as its JoinGroup describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupMember {
    /// Its id.
    pub id: String,
    /// Its id as static member.
    pub instance_id: Option<String>,
    /// What it subscribes to.
    pub topics: BTreeSet<Arc<str>>,
    /// What it held last.
    pub owned: BTreeSet<TopicPartition>,
    /// In which generation it got that; -1 where unknown.
    pub generation: i32,
}

/// The partitions of each topic that exists.
pub type Partitions = BTreeMap<Arc<str>, BTreeSet<i32>>;

/// What each member gets, by member id.
pub type Assignment = BTreeMap<String, BTreeSet<TopicPartition>>;

impl Assignor {
    /// The name in JoinGroup.
    pub fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// The strategy with this name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Range, Self::RoundRobin, Self::Sticky, Self::CooperativeSticky];
        all.into_iter().find(|assignor| assignor.name() == name)
    }

    /// Whether partitions move one by one.
    pub fn is_cooperative(self) -> bool {
        match self {
            Self::CooperativeSticky => true,
            Self::Range | Self::RoundRobin | Self::Sticky => false,
        }
    }

    /// Deals out partitions: each to at most one member, which subscribes to its topic. Every
    /// member has an entry. Partitions whose topic somebody subscribes to all go somewhere, except
    /// that [`Assignor::CooperativeSticky`] withholds those that move. Costs about the number of
    /// partitions times that of members.
    pub fn assign(self, members: &[GroupMember], partitions: &Partitions) -> Assignment {
        match self {
            Self::Range => range::assign(members, partitions),
            Self::RoundRobin => round_robin::assign(members, partitions),
            Self::Sticky => sticky::assign(members, partitions),
            Self::CooperativeSticky => withhold_moves(members, sticky::assign(members, partitions)),
        }
    }
}

/// Takes back what another member has not given up yet. Whatever a member says it owns counts, of
/// whatever generation: it may still be reading.
fn withhold_moves(members: &[GroupMember], mut assignment: Assignment) -> Assignment {
    let mut owners: BTreeMap<&TopicPartition, BTreeSet<&str>> = BTreeMap::new();
    for member in members {
        for at in &member.owned {
            owners.entry(at).or_default().insert(&member.id);
        }
    }
    for (id, given) in &mut assignment {
        given.retain(|at| {
            owners.get(at).is_none_or(|owners| owners.iter().all(|owner| owner == id))
        });
    }
    assignment
}

/// The members in the order in which range and round-robin serve them: static ones by their
/// instance id, which outlives a restart, then the others by member id.
fn in_order(members: &[GroupMember]) -> Vec<&GroupMember> {
    let mut members: Vec<&GroupMember> = members.iter().collect();
    members.sort_by_key(|member| {
        let instance_id = member.instance_id.as_deref();
        (instance_id.is_none(), instance_id, member.id.as_str())
    });
    members
}

/// Nothing for each member.
fn empty(members: &[GroupMember]) -> Assignment {
    members.iter().map(|member| (member.id.clone(), BTreeSet::new())).collect()
}
