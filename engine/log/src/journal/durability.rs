//! What an append waits for: its frame and all before it durable, or the journal failed.

use std::cell::RefCell;
use std::rc::Rc;

use corelog_io::Signal;

/// The journal stopped for good: a write or a sync failed, and what the disk holds is no longer
/// known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal stopped after a failed write or sync: {reason}")]
pub struct JournalFailed {
    /// What the system said.
    pub reason: Rc<str>,
}

/// How a frame ended, and who waits for that.
#[derive(Debug, Default)]
pub(super) struct FrameState {
    outcome: RefCell<Option<Result<(), JournalFailed>>>,
    settled: Signal,
}

impl FrameState {
    /// Tells everybody who waits. The first outcome stays.
    pub(super) fn settle(&self, outcome: Result<(), JournalFailed>) {
        self.outcome.borrow_mut().get_or_insert(outcome);
        self.settled.notify();
    }
}

/// A place in the journal whose durability can be awaited.
#[derive(Debug, Clone)]
pub struct Commit {
    pub(super) state: Rc<FrameState>,
}

impl Commit {
    /// Resolves when the frame and all before it are durable, or the journal failed. Cancel-safe.
    pub async fn durable(&self) -> Result<(), JournalFailed> {
        loop {
            let waiting = self.state.settled.waiting();
            if let Some(outcome) = &*self.state.outcome.borrow() {
                return outcome.clone();
            }
            waiting.await;
        }
    }
}
