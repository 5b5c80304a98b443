//! What a frame holds: entries, each for one partition and one place in its log, so that replay
//! puts every byte where it was before the crash.

use corelog_model::{LeaderEpoch, Offset, PartitionId, PartitionIndex, TopicId};
use zerocopy::byteorder::little_endian::{I32, I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What an entry records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// One stamped record batch, to stand at `position` of the segment.
    Batch,
    /// The log start offset moved; `segment` holds it and the payload is empty.
    LogStart,
    /// The partition was created; entries before this one are of an earlier partition with the same
    /// id.
    Created,
    /// The partition was removed with all its data.
    Removed,
}

impl EntryKind {
    const fn code(self) -> u8 {
        match self {
            Self::Batch => 1,
            Self::LogStart => 2,
            Self::Created => 3,
            Self::Removed => 4,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Batch),
            2 => Some(Self::LogStart),
            3 => Some(Self::Created),
            4 => Some(Self::Removed),
            _ => None,
        }
    }
}

/// An entry without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryHead {
    /// What it records.
    pub kind: EntryKind,
    /// Whose log.
    pub partition: PartitionId,
    /// Epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// Base offset of the segment; for `LogStart` the new log start offset.
    pub segment: Offset,
    /// Byte position in the segment.
    pub position: u64,
}

/// An entry as read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What, whose and where.
    pub head: EntryHead,
    /// The bytes.
    pub payload: &'a [u8],
}

/// Entries that do not add up, in a frame whose checksum holds: a bug or a newer format, never
/// chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a journal entry is malformed: {0}")]
pub struct MalformedEntry(&'static str);

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawHead {
    payload_len: U32,
    kind: u8,
    reserved: [u8; 3],
    topic: [u8; 16],
    index: I32,
    leader_epoch: I32,
    segment: I64,
    position: U64,
}

/// Positions in a segment stay below, far above the largest segment.
const POSITION_END: u64 = 1 << 62;

/// Bytes of an entry's head.
pub(crate) const ENTRY_HEAD_LEN: usize = size_of::<RawHead>();

impl EntryHead {
    /// The head of an entry that only says that a partition begins or ends.
    pub fn of_partition(kind: EntryKind, partition: PartitionId) -> Self {
        let (leader_epoch, segment) = (LeaderEpoch::NONE, Offset::ZERO);
        Self { kind, partition, leader_epoch, segment, position: 0 }
    }

    /// The bytes of this head for a payload of `payload_len` bytes.
    pub(crate) fn encode(&self, payload_len: usize) -> [u8; ENTRY_HEAD_LEN] {
        let raw = RawHead {
            payload_len: U32::new(u32::try_from(payload_len).expect("an entry is below 4 GiB")),
            kind: self.kind.code(),
            reserved: [0; 3],
            topic: *self.partition.topic.as_bytes(),
            index: I32::new(self.partition.index.0),
            leader_epoch: I32::new(self.leader_epoch.0),
            segment: I64::new(self.segment.0),
            position: U64::new(self.position),
        };
        let mut bytes = [0; ENTRY_HEAD_LEN];
        bytes.copy_from_slice(raw.as_bytes());
        bytes
    }
}

impl<'a> Entry<'a> {
    /// Reads the entry at the front of `bytes` and returns the bytes behind it.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), MalformedEntry> {
        let Ok((raw, rest)) = RawHead::ref_from_prefix(bytes) else {
            return Err(MalformedEntry("its head is cut short"));
        };
        let Some(kind) = EntryKind::from_code(raw.kind) else {
            return Err(MalformedEntry("its kind is unknown"));
        };
        let (segment, position) = (Offset(raw.segment.get()), raw.position.get());
        if segment < Offset::ZERO || POSITION_END <= position {
            return Err(MalformedEntry("its place is impossible"));
        }
        let Some((payload, rest)) = rest.split_at_checked(raw.payload_len.get() as usize) else {
            return Err(MalformedEntry("its payload is cut short"));
        };
        let head = EntryHead {
            kind,
            partition: PartitionId {
                topic: TopicId::from_bytes(raw.topic),
                index: PartitionIndex(raw.index.get()),
            },
            leader_epoch: LeaderEpoch(raw.leader_epoch.get()),
            segment,
            position,
        };
        Ok((Self { head, payload }, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_survives_the_round_trip_and_a_cut_one_is_an_error() {
        let head = EntryHead {
            kind: EntryKind::Batch,
            partition: PartitionId {
                topic: TopicId::from_bytes([3; 16]),
                index: PartitionIndex(12),
            },
            leader_epoch: LeaderEpoch(4),
            segment: Offset(1 << 40),
            position: 4096 * 77,
        };
        let mut bytes = head.encode(3).to_vec();
        bytes.extend_from_slice(b"abcrest");
        let (entry, rest) = Entry::parse(&bytes).unwrap();
        assert_eq!((entry.head, entry.payload, rest), (head, &b"abc"[..], &b"rest"[..]));
        for len in 0..ENTRY_HEAD_LEN + 3 {
            assert!(Entry::parse(&bytes[..len]).is_err());
        }
        for (head, why) in [
            (EntryHead { segment: Offset(-1), ..head }, "a negative segment"),
            (EntryHead { position: u64::MAX, ..head }, "a position without end"),
        ] {
            assert!(Entry::parse(&head.encode(0)).is_err(), "{why}");
        }
        bytes[4] = 99;
        assert!(Entry::parse(&bytes).is_err());
    }
}
