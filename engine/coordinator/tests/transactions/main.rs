//! What the transactional ids of a partition of `__transaction_state` do, input by input. Each test
//! compares whole outputs.

mod bounds;
mod counts;
mod end;
mod initialization;
mod loading;
mod markers;
mod partitions;
mod properties;
mod queries;
mod rig;
mod sweep;
