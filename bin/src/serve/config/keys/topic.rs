//! Kafka's keys that give the default of a topic config.

use super::Rivalry::FirstWins;
use super::Unit::{Bytes, Count, Milliseconds, Other};
use super::{Key, Kind};

const MINUTES: i64 = 60_000;
const HOURS: i64 = 3_600_000;

const fn integer(min: i64, max: i64, unit: super::Unit) -> Kind {
    Kind::Integer { min, max, unit }
}

const INT_MAX: i64 = i32::MAX as i64;
/// Hours and minutes whose milliseconds still fit.
const RETENTION_UNITS: Kind = integer(-1, INT_MAX, Other);
const ROLL_HOURS: Kind = integer(1, INT_MAX, Other);
const DELAY_OR_NONE: Kind = integer(0, i64::MAX, Milliseconds);

/// The broker's name, its kind, its default, what it means; then the topic's name.
pub(super) static KEYS: &[Key] = &[
    Key::broker(
        "log.cleanup.policy",
        Kind::Choices(&["compact", "delete"]),
        "delete",
        "What happens to old records: deleted, compacted by key, both, or (empty) kept.",
    )
    .of_topic("cleanup.policy"),
    Key::broker(
        "log.retention.ms",
        integer(-1, i64::MAX, Milliseconds),
        "604800000",
        "How long records are kept. -1: for ever.",
    )
    .of_topic("retention.ms"),
    Key::synonym("log.retention.minutes", "log.retention.ms", RETENTION_UNITS, MINUTES, FirstWins),
    Key::synonym("log.retention.hours", "log.retention.ms", RETENTION_UNITS, HOURS, FirstWins),
    Key::broker(
        "log.retention.bytes",
        integer(-1, i64::MAX, Bytes),
        "-1",
        "Bytes kept of one partition. -1: no limit.",
    )
    .of_topic("retention.bytes"),
    Key::broker(
        "log.segment.bytes",
        integer(1 << 20, INT_MAX, Bytes),
        "1073741824",
        "Size at which a new segment begins.",
    )
    .of_topic("segment.bytes"),
    Key::broker(
        "log.roll.ms",
        integer(1, i64::MAX, Milliseconds),
        "604800000",
        "Age at which a new segment begins.",
    )
    .of_topic("segment.ms"),
    Key::synonym("log.roll.hours", "log.roll.ms", ROLL_HOURS, HOURS, FirstWins),
    Key::broker(
        "log.roll.jitter.ms",
        DELAY_OR_NONE,
        "0",
        "Up to this much is taken off the age of a segment, at random.",
    )
    .of_topic("segment.jitter.ms"),
    Key::synonym(
        "log.roll.jitter.hours",
        "log.roll.jitter.ms",
        integer(0, INT_MAX, Other),
        HOURS,
        FirstWins,
    ),
    Key::broker(
        "log.segment.delete.delay.ms",
        DELAY_OR_NONE,
        "60000",
        "How long the file of a deleted segment stays.",
    )
    .of_topic("file.delete.delay.ms"),
    Key::broker(
        "log.index.interval.bytes",
        integer(0, INT_MAX, Bytes),
        "4096",
        "Bytes of records between two entries of the offset index.",
    )
    .of_topic("index.interval.bytes"),
    Key::broker(
        "log.index.size.max.bytes",
        integer(4, INT_MAX, Bytes),
        "10485760",
        "Size of an index at which a new segment begins.",
    )
    .of_topic("segment.index.bytes"),
    Key::broker(
        "log.preallocate",
        Kind::Boolean,
        "false",
        "Whether the file of a segment is made at full size.",
    )
    .of_topic("preallocate"),
    Key::broker(
        "message.max.bytes",
        integer(0, INT_MAX, Bytes),
        "1048588",
        "Largest record batch.",
    )
    .of_topic("max.message.bytes"),
    Key::broker(
        "log.message.timestamp.type",
        Kind::Choice(&["CreateTime", "LogAppendTime"]),
        "CreateTime",
        "Whose clock stamps a record: the producer's or the broker's.",
    )
    .of_topic("message.timestamp.type"),
    Key::broker(
        "log.message.timestamp.before.max.ms",
        DELAY_OR_NONE,
        "9223372036854775807",
        "How far a producer's timestamp may lie in the past.",
    )
    .of_topic("message.timestamp.before.max.ms"),
    Key::broker(
        "log.message.timestamp.after.max.ms",
        DELAY_OR_NONE,
        "3600000",
        "How far a producer's timestamp may lie in the future.",
    )
    .of_topic("message.timestamp.after.max.ms"),
    Key::broker(
        "min.insync.replicas",
        integer(1, INT_MAX, Count),
        "1",
        "In-sync replicas without which a write with acks=all is refused.",
    )
    .of_topic("min.insync.replicas"),
    Key::broker(
        "unclean.leader.election.enable",
        Kind::Boolean,
        "false",
        "Whether a replica that is not in sync may lead, at the price of lost records.",
    )
    .of_topic("unclean.leader.election.enable"),
    Key::broker(
        "compression.type",
        Kind::Choice(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        "producer",
        "Compression of stored batches. producer: as they came.",
    )
    .of_topic("compression.type"),
    Key::broker(
        "compression.gzip.level",
        integer(-1, 9, Count),
        "-1",
        "Level when the broker compresses with gzip. -1: its default.",
    )
    .of_topic("compression.gzip.level"),
    Key::broker(
        "compression.lz4.level",
        integer(1, 17, Count),
        "9",
        "Level when the broker compresses with lz4.",
    )
    .of_topic("compression.lz4.level"),
    Key::broker(
        "compression.zstd.level",
        integer(-131_072, 22, Count),
        "3",
        "Level when the broker compresses with zstd.",
    )
    .of_topic("compression.zstd.level"),
    Key::broker(
        "log.cleaner.delete.retention.ms",
        DELAY_OR_NONE,
        "86400000",
        "How long compaction keeps the marker of a deleted key.",
    )
    .of_topic("delete.retention.ms"),
    Key::broker(
        "log.cleaner.min.compaction.lag.ms",
        DELAY_OR_NONE,
        "0",
        "Age below which a record is never compacted away.",
    )
    .of_topic("min.compaction.lag.ms"),
    Key::broker(
        "log.cleaner.max.compaction.lag.ms",
        integer(1, i64::MAX, Milliseconds),
        "9223372036854775807",
        "Age at which a record becomes due for compaction.",
    )
    .of_topic("max.compaction.lag.ms"),
    Key::broker(
        "log.cleaner.min.cleanable.ratio",
        Kind::Decimal { min: 0.0, max: 1.0 },
        "0.5",
        "Share of a log that must be uncompacted before compaction begins.",
    )
    .of_topic("min.cleanable.dirty.ratio"),
];
