//! The groups of one partition of `__consumer_offsets`. A coordinator is made when a node becomes
//! leader of the partition, is loaded from the log, steps by inputs, and resigns with the
//! leadership.

mod conversion;
mod counts;
mod deletion;
mod group;
mod loading;
mod offset_requests;
mod pending;
mod queries;
mod share;
mod transactional_offsets;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use corelog_model::{ErrorCode, ProducerId};

use crate::config::GroupConfig;
use crate::consumer_group::{GroupError, Topics};
use crate::input::{AppendId, CommitTransactionOffsets, Input, JoinGroup, Now, RequestId};
use crate::output::{GroupResult, JoinRefusal, Left, Output, PartitionResult, Reply, Step};
use group::Group;
use pending::Pending;

pub use counts::{GroupCounts, GroupTally};
pub use loading::Loaded;
pub use queries::{GroupKind, ListFilter, ListedGroup};

/// The longest text that a record holds.
const TEXT_BYTES_MAX: usize = i16::MAX as usize;

/// The groups.
#[derive(Debug)]
pub struct Groups {
    config: GroupConfig,
    /// Those of groups that have some of their own.
    tuned: BTreeMap<String, GroupConfig>,
    topics: Arc<Topics>,
    phase: Phase,
    by_id: BTreeMap<String, Group>,
    /// What waits for records.
    pending: BTreeMap<AppendId, Pending>,
    append_next: u64,
    /// The groups for which a producer has offsets in an open transaction.
    transactions: BTreeMap<ProducerId, BTreeSet<String>>,
    /// How many records were loaded, after which those of the appends come.
    loaded: u64,
    /// When which group has something to do.
    wakeups: BTreeSet<(Duration, String)>,
    /// When expired offsets are looked for next.
    expire_at: Duration,
    counts: GroupCounts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Loading,
    Ready,
    Resigned,
    /// What is in the log is not known.
    Failed,
}

impl Groups {
    /// The groups before they are loaded.
    pub fn new(config: GroupConfig) -> Self {
        Groups {
            config,
            tuned: BTreeMap::new(),
            topics: Arc::default(),
            phase: Phase::Loading,
            by_id: BTreeMap::new(),
            pending: BTreeMap::new(),
            append_next: 0,
            transactions: BTreeMap::new(),
            loaded: 0,
            wakeups: BTreeSet::new(),
            expire_at: Duration::ZERO,
            counts: GroupCounts::default(),
        }
    }

    /// Advances the groups by one input.
    pub fn step(&mut self, now: Now, input: Input) -> Vec<Output> {
        if let Input::Topics(topics) = &input {
            self.topics = Arc::clone(topics);
        }
        if let Input::Tunings(tunings) = &input {
            let tuned = tunings.iter();
            let tuned = tuned.map(|(id, tuning)| (id.clone(), self.config.tuned(*tuning)));
            self.tuned = tuned.collect();
        }
        if let Some(code) = self.unready() {
            return refusal(input, code).into_iter().collect();
        }
        match input {
            Input::Join(join) => self.join(now, join),
            Input::Sync(sync) => self.at(now, &sync.group.clone(), sync, Group::sync),
            Input::Heartbeat(beat) => {
                let act =
                    |group: &mut Group, beat, step: &mut Step<'_>| group.heartbeat(&beat, step);
                self.at(now, &beat.group.clone(), beat, act)
            }
            Input::ConsumerGroupHeartbeat(beat) => self.consumer_group_heartbeat(now, &beat),
            Input::ShareGroupHeartbeat(beat) => self.share_group_heartbeat(now, &beat),
            Input::ShareStates(call) => self.change_share_states(now, &call),
            Input::StatesInitialized { group, done } => self.states_initialized(now, &group, &done),
            Input::Leave(leave) => self.at(now, &leave.group.clone(), leave, Group::leave),
            Input::CommitOffsets(commit) => self.commit_offsets(now, commit),
            Input::CommitTransactionOffsets(commit) => self.commit_in_transaction(now, commit),
            Input::TransactionEnded { producer_id, outcome } => {
                self.transaction_ended(producer_id, outcome);
                Vec::new()
            }
            Input::DeleteOffsets(delete) => self.delete_offsets(now, delete),
            Input::DeleteGroups(delete) => self.delete_groups(now, delete),
            Input::TopicsDeleted(topics) => self.forget_topics(now, &topics),
            Input::Appended(append) => self.appended(now, append),
            Input::AppendFailed { append, code } => self.append_failed(now, append, code),
            // They matter from the next heartbeat of a member on.
            Input::Topics(_) | Input::Tunings(_) => Vec::new(),
            Input::Tick => self.tick(now),
        }
    }

    /// When the next [`Input::Tick`] has something to do.
    pub fn next_wakeup(&self) -> Option<Duration> {
        if self.phase != Phase::Ready {
            return None;
        }
        let group = self.wakeups.first().map(|(at, _)| *at);
        Some(group.map_or(self.expire_at, |at| at.min(self.expire_at)))
    }

