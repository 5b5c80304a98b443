//! A partition that moves to another core is in one place, whole, at whatever step a crash comes.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_io::{create_directory, list_directory, rename, sync_directory};
use corelog_log::{
    AppendStamp, FirstBatch, LogConfig, OpenError, ReadRequest, Storage, StorageConfig,
};
use corelog_model::builder::BatchBuilder;
use corelog_model::{
    BatchView, Codec, LeaderEpoch, Offset, PartitionId, PartitionIndex, Timestamp, TopicId,
};

const SOURCE: &str = "/data/shard-001";
const TARGET: &str = "/data/shard-000";
const PARTITIONS: i32 = 3;
const BATCHES: i64 = 20;

fn partition(index: i32) -> PartitionId {
    PartitionId { topic: TopicId::from_bytes([7; 16]), index: PartitionIndex(index) }
}

async fn open(directory: &str) -> Storage {
    let config = StorageConfig {
        journal_file_bytes: 256 << 10,
        journal_files_max: 4,
        tail_bytes_max: 256 << 10,
        ..StorageConfig::new(directory.into())
    };
    Storage::open(config, |_| LogConfig::default()).await.unwrap().0
}

async fn append(storage: &Storage, id: PartitionId) {
    let log = storage.partition(id).unwrap();
    let mut builder = BatchBuilder::new(Codec::None, None);
    builder.append(Timestamp(1), None, Some(&[7; 700]), &[]);
    let bytes = builder.build(Offset::ZERO);
    let (view, _) = BatchView::parse(&bytes).unwrap();
    let stamp = AppendStamp { leader_epoch: LeaderEpoch(0), append_time: None, now: Timestamp(5) };
    log.ready(bytes.len()).await.unwrap();
    let appended = log.append(&view, stamp).unwrap();
    appended.commit.unwrap().durable().await.unwrap();
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

async fn end_of(storage: &Storage, id: PartitionId) -> Offset {
    let log = storage.partition(id).unwrap();
    let (mut offset, limit) = (log.log_start(), log.durable_end());
    while offset < limit {
        let first_batch = FirstBatch::Always;
        let request = ReadRequest { offset, limit, bytes_max: 10_000, first_batch };
        offset = log.read(request).await.unwrap().next;
    }
    offset
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
            let mut ends = Vec::new();
            for index in 0..PARTITIONS {
                ends.push(end_of(&target, partition(index)).await);
            }
            let left = list_directory(&partitions_of(SOURCE)).await.unwrap();
            (ends, left.len())
        });
        let End::Finished((ends, left)) = end else { panic!("seed {seed}: it does not end") };
        assert_eq!(left, 0, "seed {seed}");
        // The one behind may have been lost before it was acknowledged.
        let is_whole = |end: &Offset| end.0 == BATCHES || end.0 == BATCHES + 1;
        assert!(ends.iter().all(is_whole), "seed {seed}: {ends:?}");
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
