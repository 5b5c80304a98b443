//! OffsetCommit, key 8: store how far a group has read.

use crate::{Text, Uuid};

message! {
    /// API 8, versions 2-10, flexible from 8. Version 10 is not stable in Kafka 4.1.
    OffsetCommitRequest<'a> {
        group_id: Text<'a>;
        /// -1 from a client that is no member.
        generation_id_or_member_epoch: i32, else -1;
        member_id: Text<'a>;
        group_instance_id: Option<Text<'a>>, in 7..;
        /// -1 keeps the offset as long as the broker does.
        retention_time_ms: i64, in ..=4, else -1;
        topics: Vec<OffsetCommitRequestTopic<'a>>;
    }

    /// A topic by name, or by id from version 10.
    OffsetCommitRequestTopic<'a> {
        name: Text<'a>, in ..=9;
        topic_id: Uuid, in 10..;
        partitions: Vec<OffsetCommitRequestPartition<'a>>;
    }

    /// How far a partition has been read.
    OffsetCommitRequestPartition<'a> {
        partition_index: i32;
        committed_offset: i64;
        /// Of the last record that was read; -1 where unknown.
        committed_leader_epoch: i32, in 6.., else -1;
        committed_metadata: Option<Text<'a>>;
    }

    /// API 8, versions 2-10, flexible from 8.
    OffsetCommitResponse<'a> {
        throttle_time_ms: i32, in 3..;
        topics: Vec<OffsetCommitResponseTopic<'a>>;
    }

    /// A topic by name, or by id from version 10.
    OffsetCommitResponseTopic<'a> {
        name: Text<'a>, in ..=9;
        topic_id: Uuid, in 10..;
        partitions: Vec<OffsetCommitResponsePartition>;
    }

    /// What became of one offset.
    OffsetCommitResponsePartition {
        partition_index: i32;
        error_code: i16;
    }
}

api!(OffsetCommit: OffsetCommitRequest<'q> => OffsetCommitResponse<'r>);
