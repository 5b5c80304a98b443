//! The async drivers through sockets: order, time, and brokers that misbehave.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use corelog_client::admin::{AlterQuotas, CreateAcls, DeleteAcls, QuotaEntity};
use corelog_client::consumer::{ConsumerConfig, From, Partitions};
use corelog_client::producer::{Message, ProducerConfig};
use corelog_client::{
    Admin, ClientConfig, ClientError, Cluster, Connection, Consumer, CustomPartitioner, Producer,
    TopicPartition, Topics,
};
use corelog_model::{BatchBuilder, Codec, ErrorCode, Offset, Timestamp};
use corelog_wire::api::alter_client_quotas::EntryResult;
use corelog_wire::api::delete_acls::DeleteAclsFilter;
use corelog_wire::api::fetch::{FetchableTopicResponse, PartitionData};
use corelog_wire::api::list_offsets::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use corelog_wire::api::produce::{PartitionProduceResponse, TopicProduceResponse};
use corelog_wire::{
    AlterClientQuotasResponse, ApiKey, CreateAclsResponse, DeleteAclsResponse,
    DescribeAclsResponse, DescribeClientQuotasResponse, FetchRequest, FetchResponse,
    InitProducerIdResponse, ListOffsetsResponse, MetadataRequest, MetadataResponse,
    ProduceResponse, Records,
};

use crate::fake::{Action, Asked, Fake, TOPIC_ID, config, metadata};

async fn cluster_of(fake: &Fake) -> Cluster {
    let endpoint = fake.endpoint();
    fake.knows(metadata(std::slice::from_ref(&endpoint), &[(1, 0)]));
    Cluster::connect(&[endpoint], config()).await.unwrap()
}

fn produced(code: ErrorCode, base_offset: i64) -> ProduceResponse<'static> {
    let partition =
        PartitionProduceResponse { error_code: code.code(), base_offset, ..Default::default() };
    let topic = TopicProduceResponse {
        topic_id: TOPIC_ID,
        partition_responses: vec![partition],
        ..Default::default()
    };
    ProduceResponse { responses: vec![topic], ..Default::default() }
}

async fn producer_of(fake: &Fake, cluster: &Cluster, config: ProducerConfig) -> Producer {
    fake.answers(InitProducerIdResponse { producer_id: 77, ..Default::default() });
    Producer::new(cluster, config).await.unwrap()
}

