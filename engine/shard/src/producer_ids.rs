//! Producer ids of one core: taken one by one from a block that the controller gave to it alone.

use std::cell::RefCell;

use corelog_cluster::controller::{Change, ControllerError, Outcome};
use corelog_cluster::decide::producer_ids::{ProducerIdBlock, ProducerIdsError};
use corelog_io::Permits;
use corelog_model::ProducerId;

use crate::control::ControlUnavailable;
use crate::shard::Shard;

/// Why there is no producer id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProducerIdError {
    /// Nobody can be asked any more.
    #[error(transparent)]
    Stopping(#[from] ControlUnavailable),
    /// The controller does not take the question.
    #[error(transparent)]
    Controller(#[from] ControllerError),
    /// There are none.
    #[error(transparent)]
    Ids(#[from] ProducerIdsError),
}

/// The block of a core.
#[derive(Debug)]
pub(crate) struct ProducerIds {
    /// The ids from the first to the one before the second.
    left: RefCell<(ProducerId, ProducerId)>,
    /// One asks for another block, the others wait for it.
    turn: Permits,
}

impl ProducerIds {
    /// No block yet.
    pub(crate) fn none() -> Self {
        let left = RefCell::new((ProducerId(0), ProducerId(0)));
        Self { left, turn: Permits::new(1) }
    }

    fn take(&self) -> Option<ProducerId> {
        let mut left = self.left.borrow_mut();
        let (next, end) = *left;
        (next < end).then(|| {
            left.0 = ProducerId(next.0 + 1);
            next
        })
    }

    fn refill(&self, block: ProducerIdBlock) {
        let end = ProducerId(block.first.0 + block.len);
        let before = self.left.replace((block.first, end));
        assert!(before.0 == before.1, "a block is asked for when the last one is used up");
    }
}

impl Shard {
    /// A producer id that nobody ever had.
    pub async fn new_producer_id(&self) -> Result<ProducerId, ProducerIdError> {
        let ids = self.producer_ids();
        if let Some(id) = ids.take() {
            return Ok(id);
        }
        let _turn = ids.turn.take(1).await;
        loop {
            if let Some(id) = ids.take() {
                return Ok(id);
            }
            match self.control().change(Change::AllocateProducerIds).await? {
                Outcome::AllocateProducerIds(block) => ids.refill(block?),
                Outcome::Refused(error) => return Err(error.into()),
                other => panic!("a change is answered with the outcome of its own kind: {other:?}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_given_out_once_and_then_the_next() {
        let ids = ProducerIds::none();
        assert_eq!(ids.take(), None);
        ids.refill(ProducerIdBlock { first: ProducerId(5), len: 2 });
        assert_eq!(
            [ids.take(), ids.take(), ids.take()],
            [Some(ProducerId(5)), Some(ProducerId(6)), None]
        );
        ids.refill(ProducerIdBlock { first: ProducerId(9), len: 1 });
        assert_eq!([ids.take(), ids.take()], [Some(ProducerId(9)), None]);
    }

    #[test]
    #[should_panic(expected = "when the last one is used up")]
    fn ids_that_are_left_are_not_thrown_away() {
        let ids = ProducerIds::none();
        ids.refill(ProducerIdBlock { first: ProducerId(5), len: 2 });
        ids.refill(ProducerIdBlock { first: ProducerId(9), len: 2 });
    }
}
