//! The coordinators of one core: one for each partition of `__consumer_offsets` that it leads.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use corelog_cluster::group_keys::{
    HEARTBEAT_INTERVAL, SESSION_TIMEOUT, SHARE_HEARTBEAT_INTERVAL, SHARE_SESSION_TIMEOUT,
};
use corelog_cluster::{ClusterImage, TopicImage};
use corelog_coordinator::consumer_group::{Topic, Topics};
use corelog_coordinator::{GroupConfig, GroupTuning};
use corelog_model::topic_config::ConfigMap;
use corelog_model::{NodeId, PartitionIndex, TopicId, TopicName};

use crate::coordinator::place::{GROUPS_TOPIC, coordinator_partition};
use crate::coordinator::registry::Registry;
use crate::group_coordinator::GroupCoordinator;
use crate::partition::Partition;
use crate::shard::Shard;

/// Why this core does not answer for a group or a transactional id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CoordinatorRefusal {
    /// Nobody coordinates anything before there is a topic to keep it in:
    /// COORDINATOR_NOT_AVAILABLE.
    #[error("the topic of the coordinator does not exist yet")]
    NotAvailable,
    /// Another node does: NOT_COORDINATOR.
    #[error("node {coordinator} is the coordinator")]
    Elsewhere {
        /// Who does.
        coordinator: NodeId,
    },
}

/// The coordinators.
#[derive(Default)]
pub(crate) struct GroupCoordinators {
    registry: Registry<GroupCoordinator>,
    /// The topics of the cluster, as consumer groups see them.
    topics: RefCell<Arc<Topics>>,
    /// What single groups have otherwise, and as of which version of the metadata.
    tunings: RefCell<(u64, Arc<Tunings>)>,
}

/// What single groups have otherwise than the broker says, by group.
pub(crate) type Tunings = BTreeMap<String, GroupTuning>;

/// Which node coordinates a group; `None` while there is no topic to keep it in.
pub fn coordinator_of(image: &ClusterImage, group: &str) -> Option<NodeId> {
    let topic = image.topic_by_name(GROUPS_TOPIC)?;
    let index = coordinator_partition(group, topic.partition_count());
    topic.partition(index).map(|partition| partition.leader)
}

/// The configs of a group. They were checked when they were set.
fn tuning(configs: &ConfigMap) -> GroupTuning {
    let duration = |name| {
        let millis = configs.get(name)?.trim().parse().ok()?;
        Some(Duration::from_millis(millis))
    };
    GroupTuning {
        heartbeat_interval: duration(HEARTBEAT_INTERVAL),
        session_timeout: duration(SESSION_TIMEOUT),
        share_heartbeat_interval: duration(SHARE_HEARTBEAT_INTERVAL),
        share_session_timeout: duration(SHARE_SESSION_TIMEOUT),
    }
}

impl GroupCoordinators {
    /// Begins with the partitions that are news and resigns from those that are not led any more.
    pub(crate) fn take_over(
        &self,
        shard: &Shard,
        topic: Option<TopicId>,
        led: Vec<(PartitionIndex, Partition)>,
        config: &GroupConfig,
    ) {
        let begin = |partition| GroupCoordinator::begin(shard, partition, config.clone());
        self.registry.take_over(topic, led, begin);
    }

    pub(crate) fn get(&self, index: PartitionIndex) -> Option<Rc<GroupCoordinator>> {
        self.registry.get(index)
    }

    /// The topics of an image, made once for all coordinators.
    pub(crate) fn topics(&self, image: &ClusterImage) -> Arc<Topics> {
        let version = image.version().0;
        if self.topics.borrow().version() != version {
            let topic = |topic: &Arc<TopicImage>| {
                let partition_count = i32::try_from(topic.partition_count()).unwrap_or(i32::MAX);
                let name = Arc::from(topic.name().as_str());
                // Racks change nothing: no assignor looks at them.
                (topic.id(), Topic { name, partition_count, racks: Vec::new() })
            };
            let topics = Topics::new(version, image.topics().map(topic));
            self.topics.replace(Arc::new(topics));
        }
        Arc::clone(&self.topics.borrow())
    }

    /// What groups have otherwise in an image, made once for all coordinators.
    pub(crate) fn tunings(&self, image: &ClusterImage) -> Arc<Tunings> {
        let version = image.version().0;
        if self.tunings.borrow().0 != version {
            let tunings = image.group_configs();
            let tunings = tunings.map(|(name, configs)| (name.clone(), tuning(configs)));
            self.tunings.replace((version, Arc::new(tunings.collect())));
        }
        Arc::clone(&self.tunings.borrow().1)
    }

    /// All of them, in the order of their partitions.
    pub(crate) fn all(&self) -> Vec<Rc<GroupCoordinator>> {
        self.registry.all()
    }

    /// Topics are gone, and what groups committed for them goes too.
    pub(crate) fn forget_topics(&self, topics: &[TopicName]) {
        if topics.is_empty() {
            return;
        }
        for coordinator in self.all() {
            coordinator.forget_topics(topics.to_vec());
        }
    }

    /// Nothing is coordinated any more: the core ends.
    pub(crate) fn resign_all(&self) {
        self.registry.resign_all();
    }
}

impl Shard {
    /// The coordinator of a group, if it is on this core.
    pub fn group_coordinator(
        &self,
        group: &str,
    ) -> Result<Rc<GroupCoordinator>, CoordinatorRefusal> {
        let image = self.image();
        let topic = image.topic_by_name(GROUPS_TOPIC).ok_or(CoordinatorRefusal::NotAvailable)?;
        let index = coordinator_partition(group, topic.partition_count());
        if let Some(coordinator) = self.coordinators().get(index) {
            return Ok(coordinator);
        }
        let leader = topic.partition(index).map_or(NodeId::NONE, |partition| partition.leader);
        Err(CoordinatorRefusal::Elsewhere { coordinator: leader })
    }

    /// Every coordinator on this core.
    pub fn group_coordinators(&self) -> Vec<Rc<GroupCoordinator>> {
        self.coordinators().all()
    }
}
