//! The lines about share groups.

#![allow(clippy::wildcard_imports, reason = "there is a sample of nearly every message")]

use corelog_wire::api::{
    alter_share_group_offsets, delete_share_group_offsets, delete_share_group_state,
    describe_share_group_offsets, initialize_share_group_state, read_share_group_state,
    read_share_group_state_summary, share_acknowledge, share_fetch, write_share_group_state,
};

use super::*;

const MEMBER: &str = "member";

fn heartbeat(group: &'static str, member_epoch: i32) -> ShareGroupHeartbeatRequest<'static> {
    ShareGroupHeartbeatRequest {
        group_id: group.into(),
        member_id: MEMBER.into(),
        member_epoch,
        subscribed_topic_names: (member_epoch == 0).then(|| vec![TOPIC.into()]),
        ..Default::default()
    }
}

/// Makes a share group, or has its only member leave.
fn beat(admin: &mut Connection, group: &'static str, member_epoch: i32) {
    crate::support::wait_until("the share group", || {
        let reply = call(admin, 1, &heartbeat(group, member_epoch));
        let answer: ShareGroupHeartbeatResponse<'_> = reply.decode().expect("an answer");
        answer.error_code == 0 || member_epoch != 0
    });
}

fn topic_id(admin: &mut Connection) -> Uuid {
    let topic = metadata::MetadataRequestTopic { name: Some(TOPIC.into()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    let reply = call(admin, 12, &request);
    reply.decode::<MetadataResponse<'_>>().expect("an answer").topics[0].topic_id
}

fn fetch(topic_id: Uuid) -> ShareFetchRequest<'static> {
    let partitions = vec![share_fetch::FetchPartition::default()];
    ShareFetchRequest {
        group_id: Some(SHARES.into()),
        member_id: Some(MEMBER.into()),
        max_records: 1,
        topics: vec![share_fetch::FetchTopic { topic_id, partitions }],
        ..Default::default()
    }
}

/// Says something of a record in a session that the one who may do everything has opened.
fn acknowledge(client: &mut Connection, admin: &mut Connection) -> bool {
    let topic_id = topic_id(admin);
    call(admin, 1, &fetch(topic_id));
    let batch =
        share_fetch::AcknowledgementBatch { acknowledge_types: vec![1], ..Default::default() };
    let partition = share_acknowledge::AcknowledgePartition {
        acknowledgement_batches: vec![batch],
        ..Default::default()
    };
    let topic = share_acknowledge::AcknowledgeTopic { topic_id, partitions: vec![partition] };
    let request = ShareAcknowledgeRequest {
        group_id: Some(SHARES.into()),
        member_id: Some(MEMBER.into()),
        share_session_epoch: 1,
        topics: vec![topic],
        ..Default::default()
    };
    codes!(client, 1, request, |answer: ShareAcknowledgeResponse<'_>| {
        let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|it| it.error_code).chain([answer.error_code])
    })
}

fn offsets(client: &mut Connection, right: &Right) -> bool {
    match *right {
        table::SHARE_OFFSETS | table::SHARE_OFFSETS_TOPIC => {
            let topic = describe_share_group_offsets::DescribeTopic {
                topic_name: TOPIC.into(),
                partitions: vec![0],
            };
            let group = describe_share_group_offsets::DescribeGroup {
                group_id: SHARES.into(),
                topics: Some(vec![topic]),
            };
            let request = DescribeShareGroupOffsetsRequest { groups: vec![group] };
            codes!(client, 0, request, |answer: DescribeShareGroupOffsetsResponse<'_>| {
                let group = &answer.groups[0];
                let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
                partitions.map(|it| it.error_code).chain([group.error_code])
            })
        }
        table::ALTER_SHARE_OFFSETS | table::ALTER_SHARE_OFFSETS_TOPIC => {
            let topic = alter_share_group_offsets::AlterTopic {
                topic_name: TOPIC.into(),
                partitions: vec![alter_share_group_offsets::AlterPartition::default()],
            };
            let request =
                AlterShareGroupOffsetsRequest { group_id: IDLE.into(), topics: vec![topic] };
            codes!(client, 0, request, |answer: AlterShareGroupOffsetsResponse<'_>| {
                let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
                partitions.map(|it| it.error_code).chain([answer.error_code])
            })
        }
        _ => {
            let topics = vec![delete_share_group_offsets::DeleteTopic { topic_name: TOPIC.into() }];
            let request = DeleteShareGroupOffsetsRequest { group_id: IDLE.into(), topics };
            codes!(client, 0, request, |answer: DeleteShareGroupOffsetsResponse<'_>| {
                let topics = answer.responses.iter().map(|it| it.error_code);
                topics.chain([answer.error_code])
            })
        }
    }
}

