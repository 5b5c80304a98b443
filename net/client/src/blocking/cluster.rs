//! The client's side of a cluster: the newest metadata, one connection for each node, and attempts
//! anew after what passes by itself.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use corelog_model::{ErrorCode, NodeId, Offset};
use corelog_wire::{ApiKey, MetadataResponse, Request};

use crate::blocking::connection::Connection;
use crate::config::Backoff;
use crate::consumer::IsolationLevel;
use crate::metadata::{Scope, metadata_request};
use crate::offsets::{Lookup, Moment};
use crate::operation::{Coordinated, FindCoordinator, Operation, Repeat};
use crate::target::{Target, Topics};
use crate::{ClientConfig, ClientError, Endpoint, Metadata, Reply, TopicPartition};

/// Connections to the nodes of a cluster.
#[derive(Debug)]
pub struct Cluster {
    config: ClientConfig,
    bootstrap: Vec<Endpoint>,
    metadata: Metadata,
    connections: BTreeMap<NodeId, Connection>,
    /// A connection to a server of the bootstrap list, whose node is not known.
    entry: Option<Connection>,
}

impl Cluster {
    /// Connects to the first server of the list that answers, and asks for the nodes.
    pub fn connect(bootstrap: &[Endpoint], config: ClientConfig) -> Result<Self, ClientError> {
        let mut cluster = Self {
            config,
            bootstrap: bootstrap.to_vec(),
            metadata: Metadata::default(),
            connections: BTreeMap::new(),
            entry: None,
        };
        cluster.refresh(Topics::Named(&[]))?;
        Ok(cluster)
    }

    /// Further connections to the same cluster, for what must not wait behind these.
    pub fn another(&self) -> Result<Self, ClientError> {
        Self::connect(&self.bootstrap, self.config.clone())
    }

    /// The settings.
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// What is known of the cluster.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// For what responses tell about leaders.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// Asks for the nodes and topics, once.
    pub fn refresh(&mut self, topics: Topics<'_>) -> Result<(), ClientError> {
        let mut request = metadata_request(topics, &self.config);
        let reply = self.call_with(Target::Any, |connection| {
            let version = connection.version(ApiKey::Metadata)?;
            if version == 0 && request.topics.is_none() {
                // Version 0 has no null; there, no names mean every topic.
                request.topics = Some(Vec::new());
            }
            connection.call_in(version, &request)
        })?;
        let response: MetadataResponse<'_> = reply.decode()?;
        ClientError::refused(ApiKey::Metadata, "the cluster", response.error_code, None)?;
        self.metadata.apply(&response, Scope::of(topics));
        Ok(())
    }

    /// Makes sure that the topics are known, and waits a moment for those that are not.
    pub fn require_topics(&mut self, names: &[&str]) -> Result<(), ClientError> {
        let timeout = self.config.topic_timeout;
        self.try_anew(timeout, ClientError::is_retriable, |cluster| {
            let missing: Vec<&str> = names
                .iter()
                .copied()
                .filter(|name| cluster.metadata.topic(name).is_none())
                .collect();
            if missing.is_empty() {
                return Ok(());
            }
            cluster.refresh(Topics::Named(&missing))?;
            missing.iter().try_for_each(|name| cluster.metadata.known_topic(name).map(drop))
        })
        .map_err(|error| match error {
            ClientError::GaveUp { last, .. }
                if last.code() == Some(ErrorCode::UnknownTopicOrPartition) =>
            {
                let missing = names.iter().find(|name| self.metadata.topic(name).is_none());
                ClientError::NoTopic(missing.copied().unwrap_or_default().to_owned())
            }
            error => error,
        })
    }

    /// Asks, and tries anew what may pass.
    pub fn perform<O: Operation>(&mut self, operation: &O) -> Result<O::Answer, ClientError> {
        match O::REPEAT {
            Repeat::Harmless => self.with_retries(|cluster| cluster.once(operation)),
            Repeat::Unsafe => self.with_safe_retries(|cluster| cluster.once(operation)),
        }
    }

