//! Records there and back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use corelog_client::consumer::{From, OffsetReset, Partitions};
use corelog_client::offsets::Moment;
use corelog_client::producer::{Acks, Message};
use corelog_client::{
    Cluster, Consumer, ConsumerConfig, Delivery, Producer, ProducerConfig, Record, TopicPartition,
};
use corelog_model::{Codec, Offset, RecordHeader, Timestamp};

use crate::{Bench, Outcome, same};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn config() -> ConsumerConfig {
    ConsumerConfig { reset: OffsetReset::Earliest, ..ConsumerConfig::default() }
}

/// Reads `count` records from the beginning of a topic.
async fn read(cluster: &Cluster, topic: &str, count: usize) -> Result<Vec<Record>, Failure> {
    let mut consumer = Consumer::new(cluster, config())?;
    consumer.assign(topic, Partitions::All, From::Beginning).await?;
    take(&mut consumer, count).await
}

/// The next `count` records.
pub(crate) async fn take(consumer: &mut Consumer, count: usize) -> Result<Vec<Record>, Failure> {
    let mut records = Vec::new();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while records.len() < count {
        records.extend(consumer.poll(Duration::from_secs(1)).await?);
        if deadline < tokio::time::Instant::now() {
            return Err(format!("{} of {count} records within 30 s", records.len()).into());
        }
    }
    Ok(records)
}

async fn all(deliveries: Vec<Delivery>) -> Result<BTreeMap<i32, Vec<Offset>>, Failure> {
    let mut offsets: BTreeMap<i32, Vec<Offset>> = BTreeMap::new();
    for delivery in deliveries {
        let delivered = delivery.await?;
        offsets.entry(delivered.at.partition).or_default().push(delivered.offset);
    }
    Ok(offsets)
}

pub(crate) async fn what_is_sent_is_read_with_each_codec(bench: Bench) -> Outcome {
    for codec in Codec::ALL {
        let topic = bench.topic(&format!("codec-{codec:?}").to_lowercase(), 1).await?;
        let config = ProducerConfig { codec, batch_bytes: 8000, ..ProducerConfig::default() };
        let producer = Producer::new(&bench.cluster, config).await?;
        let long = vec![b'x'; 3000];
        let headers = [
            RecordHeader { key: b"name", value: Some(b"one") },
            RecordHeader { key: b"name", value: None },
        ];
        let messages = [
            Message { key: Some(b"key"), ..Message::of_value(&topic, b"value") },
            Message { value: None, key: Some(b"deleted"), ..Message::of_value(&topic, b"") },
            Message { headers: &headers, ..Message::of_value(&topic, &long) },
            Message { timestamp: Some(Timestamp(77)), ..Message::of_value(&topic, b"") },
        ];
        let mut deliveries = Vec::new();
        for message in messages.iter().cycle().take(40) {
            deliveries.push(producer.send(message).await?);
        }
        let offsets = all(deliveries).await?;
        same("offsets", &offsets[&0], &(0..40).map(Offset).collect())?;
        let records = read(&bench.cluster, &topic, 40).await?;
        for (record, message) in records.iter().zip(messages.iter().cycle()) {
            same("key", &record.key.as_deref(), &message.key)?;
            same("value", &record.value.as_deref(), &message.value)?;
            let found: Vec<(&[u8], Option<&[u8]>)> =
                record.headers.iter().map(|(name, value)| (&**name, value.as_deref())).collect();
            let sent: Vec<(&[u8], Option<&[u8]>)> =
                message.headers.iter().map(|header| (header.key, header.value)).collect();
            same("headers", &found, &sent)?;
            if let Some(timestamp) = message.timestamp {
                same("timestamp", &record.timestamp, &timestamp)?;
            }
        }
    }
    Ok(())
}

pub(crate) async fn every_kind_of_acks_delivers(bench: Bench) -> Outcome {
    for (acks, name) in [(Acks::None, "none"), (Acks::Leader, "leader"), (Acks::All, "all")] {
        let topic = bench.topic(&format!("acks-{name}"), 1).await?;
        let config = ProducerConfig { acks, is_idempotent: false, ..ProducerConfig::default() };
        let producer = Producer::new(&bench.cluster, config).await?;
        let delivery = producer.send(&Message::of_value(&topic, b"value")).await?;
        let offset = if acks == Acks::None { Offset::NONE } else { Offset(0) };
        same("the offset", &delivery.await?.offset, &offset)?;
        same("the value", &read(&bench.cluster, &topic, 1).await?[0].offset, &Offset(0))?;
    }
    Ok(())
}

