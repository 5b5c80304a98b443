//! OffsetFetch, key 9: how far groups have read.

use crate::{Text, Uuid};

message! {
    /// API 9, versions 1-10, flexible from 6. Version 10 is not stable in Kafka 4.1.
    OffsetFetchRequest<'a> {
        group_id: Text<'a>, in ..=7;
        /// From version 2 null is every topic.
        topics: Option<Vec<OffsetFetchRequestTopic<'a>>>, in ..=7, null 2.., else Some(Vec::new());
        groups: Vec<OffsetFetchRequestGroup<'a>>, in 8..;
        /// Answers UNSTABLE_OFFSET_COMMIT while an open transaction holds a newer offset.
        require_stable: bool, in 7..;
    }

    /// A topic and its partitions.
    OffsetFetchRequestTopic<'a> {
        name: Text<'a>;
        partition_indexes: Vec<i32>;
    }

    /// A group and what is asked about it.
    OffsetFetchRequestGroup<'a> {
        group_id: Text<'a>;
        /// Null, with epoch -1, from a client that is no member of the new protocol.
        member_id: Option<Text<'a>>, in 9..;
        member_epoch: i32, in 9.., else -1;
        /// Null is every topic.
        topics: Option<Vec<OffsetFetchRequestTopics<'a>>>;
    }

    /// A topic by name, or by id from version 10, and its partitions.
    OffsetFetchRequestTopics<'a> {
        name: Text<'a>, in ..=9;
        topic_id: Uuid, in 10..;
        partition_indexes: Vec<i32>;
    }

    /// API 9, versions 1-10, flexible from 6.
    OffsetFetchResponse<'a> {
        throttle_time_ms: i32, in 3..;
        topics: Vec<OffsetFetchResponseTopic<'a>>, in ..=7;
        error_code: i16, in 2..=7;
        groups: Vec<OffsetFetchResponseGroup<'a>>, in 8..;
    }

    /// A topic and its partitions.
    OffsetFetchResponseTopic<'a> {
        name: Text<'a>;
        partitions: Vec<OffsetFetchResponsePartition<'a>>;
    }

    /// How far a partition has been read.
    OffsetFetchResponsePartition<'a> {
        partition_index: i32;
        /// -1 where none is stored.
        committed_offset: i64;
        committed_leader_epoch: i32, in 5.., else -1;
        metadata: Option<Text<'a>>;
        error_code: i16;
    }

    /// A group and its offsets.
    OffsetFetchResponseGroup<'a> {
        group_id: Text<'a>;
        topics: Vec<OffsetFetchResponseTopics<'a>>;
        error_code: i16;
    }

    /// A topic by name, or by id from version 10, and its partitions.
    OffsetFetchResponseTopics<'a> {
        name: Text<'a>, in ..=9;
        topic_id: Uuid, in 10..;
        partitions: Vec<OffsetFetchResponsePartitions<'a>>;
    }

    /// How far a partition has been read.
    OffsetFetchResponsePartitions<'a> {
        partition_index: i32;
        /// -1 where none is stored.
        committed_offset: i64;
        committed_leader_epoch: i32, else -1;
        metadata: Option<Text<'a>>;
        error_code: i16;
    }
}

api!(OffsetFetch: OffsetFetchRequest<'q> => OffsetFetchResponse<'r>);
