//! Requests to move partitions, and the list of those on their way.

use std::collections::BTreeMap;

use corelog_cluster::controller::ControllerError;
use corelog_model::ErrorCode;
use corelog_wire::api::alter_partition_reassignments::{ReassignablePartition, ReassignableTopic};
use corelog_wire::api::list_partition_reassignments::ListPartitionReassignmentsTopics;

use super::*;
use crate::api::scene::{cluster, decided, received, served, with_topic};

/// Broker 1 with three nodes; topic `a` has partitions on 1000 and 1001.
fn image() -> ClusterImage {
    with_topic(&cluster(&[3]), ("a", 1), (2, 1), &[])
}

/// A partition and where it shall be.
type Asked<'a> = (i32, Option<&'a [i32]>);

fn request(topics: &[(&'static str, &[Asked<'_>])]) -> AlterPartitionReassignmentsRequest<'static> {
    let partition = |(partition_index, replicas): &Asked<'_>| ReassignablePartition {
        partition_index: *partition_index,
        replicas: replicas.map(<[i32]>::to_vec),
    };
    let topic = |(name, partitions): &(&'static str, &[Asked<'_>])| ReassignableTopic {
        name: Text::Borrowed(name),
        partitions: partitions.iter().map(partition).collect(),
    };
    AlterPartitionReassignmentsRequest {
        topics: topics.iter().map(topic).collect(),
        ..Default::default()
    }
}

/// The answer as a client reads it, and the image afterwards.
fn answered(
    image: &ClusterImage,
    request: &AlterPartitionReassignmentsRequest<'static>,
    version: i16,
) -> (AlterPartitionReassignmentsResponse<'static>, ClusterImage) {
    let request: AlterPartitionReassignmentsRequest<'static> = received(request, version);
    match translate(request) {
        Translation::Answer(response) => (received(&response, version), image.clone()),
        Translation::Ask { change, pending, .. } => {
            let (ending, image) = decided(image, change);
            (received(&pending.respond(ending), version), image)
        }
    }
}

fn codes(response: &AlterPartitionReassignmentsResponse<'_>) -> Vec<(String, i32, i16)> {
    let topics = response.responses.iter();
    let codes = topics.flat_map(|topic| {
        let partitions = topic.partitions.iter();
        partitions.map(|one| (topic.name.to_string(), one.partition_index, one.error_code))
    });
    codes.collect()
}

/// What is on its way: replicas, adding, removing.
type Listed = BTreeMap<(String, i32), (Vec<i32>, Vec<i32>, Vec<i32>)>;

fn listed(image: &ClusterImage, asked: Option<&[(&'static str, &[i32])]>) -> Listed {
    let topic = |(name, indexes): &(&'static str, &[i32])| ListPartitionReassignmentsTopics {
        name: Text::Borrowed(name),
        partition_indexes: indexes.to_vec(),
    };
    let topics = asked.map(|asked| asked.iter().map(topic).collect());
    let request = ListPartitionReassignmentsRequest { topics, ..Default::default() };
    let request: ListPartitionReassignmentsRequest<'_> = received(&request, 0);
    let answer: ListPartitionReassignmentsResponse<'_> = received(&list(&request, image), 0);
    assert_eq!(answer.error_code, 0);
    let topics = answer.topics.into_iter();
    let partitions = topics.flat_map(|topic| {
        topic.partitions.into_iter().map(move |one| {
            let nodes = (one.replicas, one.adding_replicas, one.removing_replicas);
            ((topic.name.to_string(), one.partition_index), nodes)
        })
    });
    partitions.collect()
}

#[test]
fn a_partition_is_listed_until_its_move_ends() {
    for version in served::<AlterPartitionReassignmentsRequest<'_>>() {
        let asked = request(&[("a", &[(0, Some(&[1002])), (1, None), (7, Some(&[1000]))])]);
        let (answer, moving) = answered(&image(), &asked, version);
        let name = || "a".to_owned();
        let not_moving = ErrorCode::NoReassignmentInProgress.code();
        let unknown = ErrorCode::UnknownTopicOrPartition.code();
        assert_eq!(codes(&answer), [(name(), 0, 0), (name(), 1, not_moving), (name(), 7, unknown)]);
        assert!(answer.allow_replication_factor_change);
        let expected = Listed::from([((name(), 0), (vec![1002, 1000], vec![1002], vec![1000]))]);
        assert_eq!(listed(&moving, None), expected);
        assert_eq!(listed(&moving, Some(&[("a", &[0, 1, 9]), ("b", &[0])])), expected);
        assert_eq!(listed(&moving, Some(&[("a", &[1])])), Listed::new());
        let (answer, ended) = answered(&moving, &request(&[("a", &[(0, None)])]), version);
        assert_eq!((codes(&answer), listed(&ended, None)), (vec![(name(), 0, 0)], Listed::new()));
    }
}

#[test]
fn what_fails_the_whole_request_is_said_once() {
    let asked = request(&[("a", &[(0, Some(&[1002]))])]);
    let Translation::Ask { pending, .. } = translate(asked) else { panic!("there is one to ask") };
    let ending = Ending::Decided(Outcome::Refused(ControllerError::LogFailed));
    let response = pending.respond(ending);
    assert_eq!(response.error_code, ErrorCode::KafkaStorageError.code());
    assert_eq!(codes(&response), []);
}

#[test]
fn a_request_about_nothing_is_not_asked() {
    let nothing = AlterPartitionReassignmentsRequest {
        allow_replication_factor_change: false,
        ..request(&[("a", &[])])
    };
    let (answer, after) = answered(&image(), &nothing, 1);
    assert_eq!((answer.error_code, answer.allow_replication_factor_change), (0, false));
    assert_eq!(after, image());
}
