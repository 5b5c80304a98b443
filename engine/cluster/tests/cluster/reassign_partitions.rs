//! Partitions move between the cores of a broker, in two steps: the wish and the deed.

use corelog_cluster::decide::reassign_partitions::{
    CompleteReassignment, CompleteReassignmentError, ReassignPartition, ReassignPartitions,
    complete_reassignment, reassign_partitions,
};
use corelog_cluster::{ClusterImage, PartitionState};
use corelog_model::{ErrorCode, LeaderEpoch, NodeId, PartitionIndex};

use crate::scene::{cluster, name, node, partition, registration, start, state, topic_records};

/// Brokers 1 and 2 with three shards each; topic `t` on nodes 1000 and 1001, topic `u` on 2000.
fn image() -> ClusterImage {
    let mut records = topic_records(1, "t", &[node(1, 0), node(1, 1)]);
    records.extend(topic_records(2, "u", &[node(2, 0)]));
    cluster(&[3, 3]).fold(&records).unwrap()
}

fn asked(topic: &str, index: i32, replicas: Option<&[NodeId]>) -> ReassignPartition {
    let replicas = replicas.map(<[NodeId]>::to_vec);
    ReassignPartition { topic: topic.to_owned(), index: PartitionIndex(index), replicas }
}

/// The image afterwards, and the codes.
fn decide(
    image: &ClusterImage,
    partitions: Vec<ReassignPartition>,
) -> (ClusterImage, Vec<ErrorCode>) {
    let request = ReassignPartitions { partitions, allow_replication_factor_change: true };
    let decision = reassign_partitions(image, &request);
    let code = |result: Result<(), _>| match result {
        Ok(()) => ErrorCode::None,
        Err::<(), corelog_cluster::decide::reassign_partitions::ReassignPartitionError>(error) => {
            error.code()
        }
    };
    let codes = decision.results.into_iter().map(code).collect();
    (image.fold(&decision.records).unwrap(), codes)
}

fn moving(image: &ClusterImage, target: &[NodeId]) -> ClusterImage {
    let (image, codes) = decide(image, vec![asked("t", 0, Some(target))]);
    assert_eq!(codes, [ErrorCode::None]);
    image
}

fn found(image: &ClusterImage) -> &PartitionState {
    image.partition(partition(1, 0)).unwrap()
}

fn complete(
    image: &ClusterImage,
    partition_epoch: i32,
) -> Result<ClusterImage, CompleteReassignmentError> {
    let request = CompleteReassignment { partition: partition(1, 0), partition_epoch };
    complete_reassignment(image, request).map(|record| image.fold(&[record]).unwrap())
}

#[test]
fn the_old_leader_goes_on_until_the_move_is_over() {
    let image = moving(&image(), &[node(1, 2)]);
    let expected =
        PartitionState { target: vec![node(1, 2)], partition_epoch: 1, ..state(&[node(1, 0)], 0) };
    assert_eq!(*found(&image), expected);
    assert_eq!(expected.adding().collect::<Vec<_>>(), [node(1, 2)]);
    assert_eq!(expected.removing().collect::<Vec<_>>(), [node(1, 0)]);
    assert_eq!(expected.leader_after_move(), node(1, 2));
    let image = complete(&image, 1).unwrap();
    let expected = PartitionState {
        leader_epoch: LeaderEpoch(1),
        partition_epoch: 2,
        ..state(&[node(1, 2)], 0)
    };
    assert_eq!(*found(&image), expected);
    assert_eq!((image.load(node(1, 0)).leaders, image.load(node(1, 2)).leaders), (0, 1));
}

