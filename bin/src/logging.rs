//! Log messages of the process, on standard error. `CORELOG_LOG` says which (`debug`,
//! `corelog=trace,warn`, ...); without it `--verbose` does.

use std::env::{self, VarError};
use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::failure::{Exit, Failure};

/// The environment variable with the filter.
const VARIABLE: &str = "CORELOG_LOG";

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
    let stderr_is_terminal = io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter(typed.as_deref(), level)?)
        .with_writer(io::stderr)
        .with_ansi(stderr_is_terminal)
        .init();
    Ok(())
}

fn filter(typed: Option<&str>, level: Level) -> Result<EnvFilter, Failure> {
    let default = match level {
        Level::Normal => "info",
        Level::Verbose => "debug",
    };
    let text = typed.filter(|text| !text.is_empty()).unwrap_or(default);
    EnvFilter::try_new(text).map_err(refusal)
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
        let shown = |typed, level| filter(typed, level).unwrap().to_string();
        assert_eq!(shown(None, Level::Normal), "info");
        assert_eq!(shown(None, Level::Verbose), "debug");
        assert_eq!(shown(Some(""), Level::Verbose), "debug");
        assert_eq!(shown(Some("warn"), Level::Verbose), "warn");
    }

    #[test]
    fn a_filter_that_is_none_is_a_usage_error() {
        let failure = filter(Some("corelog=loud"), Level::Normal).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
    }
}
