//! A classic group: members join, the group chooses a protocol and a leader, the leader assigns,
//! and heartbeats keep members in until the next generation (KIP-62, KIP-345, KIP-394, KIP-814).
//!
//! Only generations are stored, when their leader has assigned and when the last member is gone.
//! So a leave is answered at once: a coordinator that starts anew finds the member in the stored
//! generation, and lets its session run out.

mod commit;
mod join;
mod leave;
mod load;
mod member;
mod migration;
mod rebalance;
mod static_member;
mod subscription;
mod sync;
mod timers;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use corelog_model::{ErrorCode, Timestamp};

use crate::input::AppendId;
use crate::records::{CoordinatorRecord, GroupMetadataKey, GroupMetadataValue};
use member::Member;
pub(crate) use migration::Migrant;
use static_member::Replacement;

pub use crate::group_state::GroupState;

/// What a group looks like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// The group.
    pub group: String,
    /// What it is doing.
    pub state: GroupState,
    /// The generation; 0 before the first one.
    pub generation: i32,
    /// What the members are; empty if the group only has offsets.
    pub protocol_type: String,
    /// What they assigned with; empty unless the group is stable.
    pub protocol: String,
    /// The members.
    pub members: Vec<MemberDescription>,
}

/// What a member looks like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    /// The member.
    pub member_id: String,
    /// The name of a static member.
    pub instance_id: Option<String>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it connected from.
    pub client_host: String,
    /// What it said for the protocol; empty unless the group is stable.
    pub metadata: Vec<u8>,
    /// What it was assigned; empty unless the group is stable.
    pub assignment: Vec<u8>,
}

/// The group.
#[derive(Debug)]
pub(crate) struct ClassicGroup {
    id: String,
    state: State,
    /// Since when, on the wall clock.
    since: Timestamp,
    /// What the members are; none before the first member.
    protocol_type: Option<String>,
    generation: i32,
    /// What the members of the generation chose.
    protocol: Option<String>,
    leader: Option<String>,
    members: BTreeMap<String, Member>,
    /// The members of static names.
    instances: BTreeMap<String, String>,
    /// Ids given out that have to join within this time (KIP-394).
    pending: BTreeMap<String, Duration>,
    /// Static members that came back, until they are stored.
    replacements: BTreeMap<AppendId, Replacement>,
    /// The topics of a generation of consumers, if all members can be understood.
    topics: Option<BTreeSet<String>>,
    /// Whether a record of the group is in the log, or on its way.
    is_stored: bool,
}

#[derive(Debug)]
enum State {
    Empty,
    Preparing(Preparing),
    Completing(Completing),
    Stable {
        /// Until when every member has to have fetched its assignment.
        sync_until: Duration,
    },
    Dead,
}

/// Members have to rejoin.
#[derive(Debug)]
struct Preparing {
    until: Duration,
    /// Of a group that was empty: how it waits for more members.
    initial: Option<Initial>,
}

#[derive(Debug)]
struct Initial {
    /// How long the wait may be extended yet.
    remaining: Duration,
    /// Whether a member came since the wait began.
    has_grown: bool,
}

/// The leader has to assign.
#[derive(Debug)]
struct Completing {
    sync_until: Duration,
    /// What it assigned, until it is stored.
    assigned: Option<Assigned>,
}

#[derive(Debug)]
struct Assigned {
    append: AppendId,
    since: Timestamp,
    assignments: BTreeMap<String, Vec<u8>>,
}

impl ClassicGroup {
    pub(crate) fn new(id: String, since: Timestamp) -> Self {
        ClassicGroup {
            id,
            state: State::Empty,
            since,
            protocol_type: None,
            generation: 0,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            pending: BTreeMap::new(),
            replacements: BTreeMap::new(),
            topics: None,
            is_stored: false,
        }
    }

    pub(crate) fn state(&self) -> GroupState {
        match self.state {
            State::Empty => GroupState::Empty,
            State::Preparing(_) => GroupState::PreparingRebalance,
            State::Completing(_) => GroupState::CompletingRebalance,
            State::Stable { .. } => GroupState::Stable,
            State::Dead => GroupState::Dead,
        }
    }

    pub(crate) fn protocol_type(&self) -> &str {
        self.protocol_type.as_deref().unwrap_or_default()
    }

    /// Whether a record of the group is in the log, or on its way.
    pub(crate) fn is_stored(&self) -> bool {
        self.is_stored
    }

    /// Whether nothing would be lost with the group.
    pub(crate) fn is_vacant(&self) -> bool {
        self.is_over() && !self.is_stored
    }

    /// Whether the group has neither members nor ids of some to come.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Empty) && self.pending.is_empty()
    }

    pub(crate) fn describe(&self) -> GroupDescription {
        let protocol = match self.state {
            State::Stable { .. } => self.protocol.as_deref(),
            State::Empty | State::Preparing(_) | State::Completing(_) | State::Dead => None,
        };
        let members = self.members.iter().map(|(id, member)| member.describe(id, protocol));
        GroupDescription {
            group: self.id.clone(),
            state: self.state(),
            generation: self.generation,
            protocol_type: self.protocol_type().to_owned(),
            protocol: protocol.unwrap_or_default().to_owned(),
            members: members.collect(),
        }
    }

    /// Marks an empty group as being deleted.
    pub(crate) fn bury(&mut self) {
        assert!(matches!(self.state, State::Empty), "only an empty group is deleted");
        self.state = State::Dead;
    }

    /// The deletion has failed.
    pub(crate) fn revive(&mut self) {
        assert!(matches!(self.state, State::Dead), "only a dead group is revived");
        self.state = State::Empty;
    }

    /// Whether one that claims to be a member is it.
    fn check_member(&self, member_id: &str, instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            match self.instances.get(instance_id) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(current) if current != member_id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    fn check_generation(&self, generation: i32) -> Result<(), ErrorCode> {
        if generation == self.generation { Ok(()) } else { Err(ErrorCode::IllegalGeneration) }
    }

    fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    /// The group as it is stored, with these assignments.
    fn record(
        &self,
        since: Timestamp,
        assignment: impl Fn(&str, &Member) -> Vec<u8>,
    ) -> CoordinatorRecord {
        let protocol = self.protocol.as_deref();
        let members = self
            .members
            .iter()
            .map(|(id, member)| member.record(id, protocol, assignment(id, member)));
        CoordinatorRecord::GroupMetadata {
            key: GroupMetadataKey { group: self.id.clone() },
            value: Some(GroupMetadataValue {
                protocol_type: self.protocol_type().to_owned(),
                generation: self.generation,
                protocol: self.protocol.clone(),
                leader: self.leader.clone(),
                current_state_timestamp: since,
                members: members.collect(),
            }),
        }
    }

    /// What removes the group from the log.
    pub(crate) fn tombstone(&self) -> CoordinatorRecord {
        CoordinatorRecord::GroupMetadata {
            key: GroupMetadataKey { group: self.id.clone() },
            value: None,
        }
    }
}
