//! LeaveGroup, key 13: members leave a classic group.

use crate::Text;

message! {
    /// API 13, versions 0-5, flexible from 4.
    LeaveGroupRequest<'a> {
        group_id: Text<'a>;
        member_id: Text<'a>, in ..=2;
        members: Vec<MemberIdentity<'a>>, in 3..;
    }

    /// A member by id, or a static one by its instance id.
    MemberIdentity<'a> {
        member_id: Text<'a>;
        group_instance_id: Option<Text<'a>>;
        /// Why it leaves, for the log of the broker.
        reason: Option<Text<'a>>, in 5..;
    }

    /// API 13, versions 0-5, flexible from 4.
    LeaveGroupResponse<'a> {
        throttle_time_ms: i32, in 1..;
        error_code: i16;
        members: Vec<MemberResponse<'a>>, in 3..;
    }

    /// What became of one member.
    MemberResponse<'a> {
        member_id: Text<'a>;
        group_instance_id: Option<Text<'a>>;
        error_code: i16;
    }
}

api!(LeaveGroup: LeaveGroupRequest<'q> => LeaveGroupResponse<'r>);
