//! Claims about every course of events in a group whose members go from one protocol to the other:
//! classic ones that give up everything before they join, and ones of the new protocol that keep
//! what they can.

use std::collections::{BTreeMap, BTreeSet};

use corelog_coordinator::consumer_group::{ConsumerGroupHeartbeat, Partitions};
use corelog_coordinator::input::{JoinGroup, LeaveGroup, LeavingMember};
use corelog_coordinator::{Input, Output, Reply, RequestId};
use corelog_model::{ErrorCode, PartitionId};
use proptest::prelude::*;

use crate::classic::*;
use crate::rig::*;

const CLIENTS: usize = 3;
const ALL: [&str; 3] = ["t0", "t1", "t2"];

#[derive(Clone, Copy, Debug)]
enum Event {
    /// Says what it has to say next, unless it waits for an answer.
    Act {
        client: usize,
    },
    /// Gives up and takes what it was told.
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
    /// Goes away without a word, and comes back speaking the other protocol.
    Switch {
        client: usize,
    },
    Tick {
        seconds: u64,
    },
    LogWrites,
    LogFails,
}

fn event() -> impl Strategy<Value = Event> {
    let client = || 0..CLIENTS;
    prop_oneof![
        16 => client().prop_map(|client| Event::Act { client }),
        6 => client().prop_map(|client| Event::Obey { client }),
        1 => client().prop_map(|client| Event::Forget { client }),
        1 => client().prop_map(|client| Event::Leave { client }),
        2 => client().prop_map(|client| Event::Switch { client }),
        2 => (1..20_u64).prop_map(|seconds| Event::Tick { seconds }),
        16 => Just(Event::LogWrites),
        1 => Just(Event::LogFails),
    ]
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Join,
    Sync,
    Beat,
}

#[derive(Clone, Debug, Default)]
struct Client {
    number: usize,
    lives: usize,
    is_classic: bool,
    /// Whether the coordinator may know its id.
    is_known: bool,
    next: Next,
    epoch: i32,
    /// Whom it assigns to.
    followers: Vec<String>,
    owned: Partitions,
    told: Partitions,
    waits_for: Option<RequestId>,
}

impl Client {
    fn id(&self) -> String {
        format!("m{}-{}", self.number, self.lives)
    }

    fn lose_all(&mut self) {
        (self.next, self.epoch) = (Next::Join, 0);
        self.owned.clear();
        self.told.clear();
    }

    /// It is another member from now on.
    fn begin_anew(&mut self) {
        self.lose_all();
        self.lives += 1;
        (self.is_known, self.waits_for) = (false, None);
    }

    fn take(&mut self) {
        if self.owned.is_subset(&self.told) {
            self.owned.clone_from(&self.told);
        }
    }

    fn refused(&mut self, code: ErrorCode) {
        match code {
            ErrorCode::RebalanceInProgress => self.next = Next::Join,
            // It does not know what became of its request, and asks again.
            ErrorCode::NotCoordinator
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::CoordinatorLoadInProgress => {}
            ErrorCode::UnknownMemberId => self.begin_anew(),
            ErrorCode::IllegalGeneration
            | ErrorCode::FencedMemberEpoch
            | ErrorCode::GroupIdNotFound => self.lose_all(),
            other => panic!("there is no reason for {other:?}"),
        }
    }

    fn answered(&mut self, reply: Reply) {
        match reply {
            Reply::ConsumerGroupHeartbeat(Ok(reply)) => {
                (self.next, self.epoch) = (Next::Beat, reply.epoch);
                self.told = reply.assignment.unwrap_or(self.told.clone());
                self.take();
            }
            Reply::Join(Ok(joined)) => {
                (self.next, self.epoch, self.is_known) = (Next::Sync, joined.generation, true);
                let leads = joined.leader == joined.member_id;
                let members = joined.members.into_iter().filter(|_| leads);
                self.followers = members.map(|member| member.member_id).collect();
            }
            Reply::Sync(Ok(synced)) => {
                self.next = Next::Beat;
                self.told = assigned(&synced.assignment);
                self.owned.clone_from(&self.told);
            }
            Reply::Heartbeat(Ok(())) => {}
            Reply::ConsumerGroupHeartbeat(Err(error)) => self.refused(error.code()),
            Reply::Join(Err(refusal)) => self.refused(refusal.code),
            Reply::Sync(Err(code)) | Reply::Heartbeat(Err(code)) => self.refused(code),
            other => panic!("nobody asked for {other:?}"),
        }
    }
}

