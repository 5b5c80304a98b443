//! One share-partition: what is stored of it, and which records store what it becomes.

use corelog_model::{ErrorCode, LeaderEpoch, Offset, Timestamp};

use super::{DeliveryState, StateBatch, StateWrite, StoredState};
use crate::records::{SharePartitionKey, ShareSnapshot, ShareStateRecord, ShareUpdate};
use crate::runs::Runs;

/// Runs of records that a share-partition may have. All of them fit into a record.
const WINDOW_RUNS_MAX: usize = 40_000;

/// Runs that have changed since a snapshot. With more, the next record is a snapshot.
const CHANGED_RUNS_MAX: usize = 64;

/// The share-partition.
#[derive(Clone, Debug)]
pub(super) struct Share {
    snapshot_epoch: i32,
    pub(super) state_epoch: i32,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) start: Offset,
    complete_count: i32,
    created_at: Timestamp,
    runs: Runs<(DeliveryState, i16)>,
    /// The batches of the last snapshot.
    snapshot: Vec<StateBatch>,
    /// How many updates have followed it.
    updates: u32,
    /// Whether there is an update in the log.
    pub(super) has_update: bool,
    /// Whether a change is being appended.
    pub(super) is_changing: bool,
}

impl Share {
    /// A share-partition that is set anew, in place of the one before.
    pub(super) fn new(
        before: Option<&Share>,
        state_epoch: i32,
        start: Offset,
        now: Timestamp,
    ) -> Share {
        Share {
            snapshot_epoch: before.map_or(0, |before| before.snapshot_epoch.saturating_add(1)),
            state_epoch,
            // The leader of the partition stays who it is.
            leader_epoch: before.map_or(LeaderEpoch(0), |before| before.leader_epoch),
            start,
            complete_count: if start == Offset::NONE { -1 } else { 0 },
            created_at: now,
            runs: Runs::default(),
            snapshot: Vec::new(),
            updates: 0,
            has_update: before.is_some_and(|before| before.has_update),
            is_changing: false,
        }
    }

    /// A share-partition as a snapshot says.
    pub(super) fn load(snapshot: ShareSnapshot, has_update: bool) -> Share {
        let mut runs = Runs::default();
        overlay(&mut runs, &snapshot.batches);
        Share {
            snapshot_epoch: snapshot.snapshot_epoch,
            state_epoch: snapshot.state_epoch,
            leader_epoch: snapshot.leader_epoch,
            start: snapshot.start,
            complete_count: snapshot.complete_count,
            created_at: snapshot.created_at,
            runs,
            snapshot: snapshot.batches,
            updates: 0,
            has_update,
            is_changing: false,
        }
    }

    /// Takes an update of the log. One of an older snapshot says nothing that is not known.
    pub(super) fn load_update(&mut self, update: &ShareUpdate) {
        self.has_update = true;
        if update.snapshot_epoch != self.snapshot_epoch {
            return;
        }
        self.updates += 1;
        self.leader_epoch = update.leader_epoch;
        self.change(update.start, update.complete_count, &update.batches);
    }

    /// What it becomes by a change; an error if the change does not fit it.
    pub(super) fn written(&self, write: &StateWrite) -> Result<Share, ErrorCode> {
        if write.leader_epoch < self.leader_epoch {
            return Err(ErrorCode::FencedLeaderEpoch);
        }
        if write.state_epoch < self.state_epoch {
            return Err(ErrorCode::FencedStateEpoch);
        }
        let is_sound = |batch: &StateBatch| {
            batch.first.0 >= 0 && batch.first <= batch.last && batch.last < Offset::MAX
        };
        if write.state_epoch > self.state_epoch || !write.batches.iter().all(is_sound) {
            return Err(ErrorCode::InvalidRequest);
        }
        let mut next = self.clone();
        next.leader_epoch = write.leader_epoch;
        next.change(write.start, write.complete_count, &write.batches);
        if next.runs.len() > WINDOW_RUNS_MAX {
            return Err(ErrorCode::InvalidRequest);
        }
        Ok(next)
    }

    /// What it becomes when another leader reads it.
    pub(super) fn led(&self, leader_epoch: LeaderEpoch) -> Share {
        Share { leader_epoch, ..self.clone() }
    }

    fn change(&mut self, start: Offset, complete_count: i32, batches: &[StateBatch]) {
        overlay(&mut self.runs, batches);
        if start != Offset::NONE {
            self.start = start;
            self.runs.drop_before(start);
        }
        if complete_count != -1 {
            self.complete_count = complete_count;
        }
    }

    /// The record that stores what it has become: an update, or a snapshot after many of them.
    pub(super) fn record(
        &mut self,
        key: SharePartitionKey,
        updates_max: u32,
        now: Timestamp,
    ) -> ShareStateRecord {
        let known = &self.snapshot;
        let changed: Vec<StateBatch> = self
            .batches()
            .filter(|batch| {
                let at = known.binary_search_by_key(&batch.first, |known| known.first);
                at.ok().is_none_or(|at| known[at] != *batch)
            })
            .collect();
        if self.updates >= updates_max || changed.len() > CHANGED_RUNS_MAX {
            self.snapshot_epoch = self.snapshot_epoch.saturating_add(1);
            return self.snapshot_record(key, now);
        }
        self.updates += 1;
        self.has_update = true;
        let update = ShareUpdate {
            snapshot_epoch: self.snapshot_epoch,
            leader_epoch: self.leader_epoch,
            start: self.start,
            complete_count: self.complete_count,
            batches: changed,
        };
        ShareStateRecord::Update(key, Some(update))
    }

    /// A snapshot of what it is.
    pub(super) fn snapshot_record(
        &mut self,
        key: SharePartitionKey,
        now: Timestamp,
    ) -> ShareStateRecord {
        self.updates = 0;
        self.snapshot = self.batches().collect();
        let snapshot = ShareSnapshot {
            snapshot_epoch: self.snapshot_epoch,
            state_epoch: self.state_epoch,
            leader_epoch: self.leader_epoch,
            start: self.start,
            complete_count: self.complete_count,
            created_at: self.created_at,
            written_at: now,
            batches: self.snapshot.clone(),
        };
        ShareStateRecord::Snapshot(key, Some(snapshot))
    }

    /// How far it is; without its records.
    pub(super) fn summary(&self) -> StoredState {
        StoredState {
            state_epoch: self.state_epoch,
            leader_epoch: self.leader_epoch,
            start: self.start,
            complete_count: self.complete_count,
            batches: Vec::new(),
        }
    }

    /// How far it is.
    pub(super) fn stored(&self) -> StoredState {
        StoredState { batches: self.batches().collect(), ..self.summary() }
    }

    fn batches(&self) -> impl Iterator<Item = StateBatch> {
        self.runs.iter().map(|(first, last, (state, delivery_count))| StateBatch {
            first,
            last,
            state: *state,
            delivery_count: *delivery_count,
        })
    }
}

fn overlay(runs: &mut Runs<(DeliveryState, i16)>, batches: &[StateBatch]) {
    for batch in batches {
        runs.set(batch.first, batch.last, (batch.state, batch.delivery_count));
    }
}
