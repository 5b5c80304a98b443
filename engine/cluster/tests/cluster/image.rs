//! Records fold into an image, or are refused and change nothing.

use std::sync::Arc;

use corelog_cluster::decide::register_broker::register_broker;
use corelog_cluster::{
    ApplyError, ClusterImage, ConfigResource, LISTENER_DEFAULT, MetadataRecord, MetadataVersion,
    PartitionState, ShardEndpoint,
};
use corelog_model::{BrokerId, LeaderEpoch, NodeId, ProducerId, ShardId};

use crate::scene::{
    cluster, endpoints, name, node, partition, registration, state, topic_id, topic_records,
};

/// Two brokers of two shards, and topic 1 named `a.b` with partitions on nodes 1000 and 2001.
fn image() -> ClusterImage {
    let records = topic_records(1, "a.b", &[node(1, 0), node(2, 1)]);
    cluster(&[2, 2]).fold(&records).unwrap()
}

fn refuses(record: MetadataRecord, error: ApplyError) {
    let before = image();
    let mut after = before.clone();
    assert_eq!(after.apply(&record), Err(error));
    assert_eq!(after, before, "a refused record changes nothing");
}

fn changed(index: i32, state: PartitionState) -> MetadataRecord {
    MetadataRecord::PartitionChanged { partition: partition(1, index), state }
}

fn set(resource: ConfigResource, key: &str, value: Option<&str>) -> MetadataRecord {
    let (key, value) = (key.to_owned(), value.map(str::to_owned));
    MetadataRecord::ConfigSet { resource, key, value }
}

#[test]
fn an_empty_image_knows_nothing() {
    let image = ClusterImage::empty();
    assert_eq!(image.version(), MetadataVersion(0));
    assert_eq!(image.cluster_id(), None);
    assert_eq!(image.controller(), None);
    assert_eq!(image.next_producer_id(), ProducerId(0));
    assert_eq!((image.topic_count(), image.partition_count()), (0, 0));
}

#[test]
fn a_node_has_the_address_of_the_listener_that_is_asked_for() {
    let mut registration = registration(1, 2);
    for shard in [0, 1] {
        registration.shards.push(ShardEndpoint {
            shard: ShardId(shard),
            listener: "SSL".to_owned(),
            host: "tls.example".to_owned(),
            port: 9192 + shard,
        });
    }
    let records = register_broker(&ClusterImage::empty(), &registration).unwrap();
    let image = ClusterImage::empty().fold(&records).unwrap();
    let at = |listener: &str| {
        let nodes = image.nodes_at(listener);
        nodes.map(|it| (it.node, it.host.to_owned(), it.port)).collect::<Vec<_>>()
    };
    let tls = |shard: u16| (node(1, shard), "tls.example".to_owned(), 9192 + shard);
    assert_eq!(at("SSL"), [tls(0), tls(1)]);
    let plain = |shard: u16| (node(1, shard), "log.example".to_owned(), 9092 + shard);
    assert_eq!(at(LISTENER_DEFAULT), [plain(0), plain(1)]);
    assert_eq!(at("OTHER"), []);
    assert_eq!(image.nodes().map(|it| it.port).collect::<Vec<_>>(), [9092, 9093]);
    assert_eq!(image.node_at(node(1, 1), "SSL").map(|it| it.port), Some(9193));
    assert_eq!(image.node_at(node(1, 2), "SSL"), None);
    assert_eq!(image.node_at(node(1, 1), "OTHER"), None);
}

#[test]
fn an_image_answers_by_name_by_id_and_by_node() {
    let image = image();
    assert_eq!(image.version(), MetadataVersion(6));
    assert_eq!(image.cluster_id(), Some("the-cluster"));
    assert_eq!(image.controller(), Some(node(1, 0)));
    let nodes = image.nodes().map(|endpoint| (endpoint.node, endpoint.port));
    let expected = [(node(1, 0), 9092), (node(1, 1), 9093), (node(2, 0), 9092), (node(2, 1), 9093)];
    assert_eq!(nodes.collect::<Vec<_>>(), expected);
    let endpoint = image.node(node(2, 1)).unwrap();
    assert_eq!((endpoint.broker, endpoint.shard), (BrokerId(2), ShardId(1)));
    assert_eq!(image.node(node(2, 2)), None);
    assert_eq!(image.node(NodeId(-1)), None);

    assert_eq!(image.topic_id("a.b"), Some(topic_id(1)));
    assert_eq!(image.topic_by_name("a.b"), image.topic(topic_id(1)));
    assert_eq!(image.topic_by_name("../etc"), None);
    assert_eq!((image.topic_count(), image.partition_count()), (1, 2));
    assert_eq!(image.partition(partition(1, 1)), Some(&state(&[node(2, 1)], 0)));
    assert_eq!(image.partition(partition(1, 2)), None);
    assert_eq!(image.partition(partition(1, -1)), None);
    let led = image.partitions_led_by(node(2, 1)).map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(led, [partition(1, 1)]);
}

