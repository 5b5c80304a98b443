//! Requests about metadata: described from the image, or translated into a change that the
//! controller decides.

use std::rc::Rc;
use std::time::Duration;

use corelog_io::{now, timeout};
use corelog_wire::frame::EncodedFrame;
use corelog_wire::{
    AlterClientQuotasRequest, AlterConfigsRequest, AlterPartitionReassignmentsRequest,
    AlterReplicaLogDirsRequest, AlterUserScramCredentialsRequest, ApiKey, CreatePartitionsRequest,
    CreateTopicsRequest, DeleteTopicsRequest, DescribeClientQuotasRequest, DescribeClusterRequest,
    DescribeConfigsRequest, DescribeLogDirsRequest, DescribeQuorumRequest,
    DescribeTopicPartitionsRequest, DescribeUserScramCredentialsRequest, ElectLeadersRequest,
    IncrementalAlterConfigsRequest, InitProducerIdRequest, InitProducerIdResponse,
    ListConfigResourcesRequest, ListPartitionReassignmentsRequest, Message, Reader,
    UpdateFeaturesRequest, encode_response,
};

use crate::api::describe_log_dirs::LogDirectory;
use crate::api::init_producer_id::Asked;
use crate::api::{
    Ending, Translation, alter_configs, alter_replica_log_dirs, client_quotas, create_partitions,
    create_topics, delete_topics, describe_cluster, describe_configs, describe_quorum,
    describe_topic_partitions, elect_leaders, features, init_producer_id, list_config_resources,
    mutations, reassignments, scram_credentials,
};
use crate::dispatch::{Context, Dispatcher, RequestError, new_topic_id};
use crate::quota::{Charge, Strictness};
use crate::transaction_requests;

/// A producer waits this long for its id, then it is told to ask again.
const PRODUCER_ID_TIME_MAX: Duration = Duration::from_secs(10);

/// A change of credentials waits this long for the disk; the request has no time of its own.
const SCRAM_TIME_MAX: Duration = Duration::from_secs(10);

