//! Requests about metadata: described from the image, or translated into a change that the
//! controller decides.

use std::rc::Rc;
use std::time::Duration;

use corelog_io::{now, timeout};
use corelog_wire::frame::EncodedFrame;
use corelog_wire::{
    AlterConfigsRequest, ApiKey, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
    DescribeClusterRequest, DescribeConfigsRequest, DescribeTopicPartitionsRequest,
    IncrementalAlterConfigsRequest, InitProducerIdRequest, InitProducerIdResponse, Message, Reader,
    encode_response,
};

use crate::api::init_producer_id::Asked;
use crate::api::{
    Ending, Translation, alter_configs, broker_loggers, create_partitions, create_topics,
    delete_topics, describe_cluster, describe_configs, describe_topic_partitions, init_producer_id,
    mutations,
};
use crate::authorize::{Access, table};
use crate::dispatch::{Context, Dispatcher, RequestError, new_topic_id};
use crate::quota::{Charge, Strictness};
use crate::transaction_requests;

/// A producer waits this long for its id, then it is told to ask again.
const PRODUCER_ID_TIME_MAX: Duration = Duration::from_secs(10);

impl Dispatcher {
    /// Serves the APIs that describe the cluster.
    pub(crate) fn describe(
        &self,
        api: ApiKey,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Option<EncodedFrame>, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let image = self.shard().image();
        let access = context.access(&image);
        let frame = match api {
            ApiKey::DescribeCluster => {
                let request = DescribeClusterRequest::decode(reader, version)?;
                let response = describe_cluster::respond(&request, &image, self.listener(), access);
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::DescribeConfigs => {
                let request = DescribeConfigsRequest::decode(reader, version)?;
                let response =
                    describe_configs::respond(&request, (&image, access), self.settings());
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::DescribeTopicPartitions => {
                let request = DescribeTopicPartitionsRequest::decode(reader, version)?;
                let partitions_max = self.settings().described_partitions_max;
                let response =
                    describe_topic_partitions::respond(&request, (&image, access), partitions_max);
                encode_response(correlation_id, version, &response)?
            }
            other => return self.describe_whole(other, context, reader),
        };
        Ok(Some(frame))
    }

    /// Serves the APIs that change the metadata; `None` for any other.
    pub(crate) async fn change(
        &self,
        api: ApiKey,
        context: Context<'_>,
        reader: &mut Reader<'_>,
        billed: Option<&Rc<Charge>>,
    ) -> Result<Option<EncodedFrame>, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let may_change = |partitions: usize, strictness| {
            billed.is_none_or(|it| it.may_change_partitions(partitions, strictness, now()))
        };
        let image = self.shard().image();
        let access = context.access(&image);
        let frame = match api {
            ApiKey::CreateTopics => {
                let request = CreateTopicsRequest::decode(reader, version)?;
                self.create_topics(request, context, may_change).await?
            }
            ApiKey::DeleteTopics => {
                let mut request = DeleteTopicsRequest::decode(reader, version)?;
                let may = |name: &str| delete_topics::may_delete(access, name);
                let known = (&*image, may);
                let refused =
                    mutations::hold_back_deleted((&mut request, version), known, may_change);
                let asked =
                    delete_topics::translate(request, version, self.settings(), (&image, access));
                let mut response = self.decided(asked, delete_topics::Pending::respond).await?;
                response.responses.extend(refused);
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::CreatePartitions => {
                let mut request = CreatePartitionsRequest::decode(reader, version)?;
                let may = |name: &str| access.may_see(&table::CREATE_PARTITIONS, name);
                let known = (&*image, may);
                let refused =
                    mutations::hold_back_grown((&mut request, version), known, may_change);
                let asked = create_partitions::translate(request, access);
                let mut response = self.decided(asked, create_partitions::Pending::respond).await?;
                response.results.extend(refused);
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::IncrementalAlterConfigs => {
                let mut request = IncrementalAlterConfigsRequest::decode(reader, version)?;
                let view = (&*image, access);
                let loggers = broker_loggers::alter(&mut request, view, self.settings());
                let asked = alter_configs::translate(request, view, self.settings());
                let mut response = self.decided(asked, alter_configs::Pending::respond).await?;
                response.responses.extend(loggers);
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::AlterConfigs => {
                let request = AlterConfigsRequest::decode(reader, version)?;
                let asked =
                    alter_configs::translate_elder(request, (&image, access), self.settings());
                let response = self.decided(asked, alter_configs::Pending::respond).await?;
                let response = alter_configs::answer_of_elder(response);
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::InitProducerId => {
                let request = InitProducerIdRequest::decode(reader, version)?;
                let response = self.init_producer_id(&request, version, access).await;
                encode_response(correlation_id, version, &response)?
            }
            other => match self.change_rights(other, context, reader).await? {
                Some(frame) => frame,
                None => return self.place(other, context, reader).await,
            },
        };
        Ok(Some(frame))
    }

    async fn create_topics(
        &self,
        mut request: CreateTopicsRequest<'_>,
        context: Context<'_>,
        may_change: impl Fn(usize, Strictness) -> bool,
    ) -> Result<EncodedFrame, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let image = self.shard().image();
        let access = context.access(&image);
        let may = |name: &str| create_topics::may_create(access, name);
        let known = (&*image, self.settings(), may);
        let refused = mutations::hold_back_created((&mut request, version), known, may_change);
        let asked = create_topics::translate(request, version, access, new_topic_id);
        let mut response = self
            .decided(asked, |pending, ending| {
                let image = self.shard().image();
                pending.respond(ending, (&image, context.access(&image)), self.settings())
            })
            .await?;
        response.topics.extend(refused);
        Ok(encode_response(correlation_id, version, &response)?)
    }

    /// The answer to a request to change the metadata, once the controller has decided.
    pub(crate) async fn decided<P, R>(
        &self,
        asked: Translation<P, R>,
        respond: impl FnOnce(P, Ending) -> R,
    ) -> Result<R, RequestError> {
        match asked {
            Translation::Answer(response) => Ok(response),
            Translation::Ask { change, timeout, pending } => {
                Ok(respond(pending, self.ask(change, timeout).await?))
            }
        }
    }

    async fn init_producer_id(
        &self,
        request: &InitProducerIdRequest<'_>,
        version: i16,
        access: Access<'_>,
    ) -> InitProducerIdResponse {
        match init_producer_id::translate(request) {
            Asked::Refused(response) => return response,
            Asked::Transactional(init) => {
                let id = &init.transactional_id;
                if let Err(code) = access.check(&table::INIT_TRANSACTION, id) {
                    return init_producer_id::initialized(Err(code));
                }
                return transaction_requests::init(self.shard(), init, version).await;
            }
            Asked::NewProducer => {
                let may = access.may_on_any(&table::INIT_PRODUCER_TOPIC)
                    || access.may_on_cluster(&table::INIT_PRODUCER);
                if !may {
                    return init_producer_id::initialized(Err(table::INIT_PRODUCER.refusal()));
                }
            }
        }
        match timeout(PRODUCER_ID_TIME_MAX, self.shard().new_producer_id()).await {
            Ok(Ok(id)) => init_producer_id::granted(id),
            Ok(Err(error)) => init_producer_id::refused(&error),
            Err(_) => init_producer_id::late(),
        }
    }
}
