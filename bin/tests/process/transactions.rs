//! Claims about transactions while the broker is killed: programs that read, write and commit their
//! offsets in one transaction write each result exactly once, whichever step a kill meets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use corelog_client::consumer::{From, IsolationLevel, Partitions};
use corelog_client::group::{CommittedOffset, MemberIdentity};
use corelog_client::producer::Message;
use corelog_client::producer::transaction::GroupOffsets;
use corelog_client::{
    Admin, ClientError, Cluster, Consumer, ConsumerConfig, Endpoint, Producer, ProducerConfig,
    TopicPartition,
};
use corelog_model::Offset;

use crate::support::{DataFolder, Launch, Mover, create_topic, quick};

const KILLS: u32 = 8;
/// Each partition of the source has a copier with a transactional id of its own.
const COPIERS: i32 = 3;
const RECORDS: i64 = 3_000;
const PARTITIONS: i32 = 4;
const OF_ONE_MAX: usize = 20;
/// Far more than copying takes, kills included.
const PATIENCE: Duration = Duration::from_secs(180);
const SOURCE: &str = "source";
const TARGET: &str = "target";
const GROUP: &str = "copiers";

async fn fill(cluster: &Cluster) -> Result<(), ClientError> {
    let producer = Producer::new(cluster, ProducerConfig::default()).await?;
    let mut sent = Vec::new();
    for number in 0..RECORDS {
        for partition in 0..COPIERS {
            let value = format!("{partition}-{number}");
            let message = Message::of_value(SOURCE, value.as_bytes());
            sent.push(producer.send(&Message { partition: Some(partition), ..message }).await?);
        }
    }
    for delivery in sent {
        delivery.await?;
    }
    Ok(())
}

/// Copies one partition to its end, from what is committed.
async fn copy(endpoint: &Endpoint, partition: i32) -> Result<(), ClientError> {
    let cluster = Cluster::connect(std::slice::from_ref(endpoint), quick()).await?;
    let config = ProducerConfig {
        transactional_id: Some(format!("copier-{partition}")),
        delivery_timeout: Duration::from_secs(5),
        ..ProducerConfig::default()
    };
    let producer = Producer::new(&cluster, config).await?;
    // Ends what a predecessor began, so that nothing committed is missing below.
    producer.init_transactions().await?;
    let from = TopicPartition::new(SOURCE, partition);
    let committed = Admin::new(&cluster).group_offsets(GROUP, &[from.clone()].into()).await?;
    let committed = committed.get(&from).and_then(Option::as_ref);
    let begin = From::Offset(committed.map_or(Offset(0), |found| found.offset));
    let config =
        ConsumerConfig { max_wait: Duration::from_millis(50), ..ConsumerConfig::default() };
    let mut consumer = Consumer::new(&cluster, config)?;
    consumer.assign(SOURCE, Partitions::These(&[partition]), begin).await?;
    loop {
        let records = consumer.poll(Duration::from_millis(500)).await?;
        for part in records.chunks(fastrand::usize(1..=OF_ONE_MAX)) {
            producer.begin().await?;
            let mut sent = Vec::new();
            for record in part {
                let value = record.value.as_deref().unwrap_or_default();
                let message = Message::of_value(TARGET, value);
                let to = Some(fastrand::i32(0..PARTITIONS));
                sent.push(producer.send(&Message { partition: to, ..message }).await?);
            }
            let next = part[part.len() - 1].offset.next();
            let offset = CommittedOffset { offset: next, leader_epoch: None, metadata: None };
            let member = MemberIdentity::outside(GROUP);
            let offsets = [(from.clone(), offset)].into();
            producer.send_offsets(GroupOffsets { member, offsets }).await?;
            // Some are undone on purpose, and written again by a successor.
            if fastrand::u8(..25) == 0 {
                producer.flush().await;
                producer.abort().await?;
                return Ok(());
            }
            producer.commit().await?;
            if next.0 == RECORDS {
                return Ok(());
            }
        }
    }
}

