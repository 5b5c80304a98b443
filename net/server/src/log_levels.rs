//! Log levels that change while the broker runs, as Kafka's resource `BROKER_LOGGER` has them: each
//! logger says what it is set to, or what the root is set to. They hold for the whole process, on
//! all cores, until it ends.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The logger of all that has no level of its own.
pub const ROOT: &str = "root";

/// How much a logger says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// What went wrong.
    Error,
    /// What may go wrong, too.
    Warn,
    /// What an operator should know, too.
    Info,
    /// What helps to find a fault, too.
    Debug,
    /// Everything.
    Trace,
}

/// What each logger is set to; none: what the root is set to.
pub type Levels = BTreeMap<&'static str, Option<LogLevel>>;

/// The loggers of the process.
#[derive(Clone)]
pub struct LogLevels(Arc<Inner>);

struct Inner {
    levels: Mutex<Levels>,
    apply: Box<dyn Fn(&Levels) + Send + Sync>,
}

/// Why a level is not set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogLevelError {
    /// `INVALID_CONFIG`
    #[error("there is no logger {0:?} here")]
    UnknownLogger(String),
    /// `INVALID_CONFIG`
    #[error(
        "the level of logger {logger} is FATAL, ERROR, WARN, INFO, DEBUG or TRACE, not {level:?}"
    )]
    UnknownLevel {
        /// The logger.
        logger: String,
        /// What was asked for.
        level: String,
    },
    /// `INVALID_REQUEST`
    #[error("the root logger has a level: there is none that it could go back to")]
    Root,
}

impl LogLevel {
    /// Kafka's name.
    pub const fn name(self) -> &'static str {
        match self {
            LogLevel::Error => "ERROR",
            LogLevel::Warn => "WARN",
            LogLevel::Info => "INFO",
            LogLevel::Debug => "DEBUG",
            LogLevel::Trace => "TRACE",
        }
    }

    /// The level of a name in any case. Nothing here is worse than an error.
    pub fn from_name(name: &str) -> Option<LogLevel> {
        Some(match name.trim().to_ascii_uppercase().as_str() {
            "FATAL" | "ERROR" => LogLevel::Error,
            "WARN" => LogLevel::Warn,
            "INFO" => LogLevel::Info,
            "DEBUG" => LogLevel::Debug,
            "TRACE" => LogLevel::Trace,
            _ => return None,
        })
    }
}

impl LogLevels {
    /// Loggers with these levels, the root among them. `apply` has what is set hold.
    pub fn new(levels: Levels, apply: impl Fn(&Levels) + Send + Sync + 'static) -> Self {
        assert!(levels.get(ROOT).is_some_and(Option::is_some), "the root has a level");
        LogLevels(Arc::new(Inner { levels: Mutex::new(levels), apply: Box::new(apply) }))
    }

    /// Every logger and its level, by name.
    pub fn all(&self) -> Vec<(&'static str, LogLevel)> {
        let levels = self.0.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let root = levels[ROOT].unwrap_or(LogLevel::Info);
        levels.iter().map(|(name, level)| (*name, level.unwrap_or(root))).collect()
    }

    /// Checks changes, each with a name of a level or none to go back to that of the root, and
    /// carries all of them out, or none.
    pub fn change<'a>(
        &self,
        changes: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
        is_check: bool,
    ) -> Result<(), LogLevelError> {
        let mut levels = self.0.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = levels.clone();
        for (logger, level) in changes {
            let known = next.get_mut(logger);
            let known = known.ok_or_else(|| LogLevelError::UnknownLogger(logger.to_owned()))?;
            if level.is_none() && logger == ROOT {
                return Err(LogLevelError::Root);
            }
            let unknown = |level: &str| LogLevelError::UnknownLevel {
                logger: logger.to_owned(),
                level: level.to_owned(),
            };
            *known = level
                .map(|level| LogLevel::from_name(level).ok_or_else(|| unknown(level)))
                .transpose()?;
        }
        if !is_check {
            (self.0.apply)(&next);
            *levels = next;
        }
        Ok(())
    }
}

impl Default for LogLevels {
    /// A root logger that nothing listens to.
    fn default() -> Self {
        LogLevels::new(Levels::from([(ROOT, Some(LogLevel::Info))]), |_| {})
    }
}

impl fmt::Debug for LogLevels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.all()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loggers() -> (LogLevels, Arc<Mutex<Vec<Levels>>>) {
        let applied = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&applied);
        let levels = Levels::from([(ROOT, Some(LogLevel::Info)), ("a", None)]);
        let apply = move |levels: &Levels| to.lock().unwrap().push(levels.clone());
        (LogLevels::new(levels, apply), applied)
    }

    #[test]
    fn a_logger_has_its_own_level_or_that_of_the_root() {
        let (loggers, applied) = loggers();
        assert_eq!(loggers.all(), [("a", LogLevel::Info), (ROOT, LogLevel::Info)]);
        loggers.change([("a", Some("debug")), (ROOT, Some("WARN"))], false).unwrap();
        assert_eq!(loggers.all(), [("a", LogLevel::Debug), (ROOT, LogLevel::Warn)]);
        loggers.change([("a", None)], false).unwrap();
        assert_eq!(loggers.all(), [("a", LogLevel::Warn), (ROOT, LogLevel::Warn)]);
        assert_eq!(applied.lock().unwrap().len(), 2);
    }

    #[test]
    fn what_is_refused_or_only_checked_changes_nothing() {
        let (loggers, applied) = loggers();
        loggers.change([("a", Some("TRACE"))], true).unwrap();
        let unknown = LogLevelError::UnknownLogger("b".to_owned());
        let changes = [("a", Some("TRACE")), ("b", Some("TRACE"))];
        assert_eq!(loggers.change(changes, false), Err(unknown));
        let (logger, level) = ("a".to_owned(), "LOUD".to_owned());
        let loud = LogLevelError::UnknownLevel { logger, level };
        assert_eq!(loggers.change([("a", Some("LOUD"))], false), Err(loud));
        assert_eq!(loggers.change([(ROOT, None)], false), Err(LogLevelError::Root));
        assert_eq!(loggers.all(), [("a", LogLevel::Info), (ROOT, LogLevel::Info)]);
        assert!(applied.lock().unwrap().is_empty());
    }
}
