//! ListGroups, DescribeGroups and DeleteGroups: what operators ask about groups.

use corelog_coordinator::classic_group::{GroupDescription, GroupState};
use corelog_coordinator::groups::{GroupKind, ListFilter, ListedGroup};
use corelog_coordinator::output::GroupResult;
use corelog_model::ErrorCode;
use corelog_wire::api::delete_groups::DeletableGroupResult;
use corelog_wire::api::describe_groups::{DescribedGroup, DescribedGroupMember};
use corelog_wire::api::list_groups;
use corelog_wire::{
    DeleteGroupsResponse, DescribeGroupsResponse, ListGroupsRequest, ListGroupsResponse, Text,
};

/// The first version in which a group that does not exist is an error (KIP-1043).
const NOT_FOUND_FROM: i16 = 6;

/// Translates the filters of a ListGroups. `None` if one of them names nothing there is, so that
/// no group passes.
pub fn filter(request: &ListGroupsRequest<'_>) -> Option<ListFilter> {
    let states = request.states_filter.iter().map(|name| GroupState::from_name(name));
    let kinds = request.types_filter.iter().map(|name| GroupKind::from_name(name));
    let filter =
        ListFilter { states: states.flatten().collect(), kinds: kinds.flatten().collect() };
    let names_nothing = (filter.states.is_empty() && !request.states_filter.is_empty())
        || (filter.kinds.is_empty() && !request.types_filter.is_empty());
    (!names_nothing).then_some(filter)
}

/// Answers a ListGroups. If one coordinator cannot answer yet, the answer says so and has the
/// groups of the others.
pub fn listed(groups: Vec<ListedGroup>, code: ErrorCode) -> ListGroupsResponse<'static> {
    let groups = groups.into_iter().map(|group| list_groups::ListedGroup {
        group_id: Text::Owned(group.group),
        protocol_type: Text::Owned(group.protocol_type),
        group_state: Text::Borrowed(group.state.name()),
        group_type: Text::Borrowed(group.kind.name()),
    });
    ListGroupsResponse { error_code: code.code(), groups: groups.collect(), ..Default::default() }
}

/// Answers a DescribeGroups.
pub fn described(
    groups: Vec<(String, Result<GroupDescription, ErrorCode>)>,
    operations: impl Fn(&str) -> i32,
    version: i16,
) -> DescribeGroupsResponse<'static> {
    let groups = groups.into_iter().map(|(group, found)| match found {
        Ok(description) => described_group(description, operations(&group)),
        Err(ErrorCode::GroupIdNotFound) if version < NOT_FOUND_FROM => DescribedGroup {
            group_state: Text::Borrowed(GroupState::Dead.name()),
            authorized_operations: operations(&group),
            group_id: Text::Owned(group),
            ..Default::default()
        },
        Err(code) => DescribedGroup {
            error_code: code.code(),
            error_message: Some(Text::Borrowed(code.message())),
            group_id: Text::Owned(group),
            group_state: Text::Borrowed(match code {
                ErrorCode::GroupIdNotFound => GroupState::Dead.name(),
                _ => "",
            }),
            ..Default::default()
        },
    });
    DescribeGroupsResponse { groups: groups.collect(), ..Default::default() }
}

fn described_group(description: GroupDescription, operations: i32) -> DescribedGroup<'static> {
    let members = description.members.into_iter().map(|member| DescribedGroupMember {
        member_id: Text::Owned(member.member_id),
        group_instance_id: member.instance_id.map(Text::Owned),
        client_id: Text::Owned(member.client_id),
        client_host: Text::Owned(member.client_host),
        member_metadata: member.metadata.into(),
        member_assignment: member.assignment.into(),
    });
    DescribedGroup {
        group_id: Text::Owned(description.group),
        group_state: Text::Borrowed(description.state.name()),
        protocol_type: Text::Owned(description.protocol_type),
        protocol_data: Text::Owned(description.protocol),
        members: members.collect(),
        authorized_operations: operations,
        ..Default::default()
    }
}

/// Answers a DeleteGroups.
pub fn deleted(results: Vec<GroupResult>) -> DeleteGroupsResponse<'static> {
    let results = results.into_iter().map(|result| DeletableGroupResult {
        group_id: Text::Owned(result.group),
        error_code: result.result.err().unwrap_or(ErrorCode::None).code(),
    });
    DeleteGroupsResponse { results: results.collect(), ..Default::default() }
}

#[cfg(test)]
mod tests;
