//! The journal's group commit without a device: on the simulated disk, where a write is a copy and
//! a sync takes no real time. So this is what appending costs the core, the simulator included;
//! what it costs with a disk, the load generator says.
#![allow(missing_docs, reason = "a benchmark has no documentation")]

use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_log::journal::{
    EntryHead, EntryKind, FileSequence, FrameSequence, Journal, JournalConfig, Replay,
};
use corelog_model::{LeaderEpoch, Offset, PartitionId, PartitionIndex, TopicId};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

const ENTRIES: u64 = 4096;
const PAYLOAD_BYTES: usize = 1 << 10;

fn main() {
    divan::main();
}

fn head(position: u64) -> EntryHead {
    EntryHead {
        kind: EntryKind::Batch,
        partition: PartitionId {
            topic: TopicId::from_bytes([7; 16]),
            index: PartitionIndex((position % 100) as i32),
        },
        leader_epoch: LeaderEpoch(0),
        segment: Offset::ZERO,
        position,
    }
}

async fn open() -> Journal {
    let mut config = JournalConfig::new("/journal".into());
    config.file_bytes = 16 << 20;
    config.files_max = 2;
    let begin = (FileSequence(0), FrameSequence(0));
    let mut replay = Replay::open(config.clone(), begin).await.expect("the disk is whole");
    while replay.next().await.expect("the journal is whole").is_some() {}
    let journal = Journal::start(config, replay.finish().await.expect("the disk is whole"));
    journal.until_prepared().await;
    journal
}

/// Appends in groups, each of which waits until it is durable, as many clients do at once.
async fn append(group: u64) {
    let journal = open().await;
    let payload = vec![0x5a; PAYLOAD_BYTES];
    for first in (0..ENTRIES).step_by(group as usize) {
        let mut last = None;
        for number in first..first + group {
            journal.ready(payload.len()).await.expect("the disk is whole");
            let commit = journal.append(&head(number), &[&payload], None);
            last = Some(commit.expect("the disk is whole"));
        }
        last.expect("a group has entries").durable().await.expect("the disk is whole");
    }
}

/// 4096 entries of 1 KiB, opening an empty journal included.
#[divan::bench(args = [1, 64, 1024], sample_count = 20, sample_size = 1)]
fn append_and_commit_in_groups_of(bencher: Bencher<'_, '_>, group: u64) {
    bencher
        .counter(ItemsCount::new(ENTRIES))
        .counter(BytesCount::new(ENTRIES * PAYLOAD_BYTES as u64))
        .with_inputs(|| {
            let machine = Machine::new(1, DiskFaults::default());
            let prepared = machine.run(async { drop(open().await) });
            assert_eq!(prepared, End::Finished(()));
            machine
        })
        .bench_local_values(|machine| assert_eq!(machine.run(append(group)), End::Finished(())));
}
