//! What the simulator once found, each in the smallest story that failed before it was mended.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_io::{remove_file, sleep, spawn, timeout, wall_clock_ms};
use corelog_log::{FlushError, LogConfig, Storage};
use corelog_model::{BatchView, Offset, Timestamp};

use crate::support::{
    append, append_durably, batch, create, open, partition, payloads, read_all, small_segments,
    stamp, tiny,
};

const MINUTE: Duration = Duration::from_secs(60);

/// Plays a story to its end; a power cut follows.
#[track_caller]
fn play<T: 'static>(machine: &Machine, story: impl Future<Output = T> + 'static) -> T {
    let End::Finished(value) = machine.run(story) else { panic!("the story does not end") };
    machine.crash_after(0);
    machine.run(sleep(Duration::from_secs(1)));
    value
}

fn good_machine() -> Machine {
    Machine::new(1, DiskFaults::default())
}

#[test]
fn a_partition_made_anew_has_nothing_of_the_one_before() {
    let machine = good_machine();
    play(&machine, async {
        let storage = open().await;
        let log = create(&storage, 0).await;
        for number in 0..60 {
            append_durably(&log, number, 9_000).await;
        }
        assert_eq!(payloads(&read_all(&log).await).len(), 60);
        drop(log);
        storage.delete_partition(partition(0)).await.unwrap();
        let log = create(&storage, 0).await;
        assert_eq!((log.log_start(), log.end()), (Offset(0), Offset(0)));
        for number in 100..130 {
            append_durably(&log, number, 9_000).await;
        }
        let first = payloads(&read_all(&log).await).swap_remove(0);
        assert_eq!(first, batch(100, 9_000)[61..]);
    });
    let found = play(&machine, async {
        let log = open().await.partition(partition(0)).unwrap();
        payloads(&read_all(&log).await)
    });
    let expected: Vec<_> = (100..130).map(|number| batch(number, 9_000)[61..].to_vec()).collect();
    assert!(found == expected, "{} batches came back", found.len());
}

#[test]
fn a_removed_partition_stays_away_and_stops_no_start() {
    let machine = good_machine();
    play(&machine, async {
        let storage = open().await;
        for index in 0..2 {
            let log = create(&storage, index).await;
            append_durably(&log, 1, 5_000).await;
        }
        storage.checkpoint().await.unwrap();
        append_durably(&storage.partition(partition(0)).unwrap(), 2, 5_000).await;
        storage.delete_partition(partition(0)).await.unwrap();
    });
    let left = play(&machine, async {
        open().await.partitions().iter().map(|log| (log.id(), log.end())).collect::<Vec<_>>()
    });
    assert_eq!(left, [(partition(1), Offset(2))]);
}

#[test]
fn retention_leaves_what_the_next_start_needs_at_whatever_step_the_power_fails() {
    for seed in 0..120 {
        let machine = Machine::new(seed, DiskFaults::default());
        machine.crash_after(300 + seed * 17);
        machine.run(async {
            let storage = open().await;
            let config = LogConfig { retention_bytes: Some(0), ..small_segments(partition(0)) };
            let log = storage.create_partition(partition(0), config).await.unwrap();
            for number in 0..200 {
                append_durably(&log, number, 20_000).await;
                if number % 10 == 9 {
                    storage.apply_retention(Timestamp(wall_clock_ms())).await.unwrap();
                }
            }
        });
        let opened = play(&machine, async {
            Storage::open(tiny("/data".into()), small_segments).await.map(drop)
        });
        assert!(opened.is_ok(), "seed {seed}: {opened:?}");
    }
}

#[test]
fn a_sync_that_failed_is_never_asked_again() {
    let machine = good_machine();
    let other = machine.clone();
    play(&machine, async move {
        let storage = open().await;
        let log = create(&storage, 0).await;
        append_durably(&log, 1, 5_000).await;
        let faults = DiskFaults { sync_failures_ppm: 1_000_000, ..DiskFaults::default() };
        other.with_disk(|disk| disk.set_faults(faults));
        assert!(matches!(storage.checkpoint().await, Err(FlushError::Io(_))));
        other.with_disk(|disk| disk.set_faults(DiskFaults::default()));
        assert!(matches!(storage.checkpoint().await, Err(FlushError::Journal(_))));
        assert!(log.ready(10).await.is_err(), "nothing is promised any more");
    });
}

