//! A broker's first core on the simulated machine: what was changed and answered is there after a
//! crash at any step, whether the log, a snapshot or both hold it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use corelog_cluster::controller::{Change, Outcome};
use corelog_cluster::decide::create_topics::{CreateTopics, NewTopic};
use corelog_cluster::decide::delete_topics::TopicSelector;
use corelog_cluster::decide::{Mode, TopicPolicy};
use corelog_cluster::{MetadataVersion, ShardEndpoint};
use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_io::{remove_file, spawn, wall_clock_ms};
use corelog_model::{BrokerId, ShardId};

use super::*;
use crate::config::{BrokerConfig, ShardLimits};
use crate::control::Control;
use crate::peers::Peers;
use crate::shard::{Links, Shard};
use crate::share::ShareSettings;
use crate::start::{ControllerSeed, StartError, start_controller_shard};

/// Fewer than two topics fill it, so that most changes are followed by a snapshot.
const SNAPSHOT_BYTES: u64 = 500;
const SNAPSHOT: &str = "/data/shard-000/metadata.snapshot";

pub(crate) fn config(metadata_snapshot_bytes: u64) -> BrokerConfig {
    BrokerConfig {
        broker: BrokerId(1),
        rack: None,
        data_directory: "/data".into(),
        topic_defaults: std::collections::BTreeMap::new(),
        topics: TopicPolicy::default(),
        groups: corelog_coordinator::GroupConfig::default(),
        share: ShareSettings::default(),
        group_bounds: corelog_cluster::group_keys::GroupBounds::default(),
        transactions: corelog_coordinator::transactions::TransactionConfig::default(),
        limits: ShardLimits {
            journal_file_bytes: 64 << 10,
            journal_files_max: 4,
            tail_bytes_max: 256 << 10,
            disk_reserve_bytes: 0,
            metadata_snapshot_bytes,
            ..ShardLimits::default()
        },
    }
}

pub(crate) async fn start(snapshot_bytes: u64) -> Result<Shard, StartError> {
    let (control, requests) = Control::new(4);
    let (outbox, inbox) = corelog_io::mesh::channel(4);
    let endpoint = ShardEndpoint {
        shard: ShardId(0),
        listener: "PLAINTEXT".to_owned(),
        host: "h".to_owned(),
        port: 9092,
    };
    let seed = ControllerSeed {
        endpoints: vec![endpoint],
        cluster_id: "c".to_owned(),
        shards: vec![outbox],
        requests,
    };
    let (peers, mut requests) = Peers::new(BrokerId(1), 1);
    let links = Links { control, peers, requests: requests.remove(0) };
    let started = start_controller_shard(config(snapshot_bytes), seed, links, inbox).await?;
    let shard = started.shard.clone();
    spawn(async move { started.shard.run(&started.inbox).await }).detach();
    Ok(shard)
}

/// Asks for a topic `t<number>` of one partition, with the number as its id.
pub(crate) fn creation(number: u8) -> Change {
    let topic = NewTopic {
        name: format!("t{number}"),
        id: TopicId::from_bytes([number; 16]),
        partitions: 1,
        replication_factor: 1,
        assignments: Vec::new(),
        configs: Vec::new(),
    };
    Change::CreateTopics(CreateTopics { mode: Mode::Apply, topics: vec![topic] })
}

fn deletion(number: u8) -> Change {
    Change::DeleteTopics(vec![TopicSelector::Name(format!("t{number}"))])
}

/// What must be there, over crashes.
#[derive(Debug, Default)]
struct Model {
    topics: BTreeSet<u8>,
    /// A change that was asked for and not answered: it may or may not have come to pass.
    open: Option<(u8, bool)>,
    changes: u8,
}

impl Model {
    /// Compares, and takes over what became of the open change.
    fn check(&mut self, shard: &Shard) {
        let image = shard.image();
        let found: BTreeSet<u8> = image
            .topics()
            .map(|topic| topic.name().as_str()[1..].parse().expect("a number behind t"))
            .collect();
        let mut with_open = self.topics.clone();
        match self.open.take() {
            Some((topic, true)) => drop(with_open.insert(topic)),
            Some((topic, false)) => drop(with_open.remove(&topic)),
            None => {}
        }
        assert!(
            found == self.topics || found == with_open,
            "{found:?} is neither {:?} nor {with_open:?}",
            self.topics
        );
        self.topics = found;
    }
}

/// Makes changes until there were `count` of them: two topics are created, one is deleted.
async fn change(model: &RefCell<Model>, shard: &Shard, count: u8) {
    while model.borrow().changes < count {
        let (number, creates) = {
            let mut model = model.borrow_mut();
            model.changes += 1;
            let oldest = model.topics.first().copied();
            let change = match oldest {
                Some(oldest) if model.changes.is_multiple_of(3) => (oldest, false),
                _ => (model.changes, true),
            };
            model.open = Some(change);
            change
        };
        let change = if creates { creation(number) } else { deletion(number) };
        match shard.control().change(change).await {
            Ok(Outcome::CreateTopics(results)) => assert!(results[0].is_ok(), "{results:?}"),
            Ok(Outcome::DeleteTopics(results)) => assert!(results[0].is_ok(), "{results:?}"),
            other => panic!("{other:?}"),
        }
        let mut model = model.borrow_mut();
        if creates {
            model.topics.insert(number)
        } else {
            model.topics.remove(&number)
        };
        model.open = None;
    }
}

