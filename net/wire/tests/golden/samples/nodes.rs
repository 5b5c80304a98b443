//! Samples of what clients ask about the cluster: ApiVersions, Metadata, DescribeCluster,
//! FindCoordinator.

use corelog_wire::api::{api_versions, describe_cluster, find_coordinator, metadata};
use corelog_wire::*;

use super::{some, text, uuid};

pub(crate) fn api_versions_request(_: i16) -> ApiVersionsRequest<'static> {
    ApiVersionsRequest {
        client_software_name: text("client"),
        client_software_version: text("1.2.3"),
    }
}

pub(crate) fn api_versions_response(_: i16) -> ApiVersionsResponse<'static> {
    let supported = |name, min_version, max_version| api_versions::SupportedFeatureKey {
        name: text(name),
        min_version,
        max_version,
    };
    let finalized = |name, max_version_level, min_version_level| {
        api_versions::FinalizedFeatureKey { name: text(name), max_version_level, min_version_level }
    };
    ApiVersionsResponse {
        error_code: 1,
        api_keys: api_versions::ApiVersion::advertised(),
        throttle_time_ms: 2,
        supported_features: vec![supported("feature-1", 3, 4), supported("feature-2", 5, 6)],
        finalized_features_epoch: 7,
        finalized_features: vec![finalized("feature-1", 8, 9), finalized("feature-2", 10, 11)],
        zk_migration_ready: true,
    }
}

pub(crate) fn metadata_request(version: i16) -> MetadataRequest<'static> {
    let second = if version >= 10 { None } else { some("topic-2") };
    MetadataRequest {
        topics: Some(vec![
            metadata::MetadataRequestTopic { topic_id: uuid(1), name: some("topic-1") },
            metadata::MetadataRequestTopic { topic_id: uuid(101), name: second },
        ]),
        allow_auto_topic_creation: false,
        include_cluster_authorized_operations: true,
        include_topic_authorized_operations: true,
    }
}

pub(crate) fn metadata_response(version: i16) -> MetadataResponse<'static> {
    let partition = |partition_index| metadata::MetadataResponsePartition {
        error_code: 1,
        partition_index,
        leader_id: 2,
        leader_epoch: 3,
        replica_nodes: vec![4, 5],
        isr_nodes: vec![6, 7],
        offline_replicas: vec![8, 9],
    };
    let second = if version >= 12 { None } else { some("topic-2") };
    MetadataResponse {
        throttle_time_ms: 21,
        brokers: vec![
            metadata::MetadataResponseBroker {
                node_id: 22,
                host: text("host-1"),
                port: 9092,
                rack: some("rack-1"),
            },
            metadata::MetadataResponseBroker {
                node_id: 23,
                host: text("host-2"),
                port: 9093,
                rack: None,
            },
        ],
        cluster_id: some("cluster-1"),
        controller_id: 24,
        topics: vec![
            metadata::MetadataResponseTopic {
                error_code: 25,
                name: some("topic-1"),
                topic_id: uuid(1),
                is_internal: true,
                partitions: vec![partition(26), partition(27)],
                topic_authorized_operations: 28,
            },
            metadata::MetadataResponseTopic {
                error_code: 29,
                name: second,
                topic_id: uuid(101),
                is_internal: false,
                partitions: vec![],
                topic_authorized_operations: metadata::OPERATIONS_NOT_REQUESTED,
            },
        ],
        cluster_authorized_operations: 30,
        error_code: 31,
    }
}

pub(crate) fn describe_cluster_request(_: i16) -> DescribeClusterRequest {
    DescribeClusterRequest {
        include_cluster_authorized_operations: true,
        endpoint_type: 2,
        include_fenced_brokers: true,
    }
}

pub(crate) fn describe_cluster_response(_: i16) -> DescribeClusterResponse<'static> {
    DescribeClusterResponse {
        throttle_time_ms: 1,
        error_code: 2,
        error_message: some("message"),
        endpoint_type: 2,
        cluster_id: text("cluster-1"),
        controller_id: 3,
        brokers: vec![
            describe_cluster::DescribeClusterBroker {
                broker_id: 4,
                host: text("host-1"),
                port: 9092,
                rack: some("rack-1"),
                is_fenced: true,
            },
            describe_cluster::DescribeClusterBroker {
                broker_id: 5,
                host: text("host-2"),
                port: 9093,
                rack: None,
                is_fenced: false,
            },
        ],
        cluster_authorized_operations: 6,
    }
}

pub(crate) fn find_coordinator_request(_: i16) -> FindCoordinatorRequest<'static> {
    FindCoordinatorRequest {
        key: text("group-1"),
        key_type: 1,
        coordinator_keys: vec![text("group-2"), text("group-3")],
    }
}

pub(crate) fn find_coordinator_response(_: i16) -> FindCoordinatorResponse<'static> {
    let coordinator = |key, error_message| find_coordinator::Coordinator {
        key: text(key),
        node_id: 1,
        host: text("host-1"),
        port: 2,
        error_code: 3,
        error_message,
    };
    FindCoordinatorResponse {
        throttle_time_ms: 11,
        error_code: 12,
        error_message: some("message"),
        node_id: 13,
        host: text("host-2"),
        port: 14,
        coordinators: vec![coordinator("group-1", some("message")), coordinator("group-2", None)],
    }
}
