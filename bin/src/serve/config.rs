//! The server's configuration, checked and typed: the only form the server sees. What the
//! operator typed ([`raw`]) is resolved over the layers ([`settings`]) and then checked as a whole.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use corelog_cluster::Authorizer;
use corelog_cluster::group_keys::GroupBounds;
use corelog_coordinator::GroupConfig;
use corelog_coordinator::consumer_group::{Assignor, ConsumerGroupConfig, MigrationPolicy};
use corelog_coordinator::transactions::TransactionConfig;
use corelog_io::SyncPath;
use corelog_server::api::InternalTopic;
use serde::Serialize;

use self::cores::CoreChoice;
use self::endpoint::Endpoint;
use self::listener::Listener;
use self::problem::Problem;
use self::settings::Settings;
use self::share::{ShareRules, share_group_rules, share_rules};
use self::tokens::{TokenRules, token_rules};
use super::machine::Machine;

mod authorization;
mod bounds;
mod connections;
pub mod cores;
pub mod endpoint;
pub mod keys;
pub mod listener;
pub mod problem;
pub mod properties;
pub mod raw;
pub mod security;
pub mod settings;
pub mod share;
pub mod source;
pub mod tokens;

/// The journal, the segments and every direct write are made of blocks of this size.
const BLOCK_BYTES: u64 = 4096;

/// What a journal frame adds to the batch it carries, at most: one block before and one behind.
const FRAME_OVERHEAD_BYTES: u64 = 2 * BLOCK_BYTES;

/// Everything `serve` needs. Valid because it exists: bounds and combinations are checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Number of this broker in its cluster.
    pub broker_id: u32,
    /// Rack that clients see; `None`: the broker is the rack of its cores.
    pub rack: Option<String>,
    /// Where clients connect; at least one.
    pub listeners: Vec<Listener>,
    /// The CPU of each shard.
    pub cpus: Vec<usize>,
    /// How long an idle core looks for work before it sleeps, in microseconds.
    pub poll_us: u64,
    /// Directory that holds all data.
    pub data_dir: PathBuf,
    /// Address of the HTTP port for metrics and health.
    pub metrics_listen: Option<Endpoint>,
    /// What is decided for topics that do not say.
    pub topics: TopicRules,
    /// Bounds of what clients can do.
    pub clients: ClientLimits,
    /// Bounds of what is on disk and in memory.
    pub storage: StorageLimits,
    /// Groups.
    pub groups: GroupRules,
    /// Transactions.
    pub transactions: TransactionRules,
    /// Of share groups.
    pub share: ShareRules,
    /// Who may do what; `None`: everybody may do everything.
    pub authorizer: Option<Authorizer>,
    /// How delegation tokens are made.
    pub tokens: TokenRules,
}

/// How groups are coordinated, and the topic they are kept in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRules {
    /// The coordinator's settings.
    pub coordinator: GroupConfig,
    /// What single consumer groups may have otherwise.
    pub bounds: GroupBounds,
    /// What the topic is created with.
    pub topic: InternalTopic,
}

/// How transactions are coordinated, and the topic they are kept in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionRules {
    /// The coordinator's settings.
    pub coordinator: TransactionConfig,
    /// What the topic is created with.
    pub topic: InternalTopic,
}

/// What is decided for topics that do not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRules {
    /// Partitions of a topic created without a number.
    pub partitions: u32,
    /// Replicas of a topic created without a number.
    pub replication_factor: u32,
    /// Whether asking for an unknown topic may create it.
    pub auto_create: bool,
    /// Whether topics may be deleted.
    pub allow_delete: bool,
    /// Topic configs that the operator set through broker keys (`log.retention.hours` is
    /// `retention.ms` here). A config that is missing has the default of the topic config table.
    pub defaults: BTreeMap<String, String>,
}

