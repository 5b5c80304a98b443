//! DescribeAcls, CreateAcls and DeleteAcls: who has which right (KIP-140, KIP-290), for clients
//! that may see or change that. Without an authorizer rights mean nothing, so none can be given.

use corelog_cluster::decide::acls::{CreateAclError, Deleted};
use corelog_cluster::{
    AclBinding, AclEntry, AclFilter, AclOperation, Change, ClusterImage, Outcome, PatternFilter,
    PatternType, Permission, ResourcePattern, ResourceType,
};
use corelog_model::ErrorCode;
use corelog_wire::api::create_acls::{AclCreation, AclCreationResult};
use corelog_wire::api::delete_acls::{
    DeleteAclsFilter, DeleteAclsFilterResult, DeleteAclsMatchingAcl,
};
use corelog_wire::api::describe_acls::{AclDescription, DescribeAclsResource};
use corelog_wire::{
    CreateAclsRequest, CreateAclsResponse, DeleteAclsRequest, DeleteAclsResponse,
    DescribeAclsRequest, DescribeAclsResponse, Text,
};

use super::change::Ending;
use crate::error::Failure;

/// The number that stands for any, in filters.
const ANY: i8 = 1;

/// A number of the protocol in a filter is unknown.
struct Unknown;

/// What a number in a filter chooses; `None` is any.
fn chosen<T>(code: i8, known: impl FnOnce(i8) -> Option<T>) -> Result<Option<T>, Unknown> {
    if code == ANY { Ok(None) } else { known(code).map(Some).ok_or(Unknown) }
}

fn owned(text: Option<&Text<'_>>) -> Option<String> {
    text.map(|text| text.clone().into_owned())
}

/// Answers who has which right.
pub fn describe(
    request: &DescribeAclsRequest<'_>,
    image: &ClusterImage,
) -> DescribeAclsResponse<'static> {
    let parts = (request.resource_type_filter, request.pattern_type_filter);
    let right = (request.operation, request.permission_type);
    let texts = [
        request.resource_name_filter.as_ref(),
        request.principal_filter.as_ref(),
        request.host_filter.as_ref(),
    ];
    let Ok(filter) = filter(parts, right, texts) else {
        let message = "the filter has a number that nobody knows";
        return undescribed(&Failure::new(ErrorCode::InvalidRequest, message));
    };
    let mut resources: Vec<DescribeAclsResource<'static>> = Vec::new();
    let mut last: Option<ResourcePattern> = None;
    for AclBinding { pattern, entry } in image.acls().matching(&filter) {
        let acl = AclDescription {
            principal: entry.principal.into(),
            host: entry.host.into(),
            operation: entry.operation.code(),
            permission_type: entry.permission.code(),
        };
        // Bindings come pattern by pattern.
        match resources.last_mut().filter(|_| last.as_ref() == Some(&pattern)) {
            Some(resource) => resource.acls.push(acl),
            None => resources.push(DescribeAclsResource {
                resource_type: pattern.resource_type.code(),
                resource_name: pattern.name.clone().into(),
                pattern_type: pattern.pattern_type.code(),
                acls: vec![acl],
            }),
        }
        last = Some(pattern);
    }
    DescribeAclsResponse { resources, ..Default::default() }
}

/// Answers one who is told of no rights.
pub(crate) fn undescribed(failure: &Failure) -> DescribeAclsResponse<'static> {
    DescribeAclsResponse {
        error_code: failure.code.code(),
        error_message: Some(failure.message.clone().into()),
        ..Default::default()
    }
}

