//! Gives and takes rights: which bindings a request adds, and which ones its filters remove.

use std::collections::BTreeSet;

use corelog_model::ErrorCode;
use thiserror::Error;

use crate::acl::{AclBinding, AclFilter, CLUSTER_NAME, ResourceType};
use crate::image::ClusterImage;
use crate::record::MetadataRecord;

/// How many bindings the cluster may have.
pub const BINDINGS_MAX: usize = 10_000;

/// How many filters one request may have: each looks at every binding.
pub const FILTERS_MAX: usize = 1000;

/// How many bindings the filters of one request may match together. One may match them all.
pub const MATCHES_MAX: usize = 2 * BINDINGS_MAX;

/// The most bytes of a name, a principal or a host.
pub const TEXT_BYTES_MAX: usize = 4096;

/// Why a binding is not created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CreateAclError {
    /// `INVALID_REQUEST`
    #[error("an ACL must name its resource type, pattern type, operation and permission")]
    Unknown,
    /// `INVALID_REQUEST`
    #[error("the name of a resource must not be empty")]
    EmptyName,
    /// `INVALID_REQUEST`
    #[error("the only valid name of the cluster is {CLUSTER_NAME}")]
    ClusterName,
    /// `INVALID_REQUEST`
    #[error("a principal is a kind and a name with a colon between, as in User:alice")]
    Principal,
    /// `INVALID_REQUEST`
    #[error("the host of an ACL must not be empty; write * for every host")]
    Host,
    /// `INVALID_REQUEST`
    #[error("a name, a principal or a host has more than {TEXT_BYTES_MAX} bytes")]
    TooLong,
    /// `POLICY_VIOLATION`
    #[error("the cluster has {BINDINGS_MAX} ACLs, which is the most")]
    TooMany,
}

impl CreateAclError {
    /// The error code in the Kafka protocol.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unknown
            | Self::EmptyName
            | Self::ClusterName
            | Self::Principal
            | Self::Host
            | Self::TooLong => ErrorCode::InvalidRequest,
            Self::TooMany => ErrorCode::PolicyViolation,
        }
    }
}

/// Decides which bindings come to be: the records, and one result for each that was asked for.
/// `None` stands for one that the client could not name. One that is there stays, which is success.
pub fn create_acls(
    image: &ClusterImage,
    wanted: &[Option<AclBinding>],
) -> (Vec<MetadataRecord>, Vec<Result<(), CreateAclError>>) {
    let mut added = BTreeSet::new();
    let results = wanted.iter().map(|binding| {
        let binding = binding.as_ref().ok_or(CreateAclError::Unknown)?;
        check(binding)?;
        if image.acls().contains(binding) || added.contains(binding) {
            return Ok(());
        }
        if image.acls().len() + added.len() >= BINDINGS_MAX {
            return Err(CreateAclError::TooMany);
        }
        added.insert(binding);
        Ok(())
    });
    let results = results.collect();
    let records = added.into_iter().cloned();
    (records.map(|binding| MetadataRecord::AclAdded { binding }).collect(), results)
}

fn check(binding: &AclBinding) -> Result<(), CreateAclError> {
    let (pattern, entry) = (&binding.pattern, &binding.entry);
    if pattern.name.is_empty() {
        return Err(CreateAclError::EmptyName);
    }
    if pattern.resource_type == ResourceType::Cluster && pattern.name != CLUSTER_NAME {
        return Err(CreateAclError::ClusterName);
    }
    let parts = entry.principal.split_once(':');
    if parts.is_none_or(|(kind, name)| kind.is_empty() || name.is_empty()) {
        return Err(CreateAclError::Principal);
    }
    if entry.host.is_empty() {
        return Err(CreateAclError::Host);
    }
    let texts = [&pattern.name, &entry.principal, &entry.host];
    if texts.iter().any(|text| text.len() > TEXT_BYTES_MAX) {
        return Err(CreateAclError::TooLong);
    }
    Ok(())
}

/// Why a filter removes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DeleteAclsError {
    /// `INVALID_REQUEST`
    #[error("a filter must name its resource type, pattern type, operation and permission, or any")]
    Unknown,
    /// `POLICY_VIOLATION`
    #[error("the filters of a request match at most {MATCHES_MAX} ACLs together")]
    TooMany,
    /// `POLICY_VIOLATION`
    #[error("a request has at most {FILTERS_MAX} filters")]
    TooManyFilters,
}

impl DeleteAclsError {
    /// The error code in the Kafka protocol.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unknown => ErrorCode::InvalidRequest,
            Self::TooMany | Self::TooManyFilters => ErrorCode::PolicyViolation,
        }
    }
}

/// What a filter removes.
pub type Deleted = Result<Vec<AclBinding>, DeleteAclsError>;

/// Decides which bindings go: the records, and for each filter what it removes. `None` stands for a
/// filter that the client could not name. A binding that passes several filters is told by each,
/// and goes once.
pub fn delete_acls(
    image: &ClusterImage,
    filters: &[Option<AclFilter>],
) -> (Vec<MetadataRecord>, Vec<Deleted>) {
    let mut room = MATCHES_MAX;
    let results = filters.iter().enumerate().map(|(number, filter)| {
        let filter = filter.as_ref().ok_or(DeleteAclsError::Unknown)?;
        if number >= FILTERS_MAX {
            return Err(DeleteAclsError::TooManyFilters);
        }
        let matching = image.acls().matching(filter).take(room + 1);
        let matching: Vec<AclBinding> = matching.collect();
        room = room.checked_sub(matching.len()).ok_or(DeleteAclsError::TooMany)?;
        Ok(matching)
    });
    let results: Vec<Deleted> = results.collect();
    let removed: BTreeSet<&AclBinding> = results.iter().flatten().flatten().collect();
    let records = removed.into_iter().cloned();
    (records.map(|binding| MetadataRecord::AclRemoved { binding }).collect(), results)
}
