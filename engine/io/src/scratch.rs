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
    use super::*;

    const KEPT: usize = 1 << 20;
    const USED: usize = 32 << 20;

    fn resident_bytes() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
        pages * rustix::param::page_size()
    }

    #[test]
    fn what_was_used_beyond_what_is_kept_goes_back_to_the_kernel() {
        let mut scratch = Scratch::new(KEPT);
        let before = resident_bytes();
        let used = scratch.lend(|bytes| {
            bytes.resize(USED, 1);
            resident_bytes()
        });
        assert!(used > before + USED * 3 / 4, "{before} {used}");
        let after = resident_bytes();
        assert!(after < before + USED / 4, "{before} {after}");
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
