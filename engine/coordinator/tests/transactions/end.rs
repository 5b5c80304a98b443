//! Transactions end, by producers that keep their epoch and by those that get another one.

use corelog_coordinator::records::TransactionValue;
use corelog_coordinator::transactions::{EndTransaction, TransactionInput, TransactionState};
use corelog_model::control::{TransactionOutcome, TransactionVersion};
use corelog_model::{ErrorCode, ProducerId, Timestamp};

use crate::rig::*;

const CONCURRENT: ErrorCode = ErrorCode::ConcurrentTransactions;

#[test]
fn the_outcome_is_told_once_it_is_durable_and_partitions_are_told_then() {
    for (outcome, prepared) in [(Commit, PrepareCommit), (Abort, PrepareAbort)] {
        let mut rig = Rig::ongoing(4, V0, &["t", "u"]);
        let value = TransactionValue { state: prepared, ..ongoing(4, V0, &["t", "u"]) };
        assert_eq!(rig.step(end(1, (1, 4), V0, outcome)), [append(0, value)]);
        assert_eq!(rig.seen(), Some((Ongoing, 1, 4)));
        assert_eq!(rig.step(end(2, (1, 4), V0, outcome)), [ended(2, Err(CONCURRENT))]);
        let marking = markers((1, 4), V0, outcome, &["t", "u"]);
        assert_eq!(rig.appended(0), [ended(1, Ok((1, 4))), marking]);
        assert_eq!(rig.seen(), Some((prepared, 1, 4)));
        assert_eq!(rig.step(end(3, (1, 4), V0, outcome)), [ended(3, Err(CONCURRENT))]);
    }
}

#[test]
fn a_producer_of_the_second_version_gets_its_next_epoch_with_the_end() {
    for (outcome, prepared) in [(Commit, PrepareCommit), (Abort, PrepareAbort)] {
        let mut rig = Rig::ongoing(4, V2, &["t"]);
        let value = TransactionValue { state: prepared, ..ongoing(5, V2, &["t"]) };
        assert_eq!(rig.step(end(1, (1, 4), V2, outcome)), [append(0, value)]);
        let marking = markers((1, 5), V2, outcome, &["t"]);
        assert_eq!(rig.appended(0), [ended(1, Ok((1, 5))), marking]);
        assert_eq!(rig.step(end(2, (1, 4), V2, outcome)), [ended(2, Err(CONCURRENT))]);
        assert_eq!(rig.step(add(3, (1, 5), V2, &["t"])), [added(3, Err(CONCURRENT))]);
        assert_eq!(rig.run(written((1, 5), &[("t", Ok(()))])), []);
        assert_eq!(rig.run(add(4, (1, 5), V2, &["t"])), [added(4, Ok(()))]);
    }
}

/// Checks what an end of the producer 1 is answered in a state at rest with the epoch 4.
#[track_caller]
fn check(
    state: TransactionState,
    epoch: i16,
    (version, outcome): (TransactionVersion, TransactionOutcome),
    expected: Result<(i64, i16), ErrorCode>,
) {
    let mut rig = Rig::loaded(&[record(value(state, 1, 4))]);
    assert_eq!(rig.run(end(1, (1, epoch), version, outcome)), [ended(1, expected)]);
}

#[test]
fn an_end_that_is_repeated_is_a_success_and_another_outcome_is_none() {
    let invalid = Err(ErrorCode::InvalidTxnState);
    check(CompleteCommit, 4, (V0, Commit), Ok((1, 4)));
    check(CompleteAbort, 4, (V0, Abort), Ok((1, 4)));
    check(CompleteCommit, 4, (V0, Abort), invalid);
    check(CompleteAbort, 4, (V0, Commit), invalid);
    check(Empty, 4, (V0, Commit), invalid);
    check(Empty, 4, (V0, Abort), invalid);
    // With the second version the epoch before tells it from the end of the next transaction.
    check(CompleteCommit, 3, (V2, Commit), Ok((1, 4)));
    check(CompleteAbort, 3, (V2, Abort), Ok((1, 4)));
    check(CompleteCommit, 3, (V2, Abort), invalid);
    check(CompleteAbort, 3, (V2, Commit), invalid);
    check(CompleteCommit, 4, (V2, Commit), invalid);
    check(CompleteAbort, 4, (V2, Commit), invalid);
    check(Empty, 4, (V2, Commit), invalid);
}

