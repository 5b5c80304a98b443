//! What coordinators make durable: offsets one at a time, and transactions of many producers.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use corelog_model::builder::BatchBuilder;
use corelog_model::{Codec, ErrorCode, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use corelog_wire::api::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use corelog_wire::api::produce::{PartitionProduceData, TopicProduceData};
use corelog_wire::{
    EndTxnRequest, InitProducerIdRequest, MetadataRequest, OffsetCommitRequest,
    OffsetCommitResponse, ProduceRequest, Records, Text,
};

use super::groups::find_coordinator;
use super::{Bench, closed_loop};
use crate::broker::Broker;
use crate::client::{ask, batch, check, create_topic, decode, encode, produce_frame, receive};
use crate::limits::latencies;
use crate::table::Figure;

const PRODUCERS: usize = 16;
const PARTITIONS: i32 = 4;
const RECORDS: usize = 100;
const RECORD_BYTES: usize = 100;
/// How long a producer waits before it asks again while its last transaction ends.
const BACKOFF: Duration = Duration::from_millis(1);
const SLICES: u32 = 4;

const COMMIT_VERSION: i16 = 8;
/// Where a topic is known by its id, and a transaction's partition is added by its first batch.
const PRODUCE_VERSION: i16 = 13;
const METADATA_VERSION: i16 = 12;
const INIT_VERSION: i16 = 4;
const END_VERSION: i16 = 5;

impl Bench {
    /// One offset at a time beside one record at a time, in turns.
    pub(super) fn offset_commit(&mut self) -> io::Result<()> {
        let data = self.data()?;
        let broker = self.broker(&data)?;
        let mut stream = broker.connect()?;
        create_topic(&mut stream, "t", 1)?;
        find_coordinator(&mut stream, "group", 0)?;
        let produce = [produce_frame("t", 0, &batch(1, 1024))?];
        let (mut produced, mut committed) = (latencies(), latencies());
        for slice in 0..SLICES {
            let found = closed_loop(&mut stream, &produce, 1, self.run / SLICES)?;
            let commits = commit_for(&mut stream, i64::from(slice) << 32, self.run / SLICES)?;
            // The first turn is what a connection and a coordinator do only once.
            if slice > 0 {
                produced += found.latencies;
                committed += commits;
            }
        }
        broker.stop()?;
        let (produced, committed) =
            (produced.value_at_quantile(0.5), committed.value_at_quantile(0.5));
        let ratio = committed as f64 / produced as f64;
        self.figures.push(Figure {
            name: "commit of an offset, one at a time, p50",
            measured: format!("{committed} us"),
            against: format!("durable produce {produced} us"),
            ratio,
            goal: "at most 1.3",
            holds: ratio <= 1.3,
        });
        Ok(())
    }

    /// Transactions of many producers at once, each of them waiting for its own.
    pub(super) fn transactions(&mut self) -> io::Result<()> {
        let data = self.data()?;
        let broker = self.broker(&data)?;
        let mut stream = broker.connect()?;
        create_topic(&mut stream, "t", PARTITIONS)?;
        find_coordinator(&mut stream, "producer", 1)?;
        let topic = topic_id(&mut stream, "t")?;
        let (is_over, refused) = (AtomicBool::new(false), AtomicU64::new(0));
        let cpu = broker.cpu_time()?;
        let began = Instant::now();
        let committed = std::thread::scope(|scope| -> io::Result<u64> {
            let producers: Vec<_> = (0..PRODUCERS)
                .map(|number| {
                    let (broker, is_over, refused) = (&broker, &is_over, &refused);
                    scope.spawn(move || {
                        let mut producer = Producer::begin(broker, number, topic, refused)?;
                        let mut committed = 0;
                        while !is_over.load(Ordering::Relaxed) {
                            producer.transaction()?;
                            committed += 1;
                        }
                        io::Result::Ok(committed)
                    })
                })
                .collect();
            std::thread::sleep(self.run);
            is_over.store(true, Ordering::Relaxed);
            let mut committed = 0;
            for producer in producers {
                committed +=
                    producer.join().map_err(|_| io::Error::other("a producer panicked"))??;
            }
            Ok(committed)
        })?;
        let seconds = began.elapsed().as_secs_f64();
        let cpu = broker.cpu_time()?.saturating_sub(cpu).as_secs_f64() / seconds;
        broker.stop()?;
        let rate = committed as f64 / seconds;
        let waits = refused.load(Ordering::Relaxed) as f64 / committed as f64;
        self.figures.push(Figure {
            name: "transactions of 100 records over 4 partitions, 16 producers",
            measured: format!(
                "{rate:.0} a second, core {:.0} % busy, {waits:.2} waits for the last one each",
                cpu * 100.0
            ),
            against: "-".to_owned(),
            ratio: rate / 2000.0,
            goal: "at least 2,000 a second",
            holds: rate >= 2000.0,
        });
        Ok(())
    }
}

/// Commits offsets for `run`, one at a time, as a client that is no member of the group.
fn commit_for(
    stream: &mut TcpStream,
    first: i64,
    run: Duration,
) -> io::Result<crate::limits::Latencies> {
    let mut found = latencies();
    let mut answer = Vec::new();
    let (began, mut offset) = (Instant::now(), first);
    while began.elapsed() < run {
        let partition = OffsetCommitRequestPartition {
            partition_index: 0,
            committed_offset: offset,
            committed_metadata: Some(Text::Borrowed("")),
            ..OffsetCommitRequestPartition::default()
        };
        let topic = OffsetCommitRequestTopic {
            name: Text::Borrowed("t"),
            partitions: vec![partition],
            ..OffsetCommitRequestTopic::default()
        };
        let request = OffsetCommitRequest {
            group_id: Text::Borrowed("group"),
            topics: vec![topic],
            ..OffsetCommitRequest::default()
        };
        let frame = encode(&request, COMMIT_VERSION)?;
        let at = Instant::now();
        stream.write_all(&frame)?;
        receive(stream, &mut answer)?;
        found.saturating_record(at.elapsed().as_micros() as u64);
        let response: OffsetCommitResponse<'_> = decode(&answer, COMMIT_VERSION)?;
        let first = response.topics.first().and_then(|topic| topic.partitions.first());
        check(first.map_or(-1, |partition| partition.error_code))?;
        offset += 1;
    }
    Ok(found)
}

fn topic_id(stream: &mut TcpStream, name: &str) -> io::Result<corelog_wire::Uuid> {
    let topic = corelog_wire::api::metadata::MetadataRequestTopic {
        name: Some(Text::Borrowed(name)),
        ..Default::default()
    };
    let request = MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() };
    let mut answer = Vec::new();
    let response = ask(stream, &mut answer, &request, METADATA_VERSION)?;
    let topic = response.topics.first().ok_or(io::ErrorKind::NotFound)?;
    check(topic.error_code)?;
    Ok(topic.topic_id)
}

