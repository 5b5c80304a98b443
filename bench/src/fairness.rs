//! What a fair comparison has to hold equal, side by side: each setting with its value at every
//! target, in words for people. Pure.

use std::collections::BTreeSet;

use crate::result::{Fairness, RunResult};

/// The setting of a rack says where a node stands, not what it does, and the version among brokers
/// is told as their version.
const LEFT_OUT: [&str; 2] = ["node broker.rack", "node inter.broker.protocol.version"];

/// One setting of several targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// What is set.
    pub name: String,
    /// Its value at each target, in their order; none where it is not known.
    pub values: Vec<Option<String>>,
}

impl Setting {
    /// The value that all targets have.
    pub fn equal(&self) -> Option<&str> {
        let first = self.values.first()?;
        let is_equal = self.values.iter().all(|value| value == first);
        first.as_deref().filter(|_| is_equal)
    }

    /// Whether two of the targets are known to differ, not only to be silent.
    pub fn is_contradicted(&self) -> bool {
        self.values.iter().flatten().collect::<BTreeSet<_>>().len() > 1
    }

    /// The value at one target, `unknown` where it is not known.
    pub fn value(&self, target: usize) -> &str {
        self.values.get(target).and_then(Option::as_deref).unwrap_or("unknown")
    }
}

/// The settings that at least one of these told.
pub fn of_targets(targets: &[&Fairness]) -> Vec<Setting> {
    let setting = |name: &str, of: &dyn Fn(&Fairness) -> Option<String>| Setting {
        name: name.to_owned(),
        values: targets.iter().map(|target| of(target).filter(|it| is_told(it))).collect(),
    };
    let mut found = vec![
        setting("broker", &|it| Some(it.software.clone())),
        setting("version", &|it| it.version.clone()),
        setting("protocol", &|it| Some(it.protocol.clone())),
        setting("nodes", &|it| Some(it.nodes.to_string()).filter(|_| it.nodes > 0)),
        setting("acks", &|it| Some(it.acks.clone())),
        setting("replicas", &|it| it.replicas.map(|count| count.to_string())),
        setting("broker CPUs", &|it| it.broker_cpus.clone()),
    ];
    let names: BTreeSet<&str> =
        targets.iter().flat_map(|it| &it.configs).map(|(name, _)| name.as_str()).collect();
    for name in names.into_iter().filter(|name| !LEFT_OUT.contains(name)) {
        let of = |it: &Fairness| {
            let (_, value) = it.configs.iter().find(|(config, _)| config == name)?;
            Some(shown(name, value))
        };
        found.push(setting(name, &of));
    }
    found.retain(|setting| setting.values.iter().any(Option::is_some));
    found
}

/// The same of runs, with how their load was made.
pub fn of_runs(runs: &[RunResult]) -> Vec<Setting> {
    let setting = |name: &str, of: &dyn Fn(&RunResult) -> Option<String>| Setting {
        name: name.to_owned(),
        values: runs.iter().map(|run| of(run).filter(|it| is_told(it))).collect(),
    };
    let mut found = of_targets(&runs.iter().map(|run| &run.fairness).collect::<Vec<_>>());
    found.extend([
        setting("batch bytes", &|run| {
            Some(shown("batch bytes", &run.workload.producer.batch_bytes?.to_string()))
        }),
        setting("linger", &|run| Some(format!("{} ms", run.workload.producer.linger_ms?))),
        setting("codec", &|run| run.workload.producer.codec.clone()),
        setting("load CPUs", &|run| {
            let cpus = &run.repeats.first()?.generator.load_cpus;
            Some(cpus.iter().map(usize::to_string).collect::<Vec<_>>().join(","))
        }),
        setting("machine", &|run| {
            let machine = &run.machine;
            let text = format!("{} x {}", machine.cpus, machine.cpu_model);
            Some(text).filter(|_| machine.cpus > 0)
        }),
    ]);
    found.retain(|setting| setting.values.iter().any(Option::is_some));
    found
}

/// The value of a config for people: Kafka's largest number is a limit that is never reached, and
/// sizes have their unit where that loses no digit.
pub fn shown(name: &str, value: &str) -> String {
    match value.parse::<i64>() {
        Ok(i64::MAX) if name.contains("flush") => "never".to_owned(),
        Ok(i64::MAX) => "no limit".to_owned(),
        Ok(bytes) if name.ends_with("bytes") && bytes >= 1024 => {
            let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
            let unit = units.into_iter().find(|(shift, _)| bytes.trailing_zeros() >= *shift);
            unit.map_or(value.to_owned(), |(shift, name)| format!("{} {name}", bytes >> shift))
        }
        Ok(_) | Err(_) => value.to_owned(),
    }
}

fn is_told(value: &str) -> bool {
    !value.is_empty() && value != "unknown"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(software: &str, configs: &[(&str, &str)]) -> Fairness {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Fairness {
            software: software.to_owned(),
            acks: "all".to_owned(),
            configs: configs.iter().map(owned).collect(),
            ..Fairness::default()
        }
    }

    fn setting(name: &str, values: &[Option<&str>]) -> Setting {
        let values = values.iter().map(|value| value.map(str::to_owned)).collect();
        Setting { name: name.to_owned(), values }
    }

    #[test]
    fn a_setting_is_told_when_one_target_knows_it() {
        let one = broker("corelog", &[("topic flush.ms", "1"), ("node broker.rack", "a")]);
        let two = broker("unknown", &[("node num.io.threads", "8")]);
        assert_eq!(
            of_targets(&[&one, &two]),
            [
                setting("broker", &[Some("corelog"), None]),
                setting("acks", &[Some("all"), Some("all")]),
                setting("node num.io.threads", &[None, Some("8")]),
                setting("topic flush.ms", &[Some("1"), None]),
            ]
        );
    }

    #[test]
    fn silence_is_no_equality_and_no_contradiction() {
        let known = setting("x", &[Some("1"), Some("1")]);
        assert_eq!((known.equal(), known.is_contradicted()), (Some("1"), false));
        let silent = setting("x", &[Some("1"), None, Some("1")]);
        assert_eq!((silent.equal(), silent.is_contradicted()), (None, false));
        assert_eq!((silent.value(0), silent.value(1)), ("1", "unknown"));
        assert!(setting("x", &[Some("1"), None, Some("2")]).is_contradicted());
    }

    #[test]
    fn what_never_happens_is_called_never_and_sizes_have_their_unit() {
        let never = "9223372036854775807";
        assert_eq!(shown("topic flush.messages", never), "never");
        assert_eq!(shown("node log.flush.interval.ms", never), "never");
        assert_eq!(shown("topic retention.bytes", never), "no limit");
        assert_eq!(shown("topic segment.bytes", "1073741824"), "1 GiB");
        assert_eq!(shown("topic max.message.bytes", "1048588"), "1048588");
        assert_eq!(shown("node message.max.bytes", "1536"), "1536");
        assert_eq!(shown("topic flush.ms", "1000"), "1000");
    }
}
