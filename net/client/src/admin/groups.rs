//! Groups of consumers: listed, described and deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use corelog_model::{ErrorCode, NodeId};
use corelog_wire::api::consumer_group_describe::{Assignment, Member};
use corelog_wire::api::describe_groups::DescribedGroupMember;
use corelog_wire::consumer_protocol::ConsumerProtocolAssignment;
use corelog_wire::{
    ApiKey, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DeleteGroupsRequest,
    DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, ListGroupsRequest,
    ListGroupsResponse,
};

use crate::operation::{Operation, Repeat};
use crate::target::Target;
use crate::{ClientConfig, ClientError, Reply, TopicPartition};

/// A group, as a list of groups shows it. Words are Kafka's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupListing {
    /// Its name.
    pub group: String,
    /// What its members agree about: `consumer` for consumers, `connect` for workers.
    pub protocol_type: String,
    /// `Stable`, `Empty`, ...; none where the server does not tell.
    pub state: Option<String>,
    /// `Classic`, `Consumer` or `Share`; none where the server does not tell.
    pub kind: Option<String>,
}

/// A group and its members. Words are Kafka's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its name.
    pub group: String,
    /// `Stable`, `Empty`, ...
    pub state: String,
    /// The assignor.
    pub assignor: String,
    /// The members by id.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// Its id.
    pub member: String,
    /// Its name over restarts, of a static member (KIP-345).
    pub instance: Option<String>,
    /// What its client calls itself.
    pub client_id: String,
    /// Where it comes from.
    pub host: String,
    /// The partitions it holds.
    pub assigned: BTreeSet<TopicPartition>,
}

/// Lists the groups that a node coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListGroups {
    /// The node.
    pub node: NodeId,
}

impl Operation for ListGroups {
    type Request = ListGroupsRequest<'static>;
    type Answer = Vec<GroupListing>;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Node(self.node)
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        ListGroupsRequest::default()
    }

    fn read(&self, reply: &Reply) -> Result<Vec<GroupListing>, ClientError> {
        let response: ListGroupsResponse<'_> = reply.decode()?;
        let about = format!("node {}", self.node);
        ClientError::refused(ApiKey::ListGroups, about, response.error_code, None)?;
        let word = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let groups = response.groups.iter().map(|group| GroupListing {
            group: group.group_id.clone().into_owned(),
            protocol_type: group.protocol_type.clone().into_owned(),
            state: word(&group.group_state),
            kind: word(&group.group_type),
        });
        Ok(groups.collect())
    }
}

/// Describes a group of the classic protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeClassicGroup {
    /// Its name.
    pub group: Arc<str>,
}

impl Operation for DescribeClassicGroup {
    type Request = DescribeGroupsRequest<'static>;
    type Answer = GroupDescription;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Group(Arc::clone(&self.group))
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        DescribeGroupsRequest {
            groups: vec![self.group.as_ref().to_owned().into()],
            include_authorized_operations: false,
        }
    }

    fn read(&self, reply: &Reply) -> Result<GroupDescription, ClientError> {
        let response: DescribeGroupsResponse<'_> = reply.decode()?;
        let group = response.groups.iter().find(|group| *group.group_id == *self.group);
        let group = group.ok_or_else(|| reply.lacks(about(&self.group)))?;
        let message = group.error_message.as_deref();
        let api = ApiKey::DescribeGroups;
        ClientError::refused(api, about(&self.group), group.error_code, message)?;
        let mut members: Vec<GroupMember> = group.members.iter().map(classic_member).collect();
        members.sort_by(|one, other| one.member.cmp(&other.member));
        Ok(GroupDescription {
            group: self.group.as_ref().to_owned(),
            state: group.group_state.clone().into_owned(),
            assignor: group.protocol_data.clone().into_owned(),
            members,
        })
    }
}