    /// Asks, once.
    pub fn once<O: Operation>(&mut self, operation: &O) -> Result<O::Answer, ClientError> {
        let request = operation.request(&self.config);
        let reply = self.call(operation.target(), &request)?;
        operation.read(&reply)
    }

    /// The offset of a moment in each partition; none where no record is that late. Topics must be
    /// known, and no requests open at the leaders.
    pub fn list_offsets(
        &mut self,
        wanted: &BTreeMap<TopicPartition, Moment>,
    ) -> Result<BTreeMap<TopicPartition, Option<Offset>>, ClientError> {
        self.list_offsets_as(wanted, IsolationLevel::ReadUncommitted)
    }

    /// [`Cluster::list_offsets`] of what a reader at this level may read.
    pub fn list_offsets_as(
        &mut self,
        wanted: &BTreeMap<TopicPartition, Moment>,
        isolation: IsolationLevel,
    ) -> Result<BTreeMap<TopicPartition, Option<Offset>>, ClientError> {
        let mut lookup = Lookup::new(wanted, isolation);
        self.with_retries(|cluster| {
            for operation in lookup.round(&cluster.metadata) {
                lookup.take(cluster.once(&operation))?;
            }
            lookup.end_round()
        })?;
        Ok(lookup.into_found())
    }

    /// Sends a request in the best version and waits for its reply.
    pub fn call<'a, R: Request<'a>>(
        &mut self,
        target: Target,
        request: &R,
    ) -> Result<Reply, ClientError> {
        self.call_with(target, |connection| connection.call(request))
    }

    /// Lets `call` speak on a connection that is free. A connection that breaks is dropped. With
    /// [`Target::Any`], the next server is tried when one cannot be reached.
    pub fn call_with<T>(
        &mut self,
        target: Target,
        mut call: impl FnMut(&mut Connection) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let node = match target {
            Target::Node(node) => Some(node),
            Target::Controller => self.metadata.controller(),
            Target::Any => None,
            Target::Group(group) => Some(self.coordinator_of(Coordinated::Group(group))?),
            Target::Transactions(id) => Some(self.coordinator_of(Coordinated::Transactions(id))?),
        };
        let Some(node) = node else { return self.call_any(call) };
        let connection = self.connection(node)?;
        let result = call(connection);
        self.keep_or_drop(node, result)
    }

    /// Asks which node coordinates a group or transactions, once.
    fn coordinator_of(&mut self, of: Coordinated) -> Result<NodeId, ClientError> {
        let coordinator = self.once(&FindCoordinator { of })?;
        let node = coordinator.id;
        self.metadata.apply_node(coordinator);
        Ok(node)
    }

    fn keep_or_drop<T>(
        &mut self,
        node: NodeId,
        result: Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        if result.as_ref().is_err_and(ClientError::ends_connection) {
            self.connections.remove(&node);
        }
        result
    }

