//! Claims about deleted data: it is out of the way at once, its space comes back bit by bit, and
//! neither a reader nor a crash in between minds.

use std::path::Path;
use std::time::Duration;

use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_io::{list_directory, sleep, spawn};
use corelog_log::{FirstBatch, LogConfig, ReadError, ReadRequest, Storage};
use corelog_model::{Offset, Timestamp};

use crate::support::{append_durably, create, open, partition, tiny};

const REMOVED: &str = "/data/removed";
const MIB: usize = 1 << 20;

async fn names(directory: &str) -> Vec<String> {
    let entries = list_directory(Path::new(directory)).await.unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

async fn until_freed() {
    while !names(REMOVED).await.is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
}

/// A storage with room for batches of a MiB.
async fn roomy() -> Storage {
    let mut config = tiny("/data".into());
    config.journal_file_bytes = 8 << 20;
    config.tail_bytes_max = 4 << 20;
    Storage::open(config, |_| big_segments()).await.unwrap().0
}

/// Segments that are freed in three steps.
fn big_segments() -> LogConfig {
    LogConfig { segment_bytes: 20 << 20, ..LogConfig::default() }
}

#[test]
fn a_removed_partition_is_out_of_the_way_before_its_space_is_free() {
    let machine = Machine::new(1, DiskFaults::default());
    let story = async {
        let storage = open().await;
        for index in 0..2 {
            let log = create(&storage, index).await;
            append_durably(&log, 1, 5_000).await;
        }
        storage.delete_partition(partition(0)).await.unwrap();
        assert_eq!(names("/data/partitions").await, [partition(1).to_string()]);
        until_freed().await;
        assert_eq!(names("/data/partitions").await, [partition(1).to_string()]);
    };
    assert!(matches!(machine.run(story), End::Finished(())));
}

#[test]
fn deleted_segments_shrink_in_steps_and_vanish() {
    let machine = Machine::new(2, DiskFaults::default());
    let story = async {
        let storage = roomy().await;
        let config = LogConfig { retention_bytes: Some(0), ..big_segments() };
        let log = storage.create_partition(partition(0), config).await.unwrap();
        for number in 0..25 {
            append_durably(&log, number, MIB).await;
        }
        storage.checkpoint().await.unwrap();
        let now = Timestamp(1_000);
        assert_eq!(storage.apply_retention(now).await.unwrap(), 1);
        let mut lengths = Vec::new();
        loop {
            let entries = list_directory(Path::new(REMOVED)).await.unwrap();
            let Some(entry) = entries.first() else { break };
            if lengths.last() != Some(&entry.len) {
                lengths.push(entry.len);
            }
            sleep(Duration::from_micros(50)).await;
        }
        let is_step = |len: &u64| len.is_multiple_of(8 << 20);
        assert!(lengths.len() >= 2 && lengths[1..].iter().all(is_step), "{lengths:?}");
        assert!(lengths.is_sorted_by(|before, after| before > after), "{lengths:?}");
    };
    assert!(matches!(machine.run(story), End::Finished(())));
}

#[test]
fn a_read_that_has_begun_ends_although_its_segment_is_deleted() {
    for seed in 0..40 {
        let machine = Machine::new(seed, DiskFaults::default());
        let story = async move {
            let storage = roomy().await;
            let config = LogConfig { retention_bytes: Some(0), ..big_segments() };
            let log = storage.create_partition(partition(0), config).await.unwrap();
            for number in 0..25 {
                append_durably(&log, number, MIB).await;
            }
            storage.checkpoint().await.unwrap();
            let reader = spawn(async move {
                // What is cut off first.
                let mut offset = Offset(34);
                loop {
                    let limit = log.durable_end();
                    let first_batch = FirstBatch::Always;
                    let request = ReadRequest { offset, limit, bytes_max: 1, first_batch };
                    match log.read(request).await {
                        Ok(read) if read.next < limit => offset = read.next,
                        ended => return ended.map(|read| read.next),
                    }
                }
            });
            sleep(Duration::from_micros(seed * 100)).await;
            storage.apply_retention(Timestamp(1_000)).await.unwrap();
            until_freed().await;
            let ended = reader.join().await;
            let is_fine = matches!(ended, Ok(_) | Err(ReadError::OutOfRange { .. }));
            assert!(is_fine, "seed {seed}: {ended:?}");
        };
        assert!(matches!(machine.run(story), End::Finished(())));
    }
}

#[test]
fn what_a_crash_left_is_freed_by_the_next_start() {
    for seed in 0..60 {
        let machine = Machine::new(seed, DiskFaults::default());
        machine.crash_after(500 + seed * 20);
        machine.run(async {
            let storage = roomy().await;
            for index in 0.. {
                let log = create(&storage, index).await;
                for number in 0..10 {
                    append_durably(&log, number, MIB).await;
                }
                storage.checkpoint().await.unwrap();
                storage.delete_partition(partition(index)).await.unwrap();
            }
        });
        let story = async {
            let storage = roomy().await;
            until_freed().await;
            storage.close().await.unwrap();
        };
        assert!(matches!(machine.run(story), End::Finished(())), "seed {seed}");
    }
}
