//! The layers resolved: one checked value for each setting, with the place it comes from.
//! Synonyms and Kafka's precedence among them end here.

use std::collections::BTreeMap;
use std::fmt;

use corelog_security::Secret;

use super::keys::{self, Key, Rivalry, Scope, Synonym, Value, all};
use super::problem::Problem;
use super::raw::{RawConfig, Typed};
use super::source::Source;

/// Every setting with its value.
#[derive(Debug, Clone)]
pub struct Settings {
    settings: BTreeMap<&'static str, Setting>,
    /// Those that are set for one listener, by its name in capitals.
    of_listeners: BTreeMap<(String, &'static str), Setting>,
}

/// One setting.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The key; never a synonym.
    pub key: &'static Key,
    /// The listener it is set for; `None`: all of them.
    pub listener: Option<String>,
    /// The value in the unit of the key.
    pub value: Value,
    /// Where the value comes from.
    pub source: Source,
    /// How it was typed, if under another name.
    pub typed_as: Option<TypedAs>,
}

/// A setting under a synonym of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedAs {
    /// The synonym.
    pub name: &'static str,
    /// The value, in the unit of the synonym.
    pub text: String,
}

impl fmt::Display for TypedAs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}", self.name, self.text)
    }
}

impl Settings {
    /// Chooses the value of each setting: the highest layer wins; within a layer the names of a
    /// setting follow Kafka's rules. Every value is checked, also of layers that lose.
    pub fn resolve(raw: &RawConfig) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut candidates: BTreeMap<_, Vec<(&Typed, Setting)>> = BTreeMap::new();
        for typed in &raw.typed {
            match check(typed) {
                Ok(setting) => {
                    let place = (setting.listener.clone(), setting.key.name);
                    candidates.entry(place).or_default().push((typed, setting));
                }
                Err(problem) => problems.push(*problem),
            }
        }
        let mut settings = BTreeMap::new();
        for key in all().iter().filter(|key| key.synonym.is_none()) {
            let chosen = match candidates.remove(&(None, key.name)) {
                Some(candidates) => choose(candidates),
                None => Ok(default_of(key)),
            };
            match chosen {
                Ok(setting) => drop(settings.insert(key.name, setting)),
                Err(problem) => problems.push(*problem),
            }
        }
        let mut of_listeners = BTreeMap::new();
        for ((listener, name), candidates) in candidates {
            let listener = listener.expect("those of all listeners were taken above");
            match choose(candidates) {
                Ok(setting) => drop(of_listeners.insert((listener, name), setting)),
                Err(problem) => problems.push(*problem),
            }
        }
        if problems.is_empty() { Ok(Self { settings, of_listeners }) } else { Err(problems) }
    }

    /// All settings, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.settings.values()
    }

    /// All settings for single listeners.
    pub fn of_listeners(&self) -> impl Iterator<Item = &Setting> {
        self.of_listeners.values()
    }

    /// What is set for one listener itself, by its name in capitals.
    pub fn own(&self, listener: &str, name: &'static str) -> Option<&Setting> {
        self.of_listeners.get(&(listener.to_owned(), name))
    }

    /// The settings as one listener has them: its own, and for the rest those of all.
    #[must_use]
    pub fn at(&self, listener: &str) -> Self {
        let mut settings = self.settings.clone();
        let own = self.of_listeners.iter().filter(|((of, _), _)| of == listener);
        settings.extend(own.map(|((_, name), setting)| (*name, setting.clone())));
        Self { settings, of_listeners: BTreeMap::new() }
    }

    /// One setting of the key table.
    pub fn setting(&self, name: &str) -> &Setting {
        self.settings.get(name).unwrap_or_else(|| panic!("the key table has no setting {name}"))
    }

    /// Value of a whole number; the kind of the key has checked its bounds.
    pub fn integer(&self, name: &str) -> i64 {
        match &self.setting(name).value {
            Value::Integer(number) => *number,
            other => panic!("{name} is read as an integer but holds {other:?}"),
        }
    }

    /// Value of a whole number that the kind of the key keeps from being negative.
    pub fn unsigned(&self, name: &str) -> u64 {
        let number = self.integer(name);
        u64::try_from(number).unwrap_or_else(|_| panic!("{name} may be negative: {number}"))
    }

    /// Value of a whole number that the kind of the key keeps within 32 bits.
    pub fn small(&self, name: &str) -> u32 {
        let number = self.integer(name);
        u32::try_from(number).unwrap_or_else(|_| panic!("{name} may not fit: {number}"))
    }

    /// Value of a number that need not be whole.
    pub fn decimal(&self, name: &str) -> f64 {
        match &self.setting(name).value {
            Value::Decimal(number) => *number,
            other => panic!("{name} is read as a decimal but holds {other:?}"),
        }
    }

    /// Value of true or false.
    pub fn boolean(&self, name: &str) -> bool {
        match &self.setting(name).value {
            Value::Boolean(value) => *value,
            other => panic!("{name} is read as a boolean but holds {other:?}"),
        }
    }

    /// Value of a text.
    pub fn text(&self, name: &str) -> &str {
        match &self.setting(name).value {
            Value::Text(text) => text,
            other => panic!("{name} is read as a text but holds {other:?}"),
        }
    }

    /// Value of a secret; nothing if it is not set.
    pub fn secret(&self, name: &str) -> Secret {
        match self.settings.get(name).map(|setting| &setting.value) {
            Some(Value::Secret(secret)) => secret.clone(),
            None => Secret::default(),
            Some(other) => panic!("{name} is read as a secret but holds {other:?}"),
        }
    }

    /// Value of a list.
    pub fn list(&self, name: &str) -> &[String] {
        match &self.setting(name).value {
            Value::List(values) => values,
            other => panic!("{name} is read as a list but holds {other:?}"),
        }
    }

    /// Topic configs that the operator set through their broker keys, under the topic's names.
    /// A config that is missing here has the default of the topic config table.
    pub fn topic_defaults(&self) -> BTreeMap<String, String> {
        let set = self.iter().filter(|setting| setting.source != Source::Default);
        set.filter_map(|setting| match setting.key.scope {
            Scope::TopicDefault(config) => Some((config.to_owned(), setting.value.to_string())),
            Scope::Broker => None,
        })
        .collect()
    }
}

