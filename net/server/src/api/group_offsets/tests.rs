//! Offsets on their way to the coordinator and back, one partition at a time.

use corelog_coordinator::records::OffsetCommitValue;
use corelog_model::Timestamp;
use corelog_wire::api::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use corelog_wire::api::offset_delete::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use corelog_wire::api::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};

use super::*;
use crate::api::scene::{cluster, received, served, topic_id, with_topic};

fn text(text: &str) -> Text<'static> {
    Text::Owned(text.to_owned())
}

/// One core, and topic `t` with two partitions.
fn image() -> ClusterImage {
    with_topic(&cluster(&[1]), ("t", 1), (2, 1), &[])
}

fn at(partition: i32) -> TopicPartition {
    (TopicName::new("t").unwrap(), PartitionIndex(partition))
}

fn result(partition: i32, result: Result<(), ErrorCode>) -> PartitionResult {
    let (topic, partition) = at(partition);
    PartitionResult { topic, partition, result }
}

fn commit_request() -> OffsetCommitRequest<'static> {
    let partition = |partition_index, committed_metadata: Option<&str>| {
        let committed_metadata = committed_metadata.map(text);
        OffsetCommitRequestPartition {
            partition_index,
            committed_offset: 70 + i64::from(partition_index),
            committed_leader_epoch: 4,
            committed_metadata,
        }
    };
    let topic = |name, partitions| OffsetCommitRequestTopic {
        name: text(name),
        partitions,
        ..Default::default()
    };
    OffsetCommitRequest {
        group_id: text("g"),
        generation_id_or_member_epoch: 3,
        member_id: text("m"),
        group_instance_id: Some(text("i")),
        retention_time_ms: 9000,
        topics: vec![
            topic("t", vec![partition(1, Some("why")), partition(2, None), partition(0, None)]),
            topic("a b", vec![partition(0, None)]),
            topic("u", vec![partition(0, None)]),
        ],
    }
}

/// The engine's words for the commit, and where its results go.
#[track_caller]
fn to_commit(request: &OffsetCommitRequest<'_>, version: i16) -> (Places, CommitOffsets) {
    let request: OffsetCommitRequest<'_> = received(request, version);
    let (places, input) =
        commit(&request, version, &image(), (Access::UNLIMITED, &table::OFFSET_COMMIT_TOPIC));
    match input(RequestId(5)) {
        Input::CommitOffsets(commit) => (places, commit),
        other => panic!("a commit: {other:?}"),
    }
}

#[test]
fn a_commit_is_of_the_partitions_that_exist() {
    for version in served::<OffsetCommitRequest<'_>>() {
        let offset = |partition: i32, metadata: &str| OffsetToCommit {
            topic: at(partition).0,
            topic_id: topic_id(1),
            partition: PartitionIndex(partition),
            offset: Offset(70 + i64::from(partition)),
            leader_epoch: if version >= 6 { LeaderEpoch(4) } else { LeaderEpoch::NONE },
            metadata: metadata.to_owned(),
        };
        let expected = CommitOffsets {
            request: RequestId(5),
            group: "g".to_owned(),
            generation: 3,
            member_id: "m".to_owned(),
            instance_id: (version >= 7).then(|| "i".to_owned()),
            may_carry_epoch: version >= 9,
            retention: (version <= 4).then(|| Duration::from_secs(9)),
            offsets: vec![offset(1, "why"), offset(0, "")],
        };
        let (_, commit) = to_commit(&commit_request(), version);
        assert_eq!(commit, expected, "version {version}");
    }
}

#[test]
fn without_a_retention_the_broker_decides() {
    for version in served::<OffsetCommitRequest<'_>>() {
        let request = OffsetCommitRequest { retention_time_ms: -1, ..commit_request() };
        assert_eq!(to_commit(&request, version).1.retention, None);
    }
}

