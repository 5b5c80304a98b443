//! libFuzzer on the target `metadata`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| corelog_fuzz::target("metadata").check(data));
