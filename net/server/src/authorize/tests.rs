//! What is hidden from whom: answers as seen with few rights.

use std::collections::BTreeMap;

use corelog_cluster::{
    AclBinding, AclEntry, MetadataRecord, PatternType, Permission, ResourcePattern,
};
use corelog_model::TopicName;
use corelog_wire::api::metadata::{MetadataRequestTopic, OPERATIONS_NOT_REQUESTED};
use corelog_wire::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, MetadataRequest,
    MetadataResponse,
};

use super::*;
use crate::api::ApiSettings;
use crate::api::scene::{cluster, received, topic_id, with_topic};
use crate::api::{describe_topic_partitions, metadata, operations};

/// Topics `a` and `b`, and alice with these rights.
fn image(rights: &[(AclOperation, ResourceType, &str)]) -> ClusterImage {
    let image = with_topic(&cluster(&[1]), ("a", 1), (1, 1), &[]);
    let image = with_topic(&image, ("b", 2), (1, 1), &[]);
    let records = rights.iter().map(|(operation, resource_type, name)| {
        let (resource_type, name) = (*resource_type, (*name).to_owned());
        let pattern_type = PatternType::Literal;
        let binding = AclBinding {
            pattern: ResourcePattern { resource_type, pattern_type, name },
            entry: AclEntry {
                principal: "User:alice".to_owned(),
                host: "*".to_owned(),
                operation: *operation,
                permission: Permission::Allow,
            },
        };
        MetadataRecord::AclAdded { binding }
    });
    image.fold(&records.collect::<Vec<_>>()).unwrap()
}

fn alice() -> Subject<'static> {
    Subject { kind: "User", name: "alice", host: [127, 0, 0, 1].into() }
}

/// Names, codes and operations of the topics that alice is told.
fn told(image: &ClusterImage, request: &MetadataRequest<'_>) -> Vec<(String, ErrorCode, i32)> {
    let authorizer = Authorizer::default();
    let view = (image, Access::test(&authorizer, image, alice()));
    let request: MetadataRequest<'_> = received(request, 12);
    let answer = metadata::respond(&request, 12, view, "PLAINTEXT", &BTreeMap::new());
    let answer: MetadataResponse<'_> = received(&answer, 12);
    let topics = answer.topics.into_iter().map(|topic| {
        let code = ErrorCode::from_code(topic.error_code).unwrap();
        (topic.name.unwrap_or_default().into_owned(), code, topic.topic_authorized_operations)
    });
    topics.collect()
}

fn named(name: &'static str) -> MetadataRequestTopic<'static> {
    MetadataRequestTopic { name: Some(name.into()), ..Default::default() }
}

#[test]
fn topics_that_one_may_not_see_are_hidden_and_refused_by_name() {
    let image = image(&[(AclOperation::Read, ResourceType::Topic, "a")]);
    let nothing = OPERATIONS_NOT_REQUESTED;
    let of = |name: &str, code| (name.to_owned(), code, nothing);
    let all = MetadataRequest { topics: None, ..Default::default() };
    assert_eq!(told(&image, &all), [of("a", ErrorCode::None)]);
    let by_id =
        |number| MetadataRequestTopic { name: None, topic_id: *topic_id(number).as_bytes() };
    let topics = vec![named("a"), named("b"), named("no-such"), by_id(1), by_id(2)];
    let request = MetadataRequest { topics: Some(topics), ..Default::default() };
    let refused = ErrorCode::TopicAuthorizationFailed;
    let expected = [
        of("a", ErrorCode::None),
        of("b", refused),
        of("no-such", refused),
        of("a", ErrorCode::None),
        of("", ErrorCode::UnknownTopicId),
    ];
    assert_eq!(told(&image, &request), expected);
}

#[test]
fn a_page_of_topics_has_those_that_one_may_see() {
    let image = image(&[(AclOperation::Describe, ResourceType::Topic, "b")]);
    let authorizer = Authorizer::default();
    let access = Access::test(&authorizer, &image, alice());
    let request = DescribeTopicPartitionsRequest::default();
    let answer = describe_topic_partitions::respond(&request, (&image, access), 2000);
    let answer: DescribeTopicPartitionsResponse<'_> = received(&answer, 0);
    let names: Vec<_> = answer.topics.iter().map(|topic| topic.name.as_deref()).collect();
    assert_eq!(names, [Some("b")]);
    assert_eq!(answer.topics[0].topic_authorized_operations, 1 << 8, "to describe, and no more");
}

#[test]
fn one_is_told_what_one_may_do() {
    let image = image(&[
        (AclOperation::Write, ResourceType::Topic, "a"),
        (AclOperation::AlterConfigs, ResourceType::Topic, "a"),
        (AclOperation::All, ResourceType::Group, "g"),
        (AclOperation::Describe, ResourceType::Cluster, CLUSTER_NAME),
    ]);
    let request = MetadataRequest {
        topics: Some(vec![named("a")]),
        include_topic_authorized_operations: true,
        ..Default::default()
    };
    let expected = 1 << 4 | 1 << 8 | 1 << 10 | 1 << 11;
    assert_eq!(told(&image, &request), [("a".to_owned(), ErrorCode::None, expected)]);
    let authorizer = Authorizer::default();
    let access = Access::test(&authorizer, &image, alice());
    assert_eq!(operations::of_group(access, "g"), operations::OF_GROUP);
    assert_eq!(operations::of_group(access, "h"), 0);
    assert_eq!(operations::of_cluster(access, &table::DESCRIBE_CLUSTER), 1 << 8);
    let bob = Access::test(&authorizer, &image, Subject { name: "bob", ..alice() });
    assert_eq!(operations::of_cluster(bob, &table::DESCRIBE_CLUSTER), 0);
    let everybody = Access::UNLIMITED;
    let of_cluster = operations::of_cluster(everybody, &table::DESCRIBE_CLUSTER);
    assert_eq!(of_cluster, operations::OF_CLUSTER);
}

#[test]
fn asking_creates_only_what_one_may_create() {
    let image = image(&[
        (AclOperation::Describe, ResourceType::Topic, "*"),
        (AclOperation::Create, ResourceType::Topic, "c"),
    ]);
    let authorizer = Authorizer::default();
    let access = Access::test(&authorizer, &image, alice());
    let request =
        MetadataRequest { topics: Some(vec![named("c"), named("d")]), ..Default::default() };
    let settings = ApiSettings::default();
    let (created, refused) = metadata::topics_to_create(&request, 12, &image, &settings, access);
    assert_eq!(created.iter().map(TopicName::as_str).collect::<Vec<_>>(), ["c"]);
    assert_eq!(refused.iter().map(TopicName::as_str).collect::<Vec<_>>(), ["d"]);
}
