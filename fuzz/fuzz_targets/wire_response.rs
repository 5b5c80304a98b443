//! libFuzzer on the target `wire_response`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| corelog_fuzz::target("wire_response").check(data));
