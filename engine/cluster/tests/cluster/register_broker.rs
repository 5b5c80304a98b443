//! A broker starts with other shards than before, and keeps every partition exactly once.

use corelog_cluster::decide::register_broker::{
    RegisterBroker, RegisterBrokerError, register_broker,
};
use corelog_cluster::{ClusterImage, MetadataRecord, ShardEndpoint};
use corelog_model::{BrokerId, ErrorCode, ShardId};
use proptest::prelude::*;

use crate::scene::{
    cluster, endpoints, node, partition, registration, sized_topic, start, state, topic_records,
    with_topics,
};

#[test]
fn the_first_broker_creates_the_cluster() {
    let records = register_broker(&ClusterImage::empty(), &registration(1, 2)).unwrap();
    let expected = [
        MetadataRecord::ClusterCreated { cluster_id: "the-cluster".to_owned() },
        MetadataRecord::BrokerRegistered { broker: BrokerId(1), rack: None, shards: endpoints(2) },
    ];
    assert_eq!(records, expected);
}

#[test]
fn the_second_broker_joins_it() {
    let request = RegisterBroker { new_cluster_id: "other".to_owned(), ..registration(2, 1) };
    let records = register_broker(&cluster(&[1]), &request).unwrap();
    let registered =
        MetadataRecord::BrokerRegistered { broker: BrokerId(2), rack: None, shards: endpoints(1) };
    assert_eq!(records, [registered]);
}

#[test]
fn a_broker_that_starts_as_it_was_changes_nothing() {
    let image = with_topics(&cluster(&[2]), vec![sized_topic("t", 5, 1)]);
    let mut request = registration(1, 2);
    request.shards.reverse();
    assert_eq!(register_broker(&image, &request), Ok(Vec::new()));
}

#[test]
fn another_rack_host_or_port_is_registered_and_moves_nothing() {
    let image = with_topics(&cluster(&[2]), vec![sized_topic("t", 5, 1)]);
    let rack = RegisterBroker { rack: Some("r".to_owned()), ..registration(1, 2) };
    let mut host = registration(1, 2);
    host.shards[1].host = "other.example".to_owned();
    let mut port = registration(1, 2);
    port.shards[0].port = 1;
    for request in [rack, host, port] {
        let registered = MetadataRecord::BrokerRegistered {
            broker: BrokerId(1),
            rack: request.rack.clone(),
            shards: request.shards.clone(),
        };
        assert_eq!(register_broker(&image, &request), Ok(vec![registered]));
    }
}

#[test]
fn partitions_of_vanished_shards_move_and_the_others_stay() {
    let (a, b, c) = (node(1, 0), node(1, 1), node(1, 2));
    let image = cluster(&[3]).fold(&topic_records(1, "t", &[a, b, c, c])).unwrap();
    let records = register_broker(&image, &registration(1, 2)).unwrap();
    let moved = |index, leader| MetadataRecord::PartitionChanged {
        partition: partition(1, index),
        state: state(&[leader], 1),
    };
    assert_eq!(records[1..], [moved(2, a), moved(3, b)]);
}

#[test]
fn a_start_that_became_durable_in_part_is_completed_by_the_next() {
    let image = with_topics(&cluster(&[4]), vec![sized_topic("t", 8, 1)]);
    let request = registration(1, 1);
    let records = register_broker(&image, &request).unwrap();
    for durable in 0..=records.len() {
        let torn = image.fold(&records[..durable]).unwrap();
        let rest = register_broker(&torn, &request).unwrap();
        assert_eq!(rest, records[durable..]);
    }
}