/// Copies until everything is copied; what fails begins anew.
async fn copy_all(endpoint: Endpoint, partition: i32) {
    let from = TopicPartition::new(SOURCE, partition);
    let began = Instant::now();
    loop {
        if let Err(error) = copy(&endpoint, partition).await {
            assert!(began.elapsed() < PATIENCE, "partition {partition} is not copied: {error}");
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        let Ok(cluster) = Cluster::connect(std::slice::from_ref(&endpoint), quick()).await else {
            continue;
        };
        let committed = Admin::new(&cluster).group_offsets(GROUP, &[from.clone()].into()).await;
        let committed = committed.ok().and_then(|found| found.get(&from).cloned().flatten());
        if committed.is_some_and(|found| found.offset.0 == RECORDS) {
            return;
        }
    }
}

/// How often each value of the target is there.
async fn count(
    cluster: &Cluster,
    isolation: IsolationLevel,
) -> Result<BTreeMap<String, u32>, ClientError> {
    let config = ConsumerConfig {
        isolation,
        max_wait: Duration::from_millis(50),
        ..ConsumerConfig::default()
    };
    let mut consumer = Consumer::new(cluster, config)?;
    consumer.assign(TARGET, Partitions::All, From::Beginning).await?;
    let mut found = BTreeMap::new();
    let mut quiet = 0;
    while quiet < 3 {
        let records = consumer.poll(Duration::from_millis(500)).await?;
        quiet = if records.is_empty() { quiet + 1 } else { 0 };
        for record in records {
            let value = record.value.as_deref().unwrap_or_default();
            *found.entry(String::from_utf8_lossy(value).into_owned()).or_default() += 1;
        }
    }
    Ok(found)
}

#[test]
fn what_is_read_and_written_in_one_transaction_is_written_once_across_kills() {
    check_copying("1");
}

#[test]
fn what_is_written_in_transactions_while_partitions_move_is_written_once_across_kills() {
    check_copying("2");
}

/// Copies while the broker is killed again and again. Between two cores, partitions move as well.
fn check_copying(cores: &str) {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data()).cores(cores);
    let mut broker = launch.start();
    let endpoint = launch.endpoint();
    create_topic(&endpoint, SOURCE, COPIERS, &[]);
    create_topic(&endpoint, TARGET, PARTITIONS, &[]);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime can be made");
    let cluster = runtime.block_on(Cluster::connect(std::slice::from_ref(&endpoint), quick()));
    let cluster = cluster.expect("the broker answers");
    runtime.block_on(fill(&cluster)).expect("the source is written");
    let copiers: Vec<_> = (0..COPIERS)
        .map(|partition| runtime.spawn(copy_all(endpoint.clone(), partition)))
        .collect();
    let mover = (cores != "1").then(|| Mover::start(&endpoint));
    let mut kills = 0;
    while kills < KILLS && !copiers.iter().all(tokio::task::JoinHandle::is_finished) {
        std::thread::sleep(Duration::from_millis(fastrand::u64(100..600)));
        broker.kill();
        broker = launch.start();
        kills += 1;
    }
    assert!(kills > 2, "only {kills} kills met the copiers");
    for copier in copiers {
        runtime.block_on(copier).expect("a copier ends");
    }
    if let Some(mover) = mover {
        let count = mover.finish();
        assert!(count > KILLS, "only {count} partitions moved");
    }
    let all: BTreeSet<String> = (0..COPIERS)
        .flat_map(|partition| (0..RECORDS).map(move |number| format!("{partition}-{number}")))
        .collect();
    let committed = runtime.block_on(count(&cluster, IsolationLevel::ReadCommitted));
    let committed = committed.expect("the target can be read");
    let twice: Vec<_> = committed.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let lost: Vec<_> = all.iter().filter(|value| !committed.contains_key(*value)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), all.len());
    assert!(committed.len() == all.len(), "something is there that nobody wrote");
    let everything = runtime.block_on(count(&cluster, IsolationLevel::ReadUncommitted));
    let everything: u32 = everything.expect("the target can be read").values().sum();
    assert!(everything as usize > all.len(), "nothing was ever undone");
    assert!(broker.terminate().success());
}
