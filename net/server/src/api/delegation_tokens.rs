//! CreateDelegationToken, RenewDelegationToken, ExpireDelegationToken and DescribeDelegationToken:
//! who may log in as whom with a token (KIP-48).

use std::collections::BTreeSet;

use corelog_cluster::decide::delegation_tokens::{CreateToken, TokenTimes};
use corelog_cluster::{Change, DelegationToken, Outcome};
use corelog_model::ErrorCode;
use corelog_security::Principal;
use corelog_wire::api::describe_delegation_token::{
    DescribedDelegationToken, DescribedDelegationTokenRenewer,
};
use corelog_wire::{
    CreateDelegationTokenRequest, CreateDelegationTokenResponse, DescribeDelegationTokenRequest,
    Text,
};

use super::change::Ending;
use crate::authorize::{Access, table};
use crate::error::KafkaError;

/// What a client is told in place of a time where there is none.
const NO_TIME_MS: i64 = -1;

/// Whose a new token shall be: that of the owner that the client names, else of the client itself.
pub fn owner(
    request: &CreateDelegationTokenRequest<'_>,
    requester: &Principal,
) -> Result<Principal, ErrorCode> {
    let name = request.owner_principal_name.as_deref().filter(|name| !name.is_empty());
    let Some(name) = name else { return Ok(requester.clone()) };
    let kind = request.owner_principal_type.as_deref().unwrap_or_default();
    if kind == Principal::USER {
        Ok(Principal::user(name))
    } else {
        Err(ErrorCode::InvalidPrincipalType)
    }
}

/// The change that makes a token of this id.
pub fn creation(
    request: &CreateDelegationTokenRequest<'_>,
    (owner, requester): (&Principal, &Principal),
    id: String,
    (times, now_ms): (TokenTimes, i64),
) -> Result<Change, ErrorCode> {
    let renewers = request.renewers.iter().map(|renewer| {
        let is_user = renewer.principal_type == Principal::USER;
        let name = || renewer.principal_name.clone().into_owned();
        is_user.then(name).ok_or(ErrorCode::InvalidPrincipalType)
    });
    Ok(Change::CreateToken(CreateToken {
        id,
        owner: owner.name().to_owned(),
        requester: requester.name().to_owned(),
        renewers: renewers.collect::<Result<_, _>>()?,
        lifetime_ms: request.max_lifetime_ms,
        times,
        now_ms,
    }))
}

/// Answers who wanted a token; `proof` makes what proves it of its id.
pub fn created(
    ending: Ending,
    whose: (&Principal, &Principal),
    proof: impl FnOnce(&str) -> Vec<u8>,
) -> CreateDelegationTokenResponse<'static> {
    let token = match ending {
        Ending::Decided(Outcome::CreateToken(Ok(token))) => token,
        Ending::Decided(Outcome::CreateToken(Err(error))) => {
            return uncreated(error.error_code(), whose);
        }
        ending => return uncreated(ending.into_failure().code, whose),
    };
    CreateDelegationTokenResponse {
        issue_timestamp_ms: token.issued_ms,
        expiry_timestamp_ms: token.expires_ms,
        max_timestamp_ms: token.ends_ms,
        hmac: proof(&token.id).into(),
        token_id: Text::Owned(token.id),
        ..uncreated(ErrorCode::None, whose)
    }
}

/// Answers who does not get a token.
pub fn uncreated(
    code: ErrorCode,
    (owner, requester): (&Principal, &Principal),
) -> CreateDelegationTokenResponse<'static> {
    CreateDelegationTokenResponse {
        error_code: code.code(),
        principal_type: Text::Owned(owner.kind().to_owned()),
        principal_name: Text::Owned(owner.name().to_owned()),
        token_requester_principal_type: Text::Owned(requester.kind().to_owned()),
        token_requester_principal_name: Text::Owned(requester.name().to_owned()),
        issue_timestamp_ms: NO_TIME_MS,
        expiry_timestamp_ms: NO_TIME_MS,
        max_timestamp_ms: NO_TIME_MS,
        ..Default::default()
    }
}

/// The error code and the end of a token that was to be renewed or to expire.
pub fn changed(ending: Result<Ending, ErrorCode>) -> (i16, i64) {
    let code = match ending {
        Ok(Ending::Decided(Outcome::ChangeToken(Ok(expires_ms)))) => {
            return (ErrorCode::None.code(), expires_ms);
        }
        Ok(Ending::Decided(Outcome::ChangeToken(Err(error)))) => error.error_code(),
        Ok(ending) => ending.into_failure().code,
        Err(code) => code,
    };
    (code.code(), NO_TIME_MS)
}

/// Which tokens a client asks for, and who it is.
pub struct Wanted<'a> {
    /// Names of users that own tokens or may renew them; none: all tokens.
    users: Option<BTreeSet<&'a str>>,
    client: &'a Principal,
}

impl<'a> Wanted<'a> {
    /// What a request asks for.
    pub fn of(request: &'a DescribeDelegationTokenRequest<'_>, client: &'a Principal) -> Self {
        let users = request.owners.as_ref().map(|owners| {
            let users = owners.iter().filter(|owner| owner.principal_type == Principal::USER);
            users.map(|owner| &*owner.principal_name).collect()
        });
        Self { users, client }
    }

    /// Whether the client asks for the token and may see it.
    pub fn shows(&self, token: &DelegationToken, access: Access<'_>) -> bool {
        let is_asked_for = self.users.as_ref().is_none_or(|users| {
            let mut whose = [&token.owner, &token.requester].into_iter().chain(&token.renewers);
            whose.any(|user| users.contains(user.as_str()))
        });
        let is_own = || self.client.kind() == Principal::USER && token.is_of(self.client.name());
        is_asked_for
            && (is_own()
                || access.may_see(&table::DESCRIBE_TOKENS, &token.id)
                || access.may_see(&table::DESCRIBE_TOKENS_OF, &resource(&token.owner)))
    }
}

/// The name of a user as a resource.
pub fn resource(user: &str) -> String {
    Principal::user(user).to_string()
}

/// A token as clients see it.
pub fn described(token: &DelegationToken, proof: Vec<u8>) -> DescribedDelegationToken<'static> {
    let user = || Text::Borrowed(Principal::USER);
    let renewers = token.renewers.iter().map(|name| DescribedDelegationTokenRenewer {
        principal_type: user(),
        principal_name: Text::Owned(name.clone()),
    });
    DescribedDelegationToken {
        principal_type: user(),
        principal_name: Text::Owned(token.owner.clone()),
        token_requester_principal_type: user(),
        token_requester_principal_name: Text::Owned(token.requester.clone()),
        issue_timestamp: token.issued_ms,
        expiry_timestamp: token.expires_ms,
        max_timestamp: token.ends_ms,
        token_id: Text::Owned(token.id.clone()),
        hmac: proof.into(),
        renewers: renewers.collect(),
    }
}

#[cfg(test)]
mod tests;
