//! Which nodes hold a partition. Each topic goes round robin over the nodes, so that its load is
//! spread however uneven the nodes are; where that leaves a choice, the node with fewest
//! partitions gets the next one. The same image and request always give the same placement.

use std::collections::{BTreeMap, BTreeSet};

use corelog_model::{BrokerId, NodeId};

use crate::image::{ClusterImage, NodeLoad, TopicImage};

/// A node that may hold partitions.
#[derive(Clone, Debug)]
struct Candidate {
    node: NodeId,
    broker: BrokerId,
    rack: Option<String>,
    total: NodeLoad,
    /// The part of `total` that belongs to the topic being placed.
    of_topic: NodeLoad,
}

/// Places partitions one after the other and counts those it placed.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    candidates: Vec<Candidate>,
    broker_count: usize,
}

impl Placement {
    /// Begins with the partitions that the image has.
    pub(crate) fn new(image: &ClusterImage) -> Placement {
        let candidates = image.nodes().map(|endpoint| Candidate {
            node: endpoint.node,
            broker: endpoint.broker,
            rack: endpoint.rack.map(str::to_owned),
            total: image.load(endpoint.node),
            of_topic: NodeLoad::default(),
        });
        Placement { candidates: candidates.collect(), broker_count: image.brokers().len() }
    }

    /// The largest replication factor, because replicas never share a broker.
    pub(crate) fn replication_factor_max(&self) -> usize {
        self.broker_count
    }

    /// Turns to another topic, `None` for one without partitions yet.
    pub(crate) fn begin_topic(&mut self, topic: Option<&TopicImage>) {
        let mut loads: BTreeMap<NodeId, NodeLoad> = BTreeMap::new();
        for (_, state) in topic.into_iter().flat_map(TopicImage::partitions) {
            loads.entry(state.leader).or_default().leaders += 1;
            for node in &state.replicas {
                loads.entry(*node).or_default().replicas += 1;
            }
        }
        for candidate in &mut self.candidates {
            candidate.of_topic = loads.remove(&candidate.node).unwrap_or_default();
        }
    }

    /// Chooses the replicas of the topic's next partition, leader first, and counts them.
    pub(crate) fn place(&mut self, replication_factor: usize) -> Vec<NodeId> {
        assert!(
            0 < replication_factor && replication_factor <= self.broker_count,
            "replicas never share a broker: 0 < {replication_factor} <= {}",
            self.broker_count
        );
        let leader = self
            .candidates
            .iter()
            .min_by_key(|c| (c.of_topic.leaders, c.total.leaders, c.total.replicas, c.node))
            .expect("there is a broker, and every broker has a shard");
        let mut replicas = vec![leader.node];
        let mut brokers = BTreeSet::from([leader.broker]);
        let mut racks = BTreeSet::from([leader.rack.clone()]);
        while replicas.len() < replication_factor {
            let follower = self
                .candidates
                .iter()
                .filter(|candidate| !brokers.contains(&candidate.broker))
                .min_by_key(|c| {
                    let rack_is_used = c.rack.is_some() && racks.contains(&c.rack);
                    (rack_is_used, c.of_topic.replicas, c.total.replicas, c.node)
                })
                .expect("fewer replicas than brokers");
            replicas.push(follower.node);
            brokers.insert(follower.broker);
            racks.insert(follower.rack.clone());
        }
        self.add(&replicas);
        replicas
    }

    /// Counts a partition that others placed: its replicas, leader first.
    pub(crate) fn add(&mut self, replicas: &[NodeId]) {
        for candidate in &mut self.candidates {
            let is_leader = usize::from(replicas.first() == Some(&candidate.node));
            let is_replica = usize::from(replicas.contains(&candidate.node));
            for load in [&mut candidate.total, &mut candidate.of_topic] {
                load.leaders += is_leader;
                load.replicas += is_replica;
            }
        }
    }
}
