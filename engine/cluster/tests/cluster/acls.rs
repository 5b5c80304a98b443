//! ACLs: which are created and deleted, which are refused, and which a filter finds.

use corelog_cluster::acl::{CLUSTER_NAME, WILDCARD};
use corelog_cluster::decide::acls::{
    BINDINGS_MAX, CreateAclError, DeleteAclsError, FILTERS_MAX, TEXT_BYTES_MAX, create_acls,
    delete_acls,
};
use corelog_cluster::snapshot::{restore, snapshot};
use corelog_cluster::{
    AclBinding, AclEntry, AclFilter, AclOperation, ApplyError, ClusterImage, MetadataRecord,
    PatternFilter, PatternType, Permission, ResourcePattern, ResourceType,
};
use corelog_model::ErrorCode;

use AclOperation::{Read, Write};
use PatternType::{Literal, Prefixed};
use ResourceType::{Cluster, Group, Topic};

fn acl(
    resource_type: ResourceType,
    pattern_type: PatternType,
    name: &str,
    operation: AclOperation,
) -> AclBinding {
    AclBinding {
        pattern: ResourcePattern { resource_type, pattern_type, name: name.to_owned() },
        entry: AclEntry {
            principal: "User:alice".to_owned(),
            host: WILDCARD.to_owned(),
            operation,
            permission: Permission::Allow,
        },
    }
}

fn named(pattern: PatternFilter, name: &str) -> AclFilter {
    AclFilter { pattern, name: Some(name.to_owned()), ..AclFilter::EVERYTHING }
}

/// Creates them all; each must be possible.
fn with(image: &ClusterImage, acls: &[AclBinding]) -> ClusterImage {
    let wanted: Vec<_> = acls.iter().cloned().map(Some).collect();
    let (records, results) = create_acls(image, &wanted);
    assert_eq!(results, vec![Ok(()); acls.len()]);
    image.fold(&records).unwrap()
}

fn patterns(image: &ClusterImage, filter: &AclFilter) -> Vec<String> {
    image.acls().matching(filter).map(|binding| binding.pattern.name).collect()
}

#[test]
fn what_is_created_is_there_once_and_can_be_deleted() {
    let (read, write) = (acl(Topic, Literal, "a", Read), acl(Topic, Literal, "a", Write));
    let image = with(&ClusterImage::empty(), &[read.clone(), write.clone(), read.clone()]);
    let there: Vec<_> = image.acls().bindings().collect();
    assert_eq!((there, image.acls().len()), (vec![read.clone(), write.clone()], 2));
    assert_eq!(with(&image, std::slice::from_ref(&read)), image, "it is there already");
    let of_reading = AclFilter { operation: Some(Read), ..AclFilter::EVERYTHING };
    let filters = [Some(AclFilter::EVERYTHING), Some(of_reading), None];
    let (records, results) = delete_acls(&image, &filters);
    let expected = [
        Ok(vec![read.clone(), write.clone()]),
        Ok(vec![read.clone()]),
        Err(DeleteAclsError::Unknown),
    ];
    assert_eq!(results, expected);
    let removed = [read, write].map(|binding| MetadataRecord::AclRemoved { binding });
    assert_eq!(records, removed);
    assert!(image.fold(&records).unwrap().acls().is_empty());
}

#[test]
fn acls_survive_a_snapshot() {
    let acls = [acl(Topic, Prefixed, "a", Read), acl(Group, Literal, WILDCARD, Read)];
    let image = with(&ClusterImage::empty(), &acls);
    assert_eq!(restore(image.version(), &snapshot(&image)), Ok(image));
}

#[test]
fn a_record_that_changes_nothing_is_damage() {
    let binding = acl(Topic, Literal, "a", Read);
    let image = with(&ClusterImage::empty(), std::slice::from_ref(&binding));
    let added = MetadataRecord::AclAdded { binding: binding.clone() };
    assert_eq!(image.fold(&[added]), Err(ApplyError::AclExists { binding: binding.clone() }));
    let removed = MetadataRecord::AclRemoved { binding: binding.clone() };
    let error = ApplyError::AclUnknown { binding };
    assert_eq!(ClusterImage::empty().fold(&[removed]), Err(error));
}

