//! Offsets are committed as part of transactions.

use corelog_coordinator::groups::Loaded;
use corelog_coordinator::input::{CommitOffsets, CommitTransactionOffsets, DeleteGroups};
use corelog_coordinator::offsets::FetchedOffset;
use corelog_coordinator::records::OffsetCommitValue;
use corelog_coordinator::{AppendId, GroupConfig, Groups, Input, Output, Reply, RequestId};
use corelog_model::control::TransactionOutcome::{self, Abort, Commit};
use corelog_model::{ErrorCode, ProducerEpoch, ProducerId};

use crate::rig::*;

const WEEK: u64 = 7 * 24 * 60 * 60;

fn producer(id: i64) -> (ProducerId, ProducerEpoch) {
    (ProducerId(id), ProducerEpoch(4))
}

/// A commit of one that says nothing about itself, in the transaction of a producer.
fn in_transaction(request: u64, id: i64, offsets: &[(&str, i64)]) -> Input {
    by(id, commit(request, offsets))
}

fn by(id: i64, commit: CommitOffsets) -> Input {
    Input::CommitTransactionOffsets(CommitTransactionOffsets { producer: producer(id), commit })
}

fn ended(id: i64, outcome: TransactionOutcome) -> Input {
    Input::TransactionEnded { producer_id: ProducerId(id), outcome }
}

fn answered(request: u64, topics: &[(&str, Result<(), ErrorCode>)]) -> Output {
    reply(request, Reply::CommitOffsets(results(topics)))
}

fn appended_by(append: u64, id: i64, request: u64, topic: &str, offset: i64) -> Output {
    Output::AppendTransactional {
        append: AppendId(append),
        producer: producer(id),
        request: RequestId(request),
        records: vec![offset_record(topic, Some(committed(0, offset)))],
    }
}

fn fetched(topic: &str, offset: Option<i64>, has_pending: bool) -> FetchedOffset {
    let (topic, partition) = partition(topic);
    let committed = offset.map(|offset| committed(0, offset));
    FetchedOffset { topic, partition, committed, has_pending }
}

impl Rig {
    fn fetch(&self, topic: &str) -> FetchedOffset {
        let offsets = self.groups.fetch_offsets("g", Some(&[partition(topic)]));
        offsets.expect("groups are loaded").remove(0)
    }
}

#[test]
fn an_offset_counts_when_its_transaction_is_committed() {
    let mut rig = Rig::new();
    let outputs = rig.step(in_transaction(1, 7, &[("t", 5)]));
    assert_eq!(outputs, [appended_by(0, 7, 1, "t", 5)]);
    assert_eq!(rig.fetch("t"), fetched("t", None, true));
    assert_eq!(rig.appended(0), [answered(1, &[("t", Ok(()))])]);
    assert_eq!(rig.fetch("t"), fetched("t", None, true));
    assert_eq!(rig.step(ended(7, Commit)), []);
    assert_eq!(rig.fetch("t"), fetched("t", Some(5), false));
    assert_eq!(rig.step(ended(7, Abort)), []);
    assert_eq!(rig.fetch("t"), fetched("t", Some(5), false));
}

#[test]
fn an_offset_never_counts_whose_transaction_is_aborted() {
    let mut rig = Rig::new();
    rig.step(in_transaction(1, 7, &[("t", 5)]));
    rig.appended(0);
    rig.step(ended(8, Commit));
    assert_eq!(rig.fetch("t"), fetched("t", None, true));
    rig.step(ended(7, Abort));
    assert_eq!(rig.fetch("t"), fetched("t", None, false));
    assert_eq!(rig.groups.count(), 0);
}

#[test]
fn an_offset_that_is_not_stored_is_not_pending() {
    let mut rig = Rig::new();
    rig.step(in_transaction(1, 7, &[("t", 5)]));
    assert_eq!(rig.failed(0), [answered(1, &[("t", Err(ErrorCode::NotCoordinator))])]);
    assert_eq!(rig.fetch("t"), fetched("t", None, false));
    assert_eq!(rig.groups.count(), 0);
}