impl Dispatcher {
    /// Serves the APIs that describe the cluster.
    pub(crate) fn describe(
        &self,
        api: ApiKey,
        context: Context,
        reader: &mut Reader<'_>,
    ) -> Result<Option<EncodedFrame>, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let image = self.shard().image();
        let frame = match api {
            ApiKey::DescribeCluster => {
                let request = DescribeClusterRequest::decode(reader, version)?;
                let response = describe_cluster::respond(&request, &image, self.listener());
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::DescribeConfigs => {
                let request = DescribeConfigsRequest::decode(reader, version)?;
                let response = describe_configs::respond(&request, &image, self.settings());
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::DescribeUserScramCredentials => {
                let request = DescribeUserScramCredentialsRequest::decode(reader, version)?;
                let response = scram_credentials::describe(&request, &image);
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::DescribeClientQuotas => {
                let request = DescribeClientQuotasRequest::decode(reader, version)?;
                let response = client_quotas::describe(&request, image.client_quotas());
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::DescribeTopicPartitions => {
                let request = DescribeTopicPartitionsRequest::decode(reader, version)?;
                let response = describe_topic_partitions::respond(&request, &image);
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::ListConfigResources => {
                let request = ListConfigResourcesRequest::decode(reader, version)?;
                let response = list_config_resources::respond(&request, version, &image);
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::DescribeLogDirs => {
                let request = DescribeLogDirsRequest::decode(reader, version)?;
                let directory = LogDirectory::of(self.shard());
                encode_response(correlation_id, version, &directory.respond(&request))?
            }
            ApiKey::DescribeQuorum => {
                let request = DescribeQuorumRequest::decode(reader, version)?;
                let response = describe_quorum::respond(&request, &image);
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::ElectLeaders => {
                let request = ElectLeadersRequest::decode(reader, version)?;
                let response = elect_leaders::respond(&request, &image);
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::ListPartitionReassignments => {
                let request = ListPartitionReassignmentsRequest::decode(reader, version)?;
                let response = reassignments::list(&request, &image);
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::AlterReplicaLogDirs => {
                let request = AlterReplicaLogDirsRequest::decode(reader, version)?;
                let response = alter_replica_log_dirs::respond(&request, self.shard());
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::UpdateFeatures => {
                let request = UpdateFeaturesRequest::decode(reader, version)?;
                let response = features::update(&request, version);
                encode_response(correlation_id, version, &response)?
            }
            _ => return Ok(None),
        };
        Ok(Some(frame))
    }

    /// Serves the APIs that change the metadata; `None` for any other.
    pub(crate) async fn change(
        &self,
        api: ApiKey,
        context: Context,
        reader: &mut Reader<'_>,
        billed: Option<&Rc<Charge>>,
    ) -> Result<Option<EncodedFrame>, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let may_change = |partitions: usize, strictness| {
            billed.is_none_or(|it| it.may_change_partitions(partitions, strictness, now()))
        };
        let frame = match api {
            ApiKey::CreateTopics => {
                let request = CreateTopicsRequest::decode(reader, version)?;
                self.create_topics(request, context, may_change).await?
            }
            ApiKey::DeleteTopics => {
                let mut request = DeleteTopicsRequest::decode(reader, version)?;
                let image = self.shard().image();
                let refused =
                    mutations::hold_back_deleted((&mut request, version), &image, may_change);
                let asked = delete_topics::translate(request, version, self.settings());
                let mut response = self.decided(asked, delete_topics::Pending::respond).await?;
                response.responses.extend(refused);
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::CreatePartitions => {
                let mut request = CreatePartitionsRequest::decode(reader, version)?;
                let image = self.shard().image();
                let refused =
                    mutations::hold_back_grown((&mut request, version), &image, may_change);
                let asked = create_partitions::translate(request);
                let mut response = self.decided(asked, create_partitions::Pending::respond).await?;
                response.results.extend(refused);
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::IncrementalAlterConfigs => {
                let request = IncrementalAlterConfigsRequest::decode(reader, version)?;
                let image = self.shard().image();
                let asked = alter_configs::translate(request, &image, self.settings());
                let response = self.decided(asked, alter_configs::Pending::respond).await?;
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::AlterUserScramCredentials => {
                let request = AlterUserScramCredentialsRequest::decode(reader, version)?;
                let users = scram_credentials::users(&request);
                let change = scram_credentials::translate(&request);
                let response =
                    scram_credentials::altered(users, self.ask(change, SCRAM_TIME_MAX).await?);
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::AlterClientQuotas => {
                let request = AlterClientQuotasRequest::decode(reader, version)?;
                let asked = client_quotas::translate(request);
                let response = self.decided(asked, client_quotas::Pending::respond).await?;
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::AlterConfigs => {
                let request = AlterConfigsRequest::decode(reader, version)?;
                let image = self.shard().image();
                let asked = alter_configs::translate_elder(request, &image, self.settings());
                let response = self.decided(asked, alter_configs::Pending::respond).await?;
                let response = alter_configs::answer_of_elder(response);
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::AlterPartitionReassignments => {
                let request = AlterPartitionReassignmentsRequest::decode(reader, version)?;
                let asked = reassignments::translate(request);
                let response = self.decided(asked, reassignments::Pending::respond).await?;
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::InitProducerId => {
                let request = InitProducerIdRequest::decode(reader, version)?;
                let response = self.init_producer_id(&request, version).await;
                encode_response(correlation_id, version, &response)?
            }
            _ => return Ok(None),
        };
        Ok(Some(frame))
    }

    async fn create_topics(
        &self,
        mut request: CreateTopicsRequest<'_>,
        Context { version, correlation_id, .. }: Context,
        may_change: impl Fn(usize, Strictness) -> bool,
    ) -> Result<EncodedFrame, RequestError> {
        let refused = mutations::hold_back_created(
            (&mut request, version),
            (&self.shard().image(), self.settings()),
            may_change,
        );
        let asked = create_topics::translate(request, version, new_topic_id);
        let mut response = self
            .decided(asked, |pending, ending| {
                pending.respond(ending, &self.shard().image(), self.settings())
            })
            .await?;
        response.topics.extend(refused);
        Ok(encode_response(correlation_id, version, &response)?)
    }

    /// The answer to a request to change the metadata, once the controller has decided.
    async fn decided<P, R>(
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
    ) -> InitProducerIdResponse {
        match init_producer_id::translate(request) {
            Asked::Refused(response) => return response,
            Asked::Transactional(init) => {
                return transaction_requests::init(self.shard(), init, version).await;
            }
            Asked::NewProducer => {}
        }
        match timeout(PRODUCER_ID_TIME_MAX, self.shard().new_producer_id()).await {
            Ok(Ok(id)) => init_producer_id::granted(id),
            Ok(Err(error)) => init_producer_id::refused(&error),
            Err(_) => init_producer_id::late(),
        }
    }
}
