//! JoinGroup, key 11: become a member of a classic group, or wait for its next generation.

use crate::{Bytes, Text};

message! {
    /// API 11, versions 0-9, flexible from 6.
    JoinGroupRequest<'a> {
        group_id: Text<'a>;
        session_timeout_ms: i32;
        /// In version 0 the session timeout stands for it.
        rebalance_timeout_ms: i32, in 1.., else -1;
        /// Empty from a new member.
        member_id: Text<'a>;
        group_instance_id: Option<Text<'a>>, in 5..;
        protocol_type: Text<'a>;
        protocols: Vec<JoinGroupRequestProtocol<'a>>;
        reason: Option<Text<'a>>, in 8..;
    }

    /// An assignor or other protocol that the member speaks, the preferred one first.
    JoinGroupRequestProtocol<'a> {
        name: Text<'a>;
        /// Opaque to the broker: of a consumer, a ConsumerProtocolSubscription.
        metadata: Bytes<'a>;
    }

    /// API 11, versions 0-9, flexible from 6.
    JoinGroupResponse<'a> {
        throttle_time_ms: i32, in 2..;
        error_code: i16;
        generation_id: i32, else -1;
        protocol_type: Option<Text<'a>>, in 7..;
        protocol_name: Option<Text<'a>>, null 7.., else Some(Text::Borrowed(""));
        /// The member that assigns.
        leader: Text<'a>;
        /// The leader keeps the assignment: it need not compute one.
        skip_assignment: bool, in 9..;
        member_id: Text<'a>;
        members: Vec<JoinGroupResponseMember<'a>>;
    }

    /// A member; only the leader of the group gets to know them.
    JoinGroupResponseMember<'a> {
        member_id: Text<'a>;
        group_instance_id: Option<Text<'a>>, in 5..;
        metadata: Bytes<'a>;
    }
}

api!(JoinGroup: JoinGroupRequest<'q> => JoinGroupResponse<'r>);
