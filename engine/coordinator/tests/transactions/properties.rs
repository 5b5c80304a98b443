//! Whatever producers, the log and leaders do: each request is answered once, nothing is told that
//! is not stored, a transaction has one outcome, and the log says what is seen.

use std::collections::{BTreeMap, BTreeSet};

use corelog_coordinator::records::{TransactionRecord, TransactionValue};
use corelog_coordinator::transactions::{
    Producer, TransactionInput, TransactionOutput, TransactionReply, WriteMarkers,
};
use corelog_coordinator::{AppendId, RequestId};
use corelog_model::ErrorCode;
use corelog_model::control::{TransactionOutcome, TransactionVersion};
use proptest::prelude::*;

use crate::rig::*;

#[derive(Clone, Debug)]
enum Event {
    Init { client: usize, goes_on: bool },
    Add { client: usize, topic: usize },
    End { client: usize, commits: bool },
    IdFound { is_there: bool },
    Marked { count: usize, code: Option<ErrorCode> },
    LogWrites,
    LogFails,
    Tick { seconds: u64 },
}

fn event() -> impl Strategy<Value = Event> {
    let client = 0..3_usize;
    prop_oneof![
        2 => (client.clone(), any::<bool>())
            .prop_map(|(client, goes_on)| Event::Init { client, goes_on }),
        4 => (client.clone(), 0..3_usize).prop_map(|(client, topic)| Event::Add { client, topic }),
        4 => (client, any::<bool>()).prop_map(|(client, commits)| Event::End { client, commits }),
        2 => prop::bool::weighted(0.9).prop_map(|is_there| Event::IdFound { is_there }),
        4 => (0..4_usize, prop::option::of(Just(ErrorCode::NotLeaderOrFollower)))
            .prop_map(|(count, code)| Event::Marked { count, code }),
        8 => Just(Event::LogWrites),
        1 => Just(Event::LogFails),
        2 => prop_oneof![Just(0_u64), Just(1), Just(30), Just(4000)]
            .prop_map(|seconds| Event::Tick { seconds }),
    ]
}

/// What a request wanted.
#[derive(Clone, Copy)]
enum Wish {
    Init { client: usize, goes_on: bool },
    Add { producer: Producer, topic: usize },
    End { client: usize, producer: Producer, outcome: TransactionOutcome },
}

struct World {
    rig: Rig,
    next_request: u64,
    open: BTreeMap<RequestId, Wish>,
    /// Who each client thinks it is.
    clients: [Option<Producer>; 3],
    flight: Vec<(AppendId, Vec<TransactionRecord>)>,
    tickets: Vec<u64>,
    next_producer: i64,
    marking: Vec<WriteMarkers>,
    /// Who was told to be a producer without having been one before.
    given: BTreeSet<Producer>,
}

/// The first client speaks in the old way, the others in the new one.
fn version_of(client: usize) -> TransactionVersion {
    if client == 0 { V0 } else { V2 }
}

const TOPICS: [&str; 3] = ["t", "u", "v"];

impl World {
    /// Begins with a producer that has few epochs left.
    fn new() -> World {
        let first = record(value(Empty, 1, LAST - 4));
        let rig = Rig { log: vec![first.clone()], ..Rig::loaded(&[first]) };
        World {
            rig,
            next_request: 0,
            open: BTreeMap::new(),
            clients: [None; 3],
            flight: Vec::new(),
            tickets: Vec::new(),
            next_producer: 2,
            marking: Vec::new(),
            given: BTreeSet::new(),
        }
    }

    fn ask(&mut self, wish: Wish) -> u64 {
        let request = self.next_request;
        self.next_request += 1;
        self.open.insert(RequestId(request), wish);
        request
    }

    fn input(&mut self, event: &Event) -> Option<TransactionInput> {
        let bare = |(id, epoch): Producer| (id.0, epoch.0);
        Some(match *event {
            Event::Init { client, goes_on } => {
                let current = self.clients[client].filter(|_| goes_on).map(bare);
                init(self.ask(Wish::Init { client, goes_on }), current)
            }
            Event::Add { client, topic } => {
                let producer = self.clients[client]?;
                let request = self.ask(Wish::Add { producer, topic });
                add(request, bare(producer), version_of(client), &[TOPICS[topic]])
            }
            Event::End { client, commits } => {
                let producer = self.clients[client]?;
                let outcome = if commits { Commit } else { Abort };
                let request = self.ask(Wish::End { client, producer, outcome });
                end(request, bare(producer), version_of(client), outcome)
            }
            Event::IdFound { is_there } => {
                let ticket = self.tickets.pop()?;
                self.next_producer += 1;
                match supply(ticket, self.next_producer) {
                    TransactionInput::ProducerId { ticket, .. } if !is_there => {
                        let result = Err(ErrorCode::CoordinatorNotAvailable);
                        TransactionInput::ProducerId { ticket, result }
                    }
                    supply => supply,
                }
            }
            Event::Marked { count, code } => {
                let marking = self.marking.pop()?;
                let result = code.map_or(Ok(()), Err);
                let partitions = marking.partitions.iter().take(count);
                let results: Vec<_> =
                    partitions.map(|(topic, _)| (topic.as_str(), result)).collect();
                written(bare(marking.producer), &results)
            }
            Event::LogWrites | Event::LogFails if self.flight.is_empty() => return None,
            Event::LogWrites => {
                let (append, records) = self.flight.remove(0);
                self.rig.log.extend(records);
                TransactionInput::Appended(append)
            }
            Event::LogFails => {
                let (append, _) = self.flight.remove(0);
                let code = ErrorCode::CoordinatorNotAvailable;
                TransactionInput::AppendFailed { append, code }
            }
            Event::Tick { seconds } => {
                self.rig.clock += seconds * 1000;
                TransactionInput::Tick
            }
        })
    }
}

