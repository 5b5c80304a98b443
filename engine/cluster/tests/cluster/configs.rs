//! Configs are set, removed and edited within the rules of their table.

use corelog_cluster::decide::configs::{
    AlterConfig, AlterConfigError, AlterConfigs, AlterResource, CONFIG_VALUE_BYTES_MAX,
    ConfigError, ConfigOperation, alter_configs,
};
use corelog_cluster::decide::create_topics::{
    CreateTopicError, CreateTopics, NewTopic, create_topics,
};
use corelog_cluster::decide::{Decision, Mode, TopicPolicy};
use corelog_cluster::group_keys::GroupBounds;
use corelog_cluster::{ClusterImage, ConfigResource, MetadataRecord};
use corelog_model::topic_config::ConfigMap;
use corelog_model::{BrokerId, ErrorCode};

use crate::scene::{cluster, name, new_topic, sized_topic, with_topics};

const SET: ConfigOperation = ConfigOperation::Set;
const DELETE: ConfigOperation = ConfigOperation::Delete;
const APPEND: ConfigOperation = ConfigOperation::Append;
const SUBTRACT: ConfigOperation = ConfigOperation::Subtract;

const DEFAULT: ConfigResource = ConfigResource::BrokerDefault;

fn topic() -> ConfigResource {
    ConfigResource::Topic(name("t"))
}

fn broker() -> ConfigResource {
    ConfigResource::Broker(BrokerId(1))
}

/// One broker and topic `t`.
fn image() -> ClusterImage {
    with_topics(&cluster(&[1]), vec![sized_topic("t", 1, 1)])
}

type Step<'a> = (ConfigOperation, &'a str, &'a str);

