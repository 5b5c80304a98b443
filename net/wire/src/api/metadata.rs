//! Metadata, key 3: brokers, topics, partitions and their leaders.

use crate::{Text, Uuid};

/// The authorized operations of a response to a request that did not ask for them.
pub const OPERATIONS_NOT_REQUESTED: i32 = i32::MIN;

message! {
    /// API 3, versions 0-13, flexible from 9.
    MetadataRequest<'a> {
        /// From version 1 null is every topic and empty is none; in version 0 empty is every topic.
        topics: Option<Vec<MetadataRequestTopic<'a>>>, null 1.., else Some(Vec::new());
        allow_auto_topic_creation: bool, in 4.., else true;
        include_cluster_authorized_operations: bool, in 8..=10;
        include_topic_authorized_operations: bool, in 8..;
    }

    /// A topic by name, or by id where the name is null.
    MetadataRequestTopic<'a> {
        topic_id: Uuid, in 10..;
        name: Option<Text<'a>>, null 10..;
    }

    /// API 3, versions 0-13, flexible from 9.
    MetadataResponse<'a> {
        throttle_time_ms: i32, in 3..;
        brokers: Vec<MetadataResponseBroker<'a>>;
        cluster_id: Option<Text<'a>>, in 2..;
        controller_id: i32, in 1.., else -1;
        topics: Vec<MetadataResponseTopic<'a>>;
        cluster_authorized_operations: i32, in 8..=10, else OPERATIONS_NOT_REQUESTED;
        error_code: i16, in 13..;
    }

    /// A node and where it listens.
    MetadataResponseBroker<'a> {
        node_id: i32;
        host: Text<'a>;
        port: i32;
        rack: Option<Text<'a>>, in 1..;
    }

    /// A topic and its partitions.
    MetadataResponseTopic<'a> {
        error_code: i16;
        name: Option<Text<'a>>, null 12..;
        topic_id: Uuid, in 10..;
        is_internal: bool, in 1..;
        partitions: Vec<MetadataResponsePartition>;
        topic_authorized_operations: i32, in 8.., else OPERATIONS_NOT_REQUESTED;
    }

    /// A partition, its leader and its replicas.
    MetadataResponsePartition {
        error_code: i16;
        partition_index: i32;
        leader_id: i32;
        leader_epoch: i32, in 7.., else -1;
        replica_nodes: Vec<i32>;
        isr_nodes: Vec<i32>;
        offline_replicas: Vec<i32>, in 5..;
    }
}

api!(Metadata: MetadataRequest<'q> => MetadataResponse<'r>);
