//! Runs a broker: checks the machine, takes the data directory, starts one pinned thread per core,
//! says when all of them answer, and stops them in order.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use corelog_cluster::ShardEndpoint;
use corelog_cluster::decide::TopicPolicy;
use corelog_io::mesh::{Sender, channel};
use corelog_io::ring::executor::{CoreThread, ExecutorConfig, run, start};
use corelog_io::ring::preflight::{Severity, check};
use corelog_io::{DirectoryLock, SyncPath};
use corelog_model::{BrokerId, ShardId, TopicId};
use corelog_security::delegation::DelegationKey;
use corelog_server::api::settings::broker_keys;
use corelog_server::api::{ApiSettings, BrokerConfigEntry};
use corelog_server::{
    BoundAddress, ConnectionBounds, ConnectionLimits, ConnectionSettings, Delegation, HttpServer,
    ListenerConfig, Server, ServerConfig, SocketOptions,
};
use corelog_shard::{
    BrokerConfig, CleanerConfig, CleanerLimits, Control, ControllerSeed, Links, Peers,
    ShardCommand, ShardLimits, start_controller_shard, start_shard,
};
use rustix::process::{Resource, getrlimit};

use super::config::endpoint::Endpoint;
use super::config::{Config, CoreAddress, CoreListener};
use super::security::Security;
use super::sync_road;
use crate::failure::{Exit, Failure, Reason};

const COMMANDS_QUEUED_MAX: usize = 1024;
const CHANGES_QUEUED_MAX: usize = 1024;
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
const PORT_PATIENCE: Duration = Duration::from_secs(5);
const PORT_PAUSE: Duration = Duration::from_millis(20);
const REQUESTS_PER_CONNECTION_MAX: usize = 256;

/// A running broker.
pub struct Broker {
    cores: Vec<CoreThread<Result<(), String>>>,
    outboxes: Vec<Sender<ShardCommand>>,
    /// For each core, its listeners and where they listen.
    addresses: Vec<Vec<(String, SocketAddr)>>,
    nodes: Vec<i32>,
    ended: mpsc::Receiver<CoreEvent>,
    http: Option<HttpServer>,
    security: Security,
    _lock: DirectoryLock,
}

enum CoreEvent {
    Ready,
    Ended(u16, String),
}

struct Core {
    shard: ShardId,
    executor: ExecutorConfig,
    broker: BrokerConfig,
    listeners: Vec<ListenerConfig>,
    server: ServerConfig,
    links: Links,
    seed: Option<ControllerSeed>,
    inbox: corelog_shard::Inbox,
    events: mpsc::Sender<CoreEvent>,
}

