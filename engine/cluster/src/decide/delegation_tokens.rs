//! Makes, renews and ends delegation tokens (KIP-48). Who may ask at all is decided before; here is
//! who may do what with a token, and how long it counts.

use corelog_model::ErrorCode;
use thiserror::Error;

use super::scram_credentials::USER_BYTES_MAX;
use crate::delegation_token::{DelegationToken, ID_BYTES_MAX};
use crate::image::ClusterImage;
use crate::record::MetadataRecord;

/// How many tokens the cluster may have.
pub const TOKENS_MAX: usize = 10_000;

/// How many tokens of one owner the cluster may have, so that nobody uses up all of them.
pub const TOKENS_OF_OWNER_MAX: usize = 1000;

/// How many renewers a token may have.
pub const RENEWERS_MAX: usize = 100;

/// The most bytes of the names of a token's renewers together.
pub const RENEWERS_BYTES_MAX: usize = 4096;

/// How long tokens count, as the operator decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenTimes {
    /// The longest life of a token (`delegation.token.max.lifetime.ms`).
    pub lifetime_ms_max: i64,
    /// How long it counts before it must be renewed (`delegation.token.expiry.time.ms`).
    pub expiry_ms: i64,
}

impl Default for TokenTimes {
    /// Those of Kafka: seven days and one.
    fn default() -> Self {
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        TokenTimes { lifetime_ms_max: 7 * DAY_MS, expiry_ms: DAY_MS }
    }
}

/// A request for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateToken {
    /// Random, never used before.
    pub id: String,
    /// As whom the token logs in.
    pub owner: String,
    /// Who asks.
    pub requester: String,
    /// Who may renew it, beside the owner.
    pub renewers: Vec<String>,
    /// How long it shall live; not above zero: as long as the operator allows.
    pub lifetime_ms: i64,
    /// What the operator allows.
    pub times: TokenTimes,
    /// The wall clock, in milliseconds since 1970.
    pub now_ms: i64,
}

/// A request to let a token count for longer, or end sooner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeToken {
    /// The token; none: the client has shown no proof of one.
    pub id: Option<String>,
    /// Who asks.
    pub user: String,
    /// From now on.
    pub period_ms: i64,
    /// What the operator allows.
    pub times: TokenTimes,
    /// The wall clock, in milliseconds since 1970.
    pub now_ms: i64,
}

/// Why a token is not made or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// `INVALID_REQUEST`
    #[error("the name of a user has 1 to {USER_BYTES_MAX} bytes")]
    UserName,
    /// `INVALID_REQUEST`
    #[error(
        "a token has {RENEWERS_MAX} renewers and {RENEWERS_BYTES_MAX} bytes of their names at most"
    )]
    Renewers,
    /// `POLICY_VIOLATION`
    #[error("the cluster has {TOKENS_MAX} delegation tokens, which is the most")]
    TooMany,
    /// `POLICY_VIOLATION`
    #[error("the owner has {TOKENS_OF_OWNER_MAX} delegation tokens, which is the most")]
    TooManyOfOwner,
    /// `DELEGATION_TOKEN_NOT_FOUND`
    #[error("there is no such delegation token")]
    NotFound,
    /// `DELEGATION_TOKEN_EXPIRED`
    #[error("the delegation token has expired")]
    Expired,
    /// `DELEGATION_TOKEN_OWNER_MISMATCH`
    #[error("only the owner and the renewers of a delegation token may do this")]
    OwnerMismatch,
    /// `INVALID_TIMESTAMP`
    #[error("the period ends outside of time")]
    Timestamp,
}

impl TokenError {
    /// The error code in the Kafka protocol.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::UserName | Self::Renewers => ErrorCode::InvalidRequest,
            Self::TooMany | Self::TooManyOfOwner => ErrorCode::PolicyViolation,
            Self::NotFound => ErrorCode::DelegationTokenNotFound,
            Self::Expired => ErrorCode::DelegationTokenExpired,
            Self::OwnerMismatch => ErrorCode::DelegationTokenOwnerMismatch,
            Self::Timestamp => ErrorCode::InvalidTimestamp,
        }
    }
}

