//! The transactional producer through sockets: what it asks in which order, and what it makes of
//! coordinators that move, refuse, or go away with the answer.

use std::time::Duration;

use corelog_client::producer::{Message, ProducerConfig};
use corelog_client::{ClientError, Cluster, Producer};
use corelog_model::ErrorCode;
use corelog_wire::api::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use corelog_wire::api::find_coordinator::Coordinator;
use corelog_wire::api::produce::{PartitionProduceResponse, TopicProduceResponse};
use corelog_wire::{
    AddPartitionsToTxnResponse, ApiKey, EndTxnRequest, EndTxnResponse, FindCoordinatorResponse,
    InitProducerIdResponse, ProduceResponse,
};

use crate::fake::{Action, Asked, Fake, TOPIC_ID, config, metadata};

const ID: &str = "writer";

/// The broker coordinates the transactional id.
fn finds(fake: &Fake) {
    let endpoint = fake.endpoint();
    let coordinator = Coordinator {
        key: ID.into(),
        node_id: 1,
        host: endpoint.host().to_owned().into(),
        port: endpoint.port().into(),
        ..Default::default()
    };
    fake.answers(FindCoordinatorResponse { coordinators: vec![coordinator], ..Default::default() });
}

fn initializes(fake: &Fake, code: ErrorCode) {
    let error_code = code.code();
    fake.answers(InitProducerIdResponse { error_code, producer_id: 77, ..Default::default() });
}

fn adds(fake: &Fake, code: ErrorCode) {
    let result =
        AddPartitionsToTxnPartitionResult { partition_index: 0, partition_error_code: code.code() };
    let topic =
        AddPartitionsToTxnTopicResult { name: "t".into(), results_by_partition: vec![result] };
    let topics = vec![topic];
    fake.answers(AddPartitionsToTxnResponse {
        results_by_topic_v3_and_below: topics,
        ..Default::default()
    });
}

fn produces(fake: &Fake) {
    fake.then(|asked: &Asked| {
        assert_eq!(asked.api, ApiKey::Produce);
        let partition = PartitionProduceResponse { base_offset: 5, ..Default::default() };
        let mut topic =
            TopicProduceResponse { partition_responses: vec![partition], ..Default::default() };
        if asked.version < 13 {
            topic.name = "t".into();
        } else {
            topic.topic_id = TOPIC_ID;
        }
        Action::Send(
            asked.answer(&ProduceResponse { responses: vec![topic], ..Default::default() }),
        )
    });
}

/// Whether the end of the transaction commits is checked.
fn ends(fake: &Fake, commits: bool, code: ErrorCode) {
    fake.then(move |asked: &Asked| {
        assert_eq!(asked.api, ApiKey::EndTxn);
        assert_eq!(asked.decode::<EndTxnRequest<'_>>().committed, commits);
        let error_code = code.code();
        Action::Send(asked.answer(&EndTxnResponse { error_code, ..Default::default() }))
    });
}

async fn producer_of(fake: &Fake) -> Producer {
    let endpoint = fake.endpoint();
    fake.knows(metadata(std::slice::from_ref(&endpoint), &[(1, 0)]));
    let cluster = Cluster::connect(&[endpoint], config()).await.unwrap();
    let config = ProducerConfig {
        transactional_id: Some(ID.to_owned()),
        delivery_timeout: Duration::from_secs(5),
        ..ProducerConfig::default()
    };
    Producer::new(&cluster, config).await.unwrap()
}

#[tokio::test]
async fn a_partition_is_added_before_its_first_batch_and_the_end_comes_last() {
    let fake = Fake::start();
    adds_produces_and(&fake, |fake| ends(fake, true, ErrorCode::None)).await.unwrap();
    let asked = fake.finished();
    let expected = [
        ApiKey::FindCoordinator,
        ApiKey::InitProducerId,
        ApiKey::AddPartitionsToTxn,
        ApiKey::Produce,
        ApiKey::EndTxn,
    ];
    assert_eq!(asked, expected);
}

/// Writes a record and commits; the script of the end is the caller's.
async fn adds_produces_and(fake: &Fake, end: impl FnOnce(&Fake)) -> Result<(), ClientError> {
    finds(fake);
    initializes(fake, ErrorCode::None);
    adds(fake, ErrorCode::None);
    produces(fake);
    end(fake);
    let producer = producer_of(fake).await;
    producer.init_transactions().await?;
    producer.begin().await?;
    producer.send(&Message::of_value("t", b"value")).await?;
    producer.commit().await
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_asked_for_again() {
    let fake = Fake::start();
    let committed = adds_produces_and(&fake, |fake| {
        fake.then(|_| Action::SendAndClose(Vec::new()));
        finds(fake);
        ends(fake, true, ErrorCode::None);
    });
    committed.await.unwrap();
    let asked = fake.finished();
    assert_eq!(asked.iter().filter(|api| **api == ApiKey::EndTxn).count(), 2);
}

#[tokio::test]
async fn a_coordinator_that_is_busy_or_moves_is_asked_again() {
    let fake = Fake::start();
    finds(&fake);
    initializes(&fake, ErrorCode::ConcurrentTransactions);
    initializes(&fake, ErrorCode::NotCoordinator);
    finds(&fake);
    initializes(&fake, ErrorCode::CoordinatorLoadInProgress);
    initializes(&fake, ErrorCode::None);
    adds(&fake, ErrorCode::ConcurrentTransactions);
    adds(&fake, ErrorCode::None);
    produces(&fake);
    ends(&fake, true, ErrorCode::None);
    let producer = producer_of(&fake).await;
    producer.init_transactions().await.unwrap();
    producer.begin().await.unwrap();
    producer.send(&Message::of_value("t", b"value")).await.unwrap();
    producer.commit().await.unwrap();
    fake.finished();
}

#[tokio::test]
async fn a_fenced_producer_is_at_its_end() {
    let fake = Fake::start();
    let end = |fake: &Fake| ends(fake, true, ErrorCode::ProducerFenced);
    let error = adds_produces_and(&fake, end).await.unwrap_err();
    assert!(matches!(error, ClientError::ProducerEnded { .. }), "{error}");
    assert_eq!(error.code(), Some(ErrorCode::ProducerFenced));
    fake.finished();
}

#[tokio::test]
async fn a_partition_that_is_refused_leaves_only_aborting() {
    let fake = Fake::start();
    finds(&fake);
    initializes(&fake, ErrorCode::None);
    adds(&fake, ErrorCode::TopicAuthorizationFailed);
    // No partition was added, so nothing has to end. The sequences of what was given up are not
    // used again: the producer asks for another epoch.
    initializes(&fake, ErrorCode::None);
    let producer = producer_of(&fake).await;
    producer.init_transactions().await.unwrap();
    producer.begin().await.unwrap();
    producer.send(&Message::of_value("t", b"value")).await.unwrap();
    let error = producer.commit().await.unwrap_err();
    assert!(matches!(error, ClientError::MustAbort { .. }), "{error}");
    producer.abort().await.unwrap();
    fake.finished();
}
