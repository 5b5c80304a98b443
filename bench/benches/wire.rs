//! Kafka's messages to values and back, in the versions that today's clients use.
#![allow(missing_docs, reason = "a benchmark has no documentation")]

use corelog_wire::api::{fetch, metadata, produce};
use corelog_wire::{
    FetchRequest, FetchResponse, Message, MetadataResponse, ProduceRequest, ProduceResponse,
    Reader, Records, Writer, encode_response,
};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

const PRODUCE_VERSION: i16 = 11;
const FETCH_VERSION: i16 = 17;
const METADATA_VERSION: i16 = 13;
const PARTITIONS: [usize; 2] = [1, 100];

fn main() {
    divan::main();
}

fn encoded<'a>(message: &impl Message<'a>, version: i16) -> Vec<u8> {
    let mut writer = Writer::new();
    message.encode(&mut writer, version);
    writer.finish().expect("the message fits its version").head
}

fn produce_request(partitions: usize, records: &[u8]) -> ProduceRequest<'_> {
    let partition = |index| produce::PartitionProduceData {
        index: index as i32,
        records: Records::Bytes(records),
    };
    let topic = produce::TopicProduceData {
        name: "orders".into(),
        partition_data: (0..partitions).map(partition).collect(),
        ..produce::TopicProduceData::default()
    };
    ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], transactional_id: None }
}

fn produce_response(partitions: usize) -> ProduceResponse<'static> {
    let partition = |index| produce::PartitionProduceResponse {
        index: index as i32,
        base_offset: 1 << 40,
        ..produce::PartitionProduceResponse::default()
    };
    let topic = produce::TopicProduceResponse {
        name: "orders".into(),
        partition_responses: (0..partitions).map(partition).collect(),
        ..produce::TopicProduceResponse::default()
    };
    ProduceResponse { responses: vec![topic], ..ProduceResponse::default() }
}

fn fetch_request(partitions: usize) -> FetchRequest<'static> {
    let partition = |index| fetch::FetchPartition {
        partition: index as i32,
        fetch_offset: 1 << 40,
        partition_max_bytes: 1 << 20,
        ..fetch::FetchPartition::default()
    };
    let topic = fetch::FetchTopic {
        topic_id: [7; 16],
        partitions: (0..partitions).map(partition).collect(),
        ..fetch::FetchTopic::default()
    };
    FetchRequest { max_wait_ms: 500, topics: vec![topic], ..FetchRequest::default() }
}

/// Records are not copied into it: the sender puts slices of the log between its parts.
fn fetch_response(partitions: usize) -> FetchResponse<'static> {
    let partition = |index| fetch::PartitionData {
        partition_index: index as i32,
        high_watermark: 1 << 40,
        records: Records::External { len: 16 << 10 },
        ..fetch::PartitionData::default()
    };
    let topic = fetch::FetchableTopicResponse {
        topic_id: [7; 16],
        partitions: (0..partitions).map(partition).collect(),
        ..fetch::FetchableTopicResponse::default()
    };
    FetchResponse { responses: vec![topic], ..FetchResponse::default() }
}

fn metadata_response(topics: usize) -> MetadataResponse<'static> {
    let partition = metadata::MetadataResponsePartition {
        leader_id: 1000,
        replica_nodes: vec![1000],
        isr_nodes: vec![1000],
        ..metadata::MetadataResponsePartition::default()
    };
    let topic = |number| metadata::MetadataResponseTopic {
        name: Some(format!("topic-{number}").into()),
        partitions: vec![partition.clone(); 12],
        ..metadata::MetadataResponseTopic::default()
    };
    MetadataResponse { topics: (0..topics).map(topic).collect(), ..MetadataResponse::default() }
}

#[divan::bench(args = PARTITIONS)]
fn decode_produce_request(bencher: Bencher<'_, '_>, partitions: usize) {
    let records = vec![0; 1 << 10];
    let bytes = encoded(&produce_request(partitions, &records), PRODUCE_VERSION);
    bencher.counter(ItemsCount::new(partitions)).bench(|| {
        let mut reader = Reader::new(black_box(&bytes));
        ProduceRequest::decode(&mut reader, PRODUCE_VERSION).expect("it is well formed").acks
    });
}

#[divan::bench(args = PARTITIONS)]
fn encode_produce_response(bencher: Bencher<'_, '_>, partitions: usize) {
    let response = produce_response(partitions);
    bencher
        .counter(ItemsCount::new(partitions))
        .bench(|| encode_response(7, PRODUCE_VERSION, black_box(&response)));
}

#[divan::bench(args = PARTITIONS)]
fn decode_fetch_request(bencher: Bencher<'_, '_>, partitions: usize) {
    let bytes = encoded(&fetch_request(partitions), FETCH_VERSION);
    bencher.counter(ItemsCount::new(partitions)).bench(|| {
        let mut reader = Reader::new(black_box(&bytes));
        FetchRequest::decode(&mut reader, FETCH_VERSION).expect("it is well formed").max_wait_ms
    });
}

#[divan::bench(args = PARTITIONS)]
fn encode_fetch_response_head(bencher: Bencher<'_, '_>, partitions: usize) {
    let response = fetch_response(partitions);
    bencher
        .counter(ItemsCount::new(partitions))
        .bench(|| encode_response(7, FETCH_VERSION, black_box(&response)));
}

#[divan::bench(args = [1, 100])]
fn encode_metadata_response_of_topics(bencher: Bencher<'_, '_>, topics: usize) {
    let response = metadata_response(topics);
    bencher
        .counter(ItemsCount::new(topics))
        .bench(|| encode_response(7, METADATA_VERSION, black_box(&response)));
}

#[divan::bench(args = [1, 100])]
fn decode_metadata_response_of_topics(bencher: Bencher<'_, '_>, topics: usize) {
    let bytes = encoded(&metadata_response(topics), METADATA_VERSION);
    bencher.counter(ItemsCount::new(topics)).bench(|| {
        let mut reader = Reader::new(black_box(&bytes));
        let response = MetadataResponse::decode(&mut reader, METADATA_VERSION);
        response.expect("it is well formed").topics.len()
    });
}
