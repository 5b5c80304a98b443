//! Compaction: of the old segments of a log only the last record of each key is kept, offsets stay
//! as they are (`cleanup.policy=compact`). docs/compaction.md tells the whole story.
//!
//! `choice` says which log is next and which segments become one, `filter` what of a batch is kept;
//! both are pure. `pass` does it with `offset_map`, `source` and `target`, `swap` puts the result
//! in place, `progress` remembers how far it went.

mod aborted;
mod choice;
mod filter;
mod offset_map;
mod pace;
mod pass;
mod progress;
mod source;
mod swap;
mod target;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use corelog_io::{IoError, Signal, now as instant_now};
use corelog_model::{Offset, PartitionId, Timestamp};

pub(crate) use self::progress::Progress;
pub(crate) use self::swap::settle_swaps;
use crate::config::CleanerConfig;
use crate::flush::FlushError;
use crate::partition::PartitionLog;
use crate::storage::Storage;

/// Why a pass ended early. The log stays as it was, but for the segments that were done.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// The disk refused.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A batch is not what was written.
    #[error("the segment at {segment} cannot be compacted: {why}")]
    Damaged {
        /// Base offset of the segment.
        segment: Offset,
        /// What does not fit.
        why: String,
    },
    /// What it needs could not be brought to disk first.
    #[error(transparent)]
    Flush(#[from] FlushError),
    /// The storage closes or the partition goes away.
    #[error("the pass was stopped")]
    Stopped,
}

impl CleanError {
    fn damaged(segment: Offset, why: String) -> Self {
        Self::Damaged { segment, why }
    }
}

/// What a pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleaned {
    /// To which log.
    pub partition: PartitionId,
    /// Everything below is compacted now.
    pub first_dirty: Offset,
    /// Bytes of the segments before.
    pub bytes_before: u64,
    /// Bytes of what took their place.
    pub bytes_after: u64,
}

/// What the compaction of one core has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CleanerCounters {
    /// Bytes read from segments.
    pub bytes_read: u64,
    /// Bytes written to segments.
    pub bytes_written: u64,
    /// Passes that came to their end.
    pub passes: u64,
    /// Time the last one took.
    pub last_pass_ms: u64,
    /// Wall clock at the last look for something to do.
    pub last_run: Option<Timestamp>,
    /// The largest share of dirty bytes of any log at the last look, in parts of a million.
    pub dirty_ppm_max: u64,
    /// Logs that are not compacted any more since a pass failed.
    pub uncleanable: u64,
}

/// One pass at a time on a core.
#[derive(Debug)]
pub(crate) struct Cleaner {
    config: RefCell<CleanerConfig>,
    is_busy: Cell<bool>,
    is_stopped: Cell<bool>,
    idle: Signal,
    counters: RefCell<CleanerCounters>,
}

impl Cleaner {
    pub(crate) fn new(config: CleanerConfig) -> Self {
        Self {
            config: RefCell::new(config),
            is_busy: Cell::new(false),
            is_stopped: Cell::new(false),
            idle: Signal::new(),
            counters: RefCell::default(),
        }
    }

    /// The bounds of a pass that begins now.
    pub(crate) fn config(&self) -> CleanerConfig {
        self.config.borrow().clone()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.get()
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut CleanerCounters)) {
        change(&mut self.counters.borrow_mut());
    }

    /// Ends the work and waits until nothing is under way.
    pub(crate) async fn stop(&self) {
        self.is_stopped.set(true);
        loop {
            let idle = self.idle.waiting();
            if !self.is_busy.get() {
                return;
            }
            idle.await;
        }
    }

    /// Ends the work at its next step.
    pub(crate) fn give_up(&self) {
        self.is_stopped.set(true);
    }
}

/// The right to run a pass.
struct Busy<'a>(&'a Cleaner);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.is_busy.set(false);
        self.0.idle.notify();
    }
}

impl Storage {
    /// Compacts the log with the largest share of dirty bytes, if a pass is due for any, to its
    /// end. `None` if there is nothing to do. A log whose pass fails is left alone until the next
    /// start. Not cancel-safe: stop it with `stop_cleaning`.
    pub async fn clean_next(&self, now: Timestamp) -> Result<Option<Cleaned>, CleanError> {
        let cleaner = &self.shared().cleaner;
        if cleaner.is_stopped() || cleaner.is_busy.replace(true) {
            return Ok(None);
        }
        let _busy = Busy(cleaner);
        if self.partitions().iter().any(|log| log.awaits_checkpoint_to_compact(now)) {
            self.checkpoint().await?;
        }
        let Some(log) = self.dirtiest(now) else { return Ok(None) };
        let began = instant_now();
        match log.compact(now).await {
            Ok(outcome) => {
                let took = began.elapsed().as_millis() as u64;
                cleaner.count(|counters| {
                    counters.passes += 1;
                    counters.last_pass_ms = took;
                });
                Ok(outcome)
            }
            Err(CleanError::Stopped) => Err(CleanError::Stopped),
            Err(error) => {
                log.is_uncleanable.set(true);
                cleaner.count(|counters| counters.uncleanable += 1);
                Err(error)
            }
        }
    }

    fn dirtiest(&self, now: Timestamp) -> Option<Rc<PartitionLog>> {
        let mut dirtiest: Option<(u64, Rc<PartitionLog>)> = None;
        let mut dirty_ppm_max = 0;
        for log in self.partitions() {
            let Some(survey) = log.survey_stored(now) else { continue };
            dirty_ppm_max = dirty_ppm_max.max(survey.dirty_ppm());
            let is_dirtier = dirtiest.as_ref().is_none_or(|(known, _)| *known < survey.dirty_ppm());
            if survey.is_due && is_dirtier && !log.is_uncleanable.get() {
                dirtiest = Some((survey.dirty_ppm(), log));
            }
        }
        self.shared().cleaner.count(|counters| {
            counters.dirty_ppm_max = dirty_ppm_max;
            counters.last_run = Some(now);
        });
        dirtiest.map(|(_, log)| log)
    }

    /// Ends compaction for good; resolves when the pass under way, if any, has stopped.
    pub async fn stop_cleaning(&self) {
        self.shared().cleaner.stop().await;
    }

    /// Sets the bounds of passes that begin from now on.
    pub fn set_cleaner(&self, config: CleanerConfig) {
        self.shared().cleaner.config.replace(config);
    }

    /// What compaction has done.
    pub fn cleaner_counters(&self) -> CleanerCounters {
        *self.shared().cleaner.counters.borrow()
    }
}
