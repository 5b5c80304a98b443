//! CreateTopics, key 19.

use crate::{Text, Uuid};

message! {
    /// API 19, versions 0-7, flexible from 5.
    CreateTopicsRequest<'a> {
        topics: Vec<CreatableTopic<'a>>;
        timeout_ms: i32, else 60_000;
        validate_only: bool, in 1..;
    }

    /// A topic to create.
    CreatableTopic<'a> {
        name: Text<'a>;
        /// -1 with assignments, or, from version 4, for the broker's default.
        num_partitions: i32;
        /// -1 with assignments, or, from version 4, for the broker's default.
        replication_factor: i16;
        assignments: Vec<CreatableReplicaAssignment>;
        configs: Vec<CreatableTopicConfig<'a>>;
    }

    /// Which nodes hold a partition.
    CreatableReplicaAssignment {
        partition_index: i32;
        broker_ids: Vec<i32>;
    }

    /// A config of the topic.
    CreatableTopicConfig<'a> {
        name: Text<'a>;
        value: Option<Text<'a>>;
    }

    /// API 19, versions 0-7, flexible from 5.
    CreateTopicsResponse<'a> {
        throttle_time_ms: i32, in 2..;
        topics: Vec<CreatableTopicResult<'a>>;
    }

    /// What became of one topic.
    CreatableTopicResult<'a> {
        name: Text<'a>;
        topic_id: Uuid, in 7..;
        error_code: i16;
        error_message: Option<Text<'a>>, in 1..;
        /// Why `configs` is null, when the principal may not see them.
        topic_config_error_code: i16, tag 0, in 5..;
        num_partitions: i32, in 5.., else -1;
        replication_factor: i16, in 5.., else -1;
        configs: Option<Vec<CreatableTopicConfigs<'a>>>, in 5.., else Some(Vec::new());
    }

    /// A config that the topic has.
    CreatableTopicConfigs<'a> {
        name: Text<'a>;
        value: Option<Text<'a>>;
        read_only: bool;
        config_source: i8, else -1;
        is_sensitive: bool;
    }
}

api!(CreateTopics: CreateTopicsRequest<'q> => CreateTopicsResponse<'r>);
