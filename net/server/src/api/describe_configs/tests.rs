//! What holds, where it comes from, and what it means.

use corelog_cluster::decide::Mode;
use corelog_cluster::decide::configs::{
    AlterConfig, AlterConfigs, AlterResource, ConfigOperation, alter_configs,
};
use corelog_cluster::group_keys::GroupBounds;
use corelog_model::topic_config::{ConfigMap, Visibility};

use super::*;
use crate::api::BrokerConfigSynonym;
use crate::api::scene::{cluster, received, served, with_topic};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

fn resource(resource_type: i8, name: &'static str) -> DescribeConfigsResource<'static> {
    DescribeConfigsResource { resource_type, resource_name: name.into(), configuration_keys: None }
}

fn only(
    resource_type: i8,
    name: &'static str,
    keys: &[&'static str],
) -> DescribeConfigsResource<'static> {
    let keys = keys.iter().map(|key| Text::Borrowed(*key)).collect();
    DescribeConfigsResource { configuration_keys: Some(keys), ..resource(resource_type, name) }
}

fn asks(resources: Vec<DescribeConfigsResource<'static>>) -> DescribeConfigsRequest<'static> {
    DescribeConfigsRequest { resources, include_synonyms: true, include_documentation: true }
}

fn set(image: &ClusterImage, resource: ConfigResource, key: &str, value: &str) -> ClusterImage {
    let alteration = AlterConfig {
        key: key.to_owned(),
        operation: ConfigOperation::Set,
        value: Some(value.to_owned()),
    };
    let resources =
        vec![AlterResource { resource, alterations: vec![alteration], replaces_all: false }];
    let request = AlterConfigs { mode: Mode::Apply, resources };
    let decision = alter_configs(image, &GroupBounds::default(), &request);
    assert_eq!(decision.results, [Ok(())]);
    image.fold(&decision.records).unwrap()
}

/// Two brokers; topic `t` sets its retention, all brokers do, and so does broker 1.
fn image() -> ClusterImage {
    let image = with_topic(&cluster(&[2, 1]), ("t", 1), (1, 1), &[("retention.ms", "1000")]);
    let image = set(&image, ConfigResource::BrokerDefault, "log.retention.ms", "3000");
    let image = set(&image, ConfigResource::BrokerDefault, "log.roll.hours", "2");
    let group = ConfigResource::Group("g".to_owned());
    let image = set(&image, group, "consumer.session.timeout.ms", "50000");
    let image = set(&image, ConfigResource::BrokerDefault, "max.connections", "70");
    set(&image, ConfigResource::Broker(BrokerId(1)), "log.retention.ms", "2000")
}

fn entry(name: &'static str, value: &str, source: ConfigSource) -> BrokerConfigEntry {
    BrokerConfigEntry {
        name,
        value: Some(value.to_owned()),
        source,
        synonyms: vec![BrokerConfigSynonym { name, value: value.to_owned(), source }],
        is_sensitive: false,
        config_type: ConfigType::Long,
        doc: "What it does.",
    }
}

/// Broker 1, whose operator set the retention of topics, in hours, and a secret.
fn settings() -> ApiSettings {
    let secret = BrokerConfigEntry {
        is_sensitive: true,
        config_type: ConfigType::String,
        ..entry("secret", "hush", ConfigSource::StaticBroker)
    };
    let static_synonym =
        |name, value: &str, source| BrokerConfigSynonym { name, value: value.to_owned(), source };
    let retention = BrokerConfigEntry {
        synonyms: vec![
            static_synonym("log.retention.hours", "1", ConfigSource::StaticBroker),
            static_synonym("log.retention.ms", "604800000", ConfigSource::Default),
        ],
        ..entry("log.retention.ms", "3600000", ConfigSource::StaticBroker)
    };
    ApiSettings {
        topic_defaults: ConfigMap::from([("log.retention.ms".to_owned(), "3600000".to_owned())]),
        broker_configs: vec![
            retention,
            entry("fetch.max.bytes", "57671680", ConfigSource::Default),
            entry("max.connections", "5", ConfigSource::StaticBroker),
            entry("group.consumer.session.timeout.ms", "45000", ConfigSource::StaticBroker),
            secret,
        ],
        ..ApiSettings::default()
    }
}

/// The answer as a client of that version reads it.
#[track_caller]
fn answer(
    request: &DescribeConfigsRequest<'_>,
    version: i16,
) -> Vec<DescribeConfigsResult<'static>> {
    let request: DescribeConfigsRequest<'_> = received(request, version);
    let (image, settings) = (image(), settings());
    let answer = respond(&request, (&image, Access::UNLIMITED), &settings);
    let answer: DescribeConfigsResponse<'_> = received(&answer, version);
    answer.results
}

/// One config of one resource.
#[track_caller]
fn config(
    resource_type: i8,
    name: &'static str,
    key: &'static str,
    version: i16,
) -> DescribeConfigsResourceResult<'static> {
    let results = answer(&asks(vec![only(resource_type, name, &[key])]), version);
    let [result] = results.as_slice() else { panic!("one resource: {results:?}") };
    assert_eq!((result.error_code, &result.error_message), (0, &None));
    let [config] = result.configs.as_slice() else { panic!("one config: {result:?}") };
    config.clone()
}