/// Bounds of what clients can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLimits {
    /// Largest request; a longer one closes its connection.
    pub request_bytes_max: u64,
    /// In each time so long a client must send its bytes of a request that has begun.
    pub frame_read_ms_max: u64,
    /// A connection without requests for this long is closed.
    pub idle_ms_max: u64,
    /// Open connections over all cores.
    pub connections_max: u32,
    /// Open connections from one address over all cores.
    pub connections_per_address_max: u32,
    /// Open connections from these addresses instead.
    pub connections_per_address_overrides: BTreeMap<IpAddr, u32>,
    /// Connections that are opened in a second over all cores; `None`: as many as come.
    pub connection_creation_rate_max: Option<u32>,
    /// Connections that wait to be accepted, for each core.
    pub backlog: u32,
    /// `SO_RCVBUF`; `None`: the kernel adapts it.
    pub receive_buffer_bytes: Option<u32>,
    /// `SO_SNDBUF`; `None`: the kernel adapts it.
    pub send_buffer_bytes: Option<u32>,
    /// Requests of one connection in work.
    pub requests_queued_max: u32,
    /// Logins of one address that may fail in a minute on one core.
    pub failed_logins_max: u32,
    /// A client must have finished its TLS handshake and logged in within this time.
    pub login_ms_max: u64,
    /// Memory of one core for requests in work.
    pub inflight_bytes_max: u64,
    /// Memory of one core for what answers keep of disk reads.
    pub answer_bytes_max: u64,
    /// In each time so long a client must take its bytes of an answer.
    pub answer_write_ms_max: u64,
    /// Largest answer to a fetch.
    pub fetch_bytes_max: u64,
    /// Fetch sessions that are kept.
    pub fetch_sessions_max: u32,
    /// Partitions in one page of `DescribeTopicPartitions`.
    pub described_partitions_max: u32,
}

/// Bounds of what is on disk and in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageLimits {
    /// Size of one journal file, a multiple of 4096.
    pub journal_file_bytes: u64,
    /// Journal files of one core.
    pub journal_files_max: u32,
    /// The road of the journal to durability; `None`: the fastest, measured at start.
    pub journal_sync: Option<SyncPath>,
    /// Memory of one core for the newest records of its partitions.
    pub tail_memory_bytes: u64,
    /// Free space below which writes are refused.
    pub disk_reserve_bytes: u64,
    /// How often old segments are looked for.
    pub retention_check_ms: u64,
    /// How old segments are compacted.
    pub cleaner: CleanerSettings,
    /// How long a partition remembers a producer that writes nothing.
    pub producer_expiry_ms: u64,
    /// How often forgotten producers are looked for.
    pub producer_expiry_check_ms: u64,
    /// Whether a transaction must be known to its coordinator when its first batch comes.
    pub verifies_transactions: bool,
}

/// How old segments are compacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanerSettings {
    /// Whether they are.
    pub is_enabled: bool,
    /// Time between two looks for something to do.
    pub backoff_ms: u64,
    /// Memory for keys, over all cores.
    pub dedupe_bytes: u64,
    /// How full that memory gets, in percent.
    pub load_percent_max: u32,
    /// Bytes read and written in a second over all cores; `None`: no limit.
    pub bytes_per_second_max: Option<u64>,
}

/// One core as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CoreAddress {
    /// Number of the shard, from 0.
    pub shard: u16,
    /// The CPU it runs on.
    pub cpu: usize,
    /// Its node id in the Kafka protocol.
    pub node: u32,
    /// Its listeners, in the order of the configuration.
    pub listeners: Vec<CoreListener>,
}

/// One listener of one core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CoreListener {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub listen: Endpoint,
    /// Where clients are told to connect.
    pub advertise: Endpoint,
}

impl Config {
    /// Checks the settings together and against the machine. All problems are returned.
    pub fn check(settings: &Settings, machine: &Machine) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let listeners = listener::listeners(settings, machine, &mut problems);
        let cpus = cpus(settings, machine, &mut problems);
        let data_dir = data_dir(settings, &mut problems);
        let metrics_listen = metrics_listen(settings, &mut problems);
        let groups = group_rules(settings, &mut problems);
        let clients = client_limits(settings, &mut problems);
        let authorizer = authorization::authorizer(settings, &mut problems);
        check_sizes(settings, &mut problems);
        let (Some(listeners), Some(cpus), Some(data_dir)) = (listeners, cpus, data_dir) else {
            return Err(problems);
        };
        for listener in &listeners {
            let Listener { listen, advertise, .. } = listener;
            check_ports(settings, listen, cpus.len(), "listeners", &mut problems);
            check_ports(settings, advertise, cpus.len(), "advertised.listeners", &mut problems);
            if let Some(metrics) = &metrics_listen {
                check_metrics_port(settings, metrics, listen, cpus.len(), &mut problems);
            }
        }
        check_overlap(settings, &listeners, cpus.len(), &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            broker_id: settings.small("node.id"),
            rack: Some(settings.text("broker.rack").to_owned()).filter(|rack| !rack.is_empty()),
            listeners,
            cpus,
            poll_us: settings.unsigned("corelog.poll.us"),
            data_dir,
            metrics_listen,
            topics: topic_rules(settings),
            clients,
            storage: storage_limits(settings),
            groups,
            transactions: transaction_rules(settings),
            share: share_rules(settings),
            authorizer,
            tokens: token_rules(settings),
        })
    }

    /// Every core with its CPU, node id and addresses, in the order of the shards.
    pub fn cores(&self) -> Vec<CoreAddress> {
        let core = |(shard, &cpu): (u16, &usize)| CoreAddress {
            shard,
            cpu,
            node: self.broker_id * cores::CORES_MAX as u32 + u32::from(shard),
            listeners: self.listeners.iter().map(|listener| listener.of_core(shard)).collect(),
        };
        (0..).zip(&self.cpus).map(core).collect()
    }

    /// What the operator should know about a valid configuration.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for listener in &self.listeners {
            warnings.extend(listener.warnings());
        }
        warnings.extend(authorization::warnings(self));
        if let Some(metrics) = self.metrics_listen.as_ref().filter(|it| !it.is_loopback()) {
            warnings.push(format!(
                "{metrics} shows metrics to other machines, without authentication or encryption"
            ));
        }
        warnings
    }
}

