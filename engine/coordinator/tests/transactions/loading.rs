//! Transactional ids come from the log, and go with the leadership.

use corelog_coordinator::groups::Loaded;
use corelog_coordinator::records::{TransactionRecord, TransactionValue};
use corelog_coordinator::transactions::{TransactionConfig, TransactionFilter};
use corelog_coordinator::{Transactions, transactions::TransactionInput};
use corelog_model::{ErrorCode, LeaderEpoch, Timestamp};

use crate::rig::*;

#[test]
fn nothing_is_served_before_the_log_is_read() {
    let mut transactions = Transactions::new(TransactionConfig::default(), LeaderEpoch(1));
    let now = Rig::new().now();
    let code = ErrorCode::CoordinatorLoadInProgress;
    assert_eq!(transactions.step(now, init(1, None)), [began(1, Err(code))]);
    let outputs = transactions.step(now, add(2, (1, 4), V0, &["t"]));
    assert_eq!(outputs, [added(2, Err(code))]);
    assert_eq!(transactions.step(now, end(3, (1, 4), V0, Commit)), [ended(3, Err(code))]);
    assert_eq!(transactions.step(now, TransactionInput::Tick), []);
    assert_eq!(transactions.describe("x"), Err(code));
    assert_eq!(transactions.list(Timestamp(0), &TransactionFilter::default()), Err(code));
    assert_eq!(transactions.verify("x", producer(1, 4), &partitions(&["t"])), Err(code));
    assert_eq!(transactions.next_wakeup(), None);
}

#[test]
fn the_last_record_of_an_id_counts_and_a_tombstone_removes_it() {
    let gone = |id: &str| TransactionRecord { transactional_id: id.into(), value: None };
    let y = TransactionRecord { transactional_id: "y".into(), ..record(value(Empty, 2, 0)) };
    let records = [record(value(Empty, 1, 3)), y, record(ongoing(4, V0, &["t"])), gone("y")];
    let rig = Rig::loaded(&records);
    assert_eq!(rig.seen(), Some((Ongoing, 1, 4)));
    assert_eq!(rig.transactions.count(), 1);
}

#[test]
fn records_of_other_kinds_are_skipped_and_broken_ones_refused() {
    let mut transactions = Transactions::new(TransactionConfig::default(), LeaderEpoch(1));
    let skipped = Ok(Loaded::Skipped { key_version: 1 });
    assert_eq!(transactions.load(b"\0\x01abc", None), skipped);
    assert!(transactions.load(b"\0\0abc", None).is_err());
}

#[test]
fn what_is_decided_is_gone_on_with() {
    for (state, outcome) in [(PrepareCommit, Commit), (PrepareAbort, Abort)] {
        let prepared = TransactionValue { state, ..ongoing(5, V2, &["t", "u"]) };
        let (mut rig, outputs) = Rig::begin(TransactionConfig::default(), &[record(prepared)]);
        assert_eq!(outputs, [markers((1, 5), V2, outcome, &["t", "u"])]);
        rig.run(written((1, 5), &[("t", Ok(())), ("u", Ok(()))]));
        // The producer that has not heard of it asks again.
        assert_eq!(rig.run(end(1, (1, 4), V2, outcome)), [ended(1, Ok((1, 5)))]);
    }
    let prepared = value(PrepareAbort, 1, 5);
    let (_, outputs) = Rig::begin(TransactionConfig::default(), &[record(prepared)]);
    assert_eq!(outputs, [append(0, value(CompleteAbort, 1, 5))]);
}

#[test]
fn an_open_transaction_goes_on_and_its_time_with_it() {
    let mut rig = Rig::ongoing(4, V0, &["t"]);
    assert_eq!(rig.run(add(1, (1, 4), V0, &["u"])), [added(1, Ok(()))]);
    let mut rig = Rig::loaded(&rig.log);
    assert_eq!(rig.tick(TIMEOUT + 10).len(), 1);
}

#[test]
fn the_epoch_before_is_not_stored() {
    let mut rig = Rig::at(4);
    rig.run(init(1, Some((1, 4))));
    let mut rig = Rig::loaded(&rig.log);
    assert_eq!(rig.step(init(2, Some((1, 4)))), [began(2, Err(ErrorCode::ProducerFenced))]);
    assert_eq!(rig.run(init(3, Some((1, 5)))), [began(3, Ok((1, 6)))]);
}

#[test]
fn who_resigns_answers_everyone() {
    let code = ErrorCode::NotCoordinator;
    let mut rig = Rig::ongoing(4, V0, &["t"]);
    rig.step(add(1, (1, 4), V0, &["u"]));
    rig.step(add(2, (1, 4), V0, &["v"]));
    assert_eq!(rig.transactions.resign(), [added(1, Err(code)), added(2, Err(code))]);
    assert_eq!(rig.appended(0), []);
    assert_eq!(rig.step(init(3, None)), [began(3, Err(code))]);
    assert_eq!(rig.transactions.describe("x"), Err(code));
    let mut rig = Rig::ongoing(4, V0, &["t"]);
    rig.step(end(1, (1, 4), V0, Commit));
    assert_eq!(rig.transactions.resign(), [ended(1, Err(code))]);
    let mut rig = Rig::ongoing(4, V0, &["t"]);
    rig.step(init(1, None));
    assert_eq!(rig.transactions.resign(), [began(1, Err(code))]);
    let mut rig = Rig::ongoing(LAST, V2, &["t"]);
    rig.step(end(1, (1, LAST), V2, Commit));
    assert_eq!(rig.transactions.resign(), [ended(1, Err(code))]);
    assert_eq!(rig.step(supply(0, 9)), []);
    let mut rig = Rig::new();
    rig.step(init(1, None));
    assert_eq!(rig.transactions.resign(), [began(1, Err(code))]);
}
