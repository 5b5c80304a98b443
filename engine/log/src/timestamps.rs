//! Finding offsets by time: the first record at or after a timestamp, and the record with the
//! largest one (KIP-32, KIP-734).

use corelog_model::{BatchView, LeaderEpoch, Offset, Record, Timestamp};

use crate::partition::PartitionLog;
use crate::reader::{FirstBatch, ReadError, ReadRequest};

const READ_BYTES: usize = 256 << 10;
// A batch that needs more memory than this to decompress counts as unreadable.
const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;

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
                    && let Some(found) = record_in(&batch, offset, &wanted, &mut scratch)
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
}

/// The first record of a batch from `from` on that is wanted. Nobody has looked at the records of a
/// compressed batch before: where they cannot be read, or have offsets of other batches, the header
/// speaks for the first of them, so that whoever reads on from there misses nothing.
fn record_in(
    batch: &BatchView<'_>,
    from: Offset,
    wanted: &impl Fn(Timestamp) -> bool,
    scratch: &mut Vec<u8>,
) -> Option<TimedOffset> {
    let leader_epoch = batch.leader_epoch();
    let unreadable = TimedOffset {
        offset: batch.base_offset().max(from),
        timestamp: batch.max_timestamp(),
        leader_epoch,
    };
    let Ok(records) = batch.records(scratch, DECOMPRESSED_BYTES_MAX) else {
        return Some(unreadable);
    };
    for record in records {
        let is_within = |record: &Record<'_>| record.offset <= batch.last_offset();
        let Some(record) = record.ok().filter(is_within) else { return Some(unreadable) };
        if record.offset >= from && wanted(record.timestamp) {
            let (offset, timestamp) = (record.offset, record.timestamp);
            return Some(TimedOffset { offset, timestamp, leader_epoch });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use corelog_model::{BatchBuilder, Codec, HEADER_LEN};

    use super::*;

    /// Records at times 5, 7 and 9, from offset 100 on.
    fn batch(codec: Codec) -> Vec<u8> {
        let mut builder = BatchBuilder::new(codec, None);
        builder.set_leader_epoch(LeaderEpoch(3));
        for timestamp in [5, 7, 9] {
            builder.append(Timestamp(timestamp), Some(b"key"), Some(b"value"), &[]);
        }
        builder.build(Offset(100))
    }

    /// What is found from an offset on for a time.
    fn find(bytes: &[u8], from: i64, target: i64) -> Option<(i64, i64)> {
        let (view, _) = BatchView::parse(bytes).unwrap();
        let wanted = |timestamp: Timestamp| timestamp >= Timestamp(target);
        let found = record_in(&view, Offset(from), &wanted, &mut Vec::new())?;
        assert_eq!(found.leader_epoch, LeaderEpoch(3));
        Some((found.offset.0, found.timestamp.0))
    }

    #[test]
    fn the_first_record_at_or_after_a_time_is_found() {
        for codec in Codec::ALL {
            let bytes = batch(codec);
            assert_eq!(find(&bytes, 0, 6), Some((101, 7)), "{codec}");
            assert_eq!(find(&bytes, 102, 6), Some((102, 9)), "{codec}");
            assert_eq!(find(&bytes, 0, 10), None, "{codec}");
        }
    }

    #[test]
    fn where_records_cannot_be_read_the_header_speaks_for_them() {
        for codec in Codec::ALL {
            let mut bytes = batch(codec);
            bytes[HEADER_LEN..].fill(0xff);
            assert_eq!(find(&bytes, 0, 6), Some((100, 9)), "{codec}");
            assert_eq!(find(&bytes, 101, 6), Some((101, 9)), "{codec}");
        }
        let mut builder = BatchBuilder::new(Codec::Zstd, None);
        builder.set_leader_epoch(LeaderEpoch(3));
        builder.append_at(1 << 30, Timestamp(9), None, None, [].into_iter());
        let mut bytes = builder.build(Offset(100));
        bytes[23..27].copy_from_slice(&0_i32.to_be_bytes());
        assert_eq!(find(&bytes, 0, 6), Some((100, 9)), "an offset of the far future");
    }
}
