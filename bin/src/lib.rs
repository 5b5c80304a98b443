//! The command line of corelog, as a library so that tests can call what `main` calls. One module
//! for each command.

pub mod cli;
pub mod failure;
pub mod logging;
pub mod output;
pub mod serve;
