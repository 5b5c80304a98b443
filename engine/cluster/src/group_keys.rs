//! The configs of groups: what a consumer group (KIP-848) or a share group (KIP-932, KIP-1240) can
//! have otherwise than the broker's settings say.

use std::ops::RangeInclusive;

use crate::broker_keys::ValueRange;

/// How often the members of a consumer group are to be heard of.
pub const HEARTBEAT_INTERVAL: &str = "consumer.heartbeat.interval.ms";
/// After what silence a member of a consumer group is out.
pub const SESSION_TIMEOUT: &str = "consumer.session.timeout.ms";
/// From where a share group reads that has never read.
pub const SHARE_RESET: &str = "share.auto.offset.reset";
/// How often a record is delivered to members of a share group at most.
pub const SHARE_DELIVERIES: &str = "share.delivery.count.limit";
/// How often the members of a share group are to be heard of.
pub const SHARE_HEARTBEAT_INTERVAL: &str = "share.heartbeat.interval.ms";
/// Which records a share group reads.
pub const SHARE_ISOLATION: &str = "share.isolation.level";
/// How many records of a partition a share group may have under way.
pub const SHARE_LOCKS: &str = "share.partition.max.record.locks";
/// How long a member of a share group has a record for itself.
pub const SHARE_LOCK_DURATION: &str = "share.record.lock.duration.ms";
/// Whether members of a share group may keep records for longer.
pub const SHARE_RENEWAL: &str = "share.renew.acknowledge.enable";
/// After what silence a member of a share group is out.
pub const SHARE_SESSION_TIMEOUT: &str = "share.session.timeout.ms";

/// The value of `share.isolation.level` that leaves out what is not committed.
pub const READ_COMMITTED: &str = "read_committed";
const ISOLATION_LEVELS: &[&str] = &["read_uncommitted", READ_COMMITTED];

/// One config.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupKey {
    /// Kafka's name.
    pub name: &'static str,
    /// What holds for groups that do not set it.
    pub default: GroupDefault,
    /// What it does.
    pub doc: &'static str,
}

/// What holds for groups that do not set a config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupDefault {
    /// The value of this setting of the broker.
    Broker(&'static str),
    /// This value, whatever the broker has.
    Value(&'static str),
}

/// All of them, in the order of their names.
pub const GROUP_KEYS: [GroupKey; 10] = [
    of_broker(
        HEARTBEAT_INTERVAL,
        "group.consumer.heartbeat.interval.ms",
        "How often members of the consumer group are to be heard of.",
    ),
    of_broker(
        SESSION_TIMEOUT,
        "group.consumer.session.timeout.ms",
        "After what silence a member of the consumer group is out.",
    ),
    GroupKey {
        name: SHARE_RESET,
        default: GroupDefault::Value("latest"),
        doc: "From where the share group reads a partition that it has never read.",
    },
    of_broker(
        SHARE_DELIVERIES,
        "group.share.delivery.count.limit",
        "How often a record is delivered to members of the share group at most.",
    ),
    of_broker(
        SHARE_HEARTBEAT_INTERVAL,
        "group.share.heartbeat.interval.ms",
        "How often members of the share group are to be heard of.",
    ),
    GroupKey {
        name: SHARE_ISOLATION,
        default: GroupDefault::Value("read_uncommitted"),
        doc: "Whether the share group reads records of open and aborted transactions.",
    },
    of_broker(
        SHARE_LOCKS,
        "group.share.partition.max.record.locks",
        "Records of a partition that the share group may have under way.",
    ),
    of_broker(
        SHARE_LOCK_DURATION,
        "group.share.record.lock.duration.ms",
        "How long a member of the share group has a record for itself.",
    ),
    GroupKey {
        name: SHARE_RENEWAL,
        default: GroupDefault::Value("true"),
        doc: "Whether members of the share group may keep records for longer.",
    },
    of_broker(
        SHARE_SESSION_TIMEOUT,
        "group.share.session.timeout.ms",
        "After what silence a member of the share group is out.",
    ),
];

const fn of_broker(name: &'static str, broker_key: &'static str, doc: &'static str) -> GroupKey {
    GroupKey { name, default: GroupDefault::Broker(broker_key), doc }
}

/// What the operator lets groups have; durations are in milliseconds. Each is that of the settings
/// with the same name and `min` or `max` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupBounds {
    /// `group.consumer.min.heartbeat.interval.ms` and its `max`.
    pub heartbeat_interval_ms: RangeInclusive<i64>,
    /// `group.consumer.min.session.timeout.ms` and its `max`.
    pub session_timeout_ms: RangeInclusive<i64>,
    /// `group.share.min.heartbeat.interval.ms` and its `max`.
    pub share_heartbeat_interval_ms: RangeInclusive<i64>,
    /// `group.share.min.session.timeout.ms` and its `max`.
    pub share_session_timeout_ms: RangeInclusive<i64>,
    /// `group.share.min.record.lock.duration.ms` and its `max`.
    pub share_lock_duration_ms: RangeInclusive<i64>,
    /// `group.share.min.delivery.count.limit` and its `max`.
    pub share_deliveries: RangeInclusive<i64>,
    /// `group.share.min.partition.max.record.locks` and its `max`.
    pub share_locks: RangeInclusive<i64>,
}

