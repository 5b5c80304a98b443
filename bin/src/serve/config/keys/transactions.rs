//! Kafka's keys about transactions and the topic in which they are kept.

use super::Unit::{Bytes, Count, Milliseconds};
use super::{Key, Kind};

const TIME: Kind = Kind::Integer { min: 1, max: i32::MAX as i64, unit: Milliseconds };
const PARTITIONS: Kind = Kind::Integer { min: 1, max: 10_000, unit: Count };
const REPLICAS: Kind = Kind::Integer { min: 1, max: i16::MAX as i64, unit: Count };
const SEGMENT: Kind = Kind::Integer { min: 1 << 20, max: i32::MAX as i64, unit: Bytes };

pub(super) static KEYS: &[Key] = &[
    Key::broker(
        "transaction.max.timeout.ms",
        TIME,
        "900000",
        "Longest transaction that a producer may ask for.",
    ),
    Key::broker(
        "transactional.id.expiration.ms",
        TIME,
        "604800000",
        "How long a transactional id is kept that nobody uses.",
    ),
    Key::broker(
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        TIME,
        "10000",
        "How often transactions are looked for that take longer than their producers said.",
    ),
    Key::broker(
        "transaction.remove.expired.transaction.cleanup.interval.ms",
        TIME,
        "3600000",
        "How often transactional ids are looked for that nobody has used for so long.",
    ),
    Key::broker(
        "transaction.state.log.num.partitions",
        PARTITIONS,
        "50",
        "Partitions of the topic of transactions, when it is created.",
    ),
    Key::broker(
        "transaction.state.log.replication.factor",
        REPLICAS,
        "3",
        "Replicas of the topic of transactions, when it is created; at most one for each broker.",
    ),
    Key::broker(
        "transaction.state.log.segment.bytes",
        SEGMENT,
        "104857600",
        "Segment size of the topic of transactions, when it is created.",
    ),
];
