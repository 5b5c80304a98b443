//! A small Kafka client: producer, consumer and admin over blocking sockets, for the command line,
//! the tests and other tools of corelog.
//!
//! What decides is pure and knows no socket and no clock: [`Session`] turns requests into frames
//! and bytes into replies, [`Metadata`] knows who leads. Thin drivers around them own the sockets:
//! [`Connection`], [`Cluster`], [`Admin`].

pub mod admin;
pub mod cluster;
pub mod config;
pub mod connection;
mod endpoint;
mod error;
pub mod frame_buffer;
pub mod metadata;
pub mod session;
pub mod versions;

pub use admin::Admin;
pub use cluster::{Cluster, Target, Topics};
pub use config::ClientConfig;
pub use connection::Connection;
pub use endpoint::Endpoint;
pub use error::ClientError;
pub use metadata::{Metadata, TopicPartition};
pub use session::{CorrelationId, Reply, Session};
