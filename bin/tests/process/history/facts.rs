//! What a history says as a whole: who wrote each value, what was read, and which records every
//! reader of committed records has to see.

use std::collections::{BTreeMap, BTreeSet};

use super::{History, Isolation, Offset, Operation, Outcome, Partition, Value};

/// A history, looked through once.
pub(super) struct Facts<'a> {
    pub(super) history: &'a History,
    /// Who sent each value.
    pub(super) writers: BTreeMap<Value, Written>,
    /// The values that were told to be at each offset, by sends and polls.
    pub(super) at: BTreeMap<(Partition, Offset), BTreeSet<Value>>,
    /// Where each value was told to be.
    pub(super) places: BTreeMap<Value, BTreeSet<(Partition, Offset)>>,
    /// What readers of committed records saw.
    pub(super) seen: BTreeSet<Value>,
    /// The highest offset that these saw of each partition.
    pub(super) ends: BTreeMap<Partition, Offset>,
    /// Operations whose writes are in the log for good, by their place in the history.
    pub(super) certain: BTreeSet<usize>,
    /// The records that every reader has to see, and their values.
    pub(super) visible: BTreeMap<Partition, BTreeMap<Offset, Value>>,
}

/// A value that was sent.
#[derive(Clone, Copy)]
pub(super) struct Written {
    /// By which operation.
    pub(super) operation: usize,
    pub(super) partition: Partition,
    pub(super) offset: Option<Offset>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(history: &'a History) -> Self {
        let mut facts = Self {
            history,
            writers: BTreeMap::new(),
            at: BTreeMap::new(),
            places: BTreeMap::new(),
            seen: BTreeSet::new(),
            ends: BTreeMap::new(),
            certain: BTreeSet::new(),
            visible: BTreeMap::new(),
        };
        for (index, operation) in history.operations.iter().enumerate() {
            facts.take_sends(index, operation);
            facts.take_polls(operation);
        }
        for (index, operation) in history.operations.iter().enumerate() {
            // What was read of a transaction proves that it is committed, whatever its process was
            // told.
            let is_proven = operation.is_transaction()
                && operation.outcome == Outcome::Unknown
                && operation.sends().any(|(_, value, _)| facts.seen.contains(&value));
            if operation.outcome == Outcome::Done || is_proven {
                facts.certain.insert(index);
            }
        }
        facts.find_visible();
        facts
    }

    fn take_sends(&mut self, index: usize, operation: &Operation) {
        for (partition, value, offset) in operation.sends() {
            self.writers.insert(value, Written { operation: index, partition, offset });
            if let Some(offset) = offset {
                self.place(partition, offset, value);
            }
        }
    }

    fn take_polls(&mut self, operation: &Operation) {
        for (isolation, polled) in operation.polled() {
            self.place(polled.partition, polled.offset, polled.value);
            if isolation == Isolation::Committed {
                self.seen.insert(polled.value);
                let end = self.ends.entry(polled.partition).or_insert(polled.offset);
                *end = polled.offset.max(*end);
                let visible = self.visible.entry(polled.partition).or_default();
                visible.insert(polled.offset, polled.value);
            }
        }
    }

    fn place(&mut self, partition: Partition, offset: Offset, value: Value) {
        self.at.entry((partition, offset)).or_default().insert(value);
        self.places.entry(value).or_default().insert((partition, offset));
    }

    fn find_visible(&mut self) {
        for (value, written) in &self.writers {
            if let Some(offset) = written.offset.filter(|_| self.is_certain(*value)) {
                let visible = self.visible.entry(written.partition).or_default();
                visible.entry(offset).or_insert(*value);
            }
        }
    }

    /// Whether a value is in the log, for every reader.
    pub(super) fn is_certain(&self, value: Value) -> bool {
        let Some(written) = self.writers.get(&value) else { return false };
        let writer = self.writer(written);
        let is_acknowledged = !writer.is_transaction()
            && writer.outcome != Outcome::Failed
            && written.offset.is_some();
        self.certain.contains(&written.operation) || is_acknowledged
    }

    /// The operation that wrote a value.
    pub(super) fn writer(&self, written: &Written) -> &'a Operation {
        &self.history.operations[written.operation]
    }

    /// The first record between two offsets that every reader has to see.
    pub(super) fn between(
        &self,
        partition: Partition,
        after: Offset,
        before: Offset,
    ) -> Option<(Offset, Value)> {
        let visible = self.visible.get(&partition)?;
        let mut between = visible.range(after.saturating_add(1)..before.max(after + 1));
        between.next().map(|(offset, value)| (*offset, *value))
    }
}