/// The filter with these numbers of resource type and pattern type, operation and permission, and
/// these texts for name, principal and host.
fn filter(
    (resource_type, pattern_type): (i8, i8),
    (operation, permission): (i8, i8),
    [name, principal, host]: [Option<&Text<'_>>; 3],
) -> Result<AclFilter, Unknown> {
    Ok(AclFilter {
        resource_type: chosen(resource_type, ResourceType::from_code)?,
        pattern: PatternFilter::from_code(pattern_type).ok_or(Unknown)?,
        name: owned(name),
        principal: owned(principal),
        host: owned(host),
        operation: chosen(operation, AclOperation::from_code)?,
        permission: chosen(permission, Permission::from_code)?,
    })
}

/// The change that a request asks for.
pub fn creation(request: &CreateAclsRequest<'_>) -> Change {
    Change::CreateAcls(request.creations.iter().map(binding).collect())
}

fn binding(creation: &AclCreation<'_>) -> Option<AclBinding> {
    let pattern = ResourcePattern {
        resource_type: ResourceType::from_code(creation.resource_type)?,
        pattern_type: PatternType::from_code(creation.resource_pattern_type)?,
        name: creation.resource_name.clone().into_owned(),
    };
    let entry = AclEntry {
        principal: creation.principal.clone().into_owned(),
        host: creation.host.clone().into_owned(),
        operation: AclOperation::from_code(creation.operation)?,
        permission: Permission::from_code(creation.permission_type)?,
    };
    Some(AclBinding { pattern, entry })
}

/// Answers a creation of so many.
pub fn created(count: usize, ending: Ending) -> CreateAclsResponse<'static> {
    let result = |result: Result<(), CreateAclError>| match result {
        Ok(()) => AclCreationResult::default(),
        Err(error) => AclCreationResult {
            error_code: error.code().code(),
            error_message: Some(error.to_string().into()),
        },
    };
    match ending {
        Ending::Decided(Outcome::CreateAcls(results)) => CreateAclsResponse {
            results: results.into_iter().map(result).collect(),
            ..Default::default()
        },
        ending => uncreated(count, &ending.into_failure()),
    }
}

/// Answers a creation of so many of which all fail alike.
pub(crate) fn uncreated(count: usize, failure: &Failure) -> CreateAclsResponse<'static> {
    let result = AclCreationResult {
        error_code: failure.code.code(),
        error_message: Some(failure.message.clone().into()),
    };
    CreateAclsResponse { results: vec![result; count], ..Default::default() }
}

/// The change that a request asks for.
pub fn deletion(request: &DeleteAclsRequest<'_>) -> Change {
    let of = |one: &DeleteAclsFilter<'_>| {
        let parts = (one.resource_type_filter, one.pattern_type_filter);
        let texts = [&one.resource_name_filter, &one.principal_filter, &one.host_filter];
        filter(parts, (one.operation, one.permission_type), texts.map(Option::as_ref)).ok()
    };
    Change::DeleteAcls(request.filters.iter().map(of).collect())
}

/// Answers a deletion by so many filters.
pub fn deleted(count: usize, ending: Ending) -> DeleteAclsResponse<'static> {
    let result = |deleted: Deleted| match deleted {
        Ok(bindings) => DeleteAclsFilterResult {
            matching_acls: bindings.into_iter().map(matching).collect(),
            ..Default::default()
        },
        Err(error) => DeleteAclsFilterResult {
            error_code: error.code().code(),
            error_message: Some(error.to_string().into()),
            ..Default::default()
        },
    };
    match ending {
        Ending::Decided(Outcome::DeleteAcls(results)) => DeleteAclsResponse {
            filter_results: results.into_iter().map(result).collect(),
            ..Default::default()
        },
        ending => undeleted(count, &ending.into_failure()),
    }
}

fn matching(AclBinding { pattern, entry }: AclBinding) -> DeleteAclsMatchingAcl<'static> {
    DeleteAclsMatchingAcl {
        resource_type: pattern.resource_type.code(),
        resource_name: pattern.name.into(),
        pattern_type: pattern.pattern_type.code(),
        principal: entry.principal.into(),
        host: entry.host.into(),
        operation: entry.operation.code(),
        permission_type: entry.permission.code(),
        ..Default::default()
    }
}

