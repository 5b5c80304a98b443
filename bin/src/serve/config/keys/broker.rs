//! Kafka's keys about the broker itself.

use super::Rivalry::{FirstWins, MustAgree};
use super::Unit::{Bytes, Count, Milliseconds};
use super::{Key, Kind};

/// Node ids are `1000 * broker id + shard`, and fit in 31 bits.
const BROKER_ID: Kind = Kind::Integer { min: 0, max: 2_147_482, unit: Count };
const COUNT: Kind = Kind::Integer { min: 1, max: i32::MAX as i64, unit: Count };
const COUNT_OR_NONE: Kind = Kind::Integer { min: 0, max: i32::MAX as i64, unit: Count };
const RATE: Kind = Kind::Integer { min: 0, max: i64::MAX, unit: Bytes };
const DELAY: Kind = Kind::Integer { min: 1, max: i64::MAX, unit: Milliseconds };
const SOCKET_BUFFER: Kind = Kind::Integer { min: -1, max: i32::MAX as i64, unit: Bytes };

/// Names of keys that may also be set for one listener, as `listener.name.NAME.KEY`.
pub(super) const OF_LISTENERS: &[&str] =
    &["max.connection.creation.rate", "corelog.ssl.crl.location"];

/// In the order in which an operator thinks of them.
pub(super) static KEYS: &[Key] = &[
    Key::broker(
        "node.id",
        BROKER_ID,
        "1",
        "Number of this broker in its cluster. Core N is node 1000 * id + N.",
    ),
    Key::synonym("broker.id", "node.id", BROKER_ID, 1, MustAgree),
    Key::broker(
        "broker.rack",
        Kind::Text,
        "",
        "Rack that clients see. Empty: the broker itself is the rack of its cores.",
    ),
    Key::broker(
        "listeners",
        Kind::List,
        "127.0.0.1:9092",
        "Where to listen, as HOST:PORT or NAME://HOST:PORT. Core N listens on PORT + N.",
    ),
    Key::broker(
        "advertised.listeners",
        Kind::List,
        "",
        "Where clients are told to connect. Empty: as in listeners. Core N is at PORT + N.",
    ),
    Key::broker(
        "listener.security.protocol.map",
        Kind::List,
        "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
        "Security protocol of each listener name.",
    ),
    Key::broker(
        "inter.broker.listener.name",
        Kind::Text,
        "",
        "The listener for other brokers. Only checked, as brokers do not talk to each other yet.",
    ),
    Key::broker(
        "security.inter.broker.protocol",
        Kind::Text,
        "",
        "The protocol of the listener for other brokers. Only checked.",
    ),
    Key::broker(
        "controller.listener.names",
        Kind::List,
        "",
        "Listeners that are for Kafka's controllers; they are not opened.",
    ),
    Key::broker("log.dirs", Kind::List, "./data", "Directory that holds all data. Only one."),
    Key::synonym("log.dir", "log.dirs", Kind::List, 1, FirstWins),
    Key::broker(
        "num.partitions",
        COUNT,
        "1",
        "Partitions of a topic that is created without a number.",
    ),
    Key::broker(
        "default.replication.factor",
        Kind::Integer { min: 1, max: i16::MAX as i64, unit: Count },
        "1",
        "Replicas of a topic that is created without a number.",
    ),
    Key::broker(
        "auto.create.topics.enable",
        Kind::Boolean,
        "true",
        "Whether a client's question for an unknown topic may create it.",
    ),
    Key::broker("delete.topic.enable", Kind::Boolean, "true", "Whether topics may be deleted."),
    Key::broker(
        "log.retention.check.interval.ms",
        DELAY,
        "300000",
        "How often old segments are looked for.",
    ),
    Key::broker("log.cleaner.enable", Kind::Boolean, "true", "Whether logs are compacted."),
    Key::broker(
        "log.cleaner.backoff.ms",
        DELAY,
        "15000",
        "How often a log to compact is looked for while there is none.",
    ),
    Key::broker(
        "log.cleaner.dedupe.buffer.size",
        Kind::Integer { min: 1 << 20, max: 1 << 40, unit: Bytes },
        "134217728",
        "Memory for the keys of logs that are being compacted, over all cores; 24 bytes a key.",
    ),
    Key::broker(
        "log.cleaner.io.buffer.load.factor",
        Kind::Decimal { min: 0.01, max: 1.0 },
        "0.9",
        "How full that memory gets before a pass over a log ends where it is.",
    ),
    Key::broker(
        "log.cleaner.io.max.bytes.per.second",
        Kind::Decimal { min: 1.0, max: f64::MAX },
        "1.7976931348623157E308",
        "Bytes that compaction reads and writes in a second, over all cores.",
    ),
    Key::broker(
        "socket.request.max.bytes",
        Kind::Integer { min: 1024, max: i32::MAX as i64, unit: Bytes },
        "104857600",
        "Largest request; a longer one closes its connection.",
    ),
    Key::broker(
        "socket.receive.buffer.bytes",
        SOCKET_BUFFER,
        "-1",
        "Receive buffer of a socket (SO_RCVBUF). -1: the kernel adapts it to the connection.",
    ),
    Key::broker(
        "socket.send.buffer.bytes",
        SOCKET_BUFFER,
        "-1",
        "Send buffer of a socket (SO_SNDBUF). -1: the kernel adapts it to the connection.",
    ),
    Key::broker(
        "socket.listen.backlog.size",
        COUNT,
        "1024",
        "Connections that wait to be accepted, for each core.",
    ),
    Key::broker(
        "connections.max.idle.ms",
        DELAY,
        "600000",
        "A connection without requests for this long is closed.",
    ),
    Key::broker(
        "follower.replication.throttled.rate",
        RATE,
        "9223372036854775807",
        "Bytes a second that throttled replicas fetch; without effect while each is alone.",
    ),
    Key::broker(
        "leader.replication.throttled.rate",
        RATE,
        "9223372036854775807",
        "Bytes a second that throttled replicas send; without effect while each is alone.",
    ),
    Key::broker(
        "max.connections",
        COUNT_OR_NONE,
        "2147483647",
        "Open connections over all cores; more are refused.",
    ),
    Key::broker(
        "max.connections.per.ip",
        COUNT,
        "2147483647",
        "Open connections from one address over all cores; more are refused.",
    ),
    Key::broker(
        "max.connections.per.ip.overrides",
        Kind::List,
        "",
        "The same for single addresses, as 10.0.0.1:50,10.0.0.2:200.",
    ),
    Key::broker(
        "max.connection.creation.rate",
        COUNT,
        "2147483647",
        "Connections opened in a second over all cores, or at a listener; then accepting waits.",
    ),
    Key::broker(
        "queued.max.requests",
        COUNT,
        "500",
        "Requests of one connection in work; beyond it the connection is not read. At most 256.",
    ),
    Key::broker(
        "fetch.max.bytes",
        Kind::Integer { min: 1024, max: i32::MAX as i64, unit: Bytes },
        "57671680",
        "Largest answer to a fetch, whatever the client allows.",
    ),
    Key::broker(
        "max.request.partition.size.limit",
        COUNT,
        "2000",
        "Partitions in one page of DescribeTopicPartitions, however many the client asks for.",
    ),
    Key::broker(
        "max.incremental.fetch.session.cache.slots",
        COUNT_OR_NONE,
        "1000",
        "Fetch sessions that are kept; more clients fetch without one.",
    ),
    Key::broker(
        "producer.id.expiration.ms",
        Kind::Integer { min: 1, max: i32::MAX as i64, unit: Milliseconds },
        "86400000",
        "How long a partition remembers a producer that writes nothing.",
    ),
    Key::broker(
        "producer.id.expiration.check.interval.ms",
        Kind::Integer { min: 1, max: i32::MAX as i64, unit: Milliseconds },
        "600000",
        "How often forgotten producers are looked for.",
    ),
    Key::broker(
        "transaction.partition.verification.enable",
        Kind::Boolean,
        "true",
        "Whether the first batch of a transaction is taken only if its coordinator knows of it.",
    ),
];
