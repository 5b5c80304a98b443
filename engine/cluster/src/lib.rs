//! The metadata of a cluster: the records of its log, the immutable image they fold into, and the
//! pure decisions that turn an image and a request into further records. No clock, no I/O, no
//! randomness: ids that must be random come in.
//!
//! Every change goes the same way: a decision makes records, the driver appends them durably, and
//! only then are they folded into the image that everybody sees ([`Controller`]).

pub mod acl;
pub mod acl_index;
pub mod apply;
pub mod authorizer;
pub mod broker_keys;
pub mod codec;
pub mod controller;
pub mod decide;
pub mod delegation_token;
mod generated;
pub mod group_keys;
pub mod image;
mod placement;
pub mod quota;
pub mod record;
pub mod scram;
pub mod share_reset;
pub mod snapshot;
pub mod topic_changes;

pub use acl::{
    AclBinding, AclEntry, AclFilter, AclOperation, PatternFilter, PatternType, Permission,
    ResourcePattern, ResourceType,
};
pub use acl_index::AclIndex;
pub use apply::ApplyError;
pub use authorizer::{Authorizer, Subject, Unmentioned};
pub use codec::DecodeError;
pub use controller::{Change, Controller, ControllerConfig, Input, Outcome, Output, Ticket};
pub use delegation_token::DelegationToken;
pub use image::{BrokerImage, ClusterImage, MetadataVersion, NodeEndpoint, NodeLoad, TopicImage};
pub use quota::{ClientQuota, ClientQuotas, QuotaEntity, QuotaKey, QuotaName, QuotaValue, Sharers};
pub use record::{ConfigResource, LISTENER_DEFAULT, MetadataRecord, PartitionState, ShardEndpoint};
pub use scram::{ScramCredential, ScramMechanism, ScramUser};
pub use topic_changes::TopicChange;
