//! What a storage promises, on the real disk and on the simulated one.

use std::path::PathBuf;

use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_log::{FirstBatch, LogConfig, ReadError, ReadRequest, Storage};
use corelog_model::Offset;

use crate::support::{append, batch, partition, payloads, read_all, small_segments, tiny};

async fn keeps_everything_over_restarts(directory: PathBuf) {
    let mut expected: Vec<Vec<Vec<u8>>> = vec![Vec::new(); 3];
    for life in 0..4u64 {
        let (storage, report) =
            Storage::open(tiny(directory.clone()), small_segments).await.unwrap();
        assert_eq!(report.frames, 0, "life {life}: a clean stop leaves nothing to replay");
        for index in 0..3 {
            let config = small_segments(partition(index));
            let log = storage.create_partition(partition(index), config).await.unwrap();
            assert_eq!(payloads(&read_all(&log).await), expected[index as usize]);
        }
        for number in 0..120u64 {
            for index in 0..3 {
                let log = storage.partition(partition(index)).unwrap();
                let bytes = batch(life * 1_000 + number, 500 + 37 * number as usize);
                let appended = append(&log, &bytes).await;
                expected[index as usize].push(bytes[61..].to_vec());
                appended.commit.unwrap().durable().await.unwrap();
                assert_eq!(log.durable_end(), appended.last_offset.next());
            }
        }
        for index in 0..3 {
            let log = storage.partition(partition(index)).unwrap();
            assert!(log.segment_count() > 1);
            assert_eq!(payloads(&read_all(&log).await), expected[index as usize]);
        }
        storage.close().await.unwrap();
    }
}

#[test]
fn a_clean_stop_keeps_everything_and_replays_nothing() {
    let machine = Machine::new(1, DiskFaults::default());
    let end = machine.run(keeps_everything_over_restarts("/data".into()));
    assert_eq!(end, End::Finished(()));
}

#[test]
fn the_real_disk_keeps_everything_too() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let directory = folder.path().to_path_buf();
    corelog_io::ring::executor::run(|| keeps_everything_over_restarts(directory)).unwrap();
}

#[test]
fn what_was_acknowledged_survives_a_crash_at_any_step() {
    for seed in 0..60 {
        let machine = Machine::new(seed, DiskFaults::default());
        let acknowledged = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        machine.crash_after(200 + seed * 37);
        let seen = acknowledged.clone();
        let end = machine.run(async move {
            let (storage, _) = Storage::open(tiny("/data".into()), small_segments).await.unwrap();
            let log =
                storage.create_partition(partition(0), small_segments(partition(0))).await.unwrap();
            for number in 0..1_000 {
                let bytes = batch(number, 400 + 11 * number as usize);
                let appended = append(&log, &bytes).await;
                appended.commit.unwrap().durable().await.unwrap();
                seen.borrow_mut().push(bytes[61..].to_vec());
            }
        });
        assert_eq!(end, End::Crashed, "seed {seed}");
        let acknowledged = acknowledged.take();
        let found = machine.run(async move {
            let (storage, _) = Storage::open(tiny("/data".into()), small_segments).await.unwrap();
            match storage.partition(partition(0)) {
                Some(log) => payloads(&read_all(&log).await),
                None => Vec::new(),
            }
        });
        let End::Finished(found) = found else { panic!("seed {seed}: {found:?}") };
        let acked = acknowledged.len();
        assert!(found.len() >= acked, "seed {seed}: {} of {acked}", found.len());
        assert_eq!(found[..acked], acknowledged, "seed {seed}");
    }
}

#[test]
fn an_offset_outside_the_log_is_refused_with_its_bounds() {
    let machine = Machine::new(1, DiskFaults::default());
    machine.run(async {
        let (storage, _) = Storage::open(tiny("/data".into()), small_segments).await.unwrap();
        let log = storage.create_partition(partition(0), LogConfig::default()).await.unwrap();
        append(&log, &batch(1, 10)).await.commit.unwrap().durable().await.unwrap();
        assert_eq!(log.delete_before(Offset(1)).await.unwrap(), Offset(1));
        for offset in [Offset(0), Offset(3)] {
            let limit = log.durable_end();
            let request =
                ReadRequest { offset, limit, bytes_max: 1, first_batch: FirstBatch::Always };
            let refused = log.read(request).await.unwrap_err();
            let ReadError::OutOfRange { start, end, .. } = refused else { panic!("{refused}") };
            assert_eq!((start, end), (Offset(1), Offset(2)));
        }
    });
}

#[test]
fn a_journal_that_is_full_makes_room_again_however_fast_the_appends_come() {
    for seed in 0..20 {
        let machine = Machine::new(seed, DiskFaults::default());
        let end = machine.run(async {
            let mut config = tiny("/data".into());
            config.journal_files_max = 2;
            let (storage, _) = Storage::open(config, small_segments).await.unwrap();
            let log = storage.create_partition(partition(0), LogConfig::default()).await.unwrap();
            let bytes = batch(1, 20_000);
            let mut last = None;
            for _ in 0..200 {
                last = append(&log, &bytes).await.commit;
            }
            last.unwrap().durable().await.unwrap();
            log.durable_end()
        });
        assert_eq!(end, End::Finished(Offset(400)), "seed {seed}");
    }
}

/// No checksum covers the base offset of a batch.
#[test]
fn a_damaged_offset_of_the_newest_segment_is_noticed_by_who_reads_it() {
    let segment: PathBuf = format!("/data/partitions/{}/{:020}.log", partition(0), 0).into();
    for byte in 0..8 {
        let machine = Machine::new(1, DiskFaults::default());
        let written = machine.run(async {
            let (storage, _) = Storage::open(tiny("/data".into()), small_segments).await.unwrap();
            let log = storage.create_partition(partition(0), LogConfig::default()).await.unwrap();
            for number in 0..10 {
                append(&log, &batch(number, 2_000)).await.commit.unwrap().durable().await.unwrap();
            }
            storage.close().await.unwrap();
        });
        assert_eq!(written, End::Finished(()));
        machine.with_disk(|disk| disk.flip_bit(&segment, byte, 6));
        let found = machine.run(async {
            let (storage, _) = Storage::open(tiny("/data".into()), small_segments).await.unwrap();
            let log = storage.partition(partition(0)).unwrap();
            assert_eq!(log.durable_end(), Offset(20), "the damage does not shorten the log");
            let (offset, limit) = (Offset(0), log.durable_end());
            let request =
                ReadRequest { offset, limit, bytes_max: 1_000, first_batch: FirstBatch::Always };
            matches!(log.read(request).await, Err(ReadError::Damaged { .. }))
        });
        assert_eq!(found, End::Finished(true), "byte {byte}");
    }
}