struct World {
    rig: Rig,
    clients: Vec<Client>,
    open: BTreeSet<RequestId>,
}

impl World {
    fn new() -> World {
        let client = |number| Client { number, is_classic: true, ..Client::default() };
        let clients = (0..CLIENTS).map(client).collect();
        World { rig: Rig::new(), clients, open: BTreeSet::new() }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Act { client } if self.clients[client].waits_for.is_some() => {}
            Event::Act { client } => self.act(client),
            Event::Obey { client } => {
                let client = &mut self.clients[client];
                client.owned.clone_from(&client.told);
            }
            Event::Forget { client } => {
                // It would give up all, as it cannot know what became of its request.
                if self.clients[client].waits_for.take().is_some() {
                    self.clients[client].lose_all();
                }
            }
            Event::Leave { client } => self.leave(client),
            Event::Switch { client } => {
                self.clients[client].begin_anew();
                self.clients[client].is_classic ^= true;
            }
            Event::Tick { seconds } => {
                self.rig.clock += seconds;
                self.step(Input::Tick);
            }
            Event::LogWrites | Event::LogFails if self.rig.flight.is_empty() => {}
            Event::LogWrites => {
                let outputs = self.rig.append_next();
                self.perform(outputs);
            }
            Event::LogFails => self.fail(),
        }
        self.check_owners();
    }

    fn step(&mut self, input: Input) {
        let outputs = self.rig.step(input);
        self.perform(outputs);
    }

    fn act(&mut self, number: usize) {
        let request = self.rig.next_request();
        self.open.insert(request);
        let client = &mut self.clients[number];
        client.waits_for = Some(request);
        // An id is made up once.
        client.lives += usize::from(client.is_classic && !client.is_known);
        let id = client.id();
        let input = match (client.is_classic, client.next) {
            (false, _) if client.epoch == 0 => {
                Input::ConsumerGroupHeartbeat(ConsumerGroupHeartbeat {
                    request,
                    ..join(&id, &["t"])
                })
            }
            (false, _) => Input::ConsumerGroupHeartbeat(ConsumerGroupHeartbeat {
                request,
                owned: Some(client.owned.clone()),
                ..alive(&id, client.epoch)
            }),
            (true, Next::Join) => {
                client.lose_all();
                let join = if client.is_known {
                    classic(&id, &["t"], "")
                } else {
                    classic_new(&id, &["t"])
                };
                Input::Join(JoinGroup { request, ..join })
            }
            (true, Next::Sync) => {
                let followers = client.followers.iter().map(String::as_str);
                let mut parts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
                for (follower, partition) in followers.cycle().zip(ALL) {
                    parts.entry(follower).or_default().push(partition);
                }
                let parts: Vec<(&str, String)> =
                    parts.into_iter().map(|(follower, part)| (follower, part.join(" "))).collect();
                let parts: Vec<(&str, &str)> =
                    parts.iter().map(|(follower, part)| (*follower, part.as_str())).collect();
                let mut sync = assigning(sync(&id, client.epoch), &parts);
                sync.request = request;
                Input::Sync(sync)
            }
            (true, Next::Beat) => Input::Heartbeat(classic_beat(request, &id, client.epoch)),
        };
        self.step(input);
    }

    fn leave(&mut self, number: usize) {
        let client = &mut self.clients[number];
        let (id, was_member) = (client.id(), client.epoch > 0);
        let is_classic = client.is_classic;
        client.begin_anew();
        if !was_member {
            return;
        }
        let request = self.rig.next_request();
        self.open.insert(request);
        self.step(if is_classic {
            let members = vec![LeavingMember { member_id: id, instance_id: None }];
            Input::Leave(LeaveGroup { request, group: "g".into(), members })
        } else {
            Input::ConsumerGroupHeartbeat(ConsumerGroupHeartbeat { request, ..leave(&id) })
        });
    }

    fn fail(&mut self) {
        let (append, _) = self.rig.flight.pop_front().expect("it was looked for");
        let code = ErrorCode::NotCoordinator;
        let mut outputs = self.rig.step(Input::AppendFailed { append, code });
        let must_load = outputs.last() == Some(&Output::Reload);
        if must_load {
            outputs.pop();
        }
        self.perform(outputs);
        if must_load {
            assert!(self.open.is_empty(), "never answered: {:?}", self.open);
            self.rig.flight.clear();
            self.rig.groups = self.rig.reload().groups;
            self.rig.clock = 0;
        }
    }

    fn perform(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Append { .. } | Output::AppendTransactional { .. } => {}
                Output::Reply { request, reply } => {
                    assert!(self.open.remove(&request), "one request, one answer");
                    let mut clients = self.clients.iter_mut();
                    if let Some(client) = clients.find(|one| one.waits_for == Some(request)) {
                        client.waits_for = None;
                        client.answered(reply);
                    }
                }
                Output::InitializeStates { .. } | Output::DeleteStates { .. } => {
                    panic!("there is no share group")
                }
                Output::Reload => panic!("only a failed append is a reason to load"),
            }
        }
    }

    /// The members as the coordinator sees them.
    fn members(&self) -> BTreeSet<String> {
        let ids =
            self.rig.groups.describe_consumer_group("g").map(|group| {
                group.members.into_iter().map(|member| member.id.to_string()).collect()
            });
        ids.or_else(|_| {
            let group = self.rig.groups.describe("g")?;
            Ok::<_, ErrorCode>(group.members.into_iter().map(|one| one.member_id).collect())
        })
        .unwrap_or_default()
    }

    /// No partition has two owners. Who is out and does not know it yet does not count.
    fn check_owners(&self) {
        let members = self.members();
        let mut owners: BTreeMap<PartitionId, String> = BTreeMap::new();
        for client in self.clients.iter().filter(|client| members.contains(&client.id())) {
            for partition in &client.owned {
                if let Some(other) = owners.insert(*partition, client.id()) {
                    panic!("{partition} has two owners: {other} and {}", client.id());
                }
            }
        }
    }

    /// Left alone, everybody has a part, and the group is of the kind that its members want.
    fn settle(&mut self) {
        for _ in 0..60 {
            self.take(Event::Tick { seconds: 3 });
            for client in 0..CLIENTS {
                self.take(Event::Act { client });
                while !self.rig.flight.is_empty() {
                    self.take(Event::LogWrites);
                }
                self.take(Event::Obey { client });
            }
        }
        let kind =
            if self.clients.iter().all(|one| one.is_classic) { "classic" } else { "consumer" };
        assert_eq!(self.rig.list(), [format!("g {kind} consumer Stable")]);
        assert_eq!(self.members(), self.clients.iter().map(Client::id).collect());
        for client in &self.clients {
            assert_eq!(client.owned.len(), 1, "{client:?}");
        }
        assert_eq!(self.rig.reload().list(), self.rig.list());
        assert_eq!(self.rig.reload().describe(), self.rig.describe());
    }

    fn end(mut self) {
        let now = self.rig.now();
        let outputs = self.rig.groups.resign(now);
        self.perform(outputs);
        assert!(self.open.is_empty(), "never answered: {:?}", self.open);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_group_of_both_protocols_keeps_its_promises(
        events in prop::collection::vec(event(), 1..200),
    ) {
        let mut world = World::new();
        for event in events {
            world.take(event);
        }
        world.settle();
        world.end();
    }
}
