//! The lines about groups.

#![allow(clippy::wildcard_imports, reason = "there is a sample of nearly every message")]

use super::*;

#[allow(clippy::too_many_lines, reason = "one arm for each line of the table")]
pub(super) fn ask(client: &mut Connection, admin: &mut Connection, right: &Right) -> bool {
    let group_id: Text<'static> = GROUP.into();
    match *right {
        table::OFFSET_COMMIT | table::OFFSET_COMMIT_TOPIC => {
            codes!(client, 7, commit(), |answer: OffsetCommitResponse<'_>| {
                answer.topics[0].partitions.iter().map(|it| it.error_code)
            })
        }
        table::OFFSET_FETCH | table::OFFSET_FETCH_TOPIC => {
            codes!(client, 7, fetch_offsets(), |answer: OffsetFetchResponse<'_>| {
                let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                partitions.map(|it| it.error_code).chain([answer.error_code])
            })
        }
        table::FIND_GROUP => code!(client, 3, find(0, GROUP), FindCoordinatorResponse<'_>),
        table::FIND_TRANSACTION => code!(client, 3, find(1, ID), FindCoordinatorResponse<'_>),
        table::JOIN_GROUP => {
            let protocol =
                join_group::JoinGroupRequestProtocol { name: "p".into(), ..Default::default() };
            let request = JoinGroupRequest {
                group_id,
                session_timeout_ms: 10_000,
                protocol_type: "consumer".into(),
                protocols: vec![protocol],
                ..Default::default()
            };
            code!(client, 5, request, JoinGroupResponse<'_>)
        }
        table::HEARTBEAT => {
            let request = HeartbeatRequest { group_id, ..Default::default() };
            code!(client, 3, request, HeartbeatResponse)
        }
        table::LEAVE_GROUP => {
            let request = LeaveGroupRequest { group_id, ..Default::default() };
            code!(client, 2, request, LeaveGroupResponse<'_>)
        }
        table::SYNC_GROUP => {
            let request = SyncGroupRequest { group_id, ..Default::default() };
            code!(client, 3, request, SyncGroupResponse<'_>)
        }
        table::DESCRIBE_GROUPS => {
            let request = DescribeGroupsRequest { groups: vec![group_id], ..Default::default() };
            codes!(client, 5, request, |answer: DescribeGroupsResponse<'_>| {
                answer.groups.iter().map(|it| it.error_code)
            })
        }
        table::LIST_GROUPS | table::LIST_GROUPS_ALL => {
            let reply = call(client, 4, &ListGroupsRequest::default());
            let answer: ListGroupsResponse<'_> = reply.decode().expect("an answer");
            answer.groups.iter().any(|it| *it.group_id == *GROUP)
        }
        table::DELETE_GROUPS => {
            let request = DeleteGroupsRequest { groups_names: vec![GONE.into()] };
            codes!(client, 2, request, |answer: DeleteGroupsResponse<'_>| {
                answer.results.iter().map(|it| it.error_code)
            })
        }
        table::OFFSET_DELETE | table::OFFSET_DELETE_TOPIC => {
            call(admin, 7, &commit());
            let topic = offset_delete::OffsetDeleteRequestTopic {
                name: TOPIC.into(),
                partitions: vec![offset_delete::OffsetDeleteRequestPartition::default()],
            };
            let request = OffsetDeleteRequest { group_id, topics: vec![topic] };
            codes!(client, 0, request, |answer: OffsetDeleteResponse<'_>| {
                let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                partitions.map(|it| it.error_code).chain([answer.error_code])
            })
        }
        table::MEMBER_HEARTBEAT | table::MEMBER_HEARTBEAT_TOPIC => {
            code!(client, 0, heartbeat(MEMBERS), ConsumerGroupHeartbeatResponse<'_>)
        }
        table::DESCRIBE_MEMBERS | table::DESCRIBE_MEMBERS_TOPIC => {
            call(admin, 0, &heartbeat(MEMBERS));
            let group_ids = vec![MEMBERS.into()];
            let request = ConsumerGroupDescribeRequest { group_ids, ..Default::default() };
            codes!(client, 0, request, |answer: ConsumerGroupDescribeResponse<'_>| {
                answer.groups.iter().map(|it| it.error_code)
            })
        }
        _ => panic!("there is no sample of {right:?}"),
    }
}
