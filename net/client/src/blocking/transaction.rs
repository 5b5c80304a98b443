//! Carries the questions of a transactional producer to its coordinators, on connections of its
//! own: those of the producer are full of records.

use std::time::{Duration, Instant};

use corelog_model::NodeId;
use corelog_wire::Request;

use super::cluster::Cluster;
use super::connection::Connection;
use crate::operation::{Coordinated, FindCoordinator};
use crate::producer::transaction::{
    Answer, Body, Command, Dialect, Input, Output, Question, Transaction,
};
use crate::producer::{Identity, ProducerConfig};
use crate::{ClientError, Reply};

/// Transactions and the way to those who coordinate them.
#[derive(Debug)]
pub(super) struct Coordination {
    pub(super) transaction: Transaction,
    cluster: Cluster,
    started: Instant,
}

impl Coordination {
    pub(super) fn new(cluster: Cluster, config: ProducerConfig) -> Self {
        Self { transaction: Transaction::new(config), cluster, started: Instant::now() }
    }

    /// Begins a transaction by the rules that the coordinator tells.
    pub(super) fn begin(&mut self) -> Result<Identity, ClientError> {
        let node = self.transaction.coordinator();
        let connection = node.and_then(|node| self.cluster.open_connection(node));
        let level = connection.map(|connection| connection.versions().transaction_version());
        self.transaction.begin(level.map(Dialect::of_transaction_version))
    }

    /// Carries out a command, however often its questions have to be asked.
    pub(super) fn run(&mut self, command: Command) -> Result<(), ClientError> {
        let mut input = Input::Do(command);
        loop {
            let now = self.started.elapsed();
            input = match self.transaction.step(now, input) {
                Output::Done(result) => return result,
                Output::Wait(until) => {
                    std::thread::sleep(until.saturating_sub(now).min(WAIT_MAX));
                    Input::Tick
                }
                Output::Find(of) => self.find(of).map_or_else(Input::Lost, Input::Found),
                Output::Ask(node, question) => {
                    let answer = self.ask(node, &question);
                    if answer.as_ref().is_err_and(ClientError::ends_connection) {
                        self.cluster.disconnect(node);
                    }
                    answer.map_or_else(Input::Lost, Input::Answered)
                }
            };
        }
    }

    fn find(&mut self, of: Coordinated) -> Result<NodeId, ClientError> {
        let coordinator = self.cluster.once(&FindCoordinator { of })?;
        let node = coordinator.id;
        self.cluster.metadata_mut().apply_node(coordinator);
        Ok(node)
    }

    fn ask(&mut self, node: NodeId, question: &Question) -> Result<Answer, ClientError> {
        let asker = self.transaction.asker().clone();
        let connection = self.cluster.connection(node)?;
        let versions = question.versions(asker.dialect);
        let peer = connection.peer();
        let version = connection.versions().require_in(question.api(), versions, peer)?;
        let reply = match &question.body(&asker) {
            Body::Init(request) => call(connection, version, request),
            Body::AddPartitions(request) => call(connection, version, request),
            Body::AddGroup(request) => call(connection, version, request),
            Body::CommitOffsets(request) => call(connection, version, request),
            Body::End(request) => call(connection, version, request),
        };
        question.read(&asker, &reply?)
    }
}

/// The longest single pause.
const WAIT_MAX: Duration = Duration::from_secs(1);

fn call<R: Request<'static>>(
    connection: &mut Connection,
    version: i16,
    request: &R,
) -> Result<Reply, ClientError> {
    connection.call_in(version, request)
}