pub(crate) async fn order_holds_and_memory_is_bounded(bench: Bench) -> Outcome {
    const COUNT: usize = 20_000;
    let topic = bench.topic("order", 3).await?;
    let memory_bytes_max = 100_000;
    let config = ProducerConfig {
        memory_bytes_max,
        request_bytes_max: 50_000,
        batch_bytes: 5000,
        linger: Duration::ZERO,
        ..ProducerConfig::default()
    };
    let producer = Producer::new(&bench.cluster, config).await?;
    let mut deliveries = Vec::new();
    for number in 0..COUNT {
        let (key, value) = ((number % 100).to_string(), number.to_string());
        let message = Message::of_value(&topic, value.as_bytes());
        let message = Message { key: Some(key.as_bytes()), ..message };
        deliveries.push(producer.send(&message).await?);
        if producer.buffered_bytes() > memory_bytes_max {
            return Err(format!("{} bytes are buffered", producer.buffered_bytes()).into());
        }
    }
    for offsets in all(deliveries).await?.values() {
        same("offsets", offsets, &(0..offsets.len() as i64).map(Offset).collect())?;
    }
    let mut last: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let records = read(&bench.cluster, &topic, COUNT).await?;
    for record in &records {
        let number: usize =
            std::str::from_utf8(record.value.as_deref().unwrap_or_default())?.parse()?;
        let key = record.key.as_deref().unwrap_or_default().to_vec();
        if last.insert(key, number).is_some_and(|before| before >= number) {
            return Err(format!("{number} is out of order").into());
        }
    }
    same("records", &records.len(), &COUNT)
}

pub(crate) async fn a_custom_partitioner_decides(bench: Bench) -> Outcome {
    let topic = bench.topic("partitioner", 4).await?;
    let by_length = Box::new(|message: &Message<'_>, topic: &corelog_client::metadata::Topic| {
        let length = message.value.map_or(0, <[u8]>::len) as i32;
        (length > 0).then_some(length % topic.partitions.len() as i32)
    });
    let config = ProducerConfig::default();
    let producer = Producer::with_partitioner(&bench.cluster, config, by_length).await?;
    for length in 1..9_usize {
        let value = vec![b'v'; length];
        let delivered = producer.send(&Message::of_value(&topic, &value)).await?.await?;
        same("the partition", &delivered.at.partition, &(length as i32 % 4))?;
    }
    let kept = Message { partition: Some(3), ..Message::of_value(&topic, b"12345") };
    same("the given one", &producer.send(&kept).await?.await?.at.partition, &3)
}

