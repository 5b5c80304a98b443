//! A coordinator of one group in memory, classic or of KIP-848, with members, a network and
//! applications around it that are slow, stall, break and come back, all of one seed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::rig::{at, broken};
use super::{
    Assignor, Departure, GroupConfig, GroupRequest, Input, Membership, Output, Protocol,
    Subscription,
};
use crate::{Metadata, Reply, TopicPartition};
use assigning::Assigning;
use coordinator::{Answer, Coordinator};

mod assigning;
mod coordinator;
mod properties;

/// Numbers that only the seed decides.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn is_one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn millis(&mut self, bound: u64) -> Duration {
        Duration::from_millis(self.below(bound))
    }
}

/// The coordinator, of either protocol.
enum Side {
    Classic(Coordinator),
    Consumer(Assigning),
}

impl Side {
    fn knows(&self, id: &str) -> bool {
        match self {
            Self::Classic(coordinator) => coordinator.knows(id),
            Self::Consumer(coordinator) => coordinator.knows(id),
        }
    }

    /// Generation or epoch of the group.
    fn epoch(&self) -> i32 {
        match self {
            Self::Classic(coordinator) => coordinator.generation,
            Self::Consumer(coordinator) => coordinator.epoch,
        }
    }

    fn next_wakeup(&self) -> Option<Duration> {
        match self {
            Self::Classic(coordinator) => coordinator.next_wakeup(),
            Self::Consumer(coordinator) => coordinator.next_wakeup(),
        }
    }

    fn tick(&mut self, now: Duration, metadata: &Metadata) -> Vec<Answer> {
        match self {
            Self::Classic(coordinator) => coordinator.tick(now),
            Self::Consumer(coordinator) => {
                coordinator.learn(metadata);
                coordinator.tick(now);
                Vec::new()
            }
        }
    }
}

/// What comes to one application, or from it to the coordinator.
enum Event {
    Arrive(u64, GroupRequest),
    Reply(u64, Reply),
    Failed(u64),
    Revoked,
    Assigned,
    Poll,
    Metadata,
}

struct App {
    membership: Membership,
    /// What it knows of the cluster: nothing at first, and later what was true.
    known: Metadata,
    /// The request that is open, by its number.
    open: Option<u64>,
    loses_reply: bool,
    is_gone: bool,
    left: usize,
    /// Partitions taken over since the counter was last cleared.
    taken_over: BTreeSet<TopicPartition>,
}

/// A group and its time.
pub(super) struct World {
    now: Duration,
    random: Random,
    metadata: Metadata,
    coordinator: Side,
    apps: Vec<App>,
    events: BTreeMap<(Duration, u64), (usize, Event)>,
    next: u64,
    /// Whether things go wrong.
    is_rough: bool,
}

impl World {
    pub(super) fn new(protocol: Protocol, seed: u64, metadata: Metadata) -> Self {
        let coordinator = match protocol {
            Protocol::Classic => Side::Classic(Coordinator::default()),
            Protocol::Consumer => Side::Consumer(Assigning::default()),
        };
        Self {
            now: Duration::ZERO,
            random: Random(seed | 1),
            metadata,
            coordinator,
            apps: Vec::new(),
            events: BTreeMap::new(),
            next: 0,
            is_rough: false,
        }
    }

    fn config(&self, assignors: &[Assignor]) -> GroupConfig {
        GroupConfig {
            group: "g".to_owned(),
            protocol: match self.coordinator {
                Side::Classic(_) => Protocol::Classic,
                Side::Consumer(_) => Protocol::Consumer,
            },
            session_timeout: at(6),
            heartbeat_interval: at(2),
            rebalance_timeout: at(20),
            assignors: assignors.to_vec(),
            ..GroupConfig::default()
        }
    }

    /// Adds a member; says its place.
    pub(super) fn add(&mut self, assignors: &[Assignor], topics: &[&str]) -> usize {
        let seed = [(); 16].map(|()| self.random.below(256) as u8);
        let membership = Membership::new(self.config(assignors), seed);
        self.apps.push(App {
            membership,
            known: Metadata::default(),
            open: None,
            loses_reply: false,
            is_gone: false,
            left: 0,
            taken_over: BTreeSet::new(),
        });
        let place = self.apps.len() - 1;
        self.subscribe(place, topics);
        self.schedule(Duration::ZERO, place, Event::Poll);
        place
    }

    pub(super) fn subscribe(&mut self, place: usize, topics: &[&str]) {
        let topics = topics.iter().map(|topic| Arc::from(*topic)).collect();
        self.step(place, Input::Subscribe(Subscription::Topics(topics)));
    }

    /// The member closes.
    pub(super) fn close(&mut self, place: usize) {
        self.apps[place].is_gone = true;
        self.step(place, Input::Leave(Departure::Usual));
    }

    /// The member's process ends without a word.
    pub(super) fn crash(&mut self, place: usize) {
        self.apps[place].is_gone = true;
        self.apps[place].membership = Membership::new(self.config(&[Assignor::Range]), [0; 16]);
        self.apps[place].open = None;
        self.events.retain(|_, (owner, _)| *owner != place);
    }

    fn schedule(&mut self, after: Duration, place: usize, event: Event) {
        self.next += 1;
        self.events.insert((self.now + after, self.next), (place, event));
    }

