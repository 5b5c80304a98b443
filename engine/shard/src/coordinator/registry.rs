//! The coordinators of one kind on one core: one for each partition of their topic that it leads.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use corelog_model::{PartitionIndex, TopicId};

use super::{Coordinator, Decider};
use crate::partition::Partition;

/// What is kept for a partition as long as this core leads it.
pub(crate) trait Led {
    /// The partition, as it was when this began.
    fn partition(&self) -> &Partition;
    /// The partition is led by another one.
    fn resign(&self);
}

impl<D: Decider> Led for Coordinator<D> {
    fn partition(&self) -> &Partition {
        Coordinator::partition(self)
    }

    fn resign(&self) {
        Coordinator::resign(self);
    }
}

/// The coordinators.
pub(crate) struct Registry<C> {
    /// The topic they belong to.
    topic: RefCell<TopicId>,
    by_partition: RefCell<BTreeMap<PartitionIndex, Rc<C>>>,
}

impl<C> Default for Registry<C> {
    fn default() -> Self {
        Registry { topic: RefCell::default(), by_partition: RefCell::default() }
    }
}

impl<C: Led> Registry<C> {
    /// Begins with the partitions that are news and resigns from those that are not led any more.
    pub(crate) fn take_over(
        &self,
        topic: Option<TopicId>,
        led: Vec<(PartitionIndex, Partition)>,
        begin: impl Fn(Partition) -> Rc<C>,
    ) {
        let topic = topic.unwrap_or(TopicId::ZERO);
        let is_other_topic = self.topic.replace(topic) != topic;
        let stays = |index: &PartitionIndex, coordinator: &C| {
            let epoch = coordinator.partition().leader_epoch;
            let led = led.iter().find(|(led, _)| led == index);
            !is_other_topic && led.is_some_and(|(_, partition)| partition.leader_epoch == epoch)
        };
        let mut gone = Vec::new();
        self.by_partition.borrow_mut().retain(|index, coordinator| {
            let stays = stays(index, coordinator);
            if !stays {
                gone.push(Rc::clone(coordinator));
            }
            stays
        });
        for coordinator in gone {
            coordinator.resign();
        }
        for (index, partition) in led {
            let mut by_partition = self.by_partition.borrow_mut();
            by_partition.entry(index).or_insert_with(|| begin(partition));
        }
    }

    pub(crate) fn get(&self, index: PartitionIndex) -> Option<Rc<C>> {
        self.by_partition.borrow().get(&index).cloned()
    }

    /// All of them, in the order of their partitions.
    pub(crate) fn all(&self) -> Vec<Rc<C>> {
        self.by_partition.borrow().values().cloned().collect()
    }

    /// Nothing is coordinated any more: the core ends.
    pub(crate) fn resign_all(&self) {
        let all = std::mem::take(&mut *self.by_partition.borrow_mut());
        for coordinator in all.into_values() {
            coordinator.resign();
        }
    }
}
