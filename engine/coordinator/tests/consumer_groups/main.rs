//! What consumer groups (KIP-848) do, heartbeat by heartbeat.

mod classic;
mod counts;
mod expressions;
mod membership;
mod migration;
mod mixed;
mod offsets;
mod properties;
mod reconciliation;
mod registry;
mod rig;
mod static_member;
mod timeouts;
mod topics;
