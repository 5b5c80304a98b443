//! Membership of a consumer group, without sockets and without a clock: who asks the coordinator
//! for what, which partitions the application gets, and when it gives them up.
//!
//! [`Membership`] speaks both protocols: the classic one, in which a member assigns, and that of
//! KIP-848, in which the coordinator does. [`Assignor`] is what a classic leader assigns with,
//! [`offsets`] writes and reads the requests about offsets that a member sends.

pub mod assignor;
mod classic;
mod config;
mod link;
pub mod membership;
pub mod offsets;
mod ownership;
mod reconciliation;
mod request;
#[cfg(test)]
pub(crate) mod rig;
mod server_side;
#[cfg(test)]
mod simulation;
mod subscription;

pub use assignor::Assignor;
pub use config::{GroupConfig, Protocol, Subscription};
pub use membership::{Departure, Input, Membership, Output};
pub use offsets::CommittedOffset;
pub use request::{GroupRequest, MemberIdentity};