/// Decides about a new token.
pub fn create_token(
    image: &ClusterImage,
    request: &CreateToken,
) -> Result<DelegationToken, TokenError> {
    let CreateToken { id, owner, requester, renewers, lifetime_ms, times, now_ms } = request;
    assert!(
        id.len() <= ID_BYTES_MAX && image.delegation_token(id).is_none(),
        "the id of a token is new"
    );
    let is_name = |name: &String| !name.is_empty() && name.len() <= USER_BYTES_MAX;
    if ![owner, requester].into_iter().chain(renewers).all(is_name) {
        return Err(TokenError::UserName);
    }
    let bytes: usize = renewers.iter().map(String::len).sum();
    if renewers.len() > RENEWERS_MAX || bytes > RENEWERS_BYTES_MAX {
        return Err(TokenError::Renewers);
    }
    if image.delegation_tokens().len() >= TOKENS_MAX {
        return Err(TokenError::TooMany);
    }
    let of_owner = image.delegation_tokens().filter(|token| token.owner == *owner);
    if of_owner.count() >= TOKENS_OF_OWNER_MAX {
        return Err(TokenError::TooManyOfOwner);
    }
    let lifetime_ms = at_most(*lifetime_ms, times.lifetime_ms_max);
    let ends_ms = now_ms.saturating_add(lifetime_ms);
    Ok(DelegationToken {
        id: id.clone(),
        owner: owner.clone(),
        requester: requester.clone(),
        renewers: renewers.clone(),
        issued_ms: *now_ms,
        expires_ms: now_ms.saturating_add(times.expiry_ms).min(ends_ms),
        ends_ms,
    })
}

/// Decides about a token that shall count for longer: when it ends then. A period that is not above
/// zero, or longer than the operator allows, is what the operator allows.
pub fn renew_token(
    image: &ClusterImage,
    request: &ChangeToken,
) -> Result<DelegationToken, TokenError> {
    let token = find(image, request)?;
    let period_ms = at_most(request.period_ms, request.times.expiry_ms);
    let expires_ms = request.now_ms.saturating_add(period_ms).min(token.ends_ms);
    Ok(DelegationToken { expires_ms, ..token.clone() })
}

/// Decides about a token that shall end sooner, or be deleted at once if the period is below zero:
/// the record, and when the token ends.
pub fn expire_token(
    image: &ClusterImage,
    request: &ChangeToken,
) -> Result<(MetadataRecord, i64), TokenError> {
    let token = find(image, request)?;
    if request.period_ms < 0 {
        let id = token.id.clone();
        return Ok((MetadataRecord::DelegationTokenRemoved { id }, request.now_ms));
    }
    let end_ms = request.now_ms.checked_add(request.period_ms).ok_or(TokenError::Timestamp)?;
    let expires_ms = end_ms.min(token.ends_ms);
    let token = DelegationToken { expires_ms, ..token.clone() };
    Ok((MetadataRecord::DelegationTokenSet { token }, expires_ms))
}

/// Decides which tokens are removed because they have expired.
pub fn sweep_tokens(image: &ClusterImage, now_ms: i64) -> Vec<MetadataRecord> {
    let expired = image.delegation_tokens().filter(|token| token.is_expired(now_ms));
    expired.map(|token| MetadataRecord::DelegationTokenRemoved { id: token.id.clone() }).collect()
}

fn find<'a>(
    image: &'a ClusterImage,
    request: &ChangeToken,
) -> Result<&'a DelegationToken, TokenError> {
    let id = request.id.as_deref().ok_or(TokenError::NotFound)?;
    let token = image.delegation_token(id).ok_or(TokenError::NotFound)?;
    if token.is_expired(request.now_ms) {
        return Err(TokenError::Expired);
    }
    if !token.is_renewable_by(&request.user) {
        return Err(TokenError::OwnerMismatch);
    }
    Ok(token)
}

/// What is asked for, within what is allowed.
fn at_most(asked_ms: i64, allowed_ms: i64) -> i64 {
    if asked_ms > 0 { asked_ms.min(allowed_ms) } else { allowed_ms }
}
