//! A partition that moves to another core is in one place, whole, at whatever step a crash comes.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_io::{create_directory, list_directory, rename, sync_directory};
use corelog_log::journal::Safeguards;
use corelog_log::{
    AppendError, FirstBatch, LogConfig, OpenError, PartError, PartitionLog, ReadError, ReadRequest,
    Storage, StorageConfig,
};
use corelog_model::{BatchView, Offset, PartitionId, Timestamp};

use crate::support::{
    append_durably, batch, create, partition, payloads, read_all, small_segments, stamp, tiny,
};

const SOURCE: &str = "/data/shard-001";
const TARGET: &str = "/data/shard-000";
const PARTITIONS: i32 = 3;
const BATCHES: usize = 20;

async fn open(directory: &str) -> Storage {
    open_guarded(directory, Safeguards::default()).await.unwrap()
}

async fn open_guarded(directory: &str, safeguards: Safeguards) -> Result<Storage, OpenError> {
    let config = StorageConfig { safeguards, ..tiny(directory.into()) };
    Ok(Storage::open(config, |_| LogConfig::default()).await?.0)
}

async fn append(storage: &Storage, id: PartitionId) {
    append_durably(&storage.partition(id).unwrap(), 1, 700).await;
}

fn partitions_of(shard: &str) -> PathBuf {
    Path::new(shard).join("partitions")
}

/// What a start does for a core that is gone; doing it again after a crash does the rest.
async fn bring_home() -> Storage {
    let target = open(TARGET).await;
    let source = open(SOURCE).await;
    source.close().await.unwrap();
    let ids: Vec<PartitionId> = source.partitions().iter().map(|log| log.id()).collect();
    source.let_go(&ids).await.unwrap();
    for id in ids {
        create_directory(&partitions_of(TARGET)).await.unwrap();
        let name = id.to_string();
        rename(&partitions_of(SOURCE).join(&name), &partitions_of(TARGET).join(&name))
            .await
            .unwrap();
        sync_directory(&partitions_of(TARGET)).await.unwrap();
        sync_directory(&partitions_of(SOURCE)).await.unwrap();
        target.adopt_partition(id, LogConfig::default()).await.unwrap();
        append(&target, id).await;
    }
    target
}

fn fill(machine: &Machine) {
    let end = machine.run(async {
        let source = open(SOURCE).await;
        for index in 0..PARTITIONS {
            source.create_partition(partition(index), LogConfig::default()).await.unwrap();
            for _ in 0..BATCHES {
                append(&source, partition(index)).await;
            }
        }
    });
    assert_eq!(end, End::Finished(()));
}

#[test]
fn a_move_that_a_crash_interrupts_at_any_step_loses_nothing() {
    let mut interrupted = 0;
    for seed in 0..400 {
        let machine = Machine::new(seed, DiskFaults::default());
        fill(&machine);
        machine.crash_after(seed);
        interrupted += u32::from(machine.run(async { drop(bring_home().await) }) == End::Crashed);
        let end = machine.run(async {
            let target = bring_home().await;
            let mut counts = Vec::new();
            for index in 0..PARTITIONS {
                let log = target.partition(partition(index)).unwrap();
                counts.push(payloads(&read_all(&log).await).len());
            }
            let left = list_directory(&partitions_of(SOURCE)).await.unwrap();
            (counts, left.len())
        });
        let End::Finished((counts, left)) = end else { panic!("seed {seed}: it does not end") };
        assert_eq!(left, 0, "seed {seed}");
        // The one behind may have been lost before it was acknowledged.
        let is_whole = |count: &usize| *count == BATCHES || *count == BATCHES + 1;
        assert!(counts.iter().all(is_whole), "seed {seed}: {counts:?}");
    }
    assert!(interrupted > 100, "{interrupted}");
}

#[test]
fn a_partition_without_its_note_is_not_adopted() {
    let machine = Machine::new(1, DiskFaults::default());
    fill(&machine);
    let end = machine.run(async {
        let target = open(TARGET).await;
        let name = partition(0).to_string();
        rename(&partitions_of(SOURCE).join(&name), &partitions_of(TARGET).join(&name))
            .await
            .unwrap();
        let adopted = target.adopt_partition(partition(0), LogConfig::default()).await;
        matches!(adopted, Err(OpenError::Damaged { .. }))
    });
    assert_eq!(end, End::Finished(true));
}

/// One partition that goes back and forth between two storages that go on.
struct Traveller {
    storages: [Storage; 2],
    here: usize,
}

impl Traveller {
    async fn open(safeguards: Safeguards) -> Result<Self, String> {
        let failed = |error: OpenError| format!("it does not open: {error}");
        let source = open_guarded(SOURCE, safeguards).await.map_err(failed)?;
        let target = open_guarded(TARGET, safeguards).await.map_err(failed)?;
        let storages = [source, target];
        let is_here = |storage: &Storage| storage.partition(partition(0)).is_some();
        if storages.iter().filter(|storage| is_here(storage)).count() > 1 {
            return Err("a partition is in two places".to_owned());
        }
        let here = usize::from(is_here(&storages[1]));
        Ok(Self { storages, here })
    }

    fn log(&self) -> Rc<PartitionLog> {
        self.storages[self.here].partition(partition(0)).unwrap()
    }

