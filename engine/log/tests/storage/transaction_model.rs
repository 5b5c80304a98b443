//! Transactions as a plain list of what was appended: the oracle of the log's own bookkeeping.

use corelog_log::aborted::AbortedTransaction;
use corelog_model::control::TransactionOutcome;
use corelog_model::{Offset, ProducerId};

/// One batch of the log.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    /// Records of a transaction.
    Records(ProducerId),
    /// Records outside of any.
    Plain,
    /// A marker.
    Marker(ProducerId, TransactionOutcome),
}

/// Every batch there is, in order, with its first offset and the offset after it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    events: Vec<(Offset, Offset, Event)>,
}

/// What a model says of the batches below some offset.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// First offset and producer of each transaction without a marker.
    pub(crate) open: Vec<(Offset, ProducerId)>,
    /// Those with an abort marker.
    pub(crate) aborted: Vec<AbortedTransaction>,
}

impl Model {
    pub(crate) fn add(&mut self, first: Offset, event: Event, records: i64) {
        assert_eq!(self.end(), first, "offsets have no gaps");
        self.events.push((first, first + records, event));
    }

    pub(crate) fn end(&self) -> Offset {
        self.events.last().map_or(Offset::ZERO, |event| event.1)
    }

    /// Forgets what a crash took.
    pub(crate) fn truncate(&mut self, end: Offset) {
        self.events.retain(|event| event.0 < end);
        assert_eq!(self.end(), end, "a log ends where a batch does");
    }

    pub(crate) fn outline(&self, end: Offset) -> Outline {
        let mut outline = Outline::default();
        for (first, next, event) in self.events.iter().take_while(|event| event.0 < end) {
            match *event {
                Event::Plain => {}
                Event::Records(producer) => {
                    if outline.open.iter().all(|open| open.1 != producer) {
                        outline.open.push((*first, producer));
                    }
                }
                Event::Marker(producer, outcome) => {
                    let open = outline.open.iter().position(|open| open.1 == producer);
                    let Some(position) = open else { continue };
                    let (first_offset, _) = outline.open.remove(position);
                    let oldest = outline.open.iter().map(|open| open.0).min();
                    let stable_offset = oldest.unwrap_or(*next);
                    if outcome == TransactionOutcome::Abort {
                        let last_offset = *first;
                        let (producer, first_offset) = (producer, first_offset);
                        outline.aborted.push(AbortedTransaction {
                            producer,
                            first_offset,
                            last_offset,
                            stable_offset,
                        });
                    }
                }
            }
        }
        outline
    }

    /// The last stable offset of a log that is durable up to `end`.
    pub(crate) fn stable(&self, end: Offset) -> Offset {
        self.outline(end).open.first().map_or(end, |open| open.0)
    }
}