#[test]
fn of_two_commits_the_later_one_in_the_log_counts() {
    let mut rig = Rig::new();
    rig.step(in_transaction(1, 7, &[("t", 5)]));
    rig.step(in_transaction(2, 8, &[("t", 6)]));
    rig.step(Input::CommitOffsets(commit(3, &[("u", 1)])));
    rig.step(in_transaction(4, 7, &[("u", 2)]));
    (0..4).for_each(|append| drop(rig.appended(append)));
    rig.step(ended(8, Commit));
    assert_eq!(rig.fetch("t"), fetched("t", Some(6), true));
    rig.step(ended(7, Commit));
    assert_eq!(rig.fetch("t"), fetched("t", Some(6), false));
    assert_eq!(rig.fetch("u"), fetched("u", Some(2), false));
}

#[test]
fn only_partitions_with_an_offset_are_told_to_one_who_asks_for_all() {
    let mut rig = Rig::new();
    rig.step(Input::CommitOffsets(commit(1, &[("t", 1)])));
    rig.step(in_transaction(2, 7, &[("t", 5), ("u", 5)]));
    rig.appended(0);
    rig.appended(1);
    assert_eq!(rig.groups.fetch_offsets("g", None).unwrap(), [fetched("t", Some(1), true)]);
}

#[test]
fn a_commit_names_its_member_or_nobody() {
    let check = |commit: CommitOffsets, expected: Result<(), ErrorCode>| {
        let mut rig = Rig::stable(&["a"]);
        let outputs = match rig.step(by(7, commit)) {
            outputs if outputs.iter().any(|one| matches!(one, Output::Reply { .. })) => outputs,
            _ => rig.appended(1),
        };
        assert_eq!(outputs, [answered(1, &[("t", expected)])]);
    };
    let of_member = |member_id: &str, generation: i32| CommitOffsets {
        member_id: member_id.into(),
        generation,
        ..commit(1, &[("t", 5)])
    };
    check(of_member("a", 1), Ok(()));
    check(of_member("", -1), Ok(()));
    check(of_member("b", 1), Err(ErrorCode::UnknownMemberId));
    check(of_member("a", 0), Err(ErrorCode::IllegalGeneration));
    check(of_member("a", -1), Err(ErrorCode::IllegalGeneration));
    check(of_member("", 1), Err(ErrorCode::UnknownMemberId));
    let nameless = CommitOffsets { group: String::new(), ..of_member("", -1) };
    check(nameless, Err(ErrorCode::InvalidGroupId));
    let unknown = CommitOffsets { group: "h".into(), ..of_member("a", 1) };
    check(unknown, Err(ErrorCode::IllegalGeneration));
}

#[test]
fn a_member_may_commit_while_the_leader_assigns() {
    let mut rig = Rig::stable(&["a", "b"]);
    rig.step(join(1, "a", ""));
    rig.step(join(2, "b", ""));
    assert_eq!(rig.state(), "CompletingRebalance");
    let generation = rig.groups.describe("g").unwrap().generation;
    let commit = |request| CommitOffsets {
        member_id: "a".into(),
        generation,
        ..commit(request, &[("t", 5)])
    };
    let refused = answered(3, &[("t", Err(ErrorCode::RebalanceInProgress))]);
    assert_eq!(rig.step(Input::CommitOffsets(commit(3))), [refused]);
    let outputs = rig.step(by(7, commit(4)));
    assert!(matches!(outputs[..], [Output::AppendTransactional { .. }]), "{outputs:?}");
}