#[test]
fn ends_of_others_are_refused() {
    let fenced = Err(ErrorCode::ProducerFenced);
    check(CompleteCommit, 3, (V0, Commit), fenced);
    check(CompleteCommit, 5, (V0, Commit), fenced);
    check(CompleteCommit, 2, (V2, Commit), fenced);
    check(CompleteCommit, 5, (V2, Commit), fenced);
    check(Empty, 3, (V2, Abort), fenced);
    for version in [V0, V2] {
        let mut rig = Rig::ongoing(4, version, &["t"]);
        let code = ErrorCode::InvalidProducerIdMapping;
        assert_eq!(rig.step(end(1, (2, 4), version, Commit)), [ended(1, Err(code))]);
        let code = ErrorCode::ProducerFenced;
        assert_eq!(rig.step(end(1, (1, 3), version, Commit)), [ended(1, Err(code))]);
        assert_eq!(rig.step(end(1, (1, 5), version, Commit)), [ended(1, Err(code))]);
        let code = ErrorCode::InvalidProducerIdMapping;
        let mut rig = Rig::new();
        assert_eq!(rig.step(end(1, (1, 4), version, Commit)), [ended(1, Err(code))]);
    }
}

#[test]
fn a_producer_of_the_second_version_aborts_what_it_has_not_begun() {
    for state in [Empty, CompleteCommit, CompleteAbort] {
        let mut rig = Rig::loaded(&[record(value(state, 1, 4))]);
        rig.clock = 10;
        assert_eq!(rig.run(end(1, (1, 4), V2, Abort)), [ended(1, Ok((1, 5)))]);
        let now = Timestamp(WALL + 10);
        let prepared = TransactionValue {
            updated_at: now,
            started_at: now,
            version: V2,
            ..value(PrepareAbort, 1, 5)
        };
        let complete = TransactionValue { state: CompleteAbort, ..prepared.clone() };
        assert_eq!(rig.log, [record(prepared), record(complete)]);
    }
}

#[test]
fn an_end_that_uses_up_the_epochs_goes_over_to_another_producer_id() {
    let mut rig = Rig::ongoing(LAST, V2, &["t"]);
    assert_eq!(rig.step(end(1, (1, LAST), V2, Commit)), [find(0)]);
    let prepared = TransactionValue {
        state: PrepareCommit,
        next_producer_id: ProducerId(9),
        ..ongoing(i16::MAX, V2, &["t"])
    };
    assert_eq!(rig.step(supply(0, 9)), [append(0, prepared)]);
    let marking = markers((1, i16::MAX), V2, Commit, &["t"]);
    assert_eq!(rig.appended(0), [ended(1, Ok((9, 0))), marking]);
    // It knows who it is before the transaction is complete.
    assert_eq!(rig.step(add(2, (9, 0), V2, &["t"])), [added(2, Err(CONCURRENT))]);
    let complete = TransactionValue {
        previous_producer_id: ProducerId(1),
        version: V2,
        ..value(CompleteCommit, 9, 0)
    };
    let outputs = rig.step(written((1, i16::MAX), &[("t", Ok(()))]));
    assert_eq!(outputs, [append(1, complete)]);
    rig.appended(1);
    // It has not heard of the answer.
    assert_eq!(rig.step(end(3, (1, LAST), V2, Commit)), [ended(3, Ok((9, 0)))]);
    assert_eq!(rig.run(add(4, (9, 0), V2, &["t"])), [added(4, Ok(()))]);
    let code = ErrorCode::InvalidProducerIdMapping;
    assert_eq!(rig.step(end(5, (1, LAST), V2, Commit)), [ended(5, Err(code))]);
}

#[test]
fn an_outcome_that_is_not_stored_is_not_decided() {
    for version in [V0, V2] {
        let mut rig = Rig::ongoing(4, version, &["t"]);
        rig.step(end(1, (1, 4), version, Commit));
        assert_eq!(rig.failed(0), [ended(1, Err(ErrorCode::CoordinatorNotAvailable))]);
        assert_eq!(rig.seen(), Some((Ongoing, 1, 4)));
        let outputs = rig.run(end(2, (1, 4), version, Abort));
        let epoch = if version == V0 { 4 } else { 5 };
        let expected = [ended(2, Ok((1, epoch))), markers((1, epoch), version, Abort, &["t"])];
        assert_eq!(outputs, expected);
    }
}

#[test]
fn an_end_needs_a_transactional_id() {
    let TransactionInput::End(one) = end(1, (1, 4), V0, Commit) else { unreachable!() };
    let nameless = EndTransaction { transactional_id: String::new(), ..one };
    let outputs = Rig::new().step(TransactionInput::End(nameless));
    assert_eq!(outputs, [ended(1, Err(ErrorCode::InvalidRequest))]);
}
