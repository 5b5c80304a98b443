//! Requests of groups on their way to the coordinator and back. A JoinGroup may wait for minutes,
//! so what it needs is copied from the frame and its answer comes when it comes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use corelog_coordinator::consumer_group::GroupError;
use corelog_coordinator::input::DeleteGroups;
use corelog_coordinator::output::{GroupResult, JoinRefusal, Reply as Answer};
use corelog_coordinator::{Input, RequestId};
use corelog_model::ErrorCode;
use corelog_shard::{GroupCoordinator, Shard};
use corelog_wire::frame::EncodedFrame;
use corelog_wire::{
    ApiKey, ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, DeleteGroupsRequest,
    DescribeGroupsRequest, EncodeError, FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest,
    LeaveGroupRequest, ListGroupsRequest, Message, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, Reader, SyncGroupRequest, encode_response,
};

use crate::api::group_membership::Caller;
use crate::api::group_offsets::Stability;
use crate::api::{consumer_group_describe, consumer_group_heartbeat};
use crate::api::{find_coordinator, group_admin, group_membership, group_offsets, operations};
use crate::authorize::{Access, table};
use crate::dispatch::{
    AUTO_CREATE_TIME_MAX, Context, Dispatcher, RequestError, Started, finish, new_topic_id,
};
use crate::error::KafkaError;
use crate::reply::Reply;
use crate::share_requests::forget_states;

/// Whether requests of this API go to coordinators, or look for one.
pub(crate) const fn is_of_groups(api: ApiKey) -> bool {
    matches!(
        api,
        ApiKey::FindCoordinator
            | ApiKey::JoinGroup
            | ApiKey::SyncGroup
            | ApiKey::Heartbeat
            | ApiKey::LeaveGroup
            | ApiKey::OffsetCommit
            | ApiKey::OffsetFetch
            | ApiKey::OffsetDelete
            | ApiKey::ListGroups
            | ApiKey::DescribeGroups
            | ApiKey::DeleteGroups
            | ApiKey::ConsumerGroupHeartbeat
            | ApiKey::ConsumerGroupDescribe
    )
}

/// Asks the coordinator of a group; fails if it is not here, or does not answer.
async fn ask(
    shard: &Shard,
    group: &str,
    input: impl FnOnce(RequestId) -> Input,
) -> Result<Answer, ErrorCode> {
    let coordinator = shard.group_coordinator(group).map_err(|refusal| refusal.error_code())?;
    coordinator.ask(input).await.ok_or(ErrorCode::CoordinatorNotAvailable)
}

fn unexpected(answer: &Answer) -> ! {
    unreachable!("each request has its own kind of answer, not {answer:?}")
}

/// What is told about who asks.
pub(crate) fn caller((client_id, host): (&str, IpAddr)) -> Caller {
    Caller {
        client_id: client_id.to_owned(),
        client_host: format!("/{host}"),
        unique: uuid::Uuid::new_v4().to_string(),
    }
}

/// What the client may do with a group, if it asked.
pub(crate) fn operations_on(access: Access<'_>, group: &str, is_asked_for: bool) -> i32 {
    if is_asked_for {
        operations::of_group(access, group)
    } else {
        corelog_wire::api::metadata::OPERATIONS_NOT_REQUESTED
    }
}

/// What was answered, given the kind of answer that the request has.
macro_rules! answer_of {
    ($kind:ident, $answer:expr) => {
        match $answer {
            Ok(Answer::$kind(result)) => Ok(result),
            Ok(other) => unexpected(&other),
            Err(code) => Err(code),
        }
    };
}

/// A request whose answer comes later.
pub(crate) fn later(
    answer: impl Future<Output = Result<EncodedFrame, EncodeError>> + 'static,
) -> Started {
    Started::Reply(Box::pin(async move { finish(answer.await) }))
}

/// A request whose answer is there.
pub(crate) fn answered<'a>(
    context: Context<'_>,
    response: &impl Message<'a>,
) -> Result<Started, RequestError> {
    let frame = encode_response(context.correlation_id, context.version, response)?;
    Ok(Started::Ready(Box::new(Reply::new(frame))))
}

