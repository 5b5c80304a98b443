//! Share groups as one core knows them (KIP-932): the share coordinators of the partitions of
//! `__share_group_state` that it leads, the share-partitions of the partitions that it leads, and
//! what members fetch and acknowledge there.

mod acknowledging;
mod coordinator;
mod fetching;
mod live;
mod offsets;
mod settings;

pub use acknowledging::Settling;
pub(crate) use coordinator::begin_states;
pub use coordinator::share_coordinator_of;
pub use fetching::{ShareFetchBounds, ShareFetchError, ShareFetched};
pub(crate) use live::LiveShares;
pub use offsets::ShareOffset;
pub use settings::ShareSettings;

#[cfg(test)]
mod tests;
