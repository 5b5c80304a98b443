//! DescribeQuorum: who keeps the metadata (KIP-595, KIP-836). Here that is the controller's core
//! alone.

use corelog_cluster::ClusterImage;
use corelog_model::{ErrorCode, NodeId};
use corelog_wire::api::describe_quorum::{
    Listener, Node, PartitionData, QuorumPartition, ReplicaState, TopicData,
};
use corelog_wire::{DescribeQuorumRequest, DescribeQuorumResponse, Text};

/// Kafka's name of the topic that the metadata is in, and its only partition.
const TOPIC: &str = "__cluster_metadata";
const PARTITION: i32 = 0;

/// Answers, with the metadata that this core has taken over as the end of the log, and with the
/// controller as it is reached by the listener of the client.
pub fn respond<'a>(
    request: &'a DescribeQuorumRequest<'a>,
    image: &'a ClusterImage,
    listener: &'a str,
) -> DescribeQuorumResponse<'a> {
    let topics = request.topics.iter().map(|topic| {
        let describe = |asked: &QuorumPartition| {
            let is_metadata = &*topic.topic_name == TOPIC && asked.partition_index == PARTITION;
            if is_metadata { metadata(image) } else { unknown(asked.partition_index) }
        };
        TopicData {
            topic_name: Text::Borrowed(&*topic.topic_name),
            partitions: topic.partitions.iter().map(describe).collect(),
        }
    });
    let controller = image.controller().and_then(|node| image.node_at(node, listener));
    let nodes = controller.map(|endpoint| Node {
        node_id: endpoint.node.get(),
        listeners: vec![Listener {
            name: Text::Borrowed(listener),
            host: Text::Borrowed(endpoint.host),
            port: endpoint.port,
        }],
    });
    DescribeQuorumResponse {
        topics: topics.collect(),
        nodes: nodes.into_iter().collect(),
        ..Default::default()
    }
}

fn metadata<'a>(image: &ClusterImage) -> PartitionData<'a> {
    let leader = image.controller();
    let end = i64::try_from(image.version().0).unwrap_or(i64::MAX);
    let voter = |node: NodeId| ReplicaState {
        replica_id: node.get(),
        log_end_offset: end,
        ..Default::default()
    };
    PartitionData {
        partition_index: PARTITION,
        leader_id: leader.unwrap_or(NodeId::NONE).get(),
        high_watermark: end,
        current_voters: leader.map(voter).into_iter().collect(),
        ..Default::default()
    }
}

fn unknown<'a>(index: i32) -> PartitionData<'a> {
    PartitionData {
        partition_index: index,
        error_code: ErrorCode::UnknownTopicOrPartition.code(),
        leader_id: NodeId::NONE.get(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use corelog_cluster::ShardEndpoint;
    use corelog_cluster::decide::register_broker::register_broker;
    use corelog_wire::api::describe_quorum::QuorumTopic;

    use super::*;
    use crate::api::scene::{received, registration, served};

    /// A broker with two listeners on its only core.
    fn image() -> ClusterImage {
        let mut registration = registration(1, 1, None);
        let second = ShardEndpoint {
            listener: "INSIDE".to_owned(),
            port: 9999,
            ..registration.shards[0].clone()
        };
        registration.shards.push(second);
        let records = register_broker(&ClusterImage::empty(), &registration).unwrap();
        ClusterImage::empty().fold(&records).unwrap()
    }

    fn answer(topic: &'static str, index: i32, version: i16) -> DescribeQuorumResponse<'static> {
        let topic_name = Text::Borrowed(topic);
        let partitions = vec![QuorumPartition { partition_index: index }];
        let topics = vec![QuorumTopic { topic_name, partitions }];
        let request: DescribeQuorumRequest<'_> =
            received(&DescribeQuorumRequest { topics }, version);
        received(&respond(&request, &image(), "INSIDE"), version)
    }

    #[test]
    fn the_controllers_core_leads_and_votes_alone() {
        for version in served::<DescribeQuorumRequest<'_>>() {
            let answer = answer(TOPIC, PARTITION, version);
            let found = &answer.topics[0].partitions[0];
            assert_eq!((answer.error_code, found.error_code, found.leader_id), (0, 0, 1000));
            let voters: Vec<_> =
                found.current_voters.iter().map(|v| (v.replica_id, v.log_end_offset)).collect();
            assert_eq!(voters, [(1000, found.high_watermark)]);
            assert!(found.high_watermark > 0);
            let nodes: Vec<_> = answer.nodes.iter().map(|node| node.node_id).collect();
            assert_eq!(nodes, if version < 2 { vec![] } else { vec![1000] });
            let listeners = answer.nodes.iter().flat_map(|node| &node.listeners);
            let listeners: Vec<_> =
                listeners.map(|listener| (&*listener.name, listener.port)).collect();
            assert_eq!(listeners, if version < 2 { vec![] } else { vec![("INSIDE", 9999)] });
        }
    }

    #[test]
    fn no_other_partition_has_a_quorum() {
        for (topic, index) in [(TOPIC, 1), ("orders", 0)] {
            let found = answer(topic, index, 2).topics.remove(0).partitions.remove(0);
            let unknown = ErrorCode::UnknownTopicOrPartition.code();
            assert_eq!((found.error_code, found.partition_index), (unknown, index));
            assert!(found.current_voters.is_empty());
        }
    }
}
