//! Claims about the client on real sockets, against a broker that follows a script.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod asynchronous;
mod cluster;
mod connection;
mod fake;
mod groups;
mod records;
mod transactions;
