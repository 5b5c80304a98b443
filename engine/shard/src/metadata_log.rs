//! The metadata log: an ordinary partition log on the first core, whose records are the flatbuffers
//! of `corelog-cluster`. One batch is one change: it is durable as a whole or not at all. The
//! offset of a record is the version of the image before it. When the log has grown, a snapshot
//! takes the place of all of it, and the front of the log is deleted.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;

use corelog_cluster::codec::DecodeError;
use corelog_cluster::{ApplyError, ClusterImage, MetadataRecord};
use corelog_io::IoError;
use corelog_log::{
    AppendError, AppendStamp, FirstBatch, LogConfig, PartitionLog, ReadError, ReadRequest, Storage,
};
use corelog_model::builder::BatchBuilder;
use corelog_model::{
    BatchView, Codec, HEADER_LEN, LeaderEpoch, Offset, PartitionId, PartitionIndex, Timestamp,
    TopicId,
};

use crate::metadata_snapshot::{self, SnapshotError};

const SNAPSHOT_FILE: &str = "metadata.snapshot";

/// Where the metadata lives: Kafka's id of `__cluster_metadata`, partition 0.
pub const METADATA_PARTITION: PartitionId = PartitionId::new(TopicId::ONE, PartitionIndex(0));

const READ_BYTES: usize = 1 << 20;
const BATCH_BYTES_MAX: usize = 64 << 20;

