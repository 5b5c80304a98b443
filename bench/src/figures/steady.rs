//! Groups whose coordinator assigns (KIP-848): a member comes and goes again and again, and the
//! others, whose partitions stay with them, are to notice nothing of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use corelog_client::consumer::OffsetReset;
use corelog_client::group::{GroupConfig, Protocol};
use corelog_client::producer::Message;
use corelog_client::{
    ClientConfig, ClientError, Cluster, Consumer, ConsumerConfig, Endpoint, Producer,
    ProducerConfig, RebalanceListener, Rebalancing, Record, TopicPartition,
};
use tokio::task::JoinHandle;

use super::Bench;
use super::groups::make_offsets_topic;
use crate::client::create_topic;
use crate::table::Figure;

const TOPIC: &str = "t";
const PARTITIONS: i32 = 16;
const MEMBERS: usize = 8;
const ROUNDS: usize = 5;
/// How often each partition gets a record.
const TICK: Duration = Duration::from_millis(5);
const RECORD_BYTES: usize = 100;
/// A member that gets nothing for so long has stopped, a hundred times the time between records.
const STOP: Duration = Duration::from_millis(500);
/// How long a group is watched when it has settled.
const CALM: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(60);
/// As often as an operator may let them beat, so that rounds are short.
const SETTINGS: [&str; 2] =
    ["group.consumer.min.heartbeat.interval.ms=1000", "group.consumer.heartbeat.interval.ms=1000"];

/// What a member has seen.
#[derive(Debug, Default)]
struct Seen {
    /// The next offset of each partition that it owns, once it has read of it.
    next: BTreeMap<i32, Option<i64>>,
    /// How often it was told of partitions that come or go.
    rebalances: u64,
    /// Records of a partition that it kept and that were not the next one.
    misplaced: u64,
    /// When records came last, and the longest time between two polls that gave some.
    last: Option<Instant>,
    gap_max: Duration,
}

/// The same, shared with the task of the member and its listener.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Seen>>);

impl Shared {
    fn look(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owned(&self) -> BTreeSet<i32> {
        self.look().next.keys().copied().collect()
    }

    fn took(&self, records: &[Record]) {
        let (mut seen, now) = (self.look(), Instant::now());
        if let Some(last) = seen.last.replace(now) {
            seen.gap_max = seen.gap_max.max(now - last);
        }
        for record in records {
            let next = seen.next.insert(record.at.partition, Some(record.offset.0 + 1)).flatten();
            seen.misplaced += u64::from(next.is_some_and(|next| next != record.offset.0));
        }
    }
}

impl RebalanceListener for Shared {
    fn assigned<'a>(
        &'a mut self,
        _: &'a mut Consumer,
        partitions: &'a BTreeSet<TopicPartition>,
    ) -> Rebalancing<'a> {
        let mut seen = self.look();
        seen.rebalances += u64::from(!partitions.is_empty());
        seen.next.extend(partitions.iter().map(|at| (at.partition, None)));
        Box::pin(async { Ok(()) })
    }

    fn revoked<'a>(
        &'a mut self,
        _: &'a mut Consumer,
        partitions: &'a BTreeSet<TopicPartition>,
    ) -> Rebalancing<'a> {
        let mut seen = self.look();
        seen.rebalances += u64::from(!partitions.is_empty());
        seen.next.retain(|number, _| partitions.iter().all(|at| at.partition != *number));
        Box::pin(async { Ok(()) })
    }

    fn lost<'a>(
        &'a mut self,
        consumer: &'a mut Consumer,
        partitions: &'a BTreeSet<TopicPartition>,
    ) -> Rebalancing<'a> {
        self.revoked(consumer, partitions)
    }
}

/// A member and its task.
struct Member {
    seen: Shared,
    is_over: Arc<AtomicBool>,
    task: JoinHandle<Result<(), ClientError>>,
}

async fn connect(address: SocketAddr) -> Result<Cluster, ClientError> {
    let endpoint = Endpoint::new(&address.ip().to_string(), address.port());
    Cluster::connect(&[endpoint], ClientConfig::default()).await
}

impl Member {
    /// Has connections of its own, as a process of its own has.
    async fn join(address: SocketAddr) -> Result<Self, ClientError> {
        let config = ConsumerConfig { reset: OffsetReset::Earliest, ..ConsumerConfig::default() };
        let group = GroupConfig {
            group: "steady".to_owned(),
            protocol: Protocol::Consumer,
            ..GroupConfig::default()
        };
        let mut consumer = Consumer::in_group(&connect(address).await?, config, group)?;
        let (seen, is_over) = (Shared::default(), Arc::new(AtomicBool::new(false)));
        consumer.on_rebalance(seen.clone())?;
        consumer.subscribe(&[TOPIC]).await?;
        let task = tokio::spawn(read(consumer, seen.clone(), Arc::clone(&is_over)));
        Ok(Self { seen, is_over, task })
    }

    async fn leave(self) -> io::Result<()> {
        self.is_over.store(true, Ordering::Relaxed);
        self.task.await?.map_err(io::Error::other)
    }
}

async fn read(
    mut consumer: Consumer,
    seen: Shared,
    is_over: Arc<AtomicBool>,
) -> Result<(), ClientError> {
    while !is_over.load(Ordering::Relaxed) {
        let records = consumer.poll(Duration::from_millis(100)).await?;
        if !records.is_empty() {
            seen.took(&records);
        }
    }
    consumer.close().await
}

