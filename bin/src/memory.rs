//! How the allocator gives memory back to the kernel.

#![allow(unsafe_code, reason = "the allocator's settings are reached through its C interface")]

use std::ffi::{c_int, c_long};

use libmimalloc_sys::{mi_option_get, mi_option_set};

/// `mi_option_purge_delay` of mimalloc's `mimalloc.h`: how long freed memory is kept, in
/// milliseconds.
const PURGE_DELAY: c_int = 15;

/// What a broker frees it soon needs again: frames, chunks and answers come and go with each
/// message. Memory that was given back costs page faults, and the kernel clears two megabytes at a
/// time for them, which takes milliseconds of the core.
const KEPT_MS: c_long = 60_000;

/// Keeps freed memory for a minute before it is given back. Without effect where the environment
/// sets `MIMALLOC_PURGE_DELAY`.
pub fn keep_freed_memory() {
    if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
        // SAFETY: sets a number that the allocator reads; any option and any value are allowed.
        unsafe { mi_option_set(PURGE_DELAY, KEPT_MS) };
    }
}

/// How long freed memory is kept, in milliseconds.
#[must_use]
pub fn freed_memory_is_kept_ms() -> c_long {
    // SAFETY: reads a number of the allocator.
    unsafe { mi_option_get(PURGE_DELAY) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_that_of_the_allocator_that_is_linked() {
        // The default of mimalloc 3. Another number here means another option there.
        assert_eq!(freed_memory_is_kept_ms(), 1000);
        keep_freed_memory();
        assert_eq!(freed_memory_is_kept_ms(), 60_000);
    }
}
