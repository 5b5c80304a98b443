//! Offsets are committed, fetched, deleted and expire.

use std::time::Duration;

use corelog_coordinator::input::{CommitOffsets, DeleteOffsets, OffsetToCommit};
use corelog_coordinator::offsets::FetchedOffset;
use corelog_coordinator::output::PartitionResult;
use corelog_coordinator::records::OffsetCommitValue;
use corelog_coordinator::{GroupConfig, Output, Reply, RequestId};
use corelog_model::{ErrorCode, LeaderEpoch, PartitionIndex, Timestamp, TopicId};

use crate::rig::*;

const WEEK: u64 = 7 * 24 * 60 * 60;

fn of_member(request: u64, member_id: &str, generation: i32) -> CommitOffsets {
    CommitOffsets { member_id: member_id.into(), generation, ..commit(request, &[("t", 7)]) }
}

fn answered(request: u64, topics: &[(&str, Result<(), ErrorCode>)]) -> Output {
    reply(request, Reply::CommitOffsets(results(topics)))
}

fn fetched(topic: &str, committed: Option<OffsetCommitValue>) -> FetchedOffset {
    let (topic, partition) = partition(topic);
    FetchedOffset { topic, partition, committed, has_pending: false }
}

fn delete(request: u64, topics: &[&str]) -> corelog_coordinator::Input {
    let partitions = topics.iter().map(|topic| partition(topic)).collect();
    let request = RequestId(request);
    let delete = DeleteOffsets { request, group: "g".into(), partitions };
    corelog_coordinator::Input::DeleteOffsets(delete)
}

impl Rig {
    fn commit(&mut self, commit: CommitOffsets) -> Vec<Output> {
        self.step(corelog_coordinator::Input::CommitOffsets(commit))
    }

    fn all(&self) -> Vec<FetchedOffset> {
        self.groups.fetch_offsets("g", None).expect("groups are loaded")
    }
}

#[test]
fn an_offset_is_told_and_seen_once_it_is_durable() {
    let mut rig = Rig::new();
    let record = offset_record("t", Some(committed(0, 7)));
    assert_eq!(rig.commit(commit(1, &[("t", 7)])), [append(0, vec![record])]);
    assert_eq!(rig.all(), []);
    assert_eq!(rig.appended(0), [answered(1, &[("t", Ok(()))])]);
    assert_eq!(rig.all(), [fetched("t", Some(committed(0, 7)))]);
    let some = [partition("u"), partition("t")];
    let expected = [fetched("u", None), fetched("t", Some(committed(0, 7)))];
    assert_eq!(rig.groups.fetch_offsets("g", Some(&some)).unwrap(), expected);
    assert_eq!(rig.groups.fetch_offsets("h", Some(&some[..1])).unwrap(), [fetched("u", None)]);
    assert_eq!(rig.groups.fetch_offsets("h", None).unwrap(), []);
}

#[test]
fn an_offset_that_is_not_stored_is_never_seen() {
    let mut rig = Rig::new();
    rig.commit(commit(1, &[("t", 7)]));
    assert_eq!(rig.failed(0), [answered(1, &[("t", Err(ErrorCode::NotCoordinator))])]);
    assert_eq!(rig.all(), []);
    assert_eq!(rig.groups.count(), 0);
}

#[test]
fn a_member_commits_in_its_generation() {
    let mut rig = Rig::stable(&["a"]);
    let record = offset_record("t", Some(committed(0, 7)));
    assert_eq!(rig.commit(of_member(1, "a", 1)), [append(1, vec![record])]);
    let refused = |code| [answered(2, &[("t", Err(code))])];
    let refused_by =
        |rig: &mut Rig, member, generation| rig.commit(of_member(2, member, generation));
    assert_eq!(refused_by(&mut rig, "a", 2), refused(ErrorCode::IllegalGeneration));
    assert_eq!(refused_by(&mut rig, "x", 1), refused(ErrorCode::UnknownMemberId));
    assert_eq!(refused_by(&mut rig, "", -1), refused(ErrorCode::UnknownMemberId));
    let instance_id = Some("i".into());
    let other = CommitOffsets { instance_id, ..of_member(2, "a", 1) };
    assert_eq!(rig.commit(other), refused(ErrorCode::UnknownMemberId));
}

