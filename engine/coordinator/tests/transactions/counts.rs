//! What is counted for operators: each transaction once, when its end is durable.

use std::time::Duration;

use corelog_coordinator::transactions::{TransactionCounts, TransactionTally};
use corelog_model::{ErrorCode, Timestamp};

use crate::rig::*;

#[test]
fn a_committed_transaction_is_counted_when_all_partitions_know() {
    let mut rig = Rig::ongoing(4, V0, &["t", "u"]);
    rig.run(end(1, (1, 4), V0, Commit));
    rig.run(written((1, 4), &[("t", Ok(())), ("u", Err(ErrorCode::RequestTimedOut))]));
    let refused =
        TransactionCounts { markers_written: 1, markers_refused: 1, ..Default::default() };
    assert_eq!(rig.transactions.take_counts(), refused);
    let outputs = rig.tick(1);
    rig.store(outputs);
    rig.run(written((1, 4), &[("u", Ok(()))]));
    let committed = TransactionCounts { committed: 1, markers_written: 1, ..Default::default() };
    assert_eq!(rig.transactions.take_counts(), committed);
    assert_eq!(rig.transactions.take_counts(), TransactionCounts::default());
}

#[test]
fn one_that_takes_too_long_is_counted_when_that_is_durable() {
    let mut rig = Rig::ongoing(4, V0, &["t"]);
    rig.tick(TIMEOUT + 10);
    assert_eq!(rig.transactions.take_counts(), TransactionCounts::default());
    rig.failed(0);
    assert_eq!(rig.transactions.take_counts(), TransactionCounts::default());
    let outputs = rig.tick(TIMEOUT + 20);
    rig.store(outputs);
    rig.run(written((1, 5), &[("t", Ok(()))]));
    let expected =
        TransactionCounts { aborted: 1, timed_out: 1, markers_written: 1, ..Default::default() };
    assert_eq!(rig.transactions.take_counts(), expected);
}

#[test]
fn one_whose_producer_has_a_successor_is_counted() {
    let mut rig = Rig::ongoing(4, V0, &["t"]);
    rig.run(init(1, None));
    assert_eq!(rig.transactions.take_counts().fenced, 1);
}

#[test]
fn what_there_is_is_told_with_the_age_of_the_oldest() {
    let rig = Rig::ongoing(4, V0, &["t"]);
    let started = rig.transactions.describe("x").expect("it is there").started_at;
    let tally = rig.transactions.tally(Timestamp(started.0 + 7_000));
    let expected = TransactionTally {
        ids: 1,
        open: 1,
        oldest_open: Duration::from_secs(7),
        ..Default::default()
    };
    assert_eq!(tally, expected);
    let mut rig = rig;
    rig.run(end(1, (1, 4), V0, Commit));
    let ending = TransactionTally { ids: 1, ending: 1, ..Default::default() };
    assert_eq!(rig.transactions.tally(rig.now().wall), ending);
    let fenced = Err(ErrorCode::TransactionCoordinatorFenced);
    rig.run(written((1, 4), &[("t", fenced)]));
    let stuck = TransactionTally { stuck: 1, ..ending };
    assert_eq!(rig.transactions.tally(rig.now().wall), stuck);
}
