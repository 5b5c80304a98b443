//! Partitions are told the outcome of a transaction until every one has it.

use corelog_coordinator::records::TransactionValue;
use corelog_coordinator::transactions::{
    MarkersWritten, TransactionConfig, TransactionInput, TransactionOutput,
};
use corelog_coordinator::{AppendId, records::TransactionRecord};
use corelog_model::{ErrorCode, Timestamp};

use crate::rig::*;

const RETRY_MS: u64 = 100;

/// The transaction of the producer 1 on these partitions is decided, and its markers are output.
fn prepared(topics: &[&str]) -> Rig {
    let value = TransactionValue { state: PrepareCommit, ..ongoing(4, V0, topics) };
    Rig::loaded(&[record(value)])
}

fn completed(rig: &Rig) -> TransactionValue {
    TransactionValue {
        updated_at: Timestamp(WALL + rig.clock as i64),
        ..value(CompleteCommit, 1, 4)
    }
}

#[test]
fn a_transaction_is_complete_when_every_partition_has_its_marker() {
    let mut rig = prepared(&["t", "u"]);
    let outputs = rig.step(written((1, 4), &[("t", Ok(())), ("u", Ok(()))]));
    assert_eq!(outputs, [append(0, completed(&rig))]);
    assert_eq!(rig.seen(), Some((PrepareCommit, 1, 4)));
    assert_eq!(rig.appended(0), []);
    assert_eq!(rig.seen(), Some((CompleteCommit, 1, 4)));
}

#[test]
fn partitions_that_did_not_take_it_are_told_again_after_a_while() {
    for code in [
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::UnknownTopicOrPartition,
        ErrorCode::KafkaStorageError,
        ErrorCode::RequestTimedOut,
        ErrorCode::UnknownServerError,
    ] {
        let mut rig = prepared(&["t", "u", "v"]);
        // What is not said about a partition is no success.
        assert_eq!(rig.step(written((1, 4), &[("t", Ok(())), ("u", Err(code))])), []);
        rig.clock = RETRY_MS - 1;
        assert_eq!(rig.step(TransactionInput::Tick), []);
        assert_eq!(rig.transactions.next_wakeup().unwrap().as_millis(), u128::from(RETRY_MS));
        rig.clock = RETRY_MS;
        let again = markers((1, 4), V0, Commit, &["u", "v"]);
        assert_eq!(rig.step(TransactionInput::Tick), [again]);
        assert_eq!(rig.step(TransactionInput::Tick), []);
        let outputs = rig.step(written((1, 4), &[("u", Ok(())), ("v", Ok(()))]));
        assert_eq!(outputs, [append(0, completed(&rig))]);
    }
}

#[test]
fn what_is_told_of_other_markers_changes_nothing() {
    let mut rig = prepared(&["t"]);
    assert_eq!(rig.step(written((1, 3), &[("t", Ok(()))])), []);
    assert_eq!(rig.step(written((1, 4), &[])), []);
    // They rest, so nobody is asked at present.
    assert_eq!(rig.step(written((1, 4), &[("t", Ok(()))])), []);
    assert_eq!(rig.seen(), Some((PrepareCommit, 1, 4)));
    let unknown = MarkersWritten {
        transactional_id: "y".into(),
        producer: producer(1, 4),
        results: Vec::new(),
    };
    assert_eq!(rig.step(TransactionInput::MarkersWritten(unknown)), []);
}

#[test]
fn one_that_is_fenced_stops() {
    for code in [ErrorCode::TransactionCoordinatorFenced, ErrorCode::InvalidProducerEpoch] {
        let mut rig = prepared(&["t", "u"]);
        assert_eq!(rig.step(written((1, 4), &[("t", Err(code)), ("u", Ok(()))])), []);
        assert_eq!(rig.tick(1), []);
        assert_eq!(rig.seen(), Some((PrepareCommit, 1, 4)));
    }
}

#[test]
fn a_completion_that_is_not_stored_is_tried_again() {
    let mut rig = prepared(&["t"]);
    rig.step(written((1, 4), &[("t", Ok(()))]));
    assert_eq!(rig.failed(0), []);
    assert_eq!(rig.seen(), Some((PrepareCommit, 1, 4)));
    rig.clock = RETRY_MS;
    let again = append(1, completed(&rig));
    assert_eq!(rig.step(TransactionInput::Tick), [again]);
    rig.appended(1);
    assert_eq!(rig.seen(), Some((CompleteCommit, 1, 4)));
}

#[test]
fn only_so_many_transactions_are_marked_at_a_time() {
    let named = |id: &str| {
        let value = TransactionValue { state: PrepareAbort, ..ongoing(4, V0, &["t"]) };
        TransactionRecord { transactional_id: id.into(), value: Some(value) }
    };
    let marked = |outputs: Vec<TransactionOutput>| -> Vec<String> {
        let id = |output| match output {
            TransactionOutput::WriteMarkers(markers) => Some(markers.transactional_id),
            _ => None,
        };
        outputs.into_iter().filter_map(id).collect()
    };
    let config = TransactionConfig { marking_max: 2, ..TransactionConfig::default() };
    let (mut rig, outputs) = Rig::begin(config, &[named("a"), named("b"), named("c"), named("d")]);
    assert_eq!(marked(outputs), ["a", "b"]);
    let written_of = |id: &str, result| {
        TransactionInput::MarkersWritten(MarkersWritten {
            transactional_id: id.into(),
            producer: producer(1, 4),
            results: vec![(partition("t"), result)],
        })
    };
    assert_eq!(marked(rig.step(written_of("b", Ok(())))), ["c"]);
    // Who failed goes to the end of the queue.
    assert_eq!(marked(rig.step(written_of("a", Err(ErrorCode::RequestTimedOut)))), ["d"]);
    rig.clock = RETRY_MS;
    assert_eq!(marked(rig.step(TransactionInput::Tick)), [""; 0]);
    assert_eq!(marked(rig.step(written_of("c", Ok(())))), ["a"]);
    rig.step(TransactionInput::Appended(AppendId(0)));
    assert_eq!(marked(rig.step(written_of("d", Ok(())))), [""; 0]);
}
