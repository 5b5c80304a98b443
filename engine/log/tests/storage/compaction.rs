//! Claims about compaction: the last record of each key stays at its offset, whatever happens on
//! the way.

use std::collections::BTreeMap;
use std::rc::Rc;

use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_log::{
    CleanerConfig, CompactionRules, FirstBatch, LogConfig, PartitionLog, ReadRequest, Storage,
    StorageConfig,
};
use corelog_model::builder::BatchBuilder;
use corelog_model::{BatchView, Codec, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use crate::support::{append, partition, tiny};

/// A key and its value; none is a deletion mark.
type Pair = (u8, Option<u32>);
/// What a reader sees: offset, key and value.
type Seen = (i64, u8, Option<u32>);

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 4_000,
        index_interval_bytes: 200,
        retention_ms: None,
        compaction: Some(CompactionRules { dirty_ppm_min: 0, ..CompactionRules::default() }),
        ..LogConfig::default()
    }
}

async fn open_with(config: StorageConfig) -> Storage {
    Storage::open(config, |_| self::config()).await.unwrap().0
}

async fn open() -> Storage {
    open_with(tiny("/data".into())).await
}

async fn create(storage: &Storage) -> Rc<PartitionLog> {
    storage.create_partition(partition(0), config()).await.unwrap()
}

fn batch(codec: Codec, pairs: &[Pair]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec, None);
    for (key, value) in pairs {
        let value = value.map(|value| format!("{value:0200}"));
        builder.append(Timestamp(1_000), Some(&[*key]), value.as_deref().map(str::as_bytes), &[]);
    }
    builder.build(Offset::ZERO)
}

async fn append_pairs(log: &PartitionLog, codec: Codec, pairs: &[Pair]) {
    let appended = append(log, &batch(codec, pairs)).await;
    appended.commit.unwrap().durable().await.unwrap();
}

/// Every record from `offset` on. Offsets rise and reads move on.
async fn read_from(log: &PartitionLog, mut offset: Offset) -> Vec<Seen> {
    let limit = log.durable_end();
    let mut seen = Vec::new();
    while offset < limit {
        let request =
            ReadRequest { offset, limit, bytes_max: 900, first_batch: FirstBatch::Always };
        let read = log.read(request).await.unwrap();
        assert!(read.next > offset, "a read moves on");
        let bytes = read.pieces.to_vec();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (view, behind) = BatchView::parse(rest).unwrap();
            view.verify_crc().unwrap();
            assert!(view.last_offset() >= offset, "only batches that reach the offset");
            for record in view.records(&mut Vec::new(), 1 << 20).unwrap() {
                let record = record.unwrap();
                let value = record.value.map(|text| str::from_utf8(text).unwrap().parse().unwrap());
                if record.offset >= offset {
                    seen.push((record.offset.0, record.key.unwrap()[0], value));
                }
            }
            rest = behind;
        }
        offset = read.next;
    }
    assert!(seen.is_sorted_by(|before, after| before.0 < after.0), "offsets rise");
    seen
}

/// The newest value of each key; a key that was deleted has none.
fn newest(seen: impl IntoIterator<Item = Pair>) -> BTreeMap<u8, u32> {
    let mut newest = BTreeMap::new();
    for (key, value) in seen {
        match value {
            Some(value) => newest.insert(key, value),
            None => newest.remove(&key),
        };
    }
    newest
}

fn pairs_of(seen: &[Seen]) -> impl Iterator<Item = Pair> + '_ {
    seen.iter().map(|(_, key, value)| (*key, *value))
}

/// Random batches, and what was written at each offset.
async fn append_random(log: &PartitionLog, seed: u64, batches: u32) -> Vec<Seen> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut written = Vec::new();
    for _ in 0..batches {
        let pair = |random: &mut fastrand::Rng| {
            (random.u8(..20), (random.u8(..5) > 0).then(|| random.u32(..)))
        };
        let pairs: Vec<Pair> = (0..random.usize(1..6)).map(|_| pair(&mut random)).collect();
        let base = log.end().0;
        let offsets = pairs.iter().zip(base..).map(|((key, value), offset)| (offset, *key, *value));
        written.extend(offsets);
        append_pairs(log, Codec::ALL[random.usize(..5)], &pairs).await;
    }
    written
}

