//! SyncGroup, key 14: the leader of a classic group hands in the assignment, every member gets its
//! part.

use crate::{Bytes, Text};

message! {
    /// API 14, versions 0-5, flexible from 4.
    SyncGroupRequest<'a> {
        group_id: Text<'a>;
        generation_id: i32;
        member_id: Text<'a>;
        group_instance_id: Option<Text<'a>>, in 3..;
        protocol_type: Option<Text<'a>>, in 5..;
        protocol_name: Option<Text<'a>>, in 5..;
        /// Empty from members that are not the leader.
        assignments: Vec<SyncGroupRequestAssignment<'a>>;
    }

    /// The part of one member.
    SyncGroupRequestAssignment<'a> {
        member_id: Text<'a>;
        /// Opaque to the broker: of a consumer, a ConsumerProtocolAssignment.
        assignment: Bytes<'a>;
    }

    /// API 14, versions 0-5, flexible from 4.
    SyncGroupResponse<'a> {
        throttle_time_ms: i32, in 1..;
        error_code: i16;
        protocol_type: Option<Text<'a>>, in 5..;
        protocol_name: Option<Text<'a>>, in 5..;
        assignment: Bytes<'a>;
    }
}

api!(SyncGroup: SyncGroupRequest<'q> => SyncGroupResponse<'r>);
