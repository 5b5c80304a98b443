//! Where a group or a transactional id is coordinated: by the leader of one partition of an
//! internal topic.

use corelog_model::PartitionIndex;

/// The topic in which groups are kept.
pub const GROUPS_TOPIC: &str = "__consumer_offsets";

/// The topic in which transactional ids are kept.
pub const TRANSACTIONS_TOPIC: &str = "__transaction_state";

/// The topic in which the state of share groups is kept.
pub const SHARE_TOPIC: &str = "__share_group_state";

/// The partition of a group or a transactional id: Java's hash of its name, over UTF-16, without
/// the sign, modulo the number of partitions, of which there is at least one.
pub fn coordinator_partition(key: &str, partitions: usize) -> PartitionIndex {
    let step = |hash: i32, unit: u16| hash.wrapping_mul(31).wrapping_add(i32::from(unit));
    let hash = key.encode_utf16().fold(0, step);
    let hash = usize::try_from(hash & i32::MAX).unwrap_or_default();
    PartitionIndex(i32::try_from(hash % partitions.max(1)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_where_java_clients_expect_them() {
        let partition = |group| coordinator_partition(group, 50).0;
        assert_eq!(partition(""), 0);
        // "a" hashes to 97, "ab" to 97 * 31 + 98.
        assert_eq!((partition("a"), partition("ab")), (47, 5));
        // "polygenelubricants" hashes to the smallest integer, whose sign is dropped.
        assert_eq!(partition("polygenelubricants"), 0);
        // A character beyond the basic plane is two units: 0xd83d * 31 + 0xde00.
        assert_eq!(partition("\u{1f600}"), (0xd83d * 31 + 0xde00) % 50);
    }
}
