//! Rights: listed, given and taken (KIP-140). Numbers are Kafka's.

use corelog_wire::api::create_acls::AclCreation;
use corelog_wire::api::delete_acls::DeleteAclsFilter;
use corelog_wire::{
    ApiKey, CreateAclsRequest, CreateAclsResponse, DeleteAclsRequest, DeleteAclsResponse,
    DescribeAclsRequest, DescribeAclsResponse, Text,
};

use crate::operation::{Operation, Repeat};
use crate::target::Target;
use crate::{ClientConfig, ClientError, Reply};

/// Lists the ACLs that pass a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListAcls {
    /// The filter.
    pub filter: DeleteAclsFilter<'static>,
}

/// Creates ACLs; those that are there stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateAcls {
    /// What is created. When one fails, others may have been created.
    pub creations: Vec<AclCreation<'static>>,
}

/// Deletes the ACLs that pass filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteAcls {
    /// The filters.
    pub filters: Vec<DeleteAclsFilter<'static>>,
}

fn owned(text: &Text<'_>) -> Text<'static> {
    Text::Owned(text.clone().into_owned())
}

impl Operation for ListAcls {
    type Request = DescribeAclsRequest<'static>;
    type Answer = Vec<AclCreation<'static>>;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Any
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        let filter = self.filter.clone();
        DescribeAclsRequest {
            resource_type_filter: filter.resource_type_filter,
            resource_name_filter: filter.resource_name_filter,
            pattern_type_filter: filter.pattern_type_filter,
            principal_filter: filter.principal_filter,
            host_filter: filter.host_filter,
            operation: filter.operation,
            permission_type: filter.permission_type,
        }
    }

    fn read(&self, reply: &Reply) -> Result<Self::Answer, ClientError> {
        let response: DescribeAclsResponse<'_> = reply.decode()?;
        let message = response.error_message.as_deref();
        ClientError::refused(ApiKey::DescribeAcls, "the ACLs", response.error_code, message)?;
        let acls = response.resources.iter().flat_map(|resource| {
            resource.acls.iter().map(|acl| AclCreation {
                resource_type: resource.resource_type,
                resource_name: owned(&resource.resource_name),
                resource_pattern_type: resource.pattern_type,
                principal: owned(&acl.principal),
                host: owned(&acl.host),
                operation: acl.operation,
                permission_type: acl.permission_type,
            })
        });
        Ok(acls.collect())
    }
}

impl Operation for CreateAcls {
    type Request = CreateAclsRequest<'static>;
    type Answer = ();
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Any
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        CreateAclsRequest { creations: self.creations.clone() }
    }

    fn read(&self, reply: &Reply) -> Result<(), ClientError> {
        let response: CreateAclsResponse<'_> = reply.decode()?;
        if response.results.len() != self.creations.len() {
            return Err(reply.lacks("the result of an ACL"));
        }
        self.creations.iter().zip(&response.results).try_for_each(|(acl, result)| {
            let about = format!("the ACL of {} on {}", &*acl.principal, &*acl.resource_name);
            let message = result.error_message.as_deref();
            ClientError::refused(ApiKey::CreateAcls, about, result.error_code, message)
        })
    }
}

impl Operation for DeleteAcls {
    type Request = DeleteAclsRequest<'static>;
    type Answer = Vec<AclCreation<'static>>;
    /// What a first try has deleted a second one would not tell.
    const REPEAT: Repeat = Repeat::Unsafe;

    fn target(&self) -> Target {
        Target::Any
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        DeleteAclsRequest { filters: self.filters.clone() }
    }

    fn read(&self, reply: &Reply) -> Result<Self::Answer, ClientError> {
        let response: DeleteAclsResponse<'_> = reply.decode()?;
        let mut deleted = Vec::new();
        for result in &response.filter_results {
            let message = result.error_message.as_deref();
            ClientError::refused(ApiKey::DeleteAcls, "the ACLs", result.error_code, message)?;
            for acl in &result.matching_acls {
                let message = acl.error_message.as_deref();
                ClientError::refused(ApiKey::DeleteAcls, "an ACL", acl.error_code, message)?;
                deleted.push(AclCreation {
                    resource_type: acl.resource_type,
                    resource_name: owned(&acl.resource_name),
                    resource_pattern_type: acl.pattern_type,
                    principal: owned(&acl.principal),
                    host: owned(&acl.host),
                    operation: acl.operation,
                    permission_type: acl.permission_type,
                });
            }
        }
        Ok(deleted)
    }
}