/// Why the metadata cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The log cannot be read.
    #[error("the metadata log cannot be read: {0}")]
    Read(#[from] ReadError),
    /// A batch is not made of records.
    #[error("the metadata log has a batch at offset {0} that cannot be read")]
    Batch(Offset),
    /// A record is of no known kind.
    #[error("the metadata log has a record that this program cannot read: {0}")]
    Decode(#[from] DecodeError),
    /// A record does not fit what came before it.
    #[error("the metadata log contradicts itself: {0}")]
    Apply(#[from] ApplyError),
    /// There is a snapshot, and it is of no use.
    #[error("the snapshot of the metadata cannot be read: {0}")]
    Snapshot(#[from] SnapshotError),
    /// The front of the log was deleted, but no snapshot stands for all of it.
    #[error("the metadata is damaged: the log begins at {log_start}, the snapshot ends at {known}")]
    Gap {
        /// The first offset of the log.
        log_start: Offset,
        /// The first offset that the snapshot does not stand for.
        known: Offset,
    },
    /// The log is shorter than what its snapshot was made of.
    #[error("the metadata is damaged: the log ends at {log_end}, the snapshot ends at {known}")]
    Short {
        /// The end of the log.
        log_end: Offset,
        /// The first offset that the snapshot does not stand for.
        known: Offset,
    },
}

/// Why there is no new snapshot, or the front of the log is still there. Nothing is lost.
#[derive(Debug, thiserror::Error)]
enum TrimError {
    #[error(transparent)]
    Io(#[from] IoError),
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// The metadata log and how to append to it.
pub(crate) struct MetadataLog {
    log: Rc<PartitionLog>,
    snapshot_path: PathBuf,
    snapshot_bytes: u64,
    /// Length of the newest snapshot.
    snapshot_len: Cell<u64>,
    /// Bytes of the log that no snapshot stands for.
    bytes_since: Cell<u64>,
}

impl MetadataLog {
    /// Opens the log; a snapshot is due whenever it has grown by `snapshot_bytes`.
    pub(crate) async fn open(storage: &Storage, snapshot_bytes: u64) -> Result<Self, IoError> {
        // A segment is deleted as a whole, so it holds no more than one snapshot stands for.
        let config = LogConfig {
            deletes: false,
            retention_ms: None,
            segment_bytes: snapshot_bytes,
            ..LogConfig::default()
        };
        Ok(Self {
            log: storage.create_partition(METADATA_PARTITION, config).await?,
            snapshot_path: storage.config().directory.join(SNAPSHOT_FILE),
            snapshot_bytes,
            snapshot_len: Cell::new(0),
            bytes_since: Cell::new(0),
        })
    }

    /// Bytes of records that one append takes at most.
    pub(crate) fn append_bytes_max(&self) -> usize {
        self.log.batch_bytes_max() - HEADER_LEN
    }

    /// Takes the snapshot, if there is one, and folds every later record into it.
    pub(crate) async fn load(&self) -> Result<ClusterImage, MetadataError> {
        let found = metadata_snapshot::load(&self.snapshot_path).await?;
        let (mut image, len) = found.unwrap_or_else(|| (ClusterImage::empty(), 0));
        self.snapshot_len.set(len);
        let mut offset = offset_of(&image);
        let (log_start, limit) = (self.log.log_start(), self.log.durable_end());
        if offset < log_start {
            return Err(MetadataError::Gap { log_start, known: offset });
        }
        if limit < offset {
            return Err(MetadataError::Short { log_end: limit, known: offset });
        }
        while offset < limit {
            let request = ReadRequest {
                offset,
                limit,
                bytes_max: READ_BYTES,
                first_batch: FirstBatch::Always,
            };
            let read = self.log.read(request).await?;
            let bytes = read.pieces.to_vec();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (batch, behind) =
                    BatchView::parse(rest).map_err(|_| MetadataError::Batch(offset))?;
                apply_batch(&mut image, &batch)?;
                rest = behind;
            }
            self.bytes_since.set(self.bytes_since.get() + bytes.len() as u64);
            assert!(offset < read.next, "a read below the end moves on");
            offset = read.next;
        }
        assert!(offset_of(&image) == limit, "each record is one offset and one version");
        Ok(image)
    }

    /// Makes a snapshot if the log has grown enough since the last one, and lets the log forget
    /// what it stands for. `image` is the state at the end of the log.
    pub(crate) async fn snapshot_if_due(&self, image: &ClusterImage) {
        // A large snapshot is not written again for a small part of it.
        if self.bytes_since.get() < self.snapshot_bytes.max(self.snapshot_len.get()) {
            return;
        }
        // After a failure too: the next try comes when the log has grown again.
        self.bytes_since.set(0);
        match self.snapshot(image).await {
            Ok(()) => tracing::info!(version = %image.version(), "the metadata has a snapshot"),
            Err(error) => tracing::error!(%error, "the metadata has no new snapshot"),
        }
    }

    async fn snapshot(&self, image: &ClusterImage) -> Result<(), TrimError> {
        let end = offset_of(image);
        assert!(end <= self.log.durable_end(), "a snapshot is of what is durable");
        self.snapshot_len.set(metadata_snapshot::store(&self.snapshot_path, image).await?);
        // Only now: until the file is durable, the log is all there is.
        self.log.delete_before(end).await?;
        Ok(())
    }

    /// Appends records as one batch and waits until it is durable.
    pub(crate) async fn append(&self, records: &[MetadataRecord]) -> Result<(), AppendError> {
        let now = Timestamp(corelog_io::wall_clock_ms());
        let mut builder = BatchBuilder::new(Codec::None, None);
        let mut value = Vec::new();
        for record in records {
            value.clear();
            record.encode(&mut value);
            builder.append(now, None, Some(&value), &[]);
        }
        let bytes = builder.build(Offset::ZERO);
        let (batch, _) = BatchView::parse(&bytes).expect("a built batch is one");
        let stamp = AppendStamp { leader_epoch: LeaderEpoch::ZERO, append_time: None, now };
        self.log.ready(bytes.len()).await?;
        let appended = self.log.append(&batch, stamp)?;
        self.bytes_since.set(self.bytes_since.get() + bytes.len() as u64);
        self.log.until_durable(appended.last_offset.next()).await
    }
}

/// The offset of the first record that is not in the image.
fn offset_of(image: &ClusterImage) -> Offset {
    Offset(image.version().0 as i64)
}

fn apply_batch(image: &mut ClusterImage, batch: &BatchView<'_>) -> Result<(), MetadataError> {
    let damaged = || MetadataError::Batch(batch.base_offset());
    if batch.base_offset() != offset_of(image) {
        return Err(damaged());
    }
    let mut scratch = Vec::new();
    let records = batch.records(&mut scratch, BATCH_BYTES_MAX).map_err(|_| damaged())?;
    for record in records {
        let record = record.map_err(|_| damaged())?;
        let value = record.value.ok_or_else(damaged)?;
        image.apply(&MetadataRecord::decode(value)?)?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
