//! What the driver tells the coordinator: requests in the engine's own words, what became of
//! appended records, and that time has passed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use corelog_model::control::TransactionOutcome;
use corelog_model::{
    ErrorCode, LeaderEpoch, Offset, PartitionId, PartitionIndex, ProducerEpoch, ProducerId,
    Timestamp, TopicId, TopicName,
};

use crate::config::GroupTuning;
pub use crate::consumer_group::ConsumerGroupHeartbeat;
use crate::consumer_group::Topics;
pub use crate::share_group::{ShareGroupHeartbeat, ShareStatesCall};

/// A request that waits for its reply. The driver chooses a number that no open request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// Records that are to be appended together. The coordinator counts up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AppendId(pub u64);

/// The clocks at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock, for timeouts. It never goes back.
    pub clock: Duration,
    /// The wall clock, for what is stored.
    pub wall: Timestamp,
}

/// An input of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A member wants to be in the next generation.
    Join(JoinGroup),
    /// A member wants its assignment, and the leader brings those of all.
    Sync(SyncGroup),
    /// A member is alive.
    Heartbeat(Heartbeat),
    /// A member of a consumer group speaks.
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeat),
    /// A member of a share group speaks.
    ShareGroupHeartbeat(ShareGroupHeartbeat),
    /// What the share coordinators know of a group is changed.
    ShareStates(ShareStatesCall),
    /// The share coordinators were told of partitions of a group. Told once for each time that was
    /// output.
    StatesInitialized {
        /// The group.
        group: String,
        /// What they know from now on.
        done: Vec<PartitionId>,
    },
    /// Members leave.
    Leave(LeaveGroup),
    /// Offsets are to be committed.
    CommitOffsets(CommitOffsets),
    /// Offsets are to be committed when a transaction is.
    CommitTransactionOffsets(CommitTransactionOffsets),
    /// The marker that ends the transaction of a producer is durable. Told in the order of the log,
    /// after what became of the records before it.
    TransactionEnded {
        /// Whose transaction.
        producer_id: ProducerId,
        /// Whether its offsets count.
        outcome: TransactionOutcome,
    },
    /// Offsets are to be forgotten.
    DeleteOffsets(DeleteOffsets),
    /// Groups are to be forgotten.
    DeleteGroups(DeleteGroups),
    /// Topics are no more, and neither are the offsets in them.
    TopicsDeleted(Vec<TopicName>),
    /// Records are durable. Told in the order in which they were output, as a log appends.
    Appended(AppendId),
    /// Records are not in the log and never will be.
    AppendFailed {
        /// Which records.
        append: AppendId,
        /// What the requests are answered that waited for them.
        code: ErrorCode,
    },
    /// The topics of the cluster have changed, or are told for the first time. Taken in any phase.
    Topics(Arc<Topics>),
    /// What single groups have otherwise than all others has changed, or is told for the first
    /// time. Taken in any phase, and of use from the next heartbeat of a member on.
    Tunings(Arc<BTreeMap<String, GroupTuning>>),
    /// Time has passed.
    Tick,
}

/// A member wants to be in the next generation (JoinGroup).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinGroup {
    /// The request.
    pub request: RequestId,
    /// The group.
    pub group: String,
    /// The id that the coordinator gave the member; empty if it has none yet.
    pub member_id: String,
    /// What the member is called if it has no id yet. The driver makes it up, and never twice.
    pub new_member_id: String,
    /// The name of a static member (KIP-345).
    pub instance_id: Option<String>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it connects from.
    pub client_host: String,
    /// How long the member may be silent.
    pub session_timeout: Duration,
    /// How long it may take to rejoin.
    pub rebalance_timeout: Duration,
    /// What the member is, such as `consumer` or `connect`.
    pub protocol_type: String,
    /// What it can assign with, the best first.
    pub protocols: Vec<JoinProtocol>,
    /// Whether a dynamic member has to join again with the id it is told (KIP-394: versions 4+).
    pub requires_member_id: bool,
    /// Whether the member can be told that it leads without assigning (KIP-814: versions 9+).
    pub can_skip_assignment: bool,
}

