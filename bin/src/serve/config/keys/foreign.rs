//! Keys of Kafka that have no effect here, each with the reason, so that a server.properties
//! carries over. A name that ends with `.` stands for its whole family: nothing in it has an
//! effect, so a misspelt name in it can do no harm.

use std::cmp::Reverse;

use super::Foreign;

/// All of them. Whole names come before families and longer families before shorter ones, so
/// that the most specific reason is found first.
pub(super) fn all() -> Vec<Foreign> {
    let ignored = IGNORED.iter().flat_map(|&(reason, names)| {
        names.iter().map(move |&name| Foreign { name, reason, harmless: None })
    });
    let mut all: Vec<Foreign> = REFUSED
        .iter()
        .map(|&(name, harmless, reason)| Foreign { name, reason, harmless: Some(harmless) })
        .chain(ignored)
        .collect();
    all.sort_by_key(|foreign| (foreign.name.ends_with('.'), Reverse(foreign.name.len())));
    all
}

/// Keys that ask for something whose absence the operator must not overlook: the name, the values
/// with which it asks for nothing, and why it cannot be had.
const REFUSED: &[(&str, &[&str], &str)] = &[
    ("create.topic.policy.class.name", &[""], "policies written in Java cannot be run"),
    ("alter.config.policy.class.name", &[""], "policies written in Java cannot be run"),
    ("client.quota.callback.class", &[""], "quotas written in Java cannot be run"),
    (
        "ssl.cipher.suites",
        &[""],
        "the cipher suites are those of the TLS library, all of them strong",
    ),
    ("ssl.engine.factory.class", &[""], "classes written in Java cannot be run"),
    ("principal.builder.class", &[""], "classes written in Java cannot be run"),
    ("sasl.server.callback.handler.class", &[""], "classes written in Java cannot be run"),
    ("host.name", &[], "listeners names the address"),
    ("port", &[], "listeners names the address"),
    ("advertised.host.name", &[], "advertised.listeners names the address"),
    ("advertised.port", &[], "advertised.listeners names the address"),
    ("config.providers", &[""], "providers written in Java cannot be run"),
    (
        "process.roles",
        &["", "broker", "broker,controller", "controller,broker"],
        "this process is a broker, and there are no separate controllers",
    ),
    ("remote.log.storage.system.enable", &["false"], "there is no tiered storage"),
    (
        "group.coordinator.rebalance.protocols",
        &[
            "classic,consumer",
            "classic,consumer,streams",
            "classic,consumer,share",
            "classic,consumer,streams,share",
            "classic,consumer,share,streams",
        ],
        "classic, consumer and share groups are always served",
    ),
    ("transaction.two.phase.commit.enable", &["false"], "there are no two-phase transactions"),
];

const ONE_THREAD: &str = "each core is one thread that does all work of its partitions";
const ALWAYS_SYNCED: &str = "every write is synced to disk before it is acknowledged";
const NO_ZOOKEEPER: &str = "there is no ZooKeeper";
const NO_CONTROLLERS: &str = "there are no separate controllers";
const NO_REPLICATION: &str = "a partition has one replica";
const OTHER_GROUPS: &str = "there are no groups of Kafka Streams' own protocol";
const GROUP_VERSION: &str = "both protocols of consumer groups are always served";
const GROUP_EXPRESSIONS: &str = "expressions are matched when topics change, 10 s apart at least";
const GROUP_WRITES: &str =
    "groups are written and read like other data, as fast as the disk allows";
const TRANSACTION_WRITES: &str =
    "transactions are written and read like other data, as fast as the disk allows";
const SHARE_STATE: &str =
    "the state of share groups is written and read like other data, and its topic is compacted";
const SHARE_ASSIGNORS: &str = "share groups have one assignor, and their state one place";
const NO_DEAD_LETTERS: &str = "records of share groups that cannot be processed are archived";
const QUOTA_WINDOWS: &str = "quotas are counted over 11 windows of a second, as by default";
const NO_REPLICATION_QUOTAS: &str = "nothing is replicated, so there is nothing to throttle";
const NO_TIERS: &str = "there is no tiered storage";
const NO_JMX: &str = "metrics are read over HTTP, see corelog.metrics.listen";
const NO_OLD_FORMATS: &str = "record batches are always of format 2";
const COMPACTION: &str = "compaction runs on the core that owns the partition";
const NO_TELEMETRY: &str = "clients do not send their metrics here";