fn synonyms(config: &DescribeConfigsResourceResult<'_>) -> Vec<(String, Option<String>, i8)> {
    let synonyms = config.synonyms.iter();
    let synonyms = synonyms.map(|synonym| {
        let value = synonym.value.as_deref().map(str::to_owned);
        (synonym.name.to_string(), value, synonym.source)
    });
    synonyms.collect()
}

fn synonym(name: &str, value: &str, source: ConfigSource) -> (String, Option<String>, i8) {
    (name.to_owned(), Some(value.to_owned()), source.number())
}

#[test]
fn a_topics_config_is_described_as_far_as_the_version_goes() {
    let key = TOPIC_CONFIGS.iter().find(|key| key.name == "retention.ms").unwrap();
    for version in served::<DescribeConfigsRequest<'_>>() {
        let config = config(TOPIC, "t", "retention.ms", version);
        assert_eq!(config.value.as_deref(), Some("1000"));
        assert!(!config.read_only && !config.is_sensitive);
        let source = if version >= 1 { ConfigSource::DynamicTopic.number() } else { -1 };
        assert_eq!((config.config_source, config.is_default), (source, false));
        let all = [
            synonym("retention.ms", "1000", ConfigSource::DynamicTopic),
            synonym("log.retention.ms", "2000", ConfigSource::DynamicBroker),
            synonym("log.retention.ms", "3000", ConfigSource::DynamicDefaultBroker),
            synonym("log.retention.ms", "3600000", ConfigSource::StaticBroker),
            synonym("log.retention.ms", "604800000", ConfigSource::Default),
        ];
        assert_eq!(synonyms(&config), if version >= 1 { &all[..] } else { &[] });
        let config_type = if version >= 3 { ConfigType::Long.number() } else { 0 };
        assert_eq!(config.config_type, config_type);
        assert_eq!(config.documentation.as_deref(), (version >= 3).then_some(key.doc));
    }
}

#[test]
fn a_config_that_nobody_set_has_its_default() {
    for version in served::<DescribeConfigsRequest<'_>>() {
        let config = config(TOPIC, "t", "min.insync.replicas", version);
        assert_eq!(config.value.as_deref(), Some("1"));
        let source = if version >= 1 { ConfigSource::Default.number() } else { -1 };
        assert_eq!((config.config_source, config.is_default), (source, version == 0));
    }
}

#[test]
fn a_default_in_hours_holds_in_milliseconds() {
    let config = config(TOPIC, "t", "segment.ms", 4);
    assert_eq!(config.value.as_deref(), Some("7200000"));
    assert_eq!(config.config_source, ConfigSource::DynamicDefaultBroker.number());
    let first = synonym("log.roll.hours", "2", ConfigSource::DynamicDefaultBroker);
    assert_eq!(synonyms(&config)[0], first);
}