#[test]
fn only_replicas_of_the_broker_that_starts_move() {
    let image = with_topics(&cluster(&[2, 2]), vec![sized_topic("t", 4, 2)]);
    let after = start(&image, 1, 1);
    for ((_, before), (_, after)) in image.partitions().zip(after.partitions()) {
        let move_node = |old| if old == node(1, 1) { node(1, 0) } else { old };
        let replicas = before.replicas.iter().map(|old| move_node(*old)).collect::<Vec<_>>();
        assert_eq!((&after.replicas, &after.isr), (&replicas, &replicas));
        assert_eq!(after.leader, move_node(before.leader));
        let epoch = i32::from(before.replicas.contains(&node(1, 1)));
        assert_eq!((after.leader_epoch.0, after.partition_epoch), (epoch, epoch));
    }
}

#[test]
fn registrations_that_cannot_be_are_refused() {
    let with_shards = |shards: Vec<ShardEndpoint>| RegisterBroker { shards, ..registration(1, 1) };
    let endpoint = || endpoints(1).remove(0);
    let shard = |number| ShardEndpoint { shard: ShardId(number), ..endpoint() };
    let at = |name: &str, number| ShardEndpoint { listener: name.to_owned(), ..shard(number) };
    let host = |bytes: usize| ShardEndpoint { host: "h".repeat(bytes), ..endpoint() };
    let text = |what, bytes| RegisterBrokerError::Text { what, bytes };
    let node_id = |broker, shard| RegisterBrokerError::NodeId {
        broker: BrokerId(broker),
        shard: ShardId(shard),
    };
    let cases = [
        (with_shards(vec![]), RegisterBrokerError::NoShards),
        (
            with_shards(vec![shard(1), shard(0), shard(1)]),
            RegisterBrokerError::DuplicateShard { shard: ShardId(1) },
        ),
        (
            with_shards(vec![shard(1), shard(0), at("SSL", 1)]),
            RegisterBrokerError::ListenerMissing { listener: "SSL".to_owned() },
        ),
        (with_shards(vec![at("", 0)]), text("listener", 0)),
        (with_shards(vec![shard(1000)]), node_id(1, 1000)),
        (RegisterBroker { broker: BrokerId(-1), ..registration(1, 1) }, node_id(-1, 0)),
        (with_shards(vec![host(0)]), text("host", 0)),
        (with_shards(vec![host(256)]), text("host", 256)),
        (
            with_shards(vec![ShardEndpoint { port: 0, ..endpoint() }]),
            RegisterBrokerError::Port { shard: ShardId(0) },
        ),
        (RegisterBroker { rack: Some(String::new()), ..registration(1, 1) }, text("rack", 0)),
        (
            RegisterBroker { new_cluster_id: String::new(), ..registration(1, 1) },
            text("cluster id", 0),
        ),
    ];
    for (request, error) in cases {
        assert_eq!(error.code(), ErrorCode::InvalidRegistration);
        assert_eq!(register_broker(&ClusterImage::empty(), &request), Err(error));
    }
}

proptest! {
    #[test]
    fn re_homing_keeps_every_partition_exactly_once(
        before in 1..=8_u16,
        after in 1..=8_u16,
        topics in proptest::collection::vec(1..20_i32, 1..6),
    ) {
        let topics = topics.iter().zip(0..);
        let topics = topics.map(|(size, number)| sized_topic(&format!("t{number}"), *size, 1));
        let old = with_topics(&cluster(&[before]), topics.collect());
        let new = start(&old, 1, after);

        prop_assert_eq!(new.partition_count(), old.partition_count());
        let led = new.nodes().map(|endpoint| new.partitions_led_by(endpoint.node).count());
        let led = led.collect::<Vec<_>>();
        prop_assert_eq!(led.iter().sum::<usize>(), old.partition_count());
        for ((old_id, old_state), (new_id, new_state)) in old.partitions().zip(new.partitions()) {
            prop_assert_eq!(old_id, new_id);
            if new.node(old_state.leader).is_some() {
                prop_assert_eq!(old_state, new_state);
            } else {
                prop_assert_eq!(new_state.leader_epoch.0, old_state.leader_epoch.0 + 1);
            }
        }
        if after <= before {
            let (least, most) = (led.iter().min().unwrap(), led.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{:?}", led);
        }
    }
}
