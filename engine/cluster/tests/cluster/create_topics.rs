//! Topics are created where there is least, or refused with the reason.

use std::collections::BTreeMap;

use corelog_cluster::decide::create_topics::{
    CreateTopicError, CreateTopics, CreatedTopic, NewTopic, create_topics,
};
use corelog_cluster::decide::{Decision, Mode, TopicPolicy};
use corelog_cluster::{ClusterImage, ConfigResource, MetadataRecord};
use corelog_model::{ErrorCode, NodeId, PartitionIndex, TopicId};

use crate::scene::{
    cluster, leaders, name, new_topic, node, partition, registration, sized_topic, start, state,
    topic_id, with_topics,
};

fn decide(image: &ClusterImage, topics: Vec<NewTopic>) -> Decision<CreatedTopic, CreateTopicError> {
    let request = CreateTopics { mode: Mode::Apply, topics };
    let decision = create_topics(image, &TopicPolicy::default(), &request);
    image.fold(&decision.records).unwrap();
    decision
}

/// The code and the message of the only result, which is a refusal.
fn refusal(image: &ClusterImage, topic: NewTopic) -> (ErrorCode, String) {
    let decision = decide(image, vec![topic]);
    assert_eq!(decision.records, []);
    let [Err(error)] = &decision.results[..] else { panic!("{:?}", decision.results) };
    (error.code(), error.to_string())
}

