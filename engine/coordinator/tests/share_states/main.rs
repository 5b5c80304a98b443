//! The share coordinator, step by step: who may change what is known of a share-partition, when it
//! holds, and what is in the log then.

#![allow(clippy::unwrap_used, reason = "the functions that tests share may panic like tests")]

use std::sync::Arc;
use std::time::Duration;

use corelog_coordinator::records::{SharePartitionKey, ShareStateRecord};
use corelog_coordinator::share_states::{
    DeliveryState, ShareStates, ShareStatesConfig, StateAnswer, StateBatch, StateCall, StateInput,
    StateOutput, StateReply, StateWrite, StoredState,
};
use corelog_coordinator::{AppendId, Now, RequestId};
use corelog_model::{
    ErrorCode, LeaderEpoch, Offset, PartitionId, PartitionIndex, Timestamp, TopicId,
};
use proptest::prelude::*;

const NOW: Now = Now { clock: Duration::ZERO, wall: Timestamp(7) };

fn key(index: i32) -> SharePartitionKey {
    let partition = PartitionId::new(TopicId::from_bytes([3; 16]), PartitionIndex(index));
    SharePartitionKey { group: Arc::from("g"), partition }
}

fn batch(first: i64, last: i64, state: DeliveryState, delivery_count: i16) -> StateBatch {
    StateBatch { first: Offset(first), last: Offset(last), state, delivery_count }
}

fn initialize(state_epoch: i32, start: i64) -> StateCall {
    StateCall::Initialize { state_epoch, start: Offset(start) }
}

fn delete(state_epoch: i32) -> StateCall {
    StateCall::Delete { state_epoch }
}

fn read(leader_epoch: i32) -> StateCall {
    StateCall::Read { leader_epoch: LeaderEpoch(leader_epoch) }
}

fn write(epochs: (i32, i32), start: i64, batches: &[StateBatch]) -> StateCall {
    StateCall::Write(StateWrite {
        state_epoch: epochs.0,
        leader_epoch: LeaderEpoch(epochs.1),
        start: Offset(start),
        complete_count: -1,
        batches: batches.to_vec(),
    })
}

struct Rig {
    states: ShareStates,
    next: u64,
    log: Vec<ShareStateRecord>,
}

impl Rig {
    fn new() -> Rig {
        Rig::load(Vec::new())
    }

    fn load(log: Vec<ShareStateRecord>) -> Rig {
        let config = ShareStatesConfig { updates_per_snapshot: 2, shares_max: 2 };
        let mut states = ShareStates::new(config);
        for record in &log {
            states.load(&record.encode_key(), record.encode_value().as_deref()).unwrap();
        }
        states.finish_loading();
        Rig { states, next: 0, log }
    }

    fn begin(&mut self, index: i32, call: StateCall) -> Vec<StateOutput> {
        self.next += 1;
        let input = StateInput::Call { request: RequestId(self.next), key: key(index), call };
        self.states.step(NOW, input)
    }

    /// Asks, lets what is said be stored, and tells the answer.
    fn ask(&mut self, index: i32, call: StateCall) -> StateReply {
        let mut outputs = self.begin(index, call);
        if let StateOutput::Append { append, records } = &mut outputs[0] {
            self.log.append(records);
            outputs = self.states.step(NOW, StateInput::Appended(*append));
        }
        match outputs.pop().unwrap() {
            StateOutput::Reply { request, reply } => {
                assert_eq!(request, RequestId(self.next));
                reply
            }
            StateOutput::Append { .. } => panic!("a request is answered once it is stored"),
        }
    }

