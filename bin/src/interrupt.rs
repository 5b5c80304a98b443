//! Ctrl-C: ends short commands at once, and long ones after what they have begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure::{Exit, Failure};

/// Whether Ctrl-C was pressed.
#[derive(Debug, Clone)]
pub struct Interrupt {
    is_raised: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on Ctrl-C ends the process at once, with the documented exit code.
    pub fn end_process() -> Result<(), Failure> {
        Self::register(&Arc::new(AtomicBool::new(true)))
    }

    /// The same as [`Self::watch`], for SIGTERM too: for commands that leave a process or files
    /// behind when they are ended at once.
    pub fn watch_all() -> Result<Self, Failure> {
        let watched = Self::watch()?;
        let noted = flag::register(SIGTERM, Arc::clone(&watched.is_raised));
        noted.map_err(|error| refused(&error))?;
        Ok(watched)
    }

    /// From now on the first Ctrl-C is noted, and the second ends the process at once.
    pub fn watch() -> Result<Self, Failure> {
        let is_raised = Arc::new(AtomicBool::new(false));
        // In this order: the first signal finds the flag down.
        Self::register(&is_raised)?;
        flag::register(SIGINT, Arc::clone(&is_raised)).map_err(|error| refused(&error))?;
        Ok(Self { is_raised })
    }

    fn register(armed: &Arc<AtomicBool>) -> Result<(), Failure> {
        let code = i32::from(Exit::Interrupted.code());
        let registered = flag::register_conditional_shutdown(SIGINT, code, Arc::clone(armed));
        registered.map(|_| ()).map_err(|error| refused(&error))
    }

    /// Whether Ctrl-C was pressed since.
    pub fn is_raised(&self) -> bool {
        self.is_raised.load(Ordering::Relaxed)
    }

    /// The failure of a command that stopped because of it.
    pub fn failure(what: impl Into<String>, done: impl std::fmt::Display) -> Failure {
        Failure::new(Exit::Interrupted, what, done, "start it again to go on")
    }
}

fn refused(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Unsuitable, "cannot handle signals", error, "report this")
}
