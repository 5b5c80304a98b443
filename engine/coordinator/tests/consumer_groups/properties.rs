//! Claims about every course of events: members that come, go, lose answers and are slow, topics
//! that change, time, and a log that is slow or fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use corelog_coordinator::consumer_group::{ConsumerGroupHeartbeat, HeartbeatReply, Partitions};
use corelog_coordinator::records::{CoordinatorRecord, CurrentAssignment, Entry};
use corelog_coordinator::{GroupConfig, Input, Output, Reply, RequestId};
use corelog_model::{ErrorCode, PartitionId};
use proptest::prelude::*;

use crate::rig::*;

const CLIENTS: usize = 4;
const TOPICS: [&[(&str, i32)]; 4] =
    [&[("t", 3), ("u", 2)], &[("t", 4), ("u", 2), ("v", 2)], &[("u", 2), ("v", 2)], &[("t", 3)]];

#[derive(Clone, Copy, Debug)]
enum Event {
    /// Joins if it is no member, and says what it owns if it is one.
    Beat {
        client: usize,
    },
    /// Gives up what it was told to, and takes what it may.
    Obey {
        client: usize,
    },
    /// No longer waits for its answer.
    Forget {
        client: usize,
    },
    Leave {
        client: usize,
    },
    /// The static one comes back under another id.
    LeaveForAWhile,
    Want {
        client: usize,
        wish: usize,
    },
    Topics {
        list: usize,
    },
    Tick {
        seconds: u64,
    },
    LogWrites,
    /// Whether the records are in the log nevertheless.
    LogFails {
        is_written: bool,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let client = || 0..CLIENTS;
    prop_oneof![
        12 => client().prop_map(|client| Event::Beat { client }),
        6 => client().prop_map(|client| Event::Obey { client }),
        1 => client().prop_map(|client| Event::Forget { client }),
        1 => client().prop_map(|client| Event::Leave { client }),
        1 => Just(Event::LeaveForAWhile),
        1 => (client(), 0..3_usize).prop_map(|(client, wish)| Event::Want { client, wish }),
        1 => (0..TOPICS.len()).prop_map(|list| Event::Topics { list }),
        1 => (1..30_u64).prop_map(|seconds| Event::Tick { seconds }),
        16 => Just(Event::LogWrites),
    ]
}

fn event_or_failure() -> impl Strategy<Value = Event> {
    prop_oneof![
        40 => event(),
        1 => any::<bool>().prop_map(|is_written| Event::LogFails { is_written }),
    ]
}

#[derive(Clone, Debug, Default)]
struct Client {
    id: String,
    /// How often it has come back under another id.
    lives: usize,
    epoch: i32,
    wish: usize,
    /// What it uses.
    owned: Partitions,
    /// What it may use.
    told: Partitions,
    /// Whether the coordinator knows what it wants.
    has_said: bool,
    waits_for: Option<RequestId>,
}

impl Client {
    /// It takes what it was told, if there is nothing to give up before.
    fn take(&mut self) {
        if self.owned.is_subset(&self.told) {
            self.owned.clone_from(&self.told);
        }
    }

    /// It gives up everything and has to join anew.
    fn lose_all(&mut self) {
        self.epoch = 0;
        self.owned.clear();
        self.told.clear();
    }
}

struct World {
    rig: Rig,
    clients: Vec<Client>,
    /// Requests without answers, with the members that sent them.
    open: BTreeMap<RequestId, String>,
    version: u64,
}

impl World {
    fn new() -> World {
        let client = |number| Client { id: format!("m{number}-0"), ..Client::default() };
        let clients = (0..CLIENTS).map(client).collect();
        World { rig: Rig::new(), clients, open: BTreeMap::new(), version: 1 }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Beat { client } => self.beat(client),
            Event::Obey { client } => {
                let client = &mut self.clients[client];
                client.owned.clone_from(&client.told);
            }
            Event::Forget { client } => {
                self.clients[client].has_said &= self.clients[client].waits_for.is_none();
                self.clients[client].waits_for = None;
            }
            Event::Leave { client } => self.leave(client, -1),
            Event::LeaveForAWhile => {
                self.leave(0, -2);
                self.clients[0].lives += 1;
                self.clients[0].id = format!("m0-{}", self.clients[0].lives);
            }
            Event::Want { client, wish } => {
                self.clients[client].wish = wish;
                self.clients[client].has_said = false;
            }
            Event::Topics { list } => {
                self.version += 1;
                self.rig.set_topics(self.version, TOPICS[list]);
            }
            Event::Tick { seconds } => {
                self.rig.clock += seconds;
                self.step(Input::Tick);
            }
            Event::LogWrites if self.rig.flight.is_empty() => {}
            Event::LogWrites => {
                let outputs = self.rig.append_next();
                self.perform(outputs);
                assert_eq!(self.rig.reload().describe(), self.rig.describe(), "loaded is live");
            }
            Event::LogFails { .. } if self.rig.flight.is_empty() => {}
            Event::LogFails { is_written } => self.fail(is_written),
        }
        self.check_owners();
    }