/// A transactional producer that speaks KIP-890: a transaction is one produce request and its end.
struct Producer<'p> {
    stream: TcpStream,
    name: String,
    topic: corelog_wire::Uuid,
    id: i64,
    epoch: i16,
    builder: BatchBuilder,
    answer: Vec<u8>,
    refused: &'p AtomicU64,
}

impl<'p> Producer<'p> {
    fn begin(
        broker: &Broker,
        number: usize,
        topic: corelog_wire::Uuid,
        refused: &'p AtomicU64,
    ) -> io::Result<Self> {
        let mut stream = broker.connect()?;
        let name = format!("producer-{number}");
        find_coordinator(&mut stream, &name, 1)?;
        let request = InitProducerIdRequest {
            transactional_id: Some(Text::Borrowed(&name)),
            transaction_timeout_ms: 60_000,
            ..InitProducerIdRequest::default()
        };
        let mut answer = Vec::new();
        let response = ask(&mut stream, &mut answer, &request, INIT_VERSION)?;
        check(response.error_code)?;
        let (id, epoch) = (response.producer_id, response.producer_epoch);
        let mut builder = BatchBuilder::new(Codec::None, None);
        builder.set_transactional();
        Ok(Self { stream, name, topic, id, epoch, builder, answer, refused })
    }

    fn transaction(&mut self) -> io::Result<()> {
        self.produce()?;
        let request = EndTxnRequest {
            transactional_id: Text::Borrowed(&self.name),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed: true,
        };
        let response = ask(&mut self.stream, &mut self.answer, &request, END_VERSION)?;
        check(response.error_code)?;
        (self.id, self.epoch) = (response.producer_id, response.producer_epoch);
        Ok(())
    }

    /// The records, evenly over the partitions. Each epoch begins with sequence 0.
    fn produce(&mut self) -> io::Result<()> {
        let value = [b'v'; RECORD_BYTES];
        let batches: Vec<Vec<u8>> = (0..PARTITIONS)
            .map(|_| {
                let (id, epoch) = (ProducerId(self.id), ProducerEpoch(self.epoch));
                self.builder.set_producer(id, epoch, Sequence(0));
                for _ in 0..RECORDS / PARTITIONS as usize {
                    self.builder.append(Timestamp(1), None, Some(&value), &[]);
                }
                self.builder.build(Offset::ZERO)
            })
            .collect();
        let data = (0..)
            .zip(&batches)
            .map(|(index, batch)| PartitionProduceData { index, records: Records::Bytes(batch) });
        let topic = TopicProduceData {
            topic_id: self.topic,
            partition_data: data.collect(),
            ..TopicProduceData::default()
        };
        let request = ProduceRequest {
            transactional_id: Some(Text::Borrowed(&self.name)),
            acks: -1,
            timeout_ms: 30_000,
            topic_data: vec![topic],
        };
        loop {
            let response = ask(&mut self.stream, &mut self.answer, &request, PRODUCE_VERSION)?;
            let partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
            let mut codes = partitions.map(|partition| partition.error_code);
            // All or none: the partitions are added together.
            match codes.clone().find(|code| *code != 0) {
                None => return Ok(()),
                Some(code) if code != ErrorCode::ConcurrentTransactions.code() => {
                    return check(code);
                }
                Some(waits) if codes.all(|code| code == waits) => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(BACKOFF);
                }
                Some(_) => return Err(io::Error::other("a part of a transaction was refused")),
            }
        }
    }
}
