//! libFuzzer on the target `recovery`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| corelog_fuzz::target("recovery").check(data));
