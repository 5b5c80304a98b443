//! The configuration as clients read it with DescribeConfigs: every setting under Kafka's name,
//! where it comes from, and under which other name it was written.

use corelog_model::topic_config::{ConfigSource, ConfigType};
use corelog_server::api::{BrokerConfigEntry, BrokerConfigSynonym};

use super::config::keys::Kind;
use super::config::settings::{Setting, Settings};
use super::config::source::Source;

/// Every setting, by name.
pub(super) fn described(settings: &Settings) -> Vec<BrokerConfigEntry> {
    settings.iter().map(describe).collect()
}

fn describe(setting: &Setting) -> BrokerConfigEntry {
    let key = setting.key;
    let is_default = setting.source == Source::Default;
    let mut synonyms = Vec::new();
    if !is_default {
        let (name, value) = match &setting.typed_as {
            Some(typed) => (typed.name, typed.text.clone()),
            None => (key.name, setting.value.to_string()),
        };
        synonyms.push(BrokerConfigSynonym { name, value, source: ConfigSource::StaticBroker });
    }
    let default = key.default_value().to_string();
    // Nothing at all stands for a key that is not set, such as a rack.
    if !default.is_empty() {
        let source = ConfigSource::Default;
        synonyms.push(BrokerConfigSynonym { name: key.name, value: default, source });
    }
    let value = setting.value.to_string();
    BrokerConfigEntry {
        name: key.name,
        value: (!is_default || !value.is_empty()).then_some(value),
        source: if is_default { ConfigSource::Default } else { ConfigSource::StaticBroker },
        synonyms,
        is_sensitive: key.kind == Kind::Password,
        config_type: type_of(&key.kind),
        doc: key.doc,
    }
}

/// Kafka's type for the values of a key: a whole number is as wide as its bounds.
fn type_of(kind: &Kind) -> ConfigType {
    match kind {
        Kind::Boolean => ConfigType::Boolean,
        Kind::Integer { max, .. } if *max <= i64::from(i32::MAX) => ConfigType::Int,
        Kind::Integer { .. } => ConfigType::Long,
        Kind::Decimal { .. } => ConfigType::Double,
        Kind::Choice(_) | Kind::Text => ConfigType::String,
        Kind::Password => ConfigType::Password,
        Kind::Choices(_) | Kind::List => ConfigType::List,
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::keys;
    use super::super::config::raw::RawConfig;
    use super::*;

    fn entries(text: &str) -> Vec<BrokerConfigEntry> {
        let mut raw = RawConfig::default();
        raw.add_properties("server.properties", text);
        assert!(raw.problems.is_empty(), "{:?}", raw.problems);
        described(&Settings::resolve(&raw).unwrap())
    }

    fn synonym(name: &'static str, value: &str, source: ConfigSource) -> BrokerConfigSynonym {
        BrokerConfigSynonym { name, value: value.to_owned(), source }
    }

    /// Checks value, type and synonyms of one setting of this file.
    #[track_caller]
    fn check(
        text: &str,
        name: &str,
        value: Option<&str>,
        config_type: ConfigType,
        synonyms: &[BrokerConfigSynonym],
    ) {
        let entries = entries(text);
        let entry = entries.iter().find(|entry| entry.name == name).unwrap();
        assert_eq!((entry.value.as_deref(), entry.config_type), (value, config_type));
        assert_eq!(entry.synonyms, synonyms);
        let holds = synonyms.first().map_or(ConfigSource::Default, |first| first.source);
        assert_eq!(entry.source, holds);
    }

    #[test]
    fn a_setting_of_the_file_stands_over_its_default() {
        let (name, int) = ("num.partitions", ConfigType::Int);
        let default = synonym(name, "1", ConfigSource::Default);
        check("", name, Some("1"), int, std::slice::from_ref(&default));
        let set = synonym(name, "3", ConfigSource::StaticBroker);
        check("num.partitions=3", name, Some("3"), int, &[set, default]);
    }

    #[test]
    fn a_setting_under_another_name_shows_that_name_and_its_unit() {
        let typed = synonym("log.retention.hours", "2", ConfigSource::StaticBroker);
        let default = synonym("log.retention.ms", "604800000", ConfigSource::Default);
        let (text, long) = ("log.retention.hours = 2 ", ConfigType::Long);
        check(text, "log.retention.ms", Some("7200000"), long, &[typed, default]);
    }

    #[test]
    fn nothing_is_none_until_the_operator_writes_nothing() {
        check("", "broker.rack", None, ConfigType::String, &[]);
        let name = "corelog.metrics.listen";
        let off = synonym(name, "", ConfigSource::StaticBroker);
        let default = synonym(name, "127.0.0.1:9644", ConfigSource::Default);
        let string = ConfigType::String;
        check("corelog.metrics.listen=", name, Some(""), string, &[off, default]);
    }

    #[test]
    fn every_setting_is_described_once_and_has_a_meaning() {
        let entries = entries("");
        let names: Vec<_> = entries.iter().map(|entry| entry.name).collect();
        let mut expected: Vec<_> =
            keys::all().iter().filter(|key| key.synonym.is_none()).map(|key| key.name).collect();
        expected.sort_unstable();
        assert_eq!(names, expected);
        assert!(entries.iter().all(|entry| !entry.doc.is_empty()));
    }
}
