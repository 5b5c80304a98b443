//! Claims about every course of events: random clients, a log that is slow or fails, and time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use corelog_coordinator::groups::ListFilter;
use corelog_coordinator::input::{
    CommitOffsets, Heartbeat, JoinGroup, MemberAssignment, SyncGroup,
};
use corelog_coordinator::records::CoordinatorRecord;
use corelog_coordinator::{AppendId, GroupConfig, Input, Output, Reply, RequestId};
use corelog_model::ErrorCode;
use proptest::prelude::*;

use crate::rig::*;

const CLIENTS: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Event {
    Join {
        client: usize,
        wish: usize,
    },
    /// Without an id, as after a restart.
    JoinAnew {
        client: usize,
    },
    Sync {
        client: usize,
    },
    Beat {
        client: usize,
    },
    Leave {
        client: usize,
    },
    Commit {
        client: usize,
    },
    Tick {
        seconds: u64,
    },
    LogWrites,
    LogFails,
}

fn event() -> impl Strategy<Value = Event> {
    let client = 0..CLIENTS;
    prop_oneof![
        6 => (client.clone(), 0..3_usize).prop_map(|(client, wish)| Event::Join { client, wish }),
        1 => client.clone().prop_map(|client| Event::JoinAnew { client }),
        8 => client.clone().prop_map(|client| Event::Sync { client }),
        2 => client.clone().prop_map(|client| Event::Beat { client }),
        1 => client.clone().prop_map(|client| Event::Leave { client }),
        3 => client.prop_map(|client| Event::Commit { client }),
        2 => (1..25_u64).prop_map(|seconds| Event::Tick { seconds }),
        8 => Just(Event::LogWrites),
    ]
}

fn event_or_failure() -> impl Strategy<Value = Event> {
    prop_oneof![20 => event(), 1 => Just(Event::LogFails)]
}

#[derive(Clone, Debug, Default)]
struct Client {
    member_id: String,
    generation: i32,
    leads: bool,
    members: Vec<String>,
}

/// A request that is open, and what it was told with.
#[derive(Clone, Debug)]
struct Open {
    client: usize,
    generation: i32,
}

struct World {
    rig: Rig,
    clients: Vec<Client>,
    requests: u64,
    open: BTreeMap<RequestId, Open>,
    /// Records on their way, in order.
    flight: Vec<(AppendId, Vec<CoordinatorRecord>)>,
    log: Vec<CoordinatorRecord>,
    has_failed: bool,
    /// Who assigned in a generation.
    leaders: BTreeMap<i32, String>,
    /// What the leader of a generation gave to a member.
    given: BTreeSet<(i32, String, Vec<u8>)>,
}

impl World {
    fn new() -> World {
        let config = GroupConfig {
            initial_rebalance_delay: Duration::from_secs(3),
            members_max: 3,
            ..GroupConfig::default()
        };
        World {
            rig: Rig::with(config),
            clients: vec![Client::default(); CLIENTS],
            requests: 0,
            open: BTreeMap::new(),
            flight: Vec::new(),
            log: Vec::new(),
            has_failed: false,
            leaders: BTreeMap::new(),
            given: BTreeSet::new(),
        }
    }

    /// The first client has a name.
    fn instance(client: usize) -> Option<String> {
        (client == 0).then(|| "i".to_owned())
    }

    fn request(&mut self, client: usize) -> u64 {
        self.requests += 1;
        let generation = self.clients[client].generation;
        self.open.insert(RequestId(self.requests), Open { client, generation });
        self.requests
    }

    fn take(&mut self, event: Event) {
        let input = match event {
            Event::Join { client, wish } => {
                let member_id = self.clients[client].member_id.clone();
                self.join(client, &member_id, wish)
            }
            Event::JoinAnew { client } => self.join(client, "", 0),
            Event::Sync { client } => self.sync(client),
            Event::Beat { client } => {
                let request = self.request(client);
                let Client { member_id, generation, .. } = &self.clients[client];
                let instance_id = World::instance(client);
                Heartbeat { instance_id, ..heartbeat(request, member_id, *generation) }.into()
            }
            Event::Leave { client } => {
                let request = self.request(client);
                let instance_id = World::instance(client);
                let member_id = self.clients[client].member_id.clone();
                leave(request, &[(&member_id, instance_id.as_deref())]).into()
            }
            Event::Commit { client } => {
                let request = self.request(client);
                let Client { member_id, generation, .. } = self.clients[client].clone();
                let offset = request as i64;
                let instance_id = World::instance(client);
                let commit = commit(request, &[("t", offset)]);
                Input::CommitOffsets(CommitOffsets { member_id, generation, instance_id, ..commit })
            }
            Event::Tick { seconds } => {
                self.rig.clock += seconds;
                Input::Tick
            }
            Event::LogWrites if self.flight.is_empty() => return,
            Event::LogWrites => {
                let (append, records) = self.flight.remove(0);
                self.log.extend(records);
                Input::Appended(append)
            }
            Event::LogFails if self.flight.is_empty() => return,
            Event::LogFails => {
                let (append, _) = self.flight.remove(0);
                self.has_failed = true;
                Input::AppendFailed { append, code: ErrorCode::NotCoordinator }
            }
        };
        let outputs = self.rig.step(input);
        self.perform(outputs);
    }

