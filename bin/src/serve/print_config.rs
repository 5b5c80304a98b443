//! `serve --print-config`: every setting with its value and source, the cores that come of it,
//! and the keys that have no effect.

use serde::Serialize;

use super::Loaded;
use super::config::CoreAddress;
use super::config::keys::Value;
use super::config::raw::Ignored;
use super::config::settings::Setting;
use crate::output::{Report, Table};

/// The configuration as it is printed.
#[derive(Debug, Serialize)]
pub(super) struct PrintedConfig {
    settings: Vec<PrintedSetting>,
    cores: Vec<CoreAddress>,
    ignored: Vec<Ignored>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PrintedSetting {
    key: String,
    value: serde_json::Value,
    source: String,
    doc: &'static str,
    #[serde(skip)]
    text: String,
}

impl PrintedConfig {
    pub(super) fn new(loaded: &Loaded) -> Self {
        Self {
            settings: loaded
                .settings
                .iter()
                .chain(loaded.settings.of_listeners())
                .map(PrintedSetting::new)
                .collect(),
            cores: loaded.config.cores(),
            ignored: loaded.raw.ignored.clone(),
            warnings: loaded.warnings(),
        }
    }
}

impl PrintedSetting {
    fn new(setting: &Setting) -> Self {
        let source = match &setting.typed_as {
            Some(typed) => format!("{} ({typed})", setting.source),
            None => setting.source.to_string(),
        };
        Self {
            key: setting.name(),
            value: json(&setting.value),
            source,
            doc: setting.key.doc,
            text: setting.value.to_string(),
        }
    }
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Boolean(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Decimal(value) => (*value).into(),
        Value::Text(value) => value.as_str().into(),
        Value::Secret(_) => value.to_string().into(),
        Value::List(values) => values.clone().into(),
    }
}

impl Report for PrintedConfig {
    fn tables(&self) -> Vec<Table> {
        let settings = self
            .settings
            .iter()
            .map(|setting| vec![setting.key.clone(), setting.text.clone(), setting.source.clone()]);
        let cores = self.cores.iter().flat_map(|core| {
            core.listeners.iter().map(|listener| {
                vec![
                    core.shard.to_string(),
                    core.cpu.to_string(),
                    core.node.to_string(),
                    listener.name.clone(),
                    listener.listen.to_string(),
                    listener.advertise.to_string(),
                ]
            })
        });
        let ignored = self.ignored.iter().map(|ignored| {
            vec![ignored.key.clone(), ignored.source.to_string(), ignored.reason.into()]
        });
        let mut tables = vec![
            Table::new(["key", "value", "source"], settings.collect()),
            Table::new(
                ["core", "cpu", "node", "listener", "listens on", "advertised as"],
                cores.collect(),
            ),
        ];
        if !self.ignored.is_empty() {
            tables.push(Table::new(["ignored", "source", "reason"], ignored.collect()));
        }
        tables
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Config;
    use super::super::config::raw::RawConfig;
    use super::super::config::settings::Settings;
    use super::super::machine::Machine;
    use super::*;

    /// The configuration of a properties file, printed on a machine with two CPUs.
    fn printed(text: &str) -> PrintedConfig {
        let machine = Machine { cpus_allowed: [0, 1].into(), host_name: "box".into() };
        let mut raw = RawConfig::default();
        raw.add_properties("server.properties", text);
        assert!(raw.problems.is_empty(), "{:?}", raw.problems);
        let settings = Settings::resolve(&raw).unwrap();
        let config = Config::check(&settings, &machine).unwrap();
        PrintedConfig::new(&Loaded { config, settings, raw })
    }

    /// Compares everything but the defaults, which other tests hold.
    #[track_caller]
    fn check(properties: &str, expected: &str) {
        let text: String = printed(properties).tables().iter().map(Table::plain).collect();
        let actual: Vec<&str> = text.lines().filter(|line| !line.ends_with("\tdefault")).collect();
        let expected: Vec<&str> = expected.lines().collect();
        assert_eq!(actual, expected, "the printed configuration is now:\n{}", actual.join("\n"));
    }

    #[test]
    fn the_stock_configuration_of_kafka_4_carries_over() {
        check(
            include_str!("../../tests/data/kafka-4.properties"),
            include_str!("../../tests/data/kafka-4.printed"),
        );
    }

    #[test]
    fn the_stock_configuration_of_kafka_2_with_zookeeper_carries_over() {
        check(
            include_str!("../../tests/data/kafka-2.properties"),
            include_str!("../../tests/data/kafka-2.printed"),
        );
    }

    #[test]
    fn the_defaults_of_the_protections_are_those_of_the_documentation() {
        let json = serde_json::to_value(printed("")).unwrap();
        let document = include_str!("../../../docs/security.md");
        for (key, value, written) in [
            ("socket.request.max.bytes", 100 << 20, "| 100 MiB;"),
            ("sasl.server.max.receive.size", 64 << 10, "| 64 KiB (Kafka: 512 KiB) |"),
            ("corelog.inflight.bytes", 128 << 20, "| 128 MiB for each core"),
            ("corelog.answer.bytes", 64 << 20, "| 64 MiB for each core"),
            ("connections.max.idle.ms", 600_000, "| 10 min |"),
            ("corelog.login.timeout.ms", 10_000, "| 10 s (Kafka: none) |"),
            ("corelog.frame.read.timeout.ms", 30_000, "30 s"),
            ("corelog.answer.write.timeout.ms", 30_000, "over 30 s at a time"),
            ("connection.failed.authentication.delay.ms", 100, "| answered after 100 ms,"),
            ("corelog.failed.logins.per.ip.max", 600, "| 600 in a minute on a core"),
            ("connections.max.reauth.ms", 0, "| counts for ever, as in Kafka;"),
        ] {
            let settings = json["settings"].as_array().unwrap();
            let setting = settings.iter().find(|setting| setting["key"] == key).unwrap();
            assert_eq!(setting["value"], value, "{key}");
            let is_row =
                |line: &&str| line.starts_with("| ") && line.contains(&format!("| `{key}`"));
            let row = document.lines().find(is_row).expect(key);
            assert!(row.contains(written), "{key}: {row}");
        }
    }

    #[test]
    fn scripts_get_typed_values_with_their_source() {
        let json = serde_json::to_value(printed("log.dir=/a\nmetrics.num.samples=2")).unwrap();
        let setting = |key: &str| {
            json["settings"].as_array().unwrap().iter().find(|s| s["key"] == key).unwrap()
        };
        assert_eq!(setting("num.partitions")["value"], 1);
        assert_eq!(setting("num.partitions")["source"], "default");
        assert_eq!(setting("log.dirs")["value"], serde_json::json!(["/a"]));
        assert_eq!(setting("log.dirs")["source"], "server.properties:1 (log.dir=/a)");
        assert_eq!(setting("auto.create.topics.enable")["value"], true);
        assert_eq!(json["ignored"][0]["key"], "metrics.num.samples");
        assert_eq!(json["ignored"][0]["source"], "server.properties:2");
        assert_eq!(
            json["cores"][1],
            serde_json::json!({
                "shard": 1,
                "cpu": 1,
                "node": 1001,
                "listeners": [{
                    "name": "PLAINTEXT",
                    "listen": "127.0.0.1:9093",
                    "advertise": "127.0.0.1:9093",
                }],
            })
        );
    }
}
