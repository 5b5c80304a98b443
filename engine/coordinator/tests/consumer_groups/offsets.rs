//! Who may commit, fetch and delete the offsets of a consumer group, and when they expire.

use corelog_coordinator::input::{CommitOffsets, DeleteOffsets, OffsetToCommit};
use corelog_coordinator::output::PartitionResult;
use corelog_coordinator::{Input, Reply};
use corelog_model::{ErrorCode, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};

use crate::rig::*;

const WEEK: u64 = 7 * 24 * 60 * 60;

impl Rig {
    /// Commits for these partitions, such as `t0`.
    fn commit(&mut self, member: &str, epoch: i32, partitions: &[&str]) -> Vec<&'static str> {
        self.commit_as(true, member, epoch, partitions)
    }

    /// Commits as one that knows of epochs, or of generations only.
    fn commit_as(
        &mut self,
        may_carry_epoch: bool,
        member: &str,
        epoch: i32,
        partitions: &[&str],
    ) -> Vec<&'static str> {
        let request = self.next_request();
        let offsets = partitions.iter().map(|partition| {
            let (topic, partition) = partition.split_at(1);
            OffsetToCommit {
                topic: TopicName::new(topic).expect("it is a name"),
                topic_id: TopicId::ZERO,
                partition: PartitionIndex(partition.parse().expect("it is a digit")),
                offset: Offset(7),
                leader_epoch: LeaderEpoch::NONE,
                metadata: String::new(),
            }
        });
        let commit = CommitOffsets {
            request,
            group: "g".into(),
            generation: epoch,
            member_id: member.into(),
            instance_id: None,
            may_carry_epoch,
            retention: None,
            offsets: offsets.collect(),
        };
        match self.ask(request, Input::CommitOffsets(commit)) {
            Reply::CommitOffsets(results) => codes(results),
            other => panic!("a commit is answered {other:?}"),
        }
    }

    fn forget(&mut self, topics: &[&str]) -> Result<Vec<&'static str>, ErrorCode> {
        let request = self.next_request();
        let partition =
            |topic: &&str| (TopicName::new(topic).expect("it is a name"), PartitionIndex(0));
        let partitions = topics.iter().map(partition).collect();
        let delete = DeleteOffsets { request, group: "g".into(), partitions };
        match self.ask(request, Input::DeleteOffsets(delete)) {
            Reply::DeleteOffsets(results) => results.map(codes),
            other => panic!("a deletion is answered {other:?}"),
        }
    }

    fn count(&self) -> usize {
        self.groups.fetch_offsets("g", None).expect("groups are loaded").len()
    }
}

fn codes(results: Vec<PartitionResult>) -> Vec<&'static str> {
    let name = |result: PartitionResult| result.result.map_or_else(ErrorCode::name, |()| "ok");
    results.into_iter().map(name).collect()
}

#[test]
fn a_member_commits_with_its_epoch() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    assert_eq!(rig.commit("a", 1, &["t0", "u0"]), ["ok", "ok"]);
    assert_eq!(rig.commit("a", 2, &["t0"]), ["STALE_MEMBER_EPOCH"]);
    assert_eq!(rig.commit("a", 0, &["t0"]), ["STALE_MEMBER_EPOCH"]);
    assert_eq!(rig.commit("b", 1, &["t0"]), ["UNKNOWN_MEMBER_ID"]);
    assert_eq!(rig.commit("", -1, &["t0"]), ["UNKNOWN_MEMBER_ID"]);
}

#[test]
fn one_that_knows_no_epochs_commits_where_there_are_no_members() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    assert_eq!(rig.commit_as(false, "a", 1, &["t0"]), ["UNSUPPORTED_VERSION"]);
    assert_eq!(rig.commit_as(false, "a", 7, &["t0"]), ["UNSUPPORTED_VERSION"]);
    assert_eq!(rig.commit_as(false, "", -1, &["t0"]), ["UNKNOWN_MEMBER_ID"]);
    rig.beat(leave("a"));
    assert_eq!(rig.commit_as(false, "", -1, &["t0"]), ["ok"]);
}

#[test]
fn a_member_that_is_behind_commits_what_it_has_owned_since() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.beat(join("b", &["t"]));
    rig.beat(alive("a", 1));
    rig.beat(owning("a", 1, "t0 t1"));
    rig.beat(alive("b", 2));
    rig.beat(leave("b"));
    assert_eq!(rig.beat(alive("a", 2)), "3: t0 t1 t2");
    assert_eq!(rig.commit("a", 2, &["t0", "t1"]), ["ok", "ok"]);
    assert_eq!(rig.commit("a", 2, &["t0", "t2"]), ["STALE_MEMBER_EPOCH"; 2]);
    assert_eq!(rig.commit("a", 3, &["t2"]), ["ok"]);
    assert_eq!(rig.commit("a", 2, &["x0"]), ["STALE_MEMBER_EPOCH"]);
}

#[test]
fn an_operator_commits_while_the_group_has_no_members() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.beat(leave("a"));
    assert_eq!(rig.commit("", -1, &["t0"]), ["ok"]);
    assert_eq!(rig.commit("a", 1, &["t0"]), ["UNKNOWN_MEMBER_ID"]);
}

#[test]
fn a_member_fetches_with_its_epoch_and_who_names_none_may_too() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    let check = |member, epoch| rig.groups.check_fetch_offsets("g", member, epoch);
    assert_eq!(check(Some("a"), 1), Ok(()));
    assert_eq!(check(None, -1), Ok(()));
    assert_eq!(check(Some("a"), 0), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(check(Some("b"), 1), Err(ErrorCode::UnknownMemberId));
    assert_eq!(check(None, 1), Err(ErrorCode::UnknownMemberId));
    assert_eq!(rig.groups.check_fetch_offsets("h", Some("a"), 1), Ok(()));
}

#[test]
fn offsets_of_topics_that_members_read_are_not_deleted() {
    let mut rig = Rig::new();
    rig.beat(join_matching("a", "t"));
    rig.commit("a", 1, &["t0", "u0"]);
    let expected = vec!["GROUP_SUBSCRIBED_TO_TOPIC", "ok"];
    assert_eq!(rig.forget(&["t", "u"]), Ok(expected));
    assert_eq!(rig.count(), 1);
    rig.beat(leave("a"));
    assert_eq!(rig.forget(&["t"]), Ok(vec!["ok"]));
    assert_eq!(rig.count(), 0);
}

#[test]
fn offsets_expire_that_nobody_reads_and_then_the_empty_group() {
    let mut rig = Rig::new();
    rig.beat(join("a", &["t"]));
    rig.commit("a", 1, &["t0", "u0"]);
    rig.clock = WEEK;
    rig.beat(alive("a", 1));
    rig.tick(WEEK);
    assert_eq!(rig.count(), 1);
    rig.beat(leave("a"));
    rig.tick(WEEK + 600);
    assert_eq!((rig.count(), rig.groups.count()), (0, 0));
    assert_eq!(rig.reload().groups.count(), 0);
}