impl Broker {
    /// Starts every core and returns when all of them answer. `described` is what clients are told
    /// of the configuration.
    pub fn start(config: &Config, described: Vec<BrokerConfigEntry>) -> Result<Self, Failure> {
        let data = &config.data_dir;
        std::fs::create_dir_all(data).map_err(|error| {
            let what = format!("cannot use the data directory {}", data.display());
            Failure::new(Exit::Unsuitable, what, error, "choose another with --data-dir")
        })?;
        check_machine(data, config.cpus.len())?;
        let lock = take_lock(data)?;
        let sync = config
            .storage
            .journal_sync
            .map_or_else(|| sync_road::fastest(data, &config.cpus), Ok)?;
        super::identity::check(data, config.broker_id)?;
        let security = Security::start(&config.listeners)?;
        let bound = bind_addresses(config, &security)?;
        let metrics = config.metrics_listen.as_ref().map(bind_metrics).transpose()?;
        let (addresses, bound): (Vec<_>, Vec<_>) = bound.into_iter().unzip();
        let endpoints = endpoints(config, &addresses);
        let (control, requests) = Control::new(CHANGES_QUEUED_MAX);
        let (outboxes, inboxes): (Vec<_>, Vec<_>) =
            config.cpus.iter().map(|_| channel(COMMANDS_QUEUED_MAX)).unzip();
        let (events, ended) = mpsc::channel();
        let broker = broker_config(config, sync);
        let api = api_settings(config, &broker, described);
        let connections = ConnectionLimits::new(connection_settings(config));
        let mut seed = Some(ControllerSeed {
            endpoints,
            cluster_id: TopicId::from_bytes(*uuid::Uuid::new_v4().as_bytes()).to_string(),
            shards: outboxes.clone(),
            requests,
        });
        let mut cores = Vec::with_capacity(addresses.len());
        let (peers, requests) = Peers::new(broker.broker, addresses.len() as u16);
        let ends = inboxes.into_iter().zip(requests);
        for ((number, (inbox, requests)), listeners) in (0u16..).zip(ends).zip(bound) {
            let cpu = config.cpus[usize::from(number)];
            let core = Core {
                shard: ShardId(number),
                executor: ExecutorConfig {
                    name: format!("core-{number}"),
                    cpu: Some(cpu),
                    spin: Duration::from_micros(config.poll_us),
                },
                broker: broker.clone(),
                listeners,
                server: server_config(config, &api, &connections),
                links: Links { control: control.clone(), peers: peers.clone(), requests },
                seed: seed.take(),
                inbox,
                events: events.clone(),
            };
            cores.push(core.spawn()?);
        }
        let nodes = config.cores().iter().map(|core| core.node as i32).collect();
        let mut broker =
            Self { cores, outboxes, addresses, nodes, ended, http: None, security, _lock: lock };
        // Before the cores are ready, so that whoever asks is told that they are not.
        if let Some(listener) = metrics
            && let Err(failure) = broker.serve_http(listener, &config.cpus)
        {
            broker.stop().ok();
            return Err(failure);
        }
        broker.wait_until_ready()
    }

    fn serve_http(&mut self, listener: TcpListener, cpus: &[usize]) -> Result<(), Failure> {
        let server = HttpServer::start(listener, self.outboxes.clone(), cpus);
        let server = server.map_err(|error| {
            let hint = "check the limits of this process";
            Failure::new(Exit::Unsuitable, "cannot serve metrics", error, hint)
        })?;
        self.http = Some(server);
        Ok(())
    }

    fn wait_until_ready(self) -> Result<Self, Failure> {
        for _ in 0..self.cores.len() {
            match self.ended.recv() {
                Ok(CoreEvent::Ready) => {}
                Ok(CoreEvent::Ended(core, why)) => {
                    let failure = start_failure(core, &why);
                    self.stop().ok();
                    return Err(failure);
                }
                Err(_) => unreachable!("every core says how it ended"),
            }
        }
        Ok(self)
    }

    /// The line a script can wait for.
    pub fn ready_line(&self) -> String {
        let mut parts = Vec::new();
        // The first listener comes first, without its name; the others follow with theirs.
        for position in 0..self.addresses[0].len() {
            for (node, listeners) in self.nodes.iter().zip(&self.addresses) {
                let (name, address) = &listeners[position];
                let name = if position == 0 { String::new() } else { format!("{name}:") };
                parts.push(format!("{name}{node}={address}"));
            }
        }
        parts.extend(self.http.iter().map(|http| format!("metrics={}", http.address())));
        format!("corelog ready: {}", parts.join(" "))
    }

    /// Where to ask each core for its numbers.
    pub fn outboxes(&self) -> &[Sender<ShardCommand>] {
        &self.outboxes
    }

    /// The files of TLS and SASL.
    pub fn security(&mut self) -> &mut Security {
        &mut self.security
    }

    /// Waits until a core ends by itself, which is a failure, at most `patience`.
    pub fn failed_within(&self, patience: Duration) -> Option<Failure> {
        match self.ended.recv_timeout(patience) {
            Ok(CoreEvent::Ended(core, why)) => Some(start_failure(core, &why)),
            _ => None,
        }
    }