pub(crate) async fn clones_send_from_many_tasks(bench: Bench) -> Outcome {
    let topic = bench.topic("tasks", 4).await?;
    let producer = Producer::new(&bench.cluster, ProducerConfig::default()).await?;
    let tasks = (0..8).map(|task| {
        let (producer, topic) = (producer.clone(), topic.clone());
        tokio::spawn(async move {
            for number in 0..500 {
                let value = format!("{task} {number}");
                producer.send(&Message::of_value(&topic, value.as_bytes())).await?;
            }
            Ok::<_, corelog_client::ClientError>(())
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await??;
    }
    // What was taken is sent although nobody holds the producer any more.
    drop(producer);
    let records = read(&bench.cluster, &topic, 4000).await?;
    let values: BTreeSet<_> = records.into_iter().map(|record| record.value).collect();
    same("different values", &values.len(), &4000)
}

pub(crate) async fn many_partitions_are_read_in_sessions(bench: Bench) -> Outcome {
    const PARTITIONS: i32 = 60;
    let topic = bench.topic("many", PARTITIONS).await?;
    let producer = Producer::new(&bench.cluster, ProducerConfig::default()).await?;
    let mut consumer = Consumer::new(&bench.cluster, config())?;
    consumer.assign(&topic, Partitions::All, From::Beginning).await?;
    for round in 0..5 {
        for partition in 0..PARTITIONS {
            let message = Message::of_value(&topic, b"value");
            producer.send(&Message { partition: Some(partition), ..message }).await?;
        }
        producer.flush().await;
        let records = take(&mut consumer, PARTITIONS as usize).await?;
        let partitions: BTreeSet<i32> = records.iter().map(|record| record.at.partition).collect();
        same("partitions", &partitions.len(), &(PARTITIONS as usize))?;
        let offsets: BTreeSet<Offset> = records.iter().map(|record| record.offset).collect();
        same("offsets", &offsets, &BTreeSet::from([Offset(round)]))?;
    }
    Ok(())
}

async fn numbered(bench: &Bench, topic: &str, count: i64) -> Result<(), Failure> {
    let producer = Producer::new(&bench.cluster, ProducerConfig::default()).await?;
    for number in 0..count {
        let value = number.to_string();
        let message = Message::of_value(topic, value.as_bytes());
        let timestamp = Some(Timestamp(1_000_000 + 10 * number));
        producer.send(&Message { timestamp, partition: Some(0), ..message }).await?;
    }
    producer.flush().await;
    Ok(())
}

pub(crate) async fn seek_pause_and_times(bench: Bench) -> Outcome {
    let topic = bench.topic("seek", 2).await?;
    numbered(&bench, &topic, 1000).await?;
    let (zero, one) = (TopicPartition::new(&topic, 0), TopicPartition::new(&topic, 1));
    let wanted = BTreeMap::from([(zero.clone(), Moment::At(Timestamp(1_000_000 + 10 * 77 - 5)))]);
    let found = bench.cluster.list_offsets(&wanted).await?;
    same("the time", &found, &BTreeMap::from([(zero.clone(), Some(Offset(77)))]))?;

    let mut consumer = Consumer::new(&bench.cluster, config())?;
    consumer.assign(&topic, Partitions::These(&[0]), From::Offset(Offset(900))).await?;
    same("the first", &take(&mut consumer, 1).await?[0].offset, &Offset(900))?;
    consumer.seek(&zero, From::Timestamp(Timestamp(1_000_000 + 10 * 77)))?;
    let records = take(&mut consumer, 300).await?;
    let expected: Vec<Offset> = (77..).take(records.len()).map(Offset).collect();
    same("records", &records.iter().map(|record| record.offset).collect(), &expected)?;
    let next = consumer.positions()[&zero];
    same("the position", &next, &Offset(77 + records.len() as i64))?;

    consumer.pause(&zero)?;
    same("while paused", &consumer.poll(Duration::from_millis(300)).await?.len(), &0)?;
    consumer.resume(&zero)?;
    same("after the pause", &take(&mut consumer, 1).await?[0].offset, &next)?;

    consumer.seek(&zero, From::End)?;
    same("at the end", &consumer.poll(Duration::from_millis(300)).await?.len(), &0)?;
    same("the position", &consumer.positions()[&zero], &Offset(1000))?;
    match consumer.seek(&one, From::Beginning) {
        Err(corelog_client::ClientError::NotAssigned(at)) => same("the refused", &at, &one),
        other => Err(format!("a seek where nothing is assigned gives {other:?}").into()),
    }
}

pub(crate) async fn an_offset_that_is_gone_is_reset(bench: Bench) -> Outcome {
    let topic = bench.topic("reset", 1).await?;
    numbered(&bench, &topic, 10).await?;
    let mut consumer = Consumer::new(&bench.cluster, config())?;
    consumer.assign(&topic, Partitions::All, From::Offset(Offset(5000))).await?;
    same("the first", &take(&mut consumer, 10).await?[0].offset, &Offset(0))?;
    let strict = ConsumerConfig { reset: OffsetReset::Fail, ..config() };
    let mut consumer = Consumer::new(&bench.cluster, strict)?;
    consumer.assign(&topic, Partitions::All, From::Offset(Offset(5000))).await?;
    let mut found = Ok(Vec::new());
    for _ in 0..50 {
        found = consumer.poll(Duration::from_millis(100)).await;
        if found.is_err() {
            break;
        }
    }
    let code = found.err().and_then(|error| error.code());
    same("the error", &code, &Some(corelog_model::ErrorCode::OffsetOutOfRange))
}

pub(crate) async fn a_dropped_poll_loses_nothing(bench: Bench) -> Outcome {
    let topic = bench.topic("dropped", 1).await?;
    let writer = {
        let (bench, topic) = (bench.clone(), topic.clone());
        tokio::spawn(async move { numbered(&bench, &topic, 5000).await })
    };
    let mut consumer = Consumer::new(&bench.cluster, config())?;
    consumer.assign(&topic, Partitions::All, From::Beginning).await?;
    let mut offsets = Vec::new();
    for _ in 0..20_000 {
        // Most of these end in the middle of something.
        let poll = consumer.poll(Duration::from_secs(1));
        if let Ok(records) = tokio::time::timeout(Duration::from_micros(700), poll).await {
            offsets.extend(records?.into_iter().map(|record| record.offset));
        }
        if offsets.len() == 5000 {
            break;
        }
    }
    writer.await??;
    same("offsets", &offsets, &(0..5000).map(Offset).collect())
}
