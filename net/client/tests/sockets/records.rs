//! Records through sockets: what a producer sends and a consumer reads when brokers misbehave.

use std::ops::ControlFlow;
use std::time::Duration;

use corelog_client::blocking::{Cluster, Consumer, Producer};
use corelog_client::consumer::{From, Partitions, Until};
use corelog_client::producer::{Acks, Delivery, Message};
use corelog_client::{ClientError, ConsumerConfig, Endpoint, ProducerConfig};
use corelog_model::{BatchBuilder, BatchView, Codec, ErrorCode, Offset, Timestamp};
use corelog_wire::api::current_leader::{LeaderIdAndEpoch, NodeEndpoint};
use corelog_wire::api::fetch::{FetchableTopicResponse, PartitionData};
use corelog_wire::api::list_offsets::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use corelog_wire::api::produce::{PartitionProduceResponse, TopicProduceResponse};
use corelog_wire::{
    ApiKey, FetchRequest, FetchResponse, InitProducerIdResponse, ListOffsetsResponse,
    ProduceRequest, ProduceResponse, Records,
};

use crate::fake::{Action, Asked, Fake, TOPIC_ID, config, metadata};

fn producer_id() -> InitProducerIdResponse {
    InitProducerIdResponse { producer_id: 77, ..Default::default() }
}

fn produced(code: ErrorCode, base_offset: i64) -> ProduceResponse<'static> {
    let partition = PartitionProduceResponse {
        index: 0,
        error_code: code.code(),
        base_offset,
        ..Default::default()
    };
    let topic = TopicProduceResponse {
        topic_id: TOPIC_ID,
        partition_responses: vec![partition],
        ..Default::default()
    };
    ProduceResponse { responses: vec![topic], ..Default::default() }
}

/// Checks a Produce request and gives the sequence and number of records of its one batch.
fn batch_of(asked: &Asked) -> (i32, i32) {
    assert_eq!((asked.api, asked.version), (ApiKey::Produce, 13));
    let request: ProduceRequest<'_> = asked.decode();
    let [topic] = request.topic_data.as_slice() else { panic!("{request:?}") };
    assert_eq!((request.acks, topic.topic_id), (-1, TOPIC_ID));
    let [partition] = topic.partition_data.as_slice() else { panic!("{request:?}") };
    let (batch, rest) = BatchView::parse(partition.records.bytes()).unwrap();
    assert_eq!((batch.verify_crc(), rest.len(), batch.producer_id().0), (Ok(()), 0, 77));
    (batch.base_sequence().0, batch.record_count())
}

fn one_by_one() -> ProducerConfig {
    ProducerConfig {
        batch_records_max: 1,
        retry_pause: Duration::from_millis(5),
        delivery_timeout: Duration::from_secs(5),
        ..ProducerConfig::default()
    }
}

/// Brokers 1 and 2, where 1 leads `t-0`, and a producer that knows them.
fn producer(config_of: ProducerConfig) -> (Fake, Fake, Producer) {
    let (one, two) = (Fake::start(), Fake::start());
    let nodes = [one.endpoint(), two.endpoint()];
    one.answers(metadata(&nodes, &[(1, 0)]));
    if config_of.is_idempotent {
        one.answers(producer_id());
    }
    let cluster = Cluster::connect(&nodes[..1], config()).unwrap();
    let producer = Producer::new(cluster, config_of).unwrap();
    (one, two, producer)
}

fn send(producer: &mut Producer, count: usize) {
    for _ in 0..count {
        producer.send(&Message::of_value("t", b"value")).unwrap();
    }
}

/// The offsets of the records, in the order they were sent.
fn offsets(producer: &mut Producer) -> Vec<i64> {
    let deliveries = producer.flush().unwrap();
    let mut records: Vec<(u64, i64)> = deliveries
        .iter()
        .flat_map(Delivery::records)
        .map(|(ticket, offset)| (ticket.0, offset.unwrap().0))
        .collect();
    records.sort_unstable();
    records.into_iter().map(|(_, offset)| offset).collect()
}

