//! A small Kafka client: producer, consumer and admin over blocking sockets, for the command line,
//! the tests and other tools of corelog.
//!
//! What decides is pure and knows no socket and no clock: [`Session`] turns requests into frames
//! and bytes into replies, [`Metadata`] knows who leads, [`producer::Sender`] decides what is sent
//! when, [`consumer::Fetcher`] where reading goes on. Thin drivers around them own the sockets:
//! [`Connection`], [`Cluster`], [`Producer`], [`Consumer`], [`Admin`].

pub mod admin;
pub mod cluster;
pub mod config;
pub mod connection;
pub mod consumer;
mod endpoint;
mod error;
pub mod frame_buffer;
pub mod group;
pub mod metadata;
pub mod murmur2;
pub mod offsets;
pub mod producer;
pub mod session;
pub mod versions;

pub use admin::Admin;
pub use cluster::{Cluster, Target, Topics};
pub use config::ClientConfig;
pub use connection::Connection;
pub use consumer::{Consumer, ConsumerConfig};
pub use endpoint::Endpoint;
pub use error::ClientError;
pub use metadata::{Metadata, TopicPartition};
pub use producer::{Producer, ProducerConfig};
pub use session::{CorrelationId, Reply, Session};