#[test]
fn an_image_stays_when_the_next_one_is_folded() {
    let before = image();
    let copy = before.clone();
    let after = before.fold(&[changed(0, state(&[node(2, 0)], 1))]).unwrap();
    assert_eq!(before, copy);
    assert_eq!(after.partition(partition(1, 0)), Some(&state(&[node(2, 0)], 1)));
    assert_eq!(before.partition(partition(1, 0)), Some(&state(&[node(1, 0)], 0)));
}

#[test]
fn the_next_image_shares_the_topics_that_did_not_change() {
    let before = image().fold(&topic_records(2, "other", &[node(1, 0)])).unwrap();
    let after = before.fold(&[changed(0, state(&[node(2, 0)], 1))]).unwrap();
    let same = |id| Arc::ptr_eq(before.topic(id).unwrap(), after.topic(id).unwrap());
    assert!(same(topic_id(2)));
    assert!(!same(topic_id(1)));
}

#[test]
fn a_broker_that_registers_again_replaces_its_shards() {
    let record = MetadataRecord::BrokerRegistered {
        broker: BrokerId(1),
        rack: Some("r".to_owned()),
        shards: endpoints(1),
    };
    let after = image().fold(&[record]).unwrap();
    let nodes = after.nodes().map(|endpoint| (endpoint.node, endpoint.rack));
    let expected = [(node(1, 0), Some("r")), (node(2, 0), None), (node(2, 1), None)];
    assert_eq!(nodes.collect::<Vec<_>>(), expected);
}

#[test]
fn a_deleted_topic_leaves_its_name_free() {
    let deleted = MetadataRecord::TopicDeleted { id: topic_id(1) };
    let after = image().fold(std::slice::from_ref(&deleted)).unwrap();
    assert_eq!((after.topic_count(), after.partition_count()), (0, 0));
    assert_eq!(after.topic_by_name("a.b"), None);
    // Also a name that would have collided with it.
    let again = after.fold(&topic_records(2, "a_b", &[node(1, 0)])).unwrap();
    assert_eq!(again.topic_id("a_b"), Some(topic_id(2)));
    assert_eq!(again.colliding_topic(&name("a.b")), Some(&name("a_b")));
    assert_eq!(again.colliding_topic(&name("a_b")), None);
}

#[test]
fn configs_are_set_and_removed_on_each_resource() {
    let topic = ConfigResource::Topic(name("a.b"));
    let broker = ConfigResource::Broker(BrokerId(2));
    let default = ConfigResource::BrokerDefault;
    for resource in [topic, broker, default] {
        let before = image();
        assert_eq!(before.configs_of(&resource), None);
        let during = before.fold(&[set(resource.clone(), "k", Some("v"))]).unwrap();
        let configs = [("k".to_owned(), "v".to_owned())].into();
        assert_eq!(during.configs_of(&resource), Some(&configs));
        assert_eq!(during.configs().collect::<Vec<_>>(), [(resource.clone(), &configs)]);
        let after = during.fold(&[set(resource.clone(), "k", None)]).unwrap();
        assert_eq!(after.configs_of(&resource), None);
        assert_eq!(after.configs().count(), 0);
    }
}

#[test]
fn configs_of_an_unknown_topic_are_refused() {
    refuses(
        set(ConfigResource::Topic(name("x")), "k", Some("v")),
        ApplyError::TopicNameUnknown { name: name("x") },
    );
}

#[test]
fn a_second_cluster_is_refused() {
    let record = MetadataRecord::ClusterCreated { cluster_id: "other".to_owned() };
    refuses(record, ApplyError::ClusterExists);
}

#[test]
fn a_broker_without_distinct_shards_and_node_ids_is_refused() {
    let register = |broker, shards: Vec<u16>| MetadataRecord::BrokerRegistered {
        broker: BrokerId(broker),
        rack: None,
        shards: shards
            .into_iter()
            .map(|shard| {
                let mut endpoint = endpoints(1).remove(0);
                endpoint.shard = ShardId(shard);
                endpoint
            })
            .collect(),
    };
    refuses(register(1, vec![]), ApplyError::Shards { broker: BrokerId(1) });
    refuses(register(1, vec![0, 1, 0]), ApplyError::Shards { broker: BrokerId(1) });
    let error =
        |broker, shard| ApplyError::NodeId { broker: BrokerId(broker), shard: ShardId(shard) };
    refuses(register(1, vec![0, 1000]), error(1, 1000));
    refuses(register(i32::MAX, vec![0]), error(i32::MAX, 0));
}

