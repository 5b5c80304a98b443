//! Several nodes: metadata, moved leaders, nodes that are away, and what must not be done twice.

use corelog_client::admin::{CreatedTopic, NewTopic};
use corelog_client::blocking::{Admin, Cluster};
use corelog_client::offsets::Moment;
use corelog_client::{ClientError, Endpoint, TopicPartition, Topics};
use corelog_model::{ErrorCode, NodeId, Offset, TopicId};
use corelog_wire::api::create_topics::CreatableTopicResult;
use corelog_wire::api::delete_topics::DeletableTopicResult;
use corelog_wire::api::list_offsets::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use corelog_wire::{
    ApiKey, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsResponse, ListOffsetsResponse,
};

use crate::fake::{Action, Fake, config, metadata, no_topic};

fn nobody() -> Endpoint {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    Endpoint::new("127.0.0.1", listener.local_addr().unwrap().port())
}

/// A cluster of this one node, which answers the first question about nodes.
fn alone(fake: &Fake) -> Cluster {
    let endpoint = fake.endpoint();
    fake.answers(metadata(std::slice::from_ref(&endpoint), &[]));
    Cluster::connect(&[endpoint], config()).unwrap()
}

fn listed(code: ErrorCode, offset: i64) -> ListOffsetsResponse<'static> {
    let partition = ListOffsetsPartitionResponse {
        partition_index: 0,
        error_code: code.code(),
        offset,
        ..Default::default()
    };
    let topic = ListOffsetsTopicResponse { name: "t".into(), partitions: vec![partition] };
    ListOffsetsResponse { topics: vec![topic], ..Default::default() }
}

#[test]
fn the_first_server_that_answers_is_enough() {
    let fake = Fake::start();
    fake.answers(metadata(&[fake.endpoint()], &[]));
    let cluster = Cluster::connect(&[nobody(), fake.endpoint()], config()).unwrap();
    let nodes: Vec<NodeId> = cluster.metadata().nodes().map(|node| node.id).collect();
    assert_eq!(nodes, [NodeId(1)]);
}

#[test]
fn when_nobody_answers_the_error_names_everyone() {
    let (one, other) = (nobody(), nobody());
    let error = Cluster::connect(&[one.clone(), other.clone()], config()).unwrap_err();
    let text = error.to_string();
    assert!(error.is_unreachable());
    assert!(text.contains(&one.to_string()) && text.contains(&other.to_string()), "{text}");
}

#[test]
fn a_moved_leader_is_looked_up_and_asked() {
    let (old, new) = (Fake::start(), Fake::start());
    let nodes = [old.endpoint(), new.endpoint()];
    old.answers(metadata(&nodes, &[(1, 0)]));
    old.answers(listed(ErrorCode::NotLeaderOrFollower, -1));
    old.answers(metadata(&nodes, &[(2, 1)]));
    new.answers(listed(ErrorCode::None, 42));
    let mut cluster = Cluster::connect(&nodes[..1], config()).unwrap();
    let wanted = [(TopicPartition::new("t", 0), Moment::End)].into();
    let found = cluster.list_offsets(&wanted).unwrap();
    assert_eq!(found, [(TopicPartition::new("t", 0), Some(Offset(42)))].into());
    assert_eq!(old.finished(), [ApiKey::Metadata, ApiKey::ListOffsets, ApiKey::Metadata]);
    assert_eq!(new.finished(), [ApiKey::ListOffsets]);
}

#[test]
fn a_connection_that_was_closed_while_idle_is_replaced() {
    let fake = Fake::start();
    let nodes = [fake.endpoint()];
    fake.answers(metadata(&nodes, &[]));
    let last = metadata(&nodes, &[]);
    fake.then(move |asked| Action::SendAndClose(asked.answer(&last)));
    fake.answers(metadata(&nodes, &[(1, 0)]));
    let mut cluster = Cluster::connect(&nodes, config()).unwrap();
    cluster.refresh(Topics::All).unwrap();
    // The end of the connection has to arrive before it can be seen.
    std::thread::sleep(std::time::Duration::from_millis(50));
    cluster.refresh(Topics::All).unwrap();
    assert!(cluster.metadata().topic("t").is_some());
    fake.finished();
}