fn topic_rules(settings: &Settings) -> TopicRules {
    TopicRules {
        partitions: settings.small("num.partitions"),
        replication_factor: settings.small("default.replication.factor"),
        auto_create: settings.boolean("auto.create.topics.enable"),
        allow_delete: settings.boolean("delete.topic.enable"),
        defaults: settings.topic_defaults(),
    }
}

fn group_rules(settings: &Settings, problems: &mut Vec<Problem>) -> GroupRules {
    let shortest = settings.unsigned("group.min.session.timeout.ms");
    if settings.unsigned("group.max.session.timeout.ms") < shortest {
        let why = format!("is below {}", settings.setting("group.min.session.timeout.ms").place());
        let hint = "raise it, or lower group.min.session.timeout.ms";
        problems.push(unfit(settings, "group.max.session.timeout.ms", why, hint));
    }
    let millis = |name| Duration::from_millis(settings.unsigned(name));
    let coordinator = GroupConfig {
        session_timeout_min: millis("group.min.session.timeout.ms"),
        session_timeout_max: millis("group.max.session.timeout.ms"),
        initial_rebalance_delay: millis("group.initial.rebalance.delay.ms"),
        members_max: settings.small("group.max.size") as usize,
        offset_metadata_bytes_max: settings.small("offset.metadata.max.bytes") as usize,
        offsets_retention: Duration::from_secs(60 * settings.unsigned("offsets.retention.minutes")),
        offsets_retention_check_interval: millis("offsets.retention.check.interval.ms"),
        consumer: consumer_group_rules(settings, problems),
        share: share_group_rules(settings),
        ..GroupConfig::default()
    };
    let topic = InternalTopic {
        partitions: settings.integer("offsets.topic.num.partitions") as i32,
        replication_factor: settings.integer("offsets.topic.replication.factor") as i16,
        segment_bytes: settings.integer("offsets.topic.segment.bytes") as i32,
    };
    GroupRules { coordinator, bounds: bounds::group_bounds(settings, problems), topic }
}

fn transaction_rules(settings: &Settings) -> TransactionRules {
    let millis = |name| Duration::from_millis(settings.unsigned(name));
    let coordinator = TransactionConfig {
        timeout_max: millis("transaction.max.timeout.ms"),
        id_expiration: millis("transactional.id.expiration.ms"),
        abort_interval: millis("transaction.abort.timed.out.transaction.cleanup.interval.ms"),
        expire_interval: millis("transaction.remove.expired.transaction.cleanup.interval.ms"),
        ..TransactionConfig::default()
    };
    let topic = InternalTopic {
        partitions: settings.integer("transaction.state.log.num.partitions") as i32,
        replication_factor: settings.integer("transaction.state.log.replication.factor") as i16,
        segment_bytes: settings.integer("transaction.state.log.segment.bytes") as i32,
    };
    TransactionRules { coordinator, topic }
}

