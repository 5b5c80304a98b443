//! How fast a pass goes: after each piece of work it rests as long as the piece took, and longer
//! where the bytes of a second are limited, so that the journal and the requests of the core come
//! first.

use std::time::Duration;

use corelog_io::{Instant, now, sleep};

use super::CleanError;
use super::source::PIECE_BYTES;
use crate::partition::PartitionLog;

/// The pace of one pass.
pub(crate) struct Pace<'a> {
    log: &'a PartitionLog,
    bytes_per_second_max: Option<u64>,
    began: Instant,
    bytes: u64,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(log: &'a PartitionLog) -> Self {
        let bytes_per_second_max = log.shared.cleaner.config().bytes_per_second_max;
        Self { log, bytes_per_second_max, began: now(), bytes: 0 }
    }

    /// Counts bytes that were read and rests when it is time. An error when the pass should end.
    pub(crate) async fn read(&mut self, bytes: u64) -> Result<(), CleanError> {
        self.log.shared.cleaner.count(|counters| counters.bytes_read += bytes);
        self.step(bytes).await
    }

    /// Counts bytes that were written, likewise.
    pub(crate) async fn wrote(&mut self, bytes: u64) -> Result<(), CleanError> {
        self.log.shared.cleaner.count(|counters| counters.bytes_written += bytes);
        self.step(bytes).await
    }

    async fn step(&mut self, bytes: u64) -> Result<(), CleanError> {
        self.bytes += bytes;
        if self.bytes < PIECE_BYTES as u64 {
            return Ok(());
        }
        let worked = self.began.elapsed();
        let owed = self.bytes_per_second_max.map_or(Duration::ZERO, |limit| {
            let nanos = u128::from(self.bytes) * 1_000_000_000 / u128::from(limit.max(1));
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        });
        self.rest(worked.max(owed.saturating_sub(worked))).await?;
        (self.began, self.bytes) = (now(), 0);
        Ok(())
    }

    /// Sleeps in parts, so that it ends soon when it should.
    async fn rest(&self, mut rest: Duration) -> Result<(), CleanError> {
        const PART: Duration = Duration::from_millis(200);
        loop {
            if self.log.shared.cleaner.is_stopped() || self.log.is_leaving() {
                return Err(CleanError::Stopped);
            }
            let part = rest.min(PART);
            sleep(part).await;
            rest -= part;
            if rest.is_zero() {
                return Ok(());
            }
        }
    }
}