fn alteration(resource: ConfigResource, steps: &[Step<'_>]) -> AlterResource {
    let alterations = steps.iter().map(|(operation, key, value)| AlterConfig {
        key: (*key).to_owned(),
        operation: *operation,
        value: Some((*value).to_owned()),
    });
    AlterResource { resource, alterations: alterations.collect(), replaces_all: false }
}

fn decide(
    image: &ClusterImage,
    mode: Mode,
    resources: Vec<AlterResource>,
) -> Decision<(), AlterConfigError> {
    alter_configs(image, &GroupBounds::default(), &AlterConfigs { mode, resources })
}

fn altered(image: &ClusterImage, resource: ConfigResource, steps: &[Step<'_>]) -> ClusterImage {
    let decision = decide(image, Mode::Apply, vec![alteration(resource, steps)]);
    assert_eq!(decision.results, [Ok(())]);
    image.fold(&decision.records).unwrap()
}

/// The code and the message of a refusal.
fn refused(
    image: &ClusterImage,
    resource: ConfigResource,
    steps: &[Step<'_>],
) -> (ErrorCode, String) {
    let decision = decide(image, Mode::Apply, vec![alteration(resource, steps)]);
    assert_eq!(decision.records, []);
    let [Err(error)] = &decision.results[..] else { panic!("{:?}", decision.results) };
    (error.code(), error.to_string())
}

fn configs(image: &ClusterImage, resource: &ConfigResource) -> Vec<(String, String)> {
    image.configs_of(resource).cloned().unwrap_or_default().into_iter().collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn configs_are_set_replaced_and_removed() {
    let image = altered(&image(), topic(), &[(SET, "retention.ms", "5"), (SET, "flush.ms", "6")]);
    assert_eq!(configs(&image, &topic()), pairs(&[("flush.ms", "6"), ("retention.ms", "5")]));
    let image = altered(&image, topic(), &[(SET, "retention.ms", "7"), (DELETE, "flush.ms", "")]);
    assert_eq!(configs(&image, &topic()), pairs(&[("retention.ms", "7")]));
    let image = altered(&image, broker(), &[(SET, "log.retention.hours", "1")]);
    assert_eq!(configs(&image, &broker()), pairs(&[("log.retention.hours", "1")]));
    let image = altered(&image, DEFAULT, &[(SET, "log.segment.bytes", "2000000")]);
    assert_eq!(configs(&image, &DEFAULT), pairs(&[("log.segment.bytes", "2000000")]));
}

#[test]
fn configs_that_are_not_named_go_back_to_their_defaults_if_all_are_replaced() {
    let set = [(SET, "retention.ms", "5"), (SET, "flush.ms", "6"), (SET, "segment.ms", "7")];
    let image = altered(&image(), topic(), &set);
    let steps = [(SET, "flush.ms", "6"), (SET, "segment.ms", "8")];
    let replacing = AlterResource { replaces_all: true, ..alteration(topic(), &steps) };
    let decision = decide(&image, Mode::Apply, vec![replacing.clone()]);
    assert_eq!((decision.results, decision.records.len()), (vec![Ok(())], 2));
    let image = image.fold(&decision.records).unwrap();
    assert_eq!(configs(&image, &topic()), pairs(&[("flush.ms", "6"), ("segment.ms", "8")]));
    let nothing = AlterResource { alterations: Vec::new(), ..replacing };
    let decision = decide(&image, Mode::Apply, vec![nothing]);
    assert_eq!(configs(&image.fold(&decision.records).unwrap(), &topic()), []);
}

#[test]
fn only_what_differs_becomes_a_record() {
    let image = altered(&image(), topic(), &[(SET, "retention.ms", "5"), (SET, "flush.ms", "6")]);
    let steps = [(SET, "retention.ms", "5"), (SET, "flush.ms", "7"), (DELETE, "segment.ms", "")];
    let decision = decide(&image, Mode::Apply, vec![alteration(topic(), &steps)]);
    let record = MetadataRecord::ConfigSet {
        resource: topic(),
        key: "flush.ms".to_owned(),
        value: Some("7".to_owned()),
    };
    assert_eq!(decision, Decision { records: vec![record], results: vec![Ok(())] });
}

#[test]
fn lists_are_edited_from_what_is_set_or_else_from_the_default() {
    let check = |image: &ClusterImage, resource: ConfigResource, step: Step<'_>, expected: &str| {
        let after = altered(image, resource.clone(), &[step]);
        assert_eq!(configs(&after, &resource), pairs(&[(step.1, expected)]));
        after
    };
    let policy = "cleanup.policy";
    let both = check(&image(), topic(), (APPEND, policy, "compact"), "delete,compact");
    check(&both, topic(), (APPEND, policy, "compact, delete"), "delete,compact");
    check(&both, topic(), (SUBTRACT, policy, " delete "), "compact");
    check(&both, topic(), (SUBTRACT, policy, "delete,compact"), "");
    check(&image(), topic(), (SUBTRACT, policy, "compact"), "delete");

    // The default may come from the brokers.
    let compact = altered(&image(), DEFAULT, &[(SET, "log.cleanup.policy", "compact")]);
    check(&compact, topic(), (APPEND, policy, "delete"), "compact,delete");
    check(&compact, broker(), (APPEND, "log.cleanup.policy", "delete"), "compact,delete");
    check(&compact, DEFAULT, (APPEND, "log.cleanup.policy", "delete"), "compact,delete");
    check(&image(), DEFAULT, (APPEND, "log.cleanup.policy", "compact"), "delete,compact");
}

#[test]
fn only_lists_are_edited() {
    for operation in [APPEND, SUBTRACT] {
        for (resource, key) in [(topic(), "retention.ms"), (broker(), "log.retention.ms")] {
            let (code, message) = refused(&image(), resource, &[(operation, key, "1")]);
            assert_eq!(code, ErrorCode::InvalidConfig);
            assert!(message.contains("is not a list"), "{message}");
        }
    }
}

#[test]
fn values_and_names_outside_the_table_are_refused() {
    let long = "x".repeat(CONFIG_VALUE_BYTES_MAX + 1);
    for (resource, operation, key, value) in [
        (topic(), SET, "retention.sm", "1"),
        (topic(), DELETE, "retention.sm", ""),
        (topic(), SET, "log.retention.ms", "1"),
        (topic(), SET, "retention.ms", "-2"),
        (topic(), SET, "retention.ms", "soon"),
        (topic(), SET, "message.format.version", &long),
        (topic(), APPEND, "cleanup.policy", "shred"),
        (broker(), SET, "retention.ms", "1"),
        (broker(), SET, "log.retention.hours", "-2"),
        (broker(), SET, "compression.gzip.level", "99"),
        (DEFAULT, SET, "num.partitions", "1"),
        (DEFAULT, SET, "log.segment.bytes", "1"),
    ] {
        let (code, message) = refused(&image(), resource, &[(operation, key, value)]);
        assert_eq!(code, ErrorCode::InvalidConfig, "{message}");
    }
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    let (min, max) = ("min.compaction.lag.ms", "max.compaction.lag.ms");
    let conflict = |image: &ClusterImage, resource, steps: &[Step<'_>]| {
        let (code, message) = refused(image, resource, steps);
        assert_eq!(code, ErrorCode::InvalidConfig);
        assert!(message.contains("contradicts"), "{message}");
    };
    conflict(&image(), topic(), &[(SET, min, "2"), (SET, max, "1")]);
    let with_max = altered(&image(), topic(), &[(SET, max, "1")]);
    conflict(&with_max, topic(), &[(SET, min, "2")]);
    let with_default =
        altered(&image(), DEFAULT, &[(SET, "log.cleaner.max.compaction.lag.ms", "1")]);
    conflict(&with_default, topic(), &[(SET, min, "2")]);
    conflict(&with_default, broker(), &[(SET, "log.cleaner.min.compaction.lag.ms", "2")]);
}

#[test]
fn a_resource_changes_as_a_whole_and_alone() {
    let good = alteration(broker(), &[(SET, "log.retention.ms", "1")]);
    let bad = alteration(topic(), &[(SET, "retention.ms", "1"), (SET, "flush.ms", "never")]);
    let decision = decide(&image(), Mode::Apply, vec![bad, good]);
    assert!(decision.results[0].is_err());
    assert_eq!(decision.results[1], Ok(()));
    let record = MetadataRecord::ConfigSet {
        resource: broker(),
        key: "log.retention.ms".to_owned(),
        value: Some("1".to_owned()),
    };
    assert_eq!(decision.records, [record]);
}

#[test]
fn unknown_and_doubled_resources_and_configs_are_refused() {
    let set = [(SET, "retention.ms", "1")];
    let (code, _) = refused(&image(), ConfigResource::Topic(name("x")), &set);
    assert_eq!(code, ErrorCode::UnknownTopicOrPartition);
    let (code, _) = refused(&image(), ConfigResource::Broker(BrokerId(9)), &set);
    assert_eq!(code, ErrorCode::BrokerIdNotRegistered);
    let twice = [(SET, "retention.ms", "1"), (DELETE, "retention.ms", "")];
    assert_eq!(refused(&image(), topic(), &twice).0, ErrorCode::InvalidRequest);
    let resources = vec![alteration(topic(), &set), alteration(topic(), &[])];
    let decision = decide(&image(), Mode::Apply, resources);
    let duplicate = AlterConfigError::DuplicateResource { resource: topic() };
    assert_eq!(duplicate.code(), ErrorCode::InvalidRequest);
    assert_eq!(decision.results, [Err(duplicate.clone()), Err(duplicate)]);
    assert_eq!(decision.records, []);
}

#[test]
fn tiered_storage_cannot_be_switched_on_as_there_is_none() {
    let set = |value| [(SET, "remote.storage.enable", value)];
    assert_eq!(refused(&image(), topic(), &set("True")).0, ErrorCode::InvalidConfig);
    altered(&image(), topic(), &set("false"));
}

#[test]
fn a_value_is_needed_to_set_or_edit() {
    for operation in [SET, APPEND, SUBTRACT] {
        let mut request = alteration(topic(), &[(operation, "cleanup.policy", "")]);
        request.alterations[0].value = None;
        let decision = decide(&image(), Mode::Apply, vec![request]);
        let no_value = ConfigError::NoValue { key: "cleanup.policy".to_owned() };
        assert_eq!(decision.results, [Err(AlterConfigError::Config(no_value))]);
    }
}

#[test]
fn a_config_that_is_not_known_any_more_can_be_removed() {
    let record = MetadataRecord::ConfigSet {
        resource: topic(),
        key: "of.an.older.version".to_owned(),
        value: Some("1".to_owned()),
    };
    let old = image().fold(&[record]).unwrap();
    let new = altered(&old, topic(), &[(DELETE, "of.an.older.version", "")]);
    assert_eq!(configs(&new, &topic()), []);
}

#[test]
fn validation_changes_nothing() {
    let good = alteration(topic(), &[(SET, "retention.ms", "1")]);
    let bad = alteration(broker(), &[(SET, "log.retention.ms", "soon")]);
    let applied = decide(&image(), Mode::Apply, vec![good.clone(), bad.clone()]);
    let validated = decide(&image(), Mode::ValidateOnly, vec![good, bad]);
    assert_eq!(validated, Decision { records: Vec::new(), results: applied.results });
}

#[test]
fn new_topics_have_configs_within_the_same_rules() {
    let default = altered(&image(), DEFAULT, &[(SET, "log.cleaner.max.compaction.lag.ms", "9")]);
    let create = |configs: &[(&str, Option<&str>)]| {
        let configs = configs.iter();
        let configs = configs.map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned)));
        let topic = NewTopic { configs: configs.collect(), ..new_topic("new") };
        let request = CreateTopics { mode: Mode::Apply, topics: vec![topic] };
        let decision = create_topics(&default, &TopicPolicy::default(), &request);
        assert_eq!(decision.records.is_empty(), decision.results[0].is_err());
        decision.results[0].as_ref().map(|_| ()).map_err(CreateTopicError::code)
    };
    assert_eq!(create(&[("cleanup.policy", Some("")), ("flush.ms", Some("1"))]), Ok(()));
    for configs in [
        &[("no.such.config", Some("1"))][..],
        &[("retention.ms", Some("soon"))],
        &[("retention.ms", None)],
        &[("min.compaction.lag.ms", Some("10"))],
    ] {
        assert_eq!(create(configs), Err(ErrorCode::InvalidConfig), "{configs:?}");
    }
    let twice = create(&[("retention.ms", Some("1")), ("retention.ms", Some("1"))]);
    assert_eq!(twice, Err(ErrorCode::InvalidRequest));
}

