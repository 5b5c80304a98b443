//! Producers come to speak for a transactional id.

use corelog_coordinator::records::TransactionValue;
use corelog_coordinator::transactions::{InitProducer, Ticket, TransactionInput};
use corelog_model::{ErrorCode, ProducerId};

use crate::rig::*;

#[test]
fn a_new_id_gets_a_producer_id_and_the_first_epoch_once_it_is_durable() {
    let mut rig = Rig::new();
    assert_eq!(rig.step(init(1, None)), [find(0)]);
    assert_eq!(rig.seen(), None);
    assert_eq!(rig.step(supply(0, 7)), [append(0, value(Empty, 7, 0))]);
    assert_eq!(rig.seen(), None);
    assert_eq!(rig.step(init(2, None)), [began(2, Err(ErrorCode::ConcurrentTransactions))]);
    assert_eq!(rig.appended(0), [began(1, Ok((7, 0)))]);
    assert_eq!(rig.seen(), Some((Empty, 7, 0)));
}

#[test]
fn one_of_two_that_come_at_once_is_first() {
    let mut rig = Rig::new();
    rig.step(init(1, None));
    assert_eq!(rig.step(init(2, None)), [find(1)]);
    rig.step(supply(1, 8));
    rig.appended(0);
    // The id that was found for the other one is not needed any more.
    assert_eq!(rig.step(supply(0, 7)), [append(1, value(Empty, 8, 1))]);
    assert_eq!(rig.appended(1), [began(1, Ok((8, 1)))]);
}

#[test]
fn without_a_producer_id_nothing_begins() {
    let mut rig = Rig::new();
    rig.step(init(1, None));
    let code = ErrorCode::CoordinatorNotAvailable;
    let none = TransactionInput::ProducerId { ticket: Ticket(0), result: Err(code) };
    assert_eq!(rig.step(none.clone()), [began(1, Err(code))]);
    assert_eq!(rig.step(none), []);
    assert_eq!(rig.transactions.count(), 0);
}

#[test]
fn what_is_not_stored_never_was() {
    let mut rig = Rig::new();
    rig.step(init(1, None));
    rig.step(supply(0, 7));
    assert_eq!(rig.failed(0), [began(1, Err(ErrorCode::CoordinatorNotAvailable))]);
    assert_eq!(rig.transactions.count(), 0);
    let mut rig = Rig::at(4);
    rig.step(init(1, None));
    rig.failed(0);
    assert_eq!(rig.seen(), Some((Empty, 1, 4)));
    assert_eq!(rig.run(init(2, None)), [began(2, Ok((1, 5)))]);
}

#[test]
fn whoever_comes_gets_the_next_epoch_which_fences_the_one_before() {
    let mut rig = Rig::at(4);
    assert_eq!(rig.run(init(1, None)), [began(1, Ok((1, 5)))]);
    let fenced = Err(ErrorCode::ProducerFenced);
    assert_eq!(rig.step(add(2, (1, 4), V0, &["t"])), [added(2, fenced)]);
    assert_eq!(rig.step(init(3, Some((1, 4)))), [began(3, Err(ErrorCode::ProducerFenced))]);
    for state in [CompleteCommit, CompleteAbort] {
        let mut rig = Rig::loaded(&[record(value(state, 1, 4))]);
        assert_eq!(rig.run(init(1, None)), [began(1, Ok((1, 5)))]);
        assert_eq!(rig.log, [record(value(Empty, 1, 5))]);
    }
}

#[test]
fn one_that_goes_on_after_an_error_gets_the_next_epoch_and_may_ask_again() {
    let mut rig = Rig::at(4);
    assert_eq!(rig.run(init(1, Some((1, 4)))), [began(1, Ok((1, 5)))]);
    // It has not heard of the first answer.
    assert_eq!(rig.run(init(2, Some((1, 4)))), [began(2, Ok((1, 5)))]);
    assert_eq!(rig.run(init(3, Some((1, 5)))), [began(3, Ok((1, 6)))]);
    assert_eq!(rig.run(init(4, Some((1, 4)))), [began(4, Err(ErrorCode::ProducerFenced))]);
}

#[test]
fn one_that_says_it_is_another_producer_is_fenced() {
    let mut rig = Rig::at(4);
    assert_eq!(rig.step(init(1, Some((2, 4)))), [began(1, Err(ErrorCode::ProducerFenced))]);
}