    /// Closes every core: data goes to segments, the checkpoint is written.
    pub fn stop(self) -> Result<(), Failure> {
        // The first core goes last: it holds the metadata that the others may still ask for.
        for outbox in self.outboxes.iter().rev() {
            // A core that ended by itself has no inbox any more.
            drop(outbox.send(ShardCommand::Stop));
        }
        let mut reasons = Vec::new();
        for core in self.cores {
            let ended = core.join().map_err(|error| error.to_string()).and_then(|ended| ended);
            if let Err(why) = ended {
                let hint = "the next start replays the journal and loses nothing".to_owned();
                reasons.push(Reason { why, hint });
            }
        }
        if reasons.is_empty() {
            return Ok(());
        }
        Err(Failure::with_reasons(Exit::Failed, "the broker did not stop cleanly", reasons))
    }
}

impl Core {
    fn spawn(self) -> Result<CoreThread<Result<(), String>>, Failure> {
        let executor = self.executor.clone();
        start(&executor, move || self.run()).map_err(|error| {
            let hint = "check `corelog serve --print-config` and the limits of this process";
            Failure::new(Exit::Unsuitable, "cannot start a core", error, hint)
        })
    }

    async fn run(self) -> Result<(), String> {
        let (number, events) = (self.shard.0, self.events.clone());
        let outcome = self.serve().await;
        let why = outcome.as_ref().err().cloned().unwrap_or_default();
        // Nobody listens any more when the broker is being stopped.
        let _ = events.send(CoreEvent::Ended(number, why));
        outcome
    }

    async fn serve(self) -> Result<(), String> {
        let started = match self.seed {
            Some(seed) => start_controller_shard(self.broker, seed, self.links, self.inbox).await,
            None => start_shard(self.broker, self.shard, self.links, self.inbox).await,
        };
        let started = started.map_err(|error| error.to_string())?;
        let server = Server::start(&started.shard, self.listeners, self.server)
            .map_err(|error| format!("cannot listen: {error}"))?;
        let report = started.shard.recovery_report();
        tracing::info!(
            core = self.shard.0,
            partitions = report.partitions,
            frames_replayed = report.frames,
            batches_replayed = report.batches,
            millis = report.millis,
            "storage is open"
        );
        let _ = self.events.send(CoreEvent::Ready);
        started.shard.run(&started.inbox).await;
        drop(server);
        started.shard.close().await.map_err(|error| error.to_string())
    }
}

fn start_failure(core: u16, why: &str) -> Failure {
    let is_damage = why.contains("damaged") || why.contains("lost acknowledged");
    let (exit, hint) = if is_damage {
        (Exit::Damaged, "keep a copy of the data directory; examine it with `corelog log verify`")
    } else {
        (Exit::Failed, "the reason above says what to change; the data was not touched")
    };
    Failure::new(exit, format!("core {core} ended"), why, hint)
}

fn check_machine(data: &Path, cores: usize) -> Result<(), Failure> {
    let mut reasons = Vec::new();
    for finding in check(data, cores) {
        match finding.severity {
            Severity::Fatal => reasons.push(Reason { why: finding.what, hint: finding.remedy }),
            Severity::Warning => tracing::warn!("{finding}"),
        }
    }
    if reasons.is_empty() {
        return Ok(());
    }
    Err(Failure::with_reasons(Exit::Unsuitable, "this machine cannot run a broker", reasons))
}

fn take_lock(data: &Path) -> Result<DirectoryLock, Failure> {
    let directory = data.to_path_buf();
    let taken = run(|| async move { DirectoryLock::take(&directory, LOCK_PATIENCE).await });
    let what = format!("cannot use the data directory {}", data.display());
    match taken {
        Ok(Ok(lock)) => Ok(lock),
        Ok(Err(error)) => {
            let hint = "stop the broker that uses it, or choose another with --data-dir";
            Err(Failure::new(Exit::Unsuitable, what, error, hint))
        }
        Err(error) => Err(Failure::new(Exit::Unsuitable, what, error, "see the limits above")),
    }
}

/// The listeners of one core with their addresses.
type BoundListeners = (Vec<(String, SocketAddr)>, Vec<ListenerConfig>);

