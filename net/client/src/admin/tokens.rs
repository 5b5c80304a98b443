//! Delegation tokens: made, listed, renewed and ended (KIP-48).

use std::fmt;

use corelog_security::delegation::password;
use corelog_security::{Principal, Secret};
use corelog_wire::api::create_delegation_token::CreatableRenewers;
use corelog_wire::{
    ApiKey, CreateDelegationTokenRequest, CreateDelegationTokenResponse,
    DescribeDelegationTokenRequest, DescribeDelegationTokenResponse, ExpireDelegationTokenRequest,
    ExpireDelegationTokenResponse, RenewDelegationTokenRequest, RenewDelegationTokenResponse, Text,
};

use crate::operation::{Operation, Repeat};
use crate::target::Target;
use crate::{ClientConfig, ClientError, Reply};

/// What proves a token. Whoever has it may log in as the owner, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenProof(pub Vec<u8>);

impl TokenProof {
    /// The password that logs in, with the id of the token as the user.
    pub fn password(&self) -> Secret {
        password(&self.0)
    }
}

impl fmt::Debug for TokenProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[hidden]")
    }
}

/// A token. Principals are written as in `User:alice`, times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegationToken {
    /// Its id: the user that logs in.
    pub id: String,
    /// As whom that counts.
    pub owner: String,
    /// Who asked for it; empty where an old server does not say.
    pub requester: String,
    /// Who may renew it.
    pub renewers: Vec<String>,
    /// When it was made.
    pub issued_ms: i64,
    /// When it ends, unless it is renewed.
    pub expires_ms: i64,
    /// When it ends in any case.
    pub ends_ms: i64,
    /// What proves it.
    pub proof: TokenProof,
}

/// Makes a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateToken {
    /// The user as whom it logs in; none: the one that asks.
    pub owner: Option<String>,
    /// Users that may renew it.
    pub renewers: Vec<String>,
    /// How long it lives at most, in milliseconds; none: as long as the server allows.
    pub lifetime_ms: Option<i64>,
}

/// Lists the tokens that the client may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListTokens;

/// Lets a token count for longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewToken {
    /// What proves it.
    pub proof: TokenProof,
    /// For how many milliseconds from now on; none: as long as the server allows.
    pub period_ms: Option<i64>,
}

/// Lets a token end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpireToken {
    /// What proves it.
    pub proof: TokenProof,
    /// In how many milliseconds; none: at once.
    pub period_ms: Option<i64>,
}

fn principal(kind: &str, name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("{kind}:{name}") }
}

impl Operation for CreateToken {
    type Request = CreateDelegationTokenRequest<'static>;
    type Answer = DelegationToken;
    const REPEAT: Repeat = Repeat::Unsafe;

    fn target(&self) -> Target {
        Target::Any
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        let renewers = self.renewers.iter().map(|name| CreatableRenewers {
            principal_type: Text::Borrowed(Principal::USER),
            principal_name: Text::Owned(name.clone()),
        });
        CreateDelegationTokenRequest {
            owner_principal_type: self.owner.as_ref().map(|_| Text::Borrowed(Principal::USER)),
            owner_principal_name: self.owner.clone().map(Text::Owned),
            renewers: renewers.collect(),
            max_lifetime_ms: self.lifetime_ms.unwrap_or(-1),
        }
    }

    fn read(&self, reply: &Reply) -> Result<DelegationToken, ClientError> {
        let answer: CreateDelegationTokenResponse<'_> = reply.decode()?;
        let api = ApiKey::CreateDelegationToken;
        ClientError::refused(api, "a delegation token", answer.error_code, None)?;
        let requester =
            (&answer.token_requester_principal_type, &answer.token_requester_principal_name);
        Ok(DelegationToken {
            id: answer.token_id.into_owned(),
            owner: principal(&answer.principal_type, &answer.principal_name),
            requester: principal(requester.0, requester.1),
            renewers: self.renewers.iter().map(|name| principal(Principal::USER, name)).collect(),
            issued_ms: answer.issue_timestamp_ms,
            expires_ms: answer.expiry_timestamp_ms,
            ends_ms: answer.max_timestamp_ms,
            proof: TokenProof(answer.hmac.into_owned()),
        })
    }
}

impl Operation for ListTokens {
    type Request = DescribeDelegationTokenRequest<'static>;
    type Answer = Vec<DelegationToken>;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Any
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        DescribeDelegationTokenRequest { owners: None }
    }

    fn read(&self, reply: &Reply) -> Result<Vec<DelegationToken>, ClientError> {
        let answer: DescribeDelegationTokenResponse<'_> = reply.decode()?;
        let api = ApiKey::DescribeDelegationToken;
        ClientError::refused(api, "delegation tokens", answer.error_code, None)?;
        let tokens = answer.tokens.into_iter().map(|token| {
            let requester =
                (&token.token_requester_principal_type, &token.token_requester_principal_name);
            let renewers = token.renewers.iter();
            DelegationToken {
                owner: principal(&token.principal_type, &token.principal_name),
                requester: principal(requester.0, requester.1),
                renewers: renewers
                    .map(|it| principal(&it.principal_type, &it.principal_name))
                    .collect(),
                issued_ms: token.issue_timestamp,
                expires_ms: token.expiry_timestamp,
                ends_ms: token.max_timestamp,
                id: token.token_id.into_owned(),
                proof: TokenProof(token.hmac.into_owned()),
            }
        });
        Ok(tokens.collect())
    }
}

impl Operation for RenewToken {
    type Request = RenewDelegationTokenRequest<'static>;
    type Answer = i64;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Any
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        let renew_period_ms = self.period_ms.unwrap_or(-1);
        RenewDelegationTokenRequest { hmac: self.proof.0.clone().into(), renew_period_ms }
    }

    fn read(&self, reply: &Reply) -> Result<i64, ClientError> {
        let answer: RenewDelegationTokenResponse = reply.decode()?;
        let api = ApiKey::RenewDelegationToken;
        ClientError::refused(api, "the delegation token", answer.error_code, None)?;
        Ok(answer.expiry_timestamp_ms)
    }
}

impl Operation for ExpireToken {
    type Request = ExpireDelegationTokenRequest<'static>;
    type Answer = i64;
    const REPEAT: Repeat = Repeat::Unsafe;

    fn target(&self) -> Target {
        Target::Any
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        let expiry_time_period_ms = self.period_ms.unwrap_or(-1);
        ExpireDelegationTokenRequest { hmac: self.proof.0.clone().into(), expiry_time_period_ms }
    }

    fn read(&self, reply: &Reply) -> Result<i64, ClientError> {
        let answer: ExpireDelegationTokenResponse = reply.decode()?;
        let api = ApiKey::ExpireDelegationToken;
        ClientError::refused(api, "the delegation token", answer.error_code, None)?;
        Ok(answer.expiry_timestamp_ms)
    }
}