    /// This node no longer leads the partition: every open request is answered, and all is
    /// forgotten.
    pub fn resign(&mut self, now: Now) -> Vec<Output> {
        self.close(now, Phase::Resigned, ErrorCode::NotCoordinator)
    }

    /// What is in the log is not what the groups go by: they have to be loaded anew.
    fn reload(&mut self, now: Now, code: ErrorCode) -> Vec<Output> {
        let mut outputs = self.close(now, Phase::Failed, code);
        outputs.push(Output::Reload);
        outputs
    }

    fn close(&mut self, now: Now, phase: Phase, code: ErrorCode) -> Vec<Output> {
        self.phase = phase;
        self.wakeups.clear();
        let mut groups = std::mem::take(&mut self.by_id);
        let mut step = self.begin(now);
        for group in groups.values_mut() {
            group.abandon(code, &mut step);
        }
        let mut outputs = step.outputs;
        let pending = std::mem::take(&mut self.pending);
        outputs.extend(pending.into_values().filter_map(|pending| pending.refusal(code)));
        outputs
    }

    /// Why no request is served, if so.
    fn unready(&self) -> Option<ErrorCode> {
        match self.phase {
            Phase::Loading => Some(ErrorCode::CoordinatorLoadInProgress),
            Phase::Ready => None,
            Phase::Resigned => Some(ErrorCode::NotCoordinator),
            Phase::Failed => Some(ErrorCode::CoordinatorNotAvailable),
        }
    }

