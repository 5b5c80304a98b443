//! Clusters and requests to begin a test with.

use corelog_cluster::decide::create_topics::{CreateTopics, NewTopic, create_topics};
use corelog_cluster::decide::register_broker::{RegisterBroker, register_broker};
use corelog_cluster::decide::{Mode, TopicPolicy};
use corelog_cluster::{
    ClusterImage, LISTENER_DEFAULT, MetadataRecord, PartitionState, ShardEndpoint,
};
use corelog_model::{
    BrokerId, LeaderEpoch, NodeId, PartitionId, PartitionIndex, ShardId, TopicId, TopicName,
};

pub(crate) fn name(text: &str) -> TopicName {
    TopicName::new(text).unwrap()
}

/// The `number`th random id, never a reserved one.
pub(crate) fn topic_id(number: u32) -> TopicId {
    let mut bytes = [1; 16];
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    TopicId::from_bytes(bytes)
}

pub(crate) fn partition(topic: u32, index: i32) -> PartitionId {
    PartitionId::new(topic_id(topic), PartitionIndex(index))
}

pub(crate) fn node(broker: i32, shard: u16) -> NodeId {
    NodeId::of(BrokerId(broker), ShardId(shard))
}

/// A partition in epoch `epoch` whose first replica leads and whose replicas are all in sync.
pub(crate) fn state(replicas: &[NodeId], epoch: i32) -> PartitionState {
    PartitionState {
        replicas: replicas.to_vec(),
        isr: replicas.to_vec(),
        leader: replicas[0],
        leader_epoch: LeaderEpoch(epoch),
        partition_epoch: epoch,
        target: Vec::new(),
    }
}

pub(crate) fn endpoints(shards: u16) -> Vec<ShardEndpoint> {
    let endpoint = |shard| ShardEndpoint {
        shard: ShardId(shard),
        listener: LISTENER_DEFAULT.to_owned(),
        host: "log.example".to_owned(),
        port: 9092 + shard,
    };
    (0..shards).map(endpoint).collect()
}

pub(crate) fn registration(broker: i32, shards: u16) -> RegisterBroker {
    RegisterBroker {
        broker: BrokerId(broker),
        rack: None,
        shards: endpoints(shards),
        new_cluster_id: "the-cluster".to_owned(),
    }
}

/// The image after a broker started with so many shards.
pub(crate) fn start(image: &ClusterImage, broker: i32, shards: u16) -> ClusterImage {
    let records = register_broker(image, &registration(broker, shards)).unwrap();
    image.fold(&records).unwrap()
}

/// Brokers 1, 2 and so on, with so many shards each, and no topics.
pub(crate) fn cluster(shards: &[u16]) -> ClusterImage {
    let brokers = (1..).zip(shards);
    brokers.fold(ClusterImage::empty(), |image, (broker, shards)| start(&image, broker, *shards))
}

/// A topic that leaves everything to the cluster; its id comes from its name.
pub(crate) fn new_topic(name: &str) -> NewTopic {
    let number = name.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31) + u32::from(byte));
    NewTopic {
        name: name.to_owned(),
        id: topic_id(number),
        partitions: -1,
        replication_factor: -1,
        assignments: Vec::new(),
        configs: Vec::new(),
    }
}

pub(crate) fn sized_topic(name: &str, partitions: i32, replication_factor: i16) -> NewTopic {
    NewTopic { partitions, replication_factor, ..new_topic(name) }
}

/// The image with these topics, which must be possible.
pub(crate) fn with_topics(image: &ClusterImage, topics: Vec<NewTopic>) -> ClusterImage {
    let request = CreateTopics { mode: Mode::Apply, topics };
    let decision = create_topics(image, &TopicPolicy::default(), &request);
    for result in decision.results {
        result.unwrap();
    }
    image.fold(&decision.records).unwrap()
}

/// The leaders of a topic's partitions.
pub(crate) fn leaders(image: &ClusterImage, topic: &str) -> Vec<NodeId> {
    let topic = image.topic_by_name(topic).unwrap();
    topic.partitions().map(|(_, state)| state.leader).collect()
}

/// The records that make topic `number`, with one partition on each of `leaders`.
pub(crate) fn topic_records(number: u32, text: &str, leaders: &[NodeId]) -> Vec<MetadataRecord> {
    let created = MetadataRecord::TopicCreated { id: topic_id(number), name: name(text) };
    let partitions = leaders.iter().zip(0..).map(|(leader, index)| {
        let (partition, state) = (partition(number, index), state(&[*leader], 0));
        MetadataRecord::PartitionCreated { partition, state }
    });
    std::iter::once(created).chain(partitions).collect()
}
