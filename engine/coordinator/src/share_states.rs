//! The state of share-partitions that one partition of `__share_group_state` keeps: how far each
//! group is with the records of each partition. A coordinator is made when a node becomes leader of
//! the partition, is loaded from the log, steps by inputs, and resigns with the leadership. It is
//! asked by the leaders of the partitions and by the coordinators of the groups.
//!
//! An update says all that has changed since the last snapshot, so that the last record of each key
//! is enough and the topic can be compacted.

mod batch;
mod calls;
mod loading;
mod state;

use std::collections::BTreeMap;
use std::time::Duration;

use corelog_model::{ErrorCode, LeaderEpoch, Offset};

use crate::input::{AppendId, Now, RequestId};
use crate::records::{SharePartitionKey, ShareStateRecord};
use state::Share;

pub use batch::{DeliveryState, StateBatch};

/// What the operator sets for the state of share groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareStatesConfig {
    /// How many updates follow a snapshot at most
    /// (`share.coordinator.snapshot.update.records.per.snapshot`).
    pub updates_per_snapshot: u32,
    /// How many share-partitions one partition of `__share_group_state` may have; more are refused
    /// with `POLICY_VIOLATION`.
    pub shares_max: usize,
}

impl Default for ShareStatesConfig {
    fn default() -> Self {
        ShareStatesConfig { updates_per_snapshot: 500, shares_max: 100_000 }
    }
}

/// The states.
#[derive(Debug)]
pub struct ShareStates {
    config: ShareStatesConfig,
    phase: Phase,
    shares: BTreeMap<SharePartitionKey, Share>,
    /// What waits for records.
    pending: BTreeMap<AppendId, Pending>,
    append_next: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Loading,
    Ready,
    Resigned,
}

/// A change that is being appended, and who is told of it.
#[derive(Debug)]
struct Pending {
    request: RequestId,
    key: SharePartitionKey,
    /// What the state becomes; none if it goes away.
    next: Option<Share>,
    answer: StateAnswer,
}

/// An input of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateInput {
    /// Something is asked of a share-partition.
    Call {
        /// The request.
        request: RequestId,
        /// The share-partition.
        key: SharePartitionKey,
        /// What is asked.
        call: StateCall,
    },
    /// Records are durable. Told in the order in which they were output, as a log appends.
    Appended(AppendId),
    /// Records are not in the log and never will be.
    AppendFailed {
        /// Which records.
        append: AppendId,
        /// What the request is answered that waited for them.
        code: ErrorCode,
    },
    /// Time has passed.
    Tick,
}

/// What is asked of a share-partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateCall {
    /// To begin with it, or to set it anew, which fences whoever goes by an older state.
    Initialize {
        /// Counts how often it was set anew.
        state_epoch: i32,
        /// The first record that is not done with, or [`Offset::NONE`] if nobody has read yet.
        start: Offset,
    },
    /// To tell it to the leader of the partition, which fences older leaders.
    Read {
        /// Who asks.
        leader_epoch: LeaderEpoch,
    },
    /// To change it.
    Write(StateWrite),
    /// To tell how far it is.
    Summarize,
    /// To forget it, unless it was set anew since.
    Delete {
        /// The epoch with which it was set at most.
        state_epoch: i32,
    },
}

/// A change of the state of a share-partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateWrite {
    /// Which state is changed.
    pub state_epoch: i32,
    /// Who changes it.
    pub leader_epoch: LeaderEpoch,
    /// The first record that is not done with, or [`Offset::NONE`] if that is as before.
    pub start: Offset,
    /// How many records from there on are done with, or -1 if nobody says.
    pub complete_count: i32,
    /// The records that have changed.
    pub batches: Vec<StateBatch>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateAnswer {
    /// It is durable.
    Done,
    /// How far a share-partition is: to one that reads, with its records.
    State(StoredState),
}

/// How far a share-partition is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredState {
    /// Counts how often it was set anew.
    pub state_epoch: i32,
    /// The leader that changed it last.
    pub leader_epoch: LeaderEpoch,
    /// The first record that is not done with, or [`Offset::NONE`] if nobody has read yet.
    pub start: Offset,
    /// How many records from there on are done with, or -1 if nobody said.
    pub complete_count: i32,
    /// The records that are known, in order.
    pub batches: Vec<StateBatch>,
}

/// The reply to a request.
pub type StateReply = Result<StateAnswer, ErrorCode>;

/// An output of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateOutput {
    /// Answer a request. Each is answered once.
    Reply {
        /// The request.
        request: RequestId,
        /// The answer.
        reply: StateReply,
    },
    /// Append records, all or none, in the order of the outputs, and tell what became of it.
    Append {
        /// What to tell it by.
        append: AppendId,
        /// The records, never none.
        records: Vec<ShareStateRecord>,
    },
}

impl ShareStates {
    /// The states before they are loaded.
    pub fn new(config: ShareStatesConfig) -> Self {
        ShareStates {
            config,
            phase: Phase::Loading,
            shares: BTreeMap::new(),
            pending: BTreeMap::new(),
            append_next: 0,
        }
    }

    /// Advances the states by one input.
    pub fn step(&mut self, now: Now, input: StateInput) -> Vec<StateOutput> {
        match input {
            StateInput::Call { request, key, call } => {
                let reply = match self.unready() {
                    Some(code) => Err(code),
                    None => match self.call(now, request, key, call) {
                        Ok(output) => return vec![output],
                        Err(code) => Err(code),
                    },
                };
                vec![StateOutput::Reply { request, reply }]
            }
            StateInput::Appended(append) => self.appended(append).into_iter().collect(),
            StateInput::AppendFailed { append, code } => {
                self.append_failed(append, code).into_iter().collect()
            }
            StateInput::Tick => Vec::new(),
        }
    }

    /// When the next [`StateInput::Tick`] has something to do: never.
    pub fn next_wakeup(&self) -> Option<Duration> {
        None
    }

    /// This node no longer leads the partition: every open request is answered, and all is
    /// forgotten.
    pub fn resign(&mut self) -> Vec<StateOutput> {
        self.phase = Phase::Resigned;
        self.shares.clear();
        let pending = std::mem::take(&mut self.pending).into_values();
        let refuse = |Pending { request, .. }: Pending| StateOutput::Reply {
            request,
            reply: Err(ErrorCode::NotCoordinator),
        };
        pending.map(refuse).collect()
    }

    /// How many share-partitions there are.
    pub fn count(&self) -> usize {
        self.shares.len()
    }

    /// Why no request is served, if so.
    fn unready(&self) -> Option<ErrorCode> {
        match self.phase {
            Phase::Loading => Some(ErrorCode::CoordinatorLoadInProgress),
            Phase::Ready => None,
            Phase::Resigned => Some(ErrorCode::NotCoordinator),
        }
    }
}
