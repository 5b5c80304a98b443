//! Claims about transactions in a compacted log: a reader of committed records finds the last
//! committed value of each key, whatever was aborted before, between and behind, and however far
//! compaction got.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_io::{sleep, spawn};
use corelog_log::{
    CleanerConfig, CompactionRules, FirstBatch, LogConfig, PartitionLog, ReadRequest, Storage,
    StorageConfig,
};
use corelog_model::builder::BatchBuilder;
use corelog_model::control::{TransactionMarker, TransactionOutcome, TransactionVersion};
use corelog_model::{BatchView, Codec, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use crate::support::{append, partition, stamp, tiny};

const PRODUCERS: usize = 3;
const KEYS: u8 = 12;
const RETENTION_MS: i64 = 1_000;

/// The newest value of each key; a key that was deleted has none.
type Newest = BTreeMap<u8, u32>;
type Pair = (u8, Option<u32>);

fn config() -> LogConfig {
    let rules = CompactionRules {
        dirty_ppm_min: 0,
        delete_retention_ms: RETENTION_MS,
        ..CompactionRules::default()
    };
    LogConfig {
        segment_bytes: 3_000,
        index_interval_bytes: 200,
        retention_ms: None,
        compaction: Some(rules),
        ..LogConfig::default()
    }
}

/// Opens the log. With every other seed the map of keys is full after six of them, so that passes
/// end in the middle, between a transaction's data and its marker too.
async fn open(seed: u64) -> (Storage, Rc<PartitionLog>) {
    let load_percent_max = if seed.is_multiple_of(2) { 90 } else { 10 };
    let cleaner = CleanerConfig { dedupe_bytes_max: 1, load_percent_max, ..Default::default() };
    let storage = StorageConfig { cleaner, ..tiny("/data".into()) };
    let (storage, _) = Storage::open(storage, |_| config()).await.unwrap();
    let log = storage.create_partition(partition(0), config()).await.unwrap();
    (storage, log)
}

/// A producer and what its open transaction has written.
#[derive(Default)]
struct Writer {
    epoch: i16,
    sequence: i32,
    open: Vec<Pair>,
}

/// What was appended and acknowledged, as readers of committed records should see it.
struct Load {
    random: fastrand::Rng,
    writers: [Writer; PRODUCERS],
    /// What counts, in the order of the markers and plain records. A key is only written by one
    /// transaction at a time, or the order of records and that of markers would differ.
    newest: Newest,
    claimed: BTreeSet<u8>,
}

impl Load {
    fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            writers: Default::default(),
            newest: Newest::new(),
            claimed: BTreeSet::new(),
        }
    }

    fn pairs(&mut self) -> Vec<Pair> {
        let free: Vec<u8> = (0..KEYS).filter(|key| !self.claimed.contains(key)).collect();
        let count = self.random.usize(1..4);
        let keys = self.random.choose_multiple(free, count);
        let mut value = || (self.random.u8(..5) > 0).then(|| self.random.u32(..));
        keys.into_iter().map(|key| (key, value())).collect()
    }

    async fn step(&mut self, log: &PartitionLog) {
        let number = self.random.usize(..PRODUCERS);
        match self.random.u8(..10) {
            0..2 => {
                let pairs = self.pairs();
                append_batch(log, &pairs, None).await;
                self.count(pairs);
            }
            2..7 => self.write(log, number).await,
            7..9 => self.end(log, number, TransactionOutcome::Abort).await,
            _ => self.end(log, number, TransactionOutcome::Commit).await,
        }
    }

    async fn write(&mut self, log: &PartitionLog, number: usize) {
        let pairs = self.pairs();
        self.claimed.extend(pairs.iter().map(|pair| pair.0));
        let writer = &mut self.writers[number];
        let (epoch, sequence) = (writer.epoch, writer.sequence);
        writer.sequence += pairs.len() as i32;
        writer.open.extend(pairs.clone());
        append_batch(log, &pairs, Some((number as i64, epoch, sequence))).await;
    }

    async fn end(&mut self, log: &PartitionLog, number: usize, outcome: TransactionOutcome) {
        let writer = &mut self.writers[number];
        (writer.epoch, writer.sequence) = (writer.epoch + 1, 0);
        let producer = (ProducerId(number as i64), ProducerEpoch(writer.epoch));
        let written = std::mem::take(&mut writer.open);
        log.ready(100).await.unwrap();
        let marker = TransactionMarker { outcome, coordinator_epoch: 0 };
        let version = TransactionVersion::EpochPerTransaction;
        let appended = log.append_marker(producer, marker, version, stamp()).unwrap();
        appended.commit.unwrap().durable().await.unwrap();
        for (key, _) in &written {
            self.claimed.remove(key);
        }
        if outcome == TransactionOutcome::Commit {
            self.count(written);
        }
    }

    fn count(&mut self, pairs: Vec<Pair>) {
        for (key, value) in pairs {
            match value {
                Some(value) => self.newest.insert(key, value),
                None => self.newest.remove(&key),
            };
        }
    }
}