#[tokio::test]
async fn requests_of_many_tasks_are_answered_in_their_order() {
    let fake = Fake::start();
    for id in 0..20 {
        fake.answers(MetadataResponse { controller_id: id, ..Default::default() });
    }
    let connection = Connection::open(&fake.endpoint(), &config()).await.unwrap();
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(connection.send(12, &MetadataRequest::default(), Vec::new()).await.unwrap());
    }
    for (id, mut pending) in open.into_iter().enumerate() {
        let reply = pending.reply().await.unwrap();
        assert_eq!(reply.decode::<MetadataResponse<'_>>().unwrap().controller_id, id as i32);
    }
    fake.finished();
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_disturbs_nobody() {
    let fake = Fake::start();
    fake.answers(MetadataResponse { controller_id: 1, ..Default::default() });
    fake.answers(MetadataResponse { controller_id: 2, ..Default::default() });
    let connection = Connection::open(&fake.endpoint(), &config()).await.unwrap();
    drop(connection.send(12, &MetadataRequest::default(), Vec::new()).await.unwrap());
    let reply = connection.call(&MetadataRequest::default()).await.unwrap();
    assert_eq!(reply.decode::<MetadataResponse<'_>>().unwrap().controller_id, 2);
}

#[tokio::test]
async fn silence_ends_the_connection_and_every_request_on_it() {
    let fake = Fake::start();
    fake.then(|_| Action::Silence).then(|_| Action::Silence);
    let config = ClientConfig { request_timeout: Duration::from_millis(100), ..config() };
    let connection = Connection::open(&fake.endpoint(), &config).await.unwrap();
    let mut first = connection.send(12, &MetadataRequest::default(), Vec::new()).await.unwrap();
    let mut second = connection.send(12, &MetadataRequest::default(), Vec::new()).await.unwrap();
    let error = first.reply().await.unwrap_err();
    assert!(matches!(error, ClientError::TimedOut { after_ms: 100, .. }), "{error}");
    assert_eq!(second.reply().await.unwrap_err(), error);
    assert!(!connection.is_alive());
    assert_eq!(connection.call(&MetadataRequest::default()).await.unwrap_err(), error);
}

#[tokio::test]
async fn a_hostile_length_is_an_error_and_takes_no_memory() {
    let fake = Fake::start();
    fake.then(|_| Action::Send(i32::MAX.to_be_bytes().to_vec()));
    let connection = Connection::open(&fake.endpoint(), &config()).await.unwrap();
    let error = connection.call(&MetadataRequest::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::Frame { .. }), "{error}");
}

#[tokio::test]
async fn a_closed_connection_is_noticed_and_replaced() {
    let fake = Fake::start();
    let nodes = [fake.endpoint()];
    let first = metadata(&nodes, &[]);
    fake.then(move |asked| Action::SendAndClose(asked.answer(&first)));
    let cluster = Cluster::connect(&nodes, config()).await.unwrap();
    fake.answers(metadata(&nodes, &[(1, 0)]));
    tokio::time::sleep(Duration::from_millis(50)).await;
    cluster.refresh(Topics::All).await.unwrap();
    assert!(cluster.metadata().topic("t").is_some());
    fake.finished();
}

#[tokio::test]
async fn a_lost_produce_is_sent_again_with_its_sequence() {
    let fake = Fake::start();
    let cluster = cluster_of(&fake).await;
    let producer = producer_of(&fake, &cluster, ProducerConfig::default()).await;
    fake.then(|asked| {
        assert_eq!(asked.api, ApiKey::Produce);
        Action::SendAndClose(vec![0, 0, 0])
    });
    fake.then(|asked| {
        Action::Send(asked.answer(&produced(ErrorCode::DuplicateSequenceNumber, -1)))
    });
    fake.answers(produced(ErrorCode::None, 6));
    let first = producer.send(&Message::of_value("t", b"one")).await.unwrap();
    assert_eq!(first.await.unwrap().offset, Offset::NONE);
    let second = producer.send(&Message::of_value("t", b"two")).await.unwrap();
    let delivered = second.await.unwrap();
    assert_eq!((delivered.at, delivered.offset), (TopicPartition::new("t", 0), Offset(6)));
    fake.finished();
}

#[tokio::test]
async fn who_sends_too_fast_waits_and_then_is_told() {
    let fake = Fake::start();
    let cluster = cluster_of(&fake).await;
    let config = ProducerConfig {
        memory_bytes_max: 200,
        request_bytes_max: 200,
        send_timeout: Duration::from_millis(50),
        linger: Duration::ZERO,
        ..ProducerConfig::default()
    };
    let producer = producer_of(&fake, &cluster, config).await;
    fake.then(|asked| {
        std::thread::sleep(Duration::from_millis(200));
        Action::Send(asked.answer(&produced(ErrorCode::None, 0)))
    });
    fake.answers(produced(ErrorCode::None, 1));
    let value = [0; 100];
    let message = Message::of_value("t", &value);
    let first = producer.send(&message).await.unwrap();
    let error = producer.send(&message).await.unwrap_err();
    assert!(matches!(error, ClientError::NoRoom { .. }), "{error}");
    assert!(producer.try_send(&message).unwrap().is_none());
    first.await.unwrap();
    assert_eq!(producer.send(&message).await.unwrap().await.unwrap().offset, Offset(1));
}

#[tokio::test]
async fn a_custom_partitioner_is_asked_once_for_each_record() {
    let fake = Fake::start();
    let cluster = cluster_of(&fake).await;
    let config = ProducerConfig {
        memory_bytes_max: 200,
        request_bytes_max: 200,
        linger: Duration::ZERO,
        ..ProducerConfig::default()
    };
    let calls = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&calls);
    let custom: CustomPartitioner = Box::new(move |_, topic| {
        seen.fetch_add(1, Ordering::Relaxed);
        topic.partitions.keys().next().copied()
    });
    fake.answers(InitProducerIdResponse { producer_id: 77, ..Default::default() });
    let producer = Producer::with_partitioner(&cluster, config, custom).await.unwrap();
    for offset in 0..2 {
        fake.answers(produced(ErrorCode::None, offset));
    }
    let value = [0; 100];
    let message = Message::of_value("t", &value);
    let first = producer.send(&message).await.unwrap();
    // There is no room for it before the first has its answer.
    let second = producer.send(&message).await.unwrap();
    assert_eq!(first.await.unwrap().offset, Offset(0));
    assert_eq!(second.await.unwrap().offset, Offset(1));
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_record_that_is_refused_fails_alone() {
    let fake = Fake::start();
    let cluster = cluster_of(&fake).await;
    let producer = producer_of(&fake, &cluster, ProducerConfig::default()).await;
    fake.answers(produced(ErrorCode::MessageTooLarge, -1));
    fake.answers(produced(ErrorCode::None, 3));
    let message = Message::of_value("t", b"value");
    let error = producer.send(&message).await.unwrap().await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::MessageTooLarge));
    producer.send(&message).await.unwrap().await.unwrap();
    let totals = producer.totals();
    assert_eq!((totals.records, totals.failed_records), (1, 1));
}

