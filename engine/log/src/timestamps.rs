//! Finding offsets by time: the first record at or after a timestamp, and the record with the
//! largest one (KIP-32, KIP-734).

use corelog_model::{BatchView, LeaderEpoch, Offset, Timestamp};

use crate::partition::PartitionLog;
use crate::reader::{FirstBatch, ReadError, ReadRequest};

const READ_BYTES: usize = 256 << 10;
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// A record found by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOffset {
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
}

impl PartitionLog {
    /// The first record with a timestamp of at least `target`, among those below `limit`.
    pub async fn offset_for_time(
        &self,
        target: Timestamp,
        limit: Offset,
    ) -> Result<Option<TimedOffset>, ReadError> {
        let _use = self.begin_use();
        self.check_here()?;
        let candidates: Vec<Offset> = {
            let inner = self.inner.borrow();
            // One whose time index is lost may have it too.
            let has_it = |segment: &&crate::segment::Segment| {
                segment.max_timestamp >= target || segment.max_timestamp.is_none()
            };
            inner.segments.values().filter(has_it).map(|segment| segment.base).collect()
        };
        for base in candidates {
            self.load_segment_index(base).await?;
            let (from, until) = {
                let inner = self.inner.borrow();
                let Some(segment) = inner.segments.get(&base) else { continue };
                let hint =
                    segment.index.as_ref().map_or(base, |index| index.offset_for_time(target));
                let next = inner.segments.range(base.next()..).next();
                let until = next.map_or(limit, |next| limit.min(*next.0));
                (hint.max(inner.log_start), until)
            };
            let wanted = |timestamp: Timestamp| timestamp >= target;
            if let Some(found) = self.first_record(from, until, wanted).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The first record with the largest timestamp, among those below `limit`.
    pub async fn offset_of_max_time(
        &self,
        limit: Offset,
    ) -> Result<Option<TimedOffset>, ReadError> {
        let newest = {
            let inner = self.inner.borrow();
            inner.segments.values().map(|segment| segment.max_timestamp).max()
        };
        match newest.filter(|newest| !newest.is_none()) {
            Some(newest) => self.offset_for_time(newest, limit).await,
            None => Ok(None),
        }
    }

    async fn first_record(
        &self,
        mut offset: Offset,
        limit: Offset,
        wanted: impl Fn(Timestamp) -> bool,
    ) -> Result<Option<TimedOffset>, ReadError> {
        let mut scratch = Vec::new();
        while offset < limit {
            let request = ReadRequest {
                offset,
                limit,
                bytes_max: READ_BYTES,
                first_batch: FirstBatch::Always,
            };
            let read = self.read(request).await?;
            let bytes = read.pieces.to_vec();
            let mut rest = &bytes[..];
            while let Ok((batch, behind)) = BatchView::parse(rest) {
                rest = behind;
                if wanted(batch.max_timestamp())
                    && let Some(found) = self.record_in(&batch, offset, &wanted, &mut scratch)?
                {
                    return Ok(Some(found));
                }
            }
            if read.next <= offset {
                break;
            }
            offset = read.next;
            corelog_io::yield_now().await;
        }
        Ok(None)
    }

    fn record_in(
        &self,
        batch: &BatchView<'_>,
        from: Offset,
        wanted: &impl Fn(Timestamp) -> bool,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<TimedOffset>, ReadError> {
        let damaged = |why: String| self.damaged(batch.base_offset(), 0, why);
        let records = batch
            .records(scratch, DECOMPRESSED_BYTES_MAX)
            .map_err(|error| damaged(error.to_string()))?;
        for record in records {
            let record = record.map_err(|error| damaged(error.to_string()))?;
            if record.offset >= from && wanted(record.timestamp) {
                return Ok(Some(TimedOffset {
                    offset: record.offset,
                    timestamp: record.timestamp,
                    leader_epoch: batch.leader_epoch(),
                }));
            }
        }
        Ok(None)
    }
}