const IGNORED: &[(&str, &[&str])] = &[
    (
        ONE_THREAD,
        &[
            "num.network.threads",
            "num.io.threads",
            "background.threads",
            "num.recovery.threads.per.data.dir",
            "num.replica.alter.log.dirs.threads",
        ],
    ),
    (
        ALWAYS_SYNCED,
        &[
            "log.flush.interval.messages",
            "log.flush.interval.ms",
            "log.flush.scheduler.interval.ms",
            "log.flush.offset.checkpoint.interval.ms",
            "log.flush.start.offset.checkpoint.interval.ms",
        ],
    ),
    (NO_ZOOKEEPER, &["zookeeper."]),
    (
        NO_CONTROLLERS,
        &[
            "controller.quorum.",
            "controller.socket.timeout.ms",
            "controller.performance.sample.period.ms",
            "controller.performance.always.log.threshold.ms",
            "controlled.shutdown.enable",
            "controlled.shutdown.max.retries",
            "controlled.shutdown.retry.backoff.ms",
            "control.plane.listener.name",
            "early.start.listeners",
            "initial.broker.registration.timeout.ms",
            "broker.heartbeat.interval.ms",
            "broker.session.timeout.ms",
            "server.max.startup.time.ms",
            "metadata.log.",
            "metadata.max.",
            "eligible.leader.replicas.enable",
            "unstable.",
        ],
    ),
    (
        "the broker id is given by node.id",
        &["broker.id.generation.enable", "reserved.broker.max.id"],
    ),
    (
        "TLS takes it from the library, whose choices are safe",
        &[
            "ssl.protocol",
            "ssl.provider",
            "ssl.secure.random.implementation",
            "ssl.keymanager.algorithm",
            "ssl.trustmanager.algorithm",
            "ssl.allow.dn.changes",
            "ssl.allow.san.changes",
            "security.providers",
        ],
    ),
    (
        "brokers do not connect to each other yet",
        &[
            "ssl.endpoint.identification.algorithm",
            "sasl.mechanism.inter.broker.protocol",
            "sasl.mechanism.controller.protocol",
            "sasl.client.callback.handler.class",
            "sasl.login.",
        ],
    ),
    ("the mechanism GSSAPI is not offered", &["sasl.kerberos."]),
    (
        "keys that sign tokens are read from a file, again whenever it changes",
        &[
            "sasl.oauthbearer.jwks.endpoint.refresh.ms",
            "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms",
            "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
            "sasl.oauthbearer.scope.claim.name",
            "sasl.oauthbearer.token.endpoint.url",
            "sasl.oauthbearer.header.urlencode",
            "sasl.oauthbearer.jwt.retriever.class",
            "sasl.oauthbearer.jwt.validator.class",
        ],
    ),
    ("passwords in the configuration are not encoded", &["password.encoder."]),
    (
        NO_REPLICATION,
        &[
            "replica.",
            "num.replica.fetchers",
            "auto.leader.rebalance.enable",
            "leader.imbalance.check.interval.seconds",
            "leader.imbalance.per.broker.percentage",
            "request.timeout.ms",
            "inter.broker.protocol.version",
            "log.dir.failure.timeout.ms",
        ],
    ),
    (OTHER_GROUPS, &["group.streams."]),
    (GROUP_VERSION, &["group.version"]),
    (GROUP_EXPRESSIONS, &["group.consumer.regex.refresh.interval.ms"]),
    (
        GROUP_WRITES,
        &[
            "group.coordinator.",
            "offsets.commit.timeout.ms",
            "offsets.commit.required.acks",
            "offsets.load.buffer.size",
            "offsets.topic.compression.codec",
        ],
    ),
    (
        TRANSACTION_WRITES,
        &["transaction.state.log.min.isr", "transaction.state.log.load.buffer.size"],
    ),
    (
        SHARE_ASSIGNORS,
        &[
            "group.share.assignors",
            "group.share.assignment.interval.ms",
            "group.share.persister.class.name",
            "group.share.initialize.retry.interval.ms",
        ],
    ),
    (
        SHARE_STATE,
        &[
            "share.coordinator.append.linger.ms",
            "share.coordinator.load.buffer.size",
            "share.coordinator.threads",
            "share.coordinator.write.timeout.ms",
            "share.coordinator.state.topic.min.isr",
            "share.coordinator.state.topic.compression.codec",
            "share.coordinator.state.topic.prune.interval.ms",
            "share.coordinator.cold.partition.snapshot.interval.ms",
        ],
    ),
    (NO_DEAD_LETTERS, &["errors.deadletterqueue."]),
    (QUOTA_WINDOWS, &["quota.window.", "controller.quota."]),
    (NO_REPLICATION_QUOTAS, &["replication.quota.", "alter.log.dirs.replication.quota."]),
    (NO_TIERS, &["remote.", "log.local.retention.ms", "log.local.retention.bytes"]),
    (
        NO_JMX,
        &[
            "metric.reporters",
            "metrics.num.samples",
            "metrics.recording.level",
            "metrics.sample.window.ms",
            "kafka.metrics.",
            "auto.include.jmx.reporter",
        ],
    ),
    (NO_TELEMETRY, &["telemetry.max.bytes", "client.telemetry."]),
    (
        NO_OLD_FORMATS,
        &[
            "log.message.format.version",
            "log.message.downconversion.enable",
            "log.message.timestamp.difference.max.ms",
        ],
    ),
    (COMPACTION, &["log.cleaner.threads", "log.cleaner.io.buffer.size"]),
    (
        "requests in work are bounded by corelog.inflight.bytes on each core",
        &["queued.max.request.bytes"],
    ),
    (
        "waiting requests are woken one by one, nothing is swept",
        &[
            "fetch.purgatory.purge.interval.requests",
            "producer.purgatory.purge.interval.requests",
            "delete.records.purgatory.purge.interval.requests",
        ],
    ),
    ("classes written in Java cannot be run", &["config.providers.", "replica.selector.class"]),
    ("it belongs to Confluent Platform", &["confluent."]),
];
