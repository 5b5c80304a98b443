//! Consumer groups whose coordinator assigns (KIP-848): who their members are, who should own which
//! partition, and how each member gets there without any partition having two owners.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use corelog_model::PartitionId;

mod assignor;
mod classic_member;
mod config;
mod deadlines;
mod description;
mod error;
mod group;
mod heartbeat;
mod image;
mod membership;
mod migration;
mod offsets;
mod reconciliation;
mod replies;
mod target;
mod topics;

pub use crate::records::MemberMetadata;
pub use assignor::{Assignor, MemberSpec};
pub(crate) use classic_member::milliseconds;
pub use config::ConsumerGroupConfig;
pub(crate) use deadlines::Deadlines;
pub use description::{GroupDescription, MemberDescription};
pub use error::GroupError;
pub(crate) use group::ConsumerGroup;
pub use heartbeat::{ConsumerGroupHeartbeat, HeartbeatReply, JOINS, LEAVES, LEAVES_FOR_A_WHILE};
pub(crate) use image::GroupImage;
pub use migration::MigrationPolicy;
pub(crate) use replies::Replies;
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