impl Default for GroupBounds {
    fn default() -> Self {
        Self {
            heartbeat_interval_ms: 5_000..=15_000,
            session_timeout_ms: 45_000..=60_000,
            share_heartbeat_interval_ms: 5_000..=15_000,
            share_session_timeout_ms: 45_000..=60_000,
            share_lock_duration_ms: 15_000..=60_000,
            share_deliveries: 2..=10,
            share_locks: 100..=4000,
        }
    }
}

impl GroupBounds {
    /// What the values of a config must be; `None` if groups have no such config.
    pub fn range(&self, name: &str) -> Option<ValueRange> {
        let range = match name {
            HEARTBEAT_INTERVAL => &self.heartbeat_interval_ms,
            SESSION_TIMEOUT => &self.session_timeout_ms,
            SHARE_HEARTBEAT_INTERVAL => &self.share_heartbeat_interval_ms,
            SHARE_SESSION_TIMEOUT => &self.share_session_timeout_ms,
            SHARE_LOCK_DURATION => &self.share_lock_duration_ms,
            SHARE_DELIVERIES => &self.share_deliveries,
            SHARE_LOCKS => &self.share_locks,
            SHARE_ISOLATION => return Some(ValueRange::Choice(ISOLATION_LEVELS)),
            SHARE_RESET => return Some(ValueRange::ShareReset),
            SHARE_RENEWAL => return Some(ValueRange::Boolean),
            _ => return None,
        };
        Some(ValueRange::Integer(*range.start(), *range.end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_config_has_bounds_and_no_other_name_has() {
        let bounds = GroupBounds::default();
        assert!(GROUP_KEYS.is_sorted_by(|one, next| one.name < next.name));
        assert!(GROUP_KEYS.iter().all(|key| bounds.range(key.name).is_some()));
        assert_eq!(bounds.range("streams.session.timeout.ms"), None);
    }

    #[test]
    fn values_keep_their_bounds() {
        let bounds = GroupBounds::default();
        for (name, good, bad) in [
            (SESSION_TIMEOUT, "45000", "44999"),
            (SHARE_SESSION_TIMEOUT, "60000", "60001"),
            (SHARE_HEARTBEAT_INTERVAL, "5000", "4999"),
            (SHARE_LOCK_DURATION, "15000", "14999"),
            (SHARE_DELIVERIES, "10", "11"),
            (SHARE_LOCKS, "100", "99"),
            (SHARE_ISOLATION, "read_committed", "committed"),
            (SHARE_RESET, "by_duration:PT1H", "by_duration:1h"),
            (SHARE_RENEWAL, "false", "1"),
        ] {
            let range = bounds.range(name).unwrap();
            assert!(range.check(good).is_ok() && range.check(bad).is_err(), "{name}");
        }
    }
}
