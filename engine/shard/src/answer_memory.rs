//! The memory that answers keep of disk reads until they are sent. Readers that take their answers
//! slowly would pin any amount of it, so a core has a budget, and who finds little left reads less.

use std::cell::Cell;
use std::rc::Rc;

use corelog_io::Signal;
use corelog_log::{FirstBatch, PartitionLog, Pieces, WINDOW_BYTES};
use corelog_model::Offset;

/// So much is waited for at least, so that every answer moves on.
const LEAST_BYTES: usize = 1 << 20;
/// One answer takes this share of what is left at most, so that the next ones find something too.
const SHARE_OF_FREE: usize = 4;
/// What a read keeps beside what was asked for: the rest of its first window and of its last.
const SEAMS_BYTES: usize = 2 * WINDOW_BYTES as usize;

#[derive(Debug)]
struct State {
    total: usize,
    used: Cell<usize>,
    freed: Signal,
}

/// Bytes of disk reads that the answers of one core may keep. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct AnswerBudget {
    state: Rc<State>,
}

impl AnswerBudget {
    /// A budget of so many bytes, all free.
    pub(crate) fn new(total: usize) -> Self {
        Self { state: Rc::new(State { total, used: Cell::new(0), freed: Signal::new() }) }
    }

    /// Bytes that answers keep. One batch larger than what is left may take it over the total.
    pub(crate) fn used(&self) -> usize {
        self.state.used.get()
    }

    /// Bytes there are in all.
    pub(crate) fn total(&self) -> usize {
        self.state.total
    }

    /// As [`Self::try_take`], after waiting for as long as it takes.
    ///
    /// Who waits has no place in a queue: a connection that sends one answer does not poll the next
    /// one, and must not keep what it does not take from others.
    async fn take(&self, wanted: usize, least: usize) -> AnswerMemory {
        loop {
            let waiting = self.state.freed.waiting();
            if let Some(memory) = self.try_take(wanted, least) {
                return memory;
            }
            waiting.await;
        }
    }

    /// Takes up to `wanted` bytes if there are `least`, or nobody else has any.
    fn try_take(&self, wanted: usize, least: usize) -> Option<AnswerMemory> {
        let free = self.state.total.saturating_sub(self.used());
        let is_enough = least <= free || self.used() == 0;
        is_enough.then(|| self.hold(wanted.min((free / SHARE_OF_FREE).max(least))))
    }

    fn hold(&self, bytes: usize) -> AnswerMemory {
        self.state.used.set(self.used() + bytes);
        AnswerMemory { budget: self.clone(), bytes }
    }
}

/// Bytes taken from the budget of a core; they return when this is dropped.
#[derive(Debug)]
pub struct AnswerMemory {
    budget: AnswerBudget,
    bytes: usize,
}

impl AnswerMemory {
    /// Holds so many bytes instead.
    fn settle(&mut self, bytes: usize) {
        let used = &self.budget.state.used;
        used.set(used.get() - self.bytes + bytes);
        if bytes < self.bytes {
            self.budget.state.freed.notify();
        }
        self.bytes = bytes;
    }
}

impl Drop for AnswerMemory {
    fn drop(&mut self) {
        self.settle(0);
    }
}

/// What one answer takes of the budget while it is put together.
pub(crate) struct Taking<'a> {
    budget: &'a AnswerBudget,
    memory: Option<AnswerMemory>,
    kept: usize,
    is_short: bool,
}

impl<'a> Taking<'a> {
    /// Nothing yet: what lies in memory already needs no budget.
    pub(crate) fn new(budget: &'a AnswerBudget) -> Self {
        Self { budget, memory: None, kept: 0, is_short: false }
    }

    /// Bytes of at most `bytes_max` that may be read of a log from an offset on. The first read of
    /// the disk takes for the whole answer what is `wanted`, or a batch of `batch_bytes` at least,
    /// so that no answer keeps some while it waits for more. Only one with nothing to tell waits.
    pub(crate) async fn room(
        &mut self,
        (log, offset): (&PartitionLog, Offset),
        (bytes_max, first_batch): (usize, FirstBatch),
        batch_bytes: usize,
        wanted: impl FnOnce() -> usize,
    ) -> usize {
        if !log.reads_disk(offset) {
            return bytes_max;
        }
        if self.memory.is_none() {
            let least = LEAST_BYTES.max(batch_bytes) + SEAMS_BYTES;
            let wanted = wanted().saturating_add(SEAMS_BYTES).max(least);
            self.memory = match first_batch {
                FirstBatch::Always => Some(self.budget.take(wanted, least).await),
                FirstBatch::IfItFits => self.budget.try_take(wanted, least),
            };
            self.is_short = self.memory.as_ref().is_none_or(|memory| memory.bytes < wanted);
        }
        bytes_max.min(self.left().saturating_sub(SEAMS_BYTES))
    }

    fn left(&self) -> usize {
        let taken = self.memory.as_ref().map_or(0, |memory| memory.bytes);
        taken.saturating_sub(self.kept)
    }

    /// Whether it took less than it wanted.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short
    }

    /// Counts what was read.
    pub(crate) fn add(&mut self, pieces: &Pieces) {
        self.kept += pieces.read_bytes();
    }

    /// What the answer keeps until it is sent.
    pub(crate) fn finish(self) -> Option<AnswerMemory> {
        if self.kept == 0 {
            return None;
        }
        // What was in memory may have been evicted before it was read.
        let mut memory = self.memory.unwrap_or_else(|| self.budget.hold(0));
        memory.settle(self.kept);
        Some(memory)
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::{block_on, poll_once};

    use super::*;

    #[test]
    fn each_answer_takes_a_share_of_what_is_left_and_gives_back_what_it_did_not_need() {
        let budget = AnswerBudget::new(1600);
        let mut first = block_on(budget.take(1000, 10));
        assert_eq!((first.bytes, budget.used()), (400, 400));
        let second = block_on(budget.take(1000, 10));
        assert_eq!((second.bytes, budget.used()), (300, 700));
        let small = block_on(budget.take(20, 10));
        assert_eq!((small.bytes, budget.used()), (20, 720));
        first.settle(100);
        assert_eq!(budget.used(), 420);
        drop((first, second, small));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn who_finds_too_little_waits_and_nobody_waits_behind_it() {
        let budget = AnswerBudget::new(100);
        let held = block_on(budget.take(80, 80));
        let mut large = Box::pin(budget.take(50, 50));
        assert!(block_on(poll_once(&mut large)).is_none());
        assert_eq!(block_on(budget.take(10, 10)).bytes, 10, "it does not wait for the large one");
        drop(held);
        assert_eq!(block_on(large).bytes, 50);
    }

    #[test]
    fn a_batch_larger_than_the_budget_goes_alone() {
        let budget = AnswerBudget::new(100);
        let alone = block_on(budget.take(500, 300));
        assert_eq!(alone.bytes, 300);
        let mut next = Box::pin(budget.take(1, 1));
        assert!(block_on(poll_once(&mut next)).is_none());
        drop(alone);
        assert_eq!(block_on(next).bytes, 1);
    }

    #[test]
    fn what_was_read_without_budget_counts_too() {
        let budget = AnswerBudget::new(100);
        let mut taking = Taking::new(&budget);
        assert!(Taking::new(&budget).finish().is_none(), "nothing came from disk");
        let mut pieces = Pieces::new();
        pieces.push(corelog_io::Slice::of_memory(vec![0; 150]).part(0..7));
        taking.add(&pieces);
        let memory = taking.finish();
        assert_eq!(budget.used(), 150);
        drop(memory);
        assert_eq!(budget.used(), 0);
    }
}