fn listed(offset: i64) -> ListOffsetsResponse<'static> {
    let partition = ListOffsetsPartitionResponse { offset, ..Default::default() };
    let topic = ListOffsetsTopicResponse { name: "t".into(), partitions: vec![partition] };
    ListOffsetsResponse { topics: vec![topic], ..Default::default() }
}

fn batch(first: i64, count: i64) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Codec::None, None);
    for offset in first..first + count {
        builder.append(Timestamp(offset), None, Some(offset.to_string().as_bytes()), &[]);
    }
    builder.build(Offset(first))
}

fn fetched(session_id: i32, code: ErrorCode, records: &[u8]) -> FetchResponse<'_> {
    let partition = PartitionData {
        error_code: code.code(),
        high_watermark: 6,
        records: Records::Bytes(records),
        ..Default::default()
    };
    let topic = FetchableTopicResponse {
        topic_id: TOPIC_ID,
        partitions: vec![partition],
        ..Default::default()
    };
    FetchResponse { session_id, responses: vec![topic], ..Default::default() }
}

/// What a Fetch request says: session, epoch, and the offset if the partition is named.
fn said(asked: &Asked) -> (i32, i32, Option<i64>) {
    assert_eq!(asked.api, ApiKey::Fetch);
    let request: FetchRequest<'_> = asked.decode();
    let offset = request.topics.first().map(|topic| topic.partitions[0].fetch_offset);
    (request.session_id, request.session_epoch, offset)
}

