//! Topics grow, or it is said why not.

use corelog_cluster::ClusterImage;
use corelog_model::ErrorCode;
use corelog_wire::api::create_partitions::CreatePartitionsAssignment;

use super::*;
use crate::api::scene::{cluster, decided, received, served, with_topic};

fn topic(name: &'static str, count: i32) -> CreatePartitionsTopic<'static> {
    CreatePartitionsTopic { name: name.into(), count, assignments: None }
}

fn asks(topics: Vec<CreatePartitionsTopic<'static>>) -> CreatePartitionsRequest<'static> {
    CreatePartitionsRequest { topics, timeout_ms: 500, validate_only: false }
}

/// Topics `a` of two partitions and `b` of one, on one broker of two cores.
fn image() -> ClusterImage {
    let image = with_topic(&cluster(&[2]), ("a", 1), (2, 1), &[]);
    with_topic(&image, ("b", 2), (1, 1), &[])
}

/// Names and errors as a client of that version reads them, and the image after it.
#[track_caller]
fn carried_out(
    request: &CreatePartitionsRequest<'_>,
    version: i16,
) -> (Vec<(String, ErrorCode)>, ClusterImage) {
    let request: CreatePartitionsRequest<'_> = received(request, version);
    let Translation::Ask { change, timeout, pending } = translate(request, Access::UNLIMITED)
    else {
        panic!("topics to grow")
    };
    assert_eq!(timeout.as_millis(), 500);
    let (ending, after) = decided(&image(), change);
    let answer: CreatePartitionsResponse<'_> = received(&pending.respond(ending), version);
    let results = answer.results.into_iter().map(|result| {
        let code = ErrorCode::from_code(result.error_code).unwrap();
        assert_eq!(result.error_message.is_some(), !code.is_none());
        (result.name.into_owned(), code)
    });
    (results.collect(), after)
}

fn named(name: &str, error: ErrorCode) -> (String, ErrorCode) {
    (name.to_owned(), error)
}

#[test]
fn topics_grow_and_fail_to_grow_one_by_one() {
    let topics = vec![topic("a", 4), topic("x", 2), topic("b", 1), topic("a b", 3)];
    for version in served::<CreatePartitionsRequest<'_>>() {
        let (results, after) = carried_out(&asks(topics.clone()), version);
        let expected = [
            named("a", ErrorCode::None),
            named("x", ErrorCode::UnknownTopicOrPartition),
            named("b", ErrorCode::InvalidPartitions),
            named("a b", ErrorCode::UnknownTopicOrPartition),
        ];
        assert_eq!(results, expected);
        assert_eq!(after.topic_by_name("a").unwrap().partition_count(), 4);
    }
}

#[test]
fn a_request_may_be_checked_only() {
    let request = CreatePartitionsRequest { validate_only: true, ..asks(vec![topic("a", 4)]) };
    let (results, after) = carried_out(&request, 3);
    assert_eq!(results, [named("a", ErrorCode::None)]);
    assert_eq!(after.version(), image().version());
}

#[test]
fn new_partitions_may_be_assigned_by_hand() {
    let assigned = |nodes: &[i32]| {
        let assignment = |node: &i32| CreatePartitionsAssignment { broker_ids: vec![*node] };
        let assignments = Some(nodes.iter().map(assignment).collect());
        asks(vec![CreatePartitionsTopic { assignments, ..topic("a", 4) }])
    };
    for version in served::<CreatePartitionsRequest<'_>>() {
        let (results, after) = carried_out(&assigned(&[1001, 1001]), version);
        assert_eq!(results, [named("a", ErrorCode::None)]);
        let partitions = after.topic_by_name("a").unwrap().partitions();
        let leaders: Vec<_> = partitions.map(|(_, state)| state.leader.get()).skip(2).collect();
        assert_eq!(leaders, [1001, 1001]);
        for nodes in [&[1001][..], &[1001, 1001, 1001], &[1001, 1002]] {
            let (results, _) = carried_out(&assigned(nodes), version);
            assert_eq!(results, [named("a", ErrorCode::InvalidReplicaAssignment)]);
        }
    }
}

#[test]
fn a_name_that_is_there_twice_is_answered_once() {
    let (results, _) = carried_out(&asks(vec![topic("a", 3), topic("b", 2), topic("a", 4)]), 3);
    assert_eq!(results, [named("a", ErrorCode::InvalidRequest), named("b", ErrorCode::None)]);
}

#[test]
fn nothing_is_asked_for_a_request_without_topics() {
    let nothing = Translation::Answer(CreatePartitionsResponse::default());
    assert_eq!(translate(asks(Vec::new()), Access::UNLIMITED), nothing);
}

#[test]
fn what_fails_the_controller_fails_each_topic() {
    let Translation::Ask { pending, .. } =
        translate(asks(vec![topic("a", 3), topic("b", 2)]), Access::UNLIMITED)
    else {
        panic!("topics to grow")
    };
    let answer = pending.respond(Ending::TimedOut);
    let codes: Vec<_> = answer.results.iter().map(|result| result.error_code).collect();
    assert_eq!(codes, [ErrorCode::RequestTimedOut.code(); 2]);
}
