//! Topics grow, and only grow.

use corelog_cluster::decide::create_partitions::{
    CreatePartitions, CreatePartitionsError, GrownTopic, TopicGrowth, create_partitions,
};
use corelog_cluster::decide::{Decision, Mode, TopicPolicy};
use corelog_cluster::{ClusterImage, MetadataRecord};
use corelog_model::{ErrorCode, NodeId};

use crate::scene::{
    cluster, leaders, name, new_topic, node, partition, sized_topic, start, state, topic_id,
    with_topics,
};

fn growth(name: &str, partitions: i32) -> TopicGrowth {
    TopicGrowth { name: name.to_owned(), partitions, assignments: None }
}

fn assigned(name: &str, partitions: i32, assignments: &[&[NodeId]]) -> TopicGrowth {
    let assignments = Some(assignments.iter().map(|nodes| nodes.to_vec()).collect());
    TopicGrowth { assignments, ..growth(name, partitions) }
}

fn decide(
    image: &ClusterImage,
    topics: Vec<TopicGrowth>,
) -> Decision<GrownTopic, CreatePartitionsError> {
    let request = CreatePartitions { mode: Mode::Apply, topics };
    let decision = create_partitions(image, &TopicPolicy::default(), &request);
    image.fold(&decision.records).unwrap();
    decision
}

fn refusal(image: &ClusterImage, topic: TopicGrowth) -> (ErrorCode, String) {
    let decision = decide(image, vec![topic]);
    assert_eq!(decision.records, []);
    let [Err(error)] = &decision.results[..] else { panic!("{:?}", decision.results) };
    (error.code(), error.to_string())
}

#[test]
fn a_topic_grows_by_the_partitions_it_lacks() {
    let topic = corelog_cluster::decide::create_topics::NewTopic {
        id: topic_id(1),
        partitions: 1,
        ..new_topic("t")
    };
    let decision = decide(&with_topics(&cluster(&[3]), vec![topic]), vec![growth("t", 3)]);
    assert_eq!(decision.results, [Ok(GrownTopic { name: name("t"), partitions: 3 })]);
    let created = |index, shard| MetadataRecord::PartitionCreated {
        partition: partition(1, index),
        state: state(&[node(1, shard)], 0),
    };
    assert_eq!(decision.records, [created(1, 1), created(2, 2)]);
}

#[test]
fn new_partitions_go_where_the_topic_is_not_yet() {
    let image = with_topics(&cluster(&[2]), vec![sized_topic("t", 4, 1), sized_topic("u", 1, 1)]);
    let image = start(&image, 1, 4);
    let image = image.fold(&decide(&image, vec![growth("t", 8)]).records).unwrap();
    let (a, b, c, d) = (node(1, 0), node(1, 1), node(1, 2), node(1, 3));
    // Two each on the new shards, which evens the topic out.
    assert_eq!(leaders(&image, "t"), [a, b, a, b, c, d, c, d]);
}

#[test]
fn new_partitions_have_the_replication_factor_of_the_old_ones() {
    let image = with_topics(&cluster(&[1, 1, 1]), vec![sized_topic("t", 1, 2)]);
    let image = image.fold(&decide(&image, vec![growth("t", 4)]).records).unwrap();
    assert!(image.partitions().all(|(_, state)| state.replicas.len() == 2));
}

#[test]
fn replicas_chosen_by_hand_are_kept_or_refused() {
    let (a, b, c) = (node(1, 0), node(1, 1), node(2, 0));
    let image = with_topics(&cluster(&[2, 1]), vec![sized_topic("t", 1, 1)]);
    let grown = decide(&image, vec![assigned("t", 3, &[&[b], &[c]])]);
    let grown = image.fold(&grown.records).unwrap();
    assert_eq!(leaders(&grown, "t"), [a, b, c]);
    let cases: [(&[&[NodeId]], &str); 4] = [
        (&[&[a]], "1 assignments for 2 partitions"),
        (&[&[a], &[]], "partition 2 is assigned to no node"),
        (&[&[a], &[node(9, 0)]], "node 9000, which does not exist"),
        (&[&[a, c], &[a, c]], "partition 1 is assigned to 2 nodes, other partitions to 1"),
    ];
    for (assignments, reason) in cases {
        let (code, message) = refusal(&image, assigned("t", 3, assignments));
        assert_eq!(code, ErrorCode::InvalidReplicaAssignment);
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn a_topic_does_not_shrink_or_stay() {
    let image = with_topics(&cluster(&[1]), vec![sized_topic("t", 3, 1)]);
    for partitions in [3, 2, 0, -1, i32::MIN] {
        assert_eq!(refusal(&image, growth("t", partitions)).0, ErrorCode::InvalidPartitions);
    }
}

#[test]
fn unknown_and_doubled_topics_are_refused() {
    let image = with_topics(&cluster(&[1]), vec![sized_topic("t", 1, 1)]);
    assert_eq!(refusal(&image, growth("x", 2)).0, ErrorCode::UnknownTopicOrPartition);
    let decision = decide(&image, vec![growth("t", 2), growth("t", 3)]);
    let duplicate = CreatePartitionsError::Duplicate { name: "t".to_owned() };
    assert_eq!(duplicate.code(), ErrorCode::InvalidRequest);
    assert_eq!(decision.results, [Err(duplicate.clone()), Err(duplicate)]);
}

#[test]
fn the_bounds_of_a_request_and_of_the_cluster_hold() {
    let policy =
        TopicPolicy { partitions_per_request_max: 6, partitions_max: 9, ..TopicPolicy::default() };
    let image = with_topics(&cluster(&[1]), vec![sized_topic("t", 1, 1), sized_topic("u", 3, 1)]);
    let run = |topics: Vec<TopicGrowth>| {
        let request = CreatePartitions { mode: Mode::Apply, topics };
        let results = create_partitions(&image, &policy, &request).results;
        results.into_iter().map(|result| result.map(|topic| topic.partitions)).collect::<Vec<_>>()
    };
    let cluster_full = Err(CreatePartitionsError::TooManyInCluster { max: 9, wanted: 10 });
    let request_full = Err(CreatePartitionsError::TooManyInRequest { max: 6, wanted: 7 });
    assert_eq!(run(vec![growth("t", 6)]), [Ok(6)]);
    assert_eq!(run(vec![growth("t", 7)]), std::slice::from_ref(&cluster_full));
    assert_eq!(run(vec![growth("t", 8)]), [request_full]);
    assert_eq!(run(vec![growth("t", 5), growth("u", 5)]), [Ok(5), cluster_full]);
    let huge = run(vec![growth("t", i32::MAX)]);
    assert_eq!(huge[0].as_ref().unwrap_err().code(), ErrorCode::PolicyViolation);
}

#[test]
fn validation_says_what_would_happen_and_changes_nothing() {
    let image = with_topics(&cluster(&[1]), vec![sized_topic("t", 1, 1)]);
    let topics = vec![growth("t", 2), growth("x", 2)];
    let applied = decide(&image, topics.clone());
    let request = CreatePartitions { mode: Mode::ValidateOnly, topics };
    let validated = create_partitions(&image, &TopicPolicy::default(), &request);
    assert_eq!(validated, Decision { records: Vec::new(), results: applied.results });
}
