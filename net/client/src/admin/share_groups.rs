//! Share groups (KIP-932): described, and how far they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use corelog_model::{ErrorCode, Offset};
use corelog_wire::api::describe_share_group_offsets::{DescribeGroup, DescribedPartition};
use corelog_wire::api::share_group_describe::Member;
use corelog_wire::{
    ApiKey, DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse,
    ShareGroupDescribeRequest, ShareGroupDescribeResponse,
};

use super::groups::{GroupDescription, GroupMember, about, partitions_of};
use crate::operation::{Operation, Repeat};
use crate::target::Target;
use crate::{ClientConfig, ClientError, Reply, TopicPartition};

/// How far a share group is with a partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShareOffset {
    /// The first record that is not done with; none while nothing was read.
    pub start: Option<Offset>,
    /// How many records are not done with; none where the server does not tell.
    pub lag: Option<i64>,
}

/// Describes a share group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeShareGroup {
    /// Its name.
    pub group: Arc<str>,
}

impl Operation for DescribeShareGroup {
    type Request = ShareGroupDescribeRequest<'static>;
    /// None when there is no group of this kind; another one may have the name.
    type Answer = Option<GroupDescription>;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Group(Arc::clone(&self.group))
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        ShareGroupDescribeRequest {
            group_ids: vec![self.group.as_ref().to_owned().into()],
            include_authorized_operations: false,
        }
    }

    fn read(&self, reply: &Reply) -> Result<Self::Answer, ClientError> {
        let response: ShareGroupDescribeResponse<'_> = reply.decode()?;
        let group = response.groups.iter().find(|group| *group.group_id == *self.group);
        let group = group.ok_or_else(|| reply.lacks(about(&self.group)))?;
        if group.error_code == ErrorCode::GroupIdNotFound.code() {
            return Ok(None);
        }
        let message = group.error_message.as_deref();
        let api = ApiKey::ShareGroupDescribe;
        ClientError::refused(api, about(&self.group), group.error_code, message)?;
        let mut members: Vec<GroupMember> = group.members.iter().map(member).collect();
        members.sort_by(|one, other| one.member.cmp(&other.member));
        Ok(Some(GroupDescription {
            group: self.group.as_ref().to_owned(),
            state: group.group_state.clone().into_owned(),
            assignor: group.assignor_name.clone().into_owned(),
            members,
        }))
    }
}

fn member(member: &Member<'_>) -> GroupMember {
    GroupMember {
        member: member.member_id.clone().into_owned(),
        instance: None,
        client_id: member.client_id.clone().into_owned(),
        host: member.client_host.clone().into_owned(),
        assigned: partitions_of(&member.assignment),
    }
}

/// Asks how far a share group is with each of its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeShareOffsets {
    /// Its name.
    pub group: Arc<str>,
}

impl Operation for DescribeShareOffsets {
    type Request = DescribeShareGroupOffsetsRequest<'static>;
    type Answer = BTreeMap<TopicPartition, ShareOffset>;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Group(Arc::clone(&self.group))
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        let group_id = self.group.as_ref().to_owned().into();
        DescribeShareGroupOffsetsRequest { groups: vec![DescribeGroup { group_id, topics: None }] }
    }

    fn read(&self, reply: &Reply) -> Result<Self::Answer, ClientError> {
        let response: DescribeShareGroupOffsetsResponse<'_> = reply.decode()?;
        let group = response.groups.iter().find(|group| *group.group_id == *self.group);
        let group = group.ok_or_else(|| reply.lacks(about(&self.group)))?;
        let message = group.error_message.as_deref();
        let api = ApiKey::DescribeShareGroupOffsets;
        ClientError::refused(api, about(&self.group), group.error_code, message)?;
        let mut offsets = BTreeMap::new();
        for topic in &group.topics {
            for partition in &topic.partitions {
                let at = TopicPartition::new(&topic.topic_name, partition.partition_index);
                let message = partition.error_message.as_deref();
                ClientError::refused(api, at.to_string(), partition.error_code, message)?;
                offsets.insert(at, offset(partition));
            }
        }
        Ok(offsets)
    }
}

fn offset(partition: &DescribedPartition<'_>) -> ShareOffset {
    let known = |number: i64| Some(number).filter(|number| *number >= 0);
    ShareOffset { start: known(partition.start_offset).map(Offset), lag: known(partition.lag) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_none() {
        let described = |start_offset, lag| {
            offset(&DescribedPartition { start_offset, lag, ..DescribedPartition::default() })
        };
        assert_eq!(described(-1, -1), ShareOffset::default());
        assert_eq!(described(0, 3), ShareOffset { start: Some(Offset(0)), lag: Some(3) });
    }
}
