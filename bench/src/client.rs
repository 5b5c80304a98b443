//! The load: pre-encoded frames on plain sockets, so that the client costs as little as possible.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use corelog_model::builder::BatchBuilder;
use corelog_model::{Codec, Offset, Timestamp};
use corelog_wire::api::create_topics::CreatableTopic;
use corelog_wire::api::fetch::{FetchPartition, FetchTopic};
use corelog_wire::api::produce::{PartitionProduceData, TopicProduceData};
use corelog_wire::{
    CreateTopicsRequest, FetchRequest, FetchResponse, Message, ProduceRequest, ProduceResponse,
    Reader, Records, Request, RequestHeader, ResponseHeader, Text, encode_request,
};

const PRODUCE_VERSION: i16 = 9;
const FETCH_VERSION: i16 = 12;
const CREATE_VERSION: i16 = 5;

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// A batch of `count` records with values of `bytes` each.
pub(crate) fn batch(count: usize, bytes: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Codec::None, None);
    let value: Vec<u8> = (0..bytes).map(|index| (index * 31 % 251) as u8).collect();
    for _ in 0..count {
        builder.append(Timestamp(now_ms()), None, Some(&value), &[]);
    }
    builder.build(Offset::ZERO)
}

/// The frame of a request.
pub(crate) fn encode<'a, R: Request<'a>>(request: &R, version: i16) -> io::Result<Vec<u8>> {
    let header = RequestHeader::new::<R>(version, 0, Some("bench"));
    encode_request(&header, request).map(|frame| frame.head).map_err(io::Error::other)
}

/// The frame of a produce request to one partition, acks all.
pub(crate) fn produce_frame(topic: &str, partition: i32, batch: &[u8]) -> io::Result<Vec<u8>> {
    let data = PartitionProduceData { index: partition, records: Records::Bytes(batch) };
    let topic_data = TopicProduceData {
        name: Text::Borrowed(topic),
        partition_data: vec![data],
        ..TopicProduceData::default()
    };
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![topic_data],
        ..ProduceRequest::default()
    };
    encode(&request, PRODUCE_VERSION)
}

/// The frame of a sessionless fetch from one partition.
pub(crate) fn fetch_frame(topic: &str, offset: i64, bytes_max: i32) -> io::Result<Vec<u8>> {
    let partition = FetchPartition {
        fetch_offset: offset,
        partition_max_bytes: bytes_max,
        ..FetchPartition::default()
    };
    let request =
        FetchRequest { max_wait_ms: 500, min_bytes: 1, max_bytes: bytes_max, ..Default::default() };
    fetch_of(topic, vec![partition], request)
}

/// The frame of a sessionless fetch from the end of many empty partitions that does not wait: work
/// for the broker, hardly any for its client.
pub(crate) fn poll_frame(topic: &str, partitions: i32) -> io::Result<Vec<u8>> {
    let one = |partition| FetchPartition {
        partition,
        partition_max_bytes: 1 << 20,
        ..FetchPartition::default()
    };
    let request = FetchRequest { max_bytes: 1 << 20, ..FetchRequest::default() };
    fetch_of(topic, (0..partitions).map(one).collect(), request)
}

fn fetch_of<'a>(
    topic: &'a str,
    partitions: Vec<FetchPartition>,
    request: FetchRequest<'a>,
) -> io::Result<Vec<u8>> {
    let topic = FetchTopic { topic: Text::Borrowed(topic), partitions, ..FetchTopic::default() };
    encode(&FetchRequest { topics: vec![topic], ..request }, FETCH_VERSION)
}

/// Creates a topic.
pub(crate) fn create_topic(stream: &mut TcpStream, name: &str, partitions: i32) -> io::Result<()> {
    let topic = CreatableTopic {
        name: Text::Borrowed(name),
        num_partitions: partitions,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    let request =
        CreateTopicsRequest { topics: vec![topic], timeout_ms: 60_000, ..Default::default() };
    let mut answer = Vec::new();
    let response = ask(stream, &mut answer, &request, CREATE_VERSION)?;
    check(response.topics.first().map_or(-1, |topic| topic.error_code))
}

/// Sends a request and waits for its answer, whose bytes stay in `buffer`.
pub(crate) fn ask<'b, 'q, Q: Request<'q>>(
    stream: &mut TcpStream,
    buffer: &'b mut Vec<u8>,
    request: &Q,
    version: i16,
) -> io::Result<Q::Response<'b>> {
    stream.write_all(&encode(request, version)?)?;
    receive(stream, buffer)?;
    decode(buffer, version)
}

/// Receives one frame into `buffer`, without its length.
pub(crate) fn receive(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    let mut len = [0; 4];
    stream.read_exact(&mut len)?;
    buffer.resize(u32::from_be_bytes(len) as usize, 0);
    stream.read_exact(buffer)
}

/// Reads an answer.
pub(crate) fn decode<'a, M: Message<'a>>(frame: &'a [u8], version: i16) -> io::Result<M> {
    let mut reader = Reader::new(frame);
    ResponseHeader::decode(&mut reader, M::KEY, version).map_err(io::Error::other)?;
    M::decode(&mut reader, version).map_err(io::Error::other)
}

/// What a code that is not 0 ends the measurement with.
pub(crate) fn check(code: i16) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::other(format!("error code {code}"))) }
}

/// Checks that a produce was acknowledged.
pub(crate) fn check_produced(frame: &[u8]) -> io::Result<()> {
    let response: ProduceResponse<'_> = decode(frame, PRODUCE_VERSION)?;
    let first = response.responses.first().and_then(|topic| topic.partition_responses.first());
    check(first.map_or(-1, |partition| partition.error_code))
}

/// Bytes of records in a fetch answer and the offset to go on with.
pub(crate) fn fetched(frame: &[u8]) -> io::Result<(usize, Option<i64>)> {
    let response: FetchResponse<'_> = decode(frame, FETCH_VERSION)?;
    let first = response.responses.first().and_then(|topic| topic.partitions.first());
    let Some(partition) = first else { return Ok((0, None)) };
    check(partition.error_code)?;
    let Records::Bytes(mut bytes) = partition.records else { return Ok((0, None)) };
    let len = bytes.len();
    let mut next = None;
    while let Ok((batch, rest)) = corelog_model::BatchView::parse(bytes) {
        next = Some(batch.next_offset().0);
        bytes = rest;
    }
    Ok((len, next))
}
