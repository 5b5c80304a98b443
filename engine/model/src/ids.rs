//! Names of brokers, shards, topics, partitions and producers. Each is a type of its own, so that
//! two integers never trade places.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Declares a newtype over an integer without an invariant.
macro_rules! integer_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// Names the integer.
            pub const fn new(value: $inner) -> $name {
                $name(value)
            }

            /// The bare integer.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> $name {
                $name(value)
            }
        }
    };
}

integer_id! {
    /// One process. Its shards appear to clients as nodes of their own.
    BrokerId(i32)
}

integer_id! {
    /// One core of a broker, counted from 0.
    ShardId(u16)
}

integer_id! {
    /// How a shard appears in the Kafka protocol: `broker * 1000 + shard`.
    NodeId(i32)
}

integer_id! {
    /// The number of a partition within its topic, counted from 0.
    PartitionIndex(i32)
}

integer_id! {
    /// Counts the leaders a partition has had (KIP-101); never goes back.
    LeaderEpoch(i32)
}

integer_id! {
    /// Names one idempotent or transactional producer (KIP-98).
    ProducerId(i64)
}

integer_id! {
    /// Counts the incarnations of one producer id; a higher one fences the lower ones.
    ProducerEpoch(i16)
}

integer_id! {
    /// The number of a record in the sequence of one producer on one partition.
    Sequence(i32)
}

impl BrokerId {
    /// The largest broker whose shards all have a node id.
    pub const MAX: BrokerId = BrokerId(i32::MAX / NodeId::SHARDS_PER_BROKER_MAX - 1);
}

impl NodeId {
    /// How many shards one broker may have.
    pub const SHARDS_PER_BROKER_MAX: i32 = 1000;
    /// "No node", as Kafka writes it.
    pub const NONE: NodeId = NodeId(-1);

    /// The node that a shard is.
    pub fn of(broker: BrokerId, shard: ShardId) -> NodeId {
        assert!(
            BrokerId(0) <= broker && broker <= BrokerId::MAX,
            "a broker id is 0..={}, not {broker}",
            BrokerId::MAX
        );
        assert!(
            i32::from(shard.0) < NodeId::SHARDS_PER_BROKER_MAX,
            "a shard id is below 1000, not {shard}"
        );
        NodeId(broker.0 * NodeId::SHARDS_PER_BROKER_MAX + i32::from(shard.0))
    }

    /// The process the shard is in. Meaningless for negative ids.
    pub const fn broker(self) -> BrokerId {
        BrokerId(self.0.div_euclid(NodeId::SHARDS_PER_BROKER_MAX))
    }

    /// Which core of that process it is. Meaningless for negative ids.
    pub const fn shard(self) -> ShardId {
        ShardId(self.0.rem_euclid(NodeId::SHARDS_PER_BROKER_MAX) as u16)
    }
}

impl LeaderEpoch {
    /// "No epoch" or "do not check", as Kafka writes it.
    pub const NONE: LeaderEpoch = LeaderEpoch(-1);
    /// The epoch of a partition's first leader.
    pub const ZERO: LeaderEpoch = LeaderEpoch(0);
}

impl ProducerId {
    /// A producer without idempotence.
    pub const NONE: ProducerId = ProducerId(-1);

    /// True for anything but a real producer id.
    pub const fn is_none(self) -> bool {
        self.0 < 0
    }
}

impl ProducerEpoch {
    /// A producer without idempotence.
    pub const NONE: ProducerEpoch = ProducerEpoch(-1);
}

impl Sequence {
    /// A batch outside any sequence.
    pub const NONE: Sequence = Sequence(-1);

    /// The sequence `count` records after this one. After `i32::MAX` comes 0. Needs `self >= 0`.
    #[must_use]
    pub fn next_after(self, count: i32) -> Sequence {
        assert!(0 <= self.0 && 0 <= count, "sequences are not negative: {self} + {count}");
        let sum = i64::from(self.0) + i64::from(count);
        Sequence((sum & i64::from(i32::MAX)) as i32)
    }
}