    fn begin(&mut self, now: Now) -> Step<'_> {
        let append_next = &mut self.append_next;
        let (config, topics) = (&self.config, &*self.topics);
        Step { now, config, topics, outputs: Vec::new(), append_next }
    }

    fn join(&mut self, now: Now, join: JoinGroup) -> Vec<Output> {
        if let Err(code) = self.check_join(&join) {
            return refusal(Input::Join(join), code).into_iter().collect();
        }
        let id = join.group.clone();
        let mut outputs = match self.prepare_join(now, &join) {
            Ok(outputs) => outputs,
            Err(code) => return refusal(Input::Join(join), code).into_iter().collect(),
        };
        outputs.extend(self.at(now, &id, join, Group::join));
        outputs
    }

    fn check_join(&self, join: &JoinGroup) -> Result<(), ErrorCode> {
        if join.group.is_empty() || join.group.len() > TEXT_BYTES_MAX {
            return Err(ErrorCode::InvalidGroupId);
        }
        let session_timeouts = self.config.session_timeout_min..=self.config.session_timeout_max;
        if !session_timeouts.contains(&join.session_timeout) {
            return Err(ErrorCode::InvalidSessionTimeout);
        }
        let protocols = join.protocols.iter().map(|protocol| &protocol.name);
        let texts = [&join.new_member_id, &join.client_id, &join.client_host, &join.protocol_type];
        let mut texts = texts.into_iter().chain(&join.instance_id).chain(protocols);
        if texts.any(|text| text.len() > TEXT_BYTES_MAX) {
            return Err(ErrorCode::InvalidRequest);
        }
        if self.by_id.contains_key(&join.group) {
            return Ok(());
        }
        if !join.member_id.is_empty() {
            return Err(ErrorCode::UnknownMemberId);
        }
        self.check_room()
    }

    /// Whether there may be one more group.
    fn check_room(&self) -> Result<(), ErrorCode> {
        let has_room = self.by_id.len() < self.config.groups_max;
        if has_room { Ok(()) } else { Err(ErrorCode::PolicyViolation) }
    }

    /// Lets a group take a request of a member, which is unknown if the group is.
    fn at<R: Into<Input>>(
        &mut self,
        now: Now,
        group: &str,
        request: R,
        act: impl FnOnce(&mut Group, R, &mut Step<'_>),
    ) -> Vec<Output> {
        if group.is_empty() {
            return refusal(request.into(), ErrorCode::InvalidGroupId).into_iter().collect();
        }
        if !self.by_id.contains_key(group) {
            return refusal(request.into(), ErrorCode::UnknownMemberId).into_iter().collect();
        }
        self.with(now, group, |group, step| act(group, request, step)).1
    }

    /// Lets a group act, and takes care of what follows from it. There has to be such a group.
    fn with<T>(
        &mut self,
        now: Now,
        id: &str,
        act: impl FnOnce(&mut Group, &mut Step<'_>) -> T,
    ) -> (T, Vec<Output>) {
        let append_next = &mut self.append_next;
        let (config, topics) = (self.tuned.get(id).unwrap_or(&self.config), &*self.topics);
        let mut step = Step { now, config, topics, outputs: Vec::new(), append_next };
        let group = self.by_id.get_mut(id).expect("the caller has looked for the group");
        let generation = group.generation();
        let result = act(group, &mut step);
        group.advance(&mut step);
        self.counts.rebalances += u64::from(group.generation() != generation);
        let ending = group.downgrade(id, &mut step);
        let outputs = step.outputs;
        let mut in_flight = 0;
        for output in &outputs {
            if let Output::Append { append, .. } | Output::AppendTransactional { append, .. } =
                output
            {
                let group = id.to_owned();
                let pending = match ending {
                    Some(ending) if ending == *append => Pending::Ending { group },
                    Some(_) | None => Pending::Members { group },
                };
                self.pending.insert(*append, pending);
                in_flight += 1;
            }
        }
        group.in_flight += in_flight;
        self.settle(id);
        (result, outputs)
    }

    /// Notes when a group has something to do, and forgets it if there is nothing to it.
    fn settle(&mut self, id: &str) {
        let Some(group) = self.by_id.get_mut(id) else { return };
        let is_vacant = group.is_vacant();
        let wakeup = if is_vacant { None } else { group.next_wakeup() };
        if group.wakeup != wakeup {
            if let Some(at) = group.wakeup {
                self.wakeups.remove(&(at, id.to_owned()));
            }
            if let Some(at) = wakeup {
                self.wakeups.insert((at, id.to_owned()));
            }
            group.wakeup = wakeup;
        }
        if is_vacant {
            self.by_id.remove(id);
        }
    }

    fn tick(&mut self, now: Now) -> Vec<Output> {
        let due = self.wakeups.iter().take_while(|(at, _)| *at <= now.clock);
        let due: Vec<String> = due.map(|(_, id)| id.clone()).collect();
        let mut outputs = Vec::new();
        for id in due {
            outputs.extend(self.with(now, &id, |_, _| ()).1);
        }
        if self.expire_at <= now.clock {
            self.expire_at = now.clock + self.config.offsets_retention_check_interval;
            outputs.extend(self.expire_offsets(now));
        }
        outputs
    }
}

impl From<JoinGroup> for Input {
    fn from(request: JoinGroup) -> Self {
        Input::Join(request)
    }
}

impl From<crate::input::SyncGroup> for Input {
    fn from(request: crate::input::SyncGroup) -> Self {
        Input::Sync(request)
    }
}

impl From<crate::input::Heartbeat> for Input {
    fn from(request: crate::input::Heartbeat) -> Self {
        Input::Heartbeat(request)
    }
}

impl From<crate::input::LeaveGroup> for Input {
    fn from(request: crate::input::LeaveGroup) -> Self {
        Input::Leave(request)
    }
}

/// What a request is answered that goes wrong as a whole; none for inputs that are no requests.
fn refusal(input: Input, code: ErrorCode) -> Option<Output> {
    let (request, reply): (RequestId, Reply) = match input {
        Input::Join(join) => {
            (join.request, Reply::Join(Err(JoinRefusal { code, member_id: join.member_id })))
        }
        Input::Sync(sync) => (sync.request, Reply::Sync(Err(code))),
        Input::Heartbeat(heartbeat) => (heartbeat.request, Reply::Heartbeat(Err(code))),
        Input::ConsumerGroupHeartbeat(beat) => {
            let refused = Err(GroupError::Unavailable { code });
            (beat.request, Reply::ConsumerGroupHeartbeat(refused))
        }
        Input::ShareGroupHeartbeat(beat) => {
            let refused = Err(GroupError::Unavailable { code });
            (beat.request, Reply::ShareGroupHeartbeat(refused))
        }
        Input::ShareStates(call) => (call.request, Reply::ShareStates(Err(code))),
        Input::Leave(leave) if code == ErrorCode::UnknownMemberId => {
            let left = leave.members.into_iter().map(|member| Left {
                member_id: member.member_id,
                instance_id: member.instance_id,
                result: Err(code),
            });
            (leave.request, Reply::Leave(Ok(left.collect())))
        }
        Input::Leave(leave) => (leave.request, Reply::Leave(Err(code))),
        Input::CommitOffsets(commit)
        | Input::CommitTransactionOffsets(CommitTransactionOffsets { commit, .. }) => {
            let partitions = commit.offsets.into_iter().map(|one| (one.topic, one.partition));
            let results = partitions.map(|(topic, partition)| PartitionResult {
                topic,
                partition,
                result: Err(code),
            });
            (commit.request, Reply::CommitOffsets(results.collect()))
        }
        Input::DeleteOffsets(delete) => (delete.request, Reply::DeleteOffsets(Err(code))),
        Input::DeleteGroups(delete) => {
            let groups = delete.groups.into_iter();
            let results = groups.map(|group| GroupResult { group, result: Err(code) });
            (delete.request, Reply::DeleteGroups(results.collect()))
        }
        Input::TransactionEnded { .. }
        | Input::TopicsDeleted(_)
        | Input::StatesInitialized { .. }
        | Input::Appended(_)
        | Input::AppendFailed { .. }
        | Input::Topics(_)
        | Input::Tunings(_)
        | Input::Tick => {
            return None;
        }
    };
    Some(Output::Reply { request, reply })
}
