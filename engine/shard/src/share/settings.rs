//! What the operator sets for share groups, as far as the leaders of partitions go by it: for all
//! groups, and otherwise for single ones.

use std::time::Duration;

use corelog_cluster::group_keys::{
    READ_COMMITTED, SHARE_DELIVERIES, SHARE_ISOLATION, SHARE_LOCK_DURATION, SHARE_LOCKS,
    SHARE_RENEWAL, SHARE_RESET,
};
use corelog_cluster::share_reset::ShareReset;
use corelog_cluster::{ClusterImage, ConfigResource};
use corelog_coordinator::share_partition::SharePartitionConfig;
use corelog_coordinator::share_states::ShareStatesConfig;
use corelog_model::topic_config::ConfigMap;

use crate::partition::IsolationLevel;

/// The settings of all groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareSettings {
    /// Of share-partitions.
    pub partition: SharePartitionConfig,
    /// Of the state of share-partitions.
    pub states: ShareStatesConfig,
    /// How many share sessions a core may have (`group.share.max.share.sessions`).
    pub sessions_max: usize,
    /// How many share-partitions a core may have.
    pub partitions_max: usize,
}

impl Default for ShareSettings {
    fn default() -> Self {
        ShareSettings {
            partition: SharePartitionConfig::default(),
            states: ShareStatesConfig::default(),
            sessions_max: 2000,
            partitions_max: 20_000,
        }
    }
}

/// What holds for one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GroupShareSettings {
    /// Of its share-partitions.
    pub(super) partition: SharePartitionConfig,
    /// From where it reads what it has never read (`share.auto.offset.reset`).
    pub(super) reset: ShareReset,
    /// Which records it reads (`share.isolation.level`).
    pub(super) isolation: IsolationLevel,
    /// Whether its members may keep records for longer (`share.renew.acknowledge.enable`).
    pub(super) renews: bool,
}

impl ShareSettings {
    /// What holds for a group.
    pub(super) fn of_group(&self, image: &ClusterImage, group: &str) -> GroupShareSettings {
        let none = ConfigMap::new();
        let configs = image.configs_of(&ConfigResource::Group(group.to_owned()));
        self.tuned(configs.unwrap_or(&none))
    }

    /// What holds for a group with these configs. They were checked when they were set.
    fn tuned(&self, configs: &ConfigMap) -> GroupShareSettings {
        let text = |name| configs.get(name).map(|value| value.trim());
        let number = |name| text(name)?.parse::<u64>().ok();
        let all = &self.partition;
        let deliveries = number(SHARE_DELIVERIES).and_then(|count| i16::try_from(count).ok());
        let locks = number(SHARE_LOCKS).and_then(|count| usize::try_from(count).ok());
        let partition = SharePartitionConfig {
            delivery_count_max: deliveries.unwrap_or(all.delivery_count_max),
            lock_duration: number(SHARE_LOCK_DURATION)
                .map_or(all.lock_duration, Duration::from_millis),
            locks_max: locks.unwrap_or(all.locks_max),
        };
        let reset = text(SHARE_RESET).and_then(|value| value.parse().ok());
        let isolation = match text(SHARE_ISOLATION) {
            Some(READ_COMMITTED) => IsolationLevel::Committed,
            Some(_) | None => IsolationLevel::Uncommitted,
        };
        GroupShareSettings {
            partition,
            reset: reset.unwrap_or(ShareReset::Latest),
            isolation,
            renews: text(SHARE_RENEWAL).is_none_or(|value| !value.eq_ignore_ascii_case("false")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_what_was_set_for_it_or_what_all_have() {
        let all = ShareSettings::default();
        let plain = GroupShareSettings {
            partition: all.partition.clone(),
            reset: ShareReset::Latest,
            isolation: IsolationLevel::Uncommitted,
            renews: true,
        };
        assert_eq!(all.tuned(&ConfigMap::new()), plain);
        let configs = [
            (SHARE_DELIVERIES, "7"),
            (SHARE_LOCK_DURATION, "20000"),
            (SHARE_LOCKS, "300"),
            (SHARE_RESET, "by_duration:PT1M"),
            (SHARE_ISOLATION, READ_COMMITTED),
            (SHARE_RENEWAL, "false"),
        ];
        let configs = configs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let tuned = GroupShareSettings {
            partition: SharePartitionConfig {
                delivery_count_max: 7,
                lock_duration: Duration::from_secs(20),
                locks_max: 300,
            },
            reset: ShareReset::Within(Duration::from_secs(60)),
            isolation: IsolationLevel::Committed,
            renews: false,
        };
        assert_eq!(all.tuned(&configs.into()), tuned);
    }
}
