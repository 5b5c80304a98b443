//! Topics go, or it is said why not.

use corelog_cluster::ClusterImage;

use super::*;
use crate::api::scene::{cluster, decided, received, served, topic_id, with_topic};

/// Topics `a` and `b`.
fn image() -> ClusterImage {
    let image = with_topic(&cluster(&[1]), ("a", 1), (1, 1), &[]);
    with_topic(&image, ("b", 2), (1, 1), &[])
}

/// A request by name, in the field that the version has for it.
fn by_names(names: &[&'static str]) -> DeleteTopicsRequest<'static> {
    let state = |name: &&'static str| DeleteTopicState {
        name: Some((*name).into()),
        topic_id: *TopicId::ZERO.as_bytes(),
    };
    DeleteTopicsRequest {
        topics: names.iter().map(state).collect(),
        topic_names: names.iter().map(|name| Text::Borrowed(*name)).collect(),
        timeout_ms: 700,
    }
}

fn state(name: Option<&'static str>, id: TopicId) -> DeleteTopicState<'static> {
    DeleteTopicState { name: name.map(Into::into), topic_id: *id.as_bytes() }
}

fn by_states(topics: Vec<DeleteTopicState<'static>>) -> DeleteTopicsRequest<'static> {
    DeleteTopicsRequest { topics, ..Default::default() }
}

type Result = (Option<String>, TopicId, ErrorCode);

/// The results as a client of that version reads them, and the image after it.
#[track_caller]
fn carried_out(
    request: &DeleteTopicsRequest<'_>,
    version: i16,
    settings: &ApiSettings,
) -> (Vec<Result>, ClusterImage) {
    let request: DeleteTopicsRequest<'_> = received(request, version);
    let (answer, after) = match translate(request, version, settings, (&image(), Access::UNLIMITED))
    {
        Translation::Ask { change, pending, .. } => {
            let (ending, after) = decided(&image(), change);
            (pending.respond(ending), after)
        }
        Translation::Answer(answer) => (answer, image()),
    };
    let answer: DeleteTopicsResponse<'_> = received(&answer, version);
    let results = answer.responses.into_iter().map(|result| {
        let code = ErrorCode::from_code(result.error_code).unwrap();
        assert_eq!(result.error_message.is_some(), version >= 5 && !code.is_none());
        (result.name.map(Text::into_owned), TopicId::from_bytes(result.topic_id), code)
    });
    (results.collect(), after)
}

fn named(name: &str, id: TopicId, error: ErrorCode) -> Result {
    (Some(name.to_owned()), id, error)
}

#[test]
fn topics_are_deleted_by_name_in_every_version() {
    for version in served::<DeleteTopicsRequest<'_>>() {
        let (results, after) =
            carried_out(&by_names(&["a", "x", "a b"]), version, &ApiSettings::default());
        let id = if version >= 6 { topic_id(1) } else { TopicId::ZERO };
        let unknown = ErrorCode::UnknownTopicOrPartition;
        let expected = [
            named("a", id, ErrorCode::None),
            named("x", TopicId::ZERO, unknown),
            named("a b", TopicId::ZERO, unknown),
        ];
        assert_eq!(results, expected);
        assert!(after.topic_by_name("a").is_none() && after.topic_by_name("b").is_some());
    }
}

#[test]
fn topics_are_deleted_by_id_from_version_6() {
    let request = by_states(vec![state(None, topic_id(2)), state(None, topic_id(9))]);
    let (results, after) = carried_out(&request, 6, &ApiSettings::default());
    let expected =
        [named("b", topic_id(2), ErrorCode::None), (None, topic_id(9), ErrorCode::UnknownTopicId)];
    assert_eq!(results, expected);
    assert_eq!(after.topic_count(), 1);
}

#[test]
fn a_topic_is_named_in_one_way() {
    let request = by_states(vec![
        state(Some("a"), topic_id(1)),
        state(None, TopicId::ZERO),
        state(Some("b"), TopicId::ZERO),
    ]);
    let (results, after) = carried_out(&request, 6, &ApiSettings::default());
    let expected = [
        named("a", topic_id(1), ErrorCode::InvalidRequest),
        (None, TopicId::ZERO, ErrorCode::InvalidRequest),
        named("b", topic_id(2), ErrorCode::None),
    ];
    assert_eq!(results, expected);
    assert!(after.topic_by_name("a").is_some());
}

#[test]
fn a_topic_that_is_there_twice_is_not_deleted_and_answered_once() {
    for version in served::<DeleteTopicsRequest<'_>>() {
        let (results, after) =
            carried_out(&by_names(&["a", "a"]), version, &ApiSettings::default());
        assert_eq!(results, [named("a", TopicId::ZERO, ErrorCode::InvalidRequest)]);
        assert_eq!(after.topic_count(), 2);
    }
    let request = by_states(vec![state(Some("a"), TopicId::ZERO), state(None, topic_id(1))]);
    let (results, _) = carried_out(&request, 6, &ApiSettings::default());
    let expected = [
        named("a", TopicId::ZERO, ErrorCode::InvalidRequest),
        (None, topic_id(1), ErrorCode::InvalidRequest),
    ];
    assert_eq!(results, expected);
}

#[test]
fn nothing_is_deleted_where_the_operator_forbids_it() {
    let settings = ApiSettings { delete_topics: false, ..ApiSettings::default() };
    for version in served::<DeleteTopicsRequest<'_>>() {
        let (results, after) = carried_out(&by_names(&["a", "x"]), version, &settings);
        let error =
            if version >= 3 { ErrorCode::TopicDeletionDisabled } else { ErrorCode::InvalidRequest };
        let expected = ["a", "x"].map(|name| named(name, TopicId::ZERO, error));
        assert_eq!(results, expected);
        assert_eq!(after.version(), image().version());
    }
}

#[test]
fn nothing_is_asked_for_a_request_without_topics() {
    let translation = translate(
        by_names(&[]),
        6,
        &ApiSettings::default(),
        (&ClusterImage::empty(), Access::UNLIMITED),
    );
    assert_eq!(translation, Translation::Answer(DeleteTopicsResponse::default()));
}

#[test]
fn what_fails_the_controller_fails_each_topic() {
    let Translation::Ask { pending, timeout, .. } = translate(
        by_names(&["a", "b"]),
        6,
        &ApiSettings::default(),
        (&ClusterImage::empty(), Access::UNLIMITED),
    ) else {
        panic!("topics to delete")
    };
    assert_eq!(timeout.as_millis(), 700);
    let answer = pending.respond(Ending::TimedOut);
    let codes: Vec<_> = answer.responses.iter().map(|result| result.error_code).collect();
    assert_eq!(codes, [ErrorCode::RequestTimedOut.code(); 2]);
}
