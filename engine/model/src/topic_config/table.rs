//! The one table of topic configs: names, types, defaults and rules are Kafka's, the words ours.

use super::value::{ConfigType, Rule};

/// One key of a topic's configs.
#[derive(Clone, Copy, Debug)]
pub struct ConfigKey {
    /// The name.
    pub name: &'static str,
    /// The type of its values.
    pub config_type: ConfigType,
    /// The value where neither topic nor broker says another; none for unset.
    pub default: Option<&'static str>,
    pub(super) rule: Rule,
    /// The broker's keys that give the default, the strongest first.
    pub synonyms: &'static [Synonym],
    /// Who needs it: 1 clients and tools, 2 production, 3 stored and honoured loosely.
    pub priority: u8,
    /// Whether it is listed.
    pub visibility: Visibility,
    /// What it does.
    pub doc: &'static str,
}

/// A broker's key that gives the default of a topic's.
#[derive(Clone, Copy, Debug)]
pub struct Synonym {
    /// The broker's key.
    pub name: &'static str,
    /// How many of the topic's units one of the broker's is. Negative values stay as they are.
    pub factor: i64,
}

/// Whether a key is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Always.
    Listed,
    /// Never: it is for tests.
    Hidden,
    /// Never: it is accepted for the sake of old scripts and has no effect.
    Ignored,
}

const MIN: i64 = i64::MIN;
const DAY_MS: &str = "86400000";
const WEEK_MS: &str = "604800000";
const MAX: &str = "9223372036854775807";
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// The names of `compression.type`.
const COMPRESSION_TYPES: &[&str] = &["uncompressed", "gzip", "snappy", "lz4", "zstd", "producer"];

/// Declares rows: name, type, default, rule, synonyms, priority, doc.
macro_rules! topic_configs {
    ($($name:literal: $config_type:ident = $default:expr, $rule:expr,
        [$($synonym:literal $(* $factor:expr)?),*], $priority:literal $(, $visibility:ident)?;
        $doc:literal)*) => {
        &[$(ConfigKey {
            name: $name,
            config_type: ConfigType::$config_type,
            default: $default,
            rule: $rule,
            synonyms: &[$(Synonym {
                name: $synonym,
                factor: topic_configs!(@factor $($factor)?),
            }),*],
            priority: $priority,
            visibility: topic_configs!(@visibility $($visibility)?),
            doc: $doc,
        }),*]
    };
    (@factor) => { 1 };
    (@factor $factor:expr) => { $factor };
    (@visibility) => { Visibility::Listed };
    (@visibility $visibility:ident) => { Visibility::$visibility };
}

