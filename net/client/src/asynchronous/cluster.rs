//! The client's side of a cluster: the newest metadata, one connection for each node, and attempts
//! anew after what passes by itself. Producers, consumers and admins share one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use corelog_model::{ErrorCode, NodeId, Offset};
use corelog_wire::{ApiKey, MetadataResponse};

use super::connection::Connection;
use crate::config::Backoff;
use crate::consumer::IsolationLevel;
use crate::metadata::{Scope, metadata_request};
use crate::offsets::{Lookup, Moment};
use crate::operation::{Coordinated, FindCoordinator, Operation, Repeat};
use crate::target::{Target, Topics};
use crate::{ClientConfig, ClientError, Endpoint, Metadata, Reply, TopicPartition};

/// What is known of a cluster, and connections for questions and changes. Clones share both.
/// Producers and consumers open further connections for their records, so that a question never
/// waits behind them.
#[derive(Debug, Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: ClientConfig,
    bootstrap: Vec<Endpoint>,
    metadata: Mutex<Arc<Metadata>>,
    nodes: Mutex<BTreeMap<NodeId, Slot>>,
    /// A connection to a server of the bootstrap list, whose node is not known.
    entry: Slot,
}

/// The place of a connection. The lock is held while it is opened, so that it is opened once.
type Slot = Arc<tokio::sync::Mutex<Option<Connection>>>;

/// A way into the cluster.
enum Entrance {
    Node(NodeId),
    Bootstrap(Endpoint),
}

impl Cluster {
    /// Connects to the first server of the list that answers, and asks for the nodes. Needs a tokio
    /// runtime with I/O and time.
    pub async fn connect(
        bootstrap: &[Endpoint],
        config: ClientConfig,
    ) -> Result<Self, ClientError> {
        let shared = Shared {
            config,
            bootstrap: bootstrap.to_vec(),
            metadata: Mutex::default(),
            nodes: Mutex::default(),
            entry: Slot::default(),
        };
        let cluster = Self { shared: Arc::new(shared) };
        cluster.refresh(Topics::Named(&[])).await?;
        Ok(cluster)
    }

    /// The settings.
    pub fn config(&self) -> &ClientConfig {
        &self.shared.config
    }

    /// What is known of the cluster now.
    pub fn metadata(&self) -> Arc<Metadata> {
        Arc::clone(&lock(&self.shared.metadata))
    }

    /// Takes over what a response tells about leaders.
    pub(crate) fn with_metadata<T>(&self, change: impl FnOnce(&mut Metadata) -> T) -> T {
        change(Arc::make_mut(&mut lock(&self.shared.metadata)))
    }

    /// Asks for the nodes and topics, once.
    pub async fn refresh(&self, topics: Topics<'_>) -> Result<(), ClientError> {
        let request = metadata_request(topics, self.config());
        let reply = self.call_any(&request).await?;
        let response: MetadataResponse<'_> = reply.decode()?;
        ClientError::refused(ApiKey::Metadata, "the cluster", response.error_code, None)?;
        self.with_metadata(|metadata| metadata.apply(&response, Scope::of(topics)));
        Ok(())
    }

    /// Asks for the nodes and topics, and tries anew what may pass.
    pub(crate) async fn refresh_anew(&self, topics: Topics<'_>) -> Result<(), ClientError> {
        let timeout = self.config().operation_timeout;
        self.try_anew(timeout, ClientError::is_retriable, || self.refresh(topics)).await
    }

    /// Makes sure that the topics are known, and waits a moment for those that are not.
    pub async fn require_topics(&self, names: &[&str]) -> Result<(), ClientError> {
        let missing = |metadata: &Metadata| -> Vec<&str> {
            names.iter().copied().filter(|name| metadata.topic(name).is_none()).collect()
        };
        let look = || async {
            let missing = missing(&self.metadata());
            if missing.is_empty() {
                return Ok(());
            }
            self.refresh(Topics::Named(&missing)).await?;
            let metadata = self.metadata();
            missing.iter().try_for_each(|name| metadata.known_topic(name).map(drop))
        };
        let timeout = self.config().topic_timeout;
        match self.try_anew(timeout, ClientError::is_retriable, look).await {
            Err(ClientError::GaveUp { last, .. })
                if last.code() == Some(ErrorCode::UnknownTopicOrPartition) =>
            {
                let missing = missing(&self.metadata()).first().copied().unwrap_or_default();
                Err(ClientError::NoTopic(missing.to_owned()))
            }
            result => result,
        }
    }

