//! The rules for share groups, and the topic in which their state is kept.

use std::time::Duration;

use corelog_coordinator::share_group::ShareGroupConfig;
use corelog_coordinator::share_partition::SharePartitionConfig;
use corelog_coordinator::share_states::ShareStatesConfig;
use corelog_server::api::InternalTopic;
use corelog_shard::ShareSettings;

use super::settings::Settings;

/// How share groups are coordinated and served, and the topic their state is kept in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareRules {
    /// What the leaders of partitions go by.
    pub settings: ShareSettings,
    /// What the topic is created with.
    pub topic: InternalTopic,
}

/// Of the members of share groups.
pub(super) fn share_group_rules(settings: &Settings) -> ShareGroupConfig {
    let millis = |name| Duration::from_millis(settings.unsigned(name));
    ShareGroupConfig {
        heartbeat_interval: millis("group.share.heartbeat.interval.ms"),
        session_timeout: millis("group.share.session.timeout.ms"),
        members_max: settings.small("group.share.max.size") as usize,
        ..ShareGroupConfig::default()
    }
}

/// Of what share groups read.
pub(super) fn share_rules(settings: &Settings) -> ShareRules {
    let lock_ms = settings.unsigned("group.share.record.lock.duration.ms");
    let partition = SharePartitionConfig {
        delivery_count_max: settings.integer("group.share.delivery.count.limit") as i16,
        lock_duration: Duration::from_millis(lock_ms),
        locks_max: settings.small("group.share.partition.max.record.locks") as usize,
    };
    let updates = "share.coordinator.snapshot.update.records.per.snapshot";
    let states = ShareStatesConfig {
        updates_per_snapshot: settings.small(updates),
        ..ShareStatesConfig::default()
    };
    let topic = InternalTopic {
        partitions: settings.integer("share.coordinator.state.topic.num.partitions") as i32,
        replication_factor: settings.integer("share.coordinator.state.topic.replication.factor")
            as i16,
        segment_bytes: settings.integer("share.coordinator.state.topic.segment.bytes") as i32,
    };
    let settings = ShareSettings {
        partition,
        states,
        sessions_max: settings.small("group.share.max.share.sessions") as usize,
        ..ShareSettings::default()
    };
    ShareRules { settings, topic }
}
