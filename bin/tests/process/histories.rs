//! Claims about everything that clients see while the broker is killed and stopped: whatever they
//! did, their history has no anomaly. `CORELOG_TEST_HISTORY_SECONDS` makes it longer than the gate
//! has time for.

mod controls;
mod reader;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use corelog_client::consumer::{From, Partitions};
use corelog_client::group::Protocol;
use corelog_client::offsets::Moment;
use corelog_client::{Cluster, Consumer, Endpoint, TopicPartition};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::history::{Action, History, Isolation, Outcome, Process, Recorder, Step, forbidden};
use crate::support::{Broker, DataFolder, Launch, create_topic, quick};

const TOPIC: &str = "histories";
const PARTITIONS: i32 = 4;
const SECONDS: u64 = 14;
const FINAL: Process = 99;
/// Far more than reading to the end takes.
const PATIENCE: Duration = Duration::from_secs(90);
/// How much a run has to show, so that it says something.
const OPERATIONS_MIN: usize = 500;

/// What all processes share.
#[derive(Clone)]
struct Stage {
    recorder: Recorder,
    endpoint: Endpoint,
    stop: Arc<AtomicBool>,
}

impl Stage {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The cluster, as soon as the broker answers.
    async fn connect(&self) -> Cluster {
        loop {
            match Cluster::connect(std::slice::from_ref(&self.endpoint), quick()).await {
                Ok(cluster) => return cluster,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn start(&self, runtime: &Runtime) -> Vec<JoinHandle<()>> {
        let stage = || self.clone();
        vec![
            runtime.spawn(writer::write(stage(), 1)),
            runtime.spawn(writer::write(stage(), 2)),
            runtime.spawn(writer::transact(stage(), 3)),
            runtime.spawn(writer::transact(stage(), 4)),
            runtime.spawn(writer::transact(stage(), 5)),
            runtime.spawn(reader::read_by_hand(stage(), 6, Isolation::Committed)),
            runtime.spawn(reader::read_by_hand(stage(), 7, Isolation::Uncommitted)),
            runtime.spawn(reader::read_in_group(stage(), 8, Protocol::Classic)),
            runtime.spawn(reader::read_in_group(stage(), 9, Protocol::Classic)),
            runtime.spawn(reader::read_in_group(stage(), 10, Protocol::Consumer)),
            runtime.spawn(reader::read_in_group(stage(), 11, Protocol::Consumer)),
        ]
    }

    /// Reads everything that is committed, when nobody writes any more.
    async fn read_all(&self) {
        let cluster = self.connect().await;
        let open = self.recorder.begin(FINAL);
        let from = (0..PARTITIONS).map(|partition| (partition, Some(0)));
        self.recorder.end(open, Action::Assign(from.collect()), Outcome::Done);
        let open = self.recorder.begin(FINAL);
        let config = reader::config(Isolation::Committed);
        let mut consumer = Consumer::new(&cluster, config).expect("a good setting");
        let assigned = consumer.assign(TOPIC, Partitions::All, From::Beginning).await;
        assigned.expect("the topic is there");
        let all = (0..PARTITIONS).map(|number| TopicPartition::new(TOPIC, number));
        let all = all.map(|at| (at, Moment::End)).collect();
        // Behind the last record, whoever may read it.
        let ends = consumer.offsets_at(&all).await.expect("the broker answers");
        let (mut steps, began) = (Vec::new(), Instant::now());
        loop {
            let positions = consumer.positions();
            let is_there = |(at, end): (&TopicPartition, &Option<_>)| {
                positions.get(at).is_some_and(|position| Some(*position) >= *end)
            };
            if ends.iter().all(is_there) {
                break;
            }
            let late = "a transaction stays open for ever";
            assert!(began.elapsed() < PATIENCE, "{late}: {positions:?} of {ends:?}");
            let polled = consumer.poll(Duration::from_millis(200)).await;
            let records = reader::polled(&polled.expect("all can be read"));
            steps.push(Step::Poll { isolation: Isolation::Committed, records });
        }
        self.recorder.end(open, Action::Steps(steps), Outcome::Done);
    }
}

/// Kills and stops the broker again and again.
fn trouble(mut broker: Broker, launch: &mut Launch, time: Duration) -> Broker {
    let began = Instant::now();
    let (mut kills, mut stops) = (0, 0);
    while began.elapsed() < time || kills < 2 || stops < 2 {
        std::thread::sleep(Duration::from_millis(fastrand::u64(100..1500)));
        if fastrand::bool() {
            broker.kill();
            broker = launch.start();
            kills += 1;
        } else {
            broker.pause();
            std::thread::sleep(Duration::from_millis(fastrand::u64(50..1500)));
            broker.resume();
            stops += 1;
        }
    }
    assert!(kills + stops > 1, "{kills} kills, {stops} stops");
    broker
}

fn summary(history: &History) -> String {
    let count = |outcome| {
        let transactions = history.operations.iter().filter(|one| one.is_transaction());
        transactions.filter(|one| one.outcome == outcome).count()
    };
    let polled: usize = history.operations.iter().map(|one| one.polled().count()).sum();
    let sent: usize = history.operations.iter().map(|one| one.sends().count()).sum();
    format!(
        "{} operations, {sent} values sent, {polled} records polled; of the transactions {} are \
        committed, {} aborted, {} unknown",
        history.operations.len(),
        count(Outcome::Done),
        count(Outcome::Failed),
        count(Outcome::Unknown),
    )
}

#[test]
fn histories_of_clients_have_no_anomaly_across_kills_and_stops() {
    let seconds = std::env::var("CORELOG_TEST_HISTORY_SECONDS").ok();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(SECONDS);
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data()).cores("2");
    launch = launch.set("group.initial.rebalance.delay.ms", "0");
    let broker = launch.start();
    create_topic(&launch.endpoint(), TOPIC, PARTITIONS, &[("segment.bytes", "1048576")]);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime can be made");
    let (recorder, endpoint) = (Recorder::default(), launch.endpoint());
    let stage = Stage { recorder, endpoint, stop: Arc::default() };
    let processes = stage.start(&runtime);
    let broker = trouble(broker, &mut launch, Duration::from_secs(seconds));
    stage.stop.store(true, Ordering::Relaxed);
    for process in processes {
        runtime.block_on(process).expect("a process ends");
    }
    runtime.block_on(stage.read_all());
    let history = stage.recorder.history();
    println!("{}", summary(&history));
    assert!(history.operations.len() > OPERATIONS_MIN, "little happened");
    let found = forbidden(&history);
    let first: Vec<String> = found.iter().take(20).map(ToString::to_string).collect();
    assert!(found.is_empty(), "{} anomalies: {first:#?}", found.len());
    controls::notice(&history);
    assert!(broker.terminate().success());
}
