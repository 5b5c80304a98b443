//! The table of configuration keys: name, kind of value, default, meaning. Kafka's own names
//! wherever Kafka has one; keys that are only ours begin with `corelog.`. Also the keys of Kafka
//! that have no effect here, each with the reason, and the search for the nearest known name.

use std::sync::LazyLock;

pub(super) mod authorization;
mod broker;
mod corelog;
mod foreign;
mod groups;
mod security;
mod share;
mod topic;
mod transactions;
mod value;

pub use groups::{RANGE_CLASS, UNIFORM_CLASS};
pub use value::{Kind, Suffixes, Unit, Value};

/// Prefix of the keys that Kafka does not have.
pub const OWN_PREFIX: &str = "corelog.";

/// One key that has an effect.
#[derive(Debug)]
pub struct Key {
    /// The name in a properties file.
    pub name: &'static str,
    /// Which values are valid.
    pub kind: Kind,
    /// The value when nobody sets one, as it would be typed. A synonym has the default of its
    /// setting, so this is not used for it.
    pub default: &'static str,
    /// One sentence for the operator.
    pub doc: &'static str,
    /// What the key is about.
    pub scope: Scope,
    /// The setting that this key is another name of.
    pub synonym: Option<Synonym>,
}

/// What a key is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This broker.
    Broker,
    /// The default of the topic config of this name, for topics that do not set it.
    TopicDefault(&'static str),
}

/// A key that sets another key, perhaps in a larger unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synonym {
    /// Name of the key that is set.
    pub setting: &'static str,
    /// What one unit of this key is in the unit of the setting.
    pub factor: i64,
    /// What happens when both are given in one place.
    pub rivalry: Rivalry,
}

/// What happens when a setting is given under two names in the same file or layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rivalry {
    /// The name that comes first in the key table wins, as in Kafka.
    FirstWins,
    /// Two different values are refused, as in Kafka.
    MustAgree,
}

impl Key {
    /// A key about this broker.
    const fn broker(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name, kind, default, doc, scope: Scope::Broker, synonym: None }
    }

    /// Makes the key the default of a topic config.
    const fn of_topic(mut self, config: &'static str) -> Self {
        self.scope = Scope::TopicDefault(config);
        self
    }

    /// Another name of `setting`, in a unit `factor` times as large.
    const fn synonym(
        name: &'static str,
        setting: &'static str,
        kind: Kind,
        factor: i64,
        rivalry: Rivalry,
    ) -> Self {
        let synonym = Some(Synonym { setting, factor, rivalry });
        Self { name, kind, default: "", doc: "", scope: Scope::Broker, synonym }
    }

    /// Whether Kafka does not have this key.
    pub fn is_own(&self) -> bool {
        self.name.starts_with(OWN_PREFIX)
    }

    /// Suffixes such as `MiB` are for our own keys only.
    pub fn suffixes(&self) -> Suffixes {
        if self.is_own() { Suffixes::Allowed } else { Suffixes::Refused }
    }

    /// The value when nobody sets one; not for a synonym.
    pub fn default_value(&self) -> Value {
        let value = self.kind.parse(self.default, self.suffixes());
        value.expect("a test parses the default of every key")
    }

    /// Name of the setting: the key's own name unless it is a synonym.
    pub fn setting(&self) -> &'static str {
        self.synonym.map_or(self.name, |synonym| synonym.setting)
    }
}

/// A key of Kafka that has no effect here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign {
    /// A whole name, or a prefix when it ends with `.`: a family no part of which has an effect.
    pub name: &'static str,
    /// Why it has none, as the end of the sentence "ignored: ".
    pub reason: &'static str,
    /// Values with which the key may stay in the file. `None`: any.
    pub harmless: Option<&'static [&'static str]>,
}

impl Foreign {
    /// Whether the key may be ignored with this value. Other values ask for a protection that
    /// would be missing, and are refused.
    pub fn is_harmless(&self, value: &str) -> bool {
        self.harmless.is_none_or(|values| values.contains(&value))
    }

    fn covers(&self, name: &str) -> bool {
        if self.name.ends_with('.') { name.starts_with(self.name) } else { name == self.name }
    }
}

/// What a name means.
#[derive(Debug, Clone, Copy)]
pub enum Meaning {
    /// A key that has an effect.
    Known(&'static Key),
    /// A key of Kafka that has none.
    Foreign(Foreign),
}

static KEYS: LazyLock<Vec<&'static Key>> = LazyLock::new(|| {
    let tables = [
        broker::KEYS,
        topic::KEYS,
        groups::KEYS,
        transactions::KEYS,
        share::KEYS,
        security::KEYS,
        authorization::KEYS,
        corelog::KEYS,
    ];
    tables.into_iter().flatten().collect()
});