/// Names a topic for as long as it exists; a topic made anew under the same name has another id
/// (KIP-516). Displayed as Kafka does: URL-safe base64 without padding, 22 characters.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct TopicId([u8; 16]);

/// Why a text is not a [`TopicId`] or [`PartitionId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseIdError {
    /// Not 22 characters of URL-safe base64 that encode exactly 16 bytes.
    #[error("a topic id is 22 characters of URL-safe base64")]
    TopicId,
    /// No `-` and non-negative number after the topic id.
    #[error("a partition id is a topic id, '-' and the partition's number")]
    PartitionIndex,
}

const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl TopicId {
    /// "No id", as Kafka writes it.
    pub const ZERO: TopicId = TopicId([0; 16]);
    /// Reserved by Kafka for the metadata topic.
    pub const ONE: TopicId = TopicId([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    /// The length of the text form.
    pub const TEXT_LEN: usize = 22;

    /// The id with these bytes, most significant first.
    pub const fn from_bytes(bytes: [u8; 16]) -> TopicId {
        TopicId(bytes)
    }

    /// The bytes, most significant first.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// True for ids that must not be given to a topic: the two Kafka reserves, and those whose
    /// text begins with `-`, which a command line would take for a flag.
    pub fn is_reserved(&self) -> bool {
        *self == TopicId::ZERO || *self == TopicId::ONE || self.text()[0] == b'-'
    }

    fn text(self) -> [u8; TopicId::TEXT_LEN] {
        // 22 characters carry 132 bits: the 128 of the id, then four zeros.
        let bits = u128::from_be_bytes(self.0);
        std::array::from_fn(|place| {
            let shift = 122 - 6 * place as i32;
            let six = if shift < 0 { bits << -shift } else { bits >> shift } & 63;
            BASE64_URL[six as usize]
        })
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        f.pad(std::str::from_utf8(&text).expect("base64 is ASCII"))
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicId({self})")
    }
}

impl FromStr for TopicId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<TopicId, ParseIdError> {
        let text: &[u8; TopicId::TEXT_LEN] =
            text.as_bytes().try_into().map_err(|_| ParseIdError::TopicId)?;
        let mut bits = 0_u128;
        for (place, character) in text.iter().enumerate() {
            let six = match character {
                b'A'..=b'Z' => character - b'A',
                b'a'..=b'z' => character - b'a' + 26,
                b'0'..=b'9' => character - b'0' + 52,
                b'-' => 62,
                b'_' => 63,
                _ => return Err(ParseIdError::TopicId),
            };
            let is_last = place == TopicId::TEXT_LEN - 1;
            if is_last && six & 0b1111 != 0 {
                return Err(ParseIdError::TopicId);
            }
            bits = if is_last {
                bits << 2 | u128::from(six >> 4)
            } else {
                bits << 6 | u128::from(six)
            };
        }
        Ok(TopicId(bits.to_be_bytes()))
    }
}

/// Names one partition. Displayed as `<topic id>-<index>`, which is also the name of its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId {
    /// The topic.
    pub topic: TopicId,
    /// Which partition of the topic.
    pub index: PartitionIndex,
}

impl PartitionId {
    /// Partition `index` of `topic`.
    pub const fn new(topic: TopicId, index: PartitionIndex) -> PartitionId {
        PartitionId { topic, index }
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.index)
    }
}

