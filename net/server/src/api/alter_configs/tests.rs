//! Configs change, or it is said why not.

use corelog_cluster::ConfigResource;
use corelog_model::topic_config::{ConfigSource, ConfigType};
use corelog_model::{BrokerId, TopicName};

use super::*;
use crate::api::BrokerConfigEntry;
use crate::api::scene::{cluster, decided, received, served, with_topic};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

type Step = (i8, &'static str, Option<&'static str>);

fn resource(
    resource_type: i8,
    name: &'static str,
    steps: &[Step],
) -> AlterConfigsResource<'static> {
    let configs = steps.iter().map(|(operation, name, value)| AlterableConfig {
        name: (*name).into(),
        config_operation: *operation,
        value: value.map(Into::into),
    });
    AlterConfigsResource { resource_type, resource_name: name.into(), configs: configs.collect() }
}

fn asks(resources: Vec<AlterConfigsResource<'static>>) -> IncrementalAlterConfigsRequest<'static> {
    IncrementalAlterConfigsRequest { resources, validate_only: false }
}

/// One broker of two cores; topic `t` with a retention of its own.
fn image() -> ClusterImage {
    with_topic(&cluster(&[2]), ("t", 1), (1, 1), &[("retention.ms", "1000")])
}

/// Types, names and errors as a client of that version reads them, and the image after it.
#[track_caller]
fn carried_out(
    request: &IncrementalAlterConfigsRequest<'_>,
    version: i16,
) -> (Vec<(i8, String, ErrorCode)>, ClusterImage) {
    let request: IncrementalAlterConfigsRequest<'_> = received(request, version);
    let (answer, after) = match translate(request, (&image(), Access::UNLIMITED), &settings()) {
        Translation::Ask { change, pending, .. } => {
            let (ending, after) = decided(&image(), change);
            (pending.respond(ending), after)
        }
        Translation::Answer(answer) => (answer, image()),
    };
    let answer: IncrementalAlterConfigsResponse<'_> = received(&answer, version);
    let results = answer.responses.into_iter().map(|result| {
        let code = ErrorCode::from_code(result.error_code).unwrap();
        assert_eq!(result.error_message.is_some(), !code.is_none());
        (result.resource_type, result.resource_name.into_owned(), code)
    });
    (results.collect(), after)
}

fn named(resource_type: i8, name: &str, error: ErrorCode) -> (i8, String, ErrorCode) {
    (resource_type, name.to_owned(), error)
}

fn configs(image: &ClusterImage, resource: &ConfigResource) -> Vec<(String, String)> {
    image.configs_of(resource).cloned().unwrap_or_default().into_iter().collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn each_operation_does_what_its_number_says() {
    let topic = ConfigResource::Topic(TopicName::new("t").unwrap());
    for version in served::<IncrementalAlterConfigsRequest<'_>>() {
        let steps = [
            (0, "max.message.bytes", Some("2000")),
            (1, "retention.ms", None),
            (2, "cleanup.policy", Some("compact")),
            (3, "leader.replication.throttled.replicas", Some("0:1")),
        ];
        let (results, after) = carried_out(&asks(vec![resource(TOPIC, "t", &steps)]), version);
        assert_eq!(results, [named(TOPIC, "t", ErrorCode::None)]);
        let expected = [
            pair("cleanup.policy", "delete,compact"),
            pair("leader.replication.throttled.replicas", ""),
            pair("max.message.bytes", "2000"),
        ];
        assert_eq!(configs(&after, &topic), expected);
    }
}

#[test]
fn a_broker_is_altered_through_any_of_its_nodes_and_all_through_no_name() {
    let retention = (0, "log.retention.ms", Some("5000"));
    for (name, resource_changed) in [
        ("1000", ConfigResource::Broker(BrokerId(1))),
        ("1001", ConfigResource::Broker(BrokerId(1))),
        ("", ConfigResource::BrokerDefault),
    ] {
        let (results, after) = carried_out(&asks(vec![resource(BROKER, name, &[retention])]), 1);
        assert_eq!(results, [named(BROKER, name, ErrorCode::None)]);
        assert_eq!(configs(&after, &resource_changed), [pair("log.retention.ms", "5000")]);
    }
}

#[test]
fn resources_succeed_and_fail_one_by_one() {
    let set = [(0, "retention.ms", Some("7"))];
    let request = asks(vec![
        resource(TOPIC, "x", &set),
        resource(8, "1000", &set),
        resource(TOPIC, "t", &set),
        resource(TOPIC, "a b", &set),
        resource(BROKER, "1002", &[(0, "log.retention.ms", Some("7"))]),
        resource(BROKER, "one", &set),
        resource(BROKER, "1000", &[(0, "listeners", Some(":1"))]),
        resource(TOPIC, "t2", &[(4, "retention.ms", Some("7"))]),
    ]);
    for version in served::<IncrementalAlterConfigsRequest<'_>>() {
        let (results, after) = carried_out(&request, version);
        let expected = [
            named(TOPIC, "x", ErrorCode::UnknownTopicOrPartition),
            named(8, "1000", ErrorCode::InvalidRequest),
            named(TOPIC, "t", ErrorCode::None),
            named(TOPIC, "a b", ErrorCode::InvalidTopicException),
            named(BROKER, "1002", ErrorCode::BrokerIdNotRegistered),
            named(BROKER, "one", ErrorCode::InvalidRequest),
            named(BROKER, "1000", ErrorCode::InvalidConfig),
            named(TOPIC, "t2", ErrorCode::InvalidRequest),
        ];
        assert_eq!(results, expected);
        assert_eq!(after.topic_by_name("t").unwrap().configs()["retention.ms"], "7");
    }
}

