//! What clients see of the cluster, version by version.

use corelog_cluster::{LISTENER_DEFAULT, MetadataRecord, PartitionState};
use corelog_model::{LeaderEpoch, PartitionId};

use super::*;
use crate::api::scene::{cluster, decided, received, served, topic_id, topic_ids, with_topic};
use corelog_cluster::controller::ControllerError;

type NoErrors = BTreeMap<TopicName, ErrorCode>;

/// Two brokers with two cores and one; topics `a` and `b`.
fn image() -> ClusterImage {
    let image = with_topic(&cluster(&[2, 1]), ("a", 1), (2, 2), &[]);
    with_topic(&image, ("b", 2), (1, 1), &[])
}

fn by_name(name: &str) -> MetadataRequestTopic<'static> {
    MetadataRequestTopic { name: Some(name.to_owned().into()), ..Default::default() }
}

fn by_id(id: TopicId) -> MetadataRequestTopic<'static> {
    MetadataRequestTopic { topic_id: *id.as_bytes(), name: None }
}

fn asks(topics: Vec<MetadataRequestTopic<'static>>) -> MetadataRequest<'static> {
    MetadataRequest { topics: Some(topics), ..Default::default() }
}

/// The answer as a client of that version reads it.
#[track_caller]
fn answer(
    request: &MetadataRequest<'_>,
    version: i16,
    image: &ClusterImage,
    errors: &NoErrors,
) -> MetadataResponse<'static> {
    let request: MetadataRequest<'_> = received(request, version);
    received(
        &respond(&request, version, (image, Access::UNLIMITED), LISTENER_DEFAULT, errors),
        version,
    )
}

/// Names and errors of the topics in the answer.
#[track_caller]
fn found(
    request: &MetadataRequest<'_>,
    version: i16,
    image: &ClusterImage,
) -> Vec<(Option<String>, ErrorCode)> {
    let answer = answer(request, version, image, &NoErrors::new());
    let topics = answer.topics.into_iter().map(|topic| {
        let code = ErrorCode::from_code(topic.error_code).unwrap();
        (topic.name.map(Text::into_owned), code)
    });
    topics.collect()
}

fn named(name: &str, error: ErrorCode) -> (Option<String>, ErrorCode) {
    (Some(name.to_owned()), error)
}

#[test]
fn every_core_is_a_node_and_the_first_takes_changes() {
    for version in served::<MetadataRequest<'_>>() {
        let answer = answer(&asks(vec![by_name("a")]), version, &image(), &NoErrors::new());
        let nodes: Vec<_> = answer.brokers.iter().map(|b| (b.node_id, &*b.host, b.port)).collect();
        let expected =
            [(1000, "b1.example", 9092), (1001, "b1.example", 9093), (2000, "b2.example", 9092)];
        assert_eq!(nodes, expected);
        let racks: Vec<_> = answer.brokers.iter().map(|b| b.rack.as_deref()).collect();
        let racks_expected =
            if version >= 1 { [Some("1"), Some("1"), Some("2")] } else { [None; 3] };
        assert_eq!(racks, racks_expected);
        assert_eq!(answer.controller_id, if version >= 1 { 1000 } else { -1 });
        assert_eq!(answer.cluster_id.as_deref(), (version >= 2).then_some("the-cluster"));
        assert_eq!((answer.throttle_time_ms, answer.error_code), (0, 0));
    }
}

#[test]
fn a_topic_is_described_as_far_as_the_version_goes() {
    let image = image();
    for version in served::<MetadataRequest<'_>>() {
        let answer = answer(&asks(vec![by_name("a")]), version, &image, &NoErrors::new());
        let state = image.topic(topic_id(1)).unwrap();
        let partitions = state.partitions().map(|(index, state)| MetadataResponsePartition {
            error_code: 0,
            partition_index: index.get(),
            leader_id: state.leader.get(),
            leader_epoch: if version >= 7 { 0 } else { -1 },
            replica_nodes: state.replicas.iter().map(|node| node.get()).collect(),
            isr_nodes: state.isr.iter().map(|node| node.get()).collect(),
            offline_replicas: Vec::new(),
        });
        let expected = MetadataResponseTopic {
            error_code: 0,
            name: Some("a".into()),
            topic_id: if version >= 10 { *topic_id(1).as_bytes() } else { [0; 16] },
            is_internal: false,
            partitions: partitions.collect(),
            topic_authorized_operations: OPERATIONS_NOT_REQUESTED,
        };
        assert_eq!(answer.topics, [expected]);
        let brokers: BTreeSet<_> =
            answer.topics[0].partitions[0].replica_nodes.iter().map(|node| node / 1000).collect();
        assert_eq!(brokers, BTreeSet::from([1, 2]));
    }
}

#[test]
fn null_is_all_topics_and_from_version_1_an_empty_list_is_none() {
    let all = [named("a", ErrorCode::None), named("b", ErrorCode::None)];
    let null = MetadataRequest { topics: None, ..Default::default() };
    for version in served::<MetadataRequest<'_>>() {
        let empty = found(&asks(Vec::new()), version, &image());
        if version == 0 {
            assert_eq!(empty, all);
        } else {
            assert_eq!(empty, []);
            assert_eq!(found(&null, version, &image()), all);
        }
    }
}

