//! The configuration as the operator typed it: keys and texts with their origins. Unknown names
//! are refused here; whether a text is a valid value is checked when the layers are resolved.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Serialize;

use super::keys::{self, Key, Kind, Meaning};
use super::problem::Problem;
use super::properties;
use super::source::Source;
use crate::connection;

/// Largest configuration file that is read. Kafka's own is 7 KiB.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Variables that begin with `CORELOG_` and are not keys, beside those of commands that connect.
const OTHER_VARIABLES: [&str; 3] = ["CORELOG_BOOTSTRAP", "CORELOG_CONFIG", "CORELOG_LOG"];

/// Everything that was typed, in the order in which it was read.
#[derive(Debug, Default)]
pub struct RawConfig {
    /// Values of known keys. At most one for each key of one file and for each variable; flags
    /// may repeat a key.
    pub typed: Vec<Typed>,
    /// Names that are known but have no effect.
    pub ignored: Vec<Ignored>,
    /// What the operator should know and need not change.
    pub warnings: Vec<String>,
    /// What must change.
    pub problems: Vec<Problem>,
}

/// A value as typed.
#[derive(Clone)]
pub struct Typed {
    /// The key.
    pub key: &'static Key,
    /// The listener it is for, in capitals; `None`: all of them.
    pub listener: Option<String>,
    /// The text behind the `=`.
    pub text: String,
    /// Where it was typed.
    pub source: Source,
}

impl Typed {
    /// The name as typed, as far as it says what is meant.
    pub fn name(&self) -> String {
        keys::name_at(self.listener.as_deref(), self.key)
    }

    /// The value as it may be shown.
    pub fn shown(&self) -> &str {
        if self.key.kind == Kind::Password { "[hidden]" } else { self.text.trim() }
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={} ({})", self.name(), self.shown(), self.source)
    }
}

/// A name that has no effect. Its value is not kept: it may be a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ignored {
    /// The name as typed.
    pub key: String,
    /// Where it was typed.
    pub source: Source,
    /// Why it has no effect.
    pub reason: &'static str,
}

impl RawConfig {
    /// Reads a properties file.
    pub fn add_file(&mut self, path: &Path) {
        let name = path.display().to_string();
        match read(path, &name) {
            Ok(text) => self.add_properties(&name, &text),
            Err(problem) => self.problems.push(*problem),
        }
    }

    /// Adds the entries of a properties text. Of a repeated key the last one counts, as in Java.
    pub fn add_properties(&mut self, path: &str, text: &str) {
        let entries = match properties::parse(text) {
            Ok(entries) => entries,
            Err(error) => return self.problems.push(Problem::Syntax { path: path.into(), error }),
        };
        let mut last = BTreeMap::new();
        for entry in entries {
            let line = entry.line;
            if let Some(earlier) = last.insert(entry.key.clone(), entry) {
                self.warnings.push(format!(
                    "{path}:{}: {} is given again in line {line}; the last one counts",
                    earlier.line, earlier.key
                ));
            }
        }
        let mut kept: Vec<_> = last.into_values().collect();
        kept.sort_by_key(|entry| entry.line);
        for entry in kept {
            let source = Source::File { path: path.into(), line: entry.line };
            self.add(&entry.key, entry.value, source);
        }
    }

    /// Adds the variables of the environment that begin with `CORELOG_`.
    pub fn add_environment(&mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) {
        let ours = variables.into_iter().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            name.starts_with("CORELOG_").then_some((name, value))
        });
        // The order of the environment is no order; names give a stable one.
        for (variable, value) in ours.collect::<BTreeMap<_, _>>() {
            let name = variable.as_str();
            if OTHER_VARIABLES.contains(&name) || connection::VARIABLES.contains(&name) {
                continue;
            }
            let Ok(value) = value.into_string() else {
                self.problems.push(Problem::VariableNotText { variable });
                continue;
            };
            self.add_variable(variable, value);
        }
    }

    /// Adds a value of the command line.
    pub fn add_flag(&mut self, flag: &'static str, name: &str, text: String) {
        self.add(name, text, Source::Flag { flag });
    }

    /// Adds `key=value` of `--set`.
    pub fn add_set(&mut self, argument: &str) {
        match argument.split_once('=') {
            Some((name, text)) => self.add_flag("--set", name.trim(), text.to_owned()),
            None => self.problems.push(Problem::SetWithoutValue { text: argument.to_owned() }),
        }
    }

    fn add_variable(&mut self, variable: String, value: String) {
        let source = Source::Environment { variable: variable.clone() };
        match keys::find_variable(&variable) {
            Some(meaning) => self.add_known(meaning, &variable, value, source),
            None if is_of_kubernetes(&variable, &value) => self.ignored.push(Ignored {
                key: variable,
                source,
                reason: "Kubernetes sets it for a service of this name",
            }),
            None => {
                let nearest = keys::nearest_variable(&variable);
                self.problems.push(Problem::UnknownVariable { variable, nearest });
            }
        }
    }

    fn add(&mut self, name: &str, text: String, source: Source) {
        let (listener, meaning) = match keys::of_listener(name) {
            Some((listener, rest)) => (Some(listener), keys::find_of_listener(rest)),
            None => (None, keys::find(name)),
        };
        match (meaning, listener) {
            (Some(Meaning::Known(key)), listener @ Some(_)) => {
                self.typed.push(Typed { key, listener, text, source });
            }
            (Some(meaning), _) => self.add_known(meaning, name, text, source),
            (None, _) => self.problems.push(Problem::UnknownKey {
                name: name.to_owned(),
                origin: source,
                nearest: keys::nearest(name),
            }),
        }
    }

    fn add_known(&mut self, meaning: Meaning, name: &str, text: String, source: Source) {
        match meaning {
            Meaning::Known(key) => {
                self.typed.push(Typed { key, listener: None, text, source });
            }
            Meaning::Foreign(foreign) if foreign.is_harmless(text.trim()) => {
                let key = name.to_owned();
                self.ignored.push(Ignored { key, source, reason: foreign.reason });
            }
            Meaning::Foreign(foreign) => self.problems.push(Problem::Refused {
                name: name.to_owned(),
                value: text,
                origin: source,
                reason: foreign.reason,
            }),
        }
    }
}

fn read(path: &Path, name: &str) -> Result<String, Box<Problem>> {
    let unreadable = |error| Box::new(Problem::Unreadable { path: name.to_owned(), error });
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let path = name.to_owned();
        return Err(Box::new(Problem::TooLarge { path, bytes_max: FILE_BYTES_MAX }));
    }
    String::from_utf8(bytes).map_err(|_| Box::new(Problem::NotText { path: name.to_owned() }))
}

/// Whether Kubernetes sets the variable in every container beside a service whose name begins
/// with `corelog`: NAME_SERVICE_HOST, NAME_SERVICE_PORT..., NAME_PORT, NAME_PORT_9092_TCP...
fn is_of_kubernetes(variable: &str, value: &str) -> bool {
    let is_address = ["tcp://", "udp://", "sctp://"].iter().any(|s| value.starts_with(s));
    let names_port = variable.split_once("_PORT_").is_some_and(|(_, rest)| {
        let (digits, protocol) = rest.split_once('_').unwrap_or((rest, ""));
        let protocol = protocol.split('_').next().unwrap_or_default();
        digits.parse::<u16>().is_ok() && ["TCP", "UDP", "SCTP"].contains(&protocol)
    });
    variable.ends_with("_SERVICE_HOST")
        || variable.contains("_SERVICE_PORT")
        || (variable.ends_with("_PORT") && is_address)
        || names_port
}
