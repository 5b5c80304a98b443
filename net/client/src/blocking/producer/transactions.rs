//! The transactions of a producer: all that is written in one counts, or nothing does.

use super::{Producer, WAIT_MAX};
use crate::blocking::transaction::Coordination;
use crate::producer::Abandoned;
use crate::producer::transaction::{Command, Entry, GroupOffsets, Outcome};
use crate::{ClientError, TopicPartition};

/// For a producer with a transactional id; others are refused. A result of
/// [`ClientError::MustAbort`] leaves [`Producer::abort`] as the way on,
/// [`ClientError::ProducerEnded`] none. Where the time is over, the same may be asked for again.
/// Results of records wait for [`Producer::poll`], as ever.
impl Producer {
    /// Gets the producer's id, before the first transaction. A producer that had the transactional
    /// id before is fenced, and what it left open is aborted.
    pub fn init_transactions(&mut self) -> Result<(), ClientError> {
        self.coordination()?.run(Command::Init)
    }

    /// Begins a transaction. Records that are sent from now on are in it.
    pub fn begin(&mut self) -> Result<(), ClientError> {
        let identity = self.coordination()?.begin()?;
        self.sender.renew(identity);
        Ok(())
    }

    /// Adds to the transaction how far a group has read. Waits for the group's coordinator.
    pub fn send_offsets(&mut self, offsets: GroupOffsets) -> Result<(), ClientError> {
        self.coordination()?.run(Command::SendOffsets(offsets))
    }

    /// Sends everything, waits until each record has its result, and commits. When this gives no
    /// error, the transaction counts for good.
    pub fn commit(&mut self) -> Result<(), ClientError> {
        self.coordination()?.transaction.close(Outcome::Commit)?;
        self.sender.close_batches();
        while !self.sender.is_idle() {
            self.pump(WAIT_MAX)?;
        }
        self.coordination()?.run(Command::End(Outcome::Commit))
    }

    /// Gives up the records that are not on their way, waits for those that are, and aborts.
    pub fn abort(&mut self) -> Result<(), ClientError> {
        self.coordination()?.transaction.close(Outcome::Abort)?;
        let error = ClientError::Transaction("the transaction was aborted");
        loop {
            self.abandon(&error);
            if self.sender.is_idle() {
                break;
            }
            self.advance(WAIT_MAX)?;
        }
        self.coordination()?.run(Command::End(Outcome::Abort))
    }

    fn coordination(&mut self) -> Result<&mut Coordination, ClientError> {
        let missing = ClientError::Transaction("the producer has no transactional id");
        self.coordination.as_mut().ok_or(missing)
    }

    fn abandon(&mut self, error: &ClientError) {
        let abandoned = self.sender.abandon(error);
        // These failures are no news.
        self.sender.take_failure();
        if let (Abandoned::Sent, Some(of)) = (abandoned, &mut self.coordination) {
            of.transaction.records_dropped();
        }
    }

    /// Whether a record may be taken.
    pub(super) fn check_entry(&self) -> Result<(), ClientError> {
        self.coordination.as_ref().map_or(Ok(()), |of| of.transaction.check_entry())
    }

    /// Takes the partition of a record that was taken into the transaction: a transaction that the
    /// coordinator knows nothing of cannot be committed.
    pub(super) fn enter(&mut self, at: &TopicPartition) -> Result<(), ClientError> {
        let Some(of) = &mut self.coordination else { return Ok(()) };
        match of.transaction.enter(at)? {
            Entry::Admitted => self.sender.admit(at),
            Entry::Waits => {}
        }
        Ok(())
    }

    /// Asks for the partitions whose records wait. What fails is kept in the transaction.
    pub(super) fn add_partitions(&mut self) {
        let Some(of) = &mut self.coordination else { return };
        if !of.transaction.has_entering() {
            return;
        }
        if of.run(Command::AddPartitions).is_ok() {
            of.transaction.partitions().iter().for_each(|at| self.sender.admit(at));
        }
        self.note_failures();
    }

    /// Lets the transaction know of failed records, and fails those that wait in vain then.
    pub(super) fn note_failures(&mut self) {
        let Some(of) = &mut self.coordination else { return };
        if let Some(error) = self.sender.take_failure() {
            of.transaction.record_failed(&error);
        }
        if let Some(error) = of.transaction.failure() {
            self.abandon(&error);
        }
    }
}
