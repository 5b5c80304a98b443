//! Claims about the async client while its broker is killed: nothing is lost, doubled or out of
//! order, whether it writes or reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use corelog_client::consumer::{From, Partitions};
use corelog_client::producer::Message;
use corelog_client::{
    ClientConfig, ClientError, Cluster, Consumer, ConsumerConfig, Producer, ProducerConfig, Record,
};
use corelog_model::Offset;

use crate::support::{DataFolder, Launch, create_topic};

const KILLS: u32 = 6;
const TOPIC: &str = "numbers";

/// Sends numbers until it is told to stop, and gives the offset of each.
async fn write(cluster: Cluster, stop: Arc<AtomicBool>) -> Result<Vec<Offset>, ClientError> {
    let config = ProducerConfig { batch_bytes: 4000, ..ProducerConfig::default() };
    let producer = Producer::new(&cluster, config).await?;
    let mut deliveries = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let number = deliveries.len().to_string();
        let message = Message::of_value(TOPIC, number.as_bytes());
        deliveries.push(producer.send(&message).await?);
        if deliveries.len().is_multiple_of(50) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let mut offsets = Vec::new();
    for delivery in deliveries {
        offsets.push(delivery.await?.offset);
    }
    Ok(offsets)
}

/// Reads until it is told how many there are and has them.
async fn read(
    cluster: Cluster,
    mut count: tokio::sync::oneshot::Receiver<usize>,
) -> Result<Vec<Record>, ClientError> {
    let config = ConsumerConfig { retry_pause: Duration::from_millis(20), ..Default::default() };
    let mut consumer = Consumer::new(&cluster, config)?;
    consumer.assign(TOPIC, Partitions::All, From::Beginning).await?;
    let (mut records, mut expected) = (Vec::new(), usize::MAX);
    while records.len() < expected {
        records.extend(consumer.poll(Duration::from_millis(200)).await?);
        if let Ok(told) = count.try_recv() {
            expected = told;
        }
    }
    Ok(records)
}

#[test]
fn a_producer_and_a_consumer_outlive_kills_of_their_broker() {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data());
    let mut broker = launch.start();
    create_topic(&launch.endpoint(), TOPIC, 1, &[]);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime can be made");
    let config = ClientConfig { retry_pause: Duration::from_millis(10), ..Default::default() };
    let cluster = runtime.block_on(Cluster::connect(&[launch.endpoint()], config));
    let cluster = cluster.expect("the broker answers");
    let stop = Arc::<AtomicBool>::default();
    let (tell, told) = tokio::sync::oneshot::channel();
    let writer = runtime.spawn(write(cluster.clone(), Arc::clone(&stop)));
    let reader = runtime.spawn(read(cluster, told));
    for _ in 0..KILLS {
        std::thread::sleep(Duration::from_millis(fastrand::u64(50..400)));
        broker.kill();
        broker = launch.start();
    }
    stop.store(true, Ordering::Relaxed);
    let offsets = runtime.block_on(writer).expect("the writer ends").expect("all is written");
    tell.send(offsets.len()).expect("the reader waits");
    let records = runtime.block_on(reader).expect("the reader ends").expect("all is read");
    assert!(offsets.len() > 100, "only {} were written", offsets.len());
    for (number, record) in records.iter().enumerate() {
        let value = record.value.as_deref().map(String::from_utf8_lossy);
        assert_eq!(value.as_deref(), Some(number.to_string().as_str()), "at {}", record.offset);
        // A repetition whose first success the broker has forgotten is told without its offset.
        if offsets[number] != Offset::NONE {
            assert_eq!(record.offset, offsets[number]);
        }
    }
    assert_eq!(records.len(), offsets.len());
    drop(broker);
}