async fn append_batch(log: &PartitionLog, pairs: &[Pair], of: Option<(i64, i16, i32)>) {
    if pairs.is_empty() {
        return;
    }
    let mut builder = BatchBuilder::new(Codec::None, None);
    if let Some((producer, epoch, sequence)) = of {
        builder.set_producer(ProducerId(producer), ProducerEpoch(epoch), Sequence(sequence));
        builder.set_transactional();
    }
    for (key, value) in pairs {
        let value = value.map(|value| format!("{value:0100}"));
        builder.append(Timestamp(1_000), Some(&[*key]), value.as_deref().map(str::as_bytes), &[]);
    }
    let appended = append(log, &builder.build(Offset::ZERO)).await;
    appended.commit.unwrap().durable().await.unwrap();
}

/// What a consumer of committed records finds, by the rules of Kafka's consumer, and how many
/// records there are in all.
async fn committed(log: &PartitionLog) -> (Newest, usize) {
    let limit = log.last_stable_offset();
    let (mut newest, mut records) = (Newest::new(), 0);
    let mut offset = log.log_start();
    while offset < limit {
        let request =
            ReadRequest { offset, limit, bytes_max: 700, first_batch: FirstBatch::Always };
        let read = log.read(request).await.unwrap();
        assert!(read.next > offset, "a read moves on");
        let mut aborted = log.aborted_transactions(offset..read.next).await.unwrap();
        aborted.sort_by_key(|one| one.first_offset);
        let (mut waiting, mut ignored) = (aborted.into_iter().peekable(), BTreeSet::new());
        let bytes = read.pieces.to_vec();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (batch, behind) = BatchView::parse(rest).unwrap();
            rest = behind;
            while let Some(one) = waiting.next_if(|one| one.first_offset <= batch.last_offset()) {
                ignored.insert(one.producer);
            }
            if batch.is_control() {
                let marker = TransactionMarker::of_batch(&batch).unwrap().unwrap();
                if marker.outcome == TransactionOutcome::Abort {
                    ignored.remove(&batch.producer_id());
                }
                continue;
            }
            let skipped = batch.is_transactional() && ignored.contains(&batch.producer_id());
            for record in batch.records(&mut Vec::new(), 1 << 20).unwrap() {
                let record = record.unwrap();
                records += 1;
                let key = record.key.unwrap()[0];
                if skipped || record.offset < offset {
                    continue;
                }
                match record.value {
                    Some(value) => {
                        let value = str::from_utf8(value).unwrap().parse().unwrap();
                        newest.insert(key, value)
                    }
                    None => newest.remove(&key),
                };
            }
        }
        offset = read.next;
    }
    (newest, records)
}

async fn clean(storage: &Storage, now: i64) {
    while storage.clean_next(Timestamp(now)).await.unwrap().is_some() {}
}