impl Dispatcher {
    /// Starts a request of groups. `from` is what the client calls itself and where it is.
    pub(crate) async fn start_of_groups(
        &self,
        api: ApiKey,
        context: Context<'_>,
        reader: &mut Reader<'_>,
        from: (&str, IpAddr),
    ) -> Result<Started, RequestError> {
        match api {
            ApiKey::FindCoordinator => self.find_coordinator(context, reader).await,
            ApiKey::JoinGroup => self.join_group(context, reader, from),
            ApiKey::SyncGroup => self.sync_group(context, reader),
            ApiKey::Heartbeat => self.heartbeat(context, reader),
            ApiKey::LeaveGroup => self.leave_group(context, reader),
            ApiKey::OffsetCommit => self.offset_commit(context, reader),
            ApiKey::OffsetFetch => self.offset_fetch(context, reader),
            ApiKey::OffsetDelete => self.offset_delete(context, reader),
            ApiKey::ListGroups => self.list_groups(context, reader),
            ApiKey::DescribeGroups => self.describe_groups(context, reader),
            ApiKey::ConsumerGroupHeartbeat => self.consumer_group_heartbeat(context, reader, from),
            ApiKey::ConsumerGroupDescribe => self.consumer_group_describe(context, reader),
            ApiKey::DeleteGroups => self.delete_groups(context, reader),
            _ => Ok(Started::Close("it asks for an API that is not served")),
        }
    }

    /// The first who looks for a coordinator creates the topic of what it coordinates.
    async fn find_coordinator(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let request = FindCoordinatorRequest::decode(reader, context.version)?;
        let settings = Rc::clone(&self.settings);
        let image = self.shard.image();
        let may = find_coordinator::may_any(&request, context.version, context.access(&image));
        let creation = find_coordinator::creation(&request, &image, &settings, new_topic_id);
        if let Some(change) = creation.filter(|_| may) {
            // Whatever comes of it, the image says: another core may have been faster.
            drop(self.ask(change, AUTO_CREATE_TIME_MAX).await?);
        }
        let image = self.shard.image();
        let version = context.version;
        let view = (&*image, context.access(&image));
        let response = find_coordinator::respond(&request, version, view, self.listener());
        answered(context, &response)
    }

    /// Asks the coordinator of a group; what it says becomes the response.
    pub(crate) fn ask_later<R: Message<'static> + 'static>(
        &self,
        context: Context<'_>,
        group: &str,
        input: impl FnOnce(RequestId) -> Input + 'static,
        respond: impl FnOnce(Result<Answer, ErrorCode>) -> R + 'static,
    ) -> Started {
        let (shard, group) = (self.shard.clone(), group.to_owned());
        later(async move {
            let response = respond(ask(&shard, &group, input).await);
            encode_response(context.correlation_id, context.version, &response)
        })
    }

    fn join_group(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
        from: (&str, IpAddr),
    ) -> Result<Started, RequestError> {
        let version = context.version;
        let request = JoinGroupRequest::decode(reader, version)?;
        let member_id = request.member_id.to_string();
        let image = self.shard.image();
        if let Err(code) = context.access(&image).check(&table::JOIN_GROUP, &request.group_id) {
            let refused = Err(JoinRefusal { code, member_id });
            return answered(context, &group_membership::joined(refused, version));
        }
        let input = group_membership::join(&request, version, caller(from));
        Ok(self.ask_later(context, &request.group_id, input, move |answer| {
            let result = answer_of!(Join, answer);
            let result = result.unwrap_or_else(|code| Err(JoinRefusal { code, member_id }));
            group_membership::joined(result, version)
        }))
    }

    fn sync_group(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let request = SyncGroupRequest::decode(reader, context.version)?;
        let image = self.shard.image();
        if let Err(code) = context.access(&image).check(&table::SYNC_GROUP, &request.group_id) {
            return answered(context, &group_membership::synced(Err(code)));
        }
        let input = match group_membership::sync(&request, context.version) {
            Ok(input) => input,
            Err(code) => return answered(context, &group_membership::synced(Err(code))),
        };
        Ok(self.ask_later(context, &request.group_id, input, |answer| {
            group_membership::synced(answer_of!(Sync, answer).flatten())
        }))
    }

    fn heartbeat(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let request = HeartbeatRequest::decode(reader, context.version)?;
        let image = self.shard.image();
        if let Err(code) = context.access(&image).check(&table::HEARTBEAT, &request.group_id) {
            return answered(context, &group_membership::heard(Err(code)));
        }
        let input = group_membership::heartbeat(&request);
        Ok(self.ask_later(context, &request.group_id, input, |answer| {
            group_membership::heard(answer_of!(Heartbeat, answer).flatten())
        }))
    }

