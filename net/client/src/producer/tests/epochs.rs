//! An idempotent producer whose sequences cannot go on, and goes on in another epoch (KIP-360).

use super::*;

/// A batch as it goes out: request, partition, epoch, base sequence.
type Numbered = (u64, i32, i16, i32);

fn numbered(outputs: Vec<Output>) -> Vec<Numbered> {
    let mut seen = Vec::new();
    for output in outputs {
        match output {
            Output::Send(departing) => {
                for (at, bytes) in &departing.batches {
                    let (view, _) = BatchView::parse(bytes).unwrap();
                    let (epoch, sequence) = (view.producer_epoch().0, view.base_sequence().0);
                    seen.push((departing.request.0, at.partition, epoch, sequence));
                }
            }
            Output::Refresh(_) => {}
            Output::Identify => panic!("there are epochs left"),
        }
    }
    seen
}

impl Bench {
    fn go(&mut self, ms: u64) -> Vec<Numbered> {
        self.after(ms);
        numbered(self.step(Input::Tick))
    }

    fn says(&mut self, request: u64, partition: i32, code: ErrorCode) -> Vec<Numbered> {
        numbered(self.answer(RequestId(request), partition, code))
    }

    fn loses(&mut self, request: u64) -> Vec<Numbered> {
        let error = ClientError::NoNode(1);
        numbered(self.step(Input::Lost { request: RequestId(request), error }))
    }
}

#[test]
fn a_producer_that_is_forgotten_goes_on_in_the_next_epoch() {
    for code in [ErrorCode::UnknownProducerId, ErrorCode::OutOfOrderSequenceNumber] {
        let mut bench = Bench::new(&[1], config());
        bench.push(0, 4);
        assert_eq!(bench.go(0), [(0, 0, 0, 0), (1, 0, 0, 2)]);
        assert_eq!(bench.says(0, 0, code), []);
        assert_eq!(bench.go(100), [], "one of the old epoch is on its way");
        assert_eq!(bench.says(1, 0, ErrorCode::OutOfOrderSequenceNumber), []);
        // The first of an epoch is alone, as the first of a producer.
        assert_eq!(bench.go(100), [(2, 0, 1, 0)]);
        assert_eq!(bench.says(2, 0, OK), [(3, 0, 1, 2)]);
        assert_eq!(bench.says(3, 0, OK), []);
        assert_eq!(bench.results(), [(vec![0, 1], Ok(102)), (vec![2, 3], Ok(103))]);
        bench.push(0, 2);
        assert_eq!(bench.go(0), [(4, 0, 1, 4)]);
        assert_eq!(bench.sender.order_lost(), None);
    }
}

#[test]
fn a_partition_takes_the_new_epoch_once_nothing_of_the_old_one_is_left() {
    let mut bench = Bench::new(&[1, 1], config());
    bench.push(0, 2);
    assert_eq!(bench.go(0), [(0, 0, 0, 0)]);
    bench.push(1, 2);
    assert_eq!(bench.go(0), [(1, 1, 0, 0)]);
    assert_eq!(bench.says(0, 0, ErrorCode::UnknownProducerId), []);
    bench.push(1, 2);
    assert_eq!(bench.go(100), [(2, 0, 1, 0)]);
    // What has a sequence keeps it.
    assert_eq!(bench.says(1, 1, ErrorCode::NotLeaderOrFollower), []);
    assert_eq!(bench.go(100), [(3, 1, 0, 0)]);
    assert_eq!(bench.says(3, 1, OK), [(4, 1, 1, 0)]);
}

#[test]
fn partitions_that_are_forgotten_together_share_the_next_epoch() {
    let mut bench = Bench::new(&[1, 2], config());
    bench.push(0, 2);
    bench.push(1, 2);
    assert_eq!(bench.go(0), [(0, 0, 0, 0), (1, 1, 0, 0)]);
    assert_eq!(bench.says(0, 0, ErrorCode::UnknownProducerId), []);
    assert_eq!(bench.says(1, 1, ErrorCode::UnknownProducerId), []);
    assert_eq!(bench.go(100), [(2, 0, 1, 0), (3, 1, 1, 0)]);
    assert_eq!(bench.says(2, 0, ErrorCode::UnknownProducerId), []);
    assert_eq!(bench.go(1000), [(4, 0, 2, 0)]);
}