#[test]
fn acls_that_cannot_be_are_refused_one_by_one() {
    let fine = acl(Topic, Literal, "a", Read);
    let changed = |change: fn(&mut AclBinding)| {
        let mut binding = fine.clone();
        change(&mut binding);
        Some(binding)
    };
    let wanted = [
        None,
        changed(|it| it.pattern.name.clear()),
        changed(|it| it.pattern.resource_type = Cluster),
        changed(|it| it.entry.principal = "alice".into()),
        changed(|it| it.entry.principal = "User:".into()),
        changed(|it| it.entry.host.clear()),
        changed(|it| it.pattern.name = "x".repeat(TEXT_BYTES_MAX + 1)),
        Some(fine.clone()),
        Some(acl(Cluster, Literal, CLUSTER_NAME, Write)),
    ];
    let (records, results) = create_acls(&ClusterImage::empty(), &wanted);
    let expected = [
        Err(CreateAclError::Unknown),
        Err(CreateAclError::EmptyName),
        Err(CreateAclError::ClusterName),
        Err(CreateAclError::Principal),
        Err(CreateAclError::Principal),
        Err(CreateAclError::Host),
        Err(CreateAclError::TooLong),
        Ok(()),
        Ok(()),
    ];
    assert_eq!(results, expected);
    assert_eq!(records.len(), 2);
    assert_eq!(CreateAclError::Unknown.code(), ErrorCode::InvalidRequest);
    assert_eq!(DeleteAclsError::TooMany.code(), ErrorCode::PolicyViolation);
}

#[test]
fn filters_look_at_patterns_in_four_ways() {
    let acls = [
        acl(Topic, Literal, "*", Read),
        acl(Topic, Literal, "ab", Read),
        acl(Topic, Literal, "abc", Read),
        acl(Topic, Prefixed, "a", Read),
        acl(Topic, Prefixed, "ab", Read),
        acl(Topic, Prefixed, "b", Read),
    ];
    let image = with(&ClusterImage::empty(), &acls);
    let check = |filter, expected: &[&str]| assert_eq!(patterns(&image, &filter), expected);
    check(named(PatternFilter::Any, "ab"), &["ab", "ab"]);
    check(named(PatternFilter::Of(Literal), "ab"), &["ab"]);
    check(named(PatternFilter::Of(Prefixed), "ab"), &["ab"]);
    check(named(PatternFilter::Match, "ab"), &["*", "ab", "a", "ab"]);
    check(named(PatternFilter::Match, "*"), &["*"]);
    check(
        AclFilter { pattern: PatternFilter::Of(Prefixed), ..AclFilter::EVERYTHING },
        &["a", "ab", "b"],
    );
    let of_group = AclFilter { resource_type: Some(Group), ..AclFilter::EVERYTHING };
    check(of_group, &[]);
    let of_bob = AclFilter { principal: Some("User:bob".into()), ..AclFilter::EVERYTHING };
    check(of_bob, &[]);
    let of_host =
        AclFilter { host: Some("*".into()), name: Some("b".into()), ..AclFilter::EVERYTHING };
    check(of_host, &["b"]);
}

#[test]
fn there_is_a_bound_on_acls_and_on_what_one_request_deletes() {
    let numbered = |number: usize| acl(Topic, Literal, &number.to_string(), Read);
    let all: Vec<_> = (0..BINDINGS_MAX).map(numbered).collect();
    let image = with(&ClusterImage::empty(), &all);
    let wanted = [Some(numbered(BINDINGS_MAX)), Some(numbered(1))];
    let (records, results) = create_acls(&image, &wanted);
    assert_eq!((records, results), (vec![], vec![Err(CreateAclError::TooMany), Ok(())]));

    let everything = || Some(AclFilter::EVERYTHING);
    let one = || Some(named(PatternFilter::Any, "7"));
    let (records, results) = delete_acls(&image, &[everything(), one(), everything(), one()]);
    let told: Vec<_> = results.iter().map(|it| it.as_ref().map(Vec::len)).collect();
    assert_eq!(told, [Ok(BINDINGS_MAX), Ok(1), Err(&DeleteAclsError::TooMany), Ok(1)]);
    assert_eq!(records.len(), BINDINGS_MAX);
    let few = with(&ClusterImage::empty(), &all[..2]);
    let (_, results) = delete_acls(&few, &vec![one(); FILTERS_MAX + 1]);
    assert_eq!(results.last(), Some(&Err(DeleteAclsError::TooManyFilters)));
    assert_eq!(results[FILTERS_MAX - 1], Ok(vec![]));
}

#[test]
fn names_are_read_in_any_form() {
    for name in ["DESCRIBE_CONFIGS", "DescribeConfigs", "describe-configs"] {
        assert_eq!(AclOperation::from_name(name), Some(AclOperation::DescribeConfigs));
    }
    assert_eq!(AclOperation::from_name("any"), None);
    assert_eq!(ResourceType::from_name("transactional-id"), Some(ResourceType::TransactionalId));
    assert_eq!((AclOperation::from_code(1), AclOperation::from_code(3)), (None, Some(Read)));
}