/// Writes to all partitions at a steady rate until told to stop, and gives how many records each of
/// them got.
async fn load(address: SocketAddr, is_over: Arc<AtomicBool>) -> Result<i64, ClientError> {
    let producer = Producer::new(&connect(address).await?, ProducerConfig::default()).await?;
    let (mut ticks, mut count) = (tokio::time::interval(TICK), 0);
    let value = [7; RECORD_BYTES];
    while !is_over.load(Ordering::Relaxed) {
        ticks.tick().await;
        for partition in 0..PARTITIONS {
            let message = Message::of_value(TOPIC, &value);
            // Those that did not arrive are missed by the readers.
            drop(producer.send(&Message { partition: Some(partition), ..message }).await?);
        }
        count += 1;
    }
    producer.flush().await;
    Ok(count)
}

/// Waits until the members share all partitions, and a while longer.
async fn settle(members: &[Member]) -> io::Result<()> {
    let began = Instant::now();
    let has_settled = || {
        let shares = members.iter().map(|member| member.seen.owned().len());
        shares.clone().sum::<usize>() == PARTITIONS as usize && shares.min() > Some(0)
    };
    while !has_settled() {
        if began.elapsed() > PATIENCE || members.iter().any(|member| member.task.is_finished()) {
            return Err(io::Error::other("the members do not come to share the partitions"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(CALM).await;
    Ok(())
}

/// What the members whose partitions stayed saw of a time.
#[derive(Debug, Default)]
struct Found {
    /// Times of members, and how many of them are of members whose partitions stayed.
    all: usize,
    unaffected: usize,
    /// Of these: what they were told of partitions that come or go, and times without records.
    stops: u64,
    gap_max: Duration,
}

/// What members have before something happens.
type Before = Vec<(BTreeSet<i32>, u64)>;

fn begin(members: &[Member]) -> Before {
    let before = members.iter().map(|member| {
        let owned = member.seen.owned();
        let mut seen = member.seen.look();
        seen.gap_max = Duration::ZERO;
        (owned, seen.rebalances)
    });
    before.collect()
}

impl Found {
    fn end(&mut self, members: &[Member], before: &Before) {
        for (member, (owned, rebalances)) in members.iter().zip(before) {
            self.all += 1;
            if member.seen.owned() != *owned {
                continue;
            }
            let seen = member.seen.look();
            let silent = seen.last.map_or(Duration::ZERO, |last| last.elapsed());
            let gap = seen.gap_max.max(silent);
            self.unaffected += 1;
            self.stops += seen.rebalances - rebalances + u64::from(gap > STOP);
            self.gap_max = self.gap_max.max(gap);
        }
    }
}

/// All that is measured: before anybody comes or goes, then while one does, and how many records
/// were not read once and in order.
async fn watch(address: SocketAddr, calm: Duration) -> io::Result<(Found, Found, i64)> {
    let is_over = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(load(address, Arc::clone(&is_over)));
    let mut members = Vec::new();
    for _ in 0..MEMBERS {
        members.push(Member::join(address).await.map_err(io::Error::other)?);
    }
    settle(&members).await?;
    let (mut alone, mut beside) = (Found::default(), Found::default());
    let before = begin(&members);
    tokio::time::sleep(calm).await;
    alone.end(&members, &before);
    for _ in 0..ROUNDS {
        let before = begin(&members);
        members.push(Member::join(address).await.map_err(io::Error::other)?);
        settle(&members).await?;
        beside.end(&members, &before);
        let before = begin(&members[..MEMBERS]);
        if let Some(last) = members.pop() {
            last.leave().await?;
        }
        settle(&members).await?;
        beside.end(&members, &before);
    }
    is_over.store(true, Ordering::Relaxed);
    let written = load.await?.map_err(io::Error::other)?;
    let wrong = count_wrong(&members, written).await;
    for member in members {
        member.leave().await?;
    }
    Ok((alone, beside, wrong))
}

/// Records that are missing at the end, or came out of order to members that kept the partition.
async fn count_wrong(members: &[Member], written: i64) -> i64 {
    let missing = || {
        let next = members.iter().flat_map(|member| {
            let seen = member.seen.look();
            seen.next.values().map(|next| next.unwrap_or(0)).collect::<Vec<_>>()
        });
        next.map(|next| (written - next).abs()).sum::<i64>()
    };
    let began = Instant::now();
    while missing() > 0 && began.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let misplaced: u64 = members.iter().map(|member| member.seen.look().misplaced).sum();
    missing() + misplaced as i64
}

impl Bench {
    /// What members notice of another one that joins and leaves under a steady load.
    pub(super) fn steady_members(&mut self) -> io::Result<()> {
        let data = self.data()?;
        let broker = self.broker_with(&data, &SETTINGS)?;
        let mut stream = broker.connect()?;
        create_topic(&mut stream, TOPIC, PARTITIONS)?;
        make_offsets_topic(&mut stream)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (alone, beside, wrong) = runtime.block_on(watch(broker.address, self.run))?;
        broker.stop()?;
        let Found { all, unaffected, stops, gap_max } = beside;
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        self.figures.push(Figure {
            name: "KIP-848, one joins and leaves 5 times: stops of 8 members that keep partitions",
            measured: format!(
                "{stops} stops, {wrong} records lost, doubled or disordered, longest time between \
                 records {:.0} ms ({unaffected} of {all} times a member kept its partitions)",
                millis(gap_max)
            ),
            against: format!("before: {:.0} ms, {} stops", millis(alone.gap_max), alone.stops),
            ratio: gap_max.as_secs_f64() / alone.gap_max.as_secs_f64(),
            goal: "0 stops",
            holds: stops == 0 && wrong == 0 && unaffected > 0,
        });
        Ok(())
    }
}
