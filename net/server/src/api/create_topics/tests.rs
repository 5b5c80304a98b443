//! Topics come into being, or it is said why not.

use corelog_cluster::controller::ControllerError;
use corelog_model::topic_config::{ConfigSource, TOPIC_CONFIGS, Visibility};
use corelog_wire::api::create_topics::{CreatableReplicaAssignment, CreatableTopicConfig};

use super::*;
use crate::api::scene::{cluster, decided, received, served, topic_id, topic_ids, with_topic};

fn topic(name: &str, num_partitions: i32) -> CreatableTopic<'static> {
    CreatableTopic {
        name: name.to_owned().into(),
        num_partitions,
        replication_factor: 1,
        ..Default::default()
    }
}

fn configured(
    name: &str,
    configs: &[(&'static str, Option<&'static str>)],
) -> CreatableTopic<'static> {
    let configs = configs.iter().map(|(name, value)| CreatableTopicConfig {
        name: (*name).into(),
        value: value.map(Into::into),
    });
    CreatableTopic { configs: configs.collect(), ..topic(name, 1) }
}

fn asks(topics: Vec<CreatableTopic<'static>>) -> CreateTopicsRequest<'static> {
    CreateTopicsRequest { topics, ..Default::default() }
}

/// Brokers with two cores and one, and topic `old`.
fn image() -> ClusterImage {
    with_topic(&cluster(&[2, 1]), ("old", 1), (1, 1), &[])
}

/// The answer as a client of that version reads it, and the image after it.
#[track_caller]
fn carried_out(
    request: &CreateTopicsRequest<'_>,
    version: i16,
) -> (CreateTopicsResponse<'static>, ClusterImage) {
    let request: CreateTopicsRequest<'_> = received(request, version);
    let before = image();
    match translate(request, version, Access::UNLIMITED, topic_ids()) {
        Translation::Ask { change, pending, .. } => {
            let (ending, after) = decided(&before, change);
            let answer =
                pending.respond(ending, (&after, Access::UNLIMITED), &ApiSettings::default());
            (received(&answer, version), after)
        }
        Translation::Answer(answer) => (received(&answer, version), before),
    }
}

/// Names and errors of the topics in the answer.
#[track_caller]
fn errors(request: &CreateTopicsRequest<'_>, version: i16) -> Vec<(String, ErrorCode)> {
    let (answer, _) = carried_out(request, version);
    let topics = answer.topics.into_iter().map(|topic| {
        let code = ErrorCode::from_code(topic.error_code).unwrap();
        assert_eq!(topic.error_message.is_some(), version >= 1 && !code.is_none());
        (topic.name.into_owned(), code)
    });
    topics.collect()
}

fn named(name: &str, error: ErrorCode) -> (String, ErrorCode) {
    (name.to_owned(), error)
}

#[test]
fn a_new_topic_is_described_as_far_as_the_version_goes() {
    for version in served::<CreateTopicsRequest<'_>>() {
        let (answer, after) = carried_out(&asks(vec![topic("new", 3)]), version);
        let [created] = answer.topics.as_slice() else { panic!("one topic: {answer:?}") };
        assert_eq!((&*created.name, created.error_code), ("new", 0));
        assert_eq!(created.error_message, None);
        let id = if version >= 7 { topic_id(101) } else { TopicId::ZERO };
        assert_eq!(created.topic_id, *id.as_bytes());
        let sizes = if version >= 5 { (3, 1) } else { (-1, -1) };
        assert_eq!((created.num_partitions, created.replication_factor), sizes);
        assert_eq!(after.topic_by_name("new").unwrap().partition_count(), 3);
    }
}

