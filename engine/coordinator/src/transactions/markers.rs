//! Once an outcome is decided, every partition of the transaction is told by a marker, again and
//! again until it has it; then the transaction is complete. Only so many transactions do so at a
//! time.

use std::time::Duration;

use corelog_model::ErrorCode;
use corelog_model::control::{TransactionMarker, TransactionOutcome};

use super::transaction::{Marking, Stage, Waits};
use super::{MarkersWritten, NextValue, TransactionOutput, Transactions, WriteMarkers};
use crate::input::Now;
use crate::records::TransactionValue;
use crate::transactions::TransactionState;

impl Transactions {
    /// An outcome is durable.
    pub(super) fn begin_marking(&mut self, now: Now, id: &str) {
        let transaction = self.get_mut(id);
        let value = transaction.value.as_ref().expect("an outcome is stored");
        let left = value.partitions.clone();
        let is_over = left.is_empty();
        transaction.marking = Some(Marking { left, stage: Stage::Queued });
        if is_over {
            self.complete(now, id);
            return;
        }
        self.queue.push_back(id.to_owned());
        self.mark_next();
    }

    /// Has the markers written of the transactions whose turn it is.
    pub(super) fn mark_next(&mut self) {
        while self.marking < self.config.marking_max {
            let Some(id) = self.queue.pop_front() else { return };
            let coordinator_epoch = self.coordinator_epoch.get();
            let transaction = self.get_mut(&id);
            let (Some(value), Some(marking)) = (&transaction.value, &mut transaction.marking)
            else {
                continue;
            };
            marking.stage = Stage::Writing;
            let marker = TransactionMarker { outcome: outcome_of(value), coordinator_epoch };
            let markers = WriteMarkers {
                producer: value.producer(),
                marker,
                version: value.version,
                partitions: marking.left.iter().cloned().collect(),
                transactional_id: id,
            };
            self.marking += 1;
            self.outputs.push(TransactionOutput::WriteMarkers(markers));
        }
    }

    /// Leaders have written markers, or not.
    pub(super) fn markers_written(&mut self, now: Now, written: &MarkersWritten) {
        let id = &written.transactional_id;
        let Some(transaction) = self.by_id.get_mut(id) else { return };
        let producer = transaction.value.as_ref().map(TransactionValue::producer);
        let Some(marking) = &mut transaction.marking else { return };
        if marking.stage != Stage::Writing || producer != Some(written.producer) {
            return;
        }
        let mut is_fenced = false;
        let is_refused = |(_, result): &&(_, Result<_, _>)| result.is_err();
        let refused = written.results.iter().filter(is_refused).count() as u64;
        self.counts.markers_refused += refused;
        self.counts.markers_written += written.results.len() as u64 - refused;
        for (partition, result) in &written.results {
            match result {
                Ok(()) => {
                    marking.left.remove(partition);
                }
                Err(ErrorCode::TransactionCoordinatorFenced | ErrorCode::InvalidProducerEpoch) => {
                    is_fenced = true;
                }
                Err(_) => {}
            }
        }
        let is_over = marking.left.is_empty();
        self.marking -= 1;
        if is_over {
            self.complete(now, id);
        } else if is_fenced {
            marking.stage = Stage::Stuck;
        } else {
            self.retry_marking(now, id);
        }
        self.mark_next();
    }

    /// Tries again after a while what a transaction does after its outcome is decided.
    pub(super) fn retry_marking(&mut self, now: Now, id: &str) {
        let until: Duration = now.clock + self.config.marker_retry_delay;
        let Some(marking) = &mut self.get_mut(id).marking else { return };
        marking.stage = Stage::Resting { until };
        self.retries.insert((until, id.to_owned()));
    }

    /// Lets those go on whose rest is over.
    pub(super) fn retry(&mut self, now: Now) {
        while let Some((until, id)) = self.retries.first().cloned() {
            if until > now.clock {
                break;
            }
            self.retries.pop_first();
            let Some(marking) = &mut self.get_mut(&id).marking else { continue };
            if marking.left.is_empty() {
                self.complete(now, &id);
            } else {
                marking.stage = Stage::Queued;
                self.queue.push_back(id);
            }
        }
        self.mark_next();
    }

    fn complete(&mut self, now: Now, id: &str) {
        let transaction = self.get_mut(id);
        let (Some(value), Some(marking)) = (&transaction.value, &mut transaction.marking) else {
            return;
        };
        marking.stage = Stage::Completing;
        let (value, last_epoch) = (value.completed(now.wall), transaction.last_epoch);
        let next = NextValue { value, last_epoch, waits: Waits::Nobody };
        self.change(vec![(id.to_owned(), Some(next))]);
    }
}

fn outcome_of(value: &TransactionValue) -> TransactionOutcome {
    match value.state {
        TransactionState::PrepareCommit => TransactionOutcome::Commit,
        _ => TransactionOutcome::Abort,
    }
}
