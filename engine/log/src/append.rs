//! Appending: a checked batch is judged by its producer's state, stamped with the next offset and
//! put into the tail and into the open journal frame, all in one step. Markers of transactions go
//! the same way.

use std::cell::RefMut;
use std::rc::Rc;

use corelog_model::control::{TransactionMarker, TransactionVersion};
use corelog_model::{
    BatchHeader, BatchView, HeaderStamp, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp,
};

use crate::journal::{Commit, EntryHead, EntryKind, JournalFailed, OnDurable};
use crate::partition::{Inner, PartitionLog};
use crate::producers::{MarkerRefusal, SequenceRefusal, Verdict};
use crate::verification::Admission;

/// Why a batch was not appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The idempotent producer's sequence does not fit.
    #[error(transparent)]
    Sequence(#[from] SequenceRefusal),
    /// The batch is larger than a segment or a journal file can hold: RECORD_LIST_TOO_LARGE.
    #[error("a batch of {len} bytes does not fit, {bytes_max} is the most")]
    TooLarge {
        /// Its length.
        len: usize,
        /// The most that fits.
        bytes_max: usize,
    },
    /// The journal does not take writes any more.
    #[error(transparent)]
    Journal(#[from] JournalFailed),
    /// The partition is being removed, or the storage is being closed.
    #[error("the partition is gone")]
    Gone,
    /// The partition moves to another core: NOT_LEADER_OR_FOLLOWER.
    #[error("the partition moves to another core")]
    Parted,
}

/// Where a batch ended up.
#[derive(Debug, Clone)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// Offset of its last record.
    pub last_offset: Offset,
    /// The append time if it was stamped with one.
    pub append_time: Option<Timestamp>,
    /// Resolves when it is durable; `None` for a duplicate, for which `until_durable` is awaited.
    pub commit: Option<Commit>,
}

/// How a batch is stamped.
#[derive(Debug, Clone, Copy)]
pub struct AppendStamp {
    /// Epoch of this leader.
    pub leader_epoch: LeaderEpoch,
    /// Set where the topic says LogAppendTime.
    pub append_time: Option<Timestamp>,
    /// The wall clock.
    pub now: Timestamp,
}

/// Why a marker was not appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarkerError {
    /// Its epoch or its coordinator's is fenced.
    #[error(transparent)]
    Refused(#[from] MarkerRefusal),
    /// The log did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl Inner {
    /// Judges a batch before it is appended.
    fn admit(
        &self,
        batch: &BatchHeader,
        admission: Admission<'_>,
    ) -> Result<Verdict, SequenceRefusal> {
        let (judged, verification) = match admission {
            Admission::Client(verification) => (self.producers.judge(batch), Some(verification)),
            Admission::Unverified => (self.producers.judge(batch), None),
            Admission::UnverifiedCoordinator => (self.producers.judge_unsequenced(batch), None),
            Admission::Coordinator(verification) => {
                (self.producers.judge_unsequenced(batch), Some(verification))
            }
        };
        // A retry gets its answer and a zombie is told so, whatever became of the transaction.
        if let Ok(Verdict::Duplicate(_)) | Err(SequenceRefusal::Fenced { .. }) = judged {
            return judged;
        }
        let begins = batch.is_transactional()
            && !self.producers.has_open(batch.producer_id(), batch.producer_epoch());
        if let Some(verification) = verification.filter(|_| begins) {
            self.verifications.check(&self.producers, batch, verification)?;
        }
        judged
    }
}

impl PartitionLog {
    /// Waits until a batch of `len` bytes may be appended: the journal has room and memory is not
    /// short. Await it right before `append`.
    pub async fn ready(&self, len: usize) -> Result<(), JournalFailed> {
        let journal = self.shared.journal();
        if self.shared.memory.is_short() {
            let memory = async {
                self.shared.memory.ready().await;
                Ok(())
            };
            let failure = async { Err(journal.until_failed().await) };
            futures_lite::future::or(memory, failure).await?;
        }
        journal.ready(len).await
    }