    fn step(&mut self, input: Input) {
        let outputs = self.rig.step(input);
        self.perform(outputs);
    }

    fn send(&mut self, client: usize, heartbeat: ConsumerGroupHeartbeat) {
        let request = self.rig.next_request();
        self.clients[client].waits_for = Some(request);
        self.open.insert(request, heartbeat.member.to_string());
        let heartbeat = ConsumerGroupHeartbeat { request, ..heartbeat };
        // The first client has a name.
        let heartbeat = if client == 0 { named("i", heartbeat) } else { heartbeat };
        self.step(Input::ConsumerGroupHeartbeat(heartbeat));
    }

    fn beat(&mut self, number: usize) {
        let client = &mut self.clients[number];
        if client.waits_for.is_some() {
            return;
        }
        if client.epoch == 0 {
            client.lose_all();
        }
        let heartbeat = if client.epoch == 0 || !client.has_said {
            client.has_said = true;
            let (names, regex): (&[&str], &str) =
                [(&["t"][..], ""), (&["t", "u"], ""), (&[], "[tv]")][client.wish];
            ConsumerGroupHeartbeat {
                epoch: client.epoch,
                topic_regex: Some(Arc::from(regex)),
                owned: Some(client.owned.clone()),
                ..join(&client.id, names)
            }
        } else {
            let owned = Some(client.owned.clone());
            ConsumerGroupHeartbeat { owned, ..alive(&client.id, client.epoch) }
        };
        self.send(number, heartbeat);
    }

    fn leave(&mut self, number: usize, epoch: i32) {
        let client = &mut self.clients[number];
        // Only the named one can come back.
        if client.epoch == 0 {
            return;
        }
        client.lose_all();
        let heartbeat = alive(&client.id.clone(), epoch);
        self.send(number, heartbeat);
        self.clients[number].waits_for = None;
    }

    /// The coordinator is replaced by another one, from the log.
    fn fail(&mut self, is_written: bool) {
        let (append, records) = self.rig.flight.pop_front().expect("it was looked for");
        if is_written {
            self.rig.log.extend(records);
        }
        self.rig.flight.clear();
        let code = ErrorCode::NotCoordinator;
        let mut outputs = self.rig.step(Input::AppendFailed { append, code });
        assert_eq!(outputs.pop(), Some(Output::Reload));
        self.perform(outputs);
        assert!(self.open.is_empty(), "never answered: {:?}", self.open);
        let loaded = self.rig.reload();
        self.rig.groups = loaded.groups;
        // The clock goes on, and sessions began at its beginning.
        self.rig.clock = 0;
    }

