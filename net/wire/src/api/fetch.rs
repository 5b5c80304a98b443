//! Fetch, key 1: read record batches, as a consumer or as a follower.

use super::current_leader::{LeaderIdAndEpoch, NodeEndpoint};
use crate::{Records, Text, Uuid};

message! {
    /// API 1, versions 4-18, flexible from 12.
    FetchRequest<'a> {
        cluster_id: Option<Text<'a>>, tag 0, in 12..;
        /// -1 for consumers. From version 15 see `replica_state`.
        replica_id: i32, in ..=14, else -1;
        replica_state: ReplicaState, tag 1, in 15..;
        max_wait_ms: i32;
        min_bytes: i32;
        max_bytes: i32, in 3.., else i32::MAX;
        /// 0 reads everything, 1 only what is committed.
        isolation_level: i8, in 4..;
        session_id: i32, in 7..;
        session_epoch: i32, in 7.., else -1;
        topics: Vec<FetchTopic<'a>>;
        forgotten_topics_data: Vec<ForgottenTopic<'a>>, in 7..;
        rack_id: Text<'a>, in 11..;
    }

    /// Which follower asks (KIP-903).
    ReplicaState {
        replica_id: i32, else -1;
        replica_epoch: i64, else -1;
    }

    /// A topic by name, or by id from version 13.
    FetchTopic<'a> {
        topic: Text<'a>, in ..=12;
        topic_id: Uuid, in 13..;
        partitions: Vec<FetchPartition>;
    }

    /// From where to read a partition.
    FetchPartition {
        partition: i32;
        current_leader_epoch: i32, in 9.., else -1;
        fetch_offset: i64;
        last_fetched_epoch: i32, in 12.., else -1;
        log_start_offset: i64, in 5.., else -1;
        partition_max_bytes: i32;
        replica_directory_id: Uuid, tag 0, in 17..;
        high_watermark: i64, tag 1, in 18.., else i64::MAX;
    }

    /// Partitions to drop from the fetch session.
    ForgottenTopic<'a> {
        topic: Text<'a>, in ..=12;
        topic_id: Uuid, in 13..;
        partitions: Vec<i32>;
    }

    /// API 1, versions 4-18, flexible from 12.
    FetchResponse<'a> {
        throttle_time_ms: i32, in 1..;
        error_code: i16, in 7..;
        session_id: i32, in 7..;
        responses: Vec<FetchableTopicResponse<'a>>;
        node_endpoints: Vec<NodeEndpoint<'a>>, tag 0, in 16..;
    }

    /// A topic by name, or by id from version 13.
    FetchableTopicResponse<'a> {
        topic: Text<'a>, in ..=12;
        topic_id: Uuid, in 13..;
        partitions: Vec<PartitionData<'a>>;
    }

    /// What was read from a partition.
    PartitionData<'a> {
        partition_index: i32;
        error_code: i16;
        high_watermark: i64;
        last_stable_offset: i64, in 4.., else -1;
        log_start_offset: i64, in 5.., else -1;
        diverging_epoch: EpochEndOffset, tag 0, in 12..;
        current_leader: LeaderIdAndEpoch, tag 1, in 12..;
        snapshot_id: SnapshotId, tag 2, in 12..;
        aborted_transactions: Option<Vec<AbortedTransaction>>, in 4..;
        preferred_read_replica: i32, in 11.., else -1;
        records: Records<'a>;
    }

    /// Where the logs of leader and follower part: the largest common epoch and its end.
    EpochEndOffset {
        epoch: i32, else -1;
        end_offset: i64, else -1;
    }

    /// The snapshot to read instead of the log.
    SnapshotId {
        end_offset: i64, else -1;
        epoch: i32, else -1;
    }

    /// A transaction in the fetched range whose records must be hidden.
    AbortedTransaction {
        producer_id: i64;
        first_offset: i64;
    }
}

api!(Fetch: FetchRequest<'q> => FetchResponse<'r>);
