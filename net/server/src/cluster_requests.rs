//! Requests that need one right on the cluster as a whole: what it consists of, who can log in, who
//! has which right and what clients are allowed.

use std::time::Duration;

use corelog_model::ErrorCode;
use corelog_wire::frame::EncodedFrame;
use corelog_wire::{
    AlterClientQuotasRequest, AlterUserScramCredentialsRequest, ApiKey, CreateAclsRequest,
    DeleteAclsRequest, DescribeAclsRequest, DescribeClientQuotasRequest, DescribeQuorumRequest,
    DescribeQuorumResponse, DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse, ListConfigResourcesRequest, ListConfigResourcesResponse,
    Message, Reader, UpdateFeaturesRequest, UpdateFeaturesResponse, encode_response,
};

use crate::api::{
    acls, client_quotas, describe_quorum, features, list_config_resources, scram_credentials,
};
use crate::authorize::table::Right;
use crate::authorize::{Access, table};
use crate::dispatch::{Context, Dispatcher, RequestError};
use crate::error::{Failure, unauthorized};

/// A change of credentials, ACLs or tokens waits this long for the disk; its request has no time of
/// its own.
pub(crate) const RIGHTS_TIME_MAX: Duration = Duration::from_secs(10);

impl Dispatcher {
    /// Serves the APIs that describe what only those may see who may see the cluster; `None` for
    /// any other.
    pub(crate) fn describe_whole(
        &self,
        api: ApiKey,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Option<EncodedFrame>, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let image = self.shard().image();
        let access = context.access(&image);
        let frame = match api {
            ApiKey::DescribeUserScramCredentials => {
                let request = DescribeUserScramCredentialsRequest::decode(reader, version)?;
                let response = match access.check_on_cluster(&table::DESCRIBE_CREDENTIALS) {
                    Ok(()) => scram_credentials::describe(&request, &image),
                    Err(code) => DescribeUserScramCredentialsResponse {
                        error_code: code.code(),
                        error_message: Some(code.message().into()),
                        ..Default::default()
                    },
                };
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::DescribeClientQuotas => {
                let request = DescribeClientQuotasRequest::decode(reader, version)?;
                let response = match access.check_on_cluster(&table::DESCRIBE_QUOTAS) {
                    Ok(()) => client_quotas::describe(&request, image.client_quotas()),
                    Err(code) => client_quotas::undescribed(code, code.message()),
                };
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::DescribeAcls => {
                let request = DescribeAclsRequest::decode(reader, version)?;
                let response = match check_acls(access, &table::DESCRIBE_ACLS) {
                    Ok(()) => acls::describe(&request, &image),
                    Err(failure) => acls::undescribed(&failure),
                };
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::ListConfigResources => {
                let request = ListConfigResourcesRequest::decode(reader, version)?;
                let response = match access.check_on_cluster(&table::LIST_CONFIG_RESOURCES) {
                    Ok(()) => list_config_resources::respond(&request, version, &image),
                    Err(code) => ListConfigResourcesResponse {
                        error_code: code.code(),
                        ..Default::default()
                    },
                };
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::DescribeQuorum => {
                let request = DescribeQuorumRequest::decode(reader, version)?;
                let response = match access.check_on_cluster(&table::DESCRIBE_QUORUM) {
                    Ok(()) => describe_quorum::respond(&request, &image, self.listener()),
                    Err(code) => {
                        DescribeQuorumResponse { error_code: code.code(), ..Default::default() }
                    }
                };
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::UpdateFeatures => {
                let request = UpdateFeaturesRequest::decode(reader, version)?;
                let response = match access.check_on_cluster(&table::UPDATE_FEATURES) {
                    Ok(()) => features::update(&request, version),
                    Err(code) => {
                        UpdateFeaturesResponse { error_code: code.code(), ..Default::default() }
                    }
                };
                encode_response(correlation_id, version, &response)?
            }
            _ => return Ok(None),
        };
        Ok(Some(frame))
    }

    /// Serves the APIs that change who can log in, who has which right and what clients are
    /// allowed; `None` for any other.
    pub(crate) async fn change_rights(
        &self,
        api: ApiKey,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Option<EncodedFrame>, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let image = self.shard().image();
        let access = context.access(&image);
        let frame = match api {
            ApiKey::AlterUserScramCredentials => {
                let request = AlterUserScramCredentialsRequest::decode(reader, version)?;
                let users = scram_credentials::users(&request);
                let response = match access.check_on_cluster(&table::ALTER_CREDENTIALS) {
                    Ok(()) => {
                        let change = scram_credentials::translate(&request);
                        scram_credentials::altered(users, self.ask(change, RIGHTS_TIME_MAX).await?)
                    }
                    Err(code) => scram_credentials::unaltered(users, code),
                };
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::AlterClientQuotas => {
                let request = AlterClientQuotasRequest::decode(reader, version)?;
                let response = match access.check_on_cluster(&table::ALTER_QUOTAS) {
                    Ok(()) => {
                        let asked = client_quotas::translate(request);
                        self.decided(asked, client_quotas::Pending::respond).await?
                    }
                    Err(code) => client_quotas::refused(request, code),
                };
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::CreateAcls => {
                let request = CreateAclsRequest::decode(reader, version)?;
                let count = request.creations.len();
                let response = match check_acls(access, &table::CREATE_ACLS) {
                    Ok(()) => {
                        let change = acls::creation(&request);
                        acls::created(count, self.ask(change, RIGHTS_TIME_MAX).await?)
                    }
                    Err(failure) => acls::uncreated(count, &failure),
                };
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::DeleteAcls => {
                let request = DeleteAclsRequest::decode(reader, version)?;
                let count = request.filters.len();
                let response = match check_acls(access, &table::DELETE_ACLS) {
                    Ok(()) => {
                        let change = acls::deletion(&request);
                        acls::deleted(count, self.ask(change, RIGHTS_TIME_MAX).await?)
                    }
                    Err(failure) => acls::undeleted(count, &failure),
                };
                encode_response(correlation_id, version, &response)?
            }
            _ => return Ok(None),
        };
        Ok(Some(frame))
    }
}

/// Refuses requests about rights of those who have no right to them, and of all if rights mean
/// nothing.
fn check_acls(access: Access<'_>, right: &Right) -> Result<(), Failure> {
    if !access.is_limited() {
        let message = "no authorizer is configured: set authorizer.class.name";
        return Err(Failure::new(ErrorCode::SecurityDisabled, message));
    }
    if access.may_on_cluster(right) { Ok(()) } else { Err(unauthorized(right)) }
}
