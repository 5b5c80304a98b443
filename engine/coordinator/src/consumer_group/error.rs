//! Why a request to a group is refused.

use std::sync::Arc;

use corelog_model::ErrorCode;
use thiserror::Error;

use super::MemberId;

/// Why a request is refused. A refused request has changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GroupError {
    /// The request contradicts itself or the protocol.
    #[error("{reason}")]
    Invalid {
        /// The rule that is broken.
        reason: &'static str,
    },
    /// The assignor is not one of those that may be used.
    #[error("the assignor {name} is not supported; supported are {supported}")]
    UnsupportedAssignor {
        /// What was asked for.
        name: Arc<str>,
        /// The names that may be.
        supported: String,
    },
    /// The expression is none.
    #[error("{expression:?} is not a regular expression: {reason}")]
    InvalidExpression {
        /// What was given for one.
        expression: Arc<str>,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such group.
    #[error("the group {group} does not exist")]
    GroupNotFound {
        /// The group.
        group: Arc<str>,
    },
    /// No member of the group has this id, or the static member has another one.
    #[error("the member {member} is not a member of the group")]
    UnknownMember {
        /// The member.
        member: MemberId,
    },
    /// The member is too far ahead or behind. It gives up everything and joins anew.
    #[error(
        "the member {member} names epoch {epoch}, not {expected}; \
         it must give up its partitions and join again"
    )]
    FencedEpoch {
        /// The member.
        member: MemberId,
        /// What it names.
        epoch: i32,
        /// What the group knows.
        expected: i32,
    },
    /// Another member has taken over the static member's name.
    #[error("the instance id {instance_id} belongs to another member now")]
    FencedInstance {
        /// The name of the static member.
        instance_id: Arc<str>,
    },
    /// A static member with this name is still in the group.
    #[error("the instance id {instance_id} is still used by member {owner}")]
    UnreleasedInstance {
        /// The name of the static member.
        instance_id: Arc<str>,
        /// Who uses it.
        owner: MemberId,
    },
    /// No more members fit.
    #[error("the group is full: it has {max} members")]
    Full {
        /// The bound.
        max: usize,
    },
    /// Too many requests wait for the log.
    #[error("{max} requests wait for the log; try again")]
    Busy {
        /// The bound.
        max: usize,
    },
    /// There is no room for one more group.
    #[error("there are as many groups as may be: {max}")]
    TooManyGroups {
        /// The bound.
        max: usize,
    },
    /// The group is being deleted, or becomes one of another kind.
    #[error("the group is about to change; try again")]
    Changing,
    /// The coordinator serves no group, or could not write what was asked for.
    #[error("the coordinator is not available")]
    Unavailable {
        /// The error code in the Kafka protocol.
        code: ErrorCode,
    },
}

impl GroupError {
    /// The error code in the Kafka protocol.
    pub fn code(&self) -> ErrorCode {
        match self {
            GroupError::Invalid { .. } => ErrorCode::InvalidRequest,
            GroupError::UnsupportedAssignor { .. } => ErrorCode::UnsupportedAssignor,
            GroupError::InvalidExpression { .. } => ErrorCode::InvalidRegularExpression,
            GroupError::GroupNotFound { .. } => ErrorCode::GroupIdNotFound,
            GroupError::UnknownMember { .. } => ErrorCode::UnknownMemberId,
            GroupError::FencedEpoch { .. } => ErrorCode::FencedMemberEpoch,
            GroupError::FencedInstance { .. } => ErrorCode::FencedInstanceId,
            GroupError::UnreleasedInstance { .. } => ErrorCode::UnreleasedInstanceId,
            GroupError::Full { .. } => ErrorCode::GroupMaxSizeReached,
            GroupError::Busy { .. } => ErrorCode::CoordinatorLoadInProgress,
            GroupError::TooManyGroups { .. } => ErrorCode::PolicyViolation,
            GroupError::Changing => ErrorCode::CoordinatorLoadInProgress,
            GroupError::Unavailable { code } => *code,
        }
    }
}