/// Every key, in alphabetical order.
pub const TOPIC_CONFIGS: &[ConfigKey] = topic_configs! {
    "cleanup.policy": List = Some("delete"), Rule::OneOf(&["compact", "delete"]),
        ["log.cleanup.policy"], 1;
        "How old records go: by age and size (delete), by key (compact), both, or never (empty)."
    "compression.gzip.level": Int = Some("-1"), Rule::DefaultOrBetween(1, 9),
        ["compression.gzip.level"], 3;
        "The gzip level where the leader compresses; -1 is the codec's default."
    "compression.lz4.level": Int = Some("9"), Rule::Between(1, 17),
        ["compression.lz4.level"], 3;
        "Stored for compatibility; the lz4 here has one level."
    "compression.type": String = Some("producer"), Rule::OneOf(COMPRESSION_TYPES),
        ["compression.type"], 1;
        "How batches are stored: as the producer sent them, or in a codec of the topic's own."
    "compression.zstd.level": Int = Some("3"), Rule::Between(-131_072, 22),
        ["compression.zstd.level"], 3;
        "The zstd level where the leader compresses."
    "delete.retention.ms": Long = Some(DAY_MS), Rule::AtLeast(0),
        ["log.cleaner.delete.retention.ms"], 2;
        "How long compaction keeps tombstones and transaction markers."
    "errors.deadletterqueue.group.enable": Boolean = Some("false"), Rule::Any, [], 3;
        "Whether share groups may use the topic as their dead letter queue."
    "file.delete.delay.ms": Long = Some("60000"), Rule::AtLeast(0),
        ["log.segment.delete.delay.ms"], 3;
        "How long a deleted segment stays on disk."
    "flush.messages": Long = Some(MAX), Rule::AtLeast(1), ["log.flush.interval.messages"], 2;
        "Stored for compatibility; records are durable before they are acknowledged."
    "flush.ms": Long = Some(MAX), Rule::AtLeast(0),
        ["log.flush.interval.ms", "log.flush.scheduler.interval.ms"], 2;
        "Stored for compatibility; records are durable before they are acknowledged."
    "follower.replication.throttled.replicas": List = Some(""), Rule::ThrottledReplicas, [], 3;
        "The replicas whose followers are throttled while partitions move."
    "index.interval.bytes": Int = Some("4096"), Rule::AtLeast(0), ["log.index.interval.bytes"], 3;
        "How many bytes of records lie between two entries of the offset index."
    "internal.segment.bytes": Int = None, Rule::AtLeast(61), [], 3, Hidden;
        "Takes the place of segment.bytes, without its minimum."
    "leader.replication.throttled.replicas": List = Some(""), Rule::ThrottledReplicas, [], 3;
        "The replicas whose leaders are throttled while partitions move."
    "local.retention.bytes": Long = Some("-2"), Rule::AtLeast(-2), ["log.local.retention.bytes"], 2;
        "With tiered storage, how many bytes stay on local disks; -2 is retention.bytes."
    "local.retention.ms": Long = Some("-2"), Rule::AtLeast(-2), ["log.local.retention.ms"], 2;
        "With tiered storage, how long segments stay on local disks; -2 is retention.ms."
    "max.compaction.lag.ms": Long = Some(MAX), Rule::AtLeast(1),
        ["log.cleaner.max.compaction.lag.ms"], 2;
        "How long a record may stay uncompacted."
    "max.message.bytes": Int = Some("1048588"), Rule::AtLeast(0), ["message.max.bytes"], 1;
        "The size of the largest batch, as it is stored."
    "message.downconversion.enable": Boolean = Some("true"), Rule::Any,
        ["log.message.downconversion.enable"], 3, Ignored;
        "Without effect: batches have one format."
    "message.format.version": String = None, Rule::Any, ["log.message.format.version"], 3, Ignored;
        "Without effect: batches have one format."
    "message.timestamp.after.max.ms": Long = Some("3600000"), Rule::AtLeast(0),
        ["log.message.timestamp.after.max.ms"], 2;
        "How far a producer's timestamp may lie after the leader's clock."
    "message.timestamp.before.max.ms": Long = Some(MAX), Rule::AtLeast(0),
        ["log.message.timestamp.before.max.ms"], 2;
        "How far a producer's timestamp may lie before the leader's clock."
    "message.timestamp.type": String = Some("CreateTime"),
        Rule::OneOf(&["CreateTime", "LogAppendTime"]), ["log.message.timestamp.type"], 1;
        "Who sets the timestamps of records: the producer or the leader."
    "min.cleanable.dirty.ratio": Double = Some("0.5"), Rule::Ratio,
        ["log.cleaner.min.cleanable.ratio"], 2;
        "Which part of the log must be uncompacted before compaction runs."
    "min.compaction.lag.ms": Long = Some("0"), Rule::AtLeast(0),
        ["log.cleaner.min.compaction.lag.ms"], 2;
        "How long a record stays uncompacted at least."
    "min.insync.replicas": Int = Some("1"), Rule::AtLeast(1), ["min.insync.replicas"], 1;
        "How many replicas must be in sync for acks=all and for the high watermark to move."
    "preallocate": Boolean = Some("false"), Rule::Any, ["log.preallocate"], 3;
        "Whether segments are given their full size when they are made."
    "remote.copy.lag.bytes": Long = Some("-1"), Rule::AtLeast(-1), ["log.remote.copy.lag.bytes"], 2;
        "With tiered storage, how many bytes stay behind the end before they are copied."
    "remote.copy.lag.ms": Long = Some("0"), Rule::AtLeast(-1), ["log.remote.copy.lag.ms"], 2;
        "With tiered storage, how long a segment waits before it is copied."
    "remote.log.copy.disable": Boolean = Some("false"), Rule::Any, [], 2;
        "Whether segments are no longer copied to tiered storage."
    "remote.log.delete.on.disable": Boolean = Some("false"), Rule::Any, [], 2;
        "Whether tiered segments are deleted when tiered storage is switched off."
    "remote.storage.enable": Boolean = Some("false"), Rule::Any, [], 2;
        "Whether segments are copied to tiered storage."
    "retention.bytes": Long = Some("-1"), Rule::AtLeast(MIN), ["log.retention.bytes"], 1;
        "How many bytes a partition keeps; below 0 is without limit."
    "retention.ms": Long = Some(WEEK_MS), Rule::AtLeast(-1),
        ["log.retention.ms", "log.retention.minutes" * MINUTE, "log.retention.hours" * HOUR], 1;
        "How long a partition keeps records; -1 is without limit."
    "segment.bytes": Int = Some("1073741824"), Rule::AtLeast(1 << 20), ["log.segment.bytes"], 1;
        "The size at which a partition begins a new segment."
    "segment.index.bytes": Int = Some("10485760"), Rule::AtLeast(4),
        ["log.index.size.max.bytes"], 3;
        "The size of a segment's offset index at which a partition begins a new segment."
    "segment.jitter.ms": Long = Some("0"), Rule::AtLeast(0),
        ["log.roll.jitter.ms", "log.roll.jitter.hours" * HOUR], 3;
        "By how much segment.ms is shortened at random, so that segments do not end together."
    "segment.ms": Long = Some(WEEK_MS), Rule::AtLeast(1),
        ["log.roll.ms", "log.roll.hours" * HOUR], 1;
        "The age at which a partition begins a new segment."
    "unclean.leader.election.enable": Boolean = Some("false"), Rule::Any,
        ["unclean.leader.election.enable"], 2;
        "Whether a replica that is not in sync may lead, which loses records."
};

/// The row of `name`.
pub fn topic_config_key(name: &str) -> Option<&'static ConfigKey> {
    TOPIC_CONFIGS.binary_search_by(|key| key.name.cmp(name)).ok().map(|row| &TOPIC_CONFIGS[row])
}

/// The listed name that is most like `name`, if any is like it: for "did you mean".
pub fn nearest_name(name: &str) -> Option<&'static str> {
    const DISTANCE_MAX: usize = 4;
    // Names this long are no slips of the pen, and the distance costs the product of the lengths.
    if name.len() > 64 {
        return None;
    }
    TOPIC_CONFIGS
        .iter()
        .filter(|key| key.visibility == Visibility::Listed)
        .map(|key| (edit_distance(name.as_bytes(), key.name.as_bytes()), key.name))
        .min()
        .filter(|(distance, _)| *distance <= DISTANCE_MAX && *distance < name.len() / 2)
        .map(|(_, name)| name)
}

/// How many bytes must be put in, taken out or replaced to make `from` into `to`.
fn edit_distance(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, left) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, right) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