    fn consumer_group_heartbeat(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
        from: (&str, IpAddr),
    ) -> Result<Started, RequestError> {
        let request = ConsumerGroupHeartbeatRequest::decode(reader, context.version)?;
        let image = self.shard.image();
        let access = context.access(&image);
        if let Err(code) = consumer_group_heartbeat::check(&request, access) {
            let refused = Err(GroupError::Unavailable { code });
            return answered(context, &consumer_group_heartbeat::heard(refused));
        }
        let has_expression =
            request.subscribed_topic_regex.as_deref().is_some_and(|it| !it.is_empty());
        let searches = has_expression
            || self.coordinator(&request.group_id).is_ok_and(|it| it.searches(&request.group_id));
        let visible = if searches { access.visible(&table::MEMBER_HEARTBEAT_TOPIC) } else { None };
        let (version, caller) = (context.version, caller(from));
        let input = consumer_group_heartbeat::heartbeat(&request, version, caller, visible);
        Ok(self.ask_later(context, &request.group_id, input, |answer| {
            let result = answer_of!(ConsumerGroupHeartbeat, answer);
            let result = result.unwrap_or_else(|code| Err(GroupError::Unavailable { code }));
            consumer_group_heartbeat::heard(result)
        }))
    }

    fn consumer_group_describe(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let request = ConsumerGroupDescribeRequest::decode(reader, context.version)?;
        let image = self.shard.image();
        let access = context.access(&image);
        let groups = request.group_ids.iter().map(|group| {
            let found = access.check(&table::DESCRIBE_MEMBERS, group);
            let found = found.and_then(|()| self.coordinator(group));
            let found = found.and_then(|there| there.describe_consumer_group(group));
            (group.to_string(), found)
        });
        let asks = request.include_authorized_operations;
        let operations = |group: &str| operations_on(access, group, asks);
        let view = (&*image, access);
        let response = consumer_group_describe::described(groups.collect(), operations, view);
        answered(context, &response)
    }

    fn leave_group(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let version = context.version;
        let request = LeaveGroupRequest::decode(reader, version)?;
        let image = self.shard.image();
        if let Err(code) = context.access(&image).check(&table::LEAVE_GROUP, &request.group_id) {
            return answered(context, &group_membership::left(Err(code), version));
        }
        let input = group_membership::leave(&request, version);
        Ok(self.ask_later(context, &request.group_id, input, move |answer| {
            group_membership::left(answer_of!(Leave, answer).flatten(), version)
        }))
    }

    fn offset_commit(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let request = OffsetCommitRequest::decode(reader, context.version)?;
        let image = self.shard.image();
        let access = context.access(&image);
        let topics = (access, &table::OFFSET_COMMIT_TOPIC);
        let (places, input) = group_offsets::commit(&request, context.version, &image, topics);
        if let Err(code) = access.check(&table::OFFSET_COMMIT, &request.group_id) {
            return answered(context, &group_offsets::refused_commit(places, code));
        }
        Ok(self.ask_later(context, &request.group_id, input, move |answer| {
            match answer_of!(CommitOffsets, answer) {
                Ok(results) => group_offsets::committed(places, &results),
                Err(code) => group_offsets::uncommitted(places, code),
            }
        }))
    }

    fn offset_fetch(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let request = OffsetFetchRequest::decode(reader, context.version)?;
        let is_required = request.require_stable;
        let stability = if is_required { Stability::Required } else { Stability::Any };
        let image = self.shard.image();
        let access = context.access(&image);
        let wanted = group_offsets::wanted(&request, context.version, access);
        let found = wanted.into_iter().map(|wanted| {
            let (group, member) = (&wanted.group, wanted.member_id.as_deref());
            let found = access.check(&table::OFFSET_FETCH, group);
            let found = found.and_then(|()| self.coordinator(group)).and_then(|there| {
                there.check_fetch_offsets(group, member, wanted.member_epoch)?;
                there.fetch_offsets(group, wanted.partitions.as_deref())
            });
            let found = found.map(|found| wanted.visible(found, access));
            (wanted, found)
        });
        answered(context, &group_offsets::fetched(found.collect(), stability, context.version))
    }

