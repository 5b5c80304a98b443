//! What a driver needs of a value that decides. Groups and transactions each say their own things;
//! what both have in common is what the driver does.

use std::time::Duration;

use corelog_coordinator::groups::Loaded;
use corelog_coordinator::records::RecordError;
use corelog_coordinator::{AppendId, Now, RequestId};
use corelog_model::control::TransactionOutcome;
use corelog_model::{ErrorCode, ProducerEpoch, ProducerId};

use super::Coordinator;
use crate::metrics::ShardMetrics;

/// A value that decides by `step(now, input) -> outputs`, and that is kept in a log.
pub(crate) trait Decider: Sized + 'static {
    type Input;
    type Output;
    type Reply: 'static;
    /// What is said to the driver of this kind alone.
    type Own;

    /// What it decides about, in messages for the operator.
    const NOUN: &'static str;

    fn step(&mut self, now: Now, input: Self::Input) -> Vec<Self::Output>;
    fn next_wakeup(&self) -> Option<Duration>;
    fn resign(&mut self, now: Now) -> Vec<Self::Output>;

    /// Takes a record of the log, with the producer whose transaction it is part of.
    fn load(
        &mut self,
        producer_id: Option<ProducerId>,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<Loaded, RecordError>;
    /// Takes the marker of a producer. Does nothing where nothing is part of transactions.
    fn load_marker(&mut self, _: ProducerId, _: TransactionOutcome) {}
    fn finish_loading(&mut self, now: Now) -> Vec<Self::Output>;
    fn count(&self) -> usize;
    /// Hands over what was counted since the last time, if anything is.
    fn tell_counts(&mut self, _: &ShardMetrics) {}

    fn tick() -> Self::Input;
    /// Records are durable, or not in the log.
    fn settled(append: AppendId, result: Result<(), ErrorCode>) -> Self::Input;
    /// The marker of a producer is durable; none if nothing here is part of transactions.
    fn ended(_: ProducerId, _: TransactionOutcome) -> Option<Self::Input> {
        None
    }

    fn effect(output: Self::Output) -> Effect<Self>;
    fn perform(coordinator: &Coordinator<Self>, own: Self::Own);
}

/// The bytes of a record: its key, and its value unless it is a tombstone.
pub(crate) type RecordBytes = (Vec<u8>, Option<Vec<u8>>);

/// What an output asks of the driver.
pub(crate) enum Effect<D: Decider> {
    Reply(RequestId, D::Reply),
    Append {
        append: AppendId,
        records: Vec<RecordBytes>,
        /// Whose transaction they are part of.
        owner: Option<Owner>,
    },
    Reload,
    Own(D::Own),
}

/// The producer of records that are part of its transaction, and the request that brought them.
pub(crate) struct Owner {
    pub(crate) producer: (ProducerId, ProducerEpoch),
    pub(crate) request: RequestId,
}