#[test]
fn a_topic_whose_id_or_name_is_taken_is_refused() {
    let create =
        |number, text| MetadataRecord::TopicCreated { id: topic_id(number), name: name(text) };
    refuses(create(1, "x"), ApplyError::TopicIdExists { id: topic_id(1) });
    refuses(create(2, "a.b"), ApplyError::TopicNameExists { name: name("a.b") });
    refuses(create(2, "a_b"), ApplyError::TopicNameExists { name: name("a_b") });
}

#[test]
fn partitions_and_deletions_of_an_unknown_topic_are_refused() {
    let id = topic_id(2);
    let (partition, state) = (partition(2, 0), state(&[node(1, 0)], 1));
    refuses(
        MetadataRecord::PartitionCreated { partition, state: state.clone() },
        ApplyError::TopicIdUnknown { id },
    );
    refuses(
        MetadataRecord::PartitionChanged { partition, state },
        ApplyError::PartitionUnknown { partition },
    );
    refuses(MetadataRecord::TopicDeleted { id }, ApplyError::TopicIdUnknown { id });
}

#[test]
fn partitions_come_in_order() {
    for index in [0, 1, 3, i32::MAX, -1] {
        let partition = partition(1, index);
        let state = state(&[node(1, 0)], 0);
        refuses(
            MetadataRecord::PartitionCreated { partition, state },
            ApplyError::PartitionOrder { partition, next: 2 },
        );
    }
}

#[test]
fn epochs_do_not_go_back() {
    let base = cluster(&[2, 2]).fold(&topic_records(1, "t", &[node(1, 0)])).unwrap();
    let base = base.fold(&[changed(0, state(&[node(1, 0)], 5))]).unwrap();
    let id = partition(1, 0);
    let attempt = |leader: NodeId, leader_epoch: i32, partition_epoch: i32| {
        let leader_epoch = LeaderEpoch(leader_epoch);
        let state = PartitionState { leader_epoch, partition_epoch, ..state(&[leader], 0) };
        base.fold(&[changed(0, state)]).map(|image| image.version().0 - base.version().0)
    };
    let leader_epoch = |to| {
        let (from, to) = (LeaderEpoch(5), LeaderEpoch(to));
        Err(ApplyError::LeaderEpoch { partition: id, from, to })
    };
    let partition_epoch = |to| Err(ApplyError::PartitionEpoch { partition: id, from: 5, to });
    assert_eq!(attempt(node(1, 0), 4, 6), leader_epoch(4));
    assert_eq!(attempt(node(1, 1), 5, 6), leader_epoch(5));
    assert_eq!(attempt(node(1, 0), 5, 5), partition_epoch(5));
    assert_eq!(attempt(node(1, 1), 6, 4), partition_epoch(4));
    assert_eq!(attempt(node(1, 0), 5, 6), Ok(1));
    assert_eq!(attempt(node(1, 1), 6, 6), Ok(1));
}

#[test]
fn contradictory_replicas_are_refused() {
    let id = partition(1, 0);
    let (a, b, same_broker) = (node(1, 0), node(2, 0), node(1, 1));
    let cases: [(&[NodeId], &[NodeId], NodeId, &str); 7] = [
        (&[], &[], a, "a partition has at least one replica"),
        (&[a, same_broker], &[a], a, "replicas of one partition never share a broker"),
        (&[a, a], &[a], a, "replicas of one partition never share a broker"),
        (&[a], &[a], b, "the leader is one of the replicas"),
        (&[a], &[], a, "the in-sync replicas are at least one, and distinct"),
        (&[a, b], &[b, b], a, "the in-sync replicas are at least one, and distinct"),
        (&[a], &[a, b], a, "the in-sync replicas are replicas"),
    ];
    for (replicas, isr, leader, rule) in cases {
        let (replicas, isr) = (replicas.to_vec(), isr.to_vec());
        let state = PartitionState { replicas, isr, leader, ..state(&[a], 1) };
        refuses(changed(0, state), ApplyError::Replicas { partition: id, rule });
    }
}

#[test]
fn producer_ids_are_not_allocated_twice() {
    let allocated = |next| MetadataRecord::ProducerIdsAllocated { next: ProducerId(next) };
    let image = image().fold(&[allocated(1000)]).unwrap();
    assert_eq!(image.next_producer_id(), ProducerId(1000));
    for next in [1000, 999] {
        let error = ApplyError::ProducerIds { from: ProducerId(1000), to: ProducerId(next) };
        assert_eq!(image.fold(&[allocated(next)]), Err(error));
    }
}
