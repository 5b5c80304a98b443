//! A broker of two cores on the simulated machine: a partition moves between them while it is
//! written, and whatever was acknowledged is there once, in order, after a crash at any step.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use corelog_cluster::ShardEndpoint;
use corelog_cluster::decide::create_topics::{CreateTopics, NewTopic};
use corelog_cluster::decide::delete_topics::TopicSelector;
use corelog_cluster::decide::reassign_partitions::{
    ReassignPartition, ReassignPartitionError, ReassignPartitions,
};
use corelog_cluster::decide::{Mode, TopicPolicy};
use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_io::{list_directory, spawn, yield_now};
use corelog_log::{FirstBatch, ReadRequest};
use corelog_model::builder::BatchBuilder;
use corelog_model::{
    BatchView, BrokerId, Codec, ErrorCode, LeaderEpoch, Offset, PartitionIndex, ProducerEpoch,
    ProducerId, Sequence, ShardId, Timestamp, TopicId,
};

use super::*;
use crate::config::BrokerConfig;
use crate::control::Control;
use crate::fetch::{FetchBounds, FetchError, FetchPartition};
use crate::metadata_log::tests::config;
use crate::partition::{IsolationLevel, PartitionRefusal};
use crate::peers::Peers;
use crate::produce::ProduceError;
use crate::shard::Links;
use crate::start::{ControllerSeed, StartError, start_controller_shard, start_shard};

const CORES: u16 = 2;
/// Milliseconds of the simulated clock.
const PATIENCE: u32 = 20_000;
const TOPIC: &str = "t";

fn id() -> PartitionId {
    PartitionId::new(TopicId::from_bytes([1; 16]), PartitionIndex(0))
}

fn node(core: u16) -> NodeId {
    NodeId::of(BrokerId(1), ShardId(core))
}

fn broker() -> BrokerConfig {
    let config = config(16 << 20);
    let topics = TopicPolicy::default();
    BrokerConfig { topics, ..config }
}

async fn start_cores() -> Result<Vec<Shard>, StartError> {
    let (control, requests) = Control::new(4);
    let (outboxes, inboxes): (Vec<_>, Vec<_>) =
        (0..CORES).map(|_| corelog_io::mesh::channel(4)).unzip();
    let endpoint = |core| ShardEndpoint {
        shard: ShardId(core),
        listener: "PLAINTEXT".to_owned(),
        host: "h".to_owned(),
        port: 9092 + core,
    };
    let seed = ControllerSeed {
        endpoints: (0..CORES).map(endpoint).collect(),
        cluster_id: "c".to_owned(),
        shards: outboxes,
        requests,
    };
    let (peers, calls) = Peers::new(BrokerId(1), CORES);
    let links = calls.into_iter().map(|requests| Links {
        control: control.clone(),
        peers: peers.clone(),
        requests,
    });
    let mut cores = links.zip(inboxes);
    let (links, inbox) = cores.next().expect("there is a first core");
    let mut started = vec![start_controller_shard(broker(), seed, links, inbox).await?];
    for ((links, inbox), core) in cores.zip(1..) {
        started.push(start_shard(broker(), ShardId(core), links, inbox).await?);
    }
    let shards = started.iter().map(|one| one.shard.clone()).collect();
    for one in started {
        spawn(async move { one.shard.run(&one.inbox).await }).detach();
    }
    Ok(shards)
}

async fn create_topic(shards: &[Shard]) {
    let topic = NewTopic {
        name: TOPIC.to_owned(),
        id: id().topic,
        partitions: 1,
        replication_factor: 1,
        assignments: Vec::new(),
        configs: Vec::new(),
    };
    let create = CreateTopics { mode: Mode::Apply, topics: vec![topic] };
    shards[0].control().change(Change::CreateTopics(create)).await.expect("it goes on");
}