/// The disk may have forgotten what a failed sync covered and still give it to readers. A process
/// that starts meanwhile on a full disk, so that there is no new checkpoint, reads it and goes on
/// behind it. Then the power fails.
#[test]
fn what_a_start_reads_after_a_failed_sync_outlives_a_power_cut() {
    let mut forgotten = 0;
    for seed in 0..60 {
        let machine = Machine::new(seed, DiskFaults::default());
        let other = machine.clone();
        let failing = machine.run(async move {
            let storage = open().await;
            let log = create(&storage, 0).await;
            append_durably(&log, 0, 3_000).await;
            // Nothing but the journal's frame is to be synced.
            sleep(Duration::from_secs(1)).await;
            let faults = DiskFaults { sync_failures_ppm: 1_000_000, ..DiskFaults::default() };
            other.with_disk(|disk| disk.set_faults(faults));
            let commit = append(&log, &batch(1, 3_000)).await.commit.unwrap();
            assert!(commit.durable().await.is_err(), "its sync failed");
            other.with_disk(|disk| disk.set_faults(DiskFaults::default()));
        });
        assert!(matches!(failing, End::Finished(())), "seed {seed}");
        forgotten += machine.with_disk(|disk| disk.happened().forgotten_writes);
        let full = DiskFaults { capacity_bytes: Some(0), ..DiskFaults::default() };
        machine.with_disk(|disk| disk.set_faults(full));
        let seen = play(&machine, async {
            let storage = open().await;
            let log = storage.partition(partition(0)).unwrap();
            for number in 2..5 {
                append_durably(&log, number, 3_000).await;
            }
            payloads(&read_all(&log).await)
        });
        machine.with_disk(|disk| disk.set_faults(DiskFaults::default()));
        let kept = play(&machine, async {
            let log = open().await.partition(partition(0)).unwrap();
            payloads(&read_all(&log).await)
        });
        assert!(seen.len() >= 4 && kept == seen, "seed {seed}: {} of {}", kept.len(), seen.len());
    }
    assert!(forgotten > 5, "{forgotten} writes were forgotten");
}

#[test]
fn a_close_that_waits_for_a_failing_checkpoint_fails_too() {
    for seed in 0..60 {
        let machine = Machine::new(seed, DiskFaults::default());
        let other = machine.clone();
        play(&machine, async move {
            let storage = Rc::new(open().await);
            for index in 0..4 {
                let log = create(&storage, index).await;
                append_durably(&log, seed, 40_000).await;
            }
            // A spare journal file whose sync fails is only prepared once more.
            sleep(Duration::from_secs(1)).await;
            let faults = DiskFaults { sync_failures_ppm: 1_000_000, ..DiskFaults::default() };
            other.with_disk(|disk| disk.set_faults(faults));
            let checkpoint = {
                let storage = Rc::clone(&storage);
                spawn(async move { storage.checkpoint().await })
            };
            let close = {
                let storage = Rc::clone(&storage);
                spawn(async move { storage.close().await })
            };
            while other.with_disk(|disk| disk.happened().failed_syncs) == 0 {
                sleep(Duration::from_micros(1)).await;
            }
            other.with_disk(|disk| disk.set_faults(DiskFaults::default()));
            let outcomes = (checkpoint.join().await, close.join().await);
            assert!(matches!(outcomes, (Err(_), Err(_))), "seed {seed}: {outcomes:?}");
        });
        let counts = play(&machine, async {
            let storage = open().await;
            let mut counts = Vec::new();
            for log in storage.partitions() {
                counts.push(payloads(&read_all(&log).await).len());
            }
            counts
        });
        assert_eq!(counts, [1; 4], "seed {seed}");
    }
}

#[test]
fn an_append_that_runs_into_a_close_is_refused_or_kept() {
    for seed in 0..40 {
        let machine = Machine::new(seed, DiskFaults::default());
        let acknowledged = Rc::new(Cell::new(0));
        let counter = Rc::clone(&acknowledged);
        play(&machine, async move {
            let storage = open().await;
            let log = create(&storage, 0).await;
            let appender = spawn(async move {
                for number in 0.. {
                    let bytes = batch(number, 3_000);
                    let (view, _) = BatchView::parse(&bytes).unwrap();
                    let stamp = stamp();
                    if log.ready(bytes.len()).await.is_err() {
                        return;
                    }
                    let Ok(appended) = log.append(&view, stamp) else { return };
                    if appended.commit.unwrap().durable().await.is_err() {
                        return;
                    }
                    counter.set(counter.get() + 1);
                }
            });
            sleep(Duration::from_millis(seed)).await;
            storage.close().await.unwrap();
            appender.join().await;
        });
        let (frames, count) = play(&machine, async {
            let (storage, report) =
                Storage::open(tiny("/data".into()), small_segments).await.unwrap();
            let log = storage.partition(partition(0)).unwrap();
            (report.frames, payloads(&read_all(&log).await).len())
        });
        assert_eq!(frames, 0, "seed {seed}: a clean stop leaves nothing to replay");
        assert!(acknowledged.get() <= count, "seed {seed}: {count} of {acknowledged:?}");
    }
}