/// Answers a deletion by so many filters of which all fail alike.
pub(crate) fn undeleted(count: usize, failure: &Failure) -> DeleteAclsResponse<'static> {
    let result = DeleteAclsFilterResult {
        error_code: failure.code.code(),
        error_message: Some(failure.message.clone().into()),
        ..Default::default()
    };
    DeleteAclsResponse { filter_results: vec![result; count], ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::scene::{cluster, decided, received};

    fn creation_of(name: &'static str, operation: i8) -> AclCreation<'static> {
        AclCreation {
            resource_type: 2,
            resource_name: name.into(),
            resource_pattern_type: 4,
            principal: "User:alice".into(),
            host: "*".into(),
            operation,
            permission_type: 3,
        }
    }

    /// The image after a creation, and the codes of its items.
    fn create(
        image: &ClusterImage,
        creations: Vec<AclCreation<'static>>,
        version: i16,
    ) -> (ClusterImage, Vec<i16>) {
        let request: CreateAclsRequest<'_> = received(&CreateAclsRequest { creations }, version);
        let (ending, image) = decided(image, creation(&request));
        let answer = created(request.creations.len(), ending);
        let answer: CreateAclsResponse<'_> = received(&answer, version);
        (image, answer.results.iter().map(|result| result.error_code).collect())
    }

    fn everything() -> DescribeAclsRequest<'static> {
        DescribeAclsRequest {
            resource_type_filter: ANY,
            pattern_type_filter: ANY,
            operation: ANY,
            permission_type: ANY,
            ..Default::default()
        }
    }

    #[test]
    fn what_is_created_is_described_pattern_by_pattern_and_deleted() {
        for version in 1..=3 {
            let creations = vec![creation_of("a", 3), creation_of("b", 4), creation_of("a", 4)];
            let (image, codes) = create(&cluster(&[1]), creations, version);
            assert_eq!(codes, [0, 0, 0]);
            let request: DescribeAclsRequest<'_> = received(&everything(), version);
            let answer: DescribeAclsResponse<'_> = received(&describe(&request, &image), version);
            let told = answer.resources.iter().map(|resource| {
                let operations = resource.acls.iter().map(|acl| acl.operation);
                (resource.resource_name.to_string(), operations.collect())
            });
            let told: Vec<(String, Vec<i8>)> = told.collect();
            assert_eq!(told, [("a".to_owned(), vec![3, 4]), ("b".to_owned(), vec![4])]);
            let acl = &answer.resources[0].acls[0];
            assert_eq!((&*acl.principal, &*acl.host, acl.permission_type), ("User:alice", "*", 3));

            let filter = DeleteAclsFilter {
                resource_type_filter: 2,
                resource_name_filter: Some("abc".into()),
                pattern_type_filter: 2,
                operation: ANY,
                permission_type: 3,
                ..Default::default()
            };
            let unknown = DeleteAclsFilter { operation: 99, ..filter.clone() };
            let request = DeleteAclsRequest { filters: vec![filter, unknown] };
            let request: DeleteAclsRequest<'_> = received(&request, version);
            let (ending, image) = decided(&image, deletion(&request));
            let answer: DeleteAclsResponse<'_> = received(&deleted(2, ending), version);
            let gone: Vec<_> =
                answer.filter_results[0].matching_acls.iter().map(|acl| acl.operation).collect();
            assert_eq!((gone, answer.filter_results[0].error_code), (vec![3, 4], 0));
            let invalid = ErrorCode::InvalidRequest.code();
            assert_eq!(answer.filter_results[1].error_code, invalid);
            assert_eq!(describe(&everything(), &image).resources.len(), 1);
        }
    }

    #[test]
    fn numbers_that_nobody_knows_are_refused() {
        let invalid = ErrorCode::InvalidRequest.code();
        let any_operation = creation_of("a", ANY);
        let (_, codes) = create(&cluster(&[1]), vec![any_operation, creation_of("a", 16)], 3);
        assert_eq!(codes, [invalid, invalid]);
        let request = DescribeAclsRequest { pattern_type_filter: 0, ..everything() };
        assert_eq!(describe(&request, &cluster(&[1])).error_code, invalid);
    }

    #[test]
    fn every_item_of_a_late_change_is_told() {
        let late = ErrorCode::RequestTimedOut.code();
        let codes = created(2, Ending::TimedOut).results.into_iter().map(|it| it.error_code);
        assert_eq!(codes.collect::<Vec<_>>(), [late, late]);
        assert_eq!(deleted(1, Ending::TimedOut).filter_results[0].error_code, late);
    }
}
