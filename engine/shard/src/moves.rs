//! Partitions leave this core for another one of the broker, one after the other. The metadata log
//! holds the wish first; then this core parts from the partition, renames its directory, and asks
//! for the new leader. A crash in between leaves the directory in one place, and the next start
//! brings it to the core that the metadata names. docs/decisions/0007 tells why it is so.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use corelog_cluster::PartitionState;
use corelog_cluster::controller::{Change, ControllerError, Outcome};
use corelog_cluster::decide::reassign_partitions::{
    CompleteReassignment, CompleteReassignmentError,
};
use corelog_io::{IoError, Signal, now, sleep};
use corelog_log::PartError;
use corelog_model::{NodeId, PartitionId};

use crate::home::move_directory;
use crate::shard::Shard;

/// A controller that is busy is asked again after this time.
const BUSY_PAUSE: Duration = Duration::from_millis(50);
const WAITS: &str = "a partition waits for the next start";

/// A partition that could not leave for want of space tries again after this time.
const SHORTAGE_PAUSE: Duration = Duration::from_secs(5);

/// What leaves one core.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    /// Partitions that shall leave, as far as the metadata said so.
    wanted: RefCell<BTreeSet<PartitionId>>,
    /// Those whose directories may be elsewhere. Nobody else may touch them: a log that is not
    /// found would be made anew.
    away: RefCell<BTreeSet<PartitionId>>,
    news: Signal,
    is_stopping: Cell<bool>,
    is_busy: Cell<bool>,
    idle: Signal,
}

/// How the attempt to give a partition away ended.
enum Attempt {
    /// Another core leads it.
    Done,
    /// It stays, because the wish is another one now, or there is none.
    Withdrawn,
    /// The broker stops or its metadata log failed: the next start settles it.
    Open,
}

/// Why a partition did not leave.
#[derive(Debug, thiserror::Error)]
enum LeaveError {
    #[error(transparent)]
    Part(#[from] PartError),
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Moves {
    /// The metadata says that a partition of this core shall be on another one.
    pub(crate) fn want(&self, id: PartitionId) {
        self.wanted.borrow_mut().insert(id);
        self.news.notify();
    }

    /// Whether nobody but the move may touch a partition.
    pub(crate) fn is_away(&self, id: PartitionId) -> bool {
        self.away.borrow().contains(&id)
    }

    /// Nobody may touch a partition any more.
    pub(crate) fn keep_away(&self, id: PartitionId) {
        self.away.borrow_mut().insert(id);
    }

    /// The partition is another core's now, or this one's again.
    pub(crate) fn has_settled(&self, id: PartitionId) {
        self.away.borrow_mut().remove(&id);
    }

    /// Ends the work at a step after which a start finds its way; resolves then.
    pub(crate) async fn stop(&self) {
        self.is_stopping.set(true);
        self.news.notify();
        loop {
            let idle = self.idle.waiting();
            if !self.is_busy.get() {
                return;
            }
            idle.await;
        }
    }

    async fn next(&self) -> Option<PartitionId> {
        loop {
            let news = self.news.waiting();
            if self.is_stopping.get() {
                return None;
            }
            let next = self.wanted.borrow_mut().pop_first();
            if next.is_some() {
                return next;
            }
            news.await;
        }
    }

    /// What resolves first: the future, or the order to stop.
    async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let stopped = async {
            loop {
                let news = self.news.waiting();
                if self.is_stopping.get() {
                    return None;
                }
                news.await;
            }
        };
        futures_lite::future::or(async { Some(future.await) }, stopped).await
    }
}

/// Gives partitions away as the metadata wants it.
pub(crate) async fn give_away(shard: Shard) {
    while let Some(id) = shard.moves().next().await {
        shard.moves().is_busy.set(true);
        let pause = shard.give_away_one(id).await;
        shard.moves().is_busy.set(false);
        shard.moves().idle.notify();
        if let Some(pause) = pause {
            shard.moves().unless_stopped(sleep(pause)).await;
            shard.moves().want(id);
        }
    }
}

impl Shard {
    /// Gives one partition away, if that is still wanted. Returns when to try again, if so.
    async fn give_away_one(&self, id: PartitionId) -> Option<Duration> {
        let wish = {
            // Nobody takes over an image that was made before the wish is read.
            let _turn = self.take_turn().await;
            let image = self.image();
            let wish = image.partition(id).filter(|state| self.shall_leave(state)).cloned()?;
            self.moves().keep_away(id);
            wish
        };
        let began = now();
        let target = wish.leader_after_move();
        let left = if target == self.node() { Ok(()) } else { self.leave(id, target).await };
        if let Err(LeaveError::Part(PartError::NotOpen)) = left {
            // Its topic is being deleted.
            self.moves().has_settled(id);
            return None;
        }
        if let Err(error) = left {
            tracing::error!(%error, partition = %id, "a partition does not leave this core");
            self.come_back(id).await;
            return Some(SHORTAGE_PAUSE);
        }
        match self.complete(id, &wish).await {
            Attempt::Done => {
                let millis = began.elapsed().as_millis() as u64;
                tracing::info!(partition = %id, node = %target, millis, "a partition moved");
                self.moves().has_settled(id);
            }
            Attempt::Withdrawn => match self.fetch_back(id, target).await {
                Ok(()) => self.come_back(id).await,
                Err(error) => tracing::error!(%error, partition = %id, "{WAITS}"),
            },
            // Whether the log has the change or not, the next start does as it says.
            Attempt::Open => {}
        }
        None
    }

