//! Requests about delegation tokens. They are for clients that have shown who they are by something
//! of their own: a token cannot be used to get or prolong tokens.

use corelog_cluster::decide::delegation_tokens::ChangeToken;
use corelog_cluster::{Change, ClusterImage};
use corelog_io::{wall_clock_ms, yield_now};
use corelog_model::ErrorCode;
use corelog_security::Principal;
use corelog_security::delegation::{PROOF_BYTES, new_token_id};
use corelog_security::exchange::Proof;
use corelog_wire::frame::EncodedFrame;
use corelog_wire::{
    ApiKey, CreateDelegationTokenRequest, CreateDelegationTokenResponse,
    DescribeDelegationTokenRequest, DescribeDelegationTokenResponse, ExpireDelegationTokenRequest,
    ExpireDelegationTokenResponse, Message, Reader, RenewDelegationTokenRequest,
    RenewDelegationTokenResponse, encode_response,
};

use crate::api::Ending;
use crate::api::delegation_tokens::{
    Wanted, changed, created, creation, described, owner, resource, uncreated,
};
use crate::authorize::table;
use crate::cluster_requests::RIGHTS_TIME_MAX;
use crate::delegation::Delegation;
use crate::dispatch::{Context, Dispatcher, RequestError};

/// What proves a token is computed for so many of them, then others have their turn.
const TOKENS_AT_ONCE: usize = 256;

impl Dispatcher {
    /// Serves the APIs about delegation tokens; `None` for any other.
    pub(crate) async fn delegate(
        &self,
        api: ApiKey,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Option<EncodedFrame>, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let frame = match api {
            ApiKey::CreateDelegationToken => {
                let request = CreateDelegationTokenRequest::decode(reader, version)?;
                let response = self.create_token(&request, context).await?;
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::RenewDelegationToken => {
                let request = RenewDelegationTokenRequest::decode(reader, version)?;
                let asked = (request.hmac.as_ref(), request.renew_period_ms);
                let ending = self.change_token(Change::RenewToken, asked, context).await?;
                let (error_code, expiry_timestamp_ms) = changed(ending);
                let response = RenewDelegationTokenResponse {
                    error_code,
                    expiry_timestamp_ms,
                    ..Default::default()
                };
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::ExpireDelegationToken => {
                let request = ExpireDelegationTokenRequest::decode(reader, version)?;
                let asked = (request.hmac.as_ref(), request.expiry_time_period_ms);
                let ending = self.change_token(Change::ExpireToken, asked, context).await?;
                let (error_code, expiry_timestamp_ms) = changed(ending);
                let response = ExpireDelegationTokenResponse {
                    error_code,
                    expiry_timestamp_ms,
                    ..Default::default()
                };
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::DescribeDelegationToken => {
                let request = DescribeDelegationTokenRequest::decode(reader, version)?;
                let response = self.describe_tokens(&request, context).await;
                encode_response(correlation_id, version, &response)?
            }
            _ => return Ok(None),
        };
        Ok(Some(frame))
    }

    async fn create_token(
        &self,
        request: &CreateDelegationTokenRequest<'_>,
        context: Context<'_>,
    ) -> Result<CreateDelegationTokenResponse<'static>, RequestError> {
        let requester = context.principal();
        let owner = match owner(request, requester) {
            Ok(owner) => owner,
            Err(code) => return Ok(uncreated(code, (requester, requester))),
        };
        let whose = (&owner, requester);
        let prepared =
            may_ask(context).and_then(|()| self.may_create_for(&owner, context)).and_then(|()| {
                let delegation = self.delegation();
                let times = delegation.map(Delegation::times).unwrap_or_default();
                let change = creation(request, whose, new_token_id(), (times, wall_clock_ms()))?;
                Ok((delegation.ok_or(ErrorCode::DelegationTokenAuthDisabled)?, change))
            });
        let (delegation, change) = match prepared {
            Ok(prepared) => prepared,
            Err(code) => return Ok(uncreated(code, whose)),
        };
        let ending = self.ask(change, RIGHTS_TIME_MAX).await?;
        Ok(created(ending, whose, |id| delegation.key().proof(id)))
    }

    /// Everybody may have tokens of its own.
    fn may_create_for(&self, owner: &Principal, context: Context<'_>) -> Result<(), ErrorCode> {
        if owner == context.principal() {
            return Ok(());
        }
        let image = self.shard().image();
        let access = context.access(&image);
        access.check(&table::CREATE_TOKENS, &resource(owner.name()))
    }

    async fn change_token(
        &self,
        change: impl FnOnce(ChangeToken) -> Change,
        (proof, period_ms): (&[u8], i64),
        context: Context<'_>,
    ) -> Result<Result<Ending, ErrorCode>, RequestError> {
        let asked = may_ask(context).and_then(|()| self.enabled());
        let delegation = match asked {
            Ok(delegation) => delegation,
            Err(code) => return Ok(Err(code)),
        };
        let id = proven_token(delegation, &self.shard().image(), proof).await;
        let change = change(ChangeToken {
            id,
            user: context.principal().name().to_owned(),
            period_ms,
            times: delegation.times(),
            now_ms: wall_clock_ms(),
        });
        Ok(Ok(self.ask(change, RIGHTS_TIME_MAX).await?))
    }

    async fn describe_tokens(
        &self,
        request: &DescribeDelegationTokenRequest<'_>,
        context: Context<'_>,
    ) -> DescribeDelegationTokenResponse<'static> {
        let delegation = match may_ask(context).and_then(|()| self.enabled()) {
            Ok(delegation) => delegation,
            Err(code) => {
                let error_code = code.code();
                return DescribeDelegationTokenResponse { error_code, ..Default::default() };
            }
        };
        let image = self.shard().image();
        let access = context.access(&image);
        let wanted = Wanted::of(request, context.principal());
        let mut tokens = Vec::new();
        for (number, token) in image.delegation_tokens().enumerate() {
            if number % TOKENS_AT_ONCE == TOKENS_AT_ONCE - 1 {
                yield_now().await;
            }
            if wanted.shows(token, access) {
                tokens.push(described(token, delegation.key().proof(&token.id)));
            }
        }
        DescribeDelegationTokenResponse { tokens, ..Default::default() }
    }

    fn delegation(&self) -> Option<&Delegation> {
        self.settings().delegation.as_ref()
    }

    fn enabled(&self) -> Result<&Delegation, ErrorCode> {
        self.delegation().ok_or(ErrorCode::DelegationTokenAuthDisabled)
    }
}

/// Whether requests about tokens may come by this connection.
fn may_ask(context: Context<'_>) -> Result<(), ErrorCode> {
    match context.proof() {
        Some(Proof::Own) => Ok(()),
        Some(Proof::DelegationToken) | None => Err(ErrorCode::DelegationTokenRequestNotAllowed),
    }
}

/// The id of the token that these bytes prove.
async fn proven_token(
    delegation: &Delegation,
    image: &ClusterImage,
    proof: &[u8],
) -> Option<String> {
    if proof.len() != PROOF_BYTES {
        return None;
    }
    for (number, token) in image.delegation_tokens().enumerate() {
        if number % TOKENS_AT_ONCE == TOKENS_AT_ONCE - 1 {
            yield_now().await;
        }
        if delegation.key().is_proof(&token.id, proof) {
            return Some(token.id.clone());
        }
    }
    None
}