/// Topics with the codes of their partitions, as [`commit_request`] has them.
fn commit_answer(codes: [i16; 5]) -> OffsetCommitResponse<'static> {
    let partition = |partition_index, code: usize| OffsetCommitResponsePartition {
        partition_index,
        error_code: codes[code],
    };
    let topic = |name, partitions| OffsetCommitResponseTopic {
        name: text(name),
        partitions,
        ..Default::default()
    };
    let topics = vec![
        topic("t", vec![partition(1, 0), partition(2, 1), partition(0, 2)]),
        topic("a b", vec![partition(0, 3)]),
        topic("u", vec![partition(0, 4)]),
    ];
    OffsetCommitResponse { topics, ..Default::default() }
}

#[test]
fn each_partition_of_a_commit_has_its_own_error() {
    let too_large = Err(ErrorCode::OffsetMetadataTooLarge);
    for version in served::<OffsetCommitRequest<'_>>() {
        let (places, _) = to_commit(&commit_request(), version);
        let answer = committed(places, &[result(1, too_large), result(0, Ok(()))]);
        let read: OffsetCommitResponse<'_> = received(&answer, version);
        assert_eq!(read, commit_answer([12, 3, 0, 3, 3]), "version {version}");
    }
}

#[test]
fn what_fails_a_commit_as_a_whole_fails_what_was_asked_for() {
    for version in served::<OffsetCommitRequest<'_>>() {
        let (places, _) = to_commit(&commit_request(), version);
        let answer = uncommitted(places, ErrorCode::NotCoordinator);
        let read: OffsetCommitResponse<'_> = received(&answer, version);
        assert_eq!(read, commit_answer([16, 3, 16, 3, 3]), "version {version}");
    }
}

#[test]
fn a_partition_that_is_committed_twice_is_answered_twice() {
    let mut request = commit_request();
    request.topics.truncate(1);
    request.topics[0].partitions[2].partition_index = 1;
    let (places, commit) = to_commit(&request, 9);
    assert_eq!(commit.offsets.len(), 2);
    let too_large = Err(ErrorCode::OffsetMetadataTooLarge);
    let answer = committed(places, &[result(1, too_large), result(1, Ok(()))]);
    let codes: Vec<_> = answer.topics[0].partitions.iter().map(|one| one.error_code).collect();
    assert_eq!(codes, [12, 3, 0]);
}

fn delete_request(partitions: &[(&str, i32)]) -> OffsetDeleteRequest<'static> {
    let topics = partitions.iter().map(|(topic, partition_index)| OffsetDeleteRequestTopic {
        name: text(topic),
        partitions: vec![OffsetDeleteRequestPartition { partition_index: *partition_index }],
    });
    OffsetDeleteRequest { group_id: text("g"), topics: topics.collect() }
}

#[test]
fn a_deletion_asks_once_for_each_partition_that_exists() {
    let request = delete_request(&[("t", 1), ("t", 7), ("t", 0), ("a b", 0), ("u", 0), ("t", 1)]);
    for version in served::<OffsetDeleteRequest<'_>>() {
        let request: OffsetDeleteRequest<'_> = received(&request, version);
        let (places, input) = delete(&request, &image(), Access::UNLIMITED);
        let expected = DeleteOffsets {
            request: RequestId(5),
            group: "g".to_owned(),
            partitions: vec![at(1), at(0)],
        };
        assert_eq!(input(RequestId(5)), Input::DeleteOffsets(expected));
        let subscribed = Err(ErrorCode::GroupSubscribedToTopic);
        let answer = deleted(places, Ok(vec![result(1, subscribed), result(0, Ok(()))]));
        let read: OffsetDeleteResponse<'_> = received(&answer, version);
        let codes = read.topics.iter().map(|topic| {
            let [partition] = topic.partitions.as_slice() else { panic!("one: {topic:?}") };
            (&*topic.name, partition.partition_index, partition.error_code)
        });
        let expected =
            [("t", 1, 86), ("t", 7, 3), ("t", 0, 0), ("a b", 0, 3), ("u", 0, 3), ("t", 1, 86)];
        assert_eq!((read.error_code, codes.collect::<Vec<_>>()), (0, expected.to_vec()));
    }
}

