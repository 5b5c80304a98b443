//! The transactions of a producer: all that is written in one counts, or nothing does.

use std::pin::pin;

use corelog_model::NodeId;
use corelog_wire::Request;
use tokio::time::sleep_until;

use super::{Producer, Shared, State};
use crate::asynchronous::Connection;
use crate::producer::transaction::{
    Answer, Asker, Body, Command, Dialect, Entry, GroupOffsets, Input, Outcome, Output, Question,
    Transaction,
};
use crate::producer::{Abandoned, Sender};
use crate::{ClientError, Reply, TopicPartition};

/// What a transactional producer has besides.
#[derive(Debug)]
pub(super) struct Transactions {
    transaction: Transaction,
    /// Records that are not on their way are given up.
    is_aborting: bool,
}

/// For a producer with a transactional id; others are refused. A result of
/// [`ClientError::MustAbort`] leaves [`Producer::abort`] as the way on,
/// [`ClientError::ProducerEnded`] none. Where the time is over, the same may be asked for again;
/// likewise where one of these is dropped before its end. Clones share the transaction.
impl Producer {
    /// Gets the producer's id, before the first transaction. A producer that had the transactional
    /// id before is fenced, and what it left open is aborted.
    pub async fn init_transactions(&self) -> Result<(), ClientError> {
        self.handle.shared.run(Command::Init).await
    }

    /// Begins a transaction. Records that are sent from now on are in it.
    pub async fn begin(&self) -> Result<(), ClientError> {
        let shared = &self.handle.shared;
        let node = shared.with_transaction(|transaction| Ok(transaction.coordinator()))?;
        let connection = match node {
            // Where it cannot be reached now, the rules of the last transaction go on.
            Some(node) => shared.cluster.connection(node).await.ok(),
            None => None,
        };
        let level = connection.map(|connection| connection.versions().transaction_version());
        let dialect = level.map(Dialect::of_transaction_version);
        let mut guard = shared.lock();
        let State { sender, transactions, .. } = &mut *guard;
        let transactions = transactions.as_mut().ok_or(NOT_TRANSACTIONAL)?;
        let identity = transactions.transaction.begin(dialect)?;
        transactions.is_aborting = false;
        sender.renew(identity);
        Ok(())
    }

    /// Adds to the transaction how far a group has read. Waits for the group's coordinator. Dropped
    /// before its end, the offsets are in or not: only aborting is sure then.
    pub async fn send_offsets(&self, offsets: GroupOffsets) -> Result<(), ClientError> {
        self.handle.shared.run(Command::SendOffsets(offsets)).await
    }

    /// Sends everything, waits until each record has its result, and commits. When this gives no
    /// error, the transaction counts for good.
    pub async fn commit(&self) -> Result<(), ClientError> {
        let shared = &self.handle.shared;
        shared.with_transaction(|transaction| transaction.close(Outcome::Commit))?;
        self.flush().await;
        shared.run(Command::End(Outcome::Commit)).await
    }

    /// Gives up the records that are not on their way, waits for those that are, and aborts.
    pub async fn abort(&self) -> Result<(), ClientError> {
        let shared = &self.handle.shared;
        shared.with_transaction(|transaction| transaction.close(Outcome::Abort))?;
        if let Some(transactions) = &mut shared.lock().transactions {
            transactions.is_aborting = true;
        }
        shared.wake.notify_one();
        loop {
            let mut progress = pin!(shared.progress.notified());
            progress.as_mut().enable();
            if shared.lock().sender.is_idle() {
                break;
            }
            progress.await;
        }
        shared.run(Command::End(Outcome::Abort)).await
    }
}

const NOT_TRANSACTIONAL: ClientError =
    ClientError::Transaction("the producer has no transactional id");

impl Transactions {
    pub(super) fn new(transaction: Transaction) -> Self {
        Self { transaction, is_aborting: false }
    }

    /// Whether a record may be taken.
    pub(super) fn check_entry(&self) -> Result<(), ClientError> {
        self.transaction.check_entry()
    }

    /// Takes the partition of a record that was taken into the transaction. Says whether it waits
    /// to be added.
    pub(super) fn enter(
        &mut self,
        sender: &mut Sender,
        at: &TopicPartition,
    ) -> Result<Entry, ClientError> {
        let entry = self.transaction.enter(at)?;
        if entry == Entry::Admitted {
            sender.admit(at);
        }
        Ok(entry)
    }

    /// Whether partitions wait to be added.
    pub(super) fn has_entering(&self) -> bool {
        self.transaction.has_entering()
    }

    /// Lets records go to the partitions that are in the transaction.
    pub(super) fn admit(&self, sender: &mut Sender) {
        self.transaction.partitions().iter().for_each(|at| sender.admit(at));
    }

    /// Lets the transaction know of failed records, and fails those that wait in vain then.
    pub(super) fn note_failures(&mut self, sender: &mut Sender) {
        if let Some(error) = sender.take_failure() {
            self.transaction.record_failed(&error);
        }
        let aborted = ClientError::Transaction("the transaction was aborted");
        let reason = self.transaction.failure().or(self.is_aborting.then_some(aborted));
        let Some(reason) = reason else { return };
        if sender.abandon(&reason) == Abandoned::Sent {
            self.transaction.records_dropped();
        }
        // These failures are no news.
        sender.take_failure();
    }
}

impl Shared {
    fn with_transaction<T>(
        &self,
        act: impl FnOnce(&mut Transaction) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let mut state = self.lock();
        act(&mut state.transactions.as_mut().ok_or(NOT_TRANSACTIONAL)?.transaction)
    }

    /// Who writes, for a transactional producer.
    pub(super) fn asker(&self) -> Option<Asker> {
        let state = self.lock();
        state.transactions.as_ref().map(|of| of.transaction.asker().clone())
    }

    /// Carries out a command, however often its questions have to be asked. Commands of clones wait
    /// for each other.
    pub(super) async fn run(&self, command: Command) -> Result<(), ClientError> {
        let _turn = self.turn.lock().await;
        let mut input = Input::Do(command);
        loop {
            let now = self.started.elapsed();
            let output = self.with_transaction(|transaction| Ok(transaction.step(now, input)))?;
            input = match output {
                Output::Done(result) => return result,
                Output::Wait(until) => {
                    sleep_until(self.started + until).await;
                    Input::Tick
                }
                Output::Find(of) => {
                    let found = self.cluster.coordinator_of(of).await;
                    found.map_or_else(Input::Lost, Input::Found)
                }
                Output::Ask(node, question) => {
                    let answer = self.ask(node, &question).await;
                    answer.map_or_else(Input::Lost, Input::Answered)
                }
            };
        }
    }

    async fn ask(&self, node: NodeId, question: &Question) -> Result<Answer, ClientError> {
        let asker = self.with_transaction(|transaction| Ok(transaction.asker().clone()))?;
        let connection = self.cluster.connection(node).await?;
        let versions = question.versions(asker.dialect);
        let peer = connection.peer();
        let version = connection.versions().require_in(question.api(), versions, peer)?;
        let reply = match &question.body(&asker) {
            Body::Init(request) => call(&connection, version, request).await,
            Body::AddPartitions(request) => call(&connection, version, request).await,
            Body::AddGroup(request) => call(&connection, version, request).await,
            Body::CommitOffsets(request) => call(&connection, version, request).await,
            Body::End(request) => call(&connection, version, request).await,
        };
        question.read(&asker, &reply?)
    }
}

async fn call<R: Request<'static>>(
    connection: &Connection,
    version: i16,
    request: &R,
) -> Result<Reply, ClientError> {
    connection.call_in(version, request).await
}
