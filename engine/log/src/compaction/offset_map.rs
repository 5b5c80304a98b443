//! The newest offset of each key, in bounded memory: a table of 128-bit hashes of the keys.
//!
//! Two keys with one hash would lose a record. The hash is SipHash with a secret key drawn anew for
//! each pass, so nobody outside can make keys meet, and by chance two of a billion keys meet once
//! in 10^20 passes.

use std::hash::Hasher;

use corelog_model::Offset;
use siphasher::sip128::{Hasher128, SipHasher24};

/// Bytes of one entry: the hash and the offset.
const ENTRY_BYTES: usize = 24;
const SLOTS_MIN: usize = 64;

/// Two halves of the hash, and the offset plus one, so that zeroed memory is empty.
type Slot = [u64; 3];

/// The map is full: the pass ends at the offset it could not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// Newest offsets by key.
pub(crate) struct OffsetMap {
    slots: Vec<Slot>,
    len: usize,
    len_max: usize,
    hasher: SipHasher24,
}

impl OffsetMap {
    /// An empty map of at most `bytes_max`, for at most `keys_max` keys if that is less, filled to
    /// `load_percent_max`.
    pub(crate) fn new(
        bytes_max: usize,
        keys_max: usize,
        load_percent_max: u32,
        secret: [u64; 2],
    ) -> Self {
        let wanted = keys_max.saturating_mul(100) / load_percent_max.max(1) as usize + 1;
        let count = (bytes_max / ENTRY_BYTES).min(wanted).max(SLOTS_MIN);
        // One slot stays empty, or the search for an unknown key would not end.
        let len_max = (count as u64 * u64::from(load_percent_max) / 100) as usize;
        Self {
            slots: vec![[0; 3]; count],
            len: 0,
            len_max: len_max.clamp(1, count - 1),
            hasher: SipHasher24::new_with_keys(secret[0], secret[1]),
        }
    }

    /// Notes that `key` has a record at `offset`, above all before it.
    pub(crate) fn insert(&mut self, key: &[u8], offset: Offset) -> Result<(), Full> {
        let hash = self.hash(key);
        let at = self.find(hash);
        if self.slots[at][2] == 0 {
            if self.len == self.len_max {
                return Err(Full);
            }
            self.len += 1;
        }
        self.slots[at] = [hash[0], hash[1], offset.0 as u64 + 1];
        Ok(())
    }

    /// The newest offset of `key`.
    pub(crate) fn newest(&self, key: &[u8]) -> Option<Offset> {
        let [.., next] = self.slots[self.find(self.hash(key))];
        (next > 0).then(|| Offset(next as i64 - 1))
    }

    /// Keys in it.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn hash(&self, key: &[u8]) -> [u64; 2] {
        let mut hasher = self.hasher;
        hasher.write(key);
        let hash = hasher.finish128();
        [hash.h1, hash.h2]
    }

    /// The slot of a hash, or the empty one where it belongs.
    fn find(&self, hash: [u64; 2]) -> usize {
        let mut at = (hash[0] % self.slots.len() as u64) as usize;
        loop {
            let slot = &self.slots[at];
            if slot[2] == 0 || slot[..2] == hash {
                return at;
            }
            at = (at + 1) % self.slots.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_offset_of_each_key_is_known() {
        let mut map = OffsetMap::new(1 << 20, 1_000, 90, [1, 2]);
        for offset in 0..3_000_i64 {
            map.insert(&(offset % 1_000).to_be_bytes(), Offset(offset)).unwrap();
        }
        assert_eq!(map.len(), 1_000);
        for key in 0..1_000_i64 {
            assert_eq!(map.newest(&key.to_be_bytes()), Some(Offset(2_000 + key)));
        }
        assert_eq!(map.newest(b"unknown"), None);
    }

    #[test]
    fn a_full_map_takes_known_keys_only() {
        let mut map = OffsetMap::new(100 * ENTRY_BYTES, usize::MAX, 100, [1, 2]);
        for key in 0..99_u8 {
            map.insert(&[key], Offset(i64::from(key))).unwrap();
        }
        assert_eq!(map.insert(&[99], Offset(99)), Err(Full));
        assert_eq!(map.insert(&[5], Offset(100)), Ok(()));
        assert_eq!((map.newest(&[5]), map.newest(&[99])), (Some(Offset(100)), None));
    }
}
