//! What the coordinator tells the driver to do: answer requests and append records.

use corelog_model::{ErrorCode, PartitionId, PartitionIndex, ProducerEpoch, ProducerId, TopicName};

use crate::config::GroupConfig;
use crate::consumer_group::{GroupError, HeartbeatReply, Topics};
use crate::input::{AppendId, Now, RequestId};
use crate::records::CoordinatorRecord;
use crate::share_group::ShareStatesReply;

/// An output of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Answer a request. Each is answered once.
    Reply {
        /// The request.
        request: RequestId,
        /// The answer.
        reply: Reply,
    },
    /// Append records, all or none, in the order of the outputs, and tell what became of it.
    Append {
        /// What to tell it by.
        append: AppendId,
        /// The records, never none.
        records: Vec<CoordinatorRecord>,
    },
    /// Append records as part of the transaction of a producer, else as before: all or none, in the
    /// order of the outputs, and tell what became of it.
    AppendTransactional {
        /// What to tell it by.
        append: AppendId,
        /// Whose transaction.
        producer: (ProducerId, ProducerEpoch),
        /// The request that they come from.
        request: RequestId,
        /// The records, never none.
        records: Vec<CoordinatorRecord>,
    },
    /// Have the share coordinators begin with partitions of a group, and tell what became of it.
    InitializeStates {
        /// The group.
        group: String,
        /// The epoch of the states.
        state_epoch: i32,
        /// The partitions, never none.
        partitions: Vec<PartitionId>,
    },
    /// Have the share coordinators forget partitions of a group that are no more.
    DeleteStates {
        /// The group.
        group: String,
        /// The partitions, never none.
        partitions: Vec<PartitionId>,
    },
    /// Drop these groups and load them anew: what is in the log is not what they go by. Every open
    /// request has been answered.
    Reload,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To a member that joins.
    Join(Result<Joined, JoinRefusal>),
    /// To a member that wants its assignment.
    Sync(Result<Synced, ErrorCode>),
    /// To a member that is alive.
    Heartbeat(Result<(), ErrorCode>),
    /// To a member of a consumer group.
    ConsumerGroupHeartbeat(Result<HeartbeatReply, GroupError>),
    /// To a member of a share group.
    ShareGroupHeartbeat(Result<HeartbeatReply, GroupError>),
    /// To one that changes what the share coordinators know of a group.
    ShareStates(Result<ShareStatesReply, ErrorCode>),
    /// To members that leave, one by one in the order of the request.
    Leave(Result<Vec<Left>, ErrorCode>),
    /// To one that commits offsets, in a transaction or not, one by one in the order of the
    /// request.
    CommitOffsets(Vec<PartitionResult>),
    /// To one that deletes offsets, one by one in the order of the request.
    DeleteOffsets(Result<Vec<PartitionResult>, ErrorCode>),
    /// To one that deletes groups, one by one in the order of the request.
    DeleteGroups(Vec<GroupResult>),
}

/// A member is in a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The generation.
    pub generation: i32,
    /// What the members are.
    pub protocol_type: String,
    /// What they chose to assign with.
    pub protocol: String,
    /// The member that assigns.
    pub leader: String,
    /// The member that is answered.
    pub member_id: String,
    /// Whether the assignment stays although the member leads (KIP-814).
    pub skip_assignment: bool,
    /// To the leader: everyone.
    pub members: Vec<JoinedMember>,
}

/// One of the members that the leader assigns to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// The member.
    pub member_id: String,
    /// The name of a static member.
    pub instance_id: Option<String>,
    /// What it said for the chosen protocol.
    pub metadata: Vec<u8>,
}

/// Why a member is in no generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRefusal {
    /// The error code in the Kafka protocol.
    pub code: ErrorCode,
    /// The member, or with `MEMBER_ID_REQUIRED` the id to join with.
    pub member_id: String,
}

/// A member has its assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// What the members are.
    pub protocol_type: String,
    /// What the leader assigned with.
    pub protocol: String,
    /// The part of the member.
    pub assignment: Vec<u8>,
}

/// What became of one that leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The member, as in the request.
    pub member_id: String,
    /// The name of a static member, as in the request.
    pub instance_id: Option<String>,
    /// Whether it has left.
    pub result: Result<(), ErrorCode>,
}

/// What became of one partition of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionResult {
    /// The topic.
    pub topic: TopicName,
    /// The partition of the topic.
    pub partition: PartitionIndex,
    /// Whether it was done.
    pub result: Result<(), ErrorCode>,
}

/// What became of one group of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupResult {
    /// The group.
    pub group: String,
    /// Whether it was done.
    pub result: Result<(), ErrorCode>,
}

/// A step being taken: when, under which settings, and what it amounts to so far.
pub(crate) struct Step<'a> {
    pub(crate) now: Now,
    pub(crate) config: &'a GroupConfig,
    pub(crate) topics: &'a Topics,
    pub(crate) outputs: Vec<Output>,
    /// The number of the next records.
    pub(crate) append_next: &'a mut u64,
}

impl Step<'_> {
    pub(crate) fn reply(&mut self, request: RequestId, reply: Reply) {
        self.outputs.push(Output::Reply { request, reply });
    }

    /// The number of the next records.
    pub(crate) fn number_append(&mut self) -> AppendId {
        let append = AppendId(*self.append_next);
        *self.append_next += 1;
        append
    }

    pub(crate) fn append(&mut self, records: Vec<CoordinatorRecord>) -> AppendId {
        assert!(!records.is_empty(), "an append has at least one record");
        let append = self.number_append();
        self.outputs.push(Output::Append { append, records });
        append
    }
}
