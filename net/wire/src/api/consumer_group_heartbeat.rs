//! ConsumerGroupHeartbeat, key 68: join, stay in, follow and leave a group whose coordinator
//! assigns (KIP-848). Null and -1 say that nothing has changed since the last heartbeat.

use crate::{Text, Uuid};

message! {
    /// API 68, versions 0-1, flexible from 0.
    ConsumerGroupHeartbeatRequest<'a> {
        group_id: Text<'a>;
        /// Drawn by the client; in version 0 empty from a new member.
        member_id: Text<'a>;
        /// 0 joins, -1 leaves, -2 leaves for a while as a static member.
        member_epoch: i32;
        instance_id: Option<Text<'a>>;
        rack_id: Option<Text<'a>>;
        rebalance_timeout_ms: i32, else -1;
        subscribed_topic_names: Option<Vec<Text<'a>>>;
        subscribed_topic_regex: Option<Text<'a>>, in 1..;
        server_assignor: Option<Text<'a>>;
        /// What the member owns.
        topic_partitions: Option<Vec<TopicPartitions>>;
    }

    /// A topic and its partitions.
    TopicPartitions {
        topic_id: Uuid;
        partitions: Vec<i32>;
    }

    /// API 68, versions 0-1, flexible from 0.
    ConsumerGroupHeartbeatResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        member_id: Option<Text<'a>>;
        member_epoch: i32;
        heartbeat_interval_ms: i32;
        /// Null when it has not changed.
        assignment: Option<Assignment>;
    }

    /// The partitions of a member.
    Assignment {
        topic_partitions: Vec<TopicPartitions>;
    }
}

api! {
    ConsumerGroupHeartbeat:
    ConsumerGroupHeartbeatRequest<'q> => ConsumerGroupHeartbeatResponse<'r>
}
