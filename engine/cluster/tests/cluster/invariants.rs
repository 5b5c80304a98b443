//! Whatever is asked of a cluster, its metadata stay sound.

use std::collections::BTreeSet;

use corelog_cluster::decide::Mode;
use corelog_cluster::decide::configs::{AlterConfig, AlterConfigs, AlterResource, ConfigOperation};
use corelog_cluster::decide::create_partitions::{CreatePartitions, TopicGrowth};
use corelog_cluster::decide::create_topics::{CreateTopics, NewTopic};
use corelog_cluster::decide::delete_topics::TopicSelector;
use corelog_cluster::decide::reassign_partitions::{ReassignPartition, ReassignPartitions};
use corelog_cluster::snapshot::{restore, snapshot};
use corelog_cluster::{
    Change, ClusterImage, ConfigResource, Controller, ControllerConfig, Input, MetadataRecord,
    Output, Ticket,
};
use corelog_model::{BrokerId, PartitionIndex, TopicId, TopicName};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::scene::{cluster, node, registration};

/// Few names, so that requests meet each other's topics.
fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b.c", "b_c", "d", "e", "bad/name", ""]).prop_map(str::to_owned)
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![4 => Just(Mode::Apply), 1 => Just(Mode::ValidateOnly)]
}

fn assignments() -> impl Strategy<Value = Vec<(PartitionIndex, Vec<corelog_model::NodeId>)>> {
    let nodes = vec((1..=3_i32, 0..4_u16).prop_map(|(broker, shard)| node(broker, shard)), 0..3);
    prop_oneof![
        3 => Just(Vec::new()),
        1 => vec((0..3_i32).prop_map(PartitionIndex), 1..4).prop_flat_map(move |indexes| {
            indexes.into_iter().map(|index| (Just(index), nodes.clone())).collect::<Vec<_>>()
        }),
    ]
}

fn new_topic() -> impl Strategy<Value = NewTopic> {
    (name(), 1..1000_u64, -2..9_i32, -2..4_i16, assignments()).prop_map(
        |(name, id, partitions, replication_factor, assignments)| NewTopic {
            name,
            id: TopicId::from_bytes([id.to_be_bytes(), [1; 8]].concat().try_into().unwrap()),
            partitions: if assignments.is_empty() { partitions } else { -1 },
            replication_factor: if assignments.is_empty() { replication_factor } else { -1 },
            assignments,
            configs: vec![("retention.ms".to_owned(), Some(id.to_string()))],
        },
    )
}

fn growth() -> impl Strategy<Value = TopicGrowth> {
    (name(), -1..20_i32).prop_map(|(name, partitions)| TopicGrowth {
        name,
        partitions,
        assignments: None,
    })
}

fn alteration() -> impl Strategy<Value = AlterResource> {
    let topic = prop::sample::select(vec!["a", "b.c", "d"])
        .prop_map(|text| ConfigResource::Topic(TopicName::new(text).unwrap()));
    let broker = (1..=3_i32).prop_map(|broker| ConfigResource::Broker(BrokerId(broker)));
    let key = prop::sample::select(vec![
        "retention.ms",
        "cleanup.policy",
        "log.retention.ms",
        "log.cleanup.policy",
        "min.compaction.lag.ms",
        "log.cleaner.max.compaction.lag.ms",
    ]);
    let operation = prop::sample::select(vec![
        ConfigOperation::Set,
        ConfigOperation::Delete,
        ConfigOperation::Append,
        ConfigOperation::Subtract,
    ]);
    let value = prop::sample::select(vec!["1", "2", "compact", "delete", ""]);
    let alteration = (key, operation, value).prop_map(|(key, operation, value)| AlterConfig {
        key: key.to_owned(),
        operation,
        value: Some(value.to_owned()),
    });
    let resource = prop_oneof![topic, broker, Just(ConfigResource::BrokerDefault)];
    (resource, vec(alteration, 1..3), any::<bool>()).prop_map(
        |(resource, alterations, replaces_all)| AlterResource {
            resource,
            alterations,
            replaces_all,
        },
    )
}

fn reassignment() -> impl Strategy<Value = ReassignPartition> {
    let nodes = vec((1..=3_i32, 0..4_u16).prop_map(|(broker, shard)| node(broker, shard)), 0..3);
    (name(), 0..3_i32, prop::option::weighted(0.8, nodes)).prop_map(|(topic, index, replicas)| {
        ReassignPartition { topic, index: PartitionIndex(index), replicas }
    })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (mode(), vec(new_topic(), 1..4))
            .prop_map(|(mode, topics)| Change::CreateTopics(CreateTopics { mode, topics })),
        1 => vec(name().prop_map(TopicSelector::Name), 1..3).prop_map(Change::DeleteTopics),
        2 => (mode(), vec(growth(), 1..3)).prop_map(|(mode, topics)| {
            Change::CreatePartitions(CreatePartitions { mode, topics })
        }),
        2 => (1..=3_i32, 1..=6_u16)
            .prop_map(|(broker, shards)| Change::RegisterBroker(registration(broker, shards))),
        1 => Just(Change::AllocateProducerIds),
        3 => (vec(reassignment(), 1..4), any::<bool>()).prop_map(|(partitions, allows)| {
            let allow_replication_factor_change = allows;
            Change::ReassignPartitions(ReassignPartitions {
                partitions,
                allow_replication_factor_change,
            })
        }),
        2 => (mode(), vec(alteration(), 1..3))
            .prop_map(|(mode, resources)| Change::AlterConfigs(AlterConfigs { mode, resources })),
    ]
}

