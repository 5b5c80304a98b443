//! Offsets out and back, in versions with names and with ids.

use corelog_wire::api::offset_commit::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use corelog_wire::api::offset_fetch::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use corelog_wire::{Message, Reader, Writer};

use super::*;
use crate::group::rig::{metadata, reply, set, topic_id};

/// A request as the other side reads it.
fn rewritten(request: &OffsetFetchRequest<'_>, version: i16) -> OffsetFetchRequest<'static> {
    let mut writer = Writer::new();
    request.encode(&mut writer, version);
    let bytes: &'static [u8] = writer.finish().unwrap().head.leak();
    OffsetFetchRequest::decode(&mut Reader::new(bytes), version).unwrap()
}

fn identity(protocol: Protocol) -> MemberIdentity {
    MemberIdentity {
        group: "g".to_owned(),
        protocol,
        member_id: "me".to_owned(),
        epoch: 7,
        instance_id: Some("i".to_owned()),
    }
}

fn offsets(numbers: &[i32]) -> BTreeMap<TopicPartition, CommittedOffset> {
    let committed = |number: i32| CommittedOffset {
        offset: Offset(i64::from(number) * 100),
        leader_epoch: (number == 1).then_some(LeaderEpoch(3)),
        metadata: (number == 1).then(|| "note".to_owned()),
    };
    set("t", numbers).into_iter().map(|at| (at.clone(), committed(at.partition))).collect()
}

fn commit_reply(version: i16, id: [u8; 16], results: &[(i32, i16)]) -> Reply {
    let partition = |(partition_index, error_code): &(i32, i16)| OffsetCommitResponsePartition {
        partition_index: *partition_index,
        error_code: *error_code,
    };
    let partitions = results.iter().map(partition).collect();
    let topic = OffsetCommitResponseTopic { name: "t".into(), topic_id: id, partitions };
    let response = OffsetCommitResponse { topics: vec![topic], ..Default::default() };
    reply::<OffsetCommitRequest<'_>>(version, &response)
}

#[test]
fn a_commit_says_who_commits_what() {
    let identity = identity(Protocol::Classic);
    let (request, _) = commit(&identity, &offsets(&[1, 2]), 9, &Metadata::default()).unwrap();
    assert_eq!((&*request.group_id, &*request.member_id), ("g", "me"));
    assert_eq!(request.generation_id_or_member_epoch, 7);
    assert_eq!(request.group_instance_id.as_deref(), Some("i"));
    assert_eq!(request.topics.len(), 1);
    let partitions: Vec<(i32, i64, i32, Option<&str>)> = request.topics[0]
        .partitions
        .iter()
        .map(|partition| {
            let metadata = partition.committed_metadata.as_deref();
            let (offset, epoch) = (partition.committed_offset, partition.committed_leader_epoch);
            (partition.partition_index, offset, epoch, metadata)
        })
        .collect();
    assert_eq!(partitions, [(1, 100, 3, Some("note")), (2, 200, -1, Some(""))]);
    let outside = MemberIdentity::outside("g");
    let (request, _) = commit(&outside, &offsets(&[1]), 9, &Metadata::default()).unwrap();
    assert_eq!((request.generation_id_or_member_epoch, &*request.member_id), (-1, ""));
}

#[test]
fn each_committed_partition_has_its_own_result() {
    let identity = identity(Protocol::Classic);
    let known = metadata(&[("t", 3)]);
    for (version, id) in [(2, [0; 16]), (9, [0; 16]), (10, topic_id("t"))] {
        let (request, asked) = commit(&identity, &offsets(&[1, 2]), version, &known).unwrap();
        assert_eq!(request.topics[0].topic_id, topic_id("t"));
        let results = asked.committed(&commit_reply(version, id, &[(2, 27), (1, 0)])).unwrap();
        let expected = [
            (TopicPartition::new("t", 1), Ok(())),
            (TopicPartition::new("t", 2), Err(ErrorCode::RebalanceInProgress)),
        ];
        assert_eq!(results, BTreeMap::from(expected));
    }
}

#[test]
fn an_answer_that_leaves_out_a_partition_is_an_error() {
    let identity = identity(Protocol::Classic);
    let known = metadata(&[("t", 3)]);
    let (_, asked) = commit(&identity, &offsets(&[1, 2]), 9, &known).unwrap();
    let error = asked.committed(&commit_reply(9, [0; 16], &[(1, 0)])).unwrap_err();
    assert!(matches!(error, ClientError::Missing { .. }), "{error}");
    let (_, asked) = commit(&identity, &offsets(&[1]), 10, &known).unwrap();
    let error = asked.committed(&commit_reply(10, [9; 16], &[(1, 0)])).unwrap_err();
    assert!(matches!(error, ClientError::Missing { .. }), "of another id: {error}");
    let (_, asked) = fetch(&identity, &set("t", &[1]), Stability::Any, 9, &known).unwrap();
    let response = OffsetFetchResponse::default();
    let error = asked.fetched(&reply::<OffsetFetchRequest<'_>>(9, &response)).unwrap_err();
    assert!(matches!(error, ClientError::Missing { .. }), "without the group: {error}");
}

#[test]
fn a_version_with_ids_needs_them() {
    let identity = identity(Protocol::Classic);
    let error = ClientError::NoTopic("t".to_owned());
    let unknown = Metadata::default();
    assert_eq!(commit(&identity, &offsets(&[1]), 10, &unknown), Err(error.clone()));
    let partitions = set("t", &[1]);
    assert_eq!(fetch(&identity, &partitions, Stability::Any, 10, &unknown), Err(error));
}

#[test]
fn a_fetch_is_written_for_one_group_or_for_many() {
    let known = metadata(&[("t", 3)]);
    let partitions = set("t", &[0, 1]);
    let ask = |protocol, stability, version| {
        fetch(&identity(protocol), &partitions, stability, version, &known).unwrap().0
    };
    let old = ask(Protocol::Classic, Stability::Stable, 7);
    assert_eq!((&*old.group_id, old.require_stable, old.groups.len()), ("g", true, 0));
    assert_eq!(old.topics.unwrap()[0].partition_indexes, [0, 1]);
    let new = ask(Protocol::Consumer, Stability::Any, 9);
    assert_eq!((new.require_stable, &new.groups[0].member_id), (false, &Some("me".into())));
    assert_eq!(new.groups[0].member_epoch, 7);
    let classic = ask(Protocol::Classic, Stability::Any, 9);
    assert_eq!((&classic.groups[0].member_id, classic.groups[0].member_epoch), (&None, -1));
}

#[test]
fn each_fetched_partition_has_its_offset_or_none() {
    let identity = identity(Protocol::Classic);
    let known = metadata(&[("t", 4)]);
    let partition = |index: i32| OffsetFetchResponsePartitions {
        partition_index: index,
        committed_offset: [-1, 100, 200][index as usize],
        committed_leader_epoch: if index == 1 { 3 } else { -1 },
        metadata: Some(if index == 1 { "note" } else { "" }.into()),
        error_code: if index == 2 { ErrorCode::UnstableOffsetCommit.code() } else { 0 },
    };
    let mut expected: Results<Option<CommittedOffset>> = BTreeMap::new();
    expected.insert(TopicPartition::new("t", 0), Ok(None));
    let committed = offsets(&[1]).into_values().next();
    expected.insert(TopicPartition::new("t", 1), Ok(committed));
    let unstable = Err(ErrorCode::UnstableOffsetCommit);
    expected.insert(TopicPartition::new("t", 2), unstable);
    for version in [7, 8, 9, 10] {
        let partitions: Vec<OffsetFetchResponsePartitions<'_>> = (0..3).map(partition).collect();
        let old = partitions.iter().map(|new| OffsetFetchResponsePartition {
            partition_index: new.partition_index,
            committed_offset: new.committed_offset,
            committed_leader_epoch: new.committed_leader_epoch,
            metadata: new.metadata.clone(),
            error_code: new.error_code,
        });
        let topics = vec![OffsetFetchResponseTopic { name: "t".into(), partitions: old.collect() }];
        let topic_id = topic_id("t");
        let group = OffsetFetchResponseGroup {
            group_id: "g".into(),
            topics: vec![OffsetFetchResponseTopics { name: "t".into(), topic_id, partitions }],
            error_code: 0,
        };
        let groups = vec![group];
        let response = OffsetFetchResponse { topics, groups, ..OffsetFetchResponse::default() };
        let wanted = set("t", &[0, 1, 2]);
        let (_, asked) = fetch(&identity, &wanted, Stability::Stable, version, &known).unwrap();
        let reply = reply::<OffsetFetchRequest<'_>>(version, &response);
        assert_eq!(asked.fetched(&reply).unwrap(), expected, "version {version}");
    }
}

#[test]
fn a_refusal_of_the_group_is_an_error() {
    let identity = identity(Protocol::Classic);
    let code = ErrorCode::NotCoordinator;
    let group = OffsetFetchResponseGroup {
        group_id: "g".into(),
        error_code: code.code(),
        ..OffsetFetchResponseGroup::default()
    };
    let responses = [
        (7, OffsetFetchResponse { error_code: code.code(), ..Default::default() }),
        (9, OffsetFetchResponse { groups: vec![group], ..Default::default() }),
    ];
    for (version, response) in responses {
        let partitions = set("t", &[1]);
        let metadata = Metadata::default();
        let (_, asked) = fetch(&identity, &partitions, Stability::Any, version, &metadata).unwrap();
        let error = asked.fetched(&reply::<OffsetFetchRequest<'_>>(version, &response));
        assert_eq!(error.unwrap_err().code(), Some(code));
    }
}

#[test]
fn everything_that_a_group_has_committed_is_asked_for_without_names() {
    let partition = |index: i32| OffsetFetchResponsePartitions {
        partition_index: index,
        committed_offset: [-1, 100][index as usize],
        committed_leader_epoch: [-1, 3][index as usize],
        metadata: Some(["", "note"][index as usize].into()),
        error_code: 0,
    };
    let committed = offsets(&[1]).into_values().next();
    for version in 2..=NAMED_TOPICS_MAX {
        let request: OffsetFetchRequest<'_> = rewritten(&fetch_all("g"), version);
        let asked = if version <= ONE_GROUP_MAX {
            (request.group_id.to_string(), request.topics.is_none())
        } else {
            (request.groups[0].group_id.to_string(), request.groups[0].topics.is_none())
        };
        assert_eq!(asked, ("g".to_owned(), true), "version {version}");
        let partitions: Vec<OffsetFetchResponsePartitions<'_>> = (0..2).map(partition).collect();
        let old = partitions.iter().map(|new| OffsetFetchResponsePartition {
            partition_index: new.partition_index,
            committed_offset: new.committed_offset,
            committed_leader_epoch: new.committed_leader_epoch,
            metadata: new.metadata.clone(),
            error_code: new.error_code,
        });
        let topics = vec![OffsetFetchResponseTopic { name: "t".into(), partitions: old.collect() }];
        let group = OffsetFetchResponseGroup {
            group_id: "g".into(),
            topics: vec![OffsetFetchResponseTopics {
                name: "t".into(),
                partitions,
                ..Default::default()
            }],
            error_code: 0,
        };
        let response = OffsetFetchResponse { topics, groups: vec![group], ..Default::default() };
        let reply = reply::<OffsetFetchRequest<'_>>(version, &response);
        let mut expected = committed.clone();
        if version < 5 {
            expected = expected.map(|old| CommittedOffset { leader_epoch: None, ..old });
        }
        let expected = BTreeMap::from([
            (TopicPartition::new("t", 0), Ok(None)),
            (TopicPartition::new("t", 1), Ok(expected)),
        ]);
        assert_eq!(all_fetched("g", &reply).unwrap(), expected, "version {version}");
    }
}

#[test]
fn a_group_that_fails_or_is_left_out_has_no_offsets() {
    let code = ErrorCode::NotCoordinator;
    let group = OffsetFetchResponseGroup {
        group_id: "g".into(),
        error_code: code.code(),
        ..OffsetFetchResponseGroup::default()
    };
    let groups = vec![group];
    for (version, response) in [
        (7, OffsetFetchResponse { error_code: code.code(), ..Default::default() }),
        (9, OffsetFetchResponse { groups, ..Default::default() }),
    ] {
        let reply = reply::<OffsetFetchRequest<'_>>(version, &response);
        assert_eq!(all_fetched("g", &reply).unwrap_err().code(), Some(code));
    }
    let reply = reply::<OffsetFetchRequest<'_>>(9, &OffsetFetchResponse::default());
    let error = all_fetched("g", &reply).unwrap_err();
    assert!(matches!(error, ClientError::Missing { .. }), "{error}");
}