#[test]
fn from_version_5_the_configs_of_a_new_topic_are_told_with_their_sources() {
    let request = asks(vec![configured("new", &[("retention.ms", Some("1000"))])]);
    for version in served::<CreateTopicsRequest<'_>>() {
        let (answer, after) = carried_out(&request, version);
        let configs = answer.topics[0].configs.as_deref().unwrap();
        if version < 5 {
            assert_eq!(configs, []);
            continue;
        }
        let listed = TOPIC_CONFIGS.iter().filter(|key| key.visibility == Visibility::Listed);
        assert_eq!(configs.len(), listed.count());
        let config = |name| configs.iter().find(|config| config.name == name).unwrap();
        let expected = CreatableTopicConfigs {
            name: "retention.ms".into(),
            value: Some("1000".into()),
            read_only: false,
            config_source: ConfigSource::DynamicTopic.number(),
            is_sensitive: false,
        };
        assert_eq!(*config("retention.ms"), expected);
        let policy = config("cleanup.policy");
        assert_eq!(policy.value.as_deref(), Some("delete"));
        assert_eq!(policy.config_source, ConfigSource::Default.number());
        assert_eq!(after.topic_by_name("new").unwrap().configs()["retention.ms"], "1000");
    }
}

#[test]
fn the_configs_of_a_new_topic_include_what_the_operator_wrote() {
    let request = asks(vec![topic("new", 1)]);
    let Translation::Ask { change, pending, .. } =
        translate(request, 7, Access::UNLIMITED, topic_ids())
    else {
        panic!("a topic to create")
    };
    let (ending, after) = decided(&image(), change);
    let topic_defaults = ConfigMap::from([("log.retention.ms".to_owned(), "5000".to_owned())]);
    let settings = ApiSettings { topic_defaults, ..ApiSettings::default() };
    let answer = pending.respond(ending, (&after, Access::UNLIMITED), &settings);
    let configs = answer.topics[0].configs.as_deref().unwrap();
    let config = configs.iter().find(|config| config.name == "retention.ms").unwrap();
    assert_eq!(config.value.as_deref(), Some("5000"));
    assert_eq!(config.config_source, ConfigSource::StaticBroker.number());
}

#[test]
fn from_version_1_a_request_may_be_checked_only() {
    for version in 1..=7 {
        let request = CreateTopicsRequest { validate_only: true, ..asks(vec![topic("new", 2)]) };
        let (answer, after) = carried_out(&request, version);
        let created = &answer.topics[0];
        assert_eq!((created.error_code, created.topic_id), (0, [0; 16]));
        assert_eq!(created.num_partitions, if version >= 5 { 2 } else { -1 });
        assert_eq!(after.version(), image().version());
        let request = CreateTopicsRequest { validate_only: true, ..asks(vec![topic("old", 2)]) };
        let expected = [named("old", ErrorCode::TopicAlreadyExists)];
        assert_eq!(errors(&request, version), expected);
    }
}

#[test]
fn topics_succeed_and_fail_one_by_one() {
    let request = asks(vec![
        topic("old", 1),
        topic("good", 1),
        topic("a b", 1),
        topic("__consumer_offsets", 50),
        topic("none", 0),
        CreatableTopic { replication_factor: 3, ..topic("wide", 1) },
        configured("odd", &[("retention.ms", Some("soon"))]),
        configured("typo", &[("retention.m", Some("1"))]),
        configured("null", &[("retention.ms", None)]),
    ]);
    for version in served::<CreateTopicsRequest<'_>>() {
        let expected = [
            named("old", ErrorCode::TopicAlreadyExists),
            named("good", ErrorCode::None),
            named("a b", ErrorCode::InvalidTopicException),
            named("__consumer_offsets", ErrorCode::InvalidRequest),
            named("none", ErrorCode::InvalidPartitions),
            named("wide", ErrorCode::InvalidReplicationFactor),
            named("odd", ErrorCode::InvalidConfig),
            named("typo", ErrorCode::InvalidConfig),
            named("null", ErrorCode::InvalidConfig),
        ];
        assert_eq!(errors(&request, version), expected);
    }
}

#[test]
fn a_name_that_is_there_twice_is_created_not_at_all_and_answered_once() {
    let request = asks(vec![topic("new", 1), topic("b", 1), topic("new", 2)]);
    for version in served::<CreateTopicsRequest<'_>>() {
        let expected = [named("new", ErrorCode::InvalidRequest), named("b", ErrorCode::None)];
        assert_eq!(errors(&request, version), expected);
    }
}

