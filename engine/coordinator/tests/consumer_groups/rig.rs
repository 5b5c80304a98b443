//! The words in which the tests speak about consumer groups. An answer is a line: the epoch, and
//! behind a colon the partitions that the member is told, such as `2: t0 t1`; or an error code.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use corelog_coordinator::consumer_group::{
    ConsumerGroupHeartbeat, GroupError, HeartbeatReply, MemberId, Partitions, Topic, Topics,
};
use corelog_coordinator::groups::ListFilter;
use corelog_coordinator::records::CoordinatorRecord;
use corelog_coordinator::{AppendId, GroupConfig, Groups, Input, Now, Output, Reply, RequestId};
use corelog_model::{ErrorCode, PartitionId, PartitionIndex, Timestamp, TopicId};

/// The wall clock runs so far ahead of the monotonic one, in milliseconds.
pub(crate) const WALL: i64 = 1_000_000;
/// How long members may take to give up partitions, in seconds.
pub(crate) const REBALANCE: u64 = 20;
/// After what silence members are out, in seconds.
pub(crate) const SESSION: u64 = 45;

pub(crate) struct Rig {
    pub(crate) groups: Groups,
    /// In seconds.
    pub(crate) clock: u64,
    pub(crate) topics: Arc<Topics>,
    /// Records on their way to the log.
    pub(crate) flight: VecDeque<(AppendId, Vec<CoordinatorRecord>)>,
    pub(crate) log: Vec<CoordinatorRecord>,
    requests: u64,
}

impl Rig {
    /// With the topics `t` of three partitions and `u` of two.
    pub(crate) fn new() -> Rig {
        Rig::with(GroupConfig::default())
    }

    pub(crate) fn with(config: GroupConfig) -> Rig {
        let mut rig = Rig::loaded(config, &[]);
        rig.set_topics(1, &[("t", 3), ("u", 2)]);
        rig
    }

    pub(crate) fn loaded(config: GroupConfig, log: &[CoordinatorRecord]) -> Rig {
        let mut groups = Groups::new(config);
        for record in log {
            let value = record.encode_value();
            groups.load(&record.encode_key(), value.as_deref()).expect("a record is valid");
        }
        let mut rig = Rig {
            groups,
            clock: 0,
            topics: Arc::default(),
            flight: VecDeque::new(),
            log: log.to_vec(),
            requests: 0,
        };
        rig.groups.finish_loading(rig.now());
        rig
    }

    /// Another coordinator, later, from the log of this one.
    pub(crate) fn reload(&self) -> Rig {
        let mut rig = Rig::loaded(GroupConfig::default(), &self.log);
        rig.topics = Arc::clone(&self.topics);
        rig.step(Input::Topics(Arc::clone(&self.topics)));
        rig
    }

    pub(crate) fn now(&self) -> Now {
        let clock = Duration::from_secs(self.clock);
        Now { clock, wall: Timestamp(WALL + clock.as_millis() as i64) }
    }

    /// Replaces the topics.
    pub(crate) fn set_topics(&mut self, version: u64, list: &[(&str, i32)]) {
        let topics = list.iter().map(|(name, count)| (id(name), topic(name, *count)));
        self.topics = Arc::new(Topics::new(version, topics));
        assert_eq!(self.step(Input::Topics(Arc::clone(&self.topics))), []);
    }

    /// One step, whose records are on their way then.
    pub(crate) fn step(&mut self, input: Input) -> Vec<Output> {
        let outputs = self.groups.step(self.now(), input);
        for output in &outputs {
            if let Output::Append { append, records } = output {
                self.flight.push_back((*append, records.clone()));
            }
        }
        outputs
    }

    /// The next records are durable.
    pub(crate) fn append_next(&mut self) -> Vec<Output> {
        let (append, records) = self.flight.pop_front().expect("records are on their way");
        self.log.extend(records);
        self.step(Input::Appended(append))
    }

    pub(crate) fn next_request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    /// Carries out a request, with all its records, and says what it was answered.
    pub(crate) fn ask(&mut self, request: RequestId, input: Input) -> Reply {
        let mut outputs = self.step(input);
        while !self.flight.is_empty() {
            outputs.extend(self.append_next());
        }
        let mut replies = outputs.into_iter().filter_map(|output| match output {
            Output::Reply { request: answered, reply } if answered == request => Some(reply),
            Output::Reply { .. }
            | Output::Append { .. }
            | Output::AppendTransactional { .. }
            | Output::InitializeStates { .. }
            | Output::DeleteStates { .. }
            | Output::Reload => None,
        });
        let reply = replies.next().expect("a request is answered when its records are durable");
        assert_eq!(replies.next(), None, "a request is answered once");
        reply
    }

    /// What a heartbeat is answered.
    pub(crate) fn beat(&mut self, heartbeat: ConsumerGroupHeartbeat) -> String {
        let request = self.next_request();
        let heartbeat = ConsumerGroupHeartbeat { request, ..heartbeat };
        line(&self.ask(request, Input::ConsumerGroupHeartbeat(heartbeat)), &self.topics)
    }

    /// Lets time pass to this second.
    pub(crate) fn tick(&mut self, clock: u64) {
        self.clock = clock;
        self.step(Input::Tick);
        while !self.flight.is_empty() {
            self.append_next();
        }
    }

