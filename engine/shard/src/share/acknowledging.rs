//! Members say what became of records, and go away.

use std::rc::Rc;
use std::sync::Arc;

use corelog_coordinator::consumer_group::MemberId;
use corelog_coordinator::share_partition::{AcknowledgeType, AcknowledgementBatch, WriteId};
use corelog_model::{ErrorCode, PartitionId};

use super::live::LiveShare;
use crate::coordinator::moment;
use crate::shard::Shard;

/// What a member has said of records, on its way to be stored.
pub struct Settling {
    live: Rc<LiveShare>,
    write: Option<WriteId>,
}

impl Settling {
    /// Resolves when it is durable and holds, or never will.
    pub async fn stored(self) -> Result<(), ErrorCode> {
        match self.write {
            Some(write) => self.live.stored(write).await,
            None => Ok(()),
        }
    }
}

impl Shard {
    /// Takes what a member of a share group says of records of a partition: all of it or nothing.
    pub fn share_settle(
        &self,
        (group, member): (&Arc<str>, &MemberId),
        partition: PartitionId,
        batches: &[AcknowledgementBatch],
    ) -> Result<Settling, ErrorCode> {
        // Who leads since, or has loaded it since, has given the member nothing.
        let nothing = ErrorCode::InvalidRecordState;
        let live = self.shares().get(group, partition).ok_or(nothing)?;
        let renews = batches.iter().any(|batch| batch.types.contains(&AcknowledgeType::Renew));
        if renews && !live.settings().renews {
            return Err(nothing);
        }
        let now = moment().clock;
        let taken = live.with(|share| share.acknowledge(now, member, batches))?;
        let write = taken.ok_or(nothing)??;
        Ok(Settling { live, write })
    }

    /// A member of a share group goes away: others get what it had.
    pub fn share_release(
        &self,
        (group, member): (&Arc<str>, &MemberId),
        partitions: impl IntoIterator<Item = PartitionId>,
    ) {
        for partition in partitions {
            if let Some(live) = self.shares().get(group, partition) {
                // One that is being loaded or is gone has given it nothing.
                let _ = live.with(|share| share.release(member));
            }
        }
    }
}
