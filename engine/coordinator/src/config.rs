//! What the operator sets for groups. The names are Kafka's, with units.

use std::time::Duration;

use crate::consumer_group::ConsumerGroupConfig;
use crate::share_group::ShareGroupConfig;

/// The settings of a coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// The shortest session that a member may ask for (`group.min.session.timeout.ms`).
    pub session_timeout_min: Duration,
    /// The longest session that a member may ask for (`group.max.session.timeout.ms`).
    pub session_timeout_max: Duration,
    /// How long an empty group waits for more members, each time that one comes
    /// (`group.initial.rebalance.delay.ms`).
    pub initial_rebalance_delay: Duration,
    /// How many members a group may have (`group.max.size`), and as many ids given out beside.
    pub members_max: usize,
    /// How long a member that joins anew may wait for its first generation.
    pub new_member_timeout: Duration,
    /// How many groups one partition of `__consumer_offsets` may have; more are refused with
    /// `POLICY_VIOLATION`.
    pub groups_max: usize,
    /// How many offsets a group may have; more are refused with `POLICY_VIOLATION`.
    pub offsets_per_group_max: usize,
    /// How many bytes a client may keep with an offset (`offset.metadata.max.bytes`).
    pub offset_metadata_bytes_max: usize,
    /// How long offsets are kept that no group uses (`offsets.retention.minutes`).
    pub offsets_retention: Duration,
    /// How often expired offsets are looked for (`offsets.retention.check.interval.ms`).
    pub offsets_retention_check_interval: Duration,
    /// Of groups whose coordinator assigns.
    pub consumer: ConsumerGroupConfig,
    /// Of share groups.
    pub share: ShareGroupConfig,
}

/// What one group has otherwise than all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupTuning {
    /// How often its members are to be heard of, if it is a consumer group
    /// (`consumer.heartbeat.interval.ms`).
    pub heartbeat_interval: Option<Duration>,
    /// After what silence a member is out then (`consumer.session.timeout.ms`).
    pub session_timeout: Option<Duration>,
    /// The same, if it is a share group (`share.heartbeat.interval.ms`).
    pub share_heartbeat_interval: Option<Duration>,
    /// The same (`share.session.timeout.ms`).
    pub share_session_timeout: Option<Duration>,
}

impl GroupConfig {
    /// The settings of a group with this tuning.
    pub(crate) fn tuned(&self, tuning: GroupTuning) -> GroupConfig {
        let consumer = ConsumerGroupConfig {
            heartbeat_interval: tuning
                .heartbeat_interval
                .unwrap_or(self.consumer.heartbeat_interval),
            session_timeout: tuning.session_timeout.unwrap_or(self.consumer.session_timeout),
            ..self.consumer.clone()
        };
        let share = ShareGroupConfig {
            heartbeat_interval: tuning
                .share_heartbeat_interval
                .unwrap_or(self.share.heartbeat_interval),
            session_timeout: tuning.share_session_timeout.unwrap_or(self.share.session_timeout),
            ..self.share.clone()
        };
        GroupConfig { consumer, share, ..self.clone() }
    }
}

impl Default for GroupConfig {
    fn default() -> Self {
        GroupConfig {
            session_timeout_min: Duration::from_secs(6),
            session_timeout_max: Duration::from_secs(30 * 60),
            initial_rebalance_delay: Duration::from_secs(3),
            members_max: 10_000,
            new_member_timeout: Duration::from_secs(5 * 60),
            groups_max: 100_000,
            offsets_per_group_max: 1_000_000,
            offset_metadata_bytes_max: 4096,
            offsets_retention: Duration::from_secs(7 * 24 * 60 * 60),
            offsets_retention_check_interval: Duration::from_secs(10 * 60),
            consumer: ConsumerGroupConfig::default(),
            share: ShareGroupConfig::default(),
        }
    }
}