/// Of groups whose coordinator assigns.
fn consumer_group_rules(settings: &Settings, problems: &mut Vec<Problem>) -> ConsumerGroupConfig {
    let assignors = settings.list("group.consumer.assignors");
    let named = |name: &String| match name.as_str() {
        keys::UNIFORM_CLASS => Some(Assignor::Uniform),
        keys::RANGE_CLASS => Some(Assignor::Range),
        name => Assignor::from_name(name),
    };
    let assignors: Vec<_> = assignors.iter().filter_map(named).collect();
    if assignors.is_empty() {
        let why = "names no assignor".to_owned();
        let hint = "write uniform, range or both";
        problems.push(unfit(settings, "group.consumer.assignors", why, hint));
    }
    let policy = settings.text("group.consumer.migration.policy");
    let millis = |name| Duration::from_millis(settings.unsigned(name));
    ConsumerGroupConfig {
        heartbeat_interval: millis("group.consumer.heartbeat.interval.ms"),
        session_timeout: millis("group.consumer.session.timeout.ms"),
        members_max: settings.small("group.consumer.max.size") as usize,
        assignors,
        migration: MigrationPolicy::from_name(policy).unwrap_or_default(),
        ..ConsumerGroupConfig::default()
    }
}

fn client_limits(settings: &Settings, problems: &mut Vec<Problem>) -> ClientLimits {
    let buffer = |name| u32::try_from(settings.integer(name)).ok();
    ClientLimits {
        request_bytes_max: settings.unsigned("socket.request.max.bytes"),
        frame_read_ms_max: settings.unsigned("corelog.frame.read.timeout.ms"),
        idle_ms_max: settings.unsigned("connections.max.idle.ms"),
        connections_max: settings.small("max.connections"),
        connections_per_address_max: settings.small("max.connections.per.ip"),
        connections_per_address_overrides: connections::per_address_overrides(settings, problems),
        connection_creation_rate_max: connections::creation_rate_max(settings),
        backlog: settings.small("socket.listen.backlog.size"),
        receive_buffer_bytes: buffer("socket.receive.buffer.bytes"),
        send_buffer_bytes: buffer("socket.send.buffer.bytes"),
        requests_queued_max: settings.small("queued.max.requests"),
        failed_logins_max: settings.small("corelog.failed.logins.per.ip.max"),
        login_ms_max: settings.unsigned("corelog.login.timeout.ms"),
        inflight_bytes_max: settings.unsigned("corelog.inflight.bytes"),
        answer_bytes_max: settings.unsigned("corelog.answer.bytes"),
        answer_write_ms_max: settings.unsigned("corelog.answer.write.timeout.ms"),
        fetch_bytes_max: settings.unsigned("fetch.max.bytes"),
        fetch_sessions_max: settings.small("max.incremental.fetch.session.cache.slots"),
        described_partitions_max: settings.small("max.request.partition.size.limit"),
    }
}

fn storage_limits(settings: &Settings) -> StorageLimits {
    StorageLimits {
        journal_file_bytes: settings.unsigned("corelog.journal.file.bytes"),
        journal_files_max: settings.small("corelog.journal.files.max"),
        journal_sync: match settings.text("corelog.journal.sync") {
            "write" => Some(SyncPath::Write),
            "ring" => Some(SyncPath::Ring),
            "thread" => Some(SyncPath::Thread),
            _ => None,
        },
        tail_memory_bytes: settings.unsigned("corelog.tail.memory.bytes"),
        disk_reserve_bytes: settings.unsigned("corelog.disk.reserve.bytes"),
        retention_check_ms: settings.unsigned("log.retention.check.interval.ms"),
        cleaner: cleaner_settings(settings),
        producer_expiry_ms: settings.unsigned("producer.id.expiration.ms"),
        producer_expiry_check_ms: settings.unsigned("producer.id.expiration.check.interval.ms"),
        verifies_transactions: settings.boolean("transaction.partition.verification.enable"),
    }
}

fn cleaner_settings(settings: &Settings) -> CleanerSettings {
    let bytes_per_second = settings.decimal("log.cleaner.io.max.bytes.per.second");
    CleanerSettings {
        is_enabled: settings.boolean("log.cleaner.enable"),
        backoff_ms: settings.unsigned("log.cleaner.backoff.ms"),
        dedupe_bytes: settings.unsigned("log.cleaner.dedupe.buffer.size"),
        load_percent_max: (settings.decimal("log.cleaner.io.buffer.load.factor") * 100.0) as u32,
        // Kafka's default, the largest number there is, is no limit.
        bytes_per_second_max: (bytes_per_second < 1e15).then_some(bytes_per_second as u64),
    }
}

fn cpus(settings: &Settings, machine: &Machine, problems: &mut Vec<Problem>) -> Option<Vec<usize>> {
    let choice = CoreChoice::parse(settings.text("corelog.cores"));
    match choice.and_then(|choice| choice.select(&machine.cpus_allowed)) {
        Ok(cpus) => Some(cpus),
        Err(error) => {
            problems.push(unfit(settings, "corelog.cores", &error, error.hint()));
            None
        }
    }
}