#[test]
fn replicas_may_be_assigned_by_hand() {
    let assigned = |nodes: &[&[i32]]| {
        let assignments = nodes.iter().zip(0..).map(|(nodes, partition_index)| {
            CreatableReplicaAssignment { partition_index, broker_ids: nodes.to_vec() }
        });
        CreatableTopic {
            num_partitions: -1,
            replication_factor: -1,
            assignments: assignments.collect(),
            ..topic("new", -1)
        }
    };
    for version in served::<CreateTopicsRequest<'_>>() {
        let request = asks(vec![assigned(&[&[1001, 2000], &[2000, 1000]])]);
        let (answer, after) = carried_out(&request, version);
        assert_eq!(answer.topics[0].error_code, 0);
        let sizes = if version >= 5 { (2, 2) } else { (-1, -1) };
        assert_eq!((answer.topics[0].num_partitions, answer.topics[0].replication_factor), sizes);
        let new = after.topic_by_name("new").unwrap();
        let leaders: Vec<_> = new.partitions().map(|(_, state)| state.leader.get()).collect();
        assert_eq!(leaders, [1001, 2000]);

        let same_broker = asks(vec![assigned(&[&[1000, 1001]])]);
        let expected = [named("new", ErrorCode::InvalidReplicaAssignment)];
        assert_eq!(errors(&same_broker, version), expected);
    }
}

#[test]
fn nothing_is_asked_for_a_request_without_topics() {
    for topics in [Vec::new(), vec![topic("__transaction_state", 1)]] {
        let translation = translate(asks(topics), 7, Access::UNLIMITED, topic_ids());
        assert!(matches!(translation, Translation::Answer(_)), "{translation:?}");
    }
    assert_eq!(errors(&asks(Vec::new()), 7), []);
}

#[test]
fn a_client_waits_as_long_as_it_says() {
    let request = CreateTopicsRequest { timeout_ms: 1234, ..asks(vec![topic("new", 1)]) };
    let Translation::Ask { timeout, .. } = translate(request, 7, Access::UNLIMITED, topic_ids())
    else {
        panic!("a topic to create")
    };
    assert_eq!(timeout.as_millis(), 1234);
}

#[test]
fn what_fails_the_controller_fails_each_topic() {
    let busy = Outcome::Refused(ControllerError::Busy { max: 1 });
    let failed = Outcome::Refused(ControllerError::LogFailed);
    for (ending, error) in [
        (Ending::TimedOut, ErrorCode::RequestTimedOut),
        (Ending::Decided(busy), ErrorCode::RequestTimedOut),
        (Ending::Decided(failed), ErrorCode::KafkaStorageError),
    ] {
        let request = asks(vec![topic("a", 1), topic("__consumer_offsets", 1), topic("b", 1)]);
        let Translation::Ask { pending, .. } =
            translate(request, 7, Access::UNLIMITED, topic_ids())
        else {
            panic!("topics to create")
        };
        let answer =
            pending.respond(ending, (&image(), Access::UNLIMITED), &ApiSettings::default());
        let answer: CreateTopicsResponse<'_> = received(&answer, 7);
        let codes: Vec<_> = answer.topics.iter().map(|topic| topic.error_code).collect();
        assert_eq!(codes, [error.code(), ErrorCode::InvalidRequest.code(), error.code()]);
        assert!(answer.topics.iter().all(|topic| topic.error_message.is_some()));
    }
}

#[test]
fn whatever_the_client_wrote_the_answer_can_be_sent() {
    let long = "\u{7}".repeat(i16::MAX as usize);
    let key: &'static str = long.clone().leak();
    let topics = vec![topic(&long, 1), configured("a", &[(key, Some(key))])];
    for version in served::<CreateTopicsRequest<'_>>() {
        let expected =
            [named(&long, ErrorCode::InvalidTopicException), named("a", ErrorCode::InvalidConfig)];
        assert_eq!(errors(&asks(topics.clone()), version), expected);
    }
}