#[test]
fn a_resource_with_one_bad_config_stays_as_it_was() {
    for bad in [
        (0, "retention.ms", Some("soon")),
        (0, "retention.ms", None),
        (0, "retention", Some("1")),
        (2, "retention.ms", Some("1")),
    ] {
        let steps = [(0, "max.message.bytes", Some("2000")), bad];
        let (results, after) = carried_out(&asks(vec![resource(TOPIC, "t", &steps)]), 1);
        assert_eq!(results, [named(TOPIC, "t", ErrorCode::InvalidConfig)]);
        assert_eq!(after.version(), image().version());
    }
}

#[test]
fn what_is_there_twice_is_refused() {
    let set = [(0, "retention.ms", Some("7"))];
    let twice = asks(vec![resource(TOPIC, "t", &set), resource(TOPIC, "t", &set)]);
    let refused = named(TOPIC, "t", ErrorCode::InvalidRequest);
    assert_eq!(carried_out(&twice, 1).0, [refused.clone(), refused.clone()]);
    let twice = asks(vec![resource(TOPIC, "t", &[set[0], set[0]])]);
    assert_eq!(carried_out(&twice, 1).0, [refused]);
}

#[test]
fn a_request_may_be_checked_only() {
    let set = [(0, "retention.ms", Some("7"))];
    let request = IncrementalAlterConfigsRequest {
        validate_only: true,
        ..asks(vec![resource(TOPIC, "t", &set)])
    };
    let (results, after) = carried_out(&request, 1);
    assert_eq!(results, [named(TOPIC, "t", ErrorCode::None)]);
    assert_eq!(after.version(), image().version());
}

#[test]
fn nothing_is_asked_for_a_request_without_resources_that_are_known() {
    let nothing = Translation::Answer(IncrementalAlterConfigsResponse::default());
    assert_eq!(translate(asks(Vec::new()), (&image(), Access::UNLIMITED), &settings()), nothing);
    let unknown =
        translate(asks(vec![resource(16, "m", &[])]), (&image(), Access::UNLIMITED), &settings());
    assert!(matches!(unknown, Translation::Answer(_)), "{unknown:?}");
}

#[test]
fn what_fails_the_controller_fails_each_resource() {
    let resources = vec![resource(TOPIC, "t", &[]), resource(8, "", &[])];
    let Translation::Ask { pending, timeout, .. } =
        translate(asks(resources), (&image(), Access::UNLIMITED), &settings())
    else {
        panic!("configs to alter")
    };
    assert_eq!(timeout, TIMEOUT);
    let answer = pending.respond(Ending::TimedOut);
    let codes: Vec<_> = answer.responses.iter().map(|result| result.error_code).collect();
    assert_eq!(codes, [ErrorCode::RequestTimedOut.code(), ErrorCode::InvalidRequest.code()]);
}

#[test]
fn the_elder_api_replaces_all_configs_of_a_resource() {
    let config = |name: &'static str, value: Option<&'static str>| elder::AlterableConfig {
        name: name.into(),
        value: value.map(Into::into),
    };
    let resource = |name: &'static str, configs| elder::AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: name.into(),
        configs,
    };
    let resources = vec![
        resource("t", vec![config("max.message.bytes", Some("2000"))]),
        resource("no-such", vec![config("retention.ms", None)]),
    ];
    let request = AlterConfigsRequest { resources, validate_only: false };
    let topic = ConfigResource::Topic(TopicName::new("t").unwrap());
    for version in served::<AlterConfigsRequest<'_>>() {
        let request: AlterConfigsRequest<'_> = received(&request, version);
        let Translation::Ask { change, pending, .. } =
            translate_elder(request, (&image(), Access::UNLIMITED), &settings())
        else {
            panic!("there is something to ask")
        };
        let (ending, after) = decided(&image(), change);
        let answer: AlterConfigsResponse<'_> =
            received(&answer_of_elder(pending.respond(ending)), version);
        let codes: Vec<_> = answer.responses.iter().map(|response| response.error_code).collect();
        assert_eq!(codes, [0, ErrorCode::UnknownTopicOrPartition.code()]);
        assert_eq!(configs(&after, &topic), [pair("max.message.bytes", "2000")]);
    }
}

/// A broker with a config that can change and one that cannot.
fn settings() -> ApiSettings {
    let entry = |name| BrokerConfigEntry {
        name,
        value: None,
        source: ConfigSource::Default,
        synonyms: Vec::new(),
        is_sensitive: false,
        config_type: ConfigType::Int,
        doc: "",
    };
    let broker_configs = vec![entry("max.connections"), entry("num.partitions")];
    ApiSettings { broker_configs, ..ApiSettings::default() }
}

#[test]
fn what_a_broker_reads_only_at_its_start_is_an_invalid_request() {
    let check = |name: &'static str, key: &'static str| {
        let asked = asks(vec![resource(BROKER, name, &[(SET, key, Some("5"))])]);
        let (mut answer, after) = carried_out(&asked, 1);
        assert_eq!(after == image(), !answer[0].2.is_none());
        answer.remove(0).2
    };
    for name in ["", "1000"] {
        assert_eq!(check(name, "max.connections"), ErrorCode::None);
        assert_eq!(check(name, "num.partitions"), ErrorCode::InvalidRequest);
        assert_eq!(check(name, "no.such.key"), ErrorCode::InvalidConfig);
    }
}
