//! The rules of sequences, epochs and transactions, one by one.

use super::*;
use corelog_model::LeaderEpoch;
use corelog_model::batch::HeaderFields;

fn batch(producer: i64, epoch: i16, first: i32, count: i32) -> BatchHeader {
    BatchHeader::new(&HeaderFields {
        base_offset: Offset(0),
        total_len: 100,
        leader_epoch: LeaderEpoch(0),
        attributes: 0,
        last_offset_delta: count - 1,
        base_timestamp: Timestamp(5),
        max_timestamp: Timestamp(5),
        producer_id: ProducerId(producer),
        producer_epoch: ProducerEpoch(epoch),
        base_sequence: Sequence(first),
        record_count: count,
    })
}

fn appended(batches: &[(i64, i16, i32, i32)]) -> ProducerTable {
    let mut table = ProducerTable::default();
    let mut end = Offset(0);
    for (producer, epoch, first, count) in batches {
        let batch = batch(*producer, *epoch, *first, *count);
        assert_eq!(table.judge(&batch), Ok(Verdict::New));
        table.remember(&batch, end, Timestamp(1));
        end += i64::from(*count);
    }
    table
}

#[test]
fn a_retried_batch_is_answered_with_its_first_offsets() {
    let table = appended(&[(1, 0, 0, 10), (1, 0, 10, 5), (2, 0, 0, 1)]);
    let Ok(Verdict::Duplicate(known)) = table.judge(&batch(1, 0, 10, 5)) else {
        panic!("it is a duplicate");
    };
    assert_eq!((known.base_offset, known.last_offset), (Offset(10), Offset(14)));
}

#[test]
fn a_gap_is_refused_and_so_is_a_batch_older_than_the_last_five() {
    let table = appended(&[(1, 0, 0, 1), (1, 0, 1, 1), (1, 0, 2, 1)]);
    let refusal = table.judge(&batch(1, 0, 4, 1)).unwrap_err();
    let (got, expected) = (Sequence(4), Sequence(3));
    assert_eq!(refusal, SequenceRefusal::OutOfOrder { producer: ProducerId(1), got, expected });
    let many: Vec<_> = (0..7).map(|first| (1, 0, first, 1)).collect();
    assert!(appended(&many).judge(&batch(1, 0, 1, 1)).is_err());
    assert!(matches!(appended(&many).judge(&batch(1, 0, 2, 1)), Ok(Verdict::Duplicate(_))));
}

#[test]
fn a_new_epoch_starts_at_zero_and_fences_the_old_one() {
    let table = appended(&[(1, 0, 0, 1), (1, 1, 0, 1)]);
    assert!(matches!(table.judge(&batch(1, 0, 1, 1)), Err(SequenceRefusal::Fenced { .. })));
    assert!(matches!(table.judge(&batch(1, 2, 5, 1)), Err(SequenceRefusal::OutOfOrder { .. })));
    assert_eq!(table.judge(&batch(1, 2, 0, 1)), Ok(Verdict::New));
}

#[test]
fn sequences_wrap_at_the_largest_number() {
    let table = appended(&[(1, 0, i32::MAX, 1)]);
    assert_eq!(table.judge(&batch(1, 0, 0, 1)), Ok(Verdict::New));
}

#[test]
fn an_unknown_producer_may_start_anywhere_and_an_idle_one_is_forgotten() {
    let mut table = appended(&[(1, 0, 77, 1)]);
    table.expire(Timestamp(1));
    assert_eq!(table.iter().len(), 1);
    table.expire(Timestamp(2));
    assert_eq!(table.iter().len(), 0);
}

fn transactional(producer: i64, epoch: i16, first: i32, count: i32) -> BatchHeader {
    let plain = batch(producer, epoch, first, count);
    BatchHeader::new(&HeaderFields {
        base_offset: Offset(0),
        total_len: 100,
        leader_epoch: LeaderEpoch(0),
        attributes: 1 << 4,
        last_offset_delta: count - 1,
        base_timestamp: plain.base_timestamp(),
        max_timestamp: plain.max_timestamp(),
        producer_id: plain.producer_id(),
        producer_epoch: plain.producer_epoch(),
        base_sequence: plain.base_sequence(),
        record_count: count,
    })
}

const CLASSIC: TransactionVersion = TransactionVersion::Classic;
const BUMPED: TransactionVersion = TransactionVersion::EpochPerTransaction;

fn producer(id: i64, epoch: i16) -> (ProducerId, ProducerEpoch) {
    (ProducerId(id), ProducerEpoch(epoch))
}

fn commit(coordinator_epoch: i32) -> TransactionMarker {
    let outcome = corelog_model::control::TransactionOutcome::Commit;
    TransactionMarker { outcome, coordinator_epoch }
}

/// Producer 1 in epoch 3 with a transaction that is open since offset 10.
fn open_table() -> ProducerTable {
    let mut table = ProducerTable::default();
    table.remember(&transactional(1, 3, 0, 5), Offset(10), Timestamp(1));
    table
}

/// The same table once a marker of `epoch` was appended.
fn ended_table(epoch: i16) -> ProducerTable {
    let mut table = open_table();
    assert_eq!(
        table.end_transaction(producer(1, epoch), commit(8), Timestamp(2)),
        Some(Offset(10))
    );
    table
}

