//! An honest load generator for any broker that speaks the Kafka protocol, as a library; the
//! command `corelog bench` is its face.
//!
//! What decides is pure and tested without a broker: when messages are due ([`schedule`]), what
//! they are ([`workload`], [`payload`], [`keys`]), what latencies mean ([`latency`], [`series`]),
//! whether nothing was lost ([`ledger`]), whether the numbers may be used ([`validity`]). Thin
//! drivers in [`run`] own the threads, the sockets and the clock; [`pages`] makes
//! reports of what was found, [`report`] draws them. [`plan`] says what a machine can do for a log
//! and how many of them a workload takes: `corelog plan`.

#![cfg_attr(
    test,
    allow(clippy::float_cmp, reason = "tests compare numbers that are computed exactly")
)]

pub mod affinity;
pub mod compare;
pub mod cores;
pub mod fairness;
pub mod keys;
pub mod latency;
pub mod ledger;
pub mod machine;
pub mod merge;
pub mod objective;
pub mod pages;
pub mod payload;
pub mod plan;
pub mod report;
pub mod resources;
pub mod result;
pub mod run;
pub mod schedule;
pub mod series;
pub mod software;
pub mod statistics;
pub mod sweep;
pub mod syncs;
pub mod validity;
pub mod workload;