/// One life: opens, compares, changes, perhaps closes.
async fn live(model: Rc<RefCell<Model>>, count: u8, closes: bool) -> MetadataVersion {
    let shard = start(SNAPSHOT_BYTES).await.expect("a good disk has a good log");
    model.borrow_mut().check(&shard);
    change(&model, &shard, count).await;
    model.borrow_mut().check(&shard);
    if closes {
        shard.close().await.expect("a good disk");
    }
    shard.image().version()
}

fn machine(seed: u64) -> Machine {
    Machine::new(seed, DiskFaults::default())
}

fn finished<T: std::fmt::Debug>(end: End<T>) -> T {
    match end {
        End::Finished(value) => value,
        other => panic!("{other:?}"),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    PowerCut,
    Kill,
}

/// Stops the machine at each step of a life that makes snapshots again and again.
fn check_every_step(ending: Ending) {
    let mut within_snapshots = 0;
    for seed in 1..=8 {
        let (ends, within_snapshot) = check_steps(ending, seed);
        assert!(ends > 150, "the life has many steps: {ends}");
        within_snapshots += within_snapshot;
    }
    assert!(within_snapshots > 0, "some ends fall into the writing of a snapshot");
}

/// How many times it ended early, and how many of these with a half-made snapshot.
fn check_steps(ending: Ending, seed: u64) -> (usize, usize) {
    let (mut ends, mut within_snapshot) = (0, 0);
    for step in 0.. {
        let machine = machine(seed);
        let model = Rc::new(RefCell::new(Model::default()));
        // Something to lose, with a snapshot of it.
        let before = machine.run(live(Rc::clone(&model), 6, false));
        assert!(finished(before) > MetadataVersion(0));
        match ending {
            Ending::PowerCut => machine.crash_after(step),
            Ending::Kill => machine.kill_after(step),
        }
        let end = machine.run(live(Rc::clone(&model), 12, false));
        within_snapshot += usize::from(machine.with_disk(|disk| {
            disk.files().iter().any(|file| file.path == Path::new(&format!("{SNAPSHOT}.tmp")))
        }));
        let is_over = matches!(end, End::Finished(_));
        ends += usize::from(!is_over);
        finished(machine.run(live(Rc::clone(&model), 15, true)));
        finished(machine.run(live(model, 15, true)));
        if is_over {
            break;
        }
    }
    (ends, within_snapshot)
}

#[test]
fn a_power_cut_at_any_step_of_a_snapshot_loses_nothing_that_was_answered() {
    check_every_step(Ending::PowerCut);
}

#[test]
fn a_kill_at_any_step_of_a_snapshot_loses_nothing_that_was_answered() {
    check_every_step(Ending::Kill);
}

/// The log's start, end and bytes after so many changes and two passes of retention.
fn log_after(changes: u8, snapshot_bytes: u64) -> (Offset, Offset, u64) {
    finished(machine(2).run(async move {
        let model = RefCell::new(Model::default());
        let shard = start(snapshot_bytes).await.expect("a good disk");
        change(&model, &shard, changes).await;
        // Segments go when they are complete on disk, which a checkpoint makes them.
        shard.storage().checkpoint().await.expect("a good disk");
        shard.storage().apply_retention(Timestamp(wall_clock_ms())).await.expect("a good disk");
        let log = shard.storage().partition(METADATA_PARTITION).expect("the first core has it");
        (log.log_start(), log.end(), log.bytes())
    }))
}

#[test]
fn the_log_forgets_what_a_snapshot_stands_for() {
    let (start, end, whole) = log_after(200, 1 << 20);
    assert!(start == Offset::ZERO && end.0 > 200, "without a snapshot everything stays");
    let (start, same_end, rest) = log_after(200, SNAPSHOT_BYTES);
    assert_eq!(same_end, end);
    assert!(end.0 < start.0 + 50, "{start} to {end}");
    assert!(rest < whole / 5, "{rest} of {whole} bytes are left");
}

#[test]
fn a_snapshot_that_is_damaged_or_missing_is_refused() {
    let machine = machine(3);
    finished(machine.run(live(Rc::default(), 12, true)));
    let path = Path::new(SNAPSHOT);
    machine.with_disk(|disk| disk.flip_bit(path, 30, 3));
    let open = || finished(machine.run(async { start(SNAPSHOT_BYTES).await.map(drop) }));
    let error = open().expect_err("a damaged snapshot").to_string();
    assert!(error.contains("snapshot of the metadata") && error.contains("damaged"), "{error}");
    machine.with_disk(|disk| disk.flip_bit(path, 30, 3));
    open().expect("it is whole again");
    finished(machine.run(async move { remove_file(path).await })).expect("the file is there");
    let error = open().expect_err("a log without its front");
    let StartError::Metadata(MetadataError::Gap { log_start, known }) = error else {
        panic!("{error}");
    };
    assert!(known == Offset::ZERO && Offset::ZERO < log_start);
}

#[test]
fn a_log_without_snapshots_is_read_and_gets_one() {
    let machine = machine(4);
    let model = Rc::new(RefCell::new(Model::default()));
    let first = Rc::clone(&model);
    finished(machine.run(async move {
        let shard = start(1 << 20).await.expect("a good disk");
        change(&first, &shard, 9).await;
        shard.close().await.expect("a good disk");
    }));
    let is_there = || machine.with_disk(|disk| disk.content(Path::new(SNAPSHOT)).is_some());
    assert!(!is_there());
    finished(machine.run(live(Rc::clone(&model), 10, true)));
    assert!(is_there());
    finished(machine.run(live(model, 12, true)));
}