/// Asks a share coordinator for partition 0 of the topic.
fn states(client: &mut Connection, admin: &mut Connection, right: &Right) -> bool {
    let topic_id = topic_id(admin);
    macro_rules! ask {
        ($api:ident::$data:ident, $request:ident => $response:ident) => {{
            let partitions = vec![$api::PartitionData::default()];
            let topics = vec![$api::$data { topic_id, partitions }];
            let request = $request { group_id: "states".into(), topics };
            codes!(client, 0, request, |answer: $response<'_>| {
                let partitions = answer.results.iter().flat_map(|topic| &topic.partitions);
                partitions.map(|it| it.error_code)
            })
        }};
    }
    match *right {
        table::INITIALIZE_SHARE_STATE => ask!(
            initialize_share_group_state::InitializeStateData,
            InitializeShareGroupStateRequest => InitializeShareGroupStateResponse
        ),
        table::READ_SHARE_STATE => ask!(
            read_share_group_state::ReadStateData,
            ReadShareGroupStateRequest => ReadShareGroupStateResponse
        ),
        table::WRITE_SHARE_STATE => ask!(
            write_share_group_state::WriteStateData,
            WriteShareGroupStateRequest => WriteShareGroupStateResponse
        ),
        table::DELETE_SHARE_STATE => ask!(
            delete_share_group_state::DeleteStateData,
            DeleteShareGroupStateRequest => DeleteShareGroupStateResponse
        ),
        _ => ask!(
            read_share_group_state_summary::ReadStateSummaryData,
            ReadShareGroupStateSummaryRequest => ReadShareGroupStateSummaryResponse
        ),
    }
}

pub(super) fn ask(client: &mut Connection, admin: &mut Connection, right: &Right) -> bool {
    match right.api {
        ApiKey::ShareGroupHeartbeat => {
            code!(client, 1, heartbeat(SHARES, 0), ShareGroupHeartbeatResponse<'_>)
        }
        ApiKey::ShareGroupDescribe => {
            beat(admin, SHARES, 0);
            let group_ids = vec![SHARES.into()];
            let request = ShareGroupDescribeRequest { group_ids, ..Default::default() };
            codes!(client, 1, request, |answer: ShareGroupDescribeResponse<'_>| {
                answer.groups.iter().map(|it| it.error_code)
            })
        }
        ApiKey::ShareFetch => {
            let request = fetch(topic_id(admin));
            codes!(client, 1, request, |answer: ShareFetchResponse<'_>| {
                let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
                partitions.map(|it| it.error_code).chain([answer.error_code])
            })
        }
        ApiKey::ShareAcknowledge => acknowledge(client, admin),
        ApiKey::InitializeShareGroupState
        | ApiKey::ReadShareGroupState
        | ApiKey::WriteShareGroupState
        | ApiKey::DeleteShareGroupState
        | ApiKey::ReadShareGroupStateSummary => states(client, admin, right),
        _ => {
            beat(admin, SHARES, 0);
            beat(admin, IDLE, 0);
            beat(admin, IDLE, -1);
            offsets(client, right)
        }
    }
}
