//! The sender as lists of inputs and outputs.

mod epochs;
mod spreading;

use std::collections::BTreeMap;
use std::time::Duration;

use corelog_model::{
    BatchView, ErrorCode, LeaderEpoch, NodeId, Offset, ProducerEpoch, ProducerId, Timestamp,
};
use corelog_wire::MetadataResponse;
use corelog_wire::api::metadata::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};

use super::*;
use crate::Metadata;
use crate::metadata::Scope;

const OK: ErrorCode = ErrorCode::None;

/// A sender whose batches hold two records, on partitions led by the given nodes.
struct Bench {
    sender: Sender,
    /// Whether the servers know the producer in each partition already.
    is_known: bool,
    metadata: Metadata,
    now: Duration,
}

fn metadata(leaders: &[i32]) -> Metadata {
    let broker = |node_id| MetadataResponseBroker {
        node_id,
        host: "h".into(),
        port: 9000 + node_id,
        rack: None,
    };
    let partition = |(index, leader)| MetadataResponsePartition {
        partition_index: index,
        leader_id: leader,
        leader_epoch: 0,
        ..MetadataResponsePartition::default()
    };
    let topic = MetadataResponseTopic {
        name: Some("t".into()),
        partitions: (0..).zip(leaders.iter().copied()).map(partition).collect(),
        ..MetadataResponseTopic::default()
    };
    let response = MetadataResponse {
        brokers: vec![broker(1), broker(2)],
        topics: vec![topic],
        ..MetadataResponse::default()
    };
    let mut metadata = Metadata::default();
    metadata.apply(&response, Scope::Everything);
    metadata
}

fn config() -> ProducerConfig {
    ProducerConfig {
        batch_records_max: 2,
        linger: Duration::from_millis(10),
        retry_pause: Duration::from_millis(100),
        delivery_timeout: Duration::from_secs(10),
        ..ProducerConfig::default()
    }
}

fn at(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

/// A result as a test sees it: tickets, and the offset or the code.
type Outcome = (Vec<u64>, Result<i64, Option<ErrorCode>>);

/// A request as a test sees it: node, and per partition the base sequence and number of records.
type Seen = (i32, Vec<(i32, i32, i32)>);

impl Bench {
    fn new(leaders: &[i32], config: ProducerConfig) -> Self {
        let identity = Identity { id: ProducerId(7), epoch: ProducerEpoch(0) };
        let identity = config.is_idempotent.then_some(identity);
        let sender = Sender::new(config, identity);
        let metadata = metadata(leaders);
        Self { sender, is_known: true, metadata, now: Duration::ZERO }
    }

    fn after(&mut self, ms: u64) -> &mut Self {
        self.now += Duration::from_millis(ms);
        self
    }

    fn push(&mut self, partition: i32, count: usize) {
        let record =
            NewRecord { key: None, value: Some(b"v"), headers: &[], timestamp: Timestamp(1) };
        for _ in 0..count {
            self.sender.push(self.now, &at(partition), &record).unwrap();
        }
        if self.is_known {
            self.sender.assume_known();
        }
    }

    fn step(&mut self, input: Input) -> Vec<Output> {
        self.sender.step(self.now, &self.metadata, input)
    }

    /// A step, whose outputs are requests only.
    fn sent(&mut self, input: Input) -> Vec<(RequestId, Seen)> {
        let seen = |output| match output {
            Output::Send(departing) => see(&departing),
            other => panic!("unexpected {other:?}"),
        };
        self.step(input).into_iter().map(seen).collect()
    }

    fn tick(&mut self) -> Vec<(RequestId, Seen)> {
        self.sent(Input::Tick)
    }

    /// The requests of a step that also looks up leaders.
    fn sent_again(&mut self) -> Vec<Seen> {
        let send = |output| match output {
            Output::Send(departing) => Some(see(&departing).1),
            Output::Refresh(_) | Output::Identify => None,
        };
        self.step(Input::Tick).into_iter().filter_map(send).collect()
    }

    fn answer(&mut self, request: RequestId, partition: i32, code: ErrorCode) -> Vec<Output> {
        let answer = match code {
            ErrorCode::None => Answer::Appended(Offset(100 + i64::try_from(request.0).unwrap())),
            code => Answer::Refused { code, message: None },
        };
        self.step(Input::Answered { request, answers: vec![(at(partition), answer)] })
    }

    /// The results: per batch the tickets, and the offset or the code.
    fn results(&mut self) -> Vec<Outcome> {
        let result = |delivery: Delivery| {
            let tickets = delivery.tickets.iter().map(|ticket| ticket.0).collect();
            (tickets, delivery.outcome.map(|offset| offset.0).map_err(|error| error.code()))
        };
        self.sender.take_deliveries().into_iter().map(result).collect()
    }
}

fn see(departing: &Departing) -> (RequestId, Seen) {
    let batch = |(at, bytes): &(TopicPartition, std::sync::Arc<Vec<u8>>)| {
        let (view, rest) = BatchView::parse(bytes).unwrap();
        assert_eq!((view.verify_crc(), rest.len(), view.base_offset()), (Ok(()), 0, Offset(0)));
        (at.partition, view.base_sequence().0, view.record_count())
    };
    (departing.request, (departing.node.0, departing.batches.iter().map(batch).collect()))
}

fn refreshes(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::Refresh(_)))
}

