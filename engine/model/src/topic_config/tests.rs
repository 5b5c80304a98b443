//! Tests of the topic configs.

use super::*;
use crate::batch::HEADER_LEN;

fn map(entries: &[(&str, &str)]) -> ConfigMap {
    entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn resolve(overrides: &[(&str, &str)]) -> Result<TopicConfig, ConfigError> {
    TopicConfig::resolve(&ConfigMap::new(), &map(overrides))
}

#[test]
fn the_table_is_sorted_and_its_defaults_keep_its_rules() {
    assert!(TOPIC_CONFIGS.is_sorted_by(|left, right| left.name < right.name));
    for key in TOPIC_CONFIGS {
        assert_eq!(topic_config_key(key.name).map(|found| found.name), Some(key.name));
        if let Some(default) = key.default {
            assert_eq!(validate(key.name, default), Ok(()), "{}", key.name);
        }
        assert!(key.doc.ends_with('.'), "{}", key.name);
        assert!((1..=3).contains(&key.priority), "{}", key.name);
    }
}

#[test]
fn the_defaults_are_kafkas() {
    let expected = TopicConfig {
        cleanup_policy: CleanupPolicy { delete: true, compact: false },
        retention_ms: Some(604_800_000),
        retention_bytes: None,
        segment_bytes: 1 << 30,
        segment_ms: 604_800_000,
        segment_jitter_ms: 0,
        segment_index_bytes: 10 << 20,
        index_interval_bytes: 4096,
        max_message_bytes: 1_048_588,
        min_insync_replicas: 1,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: 3_600_000,
        compression: TopicCompression::Producer,
        delete_retention_ms: 86_400_000,
        min_compaction_lag_ms: 0,
        max_compaction_lag_ms: i64::MAX,
        min_cleanable_dirty_ratio: 0.5,
        unclean_leader_election: false,
        file_delete_delay_ms: 60_000,
        flush_messages: i64::MAX,
        flush_ms: i64::MAX,
        preallocate: false,
        leader_throttled_replicas: ThrottledReplicas::None,
        follower_throttled_replicas: ThrottledReplicas::None,
        remote_storage: false,
        remote_log_copy_disable: false,
        remote_log_delete_on_disable: false,
        remote_copy_lag_ms: 0,
        remote_copy_lag_bytes: -1,
        local_retention_ms: Some(604_800_000),
        local_retention_bytes: None,
        dead_letter_queue: false,
    };
    assert_eq!(TopicConfig::default(), expected);
}

#[test]
fn an_override_beats_the_broker_and_the_broker_beats_the_table() {
    let broker = map(&[("log.retention.ms", "5"), ("log.segment.bytes", "2000000")]);
    let config = TopicConfig::resolve(&broker, &map(&[("retention.ms", "7")])).unwrap();
    assert_eq!((config.retention_ms, config.segment_bytes), (Some(7), 2_000_000));
    let config = TopicConfig::resolve(&broker, &ConfigMap::new()).unwrap();
    assert_eq!(config.retention_ms, Some(5));
}

#[test]
fn the_brokers_hours_and_minutes_become_milliseconds() {
    let check = |entries: &[(&str, &str)], expected| {
        let config = TopicConfig::resolve(&map(entries), &ConfigMap::new()).unwrap();
        assert_eq!(config.retention_ms, expected, "{entries:?}");
    };
    check(&[("log.retention.hours", "2")], Some(7_200_000));
    check(&[("log.retention.hours", "2"), ("log.retention.minutes", "3")], Some(180_000));
    check(&[("log.retention.minutes", "3"), ("log.retention.ms", "4")], Some(4));
    check(&[("log.retention.hours", "-1")], None);
    check(&[("log.retention.hours", "9223372036854775807")], Some(i64::MAX));
    let error = TopicConfig::resolve(&map(&[("log.roll.hours", "soon")]), &ConfigMap::new());
    let (name, value) = ("log.roll.hours".to_owned(), "soon".to_owned());
    assert_eq!(error, Err(ConfigError::Value { name, value, rule: "a 64-bit number".to_owned() }));
}

#[test]
fn every_kind_of_value_is_read() {
    let config = resolve(&[
        ("cleanup.policy", " compact , delete "),
        ("retention.ms", "-1"),
        ("retention.bytes", "-7"),
        ("compression.type", "zstd"),
        ("compression.zstd.level", "-5"),
        ("message.timestamp.type", "LogAppendTime"),
        ("min.cleanable.dirty.ratio", "0.25"),
        ("preallocate", "TRUE"),
        ("leader.replication.throttled.replicas", "0:101, 1:102"),
        ("follower.replication.throttled.replicas", "*"),
        ("message.format.version", "2.8-IV0"),
        ("message.downconversion.enable", "false"),
        ("internal.segment.bytes", "1024"),
        ("segment.bytes", "2097152"),
        ("max.compaction.lag.ms", "1000"),
    ])
    .unwrap();
    assert_eq!(config.cleanup_policy, CleanupPolicy { delete: true, compact: true });
    assert_eq!((config.retention_ms, config.retention_bytes), (None, None));
    assert_eq!(config.compression, TopicCompression::Codec(Codec::Zstd, Some(-5)));
    assert_eq!(config.timestamp_type, TimestampType::LogAppendTime);
    assert_eq!(config.min_cleanable_dirty_ratio.to_bits(), 0.25_f64.to_bits());
    assert!(config.preallocate);
    let replicas = ThrottledReplicas::Some(vec![(0, 101), (1, 102)]);
    assert_eq!(config.leader_throttled_replicas, replicas);
    assert_eq!(config.follower_throttled_replicas, ThrottledReplicas::All);
    assert_eq!((config.segment_bytes, config.roll_ms()), (1024, 1000));
}

#[test]
fn a_topic_may_keep_its_records_for_ever() {
    let config = resolve(&[("cleanup.policy", "")]).unwrap();
    assert_eq!(config.cleanup_policy, CleanupPolicy { delete: false, compact: false });
}

#[test]
fn the_level_of_the_topics_codec_is_kept() {
    let check = |entries: &[(&str, &str)], codec, level| {
        let config = resolve(entries).unwrap();
        assert_eq!(config.compression, TopicCompression::Codec(codec, level));
    };
    check(&[("compression.type", "gzip")], Codec::Gzip, None);
    check(&[("compression.type", "gzip"), ("compression.gzip.level", "9")], Codec::Gzip, Some(9));
    check(&[("compression.type", "lz4")], Codec::Lz4, Some(9));
    check(&[("compression.type", "snappy")], Codec::Snappy, None);
    check(&[("compression.type", "uncompressed")], Codec::None, None);
}

#[test]
fn values_that_break_their_rule_are_refused() {
    let check = |name: &str, text: &str, rule: &str| {
        let (name, value, rule) = (name.to_owned(), text.to_owned(), rule.to_owned());
        let overrides = [(name.as_str(), text)];
        assert_eq!(
            resolve(&overrides),
            Err(ConfigError::Value { name: name.clone(), value, rule })
        );
    };
    check("retention.ms", "-2", "at least -1");
    check("retention.ms", "a week", "a 64-bit number");
    check("segment.bytes", "1048575", "at least 1048576");
    check("segment.bytes", "2147483648", "a 32-bit number");
    check("internal.segment.bytes", &(HEADER_LEN - 1).to_string(), "at least 61");
    check("cleanup.policy", "compact,archive", "of compact, delete");
    check("cleanup.policy", "compact,", "of compact, delete");
    check("preallocate", "yes", "true or false");
    check("min.cleanable.dirty.ratio", "1.1", "from 0 to 1");
    check("min.cleanable.dirty.ratio", "NaN", "a decimal fraction");
    check("compression.gzip.level", "0", "-1, or from 1 to 9");
    check("compression.zstd.level", "23", "from -131072 to 22");
    check("message.timestamp.type", "createtime", "of CreateTime, LogAppendTime");
    check("min.insync.replicas", "0", "at least 1");
    let replicas = "\"*\" or a list such as 0:101,1:102 of partitions and brokers";
    for text in ["*,0:1", "0", "0:", "0:+1", "a:b"] {
        check("leader.replication.throttled.replicas", text, replicas);
    }
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    let entries = [("min.compaction.lag.ms", "11"), ("max.compaction.lag.ms", "10")];
    let text = resolve(&entries).unwrap_err().to_string();
    let expected = "min.compaction.lag.ms = 11 contradicts max.compaction.lag.ms = 10: \
                    the smallest lag is not above the largest";
    assert_eq!(text, expected);

    let tiered = |local: &'static str, all: &'static str| {
        [("remote.storage.enable", "true"), ("local.retention.ms", local), ("retention.ms", all)]
    };
    assert!(matches!(resolve(&tiered("11", "10")), Err(ConfigError::Conflict { .. })));
    assert!(matches!(resolve(&tiered("-1", "10")), Err(ConfigError::Conflict { .. })));
    assert_eq!(resolve(&tiered("-2", "10")).unwrap().local_retention_ms, Some(10));
    assert_eq!(resolve(&tiered("10", "10")).unwrap().local_retention_ms, Some(10));
    assert_eq!(resolve(&tiered("10", "-1")).unwrap().local_retention_ms, Some(10));
    assert!(resolve(&tiered("11", "10")[1..]).is_ok(), "it counts with tiered storage only");
}

#[test]
fn unknown_names_are_refused_with_the_nearest_one() {
    let error = resolve(&[("retention.mss", "1")]).unwrap_err();
    let text = "unknown topic config retention.mss; did you mean retention.ms?";
    assert_eq!(error.to_string(), text);
    let error = validate("colour", "red").unwrap_err();
    assert_eq!(error.to_string(), "unknown topic config colour");
    assert_eq!(nearest_name("clean.policy"), Some("cleanup.policy"));
    assert_eq!(nearest_name("cleanup_policy"), Some("cleanup.policy"));
    assert_eq!(nearest_name("internal.segment.byte"), None);
    assert_eq!(nearest_name(""), None);
    assert_eq!(nearest_name(&"x".repeat(10_000)), None);
}

#[test]
fn a_description_tells_the_value_its_source_and_all_others() {
    let dynamic = map(&[("log.retention.hours", "2")]);
    let file = map(&[("log.retention.ms", "5"), ("log.segment.bytes", "2000000")]);
    let layers = [(ConfigSource::DynamicBroker, &dynamic), (ConfigSource::StaticBroker, &file)];
    let described = describe(&layers, &map(&[("retention.ms", "7")]));
    let find = |name: &str| described.iter().find(|config| config.name == name).cloned();
    let synonym =
        |name, value: &str, source| DescribedSynonym { name, value: value.to_owned(), source };

    let retention = find("retention.ms").unwrap();
    assert_eq!((retention.value.as_deref(), retention.source.number()), (Some("7"), 1));
    assert_eq!(retention.config_type.number(), 5);
    let expected = [
        synonym("retention.ms", "7", ConfigSource::DynamicTopic),
        synonym("log.retention.ms", "5", ConfigSource::StaticBroker),
        synonym("log.retention.hours", "2", ConfigSource::DynamicBroker),
        synonym("log.retention.ms", "604800000", ConfigSource::Default),
    ];
    assert_eq!(retention.synonyms, expected);

    let segment = find("segment.bytes").unwrap();
    assert_eq!((segment.value.as_deref(), segment.source.number()), (Some("2000000"), 4));
    let preallocate = find("preallocate").unwrap();
    assert_eq!((preallocate.value.as_deref(), preallocate.source.number()), (Some("false"), 5));

    assert_eq!(find("internal.segment.bytes"), None);
    assert_eq!(find("message.format.version"), None);
    let listed = TOPIC_CONFIGS.iter().filter(|key| key.visibility == Visibility::Listed).count();
    assert_eq!(described.len(), listed);
}

#[test]
fn a_topic_keeps_its_policy_whatever_stands_beside_it() {
    let overrides = map(&[
        ("cleanup.policy", "compact"),
        ("min.compaction.lag.ms", "1000"),
        ("of.another.version", "1"),
        ("retention.ms", "soon"),
    ]);
    let defaults = map(&[("log.cleaner.max.compaction.lag.ms", "10"), ("log.roll.ms", "often")]);
    let (config, errors) = TopicConfig::in_force(&defaults, &overrides);
    let expected = TopicConfig {
        cleanup_policy: CleanupPolicy { delete: false, compact: true },
        min_compaction_lag_ms: 1000,
        max_compaction_lag_ms: 10,
        ..TopicConfig::default()
    };
    assert_eq!(config, expected);
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let parts = ["of.another.version", "soon", "often", "contradicts"];
    assert_eq!(told.len(), parts.len(), "{told:?}");
    assert!(parts.iter().all(|part| told.iter().any(|text| text.contains(part))), "{told:?}");
    assert_eq!(TopicConfig::in_force(&map(&[]), &map(&[])), (TopicConfig::default(), vec![]));
}
