//! Groups are loaded, listed, described and deleted.

use corelog_coordinator::classic_group::{GroupDescription, GroupState, MemberDescription};
use corelog_coordinator::groups::{GroupKind, ListFilter, ListedGroup, Loaded};
use corelog_coordinator::input::{CommitOffsets, DeleteGroups, JoinGroup};
use corelog_coordinator::output::GroupResult;
use corelog_coordinator::{Groups, Input, Output, Reply, RequestId};
use corelog_model::ErrorCode;

use crate::rig::*;

fn delete(request: u64, groups: &[&str]) -> Input {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    Input::DeleteGroups(DeleteGroups { request: RequestId(request), groups })
}

fn deleted(request: u64, groups: &[(&str, Result<(), ErrorCode>)]) -> Output {
    let results = groups
        .iter()
        .map(|(group, result)| GroupResult { group: (*group).to_owned(), result: *result });
    reply(request, Reply::DeleteGroups(results.collect()))
}

#[test]
fn nothing_is_served_before_the_log_is_read() {
    let mut groups = Groups::new(config());
    let now = Rig::new().now();
    let code = ErrorCode::CoordinatorLoadInProgress;
    assert_eq!(groups.step(now, join(1, "", "a").into()), [join_refused(1, code, "")]);
    let refused = [reply(2, Reply::CommitOffsets(results(&[("t", Err(code))])))];
    assert_eq!(groups.step(now, Input::CommitOffsets(commit(2, &[("t", 1)]))), refused);
    assert_eq!(groups.step(now, delete(3, &["g"])), [deleted(3, &[("g", Err(code))])]);
    assert_eq!(groups.describe("g"), Err(code));
    assert_eq!(groups.list(&ListFilter::default()), Err(code));
    assert_eq!(groups.fetch_offsets("g", None), Err(code));
    assert_eq!(groups.next_wakeup(), None);
}

#[test]
fn the_last_record_of_a_key_counts_and_a_tombstone_removes_it() {
    let records = [
        generation(0, 1, &["a"]),
        offset_record("t", Some(committed(0, 1))),
        offset_record("u", Some(committed(0, 1))),
        generation(0, 2, &["a", "b"]),
        offset_record("t", Some(committed(0, 2))),
        offset_record("u", None),
    ];
    let mut rig = Rig::loaded(config(), &records);
    let member = |id: &str| MemberDescription {
        member_id: id.into(),
        instance_id: None,
        client_id: "client".into(),
        client_host: "/host".into(),
        metadata: subscription(),
        assignment: id.as_bytes().to_vec(),
    };
    let expected = GroupDescription {
        group: "g".into(),
        state: GroupState::Stable,
        generation: 2,
        protocol_type: "consumer".into(),
        protocol: "range".into(),
        members: vec![member("a"), member("b")],
    };
    assert_eq!(rig.groups.describe("g"), Ok(expected));
    let offsets = rig.groups.fetch_offsets("g", None).unwrap();
    let offsets: Vec<_> = offsets.into_iter().map(|offset| offset.committed).collect();
    assert_eq!(offsets, [Some(committed(0, 2))]);
    // Members go on where they were.
    let expected = SyncReply::of(&mut rig);
    assert_eq!(expected, [synced(1, "b")]);
}

/// What a member of the loaded generation is told.
struct SyncReply;

impl SyncReply {
    fn of(rig: &mut Rig) -> Vec<Output> {
        rig.step(corelog_coordinator::input::SyncGroup { generation: 2, ..sync(1, "b") })
    }
}

#[test]
fn a_group_of_tombstones_is_no_group() {
    let records = [
        generation(0, 1, &["a"]),
        offset_record("t", Some(committed(0, 1))),
        offset_record("t", None),
        group_tombstone(),
    ];
    let rig = Rig::loaded(config(), &records);
    assert_eq!(rig.groups.count(), 0);
    let rig = Rig::loaded(config(), &[records[1].clone(), group_tombstone()]);
    assert_eq!(rig.state(), "Empty");
}

#[test]
fn records_of_other_kinds_are_skipped_and_broken_ones_refused() {
    let mut groups = Groups::new(config());
    assert_eq!(groups.load(b"\0\x11abc", None), Ok(Loaded::Skipped { key_version: 17 }));
    assert!(groups.load(b"\0\x01abc", None).is_err());
}

#[test]
fn sessions_begin_when_the_log_has_been_read() {
    let mut rig = Rig::loaded(config(), &[generation(0, 1, &["a"])]);
    assert_eq!(rig.tick(SESSION - 1), []);
    assert_eq!(rig.tick(SESSION).len(), 1);
    assert_eq!(rig.state(), "Empty");
}

