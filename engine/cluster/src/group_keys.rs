//! The configs of groups: what a consumer group can have otherwise than the broker's settings say
//! (KIP-848).

use std::ops::RangeInclusive;

use crate::broker_keys::ValueRange;

/// How often the members of a group are to be heard of.
pub const HEARTBEAT_INTERVAL: &str = "consumer.heartbeat.interval.ms";
/// After what silence a member of a group is out.
pub const SESSION_TIMEOUT: &str = "consumer.session.timeout.ms";

/// One config.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupKey {
    /// Kafka's name.
    pub name: &'static str,
    /// The setting of the broker that holds for groups that do not set it.
    pub broker_key: &'static str,
    /// What it does.
    pub doc: &'static str,
}

/// All of them, in the order of their names.
pub const GROUP_KEYS: [GroupKey; 2] = [
    GroupKey {
        name: HEARTBEAT_INTERVAL,
        broker_key: "group.consumer.heartbeat.interval.ms",
        doc: "How often members of the consumer group are to be heard of.",
    },
    GroupKey {
        name: SESSION_TIMEOUT,
        broker_key: "group.consumer.session.timeout.ms",
        doc: "After what silence a member of the consumer group is out.",
    },
];

/// What the operator lets groups have, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupBounds {
    /// `group.consumer.min.heartbeat.interval.ms` and its `max`.
    pub heartbeat_interval_ms: RangeInclusive<i64>,
    /// `group.consumer.min.session.timeout.ms` and its `max`.
    pub session_timeout_ms: RangeInclusive<i64>,
}

impl Default for GroupBounds {
    fn default() -> Self {
        Self { heartbeat_interval_ms: 5_000..=15_000, session_timeout_ms: 45_000..=60_000 }
    }
}

impl GroupBounds {
    /// What the values of a config must be; `None` if groups have no such config.
    pub fn range(&self, name: &str) -> Option<ValueRange> {
        let range = match name {
            HEARTBEAT_INTERVAL => &self.heartbeat_interval_ms,
            SESSION_TIMEOUT => &self.session_timeout_ms,
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
        assert!(GROUP_KEYS.iter().all(|key| bounds.range(key.name).is_some()));
        assert_eq!(bounds.range("share.session.timeout.ms"), None);
        let session = bounds.range(SESSION_TIMEOUT).unwrap();
        assert!(session.check("45000").is_ok() && session.check("44999").is_err());
    }
}