#[test]
fn readers_of_committed_records_find_the_last_committed_values() {
    for seed in 0..60 {
        let machine = Machine::new(seed, DiskFaults::default());
        let story = async move {
            let (storage, log) = open(seed).await;
            let mut load = Load::new(seed);
            for round in 0..6_i64 {
                for _ in 0..40 {
                    load.step(&log).await;
                }
                storage.checkpoint().await.unwrap();
                // Each round is later than all horizons of the one before.
                clean(&storage, 5_000 + round * 2 * RETENTION_MS).await;
            }
            for number in 0..PRODUCERS {
                load.end(&log, number, TransactionOutcome::Abort).await;
            }
            assert_eq!(committed(&log).await.0, load.newest, "seed {seed}");
            // All segments but the newest, over and over, until everything that may go is gone.
            for round in 10..14 {
                storage.checkpoint().await.unwrap();
                append_batch(&log, &[(200, Some(round as u32))], None).await;
                clean(&storage, 5_000 + round * 2 * RETENTION_MS).await;
            }
            load.newest.insert(200, 13);
            let (newest, records) = committed(&log).await;
            assert_eq!(newest, load.newest, "seed {seed}, cleaned over and over");
            assert!(records < 80, "seed {seed}: {records} records are left");
            drop(log);
            storage.close().await.unwrap();
            let (_storage, log) = open(seed).await;
            assert_eq!(committed(&log).await.0, load.newest, "seed {seed}, opened again");
        };
        assert!(matches!(machine.run(story), End::Finished(())), "seed {seed}");
    }
}

#[test]
fn a_crash_at_any_step_of_a_pass_changes_nothing_for_readers_of_committed_records() {
    let mut interrupted = 0;
    for seed in 0..200_u64 {
        let machine = Machine::new(seed, DiskFaults::default());
        let expected = Rc::new(RefCell::new(Newest::new()));
        let noted = Rc::clone(&expected);
        let story = async move {
            let (storage, log) = open(seed).await;
            let mut load = Load::new(seed);
            for _ in 0..80 {
                load.step(&log).await;
            }
            for number in 0..PRODUCERS {
                load.end(&log, number, TransactionOutcome::Abort).await;
            }
            storage.checkpoint().await.unwrap();
            *noted.borrow_mut() = load.newest;
        };
        assert!(matches!(machine.run(story), End::Finished(())), "seed {seed}");
        if seed % 2 == 0 {
            machine.crash_after(20 + seed * 2);
        } else {
            machine.kill_after(20 + seed * 2);
        }
        let pass = machine.run(async move {
            let (storage, _log) = open(seed).await;
            for round in 0..4 {
                clean(&storage, 5_000 + round * 2 * RETENTION_MS).await;
            }
        });
        interrupted += u32::from(!matches!(pass, End::Finished(())));
        let look = machine.run(async move {
            let (storage, log) = open(seed).await;
            let seen = committed(&log).await.0;
            clean(&storage, 50_000).await;
            (seen, committed(&log).await.0)
        });
        let End::Finished((seen, again)) = look else { panic!("seed {seed}: no look") };
        assert_eq!(seen, *expected.borrow(), "seed {seed}");
        assert_eq!(again, *expected.borrow(), "seed {seed}, cleaned after the crash");
    }
    assert!(interrupted > 50, "{interrupted} passes were interrupted");
}

#[test]
fn readers_of_committed_records_see_no_aborted_one_while_segments_are_replaced() {
    let (mut all_passes, mut all_looks) = (0, 0);
    for seed in 0..60 {
        let machine = Machine::new(seed, DiskFaults::default());
        let story = async move {
            let (storage, log) = open(seed).await;
            let mut load = Load::new(seed);
            for _ in 0..120 {
                load.step(&log).await;
            }
            for number in 0..PRODUCERS {
                load.end(&log, number, TransactionOutcome::Abort).await;
            }
            storage.checkpoint().await.unwrap();
            let is_over = Rc::new(Cell::new(false));
            let (over, read_log, expected) = (is_over.clone(), log.clone(), load.newest.clone());
            let reader = spawn(async move {
                let mut looks = 0;
                while !over.get() {
                    // Only the newest record of a key counts, and compaction leaves that alone.
                    assert_eq!(committed(&read_log).await.0, expected, "seed {seed}");
                    looks += 1;
                    sleep(Duration::from_micros(50)).await;
                }
                looks
            });
            let mut passes = 0;
            for round in 0..4 {
                let now = Timestamp(5_000 + round * 2 * RETENTION_MS);
                while storage.clean_next(now).await.unwrap().is_some() {
                    passes += 1;
                }
            }
            is_over.set(true);
            (passes, reader.join().await)
        };
        let End::Finished((passes, looks)) = machine.run(story) else {
            panic!("seed {seed} does not end")
        };
        all_passes += passes;
        all_looks += looks;
    }
    assert!(all_passes > 100 && all_looks > 200, "{all_looks} looks during {all_passes} passes");
}
