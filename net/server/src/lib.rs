//! The Kafka server of a broker: what clients send becomes what the engine understands, and what
//! the engine says becomes what clients understand.
//!
//! The modules of [`api`] are pure: a decoded request in, an answer or a change of the metadata
//! out. No socket, no clock, no task.

pub mod api;
mod error;
pub mod metrics_text;
