//! Claims about clients that take their answers slowly: what was read from disk for them is
//! bounded, they lose their connections, and others read on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use corelog_client::blocking::Connection;
use corelog_client::{ClientConfig, ClientError};
use corelog_model::{BatchBuilder, BatchView, Codec, ErrorCode, Offset, Timestamp};
use corelog_wire::api::fetch::{FetchPartition, FetchTopic};
use corelog_wire::api::produce::{PartitionProduceData, TopicProduceData};
use corelog_wire::{
    ApiKey, FetchRequest, FetchResponse, MetadataRequest, ProduceRequest, ProduceResponse, Records,
    RequestHeader, encode_request,
};

use crate::metrics::{samples, sum};
use crate::support::{Broker, DataFolder, Launch, create_topic, quick, wait_until};

const TOPIC: &str = "cold";
const FETCH_VERSION: i16 = 11;
const BATCHES: i64 = 140;
const BATCH_BYTES: usize = 500_000;
const READERS: i64 = 100;
const ASKED_BYTES: i32 = 8 << 20;
const BUDGET_BYTES: f64 = (16 << 20) as f64;
/// The budget, windows of segments that are kept for all, and what varies. Without the budget it
/// is eight megabytes for each reader.
const GROWTH_BYTES_MAX: u64 = 96 << 20;

fn fetch_request(offset: i64) -> FetchRequest<'static> {
    let partition = FetchPartition {
        fetch_offset: offset,
        partition_max_bytes: ASKED_BYTES,
        ..Default::default()
    };
    let partitions = vec![partition];
    let topic = FetchTopic { topic: TOPIC.into(), partitions, ..Default::default() };
    FetchRequest {
        max_wait_ms: 100,
        min_bytes: 1,
        max_bytes: ASKED_BYTES,
        topics: vec![topic],
        ..Default::default()
    }
}

/// Writes batches of one record each, so many that all but the newest are only on disk.
fn fill(connection: &mut Connection) {
    for number in 0..BATCHES {
        let mut builder = BatchBuilder::new(Codec::None, None);
        builder.append(Timestamp(1), None, Some(&vec![number as u8; BATCH_BYTES]), &[]);
        let batch = builder.build(Offset(0));
        let data = PartitionProduceData { index: 0, records: Records::Bytes(&batch) };
        let (name, partition_data) = (TOPIC.into(), vec![data]);
        let topic_data = vec![TopicProduceData { name, partition_data, ..Default::default() }];
        let request =
            ProduceRequest { acks: -1, timeout_ms: 10_000, topic_data, ..Default::default() };
        let reply = connection.call_in(9, &request).expect("a produce is answered");
        let response: ProduceResponse<'_> = reply.decode().expect("the answer can be read");
        let code = response.responses[0].partition_responses[0].error_code;
        assert_eq!(code, ErrorCode::None.code());
    }
}

/// A reader that asks for much from an offset on.
fn ask(address: SocketAddr, offset: i64) -> TcpStream {
    let header = RequestHeader {
        api: ApiKey::Fetch,
        api_version: FETCH_VERSION,
        correlation_id: 1,
        client_id: Some("slow".into()),
    };
    let frame = encode_request(&header, &fetch_request(offset)).expect("a request is short");
    let mut stream = TcpStream::connect(address).expect("the broker accepts");
    stream.write_all(&frame.head).expect("the request is sent");
    stream.set_nonblocking(true).expect("a socket option");
    stream
}