    async fn travel(&mut self) {
        let (from, to) = (self.here, 1 - self.here);
        let shards = [SOURCE, TARGET];
        self.storages[from].part(partition(0), || {}).await.unwrap();
        let name = partition(0).to_string();
        let [source, target] = [from, to].map(|side| partitions_of(shards[side]));
        rename(&source.join(&name), &target.join(&name)).await.unwrap();
        sync_directory(&target).await.unwrap();
        sync_directory(&source).await.unwrap();
        let config = small_segments(partition(0));
        self.storages[to].adopt_partition(partition(0), config).await.unwrap();
        self.here = to;
    }
}

/// Appends, moves, and appends again; `acknowledged` counts what is durable.
async fn travel_and_append(acknowledged: &Cell<u64>) {
    let mut traveller = Traveller::open(Safeguards::default()).await.unwrap();
    for (side, storage) in traveller.storages.iter().enumerate() {
        // Partitions that nobody flushes keep old frames in the journals.
        create(storage, 1 + side as i32).await;
        append(storage, partition(1 + side as i32)).await;
    }
    create(&traveller.storages[0], 0).await;
    for _ in 0..6 {
        for _ in 0..5 {
            append_durably(&traveller.log(), acknowledged.get(), 9_000).await;
            acknowledged.set(acknowledged.get() + 1);
        }
        traveller.travel().await;
        if acknowledged.get() == 15 {
            // Both journals begin behind the first stay of the partition.
            traveller.storages[traveller.here].checkpoint().await.unwrap();
        }
    }
}

/// What is there must be what was acknowledged, and at most the one behind it.
async fn check_traveller(acknowledged: u64, safeguards: Safeguards) -> Result<(), String> {
    let traveller = Traveller::open(safeguards).await?;
    let is_there = traveller.storages[traveller.here].partition(partition(0)).is_some();
    let found = if is_there { payloads(&read_all(&traveller.log()).await) } else { Vec::new() };
    let count = found.len() as u64;
    if count < acknowledged || acknowledged + 1 < count {
        return Err(format!("{count} of {acknowledged} batches are there"));
    }
    for (number, payload) in found.iter().enumerate() {
        let batch = batch(number as u64, 9_000);
        let (view, _) = BatchView::parse(&batch).unwrap();
        if view.payload() != payload {
            return Err(format!("batch {number} is another one"));
        }
    }
    for storage in &traveller.storages {
        storage.close().await.unwrap();
    }
    Ok(())
}

/// Crashes at many steps of a journey; how often that interrupted it, and what was wrong after.
fn crash_on_the_way(safeguards: Safeguards) -> (u32, Vec<String>) {
    let (mut interrupted, mut findings) = (0, Vec::new());
    for seed in 0..400 {
        let machine = Machine::new(seed, DiskFaults::default());
        let acknowledged = Rc::new(Cell::new(0));
        machine.crash_after(seed * 2);
        let counted = Rc::clone(&acknowledged);
        let end = machine.run(async move { travel_and_append(&counted).await });
        interrupted += u32::from(end == End::Crashed);
        for _ in 0..2 {
            let end = machine.run(check_traveller(acknowledged.get(), safeguards));
            let End::Finished(found) = end else { panic!("seed {seed}: {end:?}") };
            if let Err(wrong) = found {
                findings.push(format!("seed {seed}: {wrong}"));
                break;
            }
        }
    }
    (interrupted, findings)
}

#[test]
fn a_partition_that_moves_between_running_storages_is_whole_after_any_crash() {
    let (interrupted, findings) = crash_on_the_way(Safeguards::default());
    assert_eq!(findings, [""; 0]);
    assert!(interrupted > 200, "{interrupted}");
}

#[test]
fn a_replay_that_forgets_departures_is_noticed() {
    let safeguards = Safeguards { remembers_departures: false, ..Safeguards::default() };
    let (_, findings) = crash_on_the_way(safeguards);
    assert!(!findings.is_empty());
}

#[test]
fn a_partition_that_parted_takes_nothing_and_comes_back_as_it_was() {
    let machine = Machine::new(1, DiskFaults::default());
    let end = machine.run(async {
        let storage = open(SOURCE).await;
        let log = create(&storage, 0).await;
        append_durably(&log, 0, 500).await;
        let bytes = batch(1, 500);
        let (view, _) = BatchView::parse(&bytes).unwrap();
        let in_flight = log.append(&view, stamp()).unwrap().commit.unwrap();
        let parked = log.progress().waiting();
        storage.part(partition(0), || {}).await.unwrap();
        parked.await;
        in_flight.durable().await.unwrap();
        assert!(log.has_parted() && storage.partition(partition(0)).is_none());
        assert_eq!(log.append(&view, stamp()).unwrap_err(), AppendError::Parted);
        let request = ReadRequest {
            offset: Offset(0),
            limit: Offset(2),
            bytes_max: 100,
            first_batch: FirstBatch::Always,
        };
        assert!(matches!(log.read(request).await, Err(ReadError::Parted)));
        assert!(matches!(
            log.offset_for_time(Timestamp(1), Offset(2)).await,
            Err(ReadError::Parted)
        ));
        assert!(matches!(storage.part(partition(0), || {}).await, Err(PartError::NotOpen)));
        let back = storage.adopt_partition(partition(0), LogConfig::default()).await.unwrap();
        append_durably(&back, 2, 500).await;
        assert_eq!(payloads(&read_all(&back).await).len(), 3);
    });
    assert_eq!(end, End::Finished(()));
}
