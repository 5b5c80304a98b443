//! ShareGroupHeartbeat: how a member joins, follows and leaves a share group (KIP-932).

use std::sync::Arc;

use corelog_coordinator::consumer_group::{GroupError, HeartbeatReply, MemberId};
use corelog_coordinator::input::ShareGroupHeartbeat;
use corelog_coordinator::{Input, RequestId};
use corelog_model::ErrorCode;
use corelog_wire::{ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse, Text};

use super::consumer_group_heartbeat::assignment;
use super::group_membership::Caller;
use crate::authorize::{Access, table};

/// Whether the client may be a member that reads these topics.
pub(crate) fn check(
    request: &ShareGroupHeartbeatRequest<'_>,
    access: Access<'_>,
) -> Result<(), ErrorCode> {
    access.check(&table::SHARE_HEARTBEAT, &request.group_id)?;
    let mut topics = request.subscribed_topic_names.iter().flatten();
    topics.try_for_each(|topic| access.check(&table::SHARE_HEARTBEAT_TOPIC, topic))
}

/// Translates a ShareGroupHeartbeat.
pub fn heartbeat(
    request: &ShareGroupHeartbeatRequest<'_>,
    caller: Caller,
) -> impl FnOnce(RequestId) -> Input + use<> {
    let text = |text: &Text<'_>| Arc::<str>::from(&**text);
    let names = request.subscribed_topic_names.as_ref();
    let heartbeat = ShareGroupHeartbeat {
        request: RequestId(0),
        group: request.group_id.to_string(),
        member: MemberId::from(&*request.member_id),
        epoch: request.member_epoch,
        rack_id: request.rack_id.as_ref().map(text),
        topic_names: names.map(|names| names.iter().map(text).collect()),
        client_id: Arc::from(caller.client_id),
        client_host: Arc::from(caller.client_host),
    };
    move |request| Input::ShareGroupHeartbeat(ShareGroupHeartbeat { request, ..heartbeat })
}

/// Answers it.
pub fn heard(result: Result<HeartbeatReply, GroupError>) -> ShareGroupHeartbeatResponse<'static> {
    match result {
        Ok(reply) => ShareGroupHeartbeatResponse {
            member_id: Some(Text::Owned(reply.member.as_str().to_owned())),
            member_epoch: reply.epoch,
            heartbeat_interval_ms: i32::try_from(reply.heartbeat_interval.as_millis())
                .unwrap_or(i32::MAX),
            assignment: reply.assignment.as_ref().map(assignment),
            ..Default::default()
        },
        Err(error) => ShareGroupHeartbeatResponse {
            error_code: error.code().code(),
            error_message: Some(Text::Owned(error.to_string())),
            ..Default::default()
        },
    }
}
