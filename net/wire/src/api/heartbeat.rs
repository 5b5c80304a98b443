//! Heartbeat, key 12: stay a member of a classic group.

use crate::Text;

message! {
    /// API 12, versions 0-4, flexible from 4.
    HeartbeatRequest<'a> {
        group_id: Text<'a>;
        generation_id: i32;
        member_id: Text<'a>;
        group_instance_id: Option<Text<'a>>, in 3..;
    }

    /// API 12, versions 0-4, flexible from 4.
    HeartbeatResponse {
        throttle_time_ms: i32, in 1..;
        error_code: i16;
    }
}

api!(Heartbeat: HeartbeatRequest<'q> => HeartbeatResponse);