/// One way in which a member can assign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinProtocol {
    /// Its name, such as `range`.
    pub name: String,
    /// What the member says to the leader for it.
    pub metadata: Vec<u8>,
}

/// A member wants its assignment (SyncGroup).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroup {
    /// The request.
    pub request: RequestId,
    /// The group.
    pub group: String,
    /// The generation that the member was told.
    pub generation: i32,
    /// The member.
    pub member_id: String,
    /// The name of a static member.
    pub instance_id: Option<String>,
    /// What the member takes the group for, if it says (versions 5+).
    pub protocol_type: Option<String>,
    /// What it thinks the group assigns with, if it says (versions 5+).
    pub protocol: Option<String>,
    /// Of the leader: what each member gets.
    pub assignments: Vec<MemberAssignment>,
}

/// What one member gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberAssignment {
    /// The member.
    pub member_id: String,
    /// Its part, in words that only the members understand.
    pub assignment: Vec<u8>,
}

/// A member is alive (Heartbeat).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The request.
    pub request: RequestId,
    /// The group.
    pub group: String,
    /// The generation of the member.
    pub generation: i32,
    /// The member.
    pub member_id: String,
    /// The name of a static member.
    pub instance_id: Option<String>,
}

/// Members leave (LeaveGroup).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveGroup {
    /// The request.
    pub request: RequestId,
    /// The group.
    pub group: String,
    /// Who leaves.
    pub members: Vec<LeavingMember>,
}

/// One that leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavingMember {
    /// The member; empty where an operator removes a static member by its name.
    pub member_id: String,
    /// The name of a static member.
    pub instance_id: Option<String>,
}

/// Offsets are to be committed (OffsetCommit).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitOffsets {
    /// The request.
    pub request: RequestId,
    /// The group.
    pub group: String,
    /// The generation of the member; negative from one that is in no group.
    pub generation: i32,
    /// The member; empty from one that is in no group.
    pub member_id: String,
    /// The name of a static member.
    pub instance_id: Option<String>,
    /// Whether the generation may be an epoch (KIP-848: versions 9+).
    pub may_carry_epoch: bool,
    /// How long the offsets are kept, where the request says so (versions 2 to 4).
    pub retention: Option<Duration>,
    /// The offsets.
    pub offsets: Vec<OffsetToCommit>,
}

impl CommitOffsets {
    /// Whether it says nothing about who commits.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.generation < 0 && self.member_id.is_empty() && self.instance_id.is_none()
    }
}

/// Offsets are to be committed when a transaction is (TxnOffsetCommit).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitTransactionOffsets {
    /// Whose transaction.
    pub producer: (ProducerId, ProducerEpoch),
    /// The offsets, and who commits them. They have no retention of their own.
    pub commit: CommitOffsets,
}

/// An offset to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetToCommit {
    /// The topic.
    pub topic: TopicName,
    /// Its id, or [`TopicId::ZERO`] if it is not known.
    pub topic_id: TopicId,
    /// The partition of the topic.
    pub partition: PartitionIndex,
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the last record read, or [`LeaderEpoch::NONE`].
    pub leader_epoch: LeaderEpoch,
    /// What the client keeps with it.
    pub metadata: String,
}

/// Offsets are to be forgotten (OffsetDelete).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteOffsets {
    /// The request.
    pub request: RequestId,
    /// The group.
    pub group: String,
    /// Of which partitions.
    pub partitions: Vec<(TopicName, PartitionIndex)>,
}

/// Groups are to be forgotten (DeleteGroups).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteGroups {
    /// The request.
    pub request: RequestId,
    /// Which ones.
    pub groups: Vec<String>,
}