#[tokio::test]
async fn sessions_are_kept_lost_and_begun_anew() {
    let fake = Fake::start();
    let cluster = cluster_of(&fake).await;
    fake.answers(listed(0));
    fake.then(|asked| {
        assert_eq!(said(asked), (0, 0, Some(0)));
        Action::Send(asked.answer(&fetched(5, ErrorCode::None, &batch(0, 2))))
    });
    fake.then(|asked| {
        assert_eq!(said(asked), (5, 1, Some(2)));
        let nothing = FetchResponse { session_id: 5, ..Default::default() };
        Action::Send(asked.answer(&nothing))
    });
    fake.then(|asked| {
        assert_eq!(said(asked), (5, 2, None));
        let error_code = ErrorCode::FetchSessionIdNotFound.code();
        Action::Send(asked.answer(&FetchResponse { error_code, ..Default::default() }))
    });
    fake.then(|asked| {
        assert_eq!(said(asked), (5, 0, Some(2)));
        Action::Send(asked.answer(&fetched(6, ErrorCode::None, &batch(2, 4))))
    });
    fake.then(|asked| {
        assert_eq!(said(asked), (6, 1, Some(6)));
        Action::Silence
    });
    let config = ConsumerConfig { max_wait: Duration::from_millis(50), ..Default::default() };
    let mut consumer = Consumer::new(&cluster, config).unwrap();
    consumer.assign("t", Partitions::All, From::Beginning).await.unwrap();
    let mut values = Vec::new();
    while values.len() < 6 {
        let records = consumer.poll(Duration::from_secs(5)).await.unwrap();
        assert!(!records.is_empty(), "nothing came after {values:?}");
        values.extend(records.into_iter().map(|record| record.value.unwrap()));
    }
    assert_eq!(values, ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(consumer.positions().into_values().collect::<Vec<_>>(), [Offset(6)]);
    assert_eq!(consumer.high_watermark(&TopicPartition::new("t", 0)), Some(Offset(6)));
}

#[tokio::test]
async fn a_poll_gives_at_most_as_many_records_as_were_asked_for() {
    let fake = Fake::start();
    let cluster = cluster_of(&fake).await;
    fake.then(|asked| Action::Send(asked.answer(&fetched(0, ErrorCode::None, &batch(0, 10)))));
    let config = ConsumerConfig { poll_records_max: 4, ..Default::default() };
    let mut consumer = Consumer::new(&cluster, config).unwrap();
    consumer.assign("t", Partitions::All, From::Offset(Offset(1))).await.unwrap();
    let mut counts = Vec::new();
    for _ in 0..3 {
        counts.push(consumer.poll(Duration::from_secs(5)).await.unwrap().len());
    }
    assert_eq!(counts, [4, 4, 1]);
}

#[tokio::test]
async fn what_comes_for_an_old_position_is_passed_over() {
    let fake = Fake::start();
    let cluster = cluster_of(&fake).await;
    fake.then(|asked| {
        assert_eq!(said(asked), (0, 0, Some(1)));
        std::thread::sleep(Duration::from_millis(100));
        Action::Send(asked.answer(&fetched(0, ErrorCode::None, &batch(0, 6))))
    });
    fake.then(|asked| {
        assert_eq!(said(asked), (0, 0, Some(0)));
        Action::Send(asked.answer(&fetched(0, ErrorCode::None, &batch(0, 6))))
    });
    let mut consumer = Consumer::new(&cluster, ConsumerConfig::default()).unwrap();
    let at = TopicPartition::new("t", 0);
    consumer.assign("t", Partitions::All, From::Offset(Offset(1))).await.unwrap();
    assert!(consumer.poll(Duration::from_millis(20)).await.unwrap().is_empty());
    consumer.seek(&at, From::Offset(Offset(0))).unwrap();
    let records = consumer.poll(Duration::from_secs(5)).await.unwrap();
    let offsets: Vec<i64> = records.iter().map(|record| record.offset.0).collect();
    assert_eq!(offsets, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_connection_sends_nothing_while_the_server_wants_it_to_wait() {
    let fake = Fake::start();
    // Longer than a request may take.
    let wait = Duration::from_secs(1);
    let begun = std::time::Instant::now();
    fake.answers(MetadataResponse { throttle_time_ms: 1_000, ..Default::default() });
    fake.then(move |asked| {
        assert!(begun.elapsed() >= wait, "it was asked after {:?}", begun.elapsed());
        Action::Send(asked.answer(&MetadataResponse::default()))
    });
    let connection = Connection::open(&fake.endpoint(), &config()).await.unwrap();
    for _ in 0..2 {
        connection.call_in(12, &MetadataRequest::default()).await.unwrap();
    }
    assert_eq!(fake.finished(), [ApiKey::Metadata; 2]);
}

#[tokio::test]
async fn rights_and_quotas_are_asked_for() {
    let fake = Fake::start();
    let cluster = cluster_of(&fake).await;
    let admin = Admin::new(&cluster);
    fake.answers(DescribeAclsResponse::default());
    let filter = DeleteAclsFilter::default();
    assert_eq!(admin.list_acls(&filter).await, Ok(Vec::new()));
    fake.answers(DescribeClientQuotasResponse::default());
    assert_eq!(admin.list_quotas().await, Ok(BTreeMap::new()));
    let error_code = ErrorCode::ClusterAuthorizationFailed.code();
    let refused = AlterClientQuotasResponse {
        entries: vec![EntryResult { error_code, ..Default::default() }],
        ..Default::default()
    };
    fake.answers(refused);
    let changes = BTreeMap::from([("producer_byte_rate".to_owned(), None)]);
    let alter = AlterQuotas { entity: QuotaEntity::default(), changes };
    let error = admin.alter_quotas(&alter).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::ClusterAuthorizationFailed));
    fake.answers(DeleteAclsResponse { filter_results: Vec::new(), ..Default::default() });
    let deleted = admin.delete_acls(&DeleteAcls { filters: Vec::new() }).await;
    assert_eq!(deleted, Ok(Vec::new()));
    fake.answers(CreateAclsResponse::default());
    assert_eq!(admin.create_acls(&CreateAcls { creations: Vec::new() }).await, Ok(()));
    fake.finished();
}
