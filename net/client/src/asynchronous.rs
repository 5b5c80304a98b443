//! The async drivers around the pure parts, for tokio: sockets, time and tasks, and no decisions.

mod admin;
mod cluster;
mod connection;
mod consumer;
mod lane;
mod member;
mod producer;

pub use admin::Admin;
pub use cluster::Cluster;
pub use connection::{Connection, Pending};
pub use consumer::{Consumer, RebalanceListener, Rebalancing, Record};
pub use producer::{CustomPartitioner, Delivered, Delivery, Producer};