    fn offset_delete(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let request = OffsetDeleteRequest::decode(reader, context.version)?;
        let image = self.shard.image();
        let access = context.access(&image);
        let (places, input) = group_offsets::delete(&request, &image, access);
        if let Err(code) = access.check(&table::OFFSET_DELETE, &request.group_id) {
            return answered(context, &group_offsets::deleted(places, Err(code)));
        }
        Ok(self.ask_later(context, &request.group_id, input, move |answer| {
            group_offsets::deleted(places, answer_of!(DeleteOffsets, answer).flatten())
        }))
    }

    /// Only the groups of this core: a client asks every node.
    fn list_groups(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let request = ListGroupsRequest::decode(reader, context.version)?;
        let (mut groups, mut code) = (Vec::new(), ErrorCode::None);
        if let Some(filter) = group_admin::filter(&request) {
            for coordinator in self.shard.group_coordinators() {
                match coordinator.list(&filter) {
                    Ok(listed) => groups.extend(listed),
                    Err(error) => code = error,
                }
            }
        }
        let image = self.shard.image();
        let access = context.access(&image);
        if !access.may_quietly_on_cluster(&table::LIST_GROUPS_ALL) {
            groups.retain(|group| access.may_see(&table::LIST_GROUPS, &group.group));
        }
        answered(context, &group_admin::listed(groups, code))
    }

    fn describe_groups(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let request = DescribeGroupsRequest::decode(reader, context.version)?;
        let image = self.shard.image();
        let access = context.access(&image);
        let groups = request.groups.iter().map(|group| {
            let found = access.check(&table::DESCRIBE_GROUPS, group);
            let found = found.and_then(|()| self.coordinator(group));
            (group.to_string(), found.and_then(|there| there.describe(group)))
        });
        let asks = request.include_authorized_operations;
        let operations = |group: &str| operations_on(access, group, asks);
        answered(context, &group_admin::described(groups.collect(), operations, context.version))
    }

    /// The coordinator of a group, if it is on this core.
    pub(crate) fn coordinator(&self, group: &str) -> Result<Rc<GroupCoordinator>, ErrorCode> {
        self.shard.group_coordinator(group).map_err(|refusal| refusal.error_code())
    }

    /// Groups of one request may be kept in several partitions; each is asked for its own.
    fn delete_groups(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let request = DeleteGroupsRequest::decode(reader, version)?;
        let image = self.shard.image();
        let access = context.access(&image);
        let groups = request.groups_names.iter();
        let groups =
            groups.map(|group| (group.to_string(), access.check(&table::DELETE_GROUPS, group)));
        let groups: Vec<_> = groups.collect();
        let shard = self.shard.clone();
        Ok(later(async move {
            let results = delete_all(&shard, groups).await;
            encode_response(correlation_id, version, &group_admin::deleted(results))
        }))
    }
}

/// Deletes groups that the client may delete, all of one coordinator at a time so that they share
/// a sync. Results are in the order of the groups.
async fn delete_all(
    shard: &Shard,
    groups: Vec<(String, Result<(), ErrorCode>)>,
) -> Vec<GroupResult> {
    let mut results = Vec::with_capacity(groups.len());
    let mut here = BTreeMap::new();
    for (place, (group, allowed)) in groups.into_iter().enumerate() {
        let found = match allowed {
            // What is known elsewhere of a share group goes first.
            Ok(()) => forget_states(shard, &group).await,
            Err(code) => Err(code),
        };
        let found = found
            .and_then(|()| shard.group_coordinator(&group).map_err(|refusal| refusal.error_code()));
        let result = found.map(|there| {
            let index = there.partition().log.id().index;
            let (_, places) = here.entry(index).or_insert_with(|| (there, Vec::new()));
            places.push(place);
        });
        results.push(GroupResult { group, result });
    }
    for (there, places) in here.into_values() {
        let groups = places.iter().map(|place| results[*place].group.clone()).collect();
        let input = |request| Input::DeleteGroups(DeleteGroups { request, groups });
        let answer = there.ask(input).await.ok_or(ErrorCode::CoordinatorNotAvailable);
        match answer_of!(DeleteGroups, answer) {
            Ok(deleted) => {
                for (place, deleted) in places.into_iter().zip(deleted) {
                    results[place] = deleted;
                }
            }
            Err(code) => {
                for place in places {
                    results[place].result = Err(code);
                }
            }
        }
    }
    results
}