#[test]
fn a_commit_of_no_group_needs_no_generation() {
    let mut rig = Rig::new();
    let refused = [answered(1, &[("t", Err(ErrorCode::IllegalGeneration))])];
    assert_eq!(rig.commit(of_member(1, "a", 1)), refused);
    assert_eq!(rig.groups.count(), 0);
}

#[test]
fn a_member_commits_while_others_rejoin_but_not_between_generations() {
    let mut rig = Rig::stable(&["a"]);
    rig.step(join(1, "", "b"));
    assert_eq!(rig.commit(of_member(2, "a", 1)).len(), 1);
    rig.step(join(3, "a", ""));
    let refused = [answered(4, &[("t", Err(ErrorCode::RebalanceInProgress))])];
    assert_eq!(rig.commit(of_member(4, "a", 2)), refused);
}

#[test]
fn a_commit_keeps_the_member_alive() {
    let mut rig = Rig::stable(&["a"]);
    rig.clock = SESSION - 1;
    rig.commit(of_member(1, "a", 1));
    assert_eq!(rig.tick(SESSION), []);
    assert_eq!(rig.state(), "Stable");
}

#[test]
fn metadata_is_bounded_offset_by_offset() {
    let mut rig = Rig::new();
    let mut both = commit(1, &[("t", 7), ("u", 8)]);
    both.offsets[0].metadata = "x".repeat(4097);
    let record = offset_record("u", Some(committed(0, 8)));
    assert_eq!(rig.commit(both.clone()), [append(0, vec![record])]);
    let too_large = Err(ErrorCode::OffsetMetadataTooLarge);
    assert_eq!(rig.appended(0), [answered(1, &[("t", too_large), ("u", Ok(()))])]);
    both.offsets.truncate(1);
    assert_eq!(rig.commit(both.clone()), [answered(1, &[("t", too_large)])]);
    both.offsets[0].metadata.pop();
    assert_eq!(rig.commit(both).len(), 1);
}

#[test]
fn a_group_has_so_many_offsets_and_no_more() {
    let mut rig = Rig::with(GroupConfig { offsets_per_group_max: 1, ..config() });
    rig.commit(commit(1, &[("t", 7), ("u", 8)]));
    let refused = ("u", Err(ErrorCode::PolicyViolation));
    assert_eq!(rig.appended(0), [answered(1, &[("t", Ok(())), refused])]);
    assert_eq!(rig.commit(commit(2, &[("u", 8)])), [answered(2, &[refused])]);
    assert_eq!(rig.commit(commit(3, &[("t", 9)])).len(), 1);
}

#[test]
fn a_simple_group_loses_an_offset_when_its_retention_is_over() {
    let mut rig = Rig::new();
    rig.commit(commit(1, &[("t", 7)]));
    rig.appended(0);
    rig.clock = 600;
    rig.commit(commit(2, &[("u", 8)]));
    rig.appended(1);
    assert_eq!(rig.tick(WEEK - 1), []);
    let expired = append(2, vec![offset_record("t", None)]);
    assert_eq!(rig.tick(WEEK - 1 + 600), [expired]);
    assert_eq!(rig.all().len(), 2);
    assert_eq!(rig.appended(2), []);
    assert_eq!(rig.all(), [fetched("u", Some(committed(600, 8)))]);
    assert_eq!(rig.tick(WEEK + 1200), [append(3, vec![offset_record("u", None)])]);
    assert_eq!(rig.appended(3), []);
    assert_eq!(rig.groups.count(), 0);
}

#[test]
fn the_offsets_of_an_empty_group_are_kept_since_it_became_empty() {
    let mut rig = Rig::stable(&["a"]);
    rig.commit(of_member(1, "a", 1));
    rig.appended(1);
    // The session has ended, but nobody has looked.
    assert_eq!(rig.tick(5000).len(), 1);
    rig.appended(2);
    assert_eq!(rig.tick(WEEK + 4999), []);
    let expired = append(3, vec![offset_record("t", None), group_tombstone()]);
    assert_eq!(rig.tick(WEEK + 5000 + 600), [expired]);
    assert_eq!(rig.state(), "Dead");
    assert_eq!(rig.appended(3), []);
    assert_eq!(rig.state(), "none");
}