    fn join(&mut self, client: usize, member_id: &str, wish: usize) -> Input {
        let request = self.request(client);
        let wishes: [&[&str]; 3] = [&["range"], &["range", "sticky"], &["sticky", "range"]];
        let join = join(request, member_id, &format!("{client}-{request}"));
        let join = JoinGroup {
            instance_id: World::instance(client),
            protocols: protocols(wishes[wish]),
            requires_member_id: client == 1,
            can_skip_assignment: client == 0 && wish == 0,
            ..join
        };
        join.into()
    }

    fn sync(&mut self, client: usize) -> Input {
        let request = self.request(client);
        let Client { member_id, generation, leads, members } = self.clients[client].clone();
        let members = if leads { members } else { Vec::new() };
        let assignments = members.into_iter().map(|member_id| {
            let assignment = format!("{member_id} in {generation} by {request}").into_bytes();
            self.given.insert((generation, member_id.clone(), assignment.clone()));
            MemberAssignment { member_id, assignment }
        });
        let assignments = assignments.collect();
        let instance_id = World::instance(client);
        SyncGroup { generation, assignments, instance_id, ..sync(request, &member_id) }.into()
    }

    fn perform(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Append { append, records }
                | Output::AppendTransactional { append, records, .. } => {
                    self.flight.push((append, records));
                }
                Output::Reply { request, reply } => {
                    let open = self.open.remove(&request);
                    let open = open.expect("a request is answered once");
                    self.answered(request, &open, reply);
                }
                Output::InitializeStates { .. } | Output::DeleteStates { .. } => {
                    panic!("there is no share group")
                }
                Output::Reload => panic!("a classic group takes back what is not stored"),
            }
        }
    }

    fn answered(&mut self, request: RequestId, open: &Open, reply: Reply) {
        let client = &mut self.clients[open.client];
        match reply {
            Reply::Join(Ok(joined)) => {
                client.leads = joined.leader == joined.member_id && !joined.skip_assignment;
                client.member_id.clone_from(&joined.member_id);
                client.generation = joined.generation;
                client.members = joined.members.into_iter().map(|one| one.member_id).collect();
                if client.leads {
                    let leader = self.leaders.entry(joined.generation);
                    let leader = leader.or_insert_with(|| joined.leader.clone());
                    assert_eq!(*leader, joined.leader, "one leads a generation");
                }
            }
            Reply::Join(Err(refusal)) if refusal.code == ErrorCode::MemberIdRequired => {
                client.member_id = refusal.member_id;
            }
            Reply::Join(Err(_)) => client.member_id.clear(),
            Reply::Sync(Ok(synced)) => {
                let assigned = synced.assignment;
                let is_given = assigned.is_empty()
                    || self.given.iter().any(|(generation, _, assignment)| {
                        *generation == open.generation && *assignment == assigned
                    });
                assert!(is_given, "the leader of the generation gave the assignment");
                assert!(self.is_stored(open.generation, &assigned), "an assignment is stored");
            }
            Reply::CommitOffsets(results) if results[0].result.is_ok() => {
                let is_stored = self.log.iter().any(|record| match record {
                    CoordinatorRecord::OffsetCommit { value: Some(value), .. } => {
                        value.offset.get() == request.0 as i64
                    }
                    _ => false,
                });
                assert!(is_stored, "an offset is stored before it is told");
            }
            _ => {}
        }
    }

    fn is_stored(&self, generation: i32, assignment: &[u8]) -> bool {
        self.log.iter().any(|record| match record {
            CoordinatorRecord::GroupMetadata { value: Some(value), .. } => {
                value.generation == generation
                    && value.members.iter().any(|member| member.assignment == assignment)
            }
            _ => false,
        })
    }

    /// What the log says is what is seen, once nothing is on its way.
    fn compare_with_log(&mut self) {
        while !self.flight.is_empty() {
            self.take(Event::LogWrites);
        }
        let loaded = Rig::loaded(config(), &self.log);
        let offsets = |rig: &Rig| rig.groups.fetch_offsets("g", None);
        assert_eq!(offsets(&loaded), offsets(&self.rig));
        let is_settled = ["Stable", "Empty"].contains(&self.rig.state());
        // Ids given out to members to come are not stored.
        let has_begun = self.rig.groups.describe("g").is_ok_and(|group| group.generation > 0);
        if is_settled && has_begun && !self.has_failed {
            assert_eq!(loaded.groups.describe("g"), self.rig.groups.describe("g"));
            let all = ListFilter::default();
            assert_eq!(loaded.groups.list(&all), self.rig.groups.list(&all));
        }
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
    world.compare_with_log();
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