fn classic_member(member: &DescribedGroupMember<'_>) -> GroupMember {
    // Members that are no consumers have an assignment that only they can read.
    let assigned = ConsumerProtocolAssignment::decode(member.member_assignment.as_ref());
    let assigned = assigned.map(|(_, assignment)| {
        let topics = assignment.assigned_partitions.iter();
        let partitions = topics.flat_map(|topic| {
            topic.partitions.iter().map(|number| TopicPartition::new(&topic.topic, *number))
        });
        partitions.collect()
    });
    GroupMember {
        member: member.member_id.clone().into_owned(),
        instance: member.group_instance_id.as_deref().map(str::to_owned),
        client_id: member.client_id.clone().into_owned(),
        host: member.client_host.clone().into_owned(),
        assigned: assigned.unwrap_or_default(),
    }
}

/// Describes a group whose coordinator assigns (KIP-848).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeConsumerGroup {
    /// Its name.
    pub group: Arc<str>,
}

impl Operation for DescribeConsumerGroup {
    type Request = ConsumerGroupDescribeRequest<'static>;
    /// None when there is no group of this kind; a classic one may have the name.
    type Answer = Option<GroupDescription>;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Group(Arc::clone(&self.group))
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        ConsumerGroupDescribeRequest {
            group_ids: vec![self.group.as_ref().to_owned().into()],
            include_authorized_operations: false,
        }
    }

    fn read(&self, reply: &Reply) -> Result<Self::Answer, ClientError> {
        let response: ConsumerGroupDescribeResponse<'_> = reply.decode()?;
        let group = response.groups.iter().find(|group| *group.group_id == *self.group);
        let group = group.ok_or_else(|| reply.lacks(about(&self.group)))?;
        if group.error_code == ErrorCode::GroupIdNotFound.code() {
            return Ok(None);
        }
        let message = group.error_message.as_deref();
        let api = ApiKey::ConsumerGroupDescribe;
        ClientError::refused(api, about(&self.group), group.error_code, message)?;
        let mut members: Vec<GroupMember> = group.members.iter().map(consumer_member).collect();
        members.sort_by(|one, other| one.member.cmp(&other.member));
        Ok(Some(GroupDescription {
            group: self.group.as_ref().to_owned(),
            state: group.group_state.clone().into_owned(),
            assignor: group.assignor_name.clone().into_owned(),
            members,
        }))
    }
}

fn consumer_member(member: &Member<'_>) -> GroupMember {
    GroupMember {
        member: member.member_id.clone().into_owned(),
        instance: member.instance_id.as_deref().map(str::to_owned),
        client_id: member.client_id.clone().into_owned(),
        host: member.client_host.clone().into_owned(),
        assigned: partitions_of(&member.assignment),
    }
}

pub(super) fn partitions_of(assignment: &Assignment<'_>) -> BTreeSet<TopicPartition> {
    let topics = assignment.topic_partitions.iter();
    let partitions = topics.flat_map(|topic| {
        topic.partitions.iter().map(|number| TopicPartition::new(&topic.topic_name, *number))
    });
    partitions.collect()
}

/// Deletes a group without members, and its offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteGroup {
    /// Its name.
    pub group: Arc<str>,
}

impl Operation for DeleteGroup {
    type Request = DeleteGroupsRequest<'static>;
    type Answer = ();
    const REPEAT: Repeat = Repeat::Unsafe;

    fn target(&self) -> Target {
        Target::Group(Arc::clone(&self.group))
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        DeleteGroupsRequest { groups_names: vec![self.group.as_ref().to_owned().into()] }
    }

    fn read(&self, reply: &Reply) -> Result<(), ClientError> {
        let response: DeleteGroupsResponse<'_> = reply.decode()?;
        let result = response.results.iter().find(|result| *result.group_id == *self.group);
        let result = result.ok_or_else(|| reply.lacks(about(&self.group)))?;
        ClientError::refused(ApiKey::DeleteGroups, about(&self.group), result.error_code, None)
    }
}

pub(super) fn about(group: &str) -> String {
    format!("group {group}")
}
