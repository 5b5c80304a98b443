//! Transactions reach partitions.

use corelog_coordinator::records::TransactionValue;
use corelog_model::{ErrorCode, Timestamp};

use crate::rig::*;

#[test]
fn a_transaction_begins_with_its_first_partitions() {
    for state in [Empty, CompleteCommit, CompleteAbort] {
        let mut rig = Rig::loaded(&[record(value(state, 1, 4))]);
        rig.clock = 10;
        let now = Timestamp(WALL + 10);
        let begun = TransactionValue { updated_at: now, started_at: now, ..ongoing(4, V2, &["t"]) };
        assert_eq!(rig.step(add(1, (1, 4), V2, &["t"])), [append(0, begun)]);
        assert_eq!(rig.seen(), Some((state, 1, 4)));
        assert_eq!(rig.appended(0), [added(1, Ok(()))]);
        assert_eq!(rig.seen(), Some((Ongoing, 1, 4)));
    }
}

#[test]
fn more_partitions_are_added_and_those_it_has_need_no_record() {
    let mut rig = Rig::ongoing(4, V0, &["t"]);
    assert_eq!(rig.step(add(1, (1, 4), V0, &["t"])), [added(1, Ok(()))]);
    rig.clock = 10;
    let updated_at = Timestamp(WALL + 10);
    let more = TransactionValue { updated_at, ..ongoing(4, V0, &["t", "u"]) };
    assert_eq!(rig.step(add(2, (1, 4), V0, &["u", "t"])), [append(0, more)]);
    assert_eq!(rig.appended(0), [added(2, Ok(()))]);
}

#[test]
fn partitions_that_come_while_others_are_stored_are_stored_together_then() {
    let mut rig = Rig::ongoing(4, V2, &["t"]);
    rig.step(add(1, (1, 4), V2, &["u"]));
    assert_eq!(rig.step(add(2, (1, 4), V2, &["v"])), []);
    assert_eq!(rig.step(add(3, (1, 3), V2, &["v"])), []);
    assert_eq!(rig.step(add(4, (1, 4), V2, &["w", "u"])), []);
    assert_eq!(rig.step(add(5, (1, 4), V2, &["u"])), []);
    let expected = [
        added(1, Ok(())),
        added(3, Err(ErrorCode::ProducerFenced)),
        added(5, Ok(())),
        append(1, ongoing(4, V2, &["t", "u", "v", "w"])),
    ];
    assert_eq!(rig.appended(0), expected);
    assert_eq!(rig.appended(1), [added(2, Ok(())), added(4, Ok(()))]);
}

#[test]
fn partitions_that_wait_for_a_failure_are_tried_by_themselves() {
    let mut rig = Rig::ongoing(4, V2, &["t"]);
    rig.step(add(1, (1, 4), V2, &["u"]));
    rig.step(add(2, (1, 4), V2, &["v"]));
    let failed = added(1, Err(ErrorCode::CoordinatorNotAvailable));
    assert_eq!(rig.failed(0), [failed, append(1, ongoing(4, V2, &["t", "v"]))]);
}

#[test]
fn only_the_producer_adds_and_not_while_its_transaction_ends() {
    let mut rig = Rig::at(4);
    let mapping = Err(ErrorCode::InvalidProducerIdMapping);
    assert_eq!(rig.step(add(1, (2, 4), V0, &["t"])), [added(1, mapping)]);
    for epoch in [3, 5] {
        let fenced = Err(ErrorCode::ProducerFenced);
        assert_eq!(rig.step(add(1, (1, epoch), V0, &["t"])), [added(1, fenced)]);
    }
    assert_eq!(Rig::new().step(add(1, (1, 4), V0, &["t"])), [added(1, mapping)]);
    let mut rig = Rig::ongoing(4, V0, &["t"]);
    let concurrent = [added(2, Err(ErrorCode::ConcurrentTransactions))];
    rig.step(end(1, (1, 4), V0, Commit));
    assert_eq!(rig.step(add(2, (1, 4), V0, &["u"])), concurrent);
    rig.appended(0);
    assert_eq!(rig.step(add(2, (1, 4), V0, &["t"])), concurrent);
}

#[test]
fn an_end_waits_until_partitions_are_stored() {
    for version in [V0, V2] {
        let mut rig = Rig::ongoing(4, version, &["t"]);
        rig.step(add(1, (1, 4), version, &["u"]));
        let concurrent = ended(2, Err(ErrorCode::ConcurrentTransactions));
        assert_eq!(rig.step(end(2, (1, 4), version, Commit)), [concurrent]);
    }
}

#[test]
fn partitions_are_verified_one_by_one() {
    let mut rig = Rig::ongoing(4, V0, &["t"]);
    let some = partitions(&["u", "t"]);
    let verify = |rig: &Rig, (id, epoch)| rig.transactions.verify("x", producer(id, epoch), &some);
    let expected = vec![Err(ErrorCode::TransactionAbortable), Ok(())];
    assert_eq!(verify(&rig, (1, 4)), Ok(expected.clone()));
    assert_eq!(verify(&rig, (1, 3)), Err(ErrorCode::ProducerFenced));
    assert_eq!(verify(&rig, (2, 4)), Err(ErrorCode::InvalidProducerIdMapping));
    // What is on its way changes nothing.
    rig.step(end(1, (1, 4), V0, Commit));
    assert_eq!(verify(&rig, (1, 4)), Ok(expected));
    rig.appended(0);
    assert_eq!(verify(&rig, (1, 4)), Err(ErrorCode::ConcurrentTransactions));
    rig.run(written((1, 4), &[("t", Ok(()))]));
    let none = Err(ErrorCode::TransactionAbortable);
    assert_eq!(verify(&rig, (1, 4)), Ok(vec![none, none]));
    assert_eq!(verify(&Rig::new(), (1, 4)), Err(ErrorCode::InvalidProducerIdMapping));
    let nameless = rig.transactions.verify("", producer(1, 4), &some);
    assert_eq!(nameless, Err(ErrorCode::InvalidRequest));
}