#[test]
fn what_fails_a_deletion_as_a_whole_has_no_partitions() {
    for code in [ErrorCode::GroupIdNotFound, ErrorCode::NonEmptyGroup, ErrorCode::NotCoordinator] {
        let (places, _) = delete(&delete_request(&[("t", 0)]), &image(), Access::UNLIMITED);
        let read: OffsetDeleteResponse<'_> = received(&deleted(places, Err(code)), 0);
        let expected = OffsetDeleteResponse { error_code: code.code(), ..Default::default() };
        assert_eq!(read, expected);
    }
}

/// Asks for partitions of `t` and of a topic that cannot be, in the words of any version; all
/// partitions without them.
fn fetch_request(partitions: Option<&[i32]>) -> OffsetFetchRequest<'static> {
    let names = ["t", "a b"];
    let topics = partitions.map(|indexes| {
        let topic = |name| OffsetFetchRequestTopic {
            name: text(name),
            partition_indexes: indexes.to_vec(),
        };
        names.map(topic).to_vec()
    });
    let group = |name| OffsetFetchRequestGroup {
        group_id: text(name),
        topics: partitions.map(|indexes| {
            let topic = |name| OffsetFetchRequestTopics {
                name: text(name),
                partition_indexes: indexes.to_vec(),
                ..Default::default()
            };
            names.map(topic).to_vec()
        }),
        member_epoch: -1,
        ..Default::default()
    };
    OffsetFetchRequest {
        group_id: text("g"),
        topics,
        groups: vec![group("g"), group("h")],
        require_stable: true,
    }
}

/// What is wanted as the server reads it, and the names of the groups.
#[track_caller]
fn to_fetch(request: &OffsetFetchRequest<'_>, version: i16) -> Vec<WantedOffsets> {
    let wanted =
        wanted(&received::<OffsetFetchRequest<'_>>(request, version), version, Access::UNLIMITED);
    let groups: Vec<_> = wanted.iter().map(|wanted| &*wanted.group).collect();
    assert_eq!(groups, if version >= 8 { &["g", "h"][..] } else { &["g"] });
    wanted
}

#[test]
fn a_fetch_wants_some_partitions_of_each_group() {
    for version in served::<OffsetFetchRequest<'_>>() {
        for wanted in to_fetch(&fetch_request(Some(&[1, 0])), version) {
            assert_eq!(wanted.partitions, Some(vec![at(1), at(0)]), "version {version}");
        }
    }
}

#[test]
fn from_version_9_a_fetch_may_say_which_member_asks() {
    let mut request = fetch_request(None);
    request.groups[0].member_id = Some(text("m"));
    request.groups[0].member_epoch = 4;
    for version in served::<OffsetFetchRequest<'_>>().filter(|version| *version >= 2) {
        let wanted = to_fetch(&request, version);
        let asks = (wanted[0].member_id.as_deref(), wanted[0].member_epoch);
        let expected = if version >= 9 { (Some("m"), 4) } else { (None, -1) };
        assert_eq!(asks, expected, "version {version}");
    }
}

#[test]
fn from_version_2_a_fetch_may_want_all_partitions() {
    for version in served::<OffsetFetchRequest<'_>>().filter(|version| *version >= 2) {
        for wanted in to_fetch(&fetch_request(None), version) {
            assert_eq!(wanted.partitions, None, "version {version}");
        }
        for wanted in to_fetch(&fetch_request(Some(&[])), version) {
            assert_eq!(wanted.partitions, Some(Vec::new()), "version {version}");
        }
    }
}

fn found(partition: i32, offset: Option<i64>) -> FetchedOffset {
    let (topic, partition) = at(partition);
    let committed = offset.map(|offset| OffsetCommitValue {
        offset: Offset(offset),
        leader_epoch: LeaderEpoch(4),
        topic_id: topic_id(1),
        metadata: "why".to_owned(),
        commit_timestamp: Timestamp(1),
        expire_timestamp: None,
    });
    FetchedOffset { topic, partition, committed, has_pending: false }
}

