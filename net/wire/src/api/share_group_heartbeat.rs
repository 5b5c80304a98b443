//! ShareGroupHeartbeat, key 76: join, stay in, follow and leave a share group (KIP-932). Null says
//! that nothing has changed since the last heartbeat.

use super::consumer_group_heartbeat::Assignment;
use crate::Text;

message! {
    /// API 76, version 1, flexible from 0.
    ShareGroupHeartbeatRequest<'a> {
        group_id: Text<'a>;
        /// Drawn by the client.
        member_id: Text<'a>;
        /// 0 joins, -1 leaves.
        member_epoch: i32;
        rack_id: Option<Text<'a>>;
        subscribed_topic_names: Option<Vec<Text<'a>>>;
    }

    /// API 76, version 1, flexible from 0.
    ShareGroupHeartbeatResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        member_id: Option<Text<'a>>;
        member_epoch: i32;
        heartbeat_interval_ms: i32;
        /// Null when it has not changed.
        assignment: Option<Assignment>;
    }
}

api!(ShareGroupHeartbeat: ShareGroupHeartbeatRequest<'q> => ShareGroupHeartbeatResponse<'r>);
