//! A Kafka client in Rust: producer, consumer, groups and admin, for corelog, Apache Kafka and
//! whatever else speaks the protocol.
//!
//! ```no_run
//! use corelog_client::producer::Message;
//! use corelog_client::{ClientConfig, Cluster, Endpoint, Producer, ProducerConfig};
//!
//! # async fn example() -> Result<(), corelog_client::ClientError> {
//! let servers = Endpoint::parse_list("localhost:9092")?;
//! let cluster = Cluster::connect(&servers, ClientConfig::default()).await?;
//! let producer = Producer::new(&cluster, ProducerConfig::default()).await?;
//! // Taken into a batch; waits only while the memory for records is full.
//! let delivery = producer.send(&Message::of_value("readings", b"21.5")).await?;
//! // In the log, on every replica that is in sync.
//! let delivered = delivery.await?;
//! println!("{} at offset {}", delivered.at, delivered.offset);
//! # Ok(())
//! # }
//! ```
//!
//! A member of a group, which commits by itself what earlier polls gave:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use corelog_client::group::{GroupConfig, Protocol};
//! use corelog_client::{Cluster, Consumer, ConsumerConfig};
//!
//! # async fn example(cluster: Cluster) -> Result<(), corelog_client::ClientError> {
//! let group = GroupConfig {
//!     group: "thermostats".to_owned(),
//!     protocol: Protocol::Consumer,
//!     ..GroupConfig::default()
//! };
//! let mut consumer = Consumer::in_group(&cluster, ConsumerConfig::default(), group)?;
//! consumer.subscribe(&["readings"]).await?;
//! for _ in 0..100 {
//!     for record in consumer.poll(Duration::from_secs(1)).await? {
//!         println!("{} {}: {:?}", record.at, record.offset, record.value);
//!     }
//! }
//! consumer.close().await
//! # }
//! ```
//!
//! Records and offsets that count together or not at all:
//!
//! ```no_run
//! use corelog_client::producer::Message;
//! use corelog_client::producer::transaction::GroupOffsets;
//! use corelog_client::{ClientError, Cluster, Producer, ProducerConfig};
//!
//! # async fn example(cluster: Cluster, read: GroupOffsets) -> Result<(), ClientError> {
//! let transactional_id = Some("averages".to_owned());
//! let config = ProducerConfig { transactional_id, ..ProducerConfig::default() };
//! let producer = Producer::new(&cluster, config).await?;
//! producer.init_transactions().await?;
//! producer.begin().await?;
//! producer.send(&Message::of_value("averages", b"20.9")).await?;
//! producer.send_offsets(read).await?;
//! match producer.commit().await {
//!     Err(ClientError::MustAbort { .. }) => producer.abort().await,
//!     result => result,
//! }
//! # }
//! ```
//!
//! Topics, configs and groups:
//!
//! ```no_run
//! use corelog_client::admin::NewTopic;
//! use corelog_client::{Admin, Cluster};
//!
//! # async fn example(cluster: Cluster) -> Result<(), corelog_client::ClientError> {
//! let topic = NewTopic {
//!     name: "readings".to_owned(),
//!     partitions: Some(6),
//!     replication_factor: None,
//!     configs: vec![("retention.ms".to_owned(), "86400000".to_owned())],
//! };
//! Admin::new(&cluster).create_topic(&topic).await?;
//! # Ok(())
//! # }
//! ```
//!
//! What decides is pure and knows no socket and no clock: [`Session`] turns requests into frames
//! and bytes into replies, [`Metadata`] knows who leads, [`producer::Sender`] decides what is sent
//! when, [`producer::Transaction`] what its coordinator is asked, [`consumer::Fetcher`] where
//! reading goes on, [`group::Membership`] what a member of a group does; each [`Operation`] is one
//! question. Thin drivers around them own the sockets: those at the top of this crate for tokio,
//! those in [`blocking`] for programs without a runtime.

pub mod admin;
mod asynchronous;
pub mod blocking;
mod channel;
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
pub mod security;
pub mod session;
mod target;
mod throttle;
pub mod versions;

pub use asynchronous::{
    Admin, Cluster, Connection, Consumer, CustomPartitioner, Delivered, Delivery, Pending,
    Producer, RebalanceListener, Rebalancing, Record,
};
pub use config::ClientConfig;
pub use consumer::ConsumerConfig;
pub use endpoint::Endpoint;
pub use error::ClientError;
pub use metadata::{Metadata, TopicPartition};
pub use operation::{Coordinated, Operation, Repeat};
pub use producer::ProducerConfig;
pub use session::{CorrelationId, Reply, Session};
pub use target::{Target, Topics};
