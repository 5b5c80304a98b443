//! Claims about bytes that no client sends: they cost the broker nothing, and other connections
//! never notice.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use corelog_client::blocking::Connection;
use corelog_model::{
    BatchBuilder, Codec, ErrorCode, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp,
};
use corelog_wire::api::APIS;
use corelog_wire::api::produce::{PartitionProduceData, TopicProduceData};
use corelog_wire::{ProduceRequest, ProduceResponse, Records};

use crate::metrics::{samples, sum};
use crate::support::{
    Broker, DataFolder, Launch, PartitionLogs, Writer, WriterKind, create_topic, quick, wait_until,
};

const GROWTH_BYTES_MAX: u64 = 64 << 20;
/// After compressed batches that are larger than they look.
const BOMB_GROWTH_BYTES_MAX: u64 = 32 << 20;
const PATIENCE: Duration = Duration::from_secs(5);
const TOPIC: &str = "watched";
const PARTITIONS: i32 = 2;

/// A broker under attack, with a client that must not notice.
struct Siege {
    launch: Launch,
    broker: Broker,
    writer: Writer,
    resident_before: u64,
    _folder: DataFolder,
}

impl Siege {
    fn begin() -> Self {
        let folder = DataFolder::new();
        let mut launch = Launch::new(folder.path(), folder.data())
            .cores("2")
            .set("corelog.tail.memory.bytes", "8MiB");
        let broker = launch.start();
        create_topic(&launch.endpoint(), TOPIC, PARTITIONS, &[]);
        let kind = WriterKind::Idempotent(Codec::None);
        let writer = Writer::start(0, kind, &launch.endpoint(), TOPIC, PARTITIONS);
        let resident_before = settled_bytes(&broker);
        Self { launch, broker, writer, resident_before, _folder: folder }
    }

    fn address(&self) -> SocketAddr {
        self.broker.address(0)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).expect("the broker accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        stream
    }

    /// Sends bytes on a connection of its own and lets it go.
    fn send(&self, bytes: &[u8]) {
        let mut stream = self.connect();
        // The broker may close before it has read everything.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = [0; 4096];
        while stream.read(&mut answer).is_ok_and(|count| count > 0) {}
    }

    /// Memory stays, the process lives, and the writer goes on.
    fn check(&mut self, attack: &str) {
        self.check_within(attack, GROWTH_BYTES_MAX);
    }

