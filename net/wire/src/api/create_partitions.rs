//! CreatePartitions, key 37: give topics more partitions.

use crate::Text;

message! {
    /// API 37, versions 0-3, flexible from 2.
    CreatePartitionsRequest<'a> {
        topics: Vec<CreatePartitionsTopic<'a>>;
        timeout_ms: i32;
        validate_only: bool;
    }

    /// A topic and the number of partitions it shall have.
    CreatePartitionsTopic<'a> {
        name: Text<'a>;
        count: i32;
        /// One for each new partition; null lets the cluster choose.
        assignments: Option<Vec<CreatePartitionsAssignment>>;
    }

    /// Which nodes hold a new partition.
    CreatePartitionsAssignment {
        broker_ids: Vec<i32>;
    }

    /// API 37, versions 0-3, flexible from 2.
    CreatePartitionsResponse<'a> {
        throttle_time_ms: i32;
        results: Vec<CreatePartitionsTopicResult<'a>>;
    }

    /// What became of one topic.
    CreatePartitionsTopicResult<'a> {
        name: Text<'a>;
        error_code: i16;
        error_message: Option<Text<'a>>;
    }
}

api!(CreatePartitions: CreatePartitionsRequest<'q> => CreatePartitionsResponse<'r>);
