//! DescribeQuorum, key 55: who keeps the metadata, and how far each of them is.

use crate::{Text, Uuid};

message! {
    /// API 55, versions 0-2, flexible from 0.
    DescribeQuorumRequest<'a> {
        topics: Vec<QuorumTopic<'a>>;
    }

    /// A topic and its partitions; Kafka's schema calls it TopicData, too.
    QuorumTopic<'a> {
        topic_name: Text<'a>;
        partitions: Vec<QuorumPartition>;
    }

    /// A partition to describe; Kafka's schema calls it PartitionData, too.
    QuorumPartition {
        partition_index: i32;
    }

    /// API 55, versions 0-2, flexible from 0.
    DescribeQuorumResponse<'a> {
        error_code: i16;
        error_message: Option<Text<'a>>, in 2..;
        topics: Vec<TopicData<'a>>;
        nodes: Vec<Node<'a>>, in 2..;
    }

    /// A topic and its partitions.
    TopicData<'a> {
        topic_name: Text<'a>;
        partitions: Vec<PartitionData<'a>>;
    }

    /// The quorum of one partition.
    PartitionData<'a> {
        partition_index: i32;
        error_code: i16;
        error_message: Option<Text<'a>>, in 2..;
        /// -1 where there is none.
        leader_id: i32;
        leader_epoch: i32;
        high_watermark: i64;
        current_voters: Vec<ReplicaState>;
        observers: Vec<ReplicaState>;
    }

    /// How far a replica is.
    ReplicaState {
        replica_id: i32;
        replica_directory_id: Uuid, in 2..;
        /// -1 where unknown.
        log_end_offset: i64;
        last_fetch_timestamp: i64, in 1.., else -1;
        last_caught_up_timestamp: i64, in 1.., else -1;
    }

    /// A node of the quorum.
    Node<'a> {
        node_id: i32;
        listeners: Vec<Listener<'a>>;
    }

    /// Where the node listens.
    Listener<'a> {
        name: Text<'a>;
        host: Text<'a>;
        port: u16;
    }
}

api!(DescribeQuorum: DescribeQuorumRequest<'q> => DescribeQuorumResponse<'r>);