#[test]
fn a_batch_goes_out_when_it_is_full_or_old_enough() {
    let mut bench = Bench::new(&[1, 1], config());
    bench.push(0, 2);
    bench.push(1, 1);
    assert_eq!(bench.tick(), [(RequestId(0), (1, vec![(0, 0, 2)]))]);
    assert_eq!(bench.sender.next_wakeup(bench.now), Some(Duration::from_millis(10)));
    bench.after(9);
    assert_eq!(bench.tick(), []);
    bench.after(1);
    assert_eq!(bench.tick(), [(RequestId(1), (1, vec![(1, 0, 1)]))]);
}

#[test]
fn a_batch_grows_while_it_cannot_leave() {
    let config = ProducerConfig { batch_records_max: 100, requests_in_flight_max: 1, ..config() };
    let mut bench = Bench::new(&[1], config);
    bench.push(0, 1);
    assert_eq!(bench.after(10).tick(), [(RequestId(0), (1, vec![(0, 0, 1)]))]);
    for _ in 0..5 {
        bench.push(0, 1);
        assert_eq!(bench.after(10).tick(), []);
    }
    let outputs = bench.answer(RequestId(0), 0, OK);
    let [Output::Send(next)] = outputs.as_slice() else { panic!("{outputs:?}") };
    assert_eq!(see(next), (RequestId(1), (1, vec![(0, 1, 5)])));
}

#[test]
fn a_flush_waits_for_nobody() {
    let mut bench = Bench::new(&[1], config());
    bench.push(0, 1);
    bench.sender.close_batches();
    assert_eq!(bench.tick(), [(RequestId(0), (1, vec![(0, 0, 1)]))]);
    assert!(!bench.sender.is_idle());
    bench.answer(RequestId(0), 0, OK);
    assert!(bench.sender.is_idle());
    assert_eq!(bench.results(), [(vec![0], Ok(100))]);
}

#[test]
fn each_leader_gets_one_request_with_its_partitions() {
    let mut bench = Bench::new(&[1, 2, 1], config());
    for partition in 0..3 {
        bench.push(partition, 2);
    }
    assert_eq!(
        bench.tick(),
        [(RequestId(0), (1, vec![(0, 0, 2), (2, 0, 2)])), (RequestId(1), (2, vec![(1, 0, 2)])),]
    );
}

