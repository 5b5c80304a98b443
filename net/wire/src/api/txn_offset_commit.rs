//! TxnOffsetCommit, key 28: store how far a group has read, once a transaction commits.

use crate::Text;

message! {
    /// API 28, versions 0-5, flexible from 3.
    TxnOffsetCommitRequest<'a> {
        transactional_id: Text<'a>;
        group_id: Text<'a>;
        producer_id: i64;
        producer_epoch: i16;
        generation_id_or_member_epoch: i32, in 3.., else -1;
        member_id: Text<'a>, in 3..;
        group_instance_id: Option<Text<'a>>, in 3..;
        topics: Vec<TxnOffsetCommitRequestTopic<'a>>;
    }

    /// A topic and its partitions.
    TxnOffsetCommitRequestTopic<'a> {
        name: Text<'a>;
        partitions: Vec<TxnOffsetCommitRequestPartition<'a>>;
    }

    /// How far a partition has been read.
    TxnOffsetCommitRequestPartition<'a> {
        partition_index: i32;
        committed_offset: i64;
        /// Of the last record that was read; -1 where unknown.
        committed_leader_epoch: i32, in 2.., else -1;
        committed_metadata: Option<Text<'a>>;
    }

    /// API 28, versions 0-5, flexible from 3.
    TxnOffsetCommitResponse<'a> {
        throttle_time_ms: i32;
        topics: Vec<TxnOffsetCommitResponseTopic<'a>>;
    }

    /// A topic and its partitions.
    TxnOffsetCommitResponseTopic<'a> {
        name: Text<'a>;
        partitions: Vec<TxnOffsetCommitResponsePartition>;
    }

    /// What became of one offset.
    TxnOffsetCommitResponsePartition {
        partition_index: i32;
        error_code: i16;
    }
}

api!(TxnOffsetCommit: TxnOffsetCommitRequest<'q> => TxnOffsetCommitResponse<'r>);
