//! Memory that short computations use one after another, such as what a batch is decompressed to.

#![allow(unsafe_code, reason = "giving pages back to the kernel is a call on raw memory")]

use rustix::mm::{Advice, madvise};

use crate::buffer::{BLOCK, align_up};

/// Bytes that one computation after another fills, and that keep at most `kept_bytes` of memory in
/// between. What one of them needs beyond that goes back to the kernel when it has ended, and not
/// to the allocator, which would keep it for whoever wants so much at once.
#[derive(Debug)]
pub struct Scratch {
    bytes: Vec<u8>,
    kept_bytes: usize,
}

impl Scratch {
    /// An empty one, which takes no memory yet.
    #[must_use]
    pub const fn new(kept_bytes: usize) -> Self {
        Self { bytes: Vec::new(), kept_bytes }
    }

    /// Calls `compute` with the bytes: an empty vector that has room already if it was used before.
    pub fn lend<T>(&mut self, compute: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.bytes.clear();
        let computed = compute(&mut self.bytes);
        self.give_back();
        computed
    }

    fn give_back(&mut self) {
        self.bytes.clear();
        let spare = self.bytes.spare_capacity_mut();
        let begin = spare.as_mut_ptr().addr() + self.kept_bytes;
        // Pages that lie within the vector as a whole, so that none has a byte of anything else.
        let first = align_up(begin as u64) as usize - spare.as_ptr().addr();
        let Some(rest) = spare.get_mut(first..) else { return };
        let pages = rest.len() / BLOCK * BLOCK;
        if pages == 0 {
            return;
        }
        // SAFETY: the pages lie within the capacity of a vector that is empty, so nobody relies on
        // what stands in them; afterwards they are zeros. A failure leaves them as they are.
        let _ = unsafe { madvise(rest.as_mut_ptr().cast(), pages, Advice::LinuxDontNeed) };
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    const KEPT: usize = 1 << 20;
    const USED: usize = 32 << 20;

    /// How much of a vector's memory is there, as the kernel tells of each page.
    fn present_bytes(bytes: &Vec<u8>) -> usize {
        const ENTRY: usize = 8;
        const PRESENT: u64 = 1 << 63;
        let page = rustix::param::page_size();
        let mut entries = vec![0; bytes.capacity() / page * ENTRY];
        let first = bytes.as_ptr().addr() / page * ENTRY;
        let map = std::fs::File::open("/proc/self/pagemap").unwrap();
        map.read_exact_at(&mut entries, first as u64).unwrap();
        let entries = entries.chunks_exact(ENTRY).map(|entry| entry.try_into().unwrap());
        page * entries.filter(|entry| u64::from_ne_bytes(*entry) & PRESENT != 0).count()
    }

    #[test]
    fn what_was_used_beyond_what_is_kept_goes_back_to_the_kernel() {
        let mut scratch = Scratch::new(KEPT);
        let used = scratch.lend(|bytes| {
            bytes.resize(USED, 1);
            present_bytes(bytes)
        });
        assert!(used > USED - KEPT, "{used}");
        let kept = present_bytes(&scratch.bytes);
        assert!((KEPT / 2..2 * KEPT).contains(&kept), "{kept}");
        scratch.lend(|bytes| {
            assert!(bytes.is_empty());
            assert!(bytes.capacity() >= USED);
            bytes.resize(USED, 2);
            assert!(bytes.iter().all(|byte| *byte == 2));
        });
    }

    #[test]
    fn less_than_what_is_kept_stays() {
        let mut scratch = Scratch::new(KEPT);
        for used in [0, 1, KEPT, KEPT + 1, KEPT + BLOCK - 1] {
            scratch.lend(|bytes| bytes.resize(used, 1));
            scratch.lend(|bytes| assert!(bytes.is_empty()));
        }
    }
}
