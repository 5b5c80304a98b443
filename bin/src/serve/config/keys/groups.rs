//! Kafka's keys about groups and the topic in which they are kept.

use super::Unit::{Bytes, Count, Milliseconds};
use super::{Key, Kind};

const TIMEOUT: Kind = Kind::Integer { min: 1, max: i32::MAX as i64, unit: Milliseconds };
const DELAY: Kind = Kind::Integer { min: 0, max: i32::MAX as i64, unit: Milliseconds };
const MEMBERS: Kind = Kind::Integer { min: 1, max: i32::MAX as i64, unit: Count };
const PARTITIONS: Kind = Kind::Integer { min: 1, max: 10_000, unit: Count };
const REPLICAS: Kind = Kind::Integer { min: 1, max: i16::MAX as i64, unit: Count };
const SEGMENT: Kind = Kind::Integer { min: 1 << 20, max: i32::MAX as i64, unit: Bytes };
/// A text in a record has two bytes for its length.
const METADATA: Kind = Kind::Integer { min: 0, max: i16::MAX as i64, unit: Bytes };
const MINUTES: Kind = Kind::Integer { min: 1, max: i32::MAX as i64, unit: Count };

/// The names of Kafka's own classes, which stand in the files of its older versions.
pub const UNIFORM_CLASS: &str = "org.apache.kafka.coordinator.group.assignor.UniformAssignor";
/// As above.
pub const RANGE_CLASS: &str = "org.apache.kafka.coordinator.group.assignor.RangeAssignor";

pub(super) static KEYS: &[Key] = &[
    Key::broker(
        "group.min.session.timeout.ms",
        TIMEOUT,
        "6000",
        "Shortest session that a member of a classic group may ask for.",
    ),
    Key::broker(
        "group.max.session.timeout.ms",
        TIMEOUT,
        "1800000",
        "Longest session that a member of a classic group may ask for.",
    ),
    Key::broker(
        "group.initial.rebalance.delay.ms",
        DELAY,
        "3000",
        "How long an empty classic group waits for more members, each time that one comes.",
    ),
    Key::broker("group.max.size", MEMBERS, "10000", "Members of one group."),
    Key::broker(
        "group.consumer.session.timeout.ms",
        TIMEOUT,
        "45000",
        "After what silence a member of a consumer group is out.",
    ),
    Key::broker(
        "group.consumer.min.session.timeout.ms",
        TIMEOUT,
        "45000",
        "Shortest session that may be set for consumer groups.",
    ),
    Key::broker(
        "group.consumer.max.session.timeout.ms",
        TIMEOUT,
        "60000",
        "Longest session that may be set for consumer groups.",
    ),
    Key::broker(
        "group.consumer.heartbeat.interval.ms",
        TIMEOUT,
        "5000",
        "How often members of consumer groups are to be heard of.",
    ),
    Key::broker(
        "group.consumer.min.heartbeat.interval.ms",
        TIMEOUT,
        "5000",
        "Shortest heartbeat interval that may be set for consumer groups.",
    ),
    Key::broker(
        "group.consumer.max.heartbeat.interval.ms",
        TIMEOUT,
        "15000",
        "Longest heartbeat interval that may be set for consumer groups.",
    ),
    Key::broker("group.consumer.max.size", MEMBERS, "10000", "Members of one consumer group."),
    Key::broker(
        "group.consumer.assignors",
        Kind::Choices(&["uniform", "range", UNIFORM_CLASS, RANGE_CLASS]),
        "uniform,range",
        "How partitions of consumer groups can be assigned; the first is used when nobody asks.",
    ),
    Key::broker(
        "group.consumer.migration.policy",
        Kind::Choice(&["disabled", "upgrade", "downgrade", "bidirectional"]),
        "bidirectional",
        "Which groups may go from one protocol to the other while they have members.",
    ),
    Key::broker(
        "offset.metadata.max.bytes",
        METADATA,
        "4096",
        "What a client may keep with a committed offset.",
    ),
    Key::broker(
        "offsets.retention.minutes",
        MINUTES,
        "10080",
        "How long committed offsets are kept that no group uses, in minutes.",
    ),
    Key::broker(
        "offsets.retention.check.interval.ms",
        TIMEOUT,
        "600000",
        "How often offsets are looked for that nobody has used for so long.",
    ),
    Key::broker(
        "offsets.topic.num.partitions",
        PARTITIONS,
        "50",
        "Partitions of the topic of groups, when it is created.",
    ),
    Key::broker(
        "offsets.topic.replication.factor",
        REPLICAS,
        "3",
        "Replicas of the topic of groups, when it is created; at most one for each broker.",
    ),
    Key::broker(
        "offsets.topic.segment.bytes",
        SEGMENT,
        "104857600",
        "Segment size of the topic of groups, when it is created.",
    ),
];
