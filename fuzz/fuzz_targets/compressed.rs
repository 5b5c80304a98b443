//! libFuzzer on the target `compressed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| corelog_fuzz::target("compressed").check(data));
