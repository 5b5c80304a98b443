//! Share groups, step by step: who is in, who reads what, and what the share coordinators are told.

#![allow(clippy::unwrap_used, reason = "the functions that tests share may panic like tests")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use corelog_coordinator::consumer_group::{MemberId, Topic, Topics};
use corelog_coordinator::group_state::GroupState;
use corelog_coordinator::groups::{GroupKind, ListFilter};
use corelog_coordinator::input::{DeleteGroups, ShareGroupHeartbeat, ShareStatesCall};
use corelog_coordinator::records::CoordinatorRecord;
use corelog_coordinator::share_group::{ShareStatesChange, ShareStatesReply};
use corelog_coordinator::{AppendId, GroupConfig, Groups, Input, Now, Output, Reply, RequestId};
use corelog_model::{ErrorCode, PartitionId, PartitionIndex, Timestamp, TopicId, TopicName};

const TOPIC: TopicId = TopicId::from_bytes([1; 16]);

fn partition(index: i32) -> PartitionId {
    PartitionId::new(TOPIC, PartitionIndex(index))
}

fn topics(version: u64, partition_count: i32) -> Input {
    let topic = Topic { name: Arc::from("t"), partition_count, racks: Vec::new() };
    Input::Topics(Arc::new(Topics::new(version, [(TOPIC, topic)])))
}

struct Rig {
    groups: Groups,
    clock: u64,
    next: u64,
    log: Vec<CoordinatorRecord>,
    flight: Vec<(AppendId, Vec<CoordinatorRecord>)>,
    /// What the share coordinators are asked.
    asked: Vec<Output>,
}

/// A told epoch, and the partitions if they were told.
type Told = (i32, Option<Vec<i32>>);

impl Rig {
    fn new() -> Rig {
        Rig::load(Vec::new())
    }

    fn load(log: Vec<CoordinatorRecord>) -> Rig {
        let mut groups = Groups::new(GroupConfig::default());
        for record in &log {
            groups.load(&record.encode_key(), record.encode_value().as_deref()).unwrap();
        }
        let (clock, next) = (0, 0);
        let now = Now { clock: Duration::ZERO, wall: Timestamp(0) };
        groups.finish_loading(now);
        let mut rig = Rig { groups, clock, next, log, flight: Vec::new(), asked: Vec::new() };
        rig.step(topics(1, 2));
        rig
    }

    fn step(&mut self, input: Input) -> Vec<(RequestId, Reply)> {
        let clock = Duration::from_secs(self.clock);
        let wall = Timestamp(self.clock.cast_signed() * 1000);
        let mut replies = Vec::new();
        for output in self.groups.step(Now { clock, wall }, input) {
            match output {
                Output::Reply { request, reply } => replies.push((request, reply)),
                Output::Append { append, records } => self.flight.push((append, records)),
                Output::AppendTransactional { .. } | Output::Reload => panic!("{output:?}"),
                Output::InitializeStates { .. } | Output::DeleteStates { .. } => {
                    self.asked.push(output);
                }
            }
        }
        replies
    }

    /// Steps, and lets all be stored that comes of it.
    fn settle(&mut self, input: Input) -> Vec<(RequestId, Reply)> {
        let mut replies = self.step(input);
        while !self.flight.is_empty() {
            assert!(replies.is_empty(), "nothing is answered before it is stored");
            let (append, records) = self.flight.remove(0);
            self.log.extend(records);
            replies.extend(self.step(Input::Appended(append)));
        }
        replies
    }

    fn ask(&mut self, input: impl FnOnce(RequestId) -> Input) -> Reply {
        self.next += 1;
        let request = RequestId(self.next);
        let mut replies = self.settle(input(request));
        assert_eq!(replies.len(), 1);
        let (answered, reply) = replies.remove(0);
        assert_eq!(answered, request);
        reply
    }

    fn beat(
        &mut self,
        member: &str,
        epoch: i32,
        names: Option<&[&str]>,
    ) -> Result<Told, ErrorCode> {
        let heartbeat = |request| {
            Input::ShareGroupHeartbeat(ShareGroupHeartbeat {
                request,
                group: "g".to_owned(),
                member: MemberId::from(member),
                epoch,
                rack_id: None,
                topic_names: names.map(|names| names.iter().map(|name| Arc::from(*name)).collect()),
                client_id: Arc::from("c"),
                client_host: Arc::from("/h"),
            })
        };
        match self.ask(heartbeat) {
            Reply::ShareGroupHeartbeat(Ok(reply)) => {
                let indexes = |assigned: BTreeSet<PartitionId>| {
                    assigned.iter().map(|partition| partition.index.get()).collect()
                };
                Ok((reply.epoch, reply.assignment.map(indexes)))
            }
            Reply::ShareGroupHeartbeat(Err(error)) => Err(error.code()),
            other => panic!("{other:?}"),
        }
    }

