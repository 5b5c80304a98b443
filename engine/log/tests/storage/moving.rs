//! A partition that moves to another core is in one place, whole, at whatever step a crash comes.

use std::path::{Path, PathBuf};

use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_io::{create_directory, list_directory, rename, sync_directory};
use corelog_log::{LogConfig, OpenError, Storage};
use corelog_model::PartitionId;

use crate::support::{append_durably, partition, payloads, read_all, tiny};

const SOURCE: &str = "/data/shard-001";
const TARGET: &str = "/data/shard-000";
const PARTITIONS: i32 = 3;
const BATCHES: usize = 20;

async fn open(directory: &str) -> Storage {
    Storage::open(tiny(directory.into()), |_| LogConfig::default()).await.unwrap().0
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
