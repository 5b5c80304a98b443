//! Offsets by name or by time, as ListOffsets asks for them.

use corelog_log::ReadError;
use corelog_model::{LeaderEpoch, Offset, Timestamp};

use crate::partition::{IsolationLevel, Partition};

/// Which offset is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetQuery {
    /// The first one that is not deleted (-2, and -4 without tiered storage).
    Earliest,
    /// The one after the last that may be read (-1).
    Latest,
    /// That of the record with the largest timestamp (-3, KIP-734).
    MaxTimestamp,
    /// That of the first record with at least this timestamp.
    AtTime(Timestamp),
}

/// An offset that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset, `NONE` if no record matches.
    pub offset: Offset,
    /// The record's timestamp, `NONE` for queries by name.
    pub timestamp: Timestamp,
    /// The epoch that appended it, `NONE` if unknown.
    pub leader_epoch: LeaderEpoch,
}

/// Why an offset cannot be told.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct OffsetError(#[from] pub ReadError);

impl Partition {
    /// Answers one query, counting only what such a reader may read.
    pub async fn list_offset(
        &self,
        query: OffsetQuery,
        isolation: IsolationLevel,
    ) -> Result<ListedOffset, OffsetError> {
        let limit = self.readable_end(isolation);
        let found = match query {
            OffsetQuery::Earliest => return Ok(self.named(self.log.log_start())),
            OffsetQuery::Latest => {
                let leader_epoch = self.leader_epoch;
                return Ok(ListedOffset { leader_epoch, ..self.named(limit) });
            }
            OffsetQuery::MaxTimestamp => self.log.offset_of_max_time(limit).await?,
            OffsetQuery::AtTime(target) => self.log.offset_for_time(target, limit).await?,
        };
        let none = ListedOffset {
            offset: Offset::NONE,
            timestamp: Timestamp::NONE,
            leader_epoch: LeaderEpoch::NONE,
        };
        Ok(found.map_or(none, |found| ListedOffset {
            offset: found.offset,
            timestamp: found.timestamp,
            leader_epoch: found.leader_epoch,
        }))
    }

    fn named(&self, offset: Offset) -> ListedOffset {
        let leader_epoch = self.log.epochs().epoch_of(offset).unwrap_or(LeaderEpoch::NONE);
        ListedOffset { offset, timestamp: Timestamp::NONE, leader_epoch }
    }
}