#[test]
fn what_holds_for_a_topic_is_its_own_or_its_brokers() {
    let image = altered(
        &image(),
        DEFAULT,
        &[
            (SET, "log.retention.ms", "2"),
            (SET, "log.roll.ms", "2"),
            (SET, "log.flush.interval.ms", "2"),
        ],
    );
    let image = altered(
        &image,
        broker(),
        &[(SET, "log.roll.ms", "3"), (SET, "log.flush.interval.ms", "3")],
    );
    let image = altered(&image, topic(), &[(SET, "flush.ms", "4")]);
    let statics = [("log.retention.ms", "1"), ("log.index.interval.bytes", "1")];
    let statics = pairs(&statics).into_iter().collect::<ConfigMap>();
    let defaults = image.broker_defaults(BrokerId(1), &statics);
    let config = image.topic_by_name("t").unwrap().effective_config(&defaults).0;
    let found =
        (config.index_interval_bytes, config.retention_ms, config.segment_ms, config.flush_ms);
    assert_eq!(found, (1, Some(2), 3, 4));
    let other = image.broker_defaults(BrokerId(2), &statics);
    let config = image.topic_by_name("t").unwrap().effective_config(&other).0;
    assert_eq!(config.segment_ms, 2);
}

#[test]
fn brokers_can_change_some_of_their_own_configs_within_bounds() {
    let image = cluster(&[1]);
    let set = |resource: ConfigResource, key: &str, value: &str| {
        let alterations = vec![AlterConfig {
            key: key.to_owned(),
            operation: ConfigOperation::Set,
            value: Some(value.to_owned()),
        }];
        let resources = vec![AlterResource { resource, alterations, replaces_all: false }];
        let request = AlterConfigs { mode: Mode::Apply, resources };
        let decision = alter_configs(&image, &GroupBounds::default(), &request);
        image.fold(&decision.records).unwrap();
        decision.results[0].as_ref().map_or_else(AlterConfigError::code, |()| ErrorCode::None)
    };
    let broker = || ConfigResource::Broker(BrokerId(1));
    assert_eq!(set(broker(), "max.connections", "10"), ErrorCode::None);
    assert_eq!(set(DEFAULT, "producer.id.expiration.ms", "10"), ErrorCode::None);
    assert_eq!(set(broker(), "max.connections", "-1"), ErrorCode::InvalidConfig);
    assert_eq!(set(DEFAULT, "max.connections", "many"), ErrorCode::InvalidConfig);
    let group = || ConfigResource::Group("g".to_owned());
    assert_eq!(set(group(), "consumer.session.timeout.ms", "50000"), ErrorCode::None);
    assert_eq!(set(group(), "consumer.session.timeout.ms", "1"), ErrorCode::InvalidConfig);
    assert_eq!(set(group(), "retention.ms", "1"), ErrorCode::InvalidConfig);
    let nobody = ConfigResource::Group(String::new());
    assert_eq!(set(nobody, "consumer.session.timeout.ms", "50000"), ErrorCode::InvalidRequest);
}

#[test]
fn a_broker_config_that_nobody_set_can_be_removed() {
    let image = cluster(&[1]);
    let alterations = vec![AlterConfig {
        key: "leader.replication.throttled.rate".to_owned(),
        operation: ConfigOperation::Delete,
        value: None,
    }];
    let resources = vec![AlterResource { resource: DEFAULT, alterations, replaces_all: false }];
    let request = AlterConfigs { mode: Mode::Apply, resources };
    let decision = alter_configs(&image, &GroupBounds::default(), &request);
    assert_eq!((decision.records, decision.results), (Vec::new(), vec![Ok(())]));
}
