//! Topics are deleted by name or id, each at most once.

use corelog_cluster::MetadataRecord;
use corelog_cluster::decide::delete_topics::{
    DeleteTopicError, DeletedTopic, TopicSelector, delete_topics,
};
use corelog_model::ErrorCode;

use crate::scene::{cluster, name, node, topic_id, topic_records};

fn by_name(text: &str) -> TopicSelector {
    TopicSelector::Name(text.to_owned())
}

fn check(
    request: &[TopicSelector],
    results: &[Result<DeletedTopic, DeleteTopicError>],
    deleted: &[u32],
) {
    let image = cluster(&[1]);
    let image = image.fold(&topic_records(1, "a", &[node(1, 0)])).unwrap();
    let image = image.fold(&topic_records(2, "b", &[node(1, 0)])).unwrap();
    let decision = delete_topics(&image, request);
    assert_eq!(decision.results, results);
    let ids = deleted.iter().map(|number| topic_id(*number));
    let records = ids.map(|id| MetadataRecord::TopicDeleted { id }).collect::<Vec<_>>();
    assert_eq!(decision.records, records);
    image.fold(&decision.records).unwrap();
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    let deleted = |number, text| Ok(DeletedTopic { id: topic_id(number), name: name(text) });
    check(
        &[by_name("b"), TopicSelector::Id(topic_id(1))],
        &[deleted(2, "b"), deleted(1, "a")],
        &[2, 1],
    );
}

#[test]
fn unknown_topics_are_refused_and_the_others_deleted() {
    let unknown_name = DeleteTopicError::UnknownName { name: "../x".to_owned() };
    let unknown_id = DeleteTopicError::UnknownId { id: topic_id(9) };
    assert_eq!(unknown_name.code(), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(unknown_id.code(), ErrorCode::UnknownTopicId);
    check(
        &[by_name("../x"), by_name("a"), TopicSelector::Id(topic_id(9))],
        &[
            Err(unknown_name),
            Ok(DeletedTopic { id: topic_id(1), name: name("a") }),
            Err(unknown_id),
        ],
        &[1],
    );
}

#[test]
fn a_topic_named_twice_is_not_deleted() {
    let duplicate = DeleteTopicError::Duplicate { name: name("a") };
    assert_eq!(duplicate.code(), ErrorCode::InvalidRequest);
    check(
        &[by_name("a"), TopicSelector::Id(topic_id(1))],
        &[Err(duplicate.clone()), Err(duplicate)],
        &[],
    );
}