#[test]
fn groups_are_listed_by_state_and_kind() {
    let mut rig = Rig::stable(&["a"]);
    rig.step(JoinGroup { group: "f".into(), protocol_type: "sr".into(), ..join(1, "", "a") });
    rig.step(Input::CommitOffsets(CommitOffsets { group: "h".into(), ..commit(1, &[("t", 1)]) }));
    let listed = |group: &str, protocol_type: &str, state| ListedGroup {
        group: group.into(),
        protocol_type: protocol_type.into(),
        state,
        kind: GroupKind::Classic,
    };
    let expected = [
        listed("f", "sr", GroupState::CompletingRebalance),
        listed("g", "consumer", GroupState::Stable),
        listed("h", "", GroupState::Empty),
    ];
    assert_eq!(rig.groups.list(&ListFilter::default()).unwrap(), expected);
    let states = vec![GroupState::Stable, GroupState::Empty];
    assert_eq!(rig.names(&ListFilter { states, ..ListFilter::default() }), ["g", "h"]);
    let kinds = vec![GroupKind::Consumer];
    assert_eq!(rig.names(&ListFilter { kinds, ..ListFilter::default() }), [""; 0]);
    assert_eq!(GroupState::from_name("preparingrebalance"), Some(GroupState::PreparingRebalance));
    assert_eq!(GroupState::from_name("Assigning"), Some(GroupState::Assigning));
    assert_eq!(GroupState::from_name("Unknown"), None);
    assert_eq!(GroupKind::from_name("Classic"), Some(GroupKind::Classic));
    assert_eq!(rig.groups.describe("x"), Err(ErrorCode::GroupIdNotFound));
}

#[test]
fn an_empty_group_is_deleted_with_its_offsets() {
    let mut rig = Rig::stable(&["a"]);
    rig.step(Input::CommitOffsets(CommitOffsets {
        member_id: "a".into(),
        generation: 1,
        ..commit(1, &[("t", 1)])
    }));
    rig.appended(1);
    let not_empty = ("g", Err(ErrorCode::NonEmptyGroup));
    assert_eq!(rig.step(delete(2, &["g"])), [deleted(2, &[not_empty])]);
    rig.step(leave(3, &[("a", None)]));
    let records = vec![offset_record("t", None), group_tombstone()];
    assert_eq!(rig.step(delete(4, &["g", "x"])), [append(3, records)]);
    assert_eq!(rig.state(), "Dead");
    let not_there = Err(ErrorCode::GroupIdNotFound);
    assert_eq!(rig.step(delete(5, &["g"])), [deleted(5, &[("g", not_there)])]);
    let refused = join_refused(6, ErrorCode::CoordinatorNotAvailable, "");
    assert_eq!(rig.step(join(6, "", "b")), [refused]);
    rig.appended(2);
    assert_eq!(rig.appended(3), [deleted(4, &[("g", Ok(())), ("x", not_there)])]);
    assert_eq!(rig.groups.count(), 0);
}

#[test]
fn what_is_being_committed_is_deleted_too() {
    let mut rig = Rig::new();
    rig.step(Input::CommitOffsets(commit(1, &[("t", 1)])));
    assert_eq!(rig.step(delete(2, &["g"])), [append(1, vec![offset_record("t", None)])]);
    rig.appended(0);
    assert_eq!(rig.appended(1), [deleted(2, &[("g", Ok(()))])]);
    assert_eq!(rig.groups.count(), 0);
}

#[test]
fn a_group_whose_deletion_is_not_stored_lives_on() {
    let mut rig = Rig::new();
    rig.step(Input::CommitOffsets(commit(1, &[("t", 1)])));
    rig.appended(0);
    rig.step(delete(2, &["g"]));
    assert_eq!(rig.failed(1), [deleted(2, &[("g", Err(ErrorCode::NotCoordinator))])]);
    assert_eq!(rig.state(), "Empty");
    assert_eq!(rig.groups.fetch_offsets("g", None).unwrap().len(), 1);
}

#[test]
fn who_resigns_answers_everyone() {
    let mut rig = Rig::stable(&["a"]);
    rig.step(join(1, "", "b"));
    rig.step(Input::CommitOffsets(CommitOffsets { group: "h".into(), ..commit(2, &[("t", 1)]) }));
    let code = ErrorCode::NotCoordinator;
    let now = rig.now();
    let refused = reply(2, Reply::CommitOffsets(results(&[("t", Err(code))])));
    assert_eq!(rig.groups.resign(now), [join_refused(1, code, "b"), refused]);
    assert_eq!(rig.appended(1), []);
    assert_eq!(rig.step(join(3, "", "c")), [join_refused(3, code, "")]);
    assert_eq!(rig.groups.describe("g"), Err(code));
}
