//! What can be wrong with a history.

use std::fmt;

/// Something that no correct log gives, and where it is in the history.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Anomaly {
    /// Its kind.
    pub(crate) phenomenon: Phenomenon,
    /// What shows it.
    pub(crate) evidence: String,
}

/// The kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phenomenon {
    /// Two values at one offset.
    InconsistentOffsets,
    /// A value that nobody sent.
    UnsentRead,
    /// A value was read whose writer failed (G1a).
    AbortedRead,
    /// A transaction that reads what is committed read what itself had sent.
    PrecommittedRead,
    /// What was written is missing among what was read behind it.
    LostWrite,
    /// What was written was never read.
    Unseen,
    /// One value at several offsets.
    Duplicate,
    /// A consumer went past a record without giving it.
    PollSkip,
    /// A consumer went back.
    NonmonotonicPoll,
    /// The same within one operation.
    IntPollSkip,
    /// The same within one operation.
    IntNonmonotonicPoll,
    /// A process's value is at a lower offset than the one it sent before.
    NonmonotonicSend,
    /// The same within one operation.
    IntNonmonotonicSend,
    /// Others' values are between those that one operation sent.
    IntSendSkip,
    /// Transactions overwrite each other in a circle (G0).
    WriteCycle,
    /// Transactions read from each other in a circle (G1c).
    ReadCycle,
    /// A circle of both (G1c with edges of writes).
    ReadWriteCycle,
}

/// A partition of a log has one writer at a time only record by record: transactions that run at
/// the same time interleave. So their values are mixed, and each may be behind the other in some
/// partition.
const ALLOWED: [Phenomenon; 3] =
    [Phenomenon::IntSendSkip, Phenomenon::WriteCycle, Phenomenon::ReadWriteCycle];

impl Phenomenon {
    /// Whether a correct log may show it.
    pub(crate) fn is_allowed(self) -> bool {
        ALLOWED.contains(&self)
    }

    /// Its name in the literature.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::InconsistentOffsets => "inconsistent-offsets",
            Self::UnsentRead => "unsent-read",
            Self::AbortedRead => "G1a",
            Self::PrecommittedRead => "precommitted-read",
            Self::LostWrite => "lost-write",
            Self::Unseen => "unseen",
            Self::Duplicate => "duplicate",
            Self::PollSkip => "poll-skip",
            Self::NonmonotonicPoll => "nonmonotonic-poll",
            Self::IntPollSkip => "int-poll-skip",
            Self::IntNonmonotonicPoll => "int-nonmonotonic-poll",
            Self::NonmonotonicSend => "nonmonotonic-send",
            Self::IntNonmonotonicSend => "int-nonmonotonic-send",
            Self::IntSendSkip => "int-send-skip",
            Self::WriteCycle => "G0",
            Self::ReadCycle => "G1c",
            Self::ReadWriteCycle => "G1c-ww",
        }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.phenomenon.name(), self.evidence)
    }
}
