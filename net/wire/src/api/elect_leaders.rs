//! ElectLeaders, key 43: elect leaders of partitions anew.

use crate::Text;

message! {
    /// API 43, versions 0-2, flexible from 2.
    ElectLeadersRequest<'a> {
        /// 0 the preferred replica, 1 any replica where none is in sync.
        election_type: i8, in 1..;
        /// Null is every partition.
        topic_partitions: Option<Vec<TopicPartitions<'a>>>;
        timeout_ms: i32, else 60_000;
    }

    /// A topic and its partitions.
    TopicPartitions<'a> {
        topic: Text<'a>;
        partitions: Vec<i32>;
    }

    /// API 43, versions 0-2, flexible from 2.
    ElectLeadersResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16, in 1..;
        replica_election_results: Vec<ReplicaElectionResult<'a>>;
    }

    /// A topic and its partitions.
    ReplicaElectionResult<'a> {
        topic: Text<'a>;
        partition_result: Vec<PartitionResult<'a>>;
    }

    /// What became of one election.
    PartitionResult<'a> {
        partition_id: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
    }
}

api!(ElectLeaders: ElectLeadersRequest<'q> => ElectLeadersResponse<'r>);