#[test]
fn records_get_the_offsets_the_server_gave() {
    let (one, _, mut producer) = producer(ProducerConfig::default());
    one.then(|asked| {
        assert_eq!(batch_of(asked), (0, 3));
        Action::Send(asked.answer(&produced(ErrorCode::None, 500)))
    });
    send(&mut producer, 3);
    assert_eq!(offsets(&mut producer), [500, 501, 502]);
    assert_eq!((producer.totals().records, producer.totals().batches), (3, 1));
}

#[test]
fn a_record_without_room_is_not_taken_and_nobody_waits() {
    let record_bytes = 50;
    let linger = Duration::from_millis(1);
    let config_of =
        ProducerConfig { memory_bytes_max: record_bytes, linger, ..ProducerConfig::default() };
    let (one, _, mut producer) = producer(config_of);
    let message = Message::of_value("t", b"value");
    assert!(producer.try_send(&message).unwrap().is_some());
    assert_eq!(producer.try_send(&message), Ok(None));
    assert!(producer.time_to_wakeup().is_some_and(|left| left <= linger));
    assert_eq!(producer.waiting_connections().count(), 0);
    one.then(|asked| Action::Send(asked.answer(&produced(ErrorCode::None, 7))));
    assert_eq!(offsets(&mut producer), [7]);
    assert!(producer.try_send(&message).unwrap().is_some());
}

#[test]
fn requests_are_in_flight_together() {
    let (one, _, mut producer) = producer(one_by_one());
    // The first is alone.
    one.answers(produced(ErrorCode::None, 0));
    send(&mut producer, 1);
    offsets(&mut producer);
    // Nothing is answered before the third request is there.
    one.then(|_| Action::Silence).then(|_| Action::Silence).then(|asked| {
        let response = |correlation_id: i32| {
            let response = produced(ErrorCode::None, 10 + i64::from(correlation_id));
            corelog_wire::encode_response(correlation_id, asked.version, &response).unwrap().head
        };
        let last = asked.correlation_id;
        Action::Send([last - 2, last - 1, last].map(response).concat())
    });
    send(&mut producer, 3);
    let offsets = offsets(&mut producer);
    assert_eq!([offsets[1] - offsets[0], offsets[2] - offsets[1]], [1, 1]);
}

#[test]
fn a_refused_batch_follows_the_leader() {
    let (one, two, mut producer) = producer(ProducerConfig::default());
    let nodes = [one.endpoint(), two.endpoint()];
    one.then(|asked| {
        batch_of(asked);
        Action::Send(asked.answer(&produced(ErrorCode::NotLeaderOrFollower, -1)))
    });
    one.answers(metadata(&nodes, &[(2, 1)]));
    two.then(|asked| {
        assert_eq!(batch_of(asked), (0, 2));
        Action::Send(asked.answer(&produced(ErrorCode::None, 7)))
    });
    send(&mut producer, 2);
    assert_eq!(offsets(&mut producer), [7, 8]);
    one.finished();
    two.finished();
}

#[test]
fn a_leader_named_in_the_refusal_is_asked() {
    let (one, two, mut producer) = producer(ProducerConfig::default());
    let endpoint = two.endpoint();
    let nodes = [one.endpoint(), two.endpoint()];
    one.then(move |asked| {
        let mut response = produced(ErrorCode::NotLeaderOrFollower, -1);
        response.responses[0].partition_responses[0].current_leader =
            LeaderIdAndEpoch { leader_id: 2, leader_epoch: 5 };
        response.node_endpoints = vec![NodeEndpoint {
            node_id: 2,
            host: endpoint.host().to_owned().into(),
            port: endpoint.port().into(),
            rack: None,
        }];
        Action::Send(asked.answer(&response))
    });
    // The old leader still believes in itself; its epoch is older, so it is passed over.
    one.answers(metadata(&nodes, &[(1, 0)]));
    two.then(|asked| Action::Send(asked.answer(&produced(ErrorCode::None, 7))));
    send(&mut producer, 1);
    assert_eq!(offsets(&mut producer), [7]);
    two.finished();
}

