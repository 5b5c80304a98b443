//! Kafka's keys about share groups and the topic in which their state is kept, and what groups go
//! by until they set it themselves.

use super::Unit::{Bytes, Count, Milliseconds};
use super::{Key, Kind};

const TIMEOUT: Kind = Kind::Integer { min: 1, max: i32::MAX as i64, unit: Milliseconds };
const LOCK: Kind = Kind::Integer { min: 1000, max: 3_600_000, unit: Milliseconds };
const DELIVERIES: Kind = Kind::Integer { min: 2, max: 25, unit: Count };
const LOCKS: Kind = Kind::Integer { min: 100, max: 20_000, unit: Count };
const MEMBERS: Kind = Kind::Integer { min: 1, max: 1000, unit: Count };
const SESSIONS: Kind = Kind::Integer { min: 1, max: 1_000_000, unit: Count };
const PARTITIONS: Kind = Kind::Integer { min: 1, max: 10_000, unit: Count };
const REPLICAS: Kind = Kind::Integer { min: 1, max: i16::MAX as i64, unit: Count };
const SEGMENT: Kind = Kind::Integer { min: 1 << 20, max: i32::MAX as i64, unit: Bytes };
const UPDATES: Kind = Kind::Integer { min: 0, max: i32::MAX as i64, unit: Count };

pub(super) static KEYS: &[Key] = &[
    Key::broker(
        "group.share.session.timeout.ms",
        TIMEOUT,
        "45000",
        "After what silence a member of a share group is out.",
    ),
    Key::broker(
        "group.share.heartbeat.interval.ms",
        TIMEOUT,
        "5000",
        "How often members of share groups are to be heard of.",
    ),
    Key::broker(
        "group.share.min.session.timeout.ms",
        TIMEOUT,
        "45000",
        "Shortest session that may be set for share groups.",
    ),
    Key::broker(
        "group.share.max.session.timeout.ms",
        TIMEOUT,
        "60000",
        "Longest session that may be set for share groups.",
    ),
    Key::broker(
        "group.share.min.heartbeat.interval.ms",
        TIMEOUT,
        "5000",
        "Shortest heartbeat interval that may be set for share groups.",
    ),
    Key::broker(
        "group.share.max.heartbeat.interval.ms",
        TIMEOUT,
        "15000",
        "Longest heartbeat interval that may be set for share groups.",
    ),
    Key::broker(
        "group.share.min.record.lock.duration.ms",
        LOCK,
        "15000",
        "Shortest lock of a record that may be set for share groups.",
    ),
    Key::broker(
        "group.share.max.record.lock.duration.ms",
        LOCK,
        "60000",
        "Longest lock of a record that may be set for share groups.",
    ),
    Key::broker(
        "group.share.min.delivery.count.limit",
        DELIVERIES,
        "2",
        "Least deliveries of a record that may be set for share groups.",
    ),
    Key::broker(
        "group.share.max.delivery.count.limit",
        DELIVERIES,
        "10",
        "Most deliveries of a record that may be set for share groups.",
    ),
    Key::broker(
        "group.share.min.partition.max.record.locks",
        LOCKS,
        "100",
        "Least records under way in a partition that may be set for share groups.",
    ),
    Key::broker(
        "group.share.max.partition.max.record.locks",
        LOCKS,
        "4000",
        "Most records under way in a partition that may be set for share groups.",
    ),
    Key::broker("group.share.max.size", MEMBERS, "200", "Members of one share group."),
    Key::broker(
        "group.share.delivery.count.limit",
        DELIVERIES,
        "5",
        "How often a record is delivered to members of a share group at most.",
    ),
    Key::broker(
        "group.share.record.lock.duration.ms",
        LOCK,
        "30000",
        "How long a member of a share group has a record for itself.",
    ),
    Key::broker(
        "group.share.partition.max.record.locks",
        LOCKS,
        "2000",
        "Records of a partition that a share group may have under way.",
    ),
    Key::broker("group.share.max.share.sessions", SESSIONS, "2000", "Share sessions of all cores."),
    Key::broker(
        "share.coordinator.snapshot.update.records.per.snapshot",
        UPDATES,
        "500",
        "Updates of the state of a share group between two snapshots.",
    ),
    Key::broker(
        "share.coordinator.state.topic.num.partitions",
        PARTITIONS,
        "50",
        "Partitions of the topic of the state of share groups, when it is created.",
    ),
    Key::broker(
        "share.coordinator.state.topic.replication.factor",
        REPLICAS,
        "3",
        "Replicas of the topic of the state of share groups; at most one for each broker.",
    ),
    Key::broker(
        "share.coordinator.state.topic.segment.bytes",
        SEGMENT,
        "104857600",
        "Segment size of the topic of the state of share groups, when it is created.",
    ),
];
