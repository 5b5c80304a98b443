//! Share groups (KIP-932): who their members are, and which partitions each of them reads.
//! Partitions have several readers, so members go from one assignment to the next at once. A
//! partition is assigned when the share coordinators know it; the group asks for that, and keeps
//! which ones they know.

mod assignor;
mod config;
mod description;
mod group;
mod heartbeat;
mod image;
mod membership;
mod states;

pub use config::ShareGroupConfig;
pub use description::{ShareGroupDescription, ShareMemberDescription};
pub(crate) use group::ShareGroup;
pub use heartbeat::ShareGroupHeartbeat;
pub(crate) use image::ShareImage;
pub use states::{ShareStatesCall, ShareStatesChange, ShareStatesReply};