    /// Bytes of the largest batch that can be appended.
    pub fn batch_bytes_max(&self) -> usize {
        self.shared.config.journal().entry_bytes_max()
    }

    /// Appends one checked batch: stamps it with the next offset, puts it into the tail and into
    /// the journal. It is neither visible nor durable before the returned commit resolves.
    pub fn append(
        &self,
        batch: &BatchView<'_>,
        stamp: AppendStamp,
    ) -> Result<Appended, AppendError> {
        self.append_admitted(batch, stamp, Admission::Unverified)
    }

    /// Appends like `append` a batch that may need a verification.
    pub fn append_admitted(
        &self,
        batch: &BatchView<'_>,
        stamp: AppendStamp,
        admission: Admission<'_>,
    ) -> Result<Appended, AppendError> {
        assert!(!batch.is_control(), "markers have a way of their own");
        let inner = self.inner.borrow_mut();
        self.check_open()?;
        let bytes_max = self.batch_bytes_max();
        if batch.len() > bytes_max {
            return Err(AppendError::TooLarge { len: batch.len(), bytes_max });
        }
        if let Verdict::Duplicate(known) = inner.admit(batch.header(), admission)? {
            return Ok(Appended {
                base_offset: known.base_offset,
                last_offset: known.last_offset,
                append_time: stamp.append_time.map(|_| known.timestamp),
                commit: None,
            });
        }
        self.place(inner, batch, None, stamp)
    }

    /// Appends the marker that ends a producer's transaction. The last stable offset moves once it
    /// is durable. Without an open transaction it is written all the same, as by Kafka.
    pub fn append_marker(
        &self,
        producer: (ProducerId, ProducerEpoch),
        marker: TransactionMarker,
        version: TransactionVersion,
        stamp: AppendStamp,
    ) -> Result<Appended, MarkerError> {
        let mut inner = self.inner.borrow_mut();
        self.check_open()?;
        inner.ending.settle(self.durable_end());
        inner.producers.judge_marker(producer, marker, version)?;
        let bytes = marker.build(producer, stamp.now, inner.end, stamp.leader_epoch);
        let (batch, _) = BatchView::parse(&bytes).expect("a marker was just built");
        Ok(self.place(inner, &batch, Some(marker), stamp)?)
    }

    fn place(
        &self,
        mut inner: RefMut<'_, Inner>,
        batch: &BatchView<'_>,
        marker: Option<TransactionMarker>,
        stamp: AppendStamp,
    ) -> Result<Appended, AppendError> {
        if let Some(failed) = self.shared.failed() {
            return Err(failed.into());
        }
        let base_offset = inner.end;
        let AppendStamp { leader_epoch, append_time, now } = stamp;
        let head = HeaderStamp { base_offset, leader_epoch, append_time }.apply(batch);
        let header = BatchHeader::peek(&head).expect("a checked header stays one when stamped");
        if inner.must_roll(header, base_offset, now) {
            inner.roll();
        }
        let parts = [&head[..], batch.payload()];
        let place = inner.end_place();
        let entry = EntryHead {
            kind: EntryKind::Batch,
            partition: self.id,
            leader_epoch,
            segment: place.segment,
            position: place.position,
        };
        let file = self.shared.journal().current_file();
        let commit = self.journal_entry(&entry, &parts, header.next_offset())?;
        inner.place_batch(&self.shared, header, marker, &parts, now);
        let end = inner.end_place();
        inner.hold(file, end);
        let queued = self.queue_writes(&mut inner);
        drop(inner);
        self.start_writes(queued);
        let last_offset = header.last_offset();
        Ok(Appended { base_offset, last_offset, append_time, commit: Some(commit) })
    }

    fn journal_entry(
        &self,
        entry: &EntryHead,
        parts: &[&[u8]],
        end: Offset,
    ) -> Result<Commit, JournalFailed> {
        let me: Rc<dyn OnDurable> = self.me.upgrade().expect("the log is alive while it appends");
        self.shared.journal().append(entry, parts, Some((me, end)))
    }
}
