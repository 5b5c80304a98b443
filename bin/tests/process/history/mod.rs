//! What clients did and saw, and what of it no correct log can give. A history is a value:
//! processes that talk to a broker record it, and [`check`] looks at it when all is over, so the
//! same rules judge a short run, a long one, and histories that are written by hand. It is here and
//! in no package, because only tests of real processes have clients whose every step is known; a
//! long run is the same test with more time.
//!
//! The anomalies and their names are those that the literature knows from logs with transactions:
//! phenomena of isolation (G0, G1a, G1c) and of order within a partition (skips and steps back).

mod anomaly;
mod check;
mod cycles;
mod facts;
mod model;
mod order;
mod recorder;
mod records;
mod tests;

use std::collections::BTreeMap;

pub(crate) use anomaly::{Anomaly, Phenomenon};
pub(crate) use check::{check, forbidden};
pub(crate) use recorder::Recorder;

/// A client, which does one thing after the other.
pub(crate) type Process = u32;
/// A partition.
pub(crate) type Partition = i32;
/// What is written; each value is written once.
pub(crate) type Value = u64;
/// A place in a partition.
pub(crate) type Offset = i64;

/// All that happened, in the order in which it began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// The operations.
    pub(crate) operations: Vec<Operation>,
}

/// Something that a process did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Who.
    pub(crate) process: Process,
    /// Which of all beginnings and ends its beginning was.
    pub(crate) began: u64,
    /// Which its end was.
    pub(crate) ended: u64,
    /// What.
    pub(crate) action: Action,
    /// What became of it.
    pub(crate) outcome: Outcome,
}

/// What a process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// It reads these partitions from now on, each from an offset, if that is known. Partitions
    /// that a group gives or takes are such an operation too.
    Assign(BTreeMap<Partition, Option<Offset>>),
    /// Sends and polls.
    Steps(Vec<Step>),
    /// Sends and polls of one transaction.
    Transaction(Vec<Step>),
}

/// A send or a poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A value was sent.
    Send {
        /// Where to.
        partition: Partition,
        /// What.
        value: Value,
        /// Where it is, if that was told.
        offset: Option<Offset>,
    },
    /// Records came, in this order.
    Poll {
        /// Which ones may come.
        isolation: Isolation,
        /// The records.
        records: Vec<Polled>,
    },
}

/// A record that a poll gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Polled {
    /// Where it is.
    pub(crate) partition: Partition,
    /// And where there.
    pub(crate) offset: Offset,
    /// What it is.
    pub(crate) value: Value,
}

/// What a reader is to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Isolation {
    /// Only what is committed.
    Committed,
    /// Everything.
    Uncommitted,
}

/// What became of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// It is done.
    Done,
    /// It is certainly not done: a transaction was aborted, a value was not written.
    Failed,
    /// Nobody knows.
    Unknown,
}

impl Operation {
    /// Its sends and polls.
    pub(crate) fn steps(&self) -> &[Step] {
        match &self.action {
            Action::Steps(steps) | Action::Transaction(steps) => steps,
            Action::Assign(_) => &[],
        }
    }

    /// Whether it is a transaction.
    pub(crate) fn is_transaction(&self) -> bool {
        matches!(self.action, Action::Transaction(_))
    }

    /// The values that it sent, and where they are, if that was told.
    pub(crate) fn sends(&self) -> impl Iterator<Item = (Partition, Value, Option<Offset>)> {
        self.steps().iter().filter_map(|step| match step {
            Step::Send { partition, value, offset } => Some((*partition, *value, *offset)),
            Step::Poll { .. } => None,
        })
    }

    /// The records that its polls gave, in order.
    pub(crate) fn polled(&self) -> impl Iterator<Item = (Isolation, Polled)> {
        self.steps().iter().flat_map(|step| {
            let (isolation, records): (_, &[Polled]) = match step {
                Step::Poll { isolation, records } => (*isolation, records),
                Step::Send { .. } => (Isolation::Committed, &[]),
            };
            records.iter().map(move |record| (isolation, *record))
        })
    }
}