static FOREIGN: LazyLock<Vec<Foreign>> = LazyLock::new(foreign::all);

/// Every key that has an effect. Of the names of one setting, the stronger ones come first.
pub fn all() -> &'static [&'static Key] {
    &KEYS
}

/// What a name of a properties file means; `None` when nothing has this name.
pub fn find(name: &str) -> Option<Meaning> {
    if let Some(key) = all().iter().find(|key| key.name == name) {
        return Some(Meaning::Known(key));
    }
    FOREIGN.iter().find(|foreign| foreign.covers(name)).copied().map(Meaning::Foreign)
}

/// Prefix of keys for one listener.
const LISTENER_PREFIX: &str = "listener.name.";

/// A name that is for one listener: the listener, in capitals, and the rest.
pub fn of_listener(name: &str) -> Option<(String, &str)> {
    let (listener, rest) = name.strip_prefix(LISTENER_PREFIX)?.split_once('.')?;
    Some((listener.to_uppercase(), rest))
}

/// What the name of a key for one listener means, without the listener.
pub fn find_of_listener(name: &str) -> Option<Meaning> {
    // Kafka's keys about security, and those that are named.
    let of_security = security::KEYS.iter().chain(security::OF_MECHANISMS);
    let of_security = of_security.filter(|key| !key.is_own());
    let named = broker::KEYS.iter().chain(security::KEYS);
    let named = named.filter(|key| broker::OF_LISTENERS.contains(&key.name));
    if let Some(key) = of_security.chain(named).find(|key| key.name == name) {
        return Some(Meaning::Known(key));
    }
    // Kafka has others, of which none has an effect; mechanisms may stand in front.
    let without_mechanism = name.split_once('.').map_or(name, |(_, rest)| rest);
    [name, without_mechanism].into_iter().find_map(|name| {
        FOREIGN.iter().find(|foreign| foreign.covers(name)).copied().map(Meaning::Foreign)
    })
}

/// The name of a key, as it is typed for a listener or for all.
pub fn name_at(listener: Option<&str>, key: &Key) -> String {
    match listener {
        Some(listener) => format!("{LISTENER_PREFIX}{}.{}", listener.to_lowercase(), key.name),
        None => key.name.to_owned(),
    }
}

/// Keys that exist only for a mechanism of a listener.
pub fn of_mechanisms() -> &'static [Key] {
    security::OF_MECHANISMS
}

/// What an environment variable means: its name is `CORELOG_` and the key in capitals with `_`
/// for every other character. The `corelog.` of our own keys is not repeated.
pub fn find_variable(variable: &str) -> Option<Meaning> {
    if let Some(key) = all().iter().find(|key| variable_of(key.name) == variable) {
        return Some(Meaning::Known(key));
    }
    let covers = |foreign: &&Foreign| {
        let name = variable_of(foreign.name);
        if name.ends_with('_') { variable.starts_with(&name) } else { variable == name }
    };
    FOREIGN.iter().find(covers).copied().map(Meaning::Foreign)
}

/// The environment variable of a key.
pub fn variable_of(name: &str) -> String {
    let stem = name.strip_prefix(OWN_PREFIX).unwrap_or(name);
    let mangle = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    "CORELOG_".chars().chain(stem.chars().map(mangle)).collect()
}

/// The known name that differs from `name` by the fewest edits. A topic config's name gives the
/// broker's key for its default.
pub fn nearest(name: &str) -> &'static str {
    let is_default = |key: &&&Key| matches!(key.scope, Scope::TopicDefault(c) if c == name);
    if let Some(key) = all().iter().find(is_default) {
        return key.name;
    }
    nearest_of(name, known_names())
}

/// The environment variable that differs from `variable` by the fewest edits.
pub fn nearest_variable(variable: &str) -> String {
    let near = known_names().min_by_key(|name| edits(variable, &variable_of(name)));
    variable_of(near.expect("the key table is not empty"))
}

/// Names of all keys, ours and Kafka's, without the families.
fn known_names() -> impl Iterator<Item = &'static str> {
    let foreign = FOREIGN.iter().map(|foreign| foreign.name);
    all().iter().map(|key| key.name).chain(foreign.filter(|name| !name.ends_with('.')))
}

