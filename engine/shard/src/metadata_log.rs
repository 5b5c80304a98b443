//! The metadata log: an ordinary partition log on the first core, whose records are the flatbuffers
//! of `corelog-cluster`. One batch is one change: it is durable as a whole or not at all.

use std::rc::Rc;

use corelog_cluster::codec::DecodeError;
use corelog_cluster::{ApplyError, ClusterImage, MetadataRecord};
use corelog_log::{
    AppendError, AppendStamp, FirstBatch, LogConfig, PartitionLog, ReadError, ReadRequest, Storage,
};
use corelog_model::builder::BatchBuilder;
use corelog_model::{
    BatchView, Codec, LeaderEpoch, Offset, PartitionId, PartitionIndex, Timestamp, TopicId,
};

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
}

/// The metadata log and how to append to it.
pub(crate) struct MetadataLog {
    log: Rc<PartitionLog>,
}

impl MetadataLog {
    pub(crate) async fn open(storage: &Storage) -> Result<Self, corelog_io::IoError> {
        let config = LogConfig { deletes: false, retention_ms: None, ..LogConfig::default() };
        Ok(Self { log: storage.create_partition(METADATA_PARTITION, config).await? })
    }

    /// Folds every record into an image.
    pub(crate) async fn load(&self) -> Result<ClusterImage, MetadataError> {
        let mut image = ClusterImage::empty();
        let mut offset = self.log.log_start();
        let limit = self.log.durable_end();
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
            assert!(offset < read.next, "a read below the end moves on");
            offset = read.next;
        }
        Ok(image)
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
        self.log.until_durable(appended.last_offset.next()).await
    }
}

fn apply_batch(image: &mut ClusterImage, batch: &BatchView<'_>) -> Result<(), MetadataError> {
    let damaged = || MetadataError::Batch(batch.base_offset());
    let mut scratch = Vec::new();
    let records = batch.records(&mut scratch, BATCH_BYTES_MAX).map_err(|_| damaged())?;
    for record in records {
        let record = record.map_err(|_| damaged())?;
        let value = record.value.ok_or_else(damaged)?;
        image.apply(&MetadataRecord::decode(value)?)?;
    }
    Ok(())
}
