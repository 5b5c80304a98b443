//! The records of `__consumer_offsets`, `__transaction_state` and `__share_group_state` in Kafka's
//! own formats. A key says in its first two bytes of which kind the record is; no value is a
//! tombstone. Formats: Kafka's schemas of the coordinators.

mod consumer_group;
mod group_metadata;
mod offset_commit;
mod reader;
mod share_group;
mod share_state;
mod transaction;
mod writer;

use thiserror::Error;

pub use consumer_group::{
    ClassicMember, ConsumerGroupRecord, CurrentAssignment, Entry, GroupEpoch, MemberMetadata,
    MemberState, OwnedPartitions, ResolvedExpression, TargetMetadata, TopicMetadata,
};
pub use group_metadata::{GroupMember, GroupMetadataKey, GroupMetadataValue};
pub use offset_commit::{OffsetCommitKey, OffsetCommitValue};
pub(crate) use reader::Reader;
pub use share_group::{
    ShareCurrent, ShareEntry, ShareGroupRecord, ShareMember, StateTopic, StateTopics,
};
pub use share_state::{SharePartitionKey, ShareSnapshot, ShareStateRecord, ShareUpdate};
pub use transaction::{TransactionRecord, TransactionValue};
pub(crate) use writer::Writer;

/// Why bytes are not the record that their version says.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// The bytes end within a field.
    #[error("a record ends within {field}")]
    Truncated {
        /// The field.
        field: &'static str,
    },
    /// A length that no field can have.
    #[error("{field} has the length {length}")]
    Length {
        /// The field.
        field: &'static str,
        /// Its length, as stored.
        length: i64,
    },
    /// Text that is not UTF-8.
    #[error("{field} is not UTF-8")]
    Text {
        /// The field.
        field: &'static str,
    },
    /// A topic that cannot exist.
    #[error("{name:?} is not the name of a topic")]
    TopicName {
        /// The name, as stored.
        name: String,
    },
    /// A value of a version that this build does not know.
    #[error("{kind} has a value of version {version}")]
    ValueVersion {
        /// The kind of record.
        kind: &'static str,
        /// The version, as stored.
        version: i16,
    },
    /// Not one of the states that a member of a consumer group can be in.
    #[error("a member cannot be in state {state}")]
    MemberState {
        /// The state, as stored.
        state: i8,
    },
    /// Not one of the states of transactions that are stored.
    #[error("a transaction cannot be in state {state}")]
    TransactionState {
        /// The state, as stored.
        state: i8,
    },
    /// Not one of the states of records that are stored.
    #[error("a record cannot be stored in state {state}")]
    DeliveryState {
        /// The state, as stored.
        state: i8,
    },
    /// Offsets that no records can have.
    #[error("no records are at the offsets {first} to {last}")]
    Offsets {
        /// The first, as stored.
        first: i64,
        /// The last, as stored.
        last: i64,
    },
    /// Not one epoch for each partition.
    #[error("{epochs} epochs for {partitions} partitions")]
    Epochs {
        /// How many epochs.
        epochs: usize,
        /// How many partitions.
        partitions: usize,
    },
    /// Bytes behind the last field.
    #[error("{bytes} bytes follow the last field")]
    Trailing {
        /// How many.
        bytes: usize,
    },
}

/// One record of `__consumer_offsets`. Without a value it removes what its key names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoordinatorRecord {
    /// The committed offset of a group for a partition (key versions 0 and 1).
    OffsetCommit {
        /// The group and the partition.
        key: OffsetCommitKey,
        /// The offset.
        value: Option<OffsetCommitValue>,
    },
    /// A classic group with its members (key version 2).
    GroupMetadata {
        /// The group.
        key: GroupMetadataKey,
        /// Its generation and members.
        value: Option<GroupMetadataValue>,
    },
    /// Something about a consumer group (key versions 3 to 8 and 16).
    ConsumerGroup(ConsumerGroupRecord),
    /// Something about a share group (key versions 10 to 15).
    ShareGroup(ShareGroupRecord),
}

/// What a key and a value of the log are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded<R = CoordinatorRecord> {
    /// A record of a known kind.
    Known(R),
    /// A record of another kind, which a loader skips.
    Unknown {
        /// The version of its key, which numbers the kinds.
        key_version: i16,
    },
}

impl CoordinatorRecord {
    /// Reads a record of the log.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Decoded, RecordError> {
        let mut reader = Reader::new(key);
        let key_version = reader.i16("the version of the key")?;
        let record = match key_version {
            0 | 1 => CoordinatorRecord::OffsetCommit {
                key: OffsetCommitKey::read(reader)?,
                value: value.map(OffsetCommitValue::decode).transpose()?,
            },
            2 => CoordinatorRecord::GroupMetadata {
                key: GroupMetadataKey::read(reader)?,
                value: value.map(GroupMetadataValue::decode).transpose()?,
            },
            _ => match ConsumerGroupRecord::decode(key_version, reader.clone(), value)? {
                Some(record) => CoordinatorRecord::ConsumerGroup(record),
                None => match ShareGroupRecord::decode(key_version, reader, value)? {
                    Some(record) => CoordinatorRecord::ShareGroup(record),
                    None => return Ok(Decoded::Unknown { key_version }),
                },
            },
        };
        Ok(Decoded::Known(record))
    }

    /// The bytes of the key.
    pub fn encode_key(&self) -> Vec<u8> {
        match self {
            CoordinatorRecord::OffsetCommit { key, .. } => key.encode(),
            CoordinatorRecord::GroupMetadata { key, .. } => key.encode(),
            CoordinatorRecord::ConsumerGroup(record) => record.encode_key(),
            CoordinatorRecord::ShareGroup(record) => record.encode_key(),
        }
    }

    /// The bytes of the value; none for a tombstone.
    pub fn encode_value(&self) -> Option<Vec<u8>> {
        match self {
            CoordinatorRecord::OffsetCommit { value, .. } => {
                value.as_ref().map(OffsetCommitValue::encode)
            }
            CoordinatorRecord::GroupMetadata { value, .. } => {
                value.as_ref().map(GroupMetadataValue::encode)
            }
            CoordinatorRecord::ConsumerGroup(record) => record.encode_value(),
            CoordinatorRecord::ShareGroup(record) => record.encode_value(),
        }
    }

    /// The group that the record is about.
    pub fn group(&self) -> &str {
        match self {
            CoordinatorRecord::OffsetCommit { key, .. } => &key.group,
            CoordinatorRecord::GroupMetadata { key, .. } => &key.group,
            CoordinatorRecord::ConsumerGroup(record) => &record.group,
            CoordinatorRecord::ShareGroup(record) => &record.group,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_another_kind_is_unknown_and_not_an_error() {
        for key_version in [-1, 9, 17, 24] {
            let key = [&i16::to_be_bytes(key_version)[..], b"whatever"].concat();
            let decoded = CoordinatorRecord::decode(&key, Some(b"more"));
            assert_eq!(decoded, Ok(Decoded::Unknown { key_version }));
        }
    }

    #[test]
    fn a_key_without_a_version_is_refused() {
        let refused = Err(RecordError::Truncated { field: "the version of the key" });
        assert_eq!(CoordinatorRecord::decode(&[0], None), refused);
    }
}
