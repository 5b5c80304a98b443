//! What an operator sets for share groups, checked.

use std::time::Duration;

/// Settings of share groups; Kafka's names in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareGroupConfig {
    /// How often members are to be heard of (`group.share.heartbeat.interval.ms`).
    pub heartbeat_interval: Duration,
    /// After what silence a member is out (`group.share.session.timeout.ms`).
    pub session_timeout: Duration,
    /// How many members a group may have (`group.share.max.size`). More are refused.
    pub members_max: usize,
    /// How long a group waits before it tells the share coordinators again of partitions that they
    /// did not take.
    pub initialization_pause: Duration,
    /// How many requests of a group may wait for the log. More are refused, and come again.
    pub requests_pending_max: usize,
}

impl Default for ShareGroupConfig {
    fn default() -> ShareGroupConfig {
        ShareGroupConfig {
            heartbeat_interval: Duration::from_secs(5),
            session_timeout: Duration::from_secs(45),
            members_max: 200,
            initialization_pause: Duration::from_secs(1),
            requests_pending_max: 10_000,
        }
    }
}