#[test]
fn batches_of_a_lost_connection_are_sent_again_as_they_were() {
    let (one, two, mut producer) = producer(one_by_one());
    let nodes = [one.endpoint(), two.endpoint()];
    one.then(|asked| {
        assert_eq!(batch_of(asked), (0, 1));
        Action::Silence
    });
    one.then(|asked| {
        assert_eq!(batch_of(asked), (1, 1));
        Action::SendAndClose(Vec::new())
    });
    one.knows(metadata(&nodes, &[(1, 0)]));
    for sequence in [0, 1] {
        one.then(move |asked| {
            assert_eq!(batch_of(asked), (sequence, 1));
            Action::Send(asked.answer(&produced(ErrorCode::None, sequence.into())))
        });
    }
    send(&mut producer, 2);
    assert_eq!(offsets(&mut producer), [0, 1]);
    one.finished();
}

#[test]
fn a_record_that_fails_is_a_result() {
    let (one, _, mut producer) = producer(ProducerConfig::default());
    one.then(|asked| Action::Send(asked.answer(&produced(ErrorCode::MessageTooLarge, -1))));
    send(&mut producer, 1);
    let deliveries = producer.flush().unwrap();
    let [delivery] = deliveries.as_slice() else { panic!("{deliveries:?}") };
    let code = delivery.outcome.as_ref().unwrap_err().code();
    assert_eq!(code, Some(ErrorCode::MessageTooLarge));
    assert_eq!(producer.totals().failed_records, 1);
}

#[test]
fn without_acks_nothing_is_waited_for() {
    let config_of =
        ProducerConfig { acks: Acks::None, is_idempotent: false, ..ProducerConfig::default() };
    let (one, _, mut producer) = producer(config_of);
    one.then(|asked| {
        assert_eq!(asked.decode::<ProduceRequest<'_>>().acks, 0);
        Action::Silence
    });
    send(&mut producer, 2);
    assert_eq!(offsets(&mut producer), [-1, -1]);
}

fn listed(offset: i64) -> ListOffsetsResponse<'static> {
    let partition = ListOffsetsPartitionResponse { offset, ..Default::default() };
    let topic = ListOffsetsTopicResponse { name: "t".into(), partitions: vec![partition] };
    ListOffsetsResponse { topics: vec![topic], ..Default::default() }
}

fn batch(first: i64, count: i64) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Codec::Lz4, None);
    for offset in first..first + count {
        builder.append(Timestamp(offset), None, Some(offset.to_string().as_bytes()), &[]);
    }
    builder.build(Offset(first))
}

fn fetched(code: ErrorCode, records: &[u8]) -> FetchResponse<'_> {
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
    FetchResponse { responses: vec![topic], ..Default::default() }
}

/// Checks a Fetch request and gives its offset.
fn offset_of(asked: &Asked) -> i64 {
    assert_eq!((asked.api, asked.version), (ApiKey::Fetch, 18));
    let request: FetchRequest<'_> = asked.decode();
    // The fake keeps no sessions, so that each request names everything and asks for one.
    assert_eq!((request.session_id, request.session_epoch), (0, 0));
    assert_eq!(request.topics[0].topic_id, TOPIC_ID);
    request.topics[0].partitions[0].fetch_offset
}

fn consumer(bootstrap: &[Endpoint]) -> Consumer {
    let config_of = ConsumerConfig {
        max_wait: Duration::from_millis(100),
        retry_pause: Duration::from_millis(5),
        fetch_reports_max: 2,
        ..ConsumerConfig::default()
    };
    Consumer::new(Cluster::connect(bootstrap, config()).unwrap(), config_of).unwrap()
}

fn read_all(consumer: &mut Consumer) -> Result<Vec<String>, ClientError> {
    let mut values = Vec::new();
    while !consumer.is_done() {
        consumer.poll(Duration::from_secs(5), |record| {
            values.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
            ControlFlow::Continue(())
        })?;
    }
    Ok(values)
}