fn check_image(image: &ClusterImage) {
    let mut ids = BTreeSet::new();
    let mut names = BTreeSet::new();
    let mut partitions = 0;
    for topic in image.topics() {
        assert!(ids.insert(topic.id()), "ids are unique");
        assert!(names.insert(topic.name().as_str().replace('.', "_")), "names do not collide");
        assert!(topic.partition_count() > 0, "a topic has partitions");
        partitions += topic.partition_count();
    }
    assert_eq!((image.topic_count(), image.partition_count()), (ids.len(), partitions));
    for (id, state) in image.partitions() {
        assert!(state.replicas.contains(&state.leader), "{id}: the leader is a replica");
        assert!(state.isr.contains(&state.leader), "{id}: the leader is in sync");
        let brokers = state.replicas.iter().map(|node| node.broker()).collect::<BTreeSet<_>>();
        assert_eq!(brokers.len(), state.replicas.len(), "{id}: replicas share no broker");
        for node in state.replicas.iter().chain(&state.target) {
            assert!(image.node(*node).is_some(), "{id}: node {node} exists");
        }
    }
    for endpoint in image.nodes() {
        let node = endpoint.node;
        let holds = image.partitions().filter(|(_, state)| state.replicas.contains(&node));
        let load = (image.load(node).leaders, image.load(node).replicas);
        assert_eq!(
            load,
            (image.partitions_led_by(node).count(), holds.count()),
            "loads are counted"
        );
    }
    assert_eq!(restore(image.version(), &snapshot(image)).as_ref(), Ok(image));
}

fn check_step(before: &ClusterImage, after: &ClusterImage) {
    assert!(before.version() < after.version(), "versions grow");
    assert!(before.next_producer_id() <= after.next_producer_id(), "producer ids grow");
    for (id, old) in before.partitions() {
        let Some(new) = after.partition(id) else {
            assert!(after.topic(id.topic).is_none(), "{id}: partitions go only with their topic");
            continue;
        };
        assert!(old.leader_epoch <= new.leader_epoch, "{id}: leader epochs do not go back");
        let same = old.leader_epoch == new.leader_epoch;
        assert!(!same || old.leader == new.leader, "{id}: one leader in an epoch");
        let same = old.partition_epoch == new.partition_epoch;
        assert!(!same || old == new, "{id}: one state in a partition epoch");
    }
}

proptest! {
    #[test]
    fn random_changes_keep_the_metadata_sound(
        changes in vec((change(), 0..4_usize), 1..40),
    ) {
        let start = cluster(&[2, 2]);
        let mut controller = Controller::new(ControllerConfig::default(), start.clone());
        let mut log: Vec<MetadataRecord> = Vec::new();
        let mut appends = Vec::new();
        let mut waiting = BTreeSet::new();
        let mut seen = start.clone();
        for ((change, lag), ticket) in changes.into_iter().zip(0..) {
            waiting.insert(Ticket(ticket));
            let mut outputs = controller.step(Input::Request { ticket: Ticket(ticket), change });
            for output in &outputs {
                if let Output::Append { records, through } = output {
                    log.extend(records.iter().cloned());
                    appends.push(*through);
                }
            }
            // The log lags behind by some appends.
            if appends.len() > lag {
                let through = appends[appends.len() - 1 - lag];
                if through >= seen.version() {
                    outputs.extend(controller.step(Input::Appended { through }));
                }
            }
            for output in outputs {
                match output {
                    Output::Append { .. } => {}
                    Output::Publish(image) => {
                        check_image(&image);
                        check_step(&seen, &image);
                        seen = (*image).clone();
                    }
                    Output::Reply { ticket, .. } => {
                        prop_assert!(waiting.remove(&ticket), "one reply for each request");
                    }
                }
            }
        }
        if let Some(&through) = appends.last() {
            let outputs = controller.step(Input::Appended { through });
            let replies = outputs.iter().filter(|output| matches!(output, Output::Reply { .. }));
            prop_assert_eq!(replies.count(), waiting.len());
        }
        let image = (**controller.image()).clone();
        prop_assert_eq!(start.fold(&log), Ok(image));
    }
}