    fn check_within(&mut self, attack: &str, growth_bytes_max: u64) {
        let resident = self.broker.resident_bytes();
        let growth = resident.saturating_sub(self.resident_before);
        assert!(growth < growth_bytes_max, "{attack}: memory grew by {growth} bytes");
        assert!(self.broker.is_alive(), "{attack}: the broker ended");
        let ends = || (0..PARTITIONS).map(|partition| self.writer.last_of(partition));
        let before: Vec<_> = ends().collect();
        let deadline = std::time::Instant::now() + PATIENCE;
        while ends().zip(&before).any(|(now, before)| now == *before) {
            assert!(std::time::Instant::now() < deadline, "{attack}: another client starves");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn end(self) {
        let kind = self.writer.kind;
        let (count, acknowledged) = self.writer.finish();
        let logs = PartitionLogs::read(&self.launch.endpoint(), TOPIC);
        logs.assert_holds(0, &acknowledged);
        logs.assert_order(0, kind, count);
        assert_eq!(self.broker.terminate().code(), Some(0));
    }
}

/// Memory of a broker once its tails have theirs, which takes longer the less its writer gets done.
fn settled_bytes(broker: &Broker) -> u64 {
    const STEP_MAX: u64 = 128 << 10;
    let mut resident = 0;
    wait_until("the memory of the broker to stay", || {
        std::thread::sleep(Duration::from_secs(1));
        let before = std::mem::replace(&mut resident, broker.resident_bytes());
        before > 0 && resident < before + STEP_MAX
    });
    resident
}

/// A frame with this length prefix, whatever its content.
fn frame(len: i32, content: &[u8]) -> Vec<u8> {
    let mut frame = len.to_be_bytes().to_vec();
    frame.extend_from_slice(content);
    frame
}

/// The header of a request, flexible or not, as clients write it.
fn header(api: i16, version: i16, is_flexible: bool) -> Vec<u8> {
    let mut header = [api.to_be_bytes(), version.to_be_bytes()].concat();
    header.extend_from_slice(&7i32.to_be_bytes());
    header.extend_from_slice(&[0, 1, b'x']);
    if is_flexible {
        header.push(0);
    }
    header
}

#[test]
fn frames_that_announce_much_and_send_little_take_no_memory() {
    let mut siege = Siege::begin();
    for (name, len) in [("the most that is allowed", 100 << 20), ("2 GiB", i32::MAX)] {
        let mut held = Vec::new();
        for _ in 0..1000 {
            let mut stream = siege.connect();
            let _ = stream.write_all(&frame(len, &[0]));
            held.push(stream);
        }
        siege.check(name);
    }
    siege.end();
}

#[test]
fn frames_that_are_cut_or_have_impossible_lengths_end_their_connection_only() {
    let mut siege = Siege::begin();
    let whole = frame(1000, &header(18, 3, true));
    for len in 0..whole.len() {
        siege.send(&whole[..len]);
    }
    siege.check("cut frames");
    for len in [-1, i32::MIN, 0, 1, 7] {
        siege.send(&frame(len, &[0; 64]));
    }
    siege.check("impossible lengths");
    siege.end();
}

#[test]
fn a_long_request_that_moves_no_records_ends_its_connection_before_it_is_read() {
    const CONTROL_BYTES_MAX: usize = 4 << 20;
    let mut siege = Siege::begin();
    // What ApiVersions 0 does not know of is not looked at, so that a long one has an answer.
    let mut request = header(18, 0, false);
    request.resize(CONTROL_BYTES_MAX, 0);
    let mut stream = siege.connect();
    stream.write_all(&frame(request.len() as i32, &request)).expect("the broker reads all of it");
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("the longest request is answered");
    for api in [18, 3, 19, 32, 1000] {
        let mut stream = siege.connect();
        let announced = frame(CONTROL_BYTES_MAX as i32 + 1, &header(api, 0, false)[..2]);
        stream.write_all(&announced).expect("a few bytes fit");
        let end = stream.read(&mut [0; 1]);
        assert!(matches!(end, Ok(0)), "API {api}: the connection is closed at once: {end:?}");
    }
    let mut stream = siege.connect();
    let produce = frame(CONTROL_BYTES_MAX as i32 + 1, &header(0, 9, true));
    stream.write_all(&produce).expect("a few bytes fit");
    stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a socket option");
    assert!(stream.read(&mut [0; 1]).is_err(), "a long produce is waited for");
    siege.check("long requests");
    siege.end();
}

#[test]
fn random_bytes_are_survived() {
    let mut siege = Siege::begin();
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    for _ in 0..200 {
        let len = chance.usize(1..5000);
        let bytes: Vec<u8> = (0..len).map(|_| chance.u8(..)).collect();
        siege.send(&bytes);
        siege.send(&frame(len as i32, &bytes));
    }
    siege.check("random bytes");
    siege.end();
}

#[test]
fn garbage_behind_every_header_is_survived() {
    let mut siege = Siege::begin();
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    for api in APIS {
        for version in -1..=api.max + 1 {
            let header = header(api.key.code(), version, api.is_flexible(version));
            let mut bodies = vec![
                Vec::new(),
                vec![0; 40],
                vec![0xff; 200],
                vec![0x7f; 200],
                [0x7f, 0xff, 0xff, 0xff].repeat(50),
                [0, 0, 0x7f, 0xff].repeat(50),
            ];
            let len = chance.usize(1..300);
            bodies.push((0..len).map(|_| chance.u8(..)).collect());
            for body in bodies {
                let request = [&header[..], &body[..]].concat();
                siege.send(&frame(request.len() as i32, &request));
            }
        }
    }
    siege.check("garbage bodies");
    for api in [-1, 4, 1000, i16::MAX] {
        siege.send(&frame(11, &header(api, 0, false)));
    }
    siege.check("unknown requests");
    siege.end();
}

#[test]
fn a_batch_of_a_transaction_without_a_transactional_id_is_refused() {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data());
    let _broker = launch.start();
    let endpoint = launch.endpoint();
    create_topic(&endpoint, TOPIC, 1, &[]);
    let mut connection = Connection::open(&endpoint, &quick()).expect("the broker accepts");
    let mut builder = BatchBuilder::new(Codec::None, None);
    builder.set_producer(ProducerId(1), ProducerEpoch(0), Sequence(0));
    builder.set_transactional();
    builder.append(Timestamp(1), None, Some(b"x"), &[]);
    let batch = builder.build(Offset(0));
    let data = PartitionProduceData { index: 0, records: Records::Bytes(&batch) };
    let (name, partition_data) = (TOPIC.into(), vec![data]);
    let topic_data = vec![TopicProduceData { name, partition_data, ..Default::default() }];
    let request = ProduceRequest { acks: -1, timeout_ms: 10_000, topic_data, ..Default::default() };
    let reply = connection.call_in(9, &request).expect("a produce is answered");
    let response: ProduceResponse<'_> = reply.decode().expect("the answer can be read");
    let code = response.responses[0].partition_responses[0].error_code;
    assert_eq!(code, ErrorCode::TransactionalIdAuthorizationFailed.code());
}

/// A batch whose one value is so many zeros.
fn bomb(codec: Codec, bytes: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec, None);
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("it is later than 1970");
    let now = Timestamp(i64::try_from(now.as_millis()).expect("time is in range"));
    builder.append(now, Some(b"key"), Some(&vec![0; bytes]), &[]);
    builder.build(Offset(0))
}