fn nearest_of(name: &str, names: impl Iterator<Item = &'static str>) -> &'static str {
    names.min_by_key(|known| edits(name, known)).expect("the key table is not empty")
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one name into the other.
fn edits(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before_previous: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=to.len()).collect();
    for row in 1..=from.len() {
        let mut current = vec![row];
        for column in 1..=to.len() {
            let replaced = usize::from(from[row - 1] != to[column - 1]) + previous[column - 1];
            let mut fewest = replaced.min(previous[column] + 1).min(current[column - 1] + 1);
            let swapped = row > 1
                && column > 1
                && from[row - 1] == to[column - 2]
                && from[row - 2] == to[column - 1];
            if swapped {
                fewest = fewest.min(before_previous[column - 2] + 1);
            }
            current.push(fewest);
        }
        before_previous = std::mem::replace(&mut previous, current);
    }
    previous[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(name: &str) -> Option<&'static str> {
        match find(name)? {
            Meaning::Foreign(foreign) => Some(foreign.reason),
            Meaning::Known(key) => panic!("{} has an effect", key.name),
        }
    }

    #[test]
    fn edits_count_each_kind_of_slip_once() {
        for (from, to, count) in [
            ("same", "same", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "abxc", 1),
            ("abc", "ac", 1),
            ("abc", "axc", 1),
            ("abc", "bac", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(edits(from, to), count, "{from} -> {to}");
        }
    }

    #[test]
    fn the_nearest_name_has_the_fewest_edits() {
        for (typed, known) in [
            ("log.retention.hour", "log.retention.hours"),
            ("advertized.listeners", "advertised.listeners"),
            ("corelog.core", "corelog.cores"),
            ("num.network.thread", "num.network.threads"),
            ("max.message.bytes", "message.max.bytes"),
        ] {
            assert_eq!(nearest(typed), known);
        }
        assert_eq!(nearest_variable("CORELOG_NODEID"), "CORELOG_NODE_ID");
    }

    #[test]
    fn the_most_specific_reason_is_given() {
        assert_ne!(reason("group.share.assignors"), reason("group.streams.max.size"));
        assert_ne!(reason("controller.quota.window.num"), reason("controller.quorum.voters"));
    }

    #[test]
    fn no_key_with_an_effect_is_hidden_by_one_without() {
        for key in all() {
            let hidden = FOREIGN.iter().find(|foreign| foreign.covers(key.name));
            assert_eq!(hidden, None, "{}", key.name);
            // Nor would a misspelt variable of one of our keys be taken for one of a family.
            let variable = variable_of(key.name);
            let mut families = FOREIGN.iter().filter(|foreign| foreign.name.ends_with('.'));
            let family = families.find(|f| variable.starts_with(&variable_of(f.name)));
            assert_eq!(family, None, "{variable}");
        }
    }

    #[test]
    fn what_can_change_at_run_time_keeps_the_bounds_of_its_key() {
        use corelog_cluster::broker_keys::{BROKER_KEYS, ValueRange};
        for dynamic in &BROKER_KEYS {
            let key = all().iter().find(|key| key.name == dynamic.name).unwrap();
            let is_same = match (&key.kind, dynamic.range) {
                (Kind::Integer { min, max, .. }, ValueRange::Integer(least, most)) => {
                    (*min, *max) == (least, most)
                }
                (Kind::Decimal { min, max }, ValueRange::Decimal(least, most)) => {
                    (*min, *max) == (least, most)
                }
                (kind, range) => *kind == Kind::Boolean && range == ValueRange::Boolean,
            };
            assert!(is_same && key.doc == dynamic.doc, "{}", dynamic.name);
        }
    }

    #[test]
    fn each_key_without_effect_is_listed_once() {
        for (position, foreign) in FOREIGN.iter().enumerate() {
            let twice = FOREIGN[..position].iter().any(|earlier| earlier.name == foreign.name);
            assert!(!twice, "{} is listed twice", foreign.name);
            let family = FOREIGN.iter().find(|other| other.covers(foreign.name)).unwrap();
            let is_known = family.name == foreign.name || family.reason != foreign.reason;
            assert!(is_known, "{} is part of {}", foreign.name, family.name);
        }
    }

    #[test]
    fn variables_name_keys_with_and_without_effect() {
        assert_eq!(variable_of("log.retention.ms"), "CORELOG_LOG_RETENTION_MS");
        assert_eq!(variable_of("corelog.poll.us"), "CORELOG_POLL_US");
        let of_family = find_variable("CORELOG_ZOOKEEPER_CONNECT");
        assert!(matches!(of_family, Some(Meaning::Foreign(_))));
        assert!(find_variable("CORELOG_CORELOG_POLL_US").is_none());
    }
}
