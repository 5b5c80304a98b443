//! Deleting the front of a log: by age, by size, and by order of a client (DeleteRecords). Only
//! segments that are complete on disk go, so no replay ever needs what was deleted. An open
//! transaction keeps nothing, as in Kafka: its records go when their time is over.

use corelog_io::{IoError, remove_file, sync_directory};
use corelog_model::{LeaderEpoch, Offset, Timestamp};

use crate::append::AppendError;
use crate::journal::{EntryHead, EntryKind};
use crate::partition::{Inner, PartitionLog};
use crate::segment::Segment;

impl Inner {
    /// How many of the oldest segments the settings let go. The active segment stays.
    fn expired(&self, now: Timestamp) -> usize {
        let next_bases = self.segments.keys().skip(1);
        let mut total: u64 = self.segments.values().map(|segment| segment.size).sum();
        let goes = |(segment, next): &(&Segment, &Offset)| {
            let below_start = **next <= self.log_start;
            let too_old = self
                .config
                .retention_ms
                .is_some_and(|limit| segment.newest().is_some_and(|newest| now - newest > limit));
            total -= segment.size;
            let too_much = self.config.retention_bytes.is_some_and(|limit| total >= limit);
            below_start || (self.config.deletes && (too_old || too_much))
        };
        self.segments.values().zip(next_bases).take_while(goes).count()
    }

    /// Base offsets of the oldest segments that may be deleted now: those no start needs any more,
    /// because the checkpoint on disk begins behind them.
    fn deletable(&self, now: Timestamp) -> Vec<Offset> {
        let expired = self.segments.values().take(self.expired(now));
        let behind = |segment: &&Segment| segment.is_complete && segment.base < self.stored;
        expired.take_while(behind).map(|segment| segment.base).collect()
    }

    /// Seals the active segment if all of it is over age, so that the next pass can delete it.
    fn roll_if_expired(&mut self, now: Timestamp) {
        let Some(limit) = self.config.retention_ms.filter(|_| self.config.deletes) else { return };
        let active = self.active();
        let is_old = active.newest().is_some_and(|newest| now - newest > limit);
        if active.size > 0 && is_old {
            self.roll();
        }
    }
}

impl PartitionLog {
    /// Asks the batches of expired segments for their age where only an index file has told it. One
    /// whose batches cannot be read counts as new once more, and so does one without timestamps
    /// that an earlier run wrote.
    pub(crate) async fn learn_ages(&self, now: Timestamp) {
        let Some(_use) = self.begin_use().filter(|_| !self.is_leaving()) else { return };
        for segment in self.inner.borrow_mut().segments.values_mut() {
            if segment.size > 0 && segment.newest().is_none() {
                segment.note_append(now);
            }
        }
        loop {
            let unknown = {
                let inner = self.inner.borrow();
                let count = inner.expired(now);
                let mut expired =
                    inner.segments.values().zip(inner.segments.keys().skip(1)).take(count);
                expired
                    .find(|(segment, _)| !segment.is_time_known)
                    .map(|(found, end)| (found.base, *end))
            };
            let Some((base, end)) = unknown else { return };
            let replaced = self.inner.borrow().replaced;
            let newest = self.newest_timestamp(base, end).await;
            if self.inner.borrow().replaced != replaced {
                continue;
            }
            if let Some(segment) = self.inner.borrow_mut().segments.get_mut(&base) {
                segment.max_timestamp = newest.unwrap_or(now);
                segment.is_time_known = true;
            }
        }
    }

    /// Whether segments could be deleted if there were a new checkpoint. Seals the active one if it
    /// is over age.
    pub(crate) fn awaits_checkpoint(&self, now: Timestamp) -> bool {
        if self.is_leaving() {
            return false;
        }
        let mut inner = self.inner.borrow_mut();
        inner.roll_if_expired(now);
        let queued = self.queue_writes(&mut inner);
        let awaits = inner.deletable(now).len() < inner.expired(now);
        drop(inner);
        self.start_writes(queued);
        awaits
    }

    /// Deletes the oldest segments as the settings say, as far as a checkpoint lies behind them,
    /// and returns how many went.
    pub async fn apply_retention(&self, now: Timestamp) -> Result<usize, IoError> {
        let Some(_use) = self.begin_use().filter(|_| !self.is_leaving()) else { return Ok(0) };
        self.learn_ages(now).await;
        let expired = self.inner.borrow().deletable(now);
        let mut deleted = 0;
        for base in &expired {
            // The next pass finds what compaction makes of them.
            if self.is_swapping.get() {
                break;
            }
            let [index, time_index, aborted, log] = {
                let mut inner = self.inner.borrow_mut();
                let Some(segment) = inner.segments.remove(base) else { continue };
                let next = inner.segments.keys().next().copied().unwrap_or(inner.end);
                inner.log_start = inner.log_start.max(next);
                let log_start = inner.log_start;
                inner.epochs.forget_below(log_start);
                inner.cursors.retain(|cursor| cursor.1.segment != *base);
                self.shared.cache.forget(segment.cache_serial.unwrap_or(self.serial), *base);
                ["index", "timeindex", "txnindex", "log"].map(|extension| segment.path(extension))
            };
            // The log file goes last: without its indexes it is still whole.
            for path in [index, time_index, aborted] {
                match remove_file(&path).await {
                    Err(error) if !error.is_not_found() => return Err(error),
                    _ => {}
                }
            }
            self.shared.removal.take_file(&log).await?;
            deleted += 1;
        }
        if deleted > 0 {
            sync_directory(&self.directory).await?;
            self.progress.notify();
        }
        Ok(deleted)
    }

    /// Deletes records below `offset`, durably; their segments go at the next retention pass.
    /// Returns the new log start offset. `offset` must not be above the durable end.
    pub async fn delete_before(&self, offset: Offset) -> Result<Offset, AppendError> {
        let journal = self.shared.journal();
        journal.ready(0).await?;
        self.check_open()?;
        assert!(offset <= self.durable_end.get(), "only what is visible can be deleted");
        if offset <= self.log_start() {
            // Somebody else's deletion may still be on its way to the disk.
            journal.settle().await?;
            return Ok(self.log_start());
        }
        let commit = {
            let mut inner = self.inner.borrow_mut();
            let entry = EntryHead {
                kind: EntryKind::LogStart,
                partition: self.id,
                leader_epoch: inner.epochs.latest().unwrap_or(LeaderEpoch::NONE),
                segment: offset,
                position: 0,
            };
            let file = journal.current_file();
            let commit = journal.append(&entry, &[], None)?;
            inner.log_start = offset;
            let end = inner.end_place();
            inner.hold(file, end);
            commit
        };
        commit.durable().await?;
        self.progress.notify();
        Ok(self.log_start())
    }
}