/// Takes a byte of each answer now and then until it is told to stop.
fn take_slowly(mut streams: Vec<TcpStream>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        for stream in &mut streams {
            // There may be none yet, or none any more.
            let _ = stream.read(&mut [0; 1]);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The offset behind the batches of an answer that begins at `offset`.
fn read_on(connection: &mut Connection, offset: i64) -> Result<i64, ClientError> {
    let reply = connection.call_in(FETCH_VERSION, &fetch_request(offset))?;
    let response: FetchResponse<'_> = reply.decode().expect("the answer can be read");
    let partition = &response.responses[0].partitions[0];
    assert_eq!(partition.error_code, ErrorCode::None.code());
    let Records::Bytes(mut bytes) = partition.records else { panic!("records come as bytes") };
    let mut next = offset;
    while let Ok((batch, rest)) = BatchView::parse(bytes) {
        assert_eq!(batch.base_offset(), Offset(next));
        next += 1;
        bytes = rest;
    }
    Ok(next)
}

fn connections(broker: &Broker) -> f64 {
    sum(&samples(broker), "corelog_connections")
}

#[test]
fn slow_readers_of_old_records_take_little_memory_and_are_cut_off() {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data())
        .set("corelog.metrics.listen", "127.0.0.1:0")
        .set("corelog.tail.memory.bytes", "8MiB")
        .set("corelog.answer.bytes", "16MiB")
        .set("corelog.answer.write.timeout.ms", "500")
        .set("socket.send.buffer.bytes", "65536");
    let broker = launch.start();
    create_topic(&launch.endpoint(), TOPIC, 1, &[("segment.bytes", "4194304")]);
    // It may have to wait until slow readers are cut off.
    let config = ClientConfig { request_timeout: Duration::from_secs(60), ..quick() };
    let endpoint = launch.endpoint();
    let open = move || Connection::open(&endpoint, &config).expect("the broker accepts");
    let mut healthy = open();
    fill(&mut healthy);
    wait_until("connections that are done", || connections(&broker) <= 1.0);
    let before = broker.resident_bytes();

    let offsets = (0..READERS).map(|number| number * 37 % (BATCHES - 40));
    let streams: Vec<_> = offsets.map(|offset| ask(broker.address(0), offset)).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let slow = std::thread::spawn(move || take_slowly(streams, &told));
    let reader = std::thread::spawn(move || {
        let mut offset = 0;
        while offset < BATCHES {
            match read_on(&mut healthy, offset) {
                Ok(next) => offset = next,
                // On a busy machine it may have been slow, too.
                Err(_) => healthy = open(),
            }
        }
    });
    let (mut growth, mut kept) = (0, 0.0_f64);
    wait_until("the end of slow readers", || {
        growth = growth.max(broker.resident_bytes().saturating_sub(before));
        kept = kept.max(sum(&samples(&broker), "corelog_answer_bytes"));
        reader.is_finished() && connections(&broker) < 1.0
    });
    reader.join().expect("the healthy reader reads everything");
    stop.store(true, Ordering::Relaxed);
    slow.join().expect("slow readers end");
    println!("memory grew by {growth} bytes, answers kept {kept}");
    assert!(growth < GROWTH_BYTES_MAX, "memory grew by {growth} bytes");
    assert!(kept > 0.5 * BUDGET_BYTES, "slow readers used it up: {kept}");
    assert!(kept <= BUDGET_BYTES, "answers kept {kept}");
    let left = sum(&samples(&broker), "corelog_answer_bytes");
    assert_eq!(left.to_string(), "0", "all of it came back");
}

#[test]
fn answers_that_nobody_takes_keep_requests_from_being_read() {
    const PARTITIONS: i32 = 1000;
    const REQUESTS: usize = 250;
    const CLIENTS: usize = 20;
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data())
        .set("corelog.metrics.listen", "127.0.0.1:0")
        .set("socket.send.buffer.bytes", "65536");
    let broker = launch.start();
    create_topic(&launch.endpoint(), TOPIC, PARTITIONS, &[]);
    let before = broker.resident_bytes();
    let header = RequestHeader {
        api: ApiKey::Metadata,
        api_version: 1,
        correlation_id: 1,
        client_id: Some("slow".into()),
    };
    let request = MetadataRequest { topics: None, ..Default::default() };
    let frame = encode_request(&header, &request).expect("a request is short").head;
    let streams: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut stream = TcpStream::connect(broker.address(0)).expect("the broker accepts");
            stream.write_all(&frame.repeat(REQUESTS)).expect("requests are short");
            stream
        })
        .collect();
    // Each answer is about 26 kB, 130 MB in all.
    let requests = || sum(&samples(&broker), "corelog_requests_total");
    let mut last = -1.0;
    wait_until("requests that are not read", || {
        std::thread::sleep(Duration::from_millis(500));
        let before = std::mem::replace(&mut last, requests());
        last <= before
    });
    let growth = broker.resident_bytes().saturating_sub(before);
    println!("memory grew by {growth} bytes, {last} requests were read");
    assert!(growth < 64 << 20, "memory grew by {growth} bytes");
    assert!(last < (CLIENTS * REQUESTS) as f64 / 2.0, "{last} requests were read");
    drop(streams);
}