    fn step(&mut self, place: usize, input: Input<'_>) {
        let app = &mut self.apps[place];
        let outputs = app.membership.step(self.now, input, &app.known);
        for output in outputs {
            self.perform(place, output);
        }
        self.check();
    }

    fn perform(&mut self, place: usize, output: Output) {
        let slow_ms = if self.is_rough && self.random.is_one_in(20) { 25_000 } else { 300 };
        match output {
            Output::Send(request) => {
                self.next += 1;
                let number = self.next;
                assert_eq!(self.apps[place].open.replace(number), None, "two requests are open");
                let is_lost = self.is_rough && self.random.is_one_in(30);
                self.apps[place].loses_reply = self.is_rough && self.random.is_one_in(30);
                let latency = self.random.millis(200);
                let event =
                    if is_lost { Event::Failed(number) } else { Event::Arrive(number, request) };
                self.schedule(latency, place, event);
            }
            Output::Revoke(partitions) => {
                let owned = self.apps[place].membership.assigned();
                assert!(partitions.is_subset(owned), "what is not owned is given up");
                let pause = self.random.millis(slow_ms);
                self.schedule(pause, place, Event::Revoked);
            }
            Output::Assign(partitions) => {
                self.apps[place].taken_over.extend(partitions);
                let pause = self.random.millis(slow_ms);
                self.schedule(pause, place, Event::Assigned);
            }
            Output::FindCoordinator | Output::Lose(_) => {}
            Output::Refresh { topics, ids } => {
                assert!(!topics.is_empty() || !ids.is_empty(), "nothing is asked for");
                let latency = self.random.millis(1000);
                self.schedule(latency, place, Event::Metadata);
            }
            Output::Left => self.apps[place].left += 1,
            Output::Fail(error) => panic!("member {place} fails: {error}"),
        }
    }

    /// What the coordinator answers goes back over the network.
    fn deliver(&mut self, answers: Vec<Answer>) {
        for Answer { place, number, reply } in answers {
            let latency = self.random.millis(200);
            let event = if self.apps[place].loses_reply {
                Event::Failed(number)
            } else {
                Event::Reply(number, reply)
            };
            self.schedule(latency, place, event);
        }
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let event = self.events.keys().next().map(|(at, _)| *at);
            let awake = self.apps.iter().filter_map(|app| app.membership.next_wakeup(self.now));
            let next = event.into_iter().chain(awake).chain(self.coordinator.next_wakeup()).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            let answers = self.coordinator.tick(self.now, &self.metadata);
            self.deliver(answers);
            for place in 0..self.apps.len() {
                self.step(place, Input::Tick);
            }
            while let Some(entry) = self.events.first_entry().filter(|e| e.key().0 <= self.now) {
                let (place, event) = entry.remove();
                self.happen(place, event);
            }
        }
        self.now = end;
    }

    fn happen(&mut self, place: usize, event: Event) {
        match event {
            Event::Arrive(number, request) => {
                let is_refused = self.is_rough && self.random.is_one_in(40);
                let (now, request) = (self.now, &request);
                let answers = match &mut self.coordinator {
                    Side::Classic(side) => side.take(now, place, number, request, is_refused),
                    Side::Consumer(side) => side.take(now, place, number, request, is_refused),
                };
                self.deliver(answers);
            }
            Event::Reply(number, reply) => {
                if self.apps[place].open == Some(number) {
                    self.apps[place].open = None;
                    self.step(place, Input::Reply(&reply));
                }
            }
            Event::Failed(number) => {
                if self.apps[place].open == Some(number) {
                    self.apps[place].open = None;
                    self.step(place, Input::Failed(&broken()));
                }
            }
            Event::Metadata => {
                self.apps[place].known = self.metadata.clone();
                self.step(place, Input::Tick);
            }
            Event::Revoked => self.step(place, Input::Revoked),
            Event::Assigned => self.step(place, Input::Assigned),
            Event::Poll => {
                if self.apps[place].is_gone {
                    return;
                }
                self.step(place, Input::Polled);
                let stall = self.is_rough && self.random.is_one_in(60);
                let pause = if stall { at(25) } else { at(1) };
                self.schedule(pause, place, Event::Poll);
                if self.random.is_one_in(5) {
                    self.schedule(Duration::ZERO, place, Event::Metadata);
                }
            }
        }
    }

    /// No partition has two owners among the members that the coordinator knows, of whatever
    /// generation they are.
    fn check(&self) {
        let mut owners: BTreeMap<&TopicPartition, usize> = BTreeMap::new();
        for (place, app) in self.apps.iter().enumerate() {
            let identity = app.membership.identity();
            if identity.epoch < 0 || !self.coordinator.knows(&identity.member_id) {
                continue;
            }
            for at in app.membership.assigned() {
                let other = owners.insert(at, place);
                assert_eq!(other, None, "{at} is owned by {place} too, at {:?}", self.now);
            }
        }
    }

    /// What each member owns that has not gone.
    pub(super) fn owned(&self) -> BTreeMap<usize, BTreeSet<TopicPartition>> {
        let apps = self.apps.iter().enumerate().filter(|(_, app)| !app.is_gone);
        apps.map(|(place, app)| (place, app.membership.assigned().clone())).collect()
    }
}
