//! libFuzzer on the target `batch`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| corelog_fuzz::target("batch").check(data));