#[test]
fn a_name_that_does_not_exist_is_told_from_one_that_cannot() {
    let request = asks(vec![by_name("x"), by_name("a b"), by_name("b"), by_name("")]);
    let expected = [
        named("x", ErrorCode::UnknownTopicOrPartition),
        named("a b", ErrorCode::InvalidTopicException),
        named("b", ErrorCode::None),
        named("", ErrorCode::InvalidTopicException),
    ];
    for version in served::<MetadataRequest<'_>>() {
        assert_eq!(found(&request, version, &image()), expected);
    }
}

#[test]
fn a_topic_asked_for_twice_is_described_once() {
    let request = asks(vec![by_name("a"), by_name("x"), by_name("a"), by_name("x")]);
    let expected = [named("a", ErrorCode::None), named("x", ErrorCode::UnknownTopicOrPartition)];
    assert_eq!(found(&request, 9, &image()), expected);
}

#[test]
fn from_version_12_topics_are_found_by_id() {
    let request = asks(vec![by_id(topic_id(2)), by_id(topic_id(9)), by_name("a")]);
    for version in 12..=13 {
        let expected = [
            named("b", ErrorCode::None),
            (None, ErrorCode::UnknownTopicId),
            named("a", ErrorCode::None),
        ];
        assert_eq!(found(&request, version, &image()), expected);
        let answer = answer(&request, version, &image(), &NoErrors::new());
        assert_eq!(answer.topics[1].topic_id, *topic_id(9).as_bytes());
    }
}

#[test]
fn an_id_decides_where_a_name_is_there_too() {
    let both = MetadataRequestTopic { topic_id: *topic_id(2).as_bytes(), name: Some("a".into()) };
    assert_eq!(found(&asks(vec![both]), 12, &image()), [named("b", ErrorCode::None)]);
}

#[test]
fn neither_name_nor_id_is_no_topic() {
    let neither = asks(vec![by_id(TopicId::ZERO)]);
    assert_eq!(found(&neither, 12, &image()), [(None, ErrorCode::UnknownTopicId)]);
}

#[test]
fn versions_10_and_11_have_ids_that_clients_must_not_use() {
    for version in 10..=11 {
        let request = asks(vec![by_name("a"), by_id(topic_id(2))]);
        // Only a faulty client writes a null here, so the request does not go over the wire.
        let image = image();
        let view = (&image, Access::UNLIMITED);
        let response = respond(&request, version, view, LISTENER_DEFAULT, &NoErrors::new());
        let read: MetadataResponse<'_> = received(&response, version);
        let errors: Vec<_> =
            read.topics.iter().map(|t| (t.name.as_deref(), t.error_code)).collect();
        let invalid = ErrorCode::InvalidRequest.code();
        assert_eq!(errors, [(Some("a"), invalid), (Some(""), invalid)]);
        let with_name =
            MetadataRequestTopic { topic_id: *topic_id(2).as_bytes(), name: Some("b".into()) };
        let expected = [named("b", ErrorCode::InvalidRequest)];
        assert_eq!(found(&asks(vec![with_name]), version, &image), expected);
    }
}

#[test]
fn operations_are_told_to_those_who_ask() {
    let request = MetadataRequest {
        include_cluster_authorized_operations: true,
        include_topic_authorized_operations: true,
        ..asks(vec![by_name("a"), by_name("x")])
    };
    for version in 8..=13 {
        let answer = answer(&request, version, &image(), &NoErrors::new());
        let of_cluster =
            if version <= 10 { operations::OF_CLUSTER } else { OPERATIONS_NOT_REQUESTED };
        assert_eq!(answer.cluster_authorized_operations, of_cluster);
        for topic in answer.topics {
            assert_eq!(topic.topic_authorized_operations, operations::OF_TOPIC);
        }
    }
}

/// Topic `a`, one partition of whose two replicas is on a node that is gone.
fn with_lost_node(leader: NodeId) -> ClusterImage {
    let image = with_topic(&cluster(&[1]), ("a", 1), (1, 1), &[]);
    let state = PartitionState {
        replicas: vec![NodeId(1000), NodeId(2000)],
        isr: vec![NodeId(1000), NodeId(2000)],
        leader,
        leader_epoch: LeaderEpoch(7),
        partition_epoch: 8,
        target: Vec::new(),
    };
    let partition = PartitionId::new(topic_id(1), PartitionIndex(0));
    image.fold(&[MetadataRecord::PartitionChanged { partition, state }]).unwrap()
}

#[test]
fn a_leader_that_cannot_be_reached_is_no_leader() {
    let image = with_lost_node(NodeId(2000));
    for version in served::<MetadataRequest<'_>>() {
        let answer = answer(&asks(vec![by_name("a")]), version, &image, &NoErrors::new());
        let partition = &answer.topics[0].partitions[0];
        assert_eq!(partition.error_code, ErrorCode::LeaderNotAvailable.code());
        assert_eq!(partition.leader_id, -1);
        assert_eq!(partition.leader_epoch, if version >= 7 { 7 } else { -1 });
    }
}

