//! The command line of corelog, as a library so that tests can call what `main` calls. One module
//! for each command.

pub mod acl;
pub mod advice;
pub mod base64;
pub mod bench;
pub mod bootstrap;
pub mod cli;
pub mod cluster;
pub mod command_config;
pub mod config;
pub mod connection;
pub mod consume;
pub mod failure;
pub mod group;
pub mod interrupt;
pub mod log;
pub mod logging;
pub mod memory;
pub mod output;
pub mod password;
pub mod plan;
pub mod produce;
pub mod quota;
pub mod serve;
pub mod token;
pub mod topic;
pub mod transaction;
pub mod user;