/// Passes until nothing is due. Returns how many there were.
async fn clean(storage: &Storage, now: i64) -> u64 {
    let mut passes = 0;
    while storage.clean_next(Timestamp(now)).await.unwrap().is_some() {
        passes += 1;
    }
    passes
}

/// What a model that keeps the last record of each key below `first_dirty` has.
fn compacted(written: &[Seen], first_dirty: i64) -> Vec<Seen> {
    let last = |(offset, key, _): &&Seen| {
        let mut behind = written.iter().filter(|other| *offset < other.0 && other.0 < first_dirty);
        *offset >= first_dirty || !behind.any(|other| other.1 == *key)
    };
    written.iter().filter(last).copied().collect()
}

#[test]
fn compacting_random_batches_equals_a_model_that_keeps_last_records() {
    for seed in 0..60 {
        let machine = Machine::new(seed, DiskFaults::default());
        let story = async move {
            let storage = open().await;
            let log = create(&storage).await;
            let mut written = Vec::new();
            for round in 0..3 {
                written.extend(append_random(&log, seed * 10 + round, 60).await);
                let cleaned = storage.clean_next(Timestamp(5_000)).await.unwrap().unwrap();
                assert!(cleaned.bytes_after < cleaned.bytes_before, "seed {seed}: {cleaned:?}");
                let expected = compacted(&written, cleaned.first_dirty.0);
                assert_eq!(read_from(&log, Offset::ZERO).await, expected, "seed {seed}");
                for offset in 0..log.end().0 {
                    let rest: Vec<Seen> =
                        expected.iter().filter(|seen| seen.0 >= offset).copied().collect();
                    assert_eq!(read_from(&log, Offset(offset)).await, rest, "seed {seed}");
                }
            }
            clean(&storage, 5_000).await;
            storage.close().await.unwrap();
            let before = written;
            let storage = open().await;
            let log = storage.partition(partition(0)).unwrap();
            let seen = read_from(&log, Offset::ZERO).await;
            assert_eq!(newest(pairs_of(&seen)), newest(pairs_of(&before)), "seed {seed}");
            assert_eq!(clean(&storage, 5_000).await, 0, "progress is remembered");
        };
        assert!(matches!(machine.run(story), End::Finished(())));
    }
}

#[test]
fn deletion_marks_go_after_their_horizon_and_no_older_value_comes_back() {
    let machine = Machine::new(1, DiskFaults::default());
    let story = async {
        let storage = open().await;
        let log = create(&storage).await;
        for round in 0..30 {
            append_pairs(&log, Codec::None, &[(1, Some(round)), (2, Some(round))]).await;
        }
        append_pairs(&log, Codec::None, &[(1, None)]).await;
        let fill = |key: u8| [(key, Some(7)), (key + 1, Some(7)), (key + 2, Some(7))];
        for key in 0..10 {
            append_pairs(&log, Codec::None, &fill(100 + key * 3)).await;
        }
        let marks = |seen: &[Seen]| seen.iter().filter(|seen| seen.2.is_none()).count();
        assert_eq!(clean(&storage, 5_000).await, 1);
        assert_eq!(marks(&read_from(&log, Offset::ZERO).await), 1, "it is stamped");
        let day = 24 * 3_600_000;
        for (now, expected) in [(4_999 + day, 1), (5_000 + day, 0)] {
            for key in 0..20 {
                append_pairs(&log, Codec::None, &fill(150 + key * 3)).await;
            }
            clean(&storage, now).await;
            let seen = read_from(&log, Offset::ZERO).await;
            assert_eq!(marks(&seen), expected, "at {now}");
            assert!(!newest(pairs_of(&seen)).contains_key(&1), "the key is deleted at {now}");
        }
    };
    assert!(matches!(machine.run(story), End::Finished(())));
}

