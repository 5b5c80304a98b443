//! The hash that Kafka's Java client finds a key's partition with. Records with the same key must
//! land in the same partition whoever sends them, so every bit counts.

/// The hash of a key, as a signed number like Java's.
pub fn murmur2(key: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const FACTOR: u32 = 0x5bd1_e995;
    let mut hash = SEED ^ key.len() as u32;
    let (words, tail) = key.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(FACTOR);
        word ^= word >> 24;
        hash = hash.wrapping_mul(FACTOR) ^ word.wrapping_mul(FACTOR);
    }
    if !tail.is_empty() {
        let mut word = [0; 4];
        word[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u32::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(FACTOR);
    (hash ^ (hash >> 15)) as i32
}

/// The partition of a key in a topic of `count` partitions: Java's `toPositive(hash) % count`.
pub fn partition_of(key: &[u8], count: i32) -> i32 {
    assert!(count > 0, "a topic has partitions");
    // Java clears the sign bit; it does not negate.
    (murmur2(key) & i32::MAX) % count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_kafkas_own_test() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
    }

    #[test]
    fn partitions_are_those_of_the_java_client() {
        assert_eq!(partition_of(b"abc", 100), 7);
        // The sign bit of -973932308 cleared is 1173551340.
        assert_eq!(partition_of(b"21", 1000), 340);
        assert_eq!(partition_of(b"", 1), 0);
    }
}