#[test]
fn a_batch_of_an_epoch_that_is_over_fails_alone() {
    let mut bench = Bench::new(&[1], config());
    bench.push(0, 2);
    assert_eq!(bench.go(0), [(0, 0, 0, 0)]);
    assert_eq!(bench.says(0, 0, ErrorCode::InvalidProducerEpoch), []);
    assert_eq!(bench.results(), [(vec![0, 1], Err(Some(ErrorCode::InvalidProducerEpoch)))]);
    bench.push(0, 2);
    assert_eq!(bench.go(0), [(1, 0, 1, 0)]);
}

#[test]
fn a_batch_of_unknown_fate_that_expires_costs_an_epoch() {
    let mut bench = Bench::new(&[1], config());
    bench.push(0, 2);
    assert_eq!(bench.go(0), [(0, 0, 0, 0)]);
    bench.after(10_000);
    assert_eq!(bench.loses(0), []);
    assert_eq!(bench.results(), [(vec![0, 1], Err(None))]);
    bench.push(0, 2);
    assert_eq!(bench.go(100), [(1, 0, 1, 0)]);
}

/// A bench whose first batch expired, of unknown fate, before the second, which is on its way again
/// as request 2, and a third, which has no sequence.
fn unresolved() -> Bench {
    let mut bench = Bench::new(&[1], config());
    bench.push(0, 2);
    assert_eq!(bench.go(0), [(0, 0, 0, 0)]);
    bench.after(5_000);
    bench.push(0, 2);
    assert_eq!(bench.go(0), [(1, 0, 0, 2)]);
    bench.after(4_990);
    assert_eq!((bench.loses(0), bench.loses(1)), (vec![], vec![]));
    bench.push(0, 2);
    assert_eq!(bench.go(100), [(2, 0, 0, 2)], "what is new waits");
    assert_eq!(bench.results(), [(vec![0, 1], Err(None))]);
    bench
}

#[test]
fn a_batch_behind_one_of_unknown_fate_tells_that_it_is_there() {
    for code in [OK, ErrorCode::DuplicateSequenceNumber] {
        let mut bench = unresolved();
        assert_eq!(bench.says(2, 0, code), [(3, 0, 0, 4)]);
    }
}

#[test]
fn a_batch_behind_one_of_unknown_fate_tells_that_it_is_not_there() {
    let mut bench = unresolved();
    assert_eq!(bench.says(2, 0, ErrorCode::OutOfOrderSequenceNumber), []);
    assert_eq!(bench.go(1000), [(3, 0, 1, 0)]);
    assert_eq!(bench.says(3, 0, OK), [(4, 0, 1, 2)]);
}

#[test]
fn an_epoch_is_next_when_nobody_can_tell_any_more() {
    // Refused for good, it tells nothing.
    let mut bench = unresolved();
    assert_eq!(bench.says(2, 0, ErrorCode::MessageTooLarge), [(3, 0, 1, 0)]);
    // Lost until it expires, it tells nothing either.
    let mut bench = unresolved();
    bench.after(4_980);
    assert_eq!(bench.loses(2), []);
    assert_eq!(bench.go(200), [(3, 0, 1, 0)]);
}

#[test]
fn another_id_is_asked_for_when_the_epochs_are_used_up() {
    let mut bench = Bench::new(&[1], config());
    bench.sender = Sender::new(config(), Some(identity(i16::MAX)));
    bench.push(0, 2);
    assert_eq!(bench.go(0), [(0, 0, i16::MAX, 0)]);
    let outputs = bench.answer(RequestId(0), 0, ErrorCode::UnknownProducerId);
    assert_eq!(outputs, [Output::Identify]);
    assert_eq!(bench.go(100), [], "it is asked once");
    assert_eq!(bench.step(Input::Identified(Err(ClientError::NoNode(1)))), []);
    assert_eq!(bench.go(999), []);
    assert_eq!(bench.sender.next_wakeup(bench.now), Some(bench.now + Duration::from_millis(1)));
    assert_eq!(bench.after(1).step(Input::Tick), [Output::Identify]);
    let other = Identity { id: ProducerId(8), epoch: ProducerEpoch(0) };
    let outputs = bench.step(Input::Identified(Ok(other)));
    let [Output::Send(departing)] = outputs.as_slice() else { panic!("{outputs:?}") };
    let (view, _) = BatchView::parse(&departing.batches[0].1).unwrap();
    assert_eq!((view.producer_id(), view.producer_epoch()), (other.id, other.epoch));
    assert_eq!(view.base_sequence().0, 0);
}
