//! libFuzzer on the target `index`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| corelog_fuzz::target("index").check(data));