    /// Open connections first, then the other nodes, then the bootstrap list.
    fn call_any<T>(
        &mut self,
        mut call: impl FnMut(&mut Connection) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let mut tried = Vec::new();
        let open = |node: &NodeId| self.connections.contains_key(node);
        let mut nodes: Vec<NodeId> = self.metadata.nodes().map(|node| node.id).collect();
        nodes.sort_by_key(|node| !open(node));
        for node in nodes {
            // Requests of a pipeline stay alone on their connection.
            if self.connections.get(&node).is_some_and(|connection| connection.open_requests() > 0)
            {
                continue;
            }
            let result = self.connection(node).and_then(&mut call);
            match self.keep_or_drop(node, result) {
                Err(error) if is_about_server(&error) => tried.push(error),
                result => return result,
            }
        }
        for endpoint in self.bootstrap.clone() {
            let result = self.entry(&endpoint).and_then(&mut call);
            if result.as_ref().is_err_and(ClientError::ends_connection) {
                self.entry = None;
            }
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

    fn entry(&mut self, endpoint: &Endpoint) -> Result<&mut Connection, ClientError> {
        let is_usable = |entry: &Connection| entry.peer() == endpoint && entry.is_alive();
        if !self.entry.as_ref().is_some_and(is_usable) {
            self.entry = None;
        }
        match &mut self.entry {
            Some(entry) => Ok(entry),
            entry @ None => Ok(entry.insert(Connection::open(endpoint, &self.config)?)),
        }
    }

    /// The connection to a node, opened when there is none. An idle one that the other side has
    /// closed is replaced.
    pub fn connection(&mut self, node: NodeId) -> Result<&mut Connection, ClientError> {
        let endpoint = match self.metadata.node(node) {
            Some(known) => known.endpoint.clone(),
            None => return Err(ClientError::NoNode(node.0)),
        };
        // One with open requests stays, or their replies would be lost: who waits for them finds
        // out what is wrong with it.
        let is_usable = |connection: &Connection| {
            connection.open_requests() > 0
                || (*connection.peer() == endpoint && connection.is_alive())
        };
        if !self.connections.get(&node).is_some_and(is_usable) {
            let connection = Connection::open(&endpoint, &self.config)?;
            self.connections.insert(node, connection);
        }
        self.connections.get_mut(&node).ok_or(ClientError::NoNode(node.0))
    }

    /// The open connection to a node.
    pub fn open_connection(&mut self, node: NodeId) -> Option<&mut Connection> {
        self.connections.get_mut(&node)
    }

    /// The open connections, to wait for.
    pub fn open_connections(&self) -> impl Iterator<Item = (NodeId, &Connection)> {
        self.connections.iter().map(|(node, connection)| (*node, connection))
    }

    /// Drops the connection to a node: requests without a reply never get one.
    pub fn disconnect(&mut self, node: NodeId) {
        self.connections.remove(&node);
    }

    /// Makes attempts until one succeeds, fails for good, or the time for operations is over.
    /// Between attempts the metadata of the known topics is asked for anew.
    pub fn with_retries<T>(
        &mut self,
        attempt: impl FnMut(&mut Self) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let timeout = self.config.operation_timeout;
        self.try_anew(timeout, ClientError::is_retriable, attempt)
    }

    /// [`Cluster::with_retries`] for what must not happen twice: what may have been done without
    /// our knowing is not tried anew.
    pub fn with_safe_retries<T>(
        &mut self,
        attempt: impl FnMut(&mut Self) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let timeout = self.config.operation_timeout;
        let is_safe = |error: &ClientError| error.is_retriable() && !error.ends_connection();
        self.try_anew(timeout, is_safe, attempt)
    }

    fn try_anew<T>(
        &mut self,
        timeout: Duration,
        may_retry: impl Fn(&ClientError) -> bool,
        mut attempt: impl FnMut(&mut Self) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let started = Instant::now();
        let mut backoff = Backoff::new(&self.config, timeout);
        loop {
            let error = match attempt(self) {
                Ok(value) => return Ok(value),
                Err(error) if !may_retry(&error) => return Err(error),
                Err(error) => error,
            };
            let Some(pause) = backoff.next(started.elapsed()) else {
                let after_ms = started.elapsed().as_millis() as u64;
                return Err(ClientError::GaveUp { after_ms, last: Box::new(error) });
            };
            std::thread::sleep(pause);
            self.refresh_known();
        }
    }

    /// Asks for the metadata of the known topics; what fails is met again by the next attempt.
    pub(crate) fn refresh_known(&mut self) {
        let names: Vec<String> =
            self.metadata.topics().map(|(name, _)| name.as_ref().to_owned()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let _ = self.refresh(Topics::Named(&names));
    }
}

/// Whether an error is about the server asked, so that another one may do better.
fn is_about_server(error: &ClientError) -> bool {
    error.ends_connection()
        || matches!(error, ClientError::Connect { .. } | ClientError::Version { .. })
}
