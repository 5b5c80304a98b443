//! Requests of share groups on their way to coordinators and share-partitions, and back. A
//! ShareFetch may wait for its records, so what it needs is copied from the frame.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use corelog_coordinator::consumer_group::{GroupError, JOINS};
use corelog_coordinator::output::Reply as Answer;
use corelog_model::{ErrorCode, PartitionId};
use corelog_shard::Shard;
use corelog_wire::api::describe_share_group_offsets::DescribedGroup;
use corelog_wire::{
    AlterShareGroupOffsetsRequest, ApiKey, DeleteShareGroupOffsetsRequest,
    DeleteShareGroupStateRequest, DescribeShareGroupOffsetsRequest,
    DescribeShareGroupOffsetsResponse, InitializeShareGroupStateRequest, Message,
    ReadShareGroupStateRequest, ReadShareGroupStateSummaryRequest, Reader, ShareAcknowledgeRequest,
    ShareFetchRequest, ShareGroupDescribeRequest, ShareGroupHeartbeatRequest,
    WriteShareGroupStateRequest, encode_response,
};

use crate::api::find_coordinator::share_topic_creation;
use crate::api::share_acknowledge::{self, ShareAcknowledge};
use crate::api::share_fetch::{self, ShareFetch};
use crate::api::share_group_offsets::{self, Alteration, NEVER_READ, Wanted, is_known};
use crate::api::share_states::{self, StateRequest};
use crate::api::{share_group_describe, share_group_heartbeat};
use crate::authorize::table::{self, Right};
use crate::dispatch::{
    AUTO_CREATE_TIME_MAX, Context, Dispatcher, RequestError, Started, log_encode_error,
    new_topic_id,
};
use crate::error::KafkaError;
use crate::group_requests::{answered, caller, later, operations_on};

/// Whether requests of this API are of share groups.
pub(crate) const fn is_of_shares(api: ApiKey) -> bool {
    matches!(
        api,
        ApiKey::ShareGroupHeartbeat
            | ApiKey::ShareGroupDescribe
            | ApiKey::ShareFetch
            | ApiKey::ShareAcknowledge
            | ApiKey::InitializeShareGroupState
            | ApiKey::ReadShareGroupState
            | ApiKey::WriteShareGroupState
            | ApiKey::DeleteShareGroupState
            | ApiKey::ReadShareGroupStateSummary
            | ApiKey::DescribeShareGroupOffsets
            | ApiKey::AlterShareGroupOffsets
            | ApiKey::DeleteShareGroupOffsets
    )
}

impl Dispatcher {
    /// Starts a request of share groups. `from` is what the client calls itself and where it is.
    pub(crate) async fn start_of_shares(
        &self,
        api: ApiKey,
        context: Context<'_>,
        reader: &mut Reader<'_>,
        from: (&str, IpAddr),
    ) -> Result<Started, RequestError> {
        match api {
            ApiKey::ShareGroupHeartbeat => self.share_group_heartbeat(context, reader, from).await,
            ApiKey::ShareGroupDescribe => self.share_group_describe(context, reader),
            ApiKey::ShareFetch => self.share_fetch(context, reader),
            ApiKey::ShareAcknowledge => self.share_acknowledge(context, reader),
            ApiKey::InitializeShareGroupState => {
                let request = InitializeShareGroupStateRequest::decode(reader, context.version)?;
                Ok(self.share_states(context, &request, &table::INITIALIZE_SHARE_STATE))
            }
            ApiKey::ReadShareGroupState => {
                let request = ReadShareGroupStateRequest::decode(reader, context.version)?;
                Ok(self.share_states(context, &request, &table::READ_SHARE_STATE))
            }
            ApiKey::WriteShareGroupState => {
                let request = WriteShareGroupStateRequest::decode(reader, context.version)?;
                Ok(self.share_states(context, &request, &table::WRITE_SHARE_STATE))
            }
            ApiKey::DeleteShareGroupState => {
                let request = DeleteShareGroupStateRequest::decode(reader, context.version)?;
                Ok(self.share_states(context, &request, &table::DELETE_SHARE_STATE))
            }
            ApiKey::ReadShareGroupStateSummary => {
                let request = ReadShareGroupStateSummaryRequest::decode(reader, context.version)?;
                Ok(self.share_states(context, &request, &table::SUMMARIZE_SHARE_STATE))
            }
            ApiKey::DescribeShareGroupOffsets => self.describe_share_offsets(context, reader),
            ApiKey::AlterShareGroupOffsets => self.alter_share_offsets(context, reader),
            ApiKey::DeleteShareGroupOffsets => self.delete_share_offsets(context, reader),
            _ => Ok(Started::Close("it asks for an API that is not served")),
        }
    }