impl World {
    fn take(&mut self, event: &Event) {
        let Some(input) = self.input(event) else { return };
        let outputs = self.rig.step(input);
        self.perform(outputs);
    }

    fn perform(&mut self, outputs: Vec<TransactionOutput>) {
        for output in outputs {
            match output {
                TransactionOutput::Append { append, records } => {
                    self.flight.push((append, records));
                }
                TransactionOutput::FindProducerId { ticket } => self.tickets.push(ticket.0),
                TransactionOutput::WriteMarkers(markers) => self.mark(markers),
                TransactionOutput::Reply { request, reply } => {
                    let wish = self.open.remove(&request);
                    self.answered(wish.expect("a request is answered once"), &reply);
                }
            }
        }
    }

    fn mark(&mut self, markers: WriteMarkers) {
        let last = self.last().expect("it is stored");
        let outcome = match markers.marker.outcome {
            Commit => PrepareCommit,
            Abort => PrepareAbort,
        };
        assert_eq!(last.state, outcome, "an outcome is stored before it is told");
        assert_eq!(last.producer(), markers.producer);
        let is_reached = |one| last.partitions.contains(one);
        assert!(markers.partitions.iter().all(is_reached));
        self.marking.push(markers);
    }

    fn answered(&mut self, wish: Wish, reply: &TransactionReply) {
        match (wish, reply) {
            (Wish::Init { client, goes_on }, TransactionReply::Init(Ok(producer))) => {
                let last = self.last().expect("it is stored");
                assert_eq!(last.producer(), *producer);
                let is_new = self.given.insert(*producer);
                assert!(is_new || goes_on, "one that comes anew shares its epoch with nobody");
                self.clients[client] = Some(*producer);
            }
            (Wish::Add { producer, topic }, TransactionReply::AddPartitions(Ok(()))) => {
                let last = self.last().expect("it is stored");
                assert_eq!((last.state, last.producer()), (Ongoing, producer));
                assert!(last.partitions.contains(&partition(TOPICS[topic])));
            }
            (Wish::End { client, producer, outcome }, TransactionReply::End(Ok(next))) => {
                let bumps = version_of(client).bumps_epoch();
                let marked = (producer.0, corelog_model::ProducerEpoch(producer.1.0 + 1));
                let marked = if bumps { marked } else { producer };
                let states = match outcome {
                    Commit => [PrepareCommit, CompleteCommit],
                    Abort => [PrepareAbort, CompleteAbort],
                };
                let is_stored = self
                    .rig
                    .log
                    .iter()
                    .flat_map(|record| &record.value)
                    .any(|value| value.producer() == marked && states.contains(&value.state));
                assert!(is_stored, "an outcome is stored before it is told");
                self.given.insert(*next);
                self.clients[client] = Some(*next);
            }
            (Wish::Init { .. }, TransactionReply::Init(Err(_)))
            | (Wish::Add { .. }, TransactionReply::AddPartitions(Err(_)))
            | (Wish::End { .. }, TransactionReply::End(Err(_))) => {}
            (_, reply) => panic!("a request is answered in its own kind: {reply:?}"),
        }
    }

    fn last(&self) -> Option<&TransactionValue> {
        self.rig.log.last().and_then(|record| record.value.as_ref())
    }

    fn end(mut self) {
        while !self.flight.is_empty() {
            self.take(&Event::LogWrites);
        }
        let mut before = None;
        for value in self.rig.log.iter().flat_map(|record| &record.value) {
            let follows = before.is_none_or(|before| value.state.may_follow(before));
            assert!(follows, "{:?} follows {before:?}", value.state);
            before = Some(value.state);
        }
        let loaded = Rig::loaded(&self.rig.log);
        assert_eq!(loaded.transactions.describe("x"), self.rig.transactions.describe("x"));
        let outputs = self.rig.transactions.resign();
        self.perform(outputs);
        assert!(self.open.is_empty(), "every request is answered");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_transactional_id_keeps_its_promises(events in prop::collection::vec(event(), 1..300)) {
        let mut world = World::new();
        for event in &events {
            world.take(event);
        }
        world.end();
    }
}