fn data_dir(settings: &Settings, problems: &mut Vec<Problem>) -> Option<PathBuf> {
    let (why, hint) = match settings.list("log.dirs") {
        [only] => return Some(PathBuf::from(only)),
        [] => ("names no directory", "name the directory that shall hold the data"),
        [..] => ("names several directories, but one holds all data", "keep one of them"),
    };
    problems.push(unfit(settings, "log.dirs", why, hint));
    None
}

fn metrics_listen(settings: &Settings, problems: &mut Vec<Problem>) -> Option<Endpoint> {
    let text = settings.text("corelog.metrics.listen");
    if text.is_empty() {
        return None;
    }
    let endpoint = Endpoint::parse(text);
    endpoint
        .map_err(|error| {
            let hint = "write HOST:PORT, or nothing for no metrics";
            problems.push(unfit(settings, "corelog.metrics.listen", error, hint));
        })
        .ok()
}

/// Sizes that must fit into each other, or a request could never be served.
fn check_sizes(settings: &Settings, problems: &mut Vec<Problem>) {
    let journal_file = settings.unsigned("corelog.journal.file.bytes");
    if !journal_file.is_multiple_of(BLOCK_BYTES) {
        let hint = format!("write {}", journal_file / BLOCK_BYTES * BLOCK_BYTES);
        let why = "is not a multiple of 4096, the block of direct writes";
        problems.push(unfit(settings, "corelog.journal.file.bytes", why, hint));
    }
    let fits = [
        ("socket.request.max.bytes", 0, "corelog.inflight.bytes"),
        ("fetch.max.bytes", 0, "corelog.inflight.bytes"),
        ("message.max.bytes", 0, "socket.request.max.bytes"),
        ("message.max.bytes", FRAME_OVERHEAD_BYTES, "corelog.journal.file.bytes"),
        ("message.max.bytes", 0, "corelog.tail.memory.bytes"),
    ];
    for (part, overhead, whole) in fits {
        if settings.unsigned(part) + overhead > settings.unsigned(whole) {
            let whole = settings.setting(whole);
            let why = format!("does not fit into {}", whole.place());
            let hint = format!("lower {part}, or raise {}", whole.key.name);
            problems.push(unfit(settings, part, why, hint));
        }
    }
}

/// Every core needs a port: they follow each other from the first.
fn check_ports(
    settings: &Settings,
    first: &Endpoint,
    cores: usize,
    name: &str,
    problems: &mut Vec<Problem>,
) {
    if first.port != 0 && usize::from(first.port) + cores - 1 > usize::from(u16::MAX) {
        let why = format!("leaves no port for each of {cores} cores below 65536");
        let hint = format!("use port {} or lower, or fewer cores", 65_536 - cores);
        problems.push(unfit(settings, name, why, hint));
    }
}

/// No two listeners may want the same port.
fn check_overlap(
    settings: &Settings,
    listeners: &[Listener],
    cores: usize,
    problems: &mut Vec<Problem>,
) {
    for (position, listener) in listeners.iter().enumerate() {
        let overlaps = |other: &&Listener| listener.listen.overlaps(&other.listen, cores);
        if let Some(other) = listeners[..position].iter().find(overlaps) {
            let why = format!(
                "gives {} and {} the same ports: each takes {cores}, one for each core",
                other.name, listener.name
            );
            let hint = format!("leave {cores} ports between them");
            problems.push(unfit(settings, "listeners", why, hint));
        }
    }
}

/// The metrics port must not be one that a core listens on.
fn check_metrics_port(
    settings: &Settings,
    metrics: &Endpoint,
    listen: &Endpoint,
    cores: usize,
    problems: &mut Vec<Problem>,
) {
    let taken = usize::from(listen.port)..usize::from(listen.port) + cores;
    let same_host = metrics.host == listen.host || metrics.is_wildcard() || listen.is_wildcard();
    if same_host && metrics.port != 0 && taken.contains(&usize::from(metrics.port)) {
        let last = taken.end - 1;
        let why = format!("is a port of the cores, who listen on {} to {last}", taken.start);
        let hint = "choose a port outside of them";
        problems.push(unfit(settings, "corelog.metrics.listen", why, hint));
    }
}

/// A problem about a setting whose text is valid alone.
fn unfit(
    settings: &Settings,
    name: &str,
    why: impl std::fmt::Display,
    hint: impl Into<String>,
) -> Problem {
    Problem::Unfit { why: format!("{} {why}", settings.setting(name).place()), hint: hint.into() }
}

#[cfg(test)]
mod tests;
