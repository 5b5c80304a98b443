//! OffsetForLeaderEpoch, key 23: where a leader epoch ends (KIP-101, KIP-320).

use crate::Text;

message! {
    /// API 23, versions 2-4, flexible from 4.
    OffsetForLeaderEpochRequest<'a> {
        /// -1 for consumers, -2 for a debugging consumer that may ask a follower.
        replica_id: i32, in 3.., else -2;
        topics: Vec<OffsetForLeaderTopic<'a>>;
    }

    /// A topic and its partitions.
    OffsetForLeaderTopic<'a> {
        topic: Text<'a>;
        partitions: Vec<OffsetForLeaderPartition>;
    }

    /// The epoch whose end is asked for.
    OffsetForLeaderPartition {
        partition: i32;
        current_leader_epoch: i32, else -1;
        leader_epoch: i32;
    }

    /// API 23, versions 2-4, flexible from 4.
    OffsetForLeaderEpochResponse<'a> {
        throttle_time_ms: i32;
        topics: Vec<OffsetForLeaderTopicResult<'a>>;
    }

    /// A topic and its partitions.
    OffsetForLeaderTopicResult<'a> {
        topic: Text<'a>;
        partitions: Vec<EpochEndOffset>;
    }

    /// The largest epoch not above the one asked for, and its end.
    EpochEndOffset {
        error_code: i16;
        partition: i32;
        leader_epoch: i32, else -1;
        end_offset: i64, else -1;
    }
}

api!(OffsetForLeaderEpoch: OffsetForLeaderEpochRequest<'q> => OffsetForLeaderEpochResponse<'r>);
