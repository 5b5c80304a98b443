//! What a member sends to its coordinator, and who it says it is.

use std::time::Duration;

use corelog_wire::{
    ApiKey, ConsumerGroupHeartbeatRequest, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest,
    SyncGroupRequest,
};

use super::{GroupConfig, Protocol};

/// A request to the coordinator of the group. It owns what it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupRequest {
    /// Become a member, or take part in a rebalance.
    Join(JoinGroupRequest<'static>),
    /// Hand in and get the assignment.
    Sync(SyncGroupRequest<'static>),
    /// Stay a member.
    Heartbeat(HeartbeatRequest<'static>),
    /// Leave.
    Leave(LeaveGroupRequest<'static>),
    /// All of it with KIP-848.
    ConsumerHeartbeat(ConsumerGroupHeartbeatRequest<'static>),
}

/// Beyond the rebalance timeout, what a coordinator may need to answer a JoinGroup.
const JOIN_SLACK: Duration = Duration::from_secs(5);

impl GroupRequest {
    /// The API it belongs to.
    pub fn api(&self) -> ApiKey {
        match self {
            Self::Join(_) => ApiKey::JoinGroup,
            Self::Sync(_) => ApiKey::SyncGroup,
            Self::Heartbeat(_) => ApiKey::Heartbeat,
            Self::Leave(_) => ApiKey::LeaveGroup,
            Self::ConsumerHeartbeat(_) => ApiKey::ConsumerGroupHeartbeat,
        }
    }

    /// The lowest version that carries all it says. An older one would drop the instance id or the
    /// expression, and so mean something else.
    pub fn version_min(&self) -> i16 {
        match self {
            Self::Join(request) if request.group_instance_id.is_some() => 5,
            Self::Sync(request) if request.group_instance_id.is_some() => 3,
            Self::Heartbeat(request) if request.group_instance_id.is_some() => 3,
            Self::Leave(request)
                if request.members.iter().any(|member| member.group_instance_id.is_some()) =>
            {
                3
            }
            Self::ConsumerHeartbeat(request) if request.subscribed_topic_regex.is_some() => 1,
            Self::Join(_)
            | Self::Sync(_)
            | Self::Heartbeat(_)
            | Self::Leave(_)
            | Self::ConsumerHeartbeat(_) => 0,
        }
    }

    /// How long to wait for the answer, where `usual` is enough for other requests: JoinGroup is
    /// answered when all members have joined, SyncGroup when the leader has assigned.
    pub fn timeout(&self, config: &GroupConfig, usual: Duration) -> Duration {
        match self {
            Self::Join(_) | Self::Sync(_) => usual.max(config.rebalance_timeout + JOIN_SLACK),
            Self::Heartbeat(_) | Self::Leave(_) | Self::ConsumerHeartbeat(_) => usual,
        }
    }
}

/// Who a member is to its coordinator: what OffsetCommit and OffsetFetch say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberIdentity {
    /// The group.
    pub group: String,
    /// Which protocol the epoch belongs to.
    pub protocol: Protocol,
    /// The id as member; empty outside of the group.
    pub member_id: String,
    /// Classic: the generation; KIP-848: the member epoch. -1 outside of the group.
    pub epoch: i32,
    /// The id as static member.
    pub instance_id: Option<String>,
}

impl MemberIdentity {
    /// Who commits to a group without being a member. The coordinator takes it only while the
    /// group has no members.
    pub fn outside(group: &str) -> Self {
        Self {
            group: group.to_owned(),
            protocol: Protocol::Classic,
            member_id: String::new(),
            epoch: -1,
            instance_id: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use corelog_wire::api::leave_group;

    use super::*;

    #[test]
    fn a_version_that_would_drop_a_word_is_too_low() {
        let id = || Some("i".into());
        let plain = JoinGroupRequest::default();
        let member = leave_group::MemberIdentity { group_instance_id: id(), ..Default::default() };
        let leave = LeaveGroupRequest { members: vec![member], ..Default::default() };
        let sync = SyncGroupRequest { group_instance_id: id(), ..Default::default() };
        let heartbeat = HeartbeatRequest { group_instance_id: id(), ..Default::default() };
        let pattern = ConsumerGroupHeartbeatRequest {
            subscribed_topic_regex: Some("a.*".into()),
            ..Default::default()
        };
        let requests = [
            GroupRequest::Join(JoinGroupRequest { group_instance_id: id(), ..plain.clone() }),
            GroupRequest::Join(plain),
            GroupRequest::Sync(sync),
            GroupRequest::Heartbeat(heartbeat),
            GroupRequest::Leave(leave),
            GroupRequest::ConsumerHeartbeat(pattern),
        ];
        let versions = requests.map(|request| request.version_min());
        assert_eq!(versions, [5, 0, 3, 3, 3, 1]);
    }

    #[test]
    fn a_join_may_take_as_long_as_the_slowest_member() {
        let config = GroupConfig::default();
        let usual = Duration::from_secs(30);
        let join = GroupRequest::Join(JoinGroupRequest::default());
        assert_eq!(join.timeout(&config, usual), Duration::from_secs(305));
        let heartbeat = GroupRequest::Heartbeat(HeartbeatRequest::default());
        assert_eq!(heartbeat.timeout(&config, usual), usual);
    }
}