#[test]
fn a_topic_that_appears_a_moment_later_is_waited_for() {
    let fake = Fake::start();
    let mut cluster = alone(&fake);
    let nodes = [fake.endpoint()];
    fake.answers(no_topic(&nodes));
    // Between two attempts the known topics are asked for anew: none so far.
    fake.answers(metadata(&nodes, &[]));
    fake.answers(metadata(&nodes, &[(1, 0)]));
    assert_eq!(cluster.require_topics(&["t"]), Ok(()));
    fake.finished();
}

#[test]
fn a_topic_that_does_not_appear_is_an_error_that_names_it() {
    let fake = Fake::start();
    let mut cluster = alone(&fake);
    let nodes = [fake.endpoint()];
    for _ in 0..200 {
        fake.answers(no_topic(&nodes));
    }
    assert_eq!(cluster.require_topics(&["t"]), Err(ClientError::NoTopic("t".to_owned())));
}

fn new_topic() -> NewTopic {
    NewTopic {
        name: "t".to_owned(),
        partitions: Some(3),
        replication_factor: None,
        configs: vec![("retention.ms".to_owned(), "5".to_owned())],
    }
}

fn created(code: ErrorCode) -> CreateTopicsResponse<'static> {
    let topic = CreatableTopicResult {
        name: "t".into(),
        topic_id: [3; 16],
        error_code: code.code(),
        error_message: Some("because".into()),
        num_partitions: 3,
        replication_factor: 1,
        ..Default::default()
    };
    CreateTopicsResponse { topics: vec![topic], ..Default::default() }
}

#[test]
fn creating_a_topic_moves_to_the_controller() {
    let fake = Fake::start();
    let cluster = alone(&fake);
    fake.answers(created(ErrorCode::NotController));
    fake.answers(metadata(&[fake.endpoint()], &[]));
    fake.then(|asked| {
        let request: CreateTopicsRequest<'_> = asked.decode();
        let topic = &request.topics[0];
        assert_eq!((&*topic.name, topic.num_partitions, topic.replication_factor), ("t", 3, -1));
        assert_eq!(topic.configs[0].value.as_deref(), Some("5"));
        Action::Send(asked.answer(&created(ErrorCode::None)))
    });
    let expected = CreatedTopic {
        id: TopicId::from_bytes([3; 16]),
        partitions: Some(3),
        replication_factor: Some(1),
    };
    assert_eq!(Admin::new(cluster).create_topic(&new_topic()), Ok(expected));
    fake.finished();
}

#[test]
fn a_refusal_carries_the_code_and_the_words_of_the_server() {
    let fake = Fake::start();
    let cluster = alone(&fake);
    fake.answers(created(ErrorCode::TopicAlreadyExists));
    let error = Admin::new(cluster).create_topic(&new_topic()).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TopicAlreadyExists));
    assert!(error.to_string().ends_with("(because)"), "{error}");
}

#[test]
fn a_change_whose_answer_was_lost_is_not_made_again() {
    let fake = Fake::start();
    let cluster = alone(&fake);
    fake.then(|_| Action::SendAndClose(Vec::new()));
    let error = Admin::new(cluster).create_topic(&new_topic()).unwrap_err();
    assert!(matches!(error, ClientError::Closed { .. }), "{error:?}");
    assert_eq!(fake.finished(), [ApiKey::Metadata, ApiKey::CreateTopics]);
}

#[test]
fn deleting_a_topic_that_is_not_there_is_not_retried() {
    let fake = Fake::start();
    let cluster = alone(&fake);
    let result = DeletableTopicResult {
        name: Some("t".into()),
        error_code: ErrorCode::UnknownTopicOrPartition.code(),
        ..Default::default()
    };
    fake.answers(DeleteTopicsResponse { responses: vec![result], ..Default::default() });
    let error = Admin::new(cluster).delete_topic("t");
    assert_eq!(error, Err(ClientError::NoTopic("t".to_owned())));
    fake.finished();
}

#[test]
fn an_answer_that_leaves_out_what_was_asked_is_an_error() {
    let fake = Fake::start();
    let cluster = alone(&fake);
    fake.answers(CreateTopicsResponse::default());
    let error = Admin::new(cluster).create_topic(&new_topic()).unwrap_err();
    assert!(matches!(error, ClientError::Missing { .. }), "{error:?}");
}
