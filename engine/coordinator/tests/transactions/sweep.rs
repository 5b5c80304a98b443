//! Transactions that take too long are aborted, and ids that nobody uses are forgotten.

use corelog_coordinator::AppendId;
use corelog_coordinator::records::{TransactionRecord, TransactionValue};
use corelog_coordinator::transactions::TransactionOutput;
use corelog_model::{ErrorCode, Timestamp};

use crate::rig::*;

const WEEK: u64 = 7 * 24 * 60 * 60;

#[test]
fn a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced() {
    for version in [V0, V2] {
        let mut rig = Rig::ongoing(4, version, &["t"]);
        assert_eq!(rig.tick(TIMEOUT), []);
        assert_eq!(rig.tick(TIMEOUT + 9), []);
        let fenced = TransactionValue {
            state: PrepareAbort,
            updated_at: Timestamp(WALL + (TIMEOUT as i64 + 10) * 1000),
            ..ongoing(5, version, &["t"])
        };
        assert_eq!(rig.tick(TIMEOUT + 10), [append(0, fenced)]);
        assert_eq!(rig.tick(TIMEOUT + 20), []);
        assert_eq!(rig.appended(0), [markers((1, 5), version, Abort, &["t"])]);
        rig.run(written((1, 5), &[("t", Ok(()))]));
        let code = ErrorCode::ProducerFenced;
        assert_eq!(rig.step(add(1, (1, 4), version, &["t"])), [added(1, Err(code))]);
    }
}

#[test]
fn one_of_the_second_version_may_abort_what_was_aborted_for_it() {
    let mut rig = Rig::ongoing(4, V2, &["t"]);
    let outputs = rig.tick(TIMEOUT + 10);
    rig.store(outputs);
    rig.run(written((1, 5), &[("t", Ok(()))]));
    let invalid = Err(ErrorCode::InvalidTxnState);
    assert_eq!(rig.step(end(1, (1, 4), V2, Commit)), [ended(1, invalid)]);
    assert_eq!(rig.step(end(2, (1, 4), V2, Abort)), [ended(2, Ok((1, 5)))]);
}

#[test]
fn an_epoch_that_only_fences_is_given_to_nobody() {
    let mut rig = Rig::ongoing(LAST, V2, &["t"]);
    let outputs = rig.tick(TIMEOUT + 10);
    rig.store(outputs);
    rig.run(written((1, i16::MAX), &[("t", Ok(()))]));
    let fenced = Err(ErrorCode::ProducerFenced);
    assert_eq!(rig.step(end(1, (1, LAST), V2, Abort)), [ended(1, fenced)]);
    assert_eq!(rig.step(init(2, Some((1, LAST)))), [began(2, fenced)]);
    assert_eq!(rig.step(init(3, None)), [find(0)]);
}

#[test]
fn one_whose_end_is_on_its_way_is_left_alone() {
    let mut rig = Rig::ongoing(4, V0, &["t"]);
    rig.step(end(1, (1, 4), V0, Commit));
    assert_eq!(rig.tick(TIMEOUT + 10), []);
    rig.appended(0);
    assert_eq!(rig.tick(TIMEOUT + 20), []);
}

#[test]
fn an_abort_that_is_not_stored_is_tried_with_the_next_sweep() {
    let mut rig = Rig::ongoing(4, V0, &["t"]);
    assert_eq!(rig.tick(TIMEOUT + 10).len(), 1);
    assert_eq!(rig.failed(0), []);
    assert_eq!(rig.seen(), Some((Ongoing, 1, 4)));
    assert_eq!(rig.tick(TIMEOUT + 20).len(), 1);
}

fn tombstones(append: u64, ids: &[&str]) -> TransactionOutput {
    let record = |id: &&str| TransactionRecord { transactional_id: (*id).into(), value: None };
    let records = ids.iter().map(record).collect();
    TransactionOutput::Append { append: AppendId(append), records }
}

#[test]
fn an_id_that_nobody_uses_is_forgotten() {
    for state in [Empty, CompleteCommit, CompleteAbort] {
        let mut rig = Rig::loaded(&[record(value(state, 1, 4))]);
        assert_eq!(rig.tick(WEEK - 1), []);
        assert_eq!(rig.tick(WEEK + 60 * 60 - 1), [tombstones(0, &["x"])]);
        assert_eq!(rig.seen(), None);
        let concurrent = began(1, Err(ErrorCode::ConcurrentTransactions));
        assert_eq!(rig.step(init(1, None)), [concurrent]);
        assert_eq!(rig.appended(0), []);
        assert_eq!(rig.transactions.count(), 0);
        assert_eq!(rig.step(init(2, None)), [find(0)]);
    }
}

#[test]
fn an_id_whose_removal_is_not_stored_lives_on() {
    let mut rig = Rig::loaded(&[record(value(Empty, 1, 4))]);
    rig.tick(WEEK);
    assert_eq!(rig.failed(0), []);
    assert_eq!(rig.run(init(1, None)), [began(1, Ok((1, 5)))]);
}

#[test]
fn ids_are_forgotten_many_at_a_time() {
    let records = (0..501).map(|number| TransactionRecord {
        transactional_id: format!("{number:03}"),
        value: Some(value(Empty, 1, 4)),
    });
    let mut rig = Rig::loaded(&records.collect::<Vec<_>>());
    let outputs = rig.tick(WEEK);
    assert_eq!(outputs.len(), 2);
    assert_eq!(outputs[1], tombstones(1, &["500"]));
    rig.appended(0);
    assert_eq!(rig.transactions.count(), 1);
}

#[test]
fn it_is_told_when_there_is_something_to_do() {
    let mut rig = Rig::new();
    let next = |rig: &Rig| rig.transactions.next_wakeup().map(|at| at.as_secs());
    assert_eq!(next(&rig), Some(10));
    rig.tick(10);
    assert_eq!(next(&rig), Some(20));
    rig.transactions.resign();
    assert_eq!(next(&rig), None);
}
