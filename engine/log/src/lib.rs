//! The storage engine of one core: a journal with group commit (`journal`), and partition logs in Kafka's segment
//! format that are written behind it. Nothing here knows a Kafka request.

pub mod journal;
pub mod latency;