impl FromStr for PartitionId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<PartitionId, ParseIdError> {
        let (topic, rest) =
            text.split_at_checked(TopicId::TEXT_LEN).ok_or(ParseIdError::TopicId)?;
        let topic: TopicId = topic.parse()?;
        let digits = rest.strip_prefix('-').ok_or(ParseIdError::PartitionIndex)?;
        // Only the form that Display writes: no sign, no leading zeros.
        let canonical = digits.bytes().all(|digit| digit.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0'));
        let index = digits.parse().map_err(|_| ParseIdError::PartitionIndex)?;
        if !canonical {
            return Err(ParseIdError::PartitionIndex);
        }
        Ok(PartitionId { topic, index: PartitionIndex(index) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_node_id_holds_its_broker_and_shard() {
        let node = NodeId::of(BrokerId(12), ShardId(7));
        assert_eq!(node, NodeId(12_007));
        assert_eq!((node.broker(), node.shard()), (BrokerId(12), ShardId(7)));
        let largest = NodeId::of(BrokerId::MAX, ShardId(999));
        assert_eq!((largest.broker(), largest.shard()), (BrokerId::MAX, ShardId(999)));
    }

    #[test]
    #[should_panic(expected = "a shard id is below 1000")]
    fn a_broker_has_at_most_a_thousand_shards() {
        let _ = NodeId::of(BrokerId(1), ShardId(1000));
    }

    #[test]
    fn a_sequence_wraps_to_zero_after_the_largest() {
        assert_eq!(Sequence(0).next_after(1), Sequence(1));
        assert_eq!(Sequence(i32::MAX).next_after(1), Sequence(0));
        assert_eq!(Sequence(i32::MAX - 1).next_after(4), Sequence(2));
        assert_eq!(Sequence(i32::MAX).next_after(i32::MAX), Sequence(i32::MAX - 1));
    }

    #[test]
    fn a_topic_id_reads_as_kafka_writes_it() {
        assert_eq!(TopicId::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(TopicId::ONE.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(TopicId::from_bytes([0xff; 16]).to_string(), "_____________________w");
        let counting = TopicId::from_bytes(std::array::from_fn(|place| place as u8));
        assert_eq!(counting.to_string(), "AAECAwQFBgcICQoLDA0ODw");
    }

    #[test]
    fn reserved_topic_ids_are_the_two_of_kafka_and_those_that_look_like_a_flag() {
        assert!(TopicId::ZERO.is_reserved());
        assert!(TopicId::ONE.is_reserved());
        assert!(TopicId::from_bytes([0b1111_1000; 16]).is_reserved());
        assert!(!TopicId::from_bytes([7; 16]).is_reserved());
    }

    #[test]
    fn texts_that_are_no_topic_id_are_refused() {
        for text in [
            "",
            "AAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAA+",
            "AAAAAAAAAAAAAAAAAAAAAB",
            "größeAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(text.parse::<TopicId>(), Err(ParseIdError::TopicId), "{text}");
        }
    }

    #[test]
    fn texts_that_are_no_partition_id_are_refused() {
        let topic = TopicId::ONE.to_string();
        for rest in ["", "-", "0", "--1", "-+1", "-01", "-2147483648", "-1x"] {
            let text = format!("{topic}{rest}");
            assert_eq!(text.parse::<PartitionId>(), Err(ParseIdError::PartitionIndex), "{text}");
        }
        assert_eq!("-1".parse::<PartitionId>(), Err(ParseIdError::TopicId));
        // A cut inside a character is no panic.
        let wide = format!("{}ö-0", "A".repeat(21));
        assert_eq!(wide.parse::<PartitionId>(), Err(ParseIdError::TopicId));
    }

    proptest! {
        #[test]
        fn ids_survive_their_text(bytes: [u8; 16], index in 0..=i32::MAX) {
            let topic = TopicId::from_bytes(bytes);
            prop_assert_eq!(topic.to_string().parse(), Ok(topic));
            let partition = PartitionId::new(topic, PartitionIndex(index));
            prop_assert_eq!(partition.to_string().parse(), Ok(partition));
        }

        #[test]
        fn a_topic_id_has_one_text(text in "[A-Za-z0-9_-]{22}") {
            if let Ok(id) = text.parse::<TopicId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