#[test]
fn bounds_hold_for_what_is_pending() {
    let config = GroupConfig { offsets_per_group_max: 1, offset_metadata_bytes_max: 4, ..config() };
    let mut rig = Rig::with(config);
    rig.step(in_transaction(1, 7, &[("t", 5)]));
    let full = answered(2, &[("u", Err(ErrorCode::PolicyViolation))]);
    assert_eq!(rig.step(in_transaction(2, 8, &[("u", 5)])), std::slice::from_ref(&full));
    rig.appended(0);
    assert_eq!(rig.step(in_transaction(2, 8, &[("u", 5)])), [full]);
    let mut long = commit(3, &[("t", 5)]);
    long.offsets[0].metadata = "12345".into();
    let too_long = answered(3, &[("t", Err(ErrorCode::OffsetMetadataTooLarge))]);
    assert_eq!(rig.step(by(7, long)), [too_long]);
}

#[test]
fn pending_offsets_are_deleted_with_the_group_and_do_not_expire() {
    let mut rig = Rig::new();
    rig.step(in_transaction(1, 7, &[("t", 5)]));
    rig.appended(0);
    assert_eq!(rig.tick(WEEK + 600), []);
    let groups = vec!["g".to_owned()];
    rig.clock = 0;
    let outputs = rig.step(Input::DeleteGroups(DeleteGroups { request: RequestId(2), groups }));
    assert_eq!(outputs, [append(1, vec![offset_record("t", None)])]);
    rig.appended(1);
    assert_eq!(rig.groups.count(), 0);
    rig.step(ended(7, Commit));
    assert_eq!(rig.groups.count(), 0);
}

/// What is loaded: an offset of one producer or of none, or the end of a transaction.
enum Stored {
    Of(i64, i64),
    Plain(Option<i64>),
    Ended(i64, TransactionOutcome),
}

fn loaded(stored: &[Stored]) -> Rig {
    let mut rig = Rig { groups: Groups::new(config()), clock: 0 };
    let value = |offset: i64| -> OffsetCommitValue { committed(0, offset) };
    for one in stored {
        let groups = &mut rig.groups;
        match one {
            Stored::Of(id, offset) => {
                let record = offset_record("t", Some(value(*offset)));
                let bytes = record.encode_value();
                let id = ProducerId(*id);
                let taken = groups.load_transactional(id, &record.encode_key(), bytes.as_deref());
                assert_eq!(taken, Ok(Loaded::Taken));
            }
            Stored::Plain(offset) => groups.load_record(offset_record("t", offset.map(value))),
            Stored::Ended(id, outcome) => groups.load_marker(ProducerId(*id), *outcome),
        }
    }
    rig.groups.finish_loading(rig.now());
    rig
}

#[test]
fn transactions_in_the_log_count_as_their_markers_say() {
    use Stored::{Ended, Of, Plain};
    let check = |stored: &[Stored], offset: Option<i64>, has_pending: bool| {
        assert_eq!(loaded(stored).fetch("t"), fetched("t", offset, has_pending));
    };
    check(&[Of(7, 5)], None, true);
    check(&[Of(7, 5), Ended(7, Commit)], Some(5), false);
    check(&[Of(7, 5), Ended(7, Abort)], None, false);
    check(&[Of(7, 5), Ended(8, Commit)], None, true);
    check(&[Plain(Some(4)), Of(7, 5), Ended(7, Abort)], Some(4), false);
    check(&[Of(7, 5), Plain(Some(6)), Ended(7, Commit)], Some(6), false);
    check(&[Of(7, 5), Plain(None), Ended(7, Commit)], None, false);
    check(&[Of(7, 5), Of(8, 6), Ended(8, Commit), Ended(7, Commit)], Some(6), false);
    check(&[Of(7, 5), Ended(7, Commit), Of(7, 6)], Some(5), true);
}

#[test]
fn a_transaction_goes_on_after_loading() {
    let mut rig = loaded(&[Stored::Plain(Some(4)), Stored::Of(7, 5)]);
    rig.step(in_transaction(1, 8, &[("t", 6)]));
    rig.appended(0);
    rig.step(ended(8, Commit));
    rig.step(ended(7, Commit));
    assert_eq!(rig.fetch("t"), fetched("t", Some(6), false));
}