    /// The share coordinators take what they are told of.
    fn initialize(&mut self) -> (i32, Vec<PartitionId>) {
        let Some(Output::InitializeStates { group, state_epoch, partitions }) = self.asked.pop()
        else {
            panic!("nothing is to be told")
        };
        let done = partitions.clone();
        assert_eq!(self.settle(Input::StatesInitialized { group, done }), []);
        (state_epoch, partitions)
    }

    fn change(&mut self, change: ShareStatesChange) -> Result<ShareStatesReply, ErrorCode> {
        let group = "g".to_owned();
        match self.ask(|request| Input::ShareStates(ShareStatesCall { request, group, change })) {
            Reply::ShareStates(result) => result,
            other => panic!("{other:?}"),
        }
    }

    fn delete(&mut self) -> Result<(), ErrorCode> {
        let groups = vec!["g".to_owned()];
        match self.ask(|request| Input::DeleteGroups(DeleteGroups { request, groups })) {
            Reply::DeleteGroups(results) => results[0].result,
            other => panic!("{other:?}"),
        }
    }

    /// A group with a member that has both partitions, at epoch 2.
    fn with_member() -> Rig {
        let mut rig = Rig::new();
        assert_eq!(rig.beat("a", 0, Some(&["t"])), Ok((1, Some(vec![]))));
        assert_eq!(rig.initialize(), (1, vec![partition(0), partition(1)]));
        assert_eq!(rig.beat("a", 1, None), Ok((2, Some(vec![0, 1]))));
        rig
    }
}

#[test]
fn a_member_reads_once_the_share_coordinators_know_the_partitions() {
    let mut rig = Rig::with_member();
    assert_eq!(rig.beat("a", 2, None), Ok((2, None)));
    assert_eq!(rig.beat("a", 1, None), Ok((2, Some(vec![0, 1]))), "it has not got the answer");
    assert_eq!(rig.beat("a", 2, Some(&["t"])), Ok((2, Some(vec![0, 1]))));
    assert!(rig.asked.is_empty());
}

#[test]
fn members_share_partitions() {
    let mut rig = Rig::with_member();
    assert_eq!(rig.beat("b", 0, Some(&["t"])), Ok((3, Some(vec![1]))));
    assert_eq!(rig.beat("c", 0, Some(&["t"])), Ok((4, Some(vec![0]))));
    assert_eq!(rig.beat("a", 2, None), Ok((4, Some(vec![0]))));
    assert_eq!(rig.beat("b", -1, None), Ok((-1, None)));
    assert_eq!(rig.beat("b", 3, None), Err(ErrorCode::UnknownMemberId));
    assert_eq!(rig.beat("c", 4, None), Ok((5, Some(vec![1]))));
}

#[test]
fn epochs_and_names_are_checked() {
    let mut rig = Rig::new();
    assert_eq!(rig.beat("a", 1, None), Err(ErrorCode::GroupIdNotFound));
    assert_eq!(rig.beat("a", 0, None), Err(ErrorCode::InvalidRequest));
    assert_eq!(rig.beat("", 0, Some(&["t"])), Err(ErrorCode::InvalidRequest));
    assert_eq!(rig.beat("a", -2, None), Err(ErrorCode::InvalidRequest));
    let mut rig = Rig::with_member();
    assert_eq!(rig.beat("a", 3, None), Err(ErrorCode::FencedMemberEpoch));
    assert_eq!(rig.beat("b", 1, None), Err(ErrorCode::UnknownMemberId));
    assert_eq!(rig.groups.describe("g").unwrap_err(), ErrorCode::GroupIdNotFound);
}

