//! What an operator sets for consumer groups, checked.

use std::time::Duration;

use super::{Assignor, MigrationPolicy};

/// Settings of consumer groups; Kafka's names in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroupConfig {
    /// How often members are to be heard of (`group.consumer.heartbeat.interval.ms`).
    pub heartbeat_interval: Duration,
    /// After what silence a member is out (`group.consumer.session.timeout.ms`).
    pub session_timeout: Duration,
    /// How many members a group may have (`group.consumer.max.size`). More are refused.
    pub members_max: usize,
    /// The assignors that members may ask for (`group.consumer.assignors`); the first is used when
    /// nobody asks. Not empty.
    pub assignors: Vec<Assignor>,
    /// How long an expression that was matched against the topics is left alone when they change.
    pub expression_pause: Duration,
    /// Which groups may go from one protocol to the other while they have members
    /// (`group.consumer.migration.policy`).
    pub migration: MigrationPolicy,
    /// How many requests of a group may wait for the log. More are refused, and come again.
    pub requests_pending_max: usize,
}

impl Default for ConsumerGroupConfig {
    fn default() -> ConsumerGroupConfig {
        ConsumerGroupConfig {
            heartbeat_interval: Duration::from_secs(5),
            session_timeout: Duration::from_secs(45),
            members_max: 10_000,
            assignors: Assignor::ALL.to_vec(),
            expression_pause: Duration::from_secs(10),
            migration: MigrationPolicy::default(),
            requests_pending_max: 10_000,
        }
    }
}