    /// Asks, and tries anew what may pass.
    pub async fn perform<O: Operation>(&self, operation: &O) -> Result<O::Answer, ClientError> {
        let timeout = self.config().operation_timeout;
        let may_retry = |error: &ClientError| match O::REPEAT {
            Repeat::Harmless => error.is_retriable(),
            // What may have been done without our knowing is not done again.
            Repeat::Unsafe => error.is_retriable() && !error.ends_connection(),
        };
        self.try_anew(timeout, may_retry, || self.once(operation)).await
    }

    /// Asks, once.
    pub async fn once<O: Operation>(&self, operation: &O) -> Result<O::Answer, ClientError> {
        let request = operation.request(self.config());
        let reply = self.call(operation.target(), &request).await?;
        operation.read(&reply)
    }

    /// Sends a request in the best version and waits for its reply. With [`Target::Any`], the next
    /// server is tried when one cannot be reached.
    pub async fn call<R>(&self, target: Target, request: &R) -> Result<Reply, ClientError>
    where
        R: corelog_wire::Request<'static>,
    {
        let node = match target {
            Target::Node(node) => Some(node),
            Target::Controller => self.metadata().controller(),
            Target::Any => None,
            Target::Group(group) => Some(self.coordinator(group).await?),
            Target::Transactions(id) => {
                Some(self.coordinator_of(Coordinated::Transactions(id)).await?)
            }
        };
        match node {
            Some(node) => self.connection(node).await?.call(request).await,
            None => self.call_any(request).await,
        }
    }

    /// Asks which node coordinates a group, once.
    pub(crate) async fn coordinator(&self, group: Arc<str>) -> Result<NodeId, ClientError> {
        self.coordinator_of(Coordinated::Group(group)).await
    }

    /// Asks which node coordinates a group or transactions, once.
    pub(crate) async fn coordinator_of(&self, of: Coordinated) -> Result<NodeId, ClientError> {
        let question = FindCoordinator { of };
        let request = question.request(self.config());
        let found = question.read(&self.call_any(&request).await?)?;
        let node = found.id;
        self.with_metadata(|metadata| metadata.apply_node(found));
        Ok(node)
    }

    /// The offset of a moment in each partition; none where no record is that late. Topics must be
    /// known.
    pub async fn list_offsets(
        &self,
        wanted: &BTreeMap<TopicPartition, Moment>,
    ) -> Result<BTreeMap<TopicPartition, Option<Offset>>, ClientError> {
        self.list_offsets_as(wanted, IsolationLevel::ReadUncommitted).await
    }

    /// [`Cluster::list_offsets`] of what a reader at this level may read.
    pub async fn list_offsets_as(
        &self,
        wanted: &BTreeMap<TopicPartition, Moment>,
        isolation: IsolationLevel,
    ) -> Result<BTreeMap<TopicPartition, Option<Offset>>, ClientError> {
        let started = Instant::now();
        let mut backoff = Backoff::new(self.config(), self.config().operation_timeout);
        let mut lookup = Lookup::new(wanted, isolation);
        loop {
            for operation in lookup.round(&self.metadata()) {
                lookup.take(self.once(&operation).await)?;
            }
            match lookup.end_round() {
                Ok(()) => return Ok(lookup.into_found()),
                Err(error) => self.pause(&mut backoff, started, error).await?,
            }
        }
    }