#[test]
fn a_replica_that_cannot_be_reached_is_offline() {
    let image = with_lost_node(NodeId(1000));
    for version in served::<MetadataRequest<'_>>() {
        let answer = answer(&asks(vec![by_name("a")]), version, &image, &NoErrors::new());
        let partition = &answer.topics[0].partitions[0];
        let (error, replicas) = if version == 0 {
            (ErrorCode::ReplicaNotAvailable, vec![1000])
        } else {
            (ErrorCode::None, vec![1000, 2000])
        };
        assert_eq!((partition.error_code, partition.leader_id), (error.code(), 1000));
        assert_eq!((&partition.replica_nodes, &partition.isr_nodes), (&replicas, &replicas));
        let offline = if version >= 5 { vec![2000] } else { Vec::new() };
        assert_eq!(partition.offline_replicas, offline);
    }
}

#[test]
fn an_empty_cluster_is_described_too() {
    let all = MetadataRequest { topics: None, ..Default::default() };
    let answer = answer(&all, 13, &ClusterImage::empty(), &NoErrors::new());
    assert_eq!(answer, MetadataResponse::default());
}

fn created(request: &MetadataRequest<'_>, version: i16, settings: &ApiSettings) -> Vec<String> {
    let (names, _) = topics_to_create(request, version, &image(), settings, Access::UNLIMITED);
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn unknown_names_are_created_where_client_and_operator_agree() {
    let topics = ["x", "a", "a b", "y", "x", "__consumer_offsets"].map(by_name).to_vec();
    let (request, settings) = (asks(topics), ApiSettings::default());
    for version in served::<MetadataRequest<'_>>() {
        let request: MetadataRequest<'_> = received(&request, version);
        assert_eq!(created(&request, version, &settings), ["x", "y"]);
    }
    let unwilling = MetadataRequest { allow_auto_topic_creation: false, ..request.clone() };
    assert_eq!(created(&unwilling, 9, &settings), [""; 0]);
    let settings = ApiSettings { auto_create_topics: false, ..settings };
    assert_eq!(created(&request, 9, &settings), [""; 0]);
}

#[test]
fn asking_for_all_by_id_or_wrongly_creates_nothing() {
    let settings = ApiSettings::default();
    let all = MetadataRequest { topics: None, ..Default::default() };
    assert_eq!(created(&all, 9, &settings), [""; 0]);
    assert_eq!(created(&asks(Vec::new()), 0, &settings), [""; 0]);
    assert_eq!(created(&asks(vec![by_id(topic_id(9))]), 12, &settings), [""; 0]);
    assert_eq!(created(&asks(vec![by_name("x"), by_id(topic_id(9))]), 11, &settings), [""; 0]);
}

#[test]
fn a_created_topic_has_no_leader_until_its_image_is_here() {
    let before = image();
    let request = asks(vec![by_name("x"), by_name("b")]);
    let settings = ApiSettings::default();
    let (names, _) = topics_to_create(&request, 12, &before, &settings, Access::UNLIMITED);
    let (ending, after) = decided(&before, creation(&names, topic_ids()));
    let errors = creation_errors(names, ending);

    let stale = answer(&request, 12, &before, &errors);
    assert_eq!(stale.topics[0].error_code, ErrorCode::LeaderNotAvailable.code());
    let fresh = answer(&request, 12, &after, &errors);
    assert_eq!((fresh.topics[0].error_code, fresh.topics[0].partitions.len()), (0, 1));
    assert_eq!(fresh.topics[0].topic_id, *topic_id(101).as_bytes());
}

#[test]
fn a_topic_that_cannot_be_created_says_why() {
    let before = with_topic(&cluster(&[1]), ("a.b", 9), (1, 1), &[]);
    let names: Vec<_> = ["a_b", "a.b"].map(|name| TopicName::new(name).unwrap()).to_vec();
    let (ending, _) = decided(&before, creation(&names, topic_ids()));
    let errors = creation_errors(names.clone(), ending);
    let expected = [ErrorCode::InvalidTopicException, ErrorCode::LeaderNotAvailable];
    assert_eq!(errors, names.into_iter().zip(expected).collect());
    let answer = answer(&asks(vec![by_name("a_b")]), 12, &before, &errors);
    assert_eq!(answer.topics[0].error_code, ErrorCode::InvalidTopicException.code());
}

#[test]
fn a_creation_without_a_decision_is_worth_another_question() {
    let errors = |ending| {
        let names = vec![TopicName::new("x").unwrap()];
        creation_errors(names, ending).into_values().collect::<Vec<_>>()
    };
    let refused = |error| Ending::Decided(Outcome::Refused(error));
    assert_eq!(errors(Ending::TimedOut), [ErrorCode::LeaderNotAvailable]);
    let busy = refused(ControllerError::Busy { max: 1 });
    assert_eq!(errors(busy), [ErrorCode::LeaderNotAvailable]);
    assert_eq!(errors(refused(ControllerError::LogFailed)), [ErrorCode::KafkaStorageError]);
}
