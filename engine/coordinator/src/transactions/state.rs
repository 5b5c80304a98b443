//! What the transaction of a transactional id is doing, in Kafka's words and numbers, and which
//! state may follow which.

/// The state of a transactional id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionState {
    /// It never had a transaction since its producer came.
    Empty,
    /// A transaction is open.
    Ongoing,
    /// It is decided that the transaction counts; partitions have yet to be told.
    PrepareCommit,
    /// It is decided that the transaction does not count; partitions have yet to be told.
    PrepareAbort,
    /// The last transaction counts, and every partition knows.
    CompleteCommit,
    /// The last transaction does not count, and every partition knows.
    CompleteAbort,
    /// It has expired and is being removed. Never stored.
    Dead,
    /// Its producer is being fenced, to abort the transaction. Never stored: here the abort bumps
    /// the epoch itself.
    PrepareEpochFence,
}

use TransactionState::{
    CompleteAbort, CompleteCommit, Dead, Empty, Ongoing, PrepareAbort, PrepareCommit,
    PrepareEpochFence,
};

impl TransactionState {
    const ALL: [TransactionState; 8] = [
        Empty,
        Ongoing,
        PrepareCommit,
        PrepareAbort,
        CompleteCommit,
        CompleteAbort,
        Dead,
        PrepareEpochFence,
    ];

    /// The state of a name, which is taken as it is written.
    pub fn from_name(name: &str) -> Option<TransactionState> {
        TransactionState::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The name in the Kafka protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Empty => "Empty",
            Ongoing => "Ongoing",
            PrepareCommit => "PrepareCommit",
            PrepareAbort => "PrepareAbort",
            CompleteCommit => "CompleteCommit",
            CompleteAbort => "CompleteAbort",
            Dead => "Dead",
            PrepareEpochFence => "PrepareEpochFence",
        }
    }

    /// The state that a record holds by this number.
    pub(crate) fn from_number(number: i8) -> Option<TransactionState> {
        let stored = TransactionState::ALL.into_iter().filter(|state| match state {
            Empty | Ongoing | PrepareCommit | PrepareAbort | CompleteCommit | CompleteAbort => true,
            Dead | PrepareEpochFence => false,
        });
        stored.into_iter().find(|state| state.number() == number)
    }

    /// How a record holds it.
    pub(crate) const fn number(self) -> i8 {
        match self {
            Empty => 0,
            Ongoing => 1,
            PrepareCommit => 2,
            PrepareAbort => 3,
            CompleteCommit => 4,
            CompleteAbort => 5,
            Dead => 6,
            PrepareEpochFence => 7,
        }
    }

    /// Whether this state may come after another one.
    pub fn may_follow(self, previous: TransactionState) -> bool {
        let at_rest = matches!(previous, Empty | CompleteCommit | CompleteAbort);
        match self {
            Empty | Dead => at_rest,
            Ongoing => at_rest || previous == Ongoing,
            PrepareCommit | PrepareEpochFence => previous == Ongoing,
            // A producer whose every transaction has an epoch may abort what it has not begun.
            PrepareAbort => at_rest || matches!(previous, Ongoing | PrepareEpochFence),
            CompleteCommit => previous == PrepareCommit,
            CompleteAbort => previous == PrepareAbort,
        }
    }

    /// Whether the outcome is decided, and partitions have yet to be told.
    pub const fn is_prepared(self) -> bool {
        matches!(self, PrepareCommit | PrepareAbort)
    }

    /// Whether there is no transaction.
    pub const fn is_at_rest(self) -> bool {
        matches!(self, Empty | CompleteCommit | CompleteAbort)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_found_by_their_names_and_stored_ones_by_their_numbers() {
        for state in TransactionState::ALL {
            assert_eq!(TransactionState::from_name(state.name()), Some(state));
            let is_stored = !matches!(state, Dead | PrepareEpochFence);
            let expected = is_stored.then_some(state);
            assert_eq!(TransactionState::from_number(state.number()), expected);
        }
        assert_eq!(TransactionState::from_name("ongoing"), None);
        assert_eq!(TransactionState::from_number(8), None);
    }

    #[test]
    fn each_state_has_its_predecessors() {
        let before = |state: TransactionState| -> Vec<TransactionState> {
            let all = TransactionState::ALL.into_iter();
            all.filter(|previous| state.may_follow(*previous)).collect()
        };
        assert_eq!(before(Empty), [Empty, CompleteCommit, CompleteAbort]);
        assert_eq!(before(Ongoing), [Empty, Ongoing, CompleteCommit, CompleteAbort]);
        assert_eq!(before(PrepareCommit), [Ongoing]);
        let expected = [Empty, Ongoing, CompleteCommit, CompleteAbort, PrepareEpochFence];
        assert_eq!(before(PrepareAbort), expected);
        assert_eq!(before(CompleteCommit), [PrepareCommit]);
        assert_eq!(before(CompleteAbort), [PrepareAbort]);
        assert_eq!(before(Dead), [Empty, CompleteCommit, CompleteAbort]);
        assert_eq!(before(PrepareEpochFence), [Ongoing]);
    }
}
