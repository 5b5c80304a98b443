//! Log messages of the process, on standard error. `CORELOG_LOG` says which (`debug`,
//! `corelog=trace,warn`, ...); without it `--verbose` does.

use std::env::{self, VarError};
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};

use corelog_server::log_levels::{Levels, ROOT};
use corelog_server::{LogLevel, LogLevels};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt, reload};

use crate::failure::{Exit, Failure};

/// The environment variable with the filter.
const VARIABLE: &str = "CORELOG_LOG";

/// The parts of the program whose levels can be set apart, each under the name of its package.
const LOGGERS: [&str; 6] = [
    "corelog_cluster",
    "corelog_coordinator",
    "corelog_io",
    "corelog_log",
    "corelog_server",
    "corelog_shard",
];

/// The loggers of this process, once it logs.
static STARTED: Mutex<Option<LogLevels>> = Mutex::new(None);

/// How much is logged when the environment does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What an operator should know.
    Normal,
    /// Also what helps to find a fault.
    Verbose,
}

/// Starts logging for the life of the process. Call once.
pub fn start(level: Level) -> Result<(), Failure> {
    let typed = match env::var(VARIABLE) {
        Ok(text) => Some(text),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(_)) => return Err(refusal("it is not UTF-8 text")),
    };
    let text = directives(typed.as_deref(), level);
    let (filter, handle) = reload::Layer::new(filter(text)?);
    let stderr_is_terminal = io::stderr().is_terminal();
    let written = fmt::layer().with_writer(io::stderr).with_ansi(stderr_is_terminal);
    tracing_subscriber::registry().with(filter).with(written).init();
    let (levels, others) = levels_of(text);
    let levels = LogLevels::new(levels, move |levels| {
        let filter = EnvFilter::new(text_of(levels, &others));
        if let Err(error) = handle.reload(filter) {
            tracing::error!(%error, "log levels do not change");
        }
    });
    *STARTED.lock().unwrap_or_else(PoisonError::into_inner) = Some(levels);
    Ok(())
}

/// The loggers of this process; of one that does not log, some that change nothing.
pub fn levels() -> LogLevels {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
}

fn directives(typed: Option<&str>, level: Level) -> &str {
    let default = match level {
        Level::Normal => "info",
        Level::Verbose => "debug",
    };
    typed.filter(|text| !text.is_empty()).unwrap_or(default)
}

fn filter(text: &str) -> Result<EnvFilter, Failure> {
    EnvFilter::try_new(text).map_err(refusal)
}

/// What a filter says of each logger, and what it says beyond that.
fn levels_of(text: &str) -> (Levels, Vec<String>) {
    let mut levels: Levels = LOGGERS.iter().map(|logger| (*logger, None)).collect();
    // What a filter says nothing of logs errors.
    levels.insert(ROOT, Some(LogLevel::Error));
    let mut others = Vec::new();
    for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        let (logger, level) = directive.split_once('=').unwrap_or((ROOT, directive));
        match (levels.get_mut(logger), LogLevel::from_name(level)) {
            (Some(known), Some(level)) => *known = Some(level),
            _ => others.push(directive.to_owned()),
        }
    }
    (levels, others)
}

/// The filter that says so.
fn text_of(levels: &Levels, others: &[String]) -> String {
    let set = levels.iter().filter_map(|(logger, level)| Some((*logger, level.as_ref()?.name())));
    let set = set.map(|(logger, level)| match logger {
        ROOT => level.to_owned(),
        logger => format!("{logger}={level}"),
    });
    set.chain(others.iter().cloned()).collect::<Vec<_>>().join(",").to_ascii_lowercase()
}

fn refusal(why: impl std::fmt::Display) -> Failure {
    let what = format!("cannot use {VARIABLE}");
    Failure::new(Exit::Usage, what, why, "write a level: error, warn, info, debug or trace")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_wins_over_the_flag() {
        let shown = |typed, level| filter(directives(typed, level)).unwrap().to_string();
        assert_eq!(shown(None, Level::Normal), "info");
        assert_eq!(shown(None, Level::Verbose), "debug");
        assert_eq!(shown(Some(""), Level::Verbose), "debug");
        assert_eq!(shown(Some("warn"), Level::Verbose), "warn");
    }

    #[test]
    fn a_filter_that_is_none_is_a_usage_error() {
        let failure = filter("corelog=loud").unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
    }

    #[test]
    fn a_filter_is_what_its_loggers_say_and_the_rest() {
        let (mut levels, others) = levels_of("warn,corelog_shard=trace,hyper=info");
        assert_eq!((levels[ROOT], levels["corelog_log"]), (Some(LogLevel::Warn), None));
        assert_eq!(levels["corelog_shard"], Some(LogLevel::Trace));
        assert_eq!(text_of(&levels, &others), "corelog_shard=trace,warn,hyper=info");
        levels.insert("corelog_log", Some(LogLevel::Debug));
        let text = text_of(&levels, &others);
        assert_eq!(text, "corelog_log=debug,corelog_shard=trace,warn,hyper=info");
        assert!(filter(&text).is_ok());
    }
}
