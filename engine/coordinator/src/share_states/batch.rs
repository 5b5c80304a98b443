//! What is stored of the records of a share-partition: how far each is on its way through a group,
//! and how often it was delivered.

use corelog_model::Offset;

/// How far a record is on its way. Records that are acquired are stored as they were before: a lock
/// does not outlive the leader that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeliveryState {
    /// It can be given to a member.
    Available,
    /// A member has processed it.
    Acknowledged,
    /// Nobody will get it any more: it was refused, given out too often, or is none.
    Archived,
}

impl DeliveryState {
    /// The number in Kafka's records.
    pub const fn number(self) -> i8 {
        match self {
            DeliveryState::Available => 0,
            DeliveryState::Acknowledged => 2,
            DeliveryState::Archived => 4,
        }
    }

    /// The state of a number; none of one that is not stored.
    pub const fn from_number(number: i8) -> Option<DeliveryState> {
        match number {
            0 => Some(DeliveryState::Available),
            2 => Some(DeliveryState::Acknowledged),
            4 => Some(DeliveryState::Archived),
            _ => None,
        }
    }

    /// Whether nothing more will become of the record.
    pub const fn is_final(self) -> bool {
        match self {
            DeliveryState::Available => false,
            DeliveryState::Acknowledged | DeliveryState::Archived => true,
        }
    }
}

/// Records that follow each other and are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateBatch {
    /// The first of them.
    pub first: Offset,
    /// The last of them.
    pub last: Offset,
    /// How far they are.
    pub state: DeliveryState,
    /// How often they were delivered.
    pub delivery_count: i16,
}