    fn perform(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Append { .. } | Output::AppendTransactional { .. } => {}
                Output::Reply { request, reply: Reply::ConsumerGroupHeartbeat(reply) } => {
                    let member = self.open.remove(&request).expect("one request, one answer");
                    if let Ok(reply) = &reply {
                        self.check_stored(&member, reply);
                    }
                    let mut clients = self.clients.iter_mut();
                    if let Some(client) = clients.find(|one| one.waits_for == Some(request)) {
                        client.waits_for = None;
                        match reply {
                            Ok(reply) => {
                                client.epoch = reply.epoch;
                                client.told = reply.assignment.unwrap_or(client.told.clone());
                                client.take();
                            }
                            Err(error) if error.code() == ErrorCode::NotCoordinator => {
                                client.has_said = false;
                            }
                            Err(_) => client.lose_all(),
                        }
                    }
                }
                other => panic!("nobody asked for {other:?}"),
            }
        }
    }

    /// What a member is told is in the log.
    fn check_stored(&self, member: &str, reply: &HeartbeatReply) {
        let current = self.stored(member);
        if reply.epoch == -1 {
            assert_eq!(current, None, "a member that has left is not in the log");
            return;
        }
        let current = current.expect("a member is in the log");
        assert_eq!(current.epoch, reply.epoch, "the epoch of {member} is in the log");
        if let Some(told) = &reply.assignment {
            assert!(current.assigned.keys().eq(told), "what {member} is told is in the log");
        }
    }

    fn stored(&self, member: &str) -> Option<&CurrentAssignment> {
        let entries = self.rig.log.iter().rev().filter_map(|record| match record {
            CoordinatorRecord::ConsumerGroup(record) => match &record.entry {
                Entry::Current(id, current) if id.as_str() == member => Some(current.as_ref()),
                _ => None,
            },
            _ => None,
        });
        entries.into_iter().next().flatten()
    }

    /// No partition has two owners. Who is out and does not know it yet does not count, as its
    /// session is over.
    fn check_owners(&self) {
        let mut owners: BTreeMap<PartitionId, &str> = BTreeMap::new();
        for client in &self.clients {
            if self.stored(&client.id).is_some_and(|current| current.epoch >= 0) {
                for partition in &client.owned {
                    if let Some(other) = owners.insert(*partition, &client.id) {
                        panic!("{partition} has two owners: {other} and {}", client.id);
                    }
                }
            }
        }
    }

    /// Left alone, all members reach the target, which covers what they want.
    fn settle(&mut self) {
        for _ in 0..20 {
            self.rig.clock += 5;
            self.step(Input::Tick);
            for client in 0..CLIENTS {
                self.take(Event::Forget { client });
                self.take(Event::Beat { client });
                while !self.rig.flight.is_empty() {
                    self.take(Event::LogWrites);
                }
                self.take(Event::Obey { client });
            }
        }
        let group = self.rig.groups.describe_consumer_group("g").expect("there are members");
        assert_eq!(group.state.name(), "Stable", "{}", self.rig.describe());
        assert_eq!(group.members.len(), CLIENTS);
        let mut wanted = Partitions::new();
        for client in &self.clients {
            let mut names: &[&str] = [&["t"][..], &["t", "u"], &["t", "v"]][client.wish];
            while let Some((name, rest)) = names.split_first() {
                let count = self.rig.topics.topic(id(name)).map_or(0, |one| one.partition_count);
                wanted.extend((0..count).flat_map(|index| set(&format!("{name}{index}"))));
                names = rest;
            }
        }
        let owned: Partitions =
            self.clients.iter().flat_map(|client| client.owned.iter().copied()).collect();
        assert_eq!(owned, wanted, "{}", self.rig.describe());
        let loaded = Rig::loaded(GroupConfig::default(), &compacted(&self.rig.log));
        assert_eq!(
            loaded.groups.describe_consumer_group("g"),
            self.rig.groups.describe_consumer_group("g"),
            "what compaction leaves is the same"
        );
    }

    fn end(mut self) {
        let now = self.rig.now();
        let outputs = self.rig.groups.resign(now);
        self.perform(outputs);
        assert!(self.open.is_empty(), "never answered: {:?}", self.open);
    }
}

fn check(events: Vec<Event>) {
    let mut world = World::new();
    for event in events {
        world.take(event);
    }
    world.settle();
    world.end();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_group_keeps_its_promises(events in prop::collection::vec(event(), 1..200)) {
        check(events);
    }

    #[test]
    fn a_group_keeps_its_promises_when_the_log_fails(
        events in prop::collection::vec(event_or_failure(), 1..200),
    ) {
        check(events);
    }
}
