//! What is stored of a share-partition, and what happens when it is.

use corelog_model::Offset;

use super::{Delivery, SharePartition, State, length};
use crate::share_states::{DeliveryState, StateBatch};

/// A write of the state. They count up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WriteId(pub u64);

/// What is to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// What to tell it by when it is.
    pub id: WriteId,
    /// The first record that is not done with then.
    pub start: Offset,
    /// How many records from there on are done with.
    pub complete_count: i32,
    /// The records that have changed, in order.
    pub batches: Vec<StateBatch>,
}

impl SharePartition {
    /// What is to be stored now, if anything is. The next write comes when this one is stored.
    pub fn take_write(&mut self) -> Option<Write> {
        if self.writing.is_some() || !self.is_changed {
            return None;
        }
        let id = WriteId(self.write_next);
        self.write_next += 1;
        self.is_changed = false;
        self.writing = Some(id);
        let mut write = Write { id, start: self.start, complete_count: 0, batches: Vec::new() };
        let mut is_behind = true;
        for (first, last, delivery) in self.runs.iter() {
            let state = delivery.stored();
            let is_final = state.is_some_and(DeliveryState::is_final);
            is_behind &= is_final;
            if is_behind {
                write.start = last.next();
                continue;
            }
            if is_final {
                let count = i32::try_from(length(first, last)).unwrap_or(i32::MAX);
                write.complete_count = write.complete_count.saturating_add(count);
            }
            if let (State::Settling { to, .. }, delivery_count) = (&delivery.state, delivery.count)
            {
                write.batches.push(StateBatch { first, last, state: *to, delivery_count });
            }
        }
        Some(write)
    }

    /// The write that was taken is stored: what it says holds.
    pub fn written(&mut self, id: WriteId) {
        assert!(self.writing.take() == Some(id), "the write that is on its way is told");
        let stored = self.runs.iter().filter_map(|(first, last, delivery)| match delivery.state {
            State::Settling { to, write } if write <= id => {
                Some((first, last, Delivery { state: State::Settled(to), count: delivery.count }))
            }
            State::Settling { .. } | State::Settled(_) | State::Acquired { .. } => None,
        });
        for (first, last, delivery) in stored.collect::<Vec<_>>() {
            self.runs.set(first, last, delivery);
        }
        self.advance();
    }

    /// Whether a write is on its way.
    pub fn is_writing(&self) -> bool {
        self.writing.is_some()
    }
}

impl Delivery {
    /// The state that is stored with the next write; none while a member has the record.
    fn stored(&self) -> Option<DeliveryState> {
        match self.state {
            State::Settled(state) | State::Settling { to: state, .. } => Some(state),
            State::Acquired { .. } => None,
        }
    }
}