#[test]
fn several_requests_are_in_flight_up_to_the_bound() {
    let mut bench = Bench::new(&[1], ProducerConfig { requests_in_flight_max: 2, ..config() });
    bench.push(0, 6);
    let batch = |sequence| vec![(0, sequence, 2)];
    let expected = [(RequestId(0), (1, batch(0))), (RequestId(1), (1, batch(2)))];
    assert_eq!(bench.tick(), expected);
    assert_eq!(bench.tick(), []);
    let outputs = bench.answer(RequestId(0), 0, OK);
    let [Output::Send(next)] = outputs.as_slice() else { panic!("{outputs:?}") };
    assert_eq!(see(next), (RequestId(2), (1, batch(4))));
}

#[test]
fn the_first_batch_of_a_producer_in_a_partition_is_alone() {
    let mut bench = Bench { is_known: false, ..Bench::new(&[1], config()) };
    bench.push(0, 6);
    assert_eq!(bench.tick(), [(RequestId(0), (1, vec![(0, 0, 2)]))]);
    bench.answer(RequestId(0), 0, ErrorCode::UnknownTopicOrPartition);
    bench.after(1000);
    assert_eq!(bench.sent_again(), [(1, vec![(0, 0, 2)])]);
    let outputs = bench.answer(RequestId(1), 0, OK);
    assert_eq!(outputs.len(), 2, "{outputs:?}");
}

#[test]
fn without_sequences_one_batch_of_a_partition_is_in_flight() {
    let config = ProducerConfig { is_idempotent: false, acks: Acks::Leader, ..config() };
    let mut bench = Bench::new(&[1], config);
    bench.push(0, 4);
    assert_eq!(bench.tick(), [(RequestId(0), (1, vec![(0, -1, 2)]))]);
    assert_eq!(bench.tick(), []);
}

#[test]
fn a_moved_leader_is_looked_up_and_the_batches_follow_in_order() {
    let mut bench = Bench::new(&[1], config());
    bench.push(0, 6);
    assert_eq!(bench.tick().len(), 3);
    // The first is refused; those behind it come back before anything is sent again.
    let outputs = bench.answer(RequestId(0), 0, ErrorCode::NotLeaderOrFollower);
    assert!(refreshes(&outputs) && outputs.len() == 1, "{outputs:?}");
    bench.after(100);
    assert_eq!(bench.step(Input::Tick), []);
    bench.answer(RequestId(1), 0, ErrorCode::NotLeaderOrFollower);
    bench.metadata.apply_leader(&at(0), NodeId(2), LeaderEpoch(1));
    bench.answer(RequestId(2), 0, ErrorCode::NotLeaderOrFollower);
    bench.after(100);
    let sent = bench.sent_again();
    assert_eq!(sent, [(2, vec![(0, 0, 2)]), (2, vec![(0, 2, 2)]), (2, vec![(0, 4, 2)])]);
}

#[test]
fn a_new_leader_gets_nothing_while_the_old_one_has_not_answered() {
    let mut bench = Bench::new(&[1], config());
    bench.push(0, 2);
    assert_eq!(bench.tick().len(), 1);
    bench.metadata.apply_leader(&at(0), NodeId(2), LeaderEpoch(1));
    bench.push(0, 2);
    assert_eq!(bench.tick(), []);
    let outputs = bench.answer(RequestId(0), 0, OK);
    let [Output::Send(next)] = outputs.as_slice() else { panic!("{outputs:?}") };
    assert_eq!(see(next).1, (2, vec![(0, 2, 2)]));
}

#[test]
fn a_batch_behind_a_refused_one_keeps_its_sequence_when_it_comes_too_early() {
    let mut bench = Bench::new(&[1], config());
    bench.push(0, 4);
    assert_eq!(bench.tick().len(), 2);
    bench.answer(RequestId(0), 0, ErrorCode::RequestTimedOut);
    bench.answer(RequestId(1), 0, ErrorCode::OutOfOrderSequenceNumber);
    bench.after(1000);
    let sent = bench.sent_again();
    assert_eq!(sent, [(1, vec![(0, 0, 2)]), (1, vec![(0, 2, 2)])]);
    bench.answer(RequestId(2), 0, OK);
    bench.answer(RequestId(3), 0, OK);
    assert_eq!(bench.results(), [(vec![0, 1], Ok(102)), (vec![2, 3], Ok(103))]);
}

