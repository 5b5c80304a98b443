//! DeleteTopics, key 20.

use crate::{Text, Uuid};

message! {
    /// API 20, versions 0-6, flexible from 4.
    DeleteTopicsRequest<'a> {
        topics: Vec<DeleteTopicState<'a>>, in 6..;
        topic_names: Vec<Text<'a>>, in ..=5;
        timeout_ms: i32;
    }

    /// A topic by name, or by id where the name is null.
    DeleteTopicState<'a> {
        name: Option<Text<'a>>;
        topic_id: Uuid;
    }

    /// API 20, versions 0-6, flexible from 4.
    DeleteTopicsResponse<'a> {
        throttle_time_ms: i32, in 1..;
        responses: Vec<DeletableTopicResult<'a>>;
    }

    /// What became of one topic.
    DeletableTopicResult<'a> {
        name: Option<Text<'a>>, null 6..;
        topic_id: Uuid, in 6..;
        error_code: i16;
        error_message: Option<Text<'a>>, in 5..;
    }
}

api!(DeleteTopics: DeleteTopicsRequest<'q> => DeleteTopicsResponse<'r>);
