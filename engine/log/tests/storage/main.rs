//! Tests of a whole storage: what it promises, moves between cores, and scenarios that once failed.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod ages;
mod compacted_transactions;
mod compaction;
mod moving;
mod promises;
mod removal;
mod scenarios;
mod support;
mod transaction_model;
mod transactions;