#[test]
fn no_keys_and_an_empty_list_of_keys_are_all_configs() {
    let listed = TOPIC_CONFIGS.iter().filter(|key| key.visibility == Visibility::Listed).count();
    for version in served::<DescribeConfigsRequest<'_>>() {
        for resource in [resource(TOPIC, "t"), only(TOPIC, "t", &[])] {
            assert_eq!(answer(&asks(vec![resource]), version)[0].configs.len(), listed);
        }
        let unknown = only(TOPIC, "t", &["retention.m"]);
        assert_eq!(answer(&asks(vec![unknown]), version)[0].configs, []);
    }
}

#[test]
fn synonyms_and_documentation_are_for_those_who_ask() {
    let request = DescribeConfigsRequest {
        include_synonyms: false,
        include_documentation: false,
        ..asks(vec![resource(TOPIC, "t"), resource(BROKER, "1000")])
    };
    for result in answer(&request, 4) {
        assert_ne!(result.configs, []);
        for config in result.configs {
            assert_eq!((config.synonyms, config.documentation), (Vec::new(), None));
        }
    }
}

#[test]
fn a_broker_has_what_its_operator_wrote_and_what_was_set_since() {
    for version in served::<DescribeConfigsRequest<'_>>() {
        for node in ["1000", "1001"] {
            let results = answer(&asks(vec![resource(BROKER, node)]), version);
            let names: Vec<_> = results[0].configs.iter().map(|config| &*config.name).collect();
            let expected = [
                "fetch.max.bytes",
                "group.consumer.session.timeout.ms",
                "log.retention.ms",
                "log.roll.hours",
                "max.connections",
                "secret",
            ];
            assert_eq!(names, expected);
        }
        let config = config(BROKER, "1000", "log.retention.ms", version);
        assert_eq!((config.value.as_deref(), config.read_only), (Some("2000"), false));
        let source = if version >= 1 { ConfigSource::DynamicBroker.number() } else { -1 };
        assert_eq!((config.config_source, config.is_default), (source, false));
        let all = [
            synonym("log.retention.ms", "2000", ConfigSource::DynamicBroker),
            synonym("log.retention.ms", "3000", ConfigSource::DynamicDefaultBroker),
            synonym("log.retention.hours", "1", ConfigSource::StaticBroker),
            synonym("log.retention.ms", "604800000", ConfigSource::Default),
        ];
        assert_eq!(synonyms(&config), if version >= 1 { &all[..] } else { &[] });
    }
}

#[test]
fn what_a_broker_reads_at_its_start_is_read_only() {
    for version in served::<DescribeConfigsRequest<'_>>() {
        let config = config(BROKER, "1000", "fetch.max.bytes", version);
        assert_eq!((config.value.as_deref(), config.read_only), (Some("57671680"), true));
        assert_eq!(config.is_default, version == 0);
        assert_eq!(config.documentation.is_some(), version >= 3);
    }
}

#[test]
fn a_secret_is_told_to_nobody() {
    for version in served::<DescribeConfigsRequest<'_>>() {
        let config = config(BROKER, "1000", "secret", version);
        assert_eq!((config.value.as_deref(), config.is_sensitive), (None, true));
        assert!(config.synonyms.iter().all(|synonym| synonym.value.is_none()));
    }
}

#[test]
fn of_all_brokers_only_what_was_set_for_all_is_known() {
    let results = answer(&asks(vec![resource(BROKER, "")]), 4);
    let configs = results[0].configs.iter();
    let configs: Vec<_> =
        configs.map(|c| (&*c.name, c.value.as_deref(), c.config_source, c.config_type)).collect();
    let (source, long) = (ConfigSource::DynamicDefaultBroker.number(), ConfigType::Long.number());
    let expected = [
        ("log.retention.ms", Some("3000"), source, long),
        ("log.roll.hours", Some("2"), source, long),
        ("max.connections", Some("70"), source, ConfigType::Int.number()),
    ];
    assert_eq!(configs, expected);
}