#[test]
fn a_move_that_was_changed_or_ended_is_not_completed() {
    let changed = |current| Err(CompleteReassignmentError::Changed { current });
    assert_eq!(complete(&image(), 0), changed(0));
    let other = moving(&moving(&image(), &[node(1, 2)]), &[node(1, 1)]);
    assert_eq!(found(&other).target, [node(1, 1)]);
    assert_eq!(complete(&other, 1), changed(2));
    let (ended, codes) = decide(&other, vec![asked("t", 0, None)]);
    assert_eq!((codes, complete(&ended, 2)), (vec![ErrorCode::None], changed(3)));
    assert_eq!(*found(&ended), PartitionState { partition_epoch: 3, ..state(&[node(1, 0)], 0) });
    let back = moving(&other, &[node(1, 0)]);
    assert_eq!(*found(&back), *found(&ended));
    let image = ClusterImage::empty();
    assert_eq!(complete(&image, 0), Err(CompleteReassignmentError::Deleted));
}

#[test]
fn what_is_so_already_changes_nothing() {
    let before = image();
    assert_eq!(moving(&before, &[node(1, 0)]), before);
    let before = moving(&before, &[node(1, 2)]);
    assert_eq!(moving(&before, &[node(1, 2)]), before);
}

#[test]
fn refusals_are_those_of_kafka() {
    let before = image();
    let invalid = ErrorCode::InvalidReplicaAssignment;
    let cases: [(&str, i32, Option<&[NodeId]>, ErrorCode); 9] = [
        ("no-such", 0, Some(&[node(1, 0)]), ErrorCode::UnknownTopicOrPartition),
        ("t", 2, Some(&[node(1, 0)]), ErrorCode::UnknownTopicOrPartition),
        ("t", -1, None, ErrorCode::UnknownTopicOrPartition),
        ("t", 0, None, ErrorCode::NoReassignmentInProgress),
        ("t", 0, Some(&[]), invalid),
        ("t", 0, Some(&[node(1, 3)]), invalid),
        ("t", 0, Some(&[node(2, 0)]), invalid),
        ("t", 0, Some(&[node(1, 1), node(1, 2)]), invalid),
        ("t", 0, Some(&[node(1, 1), node(2, 2)]), invalid),
    ];
    for (topic, index, replicas, code) in cases {
        let decided = decide(&before, vec![asked(topic, index, replicas)]);
        assert_eq!(decided, (before.clone(), vec![code]), "{topic} {index} {replicas:?}");
    }
    let request = ReassignPartitions {
        partitions: vec![asked("t", 0, Some(&[node(1, 1), node(2, 1)]))],
        allow_replication_factor_change: false,
    };
    let result = reassign_partitions(&before, &request).results.remove(0);
    assert_eq!(result.unwrap_err().code(), ErrorCode::InvalidReplicationFactor);
}

#[test]
fn each_partition_of_a_request_has_its_own_answer() {
    let before = image();
    let partitions = vec![
        asked("t", 0, Some(&[node(1, 1)])),
        asked("u", 0, None),
        asked("t", 0, None),
        asked("u", 0, Some(&[node(2, 2)])),
    ];
    let (after, codes) = decide(&before, partitions);
    let none = ErrorCode::None;
    assert_eq!(codes, [none, ErrorCode::NoReassignmentInProgress, none, none]);
    assert_eq!(after.partition(partition(2, 0)).unwrap().target, [node(2, 2)]);
    assert_eq!(found(&after).target, []);
    assert_eq!(after.topic_by_name("u").unwrap().name(), &name("u"));
}

#[test]
fn a_move_to_a_core_that_vanished_ends_and_other_moves_go_on() {
    let image = moving(&image(), &[node(1, 2)]);
    let fewer = start(&image, 1, 2);
    assert_eq!((found(&fewer).leader, found(&fewer).target.len()), (node(1, 0), 0));
    assert_eq!(found(&fewer).partition_epoch, 2);
    let same = corelog_cluster::decide::register_broker::register_broker;
    assert_eq!(same(&image, &registration(1, 3)), Ok(Vec::new()));
    let one = start(&moving(&fewer, &[node(1, 1)]), 1, 1);
    assert_eq!((found(&one).leader, found(&one).target.len()), (node(1, 0), 0));
}