#[test]
fn a_transaction_is_open_from_its_first_batch_to_its_marker() {
    let mut table = open_table();
    table.remember(&transactional(1, 3, 5, 5), Offset(15), Timestamp(1));
    table.remember(&transactional(2, 0, 0, 5), Offset(20), Timestamp(1));
    assert_eq!(table.oldest_open(), Some(Offset(10)));
    assert!(table.has_open(ProducerId(1), ProducerEpoch(3)));
    assert!(!table.has_open(ProducerId(1), ProducerEpoch(4)));
    let first = table.end_transaction(producer(1, 3), commit(0), Timestamp(2));
    assert_eq!((first, table.oldest_open()), (Some(Offset(10)), Some(Offset(20))));
    let first = table.end_transaction(producer(1, 3), commit(0), Timestamp(2));
    assert_eq!(first, None, "a marker without a transaction is harmless");
    let first = table.end_transaction(producer(2, 1), commit(0), Timestamp(2));
    assert_eq!((first, table.oldest_open()), (Some(Offset(20)), None));
}

#[test]
fn a_plain_batch_is_refused_while_the_transaction_is_open() {
    let refusal = SequenceRefusal::NotInTransaction { producer: ProducerId(1) };
    assert_eq!(open_table().judge(&batch(1, 3, 5, 1)), Err(refusal));
    assert_eq!(open_table().judge(&transactional(1, 3, 5, 1)), Ok(Verdict::New));
    assert_eq!(ended_table(3).judge(&batch(1, 3, 5, 1)), Ok(Verdict::New));
}

#[test]
fn the_sequence_goes_on_in_the_same_epoch_and_starts_anew_in_the_one_a_marker_began() {
    let same = ended_table(3);
    assert_eq!(same.judge(&transactional(1, 3, 5, 1)), Ok(Verdict::New));
    assert!(matches!(same.judge(&transactional(1, 3, 0, 5)), Ok(Verdict::Duplicate(_))));
    let bumped = ended_table(4);
    assert_eq!(bumped.judge(&transactional(1, 4, 0, 1)), Ok(Verdict::New));
    let (got, expected) = (Sequence(5), Sequence(0));
    let gap = SequenceRefusal::OutOfOrder { producer: ProducerId(1), got, expected };
    assert_eq!(bumped.judge(&transactional(1, 4, 5, 1)), Err(gap));
}

#[test]
fn a_marker_fences_the_zombie_whose_epoch_it_raised() {
    let (got, current) = (ProducerEpoch(3), ProducerEpoch(4));
    let fenced = Err(SequenceRefusal::Fenced { producer: ProducerId(1), got, current });
    assert_eq!(ended_table(4).judge(&transactional(1, 3, 5, 1)), fenced);
    assert_eq!(ended_table(4).judge(&transactional(1, 3, 0, 5)), fenced, "a retry too");
    let mut unknown = ProducerTable::default();
    unknown.end_transaction(producer(1, 4), commit(0), Timestamp(2));
    assert_eq!(unknown.judge(&transactional(1, 3, 0, 1)), fenced, "even of an unknown producer");
}

#[test]
fn a_marker_must_raise_the_epoch_in_version_2_but_for_a_retry() {
    let check = |table: &ProducerTable, epoch, version, is_fine: bool| {
        let judged = table.judge_marker(producer(1, epoch), commit(8), version);
        let (got, current) = (ProducerEpoch(epoch), table.get(ProducerId(1)).unwrap().epoch);
        let fenced = MarkerRefusal::Fenced { producer: ProducerId(1), got, current };
        assert_eq!(judged, if is_fine { Ok(()) } else { Err(fenced) }, "{epoch} {version:?}");
    };
    for (epoch, classic, bumped) in [(2, false, false), (3, true, false), (4, true, true)] {
        check(&open_table(), epoch, CLASSIC, classic);
        check(&open_table(), epoch, BUMPED, bumped);
    }
    check(&ended_table(4), 4, BUMPED, true);
    check(&ended_table(4), 3, BUMPED, false);
    check(&ended_table(4), 4, CLASSIC, true);
    let none = ProducerTable::default();
    assert_eq!(none.judge_marker(producer(1, 0), commit(0), BUMPED), Ok(()));
}

#[test]
fn an_older_coordinator_is_fenced() {
    let check = |epoch, expected| {
        let judged = ended_table(3).judge_marker(producer(1, 3), commit(epoch), CLASSIC);
        assert_eq!(judged, expected);
    };
    check(7, Err(MarkerRefusal::CoordinatorFenced { got: 7, current: 8 }));
    check(8, Ok(()));
    check(9, Ok(()));
}

#[test]
fn a_producer_with_an_open_transaction_is_not_forgotten() {
    let mut table = open_table();
    table.expire(Timestamp(100));
    assert_eq!(table.oldest_open(), Some(Offset(10)));
    table.end_transaction(producer(1, 3), commit(0), Timestamp(2));
    table.expire(Timestamp(100));
    assert_eq!(table.iter().len(), 0);
}

#[test]
fn producers_that_contradict_each_other_are_not_restored() {
    let state = open_table().get(ProducerId(1)).unwrap().clone();
    let mut table = ProducerTable::default();
    assert!(table.restore(ProducerId(5), state.clone()));
    assert!(!table.restore(ProducerId(6), state.clone()), "two begin with the same record");
    let later = ProducerState { open_since: None, ..state };
    assert!(
        !table.restore(ProducerId(5), later.clone())
            && !table.restore(ProducerId(4), later.clone())
    );
    assert!(table.restore(ProducerId(6), later));
    assert_eq!(table.oldest_open(), Some(Offset(10)));
}