    fn state(&mut self, index: i32) -> StoredState {
        match self.ask(index, read(9)) {
            Ok(StateAnswer::State(state)) => state,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_state_is_begun_with_changed_and_forgotten() {
    let mut rig = Rig::new();
    assert_eq!(rig.ask(0, read(1)), Err(ErrorCode::InvalidRequest));
    assert_eq!(rig.ask(0, initialize(0, -1)), Ok(StateAnswer::Done));
    let batches = [batch(3, 4, DeliveryState::Acknowledged, 1)];
    assert_eq!(rig.ask(0, write((0, 2), 3, &batches)), Ok(StateAnswer::Done));
    let state = rig.state(0);
    assert_eq!((state.start.0, state.batches), (3, batches.to_vec()));
    assert_eq!(rig.ask(0, delete(2)), Ok(StateAnswer::Done));
    assert_eq!(rig.ask(0, delete(2)), Ok(StateAnswer::Done));
    assert_eq!(rig.ask(0, StateCall::Summarize), Err(ErrorCode::InvalidRequest));
    assert_eq!(Rig::load(rig.log).states.count(), 0);
}

#[test]
fn to_begin_again_changes_nothing_and_a_newer_state_fences() {
    let mut rig = Rig::new();
    rig.ask(0, initialize(1, -1)).unwrap();
    rig.ask(0, write((1, 2), 5, &[])).unwrap();
    assert_eq!(rig.ask(0, initialize(1, -1)), Ok(StateAnswer::Done));
    assert_eq!(rig.state(0).start, Offset(5));
    assert_eq!(rig.ask(0, initialize(0, 0)), Err(ErrorCode::FencedStateEpoch));
    assert_eq!(rig.ask(0, initialize(2, 1)), Ok(StateAnswer::Done));
    assert_eq!(rig.ask(0, write((1, 9), 6, &[])), Err(ErrorCode::FencedStateEpoch));
    assert_eq!(rig.state(0).start, Offset(1));
}

#[test]
fn what_was_set_anew_since_is_not_forgotten() {
    let mut rig = Rig::new();
    rig.ask(0, initialize(2, 5)).unwrap();
    assert_eq!(rig.ask(0, delete(1)), Ok(StateAnswer::Done));
    assert_eq!(rig.state(0).start, Offset(5));
    assert_eq!(rig.ask(0, delete(2)), Ok(StateAnswer::Done));
    assert_eq!(rig.states.count(), 0);
}

#[test]
fn an_older_leader_is_fenced() {
    let mut rig = Rig::new();
    rig.ask(0, initialize(0, -1)).unwrap();
    rig.ask(0, read(3)).unwrap();
    assert_eq!(rig.ask(0, read(2)), Err(ErrorCode::FencedLeaderEpoch));
    assert_eq!(rig.ask(0, write((0, 2), 6, &[])), Err(ErrorCode::FencedLeaderEpoch));
    let mut rig = Rig::load(rig.log);
    assert_eq!(rig.ask(0, read(2)), Err(ErrorCode::FencedLeaderEpoch));
}

#[test]
fn what_is_not_stored_is_not_seen() {
    let mut rig = Rig::new();
    rig.ask(0, initialize(0, -1)).unwrap();
    let outputs = rig.begin(0, write((0, 0), 5, &[]));
    assert!(matches!(outputs[..], [StateOutput::Append { append: AppendId(1), .. }]));
    assert_eq!(rig.ask(0, read(0)), Err(ErrorCode::CoordinatorLoadInProgress));
    let failed = StateInput::AppendFailed { append: AppendId(1), code: ErrorCode::NotCoordinator };
    let refused =
        StateOutput::Reply { request: RequestId(2), reply: Err(ErrorCode::NotCoordinator) };
    assert_eq!(rig.states.step(NOW, failed), [refused]);
    assert_eq!(rig.state(0).start, Offset::NONE);
}

#[test]
fn bounds_are_kept_and_nonsense_is_refused() {
    let mut rig = Rig::new();
    for index in 0..2 {
        rig.ask(index, initialize(0, -1)).unwrap();
    }
    assert_eq!(rig.ask(2, initialize(0, -1)), Err(ErrorCode::PolicyViolation));
    assert_eq!(rig.ask(0, initialize(1, -2)), Err(ErrorCode::InvalidRequest));
    let wrong = [batch(4, 3, DeliveryState::Available, 1)];
    assert_eq!(rig.ask(0, write((0, 0), 0, &wrong)), Err(ErrorCode::InvalidRequest));
    assert_eq!(rig.ask(0, write((1, 0), 0, &[])), Err(ErrorCode::InvalidRequest));
}

#[test]
fn one_that_resigns_answers_everybody() {
    let mut rig = Rig::new();
    rig.begin(0, initialize(0, -1));
    let reply = Err(ErrorCode::NotCoordinator);
    assert_eq!(rig.states.resign(), [StateOutput::Reply { request: RequestId(1), reply }]);
    assert_eq!(rig.ask(0, read(0)), reply_of(ErrorCode::NotCoordinator));
    let mut loading = ShareStates::new(ShareStatesConfig::default());
    let input = StateInput::Call { request: RequestId(1), key: key(0), call: read(0) };
    let reply = reply_of(ErrorCode::CoordinatorLoadInProgress);
    let told = StateOutput::Reply { request: RequestId(1), reply };
    assert_eq!(loading.step(NOW, input), [told]);
}

fn reply_of(code: ErrorCode) -> StateReply {
    Err(code)
}

proptest! {
    /// What a compacted log says is what the coordinator says, whatever was written.
    #[test]
    fn the_last_record_of_each_key_is_enough(
        writes in prop::collection::vec((0..8_i64, 0..30_i64, 0..5_i64, 0..3_i8, 0..4_i16), 1..30),
    ) {
        let mut rig = Rig::new();
        rig.ask(0, initialize(0, 0)).unwrap();
        let mut start = 0;
        for (move_by, first, more, state, count) in writes {
            start += i64::from(move_by == 7);
            let state = DeliveryState::from_number(state * 2).unwrap();
            let batches = [batch(first, first + more, state, count)];
            rig.ask(0, write((0, 0), start, &batches)).unwrap();
        }
        // The first to read becomes the leader.
        rig.state(0);
        let expected = rig.state(0);
        let last = |snapshots: bool| {
            let is_one = |one: &&ShareStateRecord| {
                matches!(one, ShareStateRecord::Snapshot(..)) == snapshots
            };
            rig.log.iter().rposition(|one| is_one(&one))
        };
        let mut kept: Vec<usize> = [last(true), last(false)].into_iter().flatten().collect();
        kept.sort_unstable();
        let compacted = kept.into_iter().map(|at| rig.log[at].clone()).collect();
        prop_assert_eq!(Rig::load(compacted).state(0), expected.clone());
        prop_assert_eq!(Rig::load(rig.log).state(0), expected);
    }
}