#[test]
fn a_lost_connection_sends_the_same_batches_again_in_order() {
    let mut bench = Bench::new(&[1], config());
    bench.push(0, 4);
    assert_eq!(bench.tick().len(), 2);
    let error = ClientError::NoNode(1);
    for request in [RequestId(0), RequestId(1)] {
        bench.step(Input::Lost { request, error: error.clone() });
    }
    bench.after(100);
    let sent = bench.sent_again();
    assert_eq!(sent, [(1, vec![(0, 0, 2)]), (1, vec![(0, 2, 2)])]);
    // The server has the first one already and says so.
    bench.answer(RequestId(2), 0, ErrorCode::DuplicateSequenceNumber);
    bench.answer(RequestId(3), 0, OK);
    assert_eq!(bench.results(), [(vec![0, 1], Ok(-1)), (vec![2, 3], Ok(103))]);
}

#[test]
fn the_sequence_closes_up_behind_a_batch_that_fails_for_good() {
    let mut bench = Bench::new(&[1], config());
    bench.push(0, 6);
    assert_eq!(bench.tick().len(), 3);
    bench.answer(RequestId(0), 0, OK);
    bench.answer(RequestId(1), 0, ErrorCode::MessageTooLarge);
    bench.answer(RequestId(2), 0, ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(
        bench.results(),
        [(vec![0, 1], Ok(100)), (vec![2, 3], Err(Some(ErrorCode::MessageTooLarge)))]
    );
    bench.after(100);
    let sent = bench.step(Input::Tick);
    let [Output::Send(third)] = &sent[..1] else { panic!("{sent:?}") };
    assert_eq!(see(third).1, (1, vec![(0, 2, 2)]));
    bench.answer(third.request, 0, OK);
    assert_eq!(bench.results(), [(vec![4, 5], Ok(103))]);
    assert_eq!((bench.sender.totals().records, bench.sender.totals().failed_records), (4, 2));
}

#[test]
fn a_lost_order_in_a_transaction_fails_everything_and_takes_nothing_more() {
    for code in [
        ErrorCode::OutOfOrderSequenceNumber,
        ErrorCode::UnknownProducerId,
        ErrorCode::InvalidProducerEpoch,
        ErrorCode::ProducerFenced,
    ] {
        let mut bench = transactional();
        bench.sender.admit(&at(0));
        bench.push(0, 2);
        bench.push(1, 1);
        assert_eq!(bench.tick().len(), 1);
        assert_eq!(bench.answer(RequestId(0), 0, code), []);
        assert_eq!(bench.results(), [(vec![0, 1], Err(Some(code))), (vec![2], Err(Some(code)))]);
        assert!(bench.sender.is_idle());
        assert_eq!(bench.sender.buffered_bytes(), 0);
        let record = NewRecord { key: None, value: None, headers: &[], timestamp: Timestamp(1) };
        let refused = bench.sender.push(bench.now, &at(0), &record);
        let error = bench.sender.order_lost().unwrap().clone();
        assert_eq!(refused, Err(PushError::Refused(error)));
    }
}

#[test]
fn a_producer_that_is_fenced_is_at_its_end() {
    let mut bench = Bench::new(&[1], config());
    bench.push(0, 2);
    assert_eq!(bench.tick().len(), 1);
    bench.answer(RequestId(0), 0, ErrorCode::ProducerFenced);
    let code = bench.sender.order_lost().and_then(ClientError::code);
    assert_eq!(code, Some(ErrorCode::ProducerFenced));
}

#[test]
fn a_partition_without_a_leader_is_looked_up_until_the_time_is_over() {
    let mut bench = Bench::new(&[-1], config());
    bench.push(0, 2);
    assert!(refreshes(&bench.step(Input::Tick)));
    assert_eq!(bench.step(Input::Tick), []);
    bench.after(100);
    assert!(refreshes(&bench.step(Input::Tick)));
    bench.after(9_900);
    bench.step(Input::Tick);
    let delivery = bench.sender.take_deliveries().remove(0);
    let last = Box::new(ClientError::NoLeader(at(0)));
    assert_eq!(delivery.outcome, Err(ClientError::GaveUp { after_ms: 10_000, last }));
    assert!(bench.sender.is_idle());
}

#[test]
fn a_batch_of_unknown_fate_that_expires_loses_the_order_of_a_transaction() {
    let mut bench = transactional();
    bench.sender.admit(&at(0));
    bench.push(0, 2);
    assert_eq!(bench.tick().len(), 1);
    bench.after(10_000);
    let error = ClientError::NoNode(1);
    bench.step(Input::Lost { request: RequestId(0), error: error.clone() });
    let gave_up = ClientError::GaveUp { after_ms: 10_000, last: Box::new(error) };
    assert_eq!(bench.sender.order_lost(), Some(&gave_up));
}

#[test]
fn memory_and_results_are_bounded() {
    let size = NewRecord { key: None, value: Some(b"v"), headers: &[], timestamp: Timestamp(1) }
        .size_bytes_max();
    let limits = ProducerConfig { memory_bytes_max: 3 * size, results_max: 3, ..config() };
    let mut bench = Bench::new(&[1], limits);
    bench.push(0, 3);
    let record = NewRecord { key: None, value: Some(b"v"), headers: &[], timestamp: Timestamp(1) };
    assert_eq!(bench.sender.push(bench.now, &at(0), &record), Err(PushError::NoRoom));
    let large = vec![0; 3 * size];
    let large = NewRecord { value: Some(&large), ..record };
    let error = ClientError::RecordTooLarge { bytes: large.size_bytes_max(), max: 3 * size };
    let refused = bench.sender.push(bench.now, &at(0), &large);
    assert_eq!(refused, Err(PushError::Refused(error)));
    bench.sender.close_batches();
    assert_eq!(bench.tick().len(), 2);
    bench.answer(RequestId(0), 0, OK);
    bench.answer(RequestId(1), 0, OK);
    let refused = bench.sender.push(bench.now, &at(0), &record);
    assert_eq!(refused, Err(PushError::Refused(ClientError::DeliveriesNotTaken(3))));
    assert_eq!(bench.results().len(), 2);
    bench.push(0, 1);
}

#[test]
fn partitions_take_turns_when_a_request_cannot_hold_them_all() {
    let config = ProducerConfig { request_bytes_max: 100, requests_in_flight_max: 1, ..config() };
    let mut bench = Bench::new(&[1, 1, 1], config);
    for partition in 0..3 {
        bench.push(partition, 4);
    }
    let mut order = Vec::new();
    let mut sent = bench.tick();
    while let Some((request, (_, batches))) = sent.pop() {
        let [(partition, _, _)] = batches[..] else { panic!("{batches:?}") };
        order.push(partition);
        bench.answer(request, partition, OK).into_iter().for_each(|output| match output {
            Output::Send(departing) => sent.push(see(&departing)),
            other => panic!("unexpected {other:?}"),
        });
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn each_record_of_a_batch_has_its_own_offset() {
    let tickets = vec![Ticket(4), Ticket(9)];
    let offsets = |outcome| {
        let delivery = Delivery { at: at(0), tickets: tickets.clone(), outcome };
        delivery.records().map(|(ticket, offset)| (ticket.0, offset.unwrap().0)).collect::<Vec<_>>()
    };
    assert_eq!(offsets(Ok(Offset(70))), [(4, 70), (9, 71)]);
    assert_eq!(offsets(Ok(Offset::NONE)), [(4, -1), (9, -1)]);
}

fn transactional() -> Bench {
    let config = ProducerConfig { transactional_id: Some("x".to_owned()), ..config() };
    let mut bench = Bench::new(&[1, 1], config);
    bench.sender.renew(identity(0));
    bench
}

fn identity(epoch: i16) -> Identity {
    Identity { id: ProducerId(7), epoch: ProducerEpoch(epoch) }
}

#[test]
fn records_of_a_transaction_wait_until_their_partition_is_in_it() {
    let mut bench = transactional();
    bench.push(0, 2);
    bench.push(1, 2);
    assert_eq!(bench.tick(), []);
    bench.sender.admit(&at(1));
    let outputs = bench.step(Input::Tick);
    let [Output::Send(departing)] = outputs.as_slice() else { panic!("{outputs:?}") };
    let (view, _) = BatchView::parse(&departing.batches[0].1).unwrap();
    assert!(view.is_transactional());
    assert_eq!(see(departing).1, (1, vec![(1, 0, 2)]));
    bench.sender.admit(&at(0));
    let seen: Vec<Seen> = bench.tick().into_iter().map(|(_, seen)| seen).collect();
    assert_eq!(seen, [(1, vec![(0, 0, 2)])]);
}

#[test]
fn sequences_go_on_with_the_epoch_and_begin_anew_with_the_next() {
    let mut bench = transactional();
    for (epoch, sequence) in [(0, 0), (0, 2), (1, 0)] {
        bench.sender.renew(identity(epoch));
        bench.push(0, 2);
        assert_eq!(bench.tick(), [], "the partition is not in this transaction yet");
        bench.sender.admit(&at(0));
        let sent = bench.tick();
        let [(request, seen)] = sent.as_slice() else { panic!("{sent:?}") };
        assert_eq!(*seen, (1, vec![(0, sequence, 2)]));
        bench.answer(*request, 0, OK);
        assert_eq!(bench.sender.take_failure(), None);
    }
}

#[test]
fn what_is_abandoned_fails_and_what_is_on_its_way_does_not() {
    let error = ClientError::Transaction("given up");
    let mut bench = transactional();
    bench.sender.admit(&at(0));
    bench.push(0, 2);
    let request = bench.tick()[0].0;
    bench.push(0, 1);
    bench.push(1, 1);
    assert_eq!(bench.sender.abandon(&error), Abandoned::Unsent);
    assert_eq!(bench.results(), [(vec![2], Err(None)), (vec![3], Err(None))]);
    assert_eq!(bench.sender.take_failure(), Some(error.clone()));
    assert!(!bench.sender.is_idle());
    // It comes back, and its sequence is used up.
    bench.answer(request, 0, ErrorCode::NotLeaderOrFollower);
    assert_eq!(bench.sender.abandon(&error), Abandoned::Sent);
    assert!(bench.sender.is_idle());
    assert_eq!(bench.sender.buffered_bytes(), 0);
}

#[test]
fn a_lost_order_ends_with_the_epoch() {
    let mut bench = transactional();
    bench.sender.admit(&at(0));
    bench.push(0, 2);
    let request = bench.tick()[0].0;
    bench.answer(request, 0, ErrorCode::InvalidProducerEpoch);
    let failure = bench.sender.take_failure().and_then(|error| error.code());
    assert_eq!(failure, Some(ErrorCode::InvalidProducerEpoch));
    assert!(bench.sender.order_lost().is_some());
    bench.sender.renew(identity(1));
    assert_eq!(bench.sender.order_lost(), None);
    bench.push(0, 2);
    bench.sender.admit(&at(0));
    assert_eq!(bench.tick()[0].1, (1, vec![(0, 0, 2)]));
}
