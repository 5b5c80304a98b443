//! Appending what producers send: checks, then the log; an acknowledgement resolves when the batch
//! is durable.

use corelog_log::{Admission, AppendError, AppendStamp, Appended, MarkerError};
use corelog_model::control::{TransactionMarker, TransactionVersion};
use corelog_model::validate::{
    Origin, ProduceLimits, ProduceRefusal, RecordsRefusal, check_size, validate_produced,
};
use corelog_model::{
    BatchView, Codec, Offset, ProducerEpoch, ProducerId, Timestamp, TimestampType,
};

use crate::conversion::convert;
use crate::partition::Partition;
use crate::shard::Shard;

/// Why a batch was not appended, or not acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProduceError {
    /// The batch breaks a rule.
    #[error(transparent)]
    Refused(#[from] ProduceRefusal),
    /// Single records break a rule.
    #[error(transparent)]
    Records(#[from] RecordsRefusal),
    /// The log did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The disk is nearly full: KAFKA_STORAGE_ERROR, retriable.
    #[error("the disk has only {available} bytes left, {reserve} are kept in reserve")]
    DiskFull {
        /// Bytes left.
        available: u64,
        /// Bytes that are never given to producers.
        reserve: u64,
    },
}

/// A batch in the log, not necessarily durable yet.
#[derive(Debug)]
pub struct Produced {
    partition: Partition,
    appended: Appended,
}

/// What a producer is told about a batch that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// Append time where the topic stamps one.
    pub append_time: Option<Timestamp>,
    /// First offset of the log.
    pub log_start: Offset,
}

impl Produced {
    /// Resolves when the batch is durable, which is when it may be acknowledged.
    pub async fn durable(&self) -> Result<Acknowledgement, ProduceError> {
        match &self.appended.commit {
            Some(commit) => commit.durable().await.map_err(AppendError::from)?,
            None => self.partition.log.until_durable(self.appended.last_offset.next()).await?,
        }
        Ok(Acknowledgement {
            base_offset: self.appended.base_offset,
            append_time: self.appended.append_time,
            log_start: self.partition.log.log_start(),
        })
    }
}

// A marker is a batch header and one small record.
const MARKER_BYTES: usize = 100;

impl Shard {
    /// Checks and appends the bytes that a producer sent for one partition, in the codec of the
    /// topic. Waits while memory or the journal are short, and after much work; batches of one
    /// caller are appended in the order of its calls.
    pub async fn produce(
        &self,
        partition: &Partition,
        bytes: &[u8],
        newest_codec: Codec,
    ) -> Result<Produced, ProduceError> {
        self.produce_admitted(partition, bytes, newest_codec, Admission::Client(None)).await
    }

    /// Does as `produce` for a batch that may begin a transaction, for which its coordinator was
    /// asked.
    pub async fn produce_admitted(
        &self,
        partition: &Partition,
        bytes: &[u8],
        newest_codec: Codec,
        admission: Admission<'_>,
    ) -> Result<Produced, ProduceError> {
        self.check_disk()?;
        let now = Timestamp(corelog_io::wall_clock_ms());
        let config = &partition.config;
        let origin = match admission {
            Admission::Client(_) | Admission::Unverified => Origin::Client,
            Admission::Coordinator(_) | Admission::UnverifiedCoordinator => Origin::Coordinator,
        };
        let limits = ProduceLimits { origin, ..ProduceLimits::of(config, newest_codec) };
        let sent = validate_produced(bytes, &limits)?;
        let converted = match origin {
            Origin::Client => convert(config, &sent, now).await?,
            // What the broker makes itself is right.
            Origin::Coordinator => None,
        };
        let batch = match &converted {
            Some(bytes) => {
                let (batch, _) = BatchView::parse(bytes).expect("the batch was just built");
                check_size(&batch, &limits)?;
                batch
            }
            None => sent,
        };
        partition.log.ready(batch.len()).await.map_err(AppendError::from)?;
        let append_time = match config.timestamp_type {
            TimestampType::LogAppendTime => Some(now),
            TimestampType::CreateTime => None,
        };
        let stamp = AppendStamp { leader_epoch: partition.leader_epoch, append_time, now };
        let admission = match admission {
            Admission::Client(_) if !self.runtime().verifies_transactions => Admission::Unverified,
            Admission::Coordinator(None) if !self.runtime().verifies_transactions => {
                Admission::UnverifiedCoordinator
            }
            admission => admission,
        };
        let appended = partition.log.append_admitted(&batch, stamp, admission)?;
        self.metrics().produced(bytes.len(), batch.record_count());
        Ok(Produced { partition: partition.clone(), appended })
    }

    /// Ends a producer's transaction on a partition, whether it has records there or not. The
    /// outcome is visible once the marker is durable. Markers are written as long as the disk takes
    /// them: readers wait for them.
    pub async fn write_marker(
        &self,
        partition: &Partition,
        producer: (ProducerId, ProducerEpoch),
        marker: TransactionMarker,
        version: TransactionVersion,
    ) -> Result<Produced, MarkerError> {
        partition.log.ready(MARKER_BYTES).await.map_err(AppendError::from)?;
        let now = Timestamp(corelog_io::wall_clock_ms());
        let append_time = match partition.config.timestamp_type {
            TimestampType::LogAppendTime => Some(now),
            TimestampType::CreateTime => None,
        };
        let stamp = AppendStamp { leader_epoch: partition.leader_epoch, append_time, now };
        let appended = partition.log.append_marker(producer, marker, version, stamp)?;
        Ok(Produced { partition: partition.clone(), appended })
    }

    fn check_disk(&self) -> Result<(), ProduceError> {
        let reserve = self.config().limits.disk_reserve_bytes;
        let available = self.disk_space().available;
        if available < reserve {
            return Err(ProduceError::DiskFull { available, reserve });
        }
        Ok(())
    }
}
