//! The way from what a KIP-848 member owns to what its coordinator wants it to own: partitions are
//! given up first, and reported as given up; then what is free is taken over.
//!
//! What is reported counts: a partition that is left out is granted to another member. So one that
//! is handed over belongs to every report from that moment on, though a report for its sake waits
//! until the application has answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use corelog_model::TopicId;
use corelog_wire::api::consumer_group_heartbeat::TopicPartitions;

use super::Output;
use super::ownership::Ownership;
use crate::{Metadata, TopicPartition};

/// A partition as the coordinator names it.
pub(super) type Slot = (TopicId, i32);

/// What a member owns and should own.
#[derive(Debug, Default)]
pub(super) struct Reconciliation {
    /// The topics of everything below, as far as they are known.
    names: BTreeMap<TopicId, Arc<str>>,
    target: BTreeSet<Slot>,
    owned: BTreeSet<Slot>,
    stage: Stage,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Settled,
    Revoking(BTreeSet<Slot>),
    Assigning,
}

impl Reconciliation {
    /// Takes over what the coordinator wants the member to own.
    pub(super) fn aim(&mut self, assignment: &[TopicPartitions]) {
        let slots = |topic: &TopicPartitions| {
            let id = TopicId::from_bytes(topic.topic_id);
            topic.partitions.iter().map(move |partition| (id, *partition)).collect::<Vec<_>>()
        };
        self.target = assignment.iter().flat_map(slots).collect();
        let ids: BTreeSet<TopicId> =
            self.target.iter().chain(&self.owned).map(|(id, _)| *id).collect();
        self.names.retain(|id, _| ids.contains(id));
    }

    /// What the member owns, and so reports.
    pub(super) fn owned(&self) -> &BTreeSet<Slot> {
        &self.owned
    }

    /// Whether the application is taking over partitions.
    pub(super) fn is_taking_over(&self) -> bool {
        matches!(self.stage, Stage::Assigning)
    }

    /// The topics it deals with.
    pub(super) fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.values()
    }

    /// Looks for the names of topics. Says which ids are of unknown topics.
    pub(super) fn resolve(&mut self, metadata: &Metadata) -> BTreeSet<TopicId> {
        let is_unknown = |id: &TopicId| !self.names.contains_key(id);
        let mut unknown: BTreeSet<TopicId> =
            self.target.iter().map(|(id, _)| *id).filter(is_unknown).collect();
        if !unknown.is_empty() {
            for (name, topic) in metadata.topics() {
                if unknown.remove(&topic.id) {
                    self.names.insert(topic.id, Arc::clone(name));
                }
            }
        }
        unknown
    }

    /// Takes the next step, unless the application has yet to answer the last one.
    pub(super) fn advance(&mut self, held: &mut Ownership, outputs: &mut Vec<Output>) {
        if !held.is_free() {
            return;
        }
        match std::mem::take(&mut self.stage) {
            Stage::Settled | Stage::Assigning => {}
            Stage::Revoking(gone) => self.owned.retain(|slot| !gone.contains(slot)),
        }
        let gone: BTreeSet<Slot> = &self.owned - &self.target;
        let named = gone.iter().filter_map(|slot| self.named(*slot)).collect();
        if held.revoke(named, outputs) {
            self.stage = Stage::Revoking(gone);
            return;
        }
        // A topic created anew has another id under the same name: one of them at a time.
        let mut added: BTreeMap<TopicPartition, Slot> = BTreeMap::new();
        for slot in self.target.difference(&self.owned) {
            if let Some(at) = self.named(*slot).filter(|at| !held.owned().contains(at)) {
                added.insert(at, *slot);
            }
        }
        self.owned.extend(added.values().copied());
        if held.assign(added.into_keys().collect(), outputs) {
            self.stage = Stage::Assigning;
        }
    }

    fn named(&self, (id, partition): Slot) -> Option<TopicPartition> {
        let topic = Arc::clone(self.names.get(&id)?);
        Some(TopicPartition { topic, partition })
    }
}

/// Partitions as a heartbeat lists them.
pub(super) fn by_topic(slots: &BTreeSet<Slot>) -> Vec<TopicPartitions> {
    let mut topics: Vec<TopicPartitions> = Vec::new();
    for (id, partition) in slots {
        match topics.last_mut() {
            Some(topic) if topic.topic_id == *id.as_bytes() => topic.partitions.push(*partition),
            _ => {
                let topic_id = *id.as_bytes();
                topics.push(TopicPartitions { topic_id, partitions: vec![*partition] });
            }
        }
    }
    topics
}
