//! What the groups of a partition of `__consumer_offsets` do, input by input. Each test compares
//! whole outputs.

mod bounds;
mod heartbeat;
mod join;
mod leave;
mod offsets;
mod properties;
mod registry;
mod rig;
mod static_member;
mod sync;
mod transactions;
