//! Takes down what processes do while they do it, each from a thread or task of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::{Action, History, Operation, Outcome, Process, Value};

/// A history that is being made. Clones write the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Beginnings and ends so far.
    clock: u64,
    values: Value,
    open: BTreeMap<Process, u64>,
    operations: Vec<Operation>,
}

/// An operation that has begun.
#[derive(Debug)]
#[must_use = "an operation ends"]
pub(crate) struct Open {
    process: Process,
    began: u64,
}

impl Recorder {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().expect("nobody panics with it"))
    }

    /// A value that was never written.
    pub(crate) fn value(&self) -> Value {
        self.with(|state| {
            state.values += 1;
            state.values
        })
    }

    /// A process begins something; it has ended what it did before.
    pub(crate) fn begin(&self, process: Process) -> Open {
        self.with(|state| {
            state.clock += 1;
            let before = state.open.insert(process, state.clock);
            assert_eq!(before, None, "process {process} does two things at a time");
            Open { process, began: state.clock }
        })
    }

    /// It has ended.
    #[expect(clippy::needless_pass_by_value, reason = "an operation ends once")]
    pub(crate) fn end(&self, open: Open, action: Action, outcome: Outcome) {
        let Open { process, began } = open;
        self.with(|state| {
            state.clock += 1;
            state.open.remove(&process);
            let ended = state.clock;
            state.operations.push(Operation { process, began, ended, action, outcome });
        });
    }

    /// What was taken down, when everybody is done.
    pub(crate) fn history(&self) -> History {
        let mut operations = self.with(|state| {
            assert!(state.open.is_empty(), "some are not done: {:?}", state.open);
            state.operations.clone()
        });
        operations.sort_by_key(|operation| operation.began);
        History { operations }
    }
}