    /// What the group looks like: state, group epoch, target epoch, and each member with its epoch
    /// and partitions.
    pub(crate) fn describe(&self) -> String {
        let Ok(group) = self.groups.describe_consumer_group("g") else { return "none".into() };
        let (state, epoch, target) = (group.state.name(), group.epoch, group.target_epoch);
        let mut text = format!("{state} {epoch}/{target}");
        for member in group.members {
            let assigned = partitions(&member.assigned, &self.topics);
            let _ = write!(text, ", {}@{}[{assigned}]", member.id, member.epoch);
        }
        text
    }

    /// The groups with their kinds, protocol types and states.
    pub(crate) fn list(&self) -> Vec<String> {
        let groups = self.groups.list(&ListFilter::default()).expect("the groups are ready");
        let line = |group: corelog_coordinator::groups::ListedGroup| {
            let (kind, state) = (group.kind.name(), group.state.name());
            format!("{} {kind} {} {state}", group.group, group.protocol_type)
        };
        groups.into_iter().map(line).collect()
    }
}

/// Each name has an id of its own.
pub(crate) fn id(name: &str) -> TopicId {
    let mut bytes = [0; 16];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    TopicId::from_bytes(bytes)
}

pub(crate) fn topic(name: &str, partition_count: i32) -> Topic {
    Topic { name: Arc::from(name), partition_count, racks: Vec::new() }
}

/// Partitions written as `t0 t1`.
pub(crate) fn set(text: &str) -> Partitions {
    let one = |text: &str| {
        let (name, index) = text.split_at(text.len() - 1);
        PartitionId::new(id(name), PartitionIndex(index.parse().expect("it is a digit")))
    };
    text.split_whitespace().map(one).collect()
}

pub(crate) fn partitions(partitions: &Partitions, topics: &Topics) -> String {
    let one = |partition: &PartitionId| {
        let name = topics.topic(partition.topic).map(|topic| &*topic.name);
        format!("{}{}", name.unwrap_or("?"), partition.index)
    };
    partitions.iter().map(one).collect::<Vec<_>>().join(" ")
}

pub(crate) fn line(reply: &Reply, topics: &Topics) -> String {
    match reply {
        Reply::ConsumerGroupHeartbeat(Ok(HeartbeatReply { epoch, assignment: None, .. })) => {
            format!("{epoch}")
        }
        Reply::ConsumerGroupHeartbeat(Ok(HeartbeatReply { epoch, assignment, .. })) => {
            let assignment = assignment.as_ref().expect("none was matched before");
            format!("{epoch}: {}", partitions(assignment, topics)).trim_end().to_owned()
        }
        Reply::ConsumerGroupHeartbeat(Err(error)) => error.code().name().to_owned(),
        other => panic!("a heartbeat is answered {other:?}"),
    }
}

/// A heartbeat that says nothing but the epoch.
pub(crate) fn alive(member: &str, epoch: i32) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat {
        request: RequestId(0),
        group: "g".into(),
        member: MemberId::from(member),
        epoch,
        instance_id: None,
        rack_id: None,
        rebalance_timeout: None,
        topic_names: None,
        topic_regex: None,
        visible_topics: None,
        server_assignor: None,
        owned: None,
        client_id: Arc::from("client"),
        client_host: Arc::from("/host"),
    }
}

pub(crate) fn join(member: &str, topics: &[&str]) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat {
        rebalance_timeout: Some(Duration::from_secs(REBALANCE)),
        topic_names: Some(names(topics)),
        owned: Some(Partitions::new()),
        ..alive(member, 0)
    }
}

/// Joins with an expression.
pub(crate) fn join_matching(member: &str, expression: &str) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat {
        topic_names: None,
        topic_regex: Some(Arc::from(expression)),
        ..join(member, &[])
    }
}

/// A heartbeat that says what the member owns.
pub(crate) fn owning(member: &str, epoch: i32, owned: &str) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat { owned: Some(set(owned)), ..alive(member, epoch) }
}

pub(crate) fn leave(member: &str) -> ConsumerGroupHeartbeat {
    alive(member, -1)
}

/// The same as a static member.
pub(crate) fn named(instance: &str, heartbeat: ConsumerGroupHeartbeat) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat { instance_id: Some(Arc::from(instance)), ..heartbeat }
}

pub(crate) fn names(topics: &[&str]) -> BTreeSet<Arc<str>> {
    topics.iter().map(|name| Arc::from(*name)).collect()
}

pub(crate) fn unavailable(code: ErrorCode) -> GroupError {
    GroupError::Unavailable { code }
}

/// The last value of each key of a log, as compaction leaves it; the order stays.
pub(crate) fn compacted(log: &[CoordinatorRecord]) -> Vec<CoordinatorRecord> {
    let last: BTreeMap<Vec<u8>, usize> =
        log.iter().enumerate().map(|(place, record)| (record.encode_key(), place)).collect();
    let kept = log.iter().enumerate().filter(|(place, record)| {
        last[&record.encode_key()] == *place && record.encode_value().is_some()
    });
    kept.map(|(_, record)| record.clone()).collect()
}
