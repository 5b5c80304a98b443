//! Claims about groups while their coordinator is killed: what a commit was acknowledged for is
//! committed, whatever the protocol, and members go on where they were.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use corelog_client::consumer::OffsetReset;
use corelog_client::group::{CommittedOffset, GroupConfig, Protocol};
use corelog_client::producer::Message;
use corelog_client::{
    Admin, ClientConfig, ClientError, Cluster, Consumer, ConsumerConfig, Producer, ProducerConfig,
    TopicPartition,
};
use corelog_model::Offset;

use crate::support::{DataFolder, Launch, Mover, create_topic};

const KILLS: u32 = 5;
const PARTITIONS: i32 = 4;
const TOPIC: &str = "read-in-groups";

type Offsets = Arc<Mutex<BTreeMap<TopicPartition, i64>>>;

/// Writes until it is told to stop.
async fn write(cluster: Cluster, stop: Arc<AtomicBool>) -> Result<(), ClientError> {
    let producer = Producer::new(&cluster, ProducerConfig::default()).await?;
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let message = Message::of_value(TOPIC, b"value");
        producer.send(&Message { partition: Some(number % PARTITIONS), ..message }).await?;
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    producer.flush().await;
    Ok(())
}

/// Reads and commits until it is told to stop, and keeps what it was told is committed.
async fn read(
    cluster: Cluster,
    settings: GroupConfig,
    committed: Offsets,
    stop: Arc<AtomicBool>,
) -> Result<(), ClientError> {
    let config = ConsumerConfig {
        reset: OffsetReset::Earliest,
        auto_commit: None,
        max_wait: Duration::from_millis(20),
        retry_pause: Duration::from_millis(20),
        ..ConsumerConfig::default()
    };
    let mut member = Consumer::in_group(&cluster, config, settings)?;
    member.subscribe(&[TOPIC]).await?;
    while !stop.load(Ordering::Relaxed) {
        let mut ends = BTreeMap::new();
        for record in member.poll(Duration::from_millis(50)).await? {
            let at = record.at.clone();
            ends.insert(at, record.offset.0 + 1);
        }
        let offsets = ends.iter().map(|(at, end)| {
            let offset = Offset(*end);
            (at.clone(), CommittedOffset { offset, leader_epoch: None, metadata: None })
        });
        let offsets: BTreeMap<_, _> = offsets.collect();
        // A commit that fails promises nothing.
        if !offsets.is_empty() && member.commit_offsets(&offsets).await.is_ok() {
            committed.lock().expect("nobody panics with it").extend(ends);
        }
    }
    member.close().await
}

#[test]
fn acknowledged_commits_outlive_kills_of_the_coordinator() {
    check_commits("1");
}

#[test]
fn acknowledged_commits_outlive_moves_of_the_coordinator_and_its_kills() {
    check_commits("2");
}

/// Commits while the broker is killed again and again. Between two cores, partitions move as well.
fn check_commits(cores: &str) {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data()).cores(cores);
    let mut broker = launch.start();
    create_topic(&launch.endpoint(), TOPIC, PARTITIONS, &[]);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime can be made");
    let config = ClientConfig { retry_pause: Duration::from_millis(10), ..Default::default() };
    let cluster = runtime.block_on(Cluster::connect(&[launch.endpoint()], config));
    let cluster = cluster.expect("the broker answers");
    let stop = Arc::<AtomicBool>::default();
    let writer = runtime.spawn(write(cluster.clone(), Arc::clone(&stop)));
    let groups = [("classic", Protocol::Classic), ("consumer", Protocol::Consumer)];
    let groups = groups.map(|(name, protocol)| {
        let settings = GroupConfig {
            group: name.to_owned(),
            protocol,
            session_timeout: Duration::from_secs(6),
            heartbeat_interval: Duration::from_millis(200),
            ..GroupConfig::default()
        };
        let committed = Offsets::default();
        let reading = read(cluster.clone(), settings, Arc::clone(&committed), Arc::clone(&stop));
        (name, committed, runtime.spawn(reading))
    });
    let admin = Admin::new(&cluster);
    let all: BTreeSet<_> = (0..PARTITIONS).map(|index| TopicPartition::new(TOPIC, index)).collect();
    // How far each group was told it is, and how far it is.
    let check = |round: u32| {
        for (name, committed, _) in &groups {
            let told = committed.lock().expect("nobody panics with it").clone();
            let stored = runtime.block_on(admin.group_offsets(name, &all));
            let stored = stored.expect("the coordinator answers");
            for (at, told) in told {
                let stored = stored.get(&at).and_then(Option::as_ref).map(|found| found.offset.0);
                assert!(
                    stored.is_some_and(|stored| told <= stored),
                    "round {round}, group {name}: {told} of {at:?} was acknowledged, not {stored:?}"
                );
            }
        }
    };
    let has_committed = |least: usize| {
        for _ in 0..600 {
            let told = |committed: &Offsets| committed.lock().expect("nobody panics with it").len();
            if groups.iter().all(|(_, committed, _)| told(committed) >= least) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("a group commits nothing");
    };
    has_committed(PARTITIONS as usize);
    let mover = (cores != "1").then(|| Mover::start(&launch.endpoint()));
    for round in 0..KILLS {
        std::thread::sleep(Duration::from_millis(fastrand::u64(50..600)));
        broker.kill();
        broker = launch.start();
        check(round);
        // From here on everybody has to commit anew.
        for (_, committed, _) in &groups {
            committed.lock().expect("nobody panics with it").clear();
        }
        has_committed(1);
    }
    if let Some(mover) = mover {
        let count = mover.finish();
        assert!(count > KILLS, "only {count} partitions moved");
    }
    stop.store(true, Ordering::Relaxed);
    check(KILLS);
    runtime.block_on(writer).expect("the writer ends").expect("all is written");
    for (name, _, reader) in groups {
        let read = runtime.block_on(reader).expect("the reader ends");
        read.unwrap_or_else(|error| panic!("group {name}: {error}"));
    }
    drop(broker);
}
