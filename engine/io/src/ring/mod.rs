//! The real machine: a glommio executor pinned to one core.

pub mod clock;
pub mod directory;
pub mod executor;
pub mod file;
pub(crate) mod load;
pub mod preflight;
pub(crate) mod timers;
