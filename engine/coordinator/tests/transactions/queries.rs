//! Transactional ids are listed and described.

use std::time::Duration;

use corelog_coordinator::records::TransactionRecord;
use corelog_coordinator::transactions::{
    ListedTransaction, TransactionDescription, TransactionFilter,
};
use corelog_model::{ErrorCode, ProducerId, Timestamp};

use crate::rig::*;

fn three() -> Rig {
    let named = |id: &str, record| TransactionRecord { transactional_id: id.into(), ..record };
    Rig::loaded(&[
        named("a-1", record(value(Empty, 1, 0))),
        named("a-2", record(ongoing(0, V0, &["t"]))),
        named("b", record(value(CompleteCommit, 3, 0))),
    ])
}

fn listed(rig: &Rig, filter: &TransactionFilter) -> Vec<String> {
    let now = Timestamp(WALL + 5000);
    let listed = rig.transactions.list(now, filter).expect("the filter is valid");
    listed.into_iter().map(|one| one.transactional_id).collect()
}

#[test]
fn ids_are_listed_by_state_producer_duration_and_pattern() {
    let rig = three();
    let all = TransactionFilter::default;
    assert_eq!(listed(&rig, &all()), ["a-1", "a-2", "b"]);
    let states = vec![Ongoing, CompleteCommit];
    assert_eq!(listed(&rig, &TransactionFilter { states, ..all() }), ["a-2", "b"]);
    let producer_ids = vec![ProducerId(3), ProducerId(9)];
    assert_eq!(listed(&rig, &TransactionFilter { producer_ids, ..all() }), ["b"]);
    // One without a transaction began before all time, as in Kafka.
    let longer = |millis| TransactionFilter {
        running_longer_than: Some(Duration::from_millis(millis)),
        ..all()
    };
    assert_eq!(listed(&rig, &longer(4999)), ["a-1", "a-2", "b"]);
    assert_eq!(listed(&rig, &longer(5000)), ["a-1"]);
    let matching = |pattern: &str| TransactionFilter { pattern: Some(pattern.into()), ..all() };
    assert_eq!(listed(&rig, &matching("a-.")), ["a-1", "a-2"]);
    assert_eq!(listed(&rig, &matching("a")), [""; 0]);
    assert_eq!(listed(&rig, &matching("")), ["a-1", "a-2", "b"]);
    let refused = rig.transactions.list(Timestamp(0), &matching("a("));
    assert_eq!(refused, Err(ErrorCode::InvalidRegularExpression));
    let b = ListedTransaction {
        transactional_id: "b".into(),
        producer_id: ProducerId(3),
        state: CompleteCommit,
    };
    assert_eq!(rig.transactions.list(Timestamp(0), &matching("b")), Ok(vec![b]));
}

#[test]
fn an_id_is_described_as_it_is_stored() {
    let mut rig = Rig::ongoing(4, V0, &["u", "t"]);
    let expected = TransactionDescription {
        state: Ongoing,
        timeout_ms: 60_000,
        started_at: Timestamp(WALL),
        producer: producer(1, 4),
        partitions: partitions(&["t", "u"]),
    };
    rig.step(end(1, (1, 4), V0, Commit));
    assert_eq!(rig.transactions.describe("x"), Ok(expected));
    let not_found = Err(ErrorCode::TransactionalIdNotFound);
    assert_eq!(rig.transactions.describe("y"), not_found);
}

#[test]
fn an_id_that_is_not_stored_yet_is_not_seen() {
    let mut rig = Rig::new();
    rig.step(init(1, None));
    rig.step(supply(0, 7));
    assert_eq!(listed(&rig, &TransactionFilter::default()), [""; 0]);
    rig.appended(0);
    assert_eq!(listed(&rig, &TransactionFilter::default()), ["x"]);
}