    /// Whether a partition is led here and shall be elsewhere.
    pub(crate) fn shall_leave(&self, state: &PartitionState) -> bool {
        state.leader == self.node() && !state.target.is_empty()
    }

    async fn leave(&self, id: PartitionId, target: NodeId) -> Result<(), LeaveError> {
        let parted = || self.stop_leading(id);
        self.storage().part(id, parted).await?;
        move_directory(self.config(), id, self.id(), target.shard()).await?;
        Ok(())
    }

    /// Asks for the new leader until there is an answer.
    async fn complete(&self, id: PartitionId, wish: &PartitionState) -> Attempt {
        let partition_epoch = wish.partition_epoch;
        let request = CompleteReassignment { partition: id, partition_epoch };
        loop {
            let change = self.control().change(Change::CompleteReassignment(request));
            let Some(Ok(outcome)) = self.moves().unless_stopped(change).await else {
                return Attempt::Open;
            };
            match outcome {
                Outcome::CompleteReassignment(Ok(())) => return Attempt::Done,
                Outcome::CompleteReassignment(Err(why)) => {
                    tracing::info!(partition = %id, %why, "a move is withdrawn");
                    let ends = matches!(why, CompleteReassignmentError::EpochsExhausted);
                    assert!(!ends, "the wish would have been refused for want of an epoch");
                    return Attempt::Withdrawn;
                }
                Outcome::Refused(ControllerError::Busy { .. }) => {
                    if self.moves().unless_stopped(sleep(BUSY_PAUSE)).await.is_none() {
                        return Attempt::Open;
                    }
                }
                Outcome::Refused(why) => {
                    tracing::error!(partition = %id, %why, "a move waits for the next start");
                    return Attempt::Open;
                }
                other => panic!("a change is answered with the outcome of its own kind: {other:?}"),
            }
        }
    }

    /// Leads a partition again that did not go, or was about to.
    async fn come_back(&self, id: PartitionId) {
        let _turn = self.take_turn().await;
        match self.lead_again(id).await {
            Ok(()) => self.moves().has_settled(id),
            Err(error) => tracing::error!(%error, partition = %id, "{WAITS}"),
        }
    }

    async fn fetch_back(&self, id: PartitionId, target: NodeId) -> Result<(), IoError> {
        if target == self.node() {
            return Ok(());
        }
        move_directory(self.config(), id, target.shard(), self.id()).await
    }
}

#[cfg(test)]
mod tests;