#[test]
fn a_full_disk_delays_appends_and_nothing_else() {
    for seed in 0..10 {
        let machine = Machine::new(seed, DiskFaults::default());
        let full = machine.clone();
        let end = play(&machine, async move {
            let storage = open().await;
            let log = create(&storage, 0).await;
            let capacity = |capacity_bytes| {
                let faults = DiskFaults { capacity_bytes, ..DiskFaults::default() };
                full.with_disk(|disk| disk.set_faults(faults));
            };
            capacity(Some(900_000));
            let appender = {
                let log = Rc::clone(&log);
                spawn(async move {
                    for number in 0..200 {
                        append_durably(&log, number, 20_000).await;
                    }
                })
            };
            sleep(MINUTE / 6).await;
            assert!(log.durable_end() < Offset(400), "the disk is full");
            capacity(None);
            timeout(MINUTE, appender.join()).await.unwrap();
            log.durable_end()
        });
        assert_eq!(end, Offset(400), "seed {seed}");
    }
}

#[test]
fn whoever_waits_is_told_when_the_disk_fails() {
    let machine = good_machine();
    let other = machine.clone();
    play(&machine, async move {
        let storage = open().await;
        let log = create(&storage, 0).await;
        // Memory fills up while nothing can be written to segments, and then nothing at all.
        let full = DiskFaults { capacity_bytes: Some(0), ..DiskFaults::default() };
        other.with_disk(|disk| disk.set_faults(full));
        let waiting: Vec<_> = (0..60)
            .map(|number| {
                let log = Rc::clone(&log);
                spawn(async move {
                    let bytes = batch(number, 20_000);
                    let (view, _) = BatchView::parse(&bytes).unwrap();
                    if log.ready(bytes.len()).await.is_err() {
                        return;
                    }
                    let Ok(appended) = log.append(&view, stamp()) else { return };
                    let _ = appended.commit.unwrap().durable().await;
                    let _ = log.until_durable(appended.last_offset.next()).await;
                })
            })
            .collect();
        sleep(MINUTE / 6).await;
        let broken = DiskFaults { write_failures_ppm: 1_000_000, ..DiskFaults::default() };
        other.with_disk(|disk| disk.set_faults(broken));
        for task in waiting {
            timeout(MINUTE, task.join()).await.unwrap();
        }
        assert!(storage.journal().failed().is_some());
    });
}

#[test]
fn a_changed_bit_of_a_time_index_deletes_nothing_that_is_young() {
    let machine = good_machine();
    play(&machine, async {
        let storage = open().await;
        let log = create(&storage, 0).await;
        for number in 0..40 {
            append_durably(&log, number, 20_000).await;
        }
        storage.close().await.unwrap();
    });
    let files = machine.with_disk(|disk| disk.files());
    let indexes = files.iter().filter(|file| {
        file.len > 0 && file.path.extension().is_some_and(|found| found == "timeindex")
    });
    let mut changed = 0;
    for file in indexes {
        // The largest bit of the first timestamp that is set makes it ancient.
        let entries = file.len / 12;
        for entry in 0..entries {
            machine.with_disk(|disk| disk.flip_bit(&file.path, entry * 12 + 6, 1));
        }
        changed += 1;
    }
    assert!(changed > 5, "{changed}");
    let (start, count) = play(&machine, async {
        let storage = open().await;
        let log = storage.partition(partition(0)).unwrap();
        log.set_config(LogConfig { retention_ms: Some(500), ..small_segments(partition(0)) });
        storage.apply_retention(Timestamp(1_300)).await.unwrap();
        (log.log_start(), payloads(&read_all(&log).await).len())
    });
    assert_eq!((start, count), (Offset(0), 40));
}

#[test]
fn an_index_that_lost_its_times_misleads_no_lookup() {
    let machine = good_machine();
    play(&machine, async {
        let storage = open().await;
        let log = create(&storage, 0).await;
        for number in 0..8 {
            append_durably(&log, 7 - number, 9_000).await;
        }
        storage.checkpoint().await.unwrap();
    });
    play(&machine, async {
        let directory = Path::new("/data/partitions").join(partition(0).to_string());
        remove_file(&directory.join("00000000000000000000.timeindex")).await.unwrap();
    });
    let found = play(&machine, async {
        let storage = open().await;
        let log = storage.partition(partition(0)).unwrap();
        let limit = log.durable_end();
        let first = log.offset_for_time(Timestamp(1_000), limit).await.unwrap();
        let newest = log.offset_of_max_time(limit).await.unwrap();
        [first, newest].map(|found| found.map(|found| (found.offset, found.timestamp)))
    });
    assert_eq!(found, [Some((Offset(0), Timestamp(1_007))); 2]);
}

#[test]
fn a_large_entry_gets_its_turn_behind_small_ones() {
    for seed in 0..20 {
        let machine = Machine::new(seed, DiskFaults::default());
        play(&machine, async {
            let storage = open().await;
            let log = create(&storage, 0).await;
            let _small: Vec<_> = (0..8)
                .map(|number| {
                    let log = Rc::clone(&log);
                    spawn(async move {
                        loop {
                            append(&log, &batch(number, 3_000)).await;
                        }
                    })
                })
                .collect();
            sleep(Duration::from_millis(5)).await;
            timeout(Duration::from_secs(10), append(&log, &batch(9, 60_000))).await.unwrap();
        });
    }
}
