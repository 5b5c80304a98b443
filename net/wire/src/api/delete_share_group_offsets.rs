//! DeleteShareGroupOffsets, key 92: forget how far a share group is with topics (KIP-932).

use crate::{Text, Uuid};

message! {
    /// API 92, version 0, flexible from 0.
    DeleteShareGroupOffsetsRequest<'a> {
        group_id: Text<'a>;
        topics: Vec<DeleteTopic<'a>>;
    }

    /// A topic.
    DeleteTopic<'a> {
        topic_name: Text<'a>;
    }

    /// API 92, version 0, flexible from 0.
    DeleteShareGroupOffsetsResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        responses: Vec<DeletedTopic<'a>>;
    }

    /// What became of a topic.
    DeletedTopic<'a> {
        topic_name: Text<'a>;
        topic_id: Uuid;
        error_code: i16;
        error_message: Option<Text<'a>>;
    }
}

api! {
    DeleteShareGroupOffsets:
    DeleteShareGroupOffsetsRequest<'q> => DeleteShareGroupOffsetsResponse<'r>
}