#[test]
fn a_partition_is_read_to_its_end_across_a_moved_leader_and_a_lost_connection() {
    let (one, two) = (Fake::start(), Fake::start());
    let nodes = [one.endpoint(), two.endpoint()];
    one.answers(metadata(&nodes, &[(1, 0)])).answers(listed(1)).answers(listed(6));
    one.then(|asked| {
        assert_eq!(offset_of(asked), 1);
        Action::Send(asked.answer(&fetched(ErrorCode::None, &batch(0, 3))))
    });
    one.then(|asked| {
        assert_eq!(offset_of(asked), 3);
        Action::Send(asked.answer(&fetched(ErrorCode::NotLeaderOrFollower, &[])))
    });
    one.answers(metadata(&nodes, &[(2, 1)]));
    two.then(|asked| {
        assert_eq!(offset_of(asked), 3);
        Action::SendAndClose(vec![0, 0])
    });
    one.answers(metadata(&nodes, &[(2, 1)]));
    two.then(|asked| {
        assert_eq!(offset_of(asked), 3);
        Action::Send(asked.answer(&fetched(ErrorCode::None, &batch(3, 5))))
    });
    let mut consumer = consumer(&nodes[..1]);
    consumer.assign("t", Partitions::All, From::Beginning, Until::End).unwrap();
    assert_eq!(read_all(&mut consumer).unwrap(), ["1", "2", "3", "4", "5"]);
    // The newest two of three are kept, and what was lost is none.
    let bytes: Vec<usize> = consumer.take_fetches().map(|fetch| fetch.record_bytes).collect();
    assert_eq!(bytes, [0, batch(3, 5).len()]);
    one.finished();
    two.finished();
}

#[test]
fn an_offset_that_is_gone_is_an_error() {
    let one = Fake::start();
    one.answers(metadata(&[one.endpoint()], &[(1, 0)]));
    one.then(|asked| Action::Send(asked.answer(&fetched(ErrorCode::OffsetOutOfRange, &[]))));
    let mut consumer = consumer(&[one.endpoint()]);
    consumer
        .assign("t", Partitions::These(&[0]), From::Offset(Offset(99)), Until::Forever)
        .unwrap();
    let error = read_all(&mut consumer).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::OffsetOutOfRange));
}

#[test]
fn a_timestamp_behind_all_records_begins_at_the_end() {
    let one = Fake::start();
    one.answers(metadata(&[one.endpoint()], &[(1, 0)])).answers(listed(-1)).answers(listed(6));
    let mut consumer = consumer(&[one.endpoint()]);
    let from = From::Timestamp(Timestamp(1_000_000));
    consumer.assign("t", Partitions::All, from, Until::End).unwrap();
    assert!(consumer.is_done());
    assert_eq!(consumer.positions().map(|(_, offset)| offset.0).collect::<Vec<_>>(), [6]);
}

#[test]
fn a_partition_that_does_not_exist_is_an_error() {
    let one = Fake::start();
    one.answers(metadata(&[one.endpoint()], &[(1, 0)]));
    let mut consumer = consumer(&[one.endpoint()]);
    let error =
        consumer.assign("t", Partitions::These(&[4]), From::Beginning, Until::Forever).unwrap_err();
    let topic = "t".to_owned();
    assert_eq!(error, ClientError::NoPartition { topic, partition: 4, count: 1 });
}

#[test]
fn polling_an_idle_partition_ends_with_the_wait() {
    let one = Fake::start();
    one.answers(metadata(&[one.endpoint()], &[(1, 0)]));
    one.then(|_| Action::Silence);
    let mut consumer = consumer(&[one.endpoint()]);
    consumer.assign("t", Partitions::All, From::Offset(Offset(0)), Until::Forever).unwrap();
    let wait = Duration::from_millis(50);
    assert_eq!(consumer.poll(wait, |_| ControlFlow::Continue(())), Ok(0));
}