    /// Open connections first, then the other nodes, then the bootstrap list.
    async fn call_any<R>(&self, request: &R) -> Result<Reply, ClientError>
    where
        R: corelog_wire::Request<'static>,
    {
        let nodes = self.nodes_to_try().into_iter().map(Entrance::Node);
        let bootstrap = self.shared.bootstrap.iter().cloned().map(Entrance::Bootstrap);
        let entrances: Vec<Entrance> = nodes.chain(bootstrap).collect();
        let mut tried = Vec::new();
        for entrance in entrances {
            let connection = match entrance {
                Entrance::Node(node) => self.connection(node).await,
                Entrance::Bootstrap(endpoint) => self.opened(&self.shared.entry, &endpoint).await,
            };
            let result = match connection {
                Ok(connection) => connection.call(request).await,
                Err(error) => Err(error),
            };
            match result {
                Err(error) if is_about_server(&error) => tried.push(error),
                result => return result,
            }
        }
        // One server that answers wrongly says more than that none could be reached.
        match tried.len() {
            1 => Err(tried.remove(0)),
            _ => Err(ClientError::Unreachable { tried }),
        }
    }

    fn nodes_to_try(&self) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = self.metadata().nodes().map(|node| node.id).collect();
        let slots = lock(&self.shared.nodes);
        // A slot that is locked is being opened just now, which takes a while.
        let is_open = |node: &NodeId| {
            let slot = slots.get(node).and_then(|slot| slot.try_lock().ok());
            slot.is_some_and(|slot| slot.as_ref().is_some_and(Connection::is_alive))
        };
        nodes.sort_by_key(|node| !is_open(node));
        nodes
    }

    /// The connection to a node, opened when there is none that works.
    pub(crate) async fn connection(&self, node: NodeId) -> Result<Connection, ClientError> {
        let endpoint = self.endpoint(node)?;
        let slot = Arc::clone(lock(&self.shared.nodes).entry(node).or_default());
        self.opened(&slot, &endpoint).await
    }

    /// Where a node listens.
    pub(crate) fn endpoint(&self, node: NodeId) -> Result<Endpoint, ClientError> {
        let metadata = self.metadata();
        let known = metadata.node(node).ok_or(ClientError::NoNode(node.0))?;
        Ok(known.endpoint.clone())
    }

    async fn opened(&self, slot: &Slot, endpoint: &Endpoint) -> Result<Connection, ClientError> {
        let mut slot = slot.lock().await;
        match slot.as_ref() {
            Some(open) if open.is_alive() && open.peer() == endpoint => Ok(open.clone()),
            _ => {
                let connection = Connection::open(endpoint, self.config()).await?;
                Ok(slot.insert(connection).clone())
            }
        }
    }

    pub(crate) async fn try_anew<T, F: Future<Output = Result<T, ClientError>>>(
        &self,
        timeout: Duration,
        may_retry: impl Fn(&ClientError) -> bool,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, ClientError> {
        let started = Instant::now();
        let mut backoff = Backoff::new(self.config(), timeout);
        loop {
            match attempt().await {
                Err(error) if may_retry(&error) => {
                    self.pause(&mut backoff, started, error).await?;
                }
                result => return result,
            }
        }
    }

    /// Waits before the next attempt and asks for the metadata of the known topics; or gives up.
    async fn pause(
        &self,
        backoff: &mut Backoff,
        started: Instant,
        error: ClientError,
    ) -> Result<(), ClientError> {
        let Some(pause) = backoff.next(started.elapsed()) else {
            let after_ms = started.elapsed().as_millis() as u64;
            return Err(ClientError::GaveUp { after_ms, last: Box::new(error) });
        };
        tokio::time::sleep(pause).await;
        self.refresh_known().await;
        Ok(())
    }

    /// Asks for the metadata of the known topics; what fails is met again by the next attempt.
    pub(crate) async fn refresh_known(&self) {
        let metadata = self.metadata();
        let names: Vec<&str> = metadata.topics().map(|(name, _)| name.as_ref()).collect();
        let _ = self.refresh(Topics::Named(&names)).await;
    }
}

/// Whether an error is about the server asked, so that another one may do better.
fn is_about_server(error: &ClientError) -> bool {
    error.ends_connection()
        || matches!(error, ClientError::Connect { .. } | ClientError::Version { .. })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is done under these locks that could leave halves behind.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
