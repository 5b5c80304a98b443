//! AlterReplicaLogDirs, key 34: move replicas between the log directories of a broker.

use crate::Text;

message! {
    /// API 34, versions 1-2, flexible from 2.
    AlterReplicaLogDirsRequest<'a> {
        dirs: Vec<AlterReplicaLogDir<'a>>;
    }

    /// A directory and what moves to it.
    AlterReplicaLogDir<'a> {
        path: Text<'a>;
        topics: Vec<AlterReplicaLogDirTopic<'a>>;
    }

    /// A topic and its partitions.
    AlterReplicaLogDirTopic<'a> {
        name: Text<'a>;
        partitions: Vec<i32>;
    }

    /// API 34, versions 1-2, flexible from 2.
    AlterReplicaLogDirsResponse<'a> {
        throttle_time_ms: i32;
        results: Vec<AlterReplicaLogDirTopicResult<'a>>;
    }

    /// A topic and its partitions.
    AlterReplicaLogDirTopicResult<'a> {
        topic_name: Text<'a>;
        partitions: Vec<AlterReplicaLogDirPartitionResult>;
    }

    /// What became of one replica.
    AlterReplicaLogDirPartitionResult {
        partition_index: i32;
        error_code: i16;
    }
}

api!(AlterReplicaLogDirs: AlterReplicaLogDirsRequest<'q> => AlterReplicaLogDirsResponse<'r>);
