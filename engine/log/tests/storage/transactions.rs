//! What readers of committed records are told equals a plain model's, in every life of a log.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;

use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_io::{wall_clock_ms, yield_now};
use corelog_log::aborted::AbortedTransaction;
use corelog_log::{
    Appended, CompactionRules, LogConfig, MarkerError, PartitionLog, ReadError, Storage,
};
use corelog_model::builder::BatchBuilder;
use corelog_model::control::{TransactionMarker, TransactionOutcome, TransactionVersion};
use corelog_model::{BatchView, Codec, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use crate::support::{append, create, open, partition, read_all, small_segments, stamp, tiny};
use crate::transaction_model::{Event, Model};

const PRODUCERS: usize = 4;

/// A log under a random load of transactions. Producers get a new epoch with each marker.
struct Load {
    random: fastrand::Rng,
    model: Rc<RefCell<Model>>,
    /// Epoch and next sequence of each producer.
    producers: [(i16, i32); PRODUCERS],
}

impl Load {
    fn new(seed: u64, life: u64, model: &Rc<RefCell<Model>>) -> Self {
        let random = fastrand::Rng::with_seed(seed * 100 + life);
        // Above all epochs of earlier lives.
        let epoch = life as i16 * 4_000;
        Self { random, model: Rc::clone(model), producers: [(epoch, 0); PRODUCERS] }
    }

    /// Appends a batch of `len` bytes of a producer's transaction.
    async fn records(&mut self, log: &PartitionLog, number: usize, len: usize) -> Appended {
        let (epoch, sequence) = &mut self.producers[number];
        let producer = ProducerId(number as i64);
        let mut builder = BatchBuilder::new(Codec::None, None);
        builder.set_producer(producer, ProducerEpoch(*epoch), Sequence(*sequence));
        builder.set_transactional();
        let key = [self.random.u8(..20)];
        builder.append(Timestamp(1_000), Some(&key), Some(&vec![7; len]), &[]);
        *sequence += 1;
        let appended = append(log, &builder.build(Offset::ZERO)).await;
        self.model.borrow_mut().add(appended.base_offset, Event::Records(producer), 1);
        appended
    }

    async fn marker(
        &mut self,
        log: &PartitionLog,
        number: usize,
        outcome: TransactionOutcome,
    ) -> Appended {
        self.producers[number].0 += 1;
        self.producers[number].1 = 0;
        let producer = (ProducerId(number as i64), ProducerEpoch(self.producers[number].0));
        let appended = end_transaction(log, producer, outcome).await.unwrap();
        let event = Event::Marker(producer.0, outcome);
        self.model.borrow_mut().add(appended.base_offset, event, 1);
        appended
    }

    async fn step(&mut self, log: &PartitionLog) -> Appended {
        let number = self.random.usize(..PRODUCERS);
        match self.random.u8(..20) {
            0 => {
                let mut builder = BatchBuilder::new(Codec::None, None);
                let key = [self.random.u8(..20)];
                builder.append(Timestamp(1_000), Some(&key), Some(&vec![7; 9_000]), &[]);
                let appended = append(log, &builder.build(Offset::ZERO)).await;
                self.model.borrow_mut().add(appended.base_offset, Event::Plain, 1);
                appended
            }
            1..=9 => {
                let len = self.random.usize(10..200);
                self.records(log, number, len).await
            }
            10..=16 => self.marker(log, number, TransactionOutcome::Abort).await,
            _ => self.marker(log, number, TransactionOutcome::Commit).await,
        }
    }
}

async fn end_transaction(
    log: &PartitionLog,
    producer: (ProducerId, ProducerEpoch),
    outcome: TransactionOutcome,
) -> Result<Appended, MarkerError> {
    log.ready(100).await.unwrap();
    let marker = TransactionMarker { outcome, coordinator_epoch: 0 };
    log.append_marker(producer, marker, TransactionVersion::EpochPerTransaction, stamp())
}

/// Compares what the log says with what the model says.
async fn check(log: &PartitionLog, model: &Model, random: &mut fastrand::Rng, what: &str) {
    let end = log.durable_end();
    let stable = log.last_stable_offset();
    let log_start = log.log_start();
    assert_eq!(stable, model.stable(end).max(log_start), "{what}: stable below {end}");
    let aborted = model.outline(end).aborted;
    for _ in 0..20 {
        if stable <= log_start {
            break;
        }
        let first = Offset(random.i64(log_start.0..stable.0));
        let last = Offset(random.i64(first.0..stable.0));
        let found = log.aborted_transactions(first..last.next()).await.unwrap();
        let overlaps =
            |entry: &&AbortedTransaction| first <= entry.last_offset && entry.first_offset <= last;
        let expected: Vec<_> = aborted.iter().filter(overlaps).copied().collect();
        assert_eq!(found, expected, "{what}: {first} to {last}");
    }
}

/// Opens the log, forgets what the crash took from the model, and compares.
async fn reopen(
    model: &Rc<RefCell<Model>>,
    acked: Offset,
    rebuilt: u64,
    what: &str,
) -> (Storage, Rc<PartitionLog>) {
    let (storage, report) = Storage::open(tiny("/data".into()), small_segments).await.unwrap();
    assert_eq!(report.indexes_rebuilt, rebuilt, "{what}");
    let log = create(&storage, 0).await;
    assert!(log.end() >= acked, "{what}: {} of {acked} came back", log.end());
    model.borrow_mut().truncate(log.end());
    let truth = model.borrow().clone();
    check(&log, &truth, &mut fastrand::Rng::with_seed(1), what).await;
    (storage, log)
}

#[test]
fn what_readers_are_told_survives_a_crash_at_any_step() {
    let mut aborted = 0;
    for seed in 0..40 {
        let machine = Machine::new(seed, DiskFaults::default());
        let model = Rc::new(RefCell::new(Model::default()));
        let acked = Rc::new(Cell::new(Offset::ZERO));
        for life in 0..5 {
            let steps = 500 + (seed * 7_919 + life * 104_729) % 9_000;
            if (seed + life).is_multiple_of(2) {
                machine.crash_after(steps);
            } else {
                machine.kill_after(steps);
            }
            let (model, acked) = (model.clone(), acked.clone());
            let end = machine.run(async move {
                let what = format!("seed {seed}, life {life}");
                let (storage, log) = reopen(&model, acked.get(), 0, &what).await;
                let mut load = Load::new(seed, life, &model);
                loop {
                    let appended = load.step(&log).await;
                    match load.random.u16(..300) {
                        0 => storage.checkpoint().await.unwrap(),
                        1..=5 => {
                            let truth = model.borrow().clone();
                            check(&log, &truth, &mut load.random, &what).await;
                        }
                        6..=60 => appended.commit.unwrap().durable().await.unwrap(),
                        _ => yield_now().await,
                    }
                    acked.set(log.durable_end());
                }
            });
            let end: End<()> = end;
            assert!(!matches!(end, End::Finished(())), "seed {seed}: {end:?}");
        }
        let end = machine.run(async move {
            let what = format!("seed {seed}, closed");
            let (storage, _) = reopen(&model, acked.get(), 0, &what).await;
            storage.close().await.unwrap();
            drop(storage);
            let (_storage, log) = reopen(&model, acked.get(), 0, &what).await;
            let known = model.borrow().outline(log.end());
            (log.segment_count(), known.aborted.len())
        });
        let End::Finished((segments, known)) = end else { panic!("seed {seed}: {end:?}") };
        assert!(segments > 1 || known < 1_000, "seed {seed}: the segments roll");
        aborted += known;
    }
    assert!(aborted > 10_000, "only {aborted} transactions were aborted");
}

#[test]
fn a_damaged_index_of_aborted_transactions_is_made_anew() {
    let file = |base: i64| -> PathBuf {
        format!("/data/partitions/{}/{base:020}.txnindex", partition(0)).into()
    };
    let machine = Machine::new(3, DiskFaults::default());
    let model = Rc::new(RefCell::new(Model::default()));
    let truth = model.clone();
    let written = machine.run(async move {
        let (storage, log) = reopen(&truth, Offset::ZERO, 0, "new").await;
        let mut load = Load::new(3, 0, &truth);
        let mut last = None;
        while log.segment_count() < 3 {
            last = load.step(&log).await.commit;
        }
        for _ in 0..800 {
            last = load.step(&log).await.commit;
        }
        last.unwrap().durable().await.unwrap();
        storage.close().await.unwrap();
    });
    assert_eq!(written, End::Finished(()));
    let files: Vec<_> = machine.with_disk(|disk| {
        let is_one = |path: &PathBuf| path.extension().is_some_and(|found| found == "txnindex");
        disk.files().into_iter().filter(|report| is_one(&report.path)).collect()
    });
    assert!(files.len() >= 3 && files[0].path == file(0), "{files:?}");
    let last = files.len() - 1;
    for (number, report) in files.into_iter().enumerate() {
        machine.with_disk(|disk| disk.flip_bit(&report.path, 35, 0));
        // The checkpoint has what fills no block of the newest one.
        let rebuilt = u64::from(number < last || report.len >= 4096);
        let truth = model.clone();
        let end = machine.run(async move {
            let end = truth.borrow().end();
            let (storage, log) = reopen(&truth, end, rebuilt, "damaged").await;
            let mut load = Load::new(4, 1 + number as u64, &truth);
            let appended = load.step(&log).await;
            appended.commit.unwrap().durable().await.unwrap();
            storage.close().await.unwrap();
        });
        assert_eq!(end, End::Finished(()), "{}", report.path.display());
    }
}

#[test]
fn the_last_stable_offset_waits_for_the_marker_to_be_durable() {
    let machine = Machine::new(1, DiskFaults::default());
    let end = machine.run(async {
        let model = Rc::new(RefCell::new(Model::default()));
        let storage = open().await;
        let log = create(&storage, 0).await;
        let mut load = Load::new(1, 0, &model);
        load.records(&log, 0, 100).await.commit.unwrap().durable().await.unwrap();
        assert_eq!((log.durable_end(), log.last_stable_offset()), (Offset(1), Offset(0)));
        let marker = load.marker(&log, 0, TransactionOutcome::Commit).await;
        assert_eq!(log.last_stable_offset(), Offset(0), "the marker is in memory only");
        marker.commit.unwrap().durable().await.unwrap();
        assert_eq!(log.last_stable_offset(), Offset(2));
        load.marker(&log, 1, TransactionOutcome::Abort)
            .await
            .commit
            .unwrap()
            .durable()
            .await
            .unwrap();
        assert_eq!(log.last_stable_offset(), Offset(3), "it ended nothing");
        assert_eq!(log.aborted_transactions(Offset(0)..Offset(3)).await.unwrap(), []);
    });
    assert_eq!(end, End::Finished(()));
}

#[test]
fn deletion_takes_records_of_open_transactions_and_indexes_with_their_segments() {
    let machine = Machine::new(5, DiskFaults::default());
    let end = machine.run(async {
        let model = Rc::new(RefCell::new(Model::default()));
        let (storage, log) = reopen(&model, Offset::ZERO, 0, "new").await;
        let mut load = Load::new(5, 0, &model);
        load.records(&log, 3, 100).await;
        for _ in 0..300 {
            load.records(&log, 0, 900).await;
            load.marker(&log, 0, TransactionOutcome::Abort).await;
        }
        let last = load.marker(&log, 1, TransactionOutcome::Commit).await;
        last.commit.unwrap().durable().await.unwrap();
        assert_eq!(log.last_stable_offset(), Offset(0), "producer 3 is not ready");
        let segments = log.segment_count();
        log.delete_before(Offset(400)).await.unwrap();
        assert_eq!(log.last_stable_offset(), Offset(400));
        let gone = log.aborted_transactions(Offset(399)..Offset(400)).await;
        assert!(matches!(gone, Err(ReadError::OutOfRange { .. })), "{gone:?}");
        let deleted = storage.apply_retention(Timestamp(1)).await.unwrap();
        assert!(deleted > 1 && deleted < segments, "{deleted} of {segments}");
        load.marker(&log, 3, TransactionOutcome::Abort)
            .await
            .commit
            .unwrap()
            .durable()
            .await
            .unwrap();
        let truth = model.borrow().clone();
        check(&log, &truth, &mut load.random, "deleted").await;
        deleted
    });
    let End::Finished(deleted) = end else { panic!("{end:?}") };
    let bases = |extension: &str| -> Vec<PathBuf> {
        machine.with_disk(|disk| {
            let paths = disk.files().into_iter().map(|report| report.path.with_extension(""));
            let names = disk.files().into_iter().map(|report| report.path);
            let is_one = |path: &PathBuf| path.extension().is_some_and(|found| found == extension);
            paths.zip(names).filter(|(_, name)| is_one(name)).map(|(base, _)| base).collect()
        })
    };
    let (logs, indexes) = (bases("log"), bases("txnindex"));
    assert!(!indexes.is_empty() && indexes.iter().all(|index| logs.contains(index)), "{deleted}");
}

fn compacting(delete_retention_ms: i64) -> LogConfig {
    let rules =
        CompactionRules { delete_retention_ms, dirty_ppm_min: 0, ..CompactionRules::default() };
    let segment_bytes = 20_000;
    LogConfig { segment_bytes, retention_ms: None, compaction: Some(rules), ..LogConfig::default() }
}

/// Offsets of all markers that are left.
async fn markers(log: &PartitionLog) -> BTreeSet<Offset> {
    let bytes = read_all(log).await;
    let (mut rest, mut found) = (&bytes[..], BTreeSet::new());
    while !rest.is_empty() {
        let (batch, next) = BatchView::parse(rest).unwrap();
        found.extend(batch.is_control().then(|| batch.base_offset()));
        rest = next;
    }
    found
}

#[test]
fn compaction_keeps_the_index_of_what_it_keeps_at_whatever_step_it_is_cut_off() {
    let (mut shrunk, mut forgotten) = (0, 0);
    for seed in 0..20 {
        // With no time for deletion marks the markers of emptied transactions go, too.
        let delete_retention_ms = if seed % 2 == 0 { 3_600_000 } else { 0 };
        let machine = Machine::new(seed, DiskFaults::default());
        let model = Rc::new(RefCell::new(Model::default()));
        let counted = Rc::new(Cell::new((0, 0)));
        for life in 0..4 {
            machine.crash_after(1_000 + (seed * 7_919 + life * 104_729) % 9_000);
            let (model, counted) = (model.clone(), counted.clone());
            let end: End<()> = machine.run(async move {
                let config = move |_| compacting(delete_retention_ms);
                let (storage, report) = Storage::open(tiny("/data".into()), config).await.unwrap();
                assert_eq!(report.indexes_rebuilt, 0, "seed {seed}, life {life}");
                let id = partition(0);
                let log = storage.create_partition(id, config(id)).await.unwrap();
                model.borrow_mut().truncate(log.end());
                let mut load = Load::new(seed, life, &model);
                for round in 0.. {
                    let mut last = None;
                    for _ in 0..100 {
                        last = load.step(&log).await.commit;
                    }
                    last.unwrap().durable().await.unwrap();
                    storage.checkpoint().await.unwrap();
                    let now = Timestamp(wall_clock_ms());
                    let cleaned = storage.clean_next(now).await.unwrap();
                    let (mut shrunk, mut forgotten) = counted.get();
                    shrunk += u64::from(cleaned.is_some_and(|it| it.bytes_after < it.bytes_before));
                    let truth = model.borrow().clone();
                    let what = format!("seed {seed}, life {life}, round {round}");
                    if delete_retention_ms > 0 {
                        check(&log, &truth, &mut load.random, &what).await;
                    } else {
                        let left = markers(&log).await;
                        let stable = log.last_stable_offset();
                        let all = log.aborted_transactions(Offset(0)..stable).await.unwrap();
                        assert!(all.iter().all(|one| left.contains(&one.last_offset)), "{what}");
                        let mut known = truth.outline(log.durable_end()).aborted;
                        known.retain(|one| one.first_offset < stable);
                        assert!(all.iter().all(|one| known.contains(one)), "{what}");
                        let is_there = |one: &&AbortedTransaction| left.contains(&one.last_offset);
                        assert_eq!(all.len(), known.iter().filter(is_there).count(), "{what}");
                        forgotten += known.len() - all.len();
                    }
                    counted.set((shrunk, forgotten));
                }
            });
            assert_eq!(end, End::Crashed, "seed {seed}");
        }
        shrunk += counted.get().0;
        forgotten += counted.get().1;
    }
    assert!(shrunk > 50 && forgotten > 50, "{shrunk} passes, {forgotten} entries");
}