/// Asks that the partition be on a node, or that it does not move any more.
async fn reassign(shards: &[Shard], target: Option<NodeId>) -> ErrorCode {
    let replicas = target.map(|node| vec![node]);
    let partition = ReassignPartition { topic: TOPIC.to_owned(), index: id().index, replicas };
    let change = Change::ReassignPartitions(ReassignPartitions {
        partitions: vec![partition],
        allow_replication_factor_change: true,
    });
    match shards[1].control().change(change).await {
        Ok(Outcome::ReassignPartitions(results)) => {
            results[0].as_ref().map_or_else(ReassignPartitionError::code, |()| ErrorCode::None)
        }
        other => panic!("{other:?}"),
    }
}

fn leader(shards: &[Shard]) -> (NodeId, LeaderEpoch) {
    let image = shards[0].image();
    let state = image.partition(id()).expect("it was created");
    (state.leader, state.leader_epoch)
}

fn is_moving(shards: &[Shard]) -> bool {
    shards[0].image().partition(id()).is_some_and(|state| !state.target.is_empty())
}

/// Waits until the partition is where it shall be and led there.
async fn until_settled(shards: &[Shard]) {
    let leads = |shard: &Shard| shard.partition(id().topic, id().index).is_ok();
    for _ in 0..PATIENCE {
        if !is_moving(shards) && shards.iter().any(leads) {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
    panic!("the partition does not settle: {:?}", shards[0].image().partition(id()));
}

/// A batch of one record that says its number, of an idempotent producer.
fn batch(number: u64) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Codec::None, None);
    builder.set_producer(ProducerId(9), ProducerEpoch(0), Sequence(number as i32));
    let value = [number.to_be_bytes().to_vec(), vec![7; 3000]].concat();
    builder.append(Timestamp(1), None, Some(&value), &[]);
    builder.build(Offset::ZERO)
}