    /// The first who joins a share group creates the topic of what share coordinators keep.
    async fn share_group_heartbeat(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
        from: (&str, IpAddr),
    ) -> Result<Started, RequestError> {
        let request = ShareGroupHeartbeatRequest::decode(reader, context.version)?;
        let image = self.shard().image();
        if let Err(code) = share_group_heartbeat::check(&request, context.access(&image)) {
            let refused = GroupError::Unavailable { code };
            return answered(context, &share_group_heartbeat::heard(Err(refused)));
        }
        let settings = Rc::clone(&self.settings);
        let creation = share_topic_creation(&image, &settings, new_topic_id);
        if let Some(change) = creation.filter(|_| request.member_epoch == JOINS) {
            // Whatever comes of it, the image says: another core may have been faster.
            drop(self.ask(change, AUTO_CREATE_TIME_MAX).await?);
        }
        let input = share_group_heartbeat::heartbeat(&request, caller(from));
        Ok(self.ask_later(context, &request.group_id, input, |answer| {
            share_group_heartbeat::heard(match answer {
                Ok(Answer::ShareGroupHeartbeat(result)) => result,
                Ok(other) => unreachable!("each request has its own answer, not {other:?}"),
                Err(code) => Err(GroupError::Unavailable { code }),
            })
        }))
    }

    fn share_group_describe(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let request = ShareGroupDescribeRequest::decode(reader, context.version)?;
        let image = self.shard().image();
        let (access, asks) = (context.access(&image), request.include_authorized_operations);
        let groups = request.group_ids.iter().map(|group| {
            let found = access.check(&table::SHARE_DESCRIBE, group);
            let found = found.and_then(|()| self.coordinator(group));
            let found = found.and_then(|there| there.describe_share_group(group));
            (group.to_string(), found)
        });
        let operations = |group: &str| operations_on(access, group, asks);
        let response =
            share_group_describe::described(groups.collect(), operations, (&image, access));
        answered(context, &response)
    }

    /// Whether the client has a right on a group, if it names one.
    fn check_group(
        &self,
        context: Context<'_>,
        right: &Right,
        group: Option<&str>,
    ) -> Result<(), ErrorCode> {
        context.access(&self.shard().image()).check(right, group.unwrap_or_default())
    }

    fn share_fetch(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let Context { version, correlation_id, arrived, .. } = context;
        let request = ShareFetchRequest::decode(reader, version)?;
        let may = self.check_group(context, &table::SHARE_FETCH, request.group_id.as_deref());
        let fetch = may.and_then(|()| ShareFetch::parse(&request, version, self.fetch_bytes_max()));
        let sender = self.sender(context);
        let (shard, sessions) = (self.shard().clone(), Rc::clone(self.share_sessions()));
        let listener: Rc<str> = self.listener().into();
        Ok(Started::Reply(Box::pin(async move {
            let reply = match fetch {
                Ok(fetch) => {
                    let image = shard.image();
                    let reader = (&shard, &*image, sender.access(&image));
                    fetch.answer(reader, &sessions, &listener, correlation_id).await
                }
                Err(code) => share_fetch::refused(code, correlation_id, version),
            };
            shard.metrics().fetch_answered(arrived.elapsed());
            reply.map_err(|error| log_encode_error(&error)).ok()
        })))
    }

    fn share_acknowledge(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let request = ShareAcknowledgeRequest::decode(reader, version)?;
        let may = self.check_group(context, &table::SHARE_ACKNOWLEDGE, request.group_id.as_deref());
        let acknowledge = may.and_then(|()| ShareAcknowledge::parse(&request));
        let sender = self.sender(context);
        let (shard, sessions) = (self.shard().clone(), Rc::clone(self.share_sessions()));
        let listener: Rc<str> = self.listener().into();
        Ok(later(async move {
            let response = match acknowledge {
                Ok(acknowledge) => {
                    let image = shard.image();
                    let reader = (&shard, &*image, sender.access(&image));
                    acknowledge.answer(reader, &sessions, &listener).await
                }
                Err(code) => share_acknowledge::refused(code),
            };
            encode_response(correlation_id, version, &response)
        }))
    }

    /// Asks the share coordinators on this core, as another broker would.
    fn share_states<R: StateRequest>(
        &self,
        context: Context<'_>,
        request: &R,
        right: &Right,
    ) -> Started
    where
        R::Response: Message<'static> + 'static,
    {
        let Context { version, correlation_id, .. } = context;
        let image = self.shard().image();
        let (group, mut asked) = (request.group(), request.asked());
        match context.access(&image).check_on_cluster(right) {
            Ok(()) => share_states::refuse_unknown(&mut asked, &image),
            Err(code) => asked.iter_mut().for_each(|(_, call)| *call = Err(code)),
        }
        let shard = self.shard().clone();
        later(async move {
            let told = shard.share_states_of(&group, asked).await;
            encode_response(correlation_id, version, &R::response(told))
        })
    }