impl Setting {
    /// The name under which it is set.
    pub fn name(&self) -> String {
        keys::name_at(self.listener.as_deref(), self.key)
    }

    /// The setting and its origin, for messages.
    pub fn place(&self) -> String {
        format!("{}={} ({})", self.name(), self.value, self.source)
    }
}

/// The key itself, or the one it is another name of.
fn setting_of(key: &'static Key) -> &'static Key {
    if key.synonym.is_none() {
        return key;
    }
    let known = all().iter().find(|known| known.name == key.setting());
    known.expect("a test finds the setting of every synonym")
}

fn default_of(key: &'static Key) -> Setting {
    let (value, source) = (key.default_value(), Source::Default);
    Setting { key, listener: None, value, source, typed_as: None }
}

/// Checks a text and translates a synonym into its setting.
fn check(typed: &Typed) -> Result<Setting, Box<Problem>> {
    let key = typed.key;
    let value = key.kind.parse(&typed.text, key.suffixes()).map_err(|invalid| {
        Box::new(Problem::BadValue {
            name: typed.name(),
            value: typed.shown().to_owned(),
            origin: typed.source.clone(),
            why: invalid.why,
            hint: invalid.hint,
        })
    })?;
    let (value, typed_as) = match key.synonym {
        Some(synonym) => {
            let text = typed.text.trim().to_owned();
            (in_unit_of(synonym, value), Some(TypedAs { name: key.name, text }))
        }
        None => (value, None),
    };
    let (source, listener) = (typed.source.clone(), typed.listener.clone());
    Ok(Setting { key: setting_of(key), listener, value, source, typed_as })
}

/// A number in the unit of the setting. Negative numbers mean "no limit" in every unit.
fn in_unit_of(synonym: Synonym, value: Value) -> Value {
    match value {
        Value::Integer(number) if number >= 0 => {
            let scaled = number.checked_mul(synonym.factor);
            Value::Integer(scaled.expect("the bounds of a synonym leave room for its factor"))
        }
        other => other,
    }
}

/// The strongest of several values of one setting.
fn choose(candidates: Vec<(&Typed, Setting)>) -> Result<Setting, Box<Problem>> {
    let top = candidates.iter().map(|(typed, _)| typed.source.layer()).max();
    let mut rivals = candidates.into_iter().filter(|(t, _)| Some(t.source.layer()) == top);
    let mut best = rivals.next().expect("a setting with candidates has one in its top layer");
    for rival in rivals {
        if best.1.value != rival.1.value && must_agree(best.0, rival.0) {
            return Err(Box::new(contradiction(best.0, rival.0)));
        }
        if strength(rival.0.key) < strength(best.0.key) {
            best = rival;
        }
    }
    Ok(best.1)
}

/// Two flags for one setting have no order, so they must agree, as must `node.id` and `broker.id`.
fn must_agree(one: &Typed, other: &Typed) -> bool {
    let strict = |key: &Key| key.synonym.is_some_and(|s| s.rivalry == Rivalry::MustAgree);
    std::ptr::eq(one.key, other.key) || strict(one.key) || strict(other.key)
}

fn strength(key: &Key) -> Option<usize> {
    all().iter().position(|known| std::ptr::eq(*known, key))
}

fn contradiction(first: &Typed, second: &Typed) -> Problem {
    let shown = |typed: &Typed| format!("{}={}", typed.name(), typed.shown());
    Problem::Contradiction {
        first: shown(first),
        first_origin: first.source.clone(),
        second: shown(second),
        second_origin: second.source.clone(),
    }
}
