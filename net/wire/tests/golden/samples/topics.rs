//! Samples of topic administration: CreateTopics, DeleteTopics, CreatePartitions.

use corelog_wire::api::{create_partitions, create_topics, delete_topics};
use corelog_wire::*;

use super::{some, text, uuid};

pub(crate) fn create_topics_request(_: i16) -> CreateTopicsRequest<'static> {
    let assignment = |partition_index, broker_ids: &[i32]| {
        create_topics::CreatableReplicaAssignment { partition_index, broker_ids: broker_ids.into() }
    };
    let config = |name, value| create_topics::CreatableTopicConfig { name: text(name), value };
    CreateTopicsRequest {
        topics: vec![
            create_topics::CreatableTopic {
                name: text("topic-1"),
                num_partitions: 1,
                replication_factor: 2,
                assignments: vec![assignment(3, &[4, 5]), assignment(6, &[])],
                configs: vec![config("config-1", some("value-1")), config("config-2", None)],
            },
            create_topics::CreatableTopic {
                name: text("topic-2"),
                num_partitions: -1,
                replication_factor: -1,
                assignments: vec![],
                configs: vec![],
            },
        ],
        timeout_ms: 7,
        validate_only: true,
    }
}

pub(crate) fn create_topics_response(_: i16) -> CreateTopicsResponse<'static> {
    let config = |name, value| create_topics::CreatableTopicConfigs {
        name: text(name),
        value,
        read_only: true,
        config_source: 5,
        is_sensitive: true,
    };
    CreateTopicsResponse {
        throttle_time_ms: 1,
        topics: vec![
            create_topics::CreatableTopicResult {
                name: text("topic-1"),
                topic_id: uuid(1),
                error_code: 2,
                error_message: some("message"),
                topic_config_error_code: 3,
                num_partitions: 4,
                replication_factor: 5,
                configs: Some(vec![config("config-1", some("value-1")), config("config-2", None)]),
            },
            create_topics::CreatableTopicResult {
                name: text("topic-2"),
                topic_id: uuid(101),
                error_code: 6,
                error_message: None,
                topic_config_error_code: 0,
                num_partitions: -1,
                replication_factor: -1,
                configs: None,
            },
        ],
    }
}

pub(crate) fn delete_topics_request(_: i16) -> DeleteTopicsRequest<'static> {
    DeleteTopicsRequest {
        topics: vec![
            delete_topics::DeleteTopicState { name: some("topic-1"), topic_id: [0; 16] },
            delete_topics::DeleteTopicState { name: None, topic_id: uuid(101) },
        ],
        topic_names: vec![text("topic-3"), text("topic-4")],
        timeout_ms: 1,
    }
}

pub(crate) fn delete_topics_response(version: i16) -> DeleteTopicsResponse<'static> {
    let second = if version >= 6 { None } else { some("topic-2") };
    DeleteTopicsResponse {
        throttle_time_ms: 1,
        responses: vec![
            delete_topics::DeletableTopicResult {
                name: some("topic-1"),
                topic_id: uuid(1),
                error_code: 2,
                error_message: some("message"),
            },
            delete_topics::DeletableTopicResult {
                name: second,
                topic_id: uuid(101),
                error_code: 3,
                error_message: None,
            },
        ],
    }
}

pub(crate) fn create_partitions_request(_: i16) -> CreatePartitionsRequest<'static> {
    let assignment = |broker_ids: &[i32]| create_partitions::CreatePartitionsAssignment {
        broker_ids: broker_ids.into(),
    };
    CreatePartitionsRequest {
        topics: vec![
            create_partitions::CreatePartitionsTopic {
                name: text("topic-1"),
                count: 1,
                assignments: Some(vec![assignment(&[2, 3]), assignment(&[])]),
            },
            create_partitions::CreatePartitionsTopic {
                name: text("topic-2"),
                count: 4,
                assignments: None,
            },
        ],
        timeout_ms: 5,
        validate_only: true,
    }
}

pub(crate) fn create_partitions_response(_: i16) -> CreatePartitionsResponse<'static> {
    let result = |name, error_code, error_message| create_partitions::CreatePartitionsTopicResult {
        name: text(name),
        error_code,
        error_message,
    };
    CreatePartitionsResponse {
        throttle_time_ms: 1,
        results: vec![result("topic-1", 2, some("message")), result("topic-2", 3, None)],
    }
}