/// Topic, partition, offset, leader epoch, metadata and error of each partition.
type Row = (String, i32, i64, i32, String, i16);

fn row((topic, partition): (&str, i32), (offset, epoch, metadata): (i64, i32, &str)) -> Row {
    (topic.to_owned(), partition, offset, epoch, metadata.to_owned(), 0)
}

/// The error and the partitions of each group in an answer of that version.
fn rows(answer: &OffsetFetchResponse<'_>, version: i16) -> Vec<(i16, Vec<Row>)> {
    let answer: OffsetFetchResponse<'_> = received(answer, version);
    if version >= BATCHED_FETCH_FROM {
        let groups = answer.groups.iter().map(|group| {
            let partitions = group.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|one| {
                    let metadata = one.metadata.as_deref().unwrap().to_owned();
                    let (offset, epoch) = (one.committed_offset, one.committed_leader_epoch);
                    let name = topic.name.to_string();
                    (name, one.partition_index, offset, epoch, metadata, one.error_code)
                })
            });
            (group.error_code, partitions.collect())
        });
        return groups.collect();
    }
    let partitions = answer.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|one| {
            let metadata = one.metadata.as_deref().unwrap().to_owned();
            let (offset, epoch) = (one.committed_offset, one.committed_leader_epoch);
            let name = topic.name.to_string();
            (name, one.partition_index, offset, epoch, metadata, one.error_code)
        })
    });
    vec![(answer.error_code, partitions.collect())]
}

#[test]
fn each_partition_has_its_offset_or_none() {
    for version in served::<OffsetFetchRequest<'_>>() {
        let wanted = to_fetch(&fetch_request(Some(&[1, 0])), version);
        let found =
            wanted.into_iter().map(|wanted| (wanted, Ok(vec![found(1, Some(71)), found(0, None)])));
        let answer = fetched(found.collect(), Stability::Any, version);
        let epoch = if version >= 5 { 4 } else { -1 };
        let expected = vec![
            row(("t", 1), (71, epoch, "why")),
            row(("t", 0), (-1, -1, "")),
            row(("a b", 1), (-1, -1, "")),
            row(("a b", 0), (-1, -1, "")),
        ];
        for group in rows(&answer, version) {
            assert_eq!(group, (0, expected.clone()), "version {version}");
        }
    }
}

#[test]
fn a_group_that_fails_has_no_partitions_once_a_version_can_say_so() {
    let code = ErrorCode::NotCoordinator;
    for version in served::<OffsetFetchRequest<'_>>() {
        let wanted = to_fetch(&fetch_request(Some(&[1, 0])), version);
        let answer = fetched(
            wanted.into_iter().map(|wanted| (wanted, Err(code))).collect(),
            Stability::Any,
            version,
        );
        let groups = rows(&answer, version);
        if version >= 2 {
            assert!(groups.iter().all(|group| *group == (code.code(), Vec::new())), "{groups:?}");
            continue;
        }
        let [(0, partitions)] = groups.as_slice() else { panic!("one group: {groups:?}") };
        let mut partitions = partitions.clone();
        partitions.sort();
        let refused = |topic: &str, partition| {
            let (name, index, offset, epoch, metadata, _) = row((topic, partition), (-1, -1, ""));
            (name, index, offset, epoch, metadata, code.code())
        };
        let expected = [refused("a b", 0), refused("a b", 1), refused("t", 0), refused("t", 1)];
        assert_eq!(partitions, expected);
    }
}

#[test]
fn groups_of_one_fetch_fail_one_by_one() {
    for version in served::<OffsetFetchRequest<'_>>().filter(|version| *version >= 8) {
        let wanted = to_fetch(&fetch_request(None), version);
        let results = [Err(ErrorCode::CoordinatorLoadInProgress), Ok(vec![found(0, Some(70))])];
        let answer = fetched(wanted.into_iter().zip(results).collect(), Stability::Any, version);
        let expected = [(14, Vec::new()), (0, vec![row(("t", 0), (70, 4, "why"))])];
        assert_eq!(rows(&answer, version), expected, "version {version}");
    }
}
