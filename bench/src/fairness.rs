//! What a fair comparison has to hold equal, side by side: each setting with its value at every
//! target, in words for people. Pure.

use std::collections::BTreeSet;

use crate::machine::Machine;
use crate::result::{Fairness, RunResult};
use crate::workload::RawProducer;

/// The setting of a rack says where a node stands, not what it does, and the version among brokers
/// is told as their version.
const LEFT_OUT: [&str; 2] = ["node broker.rack", "node inter.broker.protocol.version"];

/// What a reader has to see even where no target tells it.
const ALWAYS: [&str; 5] = ["broker", "version", "replicas", "broker CPUs", "heap"];

/// What stands for a value that is not known.
pub const NOT_TOLD: &str = "not told";

/// A target, and how the load on it was made.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'s> {
    /// What the target tells.
    pub target: &'s Fairness,
    /// How its producers were set.
    pub producer: &'s RawProducer,
    /// The CPUs that the load was pinned to; empty when it was not.
    pub load_cpus: &'s [usize],
    /// The machine of the load.
    pub machine: &'s Machine,
}

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

    /// Whether a target tells it.
    pub fn is_told(&self) -> bool {
        self.values.iter().any(Option::is_some)
    }

    /// The value at one target, [`NOT_TOLD`] where it is not known.
    pub fn value(&self, target: usize) -> &str {
        self.values.get(target).and_then(Option::as_deref).unwrap_or(NOT_TOLD)
    }
}

/// The settings that at least one of these told, and those that are never left out.
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
        setting("heap", &|it| it.heap.clone()),
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
    found.retain(|setting| setting.is_told() || ALWAYS.contains(&setting.name.as_str()));
    found
}

/// The same with how the loads were made.
pub fn of_subjects(subjects: &[Subject<'_>]) -> Vec<Setting> {
    let setting = |name: &str, of: &dyn Fn(&Subject<'_>) -> Option<String>| Setting {
        name: name.to_owned(),
        values: subjects.iter().map(|one| of(one).filter(|it| is_told(it))).collect(),
    };
    let mut found = of_targets(&subjects.iter().map(|one| one.target).collect::<Vec<_>>());
    found.extend([
        setting("batch bytes", &|one| {
            Some(shown("batch bytes", &one.producer.batch_bytes?.to_string()))
        }),
        setting("linger", &|one| Some(format!("{} ms", one.producer.linger_ms?))),
        setting("codec", &|one| one.producer.codec.clone()),
        setting("load CPUs", &|one| {
            let cpus: Vec<String> = one.load_cpus.iter().map(usize::to_string).collect();
            Some(if cpus.is_empty() { "any".to_owned() } else { cpus.join(",") })
        }),
        setting("machine", &|one| {
            let text = format!("{} x {}", one.machine.cpus, one.machine.cpu_model);
            Some(text).filter(|_| one.machine.cpus > 0)
        }),
    ]);
    found.retain(|setting| setting.is_told() || ALWAYS.contains(&setting.name.as_str()));
    found
}

/// The same of runs.
pub fn of_runs(runs: &[RunResult]) -> Vec<Setting> {
    of_subjects(&runs.iter().map(Subject::of_run).collect::<Vec<_>>())
}

impl<'s> Subject<'s> {
    /// The target of a run and its load.
    pub fn of_run(run: &'s RunResult) -> Self {
        Self {
            target: &run.fairness,
            producer: &run.workload.producer,
            load_cpus: run.repeats.first().map_or(&[], |one| &one.generator.load_cpus),
            machine: &run.machine,
        }
    }
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
                setting("version", &[None, None]),
                setting("acks", &[Some("all"), Some("all")]),
                setting("replicas", &[None, None]),
                setting("broker CPUs", &[None, None]),
                setting("heap", &[None, None]),
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
        assert_eq!((silent.value(0), silent.value(1)), ("1", NOT_TOLD));
        assert!(silent.is_told() && !setting("x", &[None, None]).is_told());
        assert!(setting("x", &[Some("1"), None, Some("2")]).is_contradicted());
    }

    #[test]
    fn a_load_tells_its_batches_its_cpus_and_its_machine() {
        let producer = RawProducer {
            batch_bytes: Some(1 << 20),
            linger_ms: Some(0.5),
            codec: Some("lz4".to_owned()),
            ..RawProducer::default()
        };
        let subject = Subject {
            target: &Fairness { heap: Some("1 GiB".to_owned()), ..Fairness::default() },
            producer: &producer,
            load_cpus: &[2, 3],
            machine: &Machine { cpus: 4, cpu_model: "X".to_owned(), ..Machine::default() },
        };
        let free = Subject { load_cpus: &[], ..subject };
        let of = |subject| {
            let told = of_subjects(&[subject]).into_iter().filter(Setting::is_told);
            told.map(|it| (it.name.clone(), it.value(0).to_owned())).collect::<Vec<_>>()
        };
        let expected = [
            ("heap", "1 GiB"),
            ("batch bytes", "1 MiB"),
            ("linger", "0.5 ms"),
            ("codec", "lz4"),
            ("load CPUs", "2,3"),
            ("machine", "4 x X"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(of(subject), expected);
        assert_eq!(of(free)[4], ("load CPUs".to_owned(), "any".to_owned()));
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
