//! A small Kafka client: producer, consumer and admin over blocking sockets, for the command line,
//! the tests and other tools of corelog.
//!
//! What decides is pure and knows no socket and no clock: [`Session`] turns requests into frames
//! and bytes into replies, [`Metadata`] knows who leads, [`producer::Sender`] decides what is sent
//! when, [`consumer::Fetcher`] where reading goes on. Thin drivers around them own the sockets:
//! [`Connection`], [`Cluster`], [`Producer`], [`Consumer`], [`Admin`].

pub mod admin;
pub mod blocking;
pub mod config;
pub mod consumer;
mod endpoint;
mod error;
pub mod frame_buffer;
pub mod group;
pub mod metadata;
pub mod murmur2;
pub mod offsets;
pub mod operation;
pub mod producer;
pub mod session;
mod target;
pub mod versions;

pub use config::ClientConfig;
pub use consumer::ConsumerConfig;
pub use endpoint::Endpoint;
pub use error::ClientError;
pub use metadata::{Metadata, TopicPartition};
pub use operation::{Operation, Repeat};
pub use producer::ProducerConfig;
pub use session::{CorrelationId, Reply, Session};
pub use target::{Target, Topics};