/// Takes the addresses of each core, so that nobody else can until the core listens there.
fn bind_addresses(config: &Config, security: &Security) -> Result<Vec<BoundListeners>, Failure> {
    let bind = |(position, listener): (usize, CoreListener)| {
        let CoreListener { name, listen, .. } = listener;
        let bound = bind_patiently(&listen, BoundAddress::bind)
            .and_then(|bound| Ok((bound.local_addr()?, bound)));
        let (local, address) = bound.map_err(|error| {
            let hint = "stop what uses the port, or choose another with --listen";
            Failure::new(Exit::Unsuitable, format!("cannot listen on {listen}"), error, hint)
        })?;
        let (tls, sasl) = security.of(position);
        Ok(((name.clone(), local), ListenerConfig { name, address, tls, sasl }))
    };
    let bind_core = |core: CoreAddress| core.listeners.into_iter().enumerate().map(bind).collect();
    config.cores().into_iter().map(bind_core).collect()
}

/// Takes the address for metrics and health. Whoever connects waits until they are served.
fn bind_metrics(endpoint: &Endpoint) -> Result<TcpListener, Failure> {
    bind_patiently(endpoint, TcpListener::bind::<SocketAddr>).map_err(|error| {
        let what = format!("cannot listen on {endpoint} for metrics");
        let hint = "stop what uses the port, or choose another with --set \
                    corelog.metrics.listen=HOST:PORT; nothing behind the = is no metrics";
        Failure::new(Exit::Unsuitable, what, error, hint)
    })
}

/// The kernel closes the sockets of a killed process a moment after its end, because its ring must
/// go first.
fn bind_patiently<T>(
    endpoint: &Endpoint,
    bind: impl Fn(SocketAddr) -> std::io::Result<T>,
) -> std::io::Result<T> {
    let host = if endpoint.host.is_empty() { "0.0.0.0" } else { endpoint.host.as_str() };
    let mut resolved = (host, endpoint.port).to_socket_addrs()?;
    let nowhere = || std::io::Error::other("the host has no address");
    let address = resolved.next().ok_or_else(nowhere)?;
    let begun = Instant::now();
    loop {
        match bind(address) {
            Err(error)
                if error.kind() == ErrorKind::AddrInUse && begun.elapsed() < PORT_PATIENCE =>
            {
                std::thread::sleep(PORT_PAUSE);
            }
            bound => return bound,
        }
    }
}

fn endpoints(config: &Config, addresses: &[Vec<(String, SocketAddr)>]) -> Vec<ShardEndpoint> {
    let mut endpoints = Vec::new();
    for (core, bound) in config.cores().into_iter().zip(addresses) {
        for (CoreListener { name, advertise, .. }, (_, address)) in
            core.listeners.into_iter().zip(bound)
        {
            endpoints.push(ShardEndpoint {
                shard: ShardId(core.shard),
                listener: name,
                host: advertise.host,
                port: if advertise.port == 0 { address.port() } else { advertise.port },
            });
        }
    }
    endpoints
}

fn broker_config(config: &Config, sync: SyncPath) -> BrokerConfig {
    let storage = &config.storage;
    let defaults: BTreeMap<String, String> = broker_keys(&config.topics.defaults);
    let topics = TopicPolicy {
        partitions_default: config.topics.partitions as usize,
        replication_factor_default: config.topics.replication_factor as usize,
        ..TopicPolicy::default()
    };
    BrokerConfig {
        broker: BrokerId(config.broker_id as i32),
        rack: config.rack.clone(),
        data_directory: config.data_dir.clone(),
        topic_defaults: defaults,
        topics,
        limits: ShardLimits {
            journal_file_bytes: storage.journal_file_bytes,
            journal_files_max: storage.journal_files_max,
            tail_bytes_max: storage.tail_memory_bytes as usize,
            inflight_bytes_max: config.clients.inflight_bytes_max as usize,
            answer_bytes_max: config.clients.answer_bytes_max as usize,
            disk_reserve_bytes: storage.disk_reserve_bytes,
            retention_check_ms: storage.retention_check_ms,
            producer_expiration_ms: storage.producer_expiry_ms as i64,
            producer_expiration_check_ms: storage.producer_expiry_check_ms,
            verifies_transactions: storage.verifies_transactions,
            token_check_ms: config.tokens.check_ms,
            sync_path: sync,
            cleaner: cleaner_limits(config),
            ..ShardLimits::default()
        },
        groups: config.groups.coordinator.clone(),
        group_bounds: config.groups.bounds.clone(),
        transactions: config.transactions.coordinator.clone(),
        share: config.share.settings.clone(),
    }
}