#[test]
fn a_silent_member_is_out() {
    let mut rig = Rig::with_member();
    rig.clock = 44;
    rig.settle(Input::Tick);
    assert_eq!(rig.groups.describe_share_group("g").unwrap().state, GroupState::Stable);
    rig.clock = 45;
    rig.settle(Input::Tick);
    let description = rig.groups.describe_share_group("g").unwrap();
    assert_eq!((description.state, description.members.len()), (GroupState::Empty, 0));
    assert_eq!(rig.beat("a", 2, None), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn a_group_is_listed_with_its_kind_and_comes_back_from_the_log() {
    let rig = Rig::with_member();
    let expected = rig.groups.describe_share_group("g").unwrap();
    let loaded = Rig::load(rig.log);
    let filter = ListFilter { kinds: vec![GroupKind::Share], states: Vec::new() };
    let listed = loaded.groups.list(&filter).unwrap();
    assert_eq!((listed.len(), &*listed[0].protocol_type), (1, "share"));
    assert_eq!(loaded.groups.describe_share_group("g").unwrap(), expected);
    let states = loaded.groups.share_states("g").unwrap();
    assert_eq!(states.initialized_partitions().collect::<Vec<_>>(), [partition(0), partition(1)]);
}

#[test]
fn what_was_not_told_is_told_again() {
    let mut rig = Rig::new();
    rig.beat("a", 0, Some(&["t"])).unwrap();
    rig.asked.clear();
    rig.settle(Input::StatesInitialized { group: "g".to_owned(), done: vec![partition(1)] });
    assert_eq!(rig.beat("a", 1, None), Ok((2, Some(vec![1]))));
    assert!(rig.asked.is_empty(), "not at once");
    rig.clock = 1;
    rig.settle(Input::Tick);
    assert_eq!(rig.initialize(), (2, vec![partition(0)]));
    // And after a crash in between.
    let mut rig = Rig::new();
    rig.beat("a", 0, Some(&["t"])).unwrap();
    let mut loaded = Rig::load(rig.log);
    loaded.settle(Input::Tick);
    assert_eq!(loaded.initialize(), (1, vec![partition(0), partition(1)]));
}

#[test]
fn new_partitions_are_told_of_and_read() {
    let mut rig = Rig::with_member();
    rig.step(topics(2, 3));
    assert_eq!(rig.beat("a", 2, None), Ok((3, None)));
    assert_eq!(rig.initialize(), (3, vec![partition(2)]));
    assert_eq!(rig.beat("a", 3, None), Ok((4, Some(vec![0, 1, 2]))));
}

#[test]
fn only_a_group_without_members_is_changed_and_deleted() {
    let mut rig = Rig::with_member();
    for change in [ShareStatesChange::BeginAlter, ShareStatesChange::BeginDelete(None)] {
        assert_eq!(rig.change(change), Err(ErrorCode::NonEmptyGroup));
    }
    assert_eq!(rig.delete(), Err(ErrorCode::NonEmptyGroup));
    rig.beat("a", -1, None).unwrap();
    let epoch = rig.change(ShareStatesChange::BeginAlter).unwrap().state_epoch;
    assert_eq!(epoch, 4);
    let forgotten = rig.change(ShareStatesChange::BeginDelete(None)).unwrap();
    assert_eq!(forgotten.partitions, [partition(0), partition(1)]);
    let again = rig.change(ShareStatesChange::BeginDelete(None)).unwrap();
    assert_eq!(again.partitions, forgotten.partitions, "nobody said that it ended");
    rig.change(ShareStatesChange::FinishDelete(vec![TOPIC])).unwrap();
    assert_eq!(rig.delete(), Ok(()));
    assert_eq!(rig.change(ShareStatesChange::BeginAlter), Err(ErrorCode::GroupIdNotFound));
    assert_eq!(Rig::load(rig.log).groups.count(), 0);
}

#[test]
fn who_joins_while_states_are_forgotten_sets_them_with_a_later_epoch() {
    let mut rig = Rig::with_member();
    rig.beat("a", -1, None).unwrap();
    let begun = rig.change(ShareStatesChange::BeginDelete(None)).unwrap();
    assert_eq!((begun.state_epoch, begun.partitions.len()), (3, 2));
    rig.beat("b", 0, Some(&["t"])).unwrap();
    let (state_epoch, partitions) = rig.initialize();
    assert_eq!((state_epoch, &partitions), (4, &begun.partitions));
    rig.change(ShareStatesChange::FinishDelete(vec![TOPIC])).unwrap();
    assert_eq!(rig.beat("b", 4, None), Ok((5, Some(vec![0, 1]))));
}

#[test]
fn an_empty_group_stays_until_it_is_deleted() {
    let mut rig = Rig::with_member();
    rig.beat("a", -1, None).unwrap();
    rig.clock = 30 * 24 * 60 * 60;
    rig.settle(Input::Tick);
    assert_eq!(rig.groups.describe_share_group("g").unwrap().state, GroupState::Empty);
}

#[test]
fn offsets_that_were_set_are_known() {
    let mut rig = Rig::with_member();
    rig.beat("a", -1, None).unwrap();
    rig.change(ShareStatesChange::BeginDelete(Some(vec![TOPIC]))).unwrap();
    let set = vec![(partition(1), Arc::from("t"))];
    rig.change(ShareStatesChange::FinishAlter(set)).unwrap();
    let states = rig.groups.share_states("g").unwrap();
    assert_eq!(states.initialized_partitions().collect::<Vec<_>>(), [partition(1)]);
    assert!(states.deleting.is_empty());
}

#[test]
fn a_topic_that_is_gone_is_forgotten() {
    let mut rig = Rig::with_member();
    rig.settle(Input::TopicsDeleted(vec![TopicName::new("t").unwrap()]));
    let partitions = vec![partition(0), partition(1)];
    assert_eq!(rig.asked, [Output::DeleteStates { group: "g".to_owned(), partitions }]);
    assert_eq!(rig.groups.share_states("g").unwrap().initialized.len(), 0);
}