#[test]
fn batches_that_are_larger_than_they_look_take_memory_for_a_moment_only() {
    let mut siege = Siege::begin();
    // Records of compacted topics are looked at, so their batches are decompressed.
    let endpoint = siege.launch.endpoint();
    create_topic(&endpoint, "compacted", 1, &[("cleanup.policy", "compact")]);
    let mut connection = Connection::open(&endpoint, &quick()).expect("the broker accepts");
    // Snappy makes a twentieth of nothing: what fits a batch is not that much.
    for (codec, bytes, is_taken) in [
        (Codec::Gzip, 300 << 20, false),
        (Codec::Snappy, 15 << 20, true),
        (Codec::Snappy, 18 << 20, false),
        (Codec::Lz4, 200 << 20, false),
        (Codec::Zstd, 300 << 20, false),
    ] {
        let batch = bomb(codec, bytes);
        let data = PartitionProduceData { index: 0, records: Records::Bytes(&batch) };
        let name = "compacted".into();
        let topic = TopicProduceData { name, partition_data: vec![data], ..Default::default() };
        let (topic_data, timeout_ms) = (vec![topic], 10_000);
        let request = ProduceRequest { acks: -1, timeout_ms, topic_data, ..Default::default() };
        for _ in 0..4 {
            let reply = connection.call_in(9, &request).expect("a produce is answered");
            let response: ProduceResponse<'_> = reply.decode().expect("the answer can be read");
            let code = response.responses[0].partition_responses[0].error_code;
            assert_eq!(code == ErrorCode::None.code(), is_taken, "{codec}: {code}");
        }
    }
    siege.check_within("bombs", BOMB_GROWTH_BYTES_MAX);
    siege.end();
}

#[test]
fn a_frame_that_comes_byte_by_byte_ends_its_connection() {
    let folder = DataFolder::new();
    let launch = Launch::new(folder.path(), folder.data());
    let broker = launch.set("corelog.frame.read.timeout.ms", "1000").start();
    let mut stream = TcpStream::connect(broker.address(0)).expect("the broker accepts");
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a socket option");
    stream.write_all(&10_000_i32.to_be_bytes()).expect("the length is sent");
    // Never idle, and never done.
    let is_closed = || {
        let sent = stream.write_all(&[0]);
        sent.is_err() || matches!(stream.read(&mut [0; 1]), Ok(0))
    };
    wait_until("the end of a slow frame", is_closed);
}