/// Memory and bandwidth of the compaction are split over the cores.
fn cleaner_limits(config: &Config) -> CleanerLimits {
    let (cleaner, cores) = (&config.storage.cleaner, config.cores().len().max(1) as u64);
    CleanerLimits {
        is_enabled: cleaner.is_enabled,
        backoff_ms: cleaner.backoff_ms,
        pass: CleanerConfig {
            dedupe_bytes_max: (cleaner.dedupe_bytes / cores) as usize,
            load_percent_max: cleaner.load_percent_max,
            bytes_per_second_max: cleaner.bytes_per_second_max.map(|bytes| (bytes / cores).max(1)),
            ..CleanerConfig::default()
        },
    }
}

fn api_settings(
    config: &Config,
    broker: &BrokerConfig,
    broker_configs: Vec<BrokerConfigEntry>,
) -> ApiSettings {
    ApiSettings {
        broker: broker.broker,
        auto_create_topics: config.topics.auto_create,
        delete_topics: config.topics.allow_delete,
        topics: broker.topics.clone(),
        topic_defaults: broker.topic_defaults.clone(),
        broker_configs,
        groups_topic: config.groups.topic,
        transactions_topic: config.transactions.topic,
        share_topic: config.share.topic,
        described_partitions_max: config.clients.described_partitions_max as usize,
        share_sessions_max: (config.share.settings.sessions_max / config.cpus.len()).max(1),
        loggers: crate::logging::levels(),
        authorizer: config.authorizer.clone(),
        delegation: config
            .tokens
            .key
            .as_ref()
            .map(|key| Delegation::new(DelegationKey::new(key), config.tokens.times)),
        ..ApiSettings::default()
    }
}

/// Connections that leave enough file descriptors for partitions: four fifths of them.
fn connections_by_descriptors() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current;
    let connections = descriptors.map(|max| usize::try_from(max).unwrap_or(usize::MAX) / 5 * 4);
    connections.unwrap_or(usize::MAX)
}

fn connection_settings(config: &Config) -> ConnectionSettings {
    let clients = &config.clients;
    let overrides = clients.connections_per_address_overrides.iter();
    let rates = config.listeners.iter().filter_map(|listener| {
        Some((listener.name.clone(), listener.connection_creation_rate_max?))
    });
    ConnectionSettings {
        all_max: (clients.connections_max as usize).min(connections_by_descriptors()),
        per_peer_max: clients.connections_per_address_max as usize,
        per_peer_overrides: overrides.map(|(peer, max)| (*peer, *max as usize)).collect(),
        creation_rate_max: clients.connection_creation_rate_max,
        listener_creation_rates_max: rates.collect(),
    }
}

fn server_config(
    config: &Config,
    api: &ApiSettings,
    connections: &ConnectionLimits,
) -> ServerConfig {
    let clients = &config.clients;
    ServerConfig {
        sockets: SocketOptions {
            backlog: clients.backlog,
            receive_buffer_bytes: clients.receive_buffer_bytes,
            send_buffer_bytes: clients.send_buffer_bytes,
        },
        bounds: ConnectionBounds {
            frame_bytes_max: clients.request_bytes_max as usize,
            idle_max: Duration::from_millis(clients.idle_ms_max),
            frame_time_max: Duration::from_millis(clients.frame_read_ms_max),
            answer_period: Duration::from_millis(clients.answer_write_ms_max),
            login_time_max: Duration::from_millis(clients.login_ms_max),
            requests_max: REQUESTS_PER_CONNECTION_MAX.min(clients.requests_queued_max as usize),
        },
        connections: connections.clone(),
        failed_logins_max: clients.failed_logins_max,
        api: api.clone(),
        sessions_max: (clients.fetch_sessions_max as usize / config.cpus.len()).max(1),
        fetch_bytes_max: clients.fetch_bytes_max as usize,
    }
}