#[test]
fn an_open_transaction_is_aborted_first() {
    for version in [V0, V2] {
        let mut rig = Rig::ongoing(4, version, &["t"]);
        let fenced = TransactionValue { state: PrepareAbort, ..ongoing(5, version, &["t"]) };
        assert_eq!(rig.step(init(1, None)), [append(0, fenced)]);
        let concurrent = began(1, Err(ErrorCode::ConcurrentTransactions));
        assert_eq!(rig.appended(0), [concurrent, markers((1, 5), version, Abort, &["t"])]);
        // Whoever had begun it is fenced from now on.
        let late = ended(2, Err(ErrorCode::ProducerFenced));
        let concurrent = ended(2, Err(ErrorCode::ConcurrentTransactions));
        let expected = if version == V0 { late } else { concurrent };
        assert_eq!(rig.step(end(2, (1, 4), version, Commit)), [expected]);
        assert_eq!(rig.step(init(3, None)), [began(3, Err(ErrorCode::ConcurrentTransactions))]);
        assert_eq!(rig.run(written((1, 5), &[("t", Ok(()))])), []);
        assert_eq!(rig.seen(), Some((CompleteAbort, 1, 5)));
        assert_eq!(rig.run(init(4, None)), [began(4, Ok((1, 6)))]);
    }
}

#[test]
fn a_fence_that_is_not_stored_leaves_the_transaction_open() {
    let mut rig = Rig::ongoing(4, V0, &["t"]);
    rig.step(init(1, None));
    assert_eq!(rig.failed(0), [began(1, Err(ErrorCode::CoordinatorNotAvailable))]);
    assert_eq!(rig.seen(), Some((Ongoing, 1, 4)));
    let outputs = rig.run(end(2, (1, 4), V0, Commit));
    assert_eq!(outputs, [ended(2, Ok((1, 4))), markers((1, 4), V0, Commit, &["t"])]);
}

#[test]
fn a_producer_without_further_epochs_becomes_another_one() {
    for (epoch, current) in [(LAST, None), (LAST, Some((1, LAST))), (i16::MAX, None)] {
        let mut rig = Rig::at(epoch);
        assert_eq!(rig.step(init(1, current)), [find(0)]);
        let other = TransactionValue { previous_producer_id: ProducerId(1), ..value(Empty, 9, 0) };
        assert_eq!(rig.step(supply(0, 9)), [append(0, other)]);
        assert_eq!(rig.appended(0), [began(1, Ok((9, 0)))]);
    }
    let mut rig = Rig::at(LAST - 1);
    assert_eq!(rig.run(init(1, None)), [began(1, Ok((1, LAST)))]);
}

#[test]
fn one_that_became_another_may_ask_again() {
    let mut rig = Rig::at(LAST);
    rig.step(init(1, Some((1, LAST))));
    rig.run(supply(0, 9));
    assert_eq!(rig.run(init(2, Some((1, LAST)))), [began(2, Ok((9, 0)))]);
    let fenced = Err(ErrorCode::ProducerFenced);
    assert_eq!(rig.step(init(3, Some((1, LAST - 1)))), [began(3, fenced)]);
}

#[test]
fn fencing_the_last_epoch_uses_up_the_producer_id() {
    let mut rig = Rig::ongoing(LAST, V0, &["t"]);
    rig.run(init(1, None));
    rig.run(written((1, i16::MAX), &[("t", Ok(()))]));
    assert_eq!(rig.seen(), Some((CompleteAbort, 1, i16::MAX)));
    assert_eq!(rig.step(init(2, None)), [find(0)]);
}

#[test]
fn requests_that_cannot_be_meant_are_refused() {
    let mut rig = Rig::new();
    let mut check = |init: InitProducer, code| {
        assert_eq!(rig.step(TransactionInput::Init(init)), [began(1, Err(code))]);
    };
    check(init_of("", 1, None), ErrorCode::InvalidRequest);
    check(init_of(&"x".repeat(1 << 15), 1, None), ErrorCode::InvalidRequest);
    for timeout_ms in [-1, 0, 15 * 60 * 1000 + 1] {
        let init = InitProducer { timeout_ms, ..init_of("x", 1, None) };
        check(init, ErrorCode::InvalidTransactionTimeout);
    }
    let init = InitProducer { timeout_ms: 15 * 60 * 1000, ..init_of("x", 1, None) };
    assert_eq!(rig.step(TransactionInput::Init(init)), [find(0)]);
}
