//! A small storage, batches for it, and reading it back.

use std::path::PathBuf;

use corelog_log::{
    AppendStamp, Appended, FirstBatch, LogConfig, PartitionLog, ReadRequest, Storage, StorageConfig,
};
use corelog_model::builder::BatchBuilder;
use corelog_model::{
    BatchView, Codec, LeaderEpoch, Offset, PartitionId, PartitionIndex, Timestamp, TopicId,
};

/// A partition of the one topic.
pub(crate) fn partition(index: i32) -> PartitionId {
    PartitionId { topic: TopicId::from_bytes([7; 16]), index: PartitionIndex(index) }
}

/// Sizes so small that rare paths are common.
pub(crate) fn tiny(directory: PathBuf) -> StorageConfig {
    StorageConfig {
        journal_file_bytes: 256 << 10,
        journal_files_max: 4,
        tail_bytes_max: 256 << 10,
        read_cache_bytes_max: 1 << 20,
        ..StorageConfig::new(directory)
    }
}

/// Segments of a few batches.
pub(crate) fn small_segments(_: PartitionId) -> LogConfig {
    LogConfig { segment_bytes: 100_000, ..LogConfig::default() }
}

/// A batch of two records, its bytes drawn from `seed`.
pub(crate) fn batch(seed: u64, len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut builder = BatchBuilder::new(Codec::None, None);
    let value: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
    builder.append(Timestamp(1_000 + seed as i64), Some(b"key"), Some(&value), &[]);
    builder.append(Timestamp(1_000 + seed as i64), None, Some(b"second"), &[]);
    builder.build(Offset::ZERO)
}

/// Appends as soon as there is room.
pub(crate) async fn append(log: &PartitionLog, bytes: &[u8]) -> Appended {
    let (view, _) = BatchView::parse(bytes).unwrap();
    log.ready(bytes.len()).await.unwrap();
    log.append(&view, stamp()).unwrap()
}

/// The stamp of every append.
pub(crate) fn stamp() -> AppendStamp {
    AppendStamp { leader_epoch: LeaderEpoch(0), append_time: None, now: Timestamp(5_000) }
}

/// Everything that is visible, from the log start.
pub(crate) async fn read_all(log: &PartitionLog) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut offset = log.log_start();
    let limit = log.durable_end();
    while offset < limit {
        let request =
            ReadRequest { offset, limit, bytes_max: 30_000, first_batch: FirstBatch::Always };
        let read = log.read(request).await.unwrap();
        assert!(read.next > offset, "a read moves on");
        bytes.extend(read.pieces.to_vec());
        offset = read.next;
    }
    bytes
}

/// The batches without their heads; each must be whole and in its place.
pub(crate) fn payloads(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (view, rest) = BatchView::parse(bytes).unwrap();
        assert_eq!(view.base_offset(), Offset(found.len() as i64 * 2));
        view.verify_crc().unwrap();
        found.push(view.payload().to_vec());
        bytes = rest;
    }
    found
}

/// Opens the storage in `/data` with small segments.
pub(crate) async fn open() -> Storage {
    Storage::open(tiny("/data".into()), small_segments).await.unwrap().0
}

/// Creates a partition with small segments.
pub(crate) async fn create(storage: &Storage, index: i32) -> std::rc::Rc<PartitionLog> {
    let config = small_segments(partition(index));
    storage.create_partition(partition(index), config).await.unwrap()
}

/// Appends a batch of `len` bytes and waits until it is durable.
pub(crate) async fn append_durably(log: &PartitionLog, seed: u64, len: usize) {
    let appended = append(log, &batch(seed, len)).await;
    appended.commit.unwrap().durable().await.unwrap();
}