    fn describe_share_offsets(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let request = DescribeShareGroupOffsetsRequest::decode(reader, version)?;
        let image = self.shard().image();
        let access = context.access(&image);
        let groups = request.groups.iter().map(|one| {
            let may = access.check(&table::SHARE_OFFSETS, &one.group_id);
            let found = may.and_then(|()| self.coordinator(&one.group_id));
            let states = found.and_then(|there| there.share_states(&one.group_id));
            let wanted = states.map(|states| {
                let view = (&*image, access);
                let wanted = share_group_offsets::wanted(one.topics.as_deref(), &states, view);
                (wanted, states)
            });
            (one.group_id.to_string(), wanted)
        });
        let groups: Vec<_> = groups.collect();
        let shard = self.shard().clone();
        Ok(later(async move {
            let mut described = Vec::with_capacity(groups.len());
            for (group, found) in groups {
                described.push(match found {
                    Ok((wanted, states)) => {
                        let known = |id| is_known(&states, id);
                        describe_group(&shard, group, wanted, known).await
                    }
                    Err(code) => share_group_offsets::undescribed(group, code),
                });
            }
            let response =
                DescribeShareGroupOffsetsResponse { groups: described, ..Default::default() };
            encode_response(correlation_id, version, &response)
        }))
    }

    fn alter_share_offsets(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let request = AlterShareGroupOffsetsRequest::decode(reader, version)?;
        let image = self.shard().image();
        let access = context.access(&image);
        let mut alteration = Alteration::parse(&request, &image, access);
        let may = access.check(&table::ALTER_SHARE_OFFSETS, &alteration.group);
        let found = may.and_then(|()| self.coordinator(&alteration.group));
        Ok(later(async move {
            let offsets = std::mem::take(&mut alteration.offsets);
            let result = match found {
                Ok(there) => there.alter_share_offsets(&alteration.group, offsets).await,
                Err(code) => Err(code),
            };
            encode_response(correlation_id, version, &alteration.answer(result))
        }))
    }

    fn delete_share_offsets(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let request = DeleteShareGroupOffsetsRequest::decode(reader, version)?;
        let image = self.shard().image();
        let access = context.access(&image);
        let topics = share_group_offsets::deletion(&request, &image, access);
        let group = request.group_id.to_string();
        let may = access.check(&table::DELETE_SHARE_OFFSETS, &group);
        let found = may.and_then(|()| self.coordinator(&group));
        Ok(later(async move {
            let known = match &found {
                Ok(there) => there.share_states(&group),
                Err(code) => Err(*code),
            };
            let result = match (found, &known) {
                (Ok(there), Ok(_)) => {
                    let ids = topics.iter().filter_map(|(_, id)| id.ok()).collect();
                    there.delete_share_offsets(&group, Some(ids)).await
                }
                (Err(code), _) => Err(code),
                (Ok(_), Err(code)) => Err(*code),
            };
            let known = known.unwrap_or_default();
            let response = share_group_offsets::deleted(topics, &known, result);
            encode_response(correlation_id, version, &response)
        }))
    }
}

async fn describe_group(
    shard: &Shard,
    group: String,
    wanted: Vec<Wanted>,
    is_known: impl Fn(PartitionId) -> bool,
) -> DescribedGroup<'static> {
    let name: Arc<str> = Arc::from(&*group);
    let mut topics = Vec::with_capacity(wanted.len());
    for topic in wanted {
        let mut results = Vec::with_capacity(topic.2.len());
        for index in &topic.2 {
            let id = topic.1.map(|topic| PartitionId::new(topic, *index));
            results.push(match id {
                Ok(id) if is_known(id) => shard.share_offset(&name, id).await,
                Ok(id) if shard.image().partition(id).is_some() => Ok(NEVER_READ),
                Ok(_) => Err(ErrorCode::UnknownTopicOrPartition),
                Err(code) => Err(code),
            });
        }
        topics.push((topic, results));
    }
    share_group_offsets::described(group, topics)
}

/// Has all forgotten that the share coordinators know of a group which is about to be deleted. Does
/// nothing for groups of other kinds.
pub(crate) async fn forget_states(shard: &Shard, group: &str) -> Result<(), ErrorCode> {
    let there = shard.group_coordinator(group).map_err(|refusal| refusal.error_code())?;
    if there.share_states(group).is_err() {
        return Ok(());
    }
    there.delete_share_offsets(group, None).await
}