/// Appends a batch where the partition is led, and finds out when it moved.
async fn produce(shards: &[Shard], number: u64) -> Offset {
    for _ in 0..PATIENCE {
        for shard in shards {
            let Ok(partition) = shard.partition(id().topic, id().index) else { continue };
            match shard.produce(&partition, &batch(number), Codec::Zstd).await {
                Ok(produced) => {
                    return produced.durable().await.expect("a good disk").base_offset;
                }
                Err(ProduceError::Append(corelog_log::AppendError::Parted)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        sleep(Duration::from_millis(1)).await;
    }
    panic!("nobody leads the partition: {:?}", shards[0].image().partition(id()));
}

/// The numbers of all records, from where the partition is led.
async fn records(shards: &[Shard]) -> Vec<u64> {
    until_settled(shards).await;
    let found = shards.iter().filter_map(|one| one.partition(id().topic, id().index).ok());
    let found: Vec<_> = found.collect();
    assert_eq!(found.len(), 1, "one core leads the partition");
    let partition = found.first().expect("it has settled");
    let (mut offset, limit) = (partition.log.log_start(), partition.high_watermark());
    let mut numbers = Vec::new();
    while offset < limit {
        let first_batch = FirstBatch::Always;
        let request = ReadRequest { offset, limit, bytes_max: 100_000, first_batch };
        let read = partition.log.read(request).await.expect("a good disk");
        let bytes = read.pieces.to_vec();
        let mut rest = &bytes[..];
        while let Ok((batch, behind)) = BatchView::parse(rest) {
            assert_eq!(batch.base_offset(), Offset(numbers.len() as i64));
            let mut scratch = Vec::new();
            for record in batch.records(&mut scratch, 1 << 20).expect("a whole batch") {
                let value = record.expect("a whole record").value.expect("it has a value");
                numbers.push(u64::from_be_bytes(value[..8].try_into().expect("eight bytes")));
            }
            rest = behind;
        }
        offset = read.next;
    }
    numbers
}

/// What was acknowledged, over crashes.
#[derive(Debug, Default)]
struct Model {
    acknowledged: Cell<u64>,
    is_created: Cell<bool>,
    /// The highest leader epoch that somebody saw.
    epoch: Cell<i32>,
    moves: Cell<u32>,
}

/// One life: what was acknowledged is there; then more is written while the partition moves.
async fn live(model: Rc<Model>, moves: u32, closes: bool) {
    let shards = start_cores().await.expect("a good disk");
    if model.is_created.get() {
        let found = records(&shards).await;
        let (known, count) = (model.acknowledged.get(), found.len() as u64);
        assert!(known <= count && count <= known + 1, "{count} of {known} records");
        assert!(found.iter().copied().eq(0..count), "each record once and in order");
        assert!(model.epoch.get() <= leader(&shards).1.0, "leader epochs do not go back");
        // The one behind may have become durable without an answer: the retry finds it.
    } else {
        create_topic(&shards).await;
        model.is_created.set(true);
    }
    let is_over = Rc::new(Cell::new(false));
    let writer = {
        let (shards, model, is_over) = (shards.clone(), Rc::clone(&model), Rc::clone(&is_over));
        spawn(async move {
            while !is_over.get() {
                let number = model.acknowledged.get();
                let offset = produce(&shards, number).await;
                assert_eq!(offset, Offset(number as i64), "a retry is no second record");
                model.acknowledged.set(number + 1);
                yield_now().await;
            }
        })
    };
    until_settled(&shards).await;
    for _ in 0..moves {
        let (from, epoch) = leader(&shards);
        let to = if from == node(0) { node(1) } else { node(0) };
        assert_eq!(reassign(&shards, Some(to)).await, ErrorCode::None);
        until_settled(&shards).await;
        assert_eq!(leader(&shards), (to, LeaderEpoch(epoch.0 + 1)));
        model.epoch.set(epoch.0 + 1);
        model.moves.set(model.moves.get() + 1);
    }
    is_over.set(true);
    writer.join().await;
    if closes {
        for shard in shards.iter().rev() {
            shard.close().await.expect("a good disk");
        }
    }
}

fn finished<T: std::fmt::Debug>(end: End<T>) -> T {
    match end {
        End::Finished(value) => value,
        other => panic!("{other:?}"),
    }
}

/// Stops the machine at many steps of a life in which the partition moves back and forth.
fn check_steps(ends_with: fn(&Machine, u64)) {
    let mut ends = 0;
    for seed in 1..=3 {
        for step in (0..).step_by(7) {
            let machine = Machine::new(seed, DiskFaults::default());
            let model = Rc::new(Model::default());
            finished(machine.run(live(Rc::clone(&model), seed as u32 % 2, false)));
            ends_with(&machine, step);
            let end = machine.run(live(Rc::clone(&model), 3, false));
            finished(machine.run(live(Rc::clone(&model), 1, true)));
            finished(machine.run(live(Rc::clone(&model), 0, true)));
            if matches!(end, End::Finished(())) {
                break;
            }
            ends += 1;
        }
    }
    assert!(ends > 100, "the life has many steps: {ends}");
}

#[test]
fn a_power_cut_at_any_step_of_a_move_loses_nothing_and_doubles_nothing() {
    check_steps(Machine::crash_after);
}

#[test]
fn a_kill_at_any_step_of_a_move_loses_nothing_and_doubles_nothing() {
    check_steps(Machine::kill_after);
}

fn run(future: impl Future<Output = ()> + 'static) {
    finished(Machine::new(5, DiskFaults::default()).run(future));
}

#[test]
fn a_fetch_that_waits_is_told_when_the_partition_leaves() {
    run(async {
        let shards = start_cores().await.expect("a good disk");
        create_topic(&shards).await;
        produce(&shards, 0).await;
        let (from, _) = leader(&shards);
        let shard = shards[usize::from(from.shard().0)].clone();
        let partition = shard.partition(id().topic, id().index);
        let wanted = FetchPartition {
            partition,
            offset: Offset(1),
            bytes_max: 1000,
            leader_epoch: LeaderEpoch::NONE,
        };
        let bounds = FetchBounds {
            bytes_min: 1,
            bytes_max: 1000,
            wait_max: Duration::from_secs(3600),
            isolation: IsolationLevel::Committed,
        };
        let fetch = spawn(async move { shard.fetch(&[wanted], bounds).await.0.remove(0).batches });
        let to = node(1 - from.shard().0);
        reassign(&shards, Some(to)).await;
        let told = fetch.join().await.expect_err("it is not led there any more");
        let FetchError::Partition(PartitionRefusal::NotLeader { .. }) = told else {
            panic!("{told}")
        };
        until_settled(&shards).await;
        assert_eq!(produce(&shards, 1).await, Offset(1));
        assert_eq!(produce(&shards, 0).await, Offset(0), "a late retry finds its record");
    });
}

#[test]
fn a_wish_that_changes_in_between_is_followed_and_one_that_ends_is_dropped() {
    for pauses in 0..60 {
        run(async move {
            let shards = start_cores().await.expect("a good disk");
            create_topic(&shards).await;
            produce(&shards, 0).await;
            let (from, epoch) = leader(&shards);
            let to = node(1 - from.shard().0);
            reassign(&shards, Some(to)).await;
            for _ in 0..pauses {
                yield_now().await;
            }
            let ended = reassign(&shards, None).await;
            let (now_at, now_epoch) = leader(&shards);
            match ended {
                ErrorCode::None => assert_eq!((now_at, now_epoch), (from, epoch)),
                ErrorCode::NoReassignmentInProgress => assert_eq!(now_at, to),
                other => panic!("{other:?}"),
            }
            // Wherever it is, it is led there again.
            assert_eq!(produce(&shards, 1).await, Offset(1));
            assert_eq!(records(&shards).await, [0, 1]);
        });
    }
}

#[test]
fn a_topic_that_is_deleted_on_the_way_leaves_nothing_behind() {
    for pauses in 0..60 {
        run(async move {
            let shards = start_cores().await.expect("a good disk");
            create_topic(&shards).await;
            produce(&shards, 0).await;
            let (from, _) = leader(&shards);
            reassign(&shards, Some(node(1 - from.shard().0))).await;
            for _ in 0..pauses {
                yield_now().await;
            }
            let topics = vec![TopicSelector::Name(TOPIC.to_owned())];
            let deleted = shards[0].control().change(Change::DeleteTopics(topics)).await;
            assert!(matches!(deleted, Ok(Outcome::DeleteTopics(_))));
            let is_busy = |shard: &Shard| shard.moves().is_busy.get();
            while shards.iter().any(is_busy) {
                // Whoever had it on the way brings it back to remove it.
                sleep(Duration::from_millis(1)).await;
            }
            for shard in &shards {
                let home = shard.config().shard_directory(shard.id()).join("partitions");
                let names = list_directory(&home).await.expect("it is there");
                let left = names.iter().filter(|entry| entry.name == id().to_string()).count();
                assert_eq!(left, 0, "after {pauses} pauses, on core {}", shard.id().0);
            }
        });
    }
}

#[test]
fn a_partition_is_not_found_where_it_was_and_led_with_its_old_records_where_it_is() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let story = Rc::clone(&seen);
    run(async move {
        let shards = start_cores().await.expect("a good disk");
        create_topic(&shards).await;
        for number in 0..20 {
            produce(&shards, number).await;
        }
        for _ in 0..4 {
            let (from, _) = leader(&shards);
            let to = node(1 - from.shard().0);
            reassign(&shards, Some(to)).await;
            until_settled(&shards).await;
            let led = shards.iter().map(|one| one.partition(id().topic, id().index).is_ok());
            story.borrow_mut().push(led.collect::<Vec<_>>());
            assert_eq!(records(&shards).await.len(), 20);
        }
    });
    let expected = [[true, false], [false, true]];
    assert!(
        seen.borrow().chunks(2).all(|pair| expected.iter().all(|one| pair.contains(&one.to_vec())))
    );
}