type Assignments<'a> = &'a [(i32, &'a [NodeId])];

fn assigned(name: &str, assignments: Assignments<'_>) -> NewTopic {
    let assignments = assignments.iter();
    let assignments =
        assignments.map(|(index, nodes)| (PartitionIndex(*index), nodes.to_vec())).collect();
    NewTopic { assignments, ..new_topic(name) }
}

#[test]
fn a_topic_becomes_its_partitions_and_configs() {
    let topic = NewTopic {
        id: topic_id(1),
        configs: vec![("retention.ms".to_owned(), Some("1000".to_owned()))],
        ..sized_topic("t", 2, 1)
    };
    let decision = decide(&cluster(&[2]), vec![topic]);
    let created =
        CreatedTopic { id: topic_id(1), name: name("t"), partitions: 2, replication_factor: 1 };
    assert_eq!(decision.results, [Ok(created)]);
    let partition_created = |index, shard| MetadataRecord::PartitionCreated {
        partition: partition(1, index),
        state: state(&[node(1, shard)], 0),
    };
    let records = [
        MetadataRecord::TopicCreated { id: topic_id(1), name: name("t") },
        partition_created(0, 0),
        partition_created(1, 1),
        MetadataRecord::ConfigSet {
            resource: ConfigResource::Topic(name("t")),
            key: "retention.ms".to_owned(),
            value: Some("1000".to_owned()),
        },
    ];
    assert_eq!(decision.records, records);
}

#[test]
fn what_the_creator_leaves_open_comes_from_the_policy() {
    let policy = TopicPolicy {
        partitions_default: 3,
        replication_factor_default: 2,
        ..TopicPolicy::default()
    };
    let request = CreateTopics { mode: Mode::Apply, topics: vec![new_topic("t")] };
    let decision = create_topics(&cluster(&[1, 1]), &policy, &request);
    let created = decision.results[0].as_ref().unwrap();
    assert_eq!((created.partitions, created.replication_factor), (3, 2));
}

#[test]
fn partitions_go_round_robin() {
    let image = with_topics(&cluster(&[2, 2]), vec![sized_topic("t", 6, 1)]);
    let (a, b, c, d) = (node(1, 0), node(1, 1), node(2, 0), node(2, 1));
    assert_eq!(leaders(&image, "t"), [a, b, c, d, a, b]);
    // The next topic begins where there is least.
    let image = with_topics(&image, vec![sized_topic("u", 3, 1)]);
    assert_eq!(leaders(&image, "u"), [c, d, a]);
}

#[test]
fn a_topic_is_spread_even_where_one_node_is_empty() {
    let image = with_topics(&cluster(&[2]), vec![sized_topic("old", 100, 1)]);
    let image = start(&image, 1, 3);
    let image = with_topics(&image, vec![sized_topic("new", 5, 1)]);
    let (a, b, empty) = (node(1, 0), node(1, 1), node(1, 2));
    assert_eq!(leaders(&image, "new"), [empty, a, b, empty, a]);
}

#[test]
fn many_small_topics_are_spread_evenly() {
    let topics = (0..12).map(|number| sized_topic(&format!("t{number}"), 1, 1)).collect();
    let image = with_topics(&cluster(&[3, 1]), topics);
    for endpoint in image.nodes() {
        assert_eq!(image.partitions_led_by(endpoint.node).count(), 3);
    }
}

#[test]
fn replicas_are_on_different_brokers_and_spread() {
    let image = with_topics(&cluster(&[2, 2, 2]), vec![sized_topic("t", 12, 2)]);
    let mut replicas: BTreeMap<NodeId, usize> = BTreeMap::new();
    for (_, state) in image.partitions() {
        assert_eq!(state.replicas.len(), 2);
        assert_ne!(state.replicas[0].broker(), state.replicas[1].broker());
        assert_eq!((state.leader, &state.isr), (state.replicas[0], &state.replicas));
        state.replicas.iter().for_each(|node| *replicas.entry(*node).or_default() += 1);
    }
    assert_eq!(replicas.into_values().collect::<Vec<_>>(), [4; 6]);
}

#[test]
fn replicas_are_in_different_racks_where_there_are_enough() {
    let mut image = ClusterImage::empty();
    for (broker, rack) in [(1, "r"), (2, "r"), (3, "s")] {
        let request = corelog_cluster::decide::register_broker::RegisterBroker {
            rack: Some(rack.to_owned()),
            ..registration(broker, 1)
        };
        let register = corelog_cluster::decide::register_broker::register_broker;
        image = image.fold(&register(&image, &request).unwrap()).unwrap();
    }
    let image = with_topics(&image, vec![sized_topic("t", 6, 2), sized_topic("u", 1, 3)]);
    for (_, state) in image.partitions().filter(|(_, state)| state.replicas.len() == 2) {
        assert!(state.replicas.contains(&node(3, 0)), "{:?}", state.replicas);
    }
}

#[test]
fn replicas_chosen_by_hand_are_kept() {
    let (a, b, c) = (node(1, 0), node(1, 1), node(2, 0));
    let topic = assigned("t", &[(1, &[b, c]), (0, &[c, a])]);
    let image = with_topics(&cluster(&[2, 1]), vec![topic]);
    let topic = image.topic_by_name("t").unwrap();
    let states = topic.partitions().map(|(_, partition)| partition.clone()).collect::<Vec<_>>();
    assert_eq!(states, [state(&[c, a], 0), state(&[b, c], 0)]);
}

#[test]
fn replicas_that_cannot_be_are_refused() {
    let (a, b, c, unknown) = (node(1, 0), node(1, 1), node(2, 0), node(3, 0));
    let cases: [(Assignments<'_>, &str); 8] = [
        (&[(1, &[a])], "but partition 0 is missing"),
        (&[(0, &[a]), (2, &[a])], "but partition 1 is missing"),
        (&[(0, &[a]), (0, &[b])], "but partition 1 is missing"),
        (&[(-1, &[a]), (0, &[b])], "but partition 0 is missing"),
        (&[(0, &[a]), (1, &[])], "partition 1 is assigned to no node"),
        (&[(0, &[unknown])], "node 3000, which does not exist"),
        (&[(0, &[a, b])], "partition 0 is assigned to broker 1 twice"),
        (&[(0, &[a, c]), (1, &[a])], "partition 1 is assigned to 1 nodes, other partitions to 2"),
    ];
    for (assignments, reason) in cases {
        let (code, message) = refusal(&cluster(&[2, 1]), assigned("t", assignments));
        assert_eq!(code, ErrorCode::InvalidReplicaAssignment);
        assert!(message.contains(reason), "{message}");
    }
    for (partitions, replication_factor) in [(1, -1), (-1, 1)] {
        let topic = NewTopic { partitions, replication_factor, ..assigned("t", &[(0, &[a])]) };
        assert_eq!(refusal(&cluster(&[2, 1]), topic).0, ErrorCode::InvalidRequest);
    }
}

#[test]
fn names_that_are_invalid_taken_or_collide_are_refused() {
    let image = with_topics(&cluster(&[1]), vec![sized_topic("a.b", 1, 1)]);
    for (text, code) in [
        ("", ErrorCode::InvalidTopicException),
        ("..", ErrorCode::InvalidTopicException),
        ("a/b", ErrorCode::InvalidTopicException),
        ("a_b", ErrorCode::InvalidTopicException),
        ("a.b", ErrorCode::TopicAlreadyExists),
    ] {
        assert_eq!(refusal(&image, new_topic(text)).0, code, "{text:?}");
    }
    let decision = decide(&image, vec![new_topic("x_y"), new_topic("x.y")]);
    assert!(decision.results[0].is_ok());
    let collision = CreateTopicError::Collision { name: name("x.y"), existing: name("x_y") };
    assert_eq!(decision.results[1], Err(collision));
}

#[test]
fn a_name_that_comes_twice_is_refused_each_time() {
    let topics = vec![new_topic("a"), new_topic("b"), new_topic("a")];
    let decision = decide(&cluster(&[1]), topics);
    let duplicate = CreateTopicError::Duplicate { name: "a".to_owned() };
    assert_eq!(duplicate.code(), ErrorCode::InvalidRequest);
    assert_eq!(decision.results[0], Err(duplicate.clone()));
    assert_eq!(decision.results[2], Err(duplicate));
    assert_eq!(decision.results[1].as_ref().map(|topic| topic.name.clone()), Ok(name("b")));
}

#[test]
fn an_id_that_is_reserved_or_taken_is_refused() {
    let image = with_topics(&cluster(&[1]), vec![NewTopic { id: topic_id(1), ..new_topic("a") }]);
    for id in [TopicId::ZERO, TopicId::ONE, topic_id(1)] {
        let (code, _) = refusal(&image, NewTopic { id, ..new_topic("b") });
        assert_eq!(code, ErrorCode::UnknownServerError);
    }
    let same = |text| NewTopic { id: topic_id(2), ..new_topic(text) };
    let decision = decide(&image, vec![same("b"), same("c")]);
    assert_eq!(decision.results[1], Err(CreateTopicError::Id { id: topic_id(2) }));
}

#[test]
fn numbers_that_cannot_be_are_refused() {
    for (partitions, replication_factor, code) in [
        (0, 1, ErrorCode::InvalidPartitions),
        (-2, 1, ErrorCode::InvalidPartitions),
        (i32::MIN, 1, ErrorCode::InvalidPartitions),
        (1, 0, ErrorCode::InvalidReplicationFactor),
        (1, -2, ErrorCode::InvalidReplicationFactor),
        (1, 3, ErrorCode::InvalidReplicationFactor),
        (10_001, 1, ErrorCode::PolicyViolation),
        (i32::MAX, 1, ErrorCode::PolicyViolation),
    ] {
        let topic = sized_topic("t", partitions, replication_factor);
        assert_eq!(refusal(&cluster(&[4, 4]), topic).0, code, "{partitions} {replication_factor}");
    }
    let no_broker = refusal(&ClusterImage::empty(), new_topic("t"));
    assert_eq!(no_broker.0, ErrorCode::InvalidReplicationFactor);
}

#[test]
fn the_bounds_of_a_request_and_of_the_cluster_hold() {
    let policy = TopicPolicy {
        partitions_per_request_max: 10,
        partitions_max: 12,
        ..TopicPolicy::default()
    };
    let image = with_topics(&cluster(&[1]), vec![sized_topic("old", 4, 1)]);
    let run = |sizes: &[i32]| {
        let topics = sizes.iter().zip(0..);
        let topics = topics.map(|(size, number)| sized_topic(&format!("t{number}"), *size, 1));
        let request = CreateTopics { mode: Mode::Apply, topics: topics.collect() };
        let results = create_topics(&image, &policy, &request).results;
        results.into_iter().map(|result| result.map(|topic| topic.partitions)).collect::<Vec<_>>()
    };
    let cluster_full = |wanted| Err(CreateTopicError::TooManyInCluster { max: 12, wanted });
    let request_full = |wanted| Err(CreateTopicError::TooManyInRequest { max: 10, wanted });
    assert_eq!(run(&[8]), [Ok(8)]);
    assert_eq!(run(&[9]), [cluster_full(13)]);
    assert_eq!(run(&[11]), [request_full(11)]);
    // What is refused leaves room for what comes after it.
    assert_eq!(run(&[5, 6, 4, 3]), [Ok(5), request_full(11), cluster_full(13), Ok(3)]);
}

#[test]
fn validation_says_what_would_happen_and_changes_nothing() {
    let image = cluster(&[1]);
    let topics = vec![new_topic("a"), sized_topic("b", 0, 1)];
    let applied = decide(&image, topics.clone());
    let request = CreateTopics { mode: Mode::ValidateOnly, topics };
    let validated = create_topics(&image, &TopicPolicy::default(), &request);
    assert_eq!(validated, Decision { records: Vec::new(), results: applied.results });
}