#[test]
fn a_full_map_ends_the_pass_and_the_next_one_goes_on() {
    let machine = Machine::new(2, DiskFaults::default());
    let story = async {
        let mut config = tiny("/data".into());
        config.cleaner = CleanerConfig { dedupe_bytes_max: 1_536, ..CleanerConfig::default() };
        config.cleaner.load_percent_max = 20;
        let storage = open_with(config).await;
        let log = create(&storage).await;
        let written = append_random(&log, 3, 200).await;
        assert!(clean(&storage, 5_000).await > 3, "twelve of twenty keys fit");
        let seen = read_from(&log, Offset::ZERO).await;
        assert_eq!(newest(pairs_of(&seen)), newest(pairs_of(&written)));
        assert!(seen.len() < written.len() / 2, "{} of {}", seen.len(), written.len());
    };
    assert!(matches!(machine.run(story), End::Finished(())));
}

#[test]
fn small_segments_become_one() {
    let machine = Machine::new(4, DiskFaults::default());
    let story = async {
        let storage = open().await;
        let log = create(&storage).await;
        append_random(&log, 3, 100).await;
        let before = log.segment_count();
        log.set_config(LogConfig { segment_bytes: 40_000, ..config() });
        clean(&storage, 5_000).await;
        assert!(log.segment_count() * 2 < before, "{} of {before}", log.segment_count());
    };
    assert!(matches!(machine.run(story), End::Finished(())));
}

#[test]
fn a_producer_goes_on_after_its_last_batch_was_emptied() {
    let machine = Machine::new(5, DiskFaults::default());
    let story = async {
        let storage = open().await;
        let log = create(&storage).await;
        let mut builder = BatchBuilder::new(Codec::None, None);
        builder.set_producer(ProducerId(9), ProducerEpoch(0), Sequence(0));
        builder.append(Timestamp(1_000), Some(&[1]), Some(b"1"), &[]);
        let first = builder.build(Offset::ZERO);
        append(&log, &first).await.commit.unwrap().durable().await.unwrap();
        append_random(&log, 3, 100).await;
        append_pairs(&log, Codec::None, &[(1, Some(2))]).await;
        append_random(&log, 4, 50).await;
        clean(&storage, 5_000).await;
        let request = ReadRequest {
            offset: Offset::ZERO,
            limit: log.durable_end(),
            bytes_max: 1,
            first_batch: FirstBatch::Always,
        };
        let bytes = log.read(request).await.unwrap().pieces.to_vec();
        let (kept, _) = BatchView::parse(&bytes).unwrap();
        assert_eq!((kept.producer_id(), kept.record_count()), (ProducerId(9), 0));
        assert_eq!(kept.last_sequence(), Sequence(0));
        assert!(append(&log, &first).await.commit.is_none(), "a retry is recognised");
    };
    assert!(matches!(machine.run(story), End::Finished(())));
}

#[test]
fn a_crash_at_any_step_of_a_pass_loses_nothing() {
    let mut interrupted = 0;
    for seed in 0..400_u64 {
        let faults = DiskFaults::default();
        let machine = Machine::new(seed, faults);
        let story = async move {
            let storage = open().await;
            let log = create(&storage).await;
            append_random(&log, seed, 60).await;
            storage.checkpoint().await.unwrap();
        };
        assert!(matches!(machine.run(story), End::Finished(())));
        let steps = machine.steps();
        if seed % 2 == 0 {
            machine.crash_after(20 + seed);
        } else {
            machine.kill_after(20 + seed);
        }
        let pass = machine.run(async {
            let storage = open().await;
            clean(&storage, 5_000).await;
        });
        interrupted += u32::from(!matches!(pass, End::Finished(())));
        assert!(machine.steps() > steps);
        let look = async move {
            let storage = open().await;
            let log = storage.partition(partition(0)).unwrap();
            let seen = read_from(&log, Offset::ZERO).await;
            clean(&storage, 5_000).await;
            let again = read_from(&log, Offset::ZERO).await;
            assert_eq!(newest(pairs_of(&seen)), newest(pairs_of(&again)), "seed {seed}");
            newest(pairs_of(&seen))
        };
        let End::Finished(found) = machine.run(look) else { panic!("seed {seed}: no look") };
        let other = Machine::new(seed, DiskFaults::default());
        let End::Finished(written) = other.run(async move {
            let storage = open().await;
            let log = create(&storage).await;
            append_random(&log, seed, 60).await
        }) else {
            panic!("seed {seed}: no story")
        };
        assert_eq!(found, newest(pairs_of(&written)), "seed {seed}");
    }
    assert!(interrupted > 100, "{interrupted} passes were interrupted");
}