#[test]
fn a_request_that_waits_for_budget_is_not_cut_off() {
    const HELD_BYTES: usize = 8 << 20;
    const PIECE_BYTES: usize = 64 << 10;
    const PIECES: usize = 8;
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data())
        .set("corelog.metrics.listen", "127.0.0.1:0")
        .set("corelog.frame.read.timeout.ms", "1000")
        .set("socket.request.max.bytes", "8388608")
        .set("fetch.max.bytes", "8388608")
        .set("corelog.inflight.bytes", "8MiB");
    let broker = launch.start();
    let mut request = header(0, 9, true);
    request.resize(HELD_BYTES, 0);
    let bytes = frame(HELD_BYTES as i32, &request);
    let (begin, rest) = bytes.split_at(bytes.len() - PIECES * PIECE_BYTES);
    let mut holder = TcpStream::connect(broker.address(0)).expect("the broker accepts");
    holder.write_all(begin).expect("the broker reads it");
    let in_work = || sum(&samples(&broker), "corelog_inflight_bytes");
    wait_until("a request that has all of the budget", || in_work() >= HELD_BYTES as f64);
    let endpoint = launch.endpoint();
    let waiter = std::thread::spawn(move || {
        let mut connection = Connection::open(&endpoint, &quick()).expect("the broker accepts");
        let memory = vec![0; 1 << 20];
        let data = PartitionProduceData { index: 0, records: Records::Bytes(&memory) };
        let (name, partition_data) = ("unknown".into(), vec![data]);
        let topic_data = vec![TopicProduceData { name, partition_data, ..Default::default() }];
        let request =
            ProduceRequest { acks: -1, timeout_ms: 1_000, topic_data, ..Default::default() };
        connection.call_in(9, &request).map(drop)
    });
    // Slow, but not too slow, and for longer than a request may take to come.
    for piece in rest.chunks(PIECE_BYTES) {
        std::thread::sleep(Duration::from_millis(400));
        holder.write_all(piece).expect("the broker goes on reading");
    }
    let answered = waiter.join().expect("the waiter ends");
    assert!(answered.is_ok(), "{answered:?}");
}

#[test]
fn a_connection_without_requests_is_closed() {
    let folder = DataFolder::new();
    let launch = Launch::new(folder.path(), folder.data());
    let broker = launch.set("connections.max.idle.ms", "500").start();
    let mut stream = TcpStream::connect(broker.address(0)).expect("the broker accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    assert!(matches!(stream.read(&mut [0; 1]), Ok(0)));
}

#[test]
fn requests_in_work_take_no_more_than_their_budget() {
    const REQUEST_BYTES: usize = 2 << 20;
    const BUDGET_BYTES: f64 = (8 << 20) as f64;
    let folder = DataFolder::new();
    let launch = Launch::new(folder.path(), folder.data())
        .set("corelog.metrics.listen", "127.0.0.1:0")
        .set("socket.request.max.bytes", "4194304")
        .set("fetch.max.bytes", "4194304")
        .set("corelog.inflight.bytes", "8MiB");
    let broker = { launch }.start();
    let before = broker.resident_bytes();
    // Each lacks its last byte, so that none can be answered and give its memory back.
    let mut request = header(0, 9, true);
    request.resize(REQUEST_BYTES - 1, 0);
    let bytes = frame(REQUEST_BYTES as i32, &request);
    let senders = (0..100).map(|_| {
        let (address, bytes) = (broker.address(0), bytes.clone());
        std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).expect("the broker accepts");
            stream.set_write_timeout(Some(Duration::from_secs(2))).expect("a socket option");
            // What is not read stays with the sender, or with the kernel.
            let _ = stream.write_all(&bytes);
            stream
        })
    });
    let senders: Vec<_> = senders.collect();
    let streams: Vec<_> = senders.into_iter().map(|it| it.join().expect("it ends")).collect();
    let in_work = || sum(&samples(&broker), "corelog_inflight_bytes");
    wait_until("requests that use up the budget", || in_work() > 0.7 * BUDGET_BYTES);
    assert!(in_work() <= BUDGET_BYTES, "{}", in_work());
    let growth = broker.resident_bytes().saturating_sub(before);
    assert!(growth < 64 << 20, "memory grew by {growth} bytes for 200 MiB of requests");
    drop(streams);
}
