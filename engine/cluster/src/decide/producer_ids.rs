//! Gives out producer ids in blocks, so that a shard can name producers without asking each time.

use corelog_model::{ErrorCode, ProducerId};
use thiserror::Error;

use crate::image::ClusterImage;
use crate::record::MetadataRecord;

/// How many producer ids are in a block, as in Kafka.
pub const PRODUCER_ID_BLOCK_LEN: i64 = 1000;

/// Producer ids that belong to whoever asked for them, used or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdBlock {
    /// The first id.
    pub first: ProducerId,
    /// How many there are, consecutive.
    pub len: i64,
}

/// Why there are no producer ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProducerIdsError {
    /// All 2^63 are given out. `UNKNOWN_SERVER_ERROR`, as Kafka says it.
    #[error("there are no producer ids left")]
    Exhausted,
}

impl ProducerIdsError {
    /// The error code in the Kafka protocol.
    pub fn code(&self) -> ErrorCode {
        match self {
            ProducerIdsError::Exhausted => ErrorCode::UnknownServerError,
        }
    }
}

/// Takes the next block of producer ids.
pub fn allocate_producer_ids(
    image: &ClusterImage,
) -> Result<(MetadataRecord, ProducerIdBlock), ProducerIdsError> {
    let first = image.next_producer_id();
    let next = first.0.checked_add(PRODUCER_ID_BLOCK_LEN).ok_or(ProducerIdsError::Exhausted)?;
    let record = MetadataRecord::ProducerIdsAllocated { next: ProducerId(next) };
    Ok((record, ProducerIdBlock { first, len: PRODUCER_ID_BLOCK_LEN }))
}