#[test]
fn resources_are_found_and_missed_one_by_one() {
    let request = asks(vec![
        resource(TOPIC, "x"),
        resource(TOPIC, "a b"),
        resource(BROKER, "2000"),
        resource(BROKER, "1002"),
        resource(BROKER, "one"),
        resource(8, "1000"),
        only(TOPIC, "t", &["retention.ms"]),
    ]);
    for version in served::<DescribeConfigsRequest<'_>>() {
        let results = answer(&request, version);
        let results: Vec<_> = results
            .iter()
            .map(|result| {
                assert_eq!(result.error_message.is_some(), result.error_code != 0);
                assert_eq!(result.configs.len(), usize::from(result.error_code == 0));
                (&*result.resource_name, ErrorCode::from_code(result.error_code).unwrap())
            })
            .collect();
        let expected = [
            ("x", ErrorCode::UnknownTopicOrPartition),
            ("a b", ErrorCode::InvalidTopicException),
            ("2000", ErrorCode::InvalidRequest),
            ("1002", ErrorCode::InvalidRequest),
            ("one", ErrorCode::InvalidRequest),
            ("1000", ErrorCode::None),
            ("t", ErrorCode::None),
        ];
        assert_eq!(results, expected);
    }
}

#[test]
fn a_resource_that_is_there_twice_is_described_once() {
    let twice = vec![only(TOPIC, "t", &["retention.ms"]), resource(TOPIC, "t")];
    let results = answer(&asks(twice), 4);
    assert_eq!((results.len(), results[0].configs.len()), (1, 1));
}

#[test]
fn one_request_describes_no_more_than_the_bound() {
    let request = asks(vec![
        resource(TOPIC, "x"),
        resource(TOPIC, "t"),
        resource(BROKER, "1000"),
        resource(BROKER, "1001"),
    ]);
    let (image, settings) = (image(), ApiSettings { described_resources_max: 2, ..settings() });
    let answer: DescribeConfigsResponse<'_> =
        received(&respond(&request, (&image, Access::UNLIMITED), &settings), 4);
    let codes: Vec<_> = answer.results.iter().map(|result| result.error_code).collect();
    let (unknown, refused) = (ErrorCode::UnknownTopicOrPartition, ErrorCode::PolicyViolation);
    assert_eq!(codes, [unknown.code(), 0, 0, refused.code()]);
}

#[test]
fn a_value_too_long_for_the_wire_is_cut() {
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    let broker_configs = vec![entry("listeners", &long, ConfigSource::StaticBroker)];
    let settings = ApiSettings { broker_configs, ..settings() };
    let request = asks(vec![only(BROKER, "1000", &["listeners"])]);
    let image = image();
    let answer: DescribeConfigsResponse<'_> =
        received(&respond(&request, (&image, Access::UNLIMITED), &settings), 4);
    assert_eq!(answer.results[0].configs[0].value.as_deref().unwrap().len(), TEXT_BYTES_MAX);
}

#[test]
fn a_group_has_what_was_set_for_it_or_what_the_broker_has_for_all() {
    let name = "consumer.session.timeout.ms";
    for version in served::<DescribeConfigsRequest<'_>>().filter(|version| *version >= 1) {
        let of = |group| {
            let config = config(32, group, name, version);
            (config.value.clone().map(Text::into_owned), config.config_source, synonyms(&config))
        };
        let all = (name.to_owned(), Some("45000".to_owned()), ConfigSource::Default.number());
        let own = (name.to_owned(), Some("50000".to_owned()), ConfigSource::Group.number());
        let expected = (Some("50000".to_owned()), 8, vec![own, all.clone()]);
        assert_eq!(of("g"), expected);
        assert_eq!(of("other"), (Some("45000".to_owned()), 5, vec![all]));
    }
    let share = config(32, "other", "share.auto.offset.reset", 4);
    assert_eq!((share.value.as_deref(), share.config_type), (Some("latest"), 2));
    let renewal = config(32, "other", "share.renew.acknowledge.enable", 4);
    assert_eq!((renewal.value.as_deref(), renewal.config_type), (Some("true"), 1));
}

#[test]
fn what_a_broker_can_change_of_its_own_stands_over_its_file() {
    let config = config(BROKER, "1000", "max.connections", 4);
    assert_eq!((config.value.as_deref(), config.read_only), (Some("70"), false));
    let sources: Vec<i8> = config.synonyms.iter().map(|synonym| synonym.source).collect();
    let expected = [ConfigSource::DynamicDefaultBroker, ConfigSource::StaticBroker];
    assert_eq!(sources, expected.map(ConfigSource::number));
}