#[test]
fn a_stable_group_loses_the_offsets_of_topics_it_does_not_read() {
    let mut rig = Rig::new();
    rig.commit(commit(1, &[("t", 7), ("u", 8)]));
    rig.appended(0);
    rig.clock = WEEK;
    rig.become_stable(&["a"]);
    assert_eq!(
        rig.step(corelog_coordinator::Input::Tick),
        [append(2, vec![offset_record("u", None)])]
    );
    rig.appended(2);
    assert_eq!(rig.all(), [fetched("t", Some(committed(0, 7)))]);
}

#[test]
fn an_offset_with_its_own_retention_expires_then() {
    let mut rig = Rig::new();
    let retention = Some(Duration::from_secs(1));
    let value = OffsetCommitValue {
        leader_epoch: LeaderEpoch::NONE,
        topic_id: TopicId::ZERO,
        expire_timestamp: Some(Timestamp(WALL + 1000)),
        ..committed(0, 7)
    };
    let record = offset_record("t", Some(value));
    let commit = CommitOffsets { retention, ..commit(1, &[("t", 7)]) };
    assert_eq!(rig.commit(commit), [append(0, vec![record])]);
    rig.appended(0);
    assert_eq!(rig.tick(600), [append(1, vec![offset_record("t", None)])]);
}

#[test]
fn offsets_of_topics_that_nobody_reads_can_be_deleted() {
    let mut rig = Rig::new();
    rig.commit(commit(1, &[("t", 7), ("u", 8)]));
    rig.appended(0);
    rig.become_stable(&["a"]);
    assert_eq!(rig.step(delete(2, &["t", "u", "v"])), [append(2, vec![offset_record("u", None)])]);
    assert_eq!(rig.all().len(), 2);
    let subscribed = ("t", Err(ErrorCode::GroupSubscribedToTopic));
    let expected = results(&[subscribed, ("u", Ok(())), ("v", Ok(()))]);
    assert_eq!(rig.appended(2), [reply(2, Reply::DeleteOffsets(Ok(expected)))]);
    assert_eq!(rig.all(), [fetched("t", Some(committed(0, 7)))]);
    let expected = results(&[("v", Ok(()))]);
    assert_eq!(rig.step(delete(3, &["v"])), [reply(3, Reply::DeleteOffsets(Ok(expected)))]);
}

#[test]
fn a_deletion_that_is_not_stored_deletes_nothing() {
    let mut rig = Rig::new();
    rig.commit(commit(1, &[("t", 7)]));
    rig.appended(0);
    rig.step(delete(2, &["t"]));
    let expected = results(&[("t", Err(ErrorCode::NotCoordinator))]);
    assert_eq!(rig.failed(1), [reply(2, Reply::DeleteOffsets(Ok(expected)))]);
    assert_eq!(rig.all().len(), 1);
}

#[test]
fn offsets_of_no_group_and_of_members_that_are_no_consumers_are_not_deleted() {
    let mut rig = Rig::new();
    let refused = |code| [reply(1, Reply::DeleteOffsets(Err(code)))];
    assert_eq!(rig.step(delete(1, &["t"])), refused(ErrorCode::GroupIdNotFound));
    let connect = "connect".to_owned();
    rig.step(corelog_coordinator::input::JoinGroup { protocol_type: connect, ..join(2, "", "a") });
    assert_eq!(rig.step(delete(1, &["t"])), refused(ErrorCode::NonEmptyGroup));
}

#[test]
fn partitions_of_a_topic_have_offsets_of_their_own() {
    let mut rig = Rig::new();
    let mut both = commit(1, &[("t", 7), ("t", 8)]);
    both.offsets[1] = OffsetToCommit { partition: PartitionIndex(3), ..both.offsets[1].clone() };
    rig.commit(both);
    let mut expected = results(&[("t", Ok(())), ("t", Ok(()))]);
    expected[1] = PartitionResult { partition: PartitionIndex(3), ..expected[1].clone() };
    assert_eq!(rig.appended(0), [reply(1, Reply::CommitOffsets(expected))]);
    assert_eq!(rig.all().len(), 2);
}

#[test]
fn offsets_are_counted_when_they_are_stored() {
    let mut rig = Rig::new();
    rig.commit(commit(1, &[("t", 7), ("u", 8)]));
    assert_eq!(rig.groups.take_counts().offsets_committed, 0);
    rig.appended(0);
    assert_eq!(rig.groups.take_counts().offsets_committed, 2);
    assert_eq!(rig.groups.take_counts().offsets_committed, 0);
}
