//! The client for programs without an async runtime: the same pure parts behind sockets that block.
//! One thread drives everything by calling; there are no tasks. The load generator, which keeps to
//! a schedule, and the command line stand on it.

mod admin;
pub mod cluster;
pub mod connection;
mod consumer;
mod producer;
mod transaction;

pub use admin::Admin;
pub use cluster::Cluster;
pub use connection::Connection;
pub use consumer::Consumer;
pub use producer::Producer;
