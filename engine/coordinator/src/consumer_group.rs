//! Consumer groups whose coordinator assigns (KIP-848): who their members are, who should own which
//! partition, and how each member gets there without any partition having two owners.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use corelog_model::PartitionId;

pub mod assignor;
pub mod config;
mod deadlines;
pub mod description;
pub mod error;
pub mod group;
pub mod heartbeat;
pub mod image;
mod membership;
mod reconciliation;
pub mod records;
mod replies;
mod target;
pub mod topics;

#[cfg(test)]
mod rig;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use assignor::Assignor;
pub use config::GroupConfig;
pub use description::{GroupDescription, GroupState, MemberDescription};
pub use error::GroupError;
pub use group::{Answer, BatchId, ConsumerGroup, Input, Output, RequestId};
pub use heartbeat::{Heartbeat, HeartbeatReply};
pub use image::{GroupImage, Member};
pub use records::{DecodeError, Entry, GroupRecord, MemberState, OwnedPartitions};
pub use topics::{Topic, Topics};

/// Partitions of any topics, in order.
pub type Partitions = BTreeSet<PartitionId>;

/// Names a member of a group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(Arc<str>);

impl MemberId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Arc<str>> for MemberId {
    fn from(text: Arc<str>) -> MemberId {
        MemberId(text)
    }
}

impl From<&str> for MemberId {
    fn from(text: &str) -> MemberId {
        MemberId(Arc::from(text))
    }
}

impl Borrow<str> for MemberId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemberId({})", self.0)
    }
}
